"""Files that survive a kill at any instruction and a power cut.

Every file that datav makes for itself is written here: to a temporary name, synced, renamed, and the
directory synced (docs/formats/ordering.md).  Errors of the operating system become StorageError.
"""

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from datav.errors import StorageError
from datav.ids import Buffer

TEMPORARY_PREFIX = ".datav-tmp-"
"""What temporary files of ours are called, in the store and among the user's files, then something random."""

# writev takes no more parts than this in one call (IOV_MAX, 1024 on every system we know).
_MAX_PARTS = 1024


@contextlib.contextmanager
def translating(action: str, path: Path | str) -> Iterator[None]:
    """Turn an OSError into a StorageError that says what was being done, and to what."""
    try:
        yield
    except OSError as exc:
        raise storage_error(exc, action, path) from exc


def storage_error(exc: OSError, action: str, path: Path | str) -> StorageError:
    hint = None
    if exc.errno in (errno.ENOSPC, errno.EDQUOT):
        hint = "free some space and run the command again: nothing is half done"
    elif exc.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        hint = "check the permissions of that directory, and that the disk is not mounted read-only"
    elif exc.errno == errno.EIO:
        hint = "the disk reports a failure: save what you can, then run `datav verify`"
    return StorageError(f"cannot {action} {path}: {exc.strerror or exc}", hint=hint)


def make_directories(path: Path) -> None:
    """Create `path` and its parents, durably; fine when it exists."""
    # Unlike `Path.is_dir`, this says no to a name that is too long.
    if os.path.isdir(path):
        return
    make_directories(path.parent)
    with translating("create", path):
        path.mkdir(exist_ok=True)
    fsync_directory(path.parent)


def fsync_directory(path: Path) -> None:
    """Make the names in a directory durable.  Where the system cannot sync a directory it does so itself."""
    if os.name == "nt":
        return
    with translating("sync", path):
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def create_temporary(directory: Path, suffix: str = "") -> tuple[int, Path]:
    """Create a file with a name of its own in `directory`; return its descriptor, open for writing."""
    path = directory / f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}{suffix}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    with translating("create a file in", directory):
        return os.open(path, flags, 0o666), path


def write_parts(fd: int, parts: Sequence[Buffer], path: Path) -> None:
    """Write all of `parts`, in order, whatever the system takes at a time."""
    with translating("write", path):
        for first in range(0, len(parts), _MAX_PARTS):
            _write_all(fd, list(parts[first : first + _MAX_PARTS]))


def _write_all(fd: int, parts: list[Buffer]) -> None:
    left = sum(map(len, parts))
    while left:
        written = os.writev(fd, parts) if hasattr(os, "writev") else os.write(fd, b"".join(parts))
        left -= written
        if left:
            parts = _drop(parts, written)


def _drop(parts: list[Buffer], written: int) -> list[Buffer]:
    """What remains of `parts` after its first `written` bytes."""
    for number, part in enumerate(parts):
        if written < len(part):
            return [memoryview(part)[written:], *parts[number + 1 :]]
        written -= len(part)
    return []


def sync_and_close(fd: int, path: Path) -> None:
    """Make the bytes durable."""
    with translating("write", path):
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def publish(temporary: Path, final: Path) -> None:
    """Give a durable file its name.  The name itself is durable after `fsync_directory`."""
    with translating("write", final):
        os.replace(temporary, final)


def write_atomic(path: Path, data: Buffer, *, sync: bool = True, temporary: Path | None = None) -> None:
    """Replace `path` by a file that holds `data`: readers see the old one or the new one, whole.

    Raises and takes what `write_parts_atomic` does.
    """
    write_parts_atomic(path, [data], sync=sync, temporary=temporary)


def write_parts_atomic(
    path: Path, parts: Sequence[Buffer], *, sync: bool = True, temporary: Path | None = None
) -> None:
    """write_atomic, of several parts that need not be put together in memory.

    Args:
        sync: make it durable before returning; without, it is atomic but may be old or gone after a power
        cut. temporary: the directory for the temporary file, on the same file system; else the file's own.
    """
    fd, draft = create_temporary(temporary or path.parent)
    try:
        try:
            write_parts(fd, parts, path)
            _keep_mode(fd, path)
            if sync:
                with translating("write", path):
                    os.fsync(fd)
        finally:
            os.close(fd)
        publish(draft, path)
    except BaseException:
        # A disk that fails may refuse this too; what is to be told is why it was needed.
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise
    if sync:
        fsync_directory(path.parent)


def _keep_mode(fd: int, path: Path) -> None:
    if hasattr(os, "fchmod"):
        with translating("write", path), contextlib.suppress(FileNotFoundError):
            os.fchmod(fd, stat.S_IMODE(path.stat().st_mode))


def remove_file(path: Path) -> None:
    """Delete a file; fine when it is gone."""
    with translating("delete", path):
        path.unlink(missing_ok=True)
