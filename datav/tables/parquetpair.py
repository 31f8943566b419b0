"""Two versions of a Parquet file that share row groups or columns: only what differs is decoded.

Row groups are put in step first: those whose compared columns have the same bytes are equal, and skipped,
wherever row groups were inserted or removed between them.  Of the others, those that still have the bytes of
their key have the same rows in the same places: only the columns whose bytes differ are decoded, and compared
cell by cell.  What is left is for matching.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Container, Hashable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Protocol

import numpy as np

from datav.tables.batches import in_order
from datav.tables.hashing import fingerprint
from datav.tables.pairing import Pairing
from datav.tables.parquetversion import ParquetVersion
from datav.tables.version import U64, View

# Row groups of the other version that are tried for one, of those that look the same: nearest first.
_MOST_TRIED = 32
# Row groups compared beside the one that is waited for.
_AHEAD = 2


class SameBytes(Protocol):
    """What is known of the bytes that two files share."""

    def is_same(self, before_offset: int, after_offset: int, size: int) -> bool:
        """Whether a range of the first file has the bytes of one of the second, as far as is known."""


def pair_parquet(
    before: ParquetVersion,
    after: ParquetVersion,
    before_view: View,
    after_view: View,
    same: SameBytes,
    *,
    seed: int,
    executor: Executor,
    apart: Container[int] = frozenset(),
) -> Pairing:
    """Leave out the rows that two versions share, and compare those that their places pair.

    Args:
        before_view, after_view: as for a scan.
        same: for offsets in both files.
        seed: of 64 bits, for comparing cells.
        executor: compares row groups at the same time.
        apart: row groups of the first version that have keys which are not unique: their rows are not
            paired by key.

    Returns:
        What is left of both versions; `changed` increases on both sides.

    Raises:
        TableError: a footer, or what had to be decoded, is damaged.

    Cost: reads the footers, and of row groups with the same key the columns that differ.
    """
    sides = _Sides(before, after, before_view, after_view, same)
    everything = range(len(before_view.columns))
    equal = _in_step(sides, everything, _whole(sides))
    kept: tuple[list[int], list[int]] = ([], [])
    changed: list[tuple[U64, U64]] = []
    differing: set[int] = set()
    unchanged = sum(before.metadata[group].rows for group, _ in equal)
    for gap in _gaps(equal, sides):
        pairs = _in_step(sides, before_view.key, gap) if before_view.key else []
        pairs = [pair for pair in pairs if pair[0] not in apart]
        jobs = [partial(_compare_groups, sides, group, other, seed) for group, other in pairs]
        for (group, other), found in zip(pairs, in_order(executor, jobs, _AHEAD), strict=True):
            differ, columns = found
            differing.update(columns if len(differ) else ())
            unchanged += before.metadata[group].rows - len(differ)
            changed.append(
                (
                    differ + np.uint64(before.metadata[group].first),
                    differ + np.uint64(after.metadata[other].first),
                )
            )
        for side, taken in enumerate(zip(*pairs, strict=True) if pairs else ((), ())):
            kept[side].extend(group for group in gap[side] if group not in taken)
    pairing = Pairing(before.only(kept[0]), after.only(kept[1]), unchanged=unchanged)
    if not changed:
        return pairing
    places = np.concatenate([old for old, _ in changed]), np.concatenate([new for _, new in changed])
    return replace(pairing, changed=places, differing=tuple(sorted(differing)))


def shares_rows(
    before: ParquetVersion,
    after: ParquetVersion,
    before_view: View,
    after_view: View,
    same: SameBytes,
) -> bool:
    """Whether any row groups have the same key, or without one the same rows, as far as is known."""
    sides = _Sides(before, after, before_view, after_view, same)
    return bool(_in_step(sides, before_view.key or range(len(before_view.columns)), _whole(sides)))


def has_same_columns(
    before: ParquetVersion,
    after: ParquetVersion,
    before_view: View,
    after_view: View,
    same: SameBytes,
    positions: Sequence[int],
) -> bool:
    """Whether some columns of the views have the same bytes from front to back, as far as is known."""
    sides = _Sides(before, after, before_view, after_view, same)
    old, new = _whole(sides)
    return len(old) == len(new) and all(sides.is_equal(group, group, positions) for group in old)


Groups = tuple[range, range]
"""Row groups of both versions that lie between two that are in step."""


@dataclass(frozen=True, slots=True)
class _Sides:
    before: ParquetVersion
    after: ParquetVersion
    before_view: View
    after_view: View
    same: SameBytes

    def describe(self, side: int, group: int, columns: Sequence[int]) -> Hashable:
        """Return what two row groups have in common if some columns of the view have the same bytes in both.

        None if they cannot be compared as bytes.
        """
        version, view = ((self.before, self.before_view), (self.after, self.after_view))[side]
        found: list[Hashable] = [version.metadata[group].rows]
        for position in columns:
            column = view.columns[position]
            # What is read as another type differs in more than bytes.
            found.append(str(version.types[column]))
            for leaf in version.leaves_of(column):
                chunk = version.chunks[group][leaf]
                if chunk is None:
                    return None
                found += [version.leaves[leaf], chunk.size, chunk.codec]
        return tuple(found)

    def is_equal(self, group: int, other: int, columns: Sequence[int]) -> bool:
        """Whether some columns of two row groups have the same bytes, which mean the same."""
        described = self.describe(0, group, columns)
        return (
            described is not None
            and described == self.describe(1, other, columns)
            and self.has_same_bytes(group, other, columns)
        )

    def has_same_bytes(self, group: int, other: int, columns: Sequence[int]) -> bool:
        """The same, of row groups of which `describe` says the same."""
        for position in columns:
            leaves = self.before.leaves_of(self.before_view.columns[position])
            others = self.after.leaves_of(self.after_view.columns[position])
            for leaf, other_leaf in zip(leaves, others, strict=True):
                old, new = self.before.chunks[group][leaf], self.after.chunks[other][other_leaf]
                assert old is not None
                assert new is not None
                if not self.same.is_same(old.offset, new.offset, old.size):
                    return False
        return True


def _whole(sides: _Sides) -> Groups:
    return range(len(sides.before.metadata)), range(len(sides.after.metadata))


def _in_step(sides: _Sides, columns: Sequence[int], groups: Groups) -> list[tuple[int, int]]:
    """Return pairs of row groups with the same bytes in some columns; both sides increase."""
    candidates: dict[Hashable, list[int]] = defaultdict(list)
    for other in groups[1]:
        candidates[sides.describe(1, other, columns)].append(other)
    candidates.pop(None, None)
    found: list[tuple[int, int]] = []
    taken: set[int] = set()
    # Where the row group before went: the next one most likely follows.
    expected = groups[1].start
    for group in groups[0]:
        others = candidates.get(sides.describe(0, group, columns), [])
        for other in _nearest(others, expected):
            if other not in taken and sides.has_same_bytes(group, other, columns):
                found.append((group, other))
                taken.add(other)
                expected = other + 1
                break
        else:
            expected += 1
    return _increasing(found)


def _nearest(numbers: Sequence[int], wanted: int) -> list[int]:
    """Return the numbers nearest to `wanted`, the nearest first."""
    at = bisect_left(numbers, wanted)
    near = numbers[max(0, at - _MOST_TRIED) : at + _MOST_TRIED]
    return sorted(near, key=lambda number: (abs(number - wanted), number))[:_MOST_TRIED]


def _increasing(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the most pairs whose second numbers increase, of pairs whose first do."""
    lowest: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for number, (_, other) in enumerate(pairs):
        length = bisect_left(lowest, other)
        before.append(ends[length - 1] if length else -1)
        lowest[length : length + 1] = [other]
        ends[length : length + 1] = [number]
    chosen = []
    at = ends[-1] if ends else -1
    while at >= 0:
        chosen.append(pairs[at])
        at = before[at]
    return chosen[::-1]


