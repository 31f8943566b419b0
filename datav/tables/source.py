"""What this package reads from, and what it answers when there is no table in it."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

_BLOCK = 2**20
# Bytes of parts of a source that are kept, so that they are not read again.
MAX_KEPT = 64 * 2**20


class RandomAccess(Protocol):
    """Bytes that can be read at any place: a file on disk, a tree of chunks, a remote object."""

    @property
    def size(self) -> int:
        """In bytes; does not change while the source is in use."""

    def read_at(self, offset: int, size: int) -> bytes:
        """Return the bytes offset <= i < offset + size, fewer at the end.

        May be called any number of times, in any order.  Tables that are compared are read from several
        threads at the same time (version.py); what only describes one stays on the caller's.
        """


@runtime_checkable
class RangeAccess(RandomAccess, Protocol):
    """Bytes of which several parts can be read at once, cheaper than one after the other."""

    def read_ranges(self, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """Return several parts, (offset, size) each, as `read_at` does."""


def read_ranges(source: RandomAccess, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
    """Return several parts of a source, (offset, size) each."""
    if isinstance(source, RangeAccess):
        return source.read_ranges(ranges)
    return [source.read_at(offset, size) for offset, size in ranges]


def line_number(source: RandomAccess, place: int) -> int:
    """Return the number of the line that begins at `place`, counted from 1; it ends in LF, CR or both.

    Cost: reads all that stands before it.
    """
    number = 1
    for offset in range(0, place, _BLOCK):
        last = min(_BLOCK, place - offset)
        # One more byte, for a line end of two may be cut; it is counted by its second.
        data = source.read_at(offset, last + 1)
        number += data.count(b"\n", 0, last) + data.count(b"\r", 0, last) - data.count(b"\r\n")
    return number


@dataclass(frozen=True, slots=True)
class NotATable:
    """A file that claims to be a table and cannot be read as one.  Its bytes are stored all the same."""

    reason: str
    """For people: starts in lower case, fits behind the file's name and a colon; one printable line."""


def not_a_table(reason: str, cause: BaseException | None = None) -> NotATable:
    """Return a NotATable; what `cause` says comes out of the file, so it is made harmless first."""
    if cause is None:
        return NotATable(reason)
    text = str(cause).strip()
    first = text.splitlines()[0] if text else type(cause).__name__
    shown = "".join(char if char.isprintable() else "?" for char in first[:200])
    return NotATable(f"{reason}: {shown}")


class KeptParts:
    """A source of which some parts are at hand, as far as there is room for them."""

    def __init__(self, source: RandomAccess) -> None:
        self._source = source
        self._starts: list[int] = []
        self._texts: list[bytes] = []
        self._size = 0
        self.size = source.size

    def keep(self, start: int, text: bytes) -> None:
        """Keep a part, behind those that are kept already; as long as there is room."""
        if self._size + len(text) <= MAX_KEPT:
            self._starts.append(start)
            self._texts.append(text)
            self._size += len(text)

    def read_at(self, offset: int, size: int) -> bytes:
        at = bisect_right(self._starts, offset) - 1
        if at >= 0 and offset + size <= self._starts[at] + len(self._texts[at]):
            start = offset - self._starts[at]
            return self._texts[at][start : start + size]
        return self._source.read_at(offset, size)
