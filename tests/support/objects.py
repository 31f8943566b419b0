"""Objects in memory: a remote that is nowhere, keeps every promise, and refuses what it is told to refuse.

place = MemoryObjects()
place.refused.add("delete")

with pytest.raises(RefusedError):
    place.delete("packs/00ff.pack")
"""

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from datav.errors import MissingObjectError, RefusedError, RemoteError
from datav.ids import Buffer
from datav.storage.objects import ObjectInfo, Traffic


@dataclass
class MemoryObjects:
    """A place that holds objects until the test ends.  Used from several threads."""

    shown: str = "memory://place"
    can_write: bool = True
    clock: Callable[[], float] = time.time
    """What it says of when an object was put."""
    refused: set[str] = field(default_factory=set)
    """Verbs (`list`, `read`, `put`, `delete`) that it says we may not."""
    failing: set[str] = field(default_factory=set)
    """Verbs that it answers with an error that is nobody's fault."""
    traffic: Traffic = field(default_factory=Traffic)
    requests: list[tuple[str, str]] = field(default_factory=list)
    """What was asked, in order: the verb and the name; also what was refused."""
    closed: bool = False
    _objects: dict[str, tuple[bytes, float]] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def list(self, directory: str) -> dict[str, ObjectInfo]:
        prefix = f"{directory.strip('/')}/".removeprefix("/")
        with self._lock:
            self._ask("list", directory)
            return {
                name.removeprefix(prefix): ObjectInfo(len(data), modified, hashlib.md5(data).digest())
                for name, (data, modified) in self._objects.items()
                if name.startswith(prefix) and "/" not in name.removeprefix(prefix)
            }

    def read(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        with self._lock:
            self._ask("read", name)
            if name not in self._objects:
                raise MissingObjectError(f"there is no {name} at {self.shown}")
            data = self._objects[name][0][start:end]
        self.traffic.count(requests=0, received=len(data))
        return data

    def put(self, name: str, source: Path | Buffer, *, sent: Callable[[int], object] | None = None) -> None:
        data = source.read_bytes() if isinstance(source, Path) else bytes(source)
        with self._lock:
            self._ask("put", name)
            if not self.can_write:
                raise RemoteError(f"{self.shown} cannot be written")
            self._objects[name] = data, self.clock()
        self.traffic.count(requests=0, sent=len(data))
        if sent is not None:
            sent(len(data))

    def delete(self, name: str) -> None:
        with self._lock:
            self._ask("delete", name)
            self._objects.pop(name, None)

    def close(self) -> None:
        self.closed = True

    @property
    def names(self) -> set[str]:
        """What is there."""
        with self._lock:
            return set(self._objects)

    def change(self, name: str, data: bytes) -> None:
        """Put other bytes in an object's place behind everybody's back: it keeps its age."""
        with self._lock:
            self._objects[name] = data, self._objects[name][1]

    def _ask(self, verb: str, name: str) -> None:
        self.traffic.count()
        self.requests.append((verb, name))
        if verb in self.refused:
            raise RefusedError(f"{self.shown} says 403 to {verb} {name}")
        if verb in self.failing:
            raise RemoteError(f"{self.shown} cannot {verb} {name}: 500")
