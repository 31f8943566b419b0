"""Datasets: which there are, what their manifests say, which ones the user means."""

import glob
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from datav.errors import FormatError, UnknownDatasetError, UsageError
from datav.formats.manifest import Manifest, encode_manifest, parse_manifest
from datav.git import MANIFEST_SUFFIX
from datav.relpath import RelPath
from datav.repo.repository import Repository
from datav.repo.suggesting import suggest
from datav.storage.durable import fsync_directory, remove_file, translating, write_atomic

LIMITS_SUFFIX = b".limits"
"""Behind the name of the manifest."""

_BANNER_PREFIX = b"# Tracked by datav"


@dataclass(frozen=True, slots=True)
class Dataset:
    """What the user added: one file, or one directory."""

    path: RelPath

    @property
    def manifest_path(self) -> RelPath:
        return RelPath(bytes(self.path) + MANIFEST_SUFFIX)

    @property
    def limits_path(self) -> RelPath:
        """Where the file of limits lies, if there is one (docs/formats/limits.md)."""
        return RelPath(bytes(self.manifest_path) + LIMITS_SUFFIX)

    def __str__(self) -> str:
        return str(self.path)


def dataset_of_manifest(path: RelPath) -> Dataset | None:
    """The dataset that a file called `path` is the manifest of; None for `.datav` itself."""
    name = path.removesuffix(MANIFEST_SUFFIX)
    if name == path or not name or name.endswith(b"/"):
        return None
    return Dataset(RelPath(name))


def list_datasets(repository: Repository) -> list[Dataset]:
    """Return the datasets whose manifest lies in the work tree or in git's index, by path."""
    found = (dataset_of_manifest(path) for path in repository.git.list_present())
    return [dataset for dataset in found if dataset is not None]


def read_manifest(repository: Repository, dataset: Dataset) -> Manifest | None:
    """Return what the manifest in the work tree says; None if there is none.

    Raises:
        FormatError: it is no manifest.
    """
    data = read_manifest_bytes(repository, dataset)
    return None if data is None else parse_manifest(data, str(dataset.manifest_path))


