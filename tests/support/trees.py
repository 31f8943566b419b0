"""Trees as tests have them: of entries, and in memory."""

from collections.abc import Sequence

from datav.formats.entry import Content, Entry
from datav.ids import hash_node
from datav.store.reading import Reading
from datav.store.trees import DirectoryShape, write_directory_tree
from datav.store.writing import Sink


class Nodes(Reading):
    """A store of nodes in memory that counts what is read."""

    def __init__(self):
        self.held = {}
        self.reads = 0

    def put_nodes(self, nodes, bases):
        ids = [bytes(hash_node(node)) for node in nodes]
        self.held.update(zip(ids, nodes, strict=True))
        return ids

    def read_many(self, ids, *, nodes):
        self.reads += len(ids)
        return [self.held[bytes(identity)] for identity in ids]


def write_entries(writer: Sink, entries: Sequence[Entry], old: DirectoryShape | None = None) -> Content:
    """write_directory_tree, of entries."""
    return write_directory_tree(
        writer,
        [entry.path for entry in entries],
        bytes([entry.kind for entry in entries]),
        [entry.content for entry in entries],
        old,
    )
