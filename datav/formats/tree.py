"""Tree nodes: a file as a list of chunks, a directory as a list of paths, cut by content.

The byte layout and the rule where nodes end are specified in docs/formats/tree.md, and this module is the
only code that knows them.  Pure.  Nodes are columns of fixed width, so one is used without taking it apart
entry by entry.
"""

import struct
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from xxhash import xxh3_64_intdigest

from datav.core import split_entries
from datav.errors import FormatError
from datav.formats.entry import Entry, Kind
from datav.formats.frame import MAX_NODE
from datav.formats.words import u32_array, u64_array
from datav.ids import EMPTY_CHUNK, ID_SIZE, Buffer
from datav.relpath import check_path, show_path

HEADER = struct.Struct("<BBBBI")
HEADER_SIZE = HEADER.size
FILE, DIRECTORY = 0x46, 0x44
VERSION = 1
MAX_LEVEL = 12

MARK_THRESHOLD = 2**64 // 512
MIN_ENTRIES = 32
MAX_ENTRIES = 4096


@dataclass(frozen=True, slots=True)
class FileNode:
    """A node of a file's tree: chunks (level 0) or nodes, in order."""

    level: int
    ids: bytes
    """32 bytes an entry."""
    sizes: "array[int]"
    """u64: bytes of content below each entry."""

    def __len__(self) -> int:
        return len(self.sizes)

    def id(self, number: int) -> bytes:
        return self.ids[ID_SIZE * number : ID_SIZE * (number + 1)]


@dataclass(frozen=True, slots=True)
class DirectoryNode:
    """A node of a directory's tree: entries (level 0) or nodes, in order of their paths."""

    level: int
    paths: list[bytes]
    """Of the entries, or the first path below each child."""
    ids: bytes
    sizes: "array[int]"
    counts: "array[int]"
    """u64: entries below each child; empty at level 0."""
    kinds: bytes
    """Level 0 only."""
    depths: bytes
    """Level 0 only."""

    def __len__(self) -> int:
        return len(self.sizes)

    def id(self, number: int) -> bytes:
        return self.ids[ID_SIZE * number : ID_SIZE * (number + 1)]

    def entries(self) -> list[Entry]:
        """The entries of a node of level 0."""
        ids = self.ids
        starts = range(0, len(ids), ID_SIZE)
        return [
            Entry(path, kind, depth, size, ids[at : at + ID_SIZE])
            for path, kind, depth, size, at in zip(
                self.paths, self.kinds, self.depths, self.sizes, starts, strict=True
            )
        ]


def encode_file_node(node: FileNode) -> bytes:
    header = HEADER.pack(FILE, VERSION, node.level, 0, len(node))
    return header + u64_array(node.sizes).tobytes() + node.ids


def encode_directory_node(node: DirectoryNode) -> bytes:
    ends, at = u32_array([]), 0
    for path in node.paths:
        at += len(path)
        ends.append(at)
    if node.level == 0:
        columns = node.kinds + node.depths
    else:
        columns = u64_array(node.counts).tobytes()
    header = HEADER.pack(DIRECTORY, VERSION, node.level, 0, len(node))
    sizes = u64_array(node.sizes).tobytes()
    return b"".join([header, sizes, node.ids, columns, ends.tobytes(), *node.paths])


def _parse_header(data: Buffer, what: int, where: str) -> tuple[int, int]:
    if len(data) < HEADER_SIZE or len(data) > MAX_NODE:
        raise FormatError(f"tree node {where} has an impossible size")
    found, version, level, zero, count = HEADER.unpack_from(data)
    if found != what or zero != 0:
        raise FormatError(f"tree node {where} is not the kind of node that belongs there")
    if version != VERSION:
        raise FormatError(f"tree node {where} has version {version}", hint="a newer datav reads it: upgrade")
    if level > MAX_LEVEL or count > MAX_ENTRIES:
        raise FormatError(f"tree node {where} is larger or higher than any writer makes")
    return level, count


