"""Filling one large file with a content, from the store and from the version that it will replace.

Whatever lies in the present file is copied from there: no chunk is decoded that the disk already holds.
The present file is the user's and may change under our hands, so each chunk copied is checked against its
id like one from the store; one that does not match is silently fetched.

On file systems that can share blocks (btrfs, XFS) the draft starts as a clone of
the present file, and what stayed in its place is checked but not written.
"""

import errno
import os
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from operator import itemgetter

from blake3 import blake3

from datav.errors import IntegrityError
from datav.storage.direct import ALIGNMENT, allocate, read_unaligned, reopen_uncached, write_at
from datav.workspace.reading import read_at
from datav.workspace.source import BUFFER_SIZE, Buffers, ContentSource

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # mypy takes the module for always there

# linux/fs.h: _IOW(0x94, 9, int)
_FICLONE = 0x40049409

_NOWHERE = -1

# A file from this size on is read and written past the page cache, which it would only fill.
_PAST_CACHE = 32 * 2**20

_local = threading.local()


@dataclass(frozen=True, slots=True)
class Piece:
    """A range of the file that fits into a buffer, and can be filled by itself."""

    offset: int
    size: int
    chunks: Sequence[tuple[bytes, int]]
    places: Sequence[int]
    """For each chunk, where the present file has it, or -1."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A file that is being filled."""

    descriptor: int
    present: int | None
    """Descriptor of the version that it will replace."""
    is_clone: bool
    """It began with the bytes of `present`."""
    lock: threading.Lock
    """Held for writing where a write needs a seek first."""
    uncached: int | None = None
    """Descriptor for writing past the page cache; of a large file."""
    present_uncached: int | None = None
    """Descriptor for reading the present version past the page cache."""

    def close(self) -> None:
        """Close what `start_draft` opened; the descriptors it was given stay open."""
        for descriptor in (self.uncached, self.present_uncached):
            if descriptor is not None:
                os.close(descriptor)


def find_places(present: Iterable[tuple[bytes, int]], wanted: Iterable[tuple[bytes, int]]) -> list[int]:
    """Return for each wanted chunk an offset where the present content has it, its own if possible; or -1."""
    any_place: dict[bytes, int] = {}
    at_offset: dict[int, bytes] = {}
    offset = 0
    for chunk_id, length in present:
        any_place[chunk_id] = offset
        at_offset[offset] = chunk_id
        offset += length
    places = []
    offset = 0
    for chunk_id, length in wanted:
        stays = at_offset.get(offset) == chunk_id
        places.append(offset if stays else any_place.get(chunk_id, _NOWHERE))
        offset += length
    return places


def cut_pieces(chunks: Sequence[tuple[bytes, int]], places: Sequence[int]) -> list[Piece]:
    """Cut a content into pieces of at most BUFFER_SIZE bytes, between chunks."""
    pieces = []
    offset = first = size = 0
    for number, (_, length) in enumerate(chunks):
        if length > BUFFER_SIZE:
            raise IntegrityError(f"a chunk of {length} bytes is longer than any can be")
        if size + length > BUFFER_SIZE:
            pieces.append(Piece(offset, size, chunks[first:number], places[first:number]))
            offset, first, size = offset + size, number, 0
        size += length
    if size:
        pieces.append(Piece(offset, size, chunks[first:], places[first:]))
    return pieces


def start_draft(descriptor: int, present: int | None, size: int) -> Draft:
    """Make `descriptor`, an empty file, one of `size` bytes, with all the room on disk that it needs.

    Raises:
        OSError: there is no room.
    """
    is_clone = present is not None and _clone(descriptor, present)
    if is_clone:
        os.ftruncate(descriptor, size)
    else:
        _reserve(descriptor, size)
    uncached = present_uncached = None
    if size >= _PAST_CACHE and not is_clone:
        uncached = reopen_uncached(descriptor, os.O_WRONLY)
        present_uncached = reopen_uncached(present, os.O_RDONLY) if present is not None else None
    return Draft(descriptor, present, is_clone, threading.Lock(), uncached, present_uncached)


