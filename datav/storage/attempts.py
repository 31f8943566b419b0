"""One try at asking a place for something, why it failed, and whether and when to try again.

Pure but for the counting.  All that is asked of a place may be asked twice (`Objects`), so trying again is
always safe; what is decided here is whether it has any hope.
"""

import enum
import time
from collections.abc import Callable
from dataclasses import dataclass

from datav.storage.objects import Traffic

_LONGEST_WORDS = 300
"""Characters of what a server says that people are shown: some send whole pages."""
_SLOWEST = 2**14
"""Bytes a second: slower than this is as good as standing still."""


class Outcome(enum.Enum):
    """What a failure means to who asked."""

    AGAIN = "may work when tried again"
    REFUSED = "we may not"
    MISSING = "there is no such thing"
    NEVER = "trying again changes nothing"


class Failure(Exception):
    """One attempt did not work.  Never leaves `storage`: `DistantObjects` makes errors of it."""

    def __init__(self, outcome: Outcome, words: str, *, hint: str | None = None) -> None:
        super().__init__(_in_one_line(words))
        self.outcome, self.hint = outcome, hint


@dataclass(frozen=True, slots=True)
class Patience:
    """How often something is tried, and how long we wait in between."""

    attempts: int = 5
    # With these waits the last attempt begins 8 to 17 seconds after the first: a server that restarts or
    # slows us down is back by then, and nobody is kept waiting for one that is not.
    first_s: float = 0.5
    factor: float = 3.0
    longest_s: float = 10.0
    stall_timeout_s: float = 60.0
    """After so long without a byte an attempt is given up."""
    clock: Callable[[], float] = time.monotonic

    def delay_s(self, failed: int, chance: float) -> float | None:
        """Return how long to wait after so many failed attempts; None: no more of them.

        Args:
            failed: 1 or more.
            chance: at random from 0 to 1, so that clients that failed together do not come back together.
        """
        if failed >= self.attempts:
            return None
        return min(self.first_s * self.factor ** (failed - 1), self.longest_s) * (1 + chance) / 2


class Attempt:
    """One try under way: counts what moves, and knows when something last did.  Used from several threads."""

    def __init__(self, traffic: Traffic, clock: Callable[[], float]) -> None:
        self._traffic, self._clock = traffic, clock
        self.last_moved = clock()

    def asked(self) -> None:
        """A request begins.  Some attempts take several: a listing of many pages."""
        self._traffic.count()
        self.moved()

    def sent(self, size: int) -> None:
        self._traffic.count(requests=0, sent=size)
        self.moved()

    def received(self, size: int) -> None:
        self._traffic.count(requests=0, received=size)
        self.moved()

    def moved(self) -> None:
        self.last_moved = max(self.last_moved, self._clock())

    def allow(self, size: int) -> None:
        """So many bytes are about to come all at once as far as we can see: at a rate of this at least."""
        self.last_moved = self._clock() + size / _SLOWEST


def outcome_of_status(status: int) -> Outcome:
    """What an HTTP status means for the one who asked."""
    if status in (401, 403, 407):
        return Outcome.REFUSED
    if status in (404, 410):
        return Outcome.MISSING
    # 501: a server that does not know the request will not learn it.
    if status in (408, 425, 429) or (status >= 500 and status != 501):
        return Outcome.AGAIN
    return Outcome.NEVER


def expected_length(
    start: int, end: int | None, *, content_range: str | None, content_length: int | None
) -> int | None:
    """Return how many bytes an answer must hold that was asked for `start` to `end`; None: it does not say.

    Raises:
        Failure: the answer is another part of the object than what was asked for.
    """
    if content_range is None:
        # The server sends the whole object.  That is well only if it is what was asked for.
        if start == 0 and (end is None or (content_length is not None and content_length <= end)):
            return content_length
        raise Failure(
            Outcome.NEVER,
            "the server sends whole files when asked for a part",
            hint="switch on range requests in the server's configuration",
        )
    first, last, total = _parse_content_range(content_range)
    wanted = total if end is None else end if total is None else min(end, total)
    if first != start or (wanted is not None and last != wanted):
        raise Failure(Outcome.AGAIN, f"the server sends `{content_range}` when asked for {start} to {end}")
    return last - first


def _parse_content_range(text: str) -> tuple[int, int, int | None]:
    """`bytes 5-9/100` -> (5, 10, 100)."""
    unit, _, rest = text.strip().partition(" ")
    span, _, total = rest.partition("/")
    first, _, last = span.partition("-")
    if unit.lower() != "bytes" or not (first.isdecimal() and last.isdecimal()):
        raise Failure(Outcome.AGAIN, f"the server sends a range that means nothing: {text}")
    return int(first), int(last) + 1, int(total) if total.isdecimal() else None


def _in_one_line(words: str) -> str:
    line = " ".join(words.split())
    return line if len(line) <= _LONGEST_WORDS else f"{line[:_LONGEST_WORDS]}…"
