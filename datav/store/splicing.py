"""Splicing: a stored file, edited, for the cost of the edits.

What decides where a chunk ends lies within that chunk: the smallest chunk is longer than what a candidate is
a function of (docs/formats/chunking.md).  So cutting may begin anew at the start of any old chunk, and when a
cut behind an edit falls on an old cut, all cuts that follow are the old ones.  What lies between is read and
cut; every other chunk is named again and never looked at, and the file has the name that adding it whole
would give it.

Memory is bounded by a few blocks and what is read ahead of the edits, whatever their number and size.
"""

from array import array
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import NamedTuple

from datav.core import ChunkerParams, Cutter, find_candidates
from datav.errors import FormatError
from datav.formats.entry import Content
from datav.formats.frame import MAX_BASES
from datav.formats.words import u64_array
from datav.ids import ID_SIZE, Buffer, ChunkId
from datav.store.deltas import SLACK, OldChunks
from datav.store.encoding import DeltaLuck
from datav.store.reading import Reading
from datav.store.trees import read_file_shape, write_file_tree
from datav.store.writing import Sink

# So much is cut, and so much is stored, at a time.
BLOCK = 4 * 2**20
# Old chunks that edits touch are read so many at a time, as far as the edits are known.
_CHUNKS_AHEAD = 32
# How far edits are looked at ahead of the cutting: a number of them, and bytes of their data.
_EDITS_AHEAD = 4096
_DATA_AHEAD = 4 * 2**20


class _Edit(NamedTuple):
    start: int
    end: int
    data: Buffer


def splice_file(
    writer: Sink,
    reader: Reading,
    old: Content,
    edits: Iterable[tuple[int, int, Buffer]],
    params: ChunkerParams,
) -> Content:
    """Store the file that `old` becomes by `edits`, and return what names it.

    Args:
        writer: of the store that is to have the new file; chunks that stay it has, or gets otherwise: they
            are not looked for.
        reader: gives the nodes of the old file's tree, and the chunks around the edits.
        old: the file before.  Where it was cut with other parameters than `params`, the result is cut as it
            was but for what lies around the edits: a good file, with another name than adding it would give.
        edits: (start, end, data): the old bytes from `start` up to `end` become `data`.  In order, without
            overlap; several may insert at one offset, and one that replaces may begin there behind them.

    Raises:
        ValueError: edits out of order, overlapping, or past the end of the file.
        FormatError: the old file's tree does not hold together.
        MissingChunkError: a node, or a chunk at an edit, is not stored.
        IntegrityError: what is stored of one of these is not what its id says.
        StorageError: the store cannot be written.

    Cost: reading the old tree's nodes; reading, cutting and storing a few chunks for each edit.
    """
    shape = read_file_shape(reader, old)
    chunks = OldChunks(shape.chunk_ids, shape.chunk_sizes)
    output = _Output(writer, shape.chunk_ids, shape.chunk_sizes)
    _Splice(reader, chunks, _Edits(edits, chunks.size), output, params).run()
    return write_file_tree(writer, output.ids(), output.sizes, shape)


class _Edits:
    """The edits that are still to be made; checked as they are asked for."""

    def __init__(self, edits: Iterable[tuple[int, int, Buffer]], size: int) -> None:
        self._rest = iter(edits)
        self._size = size
        self._ahead: deque[_Edit] = deque()
        self._held = 0
        """Bytes of data in those of `_ahead`."""
        self._end = 0
        """Where the last one that was asked for ends."""

    @property
    def next(self) -> _Edit | None:
        return self._ahead[0] if self._ahead or self._fetch() else None

    def take(self) -> None:
        self._held -= len(self._ahead.popleft().data)

    def ahead(self) -> Iterable[_Edit]:
        """The edits that come next, as many as may be held."""
        while len(self._ahead) < _EDITS_AHEAD and self._held < _DATA_AHEAD and self._fetch():
            pass
        return self._ahead

    def _fetch(self) -> bool:
        found = next(self._rest, None)
        if found is None:
            return False
        edit = _Edit(*found)
        if not self._end <= edit.start <= edit.end <= self._size:
            raise ValueError("edits overlap, or are not in order, or lie past the end of the file")
        self._end = edit.end
        self._held += len(edit.data)
        self._ahead.append(edit)
        return True


