"""Remotes of which a test knows the clones, and places that break off.

clone = TestClone(tmp_path / "ann", place)
content = clone.add(b"...")
clone.push([content])

other = TestClone(tmp_path / "bob", place)
other.fetch([content])
assert other.read(content) == b"..."
"""

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from datav.errors import RemoteError
from datav.formats.entry import Content, Entry, Kind
from datav.formats.root import Clone, live_contents
from datav.ids import Buffer
from datav.storage.objects import ObjectInfo, Objects, Traffic
from datav.store.completeness import Completeness
from datav.store.fetching import Fetched, fetch_contents
from datav.store.lookup import Lookup
from datav.store.pushing import push_contents
from datav.store.remote import RemoteStore
from datav.store.sending import Pushed
from datav.store.store import Store
from datav.store.verifying import VerifiedStore, verify_store
from tests.support.trees import write_entries
from tests.unit.store.files import Bytes, ingest_large, ingest_small, read_back
from tests.unit.store.stores import edited, leftovers, new_store, pool, text

_Answer = TypeVar("_Answer")

TIME = "2026-11-21T13:00:00+00:00"


@dataclass
class TestClone:
    """A local store, and what it knows of the remote at `place`."""

    __test__ = False

    root: Path
    place: Objects
    jobs: int = 3
    store: Store = field(init=False)

    def __post_init__(self) -> None:
        self.store = new_store(self.root / "store")

    @property
    def identity(self) -> Clone:
        return Clone(hashlib.md5(self.root.name.encode()).hexdigest(), f"{self.root.name} on a laptop")

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    def add(self, data: bytes, old: Content | None = None) -> Content:
        return ingest_large(self.store, Bytes(data), old=old).content

    def add_directory(self, files: dict[bytes, bytes]) -> Content:
        paths = sorted(files)
        contents = ingest_small(self.store, [files[path] for path in paths])
        entries = [
            Entry(path, Kind.FILE, content.depth, content.size, content.id)
            for path, content in zip(paths, contents, strict=True)
        ]
        with pool() as executor, self.store.writing(executor) as writer:
            return write_entries(writer, entries)

    @contextmanager
    def remote(self) -> Iterator[RemoteStore]:
        with pool(self.jobs) as executor:
            yield RemoteStore("origin", self.place, self.cache, executor, jobs=self.jobs)

    def push(self, contents: Sequence[Content]) -> Pushed:
        with self.remote() as remote, pool() as executor:
            remote.refresh()
            return push_contents(
                self.store, remote, contents, clone=self.identity, time=TIME, executor=executor
            )

    def fetch(self, contents: Sequence[Content]) -> Fetched:
        with self.remote() as remote:
            assert remote.refresh()
            with pool() as executor, self.store.writing(executor) as writer:
                return fetch_contents(self.store, remote, writer, contents)

    def read(self, content: Content) -> bytes:
        return read_back(self.store, content)

    def verify(self) -> VerifiedStore:
        with pool() as executor:
            return verify_store(self.store.packs, Lookup(self.store.layout, checked=True), executor)

    def leftovers(self) -> list[str]:
        """Temporary files, and leases; none when nothing runs."""
        return [*leftovers(self.store), *sorted(path.name for path in self.cache.glob("tmp/*"))]


def verify_place(place: Objects, directory: Path) -> VerifiedStore:
    """Check all that lies at a place, as one that has never seen it does."""
    with pool() as executor:
        remote = RemoteStore("origin", place, directory, executor, jobs=2)
        remote.refresh(packs=True)
        assert remote.broken == {}
        return verify_store(remote.packs, Lookup(remote.cache, checked=True), executor)


def lacking(place: Objects, directory: Path) -> list[str]:
    """What any root at a place names and is not all there; about each."""
    with pool() as executor:
        remote = RemoteStore("origin", place, directory, executor, jobs=2)
        remote.refresh(packs=True)
        assert remote.broken == {}
        completeness = Completeness(remote.lookup, remote.reader)
        return [
            lack.first
            for content in live_contents(remote.roots.values())
            if (lack := completeness.find_lack(content))
        ]


def named(place: Objects, directory: Path) -> set[Content]:
    """What the roots at a place name."""
    with pool() as executor:
        remote = RemoteStore("origin", place, directory, executor, jobs=2)
        remote.refresh()
        return live_contents(remote.roots.values())


class BreakingObjects:
    """A place that is cut off at a request, and stays so.  Used from several threads.

    Args:
        at: the number of the request that fails, from 0 on; None for never.
        is_done: whether that request is carried out, and only its answer is lost.
    """

    can_write = True

    def __init__(self, place: Objects, at: int | None, *, is_done: bool = False) -> None:
        self._place = place
        self._at = at
        self._is_done = is_done
        self._lock = threading.Lock()
        self.asked = 0

    @property
    def shown(self) -> str:
        return self._place.shown

    @property
    def traffic(self) -> Traffic:
        return self._place.traffic

    @property
    def was_cut(self) -> bool:
        return self._at is not None and self.asked > self._at

    def list(self, directory: str) -> dict[str, ObjectInfo]:
        return self._ask(lambda: self._place.list(directory))

    def read(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        return self._ask(lambda: self._place.read(name, start, end))

    def put(self, name: str, source: Path | Buffer, *, sent: Callable[[int], object] | None = None) -> None:
        self._ask(lambda: self._place.put(name, source, sent=sent))

    def delete(self, name: str) -> None:
        self._ask(lambda: self._place.delete(name))

    def close(self) -> None:
        self._place.close()

    def _ask(self, request: Callable[[], _Answer]) -> _Answer:
        with self._lock:
            number = self.asked
            self.asked += 1
        if self._at is not None and number >= self._at:
            if number == self._at and self._is_done:
                request()
            raise RemoteError(f"{self.shown} was cut off")
        return request()


def versions(clone: TestClone, count: int, size: int = 120_000) -> list[Content]:
    """Contents of a file that was edited again and again; the later ones are mostly deltas."""
    data = text(1, size)
    contents = [clone.add(data)]
    for number in range(1, count):
        data = edited(data, number * size // (count + 1), b"version %d" % number)
        contents.append(clone.add(data, contents[-1]))
    return contents
