"""The fields of TOML that datav writes and anybody may have edited: one way to write texts, strict reading.

Manifests and files of limits are such texts.  Pure: text in, values out.
"""

import math
import re
import tomllib
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

from datav.errors import FormatError
from datav.ids import Id

# Integers of TOML are signed and of 64 bits.
MAX_INT = 2**63 - 1

# tomllib needs the square of a dotted key's parts in time and memory; 16 000 parts cost gigabytes.
_MAX_KEY_PARTS = 100

_T = TypeVar("_T")

# What is written as an escape: what TOML demands, and what a terminal would obey or a reviewer not see
# (C1, bidirectional marks and overrides, zero-width, tags).  A fixed list and not str.isprintable(), whose
# answer depends on the Unicode of the Python that runs: a manifest must be the same bytes everywhere.
_ESCAPED = re.compile(
    '["\\\\\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb'
    "\U000e0000-\U000e007f]"
)
_SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


def quote(text: str) -> str:
    """Return a text as a TOML string, without anything that a terminal obeys or a reviewer does not see."""
    return f'"{_ESCAPED.sub(_escape, text)}"'


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    if char in _SHORT:
        return _SHORT[char]
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


# Strings and comments.  One that does not end takes the rest, so that the scan looks at no byte twice.
_OPAQUE = re.compile(
    r'''"""(?:[^"\\]|\\.|"(?!""))*+(?:"{3,5}|\Z)'''
    r"""|'''(?:[^']|'(?!''))*+(?:'{3,5}|\Z)"""
    r"""|"(?:[^"\\\n]|\\[^\n])*+"?|'[^'\n]*+'?|\#[^\n]*+""",
    re.DOTALL,
)
_DOTTED = re.compile(rf"(?<![\w-])(?:[\w-]++[ \t]*+\.[ \t]*+){{{_MAX_KEY_PARTS}}}")


def decode_text(data: bytes, where: str, largest: int) -> str:
    """Return a text that is at most so many bytes.

    Raises:
        FormatError: it is longer, or not UTF-8.
    """
    if len(data) > largest:
        refuse(where, f"is longer than {largest} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError as exc:
        raise FormatError(f"{where}: is not UTF-8 (byte {exc.start})") from exc


def parse_toml(text: str, where: str, skipped_lines: int = 0) -> dict[str, Any]:
    """Return the values of a text.

    Args:
        where: names it in errors.
        skipped_lines: that stand above it.

    Raises:
        FormatError: it is no TOML, or costs too much to read.
    """
    # Any: what tomllib returns; Fields checks every value that is used.
    if _DOTTED.search(_OPAQUE.sub("q", text)):
        refuse(where, f"has a key of more than {_MAX_KEY_PARTS} parts")
    try:
        return tomllib.loads("\n" * skipped_lines + text)
    except (ValueError, RecursionError) as exc:
        # ValueError and not only its subclass TOMLDecodeError: an integer of too many digits.
        raise FormatError(f"{where}: is not TOML: {str(exc)[:200]}") from exc


_WORD = re.compile(r"[a-z0-9][a-z0-9_.-]{0,39}")


class Fields:
    """The fields of one TOML table, taken one at a time, each with its type checked."""

    def __init__(self, values: Mapping[str, Any], where: str, prefix: str = "") -> None:
        self._values = dict(values)
        self._where = where
        self._prefix = prefix

    def refuse(self, reason: str) -> NoReturn:
        refuse(self._where, reason)

    def text(self, name: str) -> str:
        value: str = self._take(name, str, "a string")
        return value

    def word(self, name: str) -> str:
        """A short name of a format or an encoding.  Open, so that a new one needs no new version."""
        value = self.text(name)
        if not _WORD.fullmatch(value):
            self.refuse(f"`{self._prefix}{name}` is not the name of one")
        return value

    def integer(self, name: str, *, low: int = 0, high: int = MAX_INT) -> int:
        value: int = self._take(name, int, "an integer")
        if not low <= value <= high:
            self.refuse(f"`{self._prefix}{name}` is not between {low} and {high}")
        return value

    def number(self, name: str) -> float:
        """An integer or a float, infinities and NaN too."""
        value = self._take(name, int if type(self._values.get(name)) is int else float, "a number")
        # TOML allows no more, tomllib does: of so many digits there is no float.
        return float(value) if abs(value) <= MAX_INT or isinstance(value, float) else math.inf

    def boolean(self, name: str) -> bool:
        return name in self._values and bool(self._take(name, bool, "true or false"))

    def id(self, name: str, kind: type[Id]) -> bytes:
        try:
            return bytes(kind.parse(self.text(name)))
        except FormatError as exc:
            raise FormatError(f"{self._where}: `{self._prefix}{name}`: {exc}") from exc

    def texts(self, name: str) -> list[str]:
        values: list[Any] = self._take(name, list, "a list of strings") if name in self._values else []
        if not all(type(value) is str for value in values):
            self.refuse(f"`{self._prefix}{name}` is not a list of strings")
        return values

    def table(self, name: str) -> "Fields | None":
        if name not in self._values:
            return None
        return Fields(self._take(name, dict, "a table"), self._where, f"{self._prefix}{name}.")

    def tables(self, name: str, *, most: int | None = None) -> "list[Fields]":
        values: list[Any] = self._take(name, list, "a list of tables")
        if most is not None and len(values) > most:
            self.refuse(f"`{self._prefix}{name}` has more than {most}")
        if not all(type(value) is dict for value in values):
            self.refuse(f"`{self._prefix}{name}` is not a list of tables")
        return [Fields(value, self._where, f"{self._prefix}{name}.") for value in values]

    def optional(self, name: str, read: Callable[[str], _T]) -> _T | None:
        return read(name) if name in self._values else None

    def finish(self) -> None:
        """Refuse what nobody took: a misspelt name must not be lost silently."""
        for name in self._values:
            self.refuse(f"has {show(self._prefix + name)}, which is not a field of it")

    # Any: the caller states the type, and it is checked here.
    def _take(self, name: str, kind: type, what: str) -> Any:
        if name not in self._values:
            self.refuse(f"has no `{self._prefix}{name}`")
        value = self._values.pop(name)
        if type(value) is not kind:  # and not isinstance: True is no integer
            self.refuse(f"`{self._prefix}{name}` is not {what}")
        return value


def show(name: str) -> str:
    """Return a name out of a hostile text, for an error."""
    return quote(name[:80])


def refuse(where: str, reason: str) -> NoReturn:
    raise FormatError(f"{where}: {reason}")
