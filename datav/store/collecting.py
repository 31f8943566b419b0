"""Collecting: giving back the space of what nothing needs any more.

First a plan, which is a value; then, under the collector's lease, what it says, in the order of
docs/formats/ordering.md, O5: new packs, the one index over all that stays, the old indexes go, the old packs
go. Killed anywhere in between, the store is readable and the next collection finishes.

Only soundness is decided here; what is needed is `datav.store.marking`'s.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from datav.errors import FormatError, IntegrityError
from datav.formats.frame import NODE
from datav.formats.index import Place, encode_index, index_name
from datav.formats.pack import PackContents
from datav.ids import PackId
from datav.storage.durable import fsync_directory, publish, remove_file, write_atomic
from datav.storage.leases import Lease
from datav.store.contents import index_over, read_contents, records_of
from datav.store.copying import PackCopier
from datav.store.layout import Layout
from datav.store.lookup import Lookup
from datav.store.marking import Marks, Reason
from datav.store.packing import SealedPack
from datav.store.positions import Positions, lengths_of, select_ids, split_ids
from datav.store.reading import Reader

# A pack with more than this share of needed bytes is left alone: copying it would cost more than it gives
# back.
KEEP_SHARE = 0.75
# Each command that writes leaves a pack; many small ones make every lookup and every transfer slower.
SMALL_PACK = 4 * 2**20
MAX_SMALL_PACKS = 32
# What a writer left in tmp/ when it was killed.  A writer that lives renews its lease each minute.
LEFTOVER_AGE_S = 24 * 3600.0
# Frames read at a time to see that the copy of a chunk that stays is sound.
_BATCH = 64

Action = Literal["keep", "rewrite", "delete"]


@dataclass(frozen=True, slots=True)
class PackPlan:
    """What is to become of one pack."""

    pack: PackId
    size: int
    needed: int
    """Bytes of frames that stay, as stored."""
    action: Action
    why: str


@dataclass(frozen=True, slots=True)
class CollectionPlan:
    """What a collection would do.  Sizes are bytes of packs."""

    packs: tuple[PackPlan, ...]
    needed: Mapping[Reason, int]
    """Bytes of frames by why they stay."""
    renews_index: bool
    """Whether an index is damaged or lost, or names packs that are."""

    @property
    def bytes_before(self) -> int:
        return sum(pack.size for pack in self.packs)

    @property
    def bytes_after(self) -> int:
        """Up to the tables of contents of rewritten packs."""
        return sum(
            pack.size if pack.action == "keep" else pack.needed
            for pack in self.packs
            if pack.action != "delete"
        )

    def with_action(self, action: Action) -> list[PackPlan]:
        return [pack for pack in self.packs if pack.action == action]

    @property
    def is_empty(self) -> bool:
        return not self.renews_index and all(pack.action == "keep" for pack in self.packs)


@dataclass(frozen=True, slots=True)
class CollectionResult:
    """What a collection did.  Sizes are bytes of packs."""

    packs_deleted: int
    packs_written: int
    bytes_before: int
    bytes_after: int
    damaged: tuple[str, ...]
    """Packs that were left as they are because something in them is damaged."""


class StoreView:
    """A store as a collector sees it: packs that no index covers are seen too.

    Such packs are what a killed writer or collector left, or what a lost or damaged index covered: only
    marking tells. Indexes that are damaged count as lost.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.lookup = Lookup(layout, checked=True)
        self.reader = Reader(layout, self.lookup)
        self.unreadable: dict[PackId, str] = {}
        """Packs that no index covers and that have no table of contents that could be read."""
        self.indexed: set[PackId] = set()
        self.orphans: set[PackId] = set()
        self.sizes: dict[PackId, int] = {}
        self.refresh()

    def refresh(self) -> None:
        """Look again, and make the positions anew."""
        self.lookup.adopt([])
        self.lookup.refresh()
        self.sizes = self.layout.pack_names()
        self.indexed = self.lookup.packs() & self.sizes.keys()
        self.unreadable = {}
        adopted: dict[PackId, PackContents] = {}
        for pack in sorted(self.sizes.keys() - self.indexed):
            try:
                contents = read_contents(self.layout, pack)
            except FormatError as exc:
                self.unreadable[pack] = str(exc)
                continue
            if contents is not None:
                adopted[pack] = contents
        self.orphans = set(adopted)
        if adopted:
            self.lookup.adopt([index_over(adopted)])
        self.positions = Positions(self.lookup.indexes)

    def packs(self) -> list[PackId]:
        """Every pack that can be read."""
        return sorted(self.sizes.keys() - self.unreadable.keys())


