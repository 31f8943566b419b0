"""Pushing: what contents need and a remote lacks, in packs, then an index, then a root.

The orders, and why they are safe beside other pushers and a collector, are in docs/formats/remote.md
(R1 - R4).  What is needed is marked as a collection marks it: a byte for each entry of the local indexes, so
a push of millions of chunks is planned in megabytes.
"""

import contextlib
import dataclasses
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from datav.errors import IntegrityError, RemoteError
from datav.formats.entry import Content
from datav.formats.frame import NODE
from datav.formats.index import Place, encode_index
from datav.formats.pack import PackContents
from datav.formats.root import Clone, RemoteRoot, encode_root, live_contents, live_roots
from datav.ids import NodeId, PackId
from datav.progress import SILENT, Progress
from datav.storage.durable import remove_file, write_atomic
from datav.storage.objects import ObjectInfo
from datav.store.completeness import Completeness
from datav.store.copying import PackCopier
from datav.store.lookup import OpenIndex
from datav.store.marking import Marks, Reason, mark_contents
from datav.store.merging import indexes_to_merge
from datav.store.packing import SealedPack
from datav.store.positions import Positions, lengths_of, select_ids, split_ids
from datav.store.remote import RemoteStore
from datav.store.store import Store

# A local pack this large goes as it is when nearly all of it is wanted; else it is copied into new packs.
AS_IS_SIZE = 8 * 2**20
AS_IS_SHARE = 0.9
# Frames that one index is written over: bounds memory, and what a broken push has to do again.
INDEX_FRAMES = 262_144
# A clone's roots are put together when they are so many.
MAX_ROOTS = 16
# A collector that comes in between again and again is none.
_MAX_ROUNDS = 8


@dataclass(slots=True)
class Pushed:
    """What a push did.  Sizes are bytes."""

    contents: int = 0
    """Newly named for this clone."""
    bytes_of_data: int = 0
    """Of these, as files."""
    packs: int = 0
    chunks: int = 0
    nodes: int = 0
    incomplete: list[Content] = field(default_factory=list)
    """What is neither all here nor named by anybody's root there; it was not named."""


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
        _Sender(store, remote, plan.marks, executor, progress, result, is_again=number > 0).send()
        if not is_named:
            root_name = _put_root(remote, clone, time, plan.named)
        remote.refresh(packs=True)
        # Perhaps by another push of this clone, which has put our root and its own together.
        is_named = plan.named <= live_contents(live_roots(remote.roots, clone.id).values())
        try:
            is_there = _is_all_there(remote, plan)
        except IntegrityError:
            _withdraw(remote, clone, root_name, plan.foreign)
            raise
        if is_named and is_there:
            _drop_merged_roots(remote, root_name)
            _become_sure(remote, clone, plan.named | sure)
            result.contents = len(plan.named)
            result.bytes_of_data = sum(content.size for content in plan.named)
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


def send_lacking(
    store: Store,
    remote: RemoteStore,
    contents: Iterable[Content],
    *,
    executor: Executor,
    progress: Progress = SILENT,
) -> Pushed:
    """Send what contents need, the remote lacks, and is here, in packs of names that no other has; no root.

    Args:
        remote: refreshed, with its packs.

    Raises: as `push_contents` does.
    """
    marks = Marks(Positions(store.lookup.indexes))
    mark_contents(marks, store.reader, contents, Reason.HISTORY)
    result = Pushed()
    _Sender(store, remote, marks, executor, progress, result, is_again=True).send()
    return result


