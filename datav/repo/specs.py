"""What the user names to look at: `PATH` as it is in the work tree, or `REV:PATH` as it was in a commit.

As with git, the path of `REV:PATH` begins at the top of the repository, unless it begins with `./` or `../`.
"""

import os
import re
from dataclasses import dataclass

from datav.errors import (
    DatavError,
    UnknownDatasetError,
    UnknownRevisionError,
    UnsafePathError,
    UsageError,
)
from datav.formats.manifest import MAX_SIZE, Manifest, parse_manifest
from datav.git import MANIFEST_SUFFIX
from datav.relpath import RelPath, show_path
from datav.repo.datasets import Dataset, dataset_of_manifest, list_datasets, read_manifest_bytes, targets_of
from datav.repo.repository import Repository
from datav.repo.suggesting import suggest

_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_FROM_HEAD = re.compile(r"(HEAD|@)([~^@].*)?\Z")


@dataclass(frozen=True, slots=True)
class Located:
    """What a spec means: a dataset, or something in one."""

    rev: str | None
    """None: the work tree."""
    dataset: Dataset
    manifest: Manifest
    inside: bytes
    """Relative to the dataset; empty when the whole of it is meant."""

    @property
    def shown(self) -> str:
        path = bytes(self.dataset.path) + (b"/" + self.inside if self.inside else b"")
        return f"{self.rev}:{show_path(path)}" if self.rev is not None else show_path(path)


def parse_spec(text: str, *, exists: bool = False) -> tuple[str | None, str]:
    """Return the revision, if there is one, and the path of `REV:PATH` or `PATH`.

    Args:
        exists: `text` as a whole is a path on disk; then it is one, colons or not.

    Raises:
        UsageError: nothing stands before the colon: git would look into its index, which holds no data.
    """
    rev, colon, path = text.partition(":")
    if not colon or exists or _DRIVE.match(text):
        return None, text
    if not rev:
        raise UsageError(f"{text!r} names no revision", hint=f"`HEAD:{path}` is what was committed last")
    return rev, path


def split_spec(repository: Repository, spec: str) -> tuple[str | None, RelPath | None]:
    """Return the revision, None for the work tree, and the path, None for the root, that `spec` means.

    Raises:
        UsageError: see `parse_spec`.
        UnsafePathError: the path lies outside of the repository.
    """
    rev, text = parse_spec(spec, exists=_is_on_disk(repository, spec))
    if rev is None:
        return None, repository.relative(text)
    if text in (".", "..") or text.startswith(("./", "../")):
        return rev, repository.relative(text)
    normal = os.path.normpath(text) if text else "."
    if os.path.isabs(normal) or normal.split(os.sep)[0] == "..":
        raise UnsafePathError(
            f"{text} is outside of the repository", hint="paths behind a revision begin at its top"
        )
    return rev, None if normal == "." else RelPath.from_text(normal.replace(os.sep, "/"))


def _is_on_disk(repository: Repository, text: str) -> bool:
    return "\0" not in text and os.path.lexists(repository.here / text)


def locate(repository: Repository, spec: str) -> Located:
    """Return the dataset, and the path in it, that `spec` means.

    Raises:
        UnknownRevisionError: git does not know the revision.
        UnknownDatasetError: there is no such dataset.
        FormatError: its manifest is none.
    """
    rev, path = split_spec(repository, spec)
    if path is None:
        raise UnknownDatasetError(
            f"{spec} is the whole repository, no dataset", hint="`datav ls` lists the datasets"
        )
    found = find_at(repository, rev, path)
    if found is None:
        raise unknown_dataset(repository, rev, path)
    return found


def find_at(repository: Repository, rev: str | None, path: RelPath) -> Located | None:
    """Return the dataset that `path` is, whose manifest it is, or that it lies in; None when there is none.

    Raises as `locate` does.
    """
    candidates = _candidates(path)
    if rev is None:
        manifests = {}
        for candidate in candidates:
            data = read_manifest_bytes(repository, candidate)
            if data is not None:
                manifests[candidate] = data
                break
    else:
        repository.git.resolve(rev)
        files = repository.git.read_files(rev, [candidate.manifest_path for candidate in candidates])
        manifests = {c: files[c.manifest_path] for c in candidates if c.manifest_path in files}
    for dataset in candidates:
        if dataset in manifests:
            where = str(dataset.manifest_path) if rev is None else f"{dataset.manifest_path} at {rev}"
            manifest = parse_manifest(manifests[dataset][: MAX_SIZE + 1], where)
            return Located(
                rev,
                dataset,
                manifest,
                path[len(dataset.path) + 1 :] if path != dataset.manifest_path else b"",
            )
    return None


def _candidates(path: RelPath) -> list[Dataset]:
    """The datasets that `path` may mean, the nearest first."""
    parts = path.split(b"/")
    above = [Dataset(RelPath(b"/".join(parts[:end]))) for end in range(len(parts), 0, -1)]
    manifest = dataset_of_manifest(path)
    return above if manifest is None else [above[0], manifest, *above[1:]]


def unknown_dataset(repository: Repository, rev: str | None, path: RelPath) -> UnknownDatasetError:
    """The error for a path that is no dataset, nor in one; it suggests names that look alike."""
    names = list_names(repository, rev)
    if rev is None:
        shown, hint = repository.shown(path), suggest(path, names, repository.shown, "datav ls")
        return UnknownDatasetError(f"{shown} is no dataset, nor in one", hint=hint)
    hint = suggest(path, names, lambda name: f"{rev}:{name}", f"datav ls {rev}:")
    return UnknownDatasetError(f"{path} is no dataset, nor in one at {rev}", hint=hint)


def no_such_revision(
    repository: Repository, rev: str, reason: UnknownRevisionError, as_path: str
) -> UnknownRevisionError:
    """The error for a word that stands for a revision and is none.

    Args:
        as_path: what to say to who meant a path.
    """
    if _means_data(repository, rev):
        return UnknownRevisionError(str(reason), hint=f"{rev} is data here: {as_path}")
    if _FROM_HEAD.match(rev) and repository.git.head() is None:
        return UnknownRevisionError(
            f"git knows no commit {rev!r}: there is no commit yet",
            hint="without a revision, `datav checkout` takes the manifests in the work tree",
        )
    return reason


def _means_data(repository: Repository, text: str) -> bool:
    try:
        path = repository.relative(text)
    except (DatavError, ValueError):  # The system refuses a path with a NUL in it.
        return False
    known = {dataset.path: dataset for dataset in list_datasets(repository)}
    return path is not None and bool(targets_of(path, known))


def list_names(repository: Repository, rev: str | None) -> list[RelPath]:
    """The paths of all datasets, of which nothing needs to be read."""
    if rev is None:
        return [dataset.path for dataset in list_datasets(repository)]
    found = (dataset_of_manifest(file.path) for file in repository.git.list_files(rev, MANIFEST_SUFFIX))
    return [dataset.path for dataset in found if dataset is not None]
