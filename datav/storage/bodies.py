"""What is put: the bytes of a file or of a buffer, read as they are sent, for each attempt from the start."""

import base64
import contextlib
import hashlib
import io
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from datav.ids import Buffer
from datav.storage import durable
from datav.storage.attempts import Attempt

_BLOCK = 2**20


class Body:
    """The bytes of an object that is put, and what they must be when they are there."""

    def __init__(self, source: Path | Buffer, sent: Callable[[int], object] | None) -> None:
        """Reads all of `source` once, for its checksum; StorageError if a file cannot be read."""
        self._source, self._sent = source, sent
        self._told, self._lock = 0, threading.Lock()
        # A checksum against accidents, also where policy forbids MD5 for secrets.
        hasher, self.size = hashlib.md5(usedforsecurity=False), 0
        with self._open() as file:
            while block := file.read(_BLOCK):
                hasher.update(block)
                self.size += len(block)
        self.md5 = hasher.digest()

    @property
    def md5_text(self) -> str:
        """As HTTP headers have it."""
        return base64.b64encode(self.md5).decode()

    @contextlib.contextmanager
    def reading(self, attempt: Attempt) -> Iterator["BodyReader"]:
        """Open it for one attempt, at its beginning."""
        with self._open() as file, BodyReader(file, self, attempt) as reader:
            yield reader

    def tell_sent(self, position: int) -> None:
        """All up to `position` has gone.  What goes a second time is not told again."""
        with self._lock:
            more, self._told = position - self._told, max(position, self._told)
        if more > 0 and self._sent is not None:
            self._sent(more)

    def _open(self) -> io.RawIOBase | io.BytesIO:
        if not isinstance(self._source, Path):
            return io.BytesIO(self._source)
        with durable.translating("read", self._source):
            return open(self._source, "rb", buffering=0)


class BodyReader(io.RawIOBase):
    """A file that tells how much of it has been read.

    Clients may read it to sign it before they read it to send it; `counting` is for those to switch off.
    """

    def __init__(self, file: io.RawIOBase | io.BytesIO, body: Body, attempt: Attempt) -> None:
        self._file, self._body, self._attempt = file, body, attempt
        self.counting = True

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]  # any writable one
        size = self._file.readinto(buffer) or 0
        self._attempt.moved()
        if self.counting and size:
            self._attempt.sent(size)
            self._body.tell_sent(self._file.tell())
        return size

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def __len__(self) -> int:
        return self._body.size
