"""Faults at the N-th storage call of this process.

`Injector.install` wraps the functions of `os` that change files.  Calls on paths below one root are counted,
over all threads and one at a time; at call number `at` the fault happens.  It is for a process that was
forked to run one command and then ends (tests/crash/driver.py).  Linux only: it looks into /proc.
"""

import contextlib
import errno
import mmap
import os
import random
import signal
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.crash.journal import Journal

ONCE = {"ENOSPC": errno.ENOSPC, "EIO": errno.EIO, "EACCES": errno.EACCES}
"""Modes in which one call fails."""

FROM_THEN_ON = ("full", "dead")
"""Modes in which all calls fail from then on: for want of room those that need it; of a broken disk all."""

KILLS = ("kill", "kill-after", "torn")
"""Before the call, after it, and half-way through a write."""

CUTS = ("power", "power-names", "power-data", "power-mixed")
"""The power goes before the call: lost is all that was not synced; only names; only data; some of both."""

MODES = (*ONCE, *FROM_THEN_ON, "short", *KILLS, *CUTS)

_WRITES = ("write", "writev", "pwrite", "pwritev")
_BY_DESCRIPTOR = (*_WRITES, "ftruncate", "fsync", "fdatasync", "posix_fallocate", "fchmod")
_BY_PATH = ("truncate", "chmod", "utime", "unlink", "remove", "rmdir", "mkdir")
_NEED_ROOM = (*_WRITES, "open", "posix_fallocate", "mkdir", "symlink", "link", "copy_file_range", "sendfile")
_CREATING = os.O_CREAT | os.O_TRUNC
_WRITABLE = os.O_WRONLY | os.O_RDWR


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens, and at which call; 0 for never."""

    mode: str = "none"
    at: int = 0
    keep: str | None = None
    """For a kill: note in this file what was not durable, so that a later run can lose it with its own."""
    inherit: str | None = None
    """Begin with what an earlier run kept there."""
    is_deaf: bool = False
    """Syncs do nothing and say that they did: what a sweep must notice."""


class Counter:
    """How many calls there were, and whether the fault happened; shared with the process that forked us."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, 16)

    @property
    def calls(self) -> int:
        return int(struct.unpack_from("<Q", self._shared)[0])

    @calls.setter
    def calls(self, number: int) -> None:
        struct.pack_into("<Q", self._shared, 0, number)

    @property
    def happened(self) -> bool:
        return bool(self._shared[8])

    def report(self) -> None:
        self._shared[8] = 1


