"""Sweeping a remote: what a collection has decided, done, in the orders of docs/formats/remote.md.

First is copied, which takes long and hinders nobody; then it is said what goes, looked again, and done, which
is quick.  Killed anywhere in between, nothing that is needed is gone, and the next collection goes on.
"""

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path

import numpy as np

from datav.errors import IntegrityError
from datav.formats.frame import NODE
from datav.formats.index import Place
from datav.ids import PackId
from datav.storage.durable import remove_file
from datav.store.claims import Claim
from datav.store.copying import PackCopier
from datav.store.packing import SealedPack
from datav.store.positions import select_ids, split_ids
from datav.store.remoteindexing import put_indexes
from datav.store.remoteneeds import Collector
from datav.store.remoteview import listable, select_records

# Frames read at a time to see that the copy of a chunk that stays is sound.
_BATCH = 512


class Sweep:
    """The plan of a collector, done."""

    def __init__(
        self, collector: Collector, claim: Claim, dead: dict[str, frozenset[PackId]], executor: Executor
    ) -> None:
        self._collector = collector
        self._remote = collector.remote
        self._claim = claim
        self._dead = dead
        self._executor = executor
        self._sealed: list[SealedPack] = []

    def run(self) -> None:
        collector, remote = self._collector, self._remote
        planned = collector.plans
        if self._has_packs_to_do():
            self._check_other_copies()
            self._copy()
            planned = collector.plans
            # One that was rewritten to what it is already stays.
            going = frozenset(p.pack for p in planned if p.action != "keep") - collector.written.keys()
            before = collector.view.sizes.keys() - collector.view.condemned
            self._claim.put(going)
            remote.refresh(packs=True)
            self._dead |= self._claim.find_dead()
            if not before <= (remote.cache.listed or {}).keys():
                raise IntegrityError(
                    f"packs are gone from {remote.shown} that nobody was about to delete",
                    hint=f"run `datav verify --remote {remote.name}`; nothing was deleted",
                )
            collector.look_again(all_of(self._dead), going)
            self._replace_indexes()
            self._delete_packs()
        rewritten = {plan.pack for plan in planned if plan.action == "rewrite"}
        collector.rewritten = rewritten & {p.pack for p in collector.plans if p.action == "delete"}
        for group in collector.find_expired().deletable:
            self._delete([f"roots/{name}" for name in group])
        listed = {plan.pack for plan in collector.plans if plan.action != "delete"}
        # Of what stays others must go on to fear that it goes.
        self._delete([f"collecting/{name}" for name, packs in self._dead.items() if not packs & listed])
        self._claim.must_stay = False
        self._claim.end()

    def _has_packs_to_do(self) -> bool:
        collector = self._collector
        view = collector.view
        lost = any(
            entry.index.packs[number] not in view.condemned
            for entry in view.lookup.indexes
            for number in entry.lost
        )
        return (
            lost
            or any(plan.action != "keep" for plan in collector.plans)
            or bool(view.orphans - collector.young)
        )

    def _check_other_copies(self) -> None:
        """Read what is needed and lies twice, once in a pack that goes: the copy that stays must be sound."""
        collector = self._collector
        view, marks = collector.view, collector.marks
        going = [plan.pack for plan in collector.plans if plan.action != "keep"]
        for pack, contents in view.iter_contents(going):
            elsewhere = (marks.reasons(contents.ids) > 0) & ~view.positions.first_of(pack, contents)
            is_node = np.frombuffer(contents.kinds, np.uint8) & NODE > 0
            for nodes in (False, True):
                ids = split_ids(select_ids(contents.ids, elsewhere & (is_node == nodes)))
                for first in range(0, len(ids), _BATCH):
                    view.reader.read_frames(ids[first : first + _BATCH], nodes=nodes, longest=True)

    def _copy(self) -> None:
        """Copy what is needed in packs that are rewritten, and put the new packs."""
        collector, remote = self._collector, self._remote
        # What a broken collection may still delete must not be put again under its name.
        is_salted = bool(remote.cache.condemned)
        copier = PackCopier(remote.packs, remote.cache.temporary, self._executor, is_salted=is_salted)
        copied: set[PackId] = set()
        uploads: list[tuple[Future[None], Path]] = []
        try:
            while todo := self._rewritten() - copied:
                damaged = set()
                for pack, contents in collector.view.iter_contents(todo):
                    copied.add(pack)
                    needed = np.flatnonzero(collector.marks.needed_in(pack, contents))
                    try:
                        copier.copy(pack, contents, needed.tolist())
                    except IntegrityError:
                        damaged.add(pack)
                    self._upload(copier.take(), uploads)
                if damaged:
                    # What lies in a pack that stays remains listed, and so does what it rests on.
                    collector.damaged |= damaged
                    collector.plan_again()
            self._upload(copier.finish(), uploads)
            while uploads:
                _finish_upload(uploads)
        finally:
            copier.discard()
            for future, path in uploads:
                future.cancel()
                with contextlib.suppress(Exception):
                    future.result()
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)

    def _rewritten(self) -> set[PackId]:
        return {plan.pack for plan in self._collector.plans if plan.action == "rewrite"}

    def _upload(self, sealed: Sequence[SealedPack], uploads: list[tuple[Future[None], Path]]) -> None:
        remote = self._remote
        for each in sealed:
            # Bounds how many wait on disk.
            while len(uploads) >= 2 * remote.jobs:
                _finish_upload(uploads)
            name = f"packs/{each.pack.hex()}.pack"
            uploads.append((remote.executor.submit(remote.objects.put, name, each.temporary), each.temporary))
            self._collector.written[each.pack] = each

    def _replace_indexes(self) -> None:
        """Put indexes over all that stays, and delete those that were read."""
        new = put_indexes(self._remote, self._staying())
        self._claim.check()
        self._claim.must_stay = True
        self._delete([f"index/{name}" for name in sorted(self._collector.view.opened - new)])

    def _staying(self) -> Iterator[tuple[PackId, list[tuple[bytes, Place]]]]:
        """Yield each pack that stays with what can be read of it."""
        collector = self._collector
        staying = {plan.pack for plan in collector.plans if plan.action != "delete"}
        for pack, contents in collector.view.iter_contents(staying - collector.view.unreadable.keys()):
            yield pack, select_records(pack, contents, listable(contents, collector.marks))

    def _delete_packs(self) -> None:
        doomed = [f"packs/{p.pack.hex()}.pack" for p in self._collector.plans if p.action == "delete"]
        self._collector.progress.start("deleting", len(doomed), "packs")
        self._delete(doomed)

    def _delete(self, names: Iterable[str]) -> None:
        self._claim.delete(names, progress=self._collector.progress)


def _finish_upload(uploads: list[tuple[Future[None], Path]]) -> None:
    future, path = uploads[0]
    future.result()
    del uploads[0]
    remove_file(path)


def all_of(claims: Mapping[str, frozenset[PackId]]) -> frozenset[PackId]:
    """Every pack that one of these claims names."""
    return frozenset().union(*claims.values())
