"""Two versions walked in step: rows of the same key are paired where the order was kept.

That settles nearly all rows of most comparisons; what is left over is for sorting.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datav.core.rows import align_rows
from datav.tables.version import U64, Prints

# Rows that the walk looks ahead for an insertion or a deletion.
_WINDOW = 64
STEP = 2**18
"""Rows of each side that are walked at a time."""


class Step(NamedTuple):
    """What a stretch of the walk gave."""

    left: tuple[Prints, Prints]
    """Rows of each version that found nothing in the other."""
    differing: tuple[Prints, Prints]
    """Rows with the same key and other cells, in step."""
    keys: U64
    """Of all rows that were paired."""


class Walk:
    """Walks two versions in step; pairs rows of the same key."""

    def __init__(self, before: Iterator[Prints], after: Iterator[Prints]) -> None:
        self._sides = (_Pending(before), _Pending(after))
        self.cancelled = 0
        """Rows that were paired and are equal."""

    @property
    def rows(self) -> tuple[int, int]:
        return self._sides[0].total, self._sides[1].total

    def __iter__(self) -> Iterator[Step]:
        before, after = self._sides
        while True:
            a, b = before.fill(STEP), after.fill(STEP)
            if not len(a.rows) or not len(b.rows):
                break
            left_a, left_b, ends = _align(a.keys, b.keys)
            is_last = before.is_done and after.is_done
            # Rows behind the last pair may find theirs in what comes next, unless they are most of it.
            sizes = len(a.rows), len(b.rows)
            if not is_last and all(end > n // 2 for end, n in zip(ends, sizes, strict=True)):
                sizes = ends
                left_a, left_b = left_a[left_a < ends[0]], left_b[left_b < ends[1]]
            yield self._step(a, b, left_a, left_b, sizes)
            before.drop(sizes[0])
            after.drop(sizes[1])
        for number, side in enumerate(self._sides):
            while len((rest := side.fill(STEP)).rows):
                yield Step((rest, _NOTHING) if number == 0 else (_NOTHING, rest), (_NOTHING, _NOTHING), _NONE)
                side.drop(len(rest.rows))

    def _step(
        self,
        a: Prints,
        b: Prints,
        left_a: NDArray[np.int64],
        left_b: NDArray[np.int64],
        sizes: tuple[int, int],
    ) -> Step:
        paired_a, paired_b = _all_but(left_a, sizes[0]), _all_but(left_b, sizes[1])
        differs = a.rows[paired_a] != b.rows[paired_b]
        self.cancelled += len(differs) - int(differs.sum())
        return Step(
            (_pick(a, left_a), _pick(b, left_b)),
            (_pick(a, paired_a[differs]), _pick(b, paired_b[differs])),
            a.keys[paired_a],
        )


_NONE = np.zeros(0, np.uint64)
_NOTHING = Prints(_NONE, _NONE, _NONE)


def _all_but(left: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    kept = np.ones(size, bool)
    kept[left] = False
    return np.flatnonzero(kept)


def _align(a: U64, b: U64) -> tuple[NDArray[np.int64], NDArray[np.int64], tuple[int, int]]:
    """Return the rows of each side that the walk leaves over, and where behind the last match both stand."""
    left_a, left_b = (
        np.frombuffer(found, np.uint64).astype(np.int64) for found in align_rows(a.data, b.data, _WINDOW)
    )
    return left_a, left_b, (_end_of_matches(left_a, len(a)), _end_of_matches(left_b, len(b)))


def _end_of_matches(left: NDArray[np.int64], n: int) -> int:
    """The end of `range(n)` without the numbers at its end that are in `left`."""
    tail = left[::-1] == np.arange(n - 1, n - 1 - len(left), -1)
    run = len(tail) if tail.all() else int(np.argmin(tail))
    return n - run


def _pick(prints: Prints, rows: NDArray[np.int64]) -> Prints:
    keys = prints.keys[rows]
    return Prints(prints.places[rows], keys, keys if prints.keys is prints.rows else prints.rows[rows])


class _Pending:
    """Rows of one version that have not been walked yet."""

    def __init__(self, prints: Iterator[Prints]) -> None:
        self._prints = prints
        none = np.zeros(0, np.uint64)
        self._held = Prints(none, none, none)
        self.is_done = False
        self.total = 0

    def fill(self, wanted: int) -> Prints:
        """Return up to `wanted` rows, fewer only at the end."""
        parts, size = [self._held], len(self._held.rows)
        while size < wanted and not self.is_done:
            more = next(self._prints, None)
            if more is None:
                self.is_done = True
            else:
                parts.append(more)
                size += len(more.rows)
                self.total += len(more.rows)
        if len(parts) > 1:
            self._held = Prints(*(np.concatenate(column) for column in zip(*parts, strict=True)))
        return Prints(*(column[:wanted] for column in self._held))

    def drop(self, rows: int) -> None:
        self._held = Prints(*(column[rows:] for column in self._held))
