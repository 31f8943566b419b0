"""Bytes that were never on disk, into the store as a file."""

from collections.abc import Sequence
from dataclasses import dataclass

from datav.formats.entry import Content
from datav.ids import Buffer
from datav.repo.repository import Repository
from datav.store.ingest import Ingest
from datav.store.writing import StoreWriter


def store_bytes(
    repository: Repository, writer: StoreWriter, data: Buffer, *, old: Content | None = None
) -> Content:
    """Store bytes as `add` stores a file; return what they are called.

    They are durable and known to others when `writer` has finished.

    Args:
        writer: of the repository's own store.
        old: a version before; what is near to it is stored as deltas.  One that is not here only makes this
            cost more.

    Raises:
        StorageError: the store cannot be written.
    """
    ingest = Ingest(writer, repository.store.reader, repository.chunker, repository.executor)
    (contents,) = ingest.small_files([(_InMemory(data), [old])])
    return contents[0]


@dataclass(frozen=True, slots=True)
class _InMemory:
    """One small file that was never on disk."""

    data: Buffer

    @property
    def sizes(self) -> Sequence[int]:
        return [memoryview(self.data).nbytes]

    def read_all(self, arena: memoryview) -> Sequence[int]:
        view = memoryview(self.data).cast("B")
        arena[: view.nbytes] = view
        return [view.nbytes]
