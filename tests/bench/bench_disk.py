"""What the disk alone takes for an `add`: reading a cold file, writing as much durably, and both at once.

    python tests/bench/bench_disk.py DIRECTORY [--size BYTES]

Everything goes past the page cache: reads of 4 MiB in two threads, files of 64 MiB written 2 MiB at a time in
four threads and synced.  Needs Linux, and twice SIZE (2 GiB) free in DIRECTORY.
"""

import argparse
import mmap
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

READ, WRITE, FILE = 4 * 2**20, 2 * 2**20, 64 * 2**20
READERS, WRITERS = 2, 4


def read(path: Path, start: int, end: int) -> None:
    """Read the bytes from `start` to `end`."""
    buffer = mmap.mmap(-1, READ)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECT)
    try:
        for offset in range(start, end, READ):
            os.preadv(descriptor, [buffer], offset)
    finally:
        os.close(descriptor)


def write(path: Path) -> None:
    """Write one file of noise, and sync it."""
    buffer = mmap.mmap(-1, WRITE)
    buffer[:] = os.urandom(4096) * (WRITE // 4096)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_DIRECT)
    try:
        for _ in range(FILE // WRITE):
            os.write(descriptor, buffer)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def seconds(jobs: list[Callable[[], None]], readers: int, writers: int) -> float:
    """How long all jobs take, readers in front of writers."""
    began = time.perf_counter()
    with ThreadPoolExecutor(readers or 1) as first, ThreadPoolExecutor(writers or 1) as second:
        futures = [(first if number < readers else second).submit(job) for number, job in enumerate(jobs)]
        for future in futures:
            future.result()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--size", type=int, default=2 * 2**30)
    chosen = parser.parse_args()
    size = chosen.size // FILE * FILE
    place = Path(tempfile.mkdtemp(prefix="datav-disk-", dir=chosen.directory))
    try:
        source = place / "source"
        with open(source, "wb") as file:
            for _ in range(size // FILE):
                file.write(os.urandom(FILE))
            os.fsync(file.fileno())
        share = size // READERS // READ * READ
        edges = [number * share for number in range(READERS)] + [size]
        reading = [lambda n=n: read(source, edges[n], edges[n + 1]) for n in range(READERS)]
        for number in range(3):
            targets = [place / f"{number}-{each}" for each in range(size // FILE)]
            writing = [lambda path=path: write(path) for path in targets]
            taken = [
                seconds(reading, READERS, 0),
                seconds(writing, 0, WRITERS),
            ]
            for path in targets:
                path.unlink()
            taken.append(seconds(reading + writing, READERS, WRITERS))
            for path in targets:
                path.unlink()
            print("read {:.2f} s, write {:.2f} s, both at once {:.2f} s".format(*taken), flush=True)
    finally:
        shutil.rmtree(place)


if __name__ == "__main__":
    main()
