"""Thirty quiet commits of real data, each checked with the limits that were learned from those before it.

tests/support/disasters.py says what data that is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from datav.checks.finding import CheckResult, Finding
from datav.repo.add import add
from datav.repo.calibrate import calibrate
from datav.repo.check import check
from datav.repo.repository import Repository, init
from tests.support.disasters import QUIET_COMMITS, SETTINGS, first_versions, next_versions, split_rows
from tests.support.repos import ScratchRepo

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@dataclass(frozen=True)
class Alarm:
    """An error in a quiet commit."""

    commit: int
    finding: Finding
    is_breaking: bool
    """Whether columns that were there are gone, by the header: no quiet change."""


@dataclass(frozen=True)
class History:
    """The repository after the quiet commits, with limits learned from them."""

    repo: ScratchRepo
    alarms: tuple[Alarm, ...]

    def ask(self, files: Mapping[str, bytes]) -> CheckResult:
        """Check files on disk against `HEAD`; then put back what was there."""
        was = {path: self.repo.read(path) for path in files}
        put(self.repo, files)
        try:
            return ask(self.repo)
        finally:
            put(self.repo, was)


def put(repo: ScratchRepo, files: Mapping[str, bytes]) -> None:
    for path, data in files.items():
        repo.write(path, data)


def ask(repo: ScratchRepo) -> CheckResult:
    with Repository.open(repo.root) as repository:
        outcome = check(repository, now=NOW)
    assert outcome.errors == ()
    assert not any(each.not_checked for each in outcome.result.datasets)
    return outcome.result


def learn(repo: ScratchRepo) -> None:
    with Repository.open(repo.root) as repository:
        calibrate(repository)


def commit(repo: ScratchRepo, files: Mapping[str, bytes], message: str) -> None:
    with Repository.open(repo.root) as repository:
        add(repository, list(files))
    repo.commit(message)


def errors(result: CheckResult) -> list[Finding]:
    return [finding for each in result.datasets for finding in each.findings if finding.severity == "error"]


def run_quiet_commits(root: Path) -> History:
    """Commit thirty times what really came next, checking it first, in a new repository."""
    repo = ScratchRepo.init(root)
    init(repo.root)
    repo.write("datav.toml", SETTINGS.encode())
    files = first_versions()
    put(repo, files)
    commit(repo, files, "first")
    alarms: list[Alarm] = []
    for number in range(1, QUIET_COMMITS + 1):
        learn(repo)
        files = next_versions(number)
        before = {path: header(repo.read(path)) for path in files}
        put(repo, files)
        alarms += [
            Alarm(number, finding, not before[finding.path] <= header(files[finding.path]))
            for finding in errors(ask(repo))
        ]
        commit(repo, files, f"quiet {number}")
    learn(repo)
    return History(repo, tuple(alarms))


def header(data: bytes) -> set[str]:
    return set(split_rows(data.splitlines()[0])[0])
