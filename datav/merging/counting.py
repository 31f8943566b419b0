"""Rows without a key, or whose key is not unique: counted by all of their cells.

Counts merge as numbers.  What both sides did in the same direction happened once, the larger of the two; else
the differences add up.  That both edited one row can be told only by where it stood: of rows that are gone
on both sides, what each side has in their place.  As many new rows as are gone are these in order; of more or
fewer, those are that have most cells in common.
"""

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datav.merging.matching import NO_ROWS, SideMatch, Touched, is_in, prints_at, row_ids
from datav.tables.hashing import fingerprint
from datav.tables.version import I64, U64, TableVersion, View

# Rows of a place in base times those that came there: beyond this nobody can tell which are each other's.
_MOST_PAIRS = 2**12


@dataclass(frozen=True, slots=True)
class Counted:
    """What becomes of rows that are counted; places as `take` wants them."""

    changed_by_both: tuple[U64, U64, U64]
    """In base, ours, theirs; in step, by place in base."""
    removed_changed: Touched
    changed_removed: Touched
    removed: U64
    """Prints of rows that go from ours, each once; sorted."""
    removed_counts: I64
    removed_from: U64
    """In step: where base has the first of those that theirs removed."""
    added: U64
    """Places in theirs of rows that come in, as often as they occur here."""
    ours_only: int
    theirs_only: int
    same_change: int


class Whole(NamedTuple):
    """A version, and the view of the columns that all three have."""

    version: TableVersion
    view: View
    key: tuple[int, ...]
    """Positions in the view; empty without a key."""


@dataclass(slots=True)
class _Rows:
    """Some rows of one version, each as often as it is more of them."""

    places: U64
    counts: I64
    prints: U64

    def without(self, gone: NDArray[np.bool_]) -> "_Rows":
        return _Rows(self.places[~gone], self.counts[~gone], self.prints[~gone])


class _Side(NamedTuple):
    removed: _Rows
    added: _Rows


def count_rows(
    base: Whole,
    sides: tuple[Whole, Whole],
    matches: tuple[SideMatch, SideMatch],
    seed: int,
    executor: Executor,
    *,
    tell: bool,
) -> Counted:
    """Merge the counts of rows.

    Args:
        tell: pair the rows that both sides edited, where it can be told.
    """
    ours, theirs = (_side(base, side, match, seed) for side, match in zip(sides, matches, strict=True))
    hunks = _Hunks([], [], [])
    if tell:
        hunks = _find_hunks(base, sides, matches, (ours, theirs), seed, executor)
        ours, theirs = hunks.rest(base.version, sides, ours, theirs)
    prints, first, second = _differences(ours, theirs)
    alike = np.sign(first) * np.sign(second) > 0
    shared = np.where(alike, np.minimum(np.abs(first), np.abs(second)), 0)
    # What is left to be done to ours: all that theirs did, but for what ours did too.
    more = np.where(alike, np.sign(second) * (np.abs(second) - shared), second)
    fewer = more < 0
    return Counted(
        changed_by_both=hunks.triples(),
        removed_changed=Touched(*_columns(hunks.removed_changed, 2)),
        changed_removed=Touched(*_columns(hunks.changed_removed, 2)),
        removed=prints[fewer],
        removed_counts=-more[fewer],
        removed_from=_first_places(theirs.removed, prints[fewer]),
        added=np.sort(np.repeat(_first_places(theirs.added, prints[more > 0]), more[more > 0])),
        ours_only=int((np.abs(first) - shared).sum()),
        theirs_only=int((np.abs(second) - shared).sum()),
        same_change=int(shared.sum()),
    )


def _side(base: Whole, side: Whole, match: SideMatch, seed: int) -> _Side:
    found = []
    for whole, surplus in ((base, match.matched.surplus_before), (side, match.matched.surplus_after)):
        prints = prints_at(whole.version, surplus.places, whole.view, seed)
        found.append(_Rows(surplus.places, surplus.counts.astype(np.int64), prints))
    return _Side(*found)


def _differences(ours: _Side, theirs: _Side) -> tuple[U64, I64, I64]:
    """Return all prints, sorted, and of how many rows each side has more than base."""
    prints = np.unique(np.concatenate([rows.prints for side in (ours, theirs) for rows in side]))
    counts = []
    for side in (ours, theirs):
        found = np.zeros(len(prints), np.int64)
        np.add.at(found, np.searchsorted(prints, side.added.prints), side.added.counts)
        np.subtract.at(found, np.searchsorted(prints, side.removed.prints), side.removed.counts)
        counts.append(found)
    return prints, counts[0], counts[1]


def _first_places(rows: _Rows, prints: U64) -> U64:
    """Return the places of rows with these prints."""
    order = np.argsort(rows.prints, kind="stable")
    return rows.places[order[np.searchsorted(rows.prints[order], prints)]] if len(prints) else NO_ROWS


