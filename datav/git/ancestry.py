"""The history of one file as a graph: the commits that changed it, each with those that it came from.

As git simplifies it: what leaves the file alone is passed over, and of a merge that has the file as one of
its parents has it only that parent counts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from datav.git.history import COMMIT_FIELDS, iter_records, parse_date
from datav.git.manifestlog import parse_change
from datav.git.process import split_nul
from datav.git.repository import MANIFEST_SUFFIX, GitRepository
from datav.relpath import RelPath


@dataclass(frozen=True, slots=True)
class FileCommit:
    """A commit that changed a file, or merged different versions of it."""

    oid: str
    parents: tuple[str, ...]
    """The last commits before it that changed the file, in the order of the commit's own parents."""
    author: str
    email: str
    date: datetime
    """When the author wrote it, with their own offset from UTC."""
    subject: str
    blob: str | None
    """The file in this commit; None where it is not a regular file, or not there."""


def iter_ancestry(repository: GitRepository, path: RelPath, rev: str) -> Iterator[FileCommit]:
    """Yield the commits that changed a file, or merged it, none before one that came from it.

    Args:
        rev: where to start.

    Raises:
        UnknownRevisionError: git does not know `rev`.
    """
    oid = repository.resolve(rev)
    with repository.git.converse(
        *("--literal-pathspecs", "-c", "log.showSignature=false", "-c", "diff.relative=false"),
        *("-c", "log.follow=false", "-c", "log.showRoot=true"),
        *("log", "--topo-order", "--parents", "--no-renames", "-c", "--raw", "-z", "--no-abbrev"),
        *("--no-notes", "--no-ext-diff", "--encoding=UTF-8", f"--format=tformat:{COMMIT_FIELDS}p%P%x00"),
        *(oid, "--", path),
    ) as log:
        for record in iter_records(log):
            yield _parse_commit(record)


def find_former_paths(
    repository: GitRepository, oid: str, path: RelPath, suffix: bytes = MANIFEST_SUFFIX
) -> list[tuple[str, RelPath]]:
    """Return the parents of a commit in which a file with `suffix` that is new has another path.

    As for the log: a rename counts when it left the content alone.  A process for each parent, and one more.
    """
    parents = repository.git.run("rev-list", "--parents", "-n", "1", oid).decode().split()[1:]
    found = []
    for parent in parents:
        output = repository.git.run(
            *("diff-tree", "-r", "-z", "--raw", "--no-abbrev", "-M100%", "--diff-filter=R", "--no-ext-diff"),
            *(parent, oid, "--", b":(top)*" + suffix),
        )
        records = iter(split_nul(output))
        for _, before, after in zip(records, records, records, strict=True):
            if after == path:
                found.append((parent, RelPath(before)))
    return found


def _parse_commit(record: bytes) -> FileCommit:
    """Read six fields, and the raw difference of one file, which a merge need not have."""
    fields = record.split(b"\0")
    oid, author, email, date, subject, parents = (
        field[1:].decode("utf-8", "replace") for field in fields[:6]
    )
    rest = iter([field.strip(b"\n") if field.startswith(b"\n:") else field for field in fields[6:] if field])
    changes = [parse_change(raw, rest) for raw in rest]
    blob = changes[0].after if changes else None
    return FileCommit(oid, tuple(parents.split()), author, email, parse_date(date), subject, blob)
