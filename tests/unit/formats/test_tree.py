"""Tree nodes: docs/formats/tree.md."""

import struct
import tracemalloc

import pytest

from datav.errors import DatavError, FormatError, UnsafePathError
from datav.formats.entry import Entry, Kind
from datav.formats.tree import (
    MAX_ENTRIES,
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
from datav.ids import EMPTY_CHUNK

NONE = bytes(EMPTY_CHUNK)


def file_node(count: int, level: int = 0) -> FileNode:
    ids = b"".join(n.to_bytes(32, "little") for n in range(count))
    return FileNode(level, ids, u64_array([n + 1 for n in range(count)]))


def directory_node(entries: list[Entry]) -> DirectoryNode:
    return DirectoryNode(
        0,
        [entry.path for entry in entries],
        b"".join(entry.id for entry in entries),
        u64_array([entry.size for entry in entries]),
        u64_array([]),
        bytes(entry.kind for entry in entries),
        bytes(entry.depth for entry in entries),
    )


def upper_node(paths: list[bytes], level: int = 1) -> DirectoryNode:
    count = len(paths)
    return DirectoryNode(
        level, paths, bytes(32 * count), u64_array([5] * count), u64_array([2] * count), b"", b""
    )


def entry(path: bytes, kind: int = Kind.FILE, depth: int = 0, size: int = 7, id: bytes = b"\7" * 32) -> Entry:
    return Entry(path, kind, depth, size, id)


ENTRIES = [
    entry(b"a", depth=3, size=2**40),
    entry(b"a.b", Kind.EXECUTABLE),
    entry(b"a/b", Kind.SYMLINK),
    entry(b"b/c/d", Kind.EMPTY_DIRECTORY, 0, 0, NONE),
    entry(b"b/\xff\n", size=0, id=NONE),
]
ENTRIES[0] = entry(b"A", depth=3, size=2**40)


@pytest.mark.parametrize("level", [0, 1, 12])
@pytest.mark.parametrize("count", [1, 2, 100, MAX_ENTRIES])
def test_a_file_node_comes_back(count, level):
    node = file_node(count, level)
    encoded = encode_file_node(node)
    assert parse_file_node(encoded, "a test") == node
    assert len(encoded) == 8 + 40 * count
    assert node.id(count - 1) == (count - 1).to_bytes(32, "little")


@pytest.mark.parametrize("entries", [[], ENTRIES[:1], ENTRIES], ids=len)
def test_a_directory_node_comes_back(entries):
    node = directory_node(entries)
    found = parse_directory_node(encode_directory_node(node), "a test")
    assert found == node
    assert found.entries() == entries


@pytest.mark.parametrize("level", [1, 12])
def test_a_directory_node_above_the_entries_comes_back(level):
    node = upper_node([b"a", b"b", b"c/d"], level)
    assert parse_directory_node(encode_directory_node(node), "a test") == node


SAMPLES = {
    "file": (encode_file_node(file_node(20)), parse_file_node, encode_file_node),
    "directory": (
        encode_directory_node(directory_node(ENTRIES)),
        parse_directory_node,
        encode_directory_node,
    ),
    "upper": (
        encode_directory_node(upper_node([b"a", b"bb", b"ccc"])),
        parse_directory_node,
        encode_directory_node,
    ),
}


@pytest.mark.parametrize(("data", "parse", "encode"), SAMPLES.values(), ids=SAMPLES.keys())
def test_what_is_cut_short_or_longer_is_refused(data, parse, encode):
    for end in range(len(data)):
        with pytest.raises(DatavError):
            parse(data[:end], "a test")
    with pytest.raises(DatavError):
        parse(data + b"\0", "a test")


@pytest.mark.parametrize(("data", "parse", "encode"), SAMPLES.values(), ids=SAMPLES.keys())
def test_what_is_parsed_is_what_is_encoded(data, parse, encode):
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            node = parse(bytes(damaged), "a test")
        except (FormatError, UnsafePathError):
            continue
        assert encode(node) == damaged


def _ends(data: bytes, *ends: int) -> bytes:
    """A directory node of level 0 whose path ends are these."""
    at = len(data) - 3 - 4 * len(ends)
    return data[:at] + struct.pack(f"<{len(ends)}I", *ends) + data[-3:]


THREE = encode_directory_node(directory_node([entry(b"a"), entry(b"b"), entry(b"c")]))
HOSTILE = {
    "file of nothing": (parse_file_node, encode_file_node(file_node(0))),
    "file with an entry of no bytes": (
        parse_file_node,
        encode_file_node(FileNode(0, bytes(32), u64_array([0]))),
    ),
    "file too high": (parse_file_node, encode_file_node(file_node(2, 13))),
    "file of depth 200": (parse_file_node, encode_file_node(file_node(2, 200))),
    "file with too many entries": (parse_file_node, encode_file_node(file_node(MAX_ENTRIES + 1))),
    "file that says it has more": (
        parse_file_node,
        struct.pack("<BBBBI", 0x46, 1, 0, 0, 2**32 - 1) + bytes(999),
    ),
    "directory for a file": (parse_file_node, THREE),
    "file for a directory": (parse_directory_node, encode_file_node(file_node(3))),
    "newer": (parse_directory_node, THREE[:1] + b"\2" + THREE[2:]),
    "reserved": (parse_directory_node, THREE[:3] + b"\1" + THREE[4:]),
    "directory too high": (parse_directory_node, encode_directory_node(upper_node([b"a"], 13))),
    "directory of no children": (parse_directory_node, encode_directory_node(upper_node([], 1))),
    "directory that says it has more": (
        parse_directory_node,
        struct.pack("<BBBBI", 0x44, 1, 0, 0, 2**32 - 1) + bytes(999),
    ),
    "too large": (parse_directory_node, THREE + bytes(2**25)),
    "ends back": (parse_directory_node, _ends(THREE, 2, 1, 3)),
    "ends past the end": (parse_directory_node, _ends(THREE, 1, 2**32 - 1, 3)),
    "ends before the end": (parse_directory_node, _ends(THREE, 1, 2, 2)),
    "an empty path": (parse_directory_node, _ends(THREE, 0, 2, 3)),
    "unknown kind": (parse_directory_node, encode_directory_node(directory_node([entry(b"a", kind=4)]))),
    "too deep": (parse_directory_node, encode_directory_node(directory_node([entry(b"a", depth=14)]))),
    "an empty directory that holds something": (
        parse_directory_node,
        encode_directory_node(directory_node([entry(b"a", Kind.EMPTY_DIRECTORY)])),
    ),
    "no bytes under another name": (
        parse_directory_node,
        encode_directory_node(directory_node([entry(b"a", size=0)])),
    ),
    "no bytes in a tree": (
        parse_directory_node,
        encode_directory_node(directory_node([entry(b"a", depth=1, size=0, id=NONE)])),
    ),
}
PATHS = [
    b"",
    b"/a",
    b"a/",
    b"a//b",
    b".",
    b"..",
    b"../a",
    b"a/../b",
    b"./a",
    b".git",
    b"a/.GIT/b",
    b"a\0b",
    b"x" * 4097,
]
HOSTILE |= {
    f"path {path[:9]!r}": (parse_directory_node, encode_directory_node(directory_node([entry(path)])))
    for path in PATHS
}
ORDERS = [[b"b", b"a"], [b"a", b"a"], [b"a", b"a/b"], [b"a/b", b"a"]]
HOSTILE |= {
    f"paths {paths}": (
        parse_directory_node,
        encode_directory_node(directory_node([entry(path) for path in paths])),
    )
    for paths in ORDERS
}


@pytest.mark.parametrize(("parse", "data"), HOSTILE.values(), ids=HOSTILE.keys())
def test_what_no_writer_makes_is_refused(parse, data):
    tracemalloc.start()
    try:
        with pytest.raises((FormatError, UnsafePathError)):
            parse(data, "a test")
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "identity", [bytes(32), b"\xff" * 32, b"\1" + bytes(31)], ids=["cut", "never", "small"]
)
def test_degenerate_ids_are_cut_into_nodes_of_allowed_sizes(identity):
    ends = file_node_ends(identity * 10_000)
    sizes = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    assert sum(sizes) == 10_000
    assert all(MIN_ENTRIES <= size <= MAX_ENTRIES for size in sizes[:-1])


def test_nodes_end_where_the_page_says():
    ids = [(n * 0x9E3779B97F4A7C15 % 2**64).to_bytes(8, "little") + bytes(24) for n in range(3000)]
    expected, start = [], 0
    for number, identity in enumerate(ids):
        count = number + 1 - start
        mark = int.from_bytes(identity[:8], "little")
        if (count >= 32 and mark < 2**64 // 512) or count == 4096 or number == len(ids) - 1:
            expected.append(number + 1)
            start = number + 1
    assert list(file_node_ends(b"".join(ids))) == expected
    assert len(expected) > 2


def test_the_level_moves_where_directories_end():
    paths = [b"%06d" % n for n in range(20_000)]
    ends = [list(directory_node_ends(paths, level)) for level in range(3)]
    assert len({tuple(end) for end in ends}) == 3
    assert all(10 < len(end) < 100 for end in ends)
