"""Sending: what is marked and not on a remote, in packs, then in an index over them.

Large packs of which nearly all is wanted go as the files that they are; the rest is copied, frame by frame.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datav.errors import IntegrityError, RemoteError
from datav.formats.entry import Content
from datav.formats.frame import NODE
from datav.formats.index import Place
from datav.formats.pack import PackContents
from datav.ids import PackId
from datav.progress import SILENT, Progress
from datav.storage.durable import remove_file
from datav.storage.objects import ObjectInfo, Objects
from datav.store.copying import PackCopier
from datav.store.lookup import OpenIndex
from datav.store.marking import Marks, Reason, mark_contents
from datav.store.merging import indexes_to_merge
from datav.store.packing import SealedPack
from datav.store.positions import Positions, lengths_of, select_ids, split_ids
from datav.store.remote import RemoteStore
from datav.store.remoteindexing import put_index
from datav.store.store import Store

# A local pack this large goes as it is when nearly all of it is wanted; else it is copied into new packs.
AS_IS_SIZE = 8 * 2**20
AS_IS_SHARE = 0.9
# Frames that one index is written over: bounds memory, and what a broken push has to do again.
INDEX_FRAMES = 262_144
# Of a pack that is compared with what is there.
_PIECE = 4 * 2**20


@dataclass(slots=True)
class Pushed:
    """What a push did.  Sizes are bytes."""

    named: set[Content] = field(default_factory=set)
    """Newly named for this clone."""
    packs: int = 0
    chunks: int = 0
    nodes: int = 0
    incomplete: list[Content] = field(default_factory=list)
    """What is neither all here nor named by anybody's root there; it was not named."""

    @property
    def contents(self) -> int:
        """How many were newly named."""
        return len(self.named)


def send_lacking(
    store: Store,
    remote: RemoteStore,
    contents: Iterable[Content],
    *,
    executor: Executor,
    progress: Progress = SILENT,
) -> Pushed:
    """Send what contents need, the remote lacks, and is here, in packs of names that no other has; no root.

    Args:
        remote: refreshed, with its packs.

    Raises: as `push_contents` does.
    """
    marks = Marks(Positions(store.lookup.indexes))
    mark_contents(marks, store.reader, contents, Reason.HISTORY)
    result = Pushed()
    Sender(store, remote, marks, executor, progress, result, is_again=True).send()
    return result


