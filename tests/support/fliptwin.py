"""Flips of labels counted the plain way, from what the twin of the row diff (rowtwin.py) has found.

This is the definition that tests hold `datav.tables.labelflips` to: which pairs of labels are certain is
found out by trying all ways to pair rows.
"""

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations, permutations
from math import comb, perm

from tests.support.rowtwin import Change, PlainTable, TwinDiff, frozen

Pairs = Counter[tuple[Hashable, Hashable]]

# Ways to pair rows that are tried.
_MOST_WAYS = 5000


@dataclass
class TwinFlips:
    """Rows whose label changed, and nothing else."""

    by_key: int = 0
    by_features: int = 0
    with_changes: int = 0
    """Rows matched by key whose label changed, and another cell too."""
    undecided: int = 0
    pairs: Pairs = field(default_factory=Counter)


def count_flips(
    before: PlainTable, after: PlainTable, key: Sequence[str], label: str, found: TwinDiff
) -> TwinFlips:
    """Count flips among the changes of two tables."""
    flips = TwinFlips()
    repeated = set(_repeated_keys(before, key)) | set(_repeated_keys(after, key))
    groups: dict[Hashable, tuple[list[Hashable], list[Hashable]]] = {}
    for change, number in found.changes.items():
        cells = dict(change.cells)
        if change.op == "changed":
            _count_changed(flips, change, number, label)
        elif not key or tuple(cells[name] for name in key) in repeated:
            features = frozenset((name, cell) for name, cell in cells.items() if name != label)
            sides = groups.setdefault(features, ([], []))
            sides[change.op == "added"].extend([cells[label]] * number)
    for old, new in groups.values():
        paired = min(len(old), len(new))
        flips.by_features += paired
        certain = _certain_pairs(old, new)
        if certain is None:
            flips.undecided += paired
        else:
            flips.pairs += certain
    return flips


def _repeated_keys(table: PlainTable, key: Sequence[str]) -> Iterator[Hashable]:
    keys = Counter(tuple(frozen(row[name]) for name in key) for row in table.rows)
    return (each for each, number in keys.items() if number > 1)


def _count_changed(flips: TwinFlips, change: Change, number: int, label: str) -> None:
    old, new = dict(change.cells), dict(change.after)
    if label not in old:
        return
    if len(old) > 1:
        flips.with_changes += number
        return
    flips.by_key += number
    flips.pairs[old[label], new[label]] += number


def _certain_pairs(old: list[Hashable], new: list[Hashable]) -> Pairs | None:
    """Return what became of which label, if there is one answer."""
    few, many = sorted((old, new), key=len)
    if not few:
        return Counter()
    if comb(len(many), len(few)) * perm(len(few)) > _MOST_WAYS:
        # One label that gives all, or takes all, leaves no choice; any other does.
        is_certain = len(set(many)) == 1 or (len(set(few)) == 1 and len(few) == len(many))
        return _pairs(many[: len(few)], few, is_swapped=few is old) if is_certain else None
    ways = {
        frozenset(_pairs(way, few, is_swapped=few is old).items())
        for chosen in combinations(many, len(few))
        for way in permutations(chosen)
    }
    return Counter(dict(ways.pop())) if len(ways) == 1 else None


def _pairs(some: Sequence[Hashable], others: Sequence[Hashable], *, is_swapped: bool) -> Pairs:
    pairs = zip(others, some, strict=True) if is_swapped else zip(some, others, strict=True)
    return Counter(pairs)
