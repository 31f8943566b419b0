"""Pushing: what contents need and a remote lacks, in packs, then an index, then a root.

The orders, and why they are safe beside other pushers and a collector, are in docs/formats/remote.md
(R1 - R4).  What is needed is marked as a collection marks it: a byte for each entry of the local indexes, so
a push of millions of chunks is planned in megabytes.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from datav.errors import IntegrityError, RemoteError
from datav.formats.entry import Content
from datav.formats.root import Clone, live_contents, live_roots
from datav.ids import NodeId
from datav.progress import SILENT, Progress
from datav.store.completeness import Completeness
from datav.store.marking import Marks, Reason, mark_contents
from datav.store.positions import Positions
from datav.store.remote import RemoteStore
from datav.store.remoteroots import become_sure, drop_merged_roots, name_contents, withdraw
from datav.store.sending import Pushed, Sender
from datav.store.store import Store

# A collector that comes in between again and again is none.
_MAX_ROUNDS = 8


def push_contents(
    store: Store,
    remote: RemoteStore,
    contents: Iterable[Content],
    *,
    clone: Clone,
    time: str,
    executor: Executor,
    progress: Progress = SILENT,
) -> Pushed:
    """Make contents complete on a remote, and name them there for this clone.

    Nobody deletes from the local store meanwhile: the caller has a writer's lease.

    Args:
        remote: refreshed.

    Raises:
        RemoteError: the remote cannot be reached or refuses.  What was put is found again by the next push.
        IntegrityError: something that is to be sent is damaged, here.
    """
    todo = remote.unnamed(contents, clone)
    result = Pushed()
    if not todo:
        return result
    if not remote.objects.can_write:
        raise RemoteError(f"{remote.shown} can only be read", hint="push to another remote")
    if not remote.exists:
        remote.create()
    remote.look_at_packs()
    plan = _mark(store, remote, todo, clone, result)
    if not plan.named:
        return result
    # Before they are put together with what is not yet looked after.
    sure = live_contents(remote.sure_roots(clone).values())
    is_named = False
    for number in range(_MAX_ROUNDS):
        Sender(store, remote, plan.marks, executor, progress, result, is_again=number > 0).send()
        if not is_named:
            root_name = name_contents(remote, clone, time, plan.named)
        remote.refresh(packs=True)
        # Perhaps by another push of this clone, which has put our root and its own together.
        is_named = plan.named <= live_contents(live_roots(remote.roots, clone.id).values())
        try:
            is_there = _is_all_there(remote, plan)
        except IntegrityError:
            withdraw(remote, clone, root_name, plan.foreign)
            raise
        if is_named and is_there:
            drop_merged_roots(remote, root_name)
            become_sure(remote, clone, plan.named | sure)
            result.named = plan.named
            return result
    raise RemoteError(
        f"what was pushed to {remote.shown} was collected again and again meanwhile",
        hint="wait for `datav gc --remote` to end, then push again",
    )


@dataclass(slots=True)
class _Plan:
    clone: str
    marks: Marks
    """Over the local indexes: all that the contents need, and what deltas that are sent rest on."""
    named: set[Content]
    foreign: set[Content]
    """Of these what is not all here: another clone's root says that it is there."""


def _mark(store: Store, remote: RemoteStore, todo: Sequence[Content], clone: Clone, result: Pushed) -> _Plan:
    marks = Marks(Positions(store.lookup.indexes))
    marked = mark_contents(marks, store.reader, todo, Reason.HISTORY)
    if not (marked.absent or marked.unwalked or marked.missing_chunks):
        return _Plan(clone.id, marks, set(todo), set())
    # What is missing was counted where it was first met; another content may share it.
    completeness = Completeness(store.lookup, store.reader)
    there = live_contents(root for root in live_roots(remote.roots).values() if root.clone != clone.id)
    named, foreign = set(), set()
    for content in todo:
        if not completeness.find_lack(content):
            named.add(content)
        elif content in there:
            named.add(content)
            foreign.add(content)
        else:
            result.incomplete.append(content)
    marks = Marks(Positions(store.lookup.indexes))
    mark_contents(marks, store.reader, sorted(named), Reason.HISTORY)
    return _Plan(clone.id, marks, named, foreign)


def _is_all_there(remote: RemoteStore, plan: _Plan) -> bool:
    """Whether all that was marked can be relied on (R3).

    Raises:
        IntegrityError: what only the remote had is gone from it.
    """
    for number in range(len(plan.marks.positions.indexes)):
        for ids in _marked_ids(plan.marks, number):
            if not all(remote.lookup.contains(ids)):
                return False
    if plan.foreign and (remote.cache.condemned or not plan.foreign <= _named_by_others(remote, plan)):
        completeness = Completeness(remote.lookup, remote.reader)
        for content in plan.foreign:
            lack = completeness.find_lack(content)
            if lack:
                raise IntegrityError(
                    f"{NodeId(content.id).short} was collected from {remote.shown} meanwhile, and is not"
                    f" here: {lack.first}",
                    hint="push from a clone that has it",
                )
    return True


def _named_by_others(remote: RemoteStore, plan: _Plan) -> set[Content]:
    return live_contents(root for root in live_roots(remote.roots).values() if root.clone != plan.clone)


def _marked_ids(marks: Marks, number: int) -> Iterator[bytes]:
    """Yield the marked ids of an index, packed, some thousand at a time."""
    marked = marks.marked(number)
    for first in range(0, len(marked), 65_536):
        yield marks.positions.ids_at(number, marked[first : first + 65_536])