class Sender:
    """One round of sending what is marked and not there."""

    def __init__(
        self,
        store: Store,
        remote: RemoteStore,
        marks: Marks,
        executor: Executor,
        progress: Progress,
        result: Pushed,
        *,
        is_again: bool,
    ) -> None:
        self._store = store
        self._remote = remote
        self._marks = marks
        self._progress = progress
        self._result = result
        # A pack that is about to be deleted, or may be, must not be put again under its name.
        self._is_salted = is_again or bool(remote.cache.condemned)
        self._copier = PackCopier(store.packs, remote.cache.temporary, executor, is_salted=self._is_salted)
        self._uploads: list[tuple[Future[None], Path | None]] = []
        self._temporaries: set[Path] = set()
        """Copied packs that are on disk."""
        self._records: list[tuple[bytes, Place]] = []
        # What rests on something is listed last: by then that is there, whoever dies in between.
        self._deltas: list[tuple[bytes, Place]] = []

    def send(self) -> None:
        packs = self._close_over_bases()
        if not packs:
            return
        self._progress.start("pushing", self._measure(packs), "bytes")
        try:
            for pack in sorted(packs):
                self._send_from(pack)
            self._send_copied(self._copier.finish())
            self._write_index(is_last=True)
        except BaseException:
            self._copier.discard()
            for future, _ in self._uploads:
                future.cancel()
                with contextlib.suppress(Exception):
                    future.result()
            for path in self._temporaries:
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
            raise

    def _lacking_packs(self) -> set[PackId]:
        """Local packs that have something that is marked and not there."""
        packs: set[PackId] = set()
        positions = self._marks.positions
        for number in range(len(positions.indexes)):
            marked = self._marks.marked(number)
            for first in range(0, len(marked), 65_536):
                part = marked[first : first + 65_536]
                there = self._remote.lookup.contains(positions.ids_at(number, part))
                packs |= positions.packs_at(number, part[np.frombuffer(there, np.uint8) == 0])
        return packs

    def _lacking_in(self, pack: PackId) -> tuple[PackContents, NDArray[np.int64]]:
        """The contents of a local pack, and the numbers of its frames that are to be sent."""
        contents = self._store.packs.read_contents(pack)
        if contents is None:
            raise IntegrityError(f"pack {pack.short} is gone from the store", hint="run `datav verify`")
        needed = self._marks.needed_in(pack, contents) > 0
        there = np.frombuffer(bytes(self._remote.lookup.contains(contents.ids)), np.uint8) > 0
        return contents, np.flatnonzero(needed & ~there)

    def _close_over_bases(self) -> set[PackId]:
        """Mark what the deltas to be sent rest on; return the packs that have something to be sent."""
        while True:
            packs = self._lacking_packs()
            bases: dict[bytes, None] = {}
            for pack in packs:
                contents, numbers = self._lacking_in(pack)
                if contents.bases:
                    sent = set(numbers.tolist())
                    bases |= {b: None for n, ids in contents.bases.items() if n in sent for b in ids}
            packed = b"".join(bases)
            fresh = bool(bases) and not self._marks.reasons(packed).all()
            if fresh:
                stored = self._marks.add(packed, Reason.BASE)
                missing = ~stored & (np.frombuffer(self._remote.lookup.contains(packed), np.uint8) == 0)
                if missing.any():
                    name = split_ids(select_ids(packed, missing))[0].hex()[:12]
                    raise IntegrityError(
                        f"b3:{name}, which a delta rests on, is not in the store",
                        hint="run `datav verify`",
                    )
            if not fresh:
                return packs

    def _measure(self, packs: set[PackId]) -> int:
        total = 0
        for pack in packs:
            contents, numbers = self._lacking_in(pack)
            total += int(lengths_of(contents)[numbers].sum())
        return total

    def _send_from(self, pack: PackId) -> None:
        contents, numbers = self._lacking_in(pack)
        lengths = lengths_of(contents)
        is_node = np.frombuffer(contents.kinds, np.uint8)[numbers] & NODE > 0
        self._result.nodes += int(is_node.sum())
        self._result.chunks += int((~is_node).sum())
        is_whole = lengths[numbers].sum() >= AS_IS_SHARE * lengths.sum() and lengths.sum() >= AS_IS_SIZE
        if is_whole and not self._is_salted:
            self._note(pack, contents, numbers.tolist())
            self._upload(pack, self._store.layout.pack(pack), None)
        else:
            self._copier.copy(pack, contents, numbers.tolist())
            self._send_copied(self._copier.take())
        if len(self._records) >= INDEX_FRAMES:
            self._write_index(is_last=False)

    def _note(self, pack: PackId, contents: PackContents, numbers: Iterable[int]) -> None:
        """Remember what an index is to say of frames of a pack."""
        offsets = contents.offsets()
        for number in numbers:
            record = (contents.id(number), Place(pack, offsets[number], contents.lengths[number]))
            (self._deltas if number in contents.bases else self._records).append(record)

    def _send_copied(self, sealed: Sequence[SealedPack]) -> None:
        self._temporaries.update(each.temporary for each in sealed)
        for each in sealed:
            self._note(each.pack, each.contents, range(len(each.contents)))
            self._upload(each.pack, each.temporary, each.temporary)

    def _upload(self, pack: PackId, source: Path, temporary: Path | None) -> None:
        self._result.packs += 1
        # Bounds how many copied packs wait on disk.
        if len(self._uploads) >= 2 * self._remote.jobs:
            self._finish_one()
        self._uploads.append((self._remote.executor.submit(self._put, pack, source), temporary))

    def _put(self, pack: PackId, source: Path) -> None:
        listed = (self._remote.cache.listed or {}).get(pack)
        name = f"packs/{pack.hex()}.pack"
        if listed is not None and _is_same(self._remote.objects, name, listed, source):
            # From a push that was broken off.
            self._progress.advance(listed.size)
            return
        self._remote.objects.put(name, source, sent=self._progress.advance)

    def _finish_one(self) -> None:
        future, temporary = self._uploads[0]
        future.result()
        del self._uploads[0]
        if temporary is not None:
            remove_file(temporary)
            self._temporaries.discard(temporary)

    def _write_index(self, *, is_last: bool) -> None:
        """Put the index over the packs that were sent (R1)."""
        while self._uploads:
            self._finish_one()
        records, self._records = self._records, []
        if is_last:
            records, self._deltas = records + self._deltas, []
        while len(records) > 2 * INDEX_FRAMES:
            # Readers refuse one of any size; what deltas rest on is listed before them.
            part = records[:INDEX_FRAMES]
            put_index(self._remote, {place.pack for _, place in part}, part)
            del records[:INDEX_FRAMES]
        if not records:
            return
        merged = [] if self._is_salted or not is_last else _to_merge(self._remote, len(records))
        packs = {place.pack for _, place in records}.union(*(entry.index.packs for entry in merged))
        records += [record for entry in merged for record in entry.index.records()]
        name = put_index(self._remote, packs, records)
        for entry in merged:
            # What it says the new one says.  Who may not delete leaves it.
            if entry.path.name != name:
                with contextlib.suppress(RemoteError):
                    self._remote.objects.delete(f"index/{entry.path.name}")


def _to_merge(remote: RemoteStore, new_entries: int) -> list[OpenIndex]:
    """The small indexes that one over `new_entries` should take in, as far as memory allows."""
    chosen, total = [], new_entries
    for entry in sorted(indexes_to_merge(remote.lookup.indexes, new_entries), key=lambda e: e.index.count):
        total += entry.index.count
        if total > INDEX_FRAMES:
            break
        chosen.append(entry)
    return chosen


def _is_same(objects: Objects, name: str, listed: ObjectInfo, source: Path) -> bool:
    """Whether an object is what a file is; read where the place does not say its checksum."""
    if listed.size != os.path.getsize(source):
        return False
    if listed.md5 is not None:
        return listed.md5 == _md5(source)
    with open(source, "rb") as file:
        for start in range(0, listed.size, _PIECE):
            if objects.read(name, start, min(start + _PIECE, listed.size)) != file.read(_PIECE):
                return False
    return True


def _md5(path: Path) -> bytes:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).digest()
