"""A remote as a collector sees it, and what becomes of each of its packs.

Nothing is changed here.  The orders are in docs/formats/remote.md; what differs from the local store is that
others write meanwhile: what lies in a pack that stays remains listed, needed or not, and so does what it
rests on (R5), for a pusher may have seen it and rely on it.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datav.errors import BusyError, FormatError, IntegrityError
from datav.formats.index import Index, Place, encode_index, open_index
from datav.formats.pack import PackContents
from datav.ids import PackId
from datav.storage.durable import remove_file
from datav.store.collecting import KEEP_SHARE, MAX_SMALL_PACKS, SMALL_PACK, PackPlan, StoreView, read_all
from datav.store.contents import index_over
from datav.store.lookup import Lookup, OpenIndex
from datav.store.marking import Marks, Reason
from datav.store.positions import Positions, lengths_of
from datav.store.remote import RemoteStore
from datav.store.remotecache import RemoteCache
from datav.store.remoteindexing import INDEX_FRAMES
from datav.store.remotepacks import in_parallel


class _Relied:
    """The cached indexes, and the packs that nobody is about to delete."""

    def __init__(self, cache: RemoteCache, condemned: frozenset[PackId]) -> None:
        self._cache = cache
        self._condemned = condemned

    @property
    def index(self) -> Path:
        return self._cache.index

    def list_packs(self) -> set[PackId]:
        return (self._cache.listed or {}).keys() - self._condemned


class RemoteView(StoreView):
    """A remote, when it was last refreshed, as a collector sees it.

    Packs that a broken collection was about to delete count as the last copy of what lies nowhere else, and
    as nothing more: others take them for gone, and what their deltas rest on may be gone.

    Args:
        condemned: such packs.
        copies: packs that this collection has written; what lies in one as well as elsewhere counts there.

    Raises:
        IntegrityError: an index is damaged, or a pack that one names.
        BusyError: another command of this clone has changed what is kept here of the indexes.
    """

    def __init__(
        self, remote: RemoteStore, condemned: frozenset[PackId], copies: Collection[PackId] = ()
    ) -> None:
        self._remote = remote
        self.condemned = condemned
        self._copies = copies
        self.opened: frozenset[str] = frozenset()
        """The names of the indexes of the remote that it sees: all that were listed."""
        super().__init__(remote.packs, Lookup(_Relied(remote.cache, condemned), checked=True))

    def refresh(self) -> None:
        """Make the positions of what was listed."""
        self.lookup.adopt([])
        self.lookup.refresh()
        self._check_indexes()
        self.sizes = self.packs.sizes()
        self._read_contents()
        covered = self.lookup.packs()
        self.condemned &= self.sizes.keys()
        self.indexed = (covered & self.sizes.keys()) - self.condemned
        for pack in sorted(self.indexed & self.unreadable.keys()):
            raise IntegrityError(
                f"pack {pack.short} of {self._remote.shown} is damaged: {self.unreadable[pack]}",
                hint=f"run `datav verify --remote {self._remote.name}`; until then nothing is collected",
            )
        self.orphans = self.sizes.keys() - covered - self.condemned - self.unreadable.keys()
        copies = [*self._index_over(self.orphans & set(self._copies))]
        others = [*self._index_over(self.orphans - set(self._copies))]
        self.lookup.adopt([*copies, *others])
        last = [*self._index_over_last(Positions(self.lookup.indexes))]
        self.lookup.adopt([*copies, *others, *last])
        adopted = len(copies) + len(others) + len(last)
        entries = self.lookup.indexes
        first = len(entries) - adopted
        self.positions = Positions(_moved_to_front(entries, first, len(copies)))

    def iter_contents(self, packs: Iterable[PackId]) -> Iterator[tuple[PackId, PackContents]]:
        """Yield packs with what they say they hold."""
        return read_all(self, sorted(packs))

    def readable_but(self, packs: Collection[PackId]) -> list[PackId]:
        """Every pack that can be read, but for these."""
        return [pack for pack in self.readable() if pack not in packs]

    def _check_indexes(self) -> None:
        """See that every index that was listed is opened.

        Of a pack that another index names, too, it may list what that one does not.
        """
        for name in sorted(self._remote.broken):
            if name.startswith("index/"):
                shown = name.removeprefix("index/")[:12]
                raise IntegrityError(
                    f"index {shown} of {self._remote.shown} is damaged: {self._remote.broken[name]};"
                    " nothing was deleted",
                    hint=f"run `datav repair --remote {self._remote.name}`",
                )
        for name in self.lookup.broken:
            # What rotted here can be had again.
            remove_file(self._remote.cache.index / name)
        opened = {entry.path.name for entry in self.lookup.indexes}
        self.opened = frozenset(opened & self._remote.index_infos.keys())
        if len(self.opened) < len(self._remote.index_infos):
            raise BusyError(
                f"what is kept here of the indexes of {self._remote.shown} was changed by another command"
                " of this clone",
                hint="run it again",
            )

    def _read_contents(self) -> None:
        """Bring the tables of contents of all packs here, several at a time."""
        self.unreadable = {}
        gone = set()
        for pack, what in in_parallel(
            self._remote.executor, self._remote.jobs, self._look, sorted(self.sizes)
        ):
            if what == "":
                gone.add(pack)
            elif what is not None:
                self.unreadable[pack] = what
        self.sizes = {pack: size for pack, size in self.sizes.items() if pack not in gone}

    def _look(self, pack: PackId) -> tuple[PackId, str | None]:
        """Return what is wrong with a pack, if something is; nothing in particular of one that is gone."""
        try:
            return pack, None if self._remote.inline_packs.read_contents(pack) is not None else ""
        except FormatError as exc:
            return pack, str(exc)

    def _index_over(self, packs: Iterable[PackId]) -> Iterator[Index]:
        batch: dict[PackId, PackContents] = {}
        frames = 0
        for pack, contents in self.iter_contents(packs):
            batch[pack] = contents
            frames += len(contents)
            if frames >= INDEX_FRAMES:
                yield index_over(batch)
                batch, frames = {}, 0
        if batch:
            yield index_over(batch)

    def _index_over_last(self, others: Positions) -> Iterator[Index]:
        """Index what lies in condemned packs and nowhere else."""
        packs: set[PackId] = set()
        records: list[tuple[bytes, Place]] = []
        for pack, contents in self.iter_contents(self.condemned - self.unreadable.keys()):
            is_last = ~others.has(contents.ids)
            records += select_records(pack, contents, is_last)
            packs.add(pack)
            if len(records) >= INDEX_FRAMES:
                yield open_index(encode_index(packs, records), "in memory")
                packs, records = set(), []
        if records:
            yield open_index(encode_index(packs, records), "in memory")


def select_records(
    pack: PackId, contents: PackContents, chosen: NDArray[np.bool_]
) -> list[tuple[bytes, Place]]:
    """Return what an index says of those frames of a pack that are chosen."""
    offsets = contents.offsets()
    return [
        (contents.id(number), Place(pack, offsets[number], contents.lengths[number]))
        for number in np.flatnonzero(chosen).tolist()
    ]


def _moved_to_front(entries: Sequence[OpenIndex], first: int, count: int) -> list[OpenIndex]:
    return [*entries[first : first + count], *entries[:first], *entries[first + count :]]


def plan_packs(
    view: RemoteView,
    marks: Marks,
    *,
    staying: Collection[PackId] = (),
    going: Collection[PackId] | None = None,
) -> list[PackPlan]:
    """Decide what becomes of each pack, and mark all that must remain listed for it (R5).

    Args:
        staying: packs that are kept as they are, whatever is needed in them.
        going: the only packs that may go, and of which none is rewritten any more: one that is needed stays.
    """
    planner = _Planner(view, marks, frozenset(staying), None if going is None else frozenset(going))
    return planner.plan()


class _Planner:
    def __init__(
        self, view: RemoteView, marks: Marks, staying: frozenset[PackId], going: frozenset[PackId] | None
    ) -> None:
        self._view = view
        self._marks = marks
        self._staying = staying
        self._going = going
        self._joins = going is None and self._has_many_small()

    def plan(self) -> list[PackPlan]:
        plans: dict[PackId, PackPlan] = {}
        changed = True
        while changed:
            changed = False
            for pack, contents in self._view.iter_contents(self._view.readable()):
                held = plans.get(pack)
                if held is not None and held.action == "keep":
                    continue
                needed = self._marks.needed_in(pack, contents) > 0
                plan = plans[pack] = self._decide(pack, contents, needed)
                if plan.action == "keep":
                    needed[:] = True
                    changed |= _mark_new(self._marks, contents.ids, Reason.KEPT)
                if plan.action != "delete":
                    changed |= self._mark_bases(contents, needed)
        damaged = [
            PackPlan(pack, self._view.sizes[pack], 0, "keep", f"damaged: {what}")
            for pack, what in sorted(self._view.unreadable.items())
        ]
        return [*(plans[pack] for pack in sorted(plans)), *damaged]

    def _decide(self, pack: PackId, contents: PackContents, is_needed: NDArray[np.bool_]) -> PackPlan:
        size = self._view.sizes[pack]
        lengths = lengths_of(contents)
        needed, total = int(lengths[is_needed].sum()), int(lengths.sum())
        if pack in self._staying:
            return PackPlan(pack, size, needed, "keep", "it is younger than the grace period, or damaged")
        if self._going is not None:
            if pack in self._going and not needed:
                return PackPlan(pack, size, 0, "delete", "nothing in it is needed")
            return PackPlan(pack, size, needed, "keep", "something in it is needed, or it is new")
        if not needed:
            return PackPlan(pack, size, 0, "delete", "nothing in it is needed")
        if pack in self._view.condemned:
            return PackPlan(pack, size, needed, "rewrite", "a collection that broke off may have deleted it")
        if needed < KEEP_SHARE * total:
            return PackPlan(pack, size, needed, "rewrite", f"{100 * needed // total}% of it is needed")
        if self._joins and size < SMALL_PACK:
            return PackPlan(pack, size, needed, "rewrite", "one of many small packs, to be joined")
        return PackPlan(pack, size, needed, "keep", "most of it is needed")

    def _has_many_small(self) -> bool:
        view, marks = self._view, self._marks
        small = [p for p in view.readable() if view.sizes[p] < SMALL_PACK and p not in self._staying]
        if len(small) <= MAX_SMALL_PACKS:
            return False
        count = sum(
            1 for pack, contents in view.iter_contents(small) if marks.needed_in(pack, contents).any()
        )
        return count > MAX_SMALL_PACKS

    def _mark_bases(self, contents: PackContents, chosen: NDArray[np.bool_]) -> bool:
        bases = dict.fromkeys(
            base for number, group in contents.bases.items() if chosen[number] for base in group
        )
        return bool(bases) and _mark_new(self._marks, b"".join(bases), Reason.BASE)


def _mark_new(marks: Marks, ids: bytes, reason: Reason) -> bool:
    """Mark ids; return whether any of them is stored and was not marked."""
    before = marks.reasons(ids) == Reason.NONE
    return bool(before.any() and (marks.add(ids, reason) & before).any())


def listable(contents: PackContents, marks: Marks) -> NDArray[np.bool_]:
    """Return which frames of a pack that stays can be read: what they rest on is marked, and so is there."""
    result: NDArray[np.bool_] = np.ones(len(contents), np.bool_)
    for number, group in contents.bases.items():
        result[number] = bool(marks.reasons(b"".join(group)).all())
    return result


def check_confirmed(view: RemoteView, marks: Marks, packs: Iterable[PackId]) -> None:
    """See that all that is marked lies in `packs`.

    Raises:
        IntegrityError: indexes and packs contradict each other.
    """
    for _, contents in view.iter_contents(packs):
        marks.confirm(contents.ids)
    unconfirmed = marks.count_unconfirmed()
    if unconfirmed:
        raise IntegrityError(
            f"{unconfirmed} entries of indexes are not in the packs that would stay",
            hint="run `datav verify --remote`; nothing was collected",
        )
