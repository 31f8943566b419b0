"""repair --remote: what is damaged on a remote, made good again from what is good there and here."""

from dataclasses import dataclass

from datav.errors import RemoteError
from datav.formats.root import live_roots
from datav.ids import NodeId
from datav.repo.clone_identity import clone_identity
from datav.repo.collect_remote import DEFAULT_GRACE_S, only_collection
from datav.repo.connecting import connected
from datav.repo.repository import Repository
from datav.repo.verify_remote import check_remote_store
from datav.storage.leases import writer_lease
from datav.store.claims import Claim
from datav.store.remote import RemoteStore
from datav.store.remoterepairing import (
    RemoteRepair,
    find_promised_lack,
    plan_remote_repair,
    repair_remote_store,
)


@dataclass(frozen=True, slots=True)
class LostThere:
    """What a live root names, and the remote has not got all of."""

    id: str
    who: tuple[str, ...]
    """Who pushed it."""
    chunks: int
    nodes: int


@dataclass(frozen=True, slots=True)
class RepairedRemote:
    """What a repair of a remote did or, as a dry run, would do."""

    dry_run: bool
    remote: str
    damaged: int
    """Chunks and tree nodes that were damaged, as far as indexes lead to them."""
    done: RemoteRepair
    lost: tuple[LostThere, ...]
    broken_roots: tuple[str, ...]
    """Roots that cannot be read: what they need is not known."""

    @property
    def ok(self) -> bool:
        """Whether nothing is lost."""
        return not self.lost and not self.broken_roots


def repair_remote(
    repository: Repository, name: str | None = None, *, dry_run: bool = False
) -> RepairedRemote:
    """Make a remote whole again, as far as it can be from here.

    Args:
        name: None for the default.
        dry_run: only say what is wrong.

    Raises:
        BusyError: a collection is under way there.
        RemoteError: it cannot be reached or refuses; running it again goes on.
        UsageError: there is no such remote.
    """
    with connected(repository, name) as remote:
        if not remote.refresh(packs=True, again=True):
            raise RemoteError(f"there is no store at {remote.shown} yet", hint="`datav push` makes one")
        if dry_run:
            found = check_remote_store(repository, remote)
            done = plan_remote_repair(remote, found, progress=repository.progress)
            return _report(remote, len(found.damaged), done, dry_run=True)
        if not remote.objects.can_write:
            raise RemoteError(
                f"{remote.shown} can only be read", hint="repair it from where it can be written"
            )
        # Nobody collects the local store meanwhile.
        with only_collection(repository, remote.name), writer_lease(repository.store.layout.locks):
            return _repair(repository, remote)


def _repair(repository: Repository, remote: RemoteStore) -> RepairedRemote:
    claim = Claim(remote, clone_identity(repository).id, DEFAULT_GRACE_S)
    try:
        claim.put(frozenset())
        remote.refresh(packs=True, again=True)
        dead = claim.find_dead()
        found = check_remote_store(repository, remote)
        done = repair_remote_store(
            repository.store,
            remote,
            found,
            claim,
            dead,
            repository.executor,
            progress=repository.progress,
        )
        claim.end()
    finally:
        claim.give_up()
    remote.refresh(packs=True, again=True)
    return _report(remote, len(found.damaged), done, dry_run=False)


def _report(remote: RemoteStore, damaged: int, done: RemoteRepair, *, dry_run: bool) -> RepairedRemote:
    roots = live_roots(remote.roots).values()
    lost = tuple(
        LostThere(
            NodeId(content.id).text,
            tuple(dict.fromkeys(root.label for root in roots if content in root.contents)),
            lack.chunks,
            lack.nodes,
        )
        for content, lack in find_promised_lack(remote).items()
    )
    broken = tuple(sorted(name for name in remote.broken if name.startswith("roots/")))
    return RepairedRemote(dry_run, remote.name, damaged, done, lost, broken)
