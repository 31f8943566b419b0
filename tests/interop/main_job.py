"""The main job, on all shared data: commit every version, check out every commit, compare every byte.

    python tests/interop/main_job.py [--data DIR] [--seed N] [--limit-versions N] [--peers git dvc]

Every dataset of the shared data (docs/development/main-job.md) goes into one repository, one commit for each
version of each dataset, round and round the datasets.  Then every commit is checked out, in random order, and
every file of every dataset is compared with where it came from; `verify`, `cat` and `gc` have their say, and
the peers keep the same history for comparison.

Exit status: 0, or 1 if anything is not as it should be.

datav runs in this process (no start-up in its times); git and dvc run as commands.
"""

import argparse
import contextlib
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("DATAV_TEST_DATA", ROOT.parent / "shared" / "data"))

TABLES = (
    "sp500-constituents",
    "sp500-financials",
    "regions",
    "airport-frequencies",
    "innovationgraph-topics",
    "covid-countries",
    "country-codes",
    "species-names",
)
FOLDERS = ("flags", "spoken-digits")
MERGES = ("base.csv", "theirs.csv", "ours.csv")

CAT_SAMPLE = 12
DVC_CHECKOUTS = 12
AFTER_GC = 10
# Two hundred small packs have two hundred headers, footers and places in indexes: less than this share.
GC_KEEPS = 0.98

_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "Main Job",
    "GIT_AUTHOR_EMAIL": "job@example.org",
    "GIT_COMMITTER_NAME": "Main Job",
    "GIT_COMMITTER_EMAIL": "job@example.org",
    "GIT_TERMINAL_PROMPT": "0",
    "DVC_NO_ANALYTICS": "1",
}


@dataclass(frozen=True)
class Series:
    """One dataset and where its versions lie."""

    path: str
    """In the repository."""
    versions: tuple[Path, ...]


@dataclass(frozen=True)
class Step:
    """One commit: one dataset comes to its next version."""

    series: Series
    number: int
    """From 0."""

    @property
    def source(self) -> Path:
        return self.series.versions[self.number]

    @property
    def message(self) -> str:
        return f"{self.series.path}: version {self.number + 1}"


@dataclass(frozen=True)
class Commit:
    """A commit and what the work tree must hold at it."""

    rev: str
    state: dict[str, Path]
    """The source of each dataset there is, by its path in the repository."""


@dataclass
class Outcome:
    """All that was found; lines to print, and what is wrong."""

    datasets: int = 0
    commits: int = 0
    checkouts: int = 0
    files_compared: int = 0
    bytes_compared: int = 0
    mismatches: list[str] = field(default_factory=list)
    bytes_of_versions: int = 0
    store_bytes: int = 0
    lines: list[str] = field(default_factory=list)

    def say(self, line: str) -> None:
        self.lines.append(line)


def find_series(data: Path, limit: int | None = None) -> list[Series]:
    """Return every dataset of the shared data with its versions in order, at most `limit` of each."""
    found = [(f"tables/{name}.csv", sorted((data / name).glob("v*.csv"))) for name in TABLES]
    found += [(name, sorted(path for path in (data / name).glob("v*") if path.is_dir())) for name in FOLDERS]
    for case in sorted(path for path in (data / "merges").iterdir() if path.is_dir()):
        found.append((f"merges/{case.name}.csv", [case / name for name in MERGES]))
    found.append(("awkward", [data / "awkward"]))
    empty = [path for path, versions in found if not versions]
    if empty:
        raise SystemExit(f"no versions of {', '.join(empty)} in {data}")
    return [Series(path, tuple(versions[:limit])) for path, versions in found]


def plan_steps(series: Sequence[Series]) -> list[Step]:
    """Version 1 of each, then version 2 of each, and so on: all are in flux at once."""
    longest = max(len(one.versions) for one in series)
    return [Step(one, number) for number in range(longest) for one in series if number < len(one.versions)]


def files_of(path: Path) -> dict[str, Path]:
    """Return the files of a dataset by their path in it; of a file, itself."""
    if not path.is_dir():
        return {"": path} if path.exists() else {}
    return {str(file.relative_to(path)): file for file in path.rglob("*") if file.is_file()}


