"""log: how datasets changed from commit to commit, as their manifests tell it; no data is read."""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Literal

from datav.errors import DatavError, UnknownDatasetError
from datav.formats.manifest import parse_manifest
from datav.git import MANIFEST_SUFFIX, MAX_MANIFEST_SIZE
from datav.git.manifestlog import CommitChanges, FileChange, iter_changes
from datav.relpath import RelPath
from datav.repo.datasets import dataset_of_manifest, list_datasets
from datav.repo.repository import Repository
from datav.repo.specs import unknown_dataset


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
    repository: Repository, name: str | None = None, *, rev: str = "HEAD", limit: int | None = None
) -> Log:
    """Return the commits that changed a dataset, or any.

    Args:
        name: a dataset, one that is gone by now included, or a directory above some; None or the root: all.
        rev: where to start.
        limit: at most so many commits.

    Raises:
        UnknownRevisionError: git does not know `rev`.
        UnknownDatasetError: no commit, and nothing on disk, has a dataset called `name`.
    """
    if limit is not None:
        # More than that cannot be counted, nor be there.
        limit = min(limit, sys.maxsize)
    path = _dataset_path(repository, name) if name is not None else None
    commits = _commits(repository, path, rev, limit)
    if path is not None and not commits and not _is_known(repository, path):
        raise unknown_dataset(repository, None, path)
    versions = _read_versions(repository, commits)
    return Log(path, rev, tuple(_entry(commit, versions) for commit in commits))


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
            raise UnknownDatasetError(
                f"{path} is in the dataset {above}",
                hint=f"`datav log {repository.shown(above)}` shows its history",
            )
    return path


def _commits(
    repository: Repository, path: RelPath | None, rev: str, limit: int | None
) -> list[CommitChanges]:
    if path is None:
        return list(islice(iter_changes(repository.git, rev=rev), limit))
    manifest = RelPath(bytes(path) + MANIFEST_SUFFIX)
    commits = list(islice(iter_changes(repository.git, manifest, rev=rev), limit))
    # Never a dataset: perhaps a directory above some.
    return commits or list(islice(_below(iter_changes(repository.git, rev=rev), path), limit))


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
    return Version(f"b3:{content.id.hex()}", content.size, manifest.files, rows, None)


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
