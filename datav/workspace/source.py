"""Where the bytes of a checkout come from, as far as the workspace needs to know."""

import queue
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from datav.formats.entry import Content
from datav.storage.direct import ALIGNMENT, allocate

BUFFER_SIZE = 4 * 2**20
# Together 64 MiB, however many workers there are.
_MAX_BUFFERS = 16


class ContentSource(Protocol):
    """Gives the bytes of contents.  All methods may be called from several threads at once."""

    def chunks(self, content: Content) -> list[tuple[bytes, int]]:
        """Return (id, length) of each chunk of `content`, in order.

        Raises:
            IntegrityError: a node of the content's tree is missing or damaged.
        """

    def read_into(self, chunks: Sequence[tuple[bytes, int]], buffer: memoryview) -> None:
        """Fill `buffer` with the bytes of `chunks`, back to back, each checked against its id.

        Args:
            chunks: any that are stored, of one file or of several, repeated or not.
            buffer: writable, as long as the chunks are together.

        Raises:
            IntegrityError: a chunk is missing, is not what its id says, or has another length.
        """


class Buffers:
    """A few large buffers that are used again: a fresh one costs as much as the copy into it."""

    def __init__(self) -> None:
        self._free: queue.LifoQueue[memoryview | None] = queue.LifoQueue()
        for _ in range(_MAX_BUFFERS):
            self._free.put(None)

    @contextmanager
    def borrow(self) -> Iterator[memoryview]:
        """Lend a buffer of BUFFER_SIZE + ALIGNMENT bytes, aligned; waits while all are lent."""
        buffer = self._free.get()
        if buffer is None:
            buffer = allocate(BUFFER_SIZE + ALIGNMENT)
        try:
            yield buffer
        finally:
            self._free.put(buffer)
