"""JSON Lines, its records edited: lines that stay are not named, and changed records keep the order of their
keys."""

import re
from collections.abc import Iterator, Sequence

from datav.tables.dialect import HEAD_SIZE
from datav.tables.edits import Column, Edit, Ending, ReadAhead, RowEdit, in_step, joined
from datav.tables.encodings import decode_head
from datav.tables.jsonl import JsonLinesVersion
from datav.tables.jsonpaths import lines
from datav.tables.jsonstyle import change_record, delete_paths, find_json_style, parse_record
from datav.tables.source import RandomAccess

_GLANCE = 4 * 2**10
_LINE_END = re.compile(rb"[\r\n]")
# With the lines behind it that are as blank.
_TAIL = re.compile(rb"(?:[ \t]*+(?:\r\n|\n|\r))++")


def edit_json_lines(
    version: JsonLinesVersion, columns: Sequence[Column], rows: Iterator[RowEdit]
) -> Iterator[Edit]:
    """Yield the edits of `version.source` that change its records.

    A cell that becomes null is written as `null` where its key was there, and not at all where it was not.
    New keys come last.  Blank lines behind a record go with it.

    Args:
        columns: of the result; what the file has and is not among them goes from every record.
        rows: drawn once, as they are needed.

    Raises:
        TableError: a cell cannot be put where its path says.

    Cost: the lines that `rows` names are read; all of them, a block at a time, where columns go.
    """
    editor = _JsonEditor(version, columns)
    return joined(
        editor.everything(rows) if editor.gone else editor.some(rows), version.source, editor.find_ending
    )


class _JsonEditor:
    """Makes edits of one file."""

    def __init__(self, version: JsonLinesVersion, columns: Sequence[Column]) -> None:
        self._version = version
        self._source = version.source
        self._near = ReadAhead(version.source)
        own = version.paths_of(range(len(version.columns)))
        self._paths = [name if source is None else own[source] for name, source in columns]
        stay = set(self._paths)
        self.gone = [path for path in own if path not in stay]
        decoded = decode_head(*_head_of(self._source))
        self._style = find_json_style(decoded[1] if decoded is not None else "")

    def some(self, rows: Iterator[RowEdit]) -> Iterator[Edit]:
        """Yield edits of single records."""
        for row in rows:
            if row.is_new:
                yield self._inserted(row)
                continue
            line, tail = self._line_at(row.place)
            yield from self._changed(row.place, line, tail, row)

    def everything(self, rows: Iterator[RowEdit]) -> Iterator[Edit]:
        """Yield edits of all records that have what is gone."""
        for place, line, row in in_step(self._lines(), rows, int):
            if row is not None and row.is_new:
                yield self._inserted(row)
            else:
                tail = self._line_at(place)[1] if row is not None and row.cells is None else b""
                yield from self._changed(place, line, tail, row)

    def find_ending(self) -> Ending:
        last = self._source.read_at(self._source.size - 1, 1)
        return Ending(b"", b"" if last in (b"\r", b"\n") else self._style.line_end)

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        for part in self._version.parts(self._version.body, self._source.size):
            yield from lines(*part)

    def _changed(self, place: int, line: bytes, tail: bytes, row: RowEdit | None) -> Iterator[Edit]:
        end = place + len(line)
        if row is not None and row.cells is None:
            yield Edit(place, end + len(tail), b"")
            return
        record = parse_record(line)
        old = self._style.encode(record)
        # First: a column may come to be where an object was that held others.
        delete_paths(record, self.gone)
        if row is not None and row.cells is not None:
            change_record(record, self._paths, row.cells)
        new = self._style.encode(record)
        if new != old:
            yield Edit(place, end, new)

    def _inserted(self, row: RowEdit) -> Edit:
        assert row.cells is not None, "a new row has cells"
        record: dict[str, object] = {}
        change_record(record, self._paths, row.cells)
        return Edit(row.place, row.place, self._style.encode(record) + self._style.line_end)

    def _line_at(self, place: int) -> tuple[bytes, bytes]:
        """Return the line at `place`, and what ends it, blank lines behind it included."""
        size = _GLANCE
        while True:
            data = self._near.read_at(place, size)
            is_whole = place + len(data) >= self._source.size
            found = _LINE_END.search(data)
            if found is None and is_whole:
                return data, b""
            if found is not None:
                tail = _TAIL.match(data, found.start())
                assert tail is not None, "it begins with a line end"
                if is_whole or data[tail.end() :].strip(b" \t"):
                    return data[: found.start()], tail[0]
            size *= 4


def _head_of(source: RandomAccess) -> tuple[bytes, bool]:
    head = source.read_at(0, HEAD_SIZE)
    return head, len(head) < HEAD_SIZE
