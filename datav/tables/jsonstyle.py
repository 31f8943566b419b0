"""How a file of JSON Lines writes its records, and one record changed cell by cell: pure, values in and out.

Cells and paths are those of jsoncells.py.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from datav.errors import TableError
from datav.tables.jsoncells import DECODER, Number, cell_of, dots, flatten

LINE_END = re.compile(rb"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class JsonStyle:
    """How a file writes its records."""

    comma: str
    colon: str
    is_ascii: bool
    """Whether other characters are escaped."""
    line_end: bytes

    # Any, here and below: JSON holds anything.
    def encode(self, record: Mapping[str, Any]) -> bytes:
        """Return a record as a line without its end.

        Raises:
            TableError: it is nested too deep.
        """
        try:
            return self._text(record).encode()
        except RecursionError as exc:
            raise TableError("a record is nested too deep to be written") from exc

    def _text(self, value: Any) -> str:
        if isinstance(value, Number):
            return str(value)
        if isinstance(value, dict):
            fields = (f"{self._text(name)}{self.colon}{self._text(each)}" for name, each in value.items())
            return f"{{{self.comma.join(fields)}}}"
        if isinstance(value, list):
            return f"[{self.comma.join(map(self._text, value))}]"
        text = json.dumps(value, ensure_ascii=self.is_ascii)
        # Half a character, which only JSON can spell.
        return text if text.isascii() or text.isprintable() else _without_surrogates(text)


def find_json_style(head: str) -> JsonStyle:
    """Return how a file writes its records, of which `head` is the start."""
    line = head.lstrip("\r\n").splitlines()[0] if head.strip() else "{}"
    colon = re.search(r'"(\s?:\s?)', line)
    comma = re.search(r'(?<=["\d\]}el])(\s?,\s?)"', line)
    ended = LINE_END.search(head.encode())
    colons = colon[1] if colon is not None else ": "
    # With one member there is no comma to be seen.
    commas = ", " if colons.endswith(" ") else ","
    return JsonStyle(
        comma[1] if comma is not None else commas,
        colons,
        head.isascii() and "\\u" in head,
        ended[0] if ended is not None else b"\n",
    )


def parse_record(line: bytes) -> dict[str, Any]:
    """Return a line that a version has read before; numbers are as they are written."""
    record: dict[str, Any] = DECODER.decode(line.decode())
    return record


def change_record(record: dict[str, Any], paths: Sequence[str], cells: Sequence[bytes | None]) -> None:
    """Put those cells into a record that are not there already.

    A cell that becomes null is `null` where its key was there, and is left out where it was not.

    Raises:
        TableError: what has a cell below it is no object here; a cell is not UTF-8.
    """
    old = flatten(record)
    changed = [
        (path, cell) for path, cell in zip(paths, cells, strict=True) if cell != cell_of(old.get(path))
    ]
    # First what goes: of `a` and `a.b` a record has one or the other.
    for path, cell in changed:
        if cell is None:
            _clear(record, steps_of(path))
    for path, cell in changed:
        if cell is not None:
            _put(record, path, _value(path, cell))


def delete_paths(record: dict[str, Any], paths: Iterable[str]) -> None:
    """Take cells out of a record, and the objects that held nothing else: `{}` would be a cell."""
    for path in paths:
        _delete(record, steps_of(path))


def steps_of(path: str) -> list[str]:
    """Return the keys that lead to a cell."""
    steps, start = [], 0
    for place in dots(path):
        steps.append(path[start:place])
        start = place + 1
    return [re.sub(r"\\(.)", r"\1", step, flags=re.DOTALL) for step in [*steps, path[start:]]]


def _clear(record: dict[str, Any], steps: Sequence[str]) -> None:
    """Make a cell null, where it stands: the object around it stays, so that it is the same column."""
    inner = record
    for step in steps[:-1]:
        inner = inner[step]
    inner[steps[-1]] = None


def _put(record: dict[str, Any], path: str, value: Any) -> None:
    inner = record
    *outer, last = steps_of(path)
    for step in outer:
        if inner.get(step) is None or inner[step] == {}:
            inner[step] = {}
        inner = inner[step]
        if not isinstance(inner, dict):
            raise TableError(f"{step!r} of column {path!r} is no object in every record")
    inner[last] = value


def _delete(record: dict[str, Any], steps: Sequence[str]) -> None:
    if steps[0] not in record:
        return
    inner = record[steps[0]]
    is_object = isinstance(inner, dict) and bool(inner)
    if is_object != (len(steps) > 1):
        # Of `a` and `a.b` a record has one or the other, and this one has the other.
        return
    if is_object:
        _delete(inner, steps[1:])
        if inner:
            return
    del record[steps[0]]


def _value(path: str, cell: bytes) -> Any:
    """What a cell stands for: a string where that would be this cell, else what it says in JSON."""
    try:
        text = cell.decode()
    except UnicodeDecodeError as exc:
        raise TableError(f"a cell of column {path!r} is not UTF-8") from exc
    if cell_of(text) == cell:
        return text
    try:
        return DECODER.decode(text)
    except (ValueError, RecursionError):
        return text


def _without_surrogates(text: str) -> str:
    return "".join(char if not "\ud800" <= char <= "\udfff" else json.dumps(char)[1:-1] for char in text)