class _Splice:
    """One file's splicing."""

    def __init__(
        self, reader: Reading, old: OldChunks, edits: _Edits, output: "_Output", params: ChunkerParams
    ) -> None:
        self._reader = reader
        self._old = old
        self._edits = edits
        self._output = output
        self._params = params
        self._at = 0
        """Offset in the old file; what lies before is done with."""
        self._contents: dict[int, Buffer] = {}
        """Old chunks that were read, by position."""

    def run(self) -> None:
        done = 0
        while (edit := self._edits.next) is not None:
            first = self._chunk_at(edit.start)
            self._output.keep(done, first)
            self._at = self._old.start(first)
            self._cut_anew()
            done = self._old.position_at(self._at)
        self._output.keep(done, len(self._old))
        self._output.flush()

    def _cut_anew(self) -> None:
        """Cut from here on, until there is a cut where an old one is and no edit is unfinished."""
        stretch = _Stretch(self._params, self._old, self._output)
        while True:
            for data, chunk in self._pieces():
                stretch.append(data, chunk)
            is_last = self._at == self._old.size
            stretch.cut(last=is_last)
            if is_last or not stretch.is_open:
                return

    def _pieces(self) -> Iterator[tuple[memoryview, int]]:
        """Yield what the new file has up to the end of the old chunk that we are in, or of that to which an
        edit leads; each piece with the position of an old chunk that it is likely to be like."""
        chunk = self._chunk_at(self._at)
        end = self._end(chunk)
        while (edit := self._edits.next) is not None and (edit.start < end or end == self._old.size):
            yield from self._kept(chunk, edit.start)
            self._edits.take()
            yield from self._replacements(edit)
            self._at = edit.end
            if edit.end > end:
                chunk = self._chunk_at(edit.end - 1)
                end = self._end(chunk)
        yield from self._kept(chunk, end)
        self._at = end

    def _kept(self, chunk: int, end: int) -> Iterator[tuple[memoryview, int]]:
        if end > self._at:
            first = self._old.start(chunk)
            yield memoryview(self._content(chunk))[self._at - first : end - first], chunk

    def _replacements(self, edit: _Edit) -> Iterator[tuple[memoryview, int]]:
        """The data of an edit, cut where the old chunks end that it replaces."""
        data, at = memoryview(edit.data), edit.start
        chunk = self._chunk_at(at)
        while len(data):
            end = self._end(chunk)
            room = end - at if end < edit.end else BLOCK
            yield data[:room], chunk
            data = data[room:]
            if end < edit.end:
                at, chunk = end, chunk + 1

    def _chunk_at(self, offset: int) -> int:
        """The position of the chunk that has the byte at `offset`; the last one at the end of the file: the
        end of the file was what ended it."""
        return max(0, min(self._old.position_at(offset), len(self._old) - 1))

    def _end(self, chunk: int) -> int:
        return self._old.start(chunk + 1) if len(self._old) else 0

    def _content(self, chunk: int) -> Buffer:
        if chunk not in self._contents:
            self._contents = {held: data for held, data in self._contents.items() if held > chunk}
            wanted = self._wanted(chunk)
            found = self._reader.read_many([self._old.id(number) for number in wanted], nodes=False)
            for number, data in zip(wanted, found, strict=True):
                if len(data) != self._end(number) - self._old.start(number):
                    name = ChunkId(self._old.id(number)).short
                    raise FormatError(f"chunk {name} is not as long as its tree says")
                self._contents[number] = data
        return self._contents[chunk]

    def _wanted(self, chunk: int) -> list[int]:
        """This old chunk, and those that the next edits leave a part of."""
        wanted = {chunk: True}
        for edit in self._edits.ahead():
            for offset in (edit.start, edit.end):
                number = self._chunk_at(offset)
                if self._old.start(number) < offset and number not in self._contents:
                    wanted[number] = True
            if len(wanted) + len(self._contents) >= _CHUNKS_AHEAD:
                break
        return list(wanted)


