"""du: how much space datasets take, in files and in the store, and what their history would take plain."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from datav.errors import DataLossError, DatavError, IntegrityError, UsageError
from datav.formats.entry import Content
from datav.formats.manifest import Manifest, parse_manifest
from datav.formats.tree import parse_file_node
from datav.git.history import iter_reachable_manifests
from datav.ids import ID_SIZE, NodeId
from datav.relpath import RelPath
from datav.repo.collect import plan_collection_of
from datav.repo.datasets import Dataset, find_targets, list_datasets, read_manifest_bytes
from datav.repo.repository import Repository
from datav.storage.durable import translating
from datav.store.reading import Reader
from datav.store.trees import BATCH, read_directory

# Ids looked up at a time.
_LOOKUP = 2**17


@dataclass(frozen=True, slots=True)
class DatasetUsage:
    """One dataset, by the manifest in the work tree."""

    path: RelPath
    bytes: int
    """Of its files."""
    files: int
    chunks: int
    """Different ones; and so is everything below about each chunk and tree node once."""
    nodes: int
    stored: int
    """Bytes that they take in packs."""
    profile: int
    """How much of that the profile takes."""
    shared: int
    """How much of that other datasets of the list use, too."""
    missing: int
    """Chunks and nodes that the local store has not got; what is below a missing node is not known."""
    error: str | None
    """Why the dataset could not be looked into; then all numbers but `bytes` and `files` are 0."""


@dataclass(frozen=True, slots=True)
class StoreUsage:
    """What lies on disk; bytes, as files say how long they are."""

    path: Path
    packs: int
    pack_bytes: int
    indexes: int
    index_bytes: int
    temporary: int
    temporary_bytes: int
    unreachable: int | None
    """What `gc` would give back: no ref, reflog, stash, work tree or manifest on disk needs it.

    None when nobody can tell: a manifest cannot be read, or the store may be shared.
    """

    @property
    def bytes(self) -> int:
        return self.pack_bytes + self.index_bytes + self.temporary_bytes


@dataclass(frozen=True, slots=True)
class HistoryUsage:
    """Every version that git can still reach."""

    versions: int
    """Different contents of datasets."""
    bytes: int
    """What they would take as plain copies."""
    unreadable: int
    """Files named like manifests that are none."""


@dataclass(frozen=True, slots=True)
class Usage:
    datasets: tuple[DatasetUsage, ...]
    store: StoreUsage
    history: HistoryUsage | None
    """None unless asked for."""

    @property
    def ratio(self) -> float | None:
        """How many times the store's size all versions would take as copies; None when it is not known."""
        if self.history is None or not self.store.bytes:
            return None
        return self.history.bytes / self.store.bytes


def usage(repository: Repository, names: Sequence[str] = (), *, history: bool = False) -> Usage:
    """Return how much space datasets take.

    Args:
        names: datasets, or directories above some; without, all.
        history: also look at every version that git can reach.

    Raises:
        UnknownDatasetError: a name means no dataset.
        GitError: git could not read all of its history.

    Cost: reads all tree nodes, no chunks; about 200 bytes of memory for each different chunk.
    """
    datasets = list_datasets(repository)
    if names:
        datasets = sorted(
            {t.dataset for t in find_targets(repository, names, datasets)}, key=lambda d: d.path
        )
    parts = [part for part in (_parts_of(repository, dataset) for dataset in datasets) if part is not None]
    lengths = _lengths(repository, parts)
    shared = _shared(parts)
    listed = tuple(_dataset_usage(part, lengths, shared) for part in parts)
    return Usage(listed, measure_store(repository), measure_history(repository) if history else None)


@dataclass(frozen=True, slots=True)
class _Parts:
    """What a dataset is made of."""

    dataset: Dataset
    manifest: Manifest | None
    nodes: set[bytes]
    chunks: set[bytes]
    profile: set[bytes]
    """Which of these the profile uses, and the data does not."""
    missing: int
    error: str | None


def _parts_of(repository: Repository, dataset: Dataset) -> _Parts | None:
    data = read_manifest_bytes(repository, dataset)
    if data is None:
        return None
    try:
        manifest = parse_manifest(data, str(dataset.manifest_path))
    except DatavError as exc:
        return _Parts(dataset, None, set(), set(), set(), 0, str(exc))
    walk = _Walk(repository)
    try:
        walk.add(manifest)
    except IntegrityError:
        # The dataset's own directory tree is not here, so nothing more is known of it.
        walk = _Walk(repository)
        walk.missing = 1
    except DatavError as exc:
        return _Parts(dataset, manifest, set(), set(), set(), 0, str(exc))
    profile = walk.add_profile(manifest.profile) if manifest.profile is not None else set()
    return _Parts(dataset, manifest, walk.nodes, walk.chunks, profile, walk.missing, None)


