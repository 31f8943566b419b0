"""The cells of some columns of a table, batch by batch: what rules that look at values read."""

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Any

import pyarrow
import pyarrow.compute as pc
from pyarrow import types as arrow_types

from datav.errors import TableError
from datav.tables.arrowversion import ArrowVersion, MemoryVersion
from datav.tables.batches import in_order
from datav.tables.jsoncells import columns_of, plain_cells
from datav.tables.jsonl import JsonLinesVersion
from datav.tables.jsonpaths import lines
from datav.tables.parquetversion import ParquetVersion
from datav.tables.text import Records, TextVersion
from datav.tables.version import TableVersion, View

# Parts that are parsed or wait to be asked for.
_AHEAD = 3

_JSON_TYPES = {"integer": pyarrow.int64(), "float": pyarrow.float64(), "boolean": pyarrow.bool_()}


def read_cells(
    version: TableVersion,
    columns: Sequence[str],
    executor: Executor,
    json_kinds: Mapping[str, str] | None = None,
) -> Iterator[Any]:
    """Yield all rows in order as record batches, of the columns asked for; one that is not there is null.

    Cells of delimited text are `large_string`, an empty one null; others have their own types, those of
    dictionaries that of the values.

    Args:
        json_kinds: what all cells of a column of JSON Lines are, `integer`, `float` or `boolean`; else they
            are texts.

    Raises:
        TableError: it is no table after all.
        What its source raises.
    """
    if isinstance(version, JsonLinesVersion):
        found = _lines(version, columns, executor, json_kinds or {})
        yield from (pyarrow.RecordBatch.from_arrays(cells, names=list(columns)) for _, cells in found)
        return
    numbers = {column.name: number for number, column in enumerate(version.columns)}
    there = [name for name in columns if name in numbers]
    wanted = [numbers[name] for name in there]
    for rows, cells in _columns(version, wanted, executor):
        by_name = dict(zip(there, cells, strict=True))
        arrays = [by_name[name] if name in by_name else pyarrow.nulls(rows) for name in columns]
        yield pyarrow.RecordBatch.from_arrays(arrays, names=list(columns))


# Any, here and below: pyarrow has no types of its own that mypy could see.
def _columns(
    version: TableVersion, wanted: Sequence[int], executor: Executor
) -> Iterator[tuple[int, list[Any]]]:
    """Yield how many rows there are in a batch, and their cells in the columns wanted."""
    if isinstance(version, TextVersion):
        # Where records begin and end a scan finds, ahead of what parses them.
        found = version.scan_records(View((), (), ()), 0, executor)
        yield from in_order(executor, (partial(_texts, version, some, wanted) for some in found), _AHEAD)
    elif isinstance(version, ParquetVersion):
        for group in range(len(version.metadata)):
            if not wanted:
                yield version.metadata[group].rows, []
                continue
            for batch in version.read_group(group, wanted, [None] * len(wanted)):
                yield batch.num_rows, [_plain(column) for column in batch.columns]
    elif isinstance(version, ArrowVersion):
        # Of no columns at all there would be no rows either.
        for batch in version.read_batches(wanted or [0]):
            yield batch.num_rows, [_plain(column) for column in batch.columns[: len(wanted)]]
    elif isinstance(version, MemoryVersion):
        for batch in version.read_batches():
            yield batch.num_rows, [_plain(batch.column(number)) for number in wanted]
    else:
        raise TypeError(f"{type(version)} is not read in batches")


def _plain(column: Any) -> Any:
    return column.dictionary_decode() if arrow_types.is_dictionary(column.type) else column


# Delimited text


def _texts(version: TextVersion, records: Records, wanted: Sequence[int]) -> tuple[int, list[Any]]:
    expected = len(records.starts)
    if not wanted:
        return expected, []
    count, cells = version.cells_between(int(records.starts[0]), records.end, wanted)
    if count != expected:
        raise TableError(f"{expected} records were found before and {count} now: the file has changed")
    return count, [_as_text(column) for column in cells]


def _as_text(cells: Any) -> Any:
    """Return cells of `large_binary` as `large_string`, those without a byte null."""
    none = pyarrow.scalar(None, pyarrow.large_binary())
    filled = pc.if_else(pc.greater(pc.binary_length(cells), 0), cells, none)
    try:
        return filled.cast(pyarrow.large_string())
    except pyarrow.ArrowInvalid:
        # Bytes that are no UTF-8 are shown as such, as everywhere.
        decoded = [
            None if cell is None else cell.decode("utf-8", "backslashreplace") for cell in filled.to_pylist()
        ]
        return pyarrow.array(decoded, pyarrow.large_string())


# JSON Lines


def _lines(
    version: JsonLinesVersion, columns: Sequence[str], executor: Executor, kinds: Mapping[str, str]
) -> Iterator[tuple[int, list[Any]]]:
    parts = version.parts(version.body, version.source.size)
    jobs = (partial(_parse_lines, version, part.offset, part.data, columns, kinds) for part in parts)
    yield from in_order(executor, jobs, _AHEAD)


def _parse_lines(
    version: JsonLinesVersion, offset: int, data: bytes, columns: Sequence[str], kinds: Mapping[str, str]
) -> tuple[int, list[Any]]:
    guessed = {name: "boolean" if kinds.get(name) == "boolean" else "text" for name in columns}
    guessed |= {name: "integer" for name in columns if kinds.get(name) == "integer"}
    has_floats = any(kinds.get(name) == "float" for name in columns)
    plain = plain_cells(data, guessed) if len(guessed) == len(columns) and not has_floats else None
    if plain is not None:
        rows, cells = len(plain.starts), plain.columns
    else:
        found = list(lines(offset, data))
        rows, cells = len(found), columns_of((version.parse(*line) for line in found), columns)
    return rows, [_typed(column, kinds.get(name)) for name, column in zip(columns, cells, strict=True)]


def _typed(cells: Any, kind: str | None) -> Any:
    """Return cells of JSON, written as `tables/jsonl.py` has them, as what they are."""
    texts = cells.cast(pyarrow.large_string())
    wanted = _JSON_TYPES.get(kind or "")
    if wanted is not None:
        try:
            return texts.cast(wanted)
        except pyarrow.ArrowInvalid:
            return texts
    quoted = pc.fill_null(pc.starts_with(texts, '"'), False)
    if not pc.any(quoted).as_py():
        return texts
    return pyarrow.array([_unquoted(text) for text in texts.to_pylist()], pyarrow.large_string())


def _unquoted(text: str | None) -> str | None:
    """Return the text that a cell spells in JSON because it would be JSON itself."""
    if text is None or not text.startswith('"'):
        return text
    try:
        found = json.loads(text)
        found.encode()
    except ValueError:
        return text
    return found if isinstance(found, str) else text