class _Stretch:
    """New bytes from a place at which a chunk begins, and the old chunks that they are like."""

    def __init__(self, params: ChunkerParams, old: OldChunks, output: "_Output") -> None:
        self._params = params
        self._old = old
        self._output = output
        self._buffer = bytearray()
        self._origins: list[tuple[int, int]] = []
        """What the buffer is made of: where each piece ends, and the position of an old chunk."""

    @property
    def is_open(self) -> bool:
        """Whether bytes wait for the end of their chunk."""
        return len(self._buffer) > 0

    def append(self, data: memoryview, chunk: int) -> None:
        self._buffer += data
        if self._origins and self._origins[-1][1] == chunk:
            self._origins.pop()
        self._origins.append((len(self._buffer), chunk))
        if len(self._buffer) >= BLOCK:
            self.cut(last=False)

    def cut(self, *, last: bool) -> None:
        """Hand on the chunks that are certain; all if this is the `last` of the file."""
        params, size = self._params, len(self._buffer)
        candidates = find_candidates(self._buffer, 0, params.hard, params.easy)
        ends = Cutter(params).feed(candidates, 0, size, last=last).tolist()
        if ends:
            self._output.add(self._buffer[: ends[-1]], ends, self._bases(ends))
            del self._buffer[: ends[-1]]
            self._origins = [(end - ends[-1], chunk) for end, chunk in self._origins if end > ends[-1]]

    def _bases(self, ends: Sequence[int]) -> list[list[bytes]]:
        """For each chunk those old ones that most of it comes from, in their order."""
        if not len(self._old):
            return [[] for _ in ends]
        result, origin = [], 0
        for start, end in pairwise([0, *ends]):
            shares: Counter[int] = Counter()
            at = start
            while at < end:
                piece_end, chunk = self._origins[origin]
                shares[chunk] += min(end, piece_end) - at
                at = min(end, piece_end)
                origin += piece_end <= end
            # A base is read to be of use: a few bytes of a neighbour are not worth it.
            most = [chunk for chunk, share in shares.most_common(MAX_BASES) if share > SLACK]
            chosen = sorted(most or shares.keys())[:MAX_BASES]
            result.append(list(dict.fromkeys(self._old.id(chunk) for chunk in chosen)))
        return result


@dataclass(frozen=True, slots=True)
class _Fresh:
    """Chunks that are cut and wait to be stored."""

    data: bytearray
    ends: list[int]
    bases: list[list[bytes]]
    slot: int
    """Where their ids go among the parts of the output."""


class _Output:
    """The chunks of the new file, in order: old ones named, new ones stored many at a time."""

    def __init__(self, writer: Sink, old_ids: bytes, old_sizes: Sequence[int]) -> None:
        self.sizes: array[int] = u64_array([])
        self._writer = writer
        self._old_ids = old_ids
        self._old_sizes = old_sizes
        self._luck = DeltaLuck()
        self._parts: list[bytes] = []
        """Ids, packed."""
        self._waiting: list[_Fresh] = []
        self._waiting_bytes = 0

    def keep(self, first: int, end: int) -> None:
        """Name the old chunks from the position `first` up to `end`."""
        self._parts.append(self._old_ids[ID_SIZE * first : ID_SIZE * end])
        self.sizes.extend(self._old_sizes[first:end])

    def add(self, data: bytearray, ends: list[int], bases: list[list[bytes]]) -> None:
        self._waiting.append(_Fresh(data, ends, bases, len(self._parts)))
        self._parts.append(b"")
        self.sizes.extend(end - start for start, end in pairwise([0, *ends]))
        self._waiting_bytes += len(data)
        if self._waiting_bytes >= BLOCK:
            self.flush()

    def flush(self) -> None:
        """Store what waits."""
        if not self._waiting:
            return
        data, ends, bases, start = bytearray(), list[int](), list[list[bytes]](), 0
        for fresh in self._waiting:
            ends += [len(data) + end for end in fresh.ends]
            data += fresh.data
            bases += fresh.bases
        choose = partial(_choose, bases)
        ids = self._writer.put_chunks(memoryview(data), ends, choose=choose, luck=self._luck)
        for fresh in self._waiting:
            end = start + ID_SIZE * len(fresh.ends)
            self._parts[fresh.slot] = ids[start:end]
            start = end
        self._waiting, self._waiting_bytes = [], 0
        self._writer.checkpoint_if_due()

    def ids(self) -> bytes:
        return b"".join(self._parts)


def _choose(bases: list[list[bytes]], ids: bytes, known: Sequence[int]) -> list[list[bytes]]:
    """The bases of those that are not known: a BaseChooser."""
    return [[] if is_known else chosen for chosen, is_known in zip(bases, known, strict=True)]
