"""ls: which datasets there are, and what lies in one, at any revision, from manifests and trees alone."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from datav.errors import DatavError, MissingChunkError, UnknownDatasetError, UsageError
from datav.formats.entry import Entry, Kind
from datav.formats.manifest import Manifest, parse_manifest
from datav.git import MAX_MANIFEST_SIZE
from datav.relpath import RelPath, show_path
from datav.repo.datasets import Dataset, dataset_of_manifest, list_datasets, read_manifest_bytes
from datav.repo.farreading import Source
from datav.repo.repository import Repository
from datav.repo.specs import Located, find_at, split_spec, unknown_dataset
from datav.store.lazytree import Folder, fold_below, read_below

EntryKind = Literal["file", "executable", "symlink", "directory"]

_KINDS: dict[int, EntryKind] = {
    Kind.FILE: "file",
    Kind.EXECUTABLE: "executable",
    Kind.SYMLINK: "symlink",
    Kind.EMPTY_DIRECTORY: "directory",
}


@dataclass(frozen=True, slots=True)
class ListedDataset:
    """One dataset; of one whose manifest cannot be read all that is known is why."""

    path: RelPath
    kind: Literal["file", "directory"] | None
    bytes: int | None
    files: int | None
    rows: int | None
    """Of a table whose rows were counted."""
    id: str | None
    error: str | None


@dataclass(frozen=True, slots=True)
class DatasetList:
    rev: str | None
    """None: the manifests in the work tree."""
    datasets: tuple[ListedDataset, ...]


@dataclass(frozen=True, slots=True)
class ListedEntry:
    """Something in a dataset."""

    path: bytes
    """Relative to the dataset."""
    kind: EntryKind
    bytes: int
    files: int
    """Entries below a directory; else 1."""
    id: str | None
    """None of a directory."""


@dataclass(frozen=True, slots=True)
class EntryList:
    """What lies at, or right below, a path of a dataset."""

    rev: str | None
    dataset: RelPath
    inside: bytes
    entries: tuple[ListedEntry, ...]


def list_datasets_at(
    repository: Repository, rev: str | None = None, *, below: RelPath | None = None
) -> DatasetList:
    """Return the datasets of a commit, or of the work tree, by path.

    Args:
        below: only those under this directory.

    Raises:
        UnknownRevisionError: git does not know `rev`.
    """
    manifests = _manifests_on_disk(repository) if rev is None else _manifests_of(repository, rev)
    listed = [
        _listed_dataset(dataset, data)
        for dataset, data in manifests
        if below is None or dataset.path.startswith(below + b"/")
    ]
    return DatasetList(rev, tuple(listed))


def list_path(repository: Repository, spec: str, *, recursive: bool = False) -> DatasetList | EntryList:
    """Return what `spec` names: what lies in a dataset, or the datasets under a plain directory, or all.

    Raises as `list_entries` does.
    """
    rev, path = split_spec(repository, spec)
    if path is None:
        return list_datasets_at(repository, rev)
    located = find_at(repository, rev, path)
    if located is not None:
        return _entries_of(repository, located, recursive=recursive)
    listed = list_datasets_at(repository, rev, below=path)
    if not listed.datasets:
        raise unknown_dataset(repository, rev, path)
    return listed


def list_entries(repository: Repository, spec: str, *, recursive: bool = False) -> EntryList:
    """Return what lies in the dataset that `spec` names, or below a path in it.

    Args:
        spec: `PATH`, by the manifest in the work tree, or `REV:PATH`.
        recursive: every entry; else those right below, with folders added up.

    Raises:
        UnknownRevisionError: git does not know the revision.
        UnknownDatasetError: there is no such dataset, or no such path in it.
        UsageError: `spec` names no dataset but what lies above some.
        MissingChunkError: the tree is neither in the local store nor on the default remote.
        RemoteError: the tree is not in the local store, and the remote cannot be reached.
        FormatError: the manifest or the tree is not what it should be.
    """
    listed = list_path(repository, spec, recursive=recursive)
    if isinstance(listed, DatasetList):
        raise UsageError(f"{spec} is no dataset, but has some below it", hint="name one of them")
    return listed


def _manifests_on_disk(repository: Repository) -> Iterable[tuple[Dataset, bytes | None]]:
    for dataset in list_datasets(repository):
        data = read_manifest_bytes(repository, dataset)
        # A manifest that is gone from disk and still in the index: the dataset is on its way out.
        if data is not None:
            yield dataset, data


def _manifests_of(repository: Repository, rev: str) -> Iterable[tuple[Dataset, bytes | None]]:
    commit = repository.git.resolve(rev)
    files = repository.git.list_files(commit)
    contents = dict(repository.git.iter_blobs(dict.fromkeys(file.oid for file in files)))
    for file in files:
        dataset = dataset_of_manifest(file.path)
        if dataset is not None:
            yield dataset, contents[file.oid]


def _listed_dataset(dataset: Dataset, data: bytes | None) -> ListedDataset:
    path = dataset.path
    if data is None:
        return ListedDataset(path, None, None, None, None, None, f"larger than {MAX_MANIFEST_SIZE} bytes")
    try:
        manifest = parse_manifest(data, str(dataset.manifest_path))
    except DatavError as exc:
        return ListedDataset(path, None, None, None, None, None, str(exc))
    rows = manifest.table.rows if manifest.table is not None else None
    size = manifest.content.size
    return ListedDataset(path, manifest.kind, size, manifest.files, rows, _id_text(manifest.content.id), None)


def _entries_of(repository: Repository, located: Located, *, recursive: bool) -> EntryList:
    manifest, prefix = located.manifest, located.inside
    if manifest.kind == "file":
        if prefix:
            raise UnknownDatasetError(f"{located.shown}: {located.dataset} is a file, nothing lies in it")
        name = located.dataset.path.rpartition(b"/")[2]
        found: list[Entry | Folder] = [_file_entry(manifest, name)]
    else:
        found = _read_tree(repository, located, recursive=recursive)
    if prefix and not found:
        raise UnknownDatasetError(f"{located.shown} is not in {located.dataset}")
    entries = tuple(map(_listed_entry, found))
    return EntryList(located.rev, located.dataset.path, prefix, entries)


def _file_entry(manifest: Manifest, name: bytes) -> Entry:
    content = manifest.content
    return Entry(name, int(manifest.executable), content.depth, content.size, content.id)


def _read_tree(repository: Repository, located: Located, *, recursive: bool) -> list[Entry | Folder]:
    source, root = Source(repository), located.manifest.content
    try:
        if recursive:
            return [*read_below(source, root, located.inside)]
        return fold_below(source, root, located.inside)
    except MissingChunkError as exc:
        raise source.not_here(f"the data of {located.shown}") from exc


def _listed_entry(item: Entry | Folder) -> ListedEntry:
    if isinstance(item, Folder):
        return ListedEntry(item.path, "directory", item.size, item.files, None)
    if item.kind not in _KINDS:
        raise UsageError(f"{show_path(item.path)} is of a kind that this datav does not know")
    if item.kind == Kind.EMPTY_DIRECTORY:
        return ListedEntry(item.path, "directory", 0, 0, None)
    return ListedEntry(item.path, _KINDS[item.kind], item.size, 1, _id_text(item.id))


def _id_text(identity: bytes) -> str:
    return f"b3:{identity.hex()}"
