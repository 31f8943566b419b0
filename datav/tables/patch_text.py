"""Delimited text, patched: lines that stay are copied, and of changed ones the cells that stay."""

import codecs
import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple, Protocol

from datav.errors import TableError
from datav.tables.dialect import TextDialect
from datav.tables.encodings import BOMS
from datav.tables.patch_plan import Plan
from datav.tables.source import RandomAccess
from datav.tables.text import TextVersion

_BLOCK = 2**20
_LINE_END = re.compile(rb"\r\n|\n|\r")


class _Target(Protocol):
    def write(self, data: bytes, /) -> object: ...


class Record(NamedTuple):
    """One record as it is written."""

    cells: list[bytes]
    """With their quotes."""
    tail: bytes
    """The line end, and blank lines behind it."""


class _Writing(NamedTuple):
    """How a file writes its records."""

    delimiter: bytes
    quoting: bool
    quotes_all: bool
    line_end: bytes

    def encode(self, cell: bytes, *, quoted: bool, alone: bool) -> bytes:
        """Return a cell as it stands in the file.

        Args:
            quoted: in quotes even where it needs none.
            alone: it is the only one of its record, which would be a blank line if it were empty.

        Raises:
            TableError: the file knows no quotes, and the cell needs them.
        """
        is_blank = alone and not cell
        breaks = is_blank or any(mark in cell for mark in (self.delimiter, b"\n", b"\r"))
        if not self.quoting:
            if breaks:
                shown = cell[:80].decode("utf-8", "replace")
                raise TableError(f"the cell {shown!r} needs quotes, which mean nothing in this file")
            return cell
        if not (quoted or breaks or b'"' in cell):
            return cell
        return b'"' + cell.replace(b'"', b'""') + b'"'


def write_text(version: TextVersion, source: RandomAccess, plan: Plan, target: BinaryIO) -> None:
    """Write the text table `version` as `plan` says.

    Args:
        source: the file; the version reads another where that is not UTF-8.
    """
    out = _Last(target if version.source is source else _Recoding(target, version.encoding, source))
    dialect = version.dialect
    splitter = record_splitter(dialect)
    head = version.source.read_at(0, version.body)[dialect.bom_size :]
    header = split_record(head.lstrip(b"\r\n"), splitter)
    style = _writing(version, dialect, header, splitter)
    after = [column.to_pylist() for column in plan.after.columns]
    if plan.has_new_layout:
        bom = version.source.read_at(0, dialect.bom_size)
        out.write(bom)
        if version.has_header:
            out.write(_join(_new_header(header, plan, style), style, header.tail or style.line_end))
        records: Iterator[bytes] = _relaid(version, plan, after, style, splitter)
    else:
        records = _edited(version, plan, after, style, splitter)
    for data in records:
        out.write(data)
    for row, count in zip(plan.added, plan.added_counts, strict=True):
        cells = [column[row] for column in after]
        encoded = [style.encode(cell, quoted=style.quotes_all, alone=len(cells) == 1) for cell in cells]
        for _ in range(count):
            out.add_line(style.delimiter.join(encoded), style.line_end)


def record_splitter(dialect: TextDialect) -> re.Pattern[bytes]:
    """Return what matches one cell as it is written, as the csv module reads it."""
    other = rb"[^%s\r\n]*+" % re.escape(dialect.delimiter.encode())
    quoted = rb'"(?:[^"]|"")*+"?+' if dialect.quoting else rb"(?!)"
    return re.compile(rb"(?:%s)?+%s" % (quoted, other))


def split_record(raw: bytes, splitter: re.Pattern[bytes]) -> Record:
    """Cut a record, line end and blank lines behind it included, into its cells as they are written."""
    cells, at = [], 0
    while True:
        found = splitter.match(raw, at)
        assert found is not None, "a cell may be empty, so there always is one"
        cells.append(found[0])
        at = found.end()
        if at >= len(raw) or raw[at] in b"\r\n":
            return Record(cells, raw[at:])
        at += 1


def _writing(
    version: TextVersion, dialect: TextDialect, header: Record, splitter: re.Pattern[bytes]
) -> _Writing:
    first = split_record(version.source.read_at(version.body, 2**16).lstrip(b"\r\n"), splitter)
    ended = _LINE_END.match(header.tail) or _LINE_END.match(first.tail)
    sample = [cell for cell in header.cells + first.cells if cell]
    quotes_all = dialect.quoting and bool(sample) and all(cell.startswith(b'"') for cell in sample)
    return _Writing(
        dialect.delimiter.encode(), dialect.quoting, quotes_all, ended[0] if ended is not None else b"\n"
    )


