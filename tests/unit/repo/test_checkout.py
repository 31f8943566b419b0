"""checkout: what manifests name, back on disk; nothing that exists nowhere else is overwritten."""

import os
import shutil
from itertools import count

import pytest

from datav.errors import (
    DataLossError,
    FormatError,
    GitError,
    MissingChunkError,
    UnknownDatasetError,
    UnknownRevisionError,
    UsageError,
)
from tests.support.datasets import random_bytes


def tree(repo, name):
    """Everything below a directory: contents, targets of links, empty directories."""
    root = repo.path(name)
    found = {}
    for path in sorted(root.rglob("*")):
        key = path.relative_to(root).as_posix()
        if path.is_symlink():
            found[key] = ("link", os.readlink(path))
        elif path.is_file():
            found[key] = (os.access(path, os.X_OK), path.read_bytes())
        elif not any(path.iterdir()):
            found[key] = ("empty",)
    return found


@pytest.fixture
def versions(repo):
    """Two versions of a file and a directory; the tag `one`, and `main` on the second."""
    repo.write("a.csv", b"id\n1\n")
    repo.write("d/x", b"1")
    repo.write("d/sub/y", random_bytes(30_000))
    repo.path("d/link").symlink_to("x")
    repo.add("a.csv", "d")
    repo.commit("one")
    repo.git("tag", "one")
    repo.write("a.csv", b"id\n1\n2\n")
    repo.path("d/x").unlink()
    repo.write("d/x/deep", b"2")
    repo.write("d/new", random_bytes(30_000, 1)).chmod(0o755)
    repo.path("d/link").unlink()
    shutil.rmtree(repo.path("d/sub"))
    repo.path("d/empty").mkdir()
    repo.add("a.csv", "d")
    repo.commit("two")
    return repo


ONE = {"x": (False, b"1"), "sub/y": (False, random_bytes(30_000)), "link": ("link", "x")}
TWO = {"x/deep": (False, b"2"), "new": (True, random_bytes(30_000, 1)), "empty": ("empty",)}


def test_an_old_revision_and_back(versions):
    done = versions.checkout("one")

    assert (versions.read("a.csv"), tree(versions, "d")) == (b"id\n1\n", ONE)
    assert versions.states() == {"a.csv": "clean", "d": "clean"}
    assert (done.rev, {d.path for d in done.datasets}) == ("one", {b"a.csv", b"d"})

    versions.checkout("main")

    assert (versions.read("a.csv"), tree(versions, "d")) == (b"id\n1\n2\n", TWO)
    assert versions.git("symbolic-ref", "--short", "HEAD") == b"main\n"
    assert versions.states() == {"a.csv": "clean", "d": "clean"}


def test_what_was_checked_out_is_not_done_twice(versions):
    versions.checkout("one")

    done = versions.checkout()

    assert (done.datasets, done.unchanged) == ((), 2)


def test_a_dry_run_changes_nothing(versions):
    done = versions.checkout("one", dry_run=True)

    assert done.dry_run
    assert {d.path for d in done.datasets} == {b"a.csv", b"d"}
    assert (versions.read("a.csv"), tree(versions, "d")) == (b"id\n1\n2\n", TWO)
    assert versions.git("symbolic-ref", "--short", "HEAD") == b"main\n"


def test_deleted_data_comes_back(versions):
    versions.path("a.csv").unlink()
    shutil.rmtree(versions.path("d"))

    versions.checkout()

    assert (versions.read("a.csv"), tree(versions, "d")) == (b"id\n1\n2\n", TWO)


def test_a_part_of_a_dataset_comes_back_alone(versions):
    shutil.rmtree(versions.path("d"))

    versions.checkout(None, ["d/x"])

    assert tree(versions, "d") == {"x/deep": (False, b"2")}
    assert versions.states()["d"] == "modified"
    versions.checkout(None, ["d/new", "d/empty"])
    assert tree(versions, "d") == TWO
    assert versions.states()["d"] == "clean"


def test_a_path_takes_its_manifest_from_the_revision(versions):
    versions.checkout("one", ["a.csv"])

    assert versions.read("a.csv") == b"id\n1\n"
    assert tree(versions, "d") == TWO
    assert versions.git("symbolic-ref", "--short", "HEAD") == b"main\n"
    found = versions.statuses()["a.csv"]
    assert (found.state, found.staged) == ("clean", "modified")