@dataclass(slots=True)
class _Hunks:
    """Rows that are told to be each other's."""

    both: list[tuple[int, int, int]]
    removed_changed: list[tuple[int, int]]
    """Places in base and theirs."""
    changed_removed: list[tuple[int, int]]
    """Places in base and ours."""

    def triples(self) -> tuple[U64, U64, U64]:
        columns = _columns(self.both, 3)
        return columns[0], columns[1], columns[2]

    def rest(
        self, base: TableVersion, sides: tuple[Whole, Whole], ours: _Side, theirs: _Side
    ) -> tuple[_Side, _Side]:
        """Return what is left to be counted."""
        pairs = [*self.removed_changed, *self.changed_removed]
        gone = row_ids(base, np.array([row[0] for row in [*self.both, *pairs]], np.uint64))
        mine = [row[1] for row in [*self.both, *self.changed_removed]]
        other = [*(row[2] for row in self.both), *(row[1] for row in self.removed_changed)]
        return _without(base, gone, sides[0].version, mine, ours), _without(
            base, gone, sides[1].version, other, theirs
        )


def _without(base: TableVersion, gone: U64, version: TableVersion, places: list[int], side: _Side) -> _Side:
    paired = np.sort(row_ids(version, np.array(places, np.uint64)))
    return _Side(
        side.removed.without(is_in(row_ids(base, side.removed.places), np.sort(gone))),
        side.added.without(is_in(row_ids(version, side.added.places), paired)),
    )


class _Marked(NamedTuple):
    """Rows of a version by where they stand among those that were not touched."""

    places: U64
    slots: I64
    """How many untouched rows come before each; not decreasing."""

    def in_slot(self, slot: int) -> U64:
        first, end = np.searchsorted(self.slots, [slot, slot + 1])
        return self.places[first:end]


def _find_hunks(
    base: Whole,
    sides: tuple[Whole, Whole],
    matches: tuple[SideMatch, SideMatch],
    touched: tuple[_Side, _Side],
    seed: int,
    executor: Executor,
) -> _Hunks:
    found = _Hunks([], [], [])
    single = [_single(side.removed) for side in touched]
    common = np.intersect1d(row_ids(base.version, single[0]), row_ids(base.version, single[1]))
    if not len(common):
        return found
    gone = [
        _all_ids(base.version, places, match.matched.removed)
        for places, match in zip(single, matches, strict=True)
    ]
    asks = [_Ask(ids, places, _NO_SLOTS) for ids, places in zip(gone, single, strict=True)]
    removed = [
        _Marked(places, told.slots)
        for places, told in zip(single, _survey(base, asks, seed, executor), strict=True)
    ]
    wanted = [np.unique(marked.slots) for marked in removed]
    asks = [_Ask(ids, NO_ROWS, slots) for ids, slots in zip(gone, wanted, strict=True)]
    around = [told.around for told in _survey(base, asks, seed, executor)]
    added, aligned = [], []
    for number, (whole, side, match) in enumerate(zip(sides, touched, matches, strict=True)):
        places = _single(side.added)
        new = _all_ids(whole.version, places, match.matched.added)
        (told,) = _survey(whole, [_Ask(new, places, wanted[number])], seed, executor)
        added.append(_Marked(places, told.slots))
        aligned.append(set(wanted[number][(told.around == around[number]).all(axis=1)].tolist()))
    successors = [
        _successors(base, whole, gone_rows, new_rows, common, told)
        for whole, gone_rows, new_rows, told in zip(sides, removed, added, aligned, strict=True)
    ]
    for place in sorted(successors[0].keys() & successors[1].keys()):
        mine, other = successors[0][place], successors[1][place]
        if mine is not None and other is not None:
            found.both.append((place, mine, other))
        elif other is not None:
            found.removed_changed.append((place, other))
        elif mine is not None:
            found.changed_removed.append((place, mine))
    return found


def _successors(
    base: Whole, side: Whole, removed: "_Marked", added: "_Marked", common: U64, aligned: set[int]
) -> dict[int, int | None]:
    """Return what became of rows of base that are gone: the row in its place, None where it was removed.

    Rows of which it cannot be told are left out.

    Args:
        common: what names the rows that are gone on both sides, sorted.
        aligned: the slots whose neighbours are the same in both versions.
    """
    found: dict[int, int | None] = {}
    wanted = is_in(row_ids(base.version, removed.places), common)
    for slot in np.unique(removed.slots[wanted]).tolist():
        if slot in aligned:
            found |= _pair_slot(base, side, removed.in_slot(slot), added.in_slot(slot))
    return found


