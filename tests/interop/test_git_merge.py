"""git merges manifests through datav: real git, its own commands, and datav as a process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from datav.git.repository import GitRepository
from tests.support.datasets import DatavRepo

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
