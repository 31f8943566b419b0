"""What a power cut would take: every change that is not durable yet, and how to undo it.

The model is that of POSIX, not of one file system:

- the bytes of a file are durable when it is synced, and so is its length; what was reserved reads as zeros;
- a name that is new, or gone, is durable when the directory that holds it is synced; a rename, when the one
  that it leads to is;
- `lose` undoes what is not durable, the newest first, or only part of it: names and data become durable
  independently of each other, names in one directory in their order.
"""

import contextlib
import os
import pickle
import random
import shutil
import stat
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

_WRITABLE = os.O_WRONLY | os.O_RDWR
_DATA = ("write", "writev", "pwrite", "pwritev", "ftruncate", "posix_fallocate")

# As they were before anybody wrapped them.
_open, _link, _unlink, _rename, _mkdir, _write = os.open, os.link, os.unlink, os.rename, os.mkdir, os.write
_ftruncate, _pwrite, _utime, _rmtree = os.ftruncate, os.pwrite, os.utime, shutil.rmtree

Inode = tuple[int, int]


class Name(NamedTuple):
    """A change of a name that is not durable."""

    directory: Inode
    """It is durable when this is synced."""
    kind: str
    path: str
    origin: str
    """Of a rename."""
    backup: str
    """What the change removed or replaced; empty for nothing."""
    mode: int = 0


