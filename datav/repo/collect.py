"""collect: give back the space of data that no manifest names any more.

Everything that git can still reach stays, and everything that a manifest on disk names in any work tree
(`datav.repo.roots`).  Marking takes long and is done while others work; then, under the collector's lease,
what appeared meanwhile is marked too and the rest goes (docs/formats/ordering.md, O5 and O6).
"""

import time
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from functools import partial

from datav.errors import DataLossError, UsageError
from datav.formats.entry import Content
from datav.ids import NodeId, PackId
from datav.repo.leftovers import remove_private_leftovers
from datav.repo.partial import partial_contents
from datav.repo.repository import Repository, local_layout, store_path
from datav.repo.roots import Root, Roots, find_roots
from datav.storage.durable import TEMPORARY_PREFIX, remove_file
from datav.storage.leases import collector_lease
from datav.store.collecting import (
    CollectionPlan,
    StoreView,
    mark_bases,
    mark_packs,
    plan_collection,
    view_of,
)
from datav.store.marking import Marked, Marks, Reason, mark_contents
from datav.store.sweeping import CollectionResult, apply_collection, remove_leftovers
from datav.workspace.statcache import StatCache


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection did or, as a dry run, would do.  Sizes are bytes as stored."""

    dry_run: bool
    manifests: int
    """Different contents of datasets that manifests name."""
    absent: int
    """How many of these were never fetched."""
    missing_chunks: int
    """Chunks that are named and not stored; `verify` tells whose."""
    needed_by_work_trees: int
    needed_by_history: int
    """And by no work tree."""
    needed_as_bases: int
    """Only because deltas that stay rest on it."""
    written_meanwhile: int
    bytes_before: int
    bytes_after: int
    packs_deleted: int
    packs_rewritten: int
    packs_kept: int
    plan: CollectionPlan
    damaged: tuple[str, ...]
    """Packs that stay as they are because something in them is damaged."""

    @property
    def bytes_freed(self) -> int:
        return self.bytes_before - self.bytes_after


@dataclass(slots=True)
class _Marking:
    """What was marked so far."""

    view: StoreView
    marks: Marks
    left_out: Set[Content]
    seen: set[Content]
    """Profiles included."""
    blobs: set[str]
    partial_ids: set[bytes]
    versions: set[Content] = field(default_factory=set)
    """What datasets hold, without profiles."""
    partial: set[Content] = field(default_factory=set)
    """Contents of which there may be only a part."""
    absent: int = 0
    missing_chunks: int = 0


def collect(
    repository: Repository,
    *,
    apply: bool = False,
    is_only_user: bool = False,
    left_out: Set[Content] = frozenset(),
) -> Collected:
    """Give back what nothing needs; without `apply` only say what that would be.

    Args:
        left_out: contents that need nothing, whoever names them: a remote has them.
        is_only_user: the caller knows that no other repository has its data in this store.  Asked only of a
            store that does not lie in this repository.

    Raises:
        DataLossError: somebody's need cannot be known, because a manifest or a tree cannot be read; nothing
            is deleted.
        BusyError: another process is writing or collecting.
        UsageError: the store may be shared with other repositories.
        IntegrityError: something that would be the last copy is damaged; nothing is deleted.
    """
    _refuse_shared_store(repository, is_only_user)
    layout = local_layout(repository.private)
    view = view_of(layout)
    marking = _Marking(view, Marks(view.positions), left_out, set(), set(), partial_contents(repository))
    repository.progress.start("marking", None, "nodes")
    _mark(marking, find_roots(repository.git))
    if not apply:
        mark_bases(view, marking.marks)
        plan = plan_collection(view, marking.marks)
        return _report(marking, plan, None)
    known_packs = set(view.indexed)
    with collector_lease(layout.locks) as lease:
        _catch_up(marking, repository, known_packs)
        plan = plan_collection(marking.view, marking.marks)
        result = apply_collection(
            layout,
            marking.view,
            marking.marks,
            plan,
            lease=lease,
            executor=repository.executor,
            before_deleting=partial(forget_unstored, repository, marking.seen),
        )
        remove_leftovers(layout, time.time())
        remove_private_leftovers(repository, time.time())
    # This process may go on: what it believes to be stored must be true.
    repository.store.lookup.refresh()
    return _report(marking, plan, result)


def plan_collection_of(repository: Repository, *, is_only_user: bool = False) -> Collected:
    """What `collect` would do just now."""
    return collect(repository, apply=False, is_only_user=is_only_user)


def _catch_up(marking: _Marking, repository: Repository, known_packs: set[PackId]) -> None:
    """Mark what appeared since the marking began; nobody is writing now (O6)."""
    before = marking.marks
    marking.view.refresh()
    marking.marks = Marks(marking.view.positions)
    before.carry_to(marking.marks)
    # Manifests are roots as soon as they are on disk.
    _mark(marking, find_roots(repository.git, marking.blobs))
    # What a command stored and has no manifest for yet (a pull that was broken off) stays until next time.
    mark_packs(marking.view, marking.marks, marking.view.indexed - known_packs, Reason.RECENT)
    mark_bases(marking.view, marking.marks)


def _mark(marking: _Marking, roots: Roots) -> None:
    if roots.unreadable:
        first = roots.unreadable[0]
        raise DataLossError(
            f"{first.where} cannot be read as a manifest, so what it needs is not known: {first.what}",
            hint="repair or remove it; until then nothing is collected",
        )
    found = [*roots.work_trees, *roots.history]
    marking.versions |= {root.content for root in found if not root.is_profile}
    marking.partial |= {root.content for root in found if root.content.id in marking.partial_ids}
    _mark_roots(marking, roots.work_trees, Reason.WORK_TREES)
    _mark_roots(marking, roots.history, Reason.HISTORY)
    marking.blobs = roots.blobs


def _mark_roots(marking: _Marking, roots: Sequence[Root], reason: Reason) -> None:
    for root in roots:
        if root.content not in marking.seen:
            marking.seen.add(root.content)
            if root.content in marking.left_out:
                continue
            marked = mark_contents(marking.marks, marking.view.reader, [root.content], reason)
            _refuse_unwalked(marking, root, marked)
            marking.absent += 0 if root.is_profile else len(marked.absent)
            marking.missing_chunks += marked.missing_chunks


def _refuse_unwalked(marking: _Marking, root: Root, marked: Marked) -> None:
    unwalked = marked.unwalked
    if unwalked and not all(each.was_stored for each in unwalked) and _may_be_partial(marking, root.content):
        # What was never fetched of it is not here to be lost.
        unwalked = [each for each in unwalked if each.was_stored]
    if unwalked:
        name = NodeId(root.content.id).short
        raise DataLossError(
            f"what {root.where} needs is not known, because {name} cannot be read: {unwalked[0].what}",
            hint="`datav repair`, or `datav add` the same data again; until then nothing is collected",
        )


def _may_be_partial(marking: _Marking, content: Content) -> bool:
    """Whether there may be only a part of `content`: it is called so, or lies below one that is."""
    if content in marking.partial:
        return True
    below = Marks(marking.view.positions)
    mark_contents(below, marking.view.reader, marking.partial, Reason.HISTORY)
    return bool(below.reasons(content.id)[0])


def _refuse_shared_store(repository: Repository, is_only_user: bool) -> None:
    place = store_path(repository.private)
    if place != repository.private / "store" and not is_only_user:
        raise UsageError(
            f"the store at {place} may be shared with repositories that are not known here",
            hint="collect it only if this repository alone uses it: `datav gc --only-user`",
        )


def forget_unstored(repository: Repository, stored: set[Content]) -> None:
    """Remove the stat caches that call stored what is none of `stored` (O4)."""
    for path in (repository.private / "worktrees").glob("*/stat/*"):
        if path.name.startswith(TEMPORARY_PREFIX):
            continue  # Somebody's who is writing one just now; if not, it goes when it is old.
        dataset = StatCache.load(path).dataset
        if dataset is None or dataset not in stored:
            remove_file(path)


def _report(marking: _Marking, plan: CollectionPlan, result: CollectionResult | None) -> Collected:
    return Collected(
        dry_run=result is None,
        manifests=len(marking.versions),
        absent=marking.absent,
        missing_chunks=marking.missing_chunks,
        needed_by_work_trees=plan.needed[Reason.WORK_TREES],
        needed_by_history=plan.needed[Reason.HISTORY],
        needed_as_bases=plan.needed[Reason.BASE],
        written_meanwhile=plan.needed[Reason.RECENT],
        bytes_before=plan.bytes_before,
        bytes_after=plan.bytes_after if result is None else result.bytes_after,
        packs_deleted=len(plan.with_action("delete")),
        packs_rewritten=len(plan.with_action("rewrite")),
        packs_kept=len(plan.with_action("keep")),
        plan=plan,
        damaged=() if result is None else result.damaged,
    )
