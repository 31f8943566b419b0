"""Remotes as an enemy makes them.

Each of `ATTACKS` fills a place and returns what a victim is made to ask for.  Every id that can be right is:
who writes a manifest can name anything.
"""

import os
import struct
from collections.abc import Callable, Sequence

import zstandard
from blake3 import blake3

from datav.formats.entry import Content, Entry, Kind
from datav.formats.frame import DELTA, NODE, RAW, ZSTD, frame_header
from datav.formats.index import HEADER as INDEX_HEADER
from datav.formats.index import HEADER_SIZE as INDEX_HEADER_SIZE
from datav.formats.index import Place, encode_index
from datav.formats.pack import FOOTER_SIZE, HEADER, PackContents, encode_tail
from datav.formats.root import RemoteRoot, encode_root
from datav.formats.tree import DirectoryNode, FileNode, encode_directory_node, encode_file_node
from datav.formats.words import u32_array, u64_array
from datav.ids import EMPTY_CHUNK, PackId, hash_chunk, hash_node
from datav.storage.objects import Objects
from datav.store.layout import FORMAT_LINE

CLONE = "e" * 32


class Forger:
    """Puts at a place whatever it likes."""

    def __init__(self, place: Objects) -> None:
        self.place = place
        self.frames: list[tuple[bytes, bytes]] = []
        place.put("format", FORMAT_LINE)

    def chunk(
        self, data: bytes, *, kind: int = RAW, payload: bytes | None = None, raw: int | None = None
    ) -> bytes:
        """Take in a frame of a chunk; return its id."""
        return self._frame(
            bytes(hash_chunk(data)), kind, data if payload is None else payload, raw or len(data)
        )

    def node(
        self, data: bytes, *, kind: int = RAW, payload: bytes | None = None, raw: int | None = None
    ) -> bytes:
        """The same of a tree node."""
        payload = data if payload is None else payload
        return self._frame(bytes(hash_node(data)), kind | NODE, payload, raw or len(data))

    def _frame(self, identity: bytes, kind: int, payload: bytes, raw: int) -> bytes:
        self.frames.append((identity, frame_header(kind, raw, payload) + payload))
        return identity

    def pack(self, *, bases: dict[int, tuple[bytes, ...]] | None = None) -> tuple[PackId, bytes, list[Place]]:
        """Return the pack of all frames so far, its bytes, and where each frame lies."""
        contents = PackContents(
            b"".join(identity for identity, _ in self.frames),
            u32_array([len(frame) for _, frame in self.frames]),
            bytes(frame[0] for _, frame in self.frames),
            self._bases() if bases is None else bases,
        )
        pack, tail = encode_tail(contents)
        places = [
            Place(pack, offset, length)
            for offset, length in zip(contents.offsets(), contents.lengths, strict=True)
        ]
        return pack, HEADER + b"".join(frame for _, frame in self.frames) + tail, places

    def _bases(self) -> dict[int, tuple[bytes, ...]]:
        found = {}
        for number, (_, frame) in enumerate(self.frames):
            if frame[0] & ~NODE == DELTA:
                payload = frame[17:]
                found[number] = tuple(payload[1 + 32 * n : 33 + 32 * n] for n in range(payload[0]))
        return found

    def put_pack(self, pack: PackId, data: bytes) -> None:
        self.place.put(f"packs/{pack.hex()}.pack", data)

    def put_index(self, packs: set[PackId], records: Sequence[tuple[bytes, Place]]) -> None:
        self.put_raw_index(encode_index(packs, records))

    def put_raw_index(self, data: bytes) -> None:
        self.place.put(f"index/{blake3(data).hexdigest()}.idx", data)

    def publish(self) -> None:
        """Put all frames so far, as an honest writer would."""
        pack, data, places = self.pack()
        self.put_pack(pack, data)
        ids = [identity for identity, _ in self.frames]
        self.put_index({pack}, list(zip(ids, places, strict=True)))


def leaf(entries: Sequence[Entry]) -> bytes:
    """A node of a directory, whatever its entries are."""
    return encode_directory_node(
        DirectoryNode(
            0,
            [entry.path for entry in entries],
            b"".join(entry.id for entry in entries),
            u64_array([entry.size for entry in entries]),
            u64_array([]),
            bytes(entry.kind for entry in entries),
            bytes(entry.depth for entry in entries),
        )
    )


