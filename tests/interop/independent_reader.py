"""Restores a dataset from a store and a manifest, written from docs/formats alone: it does not import datav.

    python independent_reader.py STORE MANIFEST TARGET

Slow, simple and complete: the pages are good enough if this works.  A pack is readable without an index, so
indexes are read only to be compared with what the packs say.
"""

import os
import struct
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import xxhash
import zstandard
from blake3 import blake3

NODE_CONTEXT = "datav 2026 tree node v1"
PACK_CONTEXT = "datav 2026 pack contents v1"
INDEX_CONTEXT = "datav 2026 index v1"


class RefusedError(Exception):
    """What a reader must refuse."""


def need(condition: bool, what: str) -> None:
    if not condition:
        raise RefusedError(what)


def u32s(data: bytes) -> list[int]:
    return list(struct.unpack(f"<{len(data) // 4}I", data))


def u64s(data: bytes) -> list[int]:
    return list(struct.unpack(f"<{len(data) // 8}Q", data))


def ids_in(data: bytes) -> list[bytes]:
    return [data[at : at + 32] for at in range(0, len(data), 32)]


@dataclass
class Stored:
    """Where a frame lies."""

    pack: Path
    offset: int
    length: int
    kind: int
    bases: list[bytes]


class Store:
    """docs/formats/store.md"""

    def __init__(self, root: Path) -> None:
        need((root / "format").read_bytes() == b"datav store 1\n", "the store's version")
        self.frames: dict[bytes, list[Stored]] = {}
        names = set()
        for path in sorted((root / "packs").glob("*.pack")):
            names.add(bytes.fromhex(path.stem))
            self.read_pack(path)
        listed = set()
        for path in sorted((root / "index").glob("*.idx")):
            listed |= self.check_index(path, names)
        need(listed == set(self.frames), "the indexes list what is in the packs")

    def read_pack(self, path: Path) -> None:
        """docs/formats/pack.md"""
        data = path.read_bytes()
        need(data[:16] == b"DATAVPK\n" + struct.pack("<II", 1, 0), "a pack's header")
        offset, length, identity, version, zero, magic = struct.unpack("<QQ32sII8s", data[-64:])
        need((version, zero, magic) == (1, 0, b"DATAVPKE"), "a pack's footer")
        need(offset + length + 64 == len(data), "P1: the footer's place")
        contents = data[offset : offset + length]
        need(blake3(contents, derive_key_context=PACK_CONTEXT).digest() == identity, "P2: the pack's id")
        need(path.name == identity.hex() + ".pack", "the pack's name")
        (count,) = struct.unpack_from("<I", contents)
        at = 4 + 32 * count
        ids = ids_in(contents[4:at])
        lengths = u32s(contents[at : at + 4 * count])
        at += 4 * count
        kinds = contents[at : at + count]
        at += count
        start = 16
        for identity, size, kind in zip(ids, lengths, kinds, strict=True):
            bases: list[bytes] = []
            if kind & 0x7F == 2:
                bases = ids_in(contents[at + 1 : at + 1 + 32 * contents[at]])
                need(1 <= len(bases) <= 4, "1 to 4 bases")
                at += 1 + 32 * len(bases)
            self.frames.setdefault(identity, []).append(Stored(path, start, size, kind, bases))
            start += size
        need(at == len(contents), "the end of the contents")
        need(start == offset, "P1: the frames' lengths")

    def check_index(self, path: Path, packs: set[bytes]) -> set[bytes]:
        """docs/formats/index.md"""
        data = path.read_bytes()
        magic, version, pack_count, count, bits, zero, checksum, rest = struct.unpack_from(
            "<8sIIQIIQ24s", data
        )
        need((magic, version, zero, rest) == (b"DATAVIX\n", 1, 0, bytes(24)), "an index's header")
        need(xxhash.xxh3_64_intdigest(data[64:]) == checksum, "an index's checksum")
        at = 64 + 32 * pack_count
        table = ids_in(data[64:at])
        need(table == sorted(set(table)) and set(table) <= packs, "I1: the packs of an index")
        need(
            path.name == blake3(data[64:at], derive_key_context=INDEX_CONTEXT).hexdigest() + ".idx",
            "its name",
        )
        fanout = u32s(data[at : at + 4 * (2**bits + 1)])
        at += 4 * (2**bits + 1)
        ids = ids_in(data[at : at + 32 * count])
        places = u32s(data[at + 32 * count :])
        need(len(places) == 3 * count and ids == sorted(set(ids)), "an index's ids")
        need(count <= 32 * 2**bits and (bits == 0 or count > 32 * 2 ** (bits - 1)), "the smallest B")
        for k in range(2**bits + 1):
            below = sum(int.from_bytes(identity[:4], "big") >> (32 - bits) < k for identity in ids)
            need(fanout[k] == below, "the fanout")
        for number, identity in enumerate(ids):
            pack, offset, length = places[3 * number : 3 * number + 3]
            here = [s for s in self.frames[identity] if (s.offset, s.length) == (offset, length)]
            need(any(s.pack.stem == table[pack].hex() for s in here), "a place")
        return set(ids)

    def content(self, identity: bytes, *, is_node: bool, steps: int = 0) -> bytes:
        """docs/formats/frame.md"""
        need(steps <= 8, "F2")
        need(identity in self.frames, "an id that is not stored")
        stored = max(self.frames[identity], key=lambda s: s.length)
        with open(stored.pack, "rb") as file:
            file.seek(stored.offset)
            frame = file.read(stored.length)
        kind, raw_length, payload_length, checksum = struct.unpack_from("<BIIQ", frame)
        payload = frame[17:]
        need(kind == stored.kind and bool(kind & 0x80) == is_node, "the kind")
        need(len(payload) == payload_length <= raw_length + 160, "the payload's length")
        need(raw_length <= (32 * 2**20 if is_node else 2**20), "the raw length")
        need(xxhash.xxh3_64_intdigest(payload) == checksum, "the payload's checksum")
        kind &= 0x7F
        if kind == 0:
            content = payload
        elif kind == 1:
            content = unzstd(payload, raw_length)
        else:
            need(kind == 2, "a known kind")
            count = payload[0]
            need(ids_in(payload[1 : 1 + 32 * count]) == stored.bases, "the bases, as in the contents")
            prefix = b"".join(self.content(base, is_node=is_node, steps=steps + 1) for base in stored.bases)
            head, tail = struct.unpack_from("<II", payload, 1 + 32 * count)
            need(head + tail <= min(len(prefix), raw_length), "P and S")
            rest = payload[1 + 32 * count + 8 :]
            end = len(prefix) - tail
            if head + tail == raw_length:
                need(rest == b"", "nothing after S")
                middle = b""
            else:
                middle = unzstd(rest, raw_length - head - tail, prefix[head:end])
            content = prefix[:head] + middle + prefix[end:]
        need(len(content) == raw_length, "F1: the length")
        digest = blake3(content, derive_key_context=NODE_CONTEXT) if is_node else blake3(content)
        need(digest.digest() == identity, "F1: the id")
        return content

    def file(self, identity: bytes, depth: int, size: int) -> bytes:
        """docs/formats/tree.md: the bytes of a file."""
        if depth == 0:
            if size == 0:
                need(identity == blake3(b"").digest(), "the id of no bytes")
                return b""
            content = self.content(identity, is_node=False)
        else:
            node = self.content(identity, is_node=True)
            letter, version, level, zero, count = struct.unpack_from("<BBBBI", node)
            need((letter, version, level, zero) == (ord("F"), 1, depth - 1, 0), "a file node's header")
            need(1 <= count <= 4096 and level <= 12 and len(node) == 8 + 40 * count, "a file node's size")
            sizes, ids = u64s(node[8 : 8 + 8 * count]), ids_in(node[8 + 8 * count :])
            need(min(sizes) >= 1, "at least a byte")
            check_ends([int.from_bytes(i[:8], "little") for i in ids])
            content = b"".join(self.file(i, level, s) for i, s in zip(ids, sizes, strict=True))
        need(len(content) == size, "the size of a file")
        return content

    def directory(self, identity: bytes, level: int, size: int) -> "list[tuple[bytes, int, int, int, bytes]]":
        """docs/formats/tree.md: (path, kind, depth, size, id) of each entry."""
        node = self.content(identity, is_node=True)
        letter, version, found, zero, count = struct.unpack_from("<BBBBI", node)
        need((letter, version, found, zero) == (ord("D"), 1, level, 0), "a directory node's header")
        need(count <= 4096 and level <= 12, "a directory node's size")
        at = 8
        sizes = u64s(node[at : at + 8 * count])
        at += 8 * count
        ids = ids_in(node[at : at + 32 * count])
        at += 32 * count
        counts, kinds, depths = [], b"", b""
        if level:
            counts = u64s(node[at : at + 8 * count])
            at += 8 * count
        else:
            kinds, depths = node[at : at + count], node[at + count : at + 2 * count]
            at += 2 * count
        ends = u32s(node[at : at + 4 * count])
        blob = node[at + 4 * count :]
        need(len(blob) == (ends[-1] if ends else 0), "the path bytes")
        paths = [blob[start:end] for start, end in zip([0, *ends], ends, strict=False)]
        need(sum(sizes) == size, "the size of a directory")
        check_ends([xxhash.xxh3_64_intdigest(path, seed=level) for path in paths])
        if not level:
            return list(zip(paths, kinds, depths, sizes, ids, strict=True))
        entries = []
        for path, below, child, total in zip(paths, counts, ids, sizes, strict=True):
            part = self.directory(child, level - 1, total)
            need(len(part) == below and part[0][0] == path, "what a parent says of a child")
            entries += part
        return entries


