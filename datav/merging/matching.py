"""Which rows of three versions are each other's: each side is matched with base, and the two with each other.

A row of base is known by its place in base, a row of a side by its place there.  Rows whose key is unique in
all three versions are joined by key; all others are counted by all of their cells, see `counting`.
"""

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datav.errors import TableError
from datav.storage.scratch import Scratch
from datav.tables.hashing import fingerprint
from datav.tables.matching import Matched, match_rows
from datav.tables.options import DiffOptions
from datav.tables.text import TextVersion
from datav.tables.version import U64, TableVersion, View
from datav.tables.views import Compared, choose_views

# Rows whose keys are in memory at a time.
_ROWS = 2**17
_LENGTH_BITS = np.uint64(20)
NO_ROWS: U64 = np.zeros(0, np.uint64)


@dataclass(frozen=True, slots=True)
class SideMatch:
    """One side, matched with base."""

    compared: Compared
    matched: Matched

    @property
    def has_key(self) -> bool:
        return self.compared.has_key


class Touched(NamedTuple):
    """Rows of base that a side removed or changed, and what became of them; in step, by place in base."""

    base: U64
    side: U64


@dataclass(frozen=True, slots=True)
class Joined:
    """What became of every row that a side touched and whose key is unique.  Places, as `take` wants them."""

    changed_by_both: tuple[U64, U64, U64]
    """In base, ours, theirs; in step."""
    changed_by_theirs: Touched
    removed_by_theirs: U64
    """In base; ours has them as they were."""
    removed_changed: Touched
    """Ours removed, theirs changed: in base and theirs."""
    changed_removed: Touched
    """Ours changed, theirs removed: in base and ours."""
    removed_by_ours: U64
    """In base; all of them."""
    added_by_both: Touched
    """In ours and theirs."""
    added_by_theirs: U64
    ours_only: int
    """How many rows ours alone touched."""
    removed_by_both: int


def match_sides(
    base: TableVersion,
    sides: tuple[TableVersion, TableVersion],
    names: tuple[Sequence[str], Sequence[str]],
    key: tuple[str, ...],
    widened: tuple[bool, bool],
    seed: int,
    scratch: Scratch,
    executor: Executor,
    suspects: U64 | None = None,
) -> tuple[SideMatch, SideMatch]:
    """Match each side with base.

    Args:
        names: for each side the columns that are compared.
        widened: whether some of these are columns that base has not got.
        suspects: fingerprints of the keys that are not unique in any version, where that is known.

    Raises:
        TableError: the key is not of one type; a version is no table.
    """
    views = [
        choose_views(base, side, DiffOptions(key=key, columns=tuple(columns), added_columns=wide))
        for side, columns, wide in zip(sides, names, widened, strict=True)
    ]
    if key:
        _check_key(views, key)
    found = [_match(compared, seed, scratch, executor, suspects) for compared in views]
    if key and suspects is None:
        repeated = [np.unique(matched.repeated) for matched in found]
        union = np.unique(np.concatenate(repeated))
        # A key that is not unique in one version is compared as that in both comparisons.
        found = [
            matched if len(own) == len(union) else _match(compared, seed, scratch, executor, union)
            for matched, own, compared in zip(found, repeated, views, strict=True)
        ]
    return SideMatch(views[0], found[0]), SideMatch(views[1], found[1])


def _check_key(views: Sequence[Compared], key: tuple[str, ...]) -> None:
    for compared in views:
        if compared.key_problem is not None:
            raise TableError(compared.key_problem)
    kinds = [[compared.before_view.types[place] for place in compared.before_view.key] for compared in views]
    for name, first, second in zip(key, *kinds, strict=True):
        is_same = first is second if first is None or second is None else bool(first.equals(second))
        if not is_same or any(name in compared.by_value for compared in views):
            raise TableError(f"the key column {name} has another type in each version")


def _match(
    compared: Compared, seed: int, scratch: Scratch, executor: Executor, suspects: U64 | None
) -> Matched:
    return match_rows(
        compared.before.scan(compared.before_view, seed, executor),
        compared.after.scan(compared.after_view, seed, executor),
        scratch,
        has_key=compared.has_key,
        suspects=suspects,
    )


