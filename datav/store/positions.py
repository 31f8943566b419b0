"""Entries of indexes by number, in arrays: for passes over all of a store, where objects would be too many.

An entry is known by the number of its index and its position there.  Arrays that run beside the positions
(one byte an entry, say) then take the place of sets of ids.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from datav.formats.index import ABSENT, Place
from datav.formats.pack import HEADER_SIZE, PackContents
from datav.ids import ID_SIZE, Buffer, PackId
from datav.store.lookup import OpenIndex

Numbers = NDArray[np.uint32]
Offsets = NDArray[np.int64]

NOWHERE = 0xFFFFFFFF
"""Instead of a pack's number: there is no such pack."""


class Positions:
    """The entries of some indexes.  Nothing is copied but the numbers of packs."""

    def __init__(self, indexes: Iterable[OpenIndex]) -> None:
        self.indexes: tuple[OpenIndex, ...] = tuple(indexes)
        packs = sorted({pack for entry in self.indexes for pack in entry.index.packs})
        self._numbers = {pack: number for number, pack in enumerate(packs)}
        self._places = [_array(entry.index.places, 3) for entry in self.indexes]
        self._packs = [self._translation(entry) for entry in self.indexes]

    def _translation(self, entry: OpenIndex) -> Numbers:
        """From an index's own numbers of packs to ours; NOWHERE where one is lost or not."""
        ours = [
            NOWHERE if number in entry.lost else self._numbers[pack]
            for number, pack in enumerate(entry.index.packs)
        ]
        return np.array([*ours, NOWHERE], np.uint32)

    def find(self, ids: Buffer) -> list[Numbers]:
        """For each index the position of each of `ids`; ABSENT also where its pack is lost."""
        found = []
        for number, entry in enumerate(self.indexes):
            positions = np.frombuffer(bytes(entry.index.find(ids)), np.uint32).copy()
            if entry.lost:
                here = np.flatnonzero(positions != ABSENT)
                packs = self._packs_of(number, positions[here])
                positions[here[packs == NOWHERE]] = ABSENT
            found.append(positions)
        return found

    def ids_at(self, number: int, positions: Numbers) -> bytes:
        """Return the ids at positions of one index, packed."""
        rows = np.frombuffer(self.indexes[number].index.ids, np.uint8).reshape(-1, ID_SIZE)
        return rows[positions].tobytes()

    def packs_at(self, number: int, positions: Numbers) -> set[PackId]:
        """Return the packs that entries at positions of one index lie in."""
        packs = self.indexes[number].index.packs
        own = np.unique(self._places[number][positions, 0])
        return {packs[int(each)] for each in own if each < len(packs)}

    def is_named(self, identity: bytes) -> bool:
        """Whether any index has that id, be it in a pack that is lost."""
        return any(entry.index.find(identity)[0] != ABSENT for entry in self.indexes)

    def has(self, ids: Buffer) -> NDArray[np.bool_]:
        """Return which of `ids` are in a pack that is not lost."""
        result: NDArray[np.bool_] = np.zeros(len(ids) // ID_SIZE, np.bool_)
        for found in self.find(ids):
            result |= found != ABSENT
        return result

    def first_of(self, pack: PackId, contents: PackContents) -> NDArray[np.bool_]:
        """Return which frames of a pack are the copy of their id that counts: the longest that is listed.

        Where several are as long it is the one in the first index.
        """
        count = len(contents)
        best = np.zeros(count, np.int64)
        where = np.zeros(count, np.int64)
        holder = np.full(count, NOWHERE, np.uint32)
        for number, positions in enumerate(self.find(contents.ids)):
            here = np.flatnonzero(positions != ABSENT)
            places = self._places[number][positions[here]]
            longer = places[:, 2] > best[here]
            chosen = here[longer]
            best[chosen] = places[longer, 2]
            where[chosen] = places[longer, 1]
            holder[chosen] = self._packs_of(number, positions[chosen])
        ours = holder == self._numbers.get(pack, NOWHERE - 1)
        result: NDArray[np.bool_] = ours & (where == offsets_of(contents)) & (best == lengths_of(contents))
        return result

    def listed(self, number: int, pack: PackId, contents: PackContents) -> NDArray[np.bool_]:
        """Return which frames of a pack index `number` lists, there and with their length."""
        positions = np.frombuffer(bytes(self.indexes[number].index.find(contents.ids)), np.uint32)
        result: NDArray[np.bool_] = np.zeros(len(contents), np.bool_)
        here = np.flatnonzero(positions != ABSENT)
        places = self._places[number][positions[here]]
        ours = self._packs_of(number, positions[here]) == self._numbers[pack]
        right = (places[:, 1] == offsets_of(contents)[here]) & (places[:, 2] == lengths_of(contents)[here])
        result[here] = ours & right
        return result

    def entries_in(self, pack: PackId) -> list[tuple[bytes, Place]]:
        """Return what indexes place in a pack, each id and place once, in order of places."""
        found: set[tuple[bytes, Place]] = set()
        for number, entry in enumerate(self.indexes):
            if pack in entry.index.packs:
                own = entry.index.packs.index(pack)
                here = np.flatnonzero(self._places[number][:, 0] == own).astype(np.uint32)
                ids = split_ids(self.ids_at(number, here))
                found.update((ids[n], entry.index.place(int(at))) for n, at in enumerate(here))
        return sorted(found, key=lambda record: record[1])

    def count_by_pack(self, number: int) -> dict[PackId, int]:
        """How many entries of index `number` lie in each of its packs."""
        packs = self.indexes[number].index.packs
        counts = np.bincount(self._places[number][:, 0], minlength=len(packs))
        return {pack: int(count) for pack, count in zip(packs, counts, strict=False)}

    def _packs_of(self, number: int, positions: Numbers) -> Numbers:
        table = self._packs[number]
        own = self._places[number][positions, 0]
        result: Numbers = table[np.minimum(own, len(table) - 1)]
        return result


def lengths_of(contents: PackContents) -> Offsets:
    return np.array(contents.lengths, np.int64)


def offsets_of(contents: PackContents) -> Offsets:
    """Where each frame of a pack begins."""
    lengths = lengths_of(contents)
    result: Offsets = np.cumsum(lengths) - lengths + HEADER_SIZE
    return result


def split_ids(ids: Buffer) -> list[bytes]:
    data = bytes(ids)
    return [data[at : at + ID_SIZE] for at in range(0, len(data), ID_SIZE)]


def select_ids(ids: bytes, chosen: Sequence[bool] | NDArray[np.bool_]) -> bytes:
    """Return those of packed ids whose flag is set, packed."""
    rows = np.frombuffer(ids, np.uint8).reshape(-1, ID_SIZE)
    return rows[np.asarray(chosen, np.bool_)].tobytes()


def _array(view: memoryview, columns: int) -> Numbers:
    if not len(view):
        return np.zeros((0, columns), np.uint32)
    return np.frombuffer(view, np.uint32).reshape(-1, columns)
