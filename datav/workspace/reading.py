"""Reading files that may be written to meanwhile: what is returned is one state of the file, or an error.

A file's stamp is taken when it was found and again after its last byte was read.  If they are equal,
nobody wrote in between (within the clock's tick: `statcache.is_racy`).  Symbolic links are read as links.
"""

import contextlib
import os
import threading
import time
from array import array
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from datav.errors import ChangedWhileReadError
from datav.formats.entry import Kind
from datav.relpath import show_path
from datav.storage.direct import open_uncached
from datav.storage.direct import read_at as read_file_at
from datav.storage.files import READ_FLAGS, read_files, stamp_of
from datav.workspace.scan import Found, found_of, unreadable

# A writer that appends now and then lets one of so many attempts through; one that never stops, none.
_ATTEMPTS = 3

# From this size on a file is read past the page cache, where it is not in it: it would only push out others.
_LARGE = 8 * 2**20

# Linux reads no more than this in one call.
_MAX_READ = 2**30


class BatchRead(NamedTuple):
    """What `read_batch` put into the arena."""

    ends: "array[int]"
    """Where each file's bytes end, counted from the start of the arena; u64."""
    entries: list[Found]
    """What was read, with the stamps that hold for the bytes read."""
    looked_at_ns: int
    """The clock before the first was read: no stamp was taken earlier."""

    def append(self, entry: Found) -> None:
        self.ends.append(entry[2] + (self.ends[-1] if self.ends else 0))
        self.entries.append(entry)


def read_batch(root: bytes, entries: Sequence[Found], arena: memoryview) -> BatchRead:
    """Read many small files, one after the other, into `arena`.

    Args:
        root: directory of the dataset.
        entries: as found by a scan.  A file that has changed since is read as it is now.
        arena: writable bytes.

    Returns:
        What was read of the first so many entries; fewer than all when the next does not fit, so none at
        all when the first does not (then it takes a `StableFile`).

    Raises:
        ChangedWhileReadError: a file changed during each of three attempts, or is no file any more.
        UnreadableError: the system refuses.

    Cost: about 3 microseconds of a processor for a file of 10 KiB that is cached.
    """
    batch = BatchRead(array("Q"), [], time.time_ns())
    prefix = os.path.join(root, b"")
    position, number = 0, 0
    while number < len(entries):
        number += _read_plain(root, entries[number:], arena[position:], batch)
        position = batch.ends[-1] if batch.ends else 0
        if number < len(entries):
            entry = _read_again(prefix, entries[number], arena[position:])
            if entry is None:
                break
            batch.append(entry)
            position = batch.ends[-1]
            number += 1
    return batch


def _read_plain(root: bytes, entries: Sequence[Found], arena: memoryview, batch: BatchRead) -> int:
    """Read files up to the first that is not plain sailing; return how many.

    The inner loop of the first `add`.  Links and every kind of failure are left to `_read_again`.
    """
    plain = list(takewhile(_is_regular, entries))
    if not plain:
        return 0
    count = read_files(root, [entry[0] for entry in plain], b"".join([entry[3] for entry in plain]), arena)
    for entry in plain[:count]:
        batch.append(entry)
    return count


def _is_regular(entry: Found) -> bool:
    return entry[1] <= Kind.EXECUTABLE


def _read_as_found(prefix: bytes, entry: Found, target: memoryview) -> bool:
    """Read a file that is still what was found, True; or leave anything in `target`, False."""
    try:
        descriptor = os.open(prefix + entry[0], READ_FLAGS)
    except OSError:  # `_read_again` finds out why.
        return False
    try:
        if len(target) and read_at(descriptor, target, 0) != len(target):
            return False
        return stamp_of(os.fstat(descriptor)) == entry[3]
    except OSError as exc:
        raise unreadable(prefix + entry[0], exc) from exc
    finally:
        os.close(descriptor)


def _read_again(prefix: bytes, entry: Found, arena: memoryview) -> Found | None:
    """Read a file as it is now; None if that does not fit into `arena`."""
    if entry.kind == Kind.EMPTY_DIRECTORY:
        return entry
    path = prefix + entry.path
    for _ in range(_ATTEMPTS):
        try:
            now = found_of(entry.path, os.lstat(path))
        except (FileNotFoundError, NotADirectoryError) as exc:
            raise changed_while_read(path) from exc
        except OSError as exc:
            raise unreadable(path, exc) from exc
        if now is None or (now.kind == Kind.SYMLINK) != (entry.kind == Kind.SYMLINK):
            raise changed_while_read(path)
        if now.size > len(arena):
            return None
        if now.kind == Kind.SYMLINK:
            if _read_link(path, now, arena):
                return now
        elif _read_as_found(prefix, now, arena[: now.size]):
            return now
        else:
            _check_readable(path)
    raise changed_while_read(path)


def _read_link(path: bytes, found: Found, arena: memoryview) -> bool:
    try:
        target = os.readlink(path)
        after = stamp_of(os.lstat(path))
    except OSError:  # Replaced in between; the next attempt sees by what.
        return False
    if len(target) != found.size or after != found.stamp:
        return False
    arena[: len(target)] = target
    return True


