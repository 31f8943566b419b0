"""Repairing the local store: one index over all that is good, damaged packs out of the way.

In the order of docs/formats/ordering.md, O11: new packs with what is good in damaged ones, the new index, the
old indexes go, the damaged packs are put aside, in `damaged/`.  Killed anywhere in between, what is good is
where a repair looks for it, and the next one finishes.  What is put aside is looked into by each repair, for
its deltas may rest on what comes back later; it is deleted when nobody can need it.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import chain, groupby
from pathlib import Path

from datav.errors import FormatError
from datav.formats.index import encode_index, index_name
from datav.ids import Buffer, PackId
from datav.progress import SILENT, Progress
from datav.storage.durable import fsync_directory, make_directories, publish, remove_file, write_atomic
from datav.storage.leases import Lease
from datav.store.copying import PackCopier
from datav.store.layout import Layout
from datav.store.lookup import Lookup
from datav.store.packing import NewFrame, SealedPack
from datav.store.packs import LocalPacks, Packs
from datav.store.positions import Positions
from datav.store.salvaging import (
    Faults,
    FoundFrame,
    Salvage,
    check_deltas,
    find_faults,
    read_bytes,
    salvage,
    scan_pack,
    settle_deltas,
)
from datav.store.verifying import VerifiedStore


@dataclass(frozen=True, slots=True)
class StoreRepair:
    """What was repaired within a store, or would be."""

    broken_indexes: int = 0
    """Indexes that were damaged, and were replaced."""
    unindexed_packs: int = 0
    """Packs that no index covered, and that one covers now."""
    damaged_packs: int = 0
    """Packs in which something was damaged; what is good in them is in others now."""
    rescued: int = 0
    """Chunks and tree nodes that came back from what an earlier repair had put aside."""
    lost: frozenset[bytes] = frozenset()
    """Ids of chunks and tree nodes that were there, and of which no good copy is left here."""

    @property
    def changed(self) -> bool:
        return bool(
            self.broken_indexes or self.unindexed_packs or self.damaged_packs or self.rescued or self.lost
        )


@dataclass(frozen=True, slots=True)
class _Aside(Layout):
    """The packs that were put aside, as if they were a store's."""

    @property
    def packs(self) -> Path:
        return self.damaged


def repair_store(
    layout: Layout,
    found: VerifiedStore,
    executor: Executor,
    lease: Lease | None,
    *,
    progress: Progress = SILENT,
) -> StoreRepair:
    """Make the index list all that is good and nothing else, and put damaged packs aside.

    Args:
        found: what verifying all of the store said just now.
        lease: the collector's; None only to say what would be done.

    Raises:
        StorageError: the store cannot be read or written; nothing is lost, and running it again goes on.
        BusyError: the lease was lost.

    Cost: reads the store twice when something is wrong, and some 300 bytes of memory for each chunk.
    """
    is_sound = found.ok and not (found.lost_packs or found.unindexed_packs)
    if is_sound and not list_aside(layout):
        return StoreRepair()
    work = _Work(layout, executor, lease)
    work.salvaged = salvage(work.packs, work.lookup, executor, progress=progress)
    if lease is not None:
        work.rescue()
    faults = find_faults(work.salvaged, work.lookup)
    if lease is not None and (not is_sound or work.new):
        work.renew_index(faults)
    return StoreRepair(
        broken_indexes=len(found.broken_indexes),
        unindexed_packs=len(found.unindexed_packs),
        damaged_packs=len(faults.packs),
        rescued=sum(len(sealed.contents) for sealed in work.new),
        lost=faults.ids,
    )


def list_aside(layout: Layout) -> set[PackId]:
    """Return the packs that were put aside."""
    return _Aside(layout.root).list_packs() if layout.damaged.is_dir() else set()


def ids_aside(layout: Layout) -> Iterable[bytes]:
    """Yield the ids, packed, that packs that were put aside say they hold, as far as they can say it."""
    packs = LocalPacks(_Aside(layout.root))
    for pack in sorted(list_aside(layout)):
        try:
            contents = packs.read_contents(pack)
        except FormatError:
            continue
        if contents is not None:
            yield contents.ids


def forget_aside(layout: Layout, has_all: Callable[[Buffer], bool], *, is_all_there: bool) -> None:
    """Delete what was put aside and nobody can need.  Only under the collector's lease.

    Args:
        has_all: whether the store has good copies of these ids, packed.
        is_all_there: nothing at all is missing in the store, so nothing is wanted from here.
    """
    packs = LocalPacks(_Aside(layout.root))
    for pack in sorted(list_aside(layout)):
        try:
            contents = packs.read_contents(pack)
        except FormatError:
            contents = None
        if is_all_there or (contents is not None and has_all(contents.ids)):
            remove_file(_Aside(layout.root).pack(pack))


