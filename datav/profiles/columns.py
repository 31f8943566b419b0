"""The sketch of one column: what all its cells are, and how its numbers, times and texts lie.

A cell is null, or a number, a time or a text.  What a column is declared as, or looks like, says what its
cells are taken for; a cell of a text table that cannot be read that way is a text all the same, so a column
may have parts of several kinds.  Of every part sketches are kept that merge.
"""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow

from datav.profiles.arrays import I64
from datav.profiles.distinct import Distinct, merge_distinct
from datav.profiles.frequent import KEPT, Frequent, merge_frequent, no_values
from datav.profiles.ranks import NO_RANKS, Ranks, merge_ranks

DAYS_KEPT = 1024

Kind = Literal["number", "time", "text", "boolean", "binary", "list", "empty"]
"""What most cells of a column are."""


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """Cells that are numbers.  Integers beyond 64 bits, and decimals, as the nearest float."""

    ranks: Ranks
    """Of the finite ones; the first and the last point are the least and the greatest."""
    mean: float
    squares: float
    """The sum of the squares of the differences from the mean; at most the greatest float."""
    zeros: int
    negatives: int
    nans: int
    infinities: int
    """Of both signs."""
    frequent: Frequent
    """Of the finite ones."""

    @property
    def count(self) -> int:
        """NaN and infinities included."""
        return self.ranks.count + self.nans + self.infinities

    @property
    def has_deviation(self) -> bool:
        """Whether `deviation` is one: the squares of huge numbers are beyond floats."""
        return self.squares < sys.float_info.max

    @property
    def deviation(self) -> float:
        """The standard deviation of the finite ones, of the sample; 0 of fewer than two."""
        count = self.ranks.count
        return math.sqrt(self.squares / (count - 1)) if count > 1 else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Times:
    """Cells that are dates or timestamps: microseconds since 1970, UTC where a zone is known."""

    ranks: Ranks
    hours: I64
    """Shape (24,): how many in each hour of the day, in the zone they are written in; of dates all in the
    first."""
    weekdays: I64
    """Shape (7,): Monday first."""
    days: Frequent
    """Days since 1970."""

    @property
    def count(self) -> int:
        return self.ranks.count


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """Cells that are texts; of binary ones the lengths in bytes and no more."""

    lengths: Ranks
    """In characters."""
    empty: int
    """Texts without a character; in text tables these are nulls."""
    as_numbers: int
    """How many could be read as a number."""
    as_times: int
    """How many could be read as a date or a timestamp."""
    frequent: Frequent
    """Texts of more than MAX_TEXT characters are cut."""

    @property
    def count(self) -> int:
        return self.lengths.count


NO_NUMBERS = Numbers(NO_RANKS, 0.0, 0.0, 0, 0, 0, 0, no_values(pyarrow.int64()))
NO_TIMES = Times(NO_RANKS, np.zeros(24, np.int64), np.zeros(7, np.int64), no_values(pyarrow.int64()))
NO_TEXTS = Texts(NO_RANKS, 0, 0, 0, no_values(pyarrow.large_string()))


@dataclass(frozen=True, slots=True, eq=False)
class ColumnSketch:
    """All cells of one column, or of one leaf of a nested one, of a table or of a part of it."""

    name: str
    """Of a leaf its path: `a.b` of a struct, `a[]` of the items of a list."""
    type: str
    """As it is declared, or what its cells look like."""
    count: int
    """Cells, nulls included; of `a[]` items."""
    nulls: int
    numbers: Numbers
    times: Times
    texts: Texts
    distinct: Distinct
    """Of all cells that are not null."""
    kind: Kind
    """What its cells are taken for."""


def merge_columns(parts: Sequence[ColumnSketch], *, finer: int = 1) -> ColumnSketch:
    """Return the sketch of all parts of one column, the last of which names it.

    Args:
        finer: so many times as much is kept; for what will be merged once more.
    """
    kinds = {part.kind for part in parts if part.kind != "empty"}
    named = next((part for part in reversed(parts) if part.kind != "empty"), parts[-1])
    return ColumnSketch(
        name=named.name,
        type=named.type,
        count=sum(part.count for part in parts),
        nulls=sum(part.nulls for part in parts),
        numbers=merge_numbers([part.numbers for part in parts], finer=finer),
        times=merge_times([part.times for part in parts], finer=finer),
        texts=merge_texts([part.texts for part in parts], finer=finer),
        distinct=merge_distinct([part.distinct for part in parts]),
        kind=kinds.pop() if len(kinds) == 1 else named.kind,
    )


def merge_numbers(parts: Sequence[Numbers], *, finer: int = 1) -> Numbers:
    """Return the numbers of all parts.

    Source of the moments: Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing
    sample variances", 1979.
    """
    parts = [part for part in parts if part.count]
    if not parts:
        return NO_NUMBERS
    count, mean, squares = 0, 0.0, 0.0
    for part in parts:
        own = part.ranks.count
        if not count:
            count, mean, squares = own, part.mean, part.squares
        elif own:
            total, difference = count + own, part.mean - mean
            if math.isfinite(difference):
                mean += difference * (own / total)
            else:
                mean = mean * (count / total) + part.mean * (own / total)
            squares += part.squares + difference * difference * (count * (own / total))
            squares = min(squares, sys.float_info.max)
            count = total
    return Numbers(
        ranks=merge_ranks([part.ranks for part in parts], finer=finer),
        mean=mean,
        squares=squares,
        zeros=sum(part.zeros for part in parts),
        negatives=sum(part.negatives for part in parts),
        nans=sum(part.nans for part in parts),
        infinities=sum(part.infinities for part in parts),
        frequent=merge_frequent([part.frequent for part in parts], kept=KEPT * finer),
    )


def merge_times(parts: Sequence[Times], *, finer: int = 1) -> Times:
    """Return the times of all parts."""
    parts = [part for part in parts if part.count]
    if not parts:
        return NO_TIMES
    return Times(
        ranks=merge_ranks([part.ranks for part in parts], finer=finer),
        hours=np.sum([part.hours for part in parts], axis=0),
        weekdays=np.sum([part.weekdays for part in parts], axis=0),
        days=merge_frequent([part.days for part in parts], kept=DAYS_KEPT * finer),
    )


def merge_texts(parts: Sequence[Texts], *, finer: int = 1) -> Texts:
    """Return the texts of all parts."""
    parts = [part for part in parts if part.count]
    if not parts:
        return NO_TEXTS
    return Texts(
        lengths=merge_ranks([part.lengths for part in parts], finer=finer),
        empty=sum(part.empty for part in parts),
        as_numbers=sum(part.as_numbers for part in parts),
        as_times=sum(part.as_times for part in parts),
        frequent=merge_frequent([part.frequent for part in parts], kept=KEPT * finer),
    )
