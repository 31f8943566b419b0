"""Trees in a store: the same entries give the same nodes, and hostile nodes are refused."""

import random
import tracemalloc
from functools import partial

import pytest

from datav.errors import DatavError, FormatError, IntegrityError
from datav.formats.entry import EMPTY_CONTENT, Content, Entry, Kind
from datav.formats.frame import MAX_CHUNK
from datav.formats.tree import DirectoryNode, FileNode, encode_directory_node, encode_file_node
from datav.formats.words import u64_array
from datav.ids import hash_chunk, hash_node
from datav.store.trees import (
    check_order,
    read_directory,
    read_file_shape,
    write_file_tree,
)
from tests.support.trees import write_entries
from tests.unit.store.files import read_back
from tests.unit.store.forging import leaf as _directory_node
from tests.unit.store.stores import new_store, pool, put


@pytest.fixture
def store(tmp_path):
    return new_store(tmp_path / "store")


def ids_for(count: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(32 * count)


def write(store, build, *args, **kwargs):
    """Run `build(writer, ...)` in a command of its own; return its result and how many bytes it stored."""
    with pool() as executor, store.writing(executor) as writer:
        result = build(writer, *args, **kwargs)
    return result, writer.tally.stored_bytes


def put_nodes(store, *nodes: bytes) -> list[bytes]:
    return write(store, lambda writer: writer.put_nodes(list(nodes), [[] for _ in nodes]))[0]


def entries_for(count: int) -> list[Entry]:
    rng = random.Random(1)
    return [
        Entry(
            b"dir%03d/file%06d" % (n // 1000, n),
            rng.randrange(3),
            0,
            1 + rng.randrange(10**6),
            rng.randbytes(32),
        )
        for n in range(count)
    ]


def test_an_empty_file_and_an_empty_directory(store):
    content, _ = write(store, write_file_tree, b"", [])
    assert content == EMPTY_CONTENT
    assert read_file_shape(store.reader, content).chunk_ids == b""

    root, _ = write(store, write_entries, [])
    assert read_directory(store.reader, root)[0] == []


@pytest.mark.parametrize("count", [1, 2, 31, 33, 4096, 4097, 30_000])
def test_a_file_comes_back(store, count):
    ids, sizes = ids_for(count), [1024 + n % 7 for n in range(count)]

    content, _ = write(store, write_file_tree, ids, sizes)

    shape = read_file_shape(store.reader, content)
    assert shape.chunk_ids == ids
    assert list(shape.chunk_sizes) == sizes
    assert content.size == sum(sizes)
    assert content.depth == len(shape.levels)


@pytest.mark.parametrize("identity", [bytes(32), b"\xff" * 32, bytes(8) + b"\7" * 24, b"\1" + bytes(31)])
def test_degenerate_ids_still_give_a_tree_that_gets_lower(store, identity):
    count = 300_000
    content, _ = write(store, write_file_tree, identity * count, [1024] * count)

    shape = read_file_shape(store.reader, content)

    assert shape.chunk_ids == identity * count
    assert content.depth <= 4


@pytest.mark.parametrize("count", [1, 2, 1000, 5000, 30_000])
def test_a_directory_comes_back(store, count):
    entries = entries_for(count)

    root, _ = write(store, write_entries, entries)

    found, shape = read_directory(store.reader, root)
    assert found == entries
    assert root.size == sum(entry.size for entry in entries)
    assert len(shape.levels) == root.depth


@pytest.mark.parametrize("count", [1, 1000, 30_000])
@pytest.mark.parametrize("step", [1, 7, 10_000, 10**9])
def test_some_entries_are_read_with_the_whole_shape(store, count, step):
    entries = entries_for(count)
    root, _ = write(store, write_entries, entries)
    wanted = {entry.path for entry in entries[3::step]} | {b"!before all", b"\xff after all"}

    found, shape = read_directory(store.reader, root, wanted)

    assert found == [entry for entry in entries if entry.path in wanted]
    assert shape == read_directory(store.reader, root)[1]


def test_the_same_entries_give_the_same_root_whatever_the_history(tmp_path):
    entries = entries_for(5000)
    one, two = new_store(tmp_path / "one"), new_store(tmp_path / "two")
    direct, _ = write(one, write_entries, entries)

    root, shape = None, None
    for step in (entries[::2], entries[1::3], entries[:10], entries):
        root, _ = write(two, write_entries, step, shape)
        assert read_directory(two.reader, root)[0] == step
        shape = read_directory(two.reader, root)[1]

    assert root == direct


def test_one_changed_entry_of_many_rewrites_little(store):
    entries = entries_for(200_000)
    root, first = write(store, write_entries, entries)
    old = read_directory(store.reader, root)[1]
    nodes = {identity for ids, _ in old.levels for identity in ids}
    changed = list(entries)
    changed[123_456] = changed[123_456]._replace(size=5, id=b"\5" * 32)

    with_base, small = write(store, write_entries, changed, old)

    found, new = read_directory(store.reader, with_base)
    assert found == changed
    # The node, those above it.
    assert len({identity for ids, _ in new.levels for identity in ids} - nodes) == with_base.depth
    assert small < 10_000 < first


def test_one_inserted_chunk_of_many_rewrites_little(store):
    ids, sizes = ids_for(200_000), [2000] * 200_000
    content, _ = write(store, write_file_tree, ids, sizes)
    shape = read_file_shape(store.reader, content)
    at = 32 * 70_000

    new, small = write(store, write_file_tree, ids[:at] + b"\7" * 32 + ids[at:], [2000] * 200_001, shape)

    assert small < 20_000
    assert read_file_shape(store.reader, new).chunk_ids == ids[:at] + b"\7" * 32 + ids[at:]


def test_versions_of_a_directory_stay_readable_though_their_nodes_are_deltas(store):
    entries, rng = entries_for(3000), random.Random(5)
    roots, shape = [], None
    for version in range(10):
        number = rng.randrange(len(entries))
        entries = [*entries]
        entries[number] = entries[number]._replace(size=version + 1)
        entries.pop(rng.randrange(len(entries)))
        root, _ = write(store, write_entries, entries, shape)
        roots.append((root, entries))
        shape = read_directory(store.reader, root)[1]

    for root, expected in roots:
        assert read_directory(store.reader, root)[0] == expected
    for root, _ in roots:
        for frame in store.reader.read_frames([root.id], nodes=True):
            for base in store.reader.read_frames(frame.bases, nodes=True):
                assert not base.bases


ORDERS = [
    [b"b", b"a"],
    [b"a", b"a"],
    [b"a", b"a/b"],
    [b"a", b"a.b", b"a/b"],
    [b"a/b", b"a/b/c/d/e"],
    [b"a/b", b"a/b!", b"a/b-c/d", b"a/b/c/d/e"],
]


@pytest.mark.parametrize("paths", ORDERS)
def test_paths_out_of_order_or_below_a_file_are_refused(store, paths):
    entries = [Entry(path, 0, 0, 1, b"\1" * 32) for path in paths]
    with pytest.raises(FormatError):
        check_order([entry.path for entry in entries])
    # Over two nodes, so that neither knows.
    halves = [entries[:1], entries[1:]]
    nodes = [_directory_node(half) for half in halves]
    ids = put_nodes(store, *nodes)
    upper = _upper(
        [half[0].path for half in halves], ids, [len(half) for half in halves], [len(half) for half in halves]
    )
    (root,) = put_nodes(store, upper)
    with pytest.raises(FormatError):
        read_directory(store.reader, Content(root, 2, len(entries)))


@pytest.mark.parametrize(
    "paths", [[b"a", b"a.b", b"b/c", b"b/c.d", b"b/cd/e"], [b"a/b/c", b"a/b/d", b"a/c", b"b/b/c"]]
)
def test_paths_in_order_are_fine(paths):
    check_order(paths)


def test_checking_deep_paths_is_quick():
    # Quadratic in the depth for each entry, this took minutes.
    deep = b"/".join([b"a"] * 1800)
    check_order([b"%s/%05d/x" % (deep, n) for n in range(20_000)])


def _upper(
    paths: list[bytes], ids: list[bytes], sizes: list[int], counts: list[int], level: int = 1
) -> bytes:
    return encode_directory_node(
        DirectoryNode(level, paths, b"".join(ids), u64_array(sizes), u64_array(counts), b"", b"")
    )


def _file(level: int, ids: list[bytes], sizes: list[int]) -> bytes:
    return encode_file_node(FileNode(level, b"".join(ids), u64_array(sizes)))


def test_a_directory_that_does_not_add_up_is_refused(store):
    entries = [Entry(b"a", 0, 0, 3, b"\1" * 32), Entry(b"b", 0, 0, 4, b"\2" * 32)]
    (leaf,) = put_nodes(store, _directory_node(entries))
    good = _upper([b"a"], [leaf], [7], [2])
    bad = [
        _upper([b"a"], [leaf], [8], [2]),
        _upper([b"a"], [leaf], [7], [3]),
        _upper([b"b"], [leaf], [7], [2]),
        _upper([b"A"], [leaf], [7], [2]),
        _upper([b"a"], [leaf], [7], [2], level=2),
        _upper([b"a", b"b"], [leaf, leaf], [7, 7], [2, 2]),
        _upper([b"a"], [hash_chunk(b"a chunk")], [7], [1]),
    ]
    with pool() as executor, store.writing(executor) as writer:
        put(writer, [b"a chunk"])
    assert read_directory(store.reader, Content(put_nodes(store, good)[0], 2, 7))[0] == entries
    for depth, size in ((1, 7), (3, 7), (2, 8), (0, 7), (14, 7), (200, 7)):
        with pytest.raises(FormatError):
            read_directory(store.reader, Content(hash_node(good), depth, size))
    for node in bad:
        with pytest.raises((FormatError, IntegrityError)):
            read_directory(store.reader, Content(put_nodes(store, node)[0], 2, 7 * node.count(leaf)))


def test_a_file_that_does_not_add_up_is_refused(store):
    a, b = bytes(hash_chunk(b"a" * 2000)), bytes(hash_chunk(b"b" * 3000))
    with pool() as executor, store.writing(executor) as writer:
        put(writer, [b"a" * 2000, b"b" * 3000])
    (good,) = put_nodes(store, _file(0, [a, b], [2000, 3000]))
    assert read_back(store, Content(good, 1, 5000)) == b"a" * 2000 + b"b" * 3000

    for depth, size in ((1, 4999), (2, 5000), (13, 5000), (14, 5000), (200, 5000), (0, 5000)):
        with pytest.raises(DatavError):
            read_back(store, Content(good, depth, size))
    for node in (
        _file(0, [a, b], [3000, 2000]),
        _file(0, [a, b], [2001, 2999]),
        _file(0, [a, good], [2000, 3000]),
    ):
        (root,) = put_nodes(store, node)
        with pytest.raises((FormatError, IntegrityError)):
            read_back(store, Content(root, 1, 5000))
    with pytest.raises(FormatError):
        read_file_shape(store.reader, Content(a, 0, MAX_CHUNK + 1))


def _bounded(call, limit: int = 24 * 2**20) -> None:
    tracemalloc.start()
    try:
        with pytest.raises((FormatError, IntegrityError)):
            call()
        assert tracemalloc.get_traced_memory()[1] < limit
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("each", [1, 2**40])
def test_a_file_that_repeats_itself_takes_little_memory(store, each):
    ids, size = [b"\1" * 32] * 4096, each
    for level in range(3):
        if size * 4096 >= 2**64:
            break
        (root,) = put_nodes(store, _file(level, ids, [size] * 4096))
        size *= 4096
        ids = [root] * 4096
        content = Content(root, level + 1, size)
        if level:
            # What a file of 2^26 chunks may take for the nodes above its lowest.
            _bounded(partial(read_file_shape, store.reader, content), 100 * 2**20)


def test_nodes_that_are_bombs_are_refused_one_at_a_time(store):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("datav.store.trees.BATCH", 64)
        bombs = put_nodes(store, *[bytes([n]) + bytes(8 * 2**20) for n in range(1, 30)])
        (file,) = put_nodes(store, _file(1, bombs, [2000] * len(bombs)))
        _bounded(lambda: read_file_shape(store.reader, Content(file, 2, 2000 * len(bombs))), 40 * 2**20)
        paths = [b"%03d" % n for n in range(len(bombs))]
        (directory,) = put_nodes(store, _upper(paths, bombs, [1] * len(bombs), [1] * len(bombs)))
        _bounded(lambda: read_directory(store.reader, Content(directory, 2, len(bombs))), 40 * 2**20)


def test_a_chunk_that_is_longer_than_its_tree_says_is_refused_at_first_sight(store):
    with pool() as executor, store.writing(executor) as writer:
        (large,) = put(writer, [bytes(MAX_CHUNK)])
    chunks = [(large, 1024)] * 1000
    _bounded(lambda: store.reader.read_into(chunks, memoryview(bytearray(1024 * 1000))))


def test_an_entry_below_git_is_refused(store):
    entries = [Entry(b".git/config", Kind.FILE, 0, 1, b"\1" * 32)]
    (root,) = put_nodes(store, _directory_node(entries))
    with pytest.raises(DatavError):
        read_directory(store.reader, Content(root, 1, 1))
