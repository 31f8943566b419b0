"""What git's pre-commit hook asks: is the data on disk what the commit is about to say?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from datav.errors import DatavError
from datav.formats.manifest import ManifestConflictError, parse_manifest
from datav.relpath import RelPath
from datav.repo.datasets import Dataset, dataset_of_manifest
from datav.repo.disk import look
from datav.repo.repository import Repository
from datav.repo.status import compare_with_manifest, status


@dataclass(frozen=True, slots=True)
class CommitCheck:
    """What stands against a commit."""

    edited: tuple[RelPath, ...]
    """Datasets that were changed on disk since they were added."""
    added: tuple[RelPath, ...]
    """Those of which the hook has added the change."""
    unresolved: tuple[RelPath, ...]
    """Datasets whose manifest to be committed has conflicts that nobody has decided."""
    taken_by_git: tuple[RelPath, ...] = ()
    """Datasets of which git would get the data itself, beside the manifest."""

    @property
    def is_fine(self) -> bool:
        return not self.edited and not self.unresolved and not self.taken_by_git


def check_commit(repository: Repository, *, can_stage: bool = True) -> CommitCheck:
    """Compare data with the manifests of the index that is about to be committed.

    Data that is as it was stored, or as HEAD has it, is fine though its manifest be another version's: a
    merge that has stopped left it where it was.

    Args:
        can_stage: what is staged now is in the commit and stays staged after it; with `git commit PATH` it
            would not.

    Raises:
        StorageError, ChangedWhileReadError: what the settings want to be added cannot be.
    """
    wish = repository.settings.hooks.pre_commit
    index = {entry.path: entry.oid for entry in repository.git.list_index() if not entry.stage}
    unresolved = _unresolved(repository, index)
    edited: list[RelPath] = []
    taken: tuple[RelPath, ...] = ()
    if wish != "off":
        edited = _edited(repository, index)
        taken = _taken_by_git(repository, index)
    if edited and wish == "add" and can_stage and not unresolved and not taken:
        return CommitCheck((), _add(repository, edited), unresolved)
    return CommitCheck(tuple(edited), (), unresolved, taken)


def _edited(repository: Repository, index: Mapping[RelPath, str]) -> list[RelPath]:
    """Return the datasets of the index that were changed on disk and not added."""
    suspects = [
        item.path
        for item in status(repository).datasets
        if item.state == "modified" and item.error is None and not item.is_stored and not item.is_partial
        if Dataset(item.path).manifest_path in index
    ]
    head = repository.git.head()
    if not suspects or head is None:
        return suspects
    paths = [Dataset(path).manifest_path for path in suspects]
    before = repository.git.read_files(head, paths)
    return [
        path
        for path, manifest_path in zip(suspects, paths, strict=True)
        if not _is_as(repository, Dataset(path), before.get(manifest_path))
    ]


def _is_as(repository: Repository, dataset: Dataset, data: bytes | None) -> bool:
    """Whether a dataset on disk is what a manifest says."""
    if data is None:
        return False
    try:
        manifest = parse_manifest(data, str(dataset.manifest_path))
    except DatavError:
        return False
    disk = look(repository, dataset)
    if disk is None or disk.is_directory != (manifest.kind == "directory"):
        return False
    return compare_with_manifest(repository, dataset, manifest, disk).is_empty


def _add(repository: Repository, edited: Sequence[RelPath]) -> tuple[RelPath, ...]:
    # Only here: what adds takes its time to import.
    from datav.repo.add import add

    add(repository, [repository.shown(path) for path in edited])
    return tuple(edited)


def _taken_by_git(repository: Repository, index: Mapping[RelPath, str]) -> tuple[RelPath, ...]:
    """Return the datasets of which files are about to be new in git.

    No `.gitignore` hides them while a merge has stopped of which one side removed the dataset.
    """
    added = [path for path, change in repository.git.staged_changes(b"").items() if change == "added"]
    if not added:
        return ()
    datasets = {found.path for path in index if (found := dataset_of_manifest(path)) is not None}
    return tuple(
        sorted({place for path in added for place in (path, *_directories(path)) if place in datasets})
    )


def _directories(path: RelPath) -> Iterator[RelPath]:
    """Yield the directories that a path lies in."""
    at = path.rfind(b"/")
    while at > 0:
        yield RelPath(path[:at])
        at = path.rfind(b"/", 0, at)


def _unresolved(repository: Repository, index: dict[RelPath, str]) -> tuple[RelPath, ...]:
    changed = [path for path, change in repository.git.staged_changes().items() if change != "removed"]
    staged = {path: index[path] for path in changed if path in index}
    blobs = repository.git.read_blobs(staged.values()) if staged else {}
    found = []
    for path, oid in staged.items():
        dataset = dataset_of_manifest(path)
        if dataset is not None and _is_unresolved(blobs[oid], path):
            found.append(dataset.path)
    return tuple(found)


def _is_unresolved(data: bytes, path: RelPath) -> bool:
    try:
        return parse_manifest(data, str(path)).conflict is not None
    except ManifestConflictError:
        return True
    except DatavError:
        # No manifest at all: somebody else's file of that name, or a newer datav's.
        return False
