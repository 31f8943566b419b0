"""datav git-hook NAME ARGS...: what git's hooks run.  People need not.

What comes after git's work never fails: git has done it, and a status of ours would make it look failed.
What comes before it refuses with a status, and says how to go on.  Nothing here asks anybody.
"""

import os
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from datav.cli.terminal import Terminal, complain
from datav.errors import DatavError, NotARepositoryError
from datav.relpath import one_line

if TYPE_CHECKING:
    from datav.repo.repository import Repository

# What comes before a commit or a push, and may refuse it.
_BEFORE = ("pre-commit", "pre-push")
_ZEROS = "0" * 40
# Of findings that are told before a commit.
_WIDTH = 120


def run_hook(arguments: Sequence[str]) -> int:
    """Run one hook, and return its exit status."""
    name, *rest = arguments or [""]
    if os.environ.get("DATAV_HOOKS") == "0":
        return 0
    try:
        if name == "pre-commit":
            return _pre_commit()
        if name == "pre-push":
            return _pre_push(rest)
        return _place(name, rest)
    except DatavError as exc:
        complain(str(exc), exc.hint)
        if name == "pre-push":
            _say(["datav: nothing was pushed; `git push --no-verify` pushes the commits without their data"])
        return 1 if name in _BEFORE else 0
    except KeyboardInterrupt:
        _say(["interrupted: `datav checkout` places the rest" if name not in _BEFORE else "interrupted"])
        return 130 if name in _BEFORE else 0
    except Exception:
        traceback.print_exc()
        complain(
            "this is a bug in datav", "please report it with the lines above; `DATAV_HOOKS=0` skips hooks"
        )
        return 1 if name in _BEFORE else 0


def _place(name: str, given: Sequence[str]) -> int:
    from datav.repo.placing import open_for_hooks, place_after
    from datav.report.hooks import kept_lines, placed_lines

    arguments = list(given) or _arguments_of_framework(name, os.environ)
    old = arguments[0] if name == "post-checkout" and arguments else None
    bar = Terminal(Path.cwd()).progress()
    try:
        repository = open_for_hooks(Path.cwd(), old, bar)
        if repository is None:
            return 0
        with repository:
            placed = place_after(repository, name, arguments)
    finally:
        bar.close()
    _say([*placed_lines(placed), *kept_lines(placed)])
    return 0


def _arguments_of_framework(name: str, variables: Mapping[str, str]) -> list[str]:
    """What git gave to the pre-commit framework, which hands it on as variables."""
    if name == "post-checkout" and "PRE_COMMIT_FROM_REF" in variables:
        names = ("PRE_COMMIT_FROM_REF", "PRE_COMMIT_TO_REF", "PRE_COMMIT_CHECKOUT_TYPE")
        return [variables.get(name, "") for name in names]
    if name == "post-merge":
        return [variables.get("PRE_COMMIT_IS_SQUASH_MERGE", "0")]
    if name == "post-rewrite":
        return [variables.get("PRE_COMMIT_REWRITE_COMMAND", "rebase")]
    return []


def _pre_commit() -> int:
    from datav.repo.committing import check_commit
    from datav.report.hooks import check_lines

    with _opened() as repository:
        if repository is None:
            return 0
        # `git commit PATH` makes the commit from an index of its own, which it throws away.
        index = os.path.basename(os.environ.get("GIT_INDEX_FILE", ""))
        check = check_commit(repository, can_stage=not index.startswith("next-index"))
        _say(check_lines(check))
        is_checked = check.is_fine and repository.settings.hooks.check
        is_kept = not is_checked or _keeps_promises(repository)
    return 0 if check.is_fine and is_kept else 1


def _keeps_promises(repository: "Repository") -> bool:
    """Whether the data that is about to be committed keeps what was promised of it; else it is said."""
    # Only here: a commit in a project that promises nothing is not to wait for it.
    from datav.repo.checkcommit import check_staged

    outcome = check_staged(repository, datetime.now(UTC))
    if outcome is None:
        return True
    from datav.report.check_text import check_text
    from datav.report.style import PLAIN

    result = outcome.result
    if result.errors or result.warnings:
        _say(check_text(result, PLAIN, _WIDTH).split("\n"))
    for error in outcome.errors:
        complain(str(error), error.hint)
    if result.ok and not outcome.errors:
        return True
    _say(["hint: `git commit --no-verify` commits all the same"])
    return False


def _pre_push(arguments: Sequence[str]) -> int:
    from datav.git.pushed import PushedRef, parse_pushed
    from datav.repo.prepush import push_before_git
    from datav.report.hooks import prepush_lines

    if "PRE_COMMIT_REMOTE_NAME" in os.environ and not arguments:
        there = os.environ.get("PRE_COMMIT_FROM_REF") or _ZEROS
        local = os.environ.get("PRE_COMMIT_TO_REF") or os.environ.get("PRE_COMMIT_LOCAL_BRANCH") or "HEAD"
        remote, refs = os.environ["PRE_COMMIT_REMOTE_NAME"], [PushedRef(local, there)]
    else:
        text = "" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.read()
        remote, refs = arguments[0] if arguments else "origin", parse_pushed(text)
    with _opened() as repository:
        if repository is None or not repository.settings.hooks.pre_push:
            return 0
        result = push_before_git(repository, remote, refs)
    if result is not None:
        _say(prepush_lines(result))
    return 0


@contextmanager
def _opened() -> "Iterator[Repository | None]":
    """Yield the repository that git runs the hook in; None if datav is not set up in it."""
    from datav.repo.repository import Repository

    bar = Terminal(Path.cwd()).progress()
    try:
        repository = Repository.open(Path.cwd(), bar)
    except NotARepositoryError:
        yield None
        return
    try:
        with repository:
            yield repository
    finally:
        bar.close()


def _say(lines: Sequence[str]) -> None:
    for line in lines:
        print(one_line(line), file=sys.stderr)
