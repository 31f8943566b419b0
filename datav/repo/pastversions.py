"""The versions that a dataset had on one branch, as its manifests tell."""

from dataclasses import dataclass
from itertools import islice

from datav.errors import FormatError
from datav.formats.manifest import Manifest, parse_manifest
from datav.git import MAX_MANIFEST_SIZE
from datav.git.manifestlog import iter_changes
from datav.repo.datasets import Dataset, dataset_of_manifest
from datav.repo.repository import Repository

MOST_VERSIONS = 100
"""Older ones say little of what is normal now."""


@dataclass(frozen=True, slots=True)
class PastVersion:
    """A dataset as a commit left it."""

    commit: str
    """Empty of what is not committed."""
    dataset: Dataset
    """By the name it had then."""
    manifest: Manifest

    @property
    def id(self) -> str:
        """Of the content: `b3:` and 64 hex digits."""
        return f"b3:{self.manifest.content.id.hex()}"


@dataclass(frozen=True, slots=True)
class Past:
    """Versions of one dataset, each unlike the one before."""

    versions: tuple[PastVersion, ...]
    """The oldest first, MOST_VERSIONS at most."""
    is_cut: bool
    """Whether there may be older ones that this clone has not got: it is shallow."""


def find_past(repository: Repository, dataset: Dataset, rev: str) -> Past:
    """Return the versions that a dataset had on the first parents of `rev`, back to where it was added.

    Manifests that nobody can read, or with conflicts, are passed over.

    Raises:
        UnknownRevisionError: git does not know `rev`.
    """
    commits = iter_changes(repository.git, dataset.manifest_path, rev=rev, first_parent=True)
    changes = [
        (commit.oid, change)
        for commit in islice(commits, 2 * MOST_VERSIONS)
        for change in commit.changes
        if change.after is not None
    ]
    blobs = dict(
        repository.git.iter_blobs({change.after or "" for _, change in changes}, max_size=MAX_MANIFEST_SIZE)
    )
    found: list[PastVersion] = []
    for oid, change in reversed(changes):
        data, named = blobs.get(change.after or ""), dataset_of_manifest(change.path)
        if data is None or named is None:
            continue
        try:
            manifest = parse_manifest(data, f"{change.path} of {oid}")
        except FormatError:
            continue
        is_new = not found or found[-1].manifest.content != manifest.content
        if is_new and manifest.conflict is None:
            found.append(PastVersion(oid, named, manifest))
    is_cut = len(changes) < 2 * MOST_VERSIONS and repository.git.is_shallow()
    return Past(tuple(found[-MOST_VERSIONS:]), is_cut)
