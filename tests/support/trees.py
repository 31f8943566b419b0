"""Directory trees of entries as tests have them."""

from collections.abc import Sequence

from datav.formats.entry import Content, Entry
from datav.store.trees import DirectoryShape, write_directory_tree
from datav.store.writing import Sink


def write_entries(writer: Sink, entries: Sequence[Entry], old: DirectoryShape | None = None) -> Content:
    """write_directory_tree, of entries."""
    return write_directory_tree(
        writer,
        [entry.path for entry in entries],
        bytes([entry.kind for entry in entries]),
        [entry.content for entry in entries],
        old,
    )
