"""Row diffs beside DuckDB, polars, datacompy, csv-diff and daff, in one run; prints a table in Markdown.

    python tests/bench/bench_diff.py --data DIR [--workloads csv parquet ...] [--tools datav duckdb ...]
        [--scale 1] [--reps 1] [--venvs DIR] [--out FILE]

The data are those of diff_workloads.py, made below DIR when they are not there: some 20 GB, and 8 GB of
memory to make them.  Every tool compares the same two files by the key `id`, and what it says is held against
the truth: how many rows were added, removed and changed, and their keys; where every row changed, the numbers
alone.

    datav first     both versions added to a repository; `datav diff REV REV`, nothing cached of either
    datav again     the same once more
    datav files     `datav diff --no-index`
    duckdb, polars  a full outer join and a comparison of all columns, types guessed by the tool
    datacompy       PolarsCompare
    csv-diff, daff  `csv-small` alone; on a million rows they take hours

A tool that is not installed is named and left out.  They are on PyPI as duckdb, polars, datacompy, csv-diff
and daff; each may be in an environment of its own, DIR/TOOL of --venvs (datacompy wants polars there too,
csv-diff setuptools).  diff_peers.py is what is run of them.

Wall time, CPU time and peak memory are what `wait4` says of the whole process: of memory, the largest, and
not less than this program takes, some 20 MB.  Files are in the page cache, as after a first look.  Medians of
all repetitions; ratios are wall times divided by that of `datav files`.

Exit status: 1 when an answer is wrong, or a command failed.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench_remotes import measure
from diff_peers import METHODS, Answer, answer_of

ROOT = Path(__file__).resolve().parents[2]

WORKLOADS = ("csv", "csv-ten", "csv-all", "csv-small", "parquet", "parquet-in-place", "rows100m")
DATAV = ("datav first", "datav again", "datav files")
BASE = "datav files"

# More keys than this are not listed: they would be measured, not the diff.
_MOST_KEYS = 100_000
_SMALL_ONLY = ("csv-diff", "daff")
_MODULES = {"csv-diff": "csv_diff"}


@dataclass(frozen=True)
class Workload:
    """Two versions of a table and the truth about them."""

    name: str
    before: Path
    after: Path
    truth: Answer

    @property
    def counts_only(self) -> bool:
        return sum(self.truth[:3]) > _MOST_KEYS


def find_workload(data: Path, scale: float, name: str) -> Workload:
    place = data / f"s{scale:g}" / name
    (before,) = (place / "v1").iterdir()
    truth = Answer(**json.loads((place / "truth.json").read_text()))
    return Workload(name, before, place / "v2" / before.name, truth)


def find_tools(options: argparse.Namespace) -> dict[str, str]:
    """Return the Python that runs each tool of those asked for that are there."""
    found = {}
    for tool in filter(METHODS.__contains__, options.tools):
        own = options.venvs / tool / "bin" / "python" if options.venvs else None
        python = str(own) if own is not None and own.exists() else sys.executable
        done = subprocess.run([python, "-c", f"import {_MODULES.get(tool, tool)}"], capture_output=True)
        if done.returncode == 0:
            found[tool] = python
        else:
            print(f"{tool}: not installed, left out", flush=True)
    return found


def run_workload(
    workload: Workload, pythons: dict[str, str], options: argparse.Namespace
) -> Iterator[dict[str, Any]]:
    """Let every tool compare the two versions; yield a record for each."""
    base = options.data / "diffs"
    shutil.rmtree(base, ignore_errors=True)
    (base / "tree").mkdir(parents=True)
    try:
        if "datav" in options.tools:
            yield from run_datav(workload, base, options)
        for tool, python in pythons.items():
            if workload.name == "csv-small" or tool not in _SMALL_ONLY:
                script = [python, str(Path(__file__).with_name("diff_peers.py")), tool]
                script += [str(workload.before), str(workload.after)]
                script += ["--counts"] if workload.counts_only else []
                yield run_tool(tool, script, workload, base, options)
    finally:
        shutil.rmtree(base, ignore_errors=True)


def run_datav(workload: Workload, base: Path, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    name = workload.before.name
    add_versions(workload, base)
    limit = ["--limit", str(0 if workload.counts_only else _MOST_KEYS)]
    diff = [sys.executable, "-m", "datav", "diff", "--key", "id", "--json", *limit]
    for tool in DATAV[:2]:
        yield run_tool(tool, [*diff, "HEAD~1", "HEAD", "--", name], workload, base, options)
    files = [*diff, "--no-index", str(workload.before), str(workload.after)]
    yield run_tool(DATAV[2], files, workload, base, options)


def add_versions(workload: Workload, base: Path) -> None:
    """Make a repository whose last two commits are the two versions."""
    name = workload.before.name
    script = f"""
        git init -q
        "$PYTHON" -m datav init -q
        for version in "$BEFORE" "$AFTER"; do
            cp "$version" new
            mv new {name}
            "$PYTHON" -m datav add -q {name}
            git add -A
            git commit -q -m version
        done
    """
    places = {"BEFORE": str(workload.before), "AFTER": str(workload.after), "PYTHON": sys.executable}
    subprocess.run(
        ["sh", "-ec", script], cwd=base / "tree", env=environment(base) | places, check=True, stdout=2
    )


def run_tool(
    tool: str, command: Sequence[str], workload: Workload, base: Path, options: argparse.Namespace
) -> dict[str, Any]:
    """Run one command, and hold what it says against the truth."""
    # A tool that wants more memory than there is must not take the machine down with it.
    script = f"ulimit -d {options.memory * 2**20} || true; exec " + " ".join(map(quoted, command))
    record = measure(script, base / "tree", environment(base), cold=False, limit_s=options.limit)
    if "failed" not in record:
        said = json.loads((base / "output").read_text())
        answer = datav_answer(said, workload) if tool in DATAV else Answer(**said)
        if not answer.agrees_with(workload.truth):
            record["failed"] = f"wrong: {answer} where {workload.truth} is right"
    record |= {"workload": workload.name, "scale": options.scale, "tool": tool}
    print(f"{workload.name}: {tool} {record['wall_s']:.2f} s {record.get('failed', '')}", flush=True)
    return record


def datav_answer(said: dict[str, Any], workload: Workload) -> Answer:
    """Return what `datav diff --json` says of the one file that was compared."""
    (dataset,) = said["datasets"]
    rows = dataset["rows"]
    if workload.counts_only:
        return Answer(rows["added"], rows["removed"], rows["changed"])
    kinds: dict[str, list[int]] = {"added": [], "removed": [], "changed": []}
    for item in rows["items"]:
        kinds[item["op"]].append(int(item["key"]["id"]))
    return answer_of(*kinds.values())


def quoted(word: str) -> str:
    return "'" + word.replace("'", "'\\''") + "'"


def environment(base: Path) -> dict[str, str]:
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {
        **os.environ,
        "PYTHONPATH": path,
        "HOME": str(base),
        "XDG_CACHE_HOME": str(base / "cache"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        **{f"GIT_{who}_NAME": "Bench" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "bench@example.org" for who in ("AUTHOR", "COMMITTER")},
    }


def print_tables(records: Sequence[dict[str, Any]]) -> None:
    """Print a table a workload: medians, and how much slower than datav on the same files."""
    for workload in dict.fromkeys(record["workload"] for record in records):
        mine = [record for record in records if record["workload"] == workload]
        base = median_of(mine, BASE, "wall_s")
        print(f"\n{workload}\n")
        print("| | seconds | ratio | CPU seconds | peak memory, MB | answer |")
        print("|---|--:|--:|--:|--:|---|")
        for tool in dict.fromkeys(record["tool"] for record in mine):
            wall, cpu, memory = (median_of(mine, tool, what) for what in ("wall_s", "cpu_s", "memory"))
            assert wall is not None
            assert cpu is not None
            assert memory is not None
            ratio = f"x{wall / base:.1f}" if base else ""
            failed = {record["failed"] for record in mine if record["tool"] == tool and "failed" in record}
            verdict = "; ".join(sorted(failed)).replace("\n", " ")[-200:] or "right"
            print(f"| {tool} | {wall:.2f} | {ratio} | {cpu:.2f} | {memory / 1e6:.0f} | {verdict} |")


def median_of(records: Sequence[dict[str, Any]], tool: str, what: str) -> float | None:
    values = [record[what] for record in records if record["tool"] == tool]
    return statistics.median(values) if values else None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="for all that is made")
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    tools = ("datav", *METHODS)
    parser.add_argument("--tools", nargs="+", choices=tools, default=list(tools))
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--reps", type=int, default=1, metavar="N", help="do all of it N times")
    parser.add_argument("--venvs", type=Path, metavar="DIR", help="environments of the tools, by their names")
    parser.add_argument("--out", type=Path, metavar="FILE", help="append the figures here, as JSON lines")
    parser.add_argument("--limit", type=float, default=3600, metavar="SECONDS", help="then a tool is killed")
    parser.add_argument("--memory", type=int, default=20, metavar="GIB", help="more no tool gets")
    options = parser.parse_args()
    options.data = options.data.resolve()
    makers = [str(Path(__file__).with_name("diff_workloads.py")), str(options.data), *options.workloads]
    # Not in this process: what it takes of memory would be that of each command measured.
    subprocess.run([sys.executable, *makers, "--scale", str(options.scale)], check=True)
    pythons = find_tools(options)
    records = []
    for _ in range(options.reps):
        for name in options.workloads:
            for record in run_workload(find_workload(options.data, options.scale, name), pythons, options):
                records.append(record)
                if options.out:
                    with open(options.out, "a") as out:
                        print(json.dumps(record), file=out)
    print_tables(records)
    return 1 if any("failed" in record for record in records) else 0


if __name__ == "__main__":
    sys.exit(main())
