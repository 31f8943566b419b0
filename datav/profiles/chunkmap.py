"""Where the chunks of a file lie, and how it is cut into segments that two versions share.

A segment ends where a chunk's id says so, so an edit changes the segment it is in and no other, as an edit
changes the chunk it is in.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from datav.profiles.arrays import I64

# About 5 MiB of chunks of the usual size: a segment's sketches of ten columns take some 20 KiB.
_TARGET = 64
# Bounds the memory that one takes.
_MOST = 2 * _TARGET

_ID_SIZE = 32


@dataclass(frozen=True, slots=True, eq=False)
class ChunkMap:
    """The chunks of one file, in order."""

    ends: I64
    """Where each ends in the file."""
    ids: NDArray[np.uint8]
    """Shape (n, 32)."""

    @property
    def size(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    def name_range(self, start: int, end: int) -> bytes:
        """Return what the bytes from `start` to `end` follow from: the chunks that hold them, and where in
        the first of these they begin."""
        first = int(np.searchsorted(self.ends, start, side="right"))
        last = int(np.searchsorted(self.ends, end, side="left"))
        begin = int(self.ends[first - 1]) if first else 0
        return (
            (start - begin).to_bytes(8, "little")
            + (end - start).to_bytes(8, "little")
            + self._ids(first, last + 1)
        )

    def around(self, start: int, end: int) -> tuple[bytes, int]:
        """Return what a segment follows from that begins and ends with chunks, and with it the chunks before
        and behind it; and where the one behind it ends."""
        first = int(np.searchsorted(self.ends, start, side="right"))
        last = int(np.searchsorted(self.ends, end, side="left"))
        after = min(last + 1, len(self.ends) - 1)
        # What ends with the file may go on in another that has more behind the same chunks.
        edges = bytes([first == 0, last == len(self.ends) - 1, after == len(self.ends) - 1])
        return edges + self._ids(max(0, first - 1), after + 1), int(self.ends[after])

    def segments(self) -> Iterator[tuple[int, int]]:
        """Yield where segments begin and end: at a chunk whose id says so, or after _MOST chunks."""
        stops = np.flatnonzero(self.ids[:, 0] % _TARGET == 0).tolist() if len(self.ends) else []
        last = len(self.ends) - 1
        cuts = [-1]
        for stop in [*(stop for stop in stops if stop < last), last] if last >= 0 else []:
            cuts += range(cuts[-1] + _MOST, stop, _MOST)
            cuts.append(stop)
        for before, stop in pairwise(cuts):
            yield int(self.ends[before]) if before >= 0 else 0, int(self.ends[stop])

    def _ids(self, first: int, end: int) -> bytes:
        return self.ids[first:end].tobytes()


def make_chunk_map(chunks: Iterable[tuple[bytes, int]]) -> ChunkMap:
    """Return the map of chunks that are given as (id, size)."""
    ids, sizes = bytearray(), []
    for identity, size in chunks:
        ids += identity
        sizes.append(size)
    return ChunkMap(
        np.cumsum(sizes, dtype=np.int64), np.frombuffer(bytes(ids), np.uint8).reshape(-1, _ID_SIZE)
    )
