"""Leftovers: temporary files among the user's files, of commands that were killed.

Whoever is about to make one says so first (`Repository.claim`).  So what was seen before nobody else is found
to be at work is nobody's.
"""

import contextlib
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from datav.repo.datasets import Dataset
from datav.repo.disk import Disk
from datav.repo.repository import Repository, store_path
from datav.store.layout import Layout
from datav.workspace.apply import remove_leftovers
from datav.workspace.scan import LEFTOVER, TEMPORARY_PREFIX

# Nobody takes so long to write a small file.
_OLD_S = 24 * 3600.0


def remove_all_leftovers(
    repository: Repository, datasets: Iterable[Dataset], disks: Sequence[Disk | None]
) -> int:
    """Delete what killed commands left in these datasets, as `disks` saw them, and beside their manifests.

    Returns:
        How many files; none when another command is at work in this work tree.
    """
    found = []
    for disk in disks:
        if disk is not None and disk.is_directory:
            found.append((disk.root, [item.path for item in disk.skipped if item.reason == LEFTOVER]))
    directories = {dataset.manifest_path.on(repository.root).parent for dataset in datasets}
    found += [(directory, _list_temporary(directory)) for directory in directories | {repository.root}]
    if not any(paths for _, paths in found) or repository.is_shared():
        return 0
    now = time.time_ns()
    return sum(remove_leftovers(root, paths, older_than_ns=now) for root, paths in found)


def remove_private_leftovers(repository: Repository, now: float) -> None:
    """Delete temporary files, over a day old, where work trees keep their stat caches and the like.

    Also of pushes that were killed, which have packs on their way to a remote there.
    """
    for directory in ("worktrees", "remotes"):
        for path in (repository.private / directory).glob(f"*/*/{os.fsdecode(TEMPORARY_PREFIX)}*"):
            # Gone meanwhile, or not ours to remove: it is only a leftover.
            with contextlib.suppress(OSError):
                if now - path.stat().st_mtime > _OLD_S:
                    path.unlink()


def find_old_leftovers(repository: Repository, datasets: Iterable[Dataset], now: float) -> list[Path]:
    """Return temporary files, over a day old, beside manifests, in the store, and where stat caches lie.

    Not those inside of directories that are datasets: for these all of them would have to be walked.
    """
    private, prefix = repository.private, os.fsdecode(TEMPORARY_PREFIX)
    found = [path for place in ("worktrees", "remotes") for path in (private / place).glob(f"*/*/{prefix}*")]
    directories = {dataset.manifest_path.on(repository.root).parent for dataset in datasets}
    for directory in sorted(directories | {repository.root}):
        found += [directory / os.fsdecode(name) for name in _list_temporary(directory)]
    with contextlib.suppress(OSError):
        found += Layout(store_path(private)).temporary.iterdir()
    return [path for path in found if _age_s(path, now) > _OLD_S]


def _age_s(path: Path, now: float) -> float:
    try:
        return now - path.lstat().st_mtime
    except OSError:
        # Gone meanwhile.
        return 0.0


def _list_temporary(directory: Path) -> list[bytes]:
    try:
        return [name for name in os.listdir(os.fsencode(directory)) if name.startswith(TEMPORARY_PREFIX)]
    except OSError:
        # Not there any more, or not to be read: then nothing of ours can be removed from it either.
        return []
