"""Edits to the text of `datav.toml` and of the private configuration that leave all else as it is.

Pure: text in, text out.  The files are the user's: comments, order, spaces and line ends stay byte for
byte, so a library that parses and writes anew does not serve.  Tables are found by their headers; that a
text now says what it should, and nothing else, is asked of a real parser.  What was written in a way that
this cannot edit (an inline table, say) is refused, never damaged.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from datav.errors import UsageError
from datav.settings import encode_text


@dataclass(frozen=True, slots=True)
class _Table:
    """A table with a header of its own: lines `start` to `end`, without what only precedes the next."""

    path: tuple[str, ...]
    start: int
    end: int


def append_table(text: str, table: str) -> str:
    """Return `text` with a table, of which nothing is there yet, at its end."""
    ending = _line_end(text)
    if text and not text.endswith("\n"):
        text += ending
    gap = ending if text.strip() else ""
    return text + gap + table.replace("\n", ending)


def remove_remote(text: str, name: str, file: str) -> str:
    """Return `text` without the tables of a remote; itself if it has none.

    Raises:
        UsageError: the remote is not written as a table of its own.
    """
    wanted = _without_remote(tomllib.loads(text), name)
    lines = _lines(text)
    for table in reversed(list(_iter_tables(lines))):
        if table.path[:2] == ("remote", name):
            # And the empty line that sets it off.
            start = table.start - (table.start > 0 and not lines[table.start - 1].strip())
            del lines[start : table.end]
    return _checked("".join(lines), wanted, f"remote {name}", file)


def mark_default(text: str, name: str | None, file: str) -> str:
    """Return `text` with the remote `name`, and no other, marked as the default; None: with no mark at all.

    Raises:
        UsageError: a mark that must go is not on a line of its own in the table of a remote.
    """
    wanted = _with_default(tomllib.loads(text), name)
    lines = _lines(text)
    ending = _line_end(text)
    for table in reversed(list(_iter_tables(lines))):
        if len(table.path) != 2 or table.path[0] != "remote":
            continue
        marks = [number for number in range(table.start + 1, table.end) if _sets(lines[number], "default")]
        if table.path[1] != name:
            for number in reversed(marks):
                del lines[number]
        elif marks:
            lines[marks[0]] = f"default = true{ending}"
        else:
            if not lines[table.end - 1].endswith("\n"):
                lines[table.end - 1] += ending
            lines.insert(table.end, f"default = true{ending}")
    return _checked("".join(lines), wanted, "the default remote", file)


def set_store(text: str, store: str, file: str) -> str:
    """Return the private configuration `text` with another path of the local store.

    Raises:
        UsageError: the old one is not on a line of its own.
    """
    wanted = {**tomllib.loads(text), "store": store}
    lines = _lines(text)
    ending = _line_end(text)
    first = min((table.start for table in _iter_tables(lines)), default=len(lines))
    present = [number for number in range(first) if _sets(lines[number], "store")]
    line = f"store = {encode_text(store)}{ending}"
    if present:
        lines[present[0]] = line
    else:
        # In front: behind a header it would belong to that table.
        lines.insert(0, line)
    return _checked("".join(lines), wanted, "the store", file)


def is_utf8(text: str) -> bool:
    """Whether `text` can be written as UTF-8: an argument or a path may hold bytes that cannot."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _without_remote(values: dict[str, Any], name: str) -> dict[str, Any]:
    remotes = {remote: table for remote, table in values.get("remote", {}).items() if remote != name}
    others = {key: value for key, value in values.items() if key != "remote"}
    return {**others, "remote": remotes} if remotes else others


def _with_default(values: dict[str, Any], name: str | None) -> dict[str, Any]:
    remotes = {
        remote: {
            **{key: value for key, value in table.items() if key != "default"},
            **({"default": True} if remote == name else {}),
        }
        for remote, table in values.get("remote", {}).items()
    }
    return {**values, "remote": remotes} if remotes else values


def _checked(text: str, wanted: dict[str, Any], what: str, file: str) -> str:
    """Return `text` if it says what is wanted and nothing else, and can be written."""
    if not is_utf8(text):
        raise UsageError(f"{file} cannot hold {what}: it is not UTF-8")
    if _parse_or_none(text) != wanted:
        raise UsageError(
            f"{file} is written in a way that datav cannot edit: {what}",
            hint="edit it by hand: each remote is a table `[remote.NAME]` with one setting a line",
        )
    return text


def _iter_tables(lines: list[str]) -> Iterator[_Table]:
    """Yield the tables in order.  A line in a longer text may look like a header: check what comes out."""
    headers = [(number, path) for number, line in enumerate(lines) if (path := _header_path(line))]
    for (start, path), (end, _) in pairwise([*headers, (len(lines), ())]):
        # Comments and empty lines in front of a header belong to it, or to nobody.
        while end > start + 1 and lines[end - 1].strip().partition("#")[0] == "":
            end -= 1
        yield _Table(path, start, end)


def _header_path(line: str) -> tuple[str, ...]:
    """Return the names in a header, `[remote.origin]`; none for any other line."""
    if not line.lstrip().startswith("["):
        return ()
    values: Any = _parse_or_none(line)
    path = []
    while isinstance(values, dict) and values:
        ((name, values),) = values.items()
        path.append(name)
        if isinstance(values, list):
            values = values[0]
    return tuple(path)


def _sets(line: str, key: str) -> bool:
    """Whether a line is `key = ...`."""
    return key in (_parse_or_none(line) or {})


def _parse_or_none(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return None


def _lines(text: str) -> list[str]:
    """Divide at LF only, as TOML does, and keep the ends."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _line_end(text: str) -> str:
    return "\r\n" if text.partition("\n")[0].endswith("\r") else "\n"