def size_of(path: Path) -> int:
    return sum(file.lstat().st_size for file in path.rglob("*") if file.is_file() and not file.is_symlink())


def put_version(root: Path, step: Step) -> None:
    """Make the dataset on disk what the step says, as a program would that writes it anew."""
    target = root / step.series.path
    if target.is_dir():
        shutil.rmtree(target)
    target.unlink(missing_ok=True)
    for name, source in files_of(step.source).items():
        place = target / name if name else target
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, place)


def compare(root: Path, commit: Commit, paths: Sequence[str], outcome: Outcome) -> None:
    """Compare every dataset on disk with its source, byte by byte; what is none there must not exist."""
    for path in paths:
        source = commit.state.get(path)
        wanted = files_of(source) if source is not None else {}
        present = files_of(root / path)
        where = f"{path} at {commit.rev[:10]}"
        for name in wanted.keys() ^ present.keys():
            outcome.mismatches.append(f"{where}: {name or 'the file'} is on one side only")
        for name in wanted.keys() & present.keys():
            data = wanted[name].read_bytes()
            if present[name].read_bytes() != data:
                outcome.mismatches.append(f"{where}: {name or 'the file'} differs")
            outcome.files_compared += 1
            outcome.bytes_compared += len(data)


def run_git(root: Path, *arguments: str) -> str:
    return run(root, ["git", *arguments]).decode().strip()


def run(root: Path, command: Sequence[str], **environment: str) -> bytes:
    done = subprocess.run(command, cwd=root, capture_output=True, env={**os.environ, **environment})
    if done.returncode != 0:
        raise AssertionError(
            f"{command} ended with {done.returncode}: {done.stderr.decode(errors='replace')}"
        )
    return done.stdout


def datav(root: Path, *arguments: str) -> str:
    """Run a command in this process and return what it printed; AssertionError unless it succeeds."""
    from datav.cli.main import main

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(["-C", str(root), *arguments])
    if status != 0:
        raise AssertionError(f"datav {arguments} ended with {status}: {err.getvalue()}")
    return out.getvalue()


def datav_process(root: Path, *arguments: str) -> bytes:
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return run(root, [sys.executable, "-m", "datav", *arguments], PYTHONPATH=path)


def make_git_repository(root: Path) -> None:
    root.mkdir(parents=True)
    run_git(root, "init", "-q", "-b", "main")


def commit_all(root: Path, steps: Sequence[Step], record) -> tuple[list[Commit], float]:
    """Commit each step, recording data by `record(path)`; return the commits and the seconds taken.

    Copying a version into place is not timed.
    """
    state: dict[str, Path] = {}
    commits = []
    taken = 0.0
    for step in steps:
        put_version(root, step)
        began = time.perf_counter()
        record(step.series.path)
        # Two versions of a dataset may be the same bytes.
        run_git(root, "commit", "-q", "--allow-empty", "-m", step.message)
        taken += time.perf_counter() - began
        state[step.series.path] = step.source
        commits.append(Commit(run_git(root, "rev-parse", "HEAD"), dict(state)))
    return commits, taken


def do_datav(root: Path, steps: Sequence[Step], seed: int, outcome: Outcome) -> None:
    make_git_repository(root)
    datav(root, "init")
    run_git(root, "commit", "-q", "-m", "set up datav")
    commits, taken = commit_all(root, steps, lambda path: datav(root, "add", "-q", "--", path))
    outcome.commits = len(commits)
    outcome.say(f"datav    add + git commit    {taken:8.1f} s  {taken / len(commits) * 1e3:8.0f} ms each")
    check_out_all(root, steps, commits, seed, outcome)
    began = time.perf_counter()
    verified = json.loads(datav(root, "verify", "--json"))
    taken = time.perf_counter() - began
    outcome.say(
        f"datav    verify              {taken:8.1f} s  {verified['chunks']} chunks, {verified['bytes']} bytes"
    )
    for what in ("damaged", "missing", "absent", "unreadable"):
        if verified[what]:
            outcome.mismatches.append(f"verify: {what}: {verified[what]}")
    check_cat(root, commits, seed, outcome)
    check_gc(root, outcome)
    outcome.store_bytes = size_of(root / ".git" / "datav" / "store")
    for commit in shuffled(commits, seed + 2)[:AFTER_GC]:
        datav(root, "checkout", "-q", commit.rev)
        compare(root, commit, list(commits[-1].state), outcome)


