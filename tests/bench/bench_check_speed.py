"""What `datav check` costs on the table of 12 million rows (workloads.py), as a process; prints Markdown.

    python tests/bench/bench_check_speed.py --data DIR [--scale 1] [--reps 5]

Six versions were added with their profiles, each with 0.1 % of its rows changed, next to each other, and
limits learned from five of them; there is no key.  Wall and CPU seconds and peak memory are what `wait4`
says: of memory not less than this program takes, some 25 MB.  The median run by wall time, page cache warm.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench_diff import environment, quoted

_PROMISES = """\
[check."data.csv"]
columns = ["id", "country", "quantity"]
rows = { min = 1000 }

[check."data.csv".column.id]
not_null = true

[check."data.csv".column.quantity]
null_fraction = 0.02
min = 0
max = 1000000

[check."data.csv".column.country]
in = ["DE", "FR", "US", "JP", "BR", "IN", "CN", "GB", "ES", "PL", "NG", "MX"]
"""

_CHECKS = {
    "promises, and the gate: the last commit against the one before": ["check", "HEAD", "--json"],
    "the gate alone: the last commit against the one before": ["check", "HEAD", "--json"],
    "the gate alone: the file on disk against the commit before": ["check", "--against", "HEAD~1", "--json"],
    "promises alone: the file on disk, as committed": ["check", "--json"],
    "datav --version": ["--version"],
}


def measure_speed(options: argparse.Namespace) -> None:
    """Time checks of the table of 12 million rows, of which five versions were added with their profiles."""
    base = options.data / "checks"
    shutil.rmtree(base, ignore_errors=True)
    tree = base / "tree"
    tree.mkdir(parents=True)
    try:
        _make_versions(options, base, tree)
        print("| | seconds | CPU seconds | peak memory, MB | rules and measures | rows read | exit |")
        print("|---|--:|--:|--:|--:|---|--:|")
        for name, words in _CHECKS.items():
            settings = (tree / "datav.toml").read_text()
            if "promises" in name:
                (tree / "datav.toml").write_text(settings + _PROMISES)
            runs = [_run(base, tree, words) for _ in range(options.reps)]
            (tree / "datav.toml").write_text(settings)
            middle = sorted(runs, key=lambda run: run["wall_s"])[len(runs) // 2]
            print(
                f"| {name} | {middle['wall_s']:.2f} | {middle['cpu_s']:.2f} | {middle['memory']:.0f} "
                f"| {middle['rules']} | {middle['read_rows']} | {middle['status']} |",
                flush=True,
            )
    finally:
        shutil.rmtree(base, ignore_errors=True)


def _make_versions(options: argparse.Namespace, base: Path, tree: Path) -> None:
    source = options.data / f"s{options.scale:g}" / "W2" / "v1" / "data.csv"
    if not source.exists():
        from workloads import make

        make(options.data, options.scale, "W2")
    _datav(base, tree, "git init -q", "datav init -q")
    shutil.copyfile(source, tree / "data.csv")
    for number in range(5):
        if number:
            other = base / "next.csv"
            _make_next(tree / "data.csv", other)
            os.replace(other, tree / "data.csv")
        _datav(base, tree, "datav add -q data.csv", f"git add -A && git commit -qm v{number}")
    _datav(base, tree, "datav check --calibrate", "git add -A && git commit -qm limits --allow-empty")
    other = base / "next.csv"
    _make_next(tree / "data.csv", other)
    os.replace(other, tree / "data.csv")
    _datav(base, tree, "datav add -q data.csv", "git add -A && git commit -qm last")


def _make_next(first: Path, second: Path) -> None:
    # Not in this process: what it takes of memory would be that of each command measured.
    script = str(Path(__file__).with_name("bench_profile.py"))
    words = [sys.executable, script, "--make-second", str(first), str(second), "block"]
    subprocess.run(words, check=True)


def _datav(base: Path, tree: Path, *scripts: str) -> None:
    for script in scripts:
        command = script.replace("datav ", f"{quoted(sys.executable)} -m datav ", 1)
        command = command if script.startswith("datav ") else script
        subprocess.run(["sh", "-ec", command], cwd=tree, env=environment(base), check=True, stdout=2)


def _run(base: Path, tree: Path, words: Sequence[str]) -> dict[str, Any]:
    """Run one command and return its figures, and whether rows were read."""
    output = base / "output"
    with open(output, "wb") as file:
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "datav", *words], cwd=tree, env=environment(base), stdout=file
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    said = output.read_bytes()
    datasets = json.loads(said)["datasets"] if said.startswith(b"{") else []
    return {
        "wall_s": seconds,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "memory": usage.ru_maxrss / 1024,
        "status": process.returncode,
        "read_rows": "yes" if any(each["read_rows"] for each in datasets) else "no",
        "rules": sum(each["rules"] for each in datasets),
        "findings": [finding["message"] for each in datasets for finding in each["findings"]],
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--reps", type=int, default=5)
    measure_speed(parser.parse_args())
    return 0


if __name__ == "__main__":
    sys.exit(main())
