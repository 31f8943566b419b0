"""A content source in memory, and short ways to say what is on disk."""

import os
import threading
from pathlib import Path

from blake3 import blake3

from datav.errors import IntegrityError
from datav.formats.entry import EMPTY_CONTENT, Content, Entry, Kind
from datav.progress import SILENT
from datav.workspace.ignore import NO_RULES
from datav.workspace.plan import Current
from datav.workspace.scan import scan_tree

CHUNK = 64 * 1024


class MemorySource:
    """Keeps chunks by id; files of more than one chunk are named by a hash of the list."""

    def __init__(self) -> None:
        self.stored: dict[bytes, bytes] = {}
        self.trees: dict[bytes, list[tuple[bytes, int]]] = {}
        self.bytes_read = 0
        self._lock = threading.Lock()

    def add(self, data: bytes) -> Content:
        chunks = []
        for start in range(0, len(data), CHUNK):
            part = data[start : start + CHUNK]
            chunk_id = blake3(part).digest()
            self.stored[chunk_id] = part
            chunks.append((chunk_id, len(part)))
        if not chunks:
            return EMPTY_CONTENT
        if len(chunks) == 1:
            return Content(chunks[0][0], 0, len(data))
        root = blake3(repr(chunks).encode()).digest()
        self.trees[root] = chunks
        return Content(root, 1, len(data))

    def chunks(self, content):
        if content.id not in self.trees:
            raise IntegrityError("no such tree")
        return list(self.trees[content.id])

    def read_into(self, chunks, buffer):
        data = b"".join(self._get(*chunk) for chunk in chunks)
        assert len(buffer) == len(data)
        buffer[:] = data
        with self._lock:
            self.bytes_read += len(data)

    def _get(self, chunk_id, length):
        data = self.stored.get(chunk_id)
        if data is None or len(data) != length or blake3(data).digest() != chunk_id:
            raise IntegrityError("missing chunk")
        return data


def entry(source: MemorySource, path: bytes, data: bytes = b"", kind: int = Kind.FILE) -> Entry:
    content = source.add(data)
    return Entry(path, kind, content.depth, content.size, content.id)


def tree(source: MemorySource, files: dict[bytes, tuple[int, bytes]]) -> list[Entry]:
    return [entry(source, path, data, kind) for path, (kind, data) in sorted(files.items())]


def current(source: MemorySource, root: Path, rules=NO_RULES) -> list[Current]:
    """Scan `root`, read everything, and store it."""
    rows = []
    for found in scan_tree(root, rules, SILENT).entries:
        content = source.add(read_one(root, found.path, found.kind))
        rows.append(Current(found.path, found.kind, content, found.stamp))
    return rows


def read_one(root: Path, path: bytes, kind: int) -> bytes:
    place = os.path.join(os.fsencode(root), path)
    if kind == Kind.EMPTY_DIRECTORY:
        return b""
    if kind == Kind.SYMLINK:
        return os.readlink(place)
    with open(place, "rb") as file:
        return file.read()


def on_disk(root: Path, rules=NO_RULES) -> dict[bytes, tuple[int, bytes]]:
    return {
        found.path: (found.kind, read_one(root, found.path, found.kind))
        for found in scan_tree(root, rules, SILENT).entries
    }


def put(root: Path, path: bytes, data: bytes = b"", mode: int = 0o644) -> bytes:
    place = os.path.join(os.fsencode(root), path)
    os.makedirs(os.path.dirname(place), exist_ok=True)
    with open(place, "wb") as file:
        file.write(data)
    os.chmod(place, mode)
    return place
