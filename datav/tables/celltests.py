r"""Tests of the cells of one column against a value, for all rows at once.

- Text: with a text by its UTF-8 bytes, with a number as the number that it is, exactly (`0.10` is 0.1), with
  true and false as one of these.  An empty cell of a text table is an empty text, and null for `is null`.
- Numbers: integers and decimals exactly; floats with the float of their own width that is nearest to the
  value.  A text that is a number counts as that number.
- Times: with a text in ISO 8601, exactly.  Without a zone the value is meant in UTC where the column has
  a zone.  A date alone is its first moment; a timestamp beside a column of dates is more than that date.
- Other cells are different from every value.
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation, localcontext
from fractions import Fraction
from functools import cached_property
from math import floor, isfinite
from typing import Any

import numpy as np
import pyarrow
import pyarrow.compute as pc
from pyarrow import types

from datav.tables.predicate import Comparator, Value

_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_NUMBER_CELL = rf"^[ \t]*{_NUMBER}[ \t]*$"
# Text is matched by bytes, for it need not be UTF-8: one character, or one byte that is none.
_CHARACTER = r"(?:[\x00-\x7f]|[\xc0-\xff][\x80-\xbf]*|[\x80-\xbf])"
_MOMENT = re.compile(
    r"(?:(\d{4}-\d\d-\d\d)(?:[T ]|\Z))?"
    r"(?:(\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9}))?\s*(Z|[+-]\d\d:?\d\d)?)?",
    re.ASCII,
)
_DAY = 86400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_COMPARE: dict[Comparator, Callable[..., Any]] = {
    "=": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}

_TEXTS = (
    types.is_string,
    types.is_large_string,
    types.is_string_view,
    types.is_binary,
    types.is_large_binary,
    types.is_binary_view,
)
_SPELLED = {True: (b"true", b"True", b"TRUE"), False: (b"false", b"False", b"FALSE")}

# pyarrow has no types that mypy could see: arrays and scalars are Any here.
Array = Any


class Cells:
    """One column, ready to be tested.

    Every test returns booleans, shape (n,): null where the cell is.
    """

    def __init__(self, column: "pyarrow.ChunkedArray | pyarrow.Array") -> None:
        self._cells: Array = _flat(column)

    def is_null(self) -> Array:
        if types.is_large_binary(self._cells.type):
            return pc.equal(pc.binary_length(self._cells), 0).fill_null(True)
        return pc.is_null(self._cells)

    def one_of(self, values: Sequence[Value]) -> Array:
        found = self._constant(False)
        if self._text is not None:
            # All texts in one go: a list of ids may be long.
            found = self._is_one_of([value.encode() for value in values if isinstance(value, str)])
            values = [value for value in values if not isinstance(value, str)]
        for value in values:
            found = pc.or_(found, self.compare("=", value))
        return found

    def like(self, pattern: str) -> Array:
        if self._text is None:
            return self._constant(False)
        return pc.match_substring_regex(self._text, pattern=f"(?s)^{_expression(pattern)}$")

    def compare(self, comparator: Comparator, value: Value) -> Array:
        if isinstance(value, bool):
            return self._compare_truth(comparator, value)
        if isinstance(value, str) and self._text is not None:
            return _COMPARE[comparator](self._text, pyarrow.scalar(value.encode(), pyarrow.large_binary()))
        kind = self._cells.type
        if types.is_boolean(kind) and isinstance(value, str) and value.lower() in ("true", "false"):
            return self._compare_truth(comparator, value.lower() == "true")
        if types.is_temporal(kind) and not types.is_duration(kind):
            return self._compare_moment(comparator, value)
        number = value if isinstance(value, Decimal) else _number_of(value)
        if number is None:
            return self._constant(comparator == "!=")
        return self._compare_number(comparator, number)

    @cached_property
    def _text(self) -> Array:
        """The cells as bytes; None where they are no text."""
        kind = self._cells.type
        if types.is_fixed_size_binary(kind):
            return self._cells.cast(pyarrow.binary()).cast(pyarrow.large_binary())
        return self._cells.cast(pyarrow.large_binary()) if any(is_(kind) for is_ in _TEXTS) else None

    @cached_property
    def _numbers(self) -> tuple[Array, Array]:
        """Of text: which cells are numbers, and the nearest floats of those, null of others."""
        is_number = pc.match_substring_regex(self._text, pattern=_NUMBER_CELL)
        cells = pc.if_else(is_number, self._text, None).cast(pyarrow.large_string())
        return is_number, pc.utf8_trim_whitespace(cells).cast(pyarrow.float64())

    def _constant(self, answer: bool) -> Array:
        """`answer` for all cells but null."""
        return pc.if_else(pc.is_valid(self._cells), answer, pyarrow.scalar(None, pyarrow.bool_()))

    def _is_one_of(self, texts: Sequence[bytes]) -> Array:
        found = pc.is_in(self._text, pyarrow.array(texts, pyarrow.large_binary()))
        return pc.if_else(pc.is_valid(self._cells), found, pyarrow.scalar(None, pyarrow.bool_()))

    def _compare_truth(self, comparator: Comparator, value: bool) -> Array:
        if types.is_boolean(self._cells.type):
            equal = pc.equal(self._cells, value)
        elif self._text is not None:
            equal = self._is_one_of(_SPELLED[value])
        else:
            equal = self._constant(False)
        if comparator == "!=":
            return pc.invert(equal)
        return equal if comparator == "=" else self._constant(False)

    def _compare_number(self, comparator: Comparator, value: Decimal) -> Array:
        kind = self._cells.type
        if self._text is not None:
            return self._compare_spelled(comparator, value)
        if types.is_integer(kind):
            return self._compare_steps(comparator, Fraction(value), self._cells)
        if types.is_decimal(kind):
            return self._compare_decimal(comparator, value)
        if types.is_floating(kind):
            return _COMPARE[comparator](self._cells.cast(pyarrow.float64()), _nearest(value, kind))
        return self._constant(comparator == "!=")

    def _compare_spelled(self, comparator: Comparator, value: Decimal) -> Array:
        """Compare numbers that are written as text.

        Two numbers of different nearest floats are in the order of these; those of the same are looked at
        one by one, each way of writing once.
        """
        is_number, floats = self._numbers
        nearest = float(value)
        result = _COMPARE[comparator](floats, nearest).fill_null(comparator == "!=")
        unsure = pc.equal(floats, nearest).fill_null(False)
        spelled = pc.unique(self._text.filter(unsure))
        told = [_tell(comparator, cell, value) for cell in spelled.to_pylist()]
        meeting = spelled.filter(pyarrow.array(told, pyarrow.bool_()))
        result = pc.if_else(unsure, pc.is_in(self._text, meeting), result)
        return pc.if_else(pc.is_valid(is_number), result, None)

    def _compare_decimal(self, comparator: Comparator, value: Decimal) -> Array:
        kind = self._cells.type
        wanted = _on_steps(comparator, Fraction(value) * Fraction(10) ** kind.scale)
        if wanted is None:
            return self._constant(comparator == "!=")
        comparator, steps = wanted
        if abs(steps) >= 10**kind.precision:
            return self._constant(_is_met_by_all(comparator, steps))
        with localcontext() as context:
            context.prec = 100
            return _COMPARE[comparator](self._cells, pyarrow.scalar(Decimal(steps).scaleb(-kind.scale), kind))

    def _compare_moment(self, comparator: Comparator, value: Value) -> Array:
        kind = self._cells.type
        moment = _moment(value, is_time=types.is_time(kind)) if isinstance(value, str) else None
        if moment is None:
            return self._constant(comparator == "!=")
        if types.is_date32(kind):
            return self._compare_steps(comparator, moment / _DAY, self._cells.cast(pyarrow.int32()))
        steps = 1000 if types.is_date64(kind) else _UNITS[kind.unit]
        integers = pyarrow.int32() if types.is_time32(kind) else pyarrow.int64()
        return self._compare_steps(comparator, moment * steps, self._cells.cast(integers))

    def _compare_steps(self, comparator: Comparator, value: Fraction, integers: Array) -> Array:
        wanted = _on_steps(comparator, value)
        if wanted is None:
            return self._constant(comparator == "!=")
        comparator, steps = wanted
        try:
            scalar = pyarrow.scalar(steps, integers.type)
        except (pyarrow.ArrowException, OverflowError):
            return self._constant(_is_met_by_all(comparator, steps))
        return _COMPARE[comparator](integers, scalar)


def _flat(column: "pyarrow.ChunkedArray | pyarrow.Array") -> Array:
    """One array, of values and not of numbers that stand for them."""
    array: Array = column
    if isinstance(array.type, pyarrow.BaseExtensionType):
        array = array.cast(array.type.storage_type)
    if types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    if isinstance(array, pyarrow.ChunkedArray):
        array = pyarrow.concat_arrays(array.chunks) if array.num_chunks else pyarrow.array([], array.type)
    return array


def _on_steps(comparator: Comparator, value: Fraction) -> tuple[Comparator, int] | None:
    """Return a comparison with an integer that says of integers the same; None where they never are equal."""
    below = floor(value)
    if below == value:
        return comparator, below
    if comparator in ("=", "!="):
        return None
    return ("<=" if comparator in ("<", "<=") else ">"), below


def _is_met_by_all(comparator: Comparator, steps: int) -> bool:
    """Whether all numbers meet a comparison with one that is larger, or smaller, than any of them can be."""
    return comparator == "!=" or comparator in (("<", "<=") if steps > 0 else (">", ">="))


def _tell(comparator: Comparator, cell: bytes, value: Decimal) -> bool:
    number = _number_of(cell.decode())
    if number is None:
        return comparator == "!="
    match comparator:
        case "=":
            return number == value
        case "!=":
            return number != value
        case "<":
            return number < value
        case "<=":
            return number <= value
        case ">":
            return number > value
        case ">=":
            return number >= value


def _number_of(text: str) -> Decimal | None:
    if re.fullmatch(_NUMBER, text.strip(" \t")) is None:
        return None
    try:
        return Decimal(text.strip(" \t"))
    except InvalidOperation:  # An exponent of twenty digits.
        return None


def _nearest(value: Decimal, kind: Any) -> float:
    """The float that is nearest to `value` among those of a type."""
    nearest = float(value)
    if types.is_float64(kind):
        return nearest
    with np.errstate(over="ignore"):
        narrow = float((np.float32 if types.is_float32(kind) else np.float16)(nearest))
    return narrow if isfinite(narrow) else nearest


def _moment(text: str, *, is_time: bool) -> Fraction | None:
    """Return a moment in seconds, since 1970 in UTC, or of a time of day since midnight; None: it is none."""
    found = _MOMENT.fullmatch(text.strip())
    if found is None or (found[1] is None) != is_time:
        return None
    day, clock, digits, zone = found.groups()
    try:
        if clock is None:
            whole = datetime.combine(date.fromisoformat(day), time(), UTC)
        elif is_time:
            whole = datetime.combine(_EPOCH.date(), time.fromisoformat(clock), UTC)
        else:
            whole = datetime.fromisoformat(f"{day}T{clock}{(zone or 'Z').replace('Z', '+00:00')}")
    except ValueError:
        return None
    passed = whole - _EPOCH
    fraction = Fraction(int(digits), 10 ** len(digits)) if digits else Fraction(0)
    return Fraction(passed.days * _DAY + passed.seconds) + fraction


def _expression(pattern: str) -> str:
    """Return a pattern of `like` as a regular expression over bytes."""
    parts = []
    characters = iter(pattern)
    for character in characters:
        if character == "%":
            parts.append(".*")
        elif character == "_":
            parts.append(_CHARACTER)
        else:
            if character == "\\":
                character = next(characters, "\\")
            parts.append(re.escape(character))
    return "".join(parts)
