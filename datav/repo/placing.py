"""Placing: what git's hooks do when manifests have changed, so that the data on disk is what they say.

Nothing of the user's is overwritten, and nothing is fetched that nobody wanted here: a dataset that was not
on disk stays away, and a new one is fetched only where all others are on disk.  What cannot be placed is
told, never an error: git has done its part already.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from datav.errors import (
    DataLossError,
    DatavError,
    FormatError,
    MissingChunkError,
    NotARepositoryError,
)
from datav.formats.manifest import Manifest
from datav.git import GitRepository
from datav.git.hookstate import is_plain_commit, is_rebasing, rebased_onto
from datav.progress import Progress
from datav.relpath import RelPath
from datav.repo.checkout import CheckedOut, apply_placing, plan_placing
from datav.repo.datasets import Dataset, dataset_of_manifest, list_datasets, read_manifest
from datav.repo.disk import look
from datav.repo.hooks import touch_stamp
from datav.repo.partial import partial_contents
from datav.repo.repository import Repository
from datav.settings import FILE_NAME, parse_settings


@dataclass(frozen=True, slots=True)
class Kept:
    """A dataset that is not what its manifest says, and why."""

    path: RelPath
    kind: Literal["edited", "absent", "failed"]
    """`edited`: it would lose data; `absent`: its data is not here; `failed`: anything else."""
    message: str
    hint: str | None


@dataclass(frozen=True, slots=True)
class Placed:
    """What was done.  A dataset of which nothing was different is in none of these."""

    datasets: tuple[CheckedOut, ...] = ()
    gone: frozenset[RelPath] = frozenset()
    """Those of them that the commit has not, and that are not on disk any more."""
    kept: tuple[Kept, ...] = ()
    fetched_bytes: int = 0


@dataclass(frozen=True, slots=True)
class _Changes:
    """Which datasets are to be looked at."""

    changed: tuple[Dataset, ...]
    before: frozenset[Dataset]
    """Those that there were."""
    gone: tuple[Dataset, ...]


def open_for_hooks(here: Path, old: str | None, progress: Progress) -> Repository | None:
    """Return the repository around `here`; None if datav is not set up in it.

    Args:
        old: the commit that was checked out before: where the new one knows nothing of datav, what it had on
            disk goes by its settings.
    """
    try:
        return Repository.open(here, progress)
    except NotARepositoryError:
        if old is None or not old.strip("0"):
            return None
    git = GitRepository.discover(here)
    name = RelPath(FILE_NAME.encode())
    text = git.read_files(old, [name]).get(name)
    if text is None:
        return None
    return Repository(git, parse_settings(text.decode("utf-8", "replace")), here, progress)


def place_after(repository: Repository, hook: str, arguments: Sequence[str]) -> Placed:
    """Place what is to be placed after what git has done.

    Args:
        hook: git's name of it.
        arguments: what git gave it; behind an index change, the command of git's that made it.

    Raises:
        DatavError: git has no such commits, or its index cannot be read.
    """
    git = repository.git
    if not repository.settings.hooks.place:
        return Placed()
    match hook, *arguments:
        case "post-checkout", old, _, "1":
            return place_since(repository, [old])
        case "post-checkout", *_:
            return place_all(repository, removes=False)
        case "post-merge", "1":  # --squash: nothing was committed
            return place_all(repository, removes=False)
        case "post-merge", *_:
            return place_since(repository, ["ORIG_HEAD"])
        case "post-rewrite", "rebase":
            return place_since(repository, [rebased_onto(git) or "ORIG_HEAD"])
        case "post-commit", *_:
            if is_rebasing(git) or is_plain_commit(git):
                return Placed()
            return place_since(repository, ["HEAD^"])
        case "post-index-change", "1", command, *_:
            # What a stash has no more the user took away, and may have kept.
            return place_all(repository, removes=command == "reset")
    return Placed()


def place_since(repository: Repository, olds: Sequence[str]) -> Placed:
    """Place what is different between HEAD and commits that the data on disk may be of.

    Args:
        olds: commits; one of zeros alone is the time before the first.
    """
    git = repository.git
    changed: dict[RelPath, None] = {}
    before: set[Dataset] = set()
    for old in olds:
        if old.strip("0"):
            changed |= dict.fromkeys(git.diff_names(old, "HEAD"))
            before |= _datasets(file.path for file in git.list_files(old))
        else:
            changed |= dict.fromkeys(file.path for file in git.list_files("HEAD"))
    present = _datasets(entry.path for entry in git.list_index())
    datasets = sorted(_datasets(changed), key=_path)
    gone = [dataset for dataset in datasets if dataset in before and dataset not in present]
    return _place(repository, _Changes(tuple(datasets), frozenset(before), tuple(gone)))


def place_all(repository: Repository, *, removes: bool) -> Placed:
    """Place whatever is another version on disk than its manifest there.

    Args:
        removes: datasets go that HEAD has and the index has not, as `git reset --hard` is about to have it.
    """
    git = repository.git
    head = git.head()
    before = _datasets(file.path for file in git.list_files(head)) if head is not None else set()
    present = _datasets(entry.path for entry in git.list_index())
    gone = sorted(before - present, key=_path) if removes else []
    return _place(repository, _Changes(tuple(list_datasets(repository)), frozenset(before), tuple(gone)))


def _path(dataset: Dataset) -> bytes:
    return dataset.path


def _datasets(paths: Iterable[RelPath]) -> set[Dataset]:
    return {dataset for path in paths if (dataset := dataset_of_manifest(path)) is not None}


def _place(repository: Repository, changes: _Changes) -> Placed:
    wanted, kept = _choose(repository, changes)
    lacking = _lacking(repository, wanted)
    fetched, reasons = 0, dict[Dataset, Kept]()
    if lacking:
        fetched, reasons = _fetch(repository, changes, lacking)
    manifests: dict[Dataset, Manifest | None] = {
        dataset: manifest for dataset, manifest in wanted.items() if dataset not in reasons
    }
    manifests |= dict.fromkeys(_removable(repository, changes.gone))
    kept += reasons.values()
    done: tuple[CheckedOut, ...] = ()
    plans = []
    for dataset, manifest in manifests.items():
        try:
            # One by one: what stands against one keeps no other away.
            plans += plan_placing(repository, {dataset: manifest})
        except DatavError as exc:
            kept.append(_kept(dataset, exc))
    if plans:
        done = apply_placing(repository, plans).datasets
    touch_stamp(repository.git)
    gone = frozenset(dataset.path for dataset, manifest in manifests.items() if manifest is None)
    return Placed(done, gone, tuple(sorted(kept, key=lambda item: item.path)), fetched)


def _choose(repository: Repository, changes: _Changes) -> tuple[dict[Dataset, Manifest], list[Kept]]:
    """Return the manifests of the datasets that shall be on disk, and those of which only a part is there."""
    unmerged = _datasets(entry.path for entry in repository.git.list_index() if entry.stage)
    parts = partial_contents(repository)
    wanted, kept = dict[Dataset, Manifest](), list[Kept]()
    for dataset in changes.changed:
        manifest = _read(repository, dataset)
        if manifest is None or manifest.conflict is not None or dataset in unmerged:
            continue
        try:
            disk = look(repository, dataset)
        except DatavError as exc:
            kept.append(_kept(dataset, exc))
            continue
        if disk is None:
            if dataset not in changes.before:
                wanted[dataset] = manifest
            continue
        if disk.cache.dataset == manifest.content and not disk.is_unchanged:
            continue  # edits of just this version
        if disk.cache.dataset is None and parts and disk.is_directory and len(disk.entries) < manifest.files:
            kept.append(_partly(repository, dataset))
            continue
        wanted[dataset] = manifest
    return wanted, kept


def _partly(repository: Repository, dataset: Dataset) -> Kept:
    return Kept(
        dataset.path,
        "absent",
        f"only a part of {dataset} is on disk, and of another version",
        f"`datav pull -- {repository.shown(dataset.path)}/PATH` brings that part of this one",
    )


def _read(repository: Repository, dataset: Dataset) -> Manifest | None:
    try:
        return read_manifest(repository, dataset)
    except FormatError:
        # Conflict markers, most likely: git tells of them, and so does `datav status`.
        return None


def _lacking(repository: Repository, manifests: Mapping[Dataset, Manifest]) -> dict[Dataset, Manifest]:
    """Return those of which the local store has only a part, or nothing."""
    parts = partial_contents(repository)
    tops = [manifest.content for manifest in manifests.values()]
    found = repository.store.lookup.contains(b"".join([content.id for content in tops]))
    return {
        dataset: manifest
        for (dataset, manifest), is_here in zip(manifests.items(), found, strict=True)
        if manifest.content.size and (not is_here or manifest.content.id in parts)
    }


def _fetch(
    repository: Repository, changes: _Changes, lacking: Mapping[Dataset, Manifest]
) -> tuple[int, dict[Dataset, Kept]]:
    """Fetch what is wanted here; return the bytes that came, and for what is still lacking the reason."""
    asked = [dataset for dataset in lacking if dataset in changes.before]
    if _has_all(repository, changes.before):
        asked = list(lacking)
    received, failure = 0, None
    if asked and repository.settings.remotes:
        # Only here: hardly ever is anything to be fetched.
        from datav.repo.fetch import fetch

        names = [repository.shown(dataset.path) for dataset in asked]
        try:
            received = fetch(repository, None, names).bytes_received
        except DatavError as exc:
            failure = exc
    still = _lacking(repository, lacking)
    return received, {dataset: _absent(repository, dataset, failure) for dataset in still}


def _has_all(repository: Repository, datasets: Iterable[Dataset]) -> bool:
    """Whether somebody works here with all of the data: some there is, and none of it is away."""
    there = [os.path.lexists(dataset.path.on(repository.root)) for dataset in datasets]
    return bool(there) and all(there)


def _absent(repository: Repository, dataset: Dataset, failure: DatavError | None) -> Kept:
    why = f": {failure}" if failure is not None else ""
    name = repository.shown(dataset.path)
    hint = f"`datav pull -- {name}` brings it"
    if not repository.settings.remotes:
        hint = "`datav remote add` says where it is; then `datav pull` brings it"
    return Kept(dataset.path, "absent", f"the data of {dataset} is not here{why}", hint)


def _removable(repository: Repository, gone: Sequence[Dataset]) -> list[Dataset]:
    """Return those whose files are there and none of git's: what was data may be tracked by git now."""
    there = [
        dataset
        for dataset in gone
        if os.path.lexists(dataset.path.on(repository.root))
        and not os.path.lexists(dataset.manifest_path.on(repository.root))
    ]
    tracked = repository.git.find_tracked(dataset.path for dataset in there)
    return [
        dataset
        for dataset in there
        if dataset.path not in tracked and not repository.git.list_tracked_under(dataset.path)
    ]


def _kept(dataset: Dataset, error: DatavError) -> Kept:
    kind: Literal["edited", "absent", "failed"] = "failed"
    if isinstance(error, DataLossError):
        kind = "edited"
    elif isinstance(error, MissingChunkError):
        kind = "absent"
    return Kept(dataset.path, kind, str(error), error.hint)