def test_a_part_of_a_dataset_at_a_revision_leaves_the_rest(versions):
    versions.checkout("one", ["d/sub"])

    assert tree(versions, "d") == {**TWO, "sub/y": (False, random_bytes(30_000))}
    # The manifest is what it was: the dataset as a whole is not what it was at that revision.
    assert versions.statuses()["d"].staged == "none"
    assert versions.states()["d"] == "modified"


@pytest.mark.parametrize("names", [(), ("d",), ("d/new",)])
def test_changes_that_are_stored_nowhere_stop_it_before_anything_is_touched(versions, names):
    versions.write("d/new", b"mine")
    versions.path("a.csv").unlink()

    with pytest.raises(DataLossError) as error:
        versions.checkout("one", names) if names != ("d/new",) else versions.checkout(None, names)

    assert "d/new" in str(error.value)
    assert (versions.read("d/new"), versions.exists("a.csv")) == (b"mine", False)
    assert versions.git("symbolic-ref", "--short", "HEAD") == b"main\n"
    assert versions.statuses()["d"].staged == "none"


def test_force_overwrites_them(versions):
    versions.write("d/new", b"mine")
    versions.write("d/mine", b"mine, too")

    versions.checkout(force=True)

    assert tree(versions, "d") == TWO


def test_changes_that_are_stored_may_be_overwritten(versions):
    versions.write("a.csv", b"id\n1\n")

    versions.checkout()

    assert versions.read("a.csv") == b"id\n1\n2\n"


def test_a_change_made_within_the_tick_is_not_lost(versions):
    versions.checkout("one")
    versions.write("a.csv", b"id\n9\n")

    with pytest.raises(DataLossError):
        versions.checkout("main")

    assert versions.read("a.csv") == b"id\n9\n"


def test_data_in_the_way_that_was_never_added_is_kept(versions):
    versions.git("rm", "-q", "--cached", "a.csv.datav")
    versions.path("a.csv.datav").unlink()
    versions.commit("gone", add=False)
    versions.write("a.csv", b"something else")

    with pytest.raises(DataLossError):
        versions.checkout("one")

    assert versions.read("a.csv") == b"something else"


def test_a_dataset_that_the_revision_lacks_goes_and_comes_back(versions):
    versions.write("late/b.csv", b"id\n1\n")
    versions.write("e/x", b"1")
    versions.add("late/b.csv", "e")
    versions.commit("three")

    versions.checkout("one")

    assert not versions.exists("late/b.csv")
    assert not versions.exists("e")
    assert set(versions.states()) == {"a.csv", "d"}
    versions.checkout("main")
    assert (versions.read("late/b.csv"), versions.read("e/x")) == (b"id\n1\n", b"1")


def test_changes_in_a_dataset_that_the_revision_lacks_are_kept(versions):
    versions.write("late", b"1")
    versions.add("late")
    versions.commit("three")
    versions.write("late", b"changed")

    with pytest.raises(DataLossError):
        versions.checkout("one")

    assert versions.read("late") == b"changed"


def test_a_dataset_that_changed_its_kind_is_changed_back(repo):
    repo.write("a", b"a file")
    repo.add("a")
    first = repo.commit("file")
    repo.path("a").unlink()
    repo.write("a/x", b"in a directory")
    repo.write("a/sub/y", b"deep")
    repo.add("a")
    repo.commit("directory")

    repo.checkout(first)
    assert repo.read("a") == b"a file"
    assert repo.states() == {"a": "clean"}
    repo.checkout("main")
    assert tree(repo, "a") == {"x": (False, b"in a directory"), "sub/y": (False, b"deep")}
    assert repo.states() == {"a": "clean"}


def test_a_kind_changed_by_hand_is_not_lost(repo):
    repo.write("a", b"a file")
    repo.add("a")
    repo.commit("file")
    repo.path("a").unlink()
    repo.write("a/x", b"mine")

    with pytest.raises(DataLossError):
        repo.checkout()
    repo.checkout(force=True)

    assert repo.read("a") == b"a file"


def test_the_executable_bit_comes_back(repo):
    repo.write("run", b"#!/bin/sh\n").chmod(0o755)
    repo.add("run")
    repo.commit("run")
    repo.path("run").chmod(0o644)

    repo.checkout()

    assert os.access(repo.path("run"), os.X_OK)
    assert repo.states() == {"run": "clean"}


