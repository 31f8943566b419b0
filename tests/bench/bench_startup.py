"""What a command costs before it does anything: `datav --version`, and a status with nothing changed.

    python tests/bench/bench_startup.py [--runs 11] [--dvc PATH_OF_DVC]

Each command is a process of its own, in a small repository, warm; the commands take turns, and medians are
printed.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def make_repository(place: Path, dvc: str | None) -> None:
    """A repository with one small file under each tool."""
    place.mkdir()
    for name in ("ours", "theirs") if dvc else ("ours",):
        work = place / name
        work.mkdir()
        (work / "data.csv").write_text("id,x\n" + "".join(f"{n},{n * n}\n" for n in range(1000)))
        run(["git", "init", "-q", "."], work)
    run(["datav", "init", "-q"], place / "ours")
    run(["datav", "add", "-q", "data.csv"], place / "ours")
    if dvc:
        run([dvc, "init", "-q"], place / "theirs")
        run([dvc, "add", "-q", "data.csv"], place / "theirs")


def run(command: list[str], where: Path) -> float:
    """Run a command, which must succeed, and return how long it took."""
    start = time.perf_counter()
    subprocess.run(
        command, cwd=where, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "DVC_NO_ANALYTICS": "1"}
    )
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=11)
    parser.add_argument("--dvc", help="path of the dvc program, to run it beside")
    options = parser.parse_args()
    if shutil.which("datav") is None:
        sys.exit("datav is not on the PATH")
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch) / "bench"
        make_repository(place, options.dvc)
        commands = {
            "python -c pass": ([sys.executable, "-c", "pass"], place),
            "datav --version": (["datav", "--version"], place),
            "datav status": (["datav", "status"], place / "ours"),
            "git status": (["git", "status"], place / "ours"),
        }
        if options.dvc:
            commands["dvc --version"] = ([options.dvc, "--version"], place)
            commands["dvc status"] = ([options.dvc, "status"], place / "theirs")
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(options.runs):
            for name, (command, where) in commands.items():
                times[name].append(run(command, where))
    for name, values in times.items():
        print(f"{name:20} {statistics.median(values) * 1000:6.0f} ms  (least {min(values) * 1000:.0f})")


if __name__ == "__main__":
    main()
