"""Trees in a store: files of many chunks, directories of many paths.

Building gives the same nodes for the same entries always (docs/formats/tree.md), so what did not change is
found in the store, and what changed is kept as a delta against the old node in its place.  Reading believes
nothing: sizes and counts must add up to what the parent says.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence, Set
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from datav.errors import FormatError
from datav.formats.entry import EMPTY_CONTENT, Content, Entry
from datav.formats.frame import MAX_CHUNK
from datav.formats.tree import (
    MAX_LEVEL,
    MIN_ENTRIES,
    DirectoryNode,
    FileNode,
    directory_node_ends,
    encode_directory_node,
    encode_file_node,
    file_node_ends,
    parse_directory_node,
    parse_file_node,
)
from datav.formats.words import u64_array
from datav.ids import ID_SIZE, ChunkId, NodeId
from datav.store.deltas import MAX_OLD_CHUNKS, OldChunks
from datav.store.reading import Reading

if TYPE_CHECKING:
    from datav.store.writing import Sink

# Nodes are read and written so many at a time: some ten MiB.
BATCH = 256
# 4 TiB at 64 KiB a chunk.  A hostile tree that repeats itself names any number of chunks in a few nodes.
MAX_CHUNKS = 2**26
# Chunks are this long at least, but for the last of a file (docs/formats/chunking.md).
SMALLEST_CHUNK = 1024


@dataclass(frozen=True, slots=True)
class FileShape:
    """A file's tree, level by level: what building the next version needs to know of this one."""

    chunk_ids: bytes
    chunk_sizes: Sequence[int]
    levels: tuple[tuple[list[bytes], list[int]], ...]
    """For each level its node ids and the offset at which each node's content ends."""

    def old_chunks(self) -> OldChunks | None:
        if not self.chunk_sizes or len(self.chunk_sizes) > MAX_OLD_CHUNKS:
            return None
        return OldChunks(self.chunk_ids, self.chunk_sizes)


