"""status: how each dataset on disk stands to its manifest, and its manifest to git."""

import contextlib
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Literal, NamedTuple

from datav.errors import FormatError, IntegrityError, StorageError, UsageError
from datav.formats.entry import Content
from datav.formats.manifest import Manifest, ManifestConflictError, parse_manifest
from datav.git import Change
from datav.relpath import RelPath
from datav.repo.datasets import (
    Dataset,
    find_targets,
    list_datasets,
    read_manifest,
    read_manifest_bytes,
)
from datav.repo.disk import Disk, look, wanted_entries
from datav.repo.partial import partial_contents
from datav.repo.pushed import contents_there
from datav.repo.repository import Repository
from datav.storage.durable import make_directories
from datav.workspace.scan import Found
from datav.workspace.statcache import SETTLED, Row, write_stat_cache

State = Literal["clean", "modified", "deleted", "missing", "conflicted", "untracked"]


@dataclass(frozen=True, slots=True)
class FileChanges:
    """Paths in a directory that are not what its manifest says, each list in order."""

    added: tuple[bytes, ...] = ()
    removed: tuple[bytes, ...] = ()
    modified: tuple[bytes, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not (self.added or self.removed or self.modified)


@dataclass(frozen=True, slots=True)
class DatasetStatus:
    """One dataset.

    `deleted`: not on disk, the store has it; `missing`: neither has it; `untracked`: git does not know its
    manifest.
    """

    path: RelPath
    state: State
    staged: Change | Literal["none"]
    """What the next commit does to the manifest."""
    unstaged: Change | Literal["none"]
    """How the manifest on disk is not what git's index has."""
    pushed: bool | None
    """Whether the default remote had it, and its profile, when it was last asked.

    None: there is no remote, or the data is not here, so that it is somebody else's to push.
    """
    changes: FileChanges
    """Of a modified directory."""
    is_stored: bool = False
    """Of a modified dataset: it is as it was when it was stored; the manifest is another version's."""
    is_former: bool = False
    """Of a modified dataset: what was edited was another version than the manifest's."""
    is_partial: bool = False
    """Of a modified dataset: only a part of it was ever fetched."""
    error: str | None = None
    """Why it was not compared: a manifest that is none (`conflicted`), a link in its place (`modified`)."""
    lacks_profile: bool = False
    """Whether it is a table or a directory without a profile, though `datav.toml` wants them."""
    conflicts: int | None = None
    """Of a conflicted one that datav merged: what nobody has decided yet; 0: the merge was not finished."""


@dataclass(frozen=True, slots=True)
class Status:
    datasets: tuple[DatasetStatus, ...]
    has_remote: bool = False
    """Whether there is a remote that data may come from."""

    @property
    def is_clean(self) -> bool:
        return all(dataset.state == "clean" for dataset in self.datasets)

    @property
    def is_pushed(self) -> bool:
        """Whether nothing is known not to be on the default remote."""
        return all(dataset.pushed is not False for dataset in self.datasets)


def status(repository: Repository, names: Sequence[str] = ()) -> Status:
    """Compare the datasets on disk with their manifests; files that may have changed are read.

    Raises:
        UnknownDatasetError: a name means no dataset.
        UnreadableError: the system refuses.
    """
    datasets = list_datasets(repository)
    if names:
        datasets = sorted({target.dataset for target in find_targets(repository, names, datasets)}, key=_path)
    index = repository.git.list_index()
    in_index = {entry.path for entry in index}
    unmerged = {entry.path for entry in index if entry.stage}
    there, parts = contents_there(repository), partial_contents(repository)
    staged, unstaged = repository.git.staged_changes(), repository.git.unstaged_changes()
    result = []
    for dataset in datasets:
        manifest_path = dataset.manifest_path
        error = None
        try:
            found = _state_of(repository, dataset, is_unmerged=manifest_path in unmerged)
        except FormatError as exc:
            found, error = _Found("conflicted"), str(exc)
        except UsageError as exc:
            found, error = _Found("modified"), str(exc)
        if found.state == "deleted" and _is_partial(repository, dataset, parts):
            # Merged where the data is not, for one: the store names it, and cannot bring it back.
            found = _Found("missing")
        if found.state == "clean" and manifest_path not in in_index:
            found = _Found("untracked")
        result.append(
            DatasetStatus(
                path=dataset.path,
                state=found.state,
                staged=staged.get(manifest_path, "none"),
                unstaged="none" if manifest_path in unmerged else unstaged.get(manifest_path, "none"),
                pushed=is_pushed(repository, dataset, there),
                changes=found.changes,
                is_stored=found.is_stored,
                is_former=found.is_former,
                is_partial=found.lacks_files and _is_partial(repository, dataset, parts),
                error=error,
                lacks_profile=_lacks_profile(repository, dataset),
                conflicts=found.conflicts,
            )
        )
    return Status(tuple(result), bool(repository.settings.remotes))


def _path(dataset: Dataset) -> bytes:
    return dataset.path


def _is_partial(repository: Repository, dataset: Dataset, parts: Set[bytes]) -> bool:
    manifest = read_manifest(repository, dataset) if parts else None
    return manifest is not None and manifest.content.id in parts


def _lacks_profile(repository: Repository, dataset: Dataset) -> bool:
    if repository.settings.profile == "never":
        return False
    try:
        manifest = read_manifest(repository, dataset)
    except FormatError:
        return False
    if manifest is None or manifest.profile is not None or manifest.conflict is not None:
        return False
    return manifest.files > 0 if manifest.kind == "directory" else manifest.table is not None


def is_pushed(repository: Repository, dataset: Dataset, there: Set[Content] | None) -> bool | None:
    if there is None:
        return None
    try:
        manifest = read_manifest(repository, dataset)
    except FormatError:
        return None
    if manifest is None:
        return None
    absent = [content for content in manifest.contents if content not in there and not _is_nothing(content)]
    if not absent:
        return True
    # What is not here either somebody else has added, and perhaps pushed.
    here = repository.store.lookup.contains(b"".join([content.id for content in absent]))
    return False if any(here) else None


class _Found(NamedTuple):
    """How a dataset on disk stands to its manifest."""

    state: State
    changes: FileChanges = FileChanges()
    is_stored: bool = False
    lacks_files: bool = False
    """Not all of it was ever on disk, as far as anybody remembers."""
    conflicts: int | None = None
    is_former: bool = False


def _state_of(repository: Repository, dataset: Dataset, *, is_unmerged: bool) -> _Found:
    data = read_manifest_bytes(repository, dataset)
    if data is None:
        return _Found("deleted")
    try:
        manifest = parse_manifest(data, str(dataset.manifest_path))
    except ManifestConflictError:
        return _Found("conflicted")
    if manifest.conflict is not None:
        return _Found("conflicted", conflicts=manifest.conflict.open)
    if is_unmerged:
        return _Found("conflicted")
    disk = look(repository, dataset)
    if disk is None:
        return _Found("deleted" if has_content(repository, manifest) else "missing")
    if disk.is_directory != (manifest.kind == "directory"):
        return _Found("modified")
    if disk.is_known_to_be(manifest):
        return _Found("clean")
    changes = compare_with_manifest(repository, dataset, manifest, disk)
    if changes.is_empty:
        return _Found("clean")
    is_of_another = disk.cache.dataset not in (None, manifest.content)
    is_stored = disk.is_unchanged and disk.cache.dataset is not None
    return _Found(
        "modified",
        changes,
        is_stored,
        disk.cache.dataset != manifest.content,
        is_former=is_of_another and not is_stored,
    )


def has_content(repository: Repository, manifest: Manifest) -> bool:
    """Whether the local store has at least the top of what `manifest` names."""
    content = manifest.content
    return _is_nothing(content) or bool(repository.store.lookup.contains(content.id)[0])


def _is_nothing(content: Content) -> bool:
    """Whether it is no bytes of a file, which no store has to hold."""
    return content.size == 0 and content.depth == 0


def compare_with_manifest(
    repository: Repository, dataset: Dataset, manifest: Manifest, disk: Disk
) -> FileChanges:
    """Say which paths differ; read those of which neither the stat cache nor the size tells.

    What turns out to be as the manifest says is remembered, so that it is not read again.
    """
    try:
        wanted = wanted_entries(repository, dataset, manifest)
    except IntegrityError:
        # Without the tree (not fetched, dropped, damaged) all that can be said is whether all is the same.
        return _compare_as_a_whole(repository, dataset, manifest, disk)
    added, removed, modified = [], [], []
    unsure: dict[Found, Content] = {}
    rest = iter(wanted)
    entry = next(rest, None)
    # Both are in order of paths.
    for found, content in zip(disk.entries, disk.known, strict=True):
        while entry is not None and entry.path < found.path:
            removed.append(entry.path)
            entry = next(rest, None)
        if entry is None or entry.path != found.path:
            added.append(found.path)
            continue
        if (
            entry.kind != found.kind
            or (content or entry.content) != entry.content
            or found.size != entry.size
        ):
            modified.append(found.path)
        elif content is None:
            unsure[found] = entry.content
        entry = next(rest, None)
    if entry is not None:
        removed += [entry.path, *(entry.path for entry in rest)]
    rows = _name(repository, disk, list(unsure))
    wanted_contents = zip(rows, unsure.values(), strict=True)
    modified += [row.path for row, content in wanted_contents if row.content != content]
    changes = FileChanges(tuple(added), tuple(removed), tuple(sorted(modified)))
    if changes.is_empty:
        _remember(repository, dataset, manifest, disk, {row.path: row for row in rows})
    return changes


def _compare_as_a_whole(
    repository: Repository, dataset: Dataset, manifest: Manifest, disk: Disk
) -> FileChanges:
    """Say whether a directory is what its manifest names, by building the tree over what is on disk."""
    if len(disk.entries) == manifest.files:
        # Only here, as for `_name`.
        from datav.store.naming import NamingSink
        from datav.store.trees import write_directory_tree

        rows = {row.path: row for row in _name(repository, disk, disk.unknown())}
        contents = [
            rows[found.path].content if content is None else content
            for found, content in zip(disk.entries, disk.known, strict=True)
        ]
        paths, kinds = [found.path for found in disk.entries], bytes([found.kind for found in disk.entries])
        if write_directory_tree(NamingSink(), paths, kinds, contents) == manifest.content:
            _remember(repository, dataset, manifest, disk, rows)
            return FileChanges()
    return FileChanges(modified=(bytes(dataset.path),))


def _name(repository: Repository, disk: Disk, unsure: Sequence[Found]) -> list[Row]:
    if not unsure:
        return []
    # Only here: a status that finds everything clean needs none of what reading takes.
    from datav.repo.intake import name_contents

    return name_contents(repository, disk.root, unsure)


def _remember(
    repository: Repository, dataset: Dataset, manifest: Manifest, disk: Disk, fresh: dict[bytes, Row]
) -> None:
    """Keep what was found out, so that it is not read again; not being able to is no failure of `status`."""
    rows = [
        fresh[found.path] if content is None else Row(found.path, found.stamp, content, SETTLED)
        for found, content in zip(disk.entries, disk.known, strict=True)
    ]
    with contextlib.suppress(StorageError, OSError):
        make_directories(repository.stat_directory)
        write_stat_cache(repository.stat_file(dataset.path), manifest.content, rows)
