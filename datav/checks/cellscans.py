"""What the cells of one column break, where its profile could not tell: scans of scanning.py."""

import math
from collections.abc import Callable
from datetime import datetime

import numpy as np

from datav.checks.allowed import IS_STRANGE, allowed_values, is_allowed
from datav.checks.cells import Cells, Mask, Reading
from datav.checks.finding import Finding
from datav.checks.kinds import tell_other_types
from datav.checks.patterns import matching, tell_unlike
from datav.checks.profiled import balance_mode
from datav.checks.promises import KEPT, MOST_EXAMPLES, Promise
from datav.checks.scanning import Batch, Scan
from datav.checks.shares import broken_shares
from datav.checks.valuecounts import Mode, ValueCounts
from datav.checks.verdicts import (
    limit_value,
    noun_of,
    tell_extreme,
    tell_fresh,
    tell_length,
    tell_no_values,
    tell_null_fraction,
    tell_nulls,
    tell_strangers,
)
from datav.profiles.arrays import I64, Values
from datav.settings.checks import Bounds, ColumnChecks


def scan_column(promise: Promise, checks: ColumnChecks, reading: Reading, now: datetime) -> Scan:
    """Return the scan that looks at one promise of a column.

    Args:
        promise: of one of the properties of `checks` but `unique`, `references` and `documented_in`.
    """
    column = checks.name
    match promise.rule:
        case "not_null" | "null_fraction":
            return _Nulls(promise, column, checks.null_fraction if promise.rule == "null_fraction" else None)
        case "min" if checks.min is not None:
            return _Extreme(promise, column, checks.min)
        case "max" if checks.max is not None:
            return _Extreme(promise, column, checks.max)
        case "fresh" if checks.fresh_s is not None:
            return _Newest(promise, column, now, checks.fresh_s)
        case "length" if checks.length is not None:
            return _Lengths(promise, column, checks.length)
        case "balance" if checks.balance is not None:
            return _Shares(promise, column, checks.balance, balance_mode(reading))
        case "type" if (wanted := checks.type) is not None:
            return _Strangers(
                promise,
                column,
                find=lambda cells: ~cells.are(wanted),
                tell=lambda bad, count, texts: tell_other_types(promise, bad, count, wanted, texts),
            )
        case "in" if checks.one_of is not None:
            allowed = allowed_values(checks.one_of)
            return _Strangers(
                promise,
                column,
                find=lambda cells: ~is_allowed(allowed, cells),
                tell=lambda bad, count, texts: tell_strangers(promise, bad, count, IS_STRANGE, None, texts),
            )
        case "matches" if checks.matches is not None:
            return _Unlike(promise, column, checks.matches)
    raise ValueError(promise.rule)


class _OfColumn:
    """A scan of one column."""

    def __init__(self, promise: Promise, column: str) -> None:
        self.promise = promise
        self.columns = (column,)

    def add(self, batch: Batch) -> None:
        self.add_cells(batch.cells(self.columns[0]))

    def add_cells(self, cells: Cells) -> None:
        raise NotImplementedError


class _Nulls(_OfColumn):
    """Cells that are null; `most` is the share that may be, None: none may be."""

    def __init__(self, promise: Promise, column: str, most: float | None) -> None:
        super().__init__(promise, column)
        self._most = most
        self._rows = self._nulls = 0

    def add_cells(self, cells: Cells) -> None:
        self._rows += len(cells.plain)
        self._nulls += cells.plain.null_count

    def findings(self) -> tuple[Finding, ...]:
        if self._most is None:
            return tell_nulls(self.promise, self._nulls, self._rows)
        return tell_null_fraction(self.promise, self._nulls, self._rows, self._most)


class _Extreme(_OfColumn):
    """The least or the greatest number or time."""

    def __init__(self, promise: Promise, column: str, limit: float | str) -> None:
        super().__init__(promise, column)
        self._limit = limit
        self._bound = limit_value(limit)
        self._filled = self._found = self._beyond = 0
        self._extreme: float | int | None = None
        self._examples: list[str] = []

    def add_cells(self, cells: Cells) -> None:
        is_time, is_min = isinstance(self._limit, str), self.promise.rule == "min"
        mask, values = cells.times if is_time else cells.numbers
        self._filled += cells.count
        self._found += len(values)
        ordered = values if values.dtype != np.float64 else values[~np.isnan(values)]
        if not len(ordered):
            return
        extreme = (ordered.min() if is_min else ordered.max()).item()
        if self._extreme is None or (extreme < self._extreme if is_min else extreme > self._extreme):
            self._extreme = extreme
        if extreme < self._bound if is_min else extreme > self._bound:
            beyond = _beyond(values, self._bound, is_min=is_min)
            self._beyond += int(beyond.sum())
            places = np.zeros(cells.count, bool)
            places[np.flatnonzero(mask)[beyond]] = True
            _keep_examples(self._examples, cells, places)

    def findings(self) -> tuple[Finding, ...]:
        if not self._filled:
            return KEPT
        if not self._found:
            return tell_no_values(self.promise, noun_of(self._limit), self._limit)
        if self._extreme is None:
            return KEPT
        return tell_extreme(self.promise, self._extreme, self._limit, self._beyond, self._examples)


