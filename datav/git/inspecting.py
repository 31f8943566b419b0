"""What is asked of git to find out whether it is set up well; each function is one process.

Nothing here changes anything.
"""

import os
import re
from collections.abc import Iterable
from typing import NamedTuple

from datav.errors import GitError
from datav.git.process import join_nul, split_nul
from datav.git.repository import GitRepository
from datav.relpath import RelPath

_VERSION = re.compile(rb"git version (\d+)\.(\d+)")


class Setting(NamedTuple):
    """A setting of git's that is set."""

    value: str
    scope: str
    """Where: `system`, `global`, `local`, `worktree`, or `command`."""


def read_version(repository: GitRepository) -> tuple[int, int] | None:
    """Return git's version; None where it does not say."""
    match = _VERSION.match(repository.git.run("version"))
    return (int(match[1]), int(match[2])) if match else None


def read_attributes(
    repository: GitRepository, paths: Iterable[RelPath], names: Iterable[str]
) -> dict[RelPath, dict[str, str]]:
    """Return what attributes apply to `paths`, wherever they are written: `unspecified` where none does."""
    output = repository.git.run("check-attr", "-z", "--stdin", *names, stdin=join_nul(paths))
    records = split_nul(output)
    found: dict[RelPath, dict[str, str]] = {}
    for path, name, value in zip(records[::3], records[1::3], records[2::3], strict=True):
        found.setdefault(RelPath(path), {})[name.decode()] = os.fsdecode(value)
    return found


def read_settings(repository: GitRepository, pattern: str) -> dict[str, Setting]:
    """Return the settings whose names match `pattern`, a regular expression, with the value that counts.

    Of a name, the section and the last part are in small letters.
    """
    output = repository.git.ask("config", "-z", "--show-scope", "--get-regexp", pattern)
    if output.status not in (0, 1):
        raise GitError(output.message)
    records = split_nul(output.stdout)
    found: dict[str, Setting] = {}
    for scope, record in zip(records[::2], records[1::2], strict=True):
        name, _, value = record.partition(b"\n")
        found[os.fsdecode(name)] = Setting(os.fsdecode(value), scope.decode())
    return found


def read_staged_size(repository: GitRepository, path: RelPath) -> int | None:
    """Return how many bytes git keeps for a file of the index; None when it has none."""
    output = repository.git.ask("cat-file", "-s", b":" + path)
    return int(output.stdout) if output.status == 0 else None


def find_rule(repository: GitRepository, path: RelPath) -> str | None:
    """Return which ignore rule hides `path`, as `FILE:LINE`; None when none does."""
    output = repository.git.ask("check-ignore", "--no-index", "-v", "-z", "--stdin", stdin=join_nul([path]))
    parts = split_nul(output.stdout)
    # A rule that begins with `!` shows it again.
    if output.status != 0 or len(parts) < 4 or parts[2].startswith(b"!"):
        return None
    return f"{os.fsdecode(parts[0])}:{parts[1].decode()}"


def list_submodules(repository: GitRepository) -> list[RelPath]:
    """Return where other repositories are in the index."""
    listed = split_nul(repository.git.run("ls-files", "-s", "-z"))
    return [RelPath(record.partition(b"\t")[2]) for record in listed if record.startswith(b"160000")]
