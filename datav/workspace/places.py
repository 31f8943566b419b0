"""Directories of the user's, opened so that no symbolic link on the way can lead out of the root.

A tree may be hostile, and so may what lies on disk: where a link `a` points at `/etc`, writing
`a/passwd` must fail, whenever the link appeared.  So each part of a path is opened from the part before
it, links refused, and everything is done relative to the directory that this gave.  Windows cannot do
that; there each part is looked at before it is used.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from datav.errors import UnsafePathError
from datav.relpath import show_path
from datav.storage.durable import storage_error

_IS_RELATIVE = {os.open, os.mkdir, os.unlink, os.rmdir, os.stat, os.rename} <= os.supports_dir_fd
_DIRECTORY_FLAGS = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_CREATE_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_FOLLOW
_READ_FLAGS = os.O_RDONLY | _NO_FOLLOW
for _name in ("O_CLOEXEC", "O_BINARY"):
    _CREATE_FLAGS |= getattr(os, _name, 0)
    _READ_FLAGS |= getattr(os, _name, 0)
_READ_FLAGS |= getattr(os, "O_NONBLOCK", 0)


class Place:
    """An open directory.  All names given to its methods are of things directly in it.

    The methods are the system calls of the same name and raise OSError; who knows what was being done
    translates it.
    """

    __slots__ = ("_base", "_descriptor")

    def __init__(self, base: bytes, descriptor: int | None) -> None:
        self._base = b"" if descriptor is not None else os.path.join(base, b"")
        self._descriptor = descriptor

    def create(self, name: bytes, mode: int) -> int:
        """Create a file that was not there; return its descriptor, open for reading and writing."""
        return os.open(self._base + name, _CREATE_FLAGS, mode, dir_fd=self._descriptor)

    def open(self, name: bytes) -> int:
        """Open a file, never through a link, for reading."""
        return os.open(self._base + name, _READ_FLAGS, dir_fd=self._descriptor)

    def look(self, name: bytes) -> os.stat_result | None:
        """Return the status of `name` itself; None if there is no such thing."""
        try:
            return os.stat(self._base + name, dir_fd=self._descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def replace(self, source: bytes, target: bytes) -> None:
        here = self._descriptor
        os.replace(self._base + source, self._base + target, src_dir_fd=here, dst_dir_fd=here)

    def symlink(self, target: bytes, name: bytes) -> None:
        os.symlink(target, self._base + name, dir_fd=self._descriptor)

    def mkdir(self, name: bytes) -> None:
        os.mkdir(self._base + name, dir_fd=self._descriptor)

    def unlink(self, name: bytes) -> None:
        os.unlink(self._base + name, dir_fd=self._descriptor)

    def rmdir(self, name: bytes) -> None:
        os.rmdir(self._base + name, dir_fd=self._descriptor)

    def chmod(self, name: bytes, mode: int) -> None:
        """Change the mode of a file: through a descriptor, because a link could take its place."""
        descriptor = self.open(name)
        try:
            if hasattr(os, "fchmod"):
                os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def open_place(root: bytes, directory: bytes) -> Place:
    """Open `directory`, relative to `root` (which may be a link) and `b""` for `root` itself.

    Raises:
        UnsafePathError: something on the way is not a directory but, say, a symbolic link.
        StorageError: the system refuses.
    """
    path = os.path.join(root, directory) if directory else root
    parts = directory.split(b"/") if directory else []
    try:
        if _IS_RELATIVE:
            return Place(path, _open_parts(root, parts))
        _look_at_parts(root, parts)
    except NotADirectoryError as exc:
        raise _unsafe(path) from exc
    except OSError as exc:
        if _has_link(root, parts):
            raise _unsafe(path) from exc
        raise storage_error(exc, "open", show_path(path)) from exc
    return Place(path, None)


@contextmanager
def place(root: bytes, directory: bytes) -> Iterator[Place]:
    """`open_place`, closed again."""
    opened = open_place(root, directory)
    try:
        yield opened
    finally:
        opened.close()


def check_real_directories(top: Path, path: bytes) -> None:
    """Raise UnsafePathError if anything above `path` in `top` is there and is not a real directory.

    For what decides where a root is: a link `data -> /etc` in a repository must not move the dataset
    `data/x` there.
    """
    base = os.fsencode(top)
    for part in path.split(b"/")[:-1]:
        base = os.path.join(base, part)
        try:
            status = os.lstat(base)
        except FileNotFoundError:
            return
        except OSError as exc:
            raise storage_error(exc, "look at", show_path(base)) from exc
        if not stat.S_ISDIR(status.st_mode):
            raise _unsafe(base)


def _open_parts(root: bytes, parts: list[bytes]) -> int:
    descriptor = os.open(root, _DIRECTORY_FLAGS)
    for part in parts:
        try:
            below = os.open(part, _DIRECTORY_FLAGS | _NO_FOLLOW, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        descriptor = below
    return descriptor


def _look_at_parts(root: bytes, parts: list[bytes]) -> None:
    for part in parts:
        root = os.path.join(root, part)
        if not stat.S_ISDIR(os.lstat(root).st_mode):
            raise NotADirectoryError(root)


def _has_link(root: bytes, parts: list[bytes]) -> bool:
    for part in parts:
        root = os.path.join(root, part)
        if os.path.islink(root):
            return True
    return False


def _unsafe(path: bytes) -> UnsafePathError:
    return UnsafePathError(
        f"{show_path(path)} is not a directory, or lies behind a symbolic link",
        hint="move what is in the way somewhere else, then run the command again",
    )