class _Newest(_OfColumn):
    """The newest time."""

    def __init__(self, promise: Promise, column: str, now: datetime, most_s: float) -> None:
        super().__init__(promise, column)
        self._now, self._most_s = now, most_s
        self._newest: int | None = None

    def add_cells(self, cells: Cells) -> None:
        _, times = cells.times
        if len(times):
            newest = int(times.max())
            self._newest = newest if self._newest is None else max(newest, self._newest)

    def findings(self) -> tuple[Finding, ...]:
        return tell_fresh(self.promise, self._newest, self._now, self._most_s)


class _Lengths(_OfColumn):
    """The shortest and the longest text."""

    def __init__(self, promise: Promise, column: str, bounds: Bounds) -> None:
        super().__init__(promise, column)
        self._bounds = bounds
        self._filled = 0
        self._ends: tuple[int, int] | None = None
        self._examples: list[str] = []

    def add_cells(self, cells: Cells) -> None:
        self._filled += cells.count
        lengths = cells.lengths
        if lengths is None or not len(lengths):
            return
        low, high = int(lengths.min()), int(lengths.max())
        self._ends = (
            (low, high) if self._ends is None else (min(low, self._ends[0]), max(high, self._ends[1]))
        )
        _keep_examples(self._examples, cells, _out_of(lengths, self._bounds))

    def findings(self) -> tuple[Finding, ...]:
        if self._ends is None:
            return tell_no_values(self.promise, "texts", None) if self._filled else KEPT
        return tell_length(self.promise, *self._ends, self._bounds, self._examples)


class _Shares(_OfColumn):
    """How often each value occurs."""

    def __init__(self, promise: Promise, column: str, bounds: Bounds, mode: Mode) -> None:
        super().__init__(promise, column)
        self._bounds = bounds
        self._counts = ValueCounts(mode)

    def add_cells(self, cells: Cells) -> None:
        self._counts.add(cells)

    def findings(self) -> tuple[Finding, ...]:
        return broken_shares(self.promise, self._counts, self._bounds)


class _Strangers(_OfColumn):
    """Cells that are not what they are to be.

    Args:
        find: which these are.
        tell: what so many of so many cells break, with examples.
    """

    def __init__(
        self,
        promise: Promise,
        column: str,
        *,
        find: Callable[[Cells], Mask],
        tell: Callable[[int, int, list[str]], tuple[Finding, ...]],
    ) -> None:
        super().__init__(promise, column)
        self._find, self._tell = find, tell
        self._filled = self._bad = 0
        self._examples: list[str] = []

    def add_cells(self, cells: Cells) -> None:
        self._filled += cells.count
        bad = self._find(cells)
        self._bad += int(bad.sum())
        _keep_examples(self._examples, cells, bad)

    def findings(self) -> tuple[Finding, ...]:
        return self._tell(self._bad, self._filled, self._examples)


class _Unlike(_OfColumn):
    """Texts that a pattern does not match."""

    def __init__(self, promise: Promise, column: str, pattern: str) -> None:
        super().__init__(promise, column)
        self._pattern = pattern
        self._filled = self._texts = self._bad = 0
        self._examples: list[str] = []

    def add_cells(self, cells: Cells) -> None:
        self._filled += cells.count
        if cells.texts is None:
            return
        self._texts += cells.count
        bad = ~matching(cells.texts, self._pattern)
        self._bad += int(bad.sum())
        _keep_examples(self._examples, cells, bad)

    def findings(self) -> tuple[Finding, ...]:
        if self._filled and not self._texts:
            return tell_no_values(self.promise, "texts", self._pattern)
        return tell_unlike(self.promise, self._bad, self._texts, self._pattern, self._examples)


def _keep_examples(examples: list[str], cells: Cells, mask: Mask) -> None:
    """Add the first few different cells of a mask to some examples."""
    if len(examples) < MOST_EXAMPLES and mask.any():
        found = cells.examples(mask, MOST_EXAMPLES)
        examples += [text for text in found if text not in examples][: MOST_EXAMPLES - len(examples)]


def _beyond(values: Values, bound: float | int, *, is_min: bool) -> Mask:
    """Return which values are beyond a bound; integers are compared exactly."""
    if values.dtype == np.int64 and isinstance(bound, float) and math.isfinite(bound):
        bound = math.ceil(bound) if is_min else math.floor(bound)
    return np.asarray(values < bound if is_min else values > bound)


def _out_of(lengths: I64, bounds: Bounds) -> Mask:
    found = np.zeros(len(lengths), bool)
    if bounds.min is not None:
        found |= lengths < bounds.min
    if bounds.max is not None:
        found |= lengths > bounds.max
    return found
