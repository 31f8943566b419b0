"""What lies at which path: by the manifests of a commit, or by those in the work tree.

Paths are bytes from the top of the repository; nothing is the top itself.  There are datasets, what lies in
those that are directories, and the plain directories above them.  What is only in git is not there.

Trees are read in part: one path costs the nodes that lead to it, whatever the dataset holds.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import cached_property
from typing import Literal, NamedTuple, Protocol

from datav.errors import MissingChunkError, NoSuchPathError, NotAFileError, UsageError
from datav.formats.entry import Content, Entry, Kind
from datav.formats.manifest import MAX_SIZE, Manifest, parse_manifest
from datav.git.history import read_commit_time
from datav.relpath import RelPath, show_path
from datav.repo.datasets import Dataset, dataset_of_manifest, list_datasets, read_manifest_bytes
from datav.repo.farreading import Source
from datav.repo.reading import ContentReader, open_located
from datav.repo.repository import Repository
from datav.repo.specs import Located
from datav.store.lazytree import Folder, find_below, fold_below, read_below

ItemKind = Literal["file", "executable", "symlink", "directory"]

_KINDS: dict[int, ItemKind] = {
    Kind.FILE: "file",
    Kind.EXECUTABLE: "executable",
    Kind.SYMLINK: "symlink",
    Kind.EMPTY_DIRECTORY: "directory",
}


class Item(NamedTuple):
    """What lies at a path."""

    path: bytes
    kind: ItemKind
    content: Content | None
    """None of a directory; of a symbolic link the target is its content."""


class View:
    """One state of all data.  Used from several threads.

    Args:
        rev: what the user calls the commit.
        commit: None for the manifests in the work tree, which are read anew each time.

    Raises, wherever trees are read:
        MissingChunkError, RemoteError, IntegrityError, FormatError: as `Source` does.
    """

    def __init__(
        self, repository: Repository, source: Source, rev: str | None = None, commit: str | None = None
    ) -> None:
        self._source = source
        self._rev = rev
        self._manifests: _Manifests = (
            _OnDisk(repository) if commit is None else _InCommit(repository, rev or commit, commit)
        )

    def find(self, path: bytes) -> Item:
        """Return what lies at `path`.

        Raises:
            NoSuchPathError: nothing does.
            UnsafePathError: it leads out of the repository.
        """
        located = self._locate(path) if path else None
        if located is None:
            if path and next(iter(_below(self._manifests.paths(), path)), None) is None:
                raise self._no_such_path(path)
            return Item(path, "directory", None)
        if not located.inside:
            return _item_of(located.dataset, located.manifest)
        if located.manifest.kind == "file":
            raise self._no_such_path(path)
        try:
            found = find_below(self._source, located.manifest.content, located.inside)
        except MissingChunkError as exc:
            raise self._not_here(located) from exc
        if found.entry is not None and not found.is_folder:
            return _item_in(located.dataset, found.entry)
        if not found.is_folder:
            raise self._no_such_path(path)
        return Item(path, "directory", None)

    def list_at(self, path: bytes) -> list[Item]:
        """Return what lies right below the directory `path`, or what is no directory itself, by path.

        Raises as `find` does.
        """
        located = self._locate(path) if path else None
        if located is None:
            return self._list_plain(path)
        if located.manifest.kind == "file":
            return [self.find(path)]
        try:
            found = fold_below(self._source, located.manifest.content, located.inside)
        except MissingChunkError as exc:
            raise self._not_here(located) from exc
        if not found and located.inside:
            raise self._no_such_path(path)
        items = [_item_in(located.dataset, each) for each in found]
        # An empty directory is listed as what lies at its own path.
        return [] if [(item.path, item.kind) for item in items] == [(path, "directory")] else items

    def walk(self, path: bytes) -> Iterator[Item]:
        """Yield all files, links and empty directories at or below `path`, by path within each dataset.

        Raises as `find` does.
        """
        located = self._locate(path) if path else None
        if located is not None:
            yield from self._walk_dataset(located)
            return
        datasets = list(_below(self._manifests.paths(), path))
        if path and not datasets:
            raise self._no_such_path(path)
        for dataset, manifest in self._manifests.read(datasets).items():
            yield from self._walk_dataset(Located(self._rev, Dataset(dataset), manifest, b""))

    def open(self, path: bytes) -> ContentReader:
        """Return the file at `path`, opened.

        Raises:
            NoSuchPathError: nothing lies there.
            NotAFileError: it is a directory.
            UsageError: it is a symbolic link.
            MissingChunkError: its data is nowhere.
        """
        located = self._locate(path) if path else None
        if located is None:
            self.find(path)
            raise NotAFileError(f"{show_path(path) or 'the repository'} is a directory")
        return open_located(self._source, located)

    def modified(self, path: bytes) -> datetime:
        """Return when what lies at `path` became what it is: of a commit when it was made, in the work tree
        when the manifest was written.

        Raises as `find` does.
        """
        self.find(path)
        located = self._locate(path) if path else None
        return self._manifests.modified(None if located is None else located.dataset.path)

    def _locate(self, path: bytes) -> Located | None:
        found = self._manifests.find(RelPath(path))
        if found is None:
            return None
        dataset, manifest = found
        return Located(self._rev, Dataset(dataset), manifest, path[len(dataset) + 1 :])

    def _list_plain(self, path: bytes) -> list[Item]:
        start = path + b"/" if path else b""
        right_below: list[RelPath] = []
        items: dict[bytes, Item] = {}
        for dataset in _below(self._manifests.paths(), path):
            name, slash, _ = dataset[len(start) :].partition(b"/")
            if slash:
                items[start + name] = Item(start + name, "directory", None)
            else:
                right_below.append(dataset)
        if path and not (items or right_below):
            raise self._no_such_path(path)
        for dataset, manifest in self._manifests.read(right_below).items():
            items[dataset] = _item_of(Dataset(dataset), manifest)
        return [items[name] for name in sorted(items)]

    def _walk_dataset(self, located: Located) -> Iterator[Item]:
        if located.manifest.kind == "file":
            if located.inside:
                raise self._no_such_path(located.dataset.path + b"/" + located.inside)
            yield _item_of(located.dataset, located.manifest)
            return
        try:
            entries = read_below(self._source, located.manifest.content, located.inside)
        except MissingChunkError as exc:
            raise self._not_here(located) from exc
        if located.inside and not entries:
            raise self._no_such_path(located.dataset.path + b"/" + located.inside)
        for entry in entries:
            yield _item_in(located.dataset, entry)

    def _not_here(self, located: Located) -> MissingChunkError:
        return self._source.not_here(f"the data of {located.shown}")

    def _no_such_path(self, path: bytes) -> NoSuchPathError:
        where = f" at {self._rev}" if self._rev is not None else ""
        spec = f" {self._rev}:" if self._rev is not None else ""
        return NoSuchPathError(
            f"{show_path(path)} is no dataset, nor in one{where}",
            hint=f"`datav ls{spec}` lists the datasets",
        )


class _Manifests(Protocol):
    def find(self, path: RelPath) -> tuple[RelPath, Manifest] | None:
        """Return the dataset that `path` is or lies in; None when there is none."""

    def paths(self) -> list[RelPath]:
        """Every dataset, in order."""

    def read(self, paths: Iterable[RelPath]) -> dict[RelPath, Manifest]:
        """The manifests of datasets; FormatError if one is none."""

    def modified(self, path: RelPath | None) -> datetime:
        """When the manifest of a dataset became what it is; None for no dataset but a directory above."""


class _InCommit:
    def __init__(self, repository: Repository, rev: str, commit: str) -> None:
        self._repository, self._rev, self._commit = repository, rev, commit
        self._known: dict[RelPath, Manifest] = {}

    @cached_property
    def _oids(self) -> dict[RelPath, str]:
        files = self._repository.git.list_files(self._commit)
        found = {dataset_of_manifest(file.path): file.oid for file in files}
        return {dataset.path: oid for dataset, oid in found.items() if dataset is not None}

    @cached_property
    def _paths(self) -> list[RelPath]:
        return sorted(self._oids)

    def find(self, path: RelPath) -> tuple[RelPath, Manifest] | None:
        for candidate in _at_or_above(path):
            if candidate in self._oids:
                return candidate, self.read([candidate])[candidate]
        return None

    def paths(self) -> list[RelPath]:
        return self._paths

    def read(self, paths: Iterable[RelPath]) -> dict[RelPath, Manifest]:
        wanted = list(paths)
        new = [path for path in wanted if path not in self._known]
        if new:
            blobs = self._repository.git.read_blobs(self._oids[path] for path in new)
            for path in new:
                where = f"{Dataset(path).manifest_path} at {self._rev}"
                self._known[path] = parse_manifest(blobs[self._oids[path]], where)
        return {path: self._known[path] for path in wanted}

    def modified(self, path: RelPath | None) -> datetime:
        return self._time

    @cached_property
    def _time(self) -> datetime:
        return read_commit_time(self._repository.git, self._commit)


class _OnDisk:
    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    def find(self, path: RelPath) -> tuple[RelPath, Manifest] | None:
        for candidate in _at_or_above(path):
            found = self.read([candidate])
            if found:
                return candidate, found[candidate]
        return None

    def paths(self) -> list[RelPath]:
        present = [dataset.path for dataset in list_datasets(self._repository)]
        # A manifest that is gone from disk and still in the index: the dataset is on its way out.
        return sorted(p for p in present if Dataset(p).manifest_path.on(self._repository.root).is_file())

    def read(self, paths: Iterable[RelPath]) -> dict[RelPath, Manifest]:
        found = {}
        for path in paths:
            dataset = Dataset(path)
            data = read_manifest_bytes(self._repository, dataset)
            if data is not None:
                found[path] = parse_manifest(data[: MAX_SIZE + 1], str(dataset.manifest_path))
        return found

    def modified(self, path: RelPath | None) -> datetime:
        root = self._repository.root
        place = root if path is None else Dataset(path).manifest_path.on(root)
        return datetime.fromtimestamp(place.stat().st_mtime, UTC)


def _at_or_above(path: RelPath) -> Iterator[RelPath]:
    """`path`, then the directories above it, the nearest first."""
    parts = path.split(b"/")
    for end in range(len(parts), 0, -1):
        yield RelPath(b"/".join(parts[:end]))


def _below(paths: list[RelPath], directory: bytes) -> Iterator[RelPath]:
    """Those of sorted `paths` that lie below a directory."""
    start = directory + b"/" if directory else b""
    for number in range(bisect_left(paths, start), len(paths)):
        if not paths[number].startswith(start):
            return
        yield paths[number]


def _item_of(dataset: Dataset, manifest: Manifest) -> Item:
    if manifest.kind != "file":
        return Item(bytes(dataset.path), "directory", None)
    return Item(bytes(dataset.path), "executable" if manifest.executable else "file", manifest.content)


def _item_in(dataset: Dataset, item: Entry | Folder) -> Item:
    path = bytes(dataset.path) + b"/" + item.path
    if isinstance(item, Folder):
        return Item(path, "directory", None)
    if item.kind not in _KINDS:
        raise UsageError(f"{show_path(path)} is of a kind that this datav does not know")
    kind = _KINDS[item.kind]
    return Item(path, kind, None if kind == "directory" else item.content)
