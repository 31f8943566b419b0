"""Merges, decisions and checkouts as users start them, killed at a random moment with all that they started.

    python -m tests.crash.merge_kills --runs 200 --seed 1
    python -m tests.crash.merge_kills --seed 1 --only 17       one run, as a failure names it

Each run chooses by its number and the seed a command and a moment within the time that it takes undisturbed.
Afterwards nothing is lost or torn, git works, and by the next commands everything is as if nothing had
happened (O12 - O14): the same command again, for a merge of git's after `git merge --abort`, or what else
git says.
"""

import argparse
import collections
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from datav.git.repository import GitRepository
from datav.repo.hooks import install_hooks
from datav.repo.repository import init
from tests.crash.checks import find_damage, find_leftovers, find_unreadable_conflicts, read_versions
from tests.crash.checks import take_snapshot as take_whole_snapshot
from tests.support.datasets import DatavRepo, random_bytes
from tests.support.repos import isolate_git

_ROOT = Path(__file__).resolve().parents[2]
_TIMEOUT_S = 120
_DATE = "2026-01-01T12:00:00Z"
_BRANCHES = ["main", "theirs", "rival"]
_ROWS = 60_000


@dataclass(frozen=True)
class Command:
    name: str
    template: str
    """Before it: `apart`, two sides that nobody has merged; `tidy`, the same and nothing edited, else `datav
    checkout` refuses; `stopped`, a merge of git's with conflicts."""
    words: tuple[str, ...]
    status: int = 0
    """What it ends with, undisturbed."""


COMMANDS = (
    Command("git merge", "apart", ("git", "merge", "-q", "--no-edit", "theirs")),
    Command("git merge to conflicts", "apart", ("git", "merge", "-q", "--no-edit", "rival"), 1),
    Command("merge", "apart", ("datav", "merge", "theirs")),
    Command("merge to conflicts", "apart", ("datav", "merge", "rival"), 1),
    Command("resolve a row", "stopped", ("datav", "resolve", "table.csv", "--theirs", "--row", "id=700"), 1),
    Command("resolve a table", "stopped", ("datav", "resolve", "table.csv", "--theirs")),
    Command("resolve a directory", "stopped", ("datav", "resolve", "d", "--theirs")),
    Command("checkout", "tidy", ("datav", "checkout", "theirs")),
    Command("git checkout", "apart", ("git", "checkout", "-q", "theirs")),
)


@dataclass(frozen=True)
class Undisturbed:
    """What a command does when nobody kills it."""

    before: dict[str, Any]
    after: dict[str, Any]
    took_s: float


@dataclass(frozen=True)
class Killed:
    """What came of one run."""

    command: str
    at_s: float
    was_killed: bool
    was_done: bool
    """Everything was as it is after an undisturbed run already."""
    locks: int
    """Lock files that git left, and that were removed as git says."""
    problems: list[str]


