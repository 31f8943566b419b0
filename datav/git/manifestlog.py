"""What commits did to manifests: for each commit the files it changed, before and after.

A rename is told from a removal and an addition when it left the content alone, as `datav mv` does: manifests
look so much alike that git would take any other guess for likely.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from datav.errors import GitError
from datav.git.history import COMMIT_FIELDS, RAW_CHANGE, iter_records, parse_date
from datav.git.repository import MANIFEST_SUFFIX, GitRepository
from datav.relpath import RelPath


@dataclass(frozen=True, slots=True)
class FileChange:
    """What a commit did to one file, compared with its first parent."""

    kind: Literal["added", "modified", "removed", "renamed"]
    path: RelPath
    before_path: RelPath
    """Different from `path` only of what was renamed."""
    before: str | None
    """The blob; None when there was no regular file."""
    after: str | None


@dataclass(frozen=True, slots=True)
class CommitChanges:
    """A commit, and the files with the suffix that it changed, by path."""

    oid: str
    author: str
    email: str
    date: datetime
    """When the author wrote it, with their own offset from UTC."""
    subject: str
    changes: tuple[FileChange, ...]


def iter_changes(
    repository: GitRepository,
    path: RelPath | None = None,
    *,
    rev: str = "HEAD",
    without: str | None = None,
    suffix: bytes = MANIFEST_SUFFIX,
    whole: bool = False,
    first_parent: bool = False,
) -> Iterator[CommitChanges]:
    """Yield the commits that changed a file with `suffix`, newest first, as git finds them.

    A merge is listed only if its result is none of its parents'.

    Args:
        path: only this file, also by the names it had before.
        rev: where to start; an unborn HEAD has no commits.
        without: leave out this commit, and those that it comes from.
        whole: also commits of which a merge took nothing, and which explain nothing of what there is now.
        first_parent: only commits of the branch itself; a merge into it is one, and changed what it brought.

    Raises:
        UnknownRevisionError: git does not know `rev` or `without`.
    """
    if rev == "HEAD" and repository.head() is None:
        return
    oid = repository.resolve(rev)
    hidden = () if without is None else (f"^{repository.resolve(without)}",)
    chosen = (b":(top)*" + suffix,) if path is None else (b":(top,literal)" + path,)
    follow = () if path is None else ("--follow",)
    if whole:
        follow = (*follow, "--full-history")
    merges = ("--first-parent", "--diff-merges=first-parent") if first_parent else ("-c",)
    with repository.git.converse(
        *("-c", "log.showSignature=false", "-c", "diff.relative=false", "-c", "log.follow=false"),
        *("log", *follow, "-M100%", *merges, "--raw", "-z", "--no-abbrev", "--no-notes", "--no-ext-diff"),
        *("--encoding=UTF-8", f"--format=tformat:{COMMIT_FIELDS}", oid, *hidden, "--", *chosen),
    ) as log:
        for record in iter_records(log):
            commit = _parse_commit(record)
            if commit.changes:
                yield commit


def _parse_commit(record: bytes) -> CommitChanges:
    """Read five fields, and the raw differences: a line of numbers, then one path, or two of a rename."""
    fields = record.split(b"\0")
    oid, author, email, date, subject = (field[1:].decode("utf-8", "replace") for field in fields[:5])
    # A line feed or a NUL, by the kind of commit, lies between the subject and the differences.
    rest = iter([field.strip(b"\n") if field.startswith(b"\n:") else field for field in fields[5:] if field])
    changes = tuple(sorted((parse_change(raw, rest) for raw in rest), key=lambda change: change.path))
    return CommitChanges(oid, author, email, parse_date(date), subject, changes)


def parse_change(raw: bytes, rest: Iterator[bytes]) -> FileChange:
    """Read a line of numbers, and of `rest` the path, or two of a rename."""
    match = RAW_CHANGE.match(raw)
    path = next(rest, b"")
    if match is None or not path:
        raise GitError(f"git's log has a line of unknown form: {raw[:80]!r}")
    before_path = path
    if match[4] in (b"R", b"C"):
        path = next(rest, b"")
    modes, blobs = match[2].split(), match[3].split()
    before, after = _blob(modes[0], blobs[0]), _blob(modes[-1], blobs[-1])
    kind: Literal["added", "modified", "removed", "renamed"] = "modified"
    if match[4] == b"R":
        kind = "renamed"
    elif before is None:
        kind = "added"
    elif after is None:
        kind = "removed"
    return FileChange(kind, RelPath(path), RelPath(before_path), before, after)


def _blob(mode: bytes, oid: bytes) -> str | None:
    """The id of a regular file; None where there is none, or a link or a submodule in its place."""
    return oid.decode() if mode.startswith(b"100") else None
