"""merge: the datasets of another revision merged into the work tree, without a merge of git's.

Nothing is committed, and git knows of no merge afterwards but where there are conflicts: their manifests are
unmerged in its index, as its own merge leaves them.  Code and other files are not looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from datav.errors import DataLossError, MissingChunkError, UsageError
from datav.formats.manifest import Manifest, encode_manifest, parse_manifest
from datav.merging.result import MergeCounts
from datav.relpath import RelPath
from datav.repo.checkout import DatasetPlan, plan_placing
from datav.repo.datasets import (
    Dataset,
    dataset_of_manifest,
    list_datasets,
    read_manifest_bytes,
    write_manifest_bytes,
)
from datav.repo.disk import wanted_entries
from datav.repo.mergefinish import finish_merged, plan_merged
from datav.repo.merging import MergedDataset, merge_manifest_texts
from datav.repo.remove import remove
from datav.repo.repository import Repository
from datav.repo.status import status
from datav.workspace.plan import CheckoutPlan

Outcome = Literal["added", "taken", "merged", "conflict", "removed", "removed here", "removed there"]
"""What becomes of a dataset: theirs is new; theirs alone was changed; both were, perhaps with conflicts;
theirs is gone; one side removed it and the other changed it, which is a conflict."""


@dataclass(frozen=True, slots=True)
class DatasetMerge:
    """One dataset that is not the same on their side as in the base."""

    dataset: Dataset
    outcome: Outcome
    merged: MergedDataset | None
    """Of what both sides changed."""
    placed: bool = True
    """The data on disk is what the manifest says; not of a conflict, nor of what is not here."""

    @property
    def conflicts(self) -> int:
        if self.outcome in ("removed here", "removed there"):
            return 1
        return self.merged.open if self.merged is not None else 0


@dataclass(frozen=True, slots=True)
class Merge:
    """What `merge` did."""

    rev: str
    commit: str
    base: str
    datasets: tuple[DatasetMerge, ...]
    dry_run: bool

    @property
    def conflicts(self) -> int:
        return sum(each.conflicts for each in self.datasets)

    @property
    def counts(self) -> MergeCounts:
        """Rows and files of all that was merged."""
        total = MergeCounts()
        for each in self.datasets:
            if each.merged is not None:
                total += each.merged.counts
        return total


@dataclass(frozen=True, slots=True)
class _Step:
    """What is to be done about one dataset."""

    dataset: Dataset
    outcome: Outcome
    stages: tuple[bytes | None, bytes | None, bytes | None]
    """The manifests of base, ours and theirs."""
    data: bytes | None
    """The manifest that the work tree gets; None: there is none afterwards."""
    before: bytes | None
    """The one that the work tree has."""
    merged: MergedDataset | None = None
    plans: list[DatasetPlan] | None = None

    @property
    def is_conflict(self) -> bool:
        return self.outcome in ("conflict", "removed here", "removed there")


def merge(repository: Repository, rev: str, *, dry_run: bool = False) -> Merge:
    """Merge what another revision has changed in datasets since it branched off.

    Raises:
        UnknownRevisionError: git does not know `rev`.
        UsageError: they share no history; a dataset is changed in the work tree and not committed.
        DataLossError: the data of one was edited, and is stored nowhere; nothing was done.
        Also what `merge_manifests` raises; nothing was done then.
    """
    git = repository.git
    commit, head = git.resolve(rev), git.resolve("HEAD")
    base = git.merge_base(head, commit)
    if base is None:
        raise UsageError(f"HEAD and {rev} share no history: there is nothing to merge from")
    steps = _plan(repository, base, head, commit)
    _refuse_uncommitted(repository, steps)
    steps = [_with_plans(repository, step) for step in steps]
    if not dry_run:
        for step in steps:
            _apply(repository, step)
    done = (DatasetMerge(step.dataset, step.outcome, step.merged, _is_placed(step)) for step in steps)
    return Merge(rev, commit, base, tuple(done), dry_run)


def _plan(repository: Repository, base: str, head: str, commit: str) -> list[_Step]:
    changed = list(repository.git.diff_names(base, commit))
    versions = [repository.git.read_files(each, changed) for each in (base, head, commit)]
    steps = []
    for path in sorted(changed):
        dataset = dataset_of_manifest(path)
        if dataset is not None:
            before, ours, theirs = (each.get(path) for each in versions)
            step = _plan_one(repository, dataset, before, ours, theirs)
            if step is not None:
                steps.append(step)
    return steps


def _plan_one(
    repository: Repository, dataset: Dataset, base: bytes | None, ours: bytes | None, theirs: bytes | None
) -> _Step | None:
    if ours == theirs:
        return None
    stages, present = (base, ours, theirs), read_manifest_bytes(repository, dataset)
    if ours == base:
        outcome: Outcome = "removed" if theirs is None else "added" if ours is None else "taken"
        return _Step(dataset, outcome, stages, theirs, present)
    if theirs is None:
        return _Step(dataset, "removed there", stages, ours, present)
    if ours is None:
        return _Step(dataset, "removed here", stages, theirs, present)
    merged = merge_manifest_texts(repository, dataset.manifest_path, base or b"", ours, theirs)
    outcome = "conflict" if merged.open else "merged"
    return _Step(dataset, outcome, stages, encode_manifest(merged.manifest), present, merged)


def _refuse_uncommitted(repository: Repository, steps: Sequence[_Step]) -> None:
    """Raise where a manifest is not as HEAD has it, nor what this merge makes of it, or data was edited.

    What a `merge` that was killed has done of the same is no change of the user's.
    """
    undone = [step for step in steps if step.before != step.data]
    staged = _staged_texts(repository, undone)
    for step in undone:
        path = step.dataset.manifest_path
        is_staged = path in staged and (staged[path] is None or staged[path] != step.data)
        if is_staged or not _is_same(step.before, step.stages[1]):
            raise UsageError(
                f"the manifest of {step.dataset} has changes that are not committed",
                hint="`git commit` them, or `git restore` what was committed; then merge",
            )
    open_steps = {step.dataset.path: step for step in undone if step.before is not None}
    names = [str(path.on(repository.root)) for path in open_steps]
    for found in status(repository, names).datasets if names else ():
        if found.state == "modified" and not _is_half_placed(repository, open_steps[found.path]):
            raise DataLossError(
                f"{found.path} has changes that are not committed",
                hint="`datav add` and `git commit` keep them; `datav restore --force` throws them away",
            )


def _staged_texts(repository: Repository, steps: Sequence[_Step]) -> dict[RelPath, bytes | None]:
    """Return the manifests that git's index has otherwise than HEAD; None: gone, or unmerged there."""
    git = repository.git
    staged = git.staged_changes()
    paths = {step.dataset.manifest_path for step in steps} & staged.keys()
    if not paths:
        return {}
    oids = {entry.path: entry.oid for entry in git.list_index() if entry.path in paths and entry.stage == 0}
    blobs = git.read_blobs(oids.values())
    return {path: blobs[oids[path]] if path in oids else None for path in paths}


