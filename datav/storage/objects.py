"""Objects: bytes under names in a place that may be far away: a bucket, a host, a directory.

The least that every such place can do: list, read a range, put whole, delete.  Objects are never changed;
what is put under a name twice is the same.  Names are relative, with `/`: `packs/00ff.pack`.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from datav.ids import Buffer


class ObjectInfo(NamedTuple):
    """What a listing says of an object."""

    size: int
    modified: float | None
    """When it was put, seconds since 1970 by the clock of the place; None where it does not say."""
    md5: bytes | None
    """16 bytes, where the place computes it and says so."""


@dataclass(slots=True)
class Traffic:
    """What was asked of a place so far.  Counted from several threads."""

    requests: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def count(self, *, requests: int = 1, sent: int = 0, received: int = 0) -> None:
        with self._lock:
            self.requests += requests
            self.bytes_sent += sent
            self.bytes_received += received


class Objects(Protocol):
    """A place that holds objects.  Used from several threads.

    Raises, from every method:
        RemoteError: the place cannot be reached, or says no, also when asked again.
        RefusedError: it says that we may not; nobody asked again.
    """

    @property
    def shown(self) -> str:
        """The URL for people, without secrets."""

    @property
    def can_write(self) -> bool:
        """False where there is no way to put: a plain web server."""

    @property
    def traffic(self) -> Traffic: ...

    def list(self, directory: str) -> dict[str, ObjectInfo]:
        """Return the objects right below `directory` (`packs`), by their last names (`00ff.pack`).

        What was put before is in it.  A directory that does not exist is empty.
        """

    def read(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        """Return the bytes from `start` up to `end`, or to where the object ends; fewer where it ends before.

        Raises:
            MissingObjectError: there is no such object.
        """

    def put(self, name: str, source: Path | Buffer, *, sent: Callable[[int], object] | None = None) -> None:
        """Store a whole object, the bytes of a file or of a buffer, in the place of one of that name.

        When it returns all of it is there and as durable as the place makes it, and was checked where the
        place says what it has: by size, and by checksum or by reading it back.  Nobody ever reads a part of
        it as if it were all.

        Args:
            sent: told how many more bytes have gone, from any thread.

        Raises:
            RemoteError: what is there afterwards is not what was sent, also when sent again.
        """

    def delete(self, name: str) -> None:
        """Delete an object; fine when there is none.  When it returns the place has answered."""

    def close(self) -> None:
        """End connections.  May be called twice."""
