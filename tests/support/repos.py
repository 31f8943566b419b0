"""Scratch git repositories that see nothing of the machine's own git configuration.

    def test_something(git_repo):
        git_repo.write("a.csv", b"id\\n1\\n")
        first = git_repo.commit("first")

`tests/conftest.py` makes `git_repo` known and isolates every test, also those that start datav or git in a
process of their own.
"""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

# No `gc` behind a test's back, no signing, no prompts; merges and dates that do not depend on the machine.
_CONFIG = """\
[user]
    name = Ann Tester
    email = ann@example.org
[init]
    defaultBranch = main
[commit]
    gpgSign = false
[core]
    autocrlf = false
    fsync = none
[gc]
    auto = 0
[maintenance]
    auto = false
[protocol "file"]
    allow = always
"""

_ISOLATION = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Ann Tester",
    "GIT_AUTHOR_EMAIL": "ann@example.org",
    "GIT_COMMITTER_NAME": "Ann Tester",
    "GIT_COMMITTER_EMAIL": "ann@example.org",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_EDITOR": "true",
}


@dataclass(frozen=True)
class ScratchRepo:
    """A git repository in a temporary directory."""

    root: Path

    @classmethod
    def init(cls, root: Path, *options: str) -> "ScratchRepo":
        root.mkdir(parents=True, exist_ok=True)
        repo = cls(root)
        repo.git("init", "-q", *options)
        return repo

    def git(self, *args: str | bytes, stdin: bytes = b"", check: bool = True) -> bytes:
        """Run `git ARGS` there and return its output; AssertionError with git's words if it fails."""
        done = subprocess.run(
            ["git", *(os.fsdecode(arg) for arg in args)], cwd=self.root, input=stdin, capture_output=True
        )
        if check and done.returncode != 0:
            raise AssertionError(f"git {args} failed: {done.stderr.decode(errors='replace')}")
        return done.stdout

    def path(self, name: str | bytes) -> Path:
        return self.root / os.fsdecode(name)

    def write(self, name: str | bytes, content: bytes) -> Path:
        """Write a file, making its directories."""
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def read(self, name: str | bytes) -> bytes:
        return self.path(name).read_bytes()

    def commit(self, message: str = "change", *, add: bool = True) -> str:
        """Commit everything (or, without `add`, the index) and return the commit's id."""
        if add:
            self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.rev("HEAD")

    def rev(self, name: str) -> str:
        return self.git("rev-parse", "--verify", name).decode().strip()


def isolate_git(patch: pytest.MonkeyPatch, home: Path) -> None:
    """Point git, and everything that looks for a home, at an empty one."""
    for name in list(os.environ):
        if name.startswith("GIT_"):
            patch.delenv(name)
    config = home / "gitconfig"
    config.write_text(_CONFIG, encoding="utf-8")
    patch.setenv("HOME", str(home))
    patch.setenv("USERPROFILE", str(home))
    patch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    patch.setenv("GIT_CONFIG_GLOBAL", str(config))
    # A repository above the temporary directory must not be found by those below.
    patch.setenv("GIT_CEILING_DIRECTORIES", str(home.parent))
    for name, value in _ISOLATION.items():
        patch.setenv(name, value)


@pytest.fixture(scope="session", autouse=True)
def isolated_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Once a process: no test sees the user's home, git configuration or repository."""
    with pytest.MonkeyPatch.context() as patch:
        isolate_git(patch, tmp_path_factory.mktemp("home"))
        yield


@pytest.fixture
def git_repo(tmp_path: Path) -> ScratchRepo:
    """An empty repository on the unborn branch `main`."""
    return ScratchRepo.init(tmp_path / "repo")
