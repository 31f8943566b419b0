"""mv and rm: nothing is lost, and what was interrupted can be finished (ordering O9)."""

import os
import shutil
import time
from dataclasses import replace
from itertools import count

import pytest

from datav.errors import DataLossError, FormatError, UnknownDatasetError, UsageError
from datav.formats.manifest import ConflictInfo, encode_manifest
from datav.git.ignorefile import list_block
from datav.relpath import RelPath
from datav.repo.datasets import Dataset
from datav.repo.disk import look
from datav.workspace.statcache import TICK_NS


def ignored(repo, directory=""):
    path = repo.path(f"{directory}.gitignore")
    return list_block(path.read_bytes()) if path.exists() else []


def staged(repo):
    return set(repo.git("diff", "--cached", "--name-status", "--no-renames").decode().split("\n")[:-1])


def unstaged(repo):
    """What the index does not say."""
    lines = repo.git("status", "--porcelain").decode().splitlines()
    return [line for line in lines if line[1] != " "]


@pytest.fixture
def data(repo):
    """A file and a directory, committed."""
    repo.write("a.csv", b"id\n1\n")
    repo.write("d/x", b"1")
    repo.write("d/sub/y", b"2")
    repo.add("a.csv", "d")
    repo.commit("data")
    return repo


# mv


def test_a_file_is_moved_with_its_manifest(data):
    manifest = data.read("a.csv.datav")

    moved = data.move("a.csv", "b.csv")

    assert (moved.source, moved.target, moved.data_moved, moved.resumed) == (b"a.csv", b"b.csv", True, False)
    assert (data.read("b.csv"), data.read("b.csv.datav")) == (b"id\n1\n", manifest)
    assert not data.exists("a.csv")
    assert not data.exists("a.csv.datav")
    assert ignored(data) == [b"/b.csv", b"/d"]
    assert staged(data) == {"M\t.gitignore", "D\ta.csv.datav", "A\tb.csv.datav"}
    assert data.states() == {"b.csv": "clean", "d": "clean"}


def test_a_directory_is_moved_as_a_whole(data):
    data.path("new").mkdir()

    data.move("d", "new/e")

    assert (data.read("new/e/x"), data.read("new/e/sub/y")) == (b"1", b"2")
    assert (ignored(data), ignored(data, "new/")) == ([b"/a.csv"], [b"/e"])
    assert data.states() == {"a.csv": "clean", "new/e": "clean"}
    assert data.git("status", "--porcelain").decode().splitlines() == [
        "M  .gitignore",
        "A  new/.gitignore",
        "R  d.datav -> new/e.datav",
    ]


@pytest.mark.parametrize("target", ["new", "new/", "./new/../new"])
def test_a_directory_as_target_takes_the_dataset_in(data, target):
    data.path("new").mkdir()

    assert data.move("a.csv", target).target == b"new/a.csv"
    assert data.move("new/a.csv", ".").target == b"a.csv"


@pytest.mark.parametrize(("source", "target"), [("a.csv", "b.csv"), ("d", "e")])
def test_what_is_known_of_the_data_is_kept(data, source, target):
    for name in ("a.csv", "d/x", "d/sub/y"):
        os.utime(data.path(name), (1e9, 1e9))
    time.sleep(2 * TICK_NS / 1e9)
    data.states()

    data.move(source, target)

    with data.open() as repository:
        assert look(repository, Dataset(RelPath(target.encode()))).is_unchanged


def test_what_is_modified_stays_so(data):
    data.write("a.csv", b"id\n1\n2\n")
    data.write("d/new", b"")

    data.move("a.csv", "b.csv")
    data.move("d", "e")

    assert data.states() == {"b.csv": "modified", "e": "modified"}
    assert data.read("b.csv") == b"id\n1\n2\n"


def test_the_users_part_of_a_manifest_is_kept_to_the_letter(data):
    text = data.read("a.csv.datav") + b'\n# where it is from\n[meta]\nsource = "here"\n'
    data.write("a.csv.datav", text)

    data.move("a.csv", "b.csv")

    assert data.read("b.csv.datav") == text


def test_a_dataset_whose_data_is_not_on_disk_is_moved_by_its_manifest(data):
    data.path("a.csv").unlink()

    moved = data.move("a.csv", "b.csv")

    assert not moved.data_moved
    assert data.states()["b.csv"] == "deleted"
    data.checkout()
    assert data.read("b.csv") == b"id\n1\n"