def mark_packs(view: StoreView, marks: Marks, packs: set[PackId], reason: Reason) -> None:
    """Mark all that these packs hold."""
    for _, contents in _read_all(view, sorted(packs)):
        marks.add(contents.ids, reason)


def mark_bases(view: StoreView, marks: Marks) -> None:
    """Mark what the deltas that stay need.  Reads the tables of contents of all packs, usually twice."""
    changed = True
    while changed:
        changed = False
        for pack, contents in _read_all(view, view.packs()):
            reasons = marks.needed_in(pack, contents)
            bases = dict.fromkeys(
                base for number, ids in contents.bases.items() if reasons[number] for base in ids
            )
            packed = b"".join(bases)
            if bases and not marks.reasons(packed).all():
                # Of a base that is nowhere there is nothing to mark; do not come back for it.
                missing = marks.reasons(packed) == Reason.NONE
                stored = marks.add(packed, Reason.BASE)
                changed |= bool((stored & missing).any())


def plan_collection(view: StoreView, marks: Marks) -> CollectionPlan:
    """Decide what becomes of each pack.  Changes nothing; all marking is done.

    Raises:
        IntegrityError: indexes and packs contradict each other, so what is needed is not known to be there.
    """
    measured, needed = [], dict.fromkeys(Reason, 0)
    for pack, contents in _read_all(view, view.packs()):
        reasons = marks.needed_in(pack, contents)
        marks.confirm(select_ids(contents.ids, reasons > 0))
        sums = np.bincount(reasons, lengths_of(contents), len(Reason))
        for reason in Reason:
            needed[reason] += int(sums[reason])
        measured.append((pack, view.sizes[pack], int(sums[1:].sum()), int(sums.sum())))
    unconfirmed = marks.count_unconfirmed()
    if unconfirmed:
        raise IntegrityError(
            f"{unconfirmed} entries of the index are not in the packs that it names",
            hint="run `datav verify`",
        )
    small = sum(1 for _, size, live, _ in measured if live and size < SMALL_PACK)
    packs = [_plan_pack(*row, joins=small > MAX_SMALL_PACKS) for row in measured]
    packs += [
        PackPlan(pack, view.sizes.get(pack, 0), 0, "keep", f"damaged: {what}")
        for pack, what in sorted(view.unreadable.items())
    ]
    is_unsound = bool(view.lookup.broken) or any(entry.lost for entry in view.lookup.indexes)
    return CollectionPlan(tuple(packs), needed, is_unsound or bool(view.orphans))


def _plan_pack(pack: PackId, size: int, needed: int, total: int, *, joins: bool) -> PackPlan:
    if not needed:
        return PackPlan(pack, size, 0, "delete", "nothing in it is needed")
    if needed < KEEP_SHARE * total:
        return PackPlan(pack, size, needed, "rewrite", f"{100 * needed // total}% of it is needed")
    if joins and size < SMALL_PACK:
        return PackPlan(pack, size, needed, "rewrite", "one of many small packs, to be joined")
    return PackPlan(pack, size, needed, "keep", "most of it is needed")


