"""JSON Lines, some lines at a time.

pyarrow reads them where it reads what Python does; else each cell is taken for what it is, so that one that
is of another type than the others makes no other column of these.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import pyarrow
from pyarrow import compute, json, types

from datav.errors import TableError
from datav.profiles.arrays import I64
from datav.profiles.columns import ColumnSketch, merge_columns
from datav.profiles.groups import LabelGroups
from datav.profiles.labelling import group_by_label, may_group
from datav.profiles.profile import TableProfile
from datav.profiles.sketching import sketch_array, sketch_cells
from datav.tables.celltypes import cell_type
from datav.tables.jsoncells import Number, cell_of, escaped, flatten, plain_starts
from datav.tables.jsonl import JsonLinesVersion
from datav.tables.jsonpaths import lines

_ROWS_SAMPLED = 1000

# A few texts that are no times make no text of a column of times.
_MOST_CELLS = 0.9

# Lists in lists deeper than this are texts.
_DEEPEST = 16

_TIMES = ("date", "timestamp")

MOST_COLUMNS = 10_000
"""Records whose keys are ids of something have ever new ones, which are no columns."""

# pyarrow makes cells of all rows in all columns, which of keys that are in few records each takes gigabytes.
_MOST_CELLS_READ = 2**25
_LINES_LOOKED_AT = 50

_KEY = re.compile(rb'"((?:[^"\\]|\\.)*)"\s*:')


def guess_times(version: JsonLinesVersion) -> frozenset[str]:
    """Return the paths whose texts are taken for times, by what most of the first ones look like.

    Raises:
        TableError: a line is no JSON object.
    """
    found = (line for part in version.parts(version.body, version.source.size) for line in lines(*part))
    seen: dict[str, Counter[bool]] = {}
    for line in islice(found, _ROWS_SAMPLED):
        for path, value in version.parse(*line).items():
            if type(value) is str and value:
                seen.setdefault(path, Counter())[cell_type(value) in _TIMES] += 1
    return frozenset(path for path, are in seen.items() if are[True] >= _MOST_CELLS * are.total())


def sketch_lines(
    version: JsonLinesVersion, times: Collection[str], label: str | None, offset: int, data: bytes
) -> TableProfile:
    """Return the sketches of whole lines.

    Args:
        times: paths whose texts are taken for times.
        label: the path by which the others are counted.
        offset: of the lines in the file.

    Raises:
        TableError: one is no JSON object.
    """
    table = _read(data)
    if table is not None:
        sketches: list[ColumnSketch] = []
        grouped: list[tuple[str, Any]] = []
        for name, column in zip(table.column_names, table.columns, strict=True):
            for path, cells in _leaves(escaped(name), column.combine_chunks()):
                is_time = path in times and types.is_string(cells.type)
                sketches += [_sketch_times(path, cells)] if is_time else sketch_array(path, cells)
                if may_group(cells.type) and len(cells) == table.num_rows:
                    grouped.append((path, cells))
        return TableProfile(table.num_rows, tuple(sketches), group_by_label(label, grouped))
    try:
        records = [version.parse(*line) for line in lines(offset, data)]
        check_columns({path for record in records for path in record})
        sketches = list(_without_parents(_sketch_records("", records, times)))
        return TableProfile(len(records), tuple(sketches), _group_records(label, records))
    except RecursionError as exc:
        raise TableError("its records are nested too deep") from exc


def _group_records(label: str | None, records: Sequence[Mapping[str, Any]]) -> LabelGroups | None:
    if label is None:
        return None
    paths = dict.fromkeys(path for record in records for path in record)
    cells = {path: [_as_label(record.get(path)) for record in records] for path in paths}
    return group_by_label(
        label, [(path, pyarrow.array(cells[path], pyarrow.large_string())) for path in paths]
    )


def _as_label(value: Any) -> str | None:
    """Return a cell as pyarrow would have written it, had it read the lines."""
    if value is None or isinstance(value, str):
        return None if value is None else str(value)
    return str(value).lower() if isinstance(value, bool) else (cell_of(value) or b"").decode()


def check_columns(names: Collection[object]) -> None:
    """Raise TableError where there are too many columns."""
    if len(names) > MOST_COLUMNS:
        raise TableError(f"its records have more than {MOST_COLUMNS} different keys")


def settle(column: ColumnSketch) -> ColumnSketch:
    """Return a column as what most of its cells are, which the segment that comes last need not tell."""
    kind = column.kind
    if kind in ("number", "time", "text"):
        counts = {"text": column.texts.count, "time": column.times.count, "number": column.numbers.count}
        kind = max(("text", "time", "number"), key=lambda each: counts[each])
    number = "float64" if column.numbers.ranks.points.dtype == np.float64 else "int64"
    named = {
        "number": number,
        "time": "timestamp",
        "text": "string",
        "boolean": "bool",
        "list": "list",
        "empty": "null",
    }
    return replace(column, kind=kind, type=named.get(kind, column.type))


# Any, here and below: pyarrow has no types of its own that mypy could see; and JSON holds anything.
def _read(data: bytes) -> Any:
    """Return lines as a table; None where pyarrow cannot read them, or reads something else than Python."""
    starts = plain_starts(data)
    if starts is None or _is_sparse(data, starts):
        return None
    table = _read_as(data, None)
    if table is not None and any(map(_has_times, table.schema.types)):
        # pyarrow takes texts for times in each part anew, by rules of its own.
        fields = zip(table.schema.names, map(_as_text, table.schema.types), strict=True)
        table = _read_as(data, pyarrow.schema(list(fields)))
    # Two objects on a line are none to Python.
    is_same = table is not None and table.num_rows == len(starts)
    return table if is_same and all(map(_is_plain, table.schema.types)) else None


def _is_sparse(data: bytes, starts: I64) -> bool:
    """Whether there are too many cells to be read by pyarrow, nearly all of which would be null."""
    # All keys are counted only where some lines, the first and the last among them, let one expect many.
    chosen = starts[np.linspace(0, len(starts) - 1, _LINES_LOOKED_AT).astype(np.int64)].tolist()
    seen: set[bytes] = set()
    for number, start in enumerate(chosen):
        if number == _LINES_LOOKED_AT // 2:
            before = len(seen)
        seen.update(_KEY.findall(_line_at(data, start)))
    expected = len(seen) + (len(seen) - before) * len(starts) // (_LINES_LOOKED_AT // 2)
    if expected * len(starts) <= _MOST_CELLS_READ:
        return False
    return len(set(_KEY.findall(data))) * len(starts) > _MOST_CELLS_READ


def _line_at(data: bytes, start: int) -> bytes:
    end = data.find(b"\n", start)
    return data[start : end if end >= 0 else len(data)]


def _read_as(data: bytes, schema: Any) -> Any:
    options = json.ReadOptions(use_threads=False, block_size=len(data) + 1)
    rules = json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="infer")
    try:
        return json.read_json(pyarrow.BufferReader(data), options, rules)
    except (pyarrow.ArrowException, ValueError):
        return None


def _below(kind: Any) -> list[Any]:
    return [kind.field(number) for number in range(kind.num_fields)]


def _has_times(kind: Any) -> bool:
    return types.is_timestamp(kind) or any(_has_times(field.type) for field in _below(kind))


def _is_plain(kind: Any) -> bool:
    """Whether the paths of a column are those that Python's reading gives, and all of them."""
    fields = _below(kind)
    if types.is_struct(kind) and (not fields or any(escaped(field.name) != field.name for field in fields)):
        return False
    return all(_is_plain(field.type) for field in fields)


