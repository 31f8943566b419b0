"""JSON Lines as a version of a table.  A place is the offset of a record.

Columns are the paths to what is not an object: `a.b` of `{"a": {"b": 1}}`; a dot or a backslash in a key
stands behind a backslash.  Every path of any record is a column.

Cells are text.  A number is as it is written, so 1 and 1.0 differ; a list is JSON without white space, its
objects' keys sorted.  A string is its own text, but in JSON, with quotes, where that text would be JSON
itself: so "1" and 1 differ, and yet a name is a name.  null is what an absent key is.  Of a key that occurs
twice in one object the last counts, as for Python's json module.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from copy import copy
from functools import cached_property, partial
from itertools import islice
from typing import Any

import numpy as np
import pyarrow

from datav.errors import TableError
from datav.formats.manifest import ColumnInfo
from datav.tables.batches import in_order
from datav.tables.dialect import TextDialect
from datav.tables.hashing import fingerprint
from datav.tables.jsoncells import DECODER, columns_of, flatten, plain_cells
from datav.tables.jsonlines import RECORDS_SAMPLED, without_surrogates
from datav.tables.jsonpaths import Part, PathFacts, find_kinds, find_paths, lines
from datav.tables.naming import unique_names
from datav.tables.source import RandomAccess, line_number
from datav.tables.version import U64, Prints, View

_BLOCK = 2**20
_AHEAD = 4
# Parts in which paths are looked for.
_PART = 128 * 2**10
# Of single lines: bytes read at first, and lines parsed at a time.
_GLANCE = 16 * 2**10
_LINES_AT_ONCE = 2**11

_LINE_END = re.compile(rb"[\r\n]")

# Lines of a file that does not say that it is JSON Lines, before it is believed.
_LEAST_LINES = 2


class JsonLinesVersion:
    """One version of a file of JSON Lines.  Used from several threads, as far as its source is.

    The columns are those of all records, so asking for them reads the file once, unless they are known.

    Args:
        source: UTF-8, with or without a byte order mark.
        encoding: of the file, if it was converted.

    Raises, whenever it is read:
        TableError: a line is not JSON, or not an object.
    """

    def __init__(self, source: RandomAccess, dialect: TextDialect, *, encoding: str | None = None) -> None:
        self.source = source
        self.dialect = dialect
        self.encoding = encoding or dialect.encoding
        self.body = dialect.bom_size
        """Where the first line begins."""
        self._chosen: tuple[U64, U64] | None = None
        """Places of the lines that are scanned, and how often; None: all, once."""

    @cached_property
    def columns(self) -> tuple[ColumnInfo, ...]:
        kinds = self.kinds
        names = unique_names(map(without_surrogates, kinds))
        return tuple(ColumnInfo(name, kind) for name, kind in zip(names, kinds.values(), strict=True))

    @cached_property
    def kinds(self) -> dict[str, str]:
        """What each column holds, by its path."""
        return self.facts.kinds

    @cached_property
    def facts(self) -> PathFacts:
        """Where paths come up; may be set by who knows it, before anything is asked."""
        return self.find_facts(None)

    @property
    def format(self) -> str:
        return "jsonl"

    @property
    def types(self) -> tuple[None, ...]:
        return (None,) * len(self.kinds)

    @property
    def row_count(self) -> None:
        return None

    def only(self, places: U64, counts: U64, source: RandomAccess) -> "JsonLinesVersion":
        """Return the same version, of which only some lines are scanned, and read from another source of its
        bytes.

        Args:
            places: where the lines begin, increasing; blank ones are passed over.
            counts: how many rows each stands for.
        """
        part = self.read_from(source)
        part._chosen = places, counts
        return part

    def read_from(self, source: RandomAccess) -> "JsonLinesVersion":
        """Return the same version, read from another source of its bytes."""
        part = copy(self)
        part.source = source
        return part

    def scan(self, view: View, seed: int, executor: Executor) -> Iterator[Prints]:
        paths = self.paths_of(view.columns)
        jobs: Iterable[Callable[[], Prints]]
        if self._chosen is None:
            blocks = self._blocks(self.body, self.source.size)
            jobs = (partial(self._print_block, offset, data, paths, view, seed) for offset, data in blocks)
        else:
            jobs = (
                partial(self._print_lines, found, counts, paths, view, seed)
                for found, counts in self._chosen_lines(*self._chosen)
            )
        yield from in_order(executor, jobs, _AHEAD)

    # Any, here and below: pyarrow has no types of its own that mypy could see; and JSON holds anything.
    def take(self, places: U64, columns: Sequence[int], types: Sequence[object]) -> Any:
        cells = columns_of((self.parse(*line) for line in self._lines_at(places)), self.paths_of(columns))
        return pyarrow.Table.from_arrays(cells, names=[self.columns[column].name for column in columns])

    def find_facts(self, executor: Executor | None) -> PathFacts:
        """Return where paths come up, in one pass."""
        return find_paths(self.parts(self.body, self.source.size), self.parse, self.sample_kinds(), executor)

    def sample_kinds(self) -> dict[str, str]:
        """Return what the first records hold, by path."""
        found = (line for block in self._blocks(self.body, self.source.size) for line in lines(*block))
        return find_kinds(self.parse(*line) for line in islice(found, RECORDS_SAMPLED))

    def paths_of(self, columns: Sequence[int]) -> list[str]:
        """Return where columns are found."""
        paths = list(self.kinds)
        return [paths[column] for column in columns]

    def _print_block(self, offset: int, data: bytes, paths: Sequence[str], view: View, seed: int) -> Prints:
        kinds = {path: self.kinds[path] for path in paths}
        plain = plain_cells(data, kinds) if len(kinds) == len(paths) else None
        if plain is not None:
            starts, cells = plain.starts + offset, plain.columns
        else:
            found = list(lines(offset, data))
            cells = columns_of((self.parse(*line) for line in found), paths)
            starts = np.array([place for place, _ in found], np.int64)
        keys, rows = fingerprint(cells, view.key, len(starts), seed)
        return Prints(starts.astype(np.uint64), keys, rows)

    def _print_lines(
        self,
        found: Sequence[tuple[int, bytes]],
        counts: Sequence[int],
        paths: Sequence[str],
        view: View,
        seed: int,
    ) -> Prints:
        cells = columns_of((self.parse(*line) for line in found), paths)
        keys, rows = fingerprint(cells, view.key, len(found), seed)
        places = np.array([place for place, _ in found], np.uint64)
        # Without a key both are one array, and stay it.
        several = np.repeat(rows, counts)
        return Prints(
            np.repeat(places, counts), several if keys is rows else np.repeat(keys, counts), several
        )

    def _chosen_lines(self, places: U64, counts: U64) -> Iterator[tuple[list[tuple[int, bytes]], list[int]]]:
        for start in range(0, len(places), _LINES_AT_ONCE):
            some = slice(start, start + _LINES_AT_ONCE)
            found = zip(self._lines_at(places[some]), counts[some].tolist(), strict=True)
            kept = [(line, count) for line, count in found if not line[1].isspace()]
            yield [line for line, _ in kept], [count for _, count in kept]

    def parts(self, start: int, end: int) -> Iterator[Part]:
        """Yield the lines between two offsets at which lines begin; a line is never cut."""
        for offset, data in self._blocks(start, end):
            at = 0
            while at < len(data):
                stop = data.find(b"\n", at + _PART) + 1 or len(data)
                yield Part(offset + at, data[at:stop])
                at = stop

    def _blocks(self, at: int, limit: int) -> Iterator[tuple[int, bytes]]:
        """Yield lines as `parts` does, in larger parts."""
        size, held = _BLOCK, b""
        while at + len(held) < limit:
            held += self.source.read_at(at + len(held), min(size, limit - at - len(held)))
            whole = at + len(held) >= limit
            end = len(held) if whole else max(held.rfind(b"\n"), held.rfind(b"\r")) + 1
            if end:
                yield at, held[:end]
            # A line that is longer than a block takes ever larger ones.
            size = _BLOCK if end else 2 * size
            at, held = at + end, held[end:]

    def _lines_at(self, places: U64) -> Iterator[tuple[int, bytes]]:
        start, data, size = 0, b"", _GLANCE
        for place in places.tolist():
            # Where lines lie close to each other more and more is read at once.
            size = min(2 * size, _BLOCK) if 0 <= place - start <= len(data) + size else _GLANCE
            more = size
            while True:
                found = _LINE_END.search(data, place - start) if start <= place < start + len(data) else None
                if found is not None or (place >= start and start + len(data) >= self.source.size and data):
                    break
                start, data = place, self.source.read_at(place, more)
                more *= 2
            yield place, data[place - start : found.start() if found is not None else len(data)]

    def parse(self, place: int, line: bytes) -> dict[str, Any]:
        """Return a record as cells by path.

        Raises:
            TableError: it is no JSON, or no object.
        """
        try:
            record = DECODER.decode(line.decode())
            if type(record) is dict:
                return flatten(record)
        except json.JSONDecodeError as exc:
            raise self._bad_line(
                place, f"is not JSON: {exc.msg.removesuffix(' at')} at character {exc.pos + 1}"
            ) from exc
        except UnicodeDecodeError as exc:
            raise self._bad_line(place, f"is not UTF-8: byte {exc.start + 1} of it") from exc
        except RecursionError as exc:
            raise self._bad_line(place, "is nested too deep") from exc
        raise self._bad_line(place, "is not a JSON object")

    def _bad_line(self, place: int, what: str) -> TableError:
        return TableError(f"line {line_number(self.source, place)} {what}")


def is_json_lines(head: bytes, whole: bool) -> bool:
    """Whether the head of a file is nothing but JSON objects, one a line, and at least two.

    Args:
        whole: it is all of the file; else its last line may be cut, and is not looked at.
    """
    first = [line for _, line in islice(lines(0, head), RECORDS_SAMPLED)]
    if not whole and len(first) < RECORDS_SAMPLED:
        first = first[:-1]
    try:
        return len(first) >= _LEAST_LINES and all(
            type(DECODER.decode(line.decode("utf-8-sig"))) is dict for line in first
        )
    except (ValueError, RecursionError):
        return False
