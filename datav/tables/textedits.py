"""Delimited text, its rows edited: lines that stay are not named, and of changed ones the cells that stay are
written as they were."""

from collections.abc import Iterator, Sequence

from datav.tables.edits import (
    LINE_ENDS,
    Column,
    Edit,
    Ending,
    ReadAhead,
    RowEdit,
    has_other_columns,
    in_step,
    joined,
)
from datav.tables.text import BLOCK, TextVersion
from datav.tables.textstyle import (
    Record,
    find_text_style,
    is_open,
    record_splitter,
    split_record,
)

_FIRST_RECORD = 2**16


def edit_text(version: TextVersion, columns: Sequence[Column], rows: Iterator[RowEdit]) -> Iterator[Edit]:
    """Yield the edits of `version.source` that change its rows and its columns.

    A changed cell is written in quotes if it was before; a new one as the file mostly does.  A cell of a
    column that the file lacks is empty unless `rows` says what is in it.  Blank lines behind a record go with
    it.

    Args:
        columns: of the result.
        rows: drawn once, as they are needed.

    Raises:
        TableError: a cell cannot be written in the file's dialect.

    Cost: the records that `rows` names are read; all of them, a block at a time, where columns change.
    """
    editor = _TextEditor(version, columns)
    changes = (
        editor.everything(rows) if has_other_columns(columns, len(version.columns)) else editor.some(rows)
    )
    return joined(changes, version.source, editor.find_ending)


