"""git's hooks, run by git: real git, its own commands, and datav as a process where a hook needs it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from datav.repo.hooks import install_hooks, remove_hooks
from datav.repo.remotes import add_remote
from datav.settings import RemoteSettings
from datav.store.layout import open_store
from tests.support.datasets import DatavRepo

ROOT = Path(__file__).resolve().parents[2]

if sys.platform == "win32":
    pytest.skip("the hooks are tried with a POSIX shell", allow_module_level=True)


@pytest.fixture(autouse=True)
def calls(tmp_path, monkeypatch):
    """A `datav` for hooks to run, and the file in which it notes that it was."""
    directory, log = tmp_path / "bin", tmp_path / "calls"
    directory.mkdir()
    log.touch()
    script = directory / "datav"
    script.write_text(
        f'#!/bin/sh\necho "$2" >>"{log}"\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -P -m datav "$@"\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")
    return log


@pytest.fixture
def repo(tmp_path: Path) -> DatavRepo:
    """`old` and `main` with two versions of a dataset, one more in `main`; the hooks are there."""
    repo = DatavRepo.init(tmp_path / "repo")
    assert isinstance(repo, DatavRepo)
    repo.set_up()
    repo.write("a.csv", b"id\n1\n")
    repo.write("code.py", b"1\n")
    repo.add("a.csv")
    repo.commit("old")
    repo.git("branch", "old")
    repo.write("a.csv", b"id\n2\n")
    repo.write("new/x", b"x")
    repo.add("a.csv", "new")
    repo.commit("new")
    install(repo)
    return repo


def install(repo, program=sys.executable):
    with repo.open() as repository:
        return install_hooks(repository.git, program, repo.root)


def run(repo, *args, **variables):
    """Run git without a terminal; its status and all that it says."""
    done = subprocess.run(
        ["git", *args],
        cwd=repo.root,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    return done.returncode, done.stdout.decode()


# --- placing


def test_a_switch_and_back_places_data_and_takes_it_away(repo):
    status, said = run(repo, "checkout", "-q", "old")

    assert (status, repo.read("a.csv"), repo.exists("new")) == (0, b"id\n1\n", False)
    assert "placed the data of a.csv" in said
    assert "removed the data of new" in said
    run(repo, "checkout", "-q", "main")
    assert (repo.read("a.csv"), repo.read("new/x")) == (b"id\n2\n", b"x")


def test_switches_merges_and_resets_between_the_same_data_never_start_datav(repo, calls):
    run(repo, "checkout", "-q", "-b", "code")
    repo.write("code.py", b"2\n")
    run(repo, "commit", "-q", "--no-verify", "-a", "-m", "code")
    run(repo, "checkout", "-q", "main")
    run(repo, "merge", "-q", "--no-ff", "--no-verify", "-m", "merge", "code")
    run(repo, "checkout", "--", "code.py")
    run(repo, "reset", "-q", "--hard", "HEAD~1")
    run(repo, "cherry-pick", "code")
    run(repo, "rebase", "-q", "HEAD~1")

    assert calls.read_text() == ""


def test_a_merge_brings_the_data_of_the_other_branch(repo):
    run(repo, "checkout", "-q", "old")
    repo.write("code.py", b"2\n")
    run(repo, "commit", "-q", "-a", "-m", "code")

    status, _ = run(repo, "merge", "-q", "-m", "both", "main")

    assert (status, repo.read("a.csv"), repo.read("new/x")) == (0, b"id\n2\n", b"x")


def test_a_merge_that_stopped_for_code_is_concluded_with_the_data(repo):
    repo.write("code.py", b"2\n")
    run(repo, "commit", "-q", "--no-verify", "-a", "-m", "ours")
    run(repo, "checkout", "-q", "old")
    repo.write("code.py", b"3\n")
    run(repo, "commit", "-q", "--no-verify", "-a", "-m", "theirs")
    assert run(repo, "merge", "-q", "main")[0] == 1
    repo.write("code.py", b"4\n")

    status, said = run(repo, "commit", "-a", "-m", "both")

    assert status == 0, said
    assert (repo.read("a.csv"), repo.read("new/x")) == (b"id\n2\n", b"x")


def test_a_rebase_ends_with_the_data_of_its_end(repo):
    run(repo, "checkout", "-q", "-b", "topic", "old")
    repo.write("own/mine", b"mine")
    repo.add("own/mine")
    repo.write("code.py", b"2\n")
    repo.git("add", "code.py")
    run(repo, "commit", "-q", "--no-verify", "-m", "mine")

    status, said = run(repo, "rebase", "-q", "main")

    assert status == 0, said
    assert (repo.read("a.csv"), repo.read("new/x"), repo.read("own/mine")) == (b"id\n2\n", b"x", b"mine")


def test_a_rebase_that_is_a_fast_forward_places_the_data(repo):
    run(repo, "checkout", "-q", "-b", "topic", "old")

    run(repo, "rebase", "-q", "main")

    assert (repo.read("a.csv"), repo.read("new/x")) == (b"id\n2\n", b"x")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere the caller is asked of ps")
def test_a_rebase_that_is_given_up_brings_the_data_back(repo):
    run(repo, "checkout", "-q", "-b", "topic", "old")
    repo.write("code.py", b"2\n")
    run(repo, "commit", "-q", "--no-verify", "-a", "-m", "ours")
    run(repo, "checkout", "-q", "main")
    repo.write("code.py", b"3\n")
    run(repo, "commit", "-q", "--no-verify", "-a", "-m", "theirs")
    run(repo, "checkout", "-q", "topic")
    assert run(repo, "rebase", "-q", "main")[0] == 1
    assert repo.exists("new")

    run(repo, "rebase", "--abort")

    assert (repo.read("a.csv"), repo.exists("new")) == (b"id\n1\n", False)


def test_a_pick_and_its_revert_move_the_data(repo):
    run(repo, "checkout", "-q", "-b", "topic", "old")

    run(repo, "cherry-pick", "main")
    assert (repo.read("a.csv"), repo.read("new/x")) == (b"id\n2\n", b"x")

    run(repo, "revert", "--no-edit", "HEAD")
    assert (repo.read("a.csv"), repo.exists("new")) == (b"id\n1\n", False)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere the caller is asked of ps")
def test_a_reset_and_a_stash_move_the_data(repo):
    run(repo, "reset", "-q", "--hard", "old")
    assert (repo.read("a.csv"), repo.exists("new")) == (b"id\n1\n", False)

    repo.write("a.csv", b"id\n3\n")
    repo.add("a.csv")
    run(repo, "stash", "-q")
    assert repo.read("a.csv") == b"id\n1\n"

    run(repo, "stash", "pop", "-q")
    assert repo.read("a.csv") == b"id\n3\n"


def test_data_that_was_edited_stays_and_git_has_switched_all_the_same(repo):
    repo.write("a.csv", b"mine")

    status, said = run(repo, "checkout", "-q", "old")

    assert (status, repo.read("a.csv")) == (0, b"mine")
    assert "warning: a.csv was not placed" in said
    assert repo.rev("HEAD") == repo.rev("old")


def test_each_work_tree_has_its_own_data(repo, tmp_path):
    status, said = run(repo, "worktree", "add", "-q", str(tmp_path / "other"), "old")
    other = DatavRepo(tmp_path / "other")

    assert status == 0, said
    assert (other.read("a.csv"), repo.read("a.csv")) == (b"id\n1\n", b"id\n2\n")
    run(other, "checkout", "-q", "--detach", "main")
    assert other.read("new/x") == b"x"


def test_switched_off_nothing_happens(repo, calls):
    run(repo, "checkout", "-q", "old", DATAV_HOOKS="0")
    repo.write("a.csv", b"mine")

    assert run(repo, "commit", "-q", "--allow-empty", "-m", "x", DATAV_HOOKS="0")[0] == 0
    assert calls.read_text() == ""


def test_where_datav_is_not_on_the_path_the_python_that_installed_it_is_used(repo, monkeypatch):
    # A package of that name at the top of the work tree is nobody's to run.
    repo.write("datav/__init__.py", b"raise SystemExit('of the work tree')\n")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    if subprocess.run(["sh", "-c", "command -v datav"], capture_output=True).returncode == 0:
        pytest.skip("a datav is installed for everybody")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    run(repo, "checkout", "-q", "old")

    assert repo.read("a.csv") == b"id\n1\n"


def test_where_datav_is_gone_git_goes_on_but_for_a_push_of_data(repo, monkeypatch, tmp_path):
    install(repo, program="/nowhere/python")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    if subprocess.run(["sh", "-c", "command -v datav"], capture_output=True).returncode == 0:
        pytest.skip("a datav is installed for everybody")
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "bare")], check=True)

    status, said = run(repo, "checkout", "-q", "old")
    assert (status, "was not placed" in said) == (0, True)
    assert run(repo, "commit", "-q", "--allow-empty", "-m", "x")[0] == 0
    status, said = run(repo, "push", "-q", str(tmp_path / "bare"), "main")
    assert (status, "cannot be pushed before them" in said) == (1, True)


def test_what_datav_makes_git_do_runs_no_hook_of_ours(repo, calls):
    repo.checkout("old")

    assert repo.read("a.csv") == b"id\n1\n"
    assert calls.read_text() == ""


# --- before a commit


def test_a_commit_is_refused_until_the_edit_is_added(repo):
    repo.write("a.csv", b"id\n3\n")

    status, said = run(repo, "commit", "--allow-empty", "-m", "x")

    assert status == 1
    assert "hint: `datav add a.csv`" in said
    repo.add("a.csv")
    assert run(repo, "commit", "-m", "x")[0] == 0
    assert repo.git("status", "--porcelain") == b""


@pytest.mark.parametrize("flags", [["-a"], []])
def test_what_is_edited_gets_into_the_commit_by_setting(repo, flags):
    repo.write("datav.toml", repo.read("datav.toml") + b'\n[hooks]\npre-commit = "add"\n')
    repo.git("add", "datav.toml")
    repo.write("a.csv", b"id\n3\n")

    status, said = run(repo, "commit", "-q", *flags, "-m", "x")

    assert (status, "datav: added a.csv" in said) == (0, True)
    assert repo.git("status", "--porcelain") == b""
    assert b"a.csv.datav" in repo.git("show", "--name-only", "--format=", "HEAD")


def test_a_commit_of_named_files_is_refused_and_its_index_left_alone(repo):
    repo.write("datav.toml", repo.read("datav.toml") + b'\n[hooks]\npre-commit = "add"\n')
    repo.commit("settings")
    repo.write("a.csv", b"id\n3\n")
    repo.write("code.py", b"2\n")

    assert run(repo, "commit", "-q", "-m", "x", "code.py")[0] == 1
    assert repo.git("status", "--porcelain") == b" M code.py\n"


# --- before a push


@pytest.fixture
def bare(repo, tmp_path):
    """`repo` with a place for commits and one for data."""
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "bare")], check=True)
    repo.git("remote", "add", "origin", str(tmp_path / "bare"))
    with repo.open() as repository:
        add_remote(repository, RemoteSettings("origin", str(tmp_path / "data")), private=True)
    return tmp_path / "bare"


def commits_at(bare):
    return subprocess.run(
        ["git", "for-each-ref", "--format=%(refname:short)"], cwd=bare, capture_output=True, check=True
    ).stdout.decode()


def test_data_is_pushed_before_the_commits(repo, bare, tmp_path, calls):
    status, said = run(repo, "push", "-q", "origin", "main")

    assert status == 0, said
    assert "datav: pushed 3 versions" in said
    assert open_store(tmp_path / "data")
    # Tags of what is there, and what is removed, bring no data.
    calls.write_text("")
    run(repo, "push", "-q", "origin", "main:also", "main~1:refs/heads/before")
    run(repo, "push", "-q", "origin", ":also")
    assert calls.read_text() == ""


def test_no_commit_arrives_whose_data_cannot_be_sent(repo, bare, tmp_path):
    (tmp_path / "data").write_text("in the way")

    status, said = run(repo, "push", "-q", "origin", "main")

    assert (status, commits_at(bare)) == (1, "")
    assert "git push --no-verify" in said
    assert run(repo, "push", "-q", "--no-verify", "origin", "main")[0] == 0
    assert commits_at(bare) == "main\n"


# --- together with others


@pytest.mark.parametrize("first_line", [b"#!/bin/sh -e\n", b"#!/usr/bin/env python3\n"])
def test_a_hook_that_was_there_runs_first_and_has_the_last_word(repo, bare, tmp_path, first_line):
    remove(repo)
    own = repo.root / ".git/hooks/pre-push"
    seen = tmp_path / "seen"
    body = f'cat >"{seen}"\necho "$@" >>"{seen}"\n[ ! -e "{tmp_path}/no" ] || exit 3\nexec true\n'
    if b"python" in first_line:
        body = (
            f"import os, sys\nopen({str(seen)!r}, 'w').write(sys.stdin.read() + ' '.join(sys.argv[1:]))\n"
            f"sys.exit(3 if os.path.exists({str(tmp_path / 'no')!r}) else 0)\n"
        )
    own.write_bytes(first_line + body.encode())
    own.chmod(0o755)
    install(repo)
    (tmp_path / "no").touch()

    assert run(repo, "push", "-q", "origin", "main")[0] == 1
    assert not (tmp_path / "data").exists()
    (tmp_path / "no").unlink()
    status, said = run(repo, "push", "-q", "origin", "main")
    assert (status, "datav: pushed" in said) == (0, True)
    line = f"refs/heads/main {repo.rev('main')} refs/heads/main {'0' * 40}"
    assert seen.read_text().splitlines() == [line, f"origin {bare}"]
    remove(repo)
    assert own.read_bytes() == first_line + body.encode()


def remove(repo):
    with repo.open() as repository:
        remove_hooks(repository.git, repo.root)


def test_a_hook_of_the_users_that_fails_after_a_switch_does_not_keep_the_data_away(repo):
    path = repo.root / ".git/hooks/post-checkout"
    remove(repo)
    path.write_bytes(b"#!/bin/sh\nexit 4\n")
    path.chmod(0o755)
    install(repo)

    status, _ = run(repo, "checkout", "-q", "old")

    # git makes one of all failures.
    assert (status, repo.read("a.csv")) == (1, b"id\n1\n")


def test_the_hooks_work_where_the_project_says_they_are(repo):
    remove(repo)
    repo.git("config", "core.hooksPath", "tools/hooks")
    with repo.open() as repository:
        install_hooks(repository.git, sys.executable, repo.root, into="tools/hooks")

    run(repo, "checkout", "-q", "old")

    assert repo.read("a.csv") == b"id\n1\n"


def test_a_framework_that_calls_datav_itself_gives_what_git_said_as_variables(repo):
    before = repo.rev("HEAD")
    run(repo, "checkout", "-q", "old", DATAV_HOOKS="0")
    variables = {
        "PRE_COMMIT_FROM_REF": before,
        "PRE_COMMIT_TO_REF": repo.rev("HEAD"),
        "PRE_COMMIT_CHECKOUT_TYPE": "1",
    }

    done = subprocess.run(
        ["datav", "git-hook", "post-checkout"], cwd=repo.root, env={**os.environ, **variables}
    )

    assert (done.returncode, repo.read("a.csv")) == (0, b"id\n1\n")
