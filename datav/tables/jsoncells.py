"""Records of JSON Lines as cells by path.

Paths lead to what is not an object: `a.b` of `{"a": {"b": 1}}`; a dot or a backslash in a key stands behind
a backslash.  Cells are text; what they are is told in jsonl.py.

Python's json module says what a line holds.  pyarrow, much sooner, is asked where it gives the same: not
where it takes for JSON what Python does not, and only for cells whose text it does not change.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from json.encoder import encode_basestring
from typing import Any, NamedTuple

import numpy as np
import pyarrow
from numpy.typing import NDArray
from pyarrow import compute
from pyarrow import json as arrow_json

from datav.errors import TableError

LINE = re.compile(rb"[^\r\n]+")

# Texts that are JSON, or begin like it.
_LIKE_JSON = r'["\[{]|(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|NaN|-?Infinity)'
_IS_JSON = re.compile(_LIKE_JSON + r"\Z", re.ASCII)
_IS_JSON_RE2 = f"^(?:{_LIKE_JSON}$)"
_JSON_STARTS = frozenset('"[{-0123456789tfnNI')

# pyarrow takes the process down when objects or lists are nested some thousand deep, so it is not asked then.
_MAX_DEPTH = 64
_NOT_STRUCTURE = bytes(set(range(256)) - set(b'"{}[]'))
_NOT_OPENING = bytes(set(range(256)) - set(b"{[\n\r"))
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)

# Numbers that pyarrow reads and Python does not, or not so.
_INF = re.compile(rb"[:,\[]\s*-?Inf")
_MINUS_ZERO = re.compile(rb"-0(?![.\deE])")


def _make_steps() -> NDArray[np.int8]:
    steps = np.zeros(256, np.int8)
    steps[list(b"{[")] = 1
    steps[list(b"}]")] = -1
    return steps


_STEPS = _make_steps()
"""What each byte of JSON does to the depth of nesting."""


class Number(str):
    """A number, as it is written."""

    __slots__ = ()


DECODER = json.JSONDecoder(parse_float=Number, parse_int=Number, parse_constant=Number)


# Any, here and below: pyarrow has no types of its own that mypy could see; and JSON holds anything.
def flatten(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a record holds, by path."""
    cells: dict[str, Any] = {}
    _flatten_into(cells, "", record)
    return cells


def _flatten_into(cells: dict[str, Any], prefix: str, record: Mapping[str, Any]) -> None:
    for key, value in record.items():
        path = prefix + (escaped(key) if "." in key or "\\" in key else key)
        if type(value) is dict and value:
            _flatten_into(cells, f"{path}.", value)
        else:
            cells[path] = value


def escaped(key: str) -> str:
    """Return a key as it stands in a path."""
    return key.replace("\\", "\\\\").replace(".", "\\.")


def columns_of(records: Iterable[Mapping[str, Any]], paths: Sequence[str]) -> list[Any]:
    """Return the cells of flattened records as `large_binary` columns, one for each path."""
    rows = list(records)
    return [pyarrow.array([cell_of(row.get(path)) for row in rows], pyarrow.large_binary()) for path in paths]


def cell_of(value: Any) -> bytes | None:
    """Return the cell of a value.

    Raises:
        TableError: it is nested too deep.
    """
    if value is None:
        return None
    kind = type(value)
    try:
        if kind is Number or (kind is str and (value[:1] not in _JSON_STARTS or not _IS_JSON.match(value))):
            encoded: bytes = value.encode()
            return encoded
        return _canonical(value).encode()
    except UnicodeEncodeError:
        # Half a character, which only JSON can spell.
        return json.dumps(value).encode()
    except RecursionError as exc:
        raise TableError("its records are nested too deep") from exc


