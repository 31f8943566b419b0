"""Merging a table of 12 million rows beside `git merge-file` and pandas, in one run; a table in Markdown.

    python tests/bench/bench_merge.py --data DIR [--scale 1] [--reps 1] [--venvs DIR] [--tools datav git ...]

Base is the table of diff_workloads.py's `csv`, made below DIR where it is not there (8 GB of memory).  Each
side has 1,000 edits in rows of its own, none next to another's: 800 cells changed, 100 rows removed, 100 rows
added.  So nothing conflicts, also for a merge by lines, and what all tools write is known byte for byte; of
pandas, which puts new rows last, line by line in any order.

    datav files     `datav merge-file BASE OURS THEIRS --key id -o OUT`
    datav git       the three versions as commits of a repository; `git merge` with datav's driver, the first
                    time: nothing is remembered of any version; data is merged in the store, not placed
    datav again     the same merge once more
    git merge-file  on the same three files; it takes none of 1 GiB or more, so --scale 0.6 is its largest
    pandas          merge_peers.py; in an environment of its own, DIR/pandas of --venvs, if it is there

Wall time, CPU time and peak memory are what `wait4` says of the whole process and those that it waited for,
of memory the largest.  Files are in the page cache.  Medians of all repetitions; ratios are wall times
divided by that of `datav files`.

Exit status: 1 when a result is wrong.
"""

import argparse
import os
import shlex
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import diff_workloads
import numpy as np
from bench_remotes import measure

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("datav files", "datav git", "datav again", "git merge-file", "pandas")
BASE = TOOLS[0]

_CHANGED, _REMOVED, _ADDED = 800, 100, 100
# Lines between two edits: git takes what is nearer for one.
_APART = 8
_SEED = 20261121
# git calls larger files binary.
_GITS_LIMIT = 1023 * 2**20


def make_versions(data: Path, scale: float) -> dict[str, Path]:
    """Write base, ours, theirs and what their merge is, unless they are there."""
    diff_workloads.make(data, scale, "csv")
    (source,) = (data / f"s{scale:g}" / "csv" / "v1").iterdir()
    place = data / f"s{scale:g}" / "merge"
    names = {name: place / f"{name}.csv" for name in ("base", "ours", "theirs", "merged")}
    if names["merged"].exists():
        return names
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    shutil.copy(source, names["base"])
    lines = source.read_bytes().splitlines(keepends=True)
    edits = _choose(len(lines), scale)
    _write(names["ours"], lines, edits[0])
    _write(names["theirs"], lines, edits[1])
    draft = place / "draft"
    _write(draft, lines, edits[0] | edits[1])
    draft.rename(names["merged"])
    return names


