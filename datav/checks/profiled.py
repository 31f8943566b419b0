"""What a profile answers for sure of one column; where it cannot, it says so, and rows are read."""

from dataclasses import dataclass
from datetime import datetime

from datav.checks.allowed import allowed_values, check_allowed
from datav.checks.cells import TYPED_FORMATS, Reading
from datav.checks.kinds import check_declared, check_type
from datav.checks.patterns import check_matches
from datav.checks.promises import KEPT, Answer, Promise
from datav.checks.shares import broken_shares
from datav.checks.valuecounts import Mode, known_counts, known_texts
from datav.checks.verdicts import (
    noun_of,
    tell_extreme,
    tell_fresh,
    tell_length,
    tell_no_values,
    tell_null_fraction,
    tell_nulls,
    tell_repeated,
)
from datav.profiles.columns import ColumnSketch
from datav.settings.checks import Bounds, ColumnChecks


@dataclass(frozen=True, slots=True)
class Known:
    """A column as a profile knows it."""

    sketch: ColumnSketch
    reading: Reading
    form: str
    """Of the table: `csv`."""
    declared: str
    """The type that the table states; of a text table what it looks like."""

    @property
    def filled(self) -> int:
        """Cells that are not null."""
        return self.sketch.count - self.sketch.nulls

    @property
    def is_typed(self) -> bool:
        """Whether the file itself says what its cells are."""
        return self.form in TYPED_FORMATS and not self.reading.is_text


def answer(promise: Promise, checks: ColumnChecks, known: Known, now: datetime) -> Answer:
    """Return what a column breaks of one promise, or that rows have to be read for that.

    Args:
        promise: of one of the properties of `checks` but `references` and `documented_in`.
    """
    sketch, is_text = known.sketch, known.reading.is_text
    match promise.rule:
        case "not_null":
            return tell_nulls(promise, sketch.nulls, sketch.count)
        case "null_fraction" if checks.null_fraction is not None:
            return tell_null_fraction(promise, sketch.nulls, sketch.count, checks.null_fraction)
        case "type" if checks.type is not None and known.is_typed:
            return check_declared(promise, known.declared, checks.type)
        case "type" if checks.type is not None:
            return check_type(promise, sketch, checks.type, is_text=is_text)
        case "min" if checks.min is not None:
            return _check_extreme(promise, known, checks.min)
        case "max" if checks.max is not None:
            return _check_extreme(promise, known, checks.max)
        case "in" if checks.one_of is not None:
            return check_allowed(promise, sketch, allowed_values(checks.one_of), is_text=is_text)
        case "matches" if checks.matches is not None:
            return check_matches(promise, sketch, checks.matches, is_text=is_text)
        case "length" if checks.length is not None:
            return _check_length(promise, known, checks.length)
        case "unique":
            return _check_unique(promise, known)
        case "balance" if checks.balance is not None:
            return _check_balance(promise, known, checks.balance)
        case "fresh" if checks.fresh_s is not None:
            return _check_fresh(promise, known, now, checks.fresh_s)
    raise ValueError(promise.rule)


def balance_mode(reading: Reading) -> Mode:
    """Return what makes two cells one value, where the shares of values are counted."""
    match reading.kind:
        case "number":
            return "number"
        case "time":
            return "time"
    return "text"


def _check_extreme(promise: Promise, known: Known, limit: float | str) -> Answer:
    """No number, or no time, is beyond the limit: `min` or `max`, as the promise is called."""
    sketch, is_time = known.sketch, isinstance(limit, str)
    if not known.filled:
        return KEPT
    if known.reading.is_text and sketch.kind != ("time" if is_time else "number"):
        # Some of its texts may be read as such.
        may_be = sketch.texts.as_times if is_time else sketch.texts.as_numbers
        return None if may_be else tell_no_values(promise, noun_of(limit), limit)
    is_lengths = sketch.kind == "list" and not is_time
    ranks = sketch.times.ranks if is_time else sketch.numbers.ranks
    has_infinite = not is_time and sketch.numbers.infinities > 0
    if ranks.count and not is_lengths:
        # Of infinities no profile tells the sign.
        point = ranks.points[0 if promise.rule == "min" else -1].item()
        return tell_extreme(promise, point, limit) or (None if has_infinite else KEPT)
    if has_infinite or (sketch.numbers.nans and not is_time):
        return None if has_infinite else KEPT
    return tell_no_values(promise, noun_of(limit), limit)


def _check_fresh(promise: Promise, known: Known, now: datetime, most_s: float) -> Answer:
    """The newest time is not too old."""
    if not known.filled:
        return tell_fresh(promise, None, now, most_s)
    times = known.sketch.times
    if known.reading.is_text and known.sketch.kind != "time" and known.sketch.texts.as_times:
        return None
    return tell_fresh(promise, times.ranks.points[-1].item() if times.count else None, now, most_s)


def _check_length(promise: Promise, known: Known, bounds: Bounds) -> Answer:
    """Each text is of a length within bounds."""
    sketch = known.sketch
    if not known.filled:
        return KEPT
    if known.reading.is_text:
        if sketch.numbers.count or sketch.times.count:
            return None
    elif sketch.kind == "boolean" or not sketch.texts.count:
        return tell_no_values(promise, "texts", None)
    lengths = sketch.texts.lengths.points
    return tell_length(promise, lengths[0].item(), lengths[-1].item(), bounds)


def _check_unique(promise: Promise, known: Known) -> Answer:
    """No value is there twice."""
    sketch = known.sketch
    if known.filled < 2:
        return KEPT
    if sketch.numbers.nans or sketch.numbers.infinities or sketch.kind in ("list", "binary"):
        return None
    if sketch.distinct.is_exact and sketch.distinct.estimate() == known.filled:
        return KEPT
    if not sketch.distinct.is_exact or sketch.numbers.count or sketch.times.count:
        return None
    texts = known_texts(sketch)
    if texts is None:
        return None
    twice = texts.counts > 1
    rows = int(texts.counts[twice].sum())
    return tell_repeated(promise, rows, known.filled, texts.values.to_pylist()[: int(twice.sum())])


def _check_balance(promise: Promise, known: Known, bounds: Bounds) -> Answer:
    """The share of each value is within bounds."""
    if not known.filled:
        return KEPT
    mode = balance_mode(known.reading)
    counts = known_counts(known.sketch, mode, is_text=known.reading.is_text)
    return None if counts is None else broken_shares(promise, counts, bounds)
