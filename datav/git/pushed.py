"""What git is about to push: the manifests of commits that the other side has not got."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from datav.git.manifestlog import parse_change
from datav.git.repository import MANIFEST_SUFFIX, GitRepository
from datav.relpath import RelPath


class PushedRef(NamedTuple):
    """A line that git gives the pre-push hook: ids, of zeros alone where there is nothing."""

    local: str
    there: str


def parse_pushed(text: str) -> list[PushedRef]:
    """Read the lines `LOCAL-REF LOCAL-ID REMOTE-REF REMOTE-ID`; what is none is passed over."""
    words = [line.split() for line in text.splitlines()]
    return [PushedRef(four[1], four[3]) for four in words if len(four) == 4]


def manifests_being_pushed(
    repository: GitRepository, remote: str, refs: Iterable[PushedRef]
) -> list[tuple[str, RelPath]]:
    """Return each manifest, as blob and path, of commits that are pushed and that `remote` lacks.

    Of all commits on the way, also where a merge took nothing from them: they arrive, too.

    Args:
        remote: git's name of it, or a URL; what is known to be there is the branches that were fetched or
            pushed under that name, and the ids in `refs`.
    """
    pushed = list(refs)
    wanted = [ref.local for ref in pushed if ref.local.strip("0")]
    if not wanted:
        return []
    known = [f"^{ref.there}" for ref in pushed if ref.there.strip("0")]
    questions = [*wanted, *known, "--", f":(top)*{MANIFEST_SUFFIX.decode()}"]
    output = repository.git.run(
        *("-c", "log.showSignature=false", "-c", "log.showRoot=true", "-c", "log.follow=false"),
        *("-c", "diff.relative=false"),
        *("log", "-c", "--raw", "-z", "--no-abbrev", "--no-renames", "--no-ext-diff", "--format="),
        # Without, git would leave out side branches of which a merge took nothing.
        *("--full-history", "--ignore-missing", "--not", f"--remotes={remote}", "--not", "--stdin"),
        stdin="".join(f"{line}\n" for line in questions).encode(),
    )
    return list(_parse_changes(output))


def is_on_remote_branch(repository: GitRepository, commit: str) -> bool | None:
    """Return whether some branch of a remote of git's, as it was last seen, has a commit.

    None when git has no remotes.
    """
    if not repository.git.run("remote").strip():
        return None
    found = repository.git.run(
        "for-each-ref", "--count=1", "--format=%(refname)", "--contains", commit, "refs/remotes"
    )
    return bool(found.strip())


def _parse_changes(output: bytes) -> Iterator[tuple[str, RelPath]]:
    """Read raw differences: a line of numbers and a path in turns, with a line feed between two commits."""
    fields = (field.strip(b"\n") if field.startswith(b"\n:") else field for field in output.split(b"\0"))
    rest = (field for field in fields if field)
    for raw in rest:
        change = parse_change(raw, rest)
        if change.after is not None:
            yield change.after, change.path