def check_ends(marks: list[int]) -> None:
    """No node goes on behind the entry where it should have ended."""
    for number, mark in enumerate(marks[:-1]):
        need(not (number + 1 >= 32 and mark < 2**64 // 512), "where a node ends")


def unzstd(data: bytes, length: int, dictionary: bytes = b"") -> bytes:
    need(zstandard.frame_content_size(data) == length, "the size that a zstd frame states")
    if not dictionary:
        return zstandard.ZstdDecompressor().decompress(data, allow_extra_data=False)
    raw = zstandard.ZstdCompressionDict(dictionary, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    return zstandard.ZstdDecompressor(dict_data=raw).decompress(data, allow_extra_data=False)


def check_paths(paths: list[bytes]) -> None:
    need(paths == sorted(set(paths)), "paths in order")
    entries = set(paths)
    for path in paths:
        parts = path.split(b"/")
        need(not {b"", b".", b"..", b".git"} & {part.lower() for part in parts}, "a safe path")
        need(b"\0" not in path and len(path) <= 4096, "a possible path")
        above = {b"/".join(parts[:n]) for n in range(1, len(parts))}
        need(not above & entries, "no entry below an entry")


def restore(store_root: Path, manifest: Path, target: Path) -> None:
    """docs/formats/manifest.md: bring back at `target` what `manifest` names."""
    fields = tomllib.loads(manifest.read_text(encoding="utf-8"))
    need(fields["datav"] in (1, 2, 3), "the manifest's version")
    need(fields["id"].startswith("b3:"), "an id")
    identity, store = bytes.fromhex(fields["id"][3:]), Store(store_root)
    if fields["kind"] == "file":
        target.write_bytes(store.file(identity, fields["depth"], fields["bytes"]))
        target.chmod(0o755 if fields.get("executable") else 0o644)
        return
    need(fields["kind"] == "directory", "the kind of a dataset")
    entries = store.directory(identity, fields["depth"] - 1, fields["bytes"])
    need(len(entries) == fields["files"], "the number of entries")
    check_paths([entry[0] for entry in entries])
    target.mkdir()
    for path, kind, depth, size, content_id in entries:
        place = os.path.join(os.fsencode(target), path)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        content = store.file(content_id, depth, size)
        if kind == 3:
            need(size == 0, "an empty directory")
            os.mkdir(place)
        elif kind == 2:
            os.symlink(content, place)
        else:
            need(kind in (0, 1), "a known kind")
            with open(place, "xb") as file:
                file.write(content)
            os.chmod(place, 0o755 if kind == 1 else 0o644)


if __name__ == "__main__":
    restore(*(Path(argument) for argument in sys.argv[1:4]))
