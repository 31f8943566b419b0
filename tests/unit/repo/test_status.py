"""status: how datasets on disk stand to their manifests, and these to git."""

import os
import shutil
from dataclasses import replace

import pytest

from datav.errors import UnknownDatasetError
from datav.formats.manifest import ConflictInfo, encode_manifest
from datav.repo.status import Status, status
from datav.report.status import status_text
from datav.report.style import Style
from tests.support.datasets import random_bytes


@pytest.fixture
def data(repo):
    """A file and a directory, committed."""
    repo.write("a.csv", b"id\n1\n")
    repo.write("d/x", b"1")
    repo.write("d/sub/y", b"2")
    repo.add("a.csv", "d")
    repo.commit("data")
    return repo


def changes(repo, name):
    found = repo.statuses(name)[name].changes
    return found.added, found.removed, found.modified


def shown(repo):
    return status_text(Status(tuple(repo.statuses().values())), Style(False), verbose=False)


def staged(repo):
    return {path: found.staged for path, found in repo.statuses().items()}


def test_a_repository_without_datasets_is_clean(repo):
    with repo.open() as repository:
        found = status(repository)

    assert (found.datasets, found.is_clean) == ((), True)


def test_what_was_just_added_is_clean_and_staged(repo):
    repo.write("a.csv", b"id\n1\n")

    repo.add("a.csv")

    assert repo.states() == {"a.csv": "clean"}
    assert staged(repo) == {"a.csv": "added"}


def test_what_was_committed_is_not_staged(data):
    assert data.states() == {"a.csv": "clean", "d": "clean"}
    assert staged(data) == {"a.csv": "none", "d": "none"}
    assert data.statuses()["d"].pushed is None


def test_a_manifest_that_git_does_not_know_is_untracked(repo):
    repo.write("a.csv", b"id\n1\n")

    repo.add("a.csv", stage=False)

    assert repo.states() == {"a.csv": "untracked"}


def test_a_new_version_is_staged_as_modified(data):
    data.write("a.csv", b"id\n2\n")
    assert data.states()["a.csv"] == "modified"

    data.add("a.csv")

    assert (data.states()["a.csv"], staged(data)["a.csv"]) == ("clean", "modified")


def test_a_manifest_that_is_not_staged_is_told(data):
    data.write("a.csv", b"id\n2\n")
    data.add("a.csv", stage=False)

    found = {path: dataset.unstaged for path, dataset in data.statuses().items()}
    assert found == {"a.csv": "modified", "d": "none"}
    text = shown(data)
    assert "manifest not staged" in text
    assert "`git add` the manifest" in text


def test_a_manifest_that_was_deleted_is_told(data):
    data.path("a.csv.datav").unlink()

    found = data.statuses()["a.csv"]

    assert (found.state, found.unstaged) == ("deleted", "removed")
    text = shown(data)
    assert "manifest deleted: `git restore` brings it back" in text
    assert "datav restore" not in text


@pytest.mark.parametrize("content", [b"id\n2\n", b"id\n1", b"", b"id\n1\n2\n"])
def test_a_changed_file_is_modified(data, content):
    data.write("a.csv", content)

    assert data.states()["a.csv"] == "modified"


def test_changes_of_the_same_size_within_the_tick_are_seen(data):
    for content in (b"3", b"4", b"5"):
        data.write("d/x", content)
        assert changes(data, "d") == ((), (), (b"x",))
        data.add("d")
        assert data.states()["d"] == "clean"


def test_the_changes_of_a_directory_are_told(data):
    data.write("d/new", b"")
    data.write("d/x", b"changed")
    data.path("d/sub/y").unlink()

    assert data.states()["d"] == "modified"
    added, removed, modified = changes(data, "d")
    assert (removed, modified) == ((b"sub/y",), (b"x",))
    assert b"new" in added


def test_empty_directories_count(data):
    data.path("d/empty").mkdir()

    assert changes(data, "d") == ((b"empty",), (), ())


def test_a_file_that_became_a_link_is_modified(data):
    data.path("d/x").unlink()
    data.path("d/x").symlink_to("sub/y")

    assert changes(data, "d") == ((), (), (b"x",))


def test_the_executable_bit_counts(data):
    data.path("a.csv").chmod(0o755)
    data.path("d/x").chmod(0o755)

    assert data.states() == {"a.csv": "modified", "d": "modified"}


def test_touching_a_file_is_no_change(data):
    os.utime(data.path("a.csv"), (1, 1))
    data.write("d/x", b"1")

    assert data.states() == {"a.csv": "clean", "d": "clean"}


def test_data_that_is_not_on_disk_is_deleted_while_the_store_has_it(data):
    data.path("a.csv").unlink()
    shutil.rmtree(data.path("d"))

    assert data.states() == {"a.csv": "deleted", "d": "deleted"}


def test_data_that_neither_has_is_missing(data):
    data.path("a.csv").unlink()
    shutil.rmtree(data.path("d"))
    shutil.rmtree(data.path(".git/datav/store"))

    assert data.states() == {"a.csv": "missing", "d": "missing"}


