"""What is known of the bytes that two versions of a file share, before anybody looks at rows."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from datav.errors import TableError
from datav.storage.caching import Cache
from datav.tables.source import RandomAccess


class Gap(NamedTuple):
    """Ranges of bytes that need not be the same; either may be empty."""

    before_start: int
    before_end: int
    after_start: int
    after_end: int


@dataclass(frozen=True, slots=True)
class Shared:
    """Before the first gap, between two, and behind the last one the bytes of both versions are the same."""

    gaps: Sequence[Gap]
    """In order; they do not overlap or touch, and every byte of both files lies in one or is shared."""
    before_id: bytes | None = None
    """Names the content of the first version, for the cache; None if nothing may be remembered of it."""
    after_id: bytes | None = None
    cache: Cache | None = None
    """Where facts of versions are remembered; None: nothing is."""
    is_after_near: bool = False
    """Whether the second version is read much faster than the first, as files on disk are."""
    known_only: bool = False
    """Refuse what would take reading a whole version."""

    def refuse_reading_all(self) -> None:
        """Raise TableError if only what is remembered, and the gaps, may be read."""
        if self.known_only:
            raise TableError("it is larger than what is compared here; `datav diff` compares it")


# Of a range whose ends lie in gaps: beyond this the gaps are taken for different without a look.
_MOST_READ = 2**20


class SameRanges:
    """Says of ranges of two files whether their bytes are the same, where `Shared` and a short look can
    tell."""

    def __init__(self, shared: Shared, before: RandomAccess, after: RandomAccess) -> None:
        self._gaps = shared.gaps
        self._ends = [gap.before_end for gap in shared.gaps]
        self._before, self._after = before, after

    def is_same(self, before_offset: int, after_offset: int, size: int) -> bool:
        """Whether a range of the first file has the bytes of one of the second, as far as is known."""
        shift = after_offset - before_offset
        at, end = before_offset, before_offset + size
        number = bisect_right(self._ends, at)
        left = _MOST_READ
        while at < end:
            start = self._gaps[number].before_start if number < len(self._gaps) else end
            if at < start:
                if self._shift_before(number) != shift:
                    return False
                at = min(start, end)
                continue
            stop = min(end, self._gaps[number].before_end)
            left -= stop - at
            if left < 0 or self._before.read_at(at, stop - at) != self._after.read_at(at + shift, stop - at):
                return False
            at, number = stop, number + 1
        return True

    def _shift_before(self, number: int) -> int:
        """How far apart the shared bytes before a gap lie in the two files."""
        if number == 0:
            return 0
        gap = self._gaps[number - 1]
        return gap.after_end - gap.before_end
