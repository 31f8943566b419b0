"""mv: a dataset under another name; its data is renamed, never copied.

Killed at any instruction, the same command finishes the work (docs/formats/ordering.md, O9).  In this order:

    the name to come is ignored by git     nothing else has happened
    the manifest is there under both names the data lies under the old one
    the data lies under the new name       and the manifest under both
    the old manifest goes                  git's index still has it: the dataset is not forgotten
    the old name is no longer ignored, git is told

That the new manifest is not yet in git's index is how an interrupted move is told from a target that exists.
"""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

from datav.errors import StorageError, UsageError
from datav.formats.entry import Content
from datav.formats.manifest import parse_manifest
from datav.git import MANIFEST_SUFFIX
from datav.relpath import RelPath
from datav.repo.datasets import (
    Dataset,
    dataset_of_manifest,
    edit_ignore_file,
    ignore_file_of,
    list_datasets,
    read_manifest_bytes,
    remove_manifest,
)
from datav.repo.disk import look
from datav.repo.leftovers import remove_all_leftovers
from datav.repo.repository import Repository
from datav.repo.specs import unknown_dataset
from datav.repo.unresolved import refuse_unresolved
from datav.storage.durable import (
    fsync_directory,
    make_directories,
    remove_file,
    storage_error,
    translating,
    write_atomic,
)
from datav.workspace.scan import scan_file
from datav.workspace.statcache import TICK_NS, Row, write_stat_cache


@dataclass(frozen=True, slots=True)
class Moved:
    """What `move` did."""

    source: RelPath
    target: RelPath
    data_moved: bool
    """False when there was none on disk, or an interrupted move had done it."""
    resumed: bool
    """An interrupted move was finished."""
    staged: tuple[RelPath, ...]
    """What git was told of."""


@dataclass(frozen=True, slots=True)
class MovePlan:
    """A move that nothing stands against."""

    source: Dataset
    target: Dataset
    manifest: bytes | None
    """Its text; None when an interrupted move has removed it under the old name."""
    writes_manifest: bool
    moves_data: bool
    resumes: bool


def move(repository: Repository, source: str, target: str) -> Moved:
    """Give a dataset another name.

    Args:
        source: a dataset, or its manifest.  What is modified stays so.
        target: the new name, or a directory to move it into.

    Raises:
        UnknownDatasetError: `source` is no dataset.
        UsageError: something is at the target, or it cannot be one; nothing was done.
        StorageError: the system refuses; running it again finishes what was begun.
    """
    with repository.editing():
        return _move(repository, plan_move(repository, source, target))


def _move(repository: Repository, plan: "MovePlan") -> Moved:
    """Carry out a plan, in the order above."""
    edit_ignore_file(repository, plan.target, add=True)
    if plan.writes_manifest:
        assert plan.manifest is not None
        repository.claim()
        write_atomic(plan.target.manifest_path.on(repository.root), plan.manifest)
    if plan.moves_data:
        _move_data(repository, plan)
    else:
        _move_stat_cache(repository, plan, None)
    _move_limits(repository, plan)
    if plan.resumes:
        # The killed command may not have come to it, and nothing of the old name may go before.
        _sync(repository, plan)
    if plan.manifest is not None:
        _remove_old_manifest(repository, plan)
    edit_ignore_file(repository, plan.source, add=False)
    if plan.resumes:
        _sync(repository, plan)
    staged = stage_known(repository, [plan.target, plan.source])
    remove_all_leftovers(repository, [plan.target, plan.source], [])
    return Moved(plan.source.path, plan.target.path, plan.moves_data, plan.resumes, staged)


def _move_limits(repository: Repository, plan: "MovePlan") -> None:
    """Rename the file of limits; once it has its new name nothing is left to do."""
    old, new = (dataset.limits_path.on(repository.root) for dataset in (plan.source, plan.target))
    if os.path.lexists(old):
        with translating("rename", old):
            os.replace(old, new)


def _sync(repository: Repository, plan: "MovePlan") -> None:
    """Make durable what was renamed and removed, by whom ever; the new name first."""
    for dataset in (plan.target, plan.source):
        directory = dataset.manifest_path.on(repository.root).parent
        if directory.is_dir():
            fsync_directory(directory)


