"""Repairing a remote: one index over all that is good there, what is lost sent again, damaged packs away.

It runs as a collection does, and beside no other (docs/formats/remote.md, R8 and R10): what is good in
damaged packs is put into new ones of other names, with good copies of what is lost that are here; then the
index over all that is good; then the claim names the packs that go, and it is looked again; then the old
indexes go, then the packs.  Killed anywhere in between, nothing good is gone, and the next repair goes on.
"""

import contextlib
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import groupby

from datav.errors import DatavError
from datav.formats.entry import Content
from datav.formats.frame import NODE
from datav.formats.root import live_contents, live_roots
from datav.ids import PackId
from datav.progress import SILENT, Progress
from datav.storage.durable import remove_file
from datav.store.claims import Claim
from datav.store.completeness import Completeness, Lack
from datav.store.copying import PackCopier
from datav.store.encoding import Piece, encode_frames
from datav.store.packing import NewFrame, SealedPack
from datav.store.pushing import put_index, send_lacking
from datav.store.remote import RemoteStore
from datav.store.repairing import new_frames
from datav.store.salvaging import FoundFrame, find_faults, salvage, settle_deltas
from datav.store.store import Store
from datav.store.verifying import VerifiedStore


@dataclass(frozen=True, slots=True)
class RemoteRepair:
    """What was repaired on a remote, or would be."""

    broken_indexes: int = 0
    unindexed_packs: int = 0
    damaged_packs: int = 0
    """Packs in which something is damaged."""
    deleted_packs: int = 0
    """How many of these went: others hold what may be good again when what it rests on is."""
    unsound: int = 0
    """Chunks and tree nodes of which the remote had no good copy."""
    sent: int = 0
    """Chunks and tree nodes that were sent from here."""


def find_promised_lack(remote: RemoteStore) -> dict[Content, Lack]:
    """Return what live roots name and the remote, as it was last refreshed, has not got all of."""
    completeness = Completeness(remote.lookup, remote.reader)
    promised = live_contents(live_roots(remote.roots).values())
    lacks = {content: completeness.find_lack(content) for content in promised}
    return {content: lack for content, lack in lacks.items() if lack}


def plan_remote_repair(
    remote: RemoteStore, found: VerifiedStore, *, progress: Progress = SILENT
) -> RemoteRepair:
    """Say what is wrong with a remote, which was refreshed again, with its packs.  Changes nothing."""
    salvaged = salvage(remote.unbelieving_packs, remote.lookup, remote.executor, progress=progress)
    faults = find_faults(salvaged, remote.lookup)
    return RemoteRepair(
        broken_indexes=_count_indexes(remote, found),
        unindexed_packs=len(found.unindexed_packs),
        damaged_packs=len(faults.packs),
        unsound=len(faults.ids),
    )


def repair_remote_store(
    store: Store,
    remote: RemoteStore,
    found: VerifiedStore,
    claim: Claim,
    dead: dict[str, frozenset[PackId]],
    executor: Executor,
    *,
    progress: Progress = SILENT,
) -> RemoteRepair:
    """Repair a remote.  Nobody deletes from the local store meanwhile: the caller has a writer's lease.

    Args:
        found: what verifying all of the remote said just now; it was refreshed again, with its packs.
        claim: put, without packs.
        dead: the claims of collections that broke off.
        executor: for syncing what is copied.

    Raises:
        RemoteError: the remote cannot be reached or refuses.  The next repair goes on.
        BusyError: a collection is under way; nothing that is good was deleted.

    Cost: reads all of the remote twice, and 300 bytes of memory for each chunk.
    """
    work = _Work(store, remote, claim, executor, progress)
    is_sound = found.ok and not (found.lost_packs or found.unindexed_packs or remote.broken)
    done = RemoteRepair()
    if not is_sound or any(dead.values()) or find_promised_lack(remote):
        done = work.run(found, dead)
    remote.refresh(packs=True)
    pushed = send_lacking(store, remote, find_promised_lack(remote), executor=executor, progress=progress)
    return RemoteRepair(
        broken_indexes=done.broken_indexes,
        unindexed_packs=done.unindexed_packs,
        damaged_packs=done.damaged_packs,
        deleted_packs=done.deleted_packs,
        unsound=done.unsound,
        sent=done.sent + pushed.chunks + pushed.nodes,
    )


def _count_indexes(remote: RemoteStore, found: VerifiedStore) -> int:
    return len(found.broken_indexes) + sum(name.startswith("index/") for name in remote.broken)


