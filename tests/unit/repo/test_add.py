"""add: data into the store, a manifest in its place into git."""

import os
import shutil
from dataclasses import replace
from itertools import count

import pytest

import datav.repo.add as add_module
from datav.errors import (
    DataLossError,
    FormatError,
    UnknownDatasetError,
    UnreadableError,
    UnresolvedConflictError,
    UnsafePathError,
    UsageError,
)
from datav.formats.manifest import ConflictInfo, encode_manifest
from datav.git.ignorefile import list_block
from datav.repo.listing import list_entries
from tests.support.datasets import random_bytes


def entries(repo, name):
    with repo.open() as repository:
        listed = list_entries(repository, name, recursive=True).entries
    return {entry.path: entry.kind for entry in listed}


def summary(added):
    return {d.path.text: (d.state, d.files, d.bytes, d.changed_files) for d in added.datasets}


def test_a_file_gets_a_manifest_an_ignore_line_and_is_staged(repo):
    repo.write("data/a.csv", b"id,name\n1,x\n2,y\n")

    added = repo.add("data/a.csv")

    assert summary(added) == {"data/a.csv": ("added", 1, 16, 1)}
    assert added.staged == (b"data/a.csv.datav", b"data/.gitignore")
    assert repo.git("status", "--porcelain").decode().splitlines() == [
        "A  data/.gitignore",
        "A  data/a.csv.datav",
    ]
    assert list_block(repo.read("data/.gitignore")) == [b"/a.csv"]
    manifest = repo.manifest("data/a.csv")
    assert (manifest.kind, manifest.content.size, manifest.table.format, manifest.table.rows) == (
        "file",
        16,
        "csv",
        2,
    )


def test_a_directory_is_one_dataset(repo):
    repo.write("d/sub/x", b"12")
    repo.write("d/run.sh", b"#!/bin/sh\n").chmod(0o755)
    repo.path("d/empty/below").mkdir(parents=True)
    repo.path("d/link").symlink_to("sub/x")
    repo.path("d/loop").symlink_to(".")
    repo.path("d/nowhere").symlink_to("/does/not/exist")

    repo.add("d")

    assert entries(repo, "d") == {
        b"empty/below": "directory",
        b"link": "symlink",
        b"loop": "symlink",
        b"nowhere": "symlink",
        b"run.sh": "executable",
        b"sub/x": "file",
    }
    assert repo.manifest("d").files == 6


def test_an_empty_directory_and_an_empty_file_can_be_added(repo):
    repo.path("d").mkdir()
    repo.write("e", b"")

    repo.add("d", "e")

    assert (repo.manifest("d").files, repo.manifest("d").content.size) == (0, 0)
    assert (repo.manifest("e").files, repo.manifest("e").content.size) == (1, 0)
    assert repo.states() == {"d": "clean", "e": "clean"}


@pytest.mark.skipif(os.name == "nt", reason="names on Windows are text")
def test_names_need_not_be_utf8(repo):
    repo.write(b"d/caf\xe9\n", b"1")
    repo.write(b"\xff.bin", b"2")

    repo.add("d", os.fsdecode(b"\xff.bin"))

    assert entries(repo, "d") == {b"caf\xe9\n": "file"}
    assert repo.states() == {"d": "clean", os.fsdecode(b"\xff.bin"): "clean"}
    assert repo.git("status", "--porcelain", "-z", "--untracked-files=all").count(b"?? ") == 0


@pytest.mark.parametrize("name", ["[x].csv", "a b ", "#a", "!a", "a*", "\u00fc", "-a", "a\\b", "a:b"])
def test_names_that_mean_something_elsewhere_are_just_names(repo, name):
    repo.write(name, b"1")

    repo.add(f"./{name}")

    assert repo.states() == {name: "clean"}
    assert b"?? " not in repo.git("status", "--porcelain")


def test_patterns_that_the_shell_left_alone_are_expanded(repo):
    for name in ("x/1.bin", "x/2.bin", "x/3.txt", "x/y/4.bin"):
        repo.write(name, b"1")

    assert list(summary(repo.add("x/*.bin"))) == ["x/1.bin", "x/2.bin"]
    assert list(summary(repo.add("**/4.bin"))) == ["x/y/4.bin"]
    with pytest.raises(UnknownDatasetError):
        repo.add("x/*.nothing")