def _delta(bases: Sequence[bytes], kept: int) -> bytes:
    """The payload of a delta that keeps the first bytes of its bases."""
    return bytes([len(bases)]) + b"".join(bases) + struct.pack("<II", kept, 0)


def _misplaced(change: Callable[[Place], Place]) -> Callable[[Forger], Content]:
    def attack(forger: Forger) -> Content:
        identity = forger.chunk(b"x" * 5000)
        pack, data, places = forger.pack()
        forger.put_pack(pack, data)
        forger.put_index({pack}, [(identity, change(places[0]))])
        return Content(identity, 0, 5000)

    return attack


def _overlapping(forger: Forger) -> Content:
    # One delta, which nobody can check before its base has come, counts as sixty thousand.
    forger.chunk(b"base" * 1000)
    body = os.urandom(2**20 - 200)
    forger.chunk(b"", kind=DELTA, payload=_delta([forger.frames[0][0]], 0) + body, raw=2**20)
    pack, data, places = forger.pack()
    forger.put_pack(pack, data)
    ids = [struct.pack(">Q", number) * 4 for number in range(60_000)]
    forger.put_index({pack}, [(identity, places[1]) for identity in ids])
    nodes = [
        FileNode(0, b"".join(ids[first : first + 4000]), u64_array([2**20] * 4000))
        for first in range(0, 60_000, 4000)
    ]
    below = [bytes(hash_node(encode_file_node(node))) for node in nodes]
    top = FileNode(1, b"".join(below), u64_array([4000 * 2**20] * 15))
    nodes_of = Forger(forger.place)
    for node in (*nodes, top):
        identity = nodes_of.node(encode_file_node(node))
    nodes_of.publish()
    return Content(identity, 2, 60_000 * 2**20)


def _raw_index(change: Callable[[bytes], bytes]) -> Callable[[Forger], Content]:
    def attack(forger: Forger) -> Content:
        ids = [forger.chunk(b"%d" % number * 3000) for number in range(3)]
        pack, data, places = forger.pack()
        forger.put_pack(pack, data)
        forger.put_raw_index(change(encode_index({pack}, list(zip(ids, places, strict=True)))))
        return Content(ids[0], 0, 3000)

    return attack


def _resealed(data: bytes) -> bytes:
    """An index whose checksum is right again."""
    from xxhash import xxh3_64_intdigest

    fields = list(INDEX_HEADER.unpack_from(data))
    fields[-1] = xxh3_64_intdigest(data[INDEX_HEADER_SIZE:])
    return INDEX_HEADER.pack(*fields) + data[INDEX_HEADER_SIZE:]


def _with_header(data: bytes, **fields: int) -> bytes:
    names = ("magic", "version", "packs", "count", "bits", "zero", "checksum")
    values = dict(zip(names, INDEX_HEADER.unpack_from(data), strict=True)) | fields
    return INDEX_HEADER.pack(*values.values()) + data[INDEX_HEADER_SIZE:]


def _with_ids_swapped(data: bytes) -> bytes:
    # One pack, a fanout of two words, three ids.
    at = INDEX_HEADER_SIZE + 32 + 8
    return _resealed(data[:at] + data[at + 32 : at + 64] + data[at : at + 32] + data[at + 64 :])


def _with_unknown_pack(data: bytes) -> bytes:
    return _resealed(data[:-12] + struct.pack("<III", 7, 16, 100))


def _wrong_chunk(forger: Forger) -> Content:
    forger.chunk(b"right" * 1000)
    right = forger.frames.pop()[0]
    forger._frame(right, RAW, b"wrong" * 1000, 5000)
    forger.publish()
    return Content(right, 0, 5000)


def _wrong_node(forger: Forger) -> Content:
    chunk = forger.chunk(b"x" * 2000)
    right = forger.node(encode_file_node(FileNode(0, chunk, u64_array([2000]))))
    forger.frames.pop()
    wrong = encode_file_node(FileNode(0, chunk, u64_array([2001])))
    forger._frame(right, RAW | NODE, wrong, len(wrong))
    forger.publish()
    return Content(right, 1, 2000)


