"""What two texts share, line by line, where nothing is known of it: both are walked in step."""

import secrets
from collections.abc import Iterator
from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datav.core.rows import align_rows
from datav.tables.shared import Gap
from datav.tables.text import TextVersion
from datav.tables.version import U64, View

# Lines that the walk looks ahead for an insertion or a deletion, and lines of each side walked at a time.
_WINDOW = 64
_STEP = 2**18
# Bytes between two gaps below which they are one: what is known of a gap is worth some lines.
_NEAR = 2**12

_WHOLE_LINE = View((0,), (), (None,))
# Odd, so that different sizes stay different.
_SIZE_FACTOR = np.uint64(0x9E3779B97F4A7C15)


def find_line_gaps(before: TextVersion, after: TextVersion, executor: Executor) -> list[Gap]:
    """Return the gaps between lines that both texts have in the same order.

    Args:
        before, after: texts of one column.

    Raises:
        TableError: a line is more than one cell.

    Cost: reads both, at the speed of fingerprints; 24 bytes a line for a bounded number of lines.
    """
    seed = secrets.randbits(64)
    sides = _Lines(before, seed, executor), _Lines(after, seed, executor)
    # A mark that only one of them has is a difference.
    done = (before.body, after.body) if before.body == after.body else (0, 0)
    gaps: list[Gap] = []
    while True:
        a, b = sides[0].fill(_STEP), sides[1].fill(_STEP)
        if not len(a.starts) or not len(b.starts):
            break
        found_a, found_b = _pair(a.prints, b.prints)
        sizes = len(a.starts), len(b.starts)
        if len(found_a):
            for gap in _between(done, a, b, found_a, found_b):
                _add(gaps, gap)
            done = int(a.ends[found_a[-1]]), int(b.ends[found_b[-1]])
            ends = int(found_a[-1]) + 1, int(found_b[-1]) + 1
            # Lines behind the last pair may find theirs in what comes next, unless they are most of it.
            if all(end > size // 2 for end, size in zip(ends, sizes, strict=True)):
                sizes = ends
        for side, size in zip(sides, sizes, strict=True):
            side.drop(size)
    if done != (before.source.size, after.source.size):
        _add(gaps, Gap(done[0], before.source.size, done[1], after.source.size))
    return gaps


def _add(gaps: list[Gap], gap: Gap) -> None:
    if gaps and gap.before_start - gaps[-1].before_end < _NEAR:
        last = gaps.pop()
        gap = Gap(last.before_start, gap.before_end, last.after_start, gap.after_end)
    gaps.append(gap)


class _Some(NamedTuple):
    """Some lines that follow upon each other; all of shape (n,)."""

    starts: U64
    ends: U64
    """Where the next line begins: blank ones are passed over."""
    prints: U64
    """Of what is in a line, and of its size."""


class _Lines:
    """Lines of one text that have not been walked yet."""

    def __init__(self, text: TextVersion, seed: int, executor: Executor) -> None:
        self._more = _scan(text, seed, executor)
        none = np.zeros(0, np.uint64)
        self._held = _Some(none, none, none)

    def fill(self, wanted: int) -> _Some:
        """Return up to `wanted` lines, fewer only at the end."""
        parts, size = [self._held], len(self._held.starts)
        while size < wanted and (more := next(self._more, None)) is not None:
            parts.append(more)
            size += len(more.starts)
        if len(parts) > 1:
            self._held = _Some(*(np.concatenate(column) for column in zip(*parts, strict=True)))
        return _Some(*(column[:wanted] for column in self._held))

    def drop(self, count: int) -> None:
        self._held = _Some(*(column[count:] for column in self._held))


def _scan(text: TextVersion, seed: int, executor: Executor) -> Iterator[_Some]:
    for records in text.scan_records(_WHOLE_LINE, seed, executor):
        ends = np.append(records.starts[1:], np.uint64(records.end))
        yield _Some(records.starts, ends, records.rows ^ (ends - records.starts) * _SIZE_FACTOR)


def _pair(a: U64, b: U64) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the numbers of lines that both have, in step."""
    left = [np.frombuffer(found, np.uint64).astype(np.int64) for found in align_rows(a.data, b.data, _WINDOW)]
    paired = []
    for side, gone in zip((a, b), left, strict=True):
        kept = np.ones(len(side), bool)
        kept[gone] = False
        paired.append(np.flatnonzero(kept))
    return paired[0], paired[1]


def _between(
    done: tuple[int, int], a: _Some, b: _Some, found_a: NDArray[np.int64], found_b: NDArray[np.int64]
) -> Iterator[Gap]:
    """Yield the gaps before and between paired lines; those near each other as one."""
    starts = a.starts[found_a].astype(np.int64), b.starts[found_b].astype(np.int64)
    ends = a.ends[found_a].astype(np.int64), b.ends[found_b].astype(np.int64)
    opens = [np.concatenate([[first], end[:-1]]) for first, end in zip(done, ends, strict=True)]
    numbers = np.flatnonzero((starts[0] > opens[0]) | (starts[1] > opens[1]))
    if not len(numbers):
        return
    apart = opens[0][numbers[1:]] - starts[0][numbers[:-1]] >= _NEAR
    first = numbers[np.concatenate([[True], apart])]
    last = numbers[np.concatenate([apart, [True]])]
    columns = (opens[0][first], starts[0][last], opens[1][first], starts[1][last])
    for gap in zip(*(column.tolist() for column in columns), strict=True):
        yield Gap(*gap)