def test_a_known_directory_of_datasets_stands_for_them(repo):
    repo.write("x/a", b"1")
    repo.write("x/b", b"1")
    repo.add("x/a", "x/b")
    repo.write("x/a", b"22")

    added = repo.add("x")

    assert [(d.path, d.state) for d in added.datasets] == [(b"x/a", "modified"), (b"x/b", "unchanged")]


def test_a_path_in_a_dataset_stands_for_the_dataset(repo):
    repo.write("d/x", b"1")
    repo.add("d")
    repo.write("d/y", b"2")

    assert list(summary(repo.add("d/y"))) == ["d"]
    assert repo.states() == {"d": "clean"}


def test_its_manifest_stands_for_the_dataset(repo):
    repo.write("a", b"1")
    repo.add("a")
    repo.write("a", b"22")

    assert list(summary(repo.add("a.datav"))) == ["a"]


def test_names_begin_where_the_user_is(repo):
    repo.write("sub/a", b"1")
    repo.write("b", b"1")

    repo.add("a", "../b", here="sub")

    assert set(repo.states()) == {"b", "sub/a"}


def test_a_dry_run_changes_nothing(repo):
    repo.write("d/x", b"1")
    repo.write("d/y", b"2")
    before = repo.git("status", "--porcelain")

    added = repo.add("d", dry_run=True)

    assert (summary(added), added.dry_run, added.staged) == ({"d": ("added", 2, 2, 2)}, True, ())
    assert repo.git("status", "--porcelain") == before
    assert not repo.exists("d.datav")


def test_a_dry_run_tells_modified_from_unchanged(repo):
    repo.write("a", b"1")
    repo.add("a")
    repo.write("a", b"22")

    assert summary(repo.add("a", dry_run=True))["a"][0] == "modified"


def test_without_staging_git_is_not_told(repo):
    repo.write("a", b"1")

    assert repo.add("a", stage=False).staged == ()
    assert b"?? a.datav" in repo.git("status", "--porcelain")


def test_what_is_unchanged_writes_nothing(repo):
    repo.write("d/x", random_bytes(100_000))
    repo.add("d")
    manifest = repo.path("d.datav").stat()
    repo.commit("d")

    added = repo.add("d")

    assert summary(added)["d"][:3] == ("unchanged", 1, 100_000)
    assert added.staged == ()
    assert repo.path("d.datav").stat().st_ino == manifest.st_ino
    assert added.tally.new_chunks == 0


def test_of_a_directory_only_what_changed_is_read(repo):
    for number in range(20):
        repo.write(f"d/{number}", b"x" * number)
        os.utime(repo.path(f"d/{number}"), (1e9, 1e9))
    repo.add("d")
    repo.add("d")
    repo.write("d/7", b"changed")

    (dataset,) = repo.add("d").datasets

    assert dataset.state == "modified"
    assert dataset.changed_files < 20


def test_a_change_of_the_same_size_within_the_tick_is_seen(repo):
    repo.write("a", b"one")
    repo.write("d/a", b"one")
    for content in (b"two", b"six", b"ten"):
        repo.add("a", "d")
        repo.write("a", content)
        repo.write("d/a", content)

        assert {d.state for d in repo.add("a", "d").datasets} == {"modified"}


@pytest.mark.parametrize("name", ["x", "d"])
def test_a_mode_that_changes_after_the_scan_is_stored_as_it_was_read(repo, monkeypatch, name):
    path = repo.write("x" if name == "x" else "d/x", b"1")
    look = add_module._look

    def look_then_change(repository, dataset):
        disk = look(repository, dataset)
        path.chmod(0o755)
        return disk

    monkeypatch.setattr(add_module, "_look", look_then_change)
    repo.add(name)
    path.unlink()

    repo.checkout(None, [name])

    assert path.stat().st_mode & 0o777 == 0o755
    assert repo.states() == {name: "clean"}


def test_the_executable_bit_is_a_change(repo):
    repo.write("a", b"1")
    repo.write("d/a", b"1")
    repo.add("a", "d")
    repo.path("a").chmod(0o755)
    repo.path("d/a").chmod(0o755)

    assert repo.states() == {"a": "modified", "d": "modified"}
    assert {d.state for d in repo.add("a", "d").datasets} == {"modified"}
    assert repo.manifest("a").executable
    assert entries(repo, "d") == {b"a": "executable"}


