"""log: how datasets changed from commit to commit, as their manifests tell it.

Data is read only to count the rows that changed, and to find those that meet a condition: of one dataset, or
of those below a directory, and of the commits that are asked for.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain, islice
from typing import TYPE_CHECKING, Literal

from datav.errors import DatavError, UnknownDatasetError
from datav.formats.manifest import Manifest, parse_manifest
from datav.git import MANIFEST_SUFFIX, MAX_MANIFEST_SIZE
from datav.git.manifestlog import CommitChanges, FileChange, iter_changes
from datav.relpath import RelPath
from datav.repo.datasets import dataset_of_manifest, list_datasets
from datav.repo.repository import Repository
from datav.repo.specs import unknown_dataset

if TYPE_CHECKING:
    from datav.repo.rowlog import RowCounts, RowLog
    from datav.tables.predicate import Predicate
    from datav.tables.result import RowChange

# Commits whose manifests are read at a time: few at first, for somebody waits.
_FIRST_BATCH = 4
_LARGEST_BATCH = 256


@dataclass(frozen=True, slots=True)
class Version:
    """A dataset as one commit has it."""

    id: str | None
    bytes: int | None
    files: int | None
    rows: int | None
    """Of a table whose rows were counted."""
    error: str | None
    """Why the manifest cannot be read; then nothing else is known."""
    manifest: Manifest | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class RowQuery:
    """What is wanted of the rows."""

    where: "Predicate | None" = None
    """Only commits that changed a row that meets it before or after."""
    key: tuple[str, ...] | None = None
    """Columns that identify a row; empty: none; None: what the manifests or the settings say."""


@dataclass(frozen=True, slots=True)
class DatasetChange:
    """What a commit did to one dataset."""

    path: RelPath
    kind: Literal["added", "modified", "removed", "renamed"]
    before_path: RelPath
    """Different from `path` only of what was renamed."""
    before: Version | None
    after: Version | None
    bytes: int | None
    """How many more than before; None when that cannot be known, and so are the next two."""
    files: int | None
    rows: int | None
    """None also when neither side is a table whose rows were counted."""
    same_data: bool
    """Only the manifest is different: `[meta]`, the key, the name."""
    row_counts: "RowCounts | None" = None
    """Of a table, where they were asked for; under a condition, of the rows that meet it."""
    row_changes: "tuple[RowChange, ...]" = ()
    """Some of the rows that meet a condition."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One commit, and the datasets that it changed, by path."""

    oid: str
    author: str
    email: str
    date: datetime
    subject: str
    changes: tuple[DatasetChange, ...]


@dataclass(frozen=True, slots=True)
class Log:
    path: RelPath | None
    """What was asked for; None: all datasets."""
    rev: str
    entries: tuple[LogEntry, ...]
    """Newest first."""


def log(
    repository: Repository,
    name: str | None = None,
    *,
    rev: str = "HEAD",
    limit: int | None = None,
    rows: RowQuery | None = None,
) -> Log:
    """Return the commits that changed a dataset, or any; arguments and errors as of `iter_log`."""
    path = _dataset_path(repository, name) if name is not None else None
    return Log(path, rev, tuple(iter_log(repository, name, rev=rev, limit=limit, rows=rows)))


def iter_log(
    repository: Repository,
    name: str | None = None,
    *,
    rev: str = "HEAD",
    limit: int | None = None,
    rows: RowQuery | None = None,
) -> Iterator[LogEntry]:
    """Yield the commits that changed a dataset, or any, as they are found.

    Args:
        name: a dataset, one that is gone by now included, or a directory above some; None or the root: all.
        rev: where to start.
        limit: at most so many commits.
        rows: also tell which rows changed, or only of those that meet a condition; None: only what manifests
            say.

    Raises:
        UnknownRevisionError: git does not know `rev`.
        UnknownDatasetError: no commit, and nothing on disk, has a dataset called `name`.
        UsageError: a condition, or the key, names a column that no version has.
    """
    # More than that cannot be counted, nor be there.
    limit = min(limit, sys.maxsize) if limit is not None else None
    path = _dataset_path(repository, name) if name is not None else None
    where = rows.where if rows is not None else None
    commits = _commits(repository, path, rev)
    # Which commits change a row that meets a condition is known only when they were looked into.
    entries = _entries(repository, commits if where is not None else islice(commits, limit))
    if path is not None:
        first = next(entries, None)
        if first is None and not _is_known(repository, path):
            raise unknown_dataset(repository, None, path)
        entries = chain((first,) if first is not None else (), entries)
    yield from entries if rows is None else islice(_with_rows(repository, entries, rows), limit)


def _entries(repository: Repository, commits: Iterator[CommitChanges]) -> Iterator[LogEntry]:
    size = _FIRST_BATCH
    while batch := list(islice(commits, size)):
        versions = _read_versions(repository, batch)
        for commit in batch:
            yield _entry(commit, versions)
        size = min(2 * size, _LARGEST_BATCH)


def _with_rows(repository: Repository, entries: Iterator[LogEntry], rows: RowQuery) -> Iterator[LogEntry]:
    # Only here: it needs numpy, and the log of manifests does not.
    from datav.repo.rowlog import RowLog

    with RowLog(repository, rows.key) as counter:
        for entry in _with_known_key(entries, counter):
            told = [_look_into(change, counter, rows.where) for change in entry.changes]
            kept = tuple(change for change in told if change is not None)
            if kept:
                yield replace(entry, changes=kept)
        if rows.where is not None:
            counter.check(rows.where)


