"""Delimited text as a version of a table: CSV, TSV and the like, in UTF-8.

A record is what Python's csv module takes for one.  Blocks are scanned at the same time, each on the
assumption that the first line end in it ends a record; where the block before it shows that it was inside
quotes, it is scanned again.  So the answer is that of a scan from front to back.

A place is the offset of a record times 2^20, plus its length, as far as that fits.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from copy import copy
from dataclasses import dataclass
from functools import partial
from itertools import chain, pairwise
from typing import Any, NamedTuple

import numpy as np
import pyarrow
from numpy.typing import NDArray

from datav.core.rows import gather, read_text, scan_text
from datav.errors import TableError
from datav.formats.manifest import ColumnInfo
from datav.formats.words import u32_array
from datav.tables.batches import in_order
from datav.tables.celltypes import column_types
from datav.tables.dialect import HEAD_SIZE, TextDialect, read_records
from datav.tables.encodings import decode_head
from datav.tables.naming import unique_names
from datav.tables.source import RandomAccess, line_number
from datav.tables.version import U64, Prints, View

BLOCK = 4 * 2**20
# Beyond the end of a block: its last record mostly ends there.
_LOOK_BEHIND = 64 * 2**10
# Scanned and not yet asked for.
_AHEAD = 3
_LENGTH_BITS = 20
LONGEST = 2**_LENGTH_BITS - 1
# Rows nearer to each other than this are read in one go.
_NEAR = 32 * 2**10
_MAX_RUN = 8 * 2**20
_ROWS_SAMPLED = 1000


class Span(NamedTuple):
    """A part of a file that begins at the start of a record and ends at the end of one."""

    start: int
    end: int


class Records(NamedTuple):
    """What one scan of some bytes says of the records in them."""

    starts: U64
    """Offsets in the file."""
    keys: U64
    rows: U64
    end: int
    """Behind the last record's line end; the start of the scan if there is none."""
    begin: int
    """Where the scan began: behind the line end that was taken for one of a record."""
    ragged: tuple[int, int] | None
    """Of the first record that is not as wide as the header: where it is, and how many cells it has."""
    quotes: NDArray[np.int64] | None = None
    """Offsets of all quotes from `begin` to `end`, where they were asked for."""
    lengths: U64 | None = None
    """Of the records, where they do not follow upon each other."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a scan computes."""

    columns: bytes
    key: bytes
    seed: int
    quotes: bool = False