def apply_collection(
    view: StoreView,
    marks: Marks,
    plan: CollectionPlan,
    *,
    lease: Lease,
    executor: Executor,
    before_deleting: Callable[[], None],
) -> CollectionResult:
    """Carry out a plan that was made under the lease, and from these marks.

    Args:
        before_deleting: called when all that stays is durable and known, before anything goes.

    Raises:
        IntegrityError: of something that stays the one copy that would remain is damaged; nothing was
            deleted.
        StorageError: the store cannot be written; nothing is lost, and running it again finishes.
        BusyError: the lease was lost; nothing was deleted.
    """
    if plan.is_empty:
        return CollectionResult(0, 0, plan.bytes_before, plan.bytes_before, ())
    layout = view.layout
    going = [pack.pack for pack in plan.packs if pack.action != "keep"]
    _check_other_copies(view, marks, going, lease)
    rewritten = [pack.pack for pack in plan.with_action("rewrite")]
    written, damaged = _rewrite(view, marks, rewritten, lease, executor)
    new = {sealed.pack: sealed for sealed in written}
    # A pack that was rewritten to what it is already (after a kill) must not be taken for an old one.
    doomed = [pack for pack in going if pack not in damaged and pack not in new]
    kept = [pack for pack in view.packs() if pack not in new and pack not in doomed]
    lease.renew()
    index = _write_index(view, marks, kept, written)
    before_deleting()
    lease.renew()
    for path in layout.index.glob("*.idx"):
        if path != index:
            remove_file(path)
    fsync_directory(layout.index)
    for pack in doomed:
        lease.renew()
        remove_file(layout.pack(pack))
    fsync_directory(layout.packs)
    after = sum(view.sizes[pack] for pack in kept) + sum(sealed.size for sealed in written)
    after += sum(view.sizes.get(pack, 0) for pack in view.unreadable)
    return CollectionResult(
        len(doomed), len(written), plan.bytes_before, after, tuple(sorted(p.short for p in damaged))
    )


def remove_leftovers(layout: Layout, now: float) -> int:
    """Remove what killed processes left in tmp/ and locks/ over a day ago; return how many bytes.

    Only under the collector's lease.
    """
    freed = 0
    for directory in (layout.temporary, layout.locks):
        for path in directory.iterdir():
            # Gone meanwhile, or not ours to remove: it is only a leftover.
            with contextlib.suppress(OSError):
                status = path.stat()
                if now - status.st_mtime > LEFTOVER_AGE_S and path.name != "collector":
                    path.unlink()
                    freed += status.st_size
    return freed


def _read_all(view: StoreView, packs: Sequence[PackId]) -> Iterator[tuple[PackId, PackContents]]:
    for pack in packs:
        contents = read_contents(view.layout, pack)
        if contents is not None:
            yield pack, contents


def _check_other_copies(view: StoreView, marks: Marks, going: Sequence[PackId], lease: Lease) -> None:
    """Read what is needed and lies twice, once in a pack that goes: the copy that stays must be sound."""
    for pack, contents in _read_all(view, going):
        lease.renew()
        elsewhere = (marks.reasons(contents.ids) > 0) & ~view.positions.first_of(pack, contents)
        is_node = np.frombuffer(contents.kinds, np.uint8) & NODE > 0
        for nodes in (False, True):
            ids = split_ids(select_ids(contents.ids, elsewhere & (is_node == nodes)))
            for first in range(0, len(ids), _BATCH):
                view.reader.read_frames(ids[first : first + _BATCH], nodes=nodes, longest=True)


def _rewrite(
    view: StoreView, marks: Marks, packs: Sequence[PackId], lease: Lease, executor: Executor
) -> tuple[list[SealedPack], set[PackId]]:
    """Copy what stays of `packs` into new packs, durable; return those, and packs that are damaged."""
    damaged: set[PackId] = set()
    copier = PackCopier(view.layout, executor)
    try:
        for pack, contents in _read_all(view, packs):
            lease.renew()
            needed = np.flatnonzero(marks.needed_in(pack, contents))
            try:
                copier.copy(pack, contents, [int(number) for number in needed])
            except IntegrityError:
                damaged.add(pack)
        written = copier.finish()
    except BaseException:
        copier.discard()
        raise
    for sealed in written:
        publish(sealed.temporary, view.layout.pack(sealed.pack))
    if written:
        fsync_directory(view.layout.packs)
    return written, damaged


def _write_index(
    view: StoreView, marks: Marks, kept: Sequence[PackId], written: Sequence[SealedPack]
) -> Path:
    """Write the index over all that stays, durably (O2); without what is not needed: its bases may go."""
    packs = [*kept, *(sealed.pack for sealed in written)]
    path = view.layout.index / index_name(packs)
    encoded = encode_index(packs, _iter_records(view, marks, kept, written))
    write_atomic(path, encoded, temporary=view.layout.temporary)
    return path


def _iter_records(
    view: StoreView, marks: Marks, kept: Sequence[PackId], written: Sequence[SealedPack]
) -> Iterator[tuple[bytes, Place]]:
    for pack, contents in _read_all(view, kept):
        for needed, record in zip(marks.needed_in(pack, contents), records_of(pack, contents), strict=True):
            if needed:
                yield record
    for sealed in written:
        yield from sealed.records()
