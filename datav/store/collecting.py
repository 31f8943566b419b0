"""Collecting: what becomes of each pack when only what is needed is to stay.

A plan is a value and changes nothing; `datav.store.sweeping` carries it out.  What is needed is
`datav.store.marking`'s; here it is completed by what deltas rest on.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from datav.errors import FormatError, IntegrityError
from datav.formats.pack import PackContents
from datav.ids import PackId
from datav.store.contents import index_over
from datav.store.layout import Layout
from datav.store.lookup import Lookup
from datav.store.marking import Marks, Reason
from datav.store.packs import LocalPacks, Packs
from datav.store.positions import Positions, lengths_of, select_ids
from datav.store.reading import Reader

# A pack with more than this share of needed bytes is left alone: copying it costs more than it gives back.
KEEP_SHARE = 0.75
# Each command that writes leaves a pack; many small ones make every lookup and every transfer slower.
SMALL_PACK = 4 * 2**20
MAX_SMALL_PACKS = 32

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


class StoreView:
    """A store as a collector sees it: packs that no index covers are seen too.

    Such packs are what a killed writer or collector left, or what a lost or damaged index covered: only
    marking tells. Indexes that are damaged count as lost.

    Args:
        lookup: one that checks indexes, and that is the view's own.
    """

    def __init__(self, packs: Packs, lookup: Lookup) -> None:
        self.packs = packs
        self.lookup = lookup
        self.reader = Reader(packs, lookup)
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
        self.sizes = self.packs.sizes()
        self.indexed = self.lookup.packs() & self.sizes.keys()
        self.unreadable = {}
        adopted: dict[PackId, PackContents] = {}
        for pack in sorted(self.sizes.keys() - self.indexed):
            try:
                contents = self.packs.read_contents(pack)
            except FormatError as exc:
                self.unreadable[pack] = str(exc)
                continue
            if contents is not None:
                adopted[pack] = contents
        self.orphans = set(adopted)
        if adopted:
            self.lookup.adopt([index_over(adopted)])
        self.positions = Positions(self.lookup.indexes)

    def readable(self) -> list[PackId]:
        """Every pack that can be read."""
        return sorted(self.sizes.keys() - self.unreadable.keys())


def view_of(layout: Layout) -> StoreView:
    """Return the local store there as a collector sees it."""
    return StoreView(LocalPacks(layout), Lookup(layout, checked=True))


def mark_packs(view: StoreView, marks: Marks, packs: set[PackId], reason: Reason) -> None:
    """Mark all that these packs hold."""
    for _, contents in read_all(view, sorted(packs)):
        marks.add(contents.ids, reason)


def mark_bases(view: StoreView, marks: Marks) -> None:
    """Mark what the deltas that stay need.  Reads the tables of contents of all packs, usually twice."""
    changed = True
    while changed:
        changed = False
        for pack, contents in read_all(view, view.readable()):
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
    for pack, contents in read_all(view, view.readable()):
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


def read_all(view: StoreView, packs: Sequence[PackId]) -> Iterator[tuple[PackId, PackContents]]:
    """Yield packs with their contents, but for those that are gone."""
    for pack in packs:
        contents = view.packs.read_contents(pack)
        if contents is not None:
            yield pack, contents
