"""Pictures, by their headers alone: how large they are, in which mode and format, and which are broken.

Pillow reads the headers; without it nothing is looked at, and whoever asks is told.  No pixel is ever
decoded, so a picture that claims to be huge costs no more than another, and one whose pixels are damaged is
readable.
Which way up a camera was held is ignored: width and height are those of the stored pixels.
"""

import logging
import warnings
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from itertools import islice
from typing import Any, BinaryIO, NamedTuple, cast

import numpy as np
import pyarrow

from datav.profiles.arrays import I64, count_sorted
from datav.profiles.folders import ImagesProfile, find_extension
from datav.profiles.frequent import Frequent, keep_frequent
from datav.profiles.ranks import Ranks, rank_values
from datav.relpath import show_path
from datav.tables.batches import in_order
from datav.tables.source import RandomAccess
from datav.tables.sourcefile import SourceFile

MISSING_HINT = "run `pip install 'datav[images]'`"
"""What helps where pictures are skipped."""

MOST_EXAMPLES = 5

NAMED = {
    b".png": "PNG",
    b".apng": "PNG",
    b".jpg": "JPEG",
    b".jpeg": "JPEG",
    b".jpe": "JPEG",
    b".jfif": "JPEG",
    b".gif": "GIF",
    b".tif": "TIFF",
    b".tiff": "TIFF",
    b".webp": "WEBP",
    b".bmp": "BMP",
    b".jp2": "JPEG2000",
    b".j2k": "JPEG2000",
    b".avif": "AVIF",
    b".ppm": "PPM",
    b".pgm": "PPM",
    b".pbm": "PPM",
    b".pnm": "PPM",
    b".pfm": "PPM",
    b".tga": "TGA",
    b".dds": "DDS",
    b".psd": "PSD",
    b".pcx": "PCX",
    b".qoi": "QOI",
}
"""What files of these extensions claim to be, as Pillow calls it.  Not icons, of which Pillow decodes one to
read their header."""

_SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"\0\0\0\x0cjP  \r\n\x87\n": "JPEG2000",
}
# Formats that no text is taken for; a picture of one may be named like another.
_SURE = ("PNG", "JPEG", "GIF", "TIFF", "WEBP", "JPEG2000", "AVIF", "BMP")

# Enough for all of them, and for the header of a WebP.
_START = 32

# One read of a source; most headers end before.
_BLOCK = 16 * 1024

# Whatever a header claims, Pillow sees no more of a file than this in small reads, and this in large ones.
# TIFF keeps the layers of Photoshop behind its header: Pillow would read them, and passes over them where it
# cannot, but the small things it still has to read.
_MOST_READ = 16 * 2**20
_LARGE = 2**20
# Behind a header that is damaged Pillow looks for the next mark byte by byte.
_MOST_READS = 2**14

# Nothing that could decode a picture takes more.
_LONGEST_SIDE = 2**31 - 1
_HALF = 32

_NO_LOG = logging.NullHandler()

# Opening a small file is cheaper than handing it to another thread.
_FILES_AT_ONCE = 32
_AHEAD = 8


File = tuple[bytes, Callable[[], RandomAccess]]
"""The path of a file and what opens it, in any thread."""


class Header(NamedTuple):
    """What a picture says of itself."""

    width: int
    height: int
    """In pixels."""
    mode: str
    format: str


class Looked(NamedTuple):
    """The pictures among some files."""

    images: ImagesProfile | None
    """None if there are none, or they were skipped."""
    skipped: bool
    """There are pictures, and no Pillow to look at them: MISSING_HINT helps."""


def look_at_images(files: Iterable[File], executor: Executor) -> Looked:
    """Return what the headers say of those files that are pictures.

    A file is one if it is named so, or if its name has no extension and it begins like one; others are not
    opened.

    Args:
        files: all of a directory.  Drawn in the caller's thread.

    Raises:
        What opening and reading a file raises.

    Cost: one read of 16 KiB of nearly every picture.
    """
    candidates = (file for file in files if _may_be_image(file[0]))
    openers = _find_openers()
    if openers is None:
        return Looked(None, any(_claims_to_be_image(path, open_file) for path, open_file in candidates))
    found = _Found()
    jobs = (partial(_look_at_some, some, openers) for some in _batches(candidates))
    with warnings.catch_warnings():
        # What Pillow thinks of metadata that nobody asked for.
        warnings.filterwarnings("ignore", module=r"PIL\.")
        for results in in_order(executor, jobs, _AHEAD):
            for path, header in results:
                found.add(path, header)
    return Looked(found.profile(), False)