class Journal:
    """All that is not durable of what this process did.  The caller makes one call at a time."""

    def __init__(self, backups: str) -> None:
        self._backups = backups
        os.makedirs(backups, exist_ok=True)
        self._number = len(os.listdir(backups))
        self._names: list[Name] = []
        self._keepers: dict[Inode, int] = {}
        self._durable: dict[Inode, bytes] = {}
        self._dirty: set[Inode] = set()
        self._reserved: dict[Inode, int] = {}

    @contextlib.contextmanager
    def recording(self, name: str, path: str, args: Any, kwargs: Any) -> Iterator[Callable[[Any], None]]:
        """Look at what call `name` is about to change; the block makes it, and tells its result."""
        existed = os.path.lexists(path)
        before = self._before(name, path, args, existed)

        def note(result: Any) -> None:
            self._after(name, path, args, kwargs, result, existed, before)

        yield note

    def _before(self, name: str, path: str, args: Any, existed: bool) -> Any:
        if name in ("unlink", "remove", "rename", "replace") and existed:
            return self._back_up(path)
        if name == "rmdir" and existed:
            return stat.S_IMODE(os.lstat(path).st_mode)
        if name == "open" and existed and args[1] & os.O_TRUNC:
            return _read(path)
        if name in _DATA:
            self._track(args[0], None)
        return None

    def _after(
        self, name: str, path: str, args: Any, kwargs: Any, result: Any, existed: bool, before: Any
    ) -> None:
        holder = _inode_of(os.path.dirname(path))
        if name == "open":
            if args[1] & _WRITABLE:
                self._track(result, b"" if not existed else before)
            if not existed:
                self._names.append(Name(holder, "create", path, "", ""))
        elif name in ("mkdir", "link", "symlink"):
            self._names.append(Name(holder, "make" if name == "mkdir" else "create", path, "", ""))
        elif name in ("rename", "replace"):
            origin = _absolute(args[0], kwargs.get("src_dir_fd"))
            self._names.append(Name(holder, "rename", path, origin, before or ""))
        elif name in ("unlink", "remove"):
            self._names.append(Name(holder, "remove", path, "", before or ""))
        elif name == "rmdir":
            self._names.append(Name(holder, "rmdir", path, "", "", before or 0o777))
        elif name in ("fsync", "fdatasync"):
            self._synced(args[0])
        elif name in _DATA:
            inode = self._track(args[0], None)
            self._dirty.add(inode)
            if name == "posix_fallocate":
                self._reserved[inode] = args[1] + args[2]

    def lose(self, mode: str, chance: random.Random) -> None:
        """Take away what is not durable: `power` all of it, the other modes part of it."""
        kept: dict[Inode, int] = {}
        for inode in sorted(self._dirty if mode != "power-names" else ()):
            durable = self._durable[inode]
            if mode != "power" and len(durable) < self._reserved.get(inode, 0):
                durable = durable.ljust(self._reserved[inode], b"\0")
            if mode == "power-mixed":
                now = _read(f"/proc/self/fd/{self._keepers[inode]}")
                durable = chance.choice([durable, now, now[: len(now) // 2]])
            keeper = self._keepers[inode]
            status = os.fstat(keeper)
            _ftruncate(keeper, 0)
            _pwrite(keeper, durable, 0)
            # Times are names' fellows: journals of file systems keep them.
            _utime(keeper, ns=(status.st_atime_ns, status.st_mtime_ns))
        if mode == "power-data":
            return
        if mode == "power-mixed":
            for directory in dict.fromkeys(name.directory for name in self._names):
                count = sum(name.directory == directory for name in self._names)
                kept[directory] = chance.randint(0, count)
        undone = []
        for name in self._names:
            if kept.get(name.directory, 0) > 0:
                kept[name.directory] -= 1
            else:
                undone.append(name)
        for name in reversed(undone):
            # With part of the names kept, one change may lack what another took: there is no such state.
            with contextlib.suppress(OSError):
                _undo(name)

    def save(self, path: str) -> None:
        """Keep the journal for a later process, in a file outside of what it watches."""
        data = []
        for inode, keeper in self._keepers.items():
            place = os.readlink(f"/proc/self/fd/{keeper}")
            if inode in self._dirty and os.path.exists(place):
                data.append((place, self._durable[inode], self._reserved.get(inode, 0)))
        fd = _open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        _write(fd, pickle.dumps((self._names, data)))
        os.close(fd)

    def load(self, path: str) -> None:
        """Begin with what a process that was killed had left."""
        with open(path, "rb") as file:
            self._names, data = pickle.load(file)
        for place, durable, reserved in data:
            fd = _open(place, os.O_RDWR | os.O_CLOEXEC)
            inode = self._track(fd, durable)
            self._dirty.add(inode)
            self._reserved[inode] = reserved
            os.close(fd)

    def _track(self, fd: int, durable: bytes | None) -> Inode:
        """Remember what of an open file is durable: `durable`, or all that it holds now."""
        inode = _inode_of(fd)
        if inode not in self._keepers:
            keeper = _open(f"/proc/self/fd/{fd}", os.O_RDWR | os.O_CLOEXEC)
            self._keepers[inode] = keeper
            self._durable[inode] = _read(f"/proc/self/fd/{keeper}") if durable is None else durable
            if durable is not None:
                self._dirty.add(inode)
        return inode

    def _synced(self, fd: int) -> None:
        inode = _inode_of(fd)
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            self._names = [name for name in self._names if name.directory != inode]
            return
        self._track(fd, None)
        self._durable[inode] = _read(f"/proc/self/fd/{fd}")
        self._dirty.discard(inode)

    def _back_up(self, path: str) -> str:
        self._number += 1
        backup = os.path.join(self._backups, str(self._number))
        _link(path, backup, follow_symlinks=False)
        return backup


def _undo(name: Name) -> None:
    if name.kind == "create":
        _unlink(name.path)
    elif name.kind == "make":
        _rmtree(name.path)
    elif name.kind == "rename":
        _rename(name.path, name.origin)
    elif name.kind == "rmdir":
        _mkdir(name.path, name.mode)
    if name.backup and not os.path.lexists(name.path):
        _link(name.backup, name.path, follow_symlinks=False)


def _inode_of(place: int | str) -> Inode:
    status = os.stat(place)
    return status.st_dev, status.st_ino


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _absolute(path: Any, dir_fd: int | None) -> str:
    base = os.readlink(f"/proc/self/fd/{dir_fd}") if dir_fd is not None else os.getcwd()
    directory, name = os.path.split(os.path.join(base, os.fsdecode(path)))
    return os.path.join(os.path.realpath(directory), name)