def fill_piece(draft: Draft, piece: Piece, source: ContentSource, buffers: Buffers) -> int:
    """Put the bytes of `piece` into the draft; return how many of them the present file had.

    Raises:
        IntegrityError: the source has not got them.
        OSError: they cannot be written.
    """
    with buffers.borrow() as buffer:
        # Placed so that whole blocks of the file are whole blocks of memory.
        begin = piece.offset % ALIGNMENT
        view = buffer[begin : begin + piece.size]
        found = _copy_present(draft, piece, view)
        _fetch(piece, found, source, view)
        if draft.is_clone:
            _write_moved(draft, piece, found, view)
        else:
            _write(draft, view, piece.offset)
    return sum(length for (_, length), is_found in zip(piece.chunks, found, strict=True) if is_found)


def _copy_present(draft: Draft, piece: Piece, view: memoryview) -> list[bool]:
    """Copy what the present file has into `view`; return which of the chunks are now there, checked."""
    found = [False] * len(piece.chunks)
    if draft.present is None:
        return found
    ends = list(accumulate(length for _, length in piece.chunks))
    for first, last in _runs(piece):
        begin = ends[first] - piece.chunks[first][1]
        place = piece.places[first]
        # What stays is read from the clone: what is checked there is what will be there.
        stays = draft.is_clone and place == piece.offset + begin
        descriptor = draft.descriptor if stays else draft.present
        try:
            target = view[begin : ends[last - 1]]
            if draft.present_uncached is not None:
                read_unaligned(descriptor, draft.present_uncached, target, place, _scratch())
            else:
                read_at(descriptor, target, place, draft.lock)
        except OSError:  # A failing disk under the present file; the store has the bytes too.
            continue
        for number in range(first, last):
            chunk_id, length = piece.chunks[number]
            end = ends[number]
            found[number] = blake3(view[end - length : end]).digest() == chunk_id
    return found


def _runs(piece: Piece) -> Iterator[tuple[int, int]]:
    """Yield (first, last + 1) of the chunks that follow each other in the present file too."""
    first = 0
    expected = _NOWHERE
    for number, place in enumerate(piece.places):
        if place != expected or place == _NOWHERE:
            if first < number and piece.places[first] != _NOWHERE:
                yield first, number
            first = number
        expected = place + piece.chunks[number][1] if place != _NOWHERE else _NOWHERE
    if first < len(piece.places) and piece.places[first] != _NOWHERE:
        yield first, len(piece.places)


def _fetch(piece: Piece, found: list[bool], source: ContentSource, view: memoryview) -> None:
    """Get the chunks that are not there yet from the source."""
    begin = 0
    for is_found, group in groupby(zip(found, piece.chunks, strict=True), key=itemgetter(0)):
        chunks = [chunk for _, chunk in group]
        end = begin + sum(length for _, length in chunks)
        if not is_found:
            source.read_into(chunks, view[begin:end])
        begin = end


def _write_moved(draft: Draft, piece: Piece, found: list[bool], view: memoryview) -> None:
    """Write what the clone has not got in its place."""
    begin = 0
    for (_, length), place, is_found in zip(piece.chunks, piece.places, found, strict=True):
        if not (is_found and place == piece.offset + begin):
            _write(draft, view[begin : begin + length], piece.offset + begin)
        begin += length


def _write(draft: Draft, data: memoryview, offset: int) -> None:
    if hasattr(os, "pwrite"):
        write_at(draft.descriptor, draft.uncached, data, offset)
        return
    while len(data):
        with draft.lock:
            os.lseek(draft.descriptor, offset, os.SEEK_SET)
            done = os.write(draft.descriptor, data)
        data = data[done:]
        offset += done


def _scratch() -> memoryview:
    """A buffer of this thread's own."""
    held: memoryview | None = getattr(_local, "scratch", None)
    if held is None:
        held = _local.scratch = allocate(BUFFER_SIZE + 2 * ALIGNMENT)
    return held


def _reserve(descriptor: int, size: int) -> None:
    """Take all the room now: a full disk shows before anything is written, and the file is in one piece."""
    if hasattr(os, "posix_fallocate") and size:
        try:
            os.posix_fallocate(descriptor, 0, size)
            return
        except OSError as exc:
            if exc.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS, errno.ENODEV):
                raise
    os.ftruncate(descriptor, size)


def _clone(descriptor: int, present: int) -> bool:
    """Let `descriptor` share all blocks of `present`; False where that cannot be done."""
    if fcntl is None or not sys.platform.startswith("linux"):
        return False
    try:
        fcntl.ioctl(descriptor, _FICLONE, present)
    except OSError:  # Most file systems cannot.  The copy does not need it.
        return False
    return True
