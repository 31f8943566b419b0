"""A source as a file that pyarrow reads, and what pyarrow says of it as our errors."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow

from datav.errors import DatavError, TableError
from datav.tables.source import RandomAccess, not_a_table

# What pyarrow raises for files that are damaged or made to hurt.
_DAMAGE = (
    pyarrow.ArrowException,
    OSError,
    ValueError,
    TypeError,
    LookupError,
    OverflowError,
    MemoryError,
    RecursionError,
    NotImplementedError,
)


class SourceFile(io.RawIOBase):
    """A source as Python knows files.  Its place is its own: each reader makes one."""

    def __init__(self, source: RandomAccess) -> None:
        self._source = source
        self._at = 0
        self.failure: BaseException | None = None
        """What the source raised, which pyarrow may have made something else of."""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._source.size}[whence]
        if base + offset < 0:
            raise ValueError(f"there is nothing at {base + offset}")
        self._at = base + offset
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        rest = max(0, self._source.size - self._at)
        wanted = rest if size is None or size < 0 else min(size, rest)
        try:
            data = self._source.read_at(self._at, wanted)
        except BaseException as exc:
            self.failure = exc
            raise
        self._at += len(data)
        return data

    # Any: whatever can be written to.
    def readinto(self, buffer: Any, /) -> int:
        target = memoryview(buffer).cast("B")
        data = self.read(len(target))
        target[: len(data)] = data
        return len(data)


@contextmanager
def translated(reason: str, file: SourceFile | None = None) -> Iterator[None]:
    """Make a TableError of what pyarrow raises, and raise what the source raised as it was.

    Args:
        reason: what is wrong with the file, as NotATable says it.
        file: what pyarrow reads.
    """
    try:
        yield
    except DatavError:
        raise
    except _DAMAGE as exc:
        if file is not None and file.failure is not None:
            raise file.failure from exc
        raise TableError(not_a_table(reason, exc).reason) from exc