def _edited(
    version: TextVersion,
    plan: Plan,
    after: Sequence[Sequence[bytes]],
    style: _Writing,
    splitter: re.Pattern[bytes],
) -> Iterator[bytes]:
    """Yield the file, its edited records replaced."""
    at = 0
    for place, row in plan.edits.items():
        start, end = version.text_of(place)
        yield from _copy(version.source, at, start)
        if row is not None:
            old = split_record(version.source.read_at(start, end - start), splitter)
            yield _join(_replaced(old.cells, [column[row] for column in after], style), style, old.tail)
        at = end
    yield from _copy(version.source, at, version.source.size)


def _relaid(
    version: TextVersion,
    plan: Plan,
    after: Sequence[Sequence[bytes]],
    style: _Writing,
    splitter: re.Pattern[bytes],
) -> Iterator[bytes]:
    """Yield all records with the columns of the result; cells that stay are written as they were."""
    sources = plan.sources
    empty = style.encode(b"", quoted=False, alone=len(sources) == 1)
    for places in plan.places:
        spans = [(place, *version.text_of(place)) for place in places.tolist()]
        first, last = spans[0][1], spans[-1][2]
        data = version.source.read_at(first, last - first)
        lines = []
        for place, start, end in spans:
            old = split_record(data[start - first : end - first], splitter)
            cells = [empty if source is None else old.cells[source] for source in sources]
            if place in plan.edits:
                row = plan.edits[place]
                if row is None:
                    continue
                cells = _replaced(cells, [column[row] for column in after], style)
            lines.append(_join(cells, style, old.tail))
        yield b"".join(lines)


def _replaced(old: Sequence[bytes], new: Sequence[bytes], style: _Writing) -> list[bytes]:
    """Return cells as they are written: those that did not change as they were."""
    alone = len(new) == 1
    return [
        raw if _content(raw, style) == cell else style.encode(cell, quoted=raw.startswith(b'"'), alone=alone)
        for raw, cell in zip(old, new, strict=True)
    ]


def _content(raw: bytes, style: _Writing) -> bytes:
    if style.quoting and raw.startswith(b'"') and raw.endswith(b'"') and len(raw) > 1:
        return raw[1:-1].replace(b'""', b'"')
    return raw


def _new_header(header: Record, plan: Plan, style: _Writing) -> list[bytes]:
    quoted = all(cell.startswith(b'"') for cell in header.cells)
    return [
        header.cells[source]
        if source is not None
        else style.encode(name.encode(), quoted=quoted, alone=len(plan.columns) == 1)
        for name, source in zip(plan.columns, plan.sources, strict=True)
    ]


def _join(cells: Sequence[bytes], style: _Writing, tail: bytes) -> bytes:
    return style.delimiter.join(cells) + tail


def _copy(source: RandomAccess, start: int, end: int) -> Iterator[bytes]:
    for offset in range(start, end, _BLOCK):
        yield source.read_at(offset, min(_BLOCK, end - offset))


class _Recoding:
    """Takes UTF-8, in pieces cut anywhere, and writes another encoding.

    Args:
        source: begins with a mark if what is written shall.
    """

    def __init__(self, target: BinaryIO, encoding: str, source: RandomAccess) -> None:
        self._target = target
        self._encoding = encoding
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        # Of `utf-16` it writes the mark itself, and once.
        self._encoder = codecs.getincrementalencoder(encoding)()
        mark = BOMS.get(encoding, b"")
        if source.read_at(0, len(mark)) == mark:
            target.write(mark)

    def write(self, data: bytes, /) -> None:
        try:
            self._target.write(self._encoder.encode(self._decoder.decode(data)))
        except UnicodeEncodeError as exc:
            raise TableError(f"the file is {self._encoding}, which lacks {exc.object[exc.start]!r}") from exc


class _Last:
    """A target that knows whether what was written ends a line."""

    def __init__(self, target: _Target) -> None:
        self._target = target
        self._last = b"\n"

    def write(self, data: bytes) -> None:
        if data:
            self._target.write(data)
            self._last = data[-1:]

    def add_line(self, line: bytes, line_end: bytes) -> None:
        """Write a line behind all others; the last line of a file keeps its end, or stays without one."""
        if self._last in b"\r\n":
            self.write(line + line_end)
        else:
            self._target.write(line_end + line)
