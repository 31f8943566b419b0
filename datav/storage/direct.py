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
import secrets
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

# From here on one read of a pack goes past the page cache.
_LARGE_READ = 512 * 1024
# Of a file, to see whether it is cached.
_SAMPLES = 8

# Large enough that the disk streams, small enough that a few threads' buffers are nothing.
STAGING_SIZE = 2 * 2**20


def allocate(size: int) -> memoryview:
    """Return a writable buffer of at least `size` bytes (at most ALIGNMENT more) at an aligned address."""
    return memoryview(mmap.mmap(-1, -(-max(size, 1) // ALIGNMENT) * ALIGNMENT))


@contextlib.contextmanager
def open_for_reading(path: str | Path, length: int) -> Iterator[tuple[int, int | None]]:
    """Yield the two descriptors that read_at takes for one read of `length`; OSError if there is no file.

    What is small is left in the page cache, where the next command may want it; what is large is not.
    """
    flags = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    cached = os.open(path, flags)
    uncached = None
    try:
        if length >= _LARGE_READ:
            uncached = _open_direct(path, flags)
        elif hasattr(os, "posix_fadvise"):
            # No reading ahead: the next read is somewhere else.
            os.posix_fadvise(cached, 0, 0, os.POSIX_FADV_RANDOM)
        yield cached, uncached
    finally:
        os.close(cached)
        if uncached is not None:
            os.close(uncached)


def open_uncached(path: bytes | str | Path, flags: int, cached: int, size: int) -> int | None:
    """Open a file a second time to read it past the page cache; None if that cannot be, or it is cached.

    Args:
        cached: a descriptor of the same file.
        size: of the file.
    """
    if _is_cached(cached, size):
        return None
    return _open_direct(path, flags)


def _open_direct(path: bytes | str | Path, flags: int) -> int | None:
    if not _O_DIRECT or not hasattr(os, "preadv"):
        return None
    try:
        return os.open(path, flags | _O_DIRECT)
    except OSError:
        return None


def _is_cached(fd: int, size: int) -> bool:
    """Whether most of a file is in the page cache, from a few samples: asking reads single pages at most."""
    if not _RWF_NOWAIT or not hasattr(os, "preadv"):
        return True
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
    byte = bytearray(1)
    found = 0
    for _ in range(_SAMPLES):
        try:
            # Somewhere else each time: what one sample reads, the next one finds.
            found += os.preadv(fd, [byte], secrets.randbelow(max(1, size)), _RWF_NOWAIT)
        except OSError:  # EAGAIN: not there.  Anything else shows when it is read.
            continue
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)
    return found * 4 >= _SAMPLES * 3


def read_at(cached: int, uncached: int | None, buffer: memoryview, offset: int) -> int:
    """Fill `buffer` from `offset` of a file; return how many bytes there were, fewer only at its end.

    Args:
        cached: a descriptor of the file.
        uncached: another one, from open_uncached, for whole blocks if `buffer` and `offset` are aligned.
    """
    done = 0
    if uncached is not None and offset % ALIGNMENT == 0:
        while done % ALIGNMENT == 0 and (whole := (len(buffer) - done) // ALIGNMENT * ALIGNMENT):
            try:
                count = os.preadv(uncached, [buffer[done : done + whole]], offset + done)
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


def reopen_uncached(descriptor: int, flags: int) -> int | None:
    """Open the file of a descriptor again, past the page cache; None where that cannot be had.

    Args:
        flags: os.O_RDONLY or os.O_WRONLY.
    """
    return _open_direct(f"/proc/self/fd/{descriptor}", flags | getattr(os, "O_CLOEXEC", 0))


def read_unaligned(
    cached: int, uncached: int | None, buffer: memoryview, offset: int, scratch: memoryview
) -> int:
    """read_at for a buffer and an offset that are not aligned.

    Args:
        scratch: from `allocate`, at least 2 * ALIGNMENT longer than `buffer`.
    """
    if uncached is None:
        return read_at(cached, None, buffer, offset)
    before = offset % ALIGNMENT
    wanted = -(-(before + len(buffer)) // ALIGNMENT) * ALIGNMENT
    got = min(read_at(cached, uncached, scratch[:wanted], offset - before) - before, len(buffer))
    if got <= 0:
        return 0
    buffer[:got] = scratch[before : before + got]
    return got


def write_at(cached: int, uncached: int | None, data: memoryview, offset: int) -> None:
    """Write all of `data` at `offset`.

    Args:
        cached: a descriptor of the file, for what does not fill a block.
        uncached: another one, from reopen_uncached.  Used for whole blocks if the address of `data` and
            `offset` have the same remainder by ALIGNMENT.
    """
    first = min(-offset % ALIGNMENT, len(data))
    last = first + (len(data) - first) // ALIGNMENT * ALIGNMENT
    if uncached is None or first == last:
        _write_all(cached, data, offset)
        return
    try:
        _write_all(uncached, data[first:last], offset + first)
    except OSError as exc:
        if exc.errno != errno.EINVAL:
            raise
        _write_all(cached, data[first:last], offset + first)
    _write_all(cached, data[:first], offset)
    _write_all(cached, data[last:], offset + last)


def _write_all(descriptor: int, data: memoryview, offset: int) -> None:
    while len(data):
        done = os.pwrite(descriptor, data, offset)
        data = data[done:]
        offset += done


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
        staging, filled = self._staging, self._filled
        for part in parts:
            end = filled + len(part)
            if end < STAGING_SIZE:
                staging[filled:end] = part
                filled = end
                continue
            rest = memoryview(part)
            while len(rest) >= STAGING_SIZE - filled:
                head = rest[: STAGING_SIZE - filled]
                staging[filled:] = head
                rest = rest[len(head) :]
                self._filled = STAGING_SIZE
                self._flush()
                filled = 0
            staging[: len(rest)] = rest
            filled = len(rest)
        self._filled = filled

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
