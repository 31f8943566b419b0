"""What rules of one column mean, cell by cell in plain Python: the slow twin of datav/checks."""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import Any

from datav.settings.checks import Bounds, ColumnChecks

Cell = Any

_NUMBER = re.compile(r"[ \t]*[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[ \t]*")
_NOT_FINITE = re.compile(r"[ \t]*[+-]?(?:nan|inf|infinity)[ \t]*", re.IGNORECASE)
_TIME = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?)?", re.ASCII)
_TRUTHS = ("true", "false")
_SPELLED = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


def broken_rules(checks: ColumnChecks, cells: Sequence[Cell], kind: str, *, is_text: bool) -> set[str]:
    """Return the names of the properties that some cells break.

    Args:
        kind: what the column is taken for.
        is_text: cells are texts of a CSV; else they are values.
    """
    filled = [cell for cell in cells if cell is not None]
    reader = _Reader(kind, is_text)
    return {rule for rule, is_broken in _rules(checks, cells, filled, reader) if is_broken}


class _Reader:
    def __init__(self, kind: str, is_text: bool) -> None:
        self.kind, self.is_text = kind, is_text

    def number(self, cell: Cell) -> float | int | None:
        if not self.is_text:
            return cell if isinstance(cell, int | float) and not isinstance(cell, bool) else None
        if _NUMBER.fullmatch(cell) or (_NOT_FINITE.fullmatch(cell) and self.kind == "number"):
            value = float(cell)
        else:
            return None
        return value

    def time(self, cell: Cell) -> datetime | None:
        if not self.is_text:
            if isinstance(cell, datetime):
                return cell
            return datetime(cell.year, cell.month, cell.day) if isinstance(cell, date) else None
        if not _TIME.fullmatch(cell):
            return None
        try:
            return datetime.fromisoformat(cell)
        except ValueError:
            return None

    def text(self, cell: Cell) -> str | None:
        return cell if isinstance(cell, str) else None

    def truth(self, cell: Cell) -> bool | None:
        if self.is_text:
            return _SPELLED.get(cell)
        return cell if isinstance(cell, bool) else None


def _rules(
    checks: ColumnChecks, cells: Sequence[Cell], filled: Sequence[Cell], reader: _Reader
) -> Iterable[tuple[str, bool]]:
    nulls = len(cells) - len(filled)
    if checks.not_null:
        yield "not_null", nulls > 0
    if checks.null_fraction is not None:
        yield "null_fraction", bool(cells) and nulls / len(cells) > checks.null_fraction
    if checks.unique:
        yield "unique", len(set(map(_identity, filled))) < len(filled)
    if checks.min is not None:
        yield "min", _is_beyond(filled, reader, checks.min, lambda value, limit: value < limit)
    if checks.max is not None:
        yield "max", _is_beyond(filled, reader, checks.max, lambda value, limit: value > limit)
    if checks.one_of is not None:
        yield "in", not all(_is_in(cell, checks.one_of, reader) for cell in filled)
    if checks.matches is not None:
        texts = [text for text in map(reader.text, filled) if text is not None]
        is_broken = not all(re.fullmatch(checks.matches, text) for text in texts)
        yield "matches", is_broken or (bool(filled) and not texts)
    if checks.length is not None:
        texts = [text for text in map(reader.text, filled) if text is not None]
        is_broken = any(_is_out(len(text), checks.length) for text in texts)
        yield "length", is_broken or (bool(filled) and not texts)
    if checks.balance is not None:
        counts = Counter(_meaning(cell, reader) for cell in filled)
        yield "balance", any(_is_out(count / len(filled), checks.balance) for count in counts.values())
    if checks.type is not None and reader.is_text:
        yield "type", not all(_is_of(cell, checks.type, reader) for cell in filled)


def _is_beyond(
    filled: Sequence[Cell], reader: _Reader, limit: Any, is_beyond: Callable[[Any, Any], bool]
) -> bool:
    bound = datetime.fromisoformat(limit) if isinstance(limit, str) else limit
    read = reader.time if isinstance(limit, str) else reader.number
    values = [value for value in map(read, filled) if value is not None]
    if reader.is_text and not isinstance(limit, str) and reader.kind != "number":
        values = [value for value in values if math.isfinite(value)]
    return (bool(filled) and not values) or any(is_beyond(value, bound) for value in values)


def _is_in(cell: Cell, allowed: Sequence[Any], reader: _Reader) -> bool:
    for value in allowed:
        if not reader.is_text and str(value).lower() == str(cell).lower() and str(value).lower() in _TRUTHS:
            # In JSON Lines a profile cannot tell a truth value from its name.
            return True
        if isinstance(value, bool):
            if reader.truth(cell) is value:
                return True
        elif isinstance(value, str):
            if reader.text(cell) == value:
                return True
            if not reader.is_text and reader.time(cell) is not None and reader.time(cell) == _moment(value):
                return True
        elif reader.number(cell) == value:
            return True
    return False


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _is_out(value: float, bounds: Bounds) -> bool:
    return (bounds.min is not None and value < bounds.min) or (bounds.max is not None and value > bounds.max)


def _identity(cell: Cell) -> Any:
    return "NaN" if isinstance(cell, float) and math.isnan(cell) else (type(cell), cell)


def _meaning(cell: Cell, reader: _Reader) -> Any:
    if reader.kind == "number":
        value = reader.number(cell)
    elif reader.kind == "time":
        value = reader.time(cell)
    else:
        value = None
    return cell if value is None else _identity(value)


def _is_of(cell: Cell, kind: str, reader: _Reader) -> bool:
    number, time = reader.number(cell), reader.time(cell)
    match kind:
        case "number":
            return number is not None
        case "integer":
            return number is not None and math.isfinite(number) and number == math.floor(number)
        case "boolean":
            return reader.truth(cell) is not None
        case "timestamp":
            return time is not None
        case "date":
            return time is not None and time == datetime(time.year, time.month, time.day)
    return kind == "text"