def test_a_file_in_a_new_directory_is_checked_out(repo):
    repo.write("x/y/a", b"1")
    repo.add("x/y/a")
    repo.commit("a")
    repo.git("checkout", "-q", "HEAD~1")
    shutil.rmtree(repo.path("x"))

    repo.checkout("main")

    assert repo.read("x/y/a") == b"1"


@pytest.mark.skipif(os.name == "nt", reason="names on Windows are text")
def test_names_need_not_be_utf8(repo):
    repo.write(b"d/\xff\xfe", b"1")
    repo.write(b"\xe9.bin", b"2")
    repo.add("d", os.fsdecode(b"\xe9.bin"))
    repo.commit("names")
    shutil.rmtree(repo.path("d"))
    repo.path(b"\xe9.bin").unlink()

    repo.checkout()

    assert (repo.read(b"d/\xff\xfe"), repo.read(b"\xe9.bin")) == (b"1", b"2")


def test_an_empty_directory_and_an_empty_file_come_back(repo):
    repo.path("d").mkdir()
    repo.write("e", b"")
    repo.add("d", "e")
    repo.commit("empty")
    repo.path("d").rmdir()
    repo.path("e").unlink()

    repo.checkout()

    assert (repo.path("d").is_dir(), repo.read("e")) == (True, b"")
    assert repo.states() == {"d": "clean", "e": "clean"}


def test_what_is_ignored_in_a_dataset_stays(versions):
    versions.write("d/.datavignore", b"*.log\n")
    versions.add("d")
    versions.commit("ignore")
    versions.write("d/run.log", b"mine")

    versions.checkout("one")

    assert versions.read("d/run.log") == b"mine"


def test_changes_of_the_code_that_git_would_lose_stop_it(versions):
    versions.write("code.py", b"1")
    versions.commit("code")
    versions.write("code.py", b"2")

    with pytest.raises(GitError):
        versions.checkout("one")

    assert (versions.read("a.csv"), tree(versions, "d")) == (b"id\n1\n2\n", TWO)
    assert versions.states() == {"a.csv": "clean", "d": "clean"}


def test_what_does_not_exist_is_told_apart(versions):
    with pytest.raises(UnknownRevisionError):
        versions.checkout("nowhere")
    with pytest.raises(UnknownDatasetError):
        versions.checkout(None, ["nothing"])
    with pytest.raises(UnknownDatasetError):
        versions.checkout(None, ["d/nothing"])


@pytest.mark.parametrize("rev", [None, "one"])
def test_data_that_is_not_in_the_store_leaves_everything_as_it_is(versions, rev):
    shutil.rmtree(versions.path(".git/datav/store"))
    versions.path("a.csv").unlink()

    with pytest.raises(MissingChunkError) as error:
        versions.checkout(rev, force=True)

    assert "datav verify" in error.value.hint
    assert tree(versions, "d") == TWO
    assert versions.git("symbolic-ref", "--short", "HEAD") == b"main\n"


def test_a_manifest_that_is_none_stops_only_what_needs_it(versions):
    versions.write("a.csv.datav", b"none")
    shutil.rmtree(versions.path("d"))

    with pytest.raises(FormatError):
        versions.checkout()
    versions.checkout(None, ["d"])

    assert tree(versions, "d") == TWO


def test_an_edited_manifest_is_not_thrown_away(versions):
    edited = versions.read("a.csv.datav") + b'\n[meta]\nunit = "m"\n'
    versions.write("a.csv.datav", edited)

    versions.checkout()
    with pytest.raises((GitError, DataLossError)):
        versions.checkout("one")
    with pytest.raises((GitError, DataLossError)):
        versions.checkout("one", ["a.csv"])

    assert versions.read("a.csv.datav") == edited


def test_a_version_added_but_not_committed_is_not_forgotten(versions):
    versions.write("a.csv", b"id\nonly here\n")
    versions.add("a.csv")
    manifest = versions.read("a.csv.datav")

    with pytest.raises((GitError, DataLossError)):
        versions.checkout("one", ["a.csv"])

    assert (versions.read("a.csv"), versions.read("a.csv.datav")) == (b"id\nonly here\n", manifest)


