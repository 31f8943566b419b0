"""Profiles beside DuckDB's SUMMARIZE, polars' describe and whylogs, in one run; prints tables in Markdown.

    python tests/bench/bench_profile.py --data DIR [--workloads csv parquet ...] [--tools datav duckdb ...]
        [--scale 1] [--reps 1] [--venvs DIR] [--out FILE]

The data are those of diff_workloads.py, made below DIR when they are not there: 12 million rows, 11 columns.

    csv, parquet     one version, by every tool
    csv-block        then a second version, of which 0.1 % of the rows changed, next to each other
    csv-scattered    the same rows, anywhere
    parquet-column   a second version with some changed amounts in every row group: one column of eleven

    datav first      the version lies on disk and was added; no profile yet, nothing remembered
    datav second     the next version likewise; of the one before everything is remembered
    datav again      the same once more
    datav add        `datav add` of the version, with `profile = "never"`: what profiling is held against

A tool that is not installed is named and left out; each may be in an environment of its own, DIR/TOOL of
--venvs (whylogs wants pandas and pyarrow there too, and numpy below 2).

Wall time, CPU time and peak memory are what `wait4` says of the whole process.  Files are in the page cache.
Ratios are wall times divided by that of `datav first`.  Of every answer the number of rows is held against
the truth, and of every column with numbers its mean against that of datav.

Exit status: 1 when an answer is wrong, or a command failed.
"""

import argparse
import json
import math
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench_diff import environment, median_of, quoted
from bench_remotes import measure
from profile_peers import TOOLS

WORKLOADS = ("csv", "parquet", "csv-block", "csv-scattered", "parquet-column")
_SOURCES = {
    "csv": "csv",
    "parquet": "parquet-in-place",
    "csv-block": "csv",
    "csv-scattered": "csv",
    "parquet-column": "parquet-in-place",
}
BASE = "datav first"
_CHANGED = 0.001
_ROWS = 12_000_000


def make_second(first: Path, second: Path, *, is_block: bool) -> None:
    """Write a version of a CSV of which a thousandth of the rows has another quantity."""
    import numpy as np

    data = np.fromfile(first, np.uint8)
    ends = np.flatnonzero(data == ord("\n"))
    rows = len(ends) - 1
    changed = max(1, round(rows * _CHANGED))
    start = rows // 3
    chosen = (
        range(start, start + changed) if is_block else sorted(random.Random(1).sample(range(rows), changed))
    )
    names = bytes(data[: ends[0]]).decode().replace('"', "").split(",")
    quantity = names.index("quantity")
    with open(second, "wb") as file:
        at = 0
        for row in chosen:
            begin, end = int(ends[row]) + 1, int(ends[row + 1])
            cells = bytes(data[begin:end]).split(b",")
            cells[quantity] = b"%d" % (int(cells[quantity]) + 1)
            file.write(data[at:begin].tobytes())
            file.write(b",".join(cells))
            at = end
        file.write(data[at:].tobytes())


def find_versions(options: argparse.Namespace, workload: str) -> list[Path]:
    place = options.data / f"s{options.scale:g}" / _SOURCES[workload]
    (first,) = (place / "v1").iterdir()
    if workload in ("csv", "parquet"):
        return [first]
    if workload == "parquet-column":
        return [first, place / "v2" / first.name]
    second = options.data / f"s{options.scale:g}" / workload / first.name
    if not second.exists():
        second.parent.mkdir(parents=True, exist_ok=True)
        # Not in this process: what it takes of memory would be that of each command measured.
        script = [sys.executable, __file__, "--make-second", str(first), str(second)]
        subprocess.run([*script, "block"] if workload == "csv-block" else script, check=True)
    return [first, second]


def find_tools(options: argparse.Namespace) -> dict[str, str]:
    """Return the Python that runs each tool of those asked for that are there."""
    found = {}
    for tool in filter(TOOLS.__contains__, options.tools):
        own = options.venvs / tool / "bin" / "python" if options.venvs else None
        python = str(own) if own is not None and own.exists() else sys.executable
        if subprocess.run([python, "-c", f"import {tool}"], capture_output=True).returncode == 0:
            found[tool] = python
        else:
            print(f"{tool}: not installed, left out", flush=True)
    return found


