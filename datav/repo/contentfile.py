"""A file of any version as Python knows files: for reading, at any place, from several threads."""

import io
import threading
from typing import TYPE_CHECKING

from datav.errors import UsageError
from datav.repo.reading import ContentReader

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# What is read behind what was asked for, once it is plain that the file is read from front to back: a request
# for each chunk would take for ever.  Who seeks before each read, as readers of Parquet do, gets no more than
# the chunks that are touched.
_FIRST_AHEAD = 256 * 2**10
_MOST_AHEAD = 8 * 2**20
# A larger read keeps nothing.
_WINDOW = 16 * 2**20


class ContentFile(io.BufferedIOBase):
    """An open file.  What it keeps of what it read is bounded, whatever the size of the file.

    Raises as `ContentReader` does, whenever it is read.
    """

    mode = "rb"

    def __init__(self, reader: ContentReader, name: str) -> None:
        self.name = name
        self.size = reader.size
        self._reader = reader
        self._lock = threading.RLock()
        self._at = 0
        self._window: tuple[int, bytes] = (0, b"")
        """What was read last, and where it begins."""
        self._ahead = 0
        self._is_sequential = False

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        with self._lock:
            self._check_open()
            return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        with self._lock:
            self._check_open()
            if whence not in (io.SEEK_SET, io.SEEK_CUR, io.SEEK_END):
                raise ValueError(f"whence is {whence}")
            at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
            if at < 0:
                raise ValueError(f"there is nothing at {at}")
            self._at = at
            self._is_sequential = False
            return at

    def read(self, size: int | None = -1, /) -> bytes:
        with self._lock:
            self._check_open()
            end = self.size if size is None or size < 0 else min(self._at + size, self.size)
            data = self._take(end)
            self._at += len(data)
            return data

    def read1(self, size: int = -1, /) -> bytes:
        """Return some bytes, at most `size`: those that cost no more than one request."""
        with self._lock:
            held = self.peek()
            data = held if size < 0 else held[:size]
            self._at += len(data)
            return data

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        target = memoryview(buffer).cast("B")
        data = self.read(len(target))
        target[: len(data)] = data
        return len(data)

    readinto1 = readinto

    def peek(self, size: int = 0, /) -> bytes:
        """Return some bytes from where the file stands, which stays there; none at the end."""
        with self._lock:
            self._check_open()
            if self._at < self.size and not self._holds(self._at):
                self._fill(self._at, self._at + 1)
            start, window = self._window
            return window[self._at - start :] if self._holds(self._at) else b""

    def close(self) -> None:
        with self._lock:
            self._window = (0, b"")
            super().close()

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError(f"{self.name} is closed")

    def _holds(self, at: int) -> bool:
        start, window = self._window
        return start <= at < start + len(window)

    def _take(self, end: int) -> bytes:
        """Return the bytes from where the file stands to `end`."""
        at = self._at
        if at >= end:
            return b""
        head = b""
        if self._holds(at):
            start, window = self._window
            head = window[at - start : end - start]
            at += len(head)
        if at == end:
            return head
        if end - at > _WINDOW:
            self._is_sequential = True
            return head + self._reader.read_at(at, end - at)
        self._fill(at, end)
        start, window = self._window
        return head + window[at - start : end - start]

    def _fill(self, at: int, end: int) -> None:
        """Make the window hold the bytes from `at` to `end`, and more when the file is read in order."""
        self._ahead = min(max(2 * self._ahead, _FIRST_AHEAD), _MOST_AHEAD) if self._is_sequential else 0
        self._is_sequential = True
        chunks = self._reader.read_chunks(at, min(max(end, at + self._ahead), self.size))
        self._window = chunks[0][0], b"".join([data for _, data in chunks])


def open_text(
    file: ContentFile, encoding: str | None, errors: str | None, newline: str | None
) -> io.TextIOWrapper:
    """Return `file` as text; UTF-8 without an encoding."""
    return io.TextIOWrapper(file, encoding=encoding or "utf-8", errors=errors, newline=newline)


def check_mode(mode: str) -> bool:
    """Return whether a mode is one of text.

    Raises:
        UsageError: it is one of writing.
    """
    if mode not in ("r", "rb", "rt", "br", "tr"):
        raise UsageError(
            f"versions are for reading: there is no mode {mode!r}",
            hint="write the file in the work tree, and `datav add` it",
        )
    return "b" not in mode
