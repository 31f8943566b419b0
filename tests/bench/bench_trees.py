"""Directory trees: how fast they are built and read, and what one changed entry costs.

    python -m tests.bench.bench_trees [ENTRIES ...]

Builds trees of 100,000 and 1,000,000 entries (or as many as are named) in a new store in a temporary
directory, each number in a process of its own.  Prints entries per second of building and reading, the nodes
and bytes of the whole tree, and for one entry that is changed, added in the middle or removed: the nodes that
are new, the bytes that they are, and the bytes by which packs and indexes grew.
"""

import multiprocessing
import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from blake3 import blake3

from datav.formats.entry import Content, Entry, Kind
from datav.store.layout import create_store
from datav.store.store import Store
from datav.store.trees import DirectoryShape, read_directory
from datav.store.writing import Tally
from tests.support.trees import write_entries

SIZES = (100_000, 1_000_000)
FOLDER = 1000


def make_entries(number: int) -> list[Entry]:
    """Files as a data set has them: folders of a thousand, sizes that differ, ids that do."""
    chance = random.Random(1)
    return [
        Entry(
            b"part-%05d/item-%06d.txt" % (n // FOLDER, n),
            Kind.FILE,
            0,
            chance.randint(100, 2000),
            blake3(b"%d" % n).digest(),
        )
        for n in range(number)
    ]


def build(store: Store, entries: Sequence[Entry], old: DirectoryShape | None) -> tuple[Content, Tally, float]:
    began = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as executor, store.writing(executor) as writer:
        content = write_entries(writer, entries, old)
        writer.finish()
        tally = writer.tally
    return content, tally, time.perf_counter() - began


def edits(entries: list[Entry]) -> dict[str, list[Entry]]:
    middle = len(entries) // 2
    entry = entries[middle]
    changed = entry._replace(id=blake3(b"other").digest(), size=entry.size + 1)
    added = entry._replace(path=entry.path + b".new")
    return {
        "changed": [*entries[:middle], changed, *entries[middle + 1 :]],
        "added": [*entries[: middle + 1], added, *entries[middle + 1 :]],
        "removed": [*entries[:middle], *entries[middle + 1 :]],
    }


def ids_of(shape: DirectoryShape) -> set[bytes]:
    return {identity for ids, _ in shape.levels for identity in ids}


def raw_size(store: Store, nodes: set[bytes]) -> int:
    return sum(map(len, store.reader.read_each(list(nodes), nodes=True)))


def bench(number: int) -> None:
    entries = make_entries(number)
    with tempfile.TemporaryDirectory(prefix="bench-trees-") as place:
        root = Path(place) / "store"
        create_store(root)
        content, tally, seconds = build(Store(root), entries, None)
        print(f"{number:,} entries, depth {content.depth}")
        print(f"  built         {number / seconds:>12,.0f} entries a second, durably ({seconds:.2f} s)")
        store = Store(root)
        began = time.perf_counter()
        found, shape = read_directory(store.reader, content)
        seconds = time.perf_counter() - began
        if found != entries:
            raise SystemExit("what was read is not what was written")
        print(f"  read          {number / seconds:>12,.0f} entries a second, checked ({seconds:.2f} s)")
        nodes = ids_of(shape)
        size = f"{raw_size(store, nodes):,} bytes, {tally.stored_bytes:,} stored"
        print(f"  whole tree    {len(nodes):>12,} nodes, {size}")
        for what, version in edits(entries).items():
            new, tally, seconds = build(Store(root), version, shape)
            store = Store(root)
            found, new_shape = read_directory(store.reader, new)
            if found != version:
                raise SystemExit("what was read is not what was written")
            fresh = ids_of(new_shape) - nodes
            print(
                f"  one {what:<10}{len(fresh):>12,} nodes new, {raw_size(store, fresh):,} bytes,"
                f" {tally.stored_bytes:,} stored ({seconds:.2f} s)"
            )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"  peak memory   {peak:>12,} MiB, with four lists of the entries")


def main(arguments: Sequence[str]) -> int:
    for number in [int(text) for text in arguments] or SIZES:
        process = multiprocessing.get_context("spawn").Process(target=bench, args=(number,))
        process.start()
        process.join()
        if process.exitcode:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
