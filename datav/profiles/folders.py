"""What lies in a directory: files by extension, their sizes, and what the headers of pictures say."""

from dataclasses import dataclass

from datav.profiles.frequent import Frequent
from datav.profiles.ranks import Ranks

MOST_EXTENSIONS = 100


@dataclass(frozen=True, slots=True, eq=False)
class ExtensionProfile:
    """The files of a directory whose names end alike."""

    extension: str
    """In lower case with its dot; empty without one."""
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
    """Those that are named like pictures, or are."""
    unreadable: int
    examples: tuple[str, ...]
    """Paths of some unreadable ones."""
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
    total: int
    """Bytes."""
    extensions: tuple[ExtensionProfile, ...]
    """The most files first; at most MOST_EXTENSIONS."""
    other_files: int
    """Of extensions that are not listed."""
    images: ImagesProfile | None
    """None where there are none, or Pillow is not installed (`images_skipped` tells)."""
    images_skipped: bool
    tables: int
    """Files that are parts of the one table of this directory; 0 where there is none."""
