"""Files that are compressed as a whole, written: the same bytes give the same file, whenever and wherever."""

import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import zstandard

from datav.tables.source import RandomAccess
from datav.tables.unpacking import GZIP_MAGIC, ZSTD_MAGIC

# What `gzip` and `zstd` use unless they are told.
_GZIP_LEVEL = 6
_ZSTD_LEVEL = 3


def find_packing(source: RandomAccess) -> str | None:
    """Return how a file is compressed, `gzip` or `zstd`, by its first bytes; None if it is not."""
    head = source.read_at(0, max(len(GZIP_MAGIC), len(ZSTD_MAGIC)))
    if head.startswith(GZIP_MAGIC):
        return "gzip"
    return "zstd" if head == ZSTD_MAGIC else None


@contextmanager
def packing(target: BinaryIO, kind: str | None) -> Iterator[BinaryIO]:
    """Give what is to be written to, so that `target` gets it compressed; the file has no time and no name.

    Args:
        target: stays open.
        kind: `gzip` or `zstd`; None: as it is.
    """
    if kind is None:
        yield target
        return
    # Any: both compress what is written to them, neither is what typing calls a file.
    opened: Any
    if kind == "gzip":
        opened = gzip.GzipFile(filename="", mode="wb", compresslevel=_GZIP_LEVEL, fileobj=target, mtime=0)
    else:
        opened = zstandard.ZstdCompressor(level=_ZSTD_LEVEL).stream_writer(target, closefd=False)
    with opened:
        buffered = io.BufferedWriter(_Counted(opened))
        yield buffered
        buffered.flush()


class _Counted(io.RawIOBase):
    """A file that knows how much was written to it, not how much came out of it."""

    # Any: what compresses.
    def __init__(self, target: Any) -> None:
        self._target = target
        self._size = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._size

    # Any: whatever can be written.
    def write(self, data: Any, /) -> int:
        self._target.write(data)
        size = memoryview(data).nbytes
        self._size += size
        return size