def plan_move(repository: Repository, source: str, target: str) -> MovePlan:
    """Decide what a move does; raises as `move`, and changes nothing."""
    known = {dataset.path for dataset in list_datasets(repository)}
    old, by_manifest = _source_of(repository, source, known)
    new = _target_of(repository, target, old, known, by_manifest=by_manifest)
    _check_target(repository, old, new, known)
    has_old, has_new = (os.path.lexists(dataset.path.on(repository.root)) for dataset in (old, new))
    before, after = (read_manifest_bytes(repository, dataset) for dataset in (old, new))
    resumes = after is not None or new.path in known
    if resumes and not _is_interrupted(repository, new, before, after):
        raise _exists(repository, new, is_dataset=True)
    if has_new and (has_old or not resumes):
        raise _exists(repository, new, is_dataset=False)
    if before is None and (after is None or has_old):
        raise UsageError(
            f"{old.manifest_path} is not on disk", hint=f"`git restore {old.manifest_path}` brings it back"
        )
    if before is not None:
        refuse_unresolved(repository, old, parse_manifest(before, str(old.manifest_path)))
    if has_old:
        _check_same_file_system(repository, old, new)
    return MovePlan(old, new, before, after is None, has_old, resumes)


def _source_of(repository: Repository, text: str, known: set[RelPath]) -> tuple[Dataset, bool]:
    """Return the dataset, and whether it was called by its manifest."""
    path = repository.relative(text)
    if path is None:
        raise UsageError("the whole repository is no dataset")
    if path in known:
        return Dataset(path), False
    manifest = dataset_of_manifest(path)
    if manifest is not None and manifest.path in known:
        return manifest, True
    above = _dataset_above(path, known)
    if above is not None:
        raise UsageError(
            f"{text} is a part of the dataset {above}", hint="rename it by itself, then `datav add`"
        )
    if any(other.startswith(path + b"/") for other in known):
        raise UsageError(f"{text} is no dataset, but has some below it", hint="move them one by one")
    raise unknown_dataset(repository, None, path)


def _target_of(
    repository: Repository, text: str, old: Dataset, known: set[RelPath], *, by_manifest: bool
) -> Dataset:
    name = old.path.rpartition(b"/")[2]
    path = repository.relative(text)
    if path is None:
        return Dataset(RelPath(name))
    place = path.on(repository.root)
    if path not in known and place.is_dir():
        return Dataset(RelPath(path + b"/" + name))
    if text.endswith(("/", os.sep)):
        raise UsageError(f"there is no directory {text}", hint="make it first")
    if path.endswith(MANIFEST_SUFFIX):
        named = dataset_of_manifest(path) if by_manifest else None
        if named is None:
            raise UsageError(f"{text} is named like a manifest", hint="name the data, not its manifest")
        return named
    return Dataset(path)


def _check_target(repository: Repository, old: Dataset, new: Dataset, known: set[RelPath]) -> None:
    shown = repository.shown(new.path)
    if new == old:
        raise UsageError(f"{shown} is where it lies already")
    above = _dataset_above(new.path, known)
    if above is not None:
        raise UsageError(f"{shown} is in the dataset {above}", hint="a dataset cannot lie in another one")
    if not new.path.on(repository.root).parent.is_dir():
        raise UsageError(f"there is no directory {os.path.dirname(shown)}", hint="make it first")
    if repository.git.find_tracked([new.path]) or repository.git.list_tracked_under(new.path):
        raise UsageError(f"git tracks {shown} already")
    if repository.git.find_ignored([new.manifest_path]):
        raise UsageError(
            f"git ignores {repository.shown(new.manifest_path)}",
            hint="a manifest must be tracked: change the pattern in .gitignore, or move it elsewhere",
        )


def _dataset_above(path: RelPath, known: set[RelPath]) -> RelPath | None:
    parts = path.split(b"/")
    above = (RelPath(b"/".join(parts[:end])) for end in range(1, len(parts)))
    return next((other for other in above if other in known), None)