def _as_text(kind: Any) -> Any:
    if types.is_timestamp(kind):
        return pyarrow.string()
    if types.is_struct(kind):
        return pyarrow.struct([(field.name, _as_text(field.type)) for field in _below(kind)])
    return pyarrow.list_(_as_text(kind.value_type)) if types.is_list(kind) else kind


def _leaves(path: str, cells: Any) -> Iterator[tuple[str, Any]]:
    if not types.is_struct(cells.type):
        yield path, cells
        return
    for field, below in zip(cells.type, cells.flatten(), strict=True):
        yield from _leaves(f"{path}.{field.name}", below)


def _without_parents(columns: Iterable[ColumnSketch]) -> Iterator[ColumnSketch]:
    """Yield columns but those that have fields, and nothing beside them."""
    found = list(columns)
    parents = {
        column.name[:place] for column in found for place, char in enumerate(column.name) if char == "."
    }
    return (column for column in found if column.kind != "empty" or column.name not in parents)


def _sketch_times(path: str, cells: Any) -> ColumnSketch:
    """Return the sketch of texts of which most are times."""
    is_filled = compute.fill_null(compute.not_equal(cells, ""), False)
    filled = cells.filter(is_filled).cast(pyarrow.large_binary())
    rest = cells.filter(compute.invert(is_filled))
    return merge_columns([*sketch_array(path, rest), sketch_cells(path, "timestamp", filled)])


