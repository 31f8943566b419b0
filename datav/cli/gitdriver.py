"""datav git-diff and datav git-textconv: what git runs to show manifests.  People need not.

Neither ever fails: a diff that stops in the middle of a review is worse than one that shows less.
"""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from datav.relpath import one_line

if TYPE_CHECKING:
    from datav.report.style import Style

MOST_LINES = 40
_ROWS = 15
_WIDTH = 120
_NO_FILE = "/dev/null"


def run_for_git(name: str, arguments: Sequence[str]) -> int:
    """Run one of the two, and return its exit status."""
    status = git_diff(arguments) if name == "git-diff" else git_textconv(arguments)
    sys.stdout.flush()
    return status


def git_diff(arguments: Sequence[str]) -> int:
    """git's external diff: PATH OLD-FILE OLD-ID OLD-MODE NEW-FILE NEW-ID NEW-MODE [NEW-PATH WHAT]."""
    if len(arguments) < 7:
        # All that git says of a conflict is the path.
        print(one_line(f"* Unmerged path {arguments[0] if arguments else ''}"))
        return 0
    path, old_file, _, _, new_file = arguments[:5]
    new_path = arguments[7] if len(arguments) > 7 else path
    before, after = _read(old_file), _read(new_file)
    print(one_line(f"diff --datav a/{path} b/{new_path}"))
    try:
        lines = list(islice(_diff_lines(path, new_path, before, after), MOST_LINES))
    except Exception:  # whatever it is: there are still the two texts
        lines = _plain_lines(path, new_path, before, after)
    _print(lines)
    return 0


def git_textconv(arguments: Sequence[str]) -> int:
    """git's textconv: FILE."""
    name = arguments[0] if arguments else _NO_FILE
    text = _read(name) or b""
    try:
        lines = _manifest_lines(name, text)
    except Exception:  # whatever it is: there is still the text
        lines = text.decode("utf-8", "replace").splitlines()
    else:
        # Whatever it is: the manifest has been told of.
        with suppress(Exception):
            lines += _compared_lines(Path(name), text)
    _print(lines)
    return 0


def _read(name: str) -> bytes | None:
    """Return what git has put into a file; None where it has put none."""
    if name in (_NO_FILE, "nul"):
        return None
    try:
        with open(name, "rb") as file:
            # A manifest is no longer than a MiB; whatever is will be said to be none.
            return file.read(2**20 + 1)
    except OSError:
        return None


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)


def _diff_lines(path: str, new_path: str, before: bytes | None, after: bytes | None) -> Iterator[str]:
    from datav.relpath import RelPath
    from datav.repo.gitdiff import comparing_manifests
    from datav.repo.repository import Repository
    from datav.report.diff_text import diff_lines

    with (
        Repository.open(Path.cwd()) as repository,
        comparing_manifests(
            repository, RelPath.from_text(new_path), before, after, RelPath.from_text(path)
        ) as comparison,
    ):
        if comparison.diff.datasets:
            yield from diff_lines(comparison.diff, _style(), width=_WIDTH, limit=_ROWS)
        else:
            yield "the data is the same"


def _plain_lines(path: str, new_path: str, before: bytes | None, after: bytes | None) -> list[str]:
    import difflib

    old, new = ((text or b"").decode("utf-8", "replace").splitlines() for text in (before, after))
    names = (
        f"a/{path}" if before is not None else _NO_FILE,
        f"b/{new_path}" if after is not None else _NO_FILE,
    )
    return list(difflib.unified_diff(old, new, *names, lineterm=""))


def _manifest_lines(name: str, text: bytes) -> list[str]:
    from datav.formats.manifest import parse_manifest
    from datav.report.manifest import manifest_text

    return manifest_text(parse_manifest(text, name)).splitlines()


def _compared_lines(file: Path, text: bytes) -> list[str]:
    """What changed since the version that git was shown before; nothing where that is another's."""
    from datav.git.caller import find_caller
    from datav.git.repository import GitRepository
    from datav.repo.gitpairs import find_former, remember_lines

    git = GitRepository.discover(Path.cwd())
    name = os.fsencode(file.name)
    former = find_former(git, find_caller(), name, text)
    if former is None:
        return []
    if former.lines is not None:
        return list(former.lines)
    # Only here: whatever compares takes several times as long to import as all of the above takes to run.
    from datav.repo.gitdiff import comparing_manifests
    from datav.repo.repository import Repository
    from datav.report.diff_text import diff_lines
    from datav.report.style import PLAIN

    with (
        Repository.open(git.root) as repository,
        comparing_manifests(repository, former.path, former.text, text) as comparison,
    ):
        found = diff_lines(comparison.diff, PLAIN, width=_WIDTH, limit=_ROWS)
        # The first is about the dataset, of which git has said enough.
        rows = list(islice(found, 1, MOST_LINES))
        # Where only the profile is another there is nothing to say, and an empty line would be a change.
        lines = ["", *rows] if rows else []
        is_complete = not comparison.errors
    # What is not here now may be later.
    if is_complete:
        remember_lines(git, former, name, text, lines)
    return lines


def _style() -> "Style":
    from datav.report.style import Style

    # git has a pager between us and the terminal.
    is_shown = sys.stdout.isatty() or os.environ.get("GIT_PAGER_IN_USE") in ("1", "true")
    return Style(is_shown and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb")
