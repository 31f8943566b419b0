"""checkout and restore: the files that manifests name, back on disk.

Data is planned before git moves and written after it (docs/formats/ordering.md, O10).  What is overwritten
is in the store, or the user said `force`.
"""

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from datav.errors import (
    DataLossError,
    DatavError,
    FormatError,
    MissingChunkError,
    UnknownDatasetError,
    UnknownRevisionError,
    UsageError,
)
from datav.formats.entry import Content, Entry, Kind
from datav.formats.manifest import Manifest
from datav.formats.words import u64_array
from datav.ids import ID_SIZE
from datav.relpath import RelPath, show_path
from datav.repo.datasets import (
    Dataset,
    Target,
    edit_ignore_file,
    find_targets,
    list_datasets,
    manifests_after_switch,
    manifests_at,
    read_manifest,
)
from datav.repo.disk import Disk, current_entries, inside, look, name_unknown, place_of, wanted_entries
from datav.repo.leftovers import remove_all_leftovers
from datav.repo.marks import Marks, leave_mark
from datav.repo.partial import partial_contents
from datav.repo.repository import Repository
from datav.repo.specs import no_such_revision
from datav.repo.uncommitted import refuse_uncommitted
from datav.storage.durable import make_directories, remove_file
from datav.store.trees import read_file_shape
from datav.workspace.apply import apply_checkout
from datav.workspace.plan import CheckoutPlan, Current, plan_checkout
from datav.workspace.scan import mtime_of
from datav.workspace.statcache import SETTLED, Row, write_stat_cache

_SHOWN = 10


@dataclass(frozen=True, slots=True)
class CheckedOut:
    """What happened to one dataset."""

    path: RelPath
    written: int
    """Files created or replaced, links and modes included."""
    removed: int
    bytes_written: int
    bytes_reused: int
    """How much of that came from what was on disk already."""


@dataclass(frozen=True, slots=True)
class Checkout:
    rev: str | None
    datasets: tuple[CheckedOut, ...]
    """Those of which anything was different."""
    unchanged: int
    dry_run: bool


@dataclass(frozen=True, slots=True)
class DatasetPlan:
    """What is to be done for one dataset."""

    dataset: Dataset
    manifest: Manifest | None
    """None: the dataset goes away."""
    root: Path
    plan: CheckoutPlan
    disk: Disk | None
    rows: tuple[Row, ...]
    """What is on disk and stays."""
    is_whole: bool
    """Afterwards the disk is what the manifest says, all of it."""


def checkout(
    repository: Repository,
    rev: str | None = None,
    names: Sequence[str] = (),
    *,
    force: bool = False,
    dry_run: bool = False,
) -> Checkout:
    """Make data on disk what the manifests say.

    Args:
        rev: without names, switch git to it first, as `git checkout` does; with names, take their manifests
            from it, of datasets that are named as a whole.
        names: datasets, paths in one, or directories above some; without, all.
        force: overwrite what is not stored.
        dry_run: say what would be done.

    Raises:
        DataLossError: data would be lost that exists nowhere else; nothing was done.
        MissingChunkError: the store lacks what is wanted; where that showed at the top of a tree, as it does
            of what was never fetched, nothing was done.
        UnknownRevisionError: git does not know `rev`.
        GitError: git refuses to switch; nothing was done.
    """
    if rev is None:
        manifests = _present_manifests(repository, names)
        plans = _plan_targets(repository, manifests, names, force=force)
    else:
        try:
            wanted = manifests_at(repository, rev) if names else manifests_after_switch(repository, rev)
        except UnknownRevisionError as exc:
            as_path = f"`datav restore {rev}` or `datav checkout -- {rev}` brings it back"
            raise no_such_revision(repository, rev, exc, as_path) from exc
        plans = _plan_targets(repository, wanted, names, force=force)
    for plan in plans:
        _require(repository, plan)
    if rev is not None and names:
        _take_manifests(repository, rev, plans, force=force, dry_run=dry_run)
    elif rev is not None and not dry_run:
        with repository.editing():
            repository.git.checkout(rev)
    if not dry_run:
        _keep_ignored(repository, plans, stage=rev is not None and bool(names))
    return _apply(repository, rev, plans, force=force, dry_run=dry_run)


def plan_placing(repository: Repository, manifests: Mapping[Dataset, Manifest | None]) -> list[DatasetPlan]:
    """Return what is to be done so that the data on disk is what these manifests say.

    Args:
        manifests: None where a dataset goes away.

    Raises:
        DataLossError: data would be lost that exists nowhere else.
        MissingChunkError: the store lacks what is wanted.
    """
    plans = _plan_targets(repository, manifests, (), force=False)
    for plan in plans:
        _require(repository, plan)
    return plans


