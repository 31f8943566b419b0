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
from datav.formats.index import Place
from datav.formats.root import live_contents, live_roots
from datav.ids import PackId
from datav.progress import SILENT, Progress
from datav.storage.durable import remove_file
from datav.store.claims import Claim
from datav.store.completeness import Completeness, Lack
from datav.store.copying import PackCopier
from datav.store.encoding import Piece, encode_frames
from datav.store.packing import NewFrame, SealedPack
from datav.store.remote import RemoteStore
from datav.store.remoteindexing import put_indexes
from datav.store.repairing import new_frames
from datav.store.salvaging import Faults, FoundFrame, SoundFrames, find_faults, salvage, settle_deltas
from datav.store.sending import send_lacking
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


@dataclass(frozen=True, slots=True)
class _Plan:
    """What was found on a remote, and what follows."""

    read: frozenset[str]
    """Names of the indexes that were."""
    broken: frozenset[str]
    """Names of the indexes that are damaged there; of some a good copy was here, and read."""
    faults: Faults
    sound: SoundFrames
    """All that is good there now."""
    resent: tuple[SealedPack, ...]
    """What was lost there and good here, put."""
    there: frozenset[PackId]
    """Packs that were there when they were read."""
    going: frozenset[PackId]


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
        unsound_indexes = _count_indexes(self._remote, found)
        plan = self._decide(frozenset().union(*dead.values()))
        indexes = self._copy(plan)
        gone = self._delete(plan, indexes, dead)
        return RemoteRepair(
            broken_indexes=unsound_indexes,
            unindexed_packs=len(found.unindexed_packs),
            damaged_packs=len(plan.faults.packs),
            deleted_packs=len(plan.faults.packs & gone),
            unsound=len(plan.faults.ids),
            sent=sum(len(sealed.contents) - 1 for sealed in plan.resent),
        )

    def _decide(self, condemned: frozenset[PackId]) -> _Plan:
        """Read everything, send what is lost there and good here, and say which packs are to go."""
        remote, packs = self._remote, self._remote.unbelieving_packs
        read = frozenset(entry.path.name for entry in remote.lookup.indexes)
        directory = "index/"
        broken = {name.removeprefix(directory) for name in remote.broken if name.startswith(directory)}
        salvaged = salvage(packs, remote.lookup, remote.executor, progress=self._progress)
        sound = salvaged.sound
        faults = find_faults(salvaged, remote.lookup)
        rests = {base for frame in salvaged.stranded for base in frame.bases if base not in sound}
        resent = self._put(self._have(sorted(faults.ids | rests)))
        for sealed in resent:
            sound.add(_found_in(sealed))
        stranded = settle_deltas(sound, packs, salvaged.scanned, remote.executor)
        # What rests on what is lost may be good when somebody else sends that.
        held = {frame.place.pack for frame in stranded}
        there = frozenset(each.pack for each in salvaged.scanned if not each.is_gone)
        going = ((faults.packs - held) | condemned) & there
        return _Plan(read, frozenset(broken), faults, sound, tuple(resent), there, going)

    def _copy(self, plan: _Plan) -> set[str]:
        """Put what is good in packs that go into others, and indexes over all; return the names of these."""
        moved = self._put(
            self._copies(frame for frame in plan.sound.frames() if frame.place.pack in plan.going)
        )
        listed: dict[PackId, list[tuple[bytes, Place]]] = {pack: [] for pack in plan.there - plan.going}
        listed |= {sealed.pack: [] for sealed in plan.resent}
        for frame in plan.sound.frames():
            if frame.place.pack not in plan.going:
                listed.setdefault(frame.place.pack, []).append((frame.id, frame.place))
        for sealed in moved:
            listed[sealed.pack] = list(sealed.records())
        return put_indexes(self._remote, sorted(listed.items()))

    def _delete(
        self, plan: _Plan, indexes: set[str], dead: dict[str, frozenset[PackId]]
    ) -> frozenset[PackId]:
        """Say what goes, look again, and delete it; return the packs that went."""
        remote = self._remote
        self._claim.put(plan.going)
        remote.refresh(packs=True)
        self._claim.find_dead()
        listed = (remote.cache.listed or {}).keys()
        entries = remote.lookup.indexes
        fresh = {entry.path.name: entry for entry in entries if entry.path.name not in plan.read | indexes}
        # Somebody has put these again meanwhile, whole; or has listed anew what was: the next repair tells.
        going = plan.going.difference(*(entry.index.packs for entry in fresh.values()))
        appeared = listed - plan.there
        again: dict[PackId, list[tuple[bytes, Place]]] = {}
        for entry in entries:
            # What was lost and has been put again may be listed as it was before, by a file of the same name.
            if entry.path.name in plan.read and appeared & {*entry.index.packs}:
                for record in entry.index.records():
                    if record[1].pack in appeared:
                        again.setdefault(record[1].pack, []).append(record)
        indexes = indexes | put_indexes(remote, sorted(again.items()))
        old = (plan.read | plan.broken) - indexes - fresh.keys()
        self._claim.delete(f"index/{name}" for name in sorted(old))
        self._claim.check()
        self._claim.must_stay = True
        self._claim.delete(f"packs/{pack.hex()}.pack" for pack in sorted(going))
        staying = listed - going
        # Of what stays others must go on to fear that it goes.
        self._claim.delete(f"collecting/{name}" for name, packs in dead.items() if not packs & staying)
        self._claim.must_stay = False
        return going

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