def _truncated_pack(forger: Forger) -> Content:
    identity = forger.chunk(b"x" * 5000)
    pack, data, places = forger.pack()
    forger.put_pack(pack, data[:3000])
    forger.put_index({pack}, [(identity, places[0])])
    return Content(identity, 0, 5000)


def _empty_pack(forger: Forger) -> Content:
    identity = forger.chunk(b"x" * 5000)
    pack, _, places = forger.pack()
    forger.put_pack(pack, b"")
    forger.put_index({pack}, [(identity, places[0])])
    return Content(identity, 0, 5000)


def put_lying_contents(forger: Forger) -> Content:
    """A table of contents of another pack, where many chunks are wanted and it is read."""
    ids = [forger.chunk(b"%4d" % number * 300) for number in range(80)]
    forger.chunk(b"", kind=DELTA, payload=_delta([ids[0]], 10), raw=10)
    pack, data, places = forger.pack(bases={80: (b"\7" * 32,)})
    forger.put_pack(pack, data[: -FOOTER_SIZE - 8] + b"\xff" * 8 + data[-FOOTER_SIZE:])
    forger.put_index({pack}, list(zip(ids, places, strict=False)))
    nodes = Forger(forger.place)
    top = nodes.node(encode_file_node(FileNode(0, b"".join(ids), u64_array([1200] * 80))))
    nodes.publish()
    return Content(top, 1, 1200 * 80)


def _bomb(forger: Forger) -> Content:
    """A mebibyte that says that it is one, and is one gibibyte."""
    compressor = zstandard.ZstdCompressor(level=1, write_content_size=False).compressobj()
    block = bytes(2**22)
    body = b"".join(compressor.compress(block) for _ in range(256)) + compressor.flush()
    identity = forger.chunk(bytes(2**20), kind=ZSTD, payload=body, raw=2**20)
    forger.publish()
    return Content(identity, 0, 2**20)


def _lying_bomb(forger: Forger) -> Content:
    """The same, with the frame's own size."""
    compressor = zstandard.ZstdCompressor(level=1).compressobj(size=2**30)
    block = bytes(2**22)
    body = b"".join(compressor.compress(block) for _ in range(256)) + compressor.flush()
    identity = forger.chunk(bytes(2**20), kind=ZSTD, payload=body, raw=2**20)
    forger.publish()
    return Content(identity, 0, 2**20)


def _node_bombs(forger: Forger) -> Content:
    """Forty nodes of 32 MiB each, a few KiB as they are stored."""
    below = []
    for number in range(40):
        data = struct.pack("<I", number) + bytes(32 * 2**20 - 4)
        below.append(forger.node(data, kind=ZSTD, payload=zstandard.compress(data, 1), raw=len(data)))
    top = forger.node(encode_file_node(FileNode(1, b"".join(below), u64_array([1] * 40))))
    forger.publish()
    return Content(top, 2, 40)