def apply_placing(repository: Repository, plans: Sequence[DatasetPlan]) -> Checkout:
    """Do what `plan_placing` planned."""
    _keep_ignored(repository, plans, stage=False)
    return _apply(repository, None, plans, force=False, dry_run=False)


def _take_manifests(
    repository: Repository, rev: str, plans: Sequence[DatasetPlan], *, force: bool, dry_run: bool
) -> None:
    """Make manifests what they are at `rev`; not those of datasets of which only a part is meant."""
    whole = [plan.dataset for plan in plans if plan.is_whole]
    if not force:
        changed = [plan.dataset for plan in plans if plan.is_whole and _differs(repository, plan)]
        refuse_uncommitted(repository, changed, hint="`git commit` keeps it; `--force` throws it away")
    if not dry_run:
        with repository.editing():
            repository.git.checkout_paths(rev, [dataset.manifest_path for dataset in whole])


def _differs(repository: Repository, plan: DatasetPlan) -> bool:
    """Whether the manifest on disk says something else than the one that is to take its place."""
    try:
        return read_manifest(repository, plan.dataset) != plan.manifest
    except FormatError:
        return True


def _present_manifests(repository: Repository, names: Sequence[str]) -> dict[Dataset, Manifest | None]:
    datasets = list_datasets(repository)
    if names:
        datasets = list({target.dataset: None for target in find_targets(repository, names, datasets)})
    found = ((dataset, read_manifest(repository, dataset)) for dataset in datasets)
    # Without a manifest on disk the dataset was deleted by hand and not yet committed: that is the user's
    # to finish.
    manifests: dict[Dataset, Manifest | None] = {
        dataset: manifest for dataset, manifest in found if manifest is not None
    }
    if names and not manifests:
        missing = datasets[0].manifest_path
        raise UsageError(f"{missing} is not on disk", hint=f"`git restore {missing}` brings it back")
    return manifests


def _plan_targets(
    repository: Repository, manifests: Mapping[Dataset, Manifest | None], names: Sequence[str], *, force: bool
) -> list[DatasetPlan]:
    targets = find_targets(repository, names, manifests) if names else [Target(d, b"") for d in manifests]
    prefixes: dict[Dataset, list[bytes]] = {}
    for target in targets:
        prefixes.setdefault(target.dataset, []).append(target.inside)
    plans = [_plan_one(repository, dataset, manifests[dataset], found) for dataset, found in prefixes.items()]
    if not force:
        refuse_loss(repository, plans)
    return plans


def _plan_one(
    repository: Repository, dataset: Dataset, manifest: Manifest | None, prefixes: Sequence[bytes]
) -> DatasetPlan:
    disk = look(repository, dataset)
    whole = b"" in prefixes
    # The usual case of many datasets: nothing is different, and no tree needs to be read to know it.
    if disk is not None and manifest is not None and disk.is_known_to_be(manifest):
        if not whole:
            _check_named(dataset, prefixes, [entry.path for entry in disk.entries])
        return DatasetPlan(dataset, manifest, disk.root, CheckoutPlan(), disk, (), True)
    fresh = name_unknown(repository, disk) if disk is not None else []
    current = current_entries(disk)
    if disk is not None:
        disk.forget_entries()
    below = () if whole else prefixes
    wanted = _wanted(repository, dataset, manifest, below) if manifest is not None else []
    root = (
        place_of(repository, dataset, manifest)
        if manifest is not None
        else _root_of(repository, dataset, disk)
    )
    current, wanted = _on_one_level(dataset, disk, manifest, current, wanted)
    if manifest is not None and disk is not None and disk.is_directory != (manifest.kind == "directory"):
        root = dataset.path.on(repository.root).parent
    if not whole:
        _check_named(dataset, prefixes, [*(entry.path for entry in wanted), *(row.path for row in current)])
        wanted = [entry for entry in wanted if any(inside(entry.path, prefix) for prefix in prefixes)]
        chosen = [row for row in current if any(inside(row.path, prefix) for prefix in prefixes)]
    else:
        chosen = current
    plan = plan_checkout(chosen, wanted)
    looked = {row.path: row.looked_at_ns for row in fresh}
    touched = {action.entry.path for action in (*plan.write, *plan.link, *plan.set_mode)}
    touched |= {row.path for row in (*plan.clear, *plan.remove)}
    rows = tuple(
        Row(row.path, row.stamp, row.content, looked.get(row.path, SETTLED))
        for row in current
        if row.path not in touched and row.content is not None
    )
    return DatasetPlan(dataset, manifest, root, plan, disk, rows, whole)


