"""The drift gate: what it catches, and how often it is wrong.  Prints tables in Markdown.

    python tests/bench/bench_checks.py disasters [--work DIR]
    python tests/bench/bench_checks.py histories
    python tests/bench/bench_checks.py rates [--checks 100000] [--seed 0]

    disasters    thirty quiet commits of real data and ten disasters after them (tests/support/disasters.py):
                 datav with limits learned from the commits before, beside constants on the same pairs of
                 versions (check_peers.py)
    histories    every version of the shared data, by what was learned of those before it, profiles alone
    rates        alarms among moves of one distribution, by simulation

The first two read the shared data (tests/support/shareddata.py).

Exit status: 1 when a disaster is missed, or when more than one quiet commit has a false alarm.
"""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "bench")]

from check_histories import History, check_histories  # noqa: E402
from check_peers import CONSTANTS, find_alarms  # noqa: E402
from check_rates import print_rates  # noqa: E402

from tests.support.disasters import (  # noqa: E402
    DISASTERS,
    FREQUENCIES,
    QUIET_COMMITS,
    Disaster,
    control_versions,
    drifting_versions,
    first_versions,
    next_versions,
)
from tests.support.quietcommits import Alarm, ask, commit, errors, put, run_quiet_commits  # noqa: E402
from tests.support.repos import ScratchRepo, isolate_git  # noqa: E402
from tests.support.shareddata import DATA  # noqa: E402

_DATAV = "datav, calibrated"
_DRIFT = "a mean that drifts slowly"
_DRIFTING = '"frequency_mhz"'
_COLUMN = "frequency_mhz"


@dataclass
class Score:
    """How one way to set limits fared."""

    caught: list[str] = field(default_factory=list)
    """Disasters with an alarm anywhere."""
    named: list[str] = field(default_factory=list)
    """Those with one at the right column."""
    quiet: list[tuple[int, str, str]] = field(default_factory=list)
    """Alarms in quiet commits: commit, dataset, column."""
    control: list[tuple[str, str]] = field(default_factory=list)


def compare_disasters(work: Path) -> int:
    """Print the tables, and return how many disasters datav missed, and quiet alarms beyond the first."""
    scores = {name: Score() for name in (_DATAV, *CONSTANTS)}
    history = run_quiet_commits(work / "repo")
    last = _score_constants_when_quiet(scores)
    for alarm in history.alarms:
        scores[_DATAV].quiet.append((alarm.commit, alarm.finding.path, str(alarm.finding.column)))
    for finding in errors(history.ask(control_versions())):
        scores[_DATAV].control.append((finding.path, str(finding.column)))
    for path, data in control_versions().items():
        for name, columns in find_alarms(last[path], data).items():
            scores[name].control += [(path, column) for column in columns]
    told = []
    for disaster in DISASTERS:
        broken = disaster.apply(last[disaster.path])
        found = errors(history.ask({disaster.path: broken}))
        _note(scores[_DATAV], disaster, [each.column for each in found])
        told += [(disaster.name, each.message) for each in found if each.column == disaster.column]
        for name, columns in find_alarms(last[disaster.path], broken).items():
            _note(scores[name], disaster, list(columns))
    told.append((_DRIFT, _score_drift(history.repo, scores, last[FREQUENCIES])))
    _print_scores(scores)
    print("\n| disaster | the finding |\n|---|---|")
    for disaster_name, message in told:
        print(f"| {disaster_name} | {message} |")
    print("\nquiet commits with an alarm of datav:\n")
    for alarm in history.alarms:
        print(f"- {_describe(alarm)}")
    false = {(each.commit, each.finding.path) for each in history.alarms if not each.is_breaking}
    return len(DISASTERS) + 1 - len(scores[_DATAV].named) + max(0, len(false) - 1)


def count_constants(tables: Sequence[Path]) -> None:
    """Print how many steps of each history constants raise an alarm in."""
    print(f"\n| table | steps | {' | '.join(CONSTANTS)} |\n|---|--:|{'--:|' * len(CONSTANTS)}")
    total, steps = Counter[str](), 0
    for table in tables:
        alarms, count = Counter[str](), 0
        for before, after in pairwise(sorted(table.glob("v*.csv"))):
            # Ragged rows: no validator has read these either.
            with suppress(ValueError):
                found = find_alarms(before.read_bytes(), after.read_bytes())
                alarms.update(name for name, columns in found.items() if columns)
                count += 1
        print(f"| {table.name} | {count} | {' | '.join(str(alarms[name]) for name in CONSTANTS)} |")
        total, steps = total + alarms, steps + count
    print(f"| all | {steps} | {' | '.join(str(total[name]) for name in CONSTANTS)} |")


