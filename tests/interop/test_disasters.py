"""Ten disasters after thirty quiet commits of real data, against limits that were learned, none of them set.

tests/support/disasters.py says what data that is, and what happens to it.
"""

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from datav.checks.finding import CheckResult, Finding
from datav.repo.add import add
from datav.repo.calibrate import calibrate
from datav.repo.check import check
from datav.repo.repository import Repository, init
from tests.support.disasters import (
    DISASTERS,
    DRIFTING_COMMITS,
    FREQUENCIES,
    QUIET_COMMITS,
    SETTINGS,
    control_versions,
    drifting_versions,
    first_versions,
    is_there,
    next_versions,
    split_rows,
)
from tests.support.repos import ScratchRepo
from tests.support.shareddata import DATA

pytestmark = pytest.mark.skipif(not is_there(), reason=f"no tables in {DATA}; DATAV_TEST_DATA names a folder")

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


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    """Thirty commits, each checked with the limits that were learned from those before it."""
    repo = ScratchRepo.init(tmp_path_factory.mktemp("disasters") / "repo")
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


def test_nothing_is_promised_and_no_limit_is_set(history):
    assert "[check" not in history.repo.read("datav.toml").decode()


def test_thirty_quiet_commits_raise_one_false_alarm_at_most(history):
    quiet = {(each.commit, each.finding.path) for each in history.alarms if not each.is_breaking}
    assert len(quiet) <= 1, history.alarms


def test_the_one_commit_that_is_not_quiet_is_told_by_the_columns_that_are_gone(history):
    """The table of companies got other columns: a real change that breaks who reads the old ones."""
    breaking = [each for each in history.alarms if each.is_breaking]
    assert len({(each.commit, each.finding.path) for each in breaking}) == 1
    assert {each.finding.column for each in breaking} == {"Name", "Sector"}


def test_the_next_real_versions_and_another_order_raise_no_alarm(history):
    result = history.ask(control_versions())
    assert [each.is_changed for each in result.datasets] == [True] * 4
    assert [finding for each in result.datasets for finding in each.findings] == []


@pytest.mark.parametrize("disaster", DISASTERS, ids=lambda each: each.name)
def test_a_disaster_is_an_error_that_names_column_and_cause(history, disaster):
    found = errors(history.ask({disaster.path: disaster.apply(history.repo.read(disaster.path))}))

    assert {finding.path for finding in found} == {disaster.path}
    told = [finding for finding in found if finding.column == disaster.column]
    assert len(told) == 1, found
    assert re.search(disaster.cause, told[0].message), told
    assert told[0].origin.startswith("history ("), told


def test_a_mean_that_drifts_slowly_is_an_error_before_the_eighth_commit_of_it(history, tmp_path):
    repo = ScratchRepo(shutil.copytree(history.repo.root, tmp_path / "repo", symlinks=True))
    versions = list(drifting_versions(repo.read(FREQUENCIES), '"frequency_mhz"'))
    assert len(versions) == DRIFTING_COMMITS

    for number, version in enumerate(versions, 1):
        put(repo, {FREQUENCIES: version})
        if found := errors(ask(repo)):
            break
        commit(repo, {FREQUENCIES: version}, f"drift {number}")

    assert [(each.path, each.column) for each in found] == [(FREQUENCIES, "frequency_mhz")]