def _check_named(dataset: Dataset, prefixes: Sequence[bytes], paths: Sequence[bytes]) -> None:
    for prefix in prefixes:
        if not any(inside(path, prefix) for path in paths):
            raise UnknownDatasetError(f"{show_path(bytes(dataset.path) + b'/' + prefix)} is not in {dataset}")


def _wanted(
    repository: Repository, dataset: Dataset, manifest: Manifest, below: Sequence[bytes]
) -> list[Entry]:
    try:
        return wanted_entries(repository, dataset, manifest, below)
    except MissingChunkError as exc:
        raise MissingChunkError(
            f"the tree of {dataset} is not in the local store",
            hint=_how_to_get(repository, "it where it still is"),
        ) from exc


def _how_to_get(repository: Repository, what: str) -> str:
    """The hint for what the local store has not got; `what` is what else can be added, and where."""
    if repository.settings.remotes:
        return f"`datav fetch` brings it from a remote; if it was never pushed, `datav add` {what}"
    return f"`datav add` {what}; `datav verify` tells what else is missing"


def _root_of(repository: Repository, dataset: Dataset, disk: Disk | None) -> Path:
    return disk.root if disk is not None else dataset.path.on(repository.root).parent


def _on_one_level(
    dataset: Dataset,
    disk: Disk | None,
    manifest: Manifest | None,
    current: list[Current],
    wanted: list[Entry],
) -> tuple[list[Current], list[Entry]]:
    """Bring both lists to one root where a file becomes a directory, or a directory a file."""
    if disk is None or manifest is None or disk.is_directory == (manifest.kind == "directory"):
        return current, wanted
    name = bytes(dataset.path).rpartition(b"/")[2]
    if disk.is_directory:
        return [row._replace(path=name + b"/" + row.path) for row in current], wanted
    return current, [entry._replace(path=name + b"/" + entry.path) for entry in wanted]


def refuse_loss(repository: Repository, plans: Sequence[DatasetPlan]) -> None:
    """Raise DataLossError when a plan overwrites or removes what is not in the store."""
    lost: list[str] = []
    marks = Marks(repository)
    for plan in plans:
        relative = os.path.relpath(plan.root, repository.here)
        for row in plan.plan.overwrites:
            if row.content is None or not (
                is_stored(repository, row) or _is_torn(repository, marks, plan, row)
            ):
                name = os.path.join(relative, os.fsdecode(row.path))
                lost.append(show_path(os.fsencode(os.path.normpath(name))))
    if not lost:
        return
    more = f" and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else ""
    what = "has changes that are" if len(lost) == 1 else "have changes that are"
    raise DataLossError(
        f"{', '.join(lost[:_SHOWN])}{more} {what} stored nowhere",
        hint=f"{_how_to_keep(repository)}; `--force` throws them away",
    )


def _how_to_keep(repository: Repository) -> str:
    if partial_contents(repository):
        return "`datav add` keeps them; what was dropped and is unchanged `datav fetch` brings back"
    return "`datav add` keeps them"


def _is_torn(repository: Repository, marks: Marks, plan: DatasetPlan, row: Current) -> bool:
    """Whether a power cut left that of what a checkout wrote: it is nobody's work."""
    above = os.fsencode(os.path.relpath(plan.root, repository.root))
    path = row.path if above == b"." else above + b"/" + row.path
    return row.content is not None and marks.is_torn(plan.dataset, path, mtime_of(row.stamp), row.content)


def is_stored(repository: Repository, row: Current) -> bool:
    """Whether the store has all of what lies on disk at `row`."""
    content = row.content
    if content is None:
        return False
    if content.size == 0 or row.kind == Kind.EMPTY_DIRECTORY:
        return True
    try:
        shape = read_file_shape(repository.store.reader, content)
    except DatavError:
        return False
    return all(repository.store.lookup.contains(shape.chunk_ids))


class _StoreSource:
    """The store as the workspace wants to see it (`datav.workspace.source.ContentSource`)."""

    def __init__(self, repository: Repository) -> None:
        self._reader = repository.store.reader

    def chunks(self, content: Content) -> list[tuple[bytes, int]]:
        shape = read_file_shape(self._reader, content)
        ids = shape.chunk_ids
        return [
            (ids[at : at + ID_SIZE], size)
            for at, size in zip(range(0, len(ids), ID_SIZE), u64_array(shape.chunk_sizes), strict=True)
        ]

    def read_into(self, chunks: Sequence[tuple[bytes, int]], buffer: memoryview) -> None:
        self._reader.read_into(chunks, buffer)


