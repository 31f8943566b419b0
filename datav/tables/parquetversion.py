"""Parquet as a version of a table, one row group at a time.  A place is the number of a row.

Only the columns asked for are fetched and decoded, in batches, so that a row group need not fit into memory.
int96 is read as timestamps of nanoseconds.
"""

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import accumulate, pairwise
from typing import Any, Self

import pyarrow
from pyarrow import parquet

from datav.errors import TableError
from datav.formats.manifest import ColumnInfo
from datav.tables.batches import BATCH_ROWS, Picker, as_type, column_infos, in_order, print_rows
from datav.tables.parquet import MAX_FOOTER_SIZE, describe_parquet
from datav.tables.parquet_chunks import Chunk, parse_chunks
from datav.tables.source import NotATable, RandomAccess
from datav.tables.sourcefile import SourceFile, translated
from datav.tables.typenames import count_leaves
from datav.tables.version import U64, Prints, View

# Row groups, or batches of a large one, that are worked on beside the one that is waited for.
_AHEAD = 1
# A row group that takes no more is one unit of work, and its columns are fetched at once; of a larger one the
# batches are units, and its columns are read bit by bit.
_UNIT_ROWS = 2**20
_UNIT_SIZE = 256 * 2**20
_BUFFER_SIZE = 2**20
# Decoded row groups no larger than this are kept for the next call: changes are told some rows at a time.
_HELD_SIZE = 128 * 2**20

_DAMAGED = "its Parquet data cannot be read"