def _pair_slot(base: Whole, side: Whole, old: U64, new: U64) -> dict[int, int | None]:
    """Pair the rows that went from one place with those that came there: as many in order, others by what
    they have in common."""
    if len(old) == len(new):
        return dict(zip(old.tolist(), new.tolist(), strict=True))
    found: dict[int, int | None] = dict.fromkeys(old.tolist())
    if not len(new):
        return found
    if len(old) * len(new) > _MOST_PAIRS:
        return {}
    for first, second in align_rows(_cell_prints(base, old), _cell_prints(side, new)):
        found[int(old[first])] = int(new[second])
    return found


def _cell_prints(whole: Whole, places: U64) -> list[U64]:
    """Return what tells the cells of some rows apart, column by column."""
    table = whole.version.take(places, whole.view.columns, whole.view.types)
    return [fingerprint([column], (), len(table), 0)[1] for column in table.columns]


def align_rows(old: Sequence[U64], new: Sequence[U64]) -> list[tuple[int, int]]:
    """Return which rows are each other's, in the order of both, so that they have most cells in common.

    Rows without a cell in common are not paired; of several ways the one that pairs the first rows counts.

    Args:
        old, new: for each column the prints of its cells.

    Cost: rows of both multiplied.
    """
    alike = sum(one[:, None] == other[None, :] for one, other in zip(old, new, strict=True))
    alike = np.asarray(alike, np.int64)
    best = np.zeros((alike.shape[0] + 1, alike.shape[1] + 1), np.int64)
    for first, second in product(*map(reversed, map(range, alike.shape))):
        paired = best[first + 1, second + 1] + alike[first, second]
        best[first, second] = max(paired, best[first + 1, second], best[first, second + 1])
    pairs, first, second = [], 0, 0
    while first < alike.shape[0] and second < alike.shape[1]:
        score = alike[first, second]
        if score and best[first, second] == best[first + 1, second + 1] + score:
            pairs.append((first, second))
            first, second = first + 1, second + 1
        elif best[first, second] == best[first + 1, second]:
            first += 1
        else:
            second += 1
    return pairs


def _single(rows: _Rows) -> U64:
    return np.sort(rows.places[rows.counts == 1])


def _all_ids(version: TableVersion, counted: U64, keyed: U64) -> U64:
    return np.sort(row_ids(version, np.concatenate([counted, keyed])))


_NO_SLOTS: I64 = np.zeros(0, np.int64)


class _Ask(NamedTuple):
    """What is to be found out of a version."""

    touched: U64
    """What names the rows that do not count, sorted."""
    places: U64
    """Rows whose slots are wanted; increasing."""
    slots: I64
    """Slots whose neighbours are wanted; increasing."""


class _Told(NamedTuple):
    slots: I64
    """Of the rows at `places`: how many untouched rows come before each."""
    around: U64
    """Prints of the untouched rows before and behind each slot, shape (n, 2); 0 where there is none.  By the
    key, if there is one: a row that was changed in place stays what it is."""


def _survey(whole: Whole, asks: Sequence[_Ask], seed: int, executor: Executor) -> list[_Told]:
    """Return where rows stand among those that were not touched.  Cost: a scan."""
    surveys = [_Survey(whole.version, ask) for ask in asks]
    view = View(whole.view.columns, whole.key, whole.view.types)
    for block in whole.version.scan(view, seed, executor):
        ids = row_ids(whole.version, block.places)
        for survey in surveys:
            survey.add(ids, block.keys)
    return [survey.told() for survey in surveys]


class _Survey:
    def __init__(self, version: TableVersion, ask: _Ask) -> None:
        self._ask = ask
        self._ids = row_ids(version, ask.places)
        self._wanted = np.unique(np.concatenate([ask.slots - 1, ask.slots]))
        self._prints = np.zeros(len(self._wanted), np.uint64)
        self._slots: list[I64] = []
        self._count = 0

    def add(self, ids: U64, prints: U64) -> None:
        free = np.flatnonzero(~is_in(ids, self._ask.touched))
        marked = np.flatnonzero(is_in(ids, self._ids))
        self._slots.append(self._count + np.searchsorted(free, marked))
        first, end = np.searchsorted(self._wanted, [self._count, self._count + len(free)])
        self._prints[first:end] = prints[free[self._wanted[first:end] - self._count]]
        self._count += len(free)

    def told(self) -> _Told:
        slots = np.concatenate([_NO_SLOTS, *self._slots])
        at = [np.searchsorted(self._wanted, self._ask.slots + shift) for shift in (-1, 0)]
        return _Told(slots, np.stack([self._prints[side] for side in at], axis=1))


def _columns(rows: Sequence[tuple[int, ...]], width: int) -> tuple[U64, ...]:
    table = np.array(sorted(rows), np.uint64).reshape(-1, width)
    return tuple(np.ascontiguousarray(table[:, number]) for number in range(width))
