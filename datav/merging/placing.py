"""Where in our file rows of theirs are, and where their new rows go.

A new row goes behind the row that it follows in theirs, as far as ours has that, and behind what ours added
there; rows behind all others of theirs are appended.  So two scans: of theirs, for the row that each new one
follows; of ours, for where those are.
"""

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datav.merging.matching import NO_ROWS, is_in, row_ids
from datav.tables.jsonl import JsonLinesVersion
from datav.tables.text import TextVersion
from datav.tables.version import I64, U64, Prints, TableVersion, View


class Anchors(NamedTuple):
    """What new rows of theirs follow, in step with these."""

    prints: U64
    """Of the row before; meaningless where there is none."""
    is_first: NDArray[np.bool_]
    """Nothing that ours has comes before it."""
    is_last: NDArray[np.bool_]
    """Nothing that ours has comes behind it."""


class Located(NamedTuple):
    """Rows of ours."""

    prints: U64
    """Sorted; of a row that is there several times as often."""
    places: U64
    """In step; of equal prints in the order of the file."""
    boundaries: U64
    """Before what a row goes that follows this one: behind what ours added there."""
    first_boundary: int
    """Before what a row goes that comes before all others."""

    def find(self, prints: U64) -> I64:
        """Return the number of the first row with each of some prints; -1 where there is none."""
        if not len(self.prints):
            return np.full(len(prints), -1, np.int64)
        at = np.minimum(np.searchsorted(self.prints, prints), len(self.prints) - 1)
        return np.where(self.prints[at] == prints, at, -1)


def find_anchors(
    theirs: TableVersion, view: View, new: U64, absent: U64, seed: int, executor: Executor
) -> Anchors:
    """Return what new rows follow.

    Args:
        view: of theirs; the prints of its keys, or without a key of its rows, name rows.
        new: their places, increasing.
        absent: prints of other rows that ours has not got, sorted.
    """
    ids = row_ids(theirs, new)
    prints, is_first = np.zeros(len(new), np.uint64), np.ones(len(new), bool)
    last: np.uint64 | None = None
    seen = 0
    until = 0
    for block in theirs.scan(view, seed, executor):
        mine = is_in(row_ids(theirs, block.places), ids)
        there = np.flatnonzero(~mine & ~is_in(block.keys, absent))
        rows = np.flatnonzero(mine)
        before = np.searchsorted(there, rows) - 1
        found = slice(seen, seen + len(rows))
        if len(there):
            prints[found] = block.keys[there[np.maximum(before, 0)]]
        is_first[found] = before < 0
        if last is not None and (before < 0).any():
            prints[found][before < 0] = last
            is_first[found] = False
        if len(there):
            last = block.keys[there[-1]]
            until = seen + int(np.searchsorted(rows, there[-1]))
        seen += len(rows)
    return Anchors(prints, is_first, np.arange(len(new)) >= until)


def locate_rows(
    ours: TableVersion, view: View, wanted: U64, added: U64, seed: int, executor: Executor
) -> Located:
    """Find rows of ours by their prints.

    Args:
        wanted: the prints; sorted.
        added: places of the rows that ours added, increasing.
    """
    search = _Search(wanted, row_ids(ours, added), end_of(ours))
    for block in ours.scan(view, seed, executor):
        search.add(block, row_ids(ours, block.places))
    return search.result()


def end_of(version: TableVersion) -> int:
    """Return the boundary behind all rows."""
    if isinstance(version, TextVersion | JsonLinesVersion):
        return version.source.size
    count = version.row_count
    assert count is not None, "what is no text says how many rows it has"
    return count


@dataclass(slots=True)
class _Found:
    prints: U64
    places: U64
    boundaries: U64


class _Search:
    """Takes ours block by block.  What a row's boundary is shows in the row behind it."""

    def __init__(self, wanted: U64, added: U64, end: int) -> None:
        self._wanted = wanted
        self._added = added
        self._end = end
        self._found: list[_Found] = []
        self._open: list[tuple[U64, I64]] = []
        """Arrays of boundaries, and which of them no row has ended yet."""
        self._first: int | None = None

    def add(self, block: Prints, ids: U64) -> None:
        if not len(ids):
            return
        old = np.flatnonzero(~is_in(ids, self._added))
        if len(old):
            boundary = ids[old[0]]
            for boundaries, rows in self._open:
                boundaries[rows] = boundary
            self._open.clear()
            if self._first is None:
                self._first = int(boundary)
        rows = np.flatnonzero(is_in(block.keys, self._wanted))
        if not len(rows):
            return
        after = np.searchsorted(old, rows, side="right")
        is_known = after < len(old)
        boundaries = np.full(len(rows), self._end, np.uint64)
        boundaries[is_known] = ids[old[after[is_known]]]
        if not is_known.all():
            self._open.append((boundaries, np.flatnonzero(~is_known)))
        self._found.append(_Found(block.keys[rows], block.places[rows], boundaries))

    def result(self) -> Located:
        prints, places, boundaries = (
            np.concatenate(parts) if parts else NO_ROWS for parts in self._columns()
        )
        order = np.argsort(prints, kind="stable")
        first = self._end if self._first is None else self._first
        return Located(prints[order], places[order], boundaries[order], first)

    def _columns(self) -> Iterator[list[U64]]:
        yield [found.prints for found in self._found]
        yield [found.places for found in self._found]
        yield [found.boundaries for found in self._found]


def place_rows(anchors: Anchors, located: Located, end: int) -> U64:
    """Return the boundary of each new row."""
    found = located.find(anchors.prints)
    # What follows a row that is not found after all, as it may be with twins, comes last.
    boundaries = np.full(len(found), end, np.uint64)
    known = found >= 0
    boundaries[known] = located.boundaries[found[known]]
    boundaries[anchors.is_first] = located.first_boundary
    boundaries[anchors.is_last] = end
    return boundaries
