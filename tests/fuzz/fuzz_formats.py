"""Throws damaged bytes at every decoder of what datav reads from a disk or a remote.

    python tests/fuzz/fuzz_formats.py [--seconds N] [--seed S] [--only NAME]

Mutations of good samples; half of them get their checksums and lengths put right again, so that they reach
what lies behind these.  A decoder may answer with a value, or with FormatError, IntegrityError or
UnsafePathError.  Anything else, or memory out of proportion, is a crash: it is printed with the input, and
the exit status is 1.
"""

import argparse
import json
import random
import re
import resource
import struct
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from xxhash import xxh3_64_intdigest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from datav.errors import FormatError, IntegrityError, UnsafePathError
from datav.formats import conflict, frame, index, pack, tree
from datav.formats.entry import Content, Entry, Kind
from datav.formats.manifest import (
    ColumnInfo,
    ConflictInfo,
    Manifest,
    TableInfo,
    encode_manifest,
    parse_manifest,
)
from datav.formats.words import u32_array, u64_array
from datav.ids import EMPTY_CHUNK, PackId, hash_pack_contents
from datav.profiles.encoding import encode_profile, encode_table, parse_profile
from datav.profiles.profile import Profile, TableProfile, merge_tables
from datav.storage.leases import parse_lease
from datav.workspace.statcache import StatCache
from tests.golden import make_profiles

MEMORY_FACTOR, MEMORY_SLACK = 60, 4 * 2**20
"""A decoder may take so many bytes for each byte of input, and so many more."""
_SAMPLED = 0.02
"""The share of inputs whose memory is measured: measuring is slow, and loses some memory each time."""

PREFIX = b"".join(b"%d,%d\n" % (n, n * n) for n in range(400))
CODEC = frame.Codec()


@dataclass
class Target:
    """One decoder, good inputs for it, and what puts a damaged one's checksums right."""

    decode: Callable[[bytes], object]
    samples: list[bytes]
    seal: Callable[[bytes], bytes] = bytes
    slack: int = MEMORY_SLACK
    inputs: int = 0
    refused: int = 0
    peak: int = 0
    crashes: list[str] = field(default_factory=list)


def _decode_frame(data: bytes) -> object:
    return CODEC.decode(frame.parse_frame(data, "x"), PREFIX, "x")


def _seal_frame(data: bytes) -> bytes:
    payload = data[frame.HEADER_SIZE :]
    if len(data) < frame.HEADER_SIZE:
        return data
    return data[:5] + struct.pack("<IQ", len(payload), xxh3_64_intdigest(payload)) + payload


def _decode_pack(data: bytes) -> object:
    footer = pack.parse_footer(data[-pack.FOOTER_SIZE :], len(data), "x")
    encoded = data[footer.contents_offset : footer.contents_offset + footer.contents_length]
    contents = pack.parse_contents(encoded, "x")
    pack.check_contents(contents, footer, encoded, "x")
    for offset, length in zip(contents.offsets(), contents.lengths, strict=True):
        assert pack.HEADER_SIZE <= offset <= offset + length <= footer.contents_offset
    return contents


def _seal_pack(data: bytes) -> bytes:
    """Keep where the contents begin; let their length and the id be right."""
    if len(data) < pack.HEADER_SIZE + pack.FOOTER_SIZE:
        return data
    (start,) = struct.unpack_from("<Q", data, len(data) - pack.FOOTER_SIZE)
    start = min(max(start, pack.HEADER_SIZE), len(data) - pack.FOOTER_SIZE)
    contents = data[start : -pack.FOOTER_SIZE]
    footer = pack.FOOTER.pack(start, len(contents), hash_pack_contents(contents), 1, 0, pack.FOOTER_MAGIC)
    return data[: -pack.FOOTER_SIZE] + footer


WANTED = b"".join(random.Random(3).randbytes(32) for _ in range(60)) + bytes(32) + b"\xff" * 32


def _decode_index(data: bytes) -> object:
    opened = index.open_index(data, "x")
    for position in opened.find(WANTED + bytes(opened.ids[:320])):
        if position != index.ABSENT:
            assert position < opened.count
            opened.place(position)
    return list(index.check_index(data, "x").records())