def test_manifests_can_be_named_instead(data):
    assert data.move("a.csv.datav", "b.csv.datav").target == b"b.csv"
    with pytest.raises(UsageError):
        data.move("b.csv", "c.csv.datav")


def test_paths_begin_where_the_user_is(data):
    data.path("sub").mkdir()

    data.move("../a.csv", "b.csv", here="sub")

    assert data.read("sub/b.csv") == b"id\n1\n"


def test_one_that_was_never_committed_can_be_moved(repo):
    repo.write("a", b"1")
    repo.add("a", stage=False)

    repo.move("a", "b")

    assert repo.states() == {"b": "clean"}
    assert staged(repo) == {"A\t.gitignore", "A\tb.datav"}


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("a.csv", "a.csv"),
        ("a.csv", "d"),
        ("a.csv", "d/a.csv"),
        ("a.csv", "file"),
        ("a.csv", "datav.toml"),
        ("a.csv", "nowhere/a.csv"),
        ("a.csv", "nowhere/"),
        ("a.csv", "ignored/"),
        ("d", "d/e"),
        ("d", "a.csv"),
        ("d/x", "x"),
        (".", "e"),
    ],
)
def test_a_move_that_makes_no_sense_changes_nothing(data, source, target):
    data.write("file", b"mine")
    data.write("ignored/.gitignore", b"*.datav\n")
    before = data.git("status", "--porcelain", "--ignored", "-z")

    with pytest.raises(UsageError):
        data.move(source, target)

    assert data.git("status", "--porcelain", "--ignored", "-z") == before
    assert data.states() == {"a.csv": "clean", "d": "clean"}
    assert data.read("file") == b"mine"


@pytest.mark.parametrize(("target", "way"), [("file", "move or delete"), ("a.csv", "`datav rm`")])
def test_what_is_in_the_way_of_a_move_is_told_with_what_helps(data, target, way):
    data.write("file", b"mine")

    with pytest.raises(UsageError) as error:
        data.move("d", target)

    assert way in (error.value.hint or "")


def test_the_place_of_a_dataset_that_is_not_on_disk_is_taken(data):
    data.path("a.csv").unlink()

    with pytest.raises(UsageError):
        data.move("d", "a.csv")


def test_an_unknown_dataset_is_an_error(data):
    with pytest.raises(UnknownDatasetError):
        data.move("b.csv", "c.csv")


def test_a_manifest_in_conflict_is_not_moved(data):
    data.write("a.csv.datav", b"<<<<<<< ours\n=======\n>>>>>>> theirs\n")

    with pytest.raises(FormatError):
        data.move("a.csv", "b.csv")

    assert data.exists("a.csv")


@pytest.mark.parametrize(("source", "target"), [("a.csv", "sub/b.csv"), ("d", "sub/e")])
def test_a_move_killed_anywhere_loses_nothing_and_can_be_finished(data, source, target):
    content = {"a.csv": "", "d": "/x"}[source]
    data.path("sub").mkdir()
    before = data.read(source + content)
    for number in count():
        killed = data.run_killed(lambda: data.move(source, target), number)

        found = [name for name in (source, target) if data.exists(name + content)]
        assert [data.read(name + content) for name in found] == [before]
        assert set(data.states().values()) <= {"clean", "deleted", "untracked"}
        assert any(data.exists(f"{name}.datav") for name in (source, target))
        if not killed:
            break
        if source in data.states():
            data.move(source, target)
        assert data.states()[target] == "clean"
        assert not unstaged(data)
        assert source not in data.states()
        assert (source.encode() in b"".join(ignored(data)), len(ignored(data, "sub/"))) == (False, 1)
        data.git("reset", "-q", "--hard")
        shutil.rmtree(data.path("sub"))
        data.path("sub").mkdir()
        data.checkout()
    assert number > 5


# rm


def test_a_dataset_is_removed_with_its_data(data):
    removed = data.remove("a.csv", "d")

    assert [(d.path, d.files, d.bytes, d.kept) for d in removed.datasets] == [
        (b"a.csv", 1, 5, False),
        (b"d", 2, 2, False),
    ]
    assert not any(data.exists(name) for name in ("a.csv", "a.csv.datav", "d", "d.datav", ".gitignore"))
    assert staged(data) == {"D\t.gitignore", "D\ta.csv.datav", "D\td.datav"}
    assert data.states() == {}


