"""What a directory tree lists: paths and the content they name.

`docs/formats/tree.md` defines both.  Tuples and not dataclasses, because there may be millions of them.
"""

from enum import IntEnum
from typing import NamedTuple

from datav.ids import EMPTY_CHUNK


class Kind(IntEnum):
    """What lies at a path."""

    FILE = 0
    EXECUTABLE = 1
    SYMLINK = 2
    EMPTY_DIRECTORY = 3


class Content(NamedTuple):
    """Names the bytes of one file."""

    id: bytes
    """32 bytes: of the only chunk when `depth` is 0, else of the root node of the file's tree."""
    depth: int
    size: int
    """In bytes."""


class Entry(NamedTuple):
    """One path of a directory and what lies there."""

    path: bytes
    kind: int
    """A `Kind`."""
    depth: int
    size: int
    id: bytes

    @property
    def content(self) -> Content:
        return Content(self.id, self.depth, self.size)


EMPTY_CONTENT = Content(bytes(EMPTY_CHUNK), 0, 0)
