"""Nodes that are being written, readable before they are durable."""

from collections.abc import Sequence

from datav.ids import Buffer
from datav.store.reading import Reading
from datav.store.writing import StoreWriter


class NodeRecorder(Reading):
    """Passes chunks and nodes on to a writer, and keeps the nodes: to read a tree before it is durable.

    Args:
        below: asked for what did not come by here.
    """

    def __init__(self, writer: StoreWriter, below: Reading) -> None:
        self.writer = writer
        self._below = below
        self._nodes: dict[bytes, bytes] = {}
        self.put_chunks = writer.put_chunks
        self.checkpoint_if_due = writer.checkpoint_if_due

    def put_nodes(self, nodes: Sequence[bytes], bases: Sequence[Sequence[bytes]]) -> list[bytes]:
        ids = self.writer.put_nodes(nodes, bases)
        self._nodes.update(zip(map(bytes, ids), nodes, strict=True))
        return ids

    def read_many(self, ids: Sequence[bytes], *, nodes: bool) -> list[Buffer]:
        """Return the content of each of `ids`.

        Raises:
            MissingChunkError: it neither came by here nor is stored.
        """
        if nodes and all(bytes(identity) in self._nodes for identity in ids):
            return [self._nodes[bytes(identity)] for identity in ids]
        return self._below.read_many(ids, nodes=nodes)