def parse_file_node(data: Buffer, where: str) -> FileNode:
    """Return the node that `data` is, all of it; FormatError if it is not one."""
    level, count = _parse_header(data, FILE, where)
    ids_at = HEADER_SIZE + 8 * count
    if count == 0 or len(data) != ids_at + ID_SIZE * count:
        raise FormatError(f"tree node {where} does not fit its own count")
    sizes = u64_array(data[HEADER_SIZE:ids_at])
    if 0 in sizes:
        raise FormatError(f"tree node {where} has an entry of no bytes")
    return FileNode(level, bytes(data[ids_at:]), sizes)


def parse_directory_node(data: Buffer, where: str) -> DirectoryNode:
    """Return the node that `data` is, all of it, its paths safe and in order;
    FormatError if it is not one."""
    level, count = _parse_header(data, DIRECTORY, where)
    ids_at = HEADER_SIZE + 8 * count
    columns_at = ids_at + ID_SIZE * count
    ends_at = columns_at + (2 if level == 0 else 8) * count
    paths_at = ends_at + 4 * count
    if len(data) < paths_at or (count == 0 and level > 0):
        raise FormatError(f"tree node {where} does not fit its own count")
    sizes = u64_array(data[HEADER_SIZE:ids_at])
    ids = bytes(data[ids_at:columns_at])
    paths = _parse_paths(u32_array(data[ends_at:paths_at]), bytes(data[paths_at:]), where)
    if level > 0:
        return DirectoryNode(level, paths, ids, sizes, u64_array(data[columns_at:ends_at]), b"", b"")
    kinds = bytes(data[columns_at : columns_at + count])
    depths = bytes(data[columns_at + count : ends_at])
    if kinds and (max(kinds) > max(Kind) or max(depths) > MAX_LEVEL + 1):
        raise FormatError(f"tree node {where} has an entry of an unknown kind")
    if 0 in sizes or Kind.EMPTY_DIRECTORY in kinds:
        _check_empty(ids, sizes, kinds, depths, where)
    return DirectoryNode(0, paths, ids, sizes, u64_array([]), kinds, depths)


def _check_empty(ids: bytes, sizes: "array[int]", kinds: bytes, depths: bytes, where: str) -> None:
    """No bytes have one name, and an empty directory has no others."""
    for number, size in enumerate(sizes):
        if size == 0:
            named = ids[ID_SIZE * number : ID_SIZE * (number + 1)] == EMPTY_CHUNK and depths[number] == 0
        else:
            named = kinds[number] != Kind.EMPTY_DIRECTORY
        if not named:
            raise FormatError(f"tree node {where} has an empty entry that is not")


def _parse_paths(ends: "array[int]", blob: bytes, where: str) -> list[bytes]:
    starts = [0, *ends[:-1]]
    if (ends[-1] if ends else 0) != len(blob):
        raise FormatError(f"tree node {where} has paths that do not fit")
    paths = [blob[start:end] for start, end in zip(starts, ends, strict=False)]
    before = b""
    for path in paths:
        check_path(path)
        if path <= before or path.startswith(before + b"/"):
            raise FormatError(f"tree node {where} has {show_path(path)!r} out of order")
        before = path
    return paths


def file_node_ends(ids: bytes) -> "array[int]":
    """Return where the nodes over entries with these ids end (u32, the last is the number of entries)."""
    marks = u64_array(ids)[:: ID_SIZE // 8]
    return u32_array(split_entries(marks, MARK_THRESHOLD, MIN_ENTRIES, MAX_ENTRIES))


def directory_node_ends(paths: Sequence[bytes], level: int) -> "array[int]":
    """Return where the nodes over entries (or children) with these paths end."""
    marks = array("Q", [xxh3_64_intdigest(path, level) for path in paths])
    return u32_array(split_entries(marks, MARK_THRESHOLD, MIN_ENTRIES, MAX_ENTRIES))
