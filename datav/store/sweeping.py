"""Sweeping: what a collection has decided, done, under the collector's lease.

In the order of docs/formats/ordering.md, O5: new packs, the one index over all that stays, the old indexes
go, the old packs go.  Killed anywhere in between, the store is readable and the next collection finishes.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from datav.errors import IntegrityError
from datav.formats.frame import NODE
from datav.formats.index import Place, encode_index, index_name
from datav.ids import PackId
from datav.storage.durable import fsync_directory, publish, remove_file, write_atomic
from datav.storage.leases import Lease
from datav.store.collecting import CollectionPlan, StoreView, read_all
from datav.store.contents import records_of
from datav.store.copying import PackCopier
from datav.store.layout import Layout
from datav.store.marking import Marks, Reason
from datav.store.packing import SealedPack
from datav.store.positions import select_ids, split_ids

# What a writer left in tmp/ when it was killed.  A writer that lives renews its lease each minute.
LEFTOVER_AGE_S = 24 * 3600.0
# Frames read at a time to see that the copy of a chunk that stays is sound.
_BATCH = 64


@dataclass(frozen=True, slots=True)
class CollectionResult:
    """What a collection did.  Sizes are bytes of packs."""

    packs_deleted: int
    packs_written: int
    bytes_before: int
    bytes_after: int
    damaged: tuple[str, ...]
    """Packs that were left as they are because something in them is damaged."""


def apply_collection(
    layout: Layout,
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
    going = [pack.pack for pack in plan.packs if pack.action != "keep"]
    _check_other_copies(view, marks, going, lease)
    rewritten = [pack.pack for pack in plan.with_action("rewrite")]
    written, damaged = _rewrite(layout, view, marks, rewritten, lease, executor)
    new = {sealed.pack: sealed for sealed in written}
    # A pack that was rewritten to what it is already (after a kill) must not be taken for an old one.
    doomed = [pack for pack in going if pack not in damaged and pack not in new]
    kept = [pack for pack in view.readable() if pack not in new and pack not in doomed]
    lease.renew()
    old = sorted(layout.index.glob("*.idx"))
    bases = _find_going_bases(view, marks) if len(old) > 1 else []
    if bases:
        bridge = _write_index(layout, view, marks, kept, written, bases)
        before_deleting()
        _remove_indexes(layout, old, bridge)
    index = _write_index(layout, view, marks, kept, written, [])
    before_deleting()
    lease.renew()
    _remove_indexes(layout, sorted(layout.index.glob("*.idx")), index)
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


def _check_other_copies(view: StoreView, marks: Marks, going: Sequence[PackId], lease: Lease) -> None:
    """Read what is needed and lies twice, once in a pack that goes: the copy that stays must be sound."""
    for pack, contents in read_all(view, going):
        lease.renew()
        elsewhere = (marks.reasons(contents.ids) > 0) & ~view.positions.first_of(pack, contents)
        is_node = np.frombuffer(contents.kinds, np.uint8) & NODE > 0
        for nodes in (False, True):
            ids = split_ids(select_ids(contents.ids, elsewhere & (is_node == nodes)))
            for first in range(0, len(ids), _BATCH):
                view.reader.read_frames(ids[first : first + _BATCH], nodes=nodes, longest=True)


def _rewrite(
    layout: Layout, view: StoreView, marks: Marks, packs: Sequence[PackId], lease: Lease, executor: Executor
) -> tuple[list[SealedPack], set[PackId]]:
    """Copy what stays of `packs` into new packs, durable; return those, and packs that are damaged."""
    damaged: set[PackId] = set()
    copier = PackCopier(view.packs, layout.temporary, executor)
    try:
        for pack, contents in read_all(view, packs):
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
        publish(sealed.temporary, layout.pack(sealed.pack))
    if written:
        fsync_directory(layout.packs)
    return written, damaged


def _find_going_bases(view: StoreView, marks: Marks) -> list[tuple[bytes, Place]]:
    """Return the bases that do not stay, with their places.

    While some of the old indexes are gone and some are not, a delta that nobody needs could be listed and its
    base
    not: who stores the same content then would take it for stored.  So these bases stay listed until all old
    indexes are gone.
    """
    bases: dict[bytes, None] = {}
    for _, contents in read_all(view, view.readable()):
        packed = b"".join(base for group in contents.bases.values() for base in group)
        bases |= dict.fromkeys(split_ids(select_ids(packed, marks.reasons(packed) == Reason.NONE)))
    places = view.lookup.places(list(bases), longest=True)
    return [(base, place) for base, place in zip(bases, places, strict=True) if place is not None]


def _write_index(
    layout: Layout,
    view: StoreView,
    marks: Marks,
    kept: Sequence[PackId],
    written: Sequence[SealedPack],
    more: Sequence[tuple[bytes, Place]],
) -> Path:
    """Write the index over all that stays and `more`, durably (O2).

    It leaves out what is not needed, for its bases may go.
    """
    packs = {*kept, *(sealed.pack for sealed in written), *(place.pack for _, place in more)}
    path = layout.index / index_name(packs)
    encoded = encode_index(packs, chain(more, _iter_records(view, marks, kept, written)))
    write_atomic(path, encoded, temporary=layout.temporary)
    return path


def _remove_indexes(layout: Layout, paths: Sequence[Path], but: Path) -> None:
    """Remove indexes durably, all but one."""
    for path in paths:
        if path != but:
            remove_file(path)
    fsync_directory(layout.index)


def _iter_records(
    view: StoreView, marks: Marks, kept: Sequence[PackId], written: Sequence[SealedPack]
) -> Iterator[tuple[bytes, Place]]:
    for pack, contents in read_all(view, kept):
        for needed, record in zip(marks.needed_in(pack, contents), records_of(pack, contents), strict=True):
            if needed:
                yield record
    for sealed in written:
        yield from sealed.records()