class _Opener(NamedTuple):
    """How Pillow opens one format."""

    # Any: a class of Pillow's, which need not be there.
    make: Callable[[BinaryIO, str], Any]
    accepts: Callable[[bytes], bool | str] | None
    """Whether a file begins like one: True, or a text why it cannot be read; None if that cannot be seen."""


def _find_openers() -> Mapping[str, _Opener] | None:
    """Return how each format is opened; None without Pillow.

    Not `Image.open`, which refuses what is too large to decode by a limit that is the same for the whole
    process, and so is not ours to change.
    """
    try:
        from PIL import Image, features
    except ImportError:
        return None
    Image.init()
    # Who has set up no log would find errors of Pillow's on the terminal.
    logging.getLogger("PIL").addHandler(_NO_LOG)
    known = {form: _Opener(*Image.OPEN[form]) for form in {*NAMED.values()} if form in Image.OPEN}
    # Libraries that Pillow may have been built without; what it cannot read at all is not called broken.
    for form, feature in (("AVIF", "avif"), ("JPEG2000", "jpg_2000")):
        if form in known and not features.check(feature):
            del known[form]
    return known


def _may_be_image(path: bytes) -> bool:
    extension = _extension(path)
    return not extension or extension in NAMED


def _extension(path: bytes) -> bytes:
    return find_extension(path[path.rfind(b"/") + 1 :])


def _claims_to_be_image(path: bytes, open_file: Callable[[], RandomAccess]) -> bool:
    return _extension(path) in NAMED or _signed(open_file().read_at(0, _START)) is not None


def _signed(start: bytes) -> str | None:
    """Return the format that a file begins like."""
    if start[8:12] == b"WEBP" and start.startswith(b"RIFF"):
        return "WEBP"
    return next((form for signature, form in _SIGNATURES.items() if start.startswith(signature)), None)


def _batches(files: Iterable[File]) -> Iterator[list[File]]:
    drawn = iter(files)
    while batch := list(islice(drawn, _FILES_AT_ONCE)):
        yield batch


def _look_at_some(files: Sequence[File], openers: Mapping[str, _Opener]) -> list[tuple[bytes, Header | None]]:
    """Return the headers of those files that are pictures; None: it cannot be read."""
    found = []
    for path, open_file in files:
        source = _Head(open_file())
        start = source.read_at(0, _START)
        claimed = NAMED.get(_extension(path)) or _signed(start)
        if claimed is not None and claimed in openers:
            found.append((path, _read_header(source, start, claimed, openers)))
    return found


def _read_header(
    source: "_Head", start: bytes, claimed: str, openers: Mapping[str, _Opener]
) -> Header | None:
    """Return what a picture says of itself; None if it says nothing.

    Args:
        claimed: the format it is named like; it may be another one of those that no text is taken for.

    Raises:
        What `source.read_at` raises; nothing else, whatever the file holds.
    """
    if _signed(start) == "WEBP":
        return _parse_webp(start)
    for form in dict.fromkeys((claimed, *_SURE)):
        opener = openers.get(form)
        if (
            opener is not None
            and form != "WEBP"
            and (opener.accepts is None or opener.accepts(start) is True)
        ):
            header = _ask(opener, source)
            if header is not None:
                return header
    return None


def _ask(opener: _Opener, source: "_Head") -> Header | None:
    file = SourceFile(source)
    header = None
    try:
        # The cast: Pillow only reads, seeks and tells.
        picture = opener.make(cast(BinaryIO, file), "")
        width, height = map(int, picture.size)
        header = Header(width, height, str(picture.mode), str(picture.format))
    except Exception:
        # Whatever the parsers of others make of bytes that are made to hurt.
        pass
    if file.failure is not None:
        raise file.failure
    return header if header is not None and _are_sides(width, height) else None


