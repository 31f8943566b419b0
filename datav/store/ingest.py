"""Ingest: files into chunks and trees, as fast as the machine reads, hashes and writes.

Large files are read in blocks, and small ones in batches, each a unit of work for the executor.  A block is
scanned for candidates wherever it lies; where it is cut is decided in order, by the one thread that runs
`ingest` (cheap); then its chunks are hashed, looked up and stored by the executor again.  So one file keeps
all cores busy, and so do many.

Memory is bounded by BLOCKS_IN_FLIGHT blocks, whatever the files' sizes.
"""

import os
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from datav.core import LEAD, ChunkerParams, Cutter, find_candidates, find_cuts_many
from datav.errors import FormatError, IntegrityError, StorageError
from datav.formats.entry import EMPTY_CONTENT, Content
from datav.formats.words import u64_array
from datav.ids import ID_SIZE
from datav.progress import SILENT, Progress
from datav.storage.direct import ALIGNMENT, allocate
from datav.store.deltas import OldChunks, choose_bases
from datav.store.encoding import DeltaLuck
from datav.store.reading import Reader
from datav.store.trees import FileShape, read_file_shape, write_file_tree
from datav.store.writing import Sink

BLOCK = 4 * 2**20
BLOCKS_IN_FLIGHT = 10
# More would take the interpreter lock from each other, fewer would wait for the disk.
BATCHES_IN_FLIGHT = min(BLOCKS_IN_FLIGHT, (os.cpu_count() or 2) + 2)
# Files up to this size are read many at a time; larger ones in blocks.
SMALL_FILE = 2**20
BATCH_BYTES = 4 * 2**20
BATCH_FILES = 512
# What is read before a block: enough lead-in, and aligned.
_LEAD_READ = -(-LEAD // ALIGNMENT) * ALIGNMENT

Observer = Callable[[memoryview, int], object]
"""Looks at a block: (data, lead), where the first `lead` bytes are the end of the block before."""


class LargeFile(Protocol):
    """A file that is read in blocks, at any offsets, from several threads."""

    @property
    def size(self) -> int: ...

    def read_into(self, buffer: memoryview, offset: int) -> int:
        """Fill `buffer` from `offset`; raise ChangedWhileReadError when the file ends early."""


class SmallFiles(Protocol):
    """Files that are read together."""

    @property
    def sizes(self) -> Sequence[int]: ...

    def read_all(self, arena: memoryview) -> Sequence[int]:
        """Read files, in order, one after the other, into `arena`; return where each ends in it.

        Fewer ends than files: the next one grew so much that it no longer fits.
        """


@dataclass(frozen=True, slots=True)
class Ingested:
    """What a large file became."""

    content: Content
    observed: list[object]
    """What the observer returned, block by block in order."""


@dataclass(slots=True)
class _FileState:
    file: LargeFile
    old: FileShape | None
    observer: Observer | None
    cutter: Cutter
    luck: DeltaLuck = field(default_factory=DeltaLuck)
    old_chunks: OldChunks | None = None
    ids: list[bytes] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    observed: list[object] = field(default_factory=list)
    carry: bytes = b""
    """Bytes behind the last cut that is decided; the next block's chunk begins with them."""


@dataclass(slots=True)
class _Block:
    state: _FileState
    offset: int
    length: int
    buffer: memoryview
    room: int
    """Offset in `buffer` at which the block's own bytes begin; its lead-in and the carry go before."""

    @property
    def is_last(self) -> bool:
        return self.offset + self.length == self.state.file.size


class Ingest:
    """Stores files through one writer.  Used by one thread."""

    def __init__(
        self,
        writer: Sink,
        reader: Reader,
        params: ChunkerParams,
        executor: Executor,
        progress: Progress = SILENT,
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._params = params
        self._executor = executor
        self._progress = progress
        self._room = -(-(params.largest + LEAD) // ALIGNMENT) * ALIGNMENT
        self._buffers: list[memoryview] = []

    def large_file(
        self, file: LargeFile, *, old: Content | None = None, observer: Observer | None = None
    ) -> Ingested:
        """Store one file; what it has in common with the version `old` is found, what is near to it becomes
        deltas.

        Raises:
            ChangedWhileReadError: the file did not hold still.
            StorageError: the store cannot be written.
        """
        shape = self._shape(old)
        state = _FileState(file, shape, observer, Cutter(self._params))
        if shape is not None:
            state.old_chunks = shape.old_chunks()
        self._run(state)
        ids = b"".join(state.ids)
        content = write_file_tree(self._writer, ids, u64_array(state.sizes), shape)
        return Ingested(content, state.observed)

    def _shape(self, old: Content | None) -> FileShape | None:
        """The version before; None when there is none that can be read: it only makes storing cheaper."""
        if old is None or old.size == 0:
            return None
        try:
            return read_file_shape(self._reader, old)
        except (FormatError, IntegrityError, StorageError):
            return None

    def small_files(
        self, batches: Iterable[tuple[SmallFiles, Sequence[Content | None]]]
    ) -> Iterator[list[Content]]:
        """Store batches of small files; yield the contents of each batch, in order.

        Each batch comes with the contents of its files' versions before, where there are such.  What a batch
        could not read has no content: it is shorter then.
        """
        running: deque[tuple[Future[list[Content]], memoryview, int]] = deque()
        try:
            for files, olds in batches:
                if len(running) >= BATCHES_IN_FLIGHT:
                    yield self._collect(running)
                arena = self._arena(sum(files.sizes))
                future = self._executor.submit(self._store_batch, files, olds, arena)
                running.append((future, arena, len(files.sizes)))
            while running:
                yield self._collect(running)
        finally:
            _settle([future for future, _, _ in running])

    def _collect(self, running: "deque[tuple[Future[list[Content]], memoryview, int]]") -> list[Content]:
        future, arena, _ = running[0]
        contents = future.result()
        running.popleft()
        self._buffers.append(arena)
        self._progress.advance(sum(content.size for content in contents))
        self._writer.checkpoint_if_due()
        return contents

    def _arena(self, needed: int) -> memoryview:
        arena = self._buffers.pop() if self._buffers else allocate(self._room + BLOCK)
        # One file may be as large as SMALL_FILE over BATCH_BYTES; never more, so this is for odd parameters
        # only.
        return arena if len(arena) >= needed + 1 else allocate(needed + 1)

    def _store_batch(
        self, files: SmallFiles, olds: Sequence[Content | None], arena: memoryview
    ) -> list[Content]:
        file_ends = files.read_all(arena)
        total = file_ends[-1] if len(file_ends) else 0
        data = arena[:total]
        p = self._params
        cuts = (
            memoryview(find_cuts_many(data, u64_array(file_ends), p.smallest, p.target, p.largest))
            .cast("Q")
            .tolist()
        )
        shapes = [self._shape(old) for old in olds]
        chooser = partial(_choose_for_files, cuts, file_ends, shapes) if any(shapes) else None
        ids = self._writer.put_chunks(data, cuts, choose=chooser)
        return self._contents(ids, cuts, file_ends, shapes)

    def _contents(
        self, ids: bytes, cuts: Sequence[int], file_ends: Sequence[int], shapes: Sequence[FileShape | None]
    ) -> list[Content]:
        contents, number, start = [], 0, 0
        for end, shape in zip(file_ends, shapes, strict=True):
            first, sizes = number, []
            while start < end:
                sizes.append(cuts[number] - start)
                start = cuts[number]
                number += 1
            if not sizes:
                contents.append(EMPTY_CONTENT)
            elif len(sizes) == 1:
                contents.append(Content(ids[ID_SIZE * first : ID_SIZE * number], 0, sizes[0]))
            else:
                file_ids = ids[ID_SIZE * first : ID_SIZE * number]
                contents.append(write_file_tree(self._writer, file_ids, sizes, shape))
        return contents

    def _run(self, state: _FileState) -> None:
        scanning: deque[tuple[_Block, Future[tuple[bytes, object]]]] = deque()
        storing: deque[tuple[_Block, Future[bytes], list[int]]] = deque()
        try:
            for offset in range(0, state.file.size, BLOCK):
                while len(scanning) + len(storing) >= BLOCKS_IN_FLIGHT:
                    self._step(scanning, storing)
                length = min(BLOCK, state.file.size - offset)
                buffer = self._buffers.pop() if self._buffers else allocate(self._room + BLOCK)
                block = _Block(state, offset, length, buffer, self._room)
                scanning.append((block, self._executor.submit(_scan, block, self._params)))
            while scanning or storing:
                self._step(scanning, storing)
        finally:
            _settle([*(future for _, future in scanning), *(future for _, future, _ in storing)])

    def _step(
        self,
        scanning: "deque[tuple[_Block, Future[tuple[bytes, object]]]]",
        storing: "deque[tuple[_Block, Future[bytes], list[int]]]",
    ) -> None:
        """Move the oldest block on: from scanned to being stored, or from stored to done."""
        # Cutting the next block early keeps the executor fed; only when too many are being stored is one
        # waited for.
        if scanning and (len(storing) < BLOCKS_IN_FLIGHT // 2 or scanning[0][1].done()):
            block, scanned = scanning[0]
            candidates, observed = scanned.result()
            scanning.popleft()
            block.state.observed.append(observed)
            storing.append(self._cut(block, candidates))
            return
        block, stored, sizes = storing[0]
        ids = stored.result()
        storing.popleft()
        block.state.ids.append(ids)
        block.state.sizes += sizes
        self._buffers.append(block.buffer)
        self._progress.advance(block.length)
        self._writer.checkpoint_if_due()

    def _cut(self, block: _Block, candidates: bytes) -> "tuple[_Block, Future[bytes], list[int]]":
        """Decide the cuts that are now certain, and hand the chunks that they end to the executor."""
        state = block.state
        lead = min(_LEAD_READ, block.offset)
        chunk_start = state.cutter.start
        ends = state.cutter.feed(
            candidates, block.offset - lead, block.offset + block.length, last=block.is_last
        ).tolist()
        carry = state.carry
        first = block.room - len(carry)
        block.buffer[first : block.room] = carry
        data_end = block.room + block.length
        local = [end - chunk_start for end in ends]
        cut_at = first + (local[-1] if local else 0)
        state.carry = bytes(block.buffer[cut_at:data_end])
        sizes = [end - start for start, end in zip([chunk_start, *ends], ends, strict=False)]
        data = block.buffer[first:cut_at]
        chooser = None
        if state.old_chunks is not None:
            chooser = partial(choose_bases, ends=local, offset=chunk_start, old=state.old_chunks)
        stored = self._executor.submit(self._writer.put_chunks, data, local, choose=chooser, luck=state.luck)
        return block, stored, sizes


def _scan(block: _Block, params: ChunkerParams) -> tuple[bytes, object]:
    """Read a block and its lead-in; find its candidates; show it to the observer."""
    lead = min(_LEAD_READ, block.offset)
    view = block.buffer[block.room - lead : block.room + block.length]
    block.state.file.read_into(view, block.offset - lead)
    candidates = find_candidates(view, lead, params.hard, params.easy)
    observer = block.state.observer
    return candidates, observer(view, lead) if observer is not None else None


def _settle(futures: Sequence[Future[Any]]) -> None:
    """Wait until nothing of these runs any more: their buffers and descriptors are about to go."""
    for future in futures:
        future.cancel()
    wait(futures)


def _choose_for_files(
    cuts: Sequence[int],
    file_ends: Sequence[int],
    shapes: Sequence[FileShape | None],
    ids: bytes,
    known: Sequence[int],
) -> list[list[bytes]]:
    """choose_bases for files that lie back to back: each against its own version before."""
    bases: list[list[bytes]] = []
    start = 0
    for end, shape in zip(file_ends, shapes, strict=True):
        first = len(bases)
        last = bisect_right(cuts, end, first) if end > start else first
        old = shape.old_chunks() if shape is not None and not all(known[first:last]) else None
        if old is None:
            bases += [[] for _ in range(first, last)]
        else:
            local = [cut - start for cut in cuts[first:last]]
            bases += choose_bases(ids[ID_SIZE * first : ID_SIZE * last], known[first:last], local, 0, old)
        start = end
    return bases


def plan_batches(sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Cut a list of small files into batches: pairs (first, end) of positions."""
    first, total = 0, 0
    for number, size in enumerate(sizes):
        if number > first and (total + size > BATCH_BYTES or number - first >= BATCH_FILES):
            yield first, number
            first, total = number, 0
        total += size
    if first < len(sizes):
        yield first, len(sizes)
