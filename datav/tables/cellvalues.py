"""Columns of Arrow as values of Python, without losing anything that tells two cells apart.

pyarrow's own conversion gives values of pandas where that is installed, and fails where it is not, for times
finer than a microsecond; and it fails for dates that Python has not got.  Those become text here.
"""

import base64
import json
import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow

_KEPT = (str, bool, int, float, bytes, Decimal)
_DAYS_IN_400_YEARS = 146_097
_MS_IN_A_DAY = 86_400_000
_TIMES = (datetime, date, time, timedelta)


def cell_values(column: "pyarrow.ChunkedArray | pyarrow.Array") -> list[object]:
    """Return the cells of a column.

    Returns:
        For each None, bool, int, float, str, bytes, Decimal, a date or time of the standard library, a list
        or a dict.  Text of text tables (`large_binary`) is str, with `\\xff` for a byte that is not UTF-8.
        Times finer than a microsecond and dates out of Python's range are text in ISO 8601.
    """
    from pyarrow import types

    kind = column.type
    if types.is_large_binary(kind):
        return [_text(cell) for cell in _listed(column)]
    if types.is_timestamp(kind) or types.is_duration(kind) or types.is_time64(kind):
        return _times(column)
    if types.is_nested(kind) or types.is_interval(kind) or isinstance(kind, _extension_class()):
        return [plain_value(cell) for cell in _each(column)]
    try:
        return _listed(column)
    except (ValueError, OverflowError):
        return [plain_value(cell) for cell in _each(column)]


def plain_value(value: object) -> object:
    """`value`, which pyarrow gave, made of nothing but the types that `cell_values` speaks of."""
    if value is None or type(value) in _KEPT or type(value) in _TIMES:
        return value
    if isinstance(value, dict):
        return {str(name): plain_value(cell) for name, cell in value.items()}
    if isinstance(value, tuple) and hasattr(value, "nanoseconds"):
        # MonthDayNano: months and days have no fixed length, so there is no timedelta that says the same.
        return f"P{value[0]}M{value[1]}DT{_seconds(value[2], 9)}S"
    if isinstance(value, list | tuple):
        return _sequence(value)
    isoformat = getattr(value, "isoformat", None)
    return str(value) if isoformat is None else str(isoformat())


def cell_text(value: object) -> str:
    """A cell as a text that says all of it: what it would be in a CSV; nothing of a null."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case bytes():
            return value.decode("utf-8", "backslashreplace")
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return duration_text(value)
        case list() | dict():
            return json.dumps(json_cell(value), ensure_ascii=False)
    return str(value)


def json_cell(value: object) -> object:
    """A cell as a value that JSON has: what JSON lacks (dates, Decimal, NaN) is text."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else _float_name(value)
        case bytes():
            return _json_bytes(value)
        case list() | tuple():
            return [json_cell(each) for each in value]
        case Mapping():
            return {str(name): json_cell(each) for name, each in value.items()}
    return cell_text(value)


def duration_text(value: timedelta) -> str:
    """`PT90.5S`: ISO 8601, in seconds, for days may have 23 hours."""
    return f"PT{_seconds(value // timedelta(microseconds=1), 6)}S"


def _text(cell: object) -> str | None:
    return cell.decode("utf-8", "backslashreplace") if isinstance(cell, bytes) else None


def _float_name(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _json_bytes(value: bytes) -> object:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode("ascii")}


def _sequence(value: Iterable[object]) -> object:
    """A list; a map, which comes as a list of tuples, as a dict if its keys are texts, each there once."""
    items = list(value)
    cells = [plain_value(item) for item in items]
    names = {item[0] for item in items if isinstance(item, tuple) and len(item) == 2 and type(item[0]) is str}
    if not items or len(names) != len(items):
        return cells
    return {str(cell[0]): cell[1] for cell in cells if isinstance(cell, list)}


