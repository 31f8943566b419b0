"""What is known of the bytes that two versions of a file share, before anybody looks at rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from datav.storage.caching import Cache


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

    def is_same(self, before_offset: int, after_offset: int, size: int) -> bool:
        """Whether a range of the first version and one of the second lie in one shared part, in step."""
        shift = after_offset - before_offset
        start_before = start_after = 0
        for gap in self.gaps:
            if start_before <= before_offset and before_offset + size <= gap.before_start:
                return start_after - start_before == shift
            if gap.before_start >= before_offset + size:
                return False
            start_before, start_after = gap.before_end, gap.after_end
        return start_before <= before_offset and start_after - start_before == shift
