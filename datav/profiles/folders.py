"""What lies in a directory: files by extension, their sizes, and what the headers of pictures say.

All but the pictures is told by the tree of the directory alone, without reading a file.
"""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from datav.formats.entry import Kind
from datav.profiles.arrays import I64, U64, count_sorted
from datav.profiles.frequent import Frequent
from datav.profiles.ranks import Ranks, merge_ranks, rank_values
from datav.relpath import show_path

MOST_EXTENSIONS = 100

LONGEST_EXTENSION = 16
"""In bytes, with the dot; what is longer is a part of a name that happens to have a dot."""

# What is packed is told together with what packed it: `.tar.gz`.
_PACKED = frozenset({b".br", b".bz2", b".gz", b".lz4", b".xz", b".z", b".zst"})

# Counted apart; later ones are counted among the others.  Names such as `part.3f9a` have endless many, and
# each takes a hundred bytes.
_MOST_COUNTED = 2**16

# Files whose sizes are in memory at a time, twelve bytes each.  Of so many the ranks are those of a sort.
_BLOCK = 2**20

_GREATEST = 2**63 - 1
_HALF = 32


@dataclass(frozen=True, slots=True, eq=False)
class ExtensionProfile:
    """The files of a directory whose names end alike."""

    extension: str
    """In lower case with its dot, such as `.png` or `.csv.gz`; empty without one."""
    files: int
    sizes: Ranks
    """In bytes."""
    total: int
    """Bytes."""
    empty: int
    """Files without a byte."""


@dataclass(frozen=True, slots=True, eq=False)
class ImagesProfile:
    """The pictures of a directory, by their headers alone."""

    files: int
    """Those that are named like pictures, or are; the unreadable ones included."""
    unreadable: int
    examples: tuple[str, ...]
    """Paths of some unreadable ones, as people see them."""
    widths: Ranks
    heights: Ranks
    """In pixels."""
    dimensions: Frequent
    """Texts such as `640x480`."""
    modes: Frequent
    """As Pillow calls them: `RGB`, `L`, `P`, ..."""
    formats: Frequent
    """`PNG`, `JPEG`, ..."""


@dataclass(frozen=True, slots=True, eq=False)
class FolderProfile:
    """All files of a directory."""

    files: int
    """Without links."""
    links: int
    """Symbolic ones, which are not followed."""
    total: int
    """Bytes."""
    empty: int
    """Files without a byte."""
    sizes: Ranks
    """Of all files, in bytes."""
    extensions: tuple[ExtensionProfile, ...]
    """The most files first; at most MOST_EXTENSIONS."""
    other_files: int
    """Of extensions that are not listed."""
    images: ImagesProfile | None
    """None where there are none, or Pillow is not installed (`images_skipped` tells)."""
    images_skipped: bool
    tables: int
    """Files that are parts of the one table of this directory; 0 where there is none."""
    no_table: str | None
    """Why the tables in it are not one; None where they are, or where it has none."""


def profile_files(entries: Iterable[tuple[bytes, int, int]]) -> FolderProfile:
    """Return what the tree of a directory says of its files; nothing of pictures and tables.

    Args:
        entries: path, `Kind` and size of each, as the tree lists them.  Drawn once.

    Cost: half a second for a million files; memory does not grow with their number.
    """
    tally = _Tally()
    codes, sizes = tally.codes, tally.sizes
    links = 0
    known: dict[bytes, int] = {}
    for path, kind, size in entries:
        if kind > Kind.EXECUTABLE:
            links += kind == Kind.SYMLINK
            continue
        # Most names end like one before; what packs another file does not tell alone.
        tail = path[max(path.rfind(b"."), path.rfind(b"/") + 1) :]
        code = known.get(tail)
        if code is None:
            code = tally.code_of(extension_of(path))
            if tail.startswith(b".") and len(tail) <= LONGEST_EXTENSION and tail.lower() not in _PACKED:
                if path[-len(tail) - 1 : -len(tail)] not in (b"", b"/") and len(known) < 2 * _MOST_COUNTED:
                    known[tail] = code
        codes.append(code)
        sizes.append(size)
        if len(sizes) == _BLOCK:
            tally.flush()
    tally.flush()
    return tally.profile(links)