# Any: pyarrow has no types of its own that mypy could see.
def _times(column: Any) -> list[object]:
    """Times, by the microsecond where that loses nothing."""
    import pyarrow

    try:
        return _listed(column.cast(_by_microsecond(column.type)))
    except (pyarrow.ArrowException, ValueError, OverflowError):
        if len(column) != 1:
            return [_times(column.slice(place, 1))[0] for place in range(len(column))]
        return [_time_text(column)]


def _by_microsecond(kind: Any) -> Any:
    import pyarrow
    from pyarrow import types

    if types.is_timestamp(kind):
        return pyarrow.timestamp("us", kind.tz)
    return pyarrow.duration("us") if types.is_duration(kind) else pyarrow.time64("us")


def _time_text(column: Any) -> str:
    """The one time in `column`, which Python has no value for, in ISO 8601."""
    import pyarrow
    from pyarrow import types

    kind = column.type
    number = column.cast(pyarrow.int64())[0].as_py()
    digits = {"s": 0, "ms": 3, "us": 6, "ns": 9}[kind.unit]
    if types.is_duration(kind):
        return f"PT{_seconds(number, digits)}S"
    seconds, rest = divmod(number, 10**digits)
    days, second = divmod(seconds, 86400)
    fraction = f".{rest:0{digits}}".rstrip("0") if rest else ""
    clock = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}{fraction}"
    if not types.is_timestamp(kind):
        return clock
    return f"{_date_text(days)}T{clock}{'Z' if kind.tz else ''}"


def _date_text(days: int) -> str:
    """The date so many days after 1970-01-01; years before the year 0 with a minus."""
    # The calendar repeats after 400 years, and Python's has only ten thousand.
    cycles, day = divmod(days, _DAYS_IN_400_YEARS)
    found = date(1970, 1, 1) + timedelta(day)
    year = found.year + 400 * cycles
    return f"{'-' if year < 0 else ''}{abs(year):04}-{found:%m-%d}"


def _seconds(number: int, digits: int) -> str:
    """`number` units of which a second has 10**digits, as seconds."""
    whole, rest = divmod(abs(number), 10**digits)
    fraction = f".{rest:0{digits}}".rstrip("0").rstrip(".") if digits else ""
    return f"{'-' if number < 0 else ''}{whole}{fraction}"


def _listed(column: Any) -> list[object]:
    values: list[object] = column.to_pylist()
    return values


def _each(column: Any) -> Iterable[object]:
    """The cells one by one, so that one which Python has no value for does not take the others along."""
    for cell in column:
        try:
            yield cell.as_py()
        except (ValueError, OverflowError):
            yield _scalar_value(cell)


def _scalar_value(cell: Any) -> object:
    """One cell that is, or holds, something that Python has no value for."""
    import pyarrow
    from pyarrow import types

    kind = cell.type
    if not cell.is_valid:
        return None
    if isinstance(kind, _extension_class()) or types.is_dictionary(kind) or types.is_run_end_encoded(kind):
        return _scalar_value(cell.value)
    if types.is_struct(kind):
        names = [field.name for field in kind]
        return {name: _scalar_value(cell[place]) for place, name in enumerate(names)}
    if types.is_map(kind):
        pairs = cell.values
        return _sequence(
            (_scalar_value(key), _scalar_value(each))
            for key, each in zip(pairs.field(0), pairs.field(1), strict=True)
        )
    if types.is_nested(kind):
        return [_scalar_value(each) for each in cell.values]
    column = pyarrow.repeat(cell, 1)
    if types.is_date(kind):
        days = column.cast(pyarrow.int32() if types.is_date32(kind) else pyarrow.int64()).to_pylist()[0]
        return _date_text(days if types.is_date32(kind) else days // _MS_IN_A_DAY)
    return cell_values(column)[0]


def _extension_class() -> Any:
    import pyarrow

    return pyarrow.BaseExtensionType
