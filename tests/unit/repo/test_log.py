"""log: how datasets changed from commit to commit."""

import pytest

from datav.errors import UnknownDatasetError, UnknownRevisionError
from datav.repo.log import log


def read_log(repo, name=None, here=".", **options):
    with repo.open(here) as repository:
        return log(repository, name, **options).entries


def put(repo, name, content, message):
    repo.write(name, content)
    repo.add(name)
    return repo.commit(message)


@pytest.fixture
def history(repo):
    """A table that grows, and a directory."""
    put(repo, "a.csv", b"id\n1\n", "first")
    put(repo, "a.csv", b"id\n1\n2\n3\n", "second")
    repo.write("d/x", b"12345")
    repo.add("d")
    repo.commit("directory")
    return repo


def test_a_dataset_has_the_commits_that_changed_it_newest_first(history):
    second, first = read_log(history, "a.csv")

    assert (second.subject, first.subject) == ("second", "first")
    assert second.oid == history.rev("HEAD~1")
    assert (second.author, second.email) == ("Ann Tester", "ann@example.org")
    (change,) = second.changes
    assert (change.kind, change.bytes, change.files, change.rows) == ("modified", 4, 0, 2)
    assert (change.after.bytes, change.after.files, change.after.rows) == (9, 1, 3)
    assert change.before.rows == 1
    (change,) = first.changes
    assert (change.kind, change.before, change.bytes, change.rows) == ("added", None, 5, 1)


def test_without_a_name_all_datasets_are_told(history):
    commits = read_log(history)

    assert [(c.subject, [x.path for x in c.changes]) for c in commits] == [
        ("directory", [b"d"]),
        ("second", [b"a.csv"]),
        ("first", [b"a.csv"]),
    ]
    assert commits[0].changes[0].rows is None


def test_a_limit_still_knows_the_version_before(history):
    (commit,) = read_log(history, "a.csv", limit=1)

    assert commit.changes[0].rows == 2


def test_a_revision_is_where_it_starts(history):
    assert [c.subject for c in read_log(history, rev="HEAD~2")] == ["first"]
    with pytest.raises(UnknownRevisionError):
        read_log(history, rev="nowhere")


def test_a_rename_is_followed(history):
    history.git("mv", "a.csv.datav", "b.csv.datav")
    history.commit("rename", add=False)

    (named, *_), (rename, second, first) = read_log(history), read_log(history, "b.csv")

    assert named.changes == rename.changes
    (change,) = rename.changes
    assert (change.kind, change.before_path, change.path) == ("renamed", b"a.csv", b"b.csv")
    assert (change.bytes, change.same_data) == (0, True)
    assert (second.subject, first.subject) == ("second", "first")


def test_a_dataset_that_is_gone_still_has_a_history(history):
    history.git("rm", "-q", "a.csv.datav")
    history.commit("gone", add=False)

    gone, *_ = read_log(history, "a.csv")

    (change,) = gone.changes
    assert (change.kind, change.after, change.bytes, change.rows) == ("removed", None, -9, -3)


def test_a_manifest_that_cannot_be_read_is_shown_as_such(history):
    history.write("a.csv.datav", b"<<<<<<< ours\n=======\n>>>>>>> theirs\n")
    history.commit("broken")
    put(history, "d/x", b"1234567", "unrelated")

    (commit, *_) = read_log(history, "a.csv")

    (change,) = commit.changes
    assert "conflict" in change.after.error
    assert (change.after.bytes, change.bytes, change.rows) == (None, None, None)
    assert len(read_log(history)) == 5


def test_a_change_of_meta_alone_is_told_as_the_same_data(history):
    text = history.read("a.csv.datav")
    history.write("a.csv.datav", text + b'\n[meta]\nunit = "m"\n')
    history.commit("units")

    (commit, *_) = read_log(history, "a.csv")

    assert commit.changes[0].same_data
    assert (commit.changes[0].kind, commit.changes[0].bytes) == ("modified", 0)


def test_merges_are_compared_with_what_was_merged_into(repo):
    put(repo, "a.csv", b"id\n1\n", "base")
    repo.git("checkout", "-q", "-b", "side")
    put(repo, "a.csv", b"id\n1\n2\n", "side")
    repo.git("checkout", "-q", "main")
    repo.checkout()
    put(repo, "a.csv", b"id\n1\n3\n4\n", "main")
    repo.git("merge", "-q", "-s", "ours", "--no-commit", "side")
    repo.write("a.csv", b"id\n1\n2\n3\n4\n")
    repo.add("a.csv")
    repo.commit("merge")

    found = {c.subject: c.changes[0] for c in read_log(repo, "a.csv")}

    assert {subject: change.rows for subject, change in found.items()} == {
        "merge": 1,
        "main": 2,
        "side": 1,
        "base": 1,
    }


def test_a_plain_directory_stands_for_the_datasets_below_it(repo):
    put(repo, "data/x.csv", b"id\n1\n", "x")
    put(repo, "y.csv", b"id\n1\n", "y")

    assert [c.subject for c in read_log(repo, "data")] == ["x"]
    assert [c.subject for c in read_log(repo, "x.csv", here="data")] == ["x"]
    assert [c.subject for c in read_log(repo, ".")] == ["y", "x"]


def test_a_dataset_not_yet_committed_has_no_history(repo):
    repo.write("a.csv", b"id\n1\n")
    repo.add("a.csv")

    assert read_log(repo, "a.csv") == ()


def test_a_name_that_nobody_knows_is_an_error(history):
    with pytest.raises(UnknownDatasetError) as error:
        read_log(history, "a.tsv")
    with pytest.raises(UnknownDatasetError):
        read_log(history, "d/x")

    assert error.value.hint == "did you mean a.csv?"


def test_an_unborn_branch_has_no_history(repo):
    repo.git("checkout", "-q", "--orphan", "fresh")

    assert read_log(repo) == ()


def test_what_stands_in_the_place_of_a_manifest_is_passed_over(history):
    history.git("rm", "-q", "--cached", "a.csv.datav")
    history.path("a.csv.datav").unlink()
    history.path("a.csv.datav").symlink_to("elsewhere")
    history.commit("a link")

    (commit, *_) = read_log(history, "a.csv")

    assert (commit.subject, commit.changes[0].kind) == ("a link", "removed")