def _is_half_placed(repository: Repository, step: _Step) -> bool:
    """Whether a `merge` that was killed has placed some of what this one would, and nobody edited it."""
    ours = step.stages[1]
    if step.data is None or step.is_conflict or ours is None:
        return False
    manifests = parse_manifest(ours, str(step.dataset.manifest_path)), _parse(step)
    try:
        plans = plan_merged(repository, step.dataset, manifests[1])
        before, after = (set(wanted_entries(repository, step.dataset, each)) for each in manifests)
    except (DataLossError, MissingChunkError):
        return False
    changed = {entry.path for entry in before ^ after}
    return plans is not None and all(_touched(plan.plan) <= changed for plan in plans)


def _touched(plan: CheckoutPlan) -> set[bytes]:
    """The files and links that a plan does something to."""
    paths = {action.entry.path for action in (*plan.write, *plan.link, *plan.set_mode)}
    return paths | {current.path for current in plan.overwrites}


def _is_same(present: bytes | None, committed: bytes | None) -> bool:
    """Whether two texts say the same: git may have other line ends."""
    if present is None or committed is None:
        return present is committed
    return present == committed or present.replace(b"\r\n", b"\n") == committed.replace(b"\r\n", b"\n")


def _with_plans(repository: Repository, step: _Step) -> _Step:
    """Find out how the data comes to disk, and refuse what would lose any, before anything is written."""
    if step.is_conflict:
        return step
    if step.data is None:
        return replace(step, plans=plan_placing(repository, {step.dataset: None}))
    is_away = step.before is not None and not step.dataset.path.on(repository.root).exists()
    if is_away:
        return step
    return replace(step, plans=plan_merged(repository, step.dataset, _parse(step)))


def _parse(step: _Step) -> Manifest:
    assert step.data is not None, "there is a manifest"
    return parse_manifest(step.data, str(step.dataset.manifest_path))


def _apply(repository: Repository, step: _Step) -> None:
    dataset = step.dataset
    if step.data is None:
        # Killed behind the manifest, a removal is not done before git's index is without it.
        if dataset in list_datasets(repository):
            # What it would lose was looked at.
            remove(repository, [str(dataset.path.on(repository.root))], force=True)
    elif step.is_conflict:
        with repository.editing():
            write_manifest_bytes(repository, dataset, step.data, step.before)
            repository.git.set_unmerged({dataset.manifest_path: step.stages})
    else:
        finish_merged(repository, dataset, step.data, step.before, step.plans)


def _is_placed(step: _Step) -> bool:
    return step.data is None or step.plans is not None