def _check_readable(path: bytes) -> None:
    """Raise UnreadableError if it was for want of permission, or a failing disk, that a file was not read."""
    try:
        os.close(os.open(path, READ_FLAGS))
    except PermissionError as exc:
        raise unreadable(path, exc) from exc
    except OSError as exc:
        if not isinstance(exc, FileNotFoundError) and not os.path.islink(path):
            raise unreadable(path, exc) from exc


class StableFile:
    """A large file, open for reading from several threads, that must not change until `finish`."""

    __slots__ = ("_descriptor", "_uncached", "looked_at_ns", "path", "size", "stamp")

    def __init__(self, path: Path) -> None:
        """Open `path`, which is not a symbolic link.

        Raises:
            UnreadableError: the system refuses.
            ChangedWhileReadError: it is no file (any more).
        """
        self.path = os.fsencode(path)
        self.looked_at_ns = time.time_ns()
        """The clock before the file was looked at for the first time."""
        try:
            self._descriptor = os.open(self.path, READ_FLAGS)
        except OSError as exc:
            if os.path.islink(self.path):
                raise changed_while_read(self.path) from exc
            raise unreadable(self.path, exc) from exc
        status = os.fstat(self._descriptor)
        found = found_of(b"", status)
        if found is None:
            os.close(self._descriptor)
            raise changed_while_read(self.path)
        self.size: int = found.size
        self.stamp: bytes = found.stamp
        self._uncached: int | None = None
        if self.size >= _LARGE:
            self._uncached = open_uncached(self.path, READ_FLAGS, self._descriptor, self.size)

    def read_into(self, buffer: memoryview, offset: int) -> int:
        """Fill `buffer` with what the file holds from `offset` on; from any thread.

        Returns:
            How many bytes: the length of `buffer`, or what is left up to `size`.

        Raises:
            ChangedWhileReadError: the file got shorter.
            UnreadableError: the system refuses.
        """
        wanted = max(0, min(len(buffer), self.size - offset))
        try:
            got = read_file_at(self._descriptor, self._uncached, buffer[:wanted], offset)
        except OSError as exc:
            raise unreadable(self.path, exc) from exc
        if got != wanted:
            raise changed_while_read(self.path)
        return wanted

    def finish(self) -> tuple[bytes, int]:
        """Return the stamp that holds for all that was read, and a clock reading not later than it.

        Raises:
            ChangedWhileReadError: the file is not what it was when it was opened.
        """
        looked_at_ns = time.time_ns()
        if stamp_of(os.fstat(self._descriptor)) != self.stamp:
            raise changed_while_read(self.path)
        return self.stamp, looked_at_ns

    def fileno(self) -> int:
        return self._descriptor

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            if self._uncached is not None:
                os.close(self._uncached)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def data_ranges(descriptor: int, size: int) -> list[tuple[int, int]]:
    """Return the (start, end) of what is not a hole in a sparse file; all of it where nobody knows."""
    if not hasattr(os, "SEEK_DATA"):
        return [(0, size)] if size else []
    ranges: list[tuple[int, int]] = []
    end = 0
    while end < size:
        try:
            start = os.lseek(descriptor, end, os.SEEK_DATA)
            end = os.lseek(descriptor, start, os.SEEK_HOLE)
        except OSError:  # ENXIO: nothing but a hole from here on; or the file system cannot tell.
            return ranges if ranges or end else _all_unless_hole(descriptor, size)
        ranges.append((start, min(end, size)))
    return ranges


def _all_unless_hole(descriptor: int, size: int) -> list[tuple[int, int]]:
    try:
        return [] if os.lseek(descriptor, 0, os.SEEK_HOLE) == 0 else [(0, size)]
    except OSError:
        return [(0, size)]


def changed_while_read(path: bytes) -> ChangedWhileReadError:
    """Say that `path` did not hold still."""
    return ChangedWhileReadError(
        f"{show_path(path)} changed while it was being read",
        hint="stop whatever writes to it, then run the command again",
    )


def read_at(descriptor: int, target: memoryview, offset: int, lock: "threading.Lock | None" = None) -> int:
    """Fill `target` from `offset` on; return how many bytes there were.  Raises OSError."""
    done = 0
    while done < len(target):
        part = target[done : done + _MAX_READ]
        if hasattr(os, "preadv"):
            got = os.preadv(descriptor, [part], offset + done)
        else:
            got = _seek_and_read(descriptor, part, offset + done, lock)
        if got == 0:
            break
        done += got
    return done


def _seek_and_read(descriptor: int, target: memoryview, offset: int, lock: "threading.Lock | None") -> int:
    """Read at `offset` where, as on Windows, the system can only read on from where it is."""
    with lock or contextlib.nullcontext():
        os.lseek(descriptor, offset, os.SEEK_SET)
        data = os.read(descriptor, len(target))
    target[: len(data)] = data
    return len(data)