class _Sender:
    """One round of sending what is marked and not there."""

    def __init__(
        self,
        store: Store,
        remote: RemoteStore,
        marks: Marks,
        executor: Executor,
        progress: Progress,
        result: Pushed,
        *,
        is_again: bool,
    ) -> None:
        self._store = store
        self._remote = remote
        self._marks = marks
        self._progress = progress
        self._result = result
        # A pack that is about to be deleted, or may be, must not be put again under its name.
        self._is_salted = is_again or bool(remote.cache.condemned)
        self._copier = PackCopier(store.packs, remote.cache.temporary, executor, is_salted=self._is_salted)
        self._uploads: list[tuple[Future[None], Path | None]] = []
        self._temporaries: set[Path] = set()
        """Copied packs that are on disk."""
        self._records: list[tuple[bytes, Place]] = []
        # What rests on something is listed last: by then that is there, whoever dies in between.
        self._deltas: list[tuple[bytes, Place]] = []

    def send(self) -> None:
        packs = self._close_over_bases()
        if not packs:
            return
        self._progress.start("pushing", self._measure(packs), "bytes")
        try:
            for pack in sorted(packs):
                self._send_from(pack)
            self._send_copied(self._copier.finish())
            self._write_index(is_last=True)
        except BaseException:
            self._copier.discard()
            for future, _ in self._uploads:
                future.cancel()
                with contextlib.suppress(Exception):
                    future.result()
            for path in self._temporaries:
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
            raise

    def _lacking_packs(self) -> set[PackId]:
        """Local packs that have something that is marked and not there."""
        packs: set[PackId] = set()
        positions = self._marks.positions
        for number in range(len(positions.indexes)):
            marked = self._marks.marked(number)
            for first in range(0, len(marked), 65_536):
                part = marked[first : first + 65_536]
                there = self._remote.lookup.contains(positions.ids_at(number, part))
                packs |= positions.packs_at(number, part[np.frombuffer(there, np.uint8) == 0])
        return packs

    def _lacking_in(self, pack: PackId) -> tuple[PackContents, NDArray[np.int64]]:
        """The contents of a local pack, and the numbers of its frames that are to be sent."""
        contents = self._store.packs.read_contents(pack)
        if contents is None:
            raise IntegrityError(f"pack {pack.short} is gone from the store", hint="run `datav verify`")
        needed = self._marks.needed_in(pack, contents) > 0
        there = np.frombuffer(bytes(self._remote.lookup.contains(contents.ids)), np.uint8) > 0
        return contents, np.flatnonzero(needed & ~there)

    def _close_over_bases(self) -> set[PackId]:
        """Mark what the deltas to be sent rest on; return the packs that have something to be sent."""
        while True:
            packs = self._lacking_packs()
            bases: dict[bytes, None] = {}
            for pack in packs:
                contents, numbers = self._lacking_in(pack)
                if contents.bases:
                    sent = set(numbers.tolist())
                    bases |= {b: None for n, ids in contents.bases.items() if n in sent for b in ids}
            packed = b"".join(bases)
            fresh = bool(bases) and not self._marks.reasons(packed).all()
            if fresh:
                stored = self._marks.add(packed, Reason.BASE)
                missing = ~stored & (np.frombuffer(self._remote.lookup.contains(packed), np.uint8) == 0)
                if missing.any():
                    name = split_ids(select_ids(packed, missing))[0].hex()[:12]
                    raise IntegrityError(
                        f"b3:{name}, which a delta rests on, is not in the store",
                        hint="run `datav verify`",
                    )
            if not fresh:
                return packs

    def _measure(self, packs: set[PackId]) -> int:
        total = 0
        for pack in packs:
            contents, numbers = self._lacking_in(pack)
            total += int(lengths_of(contents)[numbers].sum())
        return total

    def _send_from(self, pack: PackId) -> None:
        contents, numbers = self._lacking_in(pack)
        lengths = lengths_of(contents)
        is_node = np.frombuffer(contents.kinds, np.uint8)[numbers] & NODE > 0
        self._result.nodes += int(is_node.sum())
        self._result.chunks += int((~is_node).sum())
        is_whole = lengths[numbers].sum() >= AS_IS_SHARE * lengths.sum() and lengths.sum() >= AS_IS_SIZE
        if is_whole and not self._is_salted:
            self._note(pack, contents, numbers.tolist())
            self._upload(pack, self._store.layout.pack(pack), None)
        else:
            self._copier.copy(pack, contents, numbers.tolist())
            self._send_copied(self._copier.take())
        if len(self._records) >= INDEX_FRAMES:
            self._write_index(is_last=False)

    def _note(self, pack: PackId, contents: PackContents, numbers: Iterable[int]) -> None:
        """Remember what an index is to say of frames of a pack."""
        offsets = contents.offsets()
        for number in numbers:
            record = (contents.id(number), Place(pack, offsets[number], contents.lengths[number]))
            (self._deltas if number in contents.bases else self._records).append(record)

    def _send_copied(self, sealed: Sequence[SealedPack]) -> None:
        self._temporaries.update(each.temporary for each in sealed)
        for each in sealed:
            self._note(each.pack, each.contents, range(len(each.contents)))
            self._upload(each.pack, each.temporary, each.temporary)

    def _upload(self, pack: PackId, source: Path, temporary: Path | None) -> None:
        self._result.packs += 1
        # Bounds how many copied packs wait on disk.
        if len(self._uploads) >= 2 * self._remote.jobs:
            self._finish_one()
        self._uploads.append((self._remote.executor.submit(self._put, pack, source), temporary))

    def _put(self, pack: PackId, source: Path) -> None:
        listed = (self._remote.cache.listed or {}).get(pack)
        if listed is not None and _is_same(listed, source):
            # From a push that was broken off.
            self._progress.advance(listed.size)
            return
        self._remote.objects.put(f"packs/{pack.hex()}.pack", source, sent=self._progress.advance)

    def _finish_one(self) -> None:
        future, temporary = self._uploads[0]
        future.result()
        del self._uploads[0]
        if temporary is not None:
            remove_file(temporary)
            self._temporaries.discard(temporary)

    def _write_index(self, *, is_last: bool) -> None:
        """Put the index over the packs that were sent (R1)."""
        while self._uploads:
            self._finish_one()
        records, self._records = self._records, []
        if is_last:
            records, self._deltas = records + self._deltas, []
        while len(records) > 2 * INDEX_FRAMES:
            # Readers refuse one of any size; what deltas rest on is listed before them.
            part = records[:INDEX_FRAMES]
            put_index(self._remote, {place.pack for _, place in part}, part)
            del records[:INDEX_FRAMES]
        if not records:
            return
        merged = [] if self._is_salted or not is_last else _to_merge(self._remote, len(records))
        packs = {place.pack for _, place in records}.union(*(entry.index.packs for entry in merged))
        records += [record for entry in merged for record in entry.index.records()]
        name = put_index(self._remote, packs, records)
        for entry in merged:
            # What it says the new one says.  Who may not delete leaves it.
            if entry.path.name != name:
                with contextlib.suppress(RemoteError):
                    self._remote.objects.delete(f"index/{entry.path.name}")


