"""Lookup: which ids a store has, and where.

All index files of the store, memory-mapped.  Opening them costs the same whatever they hold.  Batches, not
single ids: a lookup of a hundred ids costs little more than one of one.
"""

import mmap
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from datav.errors import FormatError, StorageError
from datav.formats.index import ABSENT, Index, Place, check_index, open_index
from datav.formats.words import u32_array
from datav.ids import ID_SIZE, Buffer, PackId

# Nobody merges indexes faster than they are listed; a name that leads nowhere must not keep us for ever.
MAX_TRIES = 100


@dataclass(frozen=True, slots=True)
class OpenIndex:
    path: Path
    index: Index
    lost: frozenset[int]
    """Numbers of packs that the index names and the store has no longer."""
    stamp: tuple[int, int, int] = (0, 0, 0)
    """What tells the file from another of the same name: a collection may list less of the same packs."""


class Indexed(Protocol):
    """A directory of indexes, and what is known of the packs that they name."""

    @property
    def index(self) -> Path: ...

    def list_packs(self) -> set[PackId] | None:
        """Every pack that is there; None when nobody knows: then what an index names counts as there."""


class Lookup:
    """The indexes of one store as they were when last refreshed.  Used from several threads.

    Args:
        checked: read every byte of each index before it is used, and leave out what is damaged.  Else an
            index that cannot even be opened is an error.
    """

    def __init__(self, layout: Indexed, *, checked: bool = False) -> None:
        self._layout = layout
        self._checked = checked
        self._open: tuple[OpenIndex, ...] = ()
        self._adopted: list[OpenIndex] = []
        self.broken: dict[str, str] = {}
        """File names of indexes that were left out, and what is wrong with each."""
        self.refresh()

    @property
    def indexes(self) -> tuple[OpenIndex, ...]:
        """Largest first."""
        return self._open

    def refresh(self) -> bool:
        """Look at the directory again; return whether anything was different."""
        tries = 0
        while (fresh := self._look()) is None:
            tries += 1
            if tries == MAX_TRIES:
                raise StorageError(f"indexes in {self._layout.index} are listed but not there")
        fresh.sort(key=lambda entry: -entry.index.count)
        fresh += self._adopted
        changed = tuple(fresh) != self._open
        self._open = tuple(fresh)
        return changed

    def _look(self) -> list[OpenIndex] | None:
        """The indexes that are there now;
        None when one went meanwhile: what replaced it may not have been listed."""
        try:
            names = sorted(path for path in self._layout.index.iterdir() if path.suffix == ".idx")
        except OSError as exc:
            raise StorageError(f"cannot list {self._layout.index}: {exc.strerror}") from exc
        packs = self._layout.list_packs() if names else set()
        known = {entry.path: entry for entry in self._open}
        found = []
        self.broken = {}
        for path in names:
            stamp = _stamp_of(path)
            try:
                if path in known and known[path].stamp == stamp:
                    index: Index | None = known[path].index
                else:
                    index = _map_index(path, checked=self._checked)
            except FormatError as exc:
                if not self._checked:
                    raise
                self.broken[path.name] = str(exc)
                continue
            if index is None:
                return None
            lost = frozenset(
                n for n, pack in enumerate(index.packs) if packs is not None and pack not in packs
            )
            found.append(OpenIndex(path, index, lost, stamp))
        return found

    def adopt(self, indexes: Sequence[Index]) -> None:
        """Use these indexes too, from now on, behind all others; instead of what was adopted before."""
        adopted = [OpenIndex(Path(index.where), index, frozenset()) for index in indexes]
        self._open = (*self._open[: len(self._open) - len(self._adopted)], *adopted)
        self._adopted = adopted

    @property
    def has_lost(self) -> bool:
        """Whether an index names a pack that is not there."""
        return any(entry.lost for entry in self._open)

    def is_named(self, identity: bytes) -> bool:
        """Whether any index has that id, be it in a pack that is lost."""
        return any(entry.index.find(identity)[0] != ABSENT for entry in self._open)

    def contains(self, ids: Buffer) -> bytearray:
        """Return one byte for each of the ids packed in `ids`: 1 when it is stored, in a pack that exists."""
        found = bytearray(len(ids) // ID_SIZE)
        for entry in self._open:
            if all(found):
                break
            for number, position in enumerate(entry.index.find(ids)):
                if position != ABSENT and not found[number]:
                    found[number] = not entry.lost or not _is_lost(entry, position)
        return found

    def places(self, ids: Sequence[bytes], *, longest: bool = False) -> list[Place | None]:
        """Return where each of `ids` lies, or None.

        Args:
            longest: of an id that is stored more than once take the longest frame; else any.
        """
        result: list[Place | None] = [None] * len(ids)
        packed = b"".join(ids)
        missing = len(ids)
        for entry in self._open:
            if not missing and not longest:
                break
            for number, position in enumerate(entry.index.find(packed)):
                before = result[number]
                if position == ABSENT or (before is not None and not longest) or _is_lost(entry, position):
                    continue
                place = entry.index.place(position)
                if before is None or place.length > before.length:
                    result[number] = place
                missing -= before is None
        return result

    def count(self) -> int:
        """Number of entries over all indexes; what is in two counts twice."""
        return sum(entry.index.count for entry in self._open)

    def packs(self) -> set[PackId]:
        """Every pack that an index covers."""
        return {pack for entry in self._open for pack in entry.index.packs}

    def positions(self, ids: Buffer) -> "list[array[int]]":
        """For each index, in the order of `indexes`: the position of each of `ids`, or ABSENT."""
        return [u32_array(entry.index.find(ids)) for entry in self._open]


def _is_lost(entry: OpenIndex, position: int) -> bool:
    return bool(entry.lost) and entry.index.packs.index(entry.index.place(position).pack) in entry.lost


def _stamp_of(path: Path) -> tuple[int, int, int]:
    try:
        status = path.stat()
    except FileNotFoundError:
        return (0, 0, 0)
    except OSError as exc:
        raise StorageError(f"cannot read {path}: {exc.strerror}") from exc
    return (status.st_ino, status.st_mtime_ns, status.st_size)


def _map_index(path: Path, *, checked: bool) -> Index | None:
    """Map one index file; None when it was replaced meanwhile."""
    try:
        with open(path, "rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError:
        return None
    except ValueError as exc:
        raise FormatError(f"index {path.name} is empty", hint="run `datav verify`") from exc
    except OSError as exc:
        raise StorageError(f"cannot read {path}: {exc.strerror}") from exc
    read = check_index if checked else open_index
    return read(memoryview(mapped), path.name)