def _sketch_records(
    prefix: str, records: Sequence[dict[str, Any]], times: Collection[str]
) -> Iterator[ColumnSketch]:
    """Yield the sketches of flattened records."""
    columns: dict[str, list[Any]] = {}
    for record in records:
        for path, value in record.items():
            columns.setdefault(path, []).append(value)
    for path, values in columns.items():
        yield from _sketch_values(prefix + path, values, len(records) - len(values), times)


def _sketch_values(
    path: str, values: Sequence[Any], absent: int, times: Collection[str]
) -> Iterator[ColumnSketch]:
    """Yield the sketches of cells, each by what it is itself, and of the items of those that are lists."""
    of: dict[type, list[Any]] = {Number: [], str: [], bool: [], list: [], dict: []}
    for value in values:
        if value is None:
            absent += 1
        else:
            of[type(value)].append(value)
    if path.count("[]") >= _DEEPEST:
        of[str] += map(_shown, of[list])
        of[list] = []
    # The cells of objects are those of their fields.
    absent += len(of[dict])
    parts = [*sketch_array(path, pyarrow.nulls(absent))]
    parts += sorted(_sketch_kinds(path, of, times), key=lambda part: part.count)
    yield merge_columns(parts)
    if of[list]:
        yield from _sketch_values(f"{path}[]", [item for each in of[list] for item in each], 0, times)
    if any(of[dict]):
        objects = [flatten(value) if type(value) is dict else {} for value in values]
        yield from _sketch_records(f"{path}.", objects, times)


def _sketch_kinds(path: str, of: dict[type, list[Any]], times: Collection[str]) -> Iterator[ColumnSketch]:
    if of[Number]:
        yield sketch_cells(path, "integer", pyarrow.array([value.encode() for value in of[Number]], _BINARY))
    if of[str]:
        texts = pyarrow.array([_shown(value) for value in of[str]], pyarrow.large_string())
        yield _sketch_times(path, texts) if path in times else next(sketch_array(path, texts))
    if of[bool]:
        yield next(sketch_array(path, pyarrow.array(of[bool], pyarrow.bool_())))
    if of[list]:
        lengths = [[None] * len(value) for value in of[list]]
        yield next(sketch_array(path, pyarrow.array(lengths, pyarrow.list_(pyarrow.null()))))


_BINARY = pyarrow.large_binary()


def _shown(value: Any) -> str:
    """Return a text, or something else as JSON; half a character as JSON spells it."""
    if type(value) is str:
        try:
            value.encode()
        except UnicodeEncodeError:
            pass
        else:
            return value
    return (cell_of(value) or b"").decode()
