"""A million small files: how long, how much memory, how little for one change.

    python tests/bench/bench_million.py DIRECTORY [--files N] [--keep]

Makes N files (a million) of 100 to 2,000 bytes, a third of them incompressible, in 1,000 directories of a new
git repository below DIRECTORY, and runs each command in a process of its own.  Wall time, CPU time and peak
memory are what `wait4` says of it, the git processes that it starts included: of memory, the largest of them.
The page cache is as the command before left it.

Exit status: 1 when a command takes more than a gigabyte of memory, or the change of one file more than a MiB.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = 1000
SMALLEST, LARGEST = 100, 2000
MAX_GROWTH = 2**20
MAX_MEMORY = 10**9


@dataclass(frozen=True)
class Measured:
    """One command."""

    what: str
    seconds: float
    cpu_s: float
    memory: int
    """Bytes, at the peak."""
    store: int
    """Bytes in the store afterwards."""


def make_files(root: Path, number: int) -> int:
    """Write the files and return their bytes.  The same for the same number."""
    chance = random.Random(1)
    noise = chance.randbytes(2**20)
    words = b"".join(b"%08x,sensor,%d\n" % (n * 2654435761 % 2**32, n % 97) for n in range(40_000))
    total = 0
    for folder in range(FOLDERS):
        place = root / f"part-{folder:04d}"
        place.mkdir(parents=True)
        for file in range(number // FOLDERS):
            source = noise if file % 3 == 0 else words
            size = chance.randint(SMALLEST, LARGEST)
            at = chance.randrange(len(source) - size)
            data = b"%d/%d\n" % (folder, file) + source[at : at + size]
            with open(place / f"item-{file:05d}.txt", "wb") as out:
                out.write(data)
            total += len(data)
    return total


def run(repository: Path, what: str, *arguments: str) -> Measured:
    """Run a command and measure it; an error of its own ends the benchmark."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "datav", *arguments],
        cwd=repository,
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"datav {' '.join(arguments)} ended with {process.returncode}")
    memory = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Measured(what, seconds, usage.ru_utime + usage.ru_stime, memory, size_of_store(repository))


def size_of_store(repository: Path) -> int:
    return sum(file.stat().st_size for file in (repository / ".git/datav/store").rglob("*") if file.is_file())


def git(repository: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=Bench", "-c", "user.email=bench@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=repository, check=True)


def measure(repository: Path, number: int) -> list[Measured]:
    data = repository / "data"
    changed = data / f"part-{FOLDERS // 2:04d}" / "item-00000.txt"
    before = changed.read_bytes()
    measured = [run(repository, f"add {number:,} files", "add", "-q", "data")]
    git(repository, "commit", "-q", "-m", "first")
    measured.append(run(repository, "status, nothing changed", "status", "-q"))
    measured.append(run(repository, "add, nothing changed", "add", "-q", "data"))
    changed.write_bytes(before + b"one more line\n")
    measured.append(run(repository, "status, one file changed", "status", "-q"))
    measured.append(run(repository, "add, one file changed", "add", "-q", "data"))
    git(repository, "commit", "-q", "-m", "second")
    measured.append(run(repository, "checkout of the version before", "checkout", "-q", "HEAD~1"))
    if changed.read_bytes() != before:
        raise SystemExit("the checkout is not what was added")
    measured.append(run(repository, "status after it", "status", "-q", "--exit-code"))
    shutil.rmtree(data)
    measured.append(run(repository, f"checkout of {number:,} files", "checkout", "-q"))
    measured.append(run(repository, "verify", "verify", "-q"))
    return measured


def print_table(measured: list[Measured]) -> None:
    print("| | seconds | CPU seconds | peak memory, MB | store, MB | store grew, bytes |")
    print("|---|--:|--:|--:|--:|--:|")
    store = 0
    for item in measured:
        numbers = f"{item.seconds:.1f} | {item.cpu_s:.1f} | {item.memory / 1e6:.0f} | {item.store / 1e6:.1f}"
        print(f"| {item.what} | {numbers} | {item.store - store:,} |")
        store = item.store


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--keep", action="store_true", help="leave the repository there")
    options = parser.parse_args()
    repository = options.directory / "million"
    repository.mkdir(parents=True)
    try:
        git(repository, "init", "-q")
        run(repository, "init", "init", "-q")
        total = make_files(repository / "data", options.files)
        print(f"{options.files:,} files, {total:,} bytes, in {FOLDERS:,} directories\n", flush=True)
        return judge(measure(repository, options.files))
    finally:
        if not options.keep:
            shutil.rmtree(repository, ignore_errors=True)


def judge(measured: list[Measured]) -> int:
    """Print what was measured, and what of it is too much; return the exit status."""
    print_table(measured)
    by_name = {item.what: item for item in measured}
    growth = by_name["add, one file changed"].store - by_name["add, nothing changed"].store
    too_much = [item.what for item in measured if item.memory > MAX_MEMORY]
    print(f"\none changed file costs the store {growth:,} bytes")
    if growth >= MAX_GROWTH:
        print(f"that is more than {MAX_GROWTH:,}")
    for what in too_much:
        print(f"more than {MAX_MEMORY / 1e6:.0f} MB of memory: {what}")
    sys.stdout.flush()
    return 1 if growth >= MAX_GROWTH or too_much else 0


if __name__ == "__main__":
    sys.exit(main())