def _to_merge(remote: RemoteStore, new_entries: int) -> list[OpenIndex]:
    """The small indexes that one over `new_entries` should take in, as far as memory allows."""
    chosen, total = [], new_entries
    for entry in sorted(indexes_to_merge(remote.lookup.indexes, new_entries), key=lambda e: e.index.count):
        total += entry.index.count
        if total > INDEX_FRAMES:
            break
        chosen.append(entry)
    return chosen


def put_index(remote: RemoteStore, packs: set[PackId], records: Iterable[tuple[bytes, Place]]) -> str:
    """Put an index over packs that are there; return its name."""
    data = encode_index(packs, records)
    name = f"{blake3(data).hexdigest()}.idx"
    remote.objects.put(f"index/{name}", data)
    write_atomic(remote.cache.index / name, data, temporary=remote.cache.temporary)
    return name


def _put_root(remote: RemoteStore, clone: Clone, time: str, contents: set[Content]) -> str:
    """Name contents for a clone (R2); its roots become one when they are many."""
    live = live_roots(remote.roots, clone.id)
    root = RemoteRoot(clone.id, clone.label, time, (), frozenset(contents))
    # Pushed before, at the same time by this clone's clock, and replaced: what replaces it is in the way.
    is_replaced = encode_root(root)[0] in remote.roots
    if len(live) >= MAX_ROOTS or is_replaced:
        all_contents = root.contents | live_contents(live.values())
        root = RemoteRoot(clone.id, clone.label, time, tuple(live), frozenset(all_contents))
    return put_root(remote, root, is_sure=False)


def put_root(remote: RemoteStore, root: RemoteRoot, *, is_sure: bool = True) -> str:
    """Put a root; return its name.

    Args:
        is_sure: all that it names is known to be there, but for what came out of roots that were not sure.
    """
    name, data = encode_root(root)
    unsure = remote.cache.unsure
    if not is_sure or any((unsure / replaced).exists() for replaced in root.replaces):
        # Before the root: who is killed in between must look after it (R3).
        write_atomic(unsure / name, b"", temporary=remote.cache.temporary)
    remote.objects.put(f"roots/{name}", data)
    write_atomic(remote.cache.roots / name, data, temporary=remote.cache.temporary)
    remote.roots[name] = root
    return name


def _become_sure(remote: RemoteStore, clone: Clone, sure: set[Content]) -> None:
    """Note which roots name only what is known to be there."""
    live = live_roots(remote.roots, clone.id)
    replaced = {old for root in remote.roots.values() for old in root.replaces}
    for path in remote.cache.unsure.iterdir():
        # What is not listed another push may be about to put.
        if path.name in replaced or (path.name in live and live[path.name].contents <= sure):
            remove_file(path)


def _withdraw(remote: RemoteStore, clone: Clone, name: str, gone: set[Content]) -> None:
    """Take back that some contents are needed, which are not there; also what a killed push said of them."""
    sure = remote.sure_roots(clone)
    unsure = {n: root for n, root in live_roots(remote.roots, clone.id).items() if n not in sure}
    root = remote.roots.get(name)
    if root is not None:
        replaces = {*root.replaces, *unsure} - {name}
        contents = live_contents([root, *unsure.values()]) - gone
        root = dataclasses.replace(root, replaces=tuple(sorted(replaces)), contents=frozenset(contents))
        put_root(remote, root, is_sure=False)
        remote.objects.delete(f"roots/{name}")


def _drop_merged_roots(remote: RemoteStore, name: str) -> None:
    """Delete the roots that are all in a newer one: nobody loses anything by it."""
    root = remote.roots.get(name)
    if root is None:
        return  # another push of this clone has taken it into its own
    for old in root.replaces:
        held = remote.roots.get(old)
        # What it replaces itself would count again without it: a collection deletes these first.
        if held is not None and held.contents <= root.contents and not remote.roots.keys() & {*held.replaces}:
            # Who may not delete leaves it.
            with contextlib.suppress(RemoteError):
                remote.objects.delete(f"roots/{old}")


def _is_same(listed: ObjectInfo, source: Path) -> bool:
    if listed.size != os.path.getsize(source):
        return False
    return listed.md5 is None or listed.md5 == _md5(source)


def _md5(path: Path) -> bytes:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).digest()
