"""Measures datav.core: speed, sizes of chunks on structured data, re-use after edits, flags.

    python -m tests.bench.bench_core speed
    python -m tests.bench.bench_core sizes
    python -m tests.bench.bench_core reuse
    python -m tests.bench.bench_core flags [FILE...]

Each prints a Markdown table; docs/decisions/0001-chunker.md has them.  `speed` takes the best of
five, on one thread, with the data in memory: 256 MiB, far more than a cache, and 1 MiB over and over.
"""

import base64
import bz2
import datetime
import json
import lzma
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import zstandard

from datav import core
from datav.core import ChunkerParams, _native

PARAMS = ChunkerParams()
SIZES = (PARAMS.smallest, PARAMS.target, PARAMS.largest)
SIZE = 24 * 2**20


def main(which: str, files: list[str]) -> None:
    match which:
        case "speed":
            print_speed()
        case "sizes":
            print_sizes()
        case "reuse":
            print_reuse()
        case "flags":
            print_flags(files)
        case _:
            sys.exit(__doc__)


# ---------------------------------------------------------------- speed


def print_speed() -> None:
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 256, 2**28, dtype=np.uint8)
    line = b'2024-01-%02d,Station %d,12.5,"some, text",77\n'
    quoted = b"".join(line % (k % 28, k) for k in range(400_000)) * 8
    plain = quoted.replace(b'"', b"")
    ends = np.arange(1, 4097, dtype="<u8") * 65536
    ids = np.sort(rng.integers(0, 2**64, 2**22, dtype=np.uint64))
    stored = np.zeros((len(ids), 4), ">u8")
    stored[:, 0] = ids
    fanout = np.searchsorted(ids >> np.uint64(48), np.arange(2**16 + 1)).astype("<u4")
    wanted = rng.permutation(stored)[:100_000].tobytes()

    print("| function | " + " | ".join(_native.variants()) + " |")
    print("|---|" + "---|" * len(_native.variants()))
    print_row("find_candidates, 256 MiB of noise", len(noise), lambda: candidates(noise))
    print_row("find_candidates, 1 MiB of noise", 2**20, lambda: candidates(noise[: 2**20]))
    print_row("find_candidates, 1 MiB of zeros", 2**20, lambda: candidates(np.zeros(2**20, np.uint8)))
    print_row("find_cuts, 256 MiB of noise", len(noise), lambda: _native.find_cuts(noise.data, *SIZES))
    print_row("count_rows, CSV", len(plain), lambda: _native.count_rows(plain, 0, 44, True))
    print_row("count_rows, CSV with quotes", len(quoted), lambda: _native.count_rows(quoted, 0, 44, True))
    print_row("count_rows_exact", 2**24, lambda: _native.count_rows_exact(quoted[: 2**24], 0, 44))
    print_row(
        "incompressible_flags, noise", len(noise), lambda: _native.incompressible_flags(noise.data, ends.data)
    )
    seconds = best(lambda: _native.find_ids(stored.data, fanout.data, 16, wanted))
    print(f"\nfind_ids: {seconds / 100_000 * 1e9:.0f} ns an id, 4 million ids")


def candidates(data: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]") -> bytes:
    return _native.find_candidates(data.data, 0, PARAMS.hard, PARAMS.easy)


def print_row(name: str, size: int, call: Callable[[], object]) -> None:
    speeds = []
    for variant in _native.variants():
        _native.use(variant)
        speeds.append(f"{size / best(call) / 1e9:.1f}")
    print(f"| {name} | " + " | ".join(speeds) + " |")


def best(call: Callable[[], object]) -> float:
    times = []
    for _ in range(5):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


# ---------------------------------------------------------------- sizes


def print_sizes() -> None:
    print("| data | mean, KiB | cut at the largest size |")
    print("|---|---|---|")
    for name, data in structured_data():
        lengths = np.diff([0, *memoryview(core.find_cuts(data, *SIZES)).cast("Q")])
        forced = np.count_nonzero(lengths == PARAMS.largest) / len(lengths)
        print(f"| {name} | {lengths.mean() / 1024:.0f} | {100 * forced:.0f} % |")