def test_a_file_that_became_a_directory_is_added_as_one_and_back(repo):
    repo.write("a", b"1")
    repo.add("a")
    repo.path("a").unlink()
    repo.write("a/x", b"2")

    assert summary(repo.add("a"))["a"][0] == "modified"
    assert repo.manifest("a").kind == "directory"
    shutil.rmtree(repo.path("a"))
    repo.write("a", b"3")
    repo.add("a")

    assert repo.manifest("a").kind == "file"
    assert repo.states() == {"a": "clean"}


def test_the_users_part_of_a_manifest_survives(repo):
    repo.write("a.csv", b"id\n1\n")
    repo.add("a.csv")
    text = repo.read("a.csv.datav").replace(b"key = []", b'key = ["id"]')
    repo.write("a.csv.datav", text + b'\n# said by us\n[meta]\nunit = "m" # metres\n')
    repo.write("a.csv", b"id\n1\n2\n")

    repo.add("a.csv")

    manifest = repo.manifest("a.csv")
    assert (manifest.table.key, manifest.table.rows) == (("id",), 2)
    assert manifest.meta == '# said by us\n[meta]\nunit = "m" # metres\n'


def test_an_edit_of_the_manifest_alone_is_not_undone(repo):
    repo.write("a.csv", b"id\n1\n")
    repo.add("a.csv")
    text = repo.read("a.csv.datav") + b'\n[meta]\nunit = "m"\n'
    repo.write("a.csv.datav", text)

    (dataset,) = repo.add("a.csv").datasets

    assert dataset.state == "unchanged"
    assert repo.read("a.csv.datav") == text


def test_a_manifest_in_conflict_is_not_overwritten(repo):
    repo.write("a", b"1")
    repo.add("a")
    conflict = b"<<<<<<< ours\n1\n=======\n2\n>>>>>>> theirs\n"
    repo.write("a.datav", conflict)

    with pytest.raises(FormatError):
        repo.add("a")

    assert repo.read("a.datav") == conflict


@pytest.mark.parametrize(
    ("number", "said", "hint"),
    [
        (1, "a.csv has 1 conflict that", "`datav conflicts a.csv` lists them, `datav resolve a.csv --ours`"),
        (2, "a.csv has 2 conflicts that", "`datav conflicts a.csv` lists them, `datav resolve a.csv --ours`"),
        (0, "the merge of a.csv is not finished", "`datav resolve a.csv` finishes it"),
    ],
)
@pytest.mark.parametrize("options", [{}, {"dry_run": True}, {"key": ["id"]}])
def test_a_merge_that_is_not_resolved_is_not_added_over(repo, number, said, hint, options):
    repo.write("a.csv", b"id\n1\n")
    repo.add("a.csv")
    manifest = repo.manifest("a.csv")
    conflict = ConflictInfo(manifest.content, number, ())
    text = encode_manifest(replace(manifest, conflict=conflict))
    repo.write("a.csv.datav", text)

    with pytest.raises(UnresolvedConflictError, match=said) as error:
        repo.add("a.csv", **options)

    assert hint in error.value.hint
    assert repo.read("a.csv.datav") == text
    with pytest.raises(UnresolvedConflictError):
        repo.move("a.csv", "b.csv")


def test_a_dataset_that_cannot_be_added_keeps_no_other_from_its_store(repo):
    repo.write("good", b"1")
    repo.write("bad", b"1")
    repo.write("bad.datav", b"no manifest")

    with pytest.raises(FormatError):
        repo.add("good", "bad")

    assert not repo.exists("good.datav")
    assert repo.add("good").datasets[0].state == "added"


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("nothing", UsageError),
        ("../outside", UnsafePathError),
        ("tracked", UsageError),
        ("code", UsageError),
        (".", UsageError),
        (".git", UnsafePathError),
        (".git/config", UnsafePathError),
        ("link", UsageError),
        ("x.datav", FormatError),
        ("datav.toml", UsageError),
        ("pipe", UsageError),
        ("", UsageError),
    ],
)
def test_what_cannot_be_a_dataset_is_refused_and_nothing_changes(repo, name, error):
    repo.write("../outside", b"1")
    repo.write("tracked", b"1")
    repo.write("code/main.py", b"1")
    repo.commit("code")
    repo.write("code/data", b"1")
    repo.path("link").symlink_to("tracked")
    os.mkfifo(repo.path("pipe"))
    if name == "x.datav":
        repo.write("x.datav", b"1")
    before = repo.git("status", "--porcelain")

    with pytest.raises(error):
        repo.add(name)

    assert repo.git("status", "--porcelain") == before