def _seal_index(data: bytes) -> bytes:
    if len(data) < index.HEADER_SIZE:
        return data
    return data[:32] + struct.pack("<Q", xxh3_64_intdigest(data[64:])) + data[40:]


def _decode_node(data: bytes) -> object:
    if data[:1] == b"F":
        file = tree.parse_file_node(data, "x")
        assert tree.encode_file_node(file) == data
        return file
    node = tree.parse_directory_node(data, "x")
    assert tree.encode_directory_node(node) == data
    return node.entries() if node.level == 0 else node


def _decode_lease(data: bytes) -> object:
    holder = parse_lease(data)
    if holder is None:
        raise FormatError("no lease")
    return holder.is_alive(0.0), str(holder)


def _seal_stat_cache(data: bytes) -> bytes:
    return data if len(data) < 24 else data[:16] + struct.pack("<Q", xxh3_64_intdigest(data[24:])) + data[24:]


class _StatCacheFile:
    """`StatCache.load` reads a file; one in memory if there is such a place."""

    def __init__(self) -> None:
        shared = Path("/dev/shm")
        self._folder = tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None)
        self._path = Path(self._folder.name) / "stat"

    def __call__(self, data: bytes) -> object:
        self._path.write_bytes(data)
        cache = StatCache.load(self._path)
        if not len(cache):
            raise FormatError("empty")
        return cache


def _frames() -> list[bytes]:
    text, middle = PREFIX[:3000], PREFIX[:900] + b"!" + PREFIX[1000:2500]
    cuts = {bytes([1]) * 32: PREFIX[:1500], bytes([2]) * 32: PREFIX[1500:]}
    payloads = [
        (frame.RAW, text[:100]),
        (frame.ZSTD, CODEC.compress(text)),
        (frame.ZSTD | frame.NODE, CODEC.compress(bytes(20_000))),
        (frame.DELTA, CODEC.encode_delta({bytes(32): PREFIX}, middle)),
        (frame.DELTA | frame.NODE, CODEC.encode_delta(cuts, PREFIX)),
    ]
    sizes = [100, len(text), 20_000, len(middle), len(PREFIX)]
    return [
        frame.frame_header(kind, size, payload) + payload
        for (kind, payload), size in zip(payloads, sizes, strict=True)
    ]


def _packs() -> list[bytes]:
    frames, made = _frames(), []
    for count in (0, 1, len(frames)):
        some = frames[:count]
        contents = pack.PackContents(
            ids=b"".join(bytes([n]) * 32 for n in range(count)),
            lengths=u32_array([len(each) for each in some]),
            kinds=bytes(each[0] for each in some),
            bases={3: (bytes(32),), 4: (bytes([1]) * 32, bytes([2]) * 32)} if count == 5 else {},
        )
        made.append(b"".join([pack.HEADER, *some, pack.encode_tail(contents)[1]]))
    return made


def _indexes() -> list[bytes]:
    rng, packs = random.Random(3), [PackId(bytes([n]) * 32) for n in range(3)]
    ids = [rng.randbytes(32) for _ in range(100)]
    return [
        index.encode_index(packs, [(ids[n], index.Place(packs[n % 3], 16 + n, 40)) for n in range(count)])
        for count in (0, 1, 40, 100)
    ]


def _nodes() -> list[bytes]:
    ids = b"".join(bytes([n]) * 32 for n in range(6))
    empty = bytes(EMPTY_CHUNK)
    entries = [Entry(b"dir/%d.csv" % n, n % 3, n % 2, 100 + n, bytes([n]) * 32) for n in range(5)]
    entries.append(Entry(b"empty", Kind.EMPTY_DIRECTORY, 0, 0, empty))
    leaf = tree.DirectoryNode(
        0,
        [entry.path for entry in entries],
        b"".join(entry.id for entry in entries),
        u64_array([entry.size for entry in entries]),
        u64_array([]),
        bytes(entry.kind for entry in entries),
        bytes(entry.depth for entry in entries),
    )
    paths = [b"a", b"b", b"c/d", b"c/e", b"f", b"g"]
    upper = tree.DirectoryNode(3, paths, ids, u64_array([9] * 6), u64_array([2] * 6), b"", b"")
    files = [tree.FileNode(level, ids, u64_array([1, 2, 3, 4, 5, 2**40])) for level in (0, 2)]
    nodes = [tree.encode_directory_node(leaf), tree.encode_directory_node(upper)]
    return nodes + [tree.encode_file_node(node) for node in files]


