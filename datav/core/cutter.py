"""Cutting one file whose candidates arrive segment by segment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from datav.core.params import ChunkerParams

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class Cutter:
    """Turns the candidates of one file, fed in order, into chunk ends.

    Segments may be scanned by several threads in any order (`find_candidates` with 512 bytes of
    lead-in); their candidates come here in the order of the file.  The cuts are those of a serial
    scan, wherever the segments are split.

        cutter = Cutter(params)
        for segment in segments:
            ends = cutter.feed(segment.candidates, segment.base, segment.end, last=segment.is_last)

    Not safe for use from two threads at once.
    """

    def __init__(self, params: ChunkerParams) -> None:
        self.params = params
        self.start = 0
        """Offset at which the current, still open, chunk starts."""

    def feed(self, candidates: ReadableBuffer, base: int, end: int, *, last: bool = False) -> memoryview[int]:
        """Return the chunk ends that are now decided, absolute offsets in the file.

        Args:
            candidates: what find_candidates returned for this segment.
            base: offset in the file of the byte that candidate position 0 means, that is, where the
                segment's buffer starts, lead-in included.
            end: offset behind the segment's last byte; not less than in the call before.
            last: the file ends at `end`.

        Raises:
            ValueError: offsets out of order; candidates that do not increase or lie past `end`.

        Cost: a few nanoseconds a candidate.
        """
        from datav import core

        p = self.params
        packed = core.select_cuts(candidates, base, self.start, end, last, p.smallest, p.target, p.largest)
        ends = memoryview(packed).cast("Q")
        if len(ends):
            self.start = ends[-1]
        return ends
