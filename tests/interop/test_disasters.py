"""Ten disasters after thirty quiet commits of real data, against limits that were learned, none of them set.

tests/support/disasters.py says what data that is, and what happens to it.
"""

import re
import shutil

import pytest

from tests.support.disasters import (
    DISASTERS,
    DRIFTING_COMMITS,
    FREQUENCIES,
    control_versions,
    drifting_versions,
    is_there,
)
from tests.support.quietcommits import History, ask, commit, errors, put, run_quiet_commits
from tests.support.repos import ScratchRepo
from tests.support.shareddata import DATA

pytestmark = pytest.mark.skipif(not is_there(), reason=f"no tables in {DATA}; DATAV_TEST_DATA names a folder")


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    return run_quiet_commits(tmp_path_factory.mktemp("disasters") / "repo")


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