def row_ids(version: TableVersion, places: U64) -> U64:
    """Return what names rows of a version whatever scan found them: of a text the offsets."""
    return places >> _LENGTH_BITS if isinstance(version, TextVersion) else places


def join_sides(base: TableVersion, ours: SideMatch, theirs: SideMatch, seed: int) -> Joined:
    """Join what two sides did to the rows whose keys are unique."""
    changed = [_by_base(base, Touched(*side.matched.changed)) for side in (ours, theirs)]
    removed = [row_ids(base, side.matched.removed) for side in (ours, theirs)]
    ids = [row_ids(base, rows.base) for rows in changed]
    both = np.isin(ids[1], ids[0], assume_unique=True)
    at = np.searchsorted(ids[0], ids[1][both])
    gone_here, gone_there = np.isin(ids[1], removed[0]), np.isin(ids[0], removed[1])
    alone = ~both & ~gone_here
    is_taken = np.isin(removed[1], np.concatenate([ids[0], removed[0]]))
    added = _pair_added(ours, theirs, seed)
    twice = int(np.isin(removed[1], removed[0]).sum())
    touched_alone = (len(ids[0]) - len(at) - int(gone_there.sum())) + (
        len(removed[0]) - twice - int(gone_here.sum())
    )
    lone_added = len(ours.matched.added) - len(added[0])
    return Joined(
        changed_by_both=(changed[0].base[at], changed[0].side[at], changed[1].side[both]),
        changed_by_theirs=Touched(changed[1].base[alone], changed[1].side[alone]),
        removed_by_theirs=theirs.matched.removed[~is_taken],
        removed_changed=Touched(changed[1].base[gone_here], changed[1].side[gone_here]),
        changed_removed=Touched(changed[0].base[gone_there], changed[0].side[gone_there]),
        removed_by_ours=ours.matched.removed,
        added_by_both=Touched(added[0], added[1]),
        added_by_theirs=added[2],
        ours_only=touched_alone + lone_added,
        removed_by_both=twice,
    )


def _by_base(base: TableVersion, rows: Touched) -> Touched:
    order = np.argsort(row_ids(base, rows.base), kind="stable")
    return Touched(rows.base[order], rows.side[order])


def _pair_added(ours: SideMatch, theirs: SideMatch, seed: int) -> tuple[U64, U64, U64]:
    """Pair the rows that both sides added with the same key: (in ours, in theirs, theirs without any)."""
    mine, other = ours.matched.added, theirs.matched.added
    if not ours.has_key or not len(mine) or not len(other):
        return NO_ROWS, NO_ROWS, other
    keys = [keys_at(side.compared, side.matched.added, seed) for side in (ours, theirs)]
    _, first, second = np.intersect1d(keys[0], keys[1], return_indices=True)
    order = np.argsort(first)
    return mine[first[order]], other[second[order]], np.delete(other, second)


def keys_at(compared: Compared, places: U64, seed: int, *, before: bool = False) -> U64:
    """Return the fingerprints of the keys of rows of a side, or of base, as scans give them.

    Without a key, of all cells of the view.

    Args:
        places: increasing.
    """
    version = compared.before if before else compared.after
    view = compared.before_view if before else compared.after_view
    return prints_at(version, places, view.key_only if compared.has_key else view, seed)


def prints_at(version: TableVersion, places: U64, view: View, seed: int) -> U64:
    """Return the fingerprints of rows, of the columns of a view."""
    found = [
        _prints(version.take(places[at : at + _ROWS], view.columns, view.types), view, seed)
        for at in range(0, len(places), _ROWS)
    ]
    return np.concatenate(found) if found else NO_ROWS


# Any: pyarrow has no types of its own that mypy could see.
def _prints(table: Any, view: View, seed: int) -> U64:
    return fingerprint(table.columns, view.key, len(table), seed)[0]


def is_in(values: U64, ordered: U64) -> NDArray[np.bool_]:
    """Return which of some values are in a sorted array."""
    if not len(ordered):
        return np.zeros(len(values), bool)
    at = np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)
    found: NDArray[np.bool_] = ordered[at] == values
    return found