@pytest.mark.parametrize("stage", [True, False])
def test_a_new_dataset_that_is_not_committed_is_carried_over(versions, stage):
    versions.write("new.csv", b"id\n9\n")
    versions.add("new.csv", stage=stage)
    index = versions.git("ls-files", "-s", "--", "new.csv.datav")

    versions.checkout("one")

    assert (versions.read("a.csv"), versions.read("new.csv")) == (b"id\n1\n", b"id\n9\n")
    assert versions.git("ls-files", "-s", "--", "new.csv.datav") == index
    assert versions.states() == {"a.csv": "clean", "d": "clean", "new.csv": "clean" if stage else "untracked"}


@pytest.mark.parametrize("stage", [True, False])
def test_a_new_version_that_is_not_committed_is_carried_over_as_git_does_it(versions, stage):
    versions.git("commit", "--allow-empty", "-q", "-m", "three")
    versions.write("a.csv", b"id\nonly here\n")
    versions.add("a.csv", stage=stage)

    for rev in ("HEAD~1", "HEAD", "main"):
        versions.checkout(rev)

        assert versions.read("a.csv") == b"id\nonly here\n"
        assert versions.states() == {"a.csv": "clean", "d": "clean"}

    with pytest.raises(GitError):
        versions.checkout("one")
    assert (versions.read("a.csv"), tree(versions, "d")) == (b"id\nonly here\n", TWO)


def test_a_manifest_deleted_by_hand_stays_deleted_and_its_data_stays(versions):
    versions.git("commit", "--allow-empty", "-q", "-m", "three")
    versions.path("a.csv.datav").unlink()

    versions.checkout("HEAD~1")

    assert versions.read("a.csv") == b"id\n1\n2\n"
    with pytest.raises(UsageError, match=r"a.csv.datav is not on disk") as error:
        versions.checkout(None, ["a.csv"])
    assert "git restore a.csv.datav" in error.value.hint


@pytest.mark.parametrize("name", ["a.csv", "d"])
def test_what_comes_back_is_ignored_by_git_again(versions, name):
    versions.remove(name)
    versions.commit("without")

    versions.checkout("HEAD~1", [name])

    assert versions.git("status", "--porcelain", "--untracked-files=all").splitlines() == sorted(
        [b"M  .gitignore", f"A  {name}.datav".encode()], key=lambda line: line[3:]
    )


def test_restoring_repairs_what_git_ignores(versions):
    versions.path(".gitignore").unlink()
    versions.path("d/x/deep").unlink()

    versions.checkout(None, ["d"])

    assert b"/d\n" in versions.read(".gitignore")


def test_a_conflict_marker_in_a_manifest_stops_it(versions):
    versions.write("a.csv.datav", b"<<<<<<< ours\n=======\n>>>>>>> theirs\n")

    with pytest.raises(FormatError):
        versions.checkout(None, ["a.csv"])

    assert versions.read("a.csv") == b"id\n1\n2\n"


def test_a_link_in_the_place_of_a_dataset_is_not_followed(versions):
    versions.write("../outside", b"precious")
    versions.path("a.csv").unlink()
    versions.path("a.csv").symlink_to("../outside")

    with pytest.raises(Exception) as error:
        versions.checkout()

    assert getattr(error.value, "code", None) in ("usage", "data-loss")
    assert versions.read("../outside") == b"precious"


def test_from_a_directory_below_the_top(versions):
    versions.path("d/x/deep").unlink()

    versions.checkout(None, ["."], here="d")

    assert tree(versions, "d") == TWO


def test_a_checkout_killed_anywhere_can_be_finished(versions):
    for number in count():
        killed = versions.run_killed(lambda: versions.checkout("one"), number)

        versions.statuses()
        versions.checkout()
        versions.checkout("one")
        assert (versions.read("a.csv"), tree(versions, "d")) == (b"id\n1\n", ONE)
        assert versions.states() == {"a.csv": "clean", "d": "clean"}
        versions.checkout("main")
        assert versions.states() == {"a.csv": "clean", "d": "clean"}
        if not killed:
            break
    assert number > 10


def test_a_mode_that_changed_alone_is_not_taken_for_unchanged(repo):
    repo.write("run", b"#!/bin/sh\n")
    os.utime(repo.path("run"), (1e9, 1e9))
    repo.add("run")
    first = repo.commit("plain")
    repo.path("run").chmod(0o755)
    repo.add("run")
    repo.commit("executable")
    repo.statuses()

    repo.git("checkout", "-q", first)
    assert repo.states() == {"run": "modified"}
    repo.checkout()

    assert not os.access(repo.path("run"), os.X_OK)
    assert repo.states() == {"run": "clean"}