class Bench:
    """One workload: a repository with the versions, and what the tools say."""

    def __init__(self, options: argparse.Namespace, workload: str) -> None:
        self.options = options
        self.workload = workload
        self.base = options.data / "profiles"
        self.tree = self.base / "tree"
        self.truth: dict[str, Any] | None = None

    def run(self, pythons: dict[str, str]) -> Iterator[dict[str, Any]]:
        shutil.rmtree(self.base, ignore_errors=True)
        self.tree.mkdir(parents=True)
        versions = find_versions(self.options, self.workload)
        name = versions[0].name
        try:
            if "datav" in self.options.tools:
                self.prepare()
                for number, version in enumerate(versions):
                    shutil.copyfile(version, self.tree / name)
                    yield self.datav("datav add" if number == 0 else "datav add second", "add", name)
                    tool = "datav first" if number == 0 else "datav second"
                    yield self.datav(tool, "profile", name, "--json")
                yield self.datav("datav again", "profile", name, "--json")
            if len(versions) == 1:
                for tool, python in pythons.items():
                    script = str(Path(__file__).with_name("profile_peers.py"))
                    yield self.measure(tool, [python, script, tool, str(versions[0])])
        finally:
            shutil.rmtree(self.base, ignore_errors=True)

    def prepare(self) -> None:
        script = f"git init -q && {quoted(sys.executable)} -m datav init -q"
        subprocess.run(["sh", "-ec", script], cwd=self.tree, env=environment(self.base), check=True, stdout=2)
        settings = self.tree / "datav.toml"
        settings.write_text(settings.read_text().replace("datav = 1\n", 'datav = 1\nprofile = "never"\n'))

    def datav(self, tool: str, *words: str) -> dict[str, Any]:
        return self.measure(tool, [sys.executable, "-m", "datav", *words])

    def measure(self, tool: str, command: Sequence[str]) -> dict[str, Any]:
        script = "exec " + " ".join(map(quoted, command))
        record = measure(script, self.tree, environment(self.base), cold=False, limit_s=self.options.limit)
        if "failed" not in record and not tool.startswith("datav add"):
            answer = self.answer(tool, json.loads((self.base / "output").read_text()))
            if wrong := self.compare(answer):
                record["failed"] = f"wrong: {wrong}"
        record |= {"workload": self.workload, "scale": self.options.scale, "tool": tool}
        print(f"{self.workload}: {tool} {record['wall_s']:.2f} s {record.get('failed', '')}", flush=True)
        return record

    def answer(self, tool: str, said: dict[str, Any]) -> dict[str, Any]:
        if not tool.startswith("datav"):
            return said
        table = said["table"]
        means = {
            column["name"]: column["numbers"]["mean"] for column in table["columns"] if column["numbers"]
        }
        return {"rows": table["rows"], "columns": {name: [None, mean] for name, mean in means.items()}}

    def compare(self, answer: dict[str, Any]) -> str:
        """Return what is wrong with an answer; the first one is taken for right, but for its rows."""
        if answer["rows"] != round(_ROWS * self.options.scale):
            return f"{answer['rows']} rows"
        if self.truth is None:
            self.truth = answer
        for name, (_, mean) in self.truth["columns"].items():
            other = answer["columns"][name][1]
            # The second version has other quantities.
            if name not in ("quantity", "amount") and not math.isclose(
                mean, other, rel_tol=1e-6, abs_tol=1e-9
            ):
                return f"the mean of {name} is {other}, and not {mean}"
        return ""


def print_tables(records: Sequence[dict[str, Any]]) -> None:
    """Print a table a workload: medians, and how much slower than the first profile."""
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
            ratio = f"x{wall / base:.2f}" if base else ""
            failed = {record["failed"] for record in mine if record["tool"] == tool and "failed" in record}
            verdict = "; ".join(sorted(failed)).replace("\n", " ")[-200:] or "right"
            print(f"| {tool} | {wall:.2f} | {ratio} | {cpu:.2f} | {memory / 1e6:.0f} | {verdict} |")


def main() -> int:
    if sys.argv[1:2] == ["--make-second"]:
        make_second(Path(sys.argv[2]), Path(sys.argv[3]), is_block="block" in sys.argv[4:])
        return 0
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="for all that is made")
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    tools = ("datav", *TOOLS)
    parser.add_argument("--tools", nargs="+", choices=tools, default=list(tools))
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--reps", type=int, default=1, metavar="N", help="do all of it N times")
    parser.add_argument("--venvs", type=Path, metavar="DIR", help="environments of the tools, by their names")
    parser.add_argument("--out", type=Path, metavar="FILE", help="append the figures here, as JSON lines")
    parser.add_argument("--limit", type=float, default=3600, metavar="SECONDS", help="then a tool is killed")
    options = parser.parse_args()
    options.data = options.data.resolve()
    sources = sorted({_SOURCES[workload] for workload in options.workloads})
    makers = [str(Path(__file__).with_name("diff_workloads.py")), str(options.data), *sources]
    subprocess.run([sys.executable, *makers, "--scale", str(options.scale)], check=True)
    pythons = find_tools(options)
    records = []
    for _ in range(options.reps):
        for workload in options.workloads:
            for record in Bench(options, workload).run(pythons):
                records.append(record)
                if options.out:
                    with open(options.out, "a") as out:
                        print(json.dumps(record), file=out)
    print_tables(records)
    return 1 if any("failed" in record for record in records) else 0


if __name__ == "__main__":
    sys.exit(main())