@pytest.mark.parametrize("name", ["datav.toml", ".gitignore", "code/.gitignore", "code/.datavignore"])
def test_files_that_git_and_datav_read_are_no_data(repo, name):
    repo.write(name, repo.read(name) if repo.exists(name) else b"*.tmp\n")

    with pytest.raises(UsageError) as error:
        repo.add(name)

    assert error.value.hint == "`git add` it"


def test_a_pipe_is_named_as_the_user_knows_it(repo):
    os.mkfifo(repo.path("pipe"))

    with pytest.raises(UsageError) as error:
        repo.add("pipe")

    assert str(error.value).startswith("pipe is a pipe")
    assert error.value.hint


def test_a_plain_directory_one_is_in_becomes_a_dataset(repo):
    repo.write("d/a", b"1")

    assert list(summary(repo.add(".", here="d"))) == ["d"]


def test_a_directory_above_a_dataset_cannot_become_one(repo):
    repo.write("d/sub/a", b"1")
    repo.add("d/sub/a")
    repo.write("d/b", b"1")

    assert list(summary(repo.add("d"))) == ["d/sub/a"]


def test_a_file_that_cannot_be_read_adds_nothing(repo):
    repo.write("d/a", b"1").chmod(0)
    if os.access(repo.path("d/a"), os.R_OK):
        pytest.skip("this user may read everything")

    with pytest.raises(UnreadableError):
        repo.add("d")

    assert not repo.exists("d.datav")


def test_what_cannot_be_versioned_is_reported(repo):
    repo.write("d/a", b"1")
    os.mkfifo(repo.path("d/pipe"))
    repo.path("d/nested/.git").mkdir(parents=True)
    repo.write("d/nested/.git/HEAD", b"ref: refs/heads/main\n")

    (dataset,) = repo.add("d").datasets

    assert {item.path for item in dataset.skipped} >= {b"pipe"}
    assert dataset.files == 1 or b"nested" in {item.path.split(b"/")[0] for item in dataset.skipped}


def test_ignore_files_leave_out(repo):
    repo.write("d/.datavignore", b"*.log\n")
    repo.write("d/a.log", b"1")
    repo.write("d/a", b"1")

    repo.add("d")

    assert set(entries(repo, "d")) == {b".datavignore", b"a"}


def test_a_manifest_that_git_ignores_is_refused_before_anything_is_done(repo):
    repo.write(".gitignore", b"out/\n")
    repo.write("out/a", b"1")

    with pytest.raises(UsageError) as error:
        repo.add("out/a")

    assert "ignore" in str(error.value)
    assert not repo.exists("out/a.datav")


def test_the_same_data_twice_is_stored_once(repo):
    content = random_bytes(200_000)
    repo.write("a", content)
    repo.write("b", content)
    repo.write("d/c", content)

    repo.add("a", "b", "d")

    packs = sum(path.stat().st_size for path in repo.path(".git/datav/store/packs").iterdir())
    assert packs < 220_000


@pytest.mark.parametrize("what", ["packs", "store"])
def test_a_store_that_was_deleted_is_filled_again(repo, what):
    for name in ("a", "d/b"):
        repo.write(name, random_bytes(50_000))
        os.utime(repo.path(name), (1e9, 1e9))
    repo.add("a", "d")
    repo.statuses()
    store = repo.path(".git/datav/store")
    if what == "store":
        shutil.rmtree(store)
    else:
        for path in [*store.joinpath("packs").iterdir(), *store.joinpath("index").iterdir()]:
            path.unlink()

    repo.add("a", "d")

    repo.path("a").unlink()
    shutil.rmtree(repo.path("d"))
    repo.checkout()
    assert repo.read("a") == repo.read("d/b") == random_bytes(50_000)


