"""Where in our file rows of theirs are, and where their new rows go.

A new row goes behind the row that it follows in theirs, as far as ours has that, and behind what ours added
there; rows behind all others of theirs are appended.  So two scans: of theirs, for the row that each new one
follows; of ours, for where those are.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datav.merging.matching import NO_ROWS, is_in, row_ids
from datav.tables.jsonl import JsonLinesVersion
from datav.tables.text import Span, TextVersion
from datav.tables.version import I64, U64, Prints, TableVersion, View


class Anchors(NamedTuple):
    """What new rows of theirs follow, in step with these."""

    prints: U64
    """Of the row before; meaningless where there is none."""
    is_first: NDArray[np.bool_]
    """Nothing that ours has comes before it in its part."""
    is_last: NDArray[np.bool_]
    """Nothing that ours has comes behind it."""
    parts: I64
    """Which part each lies in."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a version that are scanned; between them lie rows that all versions have."""

    starts: U64
    """What names the first row that may be there; increasing."""
    ends: U64
    """The boundary behind the last one."""
    end: int
    """The boundary behind all rows of the version."""

    def of(self, ids: U64) -> I64:
        """Return which parts rows lie in."""
        return np.searchsorted(self.starts, ids, side="right") - 1

    @property
    def reaches_end(self) -> bool:
        return bool(len(self.ends)) and int(self.ends[-1]) == self.end


class Located(NamedTuple):
    """Rows of ours."""

    prints: U64
    """Sorted; of a row that is there several times as often."""
    places: U64
    """In step; of equal prints in the order of the file."""
    boundaries: U64
    """Before what a row goes that follows this one: behind what ours added there."""
    first_boundaries: U64
    """For each part, before what a row goes that comes before all others in it."""

    def find(self, prints: U64) -> I64:
        """Return the number of the first row with each of some prints; -1 where there is none."""
        if not len(self.prints):
            return np.full(len(prints), -1, np.int64)
        at = np.minimum(np.searchsorted(self.prints, prints), len(self.prints) - 1)
        return np.where(self.prints[at] == prints, at, -1)

    def without(self, gone: NDArray[np.bool_]) -> "Located":
        kept = ~gone
        return self._replace(
            prints=self.prints[kept], places=self.places[kept], boundaries=self.boundaries[kept]
        )


def parts_of(version: TableVersion, spans: Sequence[Span] | None) -> Parts:
    """Return the parts of a version that are scanned; None: there is one, all of it."""
    end = end_of(version)
    if spans is None:
        return Parts(np.zeros(1, np.uint64), np.array([end], np.uint64), end)
    bounds = np.array(spans, np.uint64).reshape(-1, 2)
    return Parts(bounds[:, 0].copy(), bounds[:, 1].copy(), end)


def find_anchors(
    theirs: TableVersion, parts: Parts, view: View, new: U64, absent: U64, seed: int, executor: Executor
) -> Anchors:
    """Return what new rows follow.

    Args:
        parts: of theirs.
        view: of theirs; the prints of its keys, or without a key of its rows, name rows.
        new: their places, increasing.
        absent: prints of other rows that ours has not got, sorted.
    """
    ids = row_ids(theirs, new)
    prints, is_first = np.zeros(len(new), np.uint64), np.ones(len(new), bool)
    own = parts.of(ids)
    last: tuple[np.uint64, int] | None = None
    seen = 0
    until = 0
    for block in theirs.scan(view, seed, executor):
        block_ids = row_ids(theirs, block.places)
        mine = is_in(block_ids, ids)
        there = np.flatnonzero(~mine & ~is_in(block.keys, absent))
        rows = np.flatnonzero(mine)
        before = np.searchsorted(there, rows) - 1
        found = slice(seen, seen + len(rows))
        first = before < 0
        if len(there):
            prints[found] = block.keys[there[np.maximum(before, 0)]]
            first |= parts.of(block_ids[there[np.maximum(before, 0)]]) != own[found]
        if last is not None:
            goes_on = (before < 0) & (own[found] == last[1])
            prints[found][goes_on] = last[0]
            first &= ~goes_on
        is_first[found] = first
        if len(there):
            last = block.keys[there[-1]], int(parts.of(block_ids[there[-1:]])[0])
            until = seen + int(np.searchsorted(rows, there[-1]))
        seen += len(rows)
    is_last = (np.arange(len(new)) >= until) & (own == len(parts.starts) - 1) & parts.reaches_end
    return Anchors(prints, is_first, is_last, own)


def locate_rows(
    ours: TableVersion, parts: Parts, view: View, wanted: U64, added: U64, seed: int, executor: Executor
) -> Located:
    """Find rows of ours by their prints.

    Args:
        parts: of ours.
        wanted: the prints; sorted.
        added: places of the rows that ours added, increasing.
    """
    search = _Search(wanted, row_ids(ours, added), parts)
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

    def __init__(self, wanted: U64, added: U64, parts: Parts) -> None:
        self._wanted = wanted
        self._added = added
        self._parts = parts
        self._found: list[_Found] = []
        self._open: list[tuple[U64, I64]] = []
        """Arrays of boundaries, and which of them no row has ended yet."""
        self._first = parts.ends.copy()
        self._begun = np.zeros(len(parts.ends), bool)

    def add(self, block: Prints, ids: U64) -> None:
        if not len(ids):
            return
        old = np.flatnonzero(~is_in(ids, self._added))
        if len(old):
            self._end_open(ids[old])
        rows = np.flatnonzero(is_in(block.keys, self._wanted))
        if not len(rows):
            return
        own = self._parts.of(ids[rows])
        after = np.searchsorted(old, rows, side="right")
        is_known = after < len(old)
        # Until a row of its own part shows up, the end of that is what it goes before.
        boundaries = self._parts.ends[own]
        behind = ids[old[after[is_known]]]
        boundaries[is_known] = np.minimum(boundaries[is_known], behind)
        if not is_known.all():
            unknown = np.flatnonzero(~is_known)
            self._open.append((boundaries, unknown))
        self._found.append(_Found(block.keys[rows], block.places[rows], boundaries))

    def _end_open(self, old: U64) -> None:
        """Take rows that ours has not added: the first of each part, and what ends those that are open."""
        for boundaries, rows in self._open:
            boundaries[rows] = np.minimum(boundaries[rows], old[0])
        self._open.clear()
        own, first = np.unique(self._parts.of(old), return_index=True)
        fresh = ~self._begun[own]
        self._first[own[fresh]] = old[first[fresh]]
        self._begun[own] = True

    def result(self) -> Located:
        prints, places, boundaries = (
            np.concatenate(parts) if parts else NO_ROWS for parts in self._columns()
        )
        order = np.argsort(prints, kind="stable")
        return Located(prints[order], places[order], boundaries[order], self._first)

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
    boundaries[anchors.is_first] = located.first_boundaries[anchors.parts[anchors.is_first]]
    boundaries[anchors.is_last] = end
    return boundaries