def _exponential(forger: Forger) -> Content:
    """Six nodes that name each other 4096 times over: 4096^6 chunks."""
    identity, size = forger.chunk(b"x"), 1
    for level in range(6):
        size *= 4096
        node = FileNode(level, identity * 4096, u64_array([max(1, size // 4096)] * 4096))
        identity = forger.node(encode_file_node(node))
    forger.publish()
    return Content(identity, 6, 1000)


def _exponential_directory(forger: Forger) -> Content:
    chunk = forger.chunk(b"x" * 10)
    identity = forger.node(leaf([Entry(b"f%04d" % n, Kind.FILE, 0, 10, chunk) for n in range(4096)]))
    size, count = 10 * 4096, 4096
    for level in range(1, 4):
        paths = [b"f%04d" % number for number in range(4096)]
        node = DirectoryNode(
            level, paths, identity * 4096, u64_array([size] * 4096), u64_array([count] * 4096), b"", b""
        )
        identity = forger.node(encode_directory_node(node))
        size, count = size * 4096, count * 4096
    forger.publish()
    return Content(identity, 4, size)


def _countless(forger: Forger) -> Content:
    """A directory of 2^60 entries in all, it says."""
    chunk = forger.chunk(b"x")
    below = forger.node(leaf([Entry(b"a", Kind.FILE, 0, 1, chunk)]))
    node = DirectoryNode(1, [b"a"], below, u64_array([2**60]), u64_array([2**60]), b"", b"")
    identity = forger.node(encode_directory_node(node))
    forger.publish()
    return Content(identity, 2, 2**60)


def _with_path(path: bytes) -> Callable[[Forger], Content]:
    def attack(forger: Forger) -> Content:
        chunk = forger.chunk(b"evil")
        identity = forger.node(leaf([Entry(path, Kind.FILE, 0, 4, chunk)]))
        forger.publish()
        return Content(identity, 1, 4)

    return attack


def _through_link(forger: Forger, names: Sequence[bytes] = (b"link", b"link/x")) -> Content:
    target = forger.chunk(OUTSIDE)
    evil = forger.chunk(b"evil")
    entries = [Entry(names[0], Kind.SYMLINK, 0, len(OUTSIDE), target)]
    entries += [Entry(name, Kind.FILE, 0, 4, evil) for name in names[1:]]
    identity = forger.node(leaf(entries))
    forger.publish()
    return Content(identity, 1, len(OUTSIDE) + 4 * (len(names) - 1))


def _through_distant_link(forger: Forger) -> Content:
    """What lies between keeps the two from being neighbours."""
    return _through_link(forger, (b"link", b"link-a", b"link/x"))


def _through_link_in_other_nodes(forger: Forger) -> Content:
    target, evil = forger.chunk(OUTSIDE), forger.chunk(b"evil")
    entries = [
        Entry(b"link", Kind.SYMLINK, 0, len(OUTSIDE), target),
        Entry(b"link-a", Kind.FILE, 0, 4, evil),
        Entry(b"link/x", Kind.FILE, 0, 4, evil),
    ]
    ids = b"".join(forger.node(leaf([entry])) for entry in entries)
    paths, sizes = [entry.path for entry in entries], u64_array([entry.size for entry in entries])
    top = DirectoryNode(1, paths, ids, sizes, u64_array([1, 1, 1]), b"", b"")
    identity = forger.node(encode_directory_node(top))
    forger.publish()
    return Content(identity, 2, sum(sizes))


def _node_for_chunk(forger: Forger) -> Content:
    identity = forger.node(leaf([Entry(b"a", Kind.FILE, 0, 0, bytes(EMPTY_CHUNK))]))
    forger.publish()
    return Content(identity, 0, 50)


def _chunk_for_node(forger: Forger) -> Content:
    data = leaf([Entry(b"a", Kind.FILE, 0, 0, bytes(EMPTY_CHUNK))])
    identity = forger.chunk(data)
    forger.publish()
    return Content(identity, 1, len(data))


def _ring(forger: Forger) -> Content:
    ids = [b"\1" * 32, b"\2" * 32]
    for own, other in (ids, reversed(ids)):
        forger._frame(own, DELTA, _delta([other], 10), 10)
    forger.publish()
    return Content(ids[0], 0, 10)


def _own_base(forger: Forger) -> Content:
    identity = b"\1" * 32
    forger._frame(identity, DELTA, _delta([identity], 10), 10)
    forger.publish()
    return Content(identity, 0, 10)


def _chain(forger: Forger) -> Content:
    """A hundred deltas, each on the next."""
    data = b"x" * 100
    ids = [struct.pack(">Q", number) * 4 for number in range(100)]
    for own, other in zip(ids, [*ids[1:], bytes(hash_chunk(data))], strict=True):
        forger._frame(own, DELTA, _delta([other], 100), 100)
    forger.chunk(data)
    forger.publish()
    return Content(ids[0], 0, 100)


def _node_chain(forger: Forger) -> Content:
    data = leaf([Entry(b"a", Kind.FILE, 0, 0, bytes(EMPTY_CHUNK))])
    ids = [struct.pack(">Q", number) * 4 for number in range(100)]
    for own, other in zip(ids, [*ids[1:], bytes(hash_node(data))], strict=True):
        forger._frame(own, DELTA | NODE, _delta([other], len(data)), len(data))
    forger.node(data)
    forger.publish()
    return Content(ids[0], 1, 10)


def _other_version(forger: Forger) -> Content:
    content = _with_path(b"a")(forger)
    forger.place.put("format", b"datav store 2\n")
    return content


def _no_format(forger: Forger) -> Content:
    content = _with_path(b"a")(forger)
    forger.place.put("format", b"\x1b[2J" * 500)
    return content


OUTSIDE = b"../../outside"
"""Where a link of an attack leads to."""

ATTACKS: dict[str, Callable[[Forger], Content]] = {
    "a frame behind the end of its pack": _misplaced(lambda p: p._replace(offset=10**9)),
    "a frame that begins in the header": _misplaced(lambda p: p._replace(offset=0)),
    "a frame that is too long for its pack": _misplaced(lambda p: p._replace(length=10**6)),
    "a frame of four gigabytes": _misplaced(lambda p: p._replace(length=2**32 - 1)),
    "a frame of no bytes": _misplaced(lambda p: p._replace(length=0)),
    "one frame for sixty thousand chunks": _overlapping,
    "an index that counts to a terabyte": _raw_index(lambda d: _with_header(d, count=2**40)),
    "an index with many packs": _raw_index(lambda d: _with_header(d, packs=2**32 - 1)),
    "an index with a large fanout": _raw_index(lambda d: _with_header(d, bits=200)),
    "an index out of order": _raw_index(_with_ids_swapped),
    "an index that names a pack it does not list": _raw_index(_with_unknown_pack),
    "an index that ends early": _raw_index(lambda d: d[:-5]),
    "an index that does not end": _raw_index(lambda d: d + bytes(1000)),
    "an index that is empty": _raw_index(lambda d: b""),
    "an index that is no index": _raw_index(lambda d: b"<html>" * 100),
    "a wrong chunk": _wrong_chunk,
    "a wrong node": _wrong_node,
    "a pack that is cut short": _truncated_pack,
    "a pack that is empty": _empty_pack,
    "a bomb": _bomb,
    "a bomb that says how large it is": _lying_bomb,
    "nodes that are bombs": _node_bombs,
    "a file that repeats itself": _exponential,
    "a directory that repeats itself": _exponential_directory,
    "a directory that is too large": _countless,
    "a path that goes up": _with_path(b"../evil"),
    "a path that goes up later": _with_path(b"a/../../evil"),
    "an absolute path": _with_path(b"/tmp/evil"),
    "a path into git": _with_path(b".git/hooks/post-checkout"),
    "a path into git in capitals": _with_path(b"sub/.GIT/config"),
    "a path with a NUL": _with_path(b"a\0b"),
    "an empty path": _with_path(b""),
    "a long path": _with_path(b"a/" * 3000 + b"b"),
    "a path through a link": _through_link,
    "a path through a link that is no neighbour": _through_distant_link,
    "a path through a link in another node": _through_link_in_other_nodes,
    "a node for a chunk": _node_for_chunk,
    "a chunk for a node": _chunk_for_node,
    "deltas in a ring": _ring,
    "a delta on itself": _own_base,
    "a chain of deltas": _chain,
    "a chain of nodes that are deltas": _node_chain,
    "another version": _other_version,
    "a format of control characters": _no_format,
}

FORMATS = ("a format of control characters", "another version")
"""Attacks that nobody takes for a store."""


def put_hostile_root(place: Objects, kind: str) -> None:
    """Put a root that is damaged, or claims what cannot be."""
    time = "2026-11-21T13:00:00Z"
    name, data = encode_root(RemoteRoot(CLONE, "evil", time, (), frozenset([Content(b"\1" * 32, 1, 5)])))
    if kind == "garbage":
        place.put(f"roots/{name}", os.urandom(500))
        return
    if kind == "no text":
        data = b"\xff" * 100
    elif kind == "absurd size":
        data = data.replace(b" 1 5\n", b" 1 " + b"9" * 60 + b"\n")
    elif kind == "absurd depth":
        data = data.replace(b" 1 5\n", b" 200 5\n")
    elif kind == "control characters":
        data = data.replace(b"name evil", b"name \x1b[2J")
    elif kind == "a time of control characters":
        data = data.replace(b"time 2026", b"time \x1b[2J")
    elif kind == "another version":
        data = data.replace(b"root 1", b"root 2")
    place.put(f"roots/{CLONE}-{blake3(data).hexdigest()}.root", data)


ROOTS = (
    "garbage",
    "no text",
    "absurd size",
    "absurd depth",
    "control characters",
    "another version",
    "a time of control characters",
)