def test_what_was_removed_comes_back_from_its_commit(data):
    data.remove("d")
    data.commit("gone")

    data.checkout("HEAD~1")

    assert (data.read("d/x"), data.read("d/sub/y")) == (b"1", b"2")


def test_a_dry_run_removes_nothing(data):
    removed = data.remove("d", dry_run=True)

    assert (removed.dry_run, removed.datasets[0].files) == (True, 2)
    assert data.states() == {"a.csv": "clean", "d": "clean"}
    assert staged(data) == set()


@pytest.mark.parametrize("dry_run", [True, False])
def test_changes_that_are_stored_nowhere_are_not_removed(data, dry_run):
    data.write("d/x", b"changed")
    data.write("d/new", b"new")

    with pytest.raises(DataLossError) as error:
        data.remove("a.csv", "d", dry_run=dry_run)

    assert "d/new, d/x" in str(error.value)
    assert data.states() == {"a.csv": "clean", "d": "modified"}
    assert data.read("d/new") == b"new"


def test_force_removes_changes(data):
    data.write("d/new", b"new")

    data.remove("d", force=True)

    assert not data.exists("d")


def test_a_version_that_no_commit_has_is_not_removed(data):
    data.write("a.csv", b"id\n1\n2\n")
    data.add("a.csv")
    data.write("n", b"new")
    data.add("n")

    for name in ("a.csv", "n"):
        with pytest.raises(DataLossError, match="no commit"):
            data.remove(name)
    data.remove("a.csv", "n", force=True)

    assert data.states() == {"d": "clean"}
    assert not data.exists("n")


def test_an_older_version_that_was_committed_may_go(data):
    data.write("a.csv", b"id\n1\n2\n")
    data.add("a.csv")
    data.commit("second")
    data.write("a.csv", b"id\n1\n")
    data.add("a.csv")

    data.remove("a.csv")

    assert data.states() == {"d": "clean"}


def test_keep_data_leaves_the_files_to_git(data):
    data.write("d/new", b"changed")

    removed = data.remove("a.csv", "d", keep_data=True)

    assert [(d.files, d.kept) for d in removed.datasets] == [(0, True), (0, True)]
    assert (data.read("a.csv"), data.read("d/new")) == (b"id\n1\n", b"changed")
    assert not data.exists("a.csv.datav")
    assert b"?? a.csv\n?? d/\n" in data.git("status", "--porcelain")


def test_what_datav_does_not_version_stays(data):
    data.write("d/.datavignore", b"*.log\n")
    data.add("d")
    data.commit("ignore")
    data.write("d/run.log", b"mine")

    (removed,) = data.remove("d").datasets

    assert removed.kept
    assert data.read("d/run.log") == b"mine"
    assert not data.exists("d/x")


def test_a_dataset_whose_data_is_not_on_disk_is_removed(data):
    data.path("a.csv").unlink()

    data.remove("a.csv")

    assert data.states() == {"d": "clean"}


def test_a_part_of_a_dataset_is_refused(data):
    with pytest.raises(UsageError):
        data.remove("d/x")
    with pytest.raises(UnknownDatasetError):
        data.remove("nothing")


def test_a_manifest_in_conflict_can_be_removed(data):
    data.write("a.csv.datav", b"<<<<<<< ours\n=======\n>>>>>>> theirs\n")

    data.remove("a.csv")

    assert data.states() == {"d": "clean"}


def test_a_merge_that_is_not_resolved_can_be_removed(data):
    manifest = data.manifest("a.csv")
    conflict = ConflictInfo(manifest.content, 1, ())
    data.write("a.csv.datav", encode_manifest(replace(manifest, conflict=conflict)))

    data.remove("a.csv")

    assert data.states() == {"d": "clean"}


@pytest.mark.parametrize("name", ["a.csv", "d"])
def test_a_removal_killed_anywhere_can_be_finished(data, name):
    for number in count():
        if not data.run_killed(lambda: data.remove(name), number):
            break
        if name in data.states():
            data.remove(name)
        assert not data.exists(name)
        assert not unstaged(data)
        assert data.states().keys() == {"a.csv", "d"} - {name}
        assert len(ignored(data)) == 1
        data.git("reset", "-q", "--hard")
        data.checkout()
        assert data.states() == {"a.csv": "clean", "d": "clean"}
    assert number > 4
