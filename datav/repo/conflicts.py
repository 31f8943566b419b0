"""conflicts: what merges left to be decided, and what was decided since."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from datav.errors import FormatError
from datav.formats.conflict import ConflictItem
from datav.formats.manifest import Manifest, ManifestConflictError, parse_manifest
from datav.git.repository import IndexEntry
from datav.relpath import RelPath
from datav.repo.datasets import (
    Dataset,
    Target,
    find_targets,
    list_datasets,
    read_manifest_bytes,
)
from datav.repo.mergerecord import read_record
from datav.repo.repository import Repository

Trouble = Literal["recorded", "not merged", "removed here", "removed there"]
"""How a dataset is in conflict: its manifest names the conflicts; git has three manifests that nobody has
merged; one side changed it, and the other removed it."""


@dataclass(frozen=True, slots=True)
class DatasetConflicts:
    """One dataset that a merge left in conflict."""

    dataset: Dataset
    trouble: Trouble
    manifest: Manifest | None
    """The one that names the conflicts."""
    items: tuple[ConflictItem, ...] = ()
    """Those that were asked for, decided or not."""

    @property
    def open(self) -> tuple[ConflictItem, ...]:
        return tuple(item for item in self.items if item.taken is None)


@dataclass(frozen=True, slots=True)
class Conflicts:
    datasets: tuple[DatasetConflicts, ...]

    @property
    def open(self) -> int:
        """What is left to be decided; of a dataset that nobody has merged yet, one."""
        return sum(len(each.open) if each.trouble == "recorded" else 1 for each in self.datasets)


def conflicts(repository: Repository, names: Sequence[str] = ()) -> Conflicts:
    """Return what is in conflict in the work tree.

    Args:
        names: datasets, or paths in them; without, all.

    Raises:
        UnknownDatasetError: a name means nothing.
        MissingChunkError: a record of conflicts is nowhere.
        FormatError: a manifest or a record is none.
    """
    datasets = list_datasets(repository)
    targets = find_targets(repository, names, datasets) if names else [Target(each, b"") for each in datasets]
    inside: dict[Dataset, list[bytes]] = {}
    for target in targets:
        inside.setdefault(target.dataset, []).append(target.inside)
    stages = unmerged_stages(repository)
    found = (_look_at(repository, dataset, paths, stages) for dataset, paths in inside.items())
    return Conflicts(tuple(each for each in found if each is not None))


def unmerged_stages(repository: Repository) -> dict[RelPath, dict[int, IndexEntry]]:
    """Return for each manifest that git has unmerged its versions: 1 base, 2 ours, 3 theirs."""
    stages: dict[RelPath, dict[int, IndexEntry]] = {}
    for entry in repository.git.list_index():
        if entry.stage:
            stages.setdefault(entry.path, {})[entry.stage] = entry
    return stages


def _look_at(
    repository: Repository,
    dataset: Dataset,
    inside: Sequence[bytes],
    stages: Mapping[RelPath, Mapping[int, IndexEntry]],
) -> DatasetConflicts | None:
    trouble, manifest = find_trouble(repository, dataset, stages.get(dataset.manifest_path, {}))
    if trouble is None:
        return None
    if manifest is None or trouble != "recorded":
        return DatasetConflicts(dataset, trouble, None)
    items = read_record(repository, dataset, manifest).items
    if b"" not in inside:
        items = tuple(item for item in items if any(_is_at(item, path) for path in inside))
    return DatasetConflicts(dataset, trouble, manifest, items)


def _is_at(item: ConflictItem, path: bytes) -> bool:
    return item.path == path or item.path.startswith(path + b"/")


def find_trouble(
    repository: Repository, dataset: Dataset, stages: Mapping[int, IndexEntry]
) -> tuple[Trouble | None, Manifest | None]:
    """Return how a dataset is in conflict, None if it is not, and its manifest if that can be read.

    Args:
        stages: of its manifest in git's index, as far as that is unmerged.

    Raises:
        FormatError: its manifest is none, and git knows of no merge.
    """
    data = read_manifest_bytes(repository, dataset)
    try:
        manifest = parse_manifest(data, str(dataset.manifest_path)) if data is not None else None
    except FormatError as exc:
        if not stages and not isinstance(exc, ManifestConflictError):
            raise
        manifest = None
    if manifest is not None and manifest.conflict is not None:
        return "recorded", manifest
    if not stages:
        # Conflict markers that were staged as they are: git knows of no merge any more.
        return (None, manifest) if data is None or manifest is not None else ("not merged", None)
    if 2 in stages and 3 in stages:
        return "not merged", manifest
    return ("removed there" if 2 in stages else "removed here"), manifest