@dataclass(frozen=True, slots=True)
class RowGroup:
    """What the footer says of one row group."""

    first: int
    """The number of its first row in the file."""
    rows: int
    size: int
    """Of all columns, decoded, as the footer states it."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """What bytes of a leaf column mean: two with equal descriptions read the same bytes as the same cells."""

    physical: str
    logical: str
    length: int
    levels: tuple[int, int]


class ParquetVersion:
    """A Parquet file.  Used from several threads, as far as its source is.

    Raises:
        TableError: its footer cannot be read: it is cut, damaged, encrypted or hostile.
    """

    def __init__(self, source: RandomAccess) -> None:
        self.source = source
        self._chosen: tuple[int, ...] | None = None
        self._held: tuple[object, Any] = (None, None)
        self._decoded: dict[int, tuple[tuple[int, ...], list[tuple[int, Any]]]] = {}
        self._keeps_decoded = False
        opened = _open_footer(source)
        with translated("its Parquet footer cannot be read"):
            self._metadata = opened.metadata
            schema = opened.schema_arrow
            self.columns: tuple[ColumnInfo, ...] = column_infos(schema)
            self.types: tuple[Any, ...] = tuple(schema.types)
            self._spans = _find_leaves(schema, self._metadata.schema)

    @property
    def format(self) -> str:
        return "parquet"

    @property
    def row_count(self) -> int:
        """Of the row groups that are scanned."""
        return sum(self.metadata[number].rows for number in self._groups)

    # Any, here and below: pyarrow has no types of its own that mypy could see.
    @cached_property
    def metadata(self) -> tuple[RowGroup, ...]:
        """All row groups of the file, in order.

        Raises:
            TableError: the footer contradicts itself, or columns are encrypted.
        """
        # Not what its column chunks are: see parquet_chunks.py.
        with translated("its Parquet footer cannot be read"):
            groups = [self._metadata.row_group(number) for number in range(self._metadata.num_row_groups)]
            counts = [(group.num_rows, group.total_byte_size) for group in groups]
        rows = [count for count, _ in counts]
        # The number of rows that the footer states of the file is not looked at: some writers get it wrong.
        if min(rows, default=0) < 0:
            raise TableError("its Parquet footer states fewer than no rows")
        starts = accumulate(rows, initial=0)
        return tuple(RowGroup(first, *count) for first, count in zip(starts, counts, strict=False))

    @cached_property
    def chunks(self) -> tuple[tuple[Chunk | None, ...], ...]:
        """Of each row group, the chunks of its leaf columns; None where one cannot be read as bytes.

        Raises:
            TableError: the footer cannot be parsed.
        """
        size = self.source.size
        with translated("its Parquet footer cannot be read"):
            footer_size = int.from_bytes(self.source.read_at(size - 8, 4), "little")
            found = parse_chunks(self.source.read_at(size - 8 - footer_size, footer_size))
        leaves = self._metadata.num_columns
        if len(found) != len(self.metadata) or any(len(group) != leaves for group in found):
            raise TableError("its Parquet footer contradicts itself: not every row group has every column")
        return tuple(tuple(group) for group in found)

    def leaves_of(self, column: int) -> range:
        """Return which leaf columns hold the cells of a column."""
        return self._spans[column]

    @cached_property
    def leaves(self) -> tuple[Leaf, ...]:
        """What the bytes of each leaf column mean."""
        with translated("its Parquet footer cannot be read"):
            schema = self._metadata.schema
            return tuple(_describe_leaf(schema.column(number)) for number in range(len(schema)))

    def only(self, groups: Sequence[int]) -> Self:
        """Return the same version, of which only some row groups are scanned, in the order of the file."""
        other = copy.copy(self)
        other._chosen = tuple(sorted(groups))
        return other

    def scan(self, view: View, seed: int, executor: Executor) -> Iterator[Prints]:
        for some in in_order(executor, self._jobs(view, seed), _AHEAD):
            yield from some

    def take(self, places: U64, columns: Sequence[int], types: Sequence[Any]) -> Any:
        names = [self.columns[column].name for column in columns]
        kinds = [
            self.types[column] if kind is None else kind for column, kind in zip(columns, types, strict=True)
        ]
        picker = Picker(places, names, kinds)
        for number, group in enumerate(self.metadata):
            if not picker.wants(group.first, group.rows):
                continue
            for first, batch in self._kept_batches(number, columns):
                picker.show(first, batch)
        return picker.table()

    def read_group(self, group: int, columns: Sequence[int], types: Sequence[Any]) -> Iterator[Any]:
        """Yield the cells of a row group as record batches, the columns in the order asked for.

        Args:
            types: what the cells are converted to; None: they stay what they are.

        Raises:
            TableError: they cannot be decoded or converted, or are not as many as the footer says.
        """
        names = [self.columns[column].name for column in columns]
        for _, batch in self._batches(group, columns, is_worker=True):
            cells = [as_type(*column) for column in zip(batch.columns, types, names, strict=True)]
            yield pyarrow.RecordBatch.from_arrays(cells, names)

    @property
    def _groups(self) -> Sequence[int]:
        return range(len(self.metadata)) if self._chosen is None else self._chosen

    def _jobs(self, view: View, seed: int) -> Iterator[Callable[[], list[Prints]]]:
        names = [self.columns[column].name for column in view.columns]
        for group in self._groups:
            if self._is_unit(group, view.columns):
                yield partial(self._print_group, group, names, view, seed)
                continue
            for first, batch in self._batches(group, view.columns, is_worker=False):
                yield partial(_print_batch, batch, names, view, seed, first)

    def keep_decoded(self, keeps: bool) -> None:
        """Keep the row groups that a scan decoded last, so that `take` finds their rows; or no longer."""
        self._keeps_decoded = keeps
        self._decoded.clear()

    def _print_group(self, group: int, names: Sequence[str], view: View, seed: int) -> list[Prints]:
        batches: Iterable[tuple[int, Any]] = self._batches(group, view.columns, is_worker=True)
        if self._keeps_decoded:
            # One more than may be ahead of whoever asks: it is still at the one before.
            batches = list(batches)
            self._decoded[group] = view.columns, batches
            for old in sorted(self._decoded)[: -(_AHEAD + 2)]:
                self._decoded.pop(old, None)
        return [print_rows(batch, names, view, seed, first) for first, batch in batches]

    def _is_unit(self, group: int, columns: Sequence[int]) -> bool:
        return self.metadata[group].rows <= _UNIT_ROWS and self._is_small(group, columns)

    def _is_small(self, group: int, columns: Sequence[int]) -> bool:
        """Whether the columns of a row group can be in memory as they are stored."""
        share = sum(len(self._spans[column]) for column in set(columns)) / max(1, self._metadata.num_columns)
        return bool(self.metadata[group].size * share <= _UNIT_SIZE)

    def _kept_batches(self, group: int, columns: Sequence[int]) -> Iterator[tuple[int, Any]]:
        """Yield the batches of a row group, from memory if it was the last one read, with these columns."""
        known, decoded = self._decoded.get(group, ((), []))
        if decoded and set(columns) <= set(known):
            order = [known.index(column) for column in columns]
            yield from ((first, batch.select(order)) for first, batch in decoded)
            return
        wanted = (group, tuple(columns))
        held, batches = self._held
        if held == wanted:
            yield from batches
            return
        kept: list[tuple[int, Any]] | None = []
        size = 0
        for first, batch in self._batches(group, columns, is_worker=False):
            size += batch.nbytes
            kept = [*kept, (first, batch)] if kept is not None and size <= _HELD_SIZE else None
            yield first, batch
        if kept is not None:
            self._held = wanted, kept

    def _batches(self, group: int, columns: Sequence[int], *, is_worker: bool) -> Iterator[tuple[int, Any]]:
        """Yield the batches of a row group, each with the number of its first row.

        Args:
            is_worker: other row groups are decoded beside this one; else its columns are beside each other.
        """
        row_group = self.metadata[group]
        in_file = sorted(set(columns))
        order = [in_file.index(column) for column in columns]
        leaves = [leaf for column in in_file for leaf in self._spans[column]]
        at_once = self._is_small(group, columns)
        file = SourceFile(self.source)
        with translated(_DAMAGED, file):
            opened = parquet.ParquetFile(
                pyarrow.PythonFile(file, "r"),
                metadata=self._metadata,
                pre_buffer=at_once,
                buffer_size=0 if at_once else _BUFFER_SIZE,
                page_checksum_verification=True,
            )
            # By the numbers of the leaves: a name may occur twice, and may look like a path.
            batches = opened.reader.iter_batches(
                BATCH_ROWS, row_groups=[group], column_indices=leaves, use_threads=not is_worker
            )
        first, end = row_group.first, row_group.first + row_group.rows
        while True:
            with translated(_DAMAGED, file):
                batch = next(batches, None)
                if batch is None:
                    break
                batch = batch.select(order)
                _validate(batch)
            yield first, batch
            first += batch.num_rows
        if first != end:
            raise TableError(
                f"its row group {group} has not the {row_group.rows} rows that its footer states"
            )


def _open_footer(source: RandomAccess) -> Any:
    """Open a file without reading more than its footer."""
    file = SourceFile(source)
    tail = source.read_at(max(0, source.size - 8), 8)
    try:
        with translated("its Parquet footer cannot be read", file):
            if int.from_bytes(tail[:4], "little") > MAX_FOOTER_SIZE:
                raise ValueError("it is too large")
            return parquet.ParquetFile(pyarrow.PythonFile(file, "r"), pre_buffer=False)
    except TableError:
        # What is wrong is mostly plain from the ends of the file, and said better than pyarrow does.
        described = describe_parquet(source)
        if isinstance(described, NotATable):
            raise TableError(described.reason) from None
        raise


def _find_leaves(schema: Any, leaves: Any) -> tuple[range, ...]:
    """Return which leaf columns each column of a schema takes.

    Raises:
        ValueError: that is not plain.
    """
    ends = list(accumulate((count_leaves(kind) for kind in schema.types), initial=0))
    if ends[-1] != len(leaves):
        raise ValueError("which of its leaf columns belong together is not plain")
    return tuple(range(start, end) for start, end in pairwise(ends))


def _validate(batch: Any) -> None:
    for column in batch.columns:
        # pyarrow builds what it reads itself, but takes the places of values in a dictionary from the file.
        column.validate(full="dictionary<" in str(column.type))


def _describe_leaf(column: Any) -> Leaf:
    levels = column.max_definition_level, column.max_repetition_level
    return Leaf(column.physical_type, str(column.logical_type), column.length, levels)


def _print_batch(batch: Any, names: Sequence[str], view: View, seed: int, first: int) -> list[Prints]:
    return [print_rows(batch, names, view, seed, first)]
