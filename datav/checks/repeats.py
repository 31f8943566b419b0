"""Rows and values that are there more than once, in one table or in two: by 128 bits of their fingerprints.

A first pass compares 64 bits; only of rows that agree in these a second pass takes 64 other ones, of another
seed.  So what is told apart costs eight bytes a row, and what is not is the same: two different ones agree by
chance in fewer than one of 10**20 comparisons of tables of a billion rows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow
import pyarrow.compute as pc

from datav.checks.cells import Cells, Mask, as_mask, is_whole, take_cells
from datav.checks.finding import Finding
from datav.checks.promises import KEPT, MOST_EXAMPLES, Promise, counted, name, shown
from datav.checks.scanning import Batch, read_batches
from datav.checks.subject import Subject
from datav.checks.valuecounts import Mode, written
from datav.checks.verdicts import tell_repeated
from datav.profiles.arrays import I64, U64, count_sorted
from datav.tables.arrays import flags, integers, numbers
from datav.tables.cellvalues import cell_text, cell_values
from datav.tables.hashing import fold_cells

# Any two numbers; fixed, so that the same data gives the same answer.
FIRST_SEED = 0x243F6A8885A308D3
_SECOND_SEED = 0x13198A2E03707344

# In front of what a cell means; no text of a table has it.
_MARK = pyarrow.scalar("\0", pyarrow.large_string())
_NOTHING = pyarrow.scalar("", pyarrow.large_string())

As = Mode | None
"""What makes two cells one: their meaning as numbers or times, how they are written; None: their type."""


# Any, here and below: pyarrow has no types of its own that mypy could see.
@dataclass(frozen=True, slots=True)
class Identity:
    """What makes two rows one: some columns, and how each of them is compared."""

    columns: tuple[str, ...]
    ways: tuple[As, ...]

    def prints(self, batch: Batch, seed: int) -> tuple[Mask, U64]:
        """Return which rows have a cell that is not null in these columns, and the fingerprints of all."""
        found = np.full(batch.rows, seed, np.uint64)
        filled = np.zeros(batch.rows, bool)
        for column, way in zip(self.columns, self.ways, strict=True):
            cells = batch.cells(column)
            filled |= as_mask(pc.is_valid(cells.plain))
            fold_cells(found, [_comparable(cells, way)], seed)
        return filled, found


def _comparable(cells: Cells, way: As) -> Any:
    """Return cells in a type in which equal ones are equal, whatever table they are of."""
    if way is None:
        return cells.plain
    places = np.flatnonzero(as_mask(pc.is_valid(cells.plain)))
    texts = written(cells) if way == "text" else _meanings(cells, way)
    if len(places) == len(cells.plain):
        return texts
    spread = np.full(len(cells.plain), -1, np.int64)
    spread[places] = np.arange(len(places))
    return texts.take(pc.if_else(flags(spread >= 0), integers(spread), None))


def _meanings(cells: Cells, way: Mode) -> Any:
    """Return what cells mean as texts that nobody writes, and those that mean nothing as they are."""
    mask, values = cells.numbers if way == "number" else cells.times
    own = numbers(values).cast(pyarrow.large_string())
    if values.dtype == np.float64:
        # As the integers that they are in another batch, or in the other table.
        is_int = is_whole(values) & (np.abs(values) <= 2.0**53)
        whole = numbers(np.where(is_int, values, 0).astype(np.int64)).cast(pyarrow.large_string())
        own = pc.if_else(flags(is_int), whole, own)
    told = pc.binary_join_element_wise(_MARK, own, _NOTHING)
    if mask.all():
        return told
    texts = written(cells)
    return pc.replace_with_mask(texts, flags(mask), told) if len(told) else texts


class Repeats:
    """A scan: values of a column, nulls aside, that are there more than once."""

    def __init__(self, promise: Promise, subject: Subject, column: str) -> None:
        self.columns = (column,)
        self._promise, self._subject = promise, subject
        self._identity = Identity((column,), (None,))
        self._prints: list[U64] = []

    def add(self, batch: Batch) -> None:
        filled, prints = self._identity.prints(batch, FIRST_SEED)
        self._prints.append(prints[filled])

    def findings(self) -> tuple[Finding, ...]:
        prints = np.sort(np.concatenate(self._prints)) if self._prints else np.zeros(0, np.uint64)
        suspects = _different(prints[1:][prints[1:] == prints[:-1]])
        if not len(suspects):
            return KEPT
        looks = [(look.places, look.second) for look in _look_again(self._subject, self._identity, suspects)]
        places = np.concatenate([places for places, _ in looks])
        second = np.concatenate([second for _, second in looks])
        repeated = _is_repeated(places, second)
        if not repeated.any():
            return KEPT
        known = _Known(len(suspects))
        known.add(places[repeated], second[repeated])
        found: dict[str, str] = {}
        for look in _look_again(self._subject, self._identity, suspects):
            found |= look.show(known.has(look.places, look.second))
            if len(found) >= MOST_EXAMPLES:
                break
        rows = int(repeated.sum())
        return tell_repeated(self._promise, rows, len(prints), list(found.values())[:MOST_EXAMPLES])


class Overlap:
    """A scan: rows that another table has as well.

    Args:
        identity: columns that both tables have.
        other: read at once.
        by: for people: `key id`.
    """

    def __init__(
        self, promise: Promise, subject: Subject, other: Subject, identity: Identity, by: str
    ) -> None:
        self.columns = identity.columns
        self._promise, self._subject, self._other = promise, subject, other
        self._identity, self._by = identity, by
        self._theirs = _prints_of(other, identity)
        self._suspects: list[U64] = []

    def add(self, batch: Batch) -> None:
        filled, prints = self._identity.prints(batch, FIRST_SEED)
        both = prints[filled & _is_among(prints, self._theirs)]
        if len(both):
            self._suspects.append(_different(both))

    def findings(self) -> tuple[Finding, ...]:
        if not self._suspects:
            return KEPT
        suspects = _different(np.concatenate(self._suspects))
        known = _Known(len(suspects))
        for look in _look_again(self._other, self._identity, suspects):
            known.add(look.places, look.second)
        rows, found = 0, dict[str, str]()
        for look in _look_again(self._subject, self._identity, suspects):
            both = known.has(look.places, look.second)
            rows += int(both.sum())
            if len(found) < MOST_EXAMPLES:
                found |= look.show(both)
        if not rows:
            return KEPT
        verb = "is" if self._subject.row_count == 1 else "are"
        what = (
            f"{rows:,} of {counted(self._subject.row_count, 'row')} {verb} in {name(self._other.path)} too,"
            f" by {self._by}"
        )
        return self._promise.broken(what, measure="overlap", value=rows, limit=0, examples=found)


def _prints_of(subject: Subject, identity: Identity) -> U64:
    """Return the different fingerprints of all rows of a table, increasing."""
    parts = []
    for batch in read_batches(subject, identity.columns):
        filled, prints = identity.prints(batch, FIRST_SEED)
        parts.append(prints[filled])
    return _different(np.concatenate(parts)) if parts else np.zeros(0, np.uint64)


@dataclass(frozen=True, slots=True)
class _Look:
    """Rows of a batch whose first fingerprints are suspect."""

    batch: Batch
    columns: Sequence[str]
    rows: I64
    """Their numbers in the batch."""
    places: I64
    """Of their first fingerprints among the suspects."""
    second: U64

    def show(self, mask: Mask) -> dict[str, str]:
        """Return the first few rows of a mask: each as `id="17" city="Oslo"`, and its first cell alone."""
        chosen = self.rows[mask][: 4 * MOST_EXAMPLES]
        texts = [
            [cell_text(value) for value in cell_values(take_cells(self.batch.cells(column).plain, chosen))]
            for column in self.columns[:MOST_EXAMPLES]
        ]
        names, rows = [name(column) for column in self.columns], zip(*texts, strict=True)
        return {" ".join(map("{}={}".format, names, map(shown, row))): row[0] for row in rows}


def _look_again(subject: Subject, identity: Identity, suspects: U64) -> Iterator[_Look]:
    """Yield the rows of a table whose first fingerprints are suspect."""
    for batch in read_batches(subject, identity.columns):
        filled, first = identity.prints(batch, FIRST_SEED)
        rows = np.flatnonzero(filled & _is_among(first, suspects))
        if len(rows):
            _, second = identity.prints(batch, _SECOND_SEED)
            yield _Look(batch, identity.columns, rows, np.searchsorted(suspects, first[rows]), second[rows])


class _Known:
    """Pairs of fingerprints, the first ones as their places among so many suspects."""

    def __init__(self, suspects: int) -> None:
        self._second = np.zeros(suspects, np.uint64)
        self._is_known = np.zeros(suspects, bool)
        # Of first fingerprints that two different rows have: as good as none.
        self._more: set[tuple[int, int]] = set()

    def add(self, places: I64, second: U64) -> None:
        new = ~self._is_known[places]
        self._second[places[new]] = second[new]
        self._is_known[places] = True
        others = np.flatnonzero(self._second[places] != second)
        self._more.update(zip(places[others].tolist(), second[others].tolist(), strict=True))

    def has(self, places: I64, second: U64) -> Mask:
        found = np.asarray(self._is_known[places] & (self._second[places] == second))
        for row in np.flatnonzero(~found).tolist() if self._more else ():
            found[row] = (int(places[row]), int(second[row])) in self._more
        return found


def _is_repeated(places: I64, second: U64) -> Mask:
    """Return which pairs are there more than once."""
    order = np.lexsort((second, places))
    same = (np.diff(places[order]) == 0) & (second[order][1:] == second[order][:-1])
    found = np.zeros(len(places), bool)
    found[order[1:][same]] = True
    found[order[:-1][same]] = True
    return found


def _is_among(prints: U64, increasing: U64) -> Mask:
    if not len(increasing):
        return np.zeros(len(prints), bool)
    places = np.minimum(np.searchsorted(increasing, prints), len(increasing) - 1)
    return np.asarray(increasing[places] == prints)


def _different(prints: U64) -> U64:
    """Return each of some fingerprints once, increasing."""
    return np.asarray(count_sorted(np.sort(prints))[0], np.uint64)
