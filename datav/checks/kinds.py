"""`type`: whether every cell that is not null is of a type, as far as a profile can tell."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from datav.checks.cells import DAY, SPELLED_FALSE, SPELLED_TRUE, Mask, is_one_of, is_whole
from datav.checks.declared import is_declared
from datav.checks.finding import Finding
from datav.checks.moments import moment_text
from datav.checks.promises import KEPT, MOST_EXAMPLES, Answer, Promise, name
from datav.checks.valuecounts import known_numbers, known_texts
from datav.checks.verdicts import tell_strangers
from datav.profiles.columns import ColumnSketch
from datav.profiles.parsing import parse_numbers, parse_times
from datav.settings.checks import ColumnType
from datav.tables.arrays import flags

_TIMES = ("date", "timestamp")


@dataclass(slots=True)
class _Strangers:
    """Cells that are of another type."""

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, count: int, examples: list[str]) -> None:
        self.count += count
        self.examples = [*self.examples, *examples][:MOST_EXAMPLES]


def check_declared(promise: Promise, declared: str, wanted: ColumnType) -> tuple[Finding, ...]:
    """What a file says of its cells, whatever these are."""
    if declared == "null" or is_declared(declared, wanted):
        return KEPT
    what = f"its type is {name(declared)}, {wanted} is expected"
    return promise.broken(what, measure="type", value=declared, limit=wanted)


def check_type(promise: Promise, sketch: ColumnSketch, wanted: ColumnType, *, is_text: bool) -> Answer:
    """Answer from the profile of a table that says nothing of its cells."""
    filled = sketch.count - sketch.nulls
    if not filled or (is_text and wanted == "text"):
        return KEPT
    strangers = _Strangers()
    if is_text and wanted not in ("binary", "list"):
        is_told = _add_written(strangers, sketch, wanted)
    else:
        is_told = _add_typed(strangers, sketch, wanted)
    return tell_other_types(promise, strangers.count, filled, wanted, strangers.examples) if is_told else None


def tell_other_types(
    promise: Promise, count: int, filled: int, wanted: ColumnType, examples: list[str]
) -> tuple[Finding, ...]:
    """Return what so many cells of another type break."""
    return tell_strangers(promise, count, filled, f"not of type {wanted}", wanted, examples)


def _add_written(strangers: _Strangers, sketch: ColumnSketch, wanted: ColumnType) -> bool:
    """Add the cells of a text table; False: the profile cannot tell which these are."""
    if wanted in ("number", "integer"):
        if sketch.times.count:
            strangers.add(sketch.times.count, _some_times(sketch))
        is_told = wanted == "number" or _add_fractions(strangers, sketch)
        if sketch.kind == "number":
            strangers.add(sketch.texts.count, _some_texts(sketch))
            return is_told
        if wanted == "number" and sketch.texts.as_numbers == sketch.texts.count:
            return True
        return is_told and _add_texts(strangers, sketch, lambda texts: _read_as_numbers(texts, wanted))
    if sketch.numbers.count:
        strangers.add(sketch.numbers.count, _some_numbers(sketch))
    if wanted in _TIMES:
        is_told = wanted == "timestamp" or _add_clocks(strangers, sketch)
        if sketch.kind == "time" or not sketch.texts.as_times:
            strangers.add(sketch.texts.count, _some_texts(sketch))
            return is_told
        return is_told and _add_texts(strangers, sketch, lambda texts: _read_as_times(texts, wanted))
    if sketch.times.count:
        strangers.add(sketch.times.count, _some_times(sketch))
    return _add_texts(strangers, sketch, lambda texts: is_one_of(texts, (*SPELLED_TRUE, *SPELLED_FALSE)))


def _add_typed(strangers: _Strangers, sketch: ColumnSketch, wanted: ColumnType) -> bool:
    """Add the cells of a table whose cells have types, each its own."""
    filled, is_list = sketch.count - sketch.nulls, sketch.kind == "list"
    match wanted:
        case "number" | "integer":
            good = 0 if is_list else sketch.numbers.count
            if wanted == "integer" and not is_list and not _add_fractions(strangers, sketch):
                return False
        case "date" | "timestamp":
            good = sketch.times.count
            if wanted == "date" and not _add_clocks(strangers, sketch):
                return False
        case "list":
            good = sketch.numbers.count if is_list else 0
        case "boolean":
            if sketch.kind != "boolean" and sketch.texts.count:
                # Among texts a truth value looks like one.
                return False
            good = sketch.texts.count
        case "text":
            good = 0 if sketch.kind == "boolean" else sketch.texts.count + sketch.times.count
        case _:
            good = 0
    if filled > good:
        examples = [*_some_texts(sketch)] if wanted != "text" else _some_numbers(sketch)
        strangers.add(filled - good, examples)
    return True


def _add_fractions(strangers: _Strangers, sketch: ColumnSketch) -> bool:
    """Add the numbers that are not whole."""
    own = sketch.numbers
    strangers.add(own.nans + own.infinities, ["NaN"] if own.nans else [])
    if own.ranks.points.dtype != np.float64:
        return True
    known = known_numbers(sketch)
    if known is None:
        return False
    broken = ~is_whole(known[0])
    strangers.add(int(known[1][broken].sum()), [str(value) for value in known[0][broken][:MOST_EXAMPLES]])
    return True


def _add_clocks(strangers: _Strangers, sketch: ColumnSketch) -> bool:
    """Add the times that are no whole days."""
    ranks = sketch.times.ranks
    if not ranks.is_exact:
        return False
    broken = ranks.points % DAY != 0
    examples = [moment_text(value) for value in ranks.points[broken][:MOST_EXAMPLES].tolist()]
    strangers.add(int((ranks.upto - ranks.less)[broken].sum()), examples)
    return True


def _add_texts(strangers: _Strangers, sketch: ColumnSketch, find_good: Callable[[Any], Mask]) -> bool:
    """Add the texts that are not among the good ones."""
    if not sketch.texts.count:
        return True
    known = known_texts(sketch)
    if known is None:
        return False
    broken = ~find_good(known.values)
    examples = known.values.filter(flags(broken)).slice(0, MOST_EXAMPLES).to_pylist()
    strangers.add(int(known.counts[broken].sum()), examples)
    return True


# Any, here and above: pyarrow has no types of its own that mypy could see.
def _read_as_numbers(texts: Any, wanted: ColumnType) -> Mask:
    mask, values = parse_numbers(texts)
    good = mask.copy()
    good[np.flatnonzero(mask)[~(is_whole(values) if wanted == "integer" else np.isfinite(values))]] = False
    return good


def _read_as_times(texts: Any, wanted: ColumnType) -> Mask:
    mask, values = parse_times(texts)
    good = mask.copy()
    if wanted == "date":
        good[np.flatnonzero(mask)[values % DAY != 0]] = False
    return good


def _some_texts(sketch: ColumnSketch) -> list[str]:
    found: list[str] = sketch.texts.frequent.values.slice(0, MOST_EXAMPLES).to_pylist()
    return found


def _some_numbers(sketch: ColumnSketch) -> list[str]:
    return [str(value) for value in sketch.numbers.frequent.values.slice(0, MOST_EXAMPLES).to_pylist()]


def _some_times(sketch: ColumnSketch) -> list[str]:
    return [moment_text(value) for value in sketch.times.ranks.points[:MOST_EXAMPLES].tolist()]
