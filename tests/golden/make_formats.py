"""How the files in tests/golden/formats were made, once, with the first version.  Kept for the record.

They are never made again: a change that cannot read them, or writes the uncompressed ones otherwise, is a
change of the format and needs a version of its own.
"""

import json
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from datav.core import ChunkerParams
from datav.formats.entry import Content, Entry, Kind
from datav.formats.frame import DELTA, NODE, RAW, ZSTD, Codec, frame_header
from datav.formats.index import Place, encode_index, index_name
from datav.formats.pack import HEADER, PackContents, encode_tail
from datav.formats.tree import DirectoryNode, FileNode, encode_directory_node, encode_file_node
from datav.formats.words import u32_array, u64_array
from datav.ids import EMPTY_CHUNK, PackId
from datav.store.ingest import Ingest
from datav.store.layout import create_store
from datav.store.store import Store
from tests.support.trees import write_entries

FOLDER = Path(__file__).parent / "formats"
BASES = {
    bytes([7]) * 32: b"one two three four five six seven eight nine ten\n" * 9,
    bytes([8]) * 32: b"eleven\n" * 20,
}
CONTENT = b"zero\n" + b"one two three four five six seven eight nine ten\n" * 9 + b"11\n" + b"eleven\n" * 20


def frames() -> dict[str, bytes]:
    codec = Codec()
    first = dict(list(BASES.items())[:1])
    payloads = {
        "raw": (RAW, b"hello\n"),
        "zstd": (ZSTD, codec.compress(CONTENT)),
        "delta1": (DELTA, codec.encode_delta(first, CONTENT)),
        "delta2": (DELTA, codec.encode_delta(BASES, CONTENT)),
        "node": (ZSTD | NODE, codec.compress(CONTENT)),
    }
    return {
        f"{name}.frame": frame_header(kind, 6 if name == "raw" else len(CONTENT), payload) + payload
        for name, (kind, payload) in payloads.items()
    }


def pack() -> dict[str, bytes]:
    made = frames()
    names = ["raw", "zstd", "delta2", "node"]
    contents = PackContents(
        ids=b"".join(bytes([n + 1]) * 32 for n in range(len(names))),
        lengths=u32_array([len(made[f"{name}.frame"]) for name in names]),
        kinds=bytes([RAW, ZSTD, DELTA, ZSTD | NODE]),
        bases={2: tuple(BASES)},
    )
    identity, tail = encode_tail(contents)
    return {f"{identity.hex()}.pack": b"".join([HEADER, *(made[f"{name}.frame"] for name in names), tail])}


def index() -> dict[str, bytes]:
    packs = [PackId(bytes([n]) * 32) for n in (3, 1, 2)]
    rng = random.Random(20)
    records = [(rng.randbytes(32), Place(packs[n % 3], 16 + 100 * n, 50 + n)) for n in range(70)]
    return {index_name(packs): encode_index(packs, records)}


def nodes() -> dict[str, bytes]:
    file = FileNode(0, bytes([1]) * 32 + bytes([2]) * 32 + bytes([1]) * 32, u64_array([65536, 4096, 2**33]))
    empty = bytes(EMPTY_CHUNK)
    entries = [
        Entry(b"a.csv", Kind.FILE, 0, 12, bytes([1]) * 32),
        Entry(b"bin/run", Kind.EXECUTABLE, 2, 2**40, bytes([2]) * 32),
        Entry(b"bin/run.txt", Kind.SYMLINK, 0, 3, bytes([3]) * 32),
        Entry(b"empty", Kind.EMPTY_DIRECTORY, 0, 0, empty),
        Entry(b"\xff\n", Kind.FILE, 0, 0, empty),
    ]
    leaf = DirectoryNode(
        level=0,
        paths=[entry.path for entry in entries],
        ids=b"".join(entry.id for entry in entries),
        sizes=u64_array([entry.size for entry in entries]),
        counts=u64_array([]),
        kinds=bytes(entry.kind for entry in entries),
        depths=bytes(entry.depth for entry in entries),
    )
    upper = DirectoryNode(
        1,
        [b"a", b"m/n"],
        bytes([4]) * 32 + bytes([5]) * 32,
        u64_array([100, 0]),
        u64_array([4096, 1]),
        b"",
        b"",
    )
    return {
        "file.node": encode_file_node(file),
        "directory.node": encode_directory_node(leaf),
        "upper.node": encode_directory_node(upper),
    }


class _Bytes:
    def __init__(self, data: bytes) -> None:
        self._data = data

    @property
    def size(self) -> int:
        return len(self._data)

    def read_into(self, buffer: memoryview, offset: int) -> int:
        buffer[:] = self._data[offset : offset + len(buffer)]
        return len(buffer)


def table(version: int) -> bytes:
    rows = [b"%d,%d\n" % (n, n * n % 1009) for n in range(9000)]
    rows[5000] = b"5000,version %d\n" % version
    return b"id,value\n" + b"".join(rows)


def store(root: Path) -> dict[str, object]:
    """A store of a directory in two versions; what it holds is built by the same rules in the test."""
    create_store(root)
    made: dict[str, object] = {}
    old: Content | None = None
    for version in (1, 2):
        opened = Store(root)
        with ThreadPoolExecutor(1) as executor, opened.writing(executor) as writer:
            ingest = Ingest(writer, opened.reader, ChunkerParams(1024, 4096, 16384), executor)
            old = ingest.large_file(_Bytes(table(version)), old=old).content
            note = ingest.large_file(_Bytes(b"version %d\n" % version)).content
            link = ingest.large_file(_Bytes(b"table.csv")).content
            entries = [
                Entry(b"empty", Kind.EMPTY_DIRECTORY, 0, 0, bytes(EMPTY_CHUNK)),
                Entry(b"link", Kind.SYMLINK, link.depth, link.size, link.id),
                Entry(b"notes/run.sh", Kind.EXECUTABLE, note.depth, note.size, note.id),
                Entry(b"table.csv", Kind.FILE, old.depth, old.size, old.id),
            ]
            tree = write_entries(writer, entries)
        made[f"version {version}"] = {"id": tree.id.hex(), "depth": tree.depth, "size": tree.size}
    for name in ("tmp", "locks"):
        (root / name).rmdir()
    return made


def main() -> None:
    if FOLDER.exists():
        sys.exit(f"{FOLDER} is there: golden files are written once")
    FOLDER.mkdir()
    for name, data in (frames() | pack() | index() | nodes()).items():
        (FOLDER / name).write_bytes(data)
    roots = store(FOLDER / "store")
    (FOLDER / "store.json").write_text(json.dumps(roots, indent=2) + "\n")


if __name__ == "__main__":
    main()
