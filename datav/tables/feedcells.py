"""Cells of a change feed as cells of the table that it is applied to.

What a CSV feed writes (feed.py, cellvalues.py) is parsed here, for every type that Arrow has a text for.
"""

import base64
import json
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow
from pyarrow import types

from datav.errors import TableError
from datav.tables.cellvalues import cell_text, cell_values
from datav.tables.hashing import fingerprint
from datav.tables.typenames import type_name

_SECONDS = re.compile(r"PT(-?)(\d+)(?:\.(\d{1,9}))?S\Z", re.ASCII)
_INTERVAL = re.compile(r"P(-?\d+)M(-?\d+)DT(-?)(\d+)(?:\.(\d{1,9}))?S\Z", re.ASCII)
_DATE = re.compile(r"(-?)(\d{4,})-(\d\d)-(\d\d)\Z", re.ASCII)
_CLOCK = re.compile(r"(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|([+-])(\d\d):(\d\d)(?::(\d\d))?)?\Z", re.ASCII)
_DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}
_YEARS, _DAYS = 400, 146_097
_EPOCH = date(1970, 1, 1)

UNREADABLE = (pyarrow.ArrowException, ValueError, OverflowError, TypeError, ArithmeticError, RecursionError)


# Any, here and below: pyarrow has no types of its own that mypy could see.
def cells_as(column: Any, kind: Any, name: str, *, of_text: bool, is_typed: bool) -> Any:
    """Return a column of a feed as a table has it.

    Args:
        kind: the type that the table has; None: the feed's, text if it has no types.
        of_text: the table is one of texts: cells become `large_binary`, as its versions give them.
        is_typed: the feed has types; else cells are texts as a CSV feed writes them.

    Raises:
        TableError: a cell has no such value.
    """
    if of_text:
        return _as_text(column)
    if kind is None:
        kind = column.type if is_typed else pyarrow.string()
    try:
        return _cast(column, kind) if is_typed else parse_cells(column, kind)
    except UNREADABLE as exc:
        raise TableError(
            f"a cell of column {name} in the change feed cannot be read as {type_name(kind)}",
            hint="a feed in Parquet keeps all types",
        ) from exc


def is_read_again(texts: Any, cells: Any) -> bool:
    """Whether the texts of a CSV feed are read as the very cells that they were written for."""
    try:
        read = parse_cells(pyarrow.chunked_array([texts]), cells.type)
    except UNREADABLE:
        return False
    # Nothing gains from a collision here: whoever wrote the cells is the one who reads the feed.
    prints = [fingerprint([column], (), len(column), 0)[1] for column in (read, cells)]
    return bool((prints[0] == prints[1]).all())


def parse_cells(column: Any, kind: Any) -> Any:
    """Return the texts of a CSV feed as cells of a type.

    Args:
        column: pyarrow.ChunkedArray of binary.

    Raises:
        One of UNREADABLE: a text stands for no such cell.
    """
    if column.null_count == len(column):
        return pyarrow.chunked_array([pyarrow.nulls(len(column), kind)])
    plain = kind.value_type if types.is_dictionary(kind) or types.is_run_end_encoded(kind) else kind
    if is_text(plain):
        return _cast(column.cast(pyarrow.large_string()), kind)
    if _is_simple(plain):
        return _cast(column.cast(pyarrow.string()).cast(plain), kind)
    texts = (None if cell is None else cell.decode() for cell in column.to_pylist())
    cells = [None if text is None else _parse(text, plain) for text in texts]
    return _cast(pyarrow.chunked_array([_array(cells, plain)]), kind)


def is_text(kind: Any) -> bool:
    """Whether cells of a type are text."""
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def is_binary(kind: Any) -> bool:
    """Whether cells of a type are bytes."""
    return bool(
        types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_binary_view(kind)
        or types.is_fixed_size_binary(kind)
    )


def is_uuid(kind: Any) -> bool:
    """Whether cells of a type are written as a UUID is, not as its bytes."""
    return isinstance(kind, pyarrow.BaseExtensionType) and kind.extension_name == "arrow.uuid"


def _as_text(column: Any) -> Any:
    kind = column.type
    if types.is_string(kind) or types.is_large_string(kind) or types.is_large_binary(kind):
        return column.cast(pyarrow.large_binary())
    texts = [None if cell is None else cell_text(cell).encode() for cell in cell_values(column)]
    return pyarrow.chunked_array([pyarrow.array(texts, pyarrow.large_binary())])


def _cast(column: Any, kind: Any) -> Any:
    if column.type.equals(kind):
        return column
    if types.is_dictionary(kind):
        return column.dictionary_encode().cast(kind)
    return column.cast(kind)


def _is_simple(kind: Any) -> bool:
    """Whether Arrow reads what is written of a type."""
    return bool(
        types.is_boolean(kind) or types.is_integer(kind) or types.is_float32(kind) or types.is_float64(kind)
    )


