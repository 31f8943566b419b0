"""Claims: how a collection of a remote says that it is under way, and sees whether another is.

A claim is a file in `collecting/`; who makes one writes it first and looks for others second, so two
collections cannot both miss each other; both may give up (docs/formats/remote.md, R4 and R8).
"""

import contextlib
import secrets
from collections.abc import Container, Iterable

from datav.errors import BusyError, RemoteError
from datav.formats.root import Collecting, encode_collecting
from datav.ids import PackId
from datav.progress import SILENT, Progress
from datav.store.expiring import Age
from datav.store.remote import RemoteStore
from datav.store.remotepacks import in_parallel

# From its last claim to its end a collection takes minutes.  One that was stopped for so long looks for its
# claim before it goes on.
DEAD_AFTER_S = 24 * 3600.0
# Deletes between two looks at whether the claim is still there.
_DELETES = 512


class Claim:
    """A collection's own files in `collecting/`."""

    def __init__(self, remote: RemoteStore, clone: str, grace_s: float) -> None:
        self._remote = remote
        self._clone = clone
        self._grace_s = grace_s
        self._names: list[str] = []
        self.must_stay = False
        """Whether packs may be about to go, even when this collection gives up."""

    def put(self, packs: frozenset[PackId]) -> None:
        """Say what is about to go; what was said before no longer holds."""
        old = list(self._names)
        self._names.append(secrets.token_hex(16))
        data = encode_collecting(Collecting(self._clone, packs))
        self._remote.objects.put(f"collecting/{self._names[-1]}", data)
        for name in old:
            self._remote.objects.delete(f"collecting/{name}")
            self._names.remove(name)

    @property
    def now(self) -> float | None:
        """When the claim was put, by the clock of the remote, which was refreshed since."""
        held = self._remote.cache.collecting.get(self._names[-1])
        return None if held is None else held[1].modified

    def find_dead(self) -> dict[str, frozenset[PackId]]:
        """Return the claims of collections that broke off, by name; of the remote as it was last refreshed.

        Raises:
            BusyError: another collection is under way.
        """
        self._check(self._remote.cache.collecting)
        dead = {}
        for name, (collecting, info) in self._remote.cache.collecting.items():
            if name in self._names:
                continue
            if not self._is_dead(collecting, info.modified):
                raise BusyError(
                    f"clone {collecting.clone[:8]} is collecting {self._remote.shown}",
                    hint="wait for it to end; if it was killed, run it again there, or here a day later",
                )
            dead[name] = collecting.packs
        return dead

    def _is_dead(self, collecting: Collecting, modified: float | None) -> bool:
        # There is one collection of a clone at a time, and this is it.
        if collecting.clone == self._clone:
            return True
        if self.now is None or modified is None:
            return self._grace_s <= 0
        return Age(self.now, DEAD_AFTER_S).is_over(modified)

    def check(self) -> None:
        """See that nobody has taken this collection for dead.

        Raises:
            BusyError: somebody has.
        """
        self._check(self._remote.objects.list("collecting"))

    def _check(self, listed: Container[str]) -> None:
        if self._names[-1] not in listed:
            raise BusyError(
                f"this collection of {self._remote.shown} was stopped so long that another took its place",
                hint="run it again",
            )

    def delete(self, names: Iterable[str], *, progress: Progress = SILENT) -> None:
        """Delete objects, in any order; before each round of them `check`."""
        remote = self._remote
        left = list(names)
        while left:
            self.check()
            for _ in in_parallel(remote.executor, remote.jobs, remote.objects.delete, left[:_DELETES]):
                progress.advance(1)
            del left[:_DELETES]

    def end(self) -> None:
        """All that was to go is gone."""
        while self._names:
            self._remote.objects.delete(f"collecting/{self._names[0]}")
            del self._names[0]

    def give_up(self) -> None:
        """Take the claim back, unless packs may be about to go: then the next collection does."""
        if not self.must_stay:
            # What is left says that something goes that stays: that costs others only time.
            with contextlib.suppress(RemoteError):
                self.end()