def check_out_all(
    root: Path, steps: Sequence[Step], commits: Sequence[Commit], seed: int, outcome: Outcome
) -> None:
    paths = list(dict.fromkeys(step.series.path for step in steps))
    taken = 0.0
    for commit in shuffled(commits, seed):
        began = time.perf_counter()
        datav(root, "checkout", "-q", commit.rev)
        taken += time.perf_counter() - began
        outcome.checkouts += 1
        compare(root, commit, paths, outcome)
        states = json.loads(datav(root, "status", "--json"))["datasets"]
        for dataset in states:
            if (dataset["state"], dataset["staged"]) != ("clean", "none"):
                outcome.mismatches.append(f"status at {commit.rev[:10]}: {dataset}")
        if {dataset["path"] for dataset in states} != commit.state.keys():
            outcome.mismatches.append(f"status at {commit.rev[:10]} lists {len(states)} datasets")
    outcome.say(f"datav    checkout REV        {taken:8.1f} s  {taken / len(commits) * 1e3:8.0f} ms each")


def shuffled(commits: Sequence[Commit], seed: int) -> list[Commit]:
    return random.Random(seed).sample(list(commits), len(commits))


def check_cat(root: Path, commits: Sequence[Commit], seed: int, outcome: Outcome) -> None:
    chance = random.Random(seed + 1)
    began = time.perf_counter()
    for _ in range(CAT_SAMPLE):
        commit = chance.choice(commits)
        path, source = chance.choice(sorted(commit.state.items()))
        name, file = chance.choice(sorted(files_of(source).items()))
        spec = f"{commit.rev}:{path}/{name}".rstrip("/")
        if datav_process(root, "cat", spec) != file.read_bytes():
            outcome.mismatches.append(f"cat {spec} differs")
    taken = time.perf_counter() - began
    outcome.say(f"datav    cat REV:PATH        {taken:8.1f} s  {CAT_SAMPLE} files, each in a new process")


def check_gc(root: Path, outcome: Outcome) -> None:
    """Everything is committed, so only the room between is freed: many small packs become a few."""
    before = size_of(root / ".git" / "datav" / "store")
    began = time.perf_counter()
    done = json.loads(datav(root, "gc", "--apply", "--json"))
    taken = time.perf_counter() - began
    after = size_of(root / ".git" / "datav" / "store")
    packs = f"{done['packs_deleted']} packs deleted, {done['packs_rewritten']} rewritten"
    outcome.say(f"datav    gc --apply          {taken:8.1f} s  {before} to {after} bytes, {packs}")
    if done["packs_deleted"] or after < before * GC_KEEPS:
        outcome.mismatches.append(f"gc: {packs}; the store went from {before} to {after} bytes")
    if not json.loads(datav(root, "verify", "--json"))["ok"]:
        outcome.mismatches.append("verify finds something after gc")


def do_git(root: Path, steps: Sequence[Step], seed: int, outcome: Outcome) -> None:
    """The data itself in git."""
    make_git_repository(root)
    commits, taken = commit_all(root, steps, lambda path: run_git(root, "add", "--", path))
    outcome.say(f"git      add + git commit    {taken:8.1f} s  {taken / len(commits) * 1e3:8.0f} ms each")
    loose = size_of(root / ".git" / "objects")
    began = time.perf_counter()
    for commit in shuffled(commits, seed):
        run_git(root, "checkout", "-q", commit.rev)
    taken = time.perf_counter() - began
    outcome.say(f"git      checkout            {taken:8.1f} s  {taken / len(commits) * 1e3:8.0f} ms each")
    began = time.perf_counter()
    run_git(root, "gc", "-q", "--prune=now")
    taken = time.perf_counter() - began
    outcome.say(f"git      gc                  {taken:8.1f} s  {loose} bytes of objects before")
    say_size("git, packed", size_of(root / ".git" / "objects"), outcome)