def test_without_the_store_what_is_on_disk_is_still_compared(data):
    shutil.rmtree(data.path(".git/datav/store"))

    assert data.states()["a.csv"] == "clean"
    data.write("a.csv", b"id\n2\n")
    assert data.states()["a.csv"] == "modified"


def test_a_file_in_the_place_of_a_directory_is_modified_and_the_reverse(data):
    shutil.rmtree(data.path("d"))
    data.write("d", b"1")
    data.path("a.csv").unlink()
    data.write("a.csv/x", b"1")

    assert data.states() == {"a.csv": "modified", "d": "modified"}


def test_a_manifest_deleted_by_hand_is_a_deleted_dataset(data):
    data.path("a.csv.datav").unlink()

    assert data.states()["a.csv"] == "deleted"
    data.git("rm", "-q", "--cached", "a.csv.datav")
    assert "a.csv" not in data.states()


def test_conflict_markers_make_a_conflict(data):
    data.write("a.csv.datav", b"<<<<<<< ours\n1\n=======\n2\n>>>>>>> theirs\n")

    assert data.states() == {"a.csv": "conflicted", "d": "clean"}


def test_an_unfinished_merge_is_a_conflict_whatever_the_file_says(data):
    data.git("checkout", "-q", "-b", "side")
    data.write("a.csv", b"id\n2\n")
    data.add("a.csv")
    data.commit("side")
    data.checkout("main")
    data.write("a.csv", b"id\n3\n")
    data.add("a.csv")
    data.commit("main")
    data.git("merge", "-q", "side", check=False)
    assert data.states()["a.csv"] == "conflicted"

    data.git("checkout", "-q", "--ours", "a.csv.datav")
    assert data.states()["a.csv"] == "conflicted"

    data.add("a.csv")
    assert data.states()["a.csv"] == "clean"


def unresolved(data, open_conflicts):
    """A manifest as a merge leaves it; anything will do for a record."""
    ours = data.manifest("a.csv")
    conflict = ConflictInfo(ours.content, open_conflicts, (ours.content,))
    data.write("a.csv.datav", encode_manifest(replace(ours, conflict=conflict)))


@pytest.mark.parametrize(("count", "said"), [(0, "all conflicts decided"), (2, "2 conflicts")])
def test_conflicts_of_datavs_merge_are_counted_staged_or_not(data, count, said):
    unresolved(data, count)

    for _ in range(2):
        assert data.states() == {"a.csv": "conflicted", "d": "clean"}
        assert data.statuses()["a.csv"].conflicts == count
        assert not data.statuses()["a.csv"].lacks_profile
        assert said in shown(data)
        assert "`datav resolve`" in shown(data)
        assert "merges what git could not" not in shown(data)
        data.git("add", "a.csv.datav")


def test_what_git_left_in_conflict_is_not_counted(data):
    data.write("a.csv.datav", b"<<<<<<< ours\n1\n=======\n2\n>>>>>>> theirs\n")

    assert data.statuses()["a.csv"].conflicts is None
    assert "merges what git could not" in shown(data)


def test_a_manifest_that_is_none_does_not_hide_the_others(data):
    data.write("a.csv.datav", b"this is no manifest\n")

    states = data.states()

    assert states["d"] == "clean"
    assert states["a.csv"] == "conflicted"


def test_an_edit_of_the_users_part_leaves_the_data_clean(data):
    data.write("a.csv.datav", data.read("a.csv.datav") + b'\n[meta]\nunit = "m"\n')

    assert data.states()["a.csv"] == "clean"


def test_names_choose(data):
    assert set(data.states("d/x")) == {"d"}
    assert set(data.states("a.*")) == {"a.csv"}
    assert set(data.states(".")) == {"a.csv", "d"}
    with pytest.raises(UnknownDatasetError):
        data.states("nothing")


def test_another_branch_behind_datavs_back_is_seen(data):
    data.git("checkout", "-q", "-b", "side")
    data.write("a.csv", b"id\n2\n")
    data.write("d/x", b"other")
    data.add("a.csv", "d")
    data.commit("side")

    data.git("checkout", "-q", "main")

    assert data.states() == {"a.csv": "modified", "d": "modified"}
    data.git("checkout", "-q", "side")
    assert data.states() == {"a.csv": "clean", "d": "clean"}


def test_a_link_in_the_place_of_a_dataset_is_modified(data):
    data.path("a.csv").unlink()
    data.path("a.csv").symlink_to("d/x")

    assert data.states() == {"a.csv": "modified", "d": "clean"}


def test_large_directories_are_compared_file_by_file(repo):
    for number in range(1500):
        repo.write(f"d/{number % 11}/{number}", random_bytes(20, number))
    repo.add("d")
    assert repo.states() == {"d": "clean"}

    repo.write("d/3/chosen", b"new")
    repo.path("d/0/11").unlink()
    repo.write("d/1/12", random_bytes(20, 99999))

    assert changes(repo, "d") == ((b"3/chosen",), (b"0/11",), (b"1/12",))