class _Walk:
    """Collects the ids of all that a dataset is made of, reading nodes in batches."""

    def __init__(self, repository: Repository) -> None:
        self._reader: Reader = repository.store.reader
        self._lookup = repository.store.lookup
        self.nodes: set[bytes] = set()
        self.chunks: set[bytes] = set()
        self.missing = 0

    def add(self, manifest: Manifest) -> None:
        contents = [manifest.content]
        if manifest.kind == "directory":
            entries, shape = read_directory(self._reader, manifest.content)
            self.nodes.update(identity for ids, _ in shape.levels for identity in ids)
            contents = [entry.content for entry in entries]
        self._add_files(contents)

    def add_profile(self, profile: Content) -> set[bytes]:
        """Add a profile, which is a file whatever the dataset is; return the ids that it alone uses."""
        data = self.nodes | self.chunks
        try:
            self._add_files([profile])
        except DatavError:
            # Damaged: that is `verify`'s to tell, and no reason not to measure the data.
            self.missing += 1
        return (self.nodes | self.chunks) - data

    def _add_files(self, contents: Sequence[Content]) -> None:
        """Go down all trees at once, level by level, so that many small ones are read together."""
        by_level: dict[int, set[bytes]] = {}
        for content in contents:
            if content.depth:
                by_level.setdefault(content.depth - 1, set()).add(content.id)
            elif content.size:
                self.chunks.add(content.id)
        for level in range(max(by_level, default=-1), -1, -1):
            fresh = by_level.get(level, set()) - self.nodes
            self.nodes |= fresh
            below = self._children(list(fresh), level)
            if level:
                by_level.setdefault(level - 1, set()).update(below)
            else:
                self.chunks.update(below)

    def _children(self, ids: list[bytes], level: int) -> set[bytes]:
        found: set[bytes] = set()
        present = self._lookup.contains(b"".join(ids))
        here = [identity for identity, is_here in zip(ids, present, strict=True) if is_here]
        self.missing += len(ids) - len(here)
        for first in range(0, len(here), BATCH):
            batch = here[first : first + BATCH]
            for identity, data in zip(batch, self._reader.read_many(batch, nodes=True), strict=True):
                node = parse_file_node(data, NodeId(identity).short)
                if node.level == level:
                    found.update(node.ids[at : at + ID_SIZE] for at in range(0, len(node.ids), ID_SIZE))
        return found


def _lengths(repository: Repository, parts: Sequence[_Parts]) -> dict[bytes, int]:
    """Return how long each stored chunk and node is in its pack."""
    wanted = list({identity for part in parts for ids in (part.nodes, part.chunks) for identity in ids})
    lengths = {}
    for first in range(0, len(wanted), _LOOKUP):
        batch = wanted[first : first + _LOOKUP]
        for identity, place in zip(batch, repository.store.lookup.places(batch), strict=True):
            if place is not None:
                lengths[identity] = place.length
    return lengths


def _shared(parts: Sequence[_Parts]) -> set[bytes]:
    """Return the ids that more than one dataset uses."""
    seen: set[bytes] = set()
    shared: set[bytes] = set()
    for part in parts:
        for ids in (part.nodes, part.chunks):
            shared |= seen & ids
            seen |= ids
    return shared


def _dataset_usage(part: _Parts, lengths: dict[bytes, int], shared: set[bytes]) -> DatasetUsage:
    ids = part.nodes | part.chunks
    content = part.manifest.content if part.manifest is not None else None
    # A missing node was counted when it was to be read; a missing chunk shows only here.
    absent = sum(1 for identity in part.chunks if identity not in lengths)
    return DatasetUsage(
        path=part.dataset.path,
        bytes=content.size if content is not None else 0,
        files=part.manifest.files if part.manifest is not None else 0,
        chunks=len(part.chunks),
        nodes=len(part.nodes),
        stored=sum(lengths.get(identity, 0) for identity in ids),
        profile=sum(lengths.get(identity, 0) for identity in part.profile),
        shared=sum(lengths.get(identity, 0) for identity in ids & shared),
        missing=part.missing + absent,
        error=part.error,
    )


def measure_store(repository: Repository) -> StoreUsage:
    """Return what the local store takes on disk."""
    layout = repository.store.layout
    packs = layout.pack_sizes()
    indexes = _file_sizes(layout.index)
    temporary = _file_sizes(layout.temporary)
    return StoreUsage(
        layout.root,
        len(packs),
        sum(packs.values()),
        len(indexes),
        sum(indexes),
        len(temporary),
        sum(temporary),
        _measure_unreachable(repository),
    )


def _measure_unreachable(repository: Repository) -> int | None:
    try:
        return max(0, plan_collection_of(repository).bytes_freed)
    except (DataLossError, IntegrityError, UsageError):
        return None


def _file_sizes(directory: Path) -> list[int]:
    sizes = []
    with translating("list", directory):
        for path in directory.iterdir():
            try:
                sizes.append(path.lstat().st_size)
            except FileNotFoundError:  # Somebody else's command ended meanwhile.
                continue
    return sizes


def measure_history(repository: Repository) -> HistoryUsage:
    """Return what all versions in git's history would take as copies, each content once."""
    sizes: dict[bytes, int] = {}
    unreadable = 0
    for oid, data in repository.git.iter_blobs(iter_reachable_manifests(repository.git)):
        try:
            manifest = parse_manifest(data or b"", oid)
        except DatavError:
            unreadable += 1
        else:
            sizes[manifest.content.id] = manifest.content.size
    return HistoryUsage(len(sizes), sum(sizes.values()), unreadable)
