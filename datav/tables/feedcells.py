"""Cells of a change feed as cells of the table that it is applied to."""

import base64
import json
import re
from typing import Any

import pyarrow
from pyarrow import types

from datav.errors import TableError
from datav.tables.cellvalues import cell_text, cell_values
from datav.tables.typenames import type_name

_SECONDS = re.compile(r"PT(-?)(\d+)(?:\.(\d{1,9}))?S\Z")
_DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}


# Any, here and below: pyarrow has no types of its own that mypy could see.
def cells_as(column: Any, kind: Any, is_text: bool, name: str, *, is_typed: bool) -> Any:
    """Return a column of a feed as a table has it.

    Args:
        kind: the type that the table has; None: the feed's, text if it has no types.
        is_text: the table is one of texts: cells become `large_binary`, as its versions give them.
        is_typed: the feed has types; else cells are texts as a CSV feed writes them.

    Raises:
        TableError: a cell has no such value.
    """
    if is_text:
        return _as_text(column)
    if kind is None:
        kind = column.type if is_typed else pyarrow.string()
    try:
        return column.cast(kind) if is_typed else _parse(column, kind)
    except (pyarrow.ArrowException, ValueError, OverflowError, TypeError, RecursionError) as exc:
        raise TableError(
            f"a cell of column {name} in the change feed cannot be read as {type_name(kind)}",
            hint="a feed in Parquet keeps all types",
        ) from exc


def _as_text(column: Any) -> Any:
    kind = column.type
    if types.is_string(kind) or types.is_large_string(kind) or types.is_large_binary(kind):
        return column.cast(pyarrow.large_binary())
    texts = [None if cell is None else cell_text(cell).encode() for cell in cell_values(column)]
    return pyarrow.chunked_array([pyarrow.array(texts, pyarrow.large_binary())])


def _parse(column: Any, kind: Any) -> Any:
    """The texts of a CSV feed as cells of a type."""
    plain = kind.value_type if types.is_dictionary(kind) else kind
    if types.is_string(plain) or types.is_large_string(plain):
        return column.cast(pyarrow.large_string()).cast(kind)
    if types.is_binary(plain) or types.is_large_binary(plain) or types.is_fixed_size_binary(plain):
        return _each(column, base64.b64decode, kind)
    if types.is_nested(plain):
        return _each(column, lambda text: _nested(json.loads(text), plain), kind)
    if types.is_duration(plain):
        digits = _DIGITS[plain.unit]
        return _each(column, lambda text: _parse_duration(text, digits), pyarrow.int64()).cast(kind)
    return column.cast(pyarrow.string()).cast(plain).cast(kind)


def _each(column: Any, parse: Any, kind: Any) -> Any:
    cells = [None if cell is None else parse(cell.decode()) for cell in column.to_pylist()]
    return pyarrow.chunked_array([pyarrow.array(cells, kind)])


def _nested(value: Any, kind: Any) -> Any:
    """What JSON has, as pyarrow takes it for a type: a map is a list of pairs."""
    if types.is_map(kind):
        pairs = value.items() if isinstance(value, dict) else value
        return pairs and [(_nested(key, kind.key_type), _nested(cell, kind.item_type)) for key, cell in pairs]
    if isinstance(value, dict) and types.is_struct(kind):
        return {field.name: _nested(value.get(field.name), field.type) for field in kind}
    if isinstance(value, list) and not types.is_struct(kind):
        return [_nested(cell, kind.value_type) for cell in value]
    return value


def _parse_duration(text: str, digits: int) -> int:
    found = _SECONDS.match(text)
    if found is None:
        raise ValueError(text)
    fraction = (found[3] or "").ljust(9, "0")
    number: int = int(found[2]) * 10**digits + int(fraction[:digits] or 0)
    return -number if found[1] else number
