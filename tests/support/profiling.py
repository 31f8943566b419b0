"""Tables to profiles without a repository: chunks that are cut small, executors of every order.

profile = profile_bytes("a.csv", b"id\\n1\\n", chunks=cut(data))
"""

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

from datav.profiles.chunkmap import ChunkMap, make_chunk_map
from datav.profiles.columns import ColumnSketch
from datav.profiles.encoding import encode_profile
from datav.profiles.profile import Profile, TableProfile
from datav.profiles.tables import Profiling, profile_table
from datav.storage.caching import Cache
from datav.storage.scratch import Scratch
from datav.tables.opening import open_table
from datav.tables.rules import TableRules
from datav.tables.source import NotATable


class Bytes:
    """A file in memory that counts what is read of it."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)
        self.read = 0

    def read_at(self, offset: int, size: int) -> bytes:
        found = self.data[offset : offset + size]
        self.read += len(found)
        return found


def cut(data: bytes, size: int = 64) -> ChunkMap:
    """Cut bytes where they say so themselves, about every `size`: an edit changes the chunks around it."""
    ends = []
    for place in range(4, len(data) + 1):
        window = hashlib.blake2b(data[place - 4 : place], digest_size=2).digest()
        if int.from_bytes(window, "little") % size == 0 or place - (ends[-1] if ends else 0) >= 4 * size:
            ends.append(place)
    if data and (not ends or ends[-1] != len(data)):
        ends.append(len(data))
    starts = [0, *ends[:-1]]
    return chunks_of([data[start:end] for start, end in zip(starts, ends, strict=False)])


def chunks_of(pieces: Sequence[bytes]) -> ChunkMap:
    return make_chunk_map((hashlib.blake2b(piece, digest_size=32).digest(), len(piece)) for piece in pieces)


class Backwards(Executor):
    """Runs what waits, the last that was submitted first, when somebody asks for any of it."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Future[Any], Callable[[], Any]]] = []

    def submit(self, job: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        future = _Asked(self)
        self._waiting.append((future, lambda: job(*args, **options)))
        return future

    def run(self) -> None:
        while self._waiting:
            future, job = self._waiting.pop()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(job())
            except BaseException as exc:  # As any executor: it belongs to whoever asks.
                future.set_exception(exc)


class _Asked(Future[Any]):
    def __init__(self, executor: Backwards) -> None:
        super().__init__()
        self._executor = executor

    def result(self, timeout: float | None = None) -> Any:
        self._executor.run()
        return super().result(timeout)


def profile_bytes(
    name: str,
    data: bytes,
    chunks: ChunkMap | None = None,
    *,
    executor: Executor | None = None,
    rules: TableRules | None = None,
    cache: Cache | None = None,
    label: str | None = None,
) -> TableProfile:
    """Return the profile of a file in memory.

    Raises:
        TableError, AssertionError: it is no table.
    """
    with ThreadPoolExecutor(2) as own, Scratch() as scratch:
        source = Bytes(data)
        version = open_table(name, source, scratch, rules)
        assert not isinstance(version, NotATable), version.reason
        if getattr(version, "source", None) is not source:
            # It was converted, or is read otherwise: these are not its chunks.
            chunks = None
        return profile_table(version, chunks, Profiling(executor or own, cache, label))


def encoded(table: TableProfile) -> bytes:
    return encode_profile(Profile(table))


def columns(table: TableProfile) -> dict[str, ColumnSketch]:
    """The columns by name, of which each occurs once."""
    found = {column.name: column for column in table.columns}
    assert len(found) == len(table.columns)
    return found
