"""How a delimited text writes its cells and records: pure, bytes in and out."""

import codecs
import re
from collections.abc import Sequence
from typing import NamedTuple

from datav.errors import TableError
from datav.tables.dialect import TextDialect

LINE_END = re.compile(rb"\r\n|\n|\r")
_QUOTED = re.compile(rb'"((?:[^"]|"")*+)("?)')
# Of a cell that is named in an error.
_SHOWN = 80


class Record(NamedTuple):
    """One record as it is written."""

    cells: list[bytes]
    """With their quotes."""
    tail: bytes
    """The line end, and blank lines behind it."""


class TextStyle(NamedTuple):
    """How a file writes its records."""

    delimiter: bytes
    quoting: bool
    quotes_all: bool
    line_end: bytes

    def encode(self, cell: bytes, name: str, *, quoted: bool, alone: bool) -> bytes:
        """Return a cell as it stands in the file.

        Args:
            name: of its column.
            quoted: in quotes even where it needs none.
            alone: it is the only one of its record, which would be a blank line if it were empty.

        Raises:
            TableError: the file knows no quotes, and the cell needs them.
        """
        is_blank = alone and not cell
        breaks = is_blank or any(mark in cell for mark in (self.delimiter, b"\n", b"\r"))
        if not self.quoting:
            if breaks:
                shown = cell[:_SHOWN].decode("utf-8", "replace")
                raise TableError(
                    f"the cell {shown!r} of column {name!r} needs quotes, which mean nothing in this file"
                )
            return cell
        # At the start of the file a mark would be none of the cell's.
        if not (quoted or breaks or b'"' in cell or cell.startswith(codecs.BOM_UTF8)):
            return cell
        return b'"' + cell.replace(b'"', b'""') + b'"'

    def join(self, cells: Sequence[bytes]) -> bytes:
        """Return a record of cells as they are written, without its line end."""
        return self.delimiter.join(cells)

    def content(self, raw: bytes) -> bytes:
        """Return what a cell as it is written says."""
        found = _QUOTED.match(raw) if self.quoting and raw[:1] == b'"' else None
        if found is None:
            return raw
        # What stands behind the quotes belongs to it.
        return found[1].replace(b'""', b'"') + raw[found.end() :]

    def closed(self, record: Record) -> Record:
        """Return a record whose cells may stand anywhere: the last one of a file need not end its quotes."""
        if record.tail or not self.quoting or not is_open(record.cells[-1]):
            return record
        return record._replace(cells=[*record.cells[:-1], record.cells[-1] + b'"'])


def is_open(raw: bytes) -> bool:
    """Whether a cell as it is written begins with a quote that nothing ends."""
    found = _QUOTED.fullmatch(raw)
    return found is not None and not found[2]


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


def find_text_style(dialect: TextDialect, header: Record | None, first: Record) -> TextStyle:
    """Return how a file writes its records.

    Args:
        first: the first one behind the header; without cells if there is none.
    """
    cells = [*(header.cells if header is not None else ()), *first.cells]
    ended = (LINE_END.match(header.tail) if header is not None else None) or LINE_END.match(first.tail)
    sample = [cell for cell in cells if cell]
    quotes_all = dialect.quoting and bool(sample) and all(cell.startswith(b'"') for cell in sample)
    line_end = ended[0] if ended is not None else b"\n"
    return TextStyle(dialect.delimiter.encode(), dialect.quoting, quotes_all, line_end)
