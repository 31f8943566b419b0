"""JSON Lines as a version of a table.  A place is the offset of a record.

Columns are the paths to what is not an object: `a.b` of `{"a": {"b": 1}}`; a dot or a backslash in a key
stands behind a backslash.  Every path of any record is a column.

Cells are text.  A number is as it is written, so 1 and 1.0 differ; a list is JSON without white space, its
objects' keys sorted.  A string is its own text, but in JSON, with quotes, where that text would be JSON
itself: so "1" and 1 differ, and yet a name is a name.  null is what an absent key is.  Of a key that occurs
twice in one object the last counts, as for Python's json module.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from functools import cached_property, partial
from itertools import islice
from json.encoder import encode_basestring
from typing import Any

import numpy as np
import pyarrow
from numpy.typing import NDArray
from pyarrow import json as arrow_json
from pyarrow import types as arrow_types

from datav.errors import TableError
from datav.formats.manifest import ColumnInfo
from datav.tables.batches import in_order
from datav.tables.dialect import TextDialect
from datav.tables.hashing import fingerprint
from datav.tables.jsonlines import RECORDS_SAMPLED, _join, _without_surrogates
from datav.tables.naming import unique_names
from datav.tables.source import RandomAccess
from datav.tables.version import U64, Prints, View

MAX_PATHS = 10_000
"""Where there are more, keys are data and the records are no rows of one table."""

_BLOCK = 2**20
_AHEAD = 4

# pyarrow takes time and memory for every path of a part in every of its records: so parts are small, and
# where they have many more paths than a record has, pyarrow is not asked any more.
_PIECE = 32 * 2**10
_MOST_UNEVEN = 8

_LINE = re.compile(rb"[^\r\n]+")
_LINE_END = re.compile(rb"[\r\n]")
_EMPTY_OBJECT = re.compile(rb"\{\s*\}")

# Texts that are JSON, or begin like it.
_IS_JSON = re.compile(
    r'["\[{]|(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|NaN|-?Infinity)\Z', re.ASCII
)

_JSON_STARTS = frozenset('"[{-0123456789tfnNI')

# pyarrow takes the process down when objects or lists are nested some thousand deep, so it is not asked then.
_MAX_DEPTH = 64
_NOT_STRUCTURE = bytes(set(range(256)) - set(b'"{}[]'))
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)

# Lines of a file that does not say that it is JSON Lines, before it is believed.
_LEAST_LINES = 2


def _make_steps() -> NDArray[np.int8]:
    steps = np.zeros(256, np.int8)
    steps[list(b"{[")] = 1
    steps[list(b"}]")] = -1
    return steps


_STEPS = _make_steps()
"""What each byte of JSON does to the depth of nesting."""


class _Number(str):
    """A number, as it is written."""

    __slots__ = ()


_DECODER = json.JSONDecoder(parse_float=_Number, parse_int=_Number, parse_constant=_Number)


class JsonLinesVersion:
    """One version of a file of JSON Lines.  Used from several threads, as far as its source is.

    The columns are those of all records, so asking for them reads the file once.

    Args:
        source: UTF-8, with or without a byte order mark.

    Raises, whenever it is read:
        TableError: a line is not JSON, or not an object.
    """

    def __init__(self, source: RandomAccess, dialect: TextDialect) -> None:
        self._source = source
        self._start = dialect.bom_size

    @cached_property
    def columns(self) -> tuple[ColumnInfo, ...]:
        names = unique_names(map(_without_surrogates, self._paths))
        return tuple(ColumnInfo(name, kind) for name, kind in zip(names, self._paths.values(), strict=True))

    @property
    def format(self) -> str:
        return "jsonl"

    @property
    def types(self) -> tuple[None, ...]:
        return (None,) * len(self._paths)

    @property
    def row_count(self) -> None:
        return None

    def scan(self, view: View, seed: int, executor: Executor) -> Iterator[Prints]:
        paths = self._paths_of(view.columns)
        jobs: Iterable[Callable[[], Prints]] = (
            partial(self._print_block, offset, data, paths, view, seed) for offset, data in self._blocks()
        )
        yield from in_order(executor, jobs, _AHEAD)

    # Any, here and below: pyarrow has no types of its own that mypy could see; and JSON holds anything.
    def take(self, places: U64, columns: Sequence[int], types: Sequence[object]) -> Any:
        paths = self._paths_of(columns)
        cells = _columns((self._parse(*line) for line in self._lines_at(places)), paths)
        return pyarrow.Table.from_arrays(cells, names=[self.columns[column].name for column in columns])

    @cached_property
    def _paths(self) -> dict[str, str]:
        """Where each column is found, and what is there, in the order in which they come up."""
        lines = (line for offset, data in self._blocks() for line in _lines(offset, data))
        kinds = _find_kinds(self._parse(*line) for line in islice(lines, RECORDS_SAMPLED))
        is_even = True
        for offset, data in self._pieces():
            found = _arrow_kinds(data) if is_even else None
            if found is None:
                found = _find_kinds(self._parse(*line) for line in _lines(offset, data))
            is_even = is_even and len(found) <= _MOST_UNEVEN * (
                1 + data.count(b'":') / (1 + data.count(b"\n"))
            )
            for path, kind in found.items():
                # The types are those of a sample, as in manifests, but for what is not in the sample.
                if kinds.get(path, "empty") == "empty":
                    kinds[path] = kind
            if len(kinds) > MAX_PATHS:
                raise TableError(f"its records have more than {MAX_PATHS} different keys")
        inner = {path[:place] for path in kinds for place in _dots(path)}
        return {path: kind for path, kind in kinds.items() if kind != "empty" or path not in inner}

    def _paths_of(self, columns: Sequence[int]) -> list[str]:
        paths = list(self._paths)
        return [paths[column] for column in columns]

    def _print_block(self, offset: int, data: bytes, paths: Sequence[str], view: View, seed: int) -> Prints:
        lines = list(_lines(offset, data))
        cells = _columns((self._parse(*line) for line in lines), paths)
        keys, rows = fingerprint(cells, view.key, len(lines), seed)
        return Prints(np.array([place for place, _ in lines], np.uint64), keys, rows)

    def _blocks(self) -> Iterator[tuple[int, bytes]]:
        """Yield all lines, as parts of the file with where they begin; a line is never cut."""
        at, size, held = self._start, _BLOCK, b""
        while at + len(held) < self._source.size:
            held += self._source.read_at(at + len(held), size)
            whole = at + len(held) >= self._source.size
            end = len(held) if whole else max(held.rfind(b"\n"), held.rfind(b"\r")) + 1
            if end:
                yield at, held[:end]
            # A line that is longer than a block takes ever larger ones.
            size = _BLOCK if end else 2 * size
            at, held = at + end, held[end:]

    def _pieces(self) -> Iterator[tuple[int, bytes]]:
        """Yield all lines as `_blocks` does, in smaller parts."""
        for offset, data in self._blocks():
            start = 0
            while start < len(data):
                end = data.find(b"\n", start + _PIECE) + 1 or len(data)
                yield offset + start, data[start:end]
                start = end

    def _lines_at(self, places: U64) -> Iterator[tuple[int, bytes]]:
        start, data = 0, b""
        for place in places.tolist():
            size = _BLOCK
            while True:
                found = _LINE_END.search(data, place - start) if start <= place < start + len(data) else None
                if found is not None or (place >= start and start + len(data) >= self._source.size and data):
                    break
                start, data = place, self._source.read_at(place, size)
                size *= 2
            yield place, data[place - start : found.start() if found is not None else len(data)]

    def _parse(self, place: int, line: bytes) -> dict[str, Any]:
        """Return a record as cells by path.

        Raises:
            TableError: it is no JSON, or no object.
        """
        try:
            record = _DECODER.decode(line.decode())
            if type(record) is dict:
                return _flatten(record)
        except json.JSONDecodeError as exc:
            raise self._bad_line(
                place, f"is not JSON: {exc.msg.removesuffix(' at')} at character {exc.pos + 1}"
            ) from exc
        except UnicodeDecodeError as exc:
            raise self._bad_line(place, f"is not UTF-8: byte {exc.start + 1} of it") from exc
        except RecursionError as exc:
            raise self._bad_line(place, "is nested too deep") from exc
        raise self._bad_line(place, "is not a JSON object")

    def _bad_line(self, place: int, what: str) -> TableError:
        return TableError(f"line {self._line_number(place)} {what}")

    def _line_number(self, place: int) -> int:
        number = 1
        for offset in range(self._start, place, _BLOCK):
            # One more byte, for a line end of two may be cut; it is counted by its second.
            data = self._source.read_at(offset, min(_BLOCK, place - offset) + 1)
            last = len(data) - 1
            number += data.count(b"\n", 0, last) + data.count(b"\r", 0, last) - data.count(b"\r\n")
        return number


def is_json_lines(head: bytes, whole: bool) -> bool:
    """Whether the head of a file is nothing but JSON objects, one a line, and at least two.

    Args:
        whole: it is all of the file; else its last line may be cut, and is not looked at.
    """
    lines = [line for _, line in islice(_lines(0, head), RECORDS_SAMPLED)]
    if not whole and len(lines) < RECORDS_SAMPLED:
        lines = lines[:-1]
    try:
        return len(lines) >= _LEAST_LINES and all(
            type(_DECODER.decode(line.decode("utf-8-sig"))) is dict for line in lines
        )
    except (ValueError, RecursionError):
        return False


def _lines(offset: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    for match in _LINE.finditer(data):
        if not match[0].isspace():
            yield offset + match.start(), match[0]


def _flatten(record: dict[str, Any]) -> dict[str, Any]:
    cells: dict[str, Any] = {}
    _flatten_into(cells, "", record)
    return cells


def _flatten_into(cells: dict[str, Any], prefix: str, record: dict[str, Any]) -> None:
    for key, value in record.items():
        path = prefix + (_escaped(key) if "." in key or "\\" in key else key)
        if type(value) is dict and value:
            _flatten_into(cells, f"{path}.", value)
        else:
            cells[path] = value


def _escaped(key: str) -> str:
    return key.replace("\\", "\\\\").replace(".", "\\.")


def _dots(path: str) -> Iterator[int]:
    """Yield where a path goes one object deeper."""
    for match in re.finditer(r"\\.|\.", path):
        if match[0] == ".":
            yield match.start()


def _columns(records: Iterable[dict[str, Any]], paths: Sequence[str]) -> list[Any]:
    rows = list(records)
    return [pyarrow.array([_cell(row.get(path)) for row in rows], pyarrow.large_binary()) for path in paths]


def _cell(value: Any) -> bytes | None:
    if value is None:
        return None
    kind = type(value)
    try:
        if kind is _Number or (kind is str and (value[:1] not in _JSON_STARTS or not _IS_JSON.match(value))):
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
        case _Number():
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


def _find_kinds(records: Iterable[dict[str, Any]]) -> dict[str, str]:
    kinds: dict[str, str] = {}
    for record in records:
        for path, value in record.items():
            kinds[path] = _join(kinds.get(path, "empty"), _kind_of(value))
    return kinds


def _kind_of(value: Any) -> str:
    match value:
        case None:
            return "empty"
        case bool():
            return "boolean"
        case _Number():
            return "integer" if value.removeprefix("-").isdigit() else "float"
        case str():
            return "text"
        case list():
            return "list"
    return "object"


def _arrow_kinds(data: bytes) -> dict[str, str] | None:
    """Return what `_find_kinds` does, much sooner; None where pyarrow cannot tell."""
    # An empty object is a cell, but to pyarrow it is an object like any other of that column.
    if _EMPTY_OBJECT.search(data) is not None or _depth(data) > _MAX_DEPTH:
        return None
    options = arrow_json.ReadOptions(use_threads=True, block_size=len(data) + 1)
    try:
        schema = arrow_json.read_json(pyarrow.BufferReader(data), options).schema
    except (pyarrow.ArrowException, ValueError, UnicodeError, MemoryError):
        return None
    kinds: dict[str, str] = {}
    _add_fields(kinds, "", schema)
    return kinds


def _depth(data: bytes) -> int:
    """Return how deep objects and lists are nested in some JSON; where it is not JSON, up to there."""
    if b"\\" not in data:
        # Most of what a string holds is gone sooner this way; behind a backslash any byte may matter.
        data = data.translate(None, _NOT_STRUCTURE)
    characters = np.frombuffer(_STRING.sub(b"", data), np.uint8)
    steps = _STEPS[characters]
    return int(np.cumsum(steps, dtype=np.int64).max(initial=0))


def _add_fields(kinds: dict[str, str], prefix: str, fields: Iterable[Any]) -> None:
    for field in fields:
        path = prefix + _escaped(field.name)
        if arrow_types.is_struct(field.type):
            _add_fields(kinds, f"{path}.", field.type)
        else:
            kinds[path] = _arrow_kind(field.type)


def _arrow_kind(kind: Any) -> str:
    if arrow_types.is_null(kind):
        return "empty"
    if arrow_types.is_boolean(kind):
        return "boolean"
    if arrow_types.is_integer(kind):
        return "integer"
    if arrow_types.is_floating(kind):
        return "float"
    return "list" if arrow_types.is_list(kind) else "text"
