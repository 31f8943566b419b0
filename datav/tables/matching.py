"""Which rows of two versions are not the same, by their fingerprints.

Both versions are walked in step first, which cancels all rows but those near a change where the order was
kept. What is left over is matched by key, or counted as a multiset.  More than fits into memory is parted by
fingerprint to scratch files, so that memory is bounded whatever the number of rows.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datav.storage.scratch import Scratch
from datav.tables.parting import Parts
from datav.tables.version import U64, Prints
from datav.tables.walking import Step, Walk

# Rows kept in memory before they are parted, of both versions together: 24 bytes each, sorted in copies.
MAX_IN_MEMORY = 2**25
EXAMPLES = 5

_NONE = np.zeros(0, np.uint64)


class Surplus(NamedTuple):
    """Rows that one version has more of than the other."""

    places: U64
    counts: U64
    """How many rows like this one more."""


@dataclass(frozen=True, slots=True)
class Matched:
    """What became of all rows that were scanned."""

    rows_before: int
    rows_after: int
    changed: tuple[U64, U64]
    """Places of rows with the same key and other cells, in step; the first increase."""
    removed: U64
    """Places, increasing."""
    added: U64
    surplus_before: Surplus
    """Of rows without a key, or whose key is not unique: compared as a multiset."""
    surplus_after: Surplus
    unchanged: int
    duplicates: tuple[int, int] = (0, 0)
    """How many keys more than one row has, in each version."""
    repeated: U64 = field(default_factory=lambda: np.zeros(0, np.uint64))
    """Fingerprints of such keys, in either version."""


def match_rows(
    before: Iterator[Prints],
    after: Iterator[Prints],
    scratch: Scratch,
    *,
    has_key: bool,
    suspects: U64 | None = None,
    on_step: "Callable[[Step], None] | None" = None,
    max_in_memory: int = MAX_IN_MEMORY,
) -> Matched:
    """Match the rows of two versions.

    Args:
        before, after: the fingerprints of all rows, in the order of the files.
        has_key: rows are matched by key; else all are compared as a multiset.
        suspects: fingerprints of the keys that are not unique in either version, sorted, where that is known
            of the whole versions; None: it is found out here, so the scans must be of whole versions.
        on_step: is told what each stretch of the walk gave, while what was scanned last is still at hand.
        max_in_memory: rows of both versions together; what goes beyond is parted to scratch files.

    Cost: one pass; 24 bytes a row that the walk could not cancel, and 8 for each row if `suspects` is None.
    """
    wants_keys = has_key and suspects is None
    walk = Walk(before, after)
    rows = ("places", "keys", "rows")
    # Of rows that were paired and differ the two sides are parted alike, so they stay in step.
    rest, pairs = Parts(scratch, max_in_memory, rows), Parts(scratch, max_in_memory, rows)
    common = Parts(scratch, max_in_memory, ("keys",))
    for step in walk:
        if on_step is not None:
            on_step(step)
        for side in (0, 1):
            rest.add(side, step.left[side])
            pairs.add(side, step.differing[side])
        if wants_keys:
            common.add(0, (step.keys,))
    parts = max(store.wanted_parts() for store in (rest, pairs, common))
    found = [
        _match_part(
            _Rows(rest.read(0, number, parts), rest.read(1, number, parts)),
            _Rows(pairs.read(0, number, parts), pairs.read(1, number, parts)),
            common.read(0, number, parts)[0],
            suspects,
            has_key=has_key,
        )
        for number in range(parts)
    ]
    return _join(found, walk)


class _Rows(NamedTuple):
    """Rows of both versions: places, keys, rows of each."""

    before: tuple[U64, ...]
    after: tuple[U64, ...]


@dataclass(slots=True)
class _Part:
    """What one part gave; lists so that parts are joined at the end."""

    changed: tuple[U64, U64]
    removed: U64
    added: U64
    surplus: tuple[Surplus, Surplus]
    unchanged: int
    duplicates: tuple[int, int]
    repeated: U64


def _match_part(left: _Rows, pairs: _Rows, common: U64, suspects: U64 | None, *, has_key: bool) -> _Part:
    if not has_key:
        # Rows of the same key are equal then, so none were paired that differ.
        surplus, equal = _count(left.before, left.after)
        return _Part((_NONE, _NONE), _NONE, _NONE, surplus, equal, (0, 0), _NONE)
    repeated, counts = (suspects, (0, 0)) if suspects is not None else _find_suspects(left, common)
    changed = pairs.before[0], pairs.after[0]
    single, twins = left, _Rows(*(tuple(column[:0] for column in side) for side in left))
    if len(repeated):
        single, twins, still = _set_apart(left, pairs, repeated)
        changed = changed[0][still], changed[1][still]
    surplus, equal_twins = _count(twins.before, twins.after)
    more, removed, added, equal = _match_keys(single.before, single.after)
    changed = np.concatenate([changed[0], more[0]]), np.concatenate([changed[1], more[1]])
    return _Part(changed, removed, added, surplus, equal + equal_twins, counts, repeated)


def _find_suspects(left: _Rows, common: U64) -> tuple[U64, tuple[int, int]]:
    """Return the keys that more than one row of either version has, and how many those are in each.

    Args:
        common: keys of rows that were paired.
    """
    ordered = np.sort(common)
    twice = find_repeated(ordered, is_sorted=True)
    repeated = []
    for side in left:
        keys = np.sort(side[1])
        again = find_repeated(keys, is_sorted=True)
        repeated.append(np.unique(np.concatenate([twice, again, keys[_is_in(keys, ordered)]])))
    return np.unique(np.concatenate(repeated)), (len(repeated[0]), len(repeated[1]))


def _is_in(values: U64, ordered: U64) -> NDArray[np.bool_]:
    if not len(ordered):
        return np.zeros(len(values), bool)
    at = np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)
    found: NDArray[np.bool_] = ordered[at] == values
    return found


def _set_apart(left: _Rows, pairs: _Rows, repeated: U64) -> tuple[_Rows, _Rows, NDArray[np.bool_]]:
    """Part rows whose keys are unique from those whose are not; and say which pairs are of the former."""
    torn = np.isin(pairs.before[1], repeated)
    single, twins = [], []
    for side, paired in zip(left, pairs, strict=True):
        apart = np.isin(side[1], repeated)
        single.append(tuple(column[~apart] for column in side))
        twins.append(tuple(np.concatenate([a[apart], b[torn]]) for a, b in zip(side, paired, strict=True)))
    return _Rows(single[0], single[1]), _Rows(twins[0], twins[1]), ~torn


def find_repeated(values: U64, *, is_sorted: bool = False) -> U64:
    """Return the values that occur more than once, sorted, each once."""
    ordered = values if is_sorted else np.sort(values)
    again = ordered[1:][ordered[1:] == ordered[:-1]]
    return np.unique(again) if len(again) else again


def _match_keys(before: tuple[U64, ...], after: tuple[U64, ...]) -> tuple[tuple[U64, U64], U64, U64, int]:
    """Match rows by keys that are unique on both sides: (changed pairs, removed, added, number of equal)."""
    order_a, order_b = np.argsort(before[1]), np.argsort(after[1])
    keys_a, keys_b = before[1][order_a], after[1][order_b]
    at = np.searchsorted(keys_b, keys_a)
    at_clipped = np.minimum(at, max(0, len(keys_b) - 1))
    has_match = keys_b[at_clipped] == keys_a if len(keys_b) else np.zeros(len(keys_a), bool)
    rows_a, rows_b = order_a[has_match], order_b[at_clipped[has_match]]
    differ = before[2][rows_a] != after[2][rows_b]
    is_matched = np.zeros(len(keys_b), bool)
    is_matched[rows_b] = True
    changed = before[0][rows_a[differ]], after[0][rows_b[differ]]
    by_place = np.argsort(changed[0], kind="stable")
    return (
        (changed[0][by_place], changed[1][by_place]),
        np.sort(before[0][order_a[~has_match]]),
        np.sort(after[0][~is_matched]),
        int(len(differ) - differ.sum()),
    )


def _count(before: tuple[U64, ...], after: tuple[U64, ...]) -> tuple[tuple[Surplus, Surplus], int]:
    """Compare rows as a multiset: what each side has more of, and how many are equal."""
    kinds_a, first_a, counts_a = _kinds(before[2])
    kinds_b, first_b, counts_b = _kinds(after[2])
    there_b = _counts_of(kinds_a, kinds_b, counts_b)
    there_a = _counts_of(kinds_b, kinds_a, counts_a)
    return (
        (_surplus(before[0], first_a, counts_a, there_b), _surplus(after[0], first_b, counts_b, there_a)),
        int(np.minimum(counts_a, there_b).sum()),
    )


def _kinds(rows: U64) -> tuple[U64, NDArray[np.int64], NDArray[np.int64]]:
    kinds, first, counts = np.unique(rows, return_index=True, return_counts=True)
    return kinds, first.astype(np.int64), counts.astype(np.int64)


def _counts_of(wanted: U64, kinds: U64, counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """How often each of `wanted` occurs on the other side."""
    if not len(kinds):
        return np.zeros(len(wanted), np.int64)
    at = np.minimum(np.searchsorted(kinds, wanted), len(kinds) - 1)
    return np.where(kinds[at] == wanted, counts[at], 0)


def _surplus(
    places: U64, first: NDArray[np.int64], here: NDArray[np.int64], there: NDArray[np.int64]
) -> Surplus:
    more = here > there
    found, counts = places[first[more]], (here - there)[more].astype(np.uint64)
    order = np.argsort(found, kind="stable")
    return Surplus(found[order], counts[order])


def _join(parts: list[_Part], walk: Walk) -> Matched:
    pairs = tuple(np.concatenate([part.changed[side] for part in parts]) for side in (0, 1))
    order = np.argsort(pairs[0], kind="stable")
    surplus = tuple(_join_surplus([part.surplus[side] for part in parts]) for side in (0, 1))
    before, after = walk.rows
    return Matched(
        rows_before=before,
        rows_after=after,
        changed=(pairs[0][order], pairs[1][order]),
        removed=np.sort(np.concatenate([part.removed for part in parts])),
        added=np.sort(np.concatenate([part.added for part in parts])),
        surplus_before=surplus[0],
        surplus_after=surplus[1],
        unchanged=walk.cancelled + sum(part.unchanged for part in parts),
        duplicates=(
            sum(part.duplicates[0] for part in parts),
            sum(part.duplicates[1] for part in parts),
        ),
        repeated=np.concatenate([part.repeated for part in parts]),
    )


def _join_surplus(parts: list[Surplus]) -> Surplus:
    places = np.concatenate([part.places for part in parts])
    counts = np.concatenate([part.counts for part in parts])
    order = np.argsort(places, kind="stable")
    return Surplus(places[order], counts[order])
