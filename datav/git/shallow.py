"""What a shallow clone lacks, and the fetch that brings it.

At the boundary of such a clone commits seem to have no parents.  The commits themselves say otherwise, so
what is missing can be named: a commit by its id, or how many commits before one that is here.
"""

import re

from datav.errors import ShallowHistoryError, UnknownRevisionError
from datav.git.process import Git

_STEPS = re.compile(r"(?P<start>[^~^]+)(?P<steps>(?:[~^]\d*)+)\Z")
_STEP = re.compile(r"([~^])(\d*)")
_FULL_ID = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")
_SHORT_ID = re.compile(r"[0-9a-f]{7,63}\Z")

# Enough for most branches, and soon done.
_DEEPEN = 100


def explain_unknown(git: Git, rev: str) -> UnknownRevisionError | None:
    """Return the error for a revision that git does not know; None when being shallow is no reason.

    A ShallowHistoryError where it certainly is: of a commit that history names, or an id.  A branch may be
    none.

    Cost: one process; in a shallow clone a few more.
    """
    if not _is_shallow(git):
        return None
    what = f"{rev} is not in this shallow clone"
    remote = _find_remote(git)
    if _FULL_ID.match(rev):
        return ShallowHistoryError(what, hint=f"`git fetch --depth=1 {remote} {rev}` brings it")
    if _SHORT_ID.match(rev):
        return ShallowHistoryError(
            what,
            hint=f"`git fetch --depth=1 {remote} ID` brings it, by its whole id; `--unshallow` everything",
        )
    match = _STEPS.match(rev)
    if match is not None:
        return _explain_ancestor(git, rev, match["start"], match["steps"])
    branch = rev.removeprefix("refs/heads/").removeprefix(f"{remote}/")
    if git.ask("check-ref-format", "--branch", branch).status != 0:
        return None
    # A shallow clone has one branch.
    hint = f"this clone is shallow; `git fetch --depth=1 {remote} {branch}:refs/remotes/{remote}/{branch}`"
    return UnknownRevisionError(
        f"git knows no commit {rev!r}", hint=f"{hint} brings the branch as {remote}/{branch}"
    )


def explain_no_base(git: Git, ours: str, theirs: str) -> ShallowHistoryError | None:
    """Return the error for two commits without a common ancestor; None when being shallow is no reason."""
    if not _is_shallow(git):
        return None
    return ShallowHistoryError(
        f"where {theirs} left {ours} is not in this shallow clone",
        hint=f"`git fetch --deepen={_DEEPEN}` brings more of both, `git fetch --unshallow` everything",
    )


def find_hidden_parents(git: Git, commit: str) -> tuple[str, ...]:
    """Return the ids of the parents that a commit has, and that a shallow clone has not.  Two processes.

    Raises:
        GitError: there is no such commit.
    """
    known = git.run("rev-list", "--parents", "--max-count=1", commit, "--").decode().split()[1:]
    header = git.run("cat-file", "commit", commit).partition(b"\n\n")[0]
    parents = re.findall(r"^parent ([0-9a-f]+)$", header.decode("utf-8", "replace"), re.MULTILINE)
    # A replaced commit may know others.
    return () if known else tuple(parents)


def explain_no_parent(git: Git, commit: str, shown: str) -> ShallowHistoryError | None:
    """Return the error for a commit whose parent is wanted and not here; None for one that has none."""
    hidden = find_hidden_parents(git, commit)
    if not hidden:
        return None
    return ShallowHistoryError(
        f"the commit before {shown} is not in this shallow clone",
        hint=f"`git fetch --depth=1 {_find_remote(git)} {hidden[0]}` brings it",
    )


def _explain_ancestor(git: Git, rev: str, start: str, steps: str) -> UnknownRevisionError | None:
    """The error for `START~2^2`: follows it to where this clone ends."""
    at = _resolve(git, start)
    if at is None:
        return explain_unknown(git, start)
    path = _read_steps(steps)
    for number, (count, parent) in enumerate(path):
        reached, last, lacking = _go(git, at, count, parent)
        if reached is None:
            if not find_hidden_parents(git, last):
                return None
            behind = lacking + sum(count for count, _ in path[number + 1 :])
            return _too_short(git, rev, start, last, behind)
        at = reached
    return None


def _read_steps(steps: str) -> list[tuple[int, int]]:
    """Return how many commits each step goes back, and to which parent: `~3` is 3, 1 and `^2` is 1, 2."""
    numbers = [(mark, int(number) if number else 1) for mark, number in _STEP.findall(steps)]
    # `^0` is the commit itself.
    return [(number, 1) if mark == "~" else (min(number, 1), max(number, 1)) for mark, number in numbers]


def _go(git: Git, at: str, count: int, parent: int) -> tuple[str | None, str, int]:
    """Return the commit that a step leads to, or None; the last one on the way that is here; and how many
    there are from that one to the end."""
    if parent > 1:
        return _resolve(git, f"{at}^{parent}"), at, 1
    line = git.run("rev-list", "--first-parent", f"--max-count={count + 1}", at, "--").decode().split()
    lacking = count + 1 - len(line)
    return (None if lacking else line[-1]), line[-1], lacking


def _too_short(git: Git, rev: str, start: str, last: str, behind: int) -> ShallowHistoryError:
    """The error for a commit that lies `behind` steps before `last`, where this clone ends."""
    number = int(git.run("rev-list", "--first-parent", "--count", start, "--"))
    has = f"{number} commit{'s' if number != 1 else ''}"
    remote = _find_remote(git)
    fetch = f"git fetch --depth={behind + 1} {remote} {last}"
    if start.startswith(f"{remote}/") and _resolve(git, f"refs/remotes/{start}") is not None:
        fetch = f"git fetch --depth={number + behind} {remote} {start.removeprefix(f'{remote}/')}"
    return ShallowHistoryError(
        f"{rev} is not in this shallow clone, which has {has} of {start}",
        hint=f"`{fetch}` brings it; for actions/checkout, `fetch-depth: {number + behind}`",
    )


def _is_shallow(git: Git) -> bool:
    return git.run("rev-parse", "--is-shallow-repository").strip() == b"true"


def _resolve(git: Git, rev: str) -> str | None:
    output = git.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{rev}^{{commit}}")
    return output.stdout.decode().strip() or None if output.status == 0 else None


def _find_remote(git: Git) -> str:
    remotes = git.run("remote").decode("utf-8", "replace").splitlines()
    return remotes[0] if remotes and "origin" not in remotes else "origin"
