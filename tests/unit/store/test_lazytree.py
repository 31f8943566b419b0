"""Trees read in part: the same answers as from the whole tree, from few nodes."""

import random

import pytest

from datav.errors import FormatError
from datav.formats import tree as tree_format
from datav.formats.entry import Content, Entry, Kind
from datav.formats.tree import encode_directory_node, encode_file_node, parse_directory_node, parse_file_node
from datav.formats.words import u64_array
from datav.store.lazytree import FileTree, Folder, find_below, fold_below, read_below
from datav.store.trees import write_file_tree
from tests.support.trees import Nodes, write_entries


@pytest.fixture
def nodes(monkeypatch):
    """Nodes of about eight entries, so that some thousand entries make a tree of several levels."""
    monkeypatch.setattr(tree_format, "MIN_ENTRIES", 2)
    monkeypatch.setattr(tree_format, "MARK_THRESHOLD", 2**64 // 8)
    return Nodes()


def make_entries(count, seed=0):
    """Entries with names that sort around `/`, at several depths."""
    chance = random.Random(seed)
    paths = set()
    while len(paths) < count:
        parts = [chance.choice((b"a", b"a-b", b"a.b", b"a0", b"b")) for _ in range(chance.randrange(4))]
        paths.add(b"/".join([*parts, b"f%d" % chance.randrange(10 * count)]))
    return [Entry(path, Kind.FILE, 0, len(path), bytes(32)) for path in sorted(paths)]


def fold(entries, prefix):
    """What `fold_below` should say, from all entries."""
    start = prefix + b"/" if prefix else b""
    found = {}
    for entry in entries:
        if entry.path == prefix:
            found[entry.path] = entry
        elif entry.path.startswith(start):
            name, slash, _ = entry.path[len(start) :].partition(b"/")
            if not slash:
                found[entry.path] = entry
                continue
            before = found.get(start + name, Folder(start + name, 0, 0))
            found[start + name] = Folder(start + name, before.files + 1, before.size + entry.size)
    return [found[path] for path in sorted(found)]


@pytest.mark.parametrize("seed", range(5))
def test_parts_are_what_the_whole_tree_says(nodes, seed):
    entries = make_entries(2000, seed)
    root = write_entries(nodes, entries)
    assert root.depth > 2
    prefixes = [b"", b"a", b"a-b", b"a/a", b"a.b/b", b"a0", b"zz", b"a/a/a", *(e.path for e in entries[::97])]

    for prefix in prefixes:
        below = [e for e in entries if not prefix or e.path == prefix or e.path.startswith(prefix + b"/")]
        assert read_below(nodes, root, prefix) == below
        assert fold_below(nodes, root, prefix) == fold(entries, prefix)


def test_one_entry_costs_a_node_a_level(nodes):
    entries = make_entries(2000)
    root = write_entries(nodes, entries)
    nodes.reads = 0

    read_below(nodes, root, entries[1000].path)

    assert nodes.reads <= 2 * root.depth


def test_what_lies_within_a_folder_is_not_read_to_add_it_up(nodes):
    entries = [Entry(b"%c/%05d" % (97 + n // 1000, n), Kind.FILE, 0, 1, bytes(32)) for n in range(5000)]
    root = write_entries(nodes, entries)
    nodes.reads = 0

    folders = fold_below(nodes, root)

    assert folders == [Folder(b"%c" % c, 1000, 1000) for c in b"abcde"]
    assert nodes.reads < len(nodes.held) / 5


def test_an_empty_directory_is_empty(nodes):
    root = write_entries(nodes, [])

    assert read_below(nodes, root) == fold_below(nodes, root) == fold_below(nodes, root, b"a") == []


@pytest.mark.parametrize("lie", ["sizes", "counts", "paths", "level", "end"])
def test_a_node_that_is_not_what_its_parent_says_is_refused(nodes, lie):
    entries = make_entries(300)
    root = write_entries(nodes, entries)
    top = parse_directory_node(nodes.held[root.id], "top")
    child = parse_directory_node(nodes.held[top.id(0)], "child")
    if lie == "sizes":
        top.sizes[0] += 1
    elif lie == "counts":
        top.counts[0] += 1
    elif lie == "paths":
        top.paths[0] = b"A"
    elif lie == "end":
        top.paths[1] = child.paths[0] + b"!"
    elif lie == "level":
        root = Content(root.id, root.depth + 1, root.size)
    if lie != "level":
        (identity,) = nodes.put_nodes([encode_directory_node(top)], [[]])
        root = Content(identity, root.depth, sum(top.sizes))

    with pytest.raises(FormatError):
        read_below(nodes, root, entries[0].path if lie != "end" else b"")


@pytest.mark.parametrize("depth", [0, 14, 255])
def test_an_impossible_depth_is_refused(nodes, depth):
    with pytest.raises(FormatError):
        read_below(nodes, Content(bytes(32), depth, 0))
    with pytest.raises(FormatError):
        FileTree(nodes, Content(bytes(32), depth or 14, 1))


def make_file(nodes, count, seed=0):
    chance = random.Random(seed)
    sizes = [chance.randrange(1, 100) for _ in range(count)]
    ids = b"".join(chance.randbytes(32) for _ in sizes)
    return write_file_tree(nodes, ids, sizes), ids, sizes


@pytest.mark.parametrize("count", [0, 1, 2, 50, 3000])
def test_chunks_lie_where_the_tree_says(nodes, count):
    content, ids, sizes = make_file(nodes, count)
    starts = [sum(sizes[:number]) for number in range(count)]
    tree = FileTree(nodes, content)

    for start, end in [
        (0, content.size),
        (0, 1),
        (content.size // 2, content.size // 2 + 300),
        (5, 5),
        (7, 2**63),
    ]:
        expected = [
            (at, ids[32 * n : 32 * n + 32], size)
            for n, (at, size) in enumerate(zip(starts, sizes, strict=True))
            if at < end and at + size > start and start < end
        ]
        assert [tuple(piece) for piece in tree.pieces(start, end)] == expected


def test_going_on_reads_no_node_twice(nodes):
    content, _, _ = make_file(nodes, 500)
    tree = FileTree(nodes, content)
    for at in range(0, 200, 10):
        list(tree.pieces(at, at + 10))

    assert nodes.reads < 2 * content.depth + 4


def test_a_file_node_that_is_not_what_its_parent_says_is_refused(nodes):
    content, _, _ = make_file(nodes, 500)
    top = parse_file_node(nodes.held[content.id], "top")
    sizes = [top.sizes[0] + 1, *top.sizes[1:]]
    (identity,) = nodes.put_nodes([encode_file_node(type(top)(top.level, top.ids, u64_array(sizes)))], [[]])

    with pytest.raises(FormatError):
        list(FileTree(nodes, Content(identity, content.depth, content.size + 1)).pieces(0, 10))
    with pytest.raises(FormatError):
        list(FileTree(nodes, Content(content.id, content.depth, content.size + 1)).pieces(0, 10))


@pytest.mark.parametrize("seed", range(5))
def test_a_path_is_found_as_in_the_whole_tree(nodes, seed):
    entries = make_entries(2000, seed)
    root = write_entries(nodes, entries)
    by_path = {entry.path: entry for entry in entries}
    wanted = [b"a", b"a-b", b"a/a", b"a.b/b", b"a0", b"zz", b"a/a/a", b"b/b/b/b", *[*by_path][::53]]

    for path in wanted:
        found = find_below(nodes, root, path)

        assert found.entry == by_path.get(path)
        assert found.is_folder == any(entry.path.startswith(path + b"/") for entry in entries)


def test_finding_a_path_reads_a_few_nodes_whatever_lies_below_it(nodes):
    entries = [Entry(b"all/%05d" % number, Kind.FILE, 0, 1, bytes(32)) for number in range(5000)]
    root = write_entries(nodes, [Entry(b"aaa", Kind.FILE, 0, 1, bytes(32)), *entries])
    for path in (b"all", b"all/02500", b"none"):
        nodes.reads = 0

        find_below(nodes, root, path)

        assert nodes.reads <= 2 * root.depth