def _with_known_key(entries: Iterator[LogEntry], counter: "RowLog") -> Iterator[LogEntry]:
    """Yield all entries, none before it is known that the columns of the key are there: mostly the first.

    Raises UsageError where they are in no version.
    """
    from datav.repo.rowlog import table_at

    held: list[LogEntry] = []
    for entry in entries:
        held.append(entry)
        sides = ((change.path, change.after or change.before) for change in entry.changes)
        if any(counter.knows_key(table_at(path, side.manifest if side else None)) for path, side in sides):
            yield from held
            yield from entries
            return
    counter.check_key()
    yield from held


def _look_into(change: DatasetChange, counter: "RowLog", where: "Predicate | None") -> DatasetChange | None:
    """Return a change with what is known of its rows; None if no row meets the condition."""
    from datav.repo.rowlog import table_at

    sides = ((change.before, change.before_path), (change.after, change.path))
    if any(version is not None and version.manifest is None for version, _ in sides):
        return change if where is None else None
    before, after = (
        table_at(path, version.manifest if version is not None else None) for version, path in sides
    )
    if where is None:
        return replace(change, row_counts=counter.count(before, after))
    found = counter.match(before, after, where)
    return None if found is None else replace(change, row_counts=found.counts, row_changes=found.changes)


def _dataset_path(repository: Repository, name: str) -> RelPath | None:
    path = repository.relative(name)
    if path is None:
        return None
    known = {dataset.path for dataset in list_datasets(repository)}
    manifest = dataset_of_manifest(path)
    if manifest is not None and path not in known:
        return manifest.path
    parts = path.split(b"/")
    for end in range(1, len(parts)):
        above = RelPath(b"/".join(parts[:end]))
        if above in known:
            raise no_history_inside(repository, path, above)
    return path


def no_history_inside(repository: Repository, path: RelPath, dataset: RelPath) -> UnknownDatasetError:
    """The error for what is asked of a path in a directory dataset and known of whole datasets only."""
    names = repository.shown(dataset), repository.shown(path)
    return UnknownDatasetError(
        f"{path} is in the directory dataset {dataset}: what lies in one has no log and no blame yet",
        hint=f"`datav log {names[0]}` shows the commits, `datav diff A B -- {names[1]}` two versions",
    )


def _commits(repository: Repository, path: RelPath | None, rev: str) -> Iterator[CommitChanges]:
    if path is None:
        yield from iter_changes(repository.git, rev=rev)
        return
    is_dataset = False
    for commit in iter_changes(repository.git, RelPath(bytes(path) + MANIFEST_SUFFIX), rev=rev):
        is_dataset = True
        yield commit
    if not is_dataset:
        # Perhaps a directory above some.
        yield from _below(iter_changes(repository.git, rev=rev), path)


def _below(commits: Iterable[CommitChanges], directory: RelPath) -> Iterable[CommitChanges]:
    prefix = directory + b"/"
    for commit in commits:
        changes = tuple(
            change
            for change in commit.changes
            if change.path.startswith(prefix) or change.before_path.startswith(prefix)
        )
        if changes:
            yield CommitChanges(commit.oid, commit.author, commit.email, commit.date, commit.subject, changes)


def _is_known(repository: Repository, path: RelPath) -> bool:
    return any(
        dataset.path == path or dataset.path.startswith(path + b"/") for dataset in list_datasets(repository)
    )


def _read_versions(repository: Repository, commits: Iterable[CommitChanges]) -> dict[str, Version]:
    """Read every manifest that the commits mention, each once."""
    names: dict[str, str] = {}
    for commit in commits:
        for change in commit.changes:
            for blob, path in ((change.before, change.before_path), (change.after, change.path)):
                if blob is not None:
                    names.setdefault(blob, str(path))
    return {blob: _version(data, names[blob]) for blob, data in repository.git.iter_blobs(names)}


def _version(data: bytes | None, where: str) -> Version:
    if data is None:
        return Version(None, None, None, None, f"manifest {where}: is larger than {MAX_MANIFEST_SIZE} bytes")
    try:
        manifest = parse_manifest(data, where)
    except DatavError as exc:
        return Version(None, None, None, None, str(exc))
    content = manifest.content
    rows = manifest.table.rows if manifest.table is not None else None
    return Version(f"b3:{content.id.hex()}", content.size, manifest.files, rows, None, manifest)


def _entry(commit: CommitChanges, versions: Mapping[str, Version]) -> LogEntry:
    changes = tuple(
        _change(change, versions) for change in commit.changes if dataset_of_manifest(change.path)
    )
    return LogEntry(commit.oid, commit.author, commit.email, commit.date, commit.subject, changes)


def _change(change: FileChange, versions: Mapping[str, Version]) -> DatasetChange:
    before = versions[change.before] if change.before is not None else None
    after = versions[change.after] if change.after is not None else None
    paths = dataset_of_manifest(change.path), dataset_of_manifest(change.before_path)
    assert paths[0] is not None
    return DatasetChange(
        path=paths[0].path,
        kind=change.kind,
        before_path=(paths[1] or paths[0]).path,
        before=before,
        after=after,
        bytes=_difference(before, after, "bytes"),
        files=_difference(before, after, "files"),
        rows=_difference(before, after, "rows"),
        same_data=before is not None
        and after is not None
        and before.id is not None
        and before.id == after.id,
    )


def _difference(
    before: Version | None, after: Version | None, name: Literal["bytes", "files", "rows"]
) -> int | None:
    sides = [getattr(version, name) for version in (before, after) if version is not None]
    if not sides or None in sides:
        return None
    old = getattr(before, name) if before is not None else 0
    new = getattr(after, name) if after is not None else 0
    return int(new - old)