def test_work_trees_share_a_store(repo):
    repo.write("a", random_bytes(50_000))
    repo.add("a")
    repo.commit("a")
    repo.git("worktree", "add", "-q", "../other", "-b", "other")
    other = type(repo)(repo.root.parent / "other")

    assert other.states() == {"a": "deleted"}
    other.checkout()
    assert other.read("a") == random_bytes(50_000)
    other.write("a", b"new")
    assert (repo.states(), other.states()) == ({"a": "clean"}, {"a": "modified"})
    other.add("a")
    other.commit("new")
    repo.checkout("other", ["a"])
    assert repo.read("a") == b"new"


def test_before_the_first_commit_everything_works(git_repo, tmp_path):
    from datav.repo.repository import init
    from tests.support.datasets import DatavRepo

    fresh = DatavRepo(git_repo.root)
    init(fresh.root)
    fresh.write("a", b"1")

    fresh.add("a")

    status = fresh.statuses()["a"]
    assert (status.state, status.staged) == ("clean", "added")
    fresh.write("a", b"22")
    assert fresh.states() == {"a": "modified"}
    fresh.checkout(None, ["a"], force=True)
    assert fresh.read("a") == b"1"


def test_an_add_killed_anywhere_can_be_run_again(repo):
    repo.write("a", b"1")
    repo.write("d/x", random_bytes(20_000))
    for number in count():
        killed = repo.run_killed(lambda: repo.add("a", "d"), number)

        assert (repo.read("a"), repo.read("d/x")) == (b"1", random_bytes(20_000))
        assert set(repo.states().values()) <= {"clean", "untracked"}
        if not killed:
            break
        repo.add("a", "d")
        assert repo.states() == {"a": "clean", "d": "clean"}
        assert list_block(repo.read(".gitignore")) == [b"/a", b"/d"]
        repo.git("reset", "-q", "--hard")
        for name in ("a.datav", "d.datav", ".gitignore"):
            repo.path(name).unlink(missing_ok=True)
        shutil.rmtree(repo.path(".git/datav"), ignore_errors=True)
    assert number > 10


def test_what_is_not_on_disk_does_not_stop_what_is_below_a_directory(repo):
    repo.write("a.csv", b"x\n1\n")
    repo.write("b.csv", b"x\n2\n")
    repo.add("a.csv", "b.csv")
    repo.path("a.csv").unlink()
    repo.write("b.csv", b"x\n3\n")

    done = repo.add(".")

    assert [(item.path, item.state) for item in done.datasets] == [(b"b.csv", "modified")]


# --- keys


def test_a_key_is_written_into_the_manifest_and_stays(repo):
    repo.write("a.csv", b"id,day,v\n1,1,x\n")
    repo.add("a.csv")

    repo.add("a.csv", key=["id", "day"])
    assert repo.manifest("a.csv").table.key == ("id", "day")
    repo.write("a.csv", b"id,day,v\n1,1,y\n")
    repo.add("a.csv")

    assert repo.manifest("a.csv").table.key == ("id", "day")
    repo.add("a.csv", key=[])
    assert repo.manifest("a.csv").table.key == ()


def test_a_key_of_columns_that_are_not_there_is_refused_with_those_that_are(repo):
    repo.write("a.csv", b"id,v\n1,x\n")

    with pytest.raises(UsageError) as error:
        repo.add("a.csv", key=["nope"])

    assert "nope" in str(error.value)
    assert error.value.hint == "it has id, v"
    assert not repo.exists("a.csv.datav")


def test_what_is_no_table_gets_no_key(repo):
    repo.write("b.bin", b"\0")
    repo.write("d/a.csv", b"id\n1\n")

    for name in ("b.bin", "d"):
        with pytest.raises(UsageError):
            repo.add(name, key=["id"])


def test_data_of_a_former_version_is_not_added_over_what_git_merged(repo):
    """As it is after `git merge` where no hook placed the data."""
    repo.write("a.csv", b"id,v\n1,x\n")
    repo.add("a.csv")
    repo.commit("one")
    repo.git("checkout", "-q", "-b", "side")
    repo.write("a.csv", b"id,v\n1,y\n")
    repo.add("a.csv")
    repo.commit("two")
    repo.git("checkout", "-q", "-")
    repo.checkout()
    repo.git("merge", "-q", "side")
    merged = repo.read("a.csv.datav")

    with pytest.raises(DataLossError, match="another version than its manifest's"):
        repo.add("a.csv")
    assert repo.read("a.csv.datav") == merged
    repo.write("a.csv", b"id,v\n1,z\n")

    assert repo.add("a.csv").datasets[0].state == "modified"
