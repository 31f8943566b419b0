"""Where a key stands in TOML text: `tomllib` keeps no positions.  Pure.

One pass over text that `tomllib` has accepted.  What it has not is read as far as it can be, without an
error: a line is advice for people.
"""

import re
import tomllib
from bisect import bisect_left
from collections.abc import Sequence

Key = tuple[str | int, ...]
"""Names from the top down; of what stands in an array its index, from 0."""

# Line ends and comments too: where these may not be, `tomllib` has not let them pass.
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*+")
_NAME = re.compile(r"""[A-Za-z0-9_-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+'""")
# A text of several lines may end in one or two quotes of its own.
_TEXT = re.compile(
    r'''"""(?:[^"\\]|\\.|"{1,2}(?!"))*+"{3,5}|"(?:[^"\\\n]|\\.)*+"'''
    r"""|'''(?:[^']|'{1,2}(?!'))*+'{3,5}|'[^'\n]*+'""",
    re.DOTALL,
)
# A number, a truth, or a time, which may have a space in it.
_PLAIN = re.compile(r"[^,\]}#\n]++")


class _Lost(Exception):
    """What stands here is no TOML."""


class LineFinder:
    """The lines of all keys of one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._line_ends = [match.start() for match in re.finditer("\n", text)]
        self._lines: dict[Key, int] = {(): 1}
        # How many tables `[[name]]` there are so far.
        self._lengths: dict[Key, int] = {}
        try:
            self._read()
        except (_Lost, RecursionError):
            pass  # What was found until here counts.

    def find(self, key: Sequence[str | int]) -> int:
        """Return the line, from 1 on, of a key; of the nearest one around it if it does not stand there."""
        path = tuple(key)
        while path not in self._lines:
            path = path[:-1]
        return self._lines[path]

    def _read(self) -> None:
        table: Key = ()
        position = self._skip(0)
        while position < len(self._text):
            if self._text[position] == "[":
                table, position = self._read_header(position)
            else:
                position = self._read_pair(position, table)
            position = self._skip(position)

    def _read_header(self, position: int) -> tuple[Key, int]:
        """Return which table begins at `position`, and where its header ends."""
        line = self._line(position)
        is_item = self._text.startswith("[[", position)
        names, position = self._read_names(position + (2 if is_item else 1))
        table: Key = ()
        for name in names[:-1]:
            self._lines.setdefault((*table, name), line)
            table = self._latest((*table, name))
        table = (*table, names[-1])
        if is_item:
            self._lines.setdefault(table, line)
            self._lengths[table] = self._lengths.get(table, 0) + 1
            table = self._latest(table)
        # `[a]` may come after `[a.b]`, which made it known.
        self._lines[table] = line
        return table, self._expect("]]" if is_item else "]", position)

    def _latest(self, table: Key) -> Key:
        """Return which table a name in a header means: of an array of tables the last one so far."""
        return (*table, self._lengths[table] - 1) if table in self._lengths else table

    def _read_pair(self, position: int, key: Key) -> int:
        """Read `name = value` below `key`; return where it ends."""
        line = self._line(position)
        names, position = self._read_names(position)
        for name in names:
            key = (*key, name)
            self._lines.setdefault(key, line)
        return self._read_value(self._skip(self._expect("=", position)), key)

    def _read_value(self, position: int, key: Key) -> int:
        start = self._text[position : position + 1]
        if start == "[":
            return self._read_array(position, key)
        if start == "{":
            return self._read_inline(position, key)
        match = (_TEXT if start in ('"', "'") else _PLAIN).match(self._text, position)
        if match is None:
            raise _Lost
        return match.end()

    def _read_array(self, position: int, key: Key) -> int:
        index = 0
        position = self._skip(position + 1)
        while not self._text.startswith("]", position):
            self._lines[*key, index] = self._line(position)
            position = self._skip_comma(self._read_value(position, (*key, index)))
            index += 1
        return position + 1

    def _read_inline(self, position: int, key: Key) -> int:
        position = self._skip(position + 1)
        while not self._text.startswith("}", position):
            position = self._skip_comma(self._read_pair(position, key))
        return position + 1

    def _read_names(self, position: int) -> tuple[list[str], int]:
        """Return the names of a key, and where it ends."""
        names = []
        while True:
            match = _NAME.match(self._text, self._skip(position))
            if match is None:
                raise _Lost
            names.append(_decode_name(match[0]))
            position = self._skip(match.end())
            if not self._text.startswith(".", position):
                return names, position
            position += 1

    def _skip(self, position: int) -> int:
        """Return where the next thing stands that is neither blank nor comment."""
        match = _BLANK.match(self._text, position)
        return match.end() if match else position

    def _skip_comma(self, position: int) -> int:
        position = self._skip(position)
        return self._skip(position + 1) if self._text.startswith(",", position) else position

    def _expect(self, mark: str, position: int) -> int:
        """Return where `mark` ends, which must stand at `position`."""
        if not self._text.startswith(mark, position):
            raise _Lost
        return position + len(mark)

    def _line(self, position: int) -> int:
        return bisect_left(self._line_ends, position) + 1


def find_line(text: str, key: Sequence[str | int]) -> int:
    """Return the line, from 1 on, of a key in TOML text; of the nearest one around it if it is not there."""
    return LineFinder(text).find(key)


def _decode_name(name: str) -> str:
    if name[0] == "'" or (name[0] == '"' and "\\" not in name):
        return name[1:-1]
    if name[0] != '"':
        return name
    try:
        (decoded,) = tomllib.loads(f"{name} = 0")
    except tomllib.TOMLDecodeError:
        raise _Lost from None
    return str(decoded)