def _manifests() -> list[bytes]:
    columns = tuple(ColumnInfo(name, "integer", None) for name in ("id", 'we"ird\n', "id"))
    table = TableInfo(
        format="csv",
        encoding="utf-8",
        delimiter=",",
        rows=7,
        key=("id",),
        columns=columns,
        more_columns=0,
        sampled=True,
    )
    content = Content(bytes([9]) * 32, 1, 70_000)
    meta = '[meta]\nsource = "x"\n[meta.units]\na = [1, 2.5, 1979-05-27T07:32:00Z]\n'
    return [
        encode_manifest(Manifest("file", content, 1, table=table, meta=meta)),
        encode_manifest(Manifest("directory", content, 30, meta="# note\n[meta]\n")),
        encode_manifest(
            Manifest("file", content, 1, table=table, conflict=ConflictInfo(content, 3, (content,)))
        ),
    ]


def _decode_conflict(data: bytes) -> object:
    record = conflict.parse_record(data, "x")
    assert conflict.encode_record(record) == data
    decisions = {conflict.identity(item): conflict.Given("x") for item in record.items}
    assert not conflict.open_items(conflict.with_decisions(record, decisions))
    return record


def _seal_conflict(data: bytes) -> bytes:
    """Let the header say how many conflicts there are."""
    return re.sub(rb'"items":[0-9]+', b'"items":%d' % max(0, data.count(b"\n") - 1), data, count=1)


def _conflicts() -> list[bytes]:
    golden = Path(__file__).resolve().parents[1] / "golden" / "conflict"
    return [path.read_bytes() for path in sorted(golden.iterdir())]


def _leases() -> list[bytes]:
    holder = {"host": "h", "machine": "m 1", "pid": 12, "started": "345", "expires": 1.5e9, "token": "ab"}
    return [json.dumps(holder).encode(), json.dumps(holder | {"pid": -1, "started": ""}).encode()]


def _decode_profile(data: bytes) -> object:
    profile = parse_profile(data, "x")
    assert encode_profile(parse_profile(encode_profile(profile), "x")) == encode_profile(profile)
    if profile.table is not None:
        encode_table(merge_tables([profile.table, profile.table]))
        for column in profile.table.columns:
            column.distinct.estimate()
            if column.numbers.ranks.count:
                column.numbers.ranks.quantile(0.3)
    return profile


def _seal_profile(data: bytes) -> bytes:
    """Let the header end where its JSON does, and the checksum be right."""
    if len(data) < 24:
        return data
    try:
        # One byte a character, so that the end is counted in bytes.
        length = json.JSONDecoder().raw_decode(data[24:].decode("latin-1"))[1]
    except (ValueError, RecursionError):
        (length,) = struct.unpack_from("<I", data, 12)
    return data[:12] + struct.pack("<IQ", length, xxh3_64_intdigest(data[24:])) + data[24:]


def _profiles() -> list[bytes]:
    columns = make_profiles.columns()
    tables = [TableProfile(304, columns, make_profiles.groups()), TableProfile(3, columns[2:]), None]
    return [encode_profile(Profile(table, make_profiles.folder())) for table in tables]


def _stat_caches() -> list[bytes]:
    def cache(paths: list[bytes]) -> bytes:
        count, blob = len(paths), b"\0".join(paths)
        body = struct.pack("<QQ32sIQ", count, len(blob), bytes(32), 1, 5) + bytes(36 * count)
        body += b"".join(struct.pack("<32sBQ", bytes([n]) * 32, 0, n) for n in range(count)) + blob
        return b"DATAVSC\n" + struct.pack("<IIQ", 1, 0, xxh3_64_intdigest(body)) + body

    return [cache([b"a", b"b/c", b"d" * 50]), cache([b"one"])]