def _choose(lines: int, scale: float) -> tuple[dict[int, bytes], dict[int, bytes]]:
    """Return for both sides what happens to which lines."""
    chance = np.random.default_rng(_SEED)
    counts = [max(8, int(number * min(1, scale * 10))) for number in (_CHANGED, _REMOVED, _ADDED)]
    places = 1 + _APART * chance.permutation((lines - 2) // _APART)[: 2 * sum(counts)]
    kinds = [b"c"] * counts[0] + [b"r"] * counts[1] + [b"a"] * counts[2]
    half = sum(counts)
    first = dict(zip(places[:half].tolist(), (b"1" + kind for kind in kinds), strict=True))
    second = dict(zip(places[half:].tolist(), (b"2" + kind for kind in kinds), strict=True))
    return first, second


def _write(path: Path, lines: Sequence[bytes], edits: dict[int, bytes]) -> None:
    with path.open("wb") as file:
        at = 0
        for number in sorted(edits):
            file.writelines(lines[at:number])
            line, (side, kind) = lines[number], (edits[number][:1], edits[number][1:])
            identity, rest = line.split(b",", 1)
            if kind == b"c":
                head, comma, _ = line.rstrip(b"\n").rpartition(b",")
                file.write(head + comma + b"edited by " + side + b"\n")
            elif kind == b"a":
                file.write(line)
                file.write(b"9" + side + b"00" + identity + b"," + rest)
            at = number + 1
        file.writelines(lines[at:])


def run(options: argparse.Namespace) -> Iterator[tuple[str, dict[str, float]]]:
    # In a process of its own: what this one has ever taken counts for all that it starts.
    with ProcessPoolExecutor(1, get_context("spawn")) as apart:
        names = apart.submit(make_versions, options.data, options.scale).result()
    work = options.data / "merging" / "work"
    for tool in options.tools:
        for _ in range(options.reps):
            if tool != "datav again":
                shutil.rmtree(work, ignore_errors=True)
                work.mkdir(parents=True)
            found = _RUNNERS[tool](names, work, options) if is_able(tool, names["base"]) else None
            if found is not None:
                yield tool, found
    shutil.rmtree(work.parent, ignore_errors=True)


def is_able(tool: str, base: Path) -> bool:
    if tool != "git merge-file" or base.stat().st_size < _GITS_LIMIT:
        return True
    print("git merge-file: takes no file of 1 GiB or more, left out", flush=True)
    return False


def run_files(names: dict[str, Path], work: Path, options: argparse.Namespace) -> dict[str, float]:
    sides = [str(names[name]) for name in ("base", "ours", "theirs")]
    out = work / "out.csv"
    command = [sys.executable, "-m", "datav", "merge-file", *sides, "--key", "id", "-o", str(out)]
    found = _measured(command, work)
    _check(out, names["merged"])
    return found


def run_git_file(names: dict[str, Path], work: Path, options: argparse.Namespace) -> dict[str, float]:
    command = ["git", "merge-file", "-p", *(str(names[name]) for name in ("ours", "base", "theirs"))]
    out = work / "out.csv"
    found = _measured(command, work, out)
    _check(out, names["merged"])
    return found


def run_git(names: dict[str, Path], work: Path, options: argparse.Namespace) -> dict[str, float]:
    if not (work / "tree").exists():
        make_repository(names, work)
    tree = work / "tree"
    _shell('git checkout -q -f --detach ours; "$PYTHON" -m datav checkout -q', tree)
    found = _measured(["git", "merge", "-q", "-m", "merge", "theirs"], tree)
    _shell('"$PYTHON" -m datav checkout -q', tree)
    _check(tree / "data.csv", names["merged"])
    return found


def make_repository(names: dict[str, Path], work: Path) -> None:
    """Make a repository with the three versions as commits, and nothing remembered of them."""
    tree = work / "tree"
    tree.mkdir()
    bin_directory = work / "bin"
    bin_directory.mkdir()
    program = bin_directory / "datav"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m datav "$@"\n')
    program.chmod(0o755)
    places = {name.upper(): str(path) for name, path in names.items()}
    script = """
        git init -q -b base
        "$PYTHON" -m datav init -q
        { echo 'profile = "never"'; cat datav.toml; } > settings
        mv settings datav.toml
        cp "$BASE" data.csv
        "$PYTHON" -m datav add -q --key id data.csv
        git add -A
        git commit -q -m base
        for side in ours theirs; do
            git checkout -q -b $side base
            if [ $side = ours ]; then cp "$OURS" new; else cp "$THEIRS" new; fi
            mv new data.csv
            "$PYTHON" -m datav add -q data.csv
            git add -A
            git commit -q -m $side
        done
        git checkout -q ours
        "$PYTHON" -m datav checkout -q
        rm -rf .git/datav/cache
    """
    _shell(script, tree, places)


def run_pandas(names: dict[str, Path], work: Path, options: argparse.Namespace) -> dict[str, float] | None:
    own = options.venvs / "pandas" / "bin" / "python" if options.venvs else None
    python = str(own) if own is not None and own.exists() else sys.executable
    if subprocess.run([python, "-c", "import pandas"], capture_output=True).returncode:
        print("pandas: not installed, left out", flush=True)
        return None
    script = str(Path(__file__).with_name("merge_peers.py"))
    out = work / "out.csv"
    command = [python, script, *(str(names[name]) for name in ("base", "ours", "theirs")), str(out)]
    found = _measured(command, work)
    # Its header has no quotes.
    rows = [sorted(path.read_bytes().splitlines()[1:]) for path in (out, names["merged"])]
    if rows[0] != rows[1]:
        raise SystemExit("pandas: its result is wrong")
    return found


_RUNNERS: dict[str, Callable[[dict[str, Path], Path, argparse.Namespace], dict[str, float] | None]] = {
    "datav files": run_files,
    "datav git": run_git,
    "datav again": run_git,
    "git merge-file": run_git_file,
    "pandas": run_pandas,
}


def _measured(command: Sequence[str], place: Path, out: Path | None = None) -> dict[str, float]:
    script = shlex.join(command) + (f" > {shlex.quote(str(out))}" if out is not None else "")
    found = measure(script, place, _environment(place), cold=False, limit_s=3600)
    if "failed" in found:
        raise SystemExit(f"{command[:4]}: {found['failed']}")
    return {name: found[name] for name in ("wall_s", "cpu_s", "memory")}


def _shell(script: str, place: Path, more: dict[str, str] | None = None) -> None:
    environment = _environment(place) | {"PYTHON": sys.executable} | (more or {})
    subprocess.run(["sh", "-ec", script], cwd=place, env=environment, check=True)


def _environment(place: Path) -> dict[str, str]:
    path = f"{place.parent / 'bin'}:{os.environ['PATH']}"
    identity = {
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "bench"), ("EMAIL", "bench@localhost"))
    }
    return os.environ | identity | {"PYTHONPATH": str(ROOT), "PATH": path}


def _check(found: Path, wanted: Path) -> None:
    if subprocess.run(["cmp", str(found), str(wanted)]).returncode:
        raise SystemExit(f"{found} is not what was to be merged")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--reps", type=int, default=1)
    parser.add_argument("--venvs", type=Path)
    parser.add_argument("--tools", nargs="+", default=list(TOOLS), choices=TOOLS)
    options = parser.parse_args()
    options.data = options.data.resolve()
    records: dict[str, list[dict[str, float]]] = {}
    for tool, found in run(options):
        records.setdefault(tool, []).append(found)
        print(tool, found, file=sys.stderr, flush=True)
    print_table(records)
    return 0


def print_table(records: dict[str, list[dict[str, float]]]) -> None:
    medians = {
        tool: {name: statistics.median(record[name] for record in found) for name in found[0]}
        for tool, found in records.items()
    }
    base = medians.get(BASE, {}).get("wall_s")
    print("| tool | wall s | CPU s | peak MB | ratio |\n|---|---|---|---|---|")
    for tool, found in medians.items():
        ratio = f"{found['wall_s'] / base:.2f}" if base else ""
        figures = [f"{found['wall_s']:.1f}", f"{found['cpu_s']:.1f}", f"{found['memory'] / 1e6:.0f}", ratio]
        print(f"| {' | '.join([tool, *figures])} |")


if __name__ == "__main__":
    sys.exit(main())