class TextVersion:
    """One version of a delimited text.  Used from several threads, as far as its source is.

    Args:
        source: UTF-8, with or without a byte order mark.
        has_header: the first record names the columns; else they are called `1`, `2`, ...
        encoding: of the file, if it was converted.
    """

    def __init__(
        self,
        source: RandomAccess,
        dialect: TextDialect,
        *,
        has_header: bool = True,
        encoding: str | None = None,
    ) -> None:
        self.source = source
        self.dialect = dialect
        self.has_header = has_header
        self.encoding = encoding or dialect.encoding
        head = source.read_at(0, HEAD_SIZE)
        self._line_end = b"\n" if b"\n" in head else b"\r"
        self.body = self._end_of_header(head)
        """Where the first record behind the header may begin."""
        self.columns = _columns(dialect, head, has_header=has_header)
        self.row_size = len(head) / max(1, head.count(self._line_end))
        """Bytes of a row, about: what the first ones take on average."""
        self._spans: Sequence[Span] | None = None
        """What is scanned; None: all records."""

    @property
    def format(self) -> str:
        return self.dialect.format

    @property
    def types(self) -> tuple[None, ...]:
        return (None,) * len(self.columns)

    @property
    def row_count(self) -> None:
        return None

    def only(self, spans: Sequence[Span], source: RandomAccess) -> "TextVersion":
        """Return the same version, of which only parts are scanned, and read from another source of its
        bytes."""
        part = copy(self)
        part._spans, part.source = spans, source
        return part

    @property
    def spans(self) -> Sequence[Span] | None:
        """What is scanned; None: all records."""
        return self._spans

    def scan(self, view: View, seed: int, executor: Executor) -> Iterator[Prints]:
        for records in self.scan_records(view, seed, executor):
            yield Prints(_places(records), records.keys, records.rows)

    def scan_records(
        self, view: View, seed: int, executor: Executor, *, quotes: bool = False
    ) -> Iterator[Records]:
        """Yield what scans of consecutive parts say, in the order of the file.

        Args:
            quotes: also find all quotes.
        """
        wanted = _Wanted(bytes(u32_array(view.columns)), bytes(u32_array(view.key)), seed, quotes)
        spans = self._spans if self._spans is not None else [Span(self.body, self.source.size)]
        jobs = (partial(self._scan_unit, unit, wanted) for unit in self._units(spans))
        end = -1
        for block, records in chain.from_iterable(in_order(executor, jobs, _AHEAD)):
            if block.is_first:
                end = block.start
            # Else the block began inside quotes, or behind another kind of line end.
            is_right = records.begin == end
            found = records if is_right else self._scan_block(block, wanted, begin=end)
            if found.ragged is not None:
                raise self.uneven(*found.ragged)
            if len(found.starts):
                end = found.end
                yield found

    def take(self, places: U64, columns: Sequence[int], types: Sequence[object]) -> pyarrow.Table:
        names = [self.columns[column].name for column in columns]
        count, cells = read_text(
            self._texts(places),
            ord(self.dialect.delimiter),
            self.dialect.quoting,
            bytes(u32_array(columns)),
        )
        if count != len(places):
            raise TableError(f"{len(places)} records were found before and {count} now: the file has changed")
        return pyarrow.Table.from_arrays([_binary(count, *buffers) for buffers in cells], names=names)

    def records_in(self, start: int, end: int, begin: int | None = None) -> Records:
        """Return the records that begin in a part of the file, without fingerprints.

        Args:
            begin: where the first of them begins, or one before; None: behind the first line end from
                `start - 1` on, or at the start of the body.
        """
        start = max(start, self.body)
        block = _Block(start, end, self.source.size, start == self.body)
        return self._scan_block(block, _Wanted(b"", b"", 0), begin)

    def cells_between(
        self, begin: int, end: int, columns: Sequence[int] | None = None
    ) -> tuple[int, list[Any]]:
        """Return how many records lie between two offsets at which records begin, and their columns, by
        default all, as arrays of large_binary."""
        data = self.source.read_at(begin, end - begin)
        wanted = bytes(u32_array(range(len(self.columns)) if columns is None else columns))
        count, cells = read_text(data, ord(self.dialect.delimiter), self.dialect.quoting, wanted)
        return count, [_binary(count, *buffers) for buffers in cells]

    def uneven(self, place: int, cells: int) -> TableError:
        """Return what is wrong with the record at a place: it is not as wide as the header."""
        width, shown = len(self.columns), f"{cells} {'cell' if cells == 1 else 'cells'}"
        line = line_number(self.source, place)
        return TableError(f"a row has {shown} where the header has {width} (line {line})")

    def text_of(self, place: int) -> tuple[int, int]:
        """Return where the record at a place begins and ends, its line end included."""
        offset, length = place >> _LENGTH_BITS, place & LONGEST
        return (offset, offset + length) if length < LONGEST else (offset, self._find_end(offset))

    def _texts(self, places: U64) -> bytes:
        """Return the records at `places`, back to back."""
        starts = (places >> np.uint64(_LENGTH_BITS)).astype(np.int64)
        lengths = (places & np.uint64(LONGEST)).astype(np.int64)
        ends = starts + lengths
        for number in np.flatnonzero(lengths == LONGEST):
            ends[number] = self._find_end(int(starts[number]))
        parts = []
        for first, last in _runs(starts, ends):
            begin, end = int(starts[first]), int(ends[last - 1])
            data = self.source.read_at(begin, end - begin)
            if last - first == 1 or bool((starts[first + 1 : last] == ends[first : last - 1]).all()):
                parts.append(data)
            else:
                wanted = starts[first:last] - begin, ends[first:last] - begin
                parts.append(gather(data, *(side.astype(np.uint64).tobytes() for side in wanted)))
        return b"".join(parts)

    def _find_end(self, offset: int) -> int:
        size = 2 * LONGEST
        while True:
            data = self.source.read_at(offset, size)
            whole = offset + size >= self.source.size
            ends = self._scan(data, whole, _Wanted(b"", b"", 0))
            if len(ends.starts) > 1:
                return offset + int(ends.starts[1])
            if whole:
                return offset + len(data)
            size *= 2

    def _end_of_header(self, head: bytes) -> int:
        at = self.dialect.bom_size
        if not self.has_header:
            return at
        whole = len(head) < HEAD_SIZE
        scan = scan_text(head[at:], whole, ord(self.dialect.delimiter), self.dialect.quoting, 1, b"", b"", 0)
        starts = np.frombuffer(scan[0], np.uint64)
        return at + (int(starts[1]) if len(starts) > 1 else int(scan[3]))

    def _units(self, spans: Sequence[Span]) -> "Iterator[list[_Block]]":
        """Cut spans into units of work: small ones together, each block of a large one alone."""
        unit: list[_Block] = []
        size = 0
        for span in spans:
            if span.end - span.start > BLOCK:
                if unit:
                    yield unit
                    unit, size = [], 0
                cuts = [*range(span.start, span.end, BLOCK), span.end]
                for start, end in pairwise(cuts):
                    yield [_Block(start, end, span.end, start == span.start)]
            elif span.end > span.start:
                unit.append(_Block(span.start, span.end, span.end, True))
                size += span.end - span.start
                if size >= BLOCK:
                    yield unit
                    unit, size = [], 0
        if unit:
            yield unit

    def _scan_unit(self, blocks: "Sequence[_Block]", wanted: _Wanted) -> "list[tuple[_Block, Records]]":
        if len(blocks) > 1 and not wanted.quotes:
            # Small spans, each of whole records: so are all of them back to back.
            return [(blocks[0], self._scan_joined(blocks, wanted))]
        return [(block, self._scan_block(block, wanted)) for block in blocks]

    def _scan_joined(self, blocks: "Sequence[_Block]", wanted: _Wanted) -> Records:
        texts = [self.source.read_at(block.start, block.end - block.start) for block in blocks]
        found = self._scan(b"".join(texts), True, wanted)
        ends = np.cumsum([len(text) for text in texts])
        begins = np.array([block.start for block in blocks], np.int64)
        shifts = (begins - ends + [len(text) for text in texts]).astype(np.uint64)
        number = np.searchsorted(ends, found.starts.astype(np.int64), side="right")
        # A span may end in blank lines; no record reaches beyond it.
        stops = np.minimum(np.append(found.starts[1:], np.uint64(found.end)), ends.astype(np.uint64)[number])
        lengths = stops - found.starts
        starts = found.starts + shifts[number]
        ragged = None
        if found.ragged is not None:
            at, cells = found.ragged
            ragged = at + int(shifts[np.searchsorted(ends, at, side="right")].astype(np.int64)), cells
        return found._replace(
            starts=starts, lengths=lengths, begin=blocks[0].start, end=blocks[-1].end, ragged=ragged
        )

    def _scan_block(self, block: "_Block", wanted: _Wanted, begin: int | None = None) -> Records:
        """Scan the records that begin in a block.

        Args:
            begin: where a record is known to begin; None: at the block's start if it is the first of its
                span, else behind the first line end at or before that.
        """
        if begin is not None and begin >= block.end:
            return _nothing(begin)
        if begin is None and block.is_first:
            begin = block.start
        start = block.start - 1 if begin is None else begin
        reach = _LOOK_BEHIND
        while True:
            end = min(block.end + reach, block.limit)
            data = self.source.read_at(start, end - start)
            at = 0
            if begin is None:
                at = data.find(self._line_end) + 1
                if not at and end < block.limit:
                    reach *= 4
                    continue
                if not at or start + at >= block.end:
                    # No record begins here, as far as can be seen: whatever went before decides.
                    return _nothing(start + at if at else -1)
            found = self._scan(memoryview(data)[at:], end == block.limit, wanted, start + at)
            mine = int(np.searchsorted(found.starts, block.end))
            if mine < len(found.starts):
                found = _cut(found, mine)
            elif end != block.limit:
                reach *= 4
                continue
            return _with_quotes(found, data, start) if wanted.quotes else found

    def _scan(self, data: memoryview | bytes, whole: bool, wanted: _Wanted, offset: int = 0) -> Records:
        width = len(self.columns)
        starts, keys, rows, consumed, ragged, cells = scan_text(
            data,
            whole,
            ord(self.dialect.delimiter),
            self.dialect.quoting,
            width,
            wanted.columns,
            wanted.key,
            wanted.seed,
        )
        places = np.frombuffer(starts, np.uint64) + np.uint64(offset)
        uneven = (int(places[ragged]), cells) if ragged >= 0 else None
        fingerprints = np.frombuffer(rows, np.uint64)
        key_prints = fingerprints if keys is rows else np.frombuffer(keys, np.uint64)
        return Records(places, key_prints, fingerprints, offset + consumed, offset, uneven)


