"""A file of lines as edits of its bytes: whoever changes rows of one names those, all else stays as it is.

A file whose last line has no end keeps none: what comes behind that line gives it one, and the line that
comes to be the last loses its own.  What was a last line's end may be several, where blank lines follow.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from datav.tables.source import RandomAccess

_BLOCK = 2**20
# Of a run of line ends.
_GLANCE = 2**12

LINE_ENDS = b"\r\n"


class Edit(NamedTuple):
    """Bytes of a file from `start` up to `end` become `data`.  Edits come in order and do not overlap;
    several may be empty ranges at one offset."""

    start: int
    end: int
    data: bytes


class Column(NamedTuple):
    """A column of what a table becomes."""

    name: str
    source: int | None
    """Which of the table's it is; None: a new one."""


class RowEdit(NamedTuple):
    """What happens to a row of a text or of JSON Lines.  They come in the order of the file."""

    place: int
    """Of the row, as its version calls it; of a new one the offset of the record before which it goes, or the
    size of the file."""
    cells: Sequence[bytes | None] | None
    """All columns of the result; None: the row goes."""
    is_new: bool = False


class Ending(NamedTuple):
    """What must stand behind the last line of a file before there can be another: nothing if it has an
    end."""

    quote: bytes
    """Closes the last cell, where nobody closed it."""
    line_end: bytes


class ReadAhead:
    """Reads of a source that lie near to each other as fewer and larger ones.  From one thread."""

    def __init__(self, source: RandomAccess, block: int = 2**16) -> None:
        self._source = source
        self._block = block
        self._start, self._data = 0, b""
        self.size = source.size

    def read_at(self, offset: int, size: int) -> bytes:
        at = offset - self._start
        if at < 0 or at + size > len(self._data):
            self._start, self._data = offset, self._source.read_at(offset, max(size, self._block))
            at = 0
        return self._data[at : at + size]


def has_other_columns(columns: Sequence[Column], width: int) -> bool:
    """Whether a result has other columns than its table, which has `width`, or in another order."""
    return [column.source for column in columns] != list(range(width))


def in_step(
    records: Iterable[tuple[int, bytes]], rows: Iterator[RowEdit], start_of: Callable[[int], int]
) -> Iterator[tuple[int, bytes, RowEdit | None]]:
    """Yield all records of a file, with what happens to each, and between them what is new.

    Args:
        records: where they begin, and their bytes.
        start_of: tells where the record at a place begins.

    Yields:
        Where a record begins, its bytes, and its edit; of a new row its boundary and no bytes.
    """
    row = next(rows, None)
    start = _start(row, start_of)
    for offset, raw in records:
        while row is not None and row.is_new and start <= offset:
            yield start, b"", row
            row = next(rows, None)
            start = _start(row, start_of)
        if row is not None and start == offset:
            yield offset, raw, row
            row = next(rows, None)
            start = _start(row, start_of)
        else:
            yield offset, raw, None
    while row is not None:
        assert row.is_new, f"there is no record at {row.place}"
        yield row.place, b"", row
        row = next(rows, None)


def _start(row: RowEdit | None, start_of: Callable[[int], int]) -> int:
    if row is None:
        return -1
    return row.place if row.is_new else start_of(row.place)


def joined(edits: Iterable[Edit], source: RandomAccess, find_ending: Callable[[], Ending]) -> Iterator[Edit]:
    """Yield edits of whole lines, or within lines, those that touch as one; the end of the last line stays.

    Args:
        edits: in order; a new line is an empty range, and comes with its end.
        find_ending: asked once, and only if the last line is touched.
    """
    joining = _Joining(source, find_ending)
    for edit in edits:
        yield from joining.add(edit)
    yield from joining.finish()


class _Joining:
    """An edit that grows as long as others touch it."""

    def __init__(self, source: RandomAccess, find_ending: Callable[[], Ending]) -> None:
        self._source = source
        self._find_ending = find_ending
        self._ending: Ending | None = None
        self._floor = 0
        """Where the edit before ended."""
        self._start = self._end = 0
        self._parts: list[bytes] = []
        """What there is instead, without empty parts."""
        self._held = 0
        """Bytes in them."""

    def add(self, edit: Edit) -> Iterator[Edit]:
        start, end, data = edit
        assert self._end <= start <= end, "edits come in the order of the file"
        touches = start == self._end and (self._parts or self._start < self._end)
        if start == end == self._source.size and start and not self._begins_line(touches=bool(touches)):
            quote, line_end = self._last_line()
            data = (line_end if touches else quote + line_end) + data
        if not touches:
            yield from self._flush(0)
            self._start = start
        self._end = end
        if data:
            self._parts.append(data)
            self._held += len(data)
        if self._held > _BLOCK and len(self._parts) > 1:
            # Not the last: it may come to lose its line end.
            yield from self._flush(1)

    def finish(self) -> Iterator[Edit]:
        touches_end = self._end == self._source.size and (self._parts or self._start < self._end)
        if touches_end and self._last_line().line_end:
            if self._parts:
                self._parts[-1] = self._parts[-1].rstrip(LINE_ENDS)
            else:
                self._start = self._before_line_ends(self._start)
        yield from self._flush(0)

    def _begins_line(self, *, touches: bool) -> bool:
        """Whether what is written at the end of the file begins a line."""
        if touches and not self._parts:
            # Lines that went.
            return True
        if touches and self._parts[-1][-1] in LINE_ENDS:
            return True
        return not self._last_line().line_end

    def _last_line(self) -> Ending:
        if self._ending is None:
            self._ending = self._find_ending()
        return self._ending

    def _before_line_ends(self, end: int) -> int:
        """Return where the line ends before an offset begin, as far as no edit has them."""
        while end > self._floor:
            start = max(self._floor, end - _GLANCE)
            kept = len(self._source.read_at(start, end - start).rstrip(LINE_ENDS))
            if start + kept == end:
                return end
            end = start + kept
            if kept:
                return end
        return end

    def _flush(self, kept: int) -> Iterator[Edit]:
        """Yield what is held, but for the last parts."""
        parts = self._parts[: len(self._parts) - kept]
        if parts or self._start < self._end:
            yield Edit(self._start, self._end, b"".join(parts))
            self._floor = self._end
        self._start = self._end
        self._parts = self._parts[len(parts) :]
        self._held = sum(map(len, self._parts))


def edited(source: RandomAccess, edits: Iterable[Edit]) -> Iterator[bytes]:
    """Yield a file, edited, in pieces of about a MiB or of one edit."""
    at = 0
    for start, end, data in edits:
        yield from _between(source, at, start)
        if data:
            yield data
        at = end
    yield from _between(source, at, source.size)


def _between(source: RandomAccess, start: int, end: int) -> Iterator[bytes]:
    for offset in range(start, end, _BLOCK):
        yield source.read_at(offset, min(_BLOCK, end - offset))