def _are_sides(width: int, height: int) -> bool:
    return 0 < width <= _LONGEST_SIDE and 0 < height <= _LONGEST_SIDE


def _parse_webp(start: bytes) -> Header | None:
    """Return what the first bytes of a WebP say.

    Not by Pillow, which reads the whole file and takes memory for its pixels to do so.
    Source: RFC 9649, sections 2.5 to 2.7 and 3.4; RFC 6386, section 9.1.
    """
    kind, data = start[12:16], start[20:]
    if len(data) < 10:
        return None
    if kind == b"VP8X":
        width, height = (1 + int.from_bytes(data[at : at + 3], "little") for at in (4, 7))
        return Header(width, height, "RGBA" if data[0] & 0x10 else "RGB", "WEBP")
    if kind == b"VP8L" and data[0] == 0x2F:
        bits = int.from_bytes(data[1:5], "little")
        return Header(
            1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF), "RGBA" if bits >> 28 & 1 else "RGB", "WEBP"
        )
    if kind == b"VP8 " and data[3:6] == b"\x9d\x01\x2a":
        width, height = (int.from_bytes(data[at : at + 2], "little") & 0x3FFF for at in (6, 8))
        return Header(width, height, "RGB", "WEBP") if _are_sides(width, height) else None
    return None


class _Head:
    """A source of which at most so much is handed out; then it seems to end."""

    def __init__(self, source: RandomAccess) -> None:
        self._source = source
        self._left = {False: _MOST_READ, True: _MOST_READ}
        self._reads = 0
        self._at = 0
        self._block = b""
        self.size = source.size

    def read_at(self, offset: int, size: int) -> bytes:
        is_large = size >= _LARGE
        self._reads += 1
        size = min(size, self._left[is_large]) if self._reads <= _MOST_READS else 0
        self._left[is_large] -= size
        first = offset - self._at
        if not 0 <= first <= first + size <= len(self._block):
            self._block, self._at, first = self._source.read_at(offset, max(size, _BLOCK)), offset, 0
        return self._block[first : first + size]


class _Found:
    """Pictures as they come."""

    def __init__(self) -> None:
        self._sides = array("q")
        self._modes: Counter[str] = Counter()
        self._formats: Counter[str] = Counter()
        self._unreadable = 0
        self._examples: list[str] = []

    def add(self, path: bytes, header: Header | None) -> None:
        if header is None:
            self._unreadable += 1
            if len(self._examples) < MOST_EXAMPLES:
                self._examples.append(show_path(path))
            return
        self._sides.append(header.width << _HALF | header.height)
        self._modes[header.mode] += 1
        self._formats[header.format] += 1

    def profile(self) -> ImagesProfile | None:
        if not self._sides and not self._unreadable:
            return None
        sides, counts = count_sorted(np.sort(np.frombuffer(self._sides, np.int64)))
        return ImagesProfile(
            files=len(self._sides) + self._unreadable,
            unreadable=self._unreadable,
            examples=tuple(self._examples),
            widths=_rank(sides >> _HALF, counts),
            heights=_rank(sides & (2**_HALF - 1), counts),
            dimensions=_name_sides(keep_frequent(pyarrow.array(sides), counts)),
            modes=_frequent(self._modes),
            formats=_frequent(self._formats),
        )


def _rank(values: I64, counts: I64) -> Ranks:
    different, places = np.unique(values, return_inverse=True)
    sums = np.zeros(len(different), np.int64)
    np.add.at(sums, places, counts)
    return rank_values(different, sums)


def _name_sides(frequent: Frequent) -> Frequent:
    """Return numbers of two sides as texts, in the order of texts."""
    names = [f"{sides >> _HALF}x{sides & (2**_HALF - 1)}" for sides in frequent.values.to_pylist()]
    return keep_frequent(pyarrow.array(names, pyarrow.large_string()), frequent.counts, frequent.unseen)


def _frequent(counter: Counter[str]) -> Frequent:
    names = pyarrow.array(list(counter), pyarrow.large_string())
    return keep_frequent(names, np.array(list(counter.values()), np.int64))
