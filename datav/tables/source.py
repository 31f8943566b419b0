"""What this package reads from, and what it answers when there is no table in it."""

from dataclasses import dataclass
from typing import Protocol


class RandomAccess(Protocol):
    """Bytes that can be read at any place: a file on disk, a tree of chunks, a remote object."""

    @property
    def size(self) -> int:
        """In bytes; does not change while the source is in use."""

    def read_at(self, offset: int, size: int) -> bytes:
        """Return the bytes offset <= i < offset + size, fewer at the end.

        May be called any number of times, in any order, from the thread that made the source.
        """


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
