"""Commands in this process, and in one of their own.

    def test_something(cli):
        cli.repo.write("a.csv", b"id\\n1\\n")

        done = cli("add", "a.csv")

        assert done.status == 0

`cli` is in a repository with datav set up, on a committed `datav.toml`.
"""

import contextlib
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from datav.cli.main import main
from tests.support.repos import ScratchRepo

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one document that it printed."""
        document = json.loads(self.out)
        assert document["format"] == 1
        return document

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


@dataclass(frozen=True)
class Cli:
    """Runs commands in a repository."""

    repo: ScratchRepo

    def __call__(self, *arguments: str, here: str = ".") -> Done:
        """Run a command in this process, its output in pipes that take UTF-8."""
        out = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
        err = io.StringIO()
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            contextlib.chdir(self.repo.path(here)),
        ):
            status = main(list(arguments))
        return Done(status, out.buffer.getvalue().decode(), err.getvalue())

    def ok(self, *arguments: str, here: str = ".") -> Done:
        done = self(*arguments, here=here)
        assert (done.status, done.err) == (0, "")
        return done

    def fails(self, *arguments: str, here: str = ".", status: int = 2) -> Done:
        """Run what must end with an error in the promised form: a line, a hint, nothing else."""
        done = self(*arguments, here=here)
        assert done.status == status, done
        assert_is_error(done.err)
        return done

    def process(
        self, *arguments: str | bytes, here: str = ".", environment: dict[str, str] | None = None
    ) -> Done:
        """Run a command in a process of its own, as a user does."""
        done = subprocess.run(
            [sys.executable, "-m", "datav", *arguments],
            cwd=self.repo.path(here),
            capture_output=True,
            env=process_environment(environment),
        )
        return Done(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode())


def process_environment(changes: dict[str, str] | None = None) -> dict[str, str]:
    """The environment for a datav process that runs this checkout."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, **(changes or {})}


def assert_is_error(text: str, *, ends_as_typed: bool = False) -> None:
    """`error:`, perhaps `caused by:`, perhaps `hint:`; no traceback, and no full stop of ours at the end."""
    lines = text.splitlines()
    assert 1 <= len(lines) <= 3, text
    labels = [line.partition(": ")[0] for line in lines]
    assert labels in (["error"], ["error", "hint"], ["error", "caused by"], ["error", "caused by", "hint"])
    message = lines[0].removeprefix("error: ")
    assert message
    assert ends_as_typed or not message.endswith("."), text


@pytest.fixture
def cli(git_repo) -> Cli:
    """A repository with datav set up."""
    found = Cli(git_repo)
    found.ok("init")
    git_repo.commit("set up datav")
    return found


@pytest.fixture
def data(cli) -> Cli:
    """Two versions: a table that grows by a row, a folder of two files; HEAD is on the second."""
    fill(cli)
    return cli


@pytest.fixture(scope="module")
def shared_data(tmp_path_factory) -> Cli:
    """The same, once for all tests that change nothing."""
    found = Cli(ScratchRepo.init(tmp_path_factory.mktemp("shared") / "repo"))
    found.ok("init")
    found.repo.commit("set up datav")
    fill(found)
    return found


def fill(cli: Cli) -> None:
    cli.repo.write("a.csv", b"id,v\n1,x\n")
    cli.repo.write("d/one", b"1")
    cli.repo.write("d/sub/two", b"22")
    cli.ok("add", "a.csv", "d")
    cli.repo.commit("first")
    cli.repo.write("a.csv", b"id,v\n1,x\n2,y\n")
    cli.ok("add", "a.csv")
    cli.repo.commit("second")