class _Work:
    """One repair of one remote."""

    def __init__(
        self, store: Store, remote: RemoteStore, claim: Claim, executor: Executor, progress: Progress
    ) -> None:
        self._store = store
        self._remote = remote
        self._claim = claim
        self._executor = executor
        self._progress = progress

    def run(self, found: VerifiedStore, dead: dict[str, frozenset[PackId]]) -> RemoteRepair:
        remote, packs = self._remote, self._remote.unbelieving_packs
        broken = [name for name in remote.broken if name.startswith("index/")]
        unsound_indexes = _count_indexes(remote, found)
        salvaged = salvage(packs, remote.lookup, remote.executor, progress=self._progress)
        sound = salvaged.sound
        faults = find_faults(salvaged, remote.lookup)
        rests = {base for frame in salvaged.stranded for base in frame.bases if base not in sound}
        resent = self._put(self._have(sorted(faults.ids | rests)))
        for sealed in resent:
            sound.add(_found_in(sealed))
        stranded = settle_deltas(sound, packs, salvaged.scanned, remote.executor)
        condemned = {pack for packs_of in dead.values() for pack in packs_of}
        # What rests on what is lost may be good when somebody else sends that.
        held = {frame.place.pack for frame in stranded}
        going = ((faults.packs - held) | condemned) & packs.sizes().keys()
        moved = self._put(self._copies(frame for frame in sound.frames() if frame.place.pack in going))
        kept = {each.pack for each in salvaged.scanned if not each.is_gone} - going
        table = {*kept, *(sealed.pack for sealed in (*resent, *moved))}
        records = [(frame.id, frame.place) for frame in sound.frames() if frame.place.pack not in going]
        records += [record for sealed in moved for record in sealed.records()]
        known = {entry.path.name for entry in remote.lookup.indexes}
        known |= {put_index(remote, table, records)}
        self._claim.put(frozenset(going))
        remote.refresh(packs=True)
        self._claim.find_dead()
        fresh = [entry for entry in remote.lookup.indexes if entry.path.name not in known]
        for entry in fresh:
            # Somebody has pushed meanwhile.
            own = [record for record in entry.index.records() if record[1].pack not in going]
            records += own
            table |= {place.pack for _, place in own}
        name = put_index(remote, table, records)
        self._claim.check()
        old = known | {entry.path.name for entry in fresh}
        for each in [*broken, *(f"index/{each}" for each in sorted(old - {name}))]:
            remote.objects.delete(each)
        self._claim.must_stay = True
        for pack in sorted(going):
            remote.objects.delete(f"packs/{pack.hex()}.pack")
        for each in dead:
            remote.objects.delete(f"collecting/{each}")
        self._claim.must_stay = False
        return RemoteRepair(
            broken_indexes=unsound_indexes,
            unindexed_packs=len(found.unindexed_packs),
            damaged_packs=len(faults.packs),
            deleted_packs=len(faults.packs & going),
            unsound=len(faults.ids),
            sent=sum(len(sealed.contents) - 1 for sealed in resent),
        )

    def _have(self, ids: Sequence[bytes]) -> Iterable[NewFrame]:
        """Yield whole frames of what is lost there and good here."""
        for identity, is_here in zip(ids, self._store.lookup.contains(b"".join(ids)), strict=True):
            if is_here:
                yield from self._read_near(identity)

    def _read_near(self, identity: bytes) -> Iterable[NewFrame]:
        """A chunk or a tree node: which of them only reading it tells."""
        reader = self._store.reader
        for nodes in (False, True):
            # What is damaged here, too, is of no help.
            with contextlib.suppress(DatavError):
                content = bytes(reader.read_many([identity], nodes=nodes)[0])
                piece = Piece(identity, memoryview(content), ())
                return encode_frames(reader.codec, [piece], node=NODE if nodes else 0)
        return []

    def _copies(self, frames: Iterable[FoundFrame]) -> Iterable[NewFrame]:
        ordered = sorted(frames, key=lambda frame: frame.place)
        for _, group in groupby(ordered, key=lambda frame: frame.place.pack):
            yield from new_frames(self._remote.unbelieving_packs, list(group))

    def _put(self, frames: Iterable[NewFrame]) -> list[SealedPack]:
        """Put new packs of names that no other has."""
        remote = self._remote
        copier = PackCopier(remote.packs, remote.cache.temporary, self._executor, is_salted=True)
        done: list[SealedPack] = []
        try:
            for frame in frames:
                copier.append([frame])
                done += self._upload(copier.take())
            done += self._upload(copier.finish())
        finally:
            copier.discard()
        return done

    def _upload(self, sealed: Sequence[SealedPack]) -> Sequence[SealedPack]:
        for each in sealed:
            try:
                self._remote.objects.put(f"packs/{each.pack.hex()}.pack", each.temporary)
            finally:
                remove_file(each.temporary)
        return sealed


def _found_in(sealed: SealedPack) -> Iterable[FoundFrame]:
    for number, (identity, place) in enumerate(sealed.records()):
        yield FoundFrame(identity, place, bool(sealed.contents.kinds[number] & NODE), ())
