"""rm: datasets that are wanted no longer.  What was committed stays in the store, and in git's history.

First the manifest goes, then the data, then git is told (docs/formats/ordering.md, O9).  Killed in between,
the manifest is still in git's index, so the dataset is still known and the same command finishes the work.
"""

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from datav.errors import UsageError
from datav.formats.entry import Content
from datav.relpath import RelPath
from datav.repo.checkout import DatasetPlan, refuse_loss
from datav.repo.datasets import (
    Dataset,
    edit_ignore_file,
    find_targets,
    list_datasets,
    remove_manifest,
)
from datav.repo.disk import current_entries, look, name_unknown
from datav.repo.leftovers import remove_all_leftovers
from datav.repo.move import stage_known
from datav.repo.repository import Repository
from datav.repo.uncommitted import refuse_uncommitted
from datav.storage.durable import fsync_directory, remove_file
from datav.workspace.apply import apply_checkout
from datav.workspace.plan import plan_checkout

_HINT = "`git commit` keeps it; `--keep` leaves the files; `--force` throws them away"


@dataclass(frozen=True, slots=True)
class RemovedDataset:
    """What became of one dataset."""

    path: RelPath
    files: int
    """Files and links removed from disk."""
    bytes: int
    kept: bool
    """Something is still on disk: as was asked for, or because datav does not version it."""


@dataclass(frozen=True, slots=True)
class Removed:
    """What `remove` did."""

    datasets: tuple[RemovedDataset, ...]
    staged: tuple[RelPath, ...]
    """What git was told of."""
    dry_run: bool


def remove(
    repository: Repository,
    names: Sequence[str],
    *,
    keep_data: bool = False,
    force: bool = False,
    dry_run: bool = False,
) -> Removed:
    """Remove datasets: manifest, data on disk, line in .gitignore.

    Args:
        names: datasets, their manifests, or directories above some.
        keep_data: the files stay, and git no longer ignores them.
        force: also when data would be lost that is stored nowhere, or in no commit.
        dry_run: say what would be done.

    Raises:
        UnknownDatasetError: a name means no dataset.
        UsageError: a name means a part of one.
        DataLossError: data would be lost; nothing was done.
    """
    datasets = _chosen(repository, names)
    plans = [_plan(repository, dataset, keep_data=keep_data) for dataset in datasets]
    if not force:
        refuse_loss(repository, plans)
        lost = [dataset for dataset in datasets if not (keep_data and _is_on_disk(repository, dataset))]
        refuse_uncommitted(repository, lost, hint=_HINT)
    if not dry_run:
        remove_all_leftovers(repository, datasets, [plan.disk for plan in plans])
    removed: list[RemovedDataset] = []
    for plan in plans:
        if not dry_run:
            _remove_one(repository, plan, force=force)
        removed.append(_describe(repository, plan, keep_data=keep_data, dry_run=dry_run))
    # Only when all are gone: what git was told of is no dataset any more, and the command could not be
    # given again to finish the rest.
    staged = () if dry_run else stage_known(repository, datasets)
    return Removed(tuple(removed), staged, dry_run)


def _chosen(repository: Repository, names: Sequence[str]) -> list[Dataset]:
    targets = find_targets(repository, names, list_datasets(repository))
    for target in targets:
        if target.inside:
            raise UsageError(
                f"{os.fsdecode(target.inside)} is a part of the dataset {target.dataset}",
                hint="delete the file, then `datav add` the dataset",
            )
    return list(dict.fromkeys(target.dataset for target in targets))


def _plan(repository: Repository, dataset: Dataset, *, keep_data: bool) -> DatasetPlan:
    disk = None if keep_data else look(repository, dataset)
    if disk is not None:
        name_unknown(repository, disk)
    root = disk.root if disk is not None else dataset.path.on(repository.root).parent
    return DatasetPlan(dataset, None, root, plan_checkout(current_entries(disk), []), disk, (), True)


def _is_on_disk(repository: Repository, dataset: Dataset) -> bool:
    return os.path.lexists(dataset.path.on(repository.root))


class _NoSource:
    """Where contents come from when none is written."""

    def chunks(self, content: Content) -> NoReturn:
        raise AssertionError("nothing is written")

    def read_into(self, chunks: Sequence[tuple[bytes, int]], buffer: memoryview) -> NoReturn:
        raise AssertionError("nothing is written")


def _remove_one(repository: Repository, plan: DatasetPlan, *, force: bool) -> None:
    dataset = plan.dataset
    manifest = dataset.manifest_path.on(repository.root)
    remove_manifest(repository, dataset)
    if manifest.parent.is_dir():
        fsync_directory(manifest.parent)
    repository.claim()
    apply_checkout(plan.plan, plan.root, _NoSource(), repository.executor, repository.progress, force=force)
    if plan.disk is not None and plan.disk.is_directory:
        # Not empty: something lives in it that datav does not version, and stays.
        with contextlib.suppress(OSError):
            plan.disk.root.rmdir()
    remove_file(repository.stat_file(dataset.path))
    if manifest.parent.is_dir():
        edit_ignore_file(repository, dataset, add=False)


def _describe(repository: Repository, plan: DatasetPlan, *, keep_data: bool, dry_run: bool) -> RemovedDataset:
    gone = plan.plan.overwrites
    size = sum(row.content.size for row in gone if row.content is not None)
    kept = _is_on_disk(repository, plan.dataset) and (keep_data or not dry_run)
    return RemovedDataset(plan.dataset.path, len(gone), size, kept)