def _is_interrupted(repository: Repository, new: Dataset, before: bytes | None, after: bytes | None) -> bool:
    """Whether what lies at the target is what a move that was killed left there."""
    if after is None or repository.git.find_tracked([new.manifest_path]):
        return False
    return before is None or before == after


def _exists(repository: Repository, dataset: Dataset, *, is_dataset: bool) -> UsageError:
    away = "`datav rm` it first" if is_dataset else "move or delete what is there first"
    return UsageError(
        f"{repository.shown(dataset.path)} exists already", hint=f"choose another name, or {away}"
    )


def _check_same_file_system(repository: Repository, old: Dataset, new: Dataset) -> None:
    root = repository.root
    if os.lstat(old.path.on(root)).st_dev != os.stat(new.path.on(root).parent).st_dev:
        raise UsageError(
            f"{repository.shown(new.path)} would lie on another file system",
            hint="copy it there, `datav add` it, then `datav rm` the old one",
        )


def _move_data(repository: Repository, plan: MovePlan) -> None:
    old, new = plan.source.path.on(repository.root), plan.target.path.on(repository.root)
    content = _known_content(repository, plan.source)
    if os.path.lexists(new):
        raise _exists(repository, plan.target, is_dataset=False)
    try:
        os.rename(old, new)
    except OSError as exc:
        if plan.writes_manifest:
            remove_manifest(repository, plan.target)
            edit_ignore_file(repository, plan.target, add=False)
        raise storage_error(exc, "rename", old) from exc
    # Before the old manifest goes: a power cut must not leave the data under a name without one.
    for directory in dict.fromkeys((new.parent, old.parent)):
        fsync_directory(directory)
    _move_stat_cache(repository, plan, content)


def _known_content(repository: Repository, dataset: Dataset) -> tuple[bytes, Content, Content | None] | None:
    """The stamp and the content of a dataset that is one file, if the stat cache knows it."""
    if not dataset.path.on(repository.root).is_file():
        return None
    disk = look(repository, dataset)
    if disk is None or disk.is_directory or disk.known[0] is None:
        return None
    return disk.entries[0].stamp, disk.known[0], disk.cache.dataset


def _move_stat_cache(
    repository: Repository, plan: MovePlan, file: tuple[bytes, Content, Content | None] | None
) -> None:
    """Keep what is known of the data: nothing in a directory has changed; a file has a new name and ctime."""
    old, new = (repository.stat_file(dataset.path) for dataset in (plan.source, plan.target))
    path = plan.target.path.on(repository.root)
    if path.is_dir():
        if old.exists():
            make_directories(new.parent)
            os.replace(old, new)
        return
    remove_file(old)
    if file is None:
        return
    before, content, dataset = file
    # The rename's own time must be a tick old, or the cache would not believe it, and read the file again.
    time.sleep(TICK_NS / 1e9)
    looked_at_ns = time.time_ns()
    found = scan_file(path)
    if _without_ctime(found.stamp) == _without_ctime(before):
        write_stat_cache(new, dataset, [Row(found.path, found.stamp, content, looked_at_ns)])


def _without_ctime(stamp: bytes) -> bytes:
    return stamp[:16] + stamp[24:]


def _remove_old_manifest(repository: Repository, plan: MovePlan) -> None:
    if read_manifest_bytes(repository, plan.source) != plan.manifest:
        raise StorageError(
            f"{plan.source.manifest_path} was changed by somebody else meanwhile",
            hint=f"the data is at {plan.target} now: look at both manifests, and remove one",
        )
    remove_manifest(repository, plan.source)


def stage_known(repository: Repository, datasets: Sequence[Dataset]) -> tuple[RelPath, ...]:
    """Tell git of manifests and ignore files, there or gone, whoever wrote them; return which."""
    paths = [
        path
        for dataset in datasets
        for path in (dataset.manifest_path, dataset.limits_path, ignore_file_of(dataset))
    ]
    with repository.editing():
        tracked = repository.git.find_tracked(paths)
        known = [
            path
            for path in dict.fromkeys(paths)
            if path in tracked or os.path.lexists(path.on(repository.root))
        ]
        repository.git.stage(known)
    return tuple(known)
