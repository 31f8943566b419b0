"""Tables in memory and in Arrow IPC as versions of a table.  A place is the number of a row."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

import pyarrow
from pyarrow import ipc

from datav.formats.manifest import ColumnInfo
from datav.tables.batches import BATCH_ROWS, Picker, column_infos, in_order, print_rows
from datav.tables.source import RandomAccess
from datav.tables.sourcefile import SourceFile, translated
from datav.tables.version import U64, Prints, View

# Batches that are fingerprinted or wait for it.
_AHEAD = 4

_DAMAGED = "its Arrow data cannot be read"


class MemoryVersion:
    """A table in memory."""

    # Any, here and below: pyarrow has no types of its own that mypy could see.
    def __init__(self, table: Any) -> None:
        self._table = table
        self.columns: tuple[ColumnInfo, ...] = column_infos(table.schema)
        self.types: tuple[Any, ...] = tuple(table.schema.types)

    @property
    def format(self) -> str:
        return "memory"

    @property
    def row_count(self) -> int:
        return int(self._table.num_rows)

    def scan(self, view: View, seed: int, executor: Executor) -> Iterator[Prints]:
        names = [self.columns[column].name for column in view.columns]
        yield from in_order(executor, self._jobs(view, names, seed), _AHEAD)

    def take(self, places: U64, columns: Sequence[int], types: Sequence[Any]) -> Any:
        picker = _picker(self, places, columns, types)
        for first, batch in self._batches(columns):
            picker.show(first, batch)
        return picker.table()

    def read_batches(self) -> Iterator[Any]:
        """Yield all rows, at most BATCH_ROWS at a time."""
        yield from self._table.to_batches(max_chunksize=BATCH_ROWS)

    def _jobs(self, view: View, names: Sequence[str], seed: int) -> Iterator[Callable[[], Prints]]:
        for first, batch in self._batches(view.columns):
            yield partial(print_rows, batch, names, view, seed, first)

    def _batches(self, columns: Sequence[int]) -> Iterator[tuple[int, Any]]:
        first = 0
        for batch in self._table.select(list(columns)).to_batches(max_chunksize=BATCH_ROWS):
            yield first, batch
            first += batch.num_rows


class _Stopped(NamedTuple):
    """Where the reading of a stream stopped."""

    columns: tuple[int, ...]
    batches: Iterator[tuple[int, Any]]
    first: int
    batch: Any
    """The batch read last, whose first row is number `first`."""


class ArrowVersion:
    """An Arrow IPC file, or a bare stream, read batch by batch; only the columns asked for are decoded.

    Args:
        stream: it is a stream; where its batches are is only known when it was read up to there.

    Raises:
        TableError: its schema cannot be read.
    """

    def __init__(self, source: RandomAccess, stream: bool) -> None:
        self.source = source
        self._stream = stream
        self._starts: list[int] | None = None
        """Of a file, the number of the first row of each batch, and of all rows; known after a scan."""
        self._stopped: _Stopped | None = None
        reader, file = self._open(None)
        with translated("its Arrow schema cannot be read", file):
            self._schema = reader.schema
            self.columns: tuple[ColumnInfo, ...] = column_infos(self._schema)
            self.types: tuple[Any, ...] = tuple(self._schema.types)

    @property
    def format(self) -> str:
        return "arrow"

    @property
    def row_count(self) -> int | None:
        return self._starts[-1] if self._starts is not None else None

    def scan(self, view: View, seed: int, executor: Executor) -> Iterator[Prints]:
        names = [self.columns[column].name for column in view.columns]
        yield from in_order(executor, self._jobs(view, names, seed), _AHEAD)

    def take(self, places: U64, columns: Sequence[int], types: Sequence[Any]) -> Any:
        picker = _picker(self, places, columns, types)
        if not len(places):
            return picker.table()
        batches = self._batches(columns, picker)
        # The rows of a stream are mostly asked for in order, some at a time; it is not read again each time.
        stopped, self._stopped = self._stopped, None
        if stopped is not None and stopped.columns == tuple(columns) and stopped.first <= places[0]:
            batches = chain([(stopped.first, stopped.batch)], stopped.batches)
        for first, batch in batches:
            picker.show(first, batch)
            if first + batch.num_rows > places[-1]:
                if self._stream:
                    self._stopped = _Stopped(tuple(columns), batches, first, batch)
                break
        return picker.table()

    def read_batches(self, columns: Sequence[int] | None = None) -> Iterator[Any]:
        """Yield all rows, at most BATCH_ROWS at a time, of some columns or of all."""
        for _, batch in self._batches(range(len(self.columns)) if columns is None else columns, None):
            for start in range(0, batch.num_rows, BATCH_ROWS):
                yield batch.slice(start, BATCH_ROWS)

    def _jobs(self, view: View, names: Sequence[str], seed: int) -> Iterator[Callable[[], Prints]]:
        for first, batch in self._batches(view.columns, None):
            for start in range(0, batch.num_rows, BATCH_ROWS):
                piece = batch.slice(start, BATCH_ROWS)
                yield partial(print_rows, piece, names, view, seed, first + start)

    def _batches(self, columns: Sequence[int], picker: Picker | None) -> Iterator[tuple[int, Any]]:
        """Yield batches with their first rows' numbers, their columns in the order asked for.

        Args:
            picker: what it does not want is not read, where that can be told.
        """
        in_file = sorted(set(columns))
        reader, file = self._open(in_file)
        order = [in_file.index(column) for column in columns]
        read = self._stream_batches if self._stream else self._file_batches
        for first, batch in read(reader, file, picker):
            yield first, batch.select(order)

    def _stream_batches(self, reader: Any, file: SourceFile, _: Picker | None) -> Iterator[tuple[int, Any]]:
        first, starts = 0, [0]
        while True:
            with translated(_DAMAGED, file):
                try:
                    batch = reader.read_next_batch()
                except StopIteration:
                    break
                batch.validate(full=True)
            yield first, batch
            first += batch.num_rows
            starts.append(first)
        self._starts = starts

    def _file_batches(
        self, reader: Any, file: SourceFile, picker: Picker | None
    ) -> Iterator[tuple[int, Any]]:
        known = self._starts
        first, starts = 0, [0]
        with translated(_DAMAGED, file):
            count = reader.num_record_batches
        for number in range(count):
            if known is not None and picker is not None:
                first = known[number]
                if not picker.wants(first, known[number + 1] - first):
                    continue
            with translated(_DAMAGED, file):
                batch = reader.get_batch(number)
                batch.validate(full=True)
            yield first, batch
            first += batch.num_rows
            starts.append(first)
        if known is None:
            self._starts = starts

    def _open(self, columns: Sequence[int] | None) -> tuple[Any, SourceFile]:
        file = SourceFile(self.source)
        options = ipc.IpcReadOptions(included_fields=None if columns is None else list(columns))
        open_any = ipc.open_stream if self._stream else ipc.open_file
        with translated("its Arrow schema cannot be read", file):
            return open_any(pyarrow.PythonFile(file, "r"), options=options), file


def _picker(
    version: MemoryVersion | ArrowVersion, places: U64, columns: Sequence[int], types: Sequence[Any]
) -> Picker:
    names = [version.columns[column].name for column in columns]
    kinds = [
        version.types[column] if kind is None else kind for column, kind in zip(columns, types, strict=True)
    ]
    return Picker(places, names, kinds)
