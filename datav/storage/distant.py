"""Objects at a place that has to be asked over a network, and asked again.

A `Place` knows how to ask once.  Here is decided whether to ask again, whether what was put is there, and
what people are told.
"""

import hashlib
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from datav.errors import MissingObjectError, RefusedError, RemoteError
from datav.ids import Buffer
from datav.storage.attempts import Attempt, Failure, Outcome, Patience
from datav.storage.bodies import Body
from datav.storage.objects import ObjectInfo, Traffic

_READ_BACK = 8 * 2**20
"""How much is read at a time of what is checked by reading it."""

Answer = TypeVar("Answer")


class Stored(NamedTuple):
    """What a place says that it has under a name."""

    size: int | None
    md5: bytes | None
    """16 bytes.  None: it does not say, or says something that need not be one."""


class Place(Protocol):
    """Asks once.  Used from several threads.  What goes wrong is a Failure, or is made one by `failure`."""

    @property
    def shown(self) -> str: ...

    @property
    def can_write(self) -> bool: ...

    def list(self, directory: str, attempt: Attempt) -> dict[str, ObjectInfo]: ...

    def read(self, name: str, start: int, end: int | None, attempt: Attempt) -> bytes:
        """`end` is None or more than `start`.  What is past the end of the object is left out."""

    def put(self, name: str, body: Body, attempt: Attempt) -> Stored:
        """Return what the answer says of what is there now."""

    def look(self, name: str, attempt: Attempt) -> Stored:
        """Ask what is there."""

    def delete(self, name: str, attempt: Attempt) -> None:
        """May say MISSING when there is none."""

    def failure(self, exc: Exception) -> Failure | None:
        """What an exception from one of the above means; None if it is a bug."""

    def close(self) -> None: ...


class DistantObjects:
    """Objects at a `Place`."""

    def __init__(self, place: Place, patience: Patience) -> None:
        self._place, self._patience = place, patience
        self._closing = threading.Event()
        self.traffic = Traffic()

    @property
    def shown(self) -> str:
        return self._place.shown

    @property
    def can_write(self) -> bool:
        return self._place.can_write

    def list(self, directory: str) -> dict[str, ObjectInfo]:
        try:
            return self._ask("list", directory, lambda attempt: self._place.list(directory, attempt))
        except MissingObjectError:
            return {}

    def read(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        if end is not None and end <= start:
            # Nothing of it is wanted but whether it is there.
            return self.read(name, start, start + 1)[:0]
        return self._ask("read", name, lambda attempt: self._place.read(name, start, end, attempt))

    def put(self, name: str, source: Path | Buffer, *, sent: Callable[[int], object] | None = None) -> None:
        if not self.can_write:
            raise RefusedError(
                f"cannot write to {self.shown}: it can only be read",
                hint="push to where it is served from, by another URL",
            )
        body = Body(source, sent)
        # What changes bytes once, a line or a proxy, may not do so twice.
        if not (self._put_once(name, body) or self._put_once(name, body)):
            raise RemoteError(
                f"what was put at {self.shown}/{name} is not what was sent, twice",
                hint="something between here and there changes data: do not trust that remote",
            )

    def delete(self, name: str) -> None:
        if not self.can_write:
            raise RefusedError(f"cannot delete at {self.shown}: it can only be read")
        try:
            self._ask("delete", name, lambda attempt: self._place.delete(name, attempt))
        except MissingObjectError:
            pass  # somebody else was faster, or our own attempt before this one

    def close(self) -> None:
        self._closing.set()
        self._place.close()

    def _put_once(self, name: str, body: Body) -> bool:
        """Put it, trying again while that may help; False if something else is there afterwards."""
        stored = self._ask("put", name, lambda attempt: self._place.put(name, body, attempt))
        body.tell_sent(body.size)
        try:
            if stored.md5 is None:
                stored = self._ask("check", name, lambda attempt: self._place.look(name, attempt))
            if stored.size not in (None, body.size):
                return False
            # Not every checksum that looks like one is the MD5 of the bytes: those of encrypted objects.
            return stored.md5 == body.md5 or self._reads_back(name, body)
        except MissingObjectError:
            return False

    def _reads_back(self, name: str, body: Body) -> bool:
        """Whether the object is what was sent, read from the first byte to beyond the last."""
        hasher, start = hashlib.md5(usedforsecurity=False), 0
        while data := self.read(name, start, start + _READ_BACK):
            hasher.update(data)
            start += len(data)
            if len(data) < _READ_BACK:
                break
        return (start, hasher.digest()) == (body.size, body.md5)

    def _ask(self, action: str, name: str, ask: Callable[[Attempt], Answer]) -> Answer:
        """Ask until there is an answer, or there is no hope of one."""
        failed = 0
        while True:
            try:
                return ask(Attempt(self.traffic, self._patience.clock))
            except Exception as exc:
                failure = exc if isinstance(exc, Failure) else self._place.failure(exc)
                if failure is None:
                    raise
                failed += 1
                delay_s = self._patience.delay_s(failed, random.random())
                if failure.outcome is not Outcome.AGAIN or delay_s is None or self._closing.wait(delay_s):
                    raise self._error(action, name, failure, failed) from exc

    def _error(self, action: str, name: str, failure: Failure, failed: int) -> RemoteError:
        what = f"{self.shown}/{name}"
        if failure.outcome is Outcome.MISSING and action == "put":
            hint = failure.hint or "create the place that the URL names, or correct the URL"
            return RemoteError(f"cannot put {what}: there is no {self.shown}", hint=hint)
        if failure.outcome is Outcome.MISSING:
            return MissingObjectError(f"there is no {what}", hint=failure.hint)
        if failure.outcome is Outcome.REFUSED:
            hint = failure.hint or "check the credentials, and what they permit"
            return RefusedError(f"may not {action} {what}: {failure}", hint=hint)
        if failure.outcome is Outcome.AGAIN:
            times = "" if failed == 1 else f", after {failed} attempts"
            hint = failure.hint or "check the address and the network, and run the command again"
            return RemoteError(f"cannot {action} {what}: {failure}{times}", hint=hint)
        return RemoteError(f"cannot {action} {what}: {failure}", hint=failure.hint)
