"""The sweep: a command, interrupted at its first, second, third ... storage call, until it is not.

    python -m tests.crash.sweep --all               every call of every scenario in every mode
    python -m tests.crash.sweep add-first --modes kill,power --at 17

After each interruption: `inspect` finds no problem, the same command runs to its end, everything is as if
nothing had happened, and nothing temporary is left for ever.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from datav.storage.durable import TEMPORARY_PREFIX
from tests.crash.driver import Driver, Outcome
from tests.crash.faults import CUTS, KILLS, MODES, Fault
from tests.crash.scenarios import SCENARIOS, Scenario
from tests.support.datasets import DatavRepo
from tests.support.repos import isolate_git

RERUN_CUT = "kill-power"
"""Killed, run again to its end, and then the power goes: what the killed run had not synced is lost too."""

ALL_MODES = (*MODES, RERUN_CUT)

# So that all crash tests together take a few minutes; the rest is what the command line is for.
_CALLS_IN_TESTS = 3

# The clock of the file system moves on, so that what was just copied has a stamp that can be believed.
_TICK_S = 0.03


@dataclass(frozen=True, slots=True)
class Prepared:
    """A scenario that was built, and was run once undisturbed."""

    scenario: Scenario
    template: Path
    versions: dict[str, Any]
    before: dict[str, str]
    after: dict[str, Any]
    calls: tuple[str, ...]


def prepare(scenario: Scenario, directory: Path, driver: Driver) -> Prepared:
    """Build a scenario in `directory`, which must not exist, and see what its command does."""
    repo = DatavRepo.init(directory / "template", "--template=")
    scenario.prepare(repo)
    revisions = repo.git("rev-list", "--all").decode().split()
    is_set_up = repo.path("datav.toml").exists()
    versions = _ask(driver, "read_versions", repo.root, str(repo.root), revisions) if is_set_up else {}
    box = _copy(repo.root, directory / "undisturbed")
    before = _ask(driver, "take_snapshot", box, str(box)) if is_set_up else {"files": {}}
    done = driver.call(scenario.function, *scenario.command, root=box, tune=scenario.tune)
    assert done.status == scenario.status, f"{scenario.name} fails undisturbed: {done.output}"
    after = _ask(driver, "take_snapshot", box, str(box))
    prepared = Prepared(scenario, repo.root, versions, before["files"], after, done.calls)
    problems, _, _ = _inspect(driver, prepared, box)
    assert problems == []
    shutil.rmtree(box.parent)
    return prepared


def interrupt(
    prepared: Prepared, driver: Driver, directory: Path, mode: str, at: int, *, is_deaf: bool = False
) -> list[str] | None:
    """Run the command in a fresh copy with a fault at call `at`; return what is wrong afterwards.

    Returns:
        None when the command ended before there were so many calls.
    """
    shutil.rmtree(directory, ignore_errors=True)
    box = _copy(prepared.template, directory)
    if prepared.scenario.knows_files:
        time.sleep(_TICK_S)
        driver.datav("status", root=box)
    if mode == RERUN_CUT:
        return _kill_then_cut(prepared, driver, box, at)
    first = _run(prepared, driver, box, Fault(mode, at, is_deaf=is_deaf))
    if not first.happened:
        return None
    syncs = prepared.scenario.syncs
    unsynced = mode in CUTS and not syncs
    problems, differences, _ = _inspect(driver, prepared, box, unsynced=unsynced)
    problems += _check_outcome(first, mode, prepared.scenario.status)
    was_at_end = mode in CUTS and at == len(first.calls) + 1
    said_done = mode not in CUTS and first.status == prepared.scenario.status
    if said_done and prepared.scenario.never_fails:
        said_done = "error: " not in first.output
    if (was_at_end and syncs) or said_done:
        problems += [f"done, and yet: {what}" for what in differences]
    return problems + _run_again(prepared, driver, box, was_done=not differences, unsynced=unsynced)


def _kill_then_cut(prepared: Prepared, driver: Driver, box: Path, at: int) -> list[str] | None:
    kept = str(box.parent / "kept")
    first = _run(prepared, driver, box, Fault("kill", at, keep=kept))
    if not first.happened:
        return None
    _, differences, _ = _inspect(driver, prepared, box)
    if not differences:
        return []  # It was done already, and some commands cannot be given twice.
    again = _run(prepared, driver, box, Fault("power", 10**9, inherit=kept))
    problems = [] if again.happened else [f"the second run did not end: {again.output}"]
    syncs = prepared.scenario.syncs
    found, differences, _ = _inspect(driver, prepared, box, unsynced=not syncs)
    return problems + found + [f"done at last, and yet: {what}" for what in differences if syncs]


def call_before(prepared: Prepared, driver: Driver, directory: Path, at: int) -> str | None:
    """The last call that is made by a run that is killed at call `at`; None when it ended before."""
    shutil.rmtree(directory, ignore_errors=True)
    killed = _run(prepared, driver, _copy(prepared.template, directory), Fault("kill", at))
    return ("", *killed.calls)[-2] if killed.happened else None


def interrupt_twice(
    prepared: Prepared, driver: Driver, directory: Path, first: int, second: int
) -> list[str] | None:
    """Kill the command at call `first`; run it again, and lose at call `second` what names are not synced.

    Returns:
        As interrupt: what is wrong, None when one of the runs ended before.
    """
    shutil.rmtree(directory, ignore_errors=True)
    box = _copy(prepared.template, directory)
    kept = str(box.parent / "kept")
    killed = _run(prepared, driver, box, Fault("kill", first, keep=kept))
    cut = (
        _run(prepared, driver, box, Fault("power-names", second, inherit=kept)) if killed.happened else killed
    )
    if not cut.happened or second > len(cut.calls) + 1:
        return None
    unsynced = not prepared.scenario.syncs
    problems, differences, _ = _inspect(driver, prepared, box, unsynced=unsynced)
    return problems + _run_again(prepared, driver, box, was_done=not differences, unsynced=unsynced)


def _run(prepared: Prepared, driver: Driver, box: Path, fault: Fault | None = None) -> Outcome:
    scenario = prepared.scenario
    return driver.call(
        scenario.function, *scenario.command, root=box, fault=fault or Fault(), tune=scenario.tune
    )


def _run_again(prepared: Prepared, driver: Driver, box: Path, *, was_done: bool, unsynced: bool) -> list[str]:
    """Run the command once more, undisturbed, and say how what it leaves is not what it should be."""
    problems = []
    again = _run(prepared, driver, box)
    if again.status != prepared.scenario.status and not was_done:
        problems.append(f"it cannot be run again: {again.output.strip()}")
    # A command that had forgotten what it deleted cannot delete it again.
    found, differences, leftovers = _inspect(driver, prepared, box, may_be_back=was_done and unsynced)
    if leftovers:
        # By name: what is edited stands against a checkout of all.
        states = prepared.after["states"].items()
        driver.datav("checkout", "--", *(name for name, (state, _) in states if state == "clean"), root=box)
        leftovers = list(_ask(driver, "find_leftovers", box, str(box)))
    return problems + found + differences + [f"{path} is left" for path in leftovers]


def _check_outcome(outcome: Outcome, mode: str, wanted: int) -> list[str]:
    if mode in (*KILLS, *CUTS):
        return [] if outcome.status == -9 else [f"it ended with {outcome.status}: {outcome.output}"]
    is_expected = outcome.status in ((wanted,) if mode == "short" else (wanted, 2))
    if not is_expected or "Traceback" in outcome.output:
        return [f"it ended with {outcome.status}: {outcome.output.strip()}"]
    if outcome.status == 2 and outcome.output.count("error: ") != 1:
        return [f"it says what went wrong not once: {outcome.output.strip()}"]
    return []


def _inspect(
    driver: Driver, prepared: Prepared, box: Path, *, unsynced: bool = False, may_be_back: bool = False
) -> tuple[list[str], list[str], list[str]]:
    """Return what is wrong, what is different from an undisturbed run, and what temporary files are left.

    Args:
        unsynced: the power went, and the command does not sync what it does to the user's files.
    """
    if not (box / "datav.toml").exists() or not (box / ".git/datav/store/format").exists():
        return [], ["it is not set up"], []
    before, after = prepared.before, prepared.after
    found = _ask(driver, "inspect", box, str(box), prepared.versions, before, after["files"], unsynced)
    differences = _compare(prepared, found["snapshot"], may_be_back=unsynced or may_be_back)
    return found["problems"], differences, found["leftovers"]


def _compare(prepared: Prepared, found: dict[str, Any], *, may_be_back: bool = False) -> list[str]:
    """Say how a repository differs from one in which the command ran undisturbed.

    Args:
        may_be_back: what was deleted may be there again; nobody synced that it was.
    """
    problems = []
    for part, wanted in prepared.after.items():
        here = found[part]
        if not isinstance(wanted, dict):
            problems += [f"{part} is {here!r}, not {wanted!r}"] if here != wanted else []
            continue
        for key in sorted(wanted.keys() | here.keys()):
            # A directory that could not be removed is no harm, and what is temporary is looked at by itself.
            if key not in wanted and ("EMPTY_DIRECTORY" in here[key] or TEMPORARY_PREFIX in key):
                continue
            if (
                may_be_back
                and part == "files"
                and key not in wanted
                and here[key] == prepared.before.get(key)
            ):
                continue
            if wanted.get(key) != here.get(key):
                problems.append(f"{part}: {key} is {here.get(key)}, not {wanted.get(key)}")
    return problems


def _ask(driver: Driver, function: str, root: Path, *arguments: Any) -> Any:
    outcome = driver.call(f"tests.crash.checks:{function}", *arguments, root=root)
    if outcome.result is None:
        raise AssertionError(f"{function} ended with {outcome.status}: {outcome.output.strip()}")
    return outcome.result


def _copy(template: Path, directory: Path) -> Path:
    directory.mkdir(parents=True)
    return Path(shutil.copytree(template, directory / "repo", symlinks=True))


def points(calls: int, mode: str, limit: int | None) -> list[int]:
    """The call numbers to interrupt at: all, or some `limit`, evenly spread and other ones for each mode."""
    last = calls + 1 if mode in CUTS else calls
    if limit is None or limit >= last:
        return list(range(1, last + 1))
    stride = -(-last // limit)
    first = 1 + 7 * ALL_MODES.index(mode) % stride
    return sorted({*range(first, last + 1, stride), *([last] if mode in CUTS else [])})


@dataclass(slots=True)
class Tally:
    """How one scenario fared in one mode."""

    scenario: str
    calls: int
    mode: str
    points: int
    failures: list[str]


def find_failures(
    name: str, *, modes: Sequence[str] = ALL_MODES, limit: int = _CALLS_IN_TESTS, is_deaf: bool = False
) -> list[str]:
    """Sweep over a few calls in each mode, as the tests do; return what failed."""
    (scenario,) = [scenario for scenario in SCENARIOS if scenario.name == name]
    tallies = sweep(scenario, modes, limit, 1, is_deaf=is_deaf)
    assert sum(tally.points for tally in tallies) >= len(modes)
    return [failure for tally in tallies for failure in tally.failures]


def sweep(
    scenario: Scenario,
    modes: Sequence[str],
    limit: int | None,
    workers: int,
    *,
    at: Iterable[int] | None = None,
    is_deaf: bool = False,
) -> list[Tally]:
    """Interrupt a scenario's command in every mode at up to `limit` calls each.

    Args:
        at: at these calls instead.
        is_deaf: syncs do nothing.
    """
    with tempfile.TemporaryDirectory(prefix="datav-sweep-") as scratch:
        drivers: SimpleQueue[Driver] = SimpleQueue()
        for _ in range(workers):
            drivers.put(Driver())
        driver = drivers.get()
        prepared = prepare(scenario, Path(scratch, "scenario"), driver)
        drivers.put(driver)

        def one(mode: str, number: int) -> list[str] | None:
            mine = drivers.get()
            try:
                box = Path(scratch, f"box-{id(mine)}")
                return interrupt(prepared, mine, box, mode, number, is_deaf=is_deaf)
            except AssertionError as exc:
                return [str(exc)]
            finally:
                drivers.put(mine)

        tallies = []
        with ThreadPoolExecutor(workers) as executor:
            for mode in modes:
                numbers = list(at or points(len(prepared.calls), mode, limit))
                results = list(executor.map(one, [mode] * len(numbers), numbers))
                tally = Tally(scenario.name, len(prepared.calls), mode, 0, [])
                for number, problems in zip(numbers, results, strict=True):
                    tally.points += problems is not None
                    if problems:
                        call = (*prepared.calls, "the end")[min(number - 1, len(prepared.calls))]
                        tally.failures.append(f"{mode} at {number} ({call}): " + "\n    ".join(problems))
                tallies.append(tally)
        while not drivers.empty():
            drivers.get().__exit__(None, None, None)
        return tallies


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash.sweep")
    parser.add_argument("scenarios", nargs="*", help=", ".join(each.name for each in SCENARIOS))
    parser.add_argument("--all", action="store_true", help="every scenario, every mode, every call")
    parser.add_argument("--modes", default=",".join(ALL_MODES), help="of " + ",".join(ALL_MODES))
    parser.add_argument("--limit", type=int, help="at most so many calls for each mode, evenly spread")
    parser.add_argument("--at", type=int, action="append", help="only this call")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--calls", action="store_true", help="only list the calls of the scenarios")
    chosen = parser.parse_args(arguments)
    if not chosen.all and not chosen.scenarios:
        parser.error("name scenarios, or say --all")
    failures = 0
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(prefix="datav-home-") as home:
        isolate_git(patch, Path(home))
        for scenario in SCENARIOS:
            if not chosen.all and scenario.name not in chosen.scenarios:
                continue
            if chosen.calls:
                with Driver() as driver:
                    print("\n".join(prepare(scenario, Path(home, scenario.name), driver).calls))
                continue
            for tally in sweep(scenario, chosen.modes.split(","), chosen.limit, chosen.workers, at=chosen.at):
                failures += len(tally.failures)
                row = (tally.scenario, tally.calls, tally.mode, tally.points, len(tally.failures))
                print("{:14} {:5} calls  {:12} {:5} points {:4} failures".format(*row), flush=True)
                for failure in tally.failures:
                    print(f"  {failure}", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