def _array(cells: list[Any], kind: Any) -> Any:
    if isinstance(kind, pyarrow.BaseExtensionType):
        return pyarrow.ExtensionArray.from_storage(kind, pyarrow.array(cells, kind.storage_type))
    if types.is_temporal(kind) and not types.is_interval(kind):
        # By their numbers: Python has no value for all of them.
        numbers = pyarrow.array(cells, pyarrow.int64())
        return numbers.cast(pyarrow.int32()).cast(kind) if kind.bit_width == 32 else numbers.cast(kind)
    return pyarrow.array(cells, kind)


def _parse(text: str, kind: Any) -> Any:
    """A text as pyarrow takes it for a type."""
    if is_binary(kind):
        return base64.b64decode(text, validate=True)
    if types.is_nested(kind):
        return _from_json(json.loads(text), kind)
    return _leaf(text, kind)


def _from_json(value: Any, kind: Any) -> Any:
    """What JSON has, as pyarrow takes it for a type: a map is a list of pairs."""
    if value is None:
        return None
    if types.is_map(kind):
        pairs = value.items() if isinstance(value, dict) else value
        return [(_from_json(key, kind.key_type), _from_json(cell, kind.item_type)) for key, cell in pairs]
    if types.is_struct(kind):
        if not isinstance(value, dict):
            raise ValueError(value)
        return {field.name: _from_json(value.get(field.name), field.type) for field in kind}
    if types.is_nested(kind):
        if not isinstance(value, list) or types.is_union(kind):
            raise ValueError(value)
        return [_from_json(cell, kind.value_type) for cell in value]
    if is_binary(kind):
        return base64.b64decode(value["base64"]) if isinstance(value, Mapping) else value.encode()
    return _leaf(value, kind) if isinstance(value, str) else value


def _leaf(text: str, kind: Any) -> Any:
    """A text as pyarrow takes it for a type that is neither nested nor binary."""
    if isinstance(kind, pyarrow.BaseExtensionType):
        if is_uuid(kind):
            return UUID(text).bytes
        return _parse(text, kind.storage_type)
    if types.is_dictionary(kind) or types.is_run_end_encoded(kind):
        return _leaf(text, kind.value_type)
    if is_text(kind):
        return text
    if types.is_floating(kind):
        return _half(text) if types.is_float16(kind) else float(text)
    if types.is_decimal(kind):
        return Decimal(text)
    if types.is_interval(kind):
        return _parse_interval(text)
    if types.is_date(kind):
        return _parse_date(text) * (1 if types.is_date32(kind) else 86_400_000)
    if types.is_time(kind):
        return _parse_clock(text, _DIGITS[kind.unit])
    if types.is_timestamp(kind):
        day, _, clock = text.partition("T")
        digits = _DIGITS[kind.unit]
        return _parse_date(day) * 86_400 * 10**digits + _parse_clock(clock, digits)
    if types.is_duration(kind):
        found = _matched(_SECONDS, text)
        return _number(found[1], int(found[2]), found[3], _DIGITS[kind.unit])
    if types.is_boolean(kind):
        return {"true": True, "false": False}[text]
    if types.is_integer(kind):
        return int(text)
    raise TypeError(kind)


def _half(text: str) -> Any:
    import numpy as np

    return np.float16(text)


def _parse_interval(text: str) -> Any:
    found = _matched(_INTERVAL, text)
    nanoseconds = _number(found[3], int(found[4]), found[5], _DIGITS["ns"])
    return pyarrow.MonthDayNano([int(found[1]), int(found[2]), nanoseconds])


def _parse_date(text: str) -> int:
    """Days since 1970-01-01."""
    found = _matched(_DATE, text)
    # Python has the years from 1 on, and the calendar repeats.
    cycles, year = divmod(int(found[1] + found[2]) - 1, _YEARS)
    days: int = cycles * _DAYS + (date(year + 1, int(found[3]), int(found[4])) - _EPOCH).days
    return days


def _parse_clock(text: str, digits: int) -> int:
    """Units since midnight, in UTC if the text says how far it is from it."""
    found = _matched(_CLOCK, text)
    seconds = int(found[1]) * 3600 + int(found[2]) * 60 + int(found[3])
    if found[6]:
        offset = int(found[7]) * 3600 + int(found[8]) * 60 + int(found[9] or 0)
        seconds += offset if found[6] == "-" else -offset
    return _number("", seconds, found[4], digits)


def _matched(pattern: re.Pattern[str], text: str) -> re.Match[str]:
    found = pattern.match(text)
    if found is None:
        raise ValueError(text)
    return found


def _number(sign: str, seconds: int, fraction: str | None, digits: int) -> int:
    """Seconds as a number of units of which a second has 10**digits."""
    units = (fraction or "").ljust(9, "0")
    if units[digits:].strip("0"):
        raise ValueError(fraction)
    number: int = seconds * int(10**digits) + int(units[:digits] or 0)
    return -number if sign else number
