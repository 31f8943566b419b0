"""One local store, opened: the parts of this package, put together."""

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from datav.store.layout import Layout, open_store
from datav.store.lookup import Lookup
from datav.store.packs import LocalPacks
from datav.store.reading import Reader

if TYPE_CHECKING:
    from datav.store.writing import StoreWriter


class Store:
    """Chunks and nodes by id.  Opening costs the same whatever the store holds.

    Raises:
        StorageError: there is no store at `root`, or it cannot be read.
    """

    def __init__(self, root: Path) -> None:
        self.layout: Layout = open_store(root)
        self.lookup = Lookup(self.layout)
        self.packs = LocalPacks(self.layout)
        self.reader = Reader(self.packs, self.lookup)

    @contextmanager
    def writing(self, executor: Executor) -> "Iterator[StoreWriter]":
        """Yield a writer; what it wrote is durable and known when the block ends well."""
        # Most commands only read.
        from datav.store.writing import open_writer

        with open_writer(self.layout, self.lookup, self.reader, executor) as writer:
            yield writer