def _gaps(pairs: Sequence[tuple[int, int]], sides: _Sides) -> Iterator[Groups]:
    whole = _whole(sides)
    ends = [(-1, -1), *pairs, (whole[0].stop, whole[1].stop)]
    for (old, new), (next_old, next_new) in pairwise(ends):
        if next_old - old > 1 or next_new - new > 1:
            yield range(old + 1, next_old), range(new + 1, next_new)


def _compare_groups(sides: _Sides, group: int, other: int, seed: int) -> tuple[U64, list[int]]:
    """Return the numbers, within their row group, of the rows that differ, and in which columns of the view.

    The row groups have the same keys, row by row.
    """
    differing = [
        position
        for position in range(len(sides.before_view.columns))
        if position not in sides.before_view.key and not sides.is_equal(group, other, (position,))
    ]
    if not differing:
        return np.zeros(0, np.uint64), []
    old = _fingerprints(sides.before, sides.before_view, group, differing, seed)
    new = _fingerprints(sides.after, sides.after_view, other, differing, seed)
    return np.flatnonzero(old != new).astype(np.uint64), differing


def _fingerprints(
    version: ParquetVersion, view: View, group: int, positions: Sequence[int], seed: int
) -> U64:
    """Return fingerprints of some columns of a view, of the rows of a row group."""
    columns = [view.columns[position] for position in positions]
    types = [view.types[position] for position in positions]
    found = [
        fingerprint(batch.columns, (), batch.num_rows, seed)[1]
        for batch in version.read_group(group, columns, types)
    ]
    return np.concatenate(found) if found else np.zeros(0, np.uint64)
