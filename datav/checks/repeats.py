"""Rows and values that are there more than once, in one table or in two: by 128 bits of their fingerprints.

A first pass compares 64 bits; only of rows that agree in these a second pass takes 64 other ones, of another
seed.  So what is told apart costs eight bytes a row, and what is not is the same: two different ones agree by
chance in fewer than one of 10**20 comparisons of tables of a billion rows.
"""

from collections.abc import Callable, Iterator, Sequence
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
from datav.profiles.arrays import U64
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
        suspects = np.unique(prints[1:][prints[1:] == prints[:-1]])
        if not len(suspects):
            return KEPT
        pairs = [pair for pair, _ in _second_look(self._subject, self._identity, suspects)]
        found = pc.value_counts(pyarrow.concat_arrays(pairs))
        twice = found.field("values").filter(pc.greater(found.field("counts"), 1))
        if not len(twice):
            return KEPT
        rows = pc.sum(found.field("counts").filter(pc.greater(found.field("counts"), 1))).as_py()
        examples = _find_examples(self._subject, self._identity, suspects, twice)
        return tell_repeated(self._promise, rows, len(prints), [text for _, text in examples])


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
            self._suspects.append(np.unique(both))

    def findings(self) -> tuple[Finding, ...]:
        if not self._suspects:
            return KEPT
        suspects = np.unique(np.concatenate(self._suspects))
        theirs = [pair for pair, _ in _second_look(self._other, self._identity, suspects)]
        known = pc.unique(pyarrow.concat_arrays(theirs))
        rows = sum(
            int(as_mask(pc.is_in(pair, known)).sum())
            for pair, _ in _second_look(self._subject, self._identity, suspects)
        )
        if not rows:
            return KEPT
        examples = [text for text, _ in _find_examples(self._subject, self._identity, suspects, known)]
        verb = "is" if self._subject.row_count == 1 else "are"
        what = (
            f"{rows:,} of {counted(self._subject.row_count, 'row')} {verb} in {name(self._other.path)} too,"
            f" by {self._by}"
        )
        return self._promise.broken(what, measure="overlap", value=rows, limit=0, examples=examples)


def _prints_of(subject: Subject, identity: Identity) -> U64:
    """Return the different fingerprints of all rows of a table, increasing."""
    parts = []
    for batch in read_batches(subject, identity.columns):
        filled, prints = identity.prints(batch, FIRST_SEED)
        parts.append(prints[filled])
    return np.unique(np.concatenate(parts)) if parts else np.zeros(0, np.uint64)


def _second_look(
    subject: Subject, identity: Identity, suspects: U64
) -> Iterator[tuple[Any, Callable[[Mask], list[tuple[str, str]]]]]:
    """Yield, for rows whose first fingerprint is suspect, both of them as 16 bytes, and what shows rows."""
    for batch in read_batches(subject, identity.columns):
        filled, first = identity.prints(batch, FIRST_SEED)
        chosen = np.flatnonzero(filled & _is_among(first, suspects))
        if len(chosen):
            _, second = identity.prints(batch, _SECOND_SEED)
            yield _pairs(first[chosen], second[chosen]), _Shown(batch, identity.columns, chosen)


@dataclass(frozen=True, slots=True)
class _Shown:
    """Shows rows of a batch, of those that were chosen."""

    batch: Batch
    columns: Sequence[str]
    chosen: Any

    def __call__(self, mask: Mask) -> list[tuple[str, str]]:
        """Return the first few rows of a mask, each as `id=17 city="Oslo"`, and as its first cell alone."""
        places = self.chosen[mask][: 4 * MOST_EXAMPLES]
        texts = [
            [cell_text(value) for value in cell_values(take_cells(self.batch.cells(column).plain, places))]
            for column in self.columns[:MOST_EXAMPLES]
        ]
        names, rows = [name(column) for column in self.columns], zip(*texts, strict=True)
        return [(" ".join(map("{}={}".format, names, map(shown, row))), row[0]) for row in rows]


def _find_examples(subject: Subject, identity: Identity, suspects: U64, wanted: Any) -> list[tuple[str, str]]:
    """Return some different rows whose fingerprints are wanted."""
    found: dict[str, str] = {}
    for pairs, show in _second_look(subject, identity, suspects):
        mask = as_mask(pc.is_in(pairs, wanted))
        found.update(show(mask))
        if len(found) >= MOST_EXAMPLES:
            break
    return list(found.items())[:MOST_EXAMPLES]


def _is_among(prints: U64, increasing: U64) -> Mask:
    if not len(increasing):
        return np.zeros(len(prints), bool)
    places = np.minimum(np.searchsorted(increasing, prints), len(increasing) - 1)
    return np.asarray(increasing[places] == prints)


def _pairs(first: U64, second: U64) -> Any:
    joined = np.ascontiguousarray(np.stack([first, second], axis=1))
    kind = pyarrow.binary(16)
    return pyarrow.Array.from_buffers(kind, len(first), [None, pyarrow.py_buffer(joined)])
