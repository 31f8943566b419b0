"""Files written by the first version stay readable, and what is not compressed is still written the same."""

import json
import random
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from datav.formats.entry import Content, Entry
from datav.formats.frame import Codec, parse_frame
from datav.formats.index import Place, check_index, encode_index, index_name
from datav.formats.pack import (
    FOOTER_SIZE,
    check_contents,
    encode_contents,
    encode_tail,
    parse_contents,
    parse_footer,
)
from datav.formats.tree import (
    encode_directory_node,
    encode_file_node,
    parse_directory_node,
    parse_file_node,
)
from datav.ids import PackId
from datav.store.store import Store
from datav.store.trees import read_directory
from tests.unit.store.files import read_back

FOLDER = Path(__file__).parent / "formats"
ONE = b"one two three four five six seven eight nine ten\n" * 9
ELEVEN = b"eleven\n" * 20
CONTENT = b"zero\n" + ONE + b"11\n" + ELEVEN
BASES = {bytes([7]) * 32: ONE, bytes([8]) * 32: ELEVEN}
PACK = "0892f02a99800d7f8728fd5389c392c8209feaf164348c25a576804fd8bc7d8e"
INDEX = "f0ce3440f1a2a902c3f572e94f414a912528027a5b4c1c6d8ca248058d49b04f.idx"
NO_BYTES = bytes.fromhex("af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262")


def golden(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


@pytest.mark.parametrize(
    ("name", "kind", "is_node", "bases", "content"),
    [
        ("raw", 0, False, 0, b"hello\n"),
        ("zstd", 1, False, 0, CONTENT),
        ("node", 1, True, 0, CONTENT),
        ("delta1", 2, False, 1, CONTENT),
        ("delta2", 2, False, 2, CONTENT),
    ],
)
def test_frames(name, kind, is_node, bases, content):
    frame = parse_frame(golden(f"{name}.frame"), name)

    assert (frame.kind, frame.is_node, frame.raw_length) == (kind, is_node, len(content))
    assert frame.bases == tuple(BASES)[:bases]
    assert Codec().decode(frame, b"".join(BASES[base] for base in frame.bases), name) == content


def test_a_pack():
    data = golden(f"{PACK}.pack")
    footer = parse_footer(data[-FOOTER_SIZE:], len(data), PACK)
    encoded = data[footer.contents_offset : -FOOTER_SIZE]
    contents = parse_contents(encoded, PACK)
    check_contents(contents, footer, encoded, PACK)

    assert footer.pack.hex() == PACK
    assert data[:16] == b"DATAVPK\n" + struct.pack("<II", 1, 0)
    assert [contents.id(n) for n in range(4)] == [bytes([n]) * 32 for n in (1, 2, 3, 4)]
    assert contents.offsets() == [16, 39, 140, 257]
    assert list(contents.lengths) == [23, 101, 117, 101]
    assert list(contents.kinds) == [0, 1, 2, 0x81]
    assert contents.bases == {2: tuple(BASES)}
    assert encode_contents(contents) == encoded
    assert encode_tail(contents) == (PackId.fromhex(PACK), data[footer.contents_offset :])


def test_an_index():
    data = golden(INDEX)
    index = check_index(data, INDEX)
    rng = random.Random(20)
    expected = {}
    for n in range(70):
        pack = PackId(bytes([(3, 1, 2)[n % 3]]) * 32)
        expected[rng.randbytes(32)] = Place(pack, 16 + 100 * n, 50 + n)

    assert [pack[0] for pack in index.packs] == [1, 2, 3]
    assert (index.count, index.fanout_bits) == (70, 2)
    assert dict(index.records()) == expected
    assert index_name(index.packs) == INDEX
    assert encode_index(index.packs, index.records()) == data


def test_a_file_node():
    node = parse_file_node(golden("file.node"), "file")

    assert node.level == 0
    assert list(node.sizes) == [65536, 4096, 8589934592]
    assert [node.id(n)[0] for n in range(3)] == [1, 2, 1]
    assert encode_file_node(node) == golden("file.node")


def test_a_directory_node():
    node = parse_directory_node(golden("directory.node"), "directory")

    assert node.entries() == [
        Entry(b"a.csv", 0, 0, 12, b"\1" * 32),
        Entry(b"bin/run", 1, 2, 1099511627776, b"\2" * 32),
        Entry(b"bin/run.txt", 2, 0, 3, b"\3" * 32),
        Entry(b"empty", 3, 0, 0, NO_BYTES),
        Entry(b"\xff\n", 0, 0, 0, NO_BYTES),
    ]
    assert encode_directory_node(node) == golden("directory.node")


def test_a_directory_node_above():
    node = parse_directory_node(golden("upper.node"), "upper")

    assert node.level == 1
    assert node.paths == [b"a", b"m/n"]
    assert (list(node.sizes), list(node.counts)) == ([100, 0], [4096, 1])
    assert [node.id(0)[0], node.id(1)[0]] == [4, 5]
    assert encode_directory_node(node) == golden("upper.node")


@pytest.mark.parametrize("version", [1, 2])
def test_a_store(version):
    rows = [b"%d,%d\n" % (n, n * n % 1009) for n in range(9000)]
    rows[5000] = b"5000,version %d\n" % version
    store = Store(FOLDER / "store")
    root = json.loads(golden("store.json"))[f"version {version}"]

    entries, _ = read_directory(store.reader, Content(bytes.fromhex(root["id"]), root["depth"], root["size"]))

    assert [(entry.path, entry.kind) for entry in entries] == [
        (b"empty", 3),
        (b"link", 2),
        (b"notes/run.sh", 1),
        (b"table.csv", 0),
    ]
    contents = [read_back(store, entry.content) for entry in entries]
    assert contents == [b"", b"table.csv", b"version %d\n" % version, b"id,value\n" + b"".join(rows)]


def test_golden_files_are_not_made_again():
    done = subprocess.run([sys.executable, Path(__file__).with_name("make_formats.py")], capture_output=True)
    assert done.returncode == 1