def do_dvc(root: Path, steps: Sequence[Step], seed: int, outcome: Outcome) -> None:
    dvc = find_dvc()
    if dvc is None:
        outcome.say("dvc      is not here")
        return
    make_git_repository(root)
    run(root, [dvc, "init", "-q"])
    run(root, [dvc, "config", "core.analytics", "false"])
    run(root, [dvc, "config", "core.autostage", "true"])
    run_git(root, "add", ".dvc")
    run_git(root, "commit", "-q", "-m", "set up dvc")
    commits, taken = commit_all(root, steps, lambda path: run(root, [dvc, "add", "-q", "--", path]))
    outcome.say(f"dvc      add + git commit    {taken:8.1f} s  {taken / len(commits) * 1e3:8.0f} ms each")
    some = shuffled(commits, seed)[:DVC_CHECKOUTS]
    began = time.perf_counter()
    for commit in some:
        run_git(root, "checkout", "-q", commit.rev)
        run(root, [dvc, "checkout", "-q"])
    taken = time.perf_counter() - began
    each = f"{taken / len(some) * 1e3:8.0f} ms each"
    outcome.say(f"dvc      git + dvc checkout  {taken:8.1f} s  {each}, the first {len(some)} only")
    say_size("dvc's cache", size_of(root / ".dvc" / "cache"), outcome)


def find_dvc() -> str | None:
    peers = Path(os.environ.get("PEERS", Path.home() / ".cache" / "datav-peers"))
    installed = peers / "dvc" / "bin" / "dvc"
    return str(installed) if installed.exists() else shutil.which("dvc")


PEERS = {"git": do_git, "dvc": do_dvc}


def say_size(what: str, size: int, outcome: Outcome) -> None:
    share = size / outcome.bytes_of_versions
    outcome.say(f"{what:<28} {size:>13,} bytes  {share:6.1%} of all versions")


def do_all(
    data: Path, scratch: Path, *, seed: int = 1, limit: int | None = None, peers: Sequence[str] = ()
) -> Outcome:
    """Do the main job below `scratch`, an empty directory."""
    outcome = Outcome()
    series = find_series(data, limit)
    steps = plan_steps(series)
    outcome.datasets = len(series)
    outcome.bytes_of_versions = sum(
        file.stat().st_size for step in steps for file in files_of(step.source).values()
    )
    with changed_environment(_ENVIRONMENT):
        do_datav(scratch / "datav", steps, seed, outcome)
        say_size("all versions", outcome.bytes_of_versions, outcome)
        say_size("datav's store", outcome.store_bytes, outcome)
        for peer in peers:
            PEERS[peer](scratch / peer, steps, seed, outcome)
    return outcome


@contextlib.contextmanager
def changed_environment(values: dict[str, str]):
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def print_outcome(outcome: Outcome) -> None:
    print(f"datasets        {outcome.datasets:>15,}")
    print(f"commits         {outcome.commits:>15,}")
    print(f"checkouts       {outcome.checkouts:>15,}")
    print(f"files compared  {outcome.files_compared:>15,}")
    print(f"bytes compared  {outcome.bytes_compared:>15,}")
    print(f"mismatches      {len(outcome.mismatches):>15,}")
    for line in outcome.mismatches[:20]:
        print(f"  {line}")
    print(*outcome.lines, sep="\n")


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit-versions", type=int, default=None)
    parser.add_argument("--peers", nargs="*", choices=sorted(PEERS), default=[])
    options = parser.parse_args(arguments)
    if not (options.data / "awkward").is_dir():
        parser.error(f"there is no shared data in {options.data}: say where with --data or DATAV_TEST_DATA")
    with tempfile.TemporaryDirectory(prefix="main-job-") as scratch:
        outcome = do_all(
            options.data.resolve(),
            Path(scratch),
            seed=options.seed,
            limit=options.limit_versions,
            peers=options.peers,
        )
    print_outcome(outcome)
    return 1 if outcome.mismatches else 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main(sys.argv[1:]))