def read_file_shape(reader: Reading, content: Content) -> FileShape:
    """Read all nodes of a file's tree.

    Raises:
        FormatError: the tree does not hold together, or does not hold `content.size` bytes.
    """
    if content.depth == 0:
        if content.size == 0:
            return FileShape(b"", u64_array([]), ())
        if content.size > MAX_CHUNK:
            raise FormatError(f"chunk {ChunkId(content.id).short} cannot be {content.size} bytes long")
        return FileShape(content.id, u64_array([content.size]), ())
    if content.depth > MAX_LEVEL + 1:
        raise FormatError(f"file tree {NodeId(content.id).short} is too deep")
    ids, sizes = [content.id], [content.size]
    levels = []
    limit = min(MAX_CHUNKS, content.size // SMALLEST_CHUNK + 1)
    for level in range(content.depth - 1, -1, -1):
        levels.append((ids, list(accumulate(sizes))))
        nodes = read_file_nodes(reader, ids, sizes, level, limit // MIN_ENTRIES**level + 1)
        packed = b"".join([node.ids for node in nodes])
        sizes = [size for node in nodes for size in node.sizes]
        if level:
            ids = [packed[at : at + ID_SIZE] for at in range(0, len(packed), ID_SIZE)]
    if max(sizes) > MAX_CHUNK:
        raise FormatError(f"file tree {NodeId(content.id).short} has a chunk of {max(sizes)} bytes")
    return FileShape(packed, u64_array(sizes), tuple(reversed(levels)))


def read_file_nodes(
    reader: Reading, ids: list[bytes], sizes: list[int], level: int, limit: int
) -> list[FileNode]:
    """Read the nodes of a level; FormatError when they have more than `limit` entries together."""
    nodes, total = [], 0
    for first in range(0, len(ids), BATCH):
        batch = ids[first : first + BATCH]
        for identity, data, size in zip(
            batch, reader.read_each(batch, nodes=True), sizes[first : first + BATCH], strict=True
        ):
            name = NodeId(identity).short
            node = parse_file_node(data, name)
            if node.level != level or sum(node.sizes) != size:
                raise FormatError(f"tree node {name} is not what its parent says")
            total += len(node)
            if total > limit:
                raise FormatError(f"tree node {name} has more entries than a file of its size")
            nodes.append(node)
    return nodes


def write_file_tree(
    writer: "Sink", chunk_ids: bytes, chunk_sizes: Sequence[int], old: FileShape | None = None
) -> Content:
    """Store the tree over these chunks and return what names the file."""
    total = sum(chunk_sizes)
    if len(chunk_sizes) == 0:
        return EMPTY_CONTENT
    if len(chunk_sizes) == 1:
        return Content(chunk_ids, 0, total)
    ids, sizes, level = chunk_ids, list(chunk_sizes), 0
    while True:
        ends = file_node_ends(ids)
        starts = [0, *ends[:-1]]
        nodes = [
            encode_file_node(FileNode(level, ids[ID_SIZE * s : ID_SIZE * e], u64_array(sizes[s:e])))
            for s, e in zip(starts, ends, strict=True)
        ]
        totals = [sum(sizes[s:e]) for s, e in zip(starts, ends, strict=True)]
        bases = _old_file_nodes(old, level, totals)
        node_ids = []
        for first in range(0, len(nodes), BATCH):
            node_ids += writer.put_nodes(nodes[first : first + BATCH], bases[first : first + BATCH])
        if len(node_ids) == 1:
            return Content(node_ids[0], level + 1, total)
        ids, sizes, level = b"".join(node_ids), totals, level + 1


def _old_file_nodes(old: FileShape | None, level: int, totals: list[int]) -> list[list[bytes]]:
    """For each new node, by the bytes that it covers, the old nodes of its level that cover them."""
    if old is None or level >= len(old.levels):
        return [[] for _ in totals]
    ids, old_ends = old.levels[level]
    result, start = [], 0
    for total in totals:
        first = bisect_right(old_ends, start)
        last = bisect_right(old_ends, start + total - 1)
        result.append(ids[first : last + 1][:2])
        start += total
    return result


@dataclass(frozen=True, slots=True)
class DirectoryShape:
    """The nodes of a directory's tree, level by level: their ids and first paths."""

    levels: tuple[tuple[list[bytes], list[bytes]], ...]

    def in_place_of(self, level: int, path: bytes) -> list[bytes]:
        """The old node of `level` in whose range `path` lies."""
        if level >= len(self.levels):
            return []
        ids, paths = self.levels[level]
        return [ids[max(0, bisect_right(paths, path) - 1)]] if ids else []


def read_directory(
    reader: Reading, root: Content, only: Set[bytes] | None = None
) -> tuple[list[Entry], DirectoryShape]:
    """Read the entries of a directory, in order, and the shape of its tree.

    Args:
        only: the paths of those that are wanted; None for all.

    Raises:
        FormatError: the tree does not hold together: order, sums, a path that is a file and a directory.
    """
    if not 1 <= root.depth <= MAX_LEVEL + 1:
        raise FormatError(f"directory tree {NodeId(root.id).short} has an impossible depth")
    ids, levels = [root.id], []
    sizes: list[int] | None = [root.size]
    counts: list[int] | None = None
    paths: list[bytes] | None = None
    entries: list[Entry] = []
    for level in range(root.depth - 1, -1, -1):
        if level == 0 and only is not None and paths and sizes and counts:
            # What leaves begin with their parents say, so none needs to be read for that.
            levels.append((ids, paths))
            chosen = sorted({max(0, bisect_right(paths, path) - 1) for path in only})
            ids, paths = [ids[leaf] for leaf in chosen], [paths[leaf] for leaf in chosen]
            sizes, counts = [sizes[leaf] for leaf in chosen], [counts[leaf] for leaf in chosen]
            nodes = read_directory_nodes(reader, ids, level, sizes, counts, paths)
        else:
            nodes = read_directory_nodes(reader, ids, level, sizes, counts, paths)
            levels.append((ids, [node.paths[0] if node.paths else b"" for node in nodes]))
        if level == 0:
            for node in nodes:
                entries += [entry for entry in node.entries() if only is None or entry.path in only]
            break
        ids = [node.id(number) for node in nodes for number in range(len(node))]
        sizes = [size for node in nodes for size in node.sizes]
        counts = [count for node in nodes for count in node.counts]
        paths = [path for node in nodes for path in node.paths]
    # Of a million entries these are fifty megabytes.
    del nodes
    check_order([entry.path for entry in entries])
    return entries, DirectoryShape(tuple(reversed(levels)))


def read_directory_nodes(
    reader: Reading,
    ids: list[bytes],
    level: int,
    sizes: list[int] | None,
    counts: list[int] | None,
    paths: list[bytes] | None,
) -> list[DirectoryNode]:
    """Read the nodes of a level.

    Args:
        sizes, counts, paths: what their parents say: bytes and entries below each, and its first path; None:
            not known.

    Raises:
        FormatError: a node is not what its parent says.
    """
    nodes: list[DirectoryNode] = []
    for first in range(0, len(ids), BATCH):
        batch = ids[first : first + BATCH]
        for identity, data in zip(batch, reader.read_each(batch, nodes=True), strict=True):
            name = NodeId(identity).short
            node = parse_directory_node(data, name)
            number = len(nodes)
            nodes.append(node)
            below = len(node) if level == 0 else sum(node.counts)
            if (
                node.level != level
                or (sizes is not None and sum(node.sizes) != sizes[number])
                or (counts is not None and below != counts[number])
                or (paths is not None and node.paths[:1] != [paths[number]])
            ):
                raise FormatError(f"tree node {name} is not what its parent says")
    return nodes


def check_order(paths: Sequence[bytes]) -> None:
    """Raise FormatError unless paths ascend and none lies below another."""
    before, folder = b"", b""
    folders: set[bytes] = set()
    for number, path in enumerate(paths):
        if path <= before:
            raise FormatError("a directory tree has its paths out of order")
        cut = path.rfind(b"/")
        # A directory's paths need not be neighbours ("a", "a.b", "a/b"), so every parent is looked up, once.
        if cut > 0 and path[:cut] != folder:
            folder = path[:cut]
            parent = folder
            # What is below a known folder is fine: a file of that name would have come before it.
            while parent and parent not in folders:
                folders.add(parent)
                # A file of that name would have come before.
                if paths[bisect_left(paths, parent, hi=number)] == parent:
                    raise FormatError("a directory tree has a path that is a file and a directory")
                parent = parent[: max(0, parent.rfind(b"/"))]
        before = path


def write_directory_tree(
    writer: "Sink",
    paths: Sequence[bytes],
    kinds: bytes,
    contents: Sequence[Content],
    old: DirectoryShape | None = None,
) -> Content:
    """Store the tree over a directory's entries, and return what names the directory.

    Args:
        paths: of the entries, in order.
        kinds: a `Kind` for each.
        contents: one for each.
        old: of the version before, whose nodes are bases for the new ones.
    """
    check_order(paths)
    total = sum(content.size for content in contents)
    ends = directory_node_ends(paths, 0) if paths else [0]
    starts = [0, *ends[:-1]]
    nodes = [_entries_node(paths[s:e], kinds[s:e], contents[s:e]) for s, e in zip(starts, ends, strict=True)]
    level = 0
    while True:
        ids = _put_directory_nodes(writer, nodes, old)
        if len(ids) == 1:
            return Content(ids[0], level + 1, total)
        firsts = [node.paths[0] for node in nodes]
        sizes = [sum(node.sizes) for node in nodes]
        counts = [len(node) if level == 0 else sum(node.counts) for node in nodes]
        level += 1
        ends = directory_node_ends(firsts, level)
        starts = [0, *ends[:-1]]
        nodes = [
            DirectoryNode(
                level,
                firsts[s:e],
                b"".join(ids[s:e]),
                u64_array(sizes[s:e]),
                u64_array(counts[s:e]),
                b"",
                b"",
            )
            for s, e in zip(starts, ends, strict=True)
        ]


def _entries_node(paths: Sequence[bytes], kinds: bytes, contents: Sequence[Content]) -> DirectoryNode:
    return DirectoryNode(
        level=0,
        paths=list(paths),
        ids=b"".join([content.id for content in contents]),
        sizes=u64_array([content.size for content in contents]),
        counts=u64_array([]),
        kinds=kinds,
        depths=bytes([content.depth for content in contents]),
    )


def _put_directory_nodes(
    writer: "Sink", nodes: Sequence[DirectoryNode], old: DirectoryShape | None
) -> list[bytes]:
    ids: list[bytes] = []
    for first in range(0, len(nodes), BATCH):
        batch = nodes[first : first + BATCH]
        bases = [old.in_place_of(node.level, node.paths[0]) if old and node.paths else [] for node in batch]
        ids += writer.put_nodes([encode_directory_node(node) for node in batch], bases)
    return ids