class Stage:
    """Repositories that each run works on a copy of, and what the commands do there undisturbed."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._undisturbed: dict[str, Undisturbed] = {}
        apart = DatavRepo.init(home / "apart")
        _fill(apart)
        self.versions = read_versions(str(apart.root), [apart.rev(branch) for branch in _BRANCHES])
        shutil.copytree(apart.root, home / "tidy", symlinks=True)
        # What the user has done since, and has not added.
        apart.write("mine.bin", b"edited, and nowhere else")
        apart.write("notes.txt", b"git does not know this file")
        shutil.copytree(apart.root, home / "stopped", symlinks=True)
        status, said = _run(home / "stopped", COMMANDS[1].words)
        assert status == 1, said

    def copy(self, command: Command, directory: Path) -> Path:
        return Path(shutil.copytree(self.home / command.template, directory, symlinks=True))

    def undisturbed(self, command: Command) -> Undisturbed:
        if command.name not in self._undisturbed:
            if not self._undisturbed:
                self._try(command)  # For what the system has to read first.
            self._undisturbed[command.name] = self._try(command)
        return self._undisturbed[command.name]

    def _try(self, command: Command) -> Undisturbed:
        root = self.copy(command, self.home / "undisturbed" / "repo")
        before = take_snapshot(root)
        begin = time.monotonic()
        status, said = _run(root, command.words)
        took_s = time.monotonic() - begin
        assert status == command.status, f"{command.name} ends with {status}: {said}"
        undisturbed = Undisturbed(before, take_snapshot(root), took_s)
        problems = find_problems(root, self.versions, undisturbed)
        assert problems == [], f"{command.name}: {problems}"
        shutil.rmtree(root.parent)
        return undisturbed


def choose(seed: int, number: int) -> tuple[Command, float]:
    """Return the command of a run, and when to kill it, as a share of the time that it takes."""
    rng = random.Random(f"{seed} {number}")
    return rng.choice(COMMANDS), rng.uniform(0.05, 1)


def run(stage: Stage, command: Command, share: float, directory: Path) -> Killed:
    """Kill a command, look at what is left, and go on."""
    undisturbed = stage.undisturbed(command)
    root = stage.copy(command, directory / "repo")
    at_s = share * undisturbed.took_s
    was_killed = _run_killed(root, command.words, at_s)
    locks = _remove_locks(root)
    problems = _must_run(root, ("git", "status"))
    problems += find_problems(root, stage.versions, undisturbed)
    was_done = not _differences(root, undisturbed)
    if not was_done:
        problems += _finish(root, command, undisturbed)
    if find_leftovers(str(root)):
        clean = [name for name, (state, _) in undisturbed.after["states"].items() if state == "clean"]
        problems += _must_run(root, ("datav", "checkout", "--", *clean))
    problems += [f"{path} is left" for path in find_leftovers(str(root))]
    problems += find_problems(root, stage.versions, undisturbed)
    problems += [f"in the end {what}" for what in _differences(root, undisturbed)]
    return Killed(command.name, at_s, was_killed, was_done, locks, problems)


def _finish(root: Path, command: Command, undisturbed: Undisturbed) -> list[str]:
    """Bring everything to where the command would have brought it; return what went wrong."""
    if command.words[0] == "datav":
        status, said = _run(root, command.words)
        if status != command.status and "overwritten by checkout" in said:
            # git had moved a part of its files, and not its index.
            _run(root, ("git", "reset", "-q", "--hard"))
            status, said = _run(root, command.words)
        return [f"given again it ended with {status}: {said}"] if status != command.status else []
    if _git(root, "rev-parse", "HEAD") == undisturbed.after["head"].strip() and command.status == 0:
        # git's part is done, and the hook's is not.
        return _place(root)
    if not (root / ".git/MERGE_HEAD").exists() or _run(root, ("git", "merge", "--abort"))[0]:
        _run(root, ("git", "reset", "-q", "--hard"))
    status, said = _run(root, command.words)
    if "untracked working tree files would be overwritten" in said:
        for line in said.splitlines():
            if line.startswith("\t"):
                (root / line.strip()).unlink()
        status, said = _run(root, command.words)
    if status != command.status:
        return [f"given again it ended with {status}: {said}"]
    return _place(root) if _differences(root, undisturbed) else []


def _place(root: Path) -> list[str]:
    names = [name for name in ("table.csv", "d", "new.bin") if (root / f"{name}.datav").exists()]
    return _must_run(root, ("datav", "checkout", "--", *names))


def find_problems(root: Path, versions: dict[str, Any], undisturbed: Undisturbed) -> list[str]:
    """Say what is lost, damaged, torn, or neither as it was nor as it will be."""
    problems = [*find_damage(str(root)), *find_unreadable_conflicts(str(root))]
    if read_versions(str(root), list(versions)) != versions:
        problems.append("what was committed is not what the store has")
    before, after = undisturbed.before["files"], undisturbed.after["files"]
    found = take_snapshot(root)["files"]
    for path in sorted(found.keys() | before.keys() | after.keys()):
        here, possible = found.get(path), {before.get(path), after.get(path)}
        if here not in possible and ".datav-tmp-" not in path:
            problems.append(f"{path} is neither as it was nor as it will be: {here} instead of {possible}")
    return problems


def take_snapshot(root: Path) -> dict[str, Any]:
    """Files, git's index, HEAD and states; without the files that git made for the driver and left."""
    snapshot = take_whole_snapshot(str(root))
    files = snapshot["files"]
    return snapshot | {"files": {path: files[path] for path in files if not path.startswith(".merge_file_")}}


def _differences(root: Path, undisturbed: Undisturbed) -> list[str]:
    found = take_snapshot(root)
    differences = []
    for part, wanted in undisturbed.after.items():
        here = found[part]
        if part == "head":
            differences += [f"HEAD is {here}, not {wanted}"] if here != wanted else []
            continue
        for key in sorted(wanted.keys() | here.keys()):
            is_gone = part == "files" and key == "old.bin" and key not in wanted
            if wanted.get(key) != here.get(key) and ".datav-tmp-" not in key and not is_gone:
                differences.append(f"{part}: {key} is {here.get(key)}, not {wanted.get(key)}")
    return differences


# --- processes


def _environment() -> dict[str, str]:
    dates = {"GIT_AUTHOR_DATE": _DATE, "GIT_COMMITTER_DATE": _DATE}
    return {**os.environ, **dates, "OPENBLAS_NUM_THREADS": "1"}


