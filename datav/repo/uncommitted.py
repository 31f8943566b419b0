"""Manifests that no commit has: nothing else leads to their data in the store, and the user wrote in them."""

from collections.abc import Iterable

from datav.errors import DataLossError, FormatError
from datav.formats.manifest import ManifestConflictError, parse_manifest
from datav.git.manifestlog import iter_changes
from datav.repo.datasets import Dataset, read_manifest_bytes
from datav.repo.repository import Repository


def refuse_uncommitted(repository: Repository, datasets: Iterable[Dataset], *, hint: str) -> None:
    """Raise DataLossError if one of these manifests, as it is on disk, is in no commit that HEAD reaches."""
    for dataset in datasets:
        data = read_manifest_bytes(repository, dataset)
        if data is not None and not _is_conflict(data) and not is_committed(repository, dataset, data):
            shown = repository.shown(dataset.manifest_path)
            raise DataLossError(f"no commit has {shown} as it is now", hint=hint)


def is_committed(repository: Repository, dataset: Dataset, data: bytes) -> bool:
    """Whether some commit that HEAD reaches has this very manifest for the dataset."""
    if repository.git.head() is None:
        return False
    wanted = _as_git_may_keep_it(data)
    last = repository.git.read_files("HEAD", [dataset.manifest_path]).get(dataset.manifest_path)
    if last is not None and _as_git_may_keep_it(last) == wanted:
        return True
    commits = iter_changes(repository.git, dataset.manifest_path)
    blobs = dict.fromkeys(change.after for commit in commits for change in commit.changes)
    contents = repository.git.iter_blobs(oid for oid in blobs if oid is not None)
    return any(content is not None and _as_git_may_keep_it(content) == wanted for _, content in contents)


def _as_git_may_keep_it(data: bytes) -> bytes:
    """Without the line ends that git may have put there."""
    return data.replace(b"\r\n", b"\n")


def _is_conflict(data: bytes) -> bool:
    """Whether it is the work of a merge: both sides are committed."""
    try:
        return parse_manifest(data, "with a conflict").conflict is not None
    except ManifestConflictError:
        return True
    except FormatError:
        return False