def _note(score: Score, disaster: Disaster, columns: list[str | None]) -> None:
    if columns:
        score.caught.append(disaster.name)
    if disaster.column in columns:
        score.named.append(disaster.name)


def _score_constants_when_quiet(scores: dict[str, Score]) -> dict[str, bytes]:
    """Hold each version of the quiet commits against the one before; return the last ones."""
    last = first_versions()
    for number in range(1, QUIET_COMMITS + 1):
        for path, data in next_versions(number).items():
            for name, columns in find_alarms(last[path], data).items():
                scores[name].quiet += [(number, path, column) for column in columns]
            last[path] = data
    return last


def _score_drift(repo: ScratchRepo, scores: dict[str, Score], last: bytes) -> str:
    """Let a mean drift, commit after commit, until datav says so; the constants see all of it."""
    message, before = "", last
    for number, version in enumerate(drifting_versions(last, _DRIFTING), 1):
        if not message:
            put(repo, {FREQUENCIES: version})
            found = [each for each in errors(ask(repo)) if each.column == _COLUMN]
            if found:
                message = f"{found[0].message}, at commit {number} of it"
                scores[_DATAV].caught.append(_DRIFT)
                scores[_DATAV].named.append(_DRIFT)
            commit(repo, {FREQUENCIES: version}, f"drift {number}")
        for name, columns in find_alarms(before, version).items():
            if columns and _DRIFT not in scores[name].caught:
                scores[name].caught.append(_DRIFT)
            if _COLUMN in columns and _DRIFT not in scores[name].named:
                scores[name].named.append(_DRIFT)
        before = version
    return message or "nothing"


def _print_scores(scores: dict[str, Score]) -> None:
    checks = sum(len(next_versions(number)) for number in range(1, QUIET_COMMITS + 1))
    print(
        "| limits | disasters caught | at the right column | "
        f"checks with an alarm, of {checks} quiet ones | commits, of {QUIET_COMMITS} | columns "
        "| control, of 4 |"
    )
    print("|---|--:|--:|--:|--:|--:|--:|")
    every = [disaster.name for disaster in DISASTERS] + [_DRIFT]
    for name, score in scores.items():
        datasets = {(number, path) for number, path, _ in score.quiet}
        commits = {number for number, _, _ in score.quiet}
        print(
            f"| {name} | {len(score.caught)} | {len(score.named)} | {len(datasets)} | {len(commits)} "
            f"| {len(score.quiet)} | {len({path for path, _ in score.control})} |"
        )
    print()
    for name, score in scores.items():
        missed = [each for each in every if each not in score.named]
        per_path = Counter(path for _, path, _ in score.quiet)
        print(f"- {name}: misses {', '.join(missed) or 'nothing'}; quiet alarms by dataset {dict(per_path)}")


def _describe(alarm: Alarm) -> str:
    kind = "columns are gone" if alarm.is_breaking else "false"
    return f"commit {alarm.commit}, {alarm.finding.path} ({kind}): {alarm.finding.message}"


@contextmanager
def _place(wanted: Path | None) -> Iterator[Path]:
    """Give a directory where git sees nothing of this machine's configuration."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(dir=wanted) as directory:
        home = Path(directory) / "home"
        home.mkdir()
        isolate_git(patch, home)
        yield Path(directory)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    disasters = commands.add_parser("disasters")
    disasters.add_argument("--work", type=Path)
    commands.add_parser("histories")
    rates = commands.add_parser("rates")
    rates.add_argument("--checks", type=int, default=100_000)
    rates.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.command == "histories":
        check_histories([History(path.parent) for path in sorted(DATA.glob("*/v002.csv"))])
        count_constants([path.parent for path in sorted(DATA.glob("*/v002.csv"))])
    elif options.command == "rates":
        print_rates(options.checks, options.seed)
    else:
        with _place(options.work) as work:
            return int(compare_disasters(work) > 0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
