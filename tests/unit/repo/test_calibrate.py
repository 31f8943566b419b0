"""Limits learned in a repository: written, applied, moved with their dataset; of a history as git has it."""

import os
from datetime import UTC, datetime

import pytest

from datav.errors import FormatError, UnknownDatasetError, UnknownRevisionError
from datav.formats.limits import parse_limits
from datav.relpath import RelPath
from datav.repo.calibrate import calibrate
from datav.repo.check import check
from datav.repo.datasets import Dataset
from datav.repo.pastversions import find_past

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def table(version: int, rows: int = 120, *, factor: float = 1.0) -> bytes:
    """A table that changes a little: two rows more each version."""
    lines = ["id,size,kind"]
    for number in range(rows + 2 * version):
        size = (number * 37 % 101) * factor
        lines.append(f"{number},{size:.2f},{'abc'[number % 3]}")
    return ("\n".join(lines) + "\n").encode()


@pytest.fixture
def grown(repo):
    """A dataset of five versions."""
    for version in range(5):
        repo.write("x.csv", table(version))
        repo.add("x.csv", **({"key": ("id",)} if not version else {}))
        repo.commit(f"version {version}")
    return repo


def run_check(repo, **options):
    with repo.open() as repository:
        outcome = check(repository, now=NOW, **options)
    assert not outcome.errors
    return outcome.result


def run_calibrate(repo, *names, **options):
    with repo.open() as repository:
        return calibrate(repository, names, **options)


def test_limits_are_written_beside_the_manifest_and_say_where_they_are_from(grown):
    (learned,) = run_calibrate(grown).datasets
    assert learned.is_new
    limits = parse_limits((grown.root / "x.csv.datav.limits").read_bytes(), "of x")
    assert limits.habits.keys() == learned.limits.habits.keys()
    assert (limits.steps, limits.row_steps) == (4, 4)
    assert limits.last == grown.git("rev-parse", "HEAD").decode().strip()
    assert not run_calibrate(grown).datasets[0].is_new


def test_a_change_like_the_others_is_fine_and_another_unit_is_not(grown):
    run_calibrate(grown)
    grown.write("x.csv", table(5))
    assert run_check(grown).ok
    grown.write("x.csv", table(5, factor=3.28084))
    result = run_check(grown)
    (finding,) = result.datasets[0].findings
    assert (finding.column, finding.severity, finding.measure) == ("size", "error", "cells changed")
    assert "98.4 % of the cells" in finding.message
    assert result.datasets[0].read_rows


def test_without_a_file_limits_are_learned_from_the_history_that_is_there(grown):
    grown.write("x.csv", table(5, factor=3.28084))
    result = run_check(grown)
    (finding,) = result.datasets[0].findings
    # Four steps are no proof.
    assert (finding.column, finding.severity) == ("size", "warn")
    assert "too short to be sure" in finding.origin
    assert any("learned just now" in note for note in result.notes)
    assert not result.datasets[0].read_rows


def test_of_too_little_history_findings_only_warn(repo):
    for version in range(2):
        repo.write("x.csv", table(version, rows=3000))
        repo.add("x.csv")
        repo.commit(f"version {version}")
    repo.write("x.csv", table(2, rows=3000, factor=3.28084))
    result = run_check(repo)
    (finding,) = result.datasets[0].findings
    assert (finding.severity, finding.column) == ("warn", "size")
    assert "there is 1 step of history" in finding.origin
    assert result.ok


def test_a_change_on_purpose_passes_when_it_is_learned_with_it(grown):
    run_calibrate(grown)
    grown.write("x.csv", table(5, factor=3.28084))
    assert not run_check(grown).ok
    grown.add("x.csv")
    (learned,) = run_calibrate(grown).datasets
    assert {one.measured.column for one in learned.limits.unusual} == {"size"}
    assert all(one.commit == "" for one in learned.limits.unusual)
    result = run_check(grown)
    assert result.ok
    assert any("listed as known" in note for note in result.notes)
    # And only this one.
    grown.commit("feet")
    grown.write("x.csv", table(6))
    assert not run_check(grown).ok


def test_a_branch_of_several_commits_passes_where_it_is_compared_with_what_it_was_calibrated_against(grown):
    for factor, message in ((3.28084, "feet"), (3.28084, "more feet")):
        grown.write("x.csv", table(5 + (message != "feet"), factor=factor))
        grown.add("x.csv")
        grown.commit(message)
    run_calibrate(grown)
    grown.git("add", "x.csv.datav.limits")
    grown.commit("learned alone")
    assert not run_check(grown, rev="HEAD", against="HEAD~3").ok

    (learned,) = run_calibrate(grown, against="HEAD~3").datasets
    grown.git("add", "x.csv.datav.limits")
    grown.commit("learned against the base")
    assert learned.is_new
    result = run_check(grown, rev="HEAD", against="HEAD~4")
    assert result.ok
    assert any("listed as known" in note for note in result.notes)
    # Merged by one commit it is the same step.
    grown.git("checkout", "-q", "--detach", "HEAD~4")
    grown.git("checkout", "main", "--", ".")
    grown.commit("squashed")
    assert run_check(grown, rev="HEAD").ok


def test_calibrating_against_what_did_not_move_lists_nothing(grown):
    plain = run_calibrate(grown).datasets[0].limits
    (learned,) = run_calibrate(grown, against="HEAD~1").datasets
    assert learned.limits == plain
    assert not learned.is_new
    with pytest.raises(UnknownRevisionError):
        run_calibrate(grown, against="nothing")


