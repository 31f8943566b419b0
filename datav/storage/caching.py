"""A directory of files that can be made again: each written whole or not at all, the oldest removed when they
are too many.

A file is a magic, a checksum (XXH3-64 of the rest) and the rest.  What is damaged is as good as not there,
and what cannot be written is not remembered: that costs time and nothing else.
"""

import mmap
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import xxhash

from datav.errors import StorageError
from datav.ids import Buffer
from datav.storage.durable import make_directories, remove_file, write_parts_atomic

_MAGIC = b"dvcache1"
_HEAD = 16
MAX_BYTES = 2**30


class Cache:
    """Files by name.  Used by several processes at once.

    Args:
        directory: made when something is first written.
        max_bytes: beyond this the files that were used longest ago are removed.
    """

    def __init__(self, directory: Path, max_bytes: int = MAX_BYTES) -> None:
        self._directory = directory
        self._max_bytes = max_bytes

    def read(self, name: str) -> memoryview | None:
        """Return what was written under a name, its beginning at a multiple of 8; None if there is
        nothing."""
        path = self._directory / name
        try:
            with open(path, "rb") as file:
                data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            # Used just now: what was used longest ago goes first.
            os.utime(path)
        except (OSError, ValueError):  # An empty file cannot be mapped.
            return None
        if bytes(data[:8]) != _MAGIC or len(data) < _HEAD:
            return None
        if xxhash.xxh3_64_digest(data[_HEAD:]) != bytes(data[8:_HEAD]):
            return None
        return data[_HEAD:]

    def write(self, name: str, parts: Sequence[Buffer]) -> None:
        """Remember something under a name, in place of what was there."""
        if sum(map(len, parts)) > self._max_bytes // 2:
            return
        checksum = xxhash.xxh3_64()
        for part in parts:
            checksum.update(part)
        with suppress(StorageError):
            make_directories(self._directory)
            # Not synced: after a power cut it may be torn, which the checksum tells.
            head = _MAGIC + checksum.digest()
            write_parts_atomic(self._directory / name, [head, *parts], sync=False)
            self._make_room()

    def _make_room(self) -> None:
        files = []
        with suppress(OSError):
            for entry in os.scandir(self._directory):
                if entry.is_file(follow_symlinks=False):
                    status = entry.stat(follow_symlinks=False)
                    files.append((status.st_mtime_ns, status.st_size, entry.path))
        total = sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if total <= self._max_bytes:
                return
            # One that cannot be removed, because another process has it open, must not keep the others.
            with suppress(StorageError):
                remove_file(Path(path))
                total -= size


class CacheInMemory(Cache):
    """The same for one process, and for as long as this lives."""

    def __init__(self) -> None:
        self._held: dict[str, bytes] = {}

    def read(self, name: str) -> memoryview | None:
        found = self._held.get(name)
        return memoryview(found) if found is not None else None

    def write(self, name: str, parts: Sequence[Buffer]) -> None:
        self._held[name] = b"".join(parts)
