"""What `datav report` compares, and how much of the data it calls new."""

from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from datav.errors import UnknownRevisionError
from datav.repo.report import reporting
from tests.support.datasets import DatavRepo, random_bytes

NOW = datetime(2026, 7, 1, tzinfo=UTC)


@contextmanager
def report_on(repo: DatavRepo, base: str, head: str = "HEAD", *names: str):
    with repo.open() as repository, reporting(repository, base, head, names, now=NOW) as report:
        yield report


@pytest.fixture
def branched(repo):
    """`work` adds a row to `a.csv`; since it left, `main` has got another dataset."""
    repo.write("a.csv", b"id,n\n" + b"".join(b"%d,%d\n" % (each, each) for each in range(3000)))
    repo.add("a.csv")
    repo.commit("first")
    repo.git("checkout", "-q", "-b", "work")
    repo.write("a.csv", repo.read("a.csv") + b"3000,1\n")
    repo.add("a.csv")
    repo.commit("a row more")
    repo.git("checkout", "-q", "main")
    repo.write("b.csv", b"id\n1\n")
    repo.add("b.csv")
    repo.commit("not of work")
    return repo


def test_what_is_compared_is_what_the_head_did_and_not_what_the_base_did_since(branched):
    with report_on(branched, "main", "work") as report:
        assert [each.path.text for each in report.diff.datasets] == ["a.csv"]
        assert report.diff.before.commit == report.check.against_commit == branched.rev("main~1")
        assert report.base_commit == branched.rev("main")
        assert report.check.commit == branched.rev("work")
        assert report.notes == ()


def test_rows_can_be_read_while_the_report_is_open(branched):
    with report_on(branched, "main", "work") as report:
        rows = report.diff.datasets[0].table.rows

        assert (rows.added, rows.removed, rows.changed) == (1, 0, 0)
        assert sum(batch.after.num_rows for batch in rows.batches()) == 1


def test_distributions_are_compared(branched):
    with report_on(branched, "main", "work") as report:
        assert report.diff.datasets[0].stats.drift is not None


def test_of_an_edited_file_only_what_is_not_shared_is_new(branched):
    with report_on(branched, "main", "work") as report:
        (size,) = report.sizes

    assert size.after - size.before == len("3000,1\n")
    assert 0 < size.new <= 16384 < size.after


def test_of_a_directory_only_files_that_differ_are_new(repo):
    for number in range(3):
        repo.write(f"d/{number}.bin", random_bytes(50_000, number))
    repo.add("d")
    repo.commit("first")
    repo.write("d/0.bin", repo.read("d/0.bin") + b"more")
    repo.write("d/9.bin", random_bytes(1000, 9))
    repo.path("d/2.bin").unlink()
    repo.add("d")
    repo.commit("second")

    with report_on(repo, "HEAD~1") as report:
        (size,) = report.sizes

    assert (size.before, size.after) == (150_000, 101_004)
    assert 1004 <= size.new <= 1004 + 2 * 16384


def test_what_came_is_all_new_and_what_went_is_not(repo):
    repo.write("old.csv", b"id\n1\n")
    repo.add("old.csv")
    repo.commit("first")
    repo.remove("old.csv")
    repo.write("new.csv", b"id\n1\n2\n")
    repo.add("new.csv")
    repo.commit("second")

    with report_on(repo, "HEAD~1") as report:
        sizes = {each.path.text: (each.before, each.after, each.new) for each in report.sizes}

    assert sizes == {"new.csv": (None, 7, 7), "old.csv": (5, None, 0)}


def test_only_what_was_named_is_in_it(branched):
    branched.git("checkout", "-q", "work")
    branched.write("c.csv", b"id\n1\n")
    branched.add("c.csv")
    branched.commit("more")

    with report_on(branched, "main", "HEAD", "c.csv") as report:
        assert [each.path.text for each in report.diff.datasets] == ["c.csv"]
        assert {each.path for each in report.check.datasets} <= {"c.csv"}


def test_a_revision_that_nobody_knows_is_an_error(branched):
    with pytest.raises(UnknownRevisionError, match="nowhere"), report_on(branched, "nowhere", "work"):
        pass


def test_a_shallow_clone_of_a_merge_is_compared_with_what_it_was_merged_into(branched, tmp_path):
    branched.git("merge", "-q", "--no-edit", "work")
    base = branched.rev("HEAD^1")
    branched.git("clone", "-q", "--depth=1", f"file://{branched.root}", str(tmp_path / "clone"))
    (branched.root / ".git/datav").rename(tmp_path / "clone/.git/datav")
    clone = DatavRepo(tmp_path / "clone")
    clone.git("fetch", "-q", "--depth=1", "origin", base)

    with report_on(clone, base) as report:
        assert [each.path.text for each in report.diff.datasets] == ["a.csv"]
        assert report.notes == ()


def test_without_a_commit_in_common_both_are_compared_as_they_are(branched):
    branched.git("checkout", "-q", "--orphan", "other")
    branched.commit("from nothing")

    with report_on(branched, "work", "other") as report:
        assert report.diff.before.commit == branched.rev("work")
        assert len(report.notes) == 1
        assert "have no commit in common: they are compared as they are" in report.notes[0]