class Injector:
    """The fault of this process, and its wrapped calls."""

    def __init__(self, root: str, fault: Fault, counter: Counter, log: int, backups: str) -> None:
        self._inside = os.path.realpath(root)
        self._fault = fault
        self._counter = counter
        self._log = log
        self._lock = threading.RLock()
        self._is_over = False
        wanted = fault.mode in CUTS or fault.keep is not None
        self._journal = Journal(backups) if wanted else None
        if self._journal is not None and fault.inherit is not None:
            self._journal.load(fault.inherit)

    def install(self) -> None:
        """Wrap the calls, for as long as this process lives."""
        for name in _BY_DESCRIPTOR:
            self._wrap(name, lambda fd, *_, **__: _path_of(fd))
        for name in _BY_PATH:
            self._wrap(name, _path_argument)
        self._wrap("open", _path_if_creating)
        self._wrap("symlink", lambda _, path, *__, dir_fd=None, **___: _absolute(path, dir_fd))
        for name in ("rename", "replace", "link"):
            self._wrap(name, lambda _, path, *__, dst_dir_fd=None, **___: _absolute(path, dst_dir_fd))
        self._wrap("copy_file_range", lambda _, target, *__, **___: _path_of(target))
        self._wrap("sendfile", lambda target, *_, **__: _path_of(target))

    def end(self) -> None:
        """The command has ended: where the fault is to come after its last call, it comes now."""
        with self._lock:
            if self._fault.mode in CUTS and not self._counter.happened:
                self._cut_power()

    def _wrap(self, name: str, find_path: Callable[..., str | None]) -> None:
        real = getattr(os, name)

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            path = find_path(*args, **kwargs)
            if self._is_over or path is None or not f"{path}/".startswith(f"{self._inside}/"):
                return real(*args, **kwargs)
            with self._lock:
                return self._perform(name, path, real, args, kwargs)

        setattr(os, name, wrapped)
        for group in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks):
            if real in group:
                group.add(wrapped)

    def _perform(self, name: str, path: str, real: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        self._counter.calls += 1
        number, fault = self._counter.calls, self._fault
        _REAL_WRITE(self._log, f"{number} {name} {path[len(self._inside) :]}\n".encode())
        if number == fault.at or (fault.at and number > fault.at and fault.mode in FROM_THEN_ON):
            args = self._strike(name, real, args, kwargs)
        if fault.is_deaf and name in ("fsync", "fdatasync"):
            return None
        try:
            if self._journal is None:
                return real(*args, **kwargs)
            with self._journal.recording(name, path, args, kwargs) as note:
                result = real(*args, **kwargs)
                note(result)
                return result
        finally:
            if number == fault.at and fault.mode == "kill-after":
                self._die()

    def _strike(self, name: str, real: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Let the fault happen; return the arguments of the call if it is to go on."""
        mode = self._fault.mode
        self._counter.report()
        if mode == "kill-after":
            return args
        if mode in ONCE:
            raise OSError(ONCE[mode], os.strerror(ONCE[mode]))
        if mode == "full" and name in _NEED_ROOM:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if mode == "dead":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        if mode in ("short", "torn") and name in _WRITES:
            args = _half(name, args)
        if mode == "torn" and name in _WRITES:
            # Past the page cache only whole blocks can be written; then this kill is one before the call.
            with contextlib.suppress(OSError):
                real(*args, **kwargs)
        if mode in ("kill", "torn"):
            self._die()
        if mode in CUTS:
            self._cut_power()
        return args

    def _die(self) -> None:
        if self._journal is not None and self._fault.keep is not None:
            self._journal.save(self._fault.keep)
        os.kill(os.getpid(), signal.SIGKILL)

    def _cut_power(self) -> None:
        assert self._journal is not None
        self._counter.report()
        self._is_over = True
        self._journal.lose(self._fault.mode, random.Random(self._fault.at))
        os.kill(os.getpid(), signal.SIGKILL)


_REAL_WRITE = os.write


def _half(name: str, args: Any) -> Any:
    """The arguments of a write, cut down to half of its bytes, or to one."""
    fd, data, *rest = args
    parts = [data] if name in ("write", "pwrite") else data
    joined = b"".join(bytes(part) for part in parts)
    joined = joined[: max(1, len(joined) // 2)]
    return (fd, joined if name in ("write", "pwrite") else [joined], *rest)


def _path_of(fd: int) -> str | None:
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return None


def _absolute(path: Any, dir_fd: int | None = None) -> str:
    text = os.fsdecode(path)
    base = _path_of(dir_fd) if dir_fd is not None else os.getcwd()
    directory, name = os.path.split(os.path.join(base or "/", text))
    return os.path.join(os.path.realpath(directory), name)


def _path_argument(path: Any, *_: Any, dir_fd: int | None = None, **__: Any) -> str | None:
    return _path_of(path) if isinstance(path, int) else _absolute(path, dir_fd)


def _path_if_creating(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> str | None:
    return _absolute(path, dir_fd) if flags & _CREATING else None


@contextlib.contextmanager
def counting(root: str, fault: Fault, counter: Counter, log: int, backups: str) -> Iterator[None]:
    """Install the fault; at the end of the block let it happen if it is to happen at the end."""
    injector = Injector(root, fault, counter, log, backups)
    injector.install()
    yield
    injector.end()