def structured_data() -> Iterator[tuple[str, bytes]]:
    rng = np.random.default_rng(7)
    n4, n8 = SIZE // 4, SIZE // 8
    start = datetime.datetime(2024, 1, 1)
    values = rng.integers(0, 1000, 2_000_000).tolist()

    def lines(make: Callable[[int], str]) -> bytes:
        made: list[str] = []
        size = 0
        while size < SIZE:
            made.append(make(len(made)))
            size += len(made[-1])
        return "".join(made).encode()[:SIZE]

    table = lines(
        lambda k: f"{start + datetime.timedelta(seconds=k)},{k},sensor-{values[k] % 20},{values[k]}.5\n"
    )
    yield "noise", rng.bytes(SIZE)
    yield "CSV", table
    yield "CSV as UTF-16", table[: SIZE // 2].decode().encode("utf-16-le")
    yield "CSV as UTF-32", table[: SIZE // 4].decode().encode("utf-32-le")
    yield (
        "timestamps, one a line",
        lines(lambda k: f"{(start + datetime.timedelta(minutes=k)).isoformat()}\n"),
    )
    yield (
        "JSON Lines",
        lines(lambda k: json.dumps({"id": k, "name": f"u{values[k]}", "on": values[k] % 2}) + "\n"),
    )
    yield "1, 2, 3, ... as text", lines(lambda k: f"{k}\n")
    yield "the same, 15 digits", lines(lambda k: f"{k:015d}\n")
    yield "DNA", rng.choice(np.frombuffer(b"ACGT", np.uint8), SIZE).tobytes()
    dna = rng.choice(np.frombuffer(b"ACGT", np.uint8), (SIZE // 64, 64))
    dna[:, 63] = ord("\n")
    yield "DNA, lines of 64", dna.tobytes()
    yield "base64", base64.b64encode(rng.bytes(SIZE * 3 // 4))
    yield "float32 normal", rng.normal(size=n4).astype("<f4").tobytes()
    yield "float64 normal", rng.normal(size=n8).tobytes()
    yield "float64 of whole numbers under 1000", rng.integers(0, 1000, n8).astype("<f8").tobytes()
    yield "float64 1, 2, 3, ...", np.arange(n8).astype("<f8").tobytes()
    yield "float32 1, 2, 3, ...", np.arange(n4).astype("<f4").tobytes()
    yield "float32, 1440 values over and over", np.tile(np.arange(1440).astype("<f4"), n4 // 1440).tobytes()
    yield "int64 1, 2, 3, ...", np.arange(n8, dtype="<i8").tobytes()
    yield "int32 1, 2, 3, ...", np.arange(n4, dtype="<i4").tobytes()
    yield "uint16 1, 2, 3, ...", np.arange(SIZE // 2).astype("<u2").tobytes()
    yield "int64 under 100", rng.integers(0, 100, n8).astype("<i8").tobytes()
    yield "int64 timestamps, uneven", np.cumsum(rng.integers(0, 2000, n8)).astype("<i8").tobytes()
    yield "int32, 95 % zero", (rng.integers(0, 100, n4) * (rng.random(n4) < 0.05)).astype("<i4").tobytes()
    yield (
        "int16 sound",
        (8000 * np.sin(np.arange(SIZE // 2) / 20) + rng.normal(size=SIZE // 2)).astype("<i2").tobytes(),
    )
    yield "boolean bytes", rng.integers(0, 2, SIZE, dtype=np.uint8).tobytes()
    yield "boolean bytes, 2 % true", (rng.random(SIZE) < 0.02).astype(np.uint8).tobytes()
    yield "bitmap, 1 % set", np.packbits(rng.random(SIZE * 8) < 0.01).tobytes()
    for size in (32, 48, 64, 96, 100, 128, 160, 256, 512):
        for fill, fill_name in ((0x20, "spaces"), (0xFF, "0xFF")):
            records = np.full((SIZE // size, size), fill, np.uint8)
            records[:, :4] = np.arange(len(records), dtype="<u4").view(np.uint8).reshape(-1, 4)
            records[:, 8:9] = rng.integers(0, 4, (len(records), 1))
            yield f"records of {size}, number, flag and {fill_name}", records.tobytes()
    records = np.full((SIZE // 64, 64), 7, np.uint8)
    records[:, 5] = rng.integers(0, 2, len(records))
    yield "records of 64 that differ in one bit", records.tobytes()
    yield "zeros", bytes(SIZE)


# ---------------------------------------------------------------- re-use


def print_reuse() -> None:
    rng = np.random.default_rng(11)
    noise = rng.bytes(2**28)
    rows = [b"%d,%d,station %d,%d\n" % (k, *rng.integers(0, 999, 3).tolist()) for k in range(400_000)]
    table = b"".join(rows)
    print("| edit | new bytes, MB | of MB | least possible, MB |")
    print("|---|---|---|---|")
    edited = with_inserts(noise, rng, 10)
    print(f"| ten inserts of 1 KiB in noise | {new_bytes(noise, edited)} | {len(edited) / 1e6:.0f} | 0.01 |")
    for number in rng.choice(len(rows), 20, replace=False).tolist():
        rows[number] = b"changed," + rows[number]
    edited = b"".join(rows)
    print(f"| 20 rows changed in CSV | {new_bytes(table, edited)} | {len(edited) / 1e6:.0f} | 0.00 |")


def with_inserts(data: bytes, rng: np.random.Generator, count: int) -> bytes:
    parts, start = [], 0
    for at in sorted(rng.integers(0, len(data), count).tolist()):
        parts += [data[start:at], rng.bytes(1024)]
        start = at
    return b"".join([*parts, data[start:]])


def new_bytes(old: bytes, new: bytes) -> str:
    known = {chunk for _, chunk in chunks(old)}
    return f"{sum(len(chunk) for _, chunk in chunks(new) if chunk not in known) / 1e6:.2f}"


def chunks(data: bytes) -> Iterator[tuple[int, bytes]]:
    start = 0
    for end in memoryview(core.find_cuts(data, *SIZES)).cast("Q"):
        yield start, data[start:end]
        start = end


# ---------------------------------------------------------------- flags


def print_flags(files: list[str]) -> None:
    """With FILE arguments, also those, as one kind of data for each suffix."""
    kinds: dict[str, list[bytes]] = {name: [data] for name, data in flag_data()}
    for file in files:
        kinds.setdefault(f"files *{Path(file).suffix}", []).append(Path(file).read_bytes())
    compressor = zstandard.ZstdCompressor(level=1)
    print("| data | chunks | saving under 2 % | flagged | zstd -1 saves on the flagged, at most | on all |")
    print("|---|---|---|---|---|---|")
    for name, data in kinds.items():
        cut = [chunk for one in data for _, chunk in chunks(one)]
        saved = [1 - len(compressor.compress(chunk)) / len(chunk) for chunk in cut]
        flagged = [share for share, chunk in zip(saved, cut, strict=True) if core.is_incompressible(chunk)]
        hopeless = sum(share < 0.02 for share in saved)
        worst = f"{100 * max(flagged):.1f} %" if flagged else "-"
        total = sum(share * len(chunk) for share, chunk in zip(saved, cut, strict=True)) / sum(map(len, cut))
        print(
            f"| {name} | {len(cut)} | {100 * hopeless / len(cut):.0f} %"
            f" | {100 * len(flagged) / len(cut):.0f} % | {worst} | {100 * total:.0f} % |"
        )


def flag_data() -> Iterator[tuple[str, bytes]]:
    rng = np.random.default_rng(3)
    size = 4 * 2**20
    rows = [
        b"2024-%03d,%d,station %d,%d.5\n" % (k % 365, k, *rng.integers(0, 999, 2).tolist())
        for k in range(400_000)
    ]
    table = b"".join(rows)
    yield "noise", rng.bytes(size)
    yield "CSV", table
    yield "CSV, zstd -1", zstandard.ZstdCompressor(level=1).compress(table)
    yield "CSV, zstd -19", zstandard.ZstdCompressor(level=19).compress(table)
    yield "CSV, gzip", zlib.compress(table)
    yield "CSV, bzip2", bz2.compress(table)
    yield "CSV, xz", lzma.compress(table, preset=1)
    yield "CSV as UTF-16", table.decode().encode("utf-16-le")
    yield "base64", base64.b64encode(rng.bytes(size))
    yield "float32 normal", rng.normal(size=size // 4).astype("<f4").tobytes()
    yield "float64 normal", rng.normal(size=size // 8).tobytes()
    yield "float64 in 0..1", rng.random(size // 8).tobytes()
    yield "UTF-16, random Chinese", rng.integers(0x4E00, 0x9FFF, size // 2).astype("<u2").tobytes()
    yield "bytes under 230", rng.integers(0, 230, size, dtype=np.uint8).tobytes()
    yield "noise, 16 KiB over and over", rng.bytes(16384) * 256
    yield "noise, every fourth KiB zero", b"".join(rng.bytes(3072) + bytes(1024) for _ in range(1000))
    yield "noise, 4 % zeros", b"".join(rng.bytes(983) + bytes(41) for _ in range(4000))
    mixed = [rng.bytes(9 * 8192) + table[8192 * k :][:8192] for k in range(60)]
    yield "noise, every tenth 8 KiB text", b"".join(mixed)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "", sys.argv[2:])