def _canonical(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case Number():
            return str(value)
        case str():
            return encode_basestring(value) if value.isascii() or _is_unicode(value) else json.dumps(value)
        case dict():
            fields = (f"{_canonical(key)}:{_canonical(value[key])}" for key in sorted(value))
            return f"{{{','.join(fields)}}}"
    return f"[{','.join(map(_canonical, value))}]"


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class PlainCells(NamedTuple):
    """Some lines as pyarrow reads them."""

    starts: NDArray[np.int64]
    """Where the records begin."""
    columns: list[Any]


def plain_cells(data: bytes, kinds: Mapping[str, str]) -> PlainCells | None:
    """Return what `columns_of` does for whole lines, much sooner; None where pyarrow cannot tell.

    Args:
        kinds: of the columns, by path: what most of their cells are.
    """
    fields = _fields_of(kinds)
    starts = plain_starts(data) if fields is not None else None
    if starts is None:
        return None
    table = read_plain(data, len(starts), pyarrow.schema(fields))
    if table is None:
        return None
    columns = []
    for path in kinds:
        column = table
        for key in _keys_of(path):
            column = _member(column, key)
        cells = _plain_column(column, data)
        if cells is None:
            return None
        columns.append(cells)
    return PlainCells(starts, columns)


def _member(cells: Any, key: str) -> Any:
    if isinstance(cells, pyarrow.Table):
        return cells.column(key).combine_chunks()
    return compute.struct_field(cells, [key])


_ARROW = {
    "integer": pyarrow.int64(),
    "text": pyarrow.string(),
    "boolean": pyarrow.bool_(),
    "empty": pyarrow.string(),
}


def _fields_of(kinds: Mapping[str, str]) -> list[Any] | None:
    """Return paths as fields of Arrow; None where there is no type that keeps their text."""
    tree: dict[str, Any] = {}
    for path, kind in kinds.items():
        *outer, last = _keys_of(path)
        inner = tree
        for key in outer:
            inner = inner.setdefault(key, {})
            if not isinstance(inner, dict):
                return None
        if kind not in _ARROW or last in inner or "\0" in path or not _is_unicode(path):
            return None
        inner[last] = _ARROW[kind]
    return _as_fields(tree)


def _as_fields(tree: Mapping[str, Any]) -> list[Any]:
    return [
        pyarrow.field(name, pyarrow.struct(_as_fields(below)) if isinstance(below, dict) else below)
        for name, below in tree.items()
    ]


def _keys_of(path: str) -> list[str]:
    keys, start = [], 0
    for place in dots(path):
        keys.append(path[start:place])
        start = place + 1
    return [re.sub(r"\\(.)", r"\1", key) for key in [*keys, path[start:]]]


def dots(path: str) -> Iterable[int]:
    """Yield where a path goes one object deeper."""
    return (match.start() for match in re.finditer(r"\\.|\.", path) if match[0] == ".")


def _plain_column(column: Any, data: bytes) -> Any:
    """Return cells as they stand in the file; None where their text is lost."""
    if pyarrow.types.is_integer(column.type):
        if compute.any(compute.equal(column, 0)).as_py() and _MINUS_ZERO.search(data) is not None:
            return None
        return column.cast(pyarrow.string()).cast(pyarrow.large_binary())
    if pyarrow.types.is_boolean(column.type):
        return compute.if_else(column, b"true", b"false").cast(pyarrow.large_binary())
    if compute.any(compute.match_substring_regex(column, _IS_JSON_RE2)).as_py():
        return pyarrow.array([cell_of(text) for text in column.to_pylist()], pyarrow.large_binary())
    return column.cast(pyarrow.large_binary())


def read_plain(data: bytes, rows: int, schema: Any = None) -> Any:
    """Return lines as a table of pyarrow's; None if it does not read them as that many records.

    Args:
        data: lines that `plain_starts` has looked at.
        schema: only these fields; None: whatever there is, pyarrow guesses its types.
    """
    options = arrow_json.ReadOptions(use_threads=False, block_size=len(data) + 1)
    rules = arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    try:
        table = arrow_json.read_json(
            pyarrow.BufferReader(data), options, rules if schema is not None else None
        )
        # Two objects on a line are none to Python.
        return table if len(table) == rows else None
    except (pyarrow.ArrowException, ValueError, UnicodeError, MemoryError):
        return None


def plain_starts(data: bytes) -> NDArray[np.int64] | None:
    """Return where the records of whole lines begin; None if pyarrow may read them otherwise than Python.

    What is said of records holds if pyarrow finds as many of them: each line begins and ends like an object,
    so none begins on one line and ends on another.
    """
    if b"\0" in data or (b"Inf" in data and _INF.search(data) is not None) or not _is_utf8(data):
        return None
    starts = object_starts(data)
    if starts is None or not len(starts) or _depth(data) > _MAX_DEPTH:
        return None
    return starts


def _is_utf8(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def object_starts(data: bytes) -> NDArray[np.int64] | None:
    """Return where lines begin that are not blank; None if one does not begin and end as an object does."""
    characters = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(characters == ord("\n"))
    if not len(ends) or ends[-1] != len(data) - 1:
        ends = np.append(ends, len(data))
    starts = np.concatenate([[0], ends[:-1] + 1])
    if (
        b"\r" not in data
        and bool((ends > starts).all())
        and bool((characters[starts] == ord("{")).all())
        and bool((characters[ends - 1] == ord("}")).all())
    ):
        return starts
    found = []
    for match in LINE.finditer(data):
        line = match[0].strip(b" \t")
        if line[:1] == b"{" and line[-1:] == b"}":
            found.append(match.start())
        elif not match[0].isspace():
            return None
        elif line:
            # Blank to us, but not to JSON.
            return None
    return np.array(found, np.int64)


def _depth(data: bytes) -> int:
    """Return how deep objects and lists are nested in some JSON, at most; if it is none, up to there."""
    opening = data.translate(None, _NOT_OPENING).replace(b"\r", b"\n")
    most = max(map(len, opening.split(b"\n")))
    if most <= _MAX_DEPTH:
        return most
    if b"\\" not in data:
        # Most of what a string holds is gone sooner this way; behind a backslash any byte may matter.
        data = data.translate(None, _NOT_STRUCTURE)
    characters = np.frombuffer(_STRING.sub(b"", data), np.uint8)
    steps = _STEPS[characters]
    return int(np.cumsum(steps, dtype=np.int64).max(initial=0))