def make_targets() -> dict[str, Target]:
    stat_cache = _StatCacheFile()
    return {
        # A frame may say that it holds 32 MiB, and a zstd frame of some bytes may hold them.
        "frame": Target(_decode_frame, _frames(), _seal_frame, slack=80 * 2**20),
        "pack": Target(_decode_pack, _packs(), _seal_pack),
        "index": Target(_decode_index, _indexes(), _seal_index),
        "node": Target(_decode_node, _nodes()),
        "manifest": Target(lambda data: parse_manifest(data, "x"), _manifests()),
        "conflict": Target(_decode_conflict, _conflicts(), _seal_conflict),
        "stat cache": Target(stat_cache, _stat_caches(), _seal_stat_cache),
        "lease": Target(_decode_lease, _leases()),
        "profile": Target(_decode_profile, _profiles(), _seal_profile),
    }


NUMBERS = [
    0,
    1,
    2,
    31,
    32,
    255,
    256,
    4096,
    4097,
    2**16,
    2**20,
    2**25,
    2**31,
    2**32 - 1,
    2**40,
    2**63,
    2**64 - 1,
]


def mutate(rng: random.Random, samples: list[bytes]) -> bytes:
    data = bytearray(rng.choice(samples))
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(8):
            case 0 if data:
                data[at % len(data)] ^= 1 << rng.randrange(8)
            case 1 if data:
                data[at % len(data)] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
            case 2 | 3:
                width = rng.choice((1, 2, 4, 8))
                # Headers are where the numbers are.
                at = rng.randrange(min(80, len(data) + 1)) if rng.random() < 0.7 else at
                number = rng.choice(NUMBERS) + rng.choice((0, 0, -1, 1))
                data[at : at + width] = (number % 2 ** (8 * width)).to_bytes(width, "little")
            case 4:
                data[at:at] = rng.randbytes(rng.randrange(20))
            case 5:
                del data[at : at + rng.choice((1, 4, 8, 32, 500))]
            case 6:
                other = rng.choice(samples)
                start = rng.randrange(len(other) + 1)
                data[at:] = other[start:]
            case _:
                length = rng.randrange(40)
                data[at:at] = data[at : at + length] * rng.choice((1, 1, 5))
    return bytes(data)


def try_one(target: Target, data: bytes, *, measure: bool) -> None:
    target.inputs += 1
    if measure:
        tracemalloc.start()
    try:
        target.decode(data)
    except (FormatError, IntegrityError, UnsafePathError):
        target.refused += 1
    except Exception as exc:
        target.crashes.append(f"{type(exc).__name__}: {exc}\n    {data[:4000].hex()}")
    if measure:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        target.peak = max(target.peak, peak)
        if peak > target.slack + MEMORY_FACTOR * len(data):
            target.crashes.append(f"took {peak} bytes for {len(data)}\n    {data[:4000].hex()}")


def fuzz(targets: dict[str, Target], seconds: float, seed: int) -> None:
    """Feed all targets, in turn, for so long."""
    rng = random.Random(seed)
    for target in targets.values():
        for sample in target.samples:
            target.decode(sample)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for target in targets.values():
            for number in range(32):
                data = mutate(rng, target.samples)
                if number % 2:
                    data = target.seal(data)
                try_one(target, data, measure=rng.random() < _SAMPLED)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", help="one decoder")
    options = parser.parse_args()
    targets = make_targets()
    if options.only:
        targets = {options.only: targets[options.only]}
    fuzz(targets, options.seconds, options.seed)
    print(f"{'decoder':12} {'inputs':>10} {'refused':>10} {'crashes':>8} {'peak KiB':>9}")
    for name, target in targets.items():
        crashed, peak = len(target.crashes), target.peak // 1024
        print(f"{name:12} {target.inputs:10} {target.refused:10} {crashed:8} {peak:9}")
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"largest memory of the process: {most // 1024} MiB")
    crashes = [f"{name}: {each}" for name, target in targets.items() for each in target.crashes[:5]]
    print(*crashes, sep="\n", file=sys.stderr)
    return 1 if crashes else 0


if __name__ == "__main__":
    sys.exit(main())