class _Work:
    """One repair of one store, under the collector's lease."""

    salvaged: Salvage

    def __init__(self, layout: Layout, executor: Executor, lease: Lease | None) -> None:
        self.packs = LocalPacks(layout)
        self.lookup = Lookup(layout, checked=True)
        self.new: list[SealedPack] = []
        """Packs that were written, with what came back from those put aside."""
        self._layout = layout
        self._executor = executor
        self._lease = lease

    def rescue(self) -> None:
        """Bring back what is good in packs that were put aside and what the store lacks."""
        aside = LocalPacks(_Aside(self._layout.root))
        found = [scan_pack(aside, Positions(()), pack) for pack in sorted(list_aside(self._layout))]
        self._bring_back(aside, [frame for each in found for frame in each.whole])
        deltas = [frame for each in found for frame in each.deltas]
        salvaged = self.salvaged
        while True:
            before = len(salvaged.sound)
            salvaged.stranded = settle_deltas(salvaged.sound, self.packs, salvaged.scanned, self._executor)
            self._bring_back(aside, check_deltas(salvaged.sound, self.packs, aside, deltas))
            if len(salvaged.sound) == before:
                break

    def _bring_back(self, aside: Packs, frames: Iterable[FoundFrame]) -> None:
        wanted = {frame.id: frame for frame in frames if frame.id not in self.salvaged.sound}
        written = self._copy(aside, wanted.values())
        self.new += written
        for sealed in written:
            self.salvaged.sound.add(
                FoundFrame(identity, place, wanted[identity].is_node, wanted[identity].bases)
                for identity, place in sealed.records()
            )

    def renew_index(self, faults: Faults) -> None:
        """Write the index over all that is good, and put the packs with faults aside."""
        going = [frame for frame in self.salvaged.sound.frames() if frame.place.pack in faults.packs]
        written = self._copy(self.packs, going)
        # What was damaged in its table of contents alone has been made again, under the same name.
        doomed = faults.packs - {sealed.pack for sealed in (*self.new, *written)}
        kept = {found.pack for found in self.salvaged.scanned if not found.is_gone} - faults.packs
        packs = {*kept, *(sealed.pack for sealed in (*self.new, *written))}
        records = (
            (frame.id, frame.place)
            for frame in self.salvaged.sound.frames()
            if frame.place.pack not in faults.packs
        )
        copied = chain.from_iterable(sealed.records() for sealed in written)
        path = self._layout.index / index_name(packs)
        self._renew_lease()
        write_atomic(path, encode_index(packs, chain(records, copied)), temporary=self._layout.temporary)
        for old in sorted(self._layout.index.glob("*.idx")):
            if old != path:
                remove_file(old)
        fsync_directory(self._layout.index)
        if doomed:
            make_directories(self._layout.damaged)
        for pack in sorted(doomed):
            self._renew_lease()
            publish(self._layout.pack(pack), _Aside(self._layout.root).pack(pack))
        for directory in [self._layout.damaged, self._layout.packs] if doomed else []:
            fsync_directory(directory)

    def _copy(self, packs: Packs, frames: Iterable[FoundFrame]) -> list[SealedPack]:
        """Copy frames into new packs, durable and under their names."""
        copier = PackCopier(packs, self._layout.temporary, self._executor)
        try:
            ordered = sorted(frames, key=lambda frame: frame.place)
            for _, group in groupby(ordered, key=lambda frame: frame.place.pack):
                self._renew_lease()
                copier.append(new_frames(packs, list(group)))
            written = copier.finish()
        except BaseException:
            copier.discard()
            raise
        for sealed in written:
            publish(sealed.temporary, self._layout.pack(sealed.pack))
        if written:
            fsync_directory(self._layout.packs)
        return written

    def _renew_lease(self) -> None:
        if self._lease is not None:
            self._lease.renew()


def new_frames(packs: Packs, frames: Sequence[FoundFrame]) -> Iterable[NewFrame]:
    """Yield good frames of one pack, in order of places, as they are written to another."""
    records = [(frame.id, frame.place) for frame in frames]
    for frame, data in zip(frames, read_bytes(packs, records), strict=True):
        yield NewFrame(frame.id, data[0], b"", (data,), len(data), frame.bases)