def read_manifest_bytes(repository: Repository, dataset: Dataset) -> bytes | None:
    path = dataset.manifest_path.on(repository.root)
    try:
        with open(path, "rb") as file:
            return file.read(2**20 + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        raise FormatError(f"cannot read manifest {path}: {exc.strerror}") from exc


def write_manifest(
    repository: Repository, dataset: Dataset, manifest: Manifest, before: bytes | None
) -> bool:
    """Replace the manifest in the work tree, durably (O3); return whether it is different now.

    Args:
        before: its bytes as the caller read them.

    Raises:
        UsageError: it is no longer what the caller read (O8).
    """
    return write_manifest_bytes(repository, dataset, encode_manifest(manifest), before)


def write_manifest_bytes(repository: Repository, dataset: Dataset, data: bytes, before: bytes | None) -> bool:
    """`write_manifest`, of a text as git has it."""
    if data == before:
        return False
    with repository.editing():
        present = read_manifest_bytes(repository, dataset)
        if present == data:  # Another command added the very same.
            return True
        refuse_changed(dataset, present, before)
        repository.claim()
        write_atomic(dataset.manifest_path.on(repository.root), data)
    return True


def refuse_changed(dataset: Dataset, present: bytes | None, *expected: bytes | None) -> None:
    """Raise UsageError where the manifest on disk is not what is expected there."""
    if present not in expected:
        raise UsageError(
            f"{dataset.manifest_path} was changed by somebody else meanwhile",
            hint="look at it, then run the command again: what was stored is reused",
        )


def remove_manifest(repository: Repository, dataset: Dataset) -> None:
    """Remove a manifest, and the file of limits beside it if there is one."""
    remove_file(dataset.manifest_path.on(repository.root))
    remove_file(dataset.limits_path.on(repository.root))


def manifests_at(repository: Repository, rev: str) -> dict[Dataset, Manifest]:
    """Return every dataset of a commit with its manifest.

    Raises:
        UnknownRevisionError: git does not know `rev`.
        FormatError: a manifest of that commit is none.
    """
    commit = repository.git.resolve(rev)
    files = repository.git.list_files(commit)
    blobs = repository.git.read_blobs(file.oid for file in files)
    result = {}
    for file in files:
        dataset = dataset_of_manifest(file.path)
        if dataset is not None:
            result[dataset] = parse_manifest(blobs[file.oid], f"{file.path} at {rev}")
    return result


def manifests_after_switch(repository: Repository, rev: str) -> dict[Dataset, Manifest | None]:
    """Return what `git checkout rev` will leave of each manifest, here or at `rev`; None where it goes.

    git carries over what is changed and not committed, staged or not, when both commits have the same; where
    they do not, it refuses.  A manifest that was deleted by hand stays so, and its dataset is left out.

    Raises:
        UnknownRevisionError: git does not know `rev`.
        FormatError: a manifest of that commit, or one that is carried over, is none.
    """
    git = repository.git
    target = manifests_at(repository, rev)
    head = git.head()
    differing = git.diff_names(head, git.resolve(rev)) if head is not None else {}
    changed = {*git.staged_changes(), *git.unstaged_changes()}
    after: dict[Dataset, Manifest | None] = {}
    for dataset in dict.fromkeys([*list_datasets(repository), *target]):
        path = dataset.manifest_path
        if path in differing or (dataset in target and path not in changed):
            after[dataset] = target.get(dataset)
        elif (here := read_manifest(repository, dataset)) is not None:
            after[dataset] = here
    return after


@dataclass(frozen=True, slots=True)
class Target:
    """What the user named: a dataset, or a path in one."""

    dataset: Dataset
    inside: bytes
    """Relative to the dataset; empty when the whole of it is meant."""


def find_targets(repository: Repository, names: Sequence[str], datasets: Iterable[Dataset]) -> list[Target]:
    """Return what `names` mean among `datasets`: a dataset, its manifest, a path in it, a directory above
    some, a glob.

    Raises:
        UnknownDatasetError: a name means nothing.
    """
    known = {dataset.path: dataset for dataset in datasets}
    targets: dict[Target, None] = {}
    for name in names:
        for path in _expand(repository, name):
            found = targets_of(path, known)
            if path is not None and not found:
                raise UnknownDatasetError(
                    f"{repository.shown(path)} is no dataset, nor in one",
                    hint=suggest(path, known, repository.shown, "datav ls"),
                )
            targets.update(dict.fromkeys(found))
    return list(targets)


def targets_of(path: RelPath | None, known: Mapping[RelPath, Dataset]) -> list[Target]:
    """Return what `path`, None for the root, means among `known` datasets; nothing when it means none."""
    if path is None:
        return [Target(dataset, b"") for dataset in known.values()]
    manifest = dataset_of_manifest(path)
    if manifest is not None and manifest.path in known:
        return [Target(manifest, b"")]
    for end in [len(path), *(at for at in range(len(path) - 1, 0, -1) if path[at : at + 1] == b"/")]:
        dataset = known.get(RelPath(path[:end]))
        if dataset is not None:
            return [Target(dataset, path[end + 1 :])]
    return [Target(dataset, b"") for dataset in known.values() if dataset.path.startswith(path + b"/")]


def _expand(repository: Repository, name: str) -> list[RelPath | None]:
    """The paths that a name typed by the user stands for; a pattern that the shell left alone is expanded."""
    place = repository.here / name
    if not glob.has_magic(name) or os.path.lexists(place) or _has_manifest(place):
        return [repository.relative(name)]
    found = sorted(glob.glob(name, root_dir=repository.here, recursive=True))
    if found:
        return [repository.relative(text) for text in found]
    if any(map(_has_manifest, place.parents)):
        # It may well be the name of a file in a dataset that is not on disk.
        return [repository.relative(name)]
    raise UnknownDatasetError(f"nothing matches {name}")


def _has_manifest(place: Path) -> bool:
    return os.path.lexists(f"{place}{os.fsdecode(MANIFEST_SUFFIX)}")


def expand_paths(repository: Repository, names: Sequence[str]) -> list[RelPath | None]:
    """Return the paths that names typed by the user stand for, none twice; None is the root."""
    return list(dict.fromkeys(path for name in names for path in _expand(repository, name)))


def ignore_file_of(dataset: Dataset) -> RelPath:
    """The .gitignore beside a dataset, which keeps its data out of git."""
    directory, slash, _ = dataset.path.rpartition(b"/")
    return RelPath(directory + slash + b".gitignore")


def edit_ignore_file(repository: Repository, dataset: Dataset, *, add: bool) -> RelPath | None:
    """Put the dataset into, or take it out of, the block in the .gitignore beside it;
    return that path if it changed."""
    from datav.git.ignorefile import add_to_block, remove_from_block

    name = dataset.path.rpartition(b"/")[2]
    relative = ignore_file_of(dataset)
    path = Path(relative.on(repository.root))
    with repository.editing():
        with translating("read", path):
            before = path.read_bytes() if path.exists() else b""
        after = (add_to_block if add else remove_from_block)(before, [name])
        if after == before:
            return None
        if after:
            repository.claim()
            write_atomic(path, after)
        else:
            remove_file(path)
            fsync_directory(path.parent)
    return relative
