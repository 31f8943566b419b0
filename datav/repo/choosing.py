"""Choosing what `add` adds: datasets that there are, and paths that are to become one."""

import os
import stat
from collections.abc import Sequence

from datav.errors import UsageError
from datav.git import MANIFEST_SUFFIX
from datav.relpath import RelPath
from datav.repo.datasets import Dataset, expand_paths, list_datasets, targets_of
from datav.repo.repository import Repository
from datav.settings import FILE_NAME

# What git and datav read from the work tree, wherever it lies.
_OWN_NAMES = {b".gitignore", b".gitattributes", b".gitmodules", b".datavignore"}


def plan_add(repository: Repository, names: Sequence[str]) -> list[Dataset]:
    """Return the datasets that `names` mean: known ones, and paths that are to become one.

    Raises:
        UsageError: nothing lies there, or git tracks it, or it cannot be a dataset.
    """
    known = {dataset.path: dataset for dataset in list_datasets(repository)}
    chosen: dict[Dataset, None] = {}
    for path in expand_paths(repository, names):
        shown = repository.shown(path) if path is not None else "."
        targets = targets_of(path, known)
        for target in targets:
            dataset = target.dataset
            # Below a directory that was named, what is not on disk is nothing to add, and no reason to stop.
            is_below = path is None or dataset.path.startswith(path + b"/")
            if not is_below or os.path.lexists(dataset.path.on(repository.root)):
                chosen[dataset] = None
        if not targets:
            if path is None:
                raise UsageError(
                    "the whole repository cannot be a dataset", hint="name a file or a directory in it"
                )
            chosen[_new_dataset(repository, path, shown)] = None
    _refuse_ignored(repository, [dataset for dataset in chosen if dataset.path not in known])
    return list(chosen)


def _new_dataset(repository: Repository, path: RelPath, shown: str) -> Dataset:
    try:
        status = os.lstat(path.on(repository.root))
    except OSError as exc:
        raise UsageError(
            f"there is no {shown}", hint="is the name right? it is relative to where you are"
        ) from exc
    if path.endswith(MANIFEST_SUFFIX):
        raise UsageError(f"{shown} is named like a manifest", hint="add the data, not its manifest")
    if path == FILE_NAME.encode() or path.rpartition(b"/")[2] in _OWN_NAMES:
        raise UsageError(f"{shown} is no data: git and datav read it", hint="`git add` it")
    if stat.S_ISDIR(status.st_mode):
        tracked = repository.git.list_tracked_under(path)
    else:
        tracked = list(repository.git.find_tracked([path]))
    if tracked:
        many = f" and {len(tracked) - 1} more" if len(tracked) > 1 else ""
        raise UsageError(
            f"git tracks {tracked[0]}{many} already", hint=f"`git rm -r --cached {shown}` leaves it to datav"
        )
    return Dataset(path)


def _refuse_ignored(repository: Repository, datasets: Sequence[Dataset]) -> None:
    """Raise UsageError when git would not take a manifest: then nobody would ever see it."""
    if not datasets:
        return
    ignored = repository.git.find_ignored(dataset.manifest_path for dataset in datasets)
    if ignored:
        raise UsageError(
            f"git ignores {repository.shown(min(ignored))}, which is to stand for the data",
            hint="change the pattern in .gitignore: `datav add` writes one for the data itself",
        )
