"""git merges manifests through datav: real git, its own commands, and datav as a process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from datav.git.repository import GitRepository
from tests.support.datasets import DatavRepo, random_bytes

ROOT = Path(__file__).resolve().parents[2]

BASE = b"id,v,w\n" + b"".join(b"%d,a%d,b%d\n" % (n, n, n) for n in range(1, 31))


@pytest.fixture(autouse=True)
def on_path(tmp_path, monkeypatch):
    """A `datav` for git to run."""
    directory = tmp_path / "bin"
    directory.mkdir()
    script = directory / "datav"
    script.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m datav "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def repo(tmp_path: Path) -> DatavRepo:
    repo = DatavRepo.init(tmp_path / "repo")
    assert isinstance(repo, DatavRepo)
    repo.set_up()
    return repo


def branch_off(repo: DatavRepo, name: str, base: bytes | None, ours: bytes, theirs: bytes) -> None:
    """Make `main` with our version and `theirs` with theirs, of a common base; be on `main`."""
    if base is not None:
        save(repo, name, base)
    else:
        repo.commit("nothing yet")
    repo.git("branch", "theirs")
    save(repo, name, ours)
    repo.git("checkout", "-q", "theirs")
    save(repo, name, theirs)
    repo.checkout("main")


def save(repo: DatavRepo, name: str, data: bytes) -> str:
    repo.write(name, data)
    repo.add(name)
    return repo.commit(f"{name} changed", add=False)


def run(repo: DatavRepo, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=repo.root, capture_output=True, text=True)


def stages(repo: DatavRepo, name: str) -> list[int]:
    git = GitRepository.discover(repo.root)
    return [entry.stage for entry in git.list_index() if entry.path == f"{name}.datav".encode()]


def test_files_that_both_sides_changed_are_a_conflict_with_ours_in_place(repo):
    branch_off(repo, "model.bin", b"base", b"ours", b"theirs")
    before = repo.read("model.bin.datav")

    done = run(repo, "git", "merge", "theirs")

    assert done.returncode == 1
    assert "1 conflict: `datav conflicts model.bin`" in done.stderr
    manifest = repo.manifest("model.bin")
    assert manifest.conflict is not None
    assert manifest.conflict.open == 1
    assert stages(repo, "model.bin") == [1, 2, 3]
    assert repo.read("model.bin") == b"ours"
    repo.git("merge", "--abort")
    assert repo.read("model.bin.datav") == before
    assert repo.states() == {"model.bin": "clean"}


def test_added_on_both_sides_is_a_conflict_without_a_base(repo):
    branch_off(repo, "model.bin", None, b"ours", b"theirs")

    assert run(repo, "git", "merge", "theirs").returncode == 1

    assert repo.manifest("model.bin").conflict is not None
    assert stages(repo, "model.bin") == [2, 3]


def test_what_only_the_meta_of_one_side_and_the_data_of_the_other_changed_merges(repo):
    save(repo, "model.bin", b"base")
    repo.git("branch", "theirs")
    text = repo.read("model.bin.datav") + b'\n[meta]\nsource = "here"\n'
    repo.write("model.bin.datav", text)
    repo.commit("said where it is from")
    repo.git("checkout", "-q", "theirs")
    save(repo, "model.bin", b"theirs, longer")
    repo.git("checkout", "-q", "main")

    done = run(repo, "git", "merge", "--no-edit", "theirs")

    assert done.returncode == 0, done.stderr
    manifest = repo.manifest("model.bin")
    assert (manifest.content.size, manifest.meta) == (14, '[meta]\nsource = "here"\n')
    assert repo.read("model.bin") == b"theirs, longer"  # left by the last `add`; git moved only manifests


def test_a_conflict_is_listed_resolved_and_committed(repo):
    branch_off(repo, "model.bin", b"base", b"ours", b"theirs")
    run(repo, "git", "merge", "theirs")

    listed = run(repo, "datav", "conflicts")
    done = run(repo, "datav", "resolve", "model.bin", "--theirs")

    assert listed.returncode == 1
    assert "model.bin: 1 conflict of 1 open" in listed.stdout
    assert done.returncode == 0, done.stderr
    assert "next: `git commit`" in done.stdout
    assert repo.read("model.bin") == b"theirs"
    assert stages(repo, "model.bin") == [0]
    repo.git("commit", "-q", "--no-edit")
    assert repo.states() == {"model.bin": "clean"}
    assert run(repo, "datav", "conflicts").returncode == 0


def edited(*edits: tuple[bytes, bytes]) -> bytes:
    data = BASE
    for old, new in edits:
        assert old in data
        data = data.replace(old, new)
    return data


OURS, THEIRS = (b"\n3,a3,", b"\n3,ours,"), (b"\n20,a20,", b"\n20,theirs,")
BOTH = edited(OURS, THEIRS)


@pytest.fixture
def table(repo: DatavRepo) -> DatavRepo:
    """A table of which the sides changed different rows."""
    repo.write("a.csv", BASE)
    repo.add("a.csv", key=("id",))
    repo.commit("base")
    branch_off(repo, "a.csv", BASE, edited(OURS), edited(THEIRS))
    return repo


def merged_data(repo: DatavRepo) -> bytes:
    """What the manifest in the work tree names."""
    repo.checkout()
    return repo.read("a.csv")


@pytest.mark.parametrize(
    "command",
    [
        ["merge", "--no-edit", "theirs"],
        ["rebase", "theirs"],
        ["cherry-pick", "theirs"],
        ["pull", "--no-rebase", "--no-edit", ".", "theirs"],
    ],
    ids=lambda command: command[0],
)
def test_what_git_merges_is_merged_by_row(table, command):
    done = run(table, "git", *command)

    assert done.returncode == 0, done.stderr
    assert table.manifest("a.csv").conflict is None
    assert merged_data(table) == BOTH
    assert table.states() == {"a.csv": "clean"}


def test_a_revert_takes_back_one_change_and_keeps_the_other(table):
    run(table, "git", "merge", "--no-edit", "theirs")

    done = run(table, "git", "revert", "--no-edit", "HEAD^1")

    assert done.returncode == 0, done.stderr
    assert merged_data(table) == edited(THEIRS)


def test_a_stash_of_a_manifest_pops_onto_another(table):
    table.write("a.csv", edited(OURS, THEIRS))
    table.add("a.csv")
    run(table, "git", "stash")
    save(table, "a.csv", edited(OURS, (b"\n9,a9,", b"\n9,mine,")))

    done = run(table, "git", "stash", "pop")

    assert done.returncode == 0, done.stderr
    assert merged_data(table) == edited(OURS, THEIRS, (b"\n9,a9,", b"\n9,mine,"))


def test_a_merge_in_another_work_tree_touches_this_one_in_no_way(table, tmp_path):
    table.git("worktree", "add", "-q", str(tmp_path / "other"), "theirs")
    before = table.read("a.csv.datav")

    done = subprocess.run(
        ["git", "merge", "--no-edit", "main"], cwd=tmp_path / "other", capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    assert table.read("a.csv.datav") == before
    other = DatavRepo(tmp_path / "other")
    assert merged_data(other) == BOTH


def test_merge_tree_merges_without_a_work_tree_and_prints_its_tree_alone(table):
    done = run(table, "git", "merge-tree", "--write-tree", "main", "theirs")

    assert done.returncode == 0, done.stderr
    tree = done.stdout.strip()
    text = table.git("show", f"{tree}:a.csv.datav")
    run(table, "git", "merge", "--no-edit", "theirs")
    assert table.read("a.csv.datav") == text


def test_a_clone_without_the_driver_has_markers_and_resolve_merges_them(table):
    table.git("config", "--remove-section", "merge.datav")
    assert run(table, "git", "merge", "theirs").returncode == 1
    assert b"<<<<<<<" in table.read("a.csv.datav")
    assert table.states() == {"a.csv": "conflicted"}

    listed = run(table, "datav", "conflicts")
    done = run(table, "datav", "resolve", "a.csv")

    assert "`datav resolve a.csv`" in listed.stdout
    assert done.returncode == 0, done.stderr
    assert table.read("a.csv") == BOTH
    assert stages(table, "a.csv") == [0]


def test_without_datav_on_the_path_git_leaves_its_own_conflict(table, monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    if subprocess.run(["sh", "-c", "command -v datav"], capture_output=True).returncode == 0:
        pytest.skip("datav is installed for all")

    assert run(table, "git", "merge", "theirs").returncode == 1

    assert b"<<<<<<< ours" in table.read("a.csv.datav")


def test_a_manifest_that_is_none_stays_unmerged_with_ours(table):
    ours = b"no manifest of ours\n"
    table.write("a.csv.datav", ours)
    table.git("commit", "-qam", "broken")

    done = run(table, "git", "merge", "theirs")

    assert done.returncode == 1
    assert "a.csv.datav is not merged" in done.stderr
    assert table.read("a.csv.datav") == ours
    assert stages(table, "a.csv") == [1, 2, 3]
    assert table.git("status", "--porcelain", "-uall").decode().split() == ["UU", "a.csv.datav"]


def test_criss_cross_merges_have_one_base_that_is_somebodys(table):
    table.git("branch", "first")
    run(table, "git", "merge", "--no-edit", "theirs")
    table.git("checkout", "-q", "theirs")
    run(table, "git", "merge", "--no-edit", "first")
    table.checkout()
    save(table, "a.csv", edited(OURS, THEIRS, (b"\n9,a9,", b"\n9,nine,")))
    table.git("checkout", "-q", "main")
    table.checkout()
    save(table, "a.csv", edited(OURS, THEIRS, (b"\n30,a30,", b"\n30,thirty,")))

    done = run(table, "git", "merge", "--no-edit", "theirs")

    assert done.returncode == 0, done.stderr
    assert merged_data(table) == edited(
        OURS, THEIRS, (b"\n9,a9,", b"\n9,nine,"), (b"\n30,a30,", b"\n30,thirty,")
    )


def test_a_rebase_stops_for_a_conflict_and_goes_on_when_it_is_resolved(table):
    save(table, "a.csv", edited(OURS, (b"\n20,a20,", b"\n20,ours,")))

    assert run(table, "git", "rebase", "theirs").returncode == 1
    # What was rebased onto is "ours", as with git.
    done = run(table, "datav", "resolve", "a.csv", "--theirs")

    assert "next: `git rebase --continue`" in done.stdout
    assert run(table, "git", "rebase", "--continue").returncode == 0
    assert merged_data(table) == edited(OURS, (b"\n20,a20,", b"\n20,ours,"))
    assert table.states() == {"a.csv": "clean"}


@pytest.mark.parametrize(("side", "is_there"), [("--ours", False), ("--theirs", True)])
def test_what_one_side_removed_and_the_other_changed_is_taken_or_not(table, side, is_there):
    table.remove("a.csv")
    table.commit("gone")
    assert run(table, "git", "merge", "theirs").returncode == 1

    listed = run(table, "datav", "conflicts")
    done = run(table, "datav", "resolve", "a.csv", side)

    assert "removed here, changed there" in listed.stdout
    assert done.returncode == 0, done.stderr
    assert table.exists("a.csv") is table.exists("a.csv.datav") is is_there
    table.git("commit", "-q", "--no-edit")
    assert table.git("status", "--porcelain") == b""


def test_a_clone_without_the_data_merges_and_gets_no_more_than_it_needs(table, tmp_path):
    remote = tmp_path / "depot"
    remote.mkdir()
    big = BASE + b"".join(b"%d,%s,x\n" % (n, random_bytes(30, n).hex().encode()) for n in range(31, 2000))
    table.write("datav.toml", table.read("datav.toml") + f'\n[remote.depot]\nurl = "{remote}"\n'.encode())
    table.git("add", "datav.toml")
    save(table, "a.csv", big)
    table.git("branch", "-f", "theirs")
    save(table, "a.csv", big.replace(*OURS))
    table.git("checkout", "-q", "theirs")
    save(table, "a.csv", big.replace(*THEIRS))
    assert run(table, "datav", "push", "--all").returncode == 0
    table.git("checkout", "-q", "main")
    clone = DatavRepo(tmp_path / "clone")
    table.git("clone", "-q", ".", str(clone.root))
    run(clone, "datav", "init")

    done = run(clone, "git", "merge", "--no-edit", "origin/theirs")

    assert done.returncode == 0, done.stderr
    assert clone.states() == {"a.csv": "missing"}
    stored = sum(
        path.stat().st_size for path in (clone.root / ".git/datav/store/packs").rglob("*") if path.is_file()
    )
    assert stored < len(big) / 4
    assert run(clone, "datav", "pull").returncode == 0
    assert clone.read("a.csv") == big.replace(*OURS).replace(*THEIRS)
