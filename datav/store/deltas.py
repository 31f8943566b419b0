"""Deltas: against what a new chunk is worth compressing.

When a file that is already known is added again, most of its chunks are found in the store; what is new
lies in gaps between them.  The old version has chunks in the same gaps, and these are nearly the same
bytes: a 64 KiB chunk with one changed row takes some sixty bytes against its old self, and 26 KB alone.
Deciding is here and pure; reading the bases and compressing is in `datav.store.writing`.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, pairwise

from datav.formats.frame import MAX_BASES
from datav.formats.words import u64_array
from datav.ids import ID_SIZE

# An edit moves the cuts around it a little: what lies this near to a new chunk's place counts as its place.
SLACK = 2048
# How far an old chunk is searched for before the whole file is.
_NEAR = 64
# A search through all old ids costs up to a millisecond for each GiB of the file: a few a block are enough
# to follow content that moved.
_WIDE_SEARCHES = 2

# Beyond this many old chunks (256 GiB at 64 KiB) their list alone would take too much memory.
MAX_OLD_CHUNKS = 4_194_304


class OldChunks:
    """The chunks of the version before, in order."""

    def __init__(self, ids: bytes, sizes: Sequence[int]) -> None:
        self._ids = ids
        self._ends = u64_array(accumulate(sizes))

    def __len__(self) -> int:
        return len(self._ends)

    def id(self, position: int) -> bytes:
        return self._ids[ID_SIZE * position : ID_SIZE * (position + 1)]

    def start(self, position: int) -> int:
        """The offset in the old file at which the chunk at `position` begins."""
        return self._ends[position - 1] if position else 0

    @property
    def size(self) -> int:
        return self._ends[-1] if self._ends else 0

    def position_at(self, offset: int) -> int:
        """The position whose chunk has the byte at `offset`; `len` past the end."""
        return bisect_right(self._ends, offset)

    def find(self, identity: bytes, first: int, last: int) -> int | None:
        """Return the first position in first <= p < last that holds `identity`."""
        at = self._ids.find(identity, ID_SIZE * first, ID_SIZE * last)
        while at >= 0 and at % ID_SIZE:
            at = self._ids.find(identity, at + 1, ID_SIZE * last)
        return at // ID_SIZE if at >= 0 else None

    def overlapping(self, start: int, end: int, first: int, last: int) -> list[int]:
        """Return the positions in first <= p < last that have bytes in start - SLACK .. end + SLACK."""
        low = max(first, bisect_right(self._ends, max(0, start - SLACK)))
        high = low
        while high < last and self.start(high) < end + SLACK:
            high += 1
        return list(range(low, high))


def choose_bases(
    ids: bytes, known: Sequence[int], ends: Sequence[int], offset: int, old: OldChunks
) -> list[list[bytes]]:
    """Return for each chunk of a block the old chunks to try it against: none for a known one.

    Args:
        ids: 32 bytes a chunk, in order.
        known: whether each chunk is stored already.
        ends: where each chunk ends, from the start of the block.
        offset: of the block in the new file.
        old: the version before.

    Returns:
        For each chunk at most MAX_BASES ids, in the order of the old file.
    """
    count = len(known)
    anchors = _anchors(ids, known, ends, offset, old)
    result: list[list[bytes]] = [[] for _ in range(count)]
    bounds = [(-1, -1), *anchors, (count, len(old))]
    for (before, old_before), (after, old_after) in pairwise(bounds):
        if after - before < 2 or old_after - old_before < 2:
            continue
        first, last = old_before + 1, old_after
        # Place the gap from its left end; without one from its right end; without either by the offset in
        # the file.
        if before >= 0:
            shift = old.start(first) - _start(ends, before + 1)
        elif after < count:
            shift = old.start(old_after) - _start(ends, after)
        else:
            shift = offset
        for number in range(before + 1, after):
            if not known[number]:
                start, end = _start(ends, number) + shift, ends[number] + shift
                result[number] = _nearest(old, start, end, old.overlapping(start, end, first, last))
    return result


def _start(ends: Sequence[int], number: int) -> int:
    return ends[number - 1] if number else 0


def _nearest(old: OldChunks, start: int, end: int, positions: list[int]) -> list[bytes]:
    """The position that is in the same place, or else the MAX_BASES that overlap most; as ids, none twice."""
    for position in positions:
        if abs(old.start(position) - start) <= SLACK and abs(old.start(position + 1) - end) <= SLACK:
            return [old.id(position)]

    def overlap(position: int) -> int:
        return max(old.start(position), start) - min(old.start(position + 1), end)

    best = sorted(sorted(positions, key=overlap)[:MAX_BASES])
    return list(dict.fromkeys(old.id(position) for position in best))


def _anchors(
    ids: bytes, known: Sequence[int], ends: Sequence[int], offset: int, old: OldChunks
) -> list[tuple[int, int]]:
    """Pairs (chunk of the block, position in the old file) of the same content, both increasing."""
    anchors: list[tuple[int, int]] = []
    wide = _WIDE_SEARCHES
    expected = old.position_at(offset)
    for number, is_known in enumerate(known):
        if not is_known:
            expected += 1
            continue
        identity = ids[ID_SIZE * number : ID_SIZE * (number + 1)]
        low = anchors[-1][1] + 1 if anchors else 0
        found = old.find(identity, max(low, expected - _NEAR), expected + _NEAR)
        if found is None and wide:
            wide -= 1
            found = old.find(identity, low, len(old))
        if found is not None:
            anchors.append((number, found))
            expected = found
        expected += 1
    return anchors
