"""One git process: arguments and bytes in, bytes out, errors in git's own words.

Every call starts one process (about 4 ms), so what can be asked in one call is.  git never waits
for an answer here, never pages, never colours, and is asked in a form that no configuration changes.
Messages are forced to English because a few of them are told apart by `datav.git.repository`.
"""

import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from datav.errors import GitError, UsageError

# Windows refuses command lines over 32 KiB; longer lists of paths are asked in several calls.
MAX_ARGUMENTS_SIZE = 24 * 1024

_OPTIONS = (
    "--no-pager",
    "-c",
    "core.quotePath=false",
    "-c",
    "advice.detachedHead=false",
    "-c",
    "color.ui=false",
)

_ENVIRONMENT = {
    "LC_ALL": "C",
    "LANGUAGE": "C",
    "GIT_TERMINAL_PROMPT": "0",
    # A `git status` of the user's must not fail because datav was looking at the same moment.
    "GIT_OPTIONAL_LOCKS": "0",
    # Whoever makes git switch or commit sees to the data; our hooks would do it again, and wait for us.
    "DATAV_HOOKS": "0",
}

# What ties a process to one repository: `git rev-parse --local-env-vars`.
_REPOSITORY_VARIABLES = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_CONFIG",
        "GIT_CONFIG_COUNT",
        "GIT_CONFIG_PARAMETERS",
        "GIT_DIR",
        "GIT_GRAFT_FILE",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_INTERNAL_SUPER_PREFIX",
        "GIT_NAMESPACE",
        "GIT_NO_REPLACE_OBJECTS",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_REPLACE_REF_BASE",
        "GIT_SHALLOW_FILE",
        "GIT_WORK_TREE",
    }
)


# How paths are understood is said by each call: by name with `--literal-pathspecs`, else by pattern.
_PATHSPEC_VARIABLES = frozenset(
    {"GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS"}
)


@dataclass(frozen=True, slots=True)
class Output:
    """What a git process left behind."""

    status: int
    stdout: bytes
    stderr: bytes

    @property
    def message(self) -> str:
        """git's own explanation in one line, without its `fatal:`."""
        lines = [line.strip() for line in self.stderr.decode("utf-8", "replace").splitlines()]
        told = [line for line in lines if line and not line.startswith(("hint:", "warning:"))] or lines
        told = [_without_label(line) for line in told]
        return " ".join(told) or f"git ended with status {self.status}"


@dataclass(frozen=True, slots=True)
class Git:
    """How git is started: where, and with which variables on top of the environment's own."""

    cwd: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    isolated: bool = False
    """Forget GIT_DIR and its like: `cwd` alone says which repository is meant."""

    def ask(
        self, *args: str | bytes, stdin: bytes = b"", variables: Mapping[str, str] | None = None
    ) -> Output:
        """Run `git ARGS` to its end, whatever its exit status."""
        with self._start(args, variables or {}) as process:
            stdout, stderr = process.communicate(stdin)
        return Output(process.returncode, stdout, stderr)

    def run(
        self, *args: str | bytes, stdin: bytes = b"", variables: Mapping[str, str] | None = None
    ) -> bytes:
        """Run `git ARGS` and return what it prints; GitError unless it succeeds."""
        output = self.ask(*args, stdin=stdin, variables=variables)
        if output.status != 0:
            raise GitError(output.message)
        return output.stdout

    def converse(self, *args: str | bytes) -> "Conversation":
        """Start a `git ARGS` that answers while it is asked.  Use it in a `with`."""
        return Conversation(self._start(args, {}))

    def _start(self, args: Sequence[str | bytes], variables: Mapping[str, str]) -> subprocess.Popen[bytes]:
        # The environment is handed on, not read: which home, proxy or ssh key git uses is between
        # the user and git.
        forgotten = _PATHSPEC_VARIABLES | (_REPOSITORY_VARIABLES if self.isolated else frozenset())
        environment = {name: value for name, value in os.environ.items() if name not in forgotten}
        environment |= {**_ENVIRONMENT, **self.variables, **variables}
        command = ["git", *_OPTIONS, *(os.fsdecode(arg) for arg in args)]
        if any("\0" in part for part in command):
            raise UsageError("an argument for git holds a NUL character")
        try:
            return subprocess.Popen(
                command,
                cwd=self.cwd,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except FileNotFoundError as exc:
            if not self.cwd.exists():
                raise UsageError(f"there is no directory {str(self.cwd)!r}") from exc
            raise GitError(
                "git is not installed", hint="install git and make sure it is on the PATH"
            ) from exc
        except NotADirectoryError as exc:
            raise UsageError(f"{str(self.cwd)!r} is not a directory") from exc
        except PermissionError as exc:
            raise GitError(f"git cannot be started in {str(self.cwd)!r}: {exc.strerror}") from exc


class Conversation:
    """A git process that is asked and answers in turns."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert isinstance(process.stdout, BufferedReader)
        self._process = process
        self.questions: IO[bytes] = process.stdin
        self.answers: BufferedReader = process.stdout

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Left early, git may still be writing answers that nobody will read.
        self._process.kill()
        self._process.communicate()

    def end(self) -> None:
        """Wait for git to end by itself, all answers read; GitError unless it succeeded."""
        _, stderr = self._process.communicate()
        if self._process.returncode != 0:
            raise GitError(Output(self._process.returncode, b"", stderr).message)

    def fail(self) -> GitError:
        """Return the error for an answer that broke off."""
        _, stderr = self._process.communicate()
        return GitError(Output(self._process.returncode, b"", stderr).message)


def split_nul(output: bytes) -> list[bytes]:
    """Return the records of a `-z` output."""
    records = output.split(b"\0")
    if records and not records[-1]:
        records.pop()
    return records


def join_nul(records: Iterable[bytes]) -> bytes:
    """Return `records` as a `-z` input."""
    return b"".join(record + b"\0" for record in records)


def batches(paths: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Divide `paths` into lists that fit on a command line."""
    batch: list[bytes] = []
    size = 0
    for path in paths:
        if batch and size + len(path) + 3 > MAX_ARGUMENTS_SIZE:
            yield batch
            batch, size = [], 0
        batch.append(path)
        size += len(path) + 3
    if batch:
        yield batch


def _without_label(line: str) -> str:
    for label in ("fatal: ", "error: "):
        line = line.removeprefix(label)
    return line
