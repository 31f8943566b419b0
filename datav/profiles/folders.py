"""What lies in a directory: files by extension, their sizes, and what the headers of pictures say.

All but the pictures is told by the tree of the directory alone, without reading a file.
"""

import re
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from datav.formats.entry import Kind
from datav.profiles.arrays import I64, count_sorted
from datav.profiles.frequent import Frequent
from datav.profiles.ranks import Ranks, merge_ranks, rank_values
from datav.relpath import show_path

MOST_EXTENSIONS = 100

LONGEST_EXTENSION = 16
"""In bytes, with the dot; what is longer is a part of a name that happens to have a dot."""

# What has no letter is a number or a date, and what has a space the end of a sentence.
_EXTENSION = re.compile(rb"\.(?=[^a-z\x80-\xff]*[a-z\x80-\xff])[^ .]{1,%d}" % (LONGEST_EXTENSION - 1))

# What is packed is told together with what packed it: `.tar.gz`.
_PACKED = frozenset({b".br", b".bz2", b".gz", b".lz4", b".xz", b".z", b".zst"})

# Counted apart; those that are first seen later are counted among the others.  Names such as `part.3f9a` have
# endless many.
_MOST_COUNTED = 2**12

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

    Cost: about a second for a million files; a few MiB of memory, however many there are.
    """
    tally = _Tally()
    links = 0
    for path, kind, size in entries:
        if kind <= Kind.EXECUTABLE:
            tally.add(path, size)
        elif kind == Kind.SYMLINK:
            links += 1
    return tally.finish(links)


def find_extension(name: bytes) -> bytes:
    """Return how the name of a file ends, in lower case with the dot; empty if with nothing that is a kind.

    That of `.profile`, `v1.0` and `log.2024-05-01` is empty, that of `A.TAR.GZ` is `.tar.gz`.
    """
    stem, tail = _cut(name.lower())
    if tail in _PACKED:
        tail = _cut(stem)[1] + tail
    return tail


def _cut(name: bytes) -> tuple[bytes, bytes]:
    at = name.rfind(b".")
    if at > 0 and _EXTENSION.fullmatch(name, at):
        return name[:at], name[at:]
    return name, b""


@dataclass(slots=True)
class _Sizes:
    """Of the files of one extension, or of all."""

    parts: list[Ranks] = field(default_factory=list)
    files: int = 0
    total: int = 0
    empty: int = 0

    def add(self, sizes: I64) -> None:
        different, counts = count_sorted(np.sort(sizes))
        self.parts.append(rank_values(different, counts))
        self.files += len(sizes)
        # The sizes of hostile trees add up to more than 64 bits.
        self.total += (int((sizes >> _HALF).sum()) << _HALF) + int((sizes & (2**_HALF - 1)).sum())
        self.empty += int(np.count_nonzero(sizes == 0))


class _Tally:
    """Files as they come, by extension."""

    def __init__(self) -> None:
        self._codes = array("i")
        self._sizes = array("Q")
        self._extensions: dict[bytes, int] = {}
        # Most names end like one before, and need no second look.
        self._known: dict[bytes, int] = {}
        self._all = _Sizes()
        self._each: dict[int, _Sizes] = {}

    def add(self, path: bytes, size: int) -> None:
        name = path[path.rfind(b"/") + 1 :]
        at = name.rfind(b".")
        tail = name[at:] if at > 0 else b""
        if tail.lower() in _PACKED:
            before = name.rfind(b".", 0, at)
            tail = name[before:] if before > 0 else tail
        code = self._known.get(tail)
        self._codes.append(self._code_of(tail, name) if code is None else code)
        self._sizes.append(size)
        if len(self._sizes) == _BLOCK:
            self._flush()

    def finish(self, links: int) -> FolderProfile:
        self._flush()
        # Names that are not counted apart have the code that no extension has.
        names = {code: extension for extension, code in self._extensions.items()}
        listed = sorted(
            names.keys() & self._each.keys(), key=lambda code: (-self._each[code].files, names[code])
        )
        chosen = listed[:MOST_EXTENSIONS]
        return FolderProfile(
            files=self._all.files,
            links=links,
            total=self._all.total,
            empty=self._all.empty,
            sizes=merge_ranks(self._all.parts),
            extensions=tuple(_extension_profile(names[code], self._each[code]) for code in chosen),
            other_files=self._all.files - sum(self._each[code].files for code in chosen),
            images=None,
            images_skipped=False,
            tables=0,
            no_table=None,
        )

    def _code_of(self, tail: bytes, name: bytes) -> int:
        extension = find_extension(name)
        code = self._extensions.get(extension, -1)
        if code < 0 and len(self._extensions) < _MOST_COUNTED:
            code = self._extensions[extension] = len(self._extensions)
        if len(self._known) < _MOST_COUNTED:
            self._known[tail] = code
        return code

    def _flush(self) -> None:
        """Make ranks of the sizes of some files."""
        if not self._sizes:
            return
        codes = np.frombuffer(self._codes, np.int32)
        sizes = np.minimum(np.frombuffer(self._sizes, np.uint64), np.uint64(_GREATEST)).astype(np.int64)
        self._all.add(sizes)
        order = np.argsort(codes, kind="stable")
        starts = np.flatnonzero(np.diff(codes[order], prepend=-2))
        for code, part in zip(codes[order][starts].tolist(), np.split(sizes[order], starts[1:]), strict=True):
            if code >= 0:
                self._each.setdefault(code, _Sizes()).add(part)
        self._codes, self._sizes = array("i"), array("Q")


def _extension_profile(extension: bytes, sizes: _Sizes) -> ExtensionProfile:
    return ExtensionProfile(
        show_path(extension), sizes.files, merge_ranks(sizes.parts), sizes.total, sizes.empty
    )
