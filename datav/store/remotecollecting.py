"""Collecting a remote: what no root of any clone needs goes, while others push.

The orders, and why they are safe, are in docs/formats/remote.md (R4 - R9).
"""

from collections.abc import Callable
from concurrent.futures import Executor

from datav.errors import RemoteError
from datav.formats.entry import Content
from datav.formats.root import encode_root
from datav.progress import SILENT, Progress
from datav.storage.durable import TEMPORARY_PREFIX
from datav.store.claims import Claim
from datav.store.expiring import Age
from datav.store.remote import RemoteStore
from datav.store.remoteneeds import Collector, Order, RemoteCollection
from datav.store.remotesweeping import Sweep, all_of
from datav.store.store import Store

# Nobody writes one object for so long.
_DRAFT_AGE_S = 24 * 3600.0


def plan_remote_collection(
    remote: RemoteStore,
    order: Order,
    *,
    now: float,
    near: Store | None = None,
    still_named: Callable[[], set[Content]] | None = None,
    progress: Progress = SILENT,
) -> RemoteCollection:
    """Say what `apply_remote_collection` would do.  Changes nothing.

    Args:
        now: by a clock here; the remote's is not known without writing.

    Raises: as `apply_remote_collection` does, but for BusyError.
    """
    if not remote.refresh(packs=True):
        return RemoteCollection()
    infos = [*remote.root_infos.values(), *(remote.cache.listed or {}).values()]
    age = Age(max([now, *(info.modified for info in infos if info.modified is not None)]), order.grace_s)
    collector = Collector(remote, order, near, progress, age)
    for root in (
        collector.forgetting_root(),
        collector.renewing_root(still_named() if still_named else None),
    ):
        if root is not None:
            collector.new_roots[encode_root(root)[0]] = root
    condemned = frozenset(remote.cache.condemned)
    collector.plan(condemned)
    return collector.report(collector.plans)


def apply_remote_collection(
    remote: RemoteStore,
    order: Order,
    *,
    executor: Executor,
    near: Store | None = None,
    still_named: Callable[[], set[Content]] | None = None,
    progress: Progress = SILENT,
) -> RemoteCollection:
    """Delete from a remote what no root of any clone needs.

    There is one such call for a clone at a time.

    Args:
        executor: for syncing what is copied.
        near: a store to read tree nodes from before the remote is asked.
        still_named: says what this clone may still need; its roots become one that names that of it which
            they name.  Without, they stay as they are.

    Raises:
        DataLossError: some clone's need cannot be known; nothing was deleted.
        IntegrityError: something that would be the last copy is damaged; nothing was deleted.
        BusyError: another collection is under way; this one has deleted nothing that is needed.
        RemoteError: the remote cannot be reached or refuses.  The next collection goes on.
        UsageError: no clone is called as the one to be forgotten.
    """
    if not remote.check_format():
        return RemoteCollection()
    if not remote.objects.can_write:
        raise RemoteError(f"{remote.shown} can only be read", hint="collect it from where it can be written")
    claim = Claim(remote, order.clone.id, order.grace_s)
    try:
        claim.put(frozenset())
        remote.refresh(packs=True)
        dead = claim.find_dead()
        collector = Collector(remote, order, near, progress, Age(claim.now, order.grace_s))
        collector.put_roots(still_named)
        collector.plan(all_of(dead))
        _delete_drafts(remote, claim)
        Sweep(collector, claim, dead, executor).run()
    finally:
        claim.give_up()
    return collector.report(collector.plans)


def _delete_drafts(remote: RemoteStore, claim: Claim) -> None:
    """Delete what killed writers have left in a directory; elsewhere there is nothing of the kind."""
    age = Age(claim.now, _DRAFT_AGE_S)
    drafts = {
        name: info for name, info in remote.objects.list("tmp").items() if name.startswith(TEMPORARY_PREFIX)
    }
    claim.delete(f"tmp/{name}" for name, info in drafts.items() if age.is_over(info.modified))