def _start(root: Path, words: Sequence[str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        words,
        cwd=root,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def _run(root: Path, words: Sequence[str]) -> tuple[int, str]:
    process = _start(root, words)
    said, _ = process.communicate(timeout=_TIMEOUT_S)
    return process.returncode, said


def _must_run(root: Path, words: Sequence[str]) -> list[str]:
    status, said = _run(root, words)
    return [f"`{' '.join(words)}` ended with {status}: {said}"] if status else []


def _run_killed(root: Path, words: Sequence[str], at_s: float) -> bool:
    """Start a command and kill its process group; return whether it had not ended before."""
    process = _start(root, words)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(at_s)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    # Its end is that of the last process that writes there.
    process.communicate(timeout=_TIMEOUT_S)
    return process.returncode == -signal.SIGKILL


def _remove_locks(root: Path) -> int:
    """Remove the lock files that git left, as git says that one may; return how many."""
    ours = root / ".git/datav"
    found = [path for path in (root / ".git").rglob("*.lock") if ours not in path.parents]
    for path in found:
        path.unlink()
    return len(found)


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True).stdout.strip()


# --- what is merged


def _fill(repo: DatavRepo) -> None:
    init(repo.root)
    install_hooks(GitRepository.discover(repo.root), sys.executable, repo.root)
    repo.write("table.csv", b"id,name,amount\n" + b"".join(_row(n, b"name %d" % n) for n in range(_ROWS)))
    for number in range(40):
        repo.write(f"d/{number % 4}/{number}.bin", random_bytes(20_000, number))
    for name in ("old.bin", "mine.bin"):
        repo.write(name, random_bytes(50_000, 100 + len(name)))
    repo.add("table.csv", key=("id",))
    repo.add("d", "old.bin", "mine.bin")
    repo.commit("base")
    repo.git("branch", "theirs")
    repo.git("branch", "rival")
    for branch, seed in (("theirs", 1), ("rival", 2), ("main", 3)):
        repo.git("checkout", "-q", branch)
        _change(repo, branch, seed)
        repo.commit(branch)


def _row(number: int, name: bytes) -> bytes:
    return b"%d,%s,%d.50\n" % (number, name, number * 7919 % 10007)


def _change(repo: DatavRepo, branch: str, seed: int) -> None:
    rows = {700, 41_000} if branch != "theirs" else {9_000, 30_000}
    rows |= {seed + 1_000 * number for number in range(0, 50)}
    table = repo.read("table.csv")
    for number in rows:
        table = table.replace(_row(number, b"name %d" % number), _row(number, b"by %s" % branch.encode()))
    repo.write("table.csv", table)
    for number in (seed, seed + 4, seed + 8):
        repo.write(f"d/{number % 4}/{number}.bin", random_bytes(25_000, 1000 * seed + number))
    if branch != "theirs":
        repo.write("d/0/0.bin", random_bytes(25_000, 1000 * seed))
    repo.add("table.csv", "d")
    if branch == "theirs":
        repo.write("new.bin", random_bytes(40_000, 200))
        repo.add("new.bin")
        repo.remove("old.bin")


@contextmanager
def opened_stage(directory: Path) -> Iterator[Stage]:
    """A stage below an empty directory, with a `datav` that git finds."""
    programs = directory / "bin"
    programs.mkdir()
    script = programs / "datav"
    script.write_text(f'#!/bin/sh\nPYTHONPATH="{_ROOT}" exec "{sys.executable}" -P -m datav "$@"\n')
    script.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
        yield Stage(directory)


# --- the command line


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="this run alone")
    chosen = parser.parse_args()
    numbers = range(chosen.runs) if chosen.only is None else [chosen.only]
    ends: collections.Counter[str] = collections.Counter()
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(prefix="datav-kills-") as home:
        Path(home, "home").mkdir()
        isolate_git(patch, Path(home, "home"))
        with opened_stage(Path(home)) as stage:
            for number in numbers:
                _report(stage, chosen.seed, number, Path(home, "run"), ends)
    summary = ", ".join(f"{count} {end}" for end, count in sorted(ends.items()))
    print(f"seed {chosen.seed}: {len(numbers)} runs, {ends['failed']} failures; {summary}")
    return 1 if ends["failed"] else 0


def _report(stage: Stage, seed: int, number: int, directory: Path, ends: "collections.Counter[str]") -> None:
    """Carry out one run, print what came of it, and count it."""
    command, share = choose(seed, number)
    directory.mkdir()
    try:
        killed = run(stage, command, share, directory)
    finally:
        shutil.rmtree(directory)
    ends["were killed" if killed.was_killed else "ended before"] += 1
    ends["had nothing left to do"] += killed.was_done
    ends["left a lock of git's"] += killed.locks > 0
    ends["failed"] += bool(killed.problems)
    end = "killed" if killed.was_killed else "ended before"
    print(f"{number} {command.name} at {killed.at_s:.3f} s: {end}{', done' * killed.was_done}", flush=True)
    for problem in killed.problems:
        print(f"    {problem}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