class _TextEditor:
    """Makes edits of one text."""

    def __init__(self, version: TextVersion, columns: Sequence[Column]) -> None:
        self._version = version
        self._columns = columns
        self._alone = len(columns) == 1
        self._near = ReadAhead(version.source)
        self._splitter = record_splitter(version.dialect)
        self._header: Record | None = None
        self._header_at = version.dialect.bom_size
        if version.has_header:
            raw = version.source.read_at(0, version.body)[self._header_at :]
            lines = raw.lstrip(LINE_ENDS)
            self._header_at += len(raw) - len(lines)
            self._header = self._split(lines)
        first = version.source.read_at(version.body, _FIRST_RECORD).lstrip(LINE_ENDS)
        self.style = find_text_style(version.dialect, self._header, self._split(first))
        self._nothing = self.style.encode(b"", "", quoted=self.style.quotes_all, alone=False)

    def some(self, rows: Iterator[RowEdit]) -> Iterator[Edit]:
        """Yield edits of single records."""
        yield from self._header_edit()
        for row in rows:
            if row.is_new:
                yield self._inserted(row)
                continue
            start, end = self._version.text_of(row.place)
            if row.cells is None:
                yield Edit(start, end, b"")
                continue
            raw = self._near.read_at(start, end - start)
            old = self._split_whole(raw)
            new = self.style.join(self._replaced(self.style.closed(old).cells, row.cells))
            stop = len(raw) - len(old.tail)
            if new != raw[:stop]:
                yield Edit(start, start + stop, new)

    def everything(self, rows: Iterator[RowEdit]) -> Iterator[Edit]:
        """Yield edits of all records, each of which gets the columns of the result."""
        yield from self._header_edit()
        for offset, raw, row in in_step(self._records(), rows, lambda place: self._version.text_of(place)[0]):
            if row is not None and row.is_new:
                yield self._inserted(row)
            elif row is not None and row.cells is None:
                yield Edit(offset, offset + len(raw), b"")
            else:
                old = self.style.closed(self._split_whole(raw))
                cells = row.cells if row is not None else None
                new = self._kept(old.cells) if cells is None else self._replaced(self._own(old.cells), cells)
                yield Edit(offset, offset + len(raw), self.style.join(new) + old.tail)

    def find_ending(self) -> Ending:
        version = self._version
        source = version.source
        if not version.dialect.quoting:
            has_end = source.read_at(source.size - 1, 1) in (b"\r", b"\n")
            return Ending(b"", b"" if has_end else self.style.line_end)
        # A line end may be one of a cell whose quotes nothing ends.
        last = self._guess_last()
        if last is None or is_open(last.cells[-1]):
            last = self._find_last()
        if last.tail:
            return Ending(b"", b"")
        return Ending(b'"' if is_open(last.cells[-1]) else b"", self.style.line_end)

    def _guess_last(self) -> Record | None:
        """Return the last record, as the last block by itself shows it; None if it does not."""
        if len(self._version.columns) == 1:
            # Any line is as wide as that, and may be one of a cell.
            return None
        size = self._version.source.size
        near = self._version.records_in(max(self._version.body, size - BLOCK), size)
        if not len(near.starts) or near.ragged is not None:
            return None
        return self._record_from(int(near.starts[-1]))

    def _find_last(self) -> Record:
        """Return the last record, the header if there is no other, in one pass over the file."""
        start, begin = self._header_at, self._version.body
        while begin < self._version.source.size:
            found = self._version.records_in(begin, begin + BLOCK, begin)
            if not len(found.starts):
                break
            start, begin = int(found.starts[-1]), found.end
        return self._record_from(start)

    def _record_from(self, start: int) -> Record:
        source = self._version.source
        return self._split(source.read_at(start, source.size - start))

    def _records(self) -> Iterator[tuple[int, bytes]]:
        """Yield all records but the header, with where they begin."""
        version = self._version
        begin = version.body
        while begin < version.source.size:
            found = version.records_in(begin, begin + BLOCK, begin)
            if found.ragged is not None:
                raise version.uneven(*found.ragged)
            if not len(found.starts):
                return
            starts = found.starts.tolist()
            first = starts[0]
            data = version.source.read_at(first, found.end - first)
            for start, end in zip(starts, [*starts[1:], found.end], strict=True):
                yield start, data[start - first : end - first]
            begin = found.end

    def _header_edit(self) -> Iterator[Edit]:
        old = self._header
        if old is None:
            return
        quoted = all(cell.startswith(b'"') for cell in old.cells)
        own = self._version.columns
        cells = [
            self.style.closed(old).cells[at]
            if at is not None and own[at].name == name
            else self.style.encode(name.encode(), name, quoted=quoted, alone=self._alone)
            for name, at in self._columns
        ]
        if self._alone and not cells[0]:
            cells = [self.style.encode(b"", self._columns[0].name, quoted=True, alone=True)]
        stop = self._header_at + len(self.style.join(old.cells))
        if cells != old.cells:
            yield Edit(self._header_at, stop, self.style.join(cells))

    def _inserted(self, row: RowEdit) -> Edit:
        assert row.cells is not None, "a new row has cells"
        line = self.style.join(self._replaced([None] * len(self._columns), row.cells))
        return Edit(row.place, row.place, line + self.style.line_end)

    def _own(self, cells: Sequence[bytes]) -> list[bytes | None]:
        """Return the cells of a record of the file in the columns of the result; None where it has none."""
        return [None if at is None else cells[at] for _, at in self._columns]

    def _kept(self, cells: Sequence[bytes]) -> list[bytes]:
        """Return a record of the file, of which nothing is said, in the columns of the result."""
        if self._alone:
            # It may be a blank line now.
            own = self._own(cells)
            return self._replaced(own, [None if raw is None else self.style.content(raw) for raw in own])
        return [self._nothing if at is None else cells[at] for _, at in self._columns]

    def _replaced(self, old: Sequence[bytes | None], new: Sequence[bytes | None]) -> list[bytes]:
        """Return the cells of a record as they are written: those that do not change as they were.

        Args:
            old: as they are written; None where the file has none.
            new: what is in them.
        """
        return [
            self._written(column.name, raw, cell or b"")
            for column, raw, cell in zip(self._columns, old, new, strict=True)
        ]

    def _written(self, name: str, raw: bytes | None, cell: bytes) -> bytes:
        if raw is None:
            return self.style.encode(cell, name, quoted=self.style.quotes_all, alone=self._alone)
        if (raw or not self._alone) and self.style.content(raw) == cell:
            return raw
        return self.style.encode(cell, name, quoted=raw.startswith(b'"'), alone=self._alone)

    def _split(self, raw: bytes) -> Record:
        return split_record(raw, self._splitter)

    def _split_whole(self, raw: bytes) -> Record:
        """Cut what is one record and nothing else, which mostly is simpler."""
        if b'"' in raw and self.style.quoting:
            return self._split(raw)
        line = raw.rstrip(LINE_ENDS)
        return Record(line.split(self.style.delimiter), raw[len(line) :])
