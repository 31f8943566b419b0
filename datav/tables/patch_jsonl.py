"""JSON Lines, patched: lines that stay are copied, changed records keep the order of their keys."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from datav.errors import TableError
from datav.tables.dialect import HEAD_SIZE
from datav.tables.encodings import decode_head
from datav.tables.jsonl import JsonLinesVersion
from datav.tables.patch_plan import Plan
from datav.tables.source import RandomAccess

_BLOCK = 2**20
_LINE_END = re.compile(rb"\r\n|\n|\r")
# One key of the path that names a column, as jsonl.py writes paths.
_STEP = re.compile(r"((?:[^.\\]|\\.)*)(?:\.|\Z)", re.DOTALL)


class _Number(str):
    """A number, as it is written."""

    __slots__ = ()


_DECODER = json.JSONDecoder(parse_float=_Number, parse_int=_Number, parse_constant=_Number)


@dataclass(frozen=True, slots=True)
class _Writing:
    """How a file writes its records."""

    comma: str
    colon: str
    is_ascii: bool
    """Whether other characters are escaped."""
    line_end: bytes

    # Any: JSON holds anything.
    def encode(self, value: Any) -> str:
        if isinstance(value, _Number):
            return str(value)
        if isinstance(value, dict):
            fields = (
                f"{self.encode(str(name))}{self.colon}{self.encode(each)}" for name, each in value.items()
            )
            return f"{{{self.comma.join(fields)}}}"
        if isinstance(value, list):
            return f"[{self.comma.join(map(self.encode, value))}]"
        text = json.dumps(value, ensure_ascii=self.is_ascii)
        # Half a character, which only JSON can spell.
        return text if text.isascii() or text.isprintable() else _without_surrogates(text)


def write_json_lines(version: JsonLinesVersion, source: RandomAccess, plan: Plan, target: BinaryIO) -> None:
    """Write the table `version` as `plan` says.

    A cell that becomes null is written as `null` where its key was there, and not at all where it was not.
    """
    head = source.read_at(0, HEAD_SIZE)
    decoded = decode_head(head, len(head) < HEAD_SIZE)
    if decoded is None or not decoded[0].startswith("utf-8"):
        raise TableError("it is JSON Lines in another encoding than UTF-8", hint="convert it first")
    style = _find_style(decoded[1])
    after = [column.to_pylist() for column in plan.after.columns]
    stay = set(plan.columns)
    gone = [_steps(name) for name in plan.old_columns if name not in stay]
    at, last = 0, b"\n"
    for place, row, stays in _touched(plan, everything=bool(gone)):
        for block in _copy(source, at, place):
            target.write(block)
            last = block[-1:]
        line, tail = _line_at(source, place)
        at = place + len(line) + len(tail)
        if row is None and not stays:
            continue
        record = _parse(line)
        # First: a column may come to be where an object was that held others.
        for path in gone:
            _delete(record, path)
        if row is not None:
            _change(record, _old_cells(version, place), plan, [column[row] for column in after])
        new = style.encode(record).encode()
        target.write((line if _parse(line) == record else new) + tail)
        last = tail[-1:] or b"}"
    for block in _copy(source, at, source.size):
        target.write(block)
        last = block[-1:]
    for row, count in zip(plan.added, plan.added_counts, strict=True):
        record = {}
        _change(record, {}, plan, [column[row] for column in after])
        new = style.encode(record).encode()
        for _ in range(count):
            target.write(new + style.line_end if last in b"\r\n" else style.line_end + new)


def _touched(plan: Plan, *, everything: bool) -> Iterator[tuple[int, int | None, bool]]:
    """Yield places with the row that each becomes, if any, and whether it stays at all."""
    if not everything:
        for place, row in plan.edits.items():
            yield place, row, False
        return
    for places in plan.places:
        for place in places.tolist():
            yield place, plan.edits.get(place), place not in plan.edits


def _old_cells(version: JsonLinesVersion, place: int) -> dict[str, bytes | None]:
    table = version.take(np.array([place], np.uint64), range(len(version.columns)), version.types)
    return {name: table.column(name)[0].as_py() for name in table.column_names}


def _change(
    record: dict[str, Any], old: dict[str, bytes | None], plan: Plan, cells: Sequence[bytes | None]
) -> None:
    """Put those cells into a record that are not there already."""
    changed = [
        (_steps(name), cell) for name, cell in zip(plan.columns, cells, strict=True) if cell != old.get(name)
    ]
    # First what goes: of `a` and `a.b` a record has one or the other.
    for path, cell in changed:
        if cell is None:
            _clear(record, path)
    for path, cell in changed:
        if cell is not None:
            _put(record, path, _value(cell.decode()))


def _clear(record: dict[str, Any], path: Sequence[str]) -> None:
    """Make a cell null; where it was all of an object, the object."""
    inner = record
    for step in path[:-1]:
        if len(inner[step]) == 1:
            inner[step] = None
            return
        inner = inner[step]
    inner[path[-1]] = None


def _put(record: dict[str, Any], path: Sequence[str], value: Any) -> None:
    inner = record
    for step in path[:-1]:
        if inner.get(step) is None or inner[step] == {}:
            inner[step] = {}
        inner = inner[step]
        if not isinstance(inner, dict):
            raise TableError(f"the change feed does not fit: {step} is no object in every record")
    inner[path[-1]] = value


def _delete(record: dict[str, Any], path: Sequence[str]) -> None:
    """Take a cell out of a record, and the objects that held nothing else: `{}` would be a cell."""
    if path[0] not in record:
        return
    inner = record[path[0]]
    is_object = isinstance(inner, dict) and bool(inner)
    if is_object != (len(path) > 1):
        # Of `a` and `a.b` a record has one or the other, and this one has the other.
        return
    if is_object:
        _delete(inner, path[1:])
        if inner:
            return
    del record[path[0]]


def _value(cell: str) -> Any:
    """What a cell stands for: JSON where it is JSON, else a string."""
    try:
        return _DECODER.decode(cell)
    except (ValueError, RecursionError):
        return cell


def _steps(name: str) -> list[str]:
    return [re.sub(r"\\(.)", r"\1", step) for step in _STEP.findall(name)[: 1 + _dots(name)]]


def _dots(name: str) -> int:
    return re.sub(r"\\.", "", name).count(".")


def _parse(line: bytes) -> dict[str, Any]:
    # The version has read this line before.
    record: dict[str, Any] = _DECODER.decode(line.decode("utf-8-sig"))
    return record


def _line_at(source: RandomAccess, place: int) -> tuple[bytes, bytes]:
    """Return the line at `place`, and what ends it."""
    size = _BLOCK
    while True:
        data = source.read_at(place, size)
        found = _LINE_END.search(data)
        whole = place + len(data) >= source.size
        if found is not None and (whole or found.end() < len(data)):
            return data[: found.start()], found[0]
        if whole:
            return data, b""
        size *= 4


def _find_style(text: str) -> _Writing:
    line = text.lstrip("\r\n").splitlines()[0] if text.strip() else "{}"
    colon = re.search(r'"(\s?:\s?)', line)
    comma = re.search(r'(?<=["\d\]}el])(\s?,\s?)"', line)
    ended = _LINE_END.search(text.encode())
    return _Writing(
        comma[1] if comma is not None else ", ",
        colon[1] if colon is not None else ": ",
        text.isascii() and "\\u" in text,
        ended[0] if ended is not None else b"\n",
    )


def _copy(source: RandomAccess, start: int, end: int) -> Iterator[bytes]:
    for offset in range(start, end, _BLOCK):
        yield source.read_at(offset, min(_BLOCK, end - offset))


def _without_surrogates(text: str) -> str:
    return "".join(char if not "\ud800" <= char <= "\udfff" else json.dumps(char)[1:-1] for char in text)