def _keep_ignored(repository: Repository, plans: Sequence[DatasetPlan], *, stage: bool) -> None:
    """Keep data out of git that comes back without its line in .gitignore; `stage` tells git of that, too."""
    present = {plan.dataset.path: plan.dataset for plan in plans if plan.manifest is not None}
    loose = sorted(present.keys() - repository.git.find_ignored(present)) if present else []
    edited = [edit_ignore_file(repository, present[path], add=True) for path in loose]
    if stage:
        repository.git.stage([path for path in edited if path is not None])


def _apply(
    repository: Repository, rev: str | None, plans: Sequence[DatasetPlan], *, force: bool, dry_run: bool
) -> Checkout:
    results, unchanged, mtime_ns = [], 0, None
    if not dry_run:
        remove_all_leftovers(repository, [plan.dataset for plan in plans], [plan.disk for plan in plans])
        written = {
            plan.dataset: plan.manifest for plan in plans if plan.manifest is not None and plan.plan.write
        }
        mtime_ns = leave_mark(repository, written) if written else None
    for plan in plans:
        if plan.plan.is_empty and not _lacks_directory(plan):
            unchanged += 1
            if not dry_run:
                _remember(repository, plan, ())
            continue
        results.append(_apply_one(repository, plan, force=force, dry_run=dry_run, mtime_ns=mtime_ns))
    return Checkout(rev, tuple(results), unchanged, dry_run)


def _apply_one(
    repository: Repository, plan: DatasetPlan, *, force: bool, dry_run: bool, mtime_ns: int | None
) -> CheckedOut:
    work = plan.plan
    written = len(work.write) + len(work.link) + len(work.set_mode)
    removed = len(work.remove) + len(work.clear)
    if dry_run:
        return CheckedOut(plan.dataset.path, written, removed, work.bytes_to_write, 0)
    repository.claim()
    applied = apply_checkout(
        work,
        plan.root,
        _StoreSource(repository),
        repository.executor,
        repository.progress,
        force=force,
        mtime_ns=mtime_ns,
    )
    _remember(repository, plan, applied.rows)
    if plan.manifest is None:
        _remove_empty(plan.dataset.path.on(repository.root))
    elif _lacks_directory(plan):
        # Nothing was written into it: all of the dataset is an empty directory.
        make_directories(plan.dataset.path.on(repository.root))
    return CheckedOut(plan.dataset.path, written, removed, work.bytes_to_write, applied.bytes_reused)


def _lacks_directory(plan: DatasetPlan) -> bool:
    """Whether a directory is wanted and there is none, whatever shall lie in it."""
    is_wanted = plan.is_whole and plan.manifest is not None and plan.manifest.kind == "directory"
    return is_wanted and (plan.disk is None or not plan.disk.is_directory)


def _require(repository: Repository, plan: DatasetPlan) -> None:
    """Raise MissingChunkError when the store lacks the top of what will be written."""
    wanted = [action.entry for action in (*plan.plan.write, *plan.plan.link) if action.entry.size]
    present = repository.store.lookup.contains(b"".join([entry.id for entry in wanted]))
    missing = [entry for entry, found in zip(wanted, present, strict=True) if not found]
    if missing:
        raise MissingChunkError(
            f"{len(missing)} of {len(wanted)} files of {plan.dataset} are not in the local store",
            hint=_how_to_get(repository, "them where they still are"),
        )


def _remember(repository: Repository, plan: DatasetPlan, written: Sequence[Row]) -> None:
    """Keep what is on disk now for the next `status`."""
    path = repository.stat_file(plan.dataset.path)
    if plan.manifest is None:
        remove_file(path)
        return
    if plan.plan.is_empty and not plan.rows:
        return
    kept = plan.rows if _same_level(repository, plan) else ()
    rows = sorted([*kept, *_relative_rows(repository, plan, written)])
    make_directories(repository.stat_directory)
    write_stat_cache(path, plan.manifest.content if plan.is_whole else None, rows)


def _same_level(repository: Repository, plan: DatasetPlan) -> bool:
    return plan.manifest is not None and plan.root == place_of(repository, plan.dataset, plan.manifest)


def _relative_rows(repository: Repository, plan: DatasetPlan, rows: Sequence[Row]) -> list[Row]:
    """Rows as the stat cache has them, where the plan was made one directory higher up."""
    if _same_level(repository, plan):
        return list(rows)
    prefix = bytes(plan.dataset.path).rpartition(b"/")[2] + b"/"
    return [row._replace(path=row.path.removeprefix(prefix)) for row in rows]


def _remove_empty(path: Path) -> None:
    """Remove the directory of a dataset that is gone, unless something untracked lives in it."""
    with contextlib.suppress(OSError):
        path.rmdir()