def test_the_limits_of_the_checked_version_count(grown):
    run_calibrate(grown)
    grown.git("add", "x.csv.datav.limits")
    grown.write("x.csv", table(5, factor=3.28084))
    grown.add("x.csv")
    grown.commit("feet")
    assert not run_check(grown, rev="HEAD").ok
    assert not run_check(grown, rev="HEAD", against="HEAD~2").ok
    assert run_check(grown, rev="HEAD~1").ok


def test_a_damaged_file_of_limits_is_told_and_fails(grown):
    grown.write("x.csv.datav.limits", b"datav_limits = 1\nsteps = 'x'\n")
    grown.write("x.csv", table(5))
    with grown.open() as repository:
        outcome = check(repository, now=NOW)
    (error,) = outcome.errors
    assert "x.csv.datav.limits" in str(error)
    assert outcome.result.datasets[0].not_checked
    run_calibrate(grown)
    assert run_check(grown).ok


def test_limits_move_with_their_dataset_and_go_with_it(grown):
    run_calibrate(grown)
    grown.git("add", ".")
    grown.commit("limits")
    (grown.root / "d").mkdir()
    grown.move("x.csv", "d/y.csv")
    assert (grown.root / "d/y.csv.datav.limits").exists()
    assert not (grown.root / "x.csv.datav.limits").exists()
    grown.commit("moved")
    assert grown.git("status", "--porcelain") == b""
    # The history is that of both names.
    (learned,) = run_calibrate(grown).datasets
    assert learned.limits.steps == 4
    grown.remove("d/y.csv")
    assert not (grown.root / "d/y.csv.datav.limits").exists()
    grown.commit("removed")
    assert grown.git("status", "--porcelain") == b""


def test_merges_into_a_branch_are_one_step(grown):
    grown.git("checkout", "-q", "-b", "work")
    for version in (5, 6, 7):
        grown.write("x.csv", table(version))
        grown.add("x.csv")
        grown.commit(f"work {version}")
    grown.git("checkout", "-q", "main")
    grown.git("merge", "-q", "--no-ff", "-m", "merge", "work")
    with grown.open() as repository:
        past = find_past(repository, Dataset(RelPath(b"x.csv")), "HEAD")
    assert len(past.versions) == 6
    assert past.versions[-1].commit == grown.git("rev-parse", "HEAD").decode().strip()
    assert not past.is_cut


def test_equal_neighbours_are_one_version(grown):
    with grown.open() as repository:
        before = find_past(repository, Dataset(RelPath(b"x.csv")), "HEAD").versions
    manifest = grown.root / "x.csv.datav"
    manifest.write_bytes(manifest.read_bytes() + b'\n[meta]\nsource = "me"\n')
    grown.git("add", ".")
    grown.commit("only said more")
    with grown.open() as repository:
        assert len(find_past(repository, Dataset(RelPath(b"x.csv")), "HEAD").versions) == len(before)


def test_what_is_no_table_has_nothing_to_learn(repo):
    for version in range(4):
        repo.write("x.bin", bytes([version]) * 5000)
        repo.add("x.bin")
        repo.commit(f"version {version}")
    (learned,) = run_calibrate(repo).datasets
    assert learned.limits is None
    assert "0 versions have a profile" in learned.reason
    assert not (repo.root / "x.bin.datav.limits").exists()


def test_a_name_that_means_nothing_is_refused(grown):
    with pytest.raises(UnknownDatasetError):
        run_calibrate(grown, "y.csv")


def test_limits_of_a_newer_datav_are_refused():
    with pytest.raises(FormatError, match="newer datav"):
        parse_limits(b"datav_limits = 9\n", "of x")


def test_what_lies_on_disk_is_compared_however_long_the_history_is(repo):
    """Profiles of old versions make room for each other in memory, and never for the one that is checked."""
    for version in range(22):
        repo.write("x.csv", table(version))
        repo.add("x.csv")
        repo.commit(f"version {version}")
    repo.write("x.csv", table(22, factor=3.28084))
    (finding,) = run_check(repo).datasets[0].findings
    assert finding.column == "size"
    assert "22 steps" in finding.origin or "21 steps" in finding.origin


def test_what_is_no_file_in_place_of_limits_is_none(grown):
    os.mkfifo(grown.root / "x.csv.datav.limits")
    grown.write("x.csv", table(5))
    assert run_check(grown).ok


def test_versions_without_a_profile_are_passed_over(repo):
    repo.write("x.csv", table(0))
    repo.add("x.csv")
    repo.commit("version 0")
    settings = repo.read("datav.toml")
    for version in range(1, 5):
        is_without = version == 2
        extra = b'datav = 1\nprofile = "never"\n' if is_without else b"datav = 1\n"
        repo.write("datav.toml", settings.replace(b"datav = 1\n", extra))
        repo.write("x.csv", table(version))
        repo.add("x.csv")
        repo.commit(f"version {version}")
        assert (repo.manifest("x.csv").profile is None) == is_without
    repo.write("x.csv", table(5, factor=3.28084))
    (finding,) = run_check(repo).datasets[0].findings
    # From the first to the second, to the fourth, to the fifth.
    assert "3 steps" in finding.origin
