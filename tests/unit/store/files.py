"""Files in memory for `Ingest`, and the way back."""

from collections.abc import Sequence

from datav.core import ChunkerParams
from datav.errors import ChangedWhileReadError
from datav.formats.entry import Content
from datav.ids import ID_SIZE
from datav.store.ingest import Ingest, Ingested, Observer
from datav.store.store import Store
from datav.store.trees import read_file_shape
from tests.unit.store.stores import pool

TINY = ChunkerParams(1024, 4096, 16384)
"""As small as chunks can be, so that a small file has many."""


class Bytes:
    """A `LargeFile` of these bytes."""

    def __init__(self, data: bytes, fail_at: int | None = None) -> None:
        self._data = data
        self._fail_at = fail_at

    @property
    def size(self) -> int:
        return len(self._data)

    def read_into(self, buffer: memoryview, offset: int) -> int:
        end = offset + len(buffer)
        if self._fail_at is not None and offset <= self._fail_at < end:
            raise ChangedWhileReadError("the file ended early")
        assert end <= len(self._data)
        buffer[:] = self._data[offset:end]
        return len(buffer)


class ManyBytes:
    """`SmallFiles` of these bytes."""

    def __init__(self, contents: Sequence[bytes]) -> None:
        self._contents = contents

    @property
    def sizes(self) -> Sequence[int]:
        return [len(content) for content in self._contents]

    def read_all(self, arena: memoryview) -> Sequence[int]:
        ends, at = [], 0
        for content in self._contents:
            arena[at : at + len(content)] = content
            at += len(content)
            ends.append(at)
        return ends


def ingest_large(
    store: Store,
    file: Bytes,
    *,
    old: Content | None = None,
    observer: Observer | None = None,
    workers: int = 2,
) -> Ingested:
    with pool(workers) as executor, store.writing(executor) as writer:
        return Ingest(writer, store.reader, TINY, executor).large_file(file, old=old, observer=observer)


def ingest_small(
    store: Store, contents: Sequence[bytes], olds: Sequence[Content | None] | None = None, batch: int = 7
) -> list[Content]:
    olds = olds or [None] * len(contents)
    batches = [
        (ManyBytes(contents[first : first + batch]), olds[first : first + batch])
        for first in range(0, len(contents), batch)
    ]
    with pool() as executor, store.writing(executor) as writer:
        ingest = Ingest(writer, store.reader, TINY, executor)
        return [content for done in ingest.small_files(batches) for content in done]


def read_back(store: Store, content: Content) -> bytes:
    shape = read_file_shape(store.reader, content)
    assert sum(shape.chunk_sizes) == content.size
    buffer = memoryview(bytearray(content.size))
    ids = shape.chunk_ids
    chunks = [(ids[ID_SIZE * n : ID_SIZE * (n + 1)], size) for n, size in enumerate(shape.chunk_sizes)]
    store.reader.read_into(chunks, buffer)
    return bytes(buffer)


def chunk_sizes(store: Store, content: Content) -> list[int]:
    return list(read_file_shape(store.reader, content).chunk_sizes)
