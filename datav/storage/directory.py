"""Objects in a directory: a path, a mounted disk, a share.

Every object is a file.  It is written to `tmp/` in the same directory, synced, read back, and renamed, so a
name stands for all of its bytes or does not exist; what a kill leaves behind lies in `tmp/`.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from io import FileIO
from pathlib import Path

import xxhash

from datav.errors import MissingObjectError, RefusedError, RemoteError, StorageError
from datav.ids import Buffer
from datav.storage import durable
from datav.storage.objects import ObjectInfo, Traffic

_BLOCK = 2**20
"""How much is copied at a time."""

_TEMPORARY = "tmp"


class DirectoryObjects:
    """Objects that are files below a directory, which is created with the first of them."""

    can_write = True

    def __init__(self, root: Path) -> None:
        self._root = root
        self.shown = str(root)
        self.traffic = Traffic()

    def list(self, directory: str) -> dict[str, ObjectInfo]:
        self.traffic.count()
        path = self._root / directory
        with _translating("list", path), contextlib.suppress(FileNotFoundError), os.scandir(path) as entries:
            return dict(_iter_objects(entries))
        return {}

    def read(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        self.traffic.count()
        path = self._root / name
        with _translating("read", path):
            try:
                fd = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
            except (FileNotFoundError, NotADirectoryError) as exc:
                raise MissingObjectError(f"there is no {path}") from exc
            with open(fd, "rb", buffering=0) as file:
                size = os.fstat(fd).st_size
                data = _read_range(file, start, size if end is None else min(end, size))
        self.traffic.count(requests=0, received=len(data))
        return data

    def put(self, name: str, source: Path | Buffer, *, sent: Callable[[int], object] | None = None) -> None:
        path = self._root / name
        with _translating("write", path):
            self._make_directory(path.parent)
            self._make_directory(self._root / _TEMPORARY)
        # A disk or a share that changed the bytes once may do better when asked again.
        if not (self._put_once(path, source, sent) or self._put_once(path, source, None)):
            raise RemoteError(
                f"cannot write {path}: it reads back different from what was written",
                hint="do not trust that disk, and look at its health",
            )

    def delete(self, name: str) -> None:
        self.traffic.count()
        path = self._root / name
        with _translating("delete", path), contextlib.suppress(FileNotFoundError, NotADirectoryError):
            path.unlink()
            durable.fsync_directory(path.parent)

    def close(self) -> None:
        pass

    def _make_directory(self, directory: Path) -> None:
        if not self._root.is_dir() and not self._root.parent.is_dir():
            # Most likely a disk that is not mounted, or a slip of the keyboard.
            raise RemoteError(
                f"cannot write to {self._root}: there is no directory {self._root.parent}",
                hint="is the disk mounted, and the path right? If so, create that directory",
            )
        durable.make_directories(directory)

    def _put_once(self, path: Path, source: Path | Buffer, sent: Callable[[int], object] | None) -> bool:
        """Put the object; False, and nothing is changed, when what was written reads back different."""
        self.traffic.count()
        with _translating("write", path):
            fd, draft = durable.create_temporary(self._root / _TEMPORARY)
        try:
            size, digest = self._write(fd, draft, source, sent)
            with _translating("write", path):
                if _read_digest(draft) != (size, digest):
                    return False
                durable.publish(draft, path)
        finally:
            # A disk that fails may refuse this too; what is to be told is why it was needed.
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
        with _translating("write", path):
            durable.fsync_directory(path.parent)
        return True

    def _write(
        self, fd: int, draft: Path, source: Path | Buffer, sent: Callable[[int], object] | None
    ) -> tuple[int, int]:
        """Write the object durably and close `fd`; return its size and its digest."""
        size, hasher = 0, xxhash.xxh3_64()
        try:
            for block in _blocks(source):
                with _translating("write", draft):
                    durable.write_parts(fd, [block], draft)
                hasher.update(block)
                size += len(block)
                self.traffic.count(requests=0, sent=len(block))
                if sent is not None:
                    sent(len(block))
        except BaseException:
            os.close(fd)
            raise
        with _translating("write", draft):
            durable.sync_and_close(fd, draft)
        return size, hasher.intdigest()


def _iter_objects(entries: Iterable[os.DirEntry[str]]) -> Iterator[tuple[str, ObjectInfo]]:
    for entry in entries:
        try:
            status = entry.stat()
        except FileNotFoundError:
            continue  # deleted by somebody else since the directory was read
        if stat.S_ISREG(status.st_mode):
            yield entry.name, ObjectInfo(status.st_size, status.st_mtime, None)


def _blocks(source: Path | Buffer) -> Iterator[Buffer]:
    if not isinstance(source, Path):
        view = memoryview(source)
        for start in range(0, len(view), _BLOCK):
            yield view[start : start + _BLOCK]
        return
    with durable.translating("read", source), open(source, "rb", buffering=0) as file:
        while block := file.read(_BLOCK):
            yield block


def _read_digest(path: Path) -> tuple[int, int]:
    size, hasher = 0, xxhash.xxh3_64()
    with open(path, "rb", buffering=0) as file:
        while block := file.read(_BLOCK):
            size += len(block)
            hasher.update(block)
    return size, hasher.intdigest()


def _read_range(file: FileIO, start: int, end: int) -> bytes:
    parts = []
    file.seek(start)
    # One read gives no more than 2 GiB on Linux.
    while start < end and (part := file.read(end - start)):
        parts.append(part)
        start += len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


@contextlib.contextmanager
def _translating(action: str, path: Path) -> Iterator[None]:
    """Turn an error of the operating system into one of a remote."""
    try:
        yield
    except RemoteError:
        raise
    except StorageError as exc:
        if isinstance(exc.__cause__, OSError):
            raise _remote_error(exc.__cause__, str(exc), exc.hint) from exc.__cause__
        raise
    except OSError as exc:
        error = durable.storage_error(exc, action, path)
        raise _remote_error(exc, str(error), error.hint) from exc


def _remote_error(exc: OSError, message: str, hint: str | None) -> RemoteError:
    refused = exc.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
    return (RefusedError if refused else RemoteError)(message, hint=hint)
