"""Large reads and writes past the page cache.

Data that is read once to be hashed, or written once to be kept, gains nothing from the page cache and costs
it: pages are allocated, filled by a copy, and push out what others still want.  On virtual machines, where
fresh memory is slow, this halves the time of a large `add` (docs/benchmarks.md).  What is cached already is
taken from there.

Direct input and output wants offsets, lengths and addresses in multiples of the block size; the buffers and
classes here keep to that.  Where a file system does not offer it everything works through the cache.
"""

import contextlib
import errno
import mmap
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from datav.ids import Buffer
from datav.storage.durable import write_parts

ALIGNMENT = 4096
"""A multiple of every block size that disks have."""

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # mypy takes the module for always there

_O_DIRECT = getattr(os, "O_DIRECT", 0) if fcntl is not None else 0
_RWF_NOWAIT = getattr(os, "RWF_NOWAIT", 0)

# Large enough that the disk streams, small enough that a few threads' buffers are nothing.
STAGING_SIZE = 2 * 2**20


def allocate(size: int) -> memoryview:
    """Return a writable buffer of at least `size` bytes (at most ALIGNMENT more) at an aligned address."""
    return memoryview(mmap.mmap(-1, -(-max(size, 1) // ALIGNMENT) * ALIGNMENT))


@contextlib.contextmanager
def open_for_reading(path: str | Path) -> Iterator[tuple[int, int | None]]:
    """Yield the two descriptors that read_at takes; OSError when the file cannot be opened."""
    flags = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    cached = os.open(path, flags)
    uncached = open_uncached(path, flags)
    try:
        yield cached, uncached
    finally:
        os.close(cached)
        if uncached is not None:
            os.close(uncached)


def open_uncached(path: bytes | str | Path, flags: int) -> int | None:
    """Open a file a second time for reads that go past the page cache; None where that cannot be had."""
    if not _O_DIRECT or not _RWF_NOWAIT:
        return None
    try:
        return os.open(path, flags | _O_DIRECT)
    except OSError:
        return None


def read_at(cached: int, uncached: int | None, buffer: memoryview, offset: int) -> int:
    """Fill `buffer` from `offset` of a file; return how many bytes there were, fewer only at its end.

    Args:
        cached: a descriptor of the file.
        uncached: another one, from open_uncached.  Used for what is not in the page cache, when `buffer`
            and `offset` are aligned.
    """
    done = 0
    if uncached is not None and offset % ALIGNMENT == 0 and len(buffer) >= ALIGNMENT:
        done = _read_what_is_cached(cached, buffer, offset)
        while done < len(buffer) and done % ALIGNMENT == 0:
            whole = (len(buffer) - done) // ALIGNMENT * ALIGNMENT
            try:
                count = os.preadv(uncached, [buffer[done : done + whole]], offset + done) if whole else 0
            except OSError as exc:
                if exc.errno != errno.EINVAL:
                    raise
                break
            if count == 0:
                break
            done += count
    while done < len(buffer):
        count = _read_some(cached, buffer[done:], offset + done)
        if count == 0:
            break
        done += count
    return done


def read_small(descriptor: int, target: memoryview, scratch: memoryview) -> int:
    """Fill `target` from the start of a small file; return how many bytes there were, fewer only at its end.

    Args:
        descriptor: of the file; it is direct afterwards if the file was not in the page cache.
        scratch: from `allocate`, at least ALIGNMENT longer than `target`.

    Cost: one system call for what is cached, three for what is not.  Fresh pages for a hundred thousand small
    files that are read once cost more than the copy from `scratch`.
    """
    if not _RWF_NOWAIT or not _O_DIRECT or not hasattr(os, "preadv"):
        return _read_some(descriptor, target, 0)
    try:
        done = os.preadv(descriptor, [target], 0, _RWF_NOWAIT)
        if done == len(target):
            return done
    except OSError:
        pass
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETFL, _O_DIRECT)
        done = os.preadv(descriptor, [scratch[: -(-len(target) // ALIGNMENT) * ALIGNMENT]], 0)
        target[:] = scratch[: len(target)]
    except OSError:
        return os.preadv(descriptor, [target], 0)
    return min(done, len(target))


def _read_what_is_cached(fd: int, buffer: memoryview, offset: int) -> int:
    """Read from the page cache up to the first page that is not there."""
    try:
        count = os.preadv(fd, [buffer], offset, _RWF_NOWAIT)
    except OSError:
        return 0
    return count if count == len(buffer) else count // ALIGNMENT * ALIGNMENT


def _read_some(fd: int, buffer: memoryview, offset: int) -> int:
    if hasattr(os, "preadv"):
        return os.preadv(fd, [buffer], offset)
    os.lseek(fd, offset, os.SEEK_SET)
    data = os.read(fd, len(buffer))
    buffer[: len(data)] = data
    return len(data)


class StreamWriter:
    """Appends to a new file, past the page cache once there is much.  Used by one thread at a time.

    Nothing is promised to be in the file before `finish`.
    """

    def __init__(self, descriptor: int, path: Path) -> None:
        self._descriptor = descriptor
        self._path = path
        self._staging: memoryview | None = None
        self._filled = 0
        self._flushed = 0
        self._is_direct = False
        self._may_be_direct = bool(_O_DIRECT)

    def write(self, parts: Sequence[Buffer]) -> None:
        """Append `parts`; they are not needed any more when this returns."""
        if self._staging is None:
            self._staging = allocate(STAGING_SIZE)
        for part in parts:
            at, size = 0, len(part)
            while at < size:
                count = min(size - at, STAGING_SIZE - self._filled)
                self._staging[self._filled : self._filled + count] = (
                    part if count == size else memoryview(part)[at : at + count]
                )
                self._filled += count
                at += count
                if self._filled == STAGING_SIZE:
                    self._flush()

    def finish(self) -> None:
        """Hand everything to the system.  The descriptor stays open; nothing is synced."""
        self._set_direct(False)
        if self._staging is not None:
            write_parts(self._descriptor, [self._staging[: self._filled]], self._path)
            self._staging = None

    def _flush(self) -> None:
        assert self._staging is not None
        self._set_direct(self._may_be_direct)
        try:
            write_parts(self._descriptor, [self._staging[: self._filled]], self._path)
        except Exception as exc:
            cause = exc.__cause__
            if not (self._is_direct and isinstance(cause, OSError) and cause.errno == errno.EINVAL):
                raise
            # This file system lets a descriptor be direct and then refuses to write to it.
            self._may_be_direct = False
            self._set_direct(False)
            # Some of it may have been taken before the refusal.
            os.lseek(self._descriptor, self._flushed, os.SEEK_SET)
            write_parts(self._descriptor, [self._staging[: self._filled]], self._path)
        self._flushed += self._filled
        self._filled = 0

    def _set_direct(self, wanted: bool) -> None:
        if wanted == self._is_direct:
            return
        flags = fcntl.fcntl(self._descriptor, fcntl.F_GETFL)
        flags = flags | _O_DIRECT if wanted else flags & ~_O_DIRECT
        try:
            fcntl.fcntl(self._descriptor, fcntl.F_SETFL, flags)
            self._is_direct = wanted
        except OSError:
            self._may_be_direct = False