class _Block(NamedTuple):
    """A part of a span that is scanned in one go."""

    start: int
    end: int
    limit: int
    """Where the span ends."""
    is_first: bool


def _nothing(end: int) -> Records:
    none = np.zeros(0, np.uint64)
    return Records(none, none, none, end, end, None)


def _cut(records: Records, count: int) -> Records:
    end = int(records.starts[count])
    ragged = records.ragged if records.ragged is not None and records.ragged[0] < end else None
    columns = (records.starts[:count], records.keys[:count], records.rows[:count])
    return Records(*columns, end, records.begin, ragged)


def _with_quotes(records: Records, data: bytes, offset: int) -> Records:
    window = data[records.begin - offset : records.end - offset]
    if b'"' not in window:
        return records
    return records._replace(
        quotes=np.flatnonzero(np.frombuffer(window, np.uint8) == ord('"')) + records.begin
    )


def _places(records: Records) -> U64:
    lengths = records.lengths
    if lengths is None:
        lengths = np.diff(records.starts, append=np.uint64(records.end))
    return (records.starts << np.uint64(_LENGTH_BITS)) | np.minimum(lengths, np.uint64(LONGEST))


def _runs(starts: NDArray[np.int64], ends: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield the ranges of rows that are read together."""
    if not len(starts):
        return
    parted = np.flatnonzero(starts[1:] - ends[:-1] > _NEAR) + 1
    for first, last in pairwise([0, *parted.tolist(), len(starts)]):
        begin = first
        while begin < last:
            room = int(np.searchsorted(ends[begin:last], starts[begin] + _MAX_RUN, side="right"))
            end = begin + max(1, room)
            yield begin, end
            begin = end


def _binary(count: int, offsets: bytes, values: bytes) -> Any:
    return pyarrow.LargeBinaryArray.from_buffers(
        pyarrow.large_binary(), count, [None, pyarrow.py_buffer(offsets), pyarrow.py_buffer(values)]
    )


def _columns(dialect: TextDialect, head: bytes, *, has_header: bool) -> tuple[ColumnInfo, ...]:
    whole = len(head) < HEAD_SIZE
    decoded = decode_head(head, whole)
    text = decoded[1] if decoded is not None else ""
    records = read_records(text, dialect, whole)
    names: Sequence[str] = dialect.header
    if has_header:
        next(records, None)
    else:
        names = [str(number + 1) for number in range(len(dialect.header))]
    sampled = (record for _, record in zip(range(_ROWS_SAMPLED), records, strict=False))
    kinds = column_types(len(names), sampled)
    return tuple(ColumnInfo(name, kind) for name, kind in zip(unique_names(names), kinds, strict=True))
