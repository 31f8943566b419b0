"""Parquet and Arrow IPC, merged: ours written anew, a row group or a batch at a time."""

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np
import pyarrow

from datav.merging.plan import MergedColumn, TableMerge, Window
from datav.merging.rowedits import layout_of
from datav.tables.arrays import no_cells
from datav.tables.arrowversion import ArrowVersion
from datav.tables.arrowwriting import write_arrow_edited
from datav.tables.columnaredits import PartEdit
from datav.tables.packing import find_packing, packing
from datav.tables.parquetversion import ParquetVersion
from datav.tables.parquetwriting import write_parquet_edited
from datav.tables.source import RandomAccess
from datav.tables.version import I64, U64


def write_parquet(merge: TableMerge, source: RandomAccess, target: BinaryIO) -> None:
    """Write the merged table as our Parquet file is written.

    Args:
        source: our file; the version reads another where that is compressed as a whole.

    Raises:
        TableError: cells cannot be cast to the type of the result, or are null where ours forbids it.
    """
    version = merge.ours
    assert isinstance(version, ParquetVersion), "ours is Parquet"
    with packing(target, _packing_of(version, source)) as out:
        write_parquet_edited(version, layout_of(merge), _types(merge), _Upcoming(merge), out)


def write_arrow(merge: TableMerge, source: RandomAccess, target: BinaryIO) -> None:
    """Write the merged table as our Arrow IPC file or stream is written.

    Args:
        source: our file; the version reads another where that is compressed as a whole.

    Raises:
        TableError: cells cannot be cast to the type of the result, or a dictionary cannot grow.
    """
    version = merge.ours
    assert isinstance(version, ArrowVersion), "ours is Arrow"
    with packing(target, _packing_of(version, source)) as out:
        write_arrow_edited(version, layout_of(merge), _types(merge), _Upcoming(merge), out)


def _packing_of(version: ParquetVersion | ArrowVersion, source: RandomAccess) -> str | None:
    return find_packing(source) if version.source is not source else None


# Any, here and below: pyarrow has no types of its own that mypy could see.
def _types(merge: TableMerge) -> list[Any]:
    return [_type_of(column, merge) for column in merge.columns]


def _type_of(column: MergedColumn, merge: TableMerge) -> Any:
    if column.type is None and column.ours is not None:
        return merge.ours.types[column.ours]
    assert column.type is not None, "columns of typed tables have types"
    return column.type


# Of windows that are looked at before anything is written.
_MOST_AHEAD = 64 * 2**20


class _Upcoming:
    """The windows of a merge, drawn as the rows that they speak of come up."""

    def __init__(self, merge: TableMerge) -> None:
        self._windows = merge.windows()
        self._held: list[Window] = []
        kinds = _types(merge)
        names = [column.name for column in merge.columns]
        self._nothing = pyarrow.Table.from_arrays([no_cells(kind) for kind in kinds], names=names)

    def within(self, first: int, end: int, *, is_last: bool) -> PartEdit:
        """Return what happens to the rows from number `first` up to `end`; see columnaredits.PartEdits."""
        self._draw(None if is_last else end)
        mine = self._held if is_last else [_before(window, end) for window in self._held]
        mine = [window for window in mine if not _is_empty(window)]
        rest = [] if is_last else [_rest(window, end) for window in self._held]
        self._held = [window for window in rest if not _is_empty(window)]
        return PartEdit(
            _joined_rows([window.places for window in mine], first),
            self._joined([window.rows for window in mine]),
            _joined_rows([window.removed for window in mine], first),
            _joined_rows([window.boundaries for window in mine], first),
            self._joined([window.new for window in mine]),
        )

    def ahead(self) -> list[Any]:
        """Return what rows become, and what is new: all, or what some MiB hold."""
        size = 0
        while size < _MOST_AHEAD and (window := self._next()) is not None:
            self._held.append(window)
            size += window.rows.nbytes + window.new.nbytes
        return [table for window in self._held for table in (window.rows, window.new)]

    def _draw(self, end: int | None) -> None:
        """Draw windows until one reaches up to `end`, or all."""
        while end is None or not self._held or _last_row(self._held[-1]) < end:
            window = self._next()
            if window is None:
                return
            self._held.append(window)

    def _next(self) -> Window | None:
        """Draw the next window in which something happens; None behind the last."""
        return next((window for window in self._windows if not _is_empty(window)), None)

    def _joined(self, tables: Sequence[Any]) -> Any:
        """Return rows end to end; the columns may be called differently in each."""
        filled = [table for table in tables if len(table)]
        if len(filled) < 2:
            return filled[0] if filled else self._nothing
        columns = [
            pyarrow.chunked_array([chunk for table in filled for chunk in table.column(number).chunks])
            for number in range(self._nothing.num_columns)
        ]
        return pyarrow.Table.from_arrays(columns, names=self._nothing.column_names)


def _joined_rows(sides: Sequence[U64], first: int) -> I64:
    """Return numbers of rows end to end, counted from row number `first`."""
    return np.concatenate([np.zeros(0, np.uint64), *sides]).astype(np.int64) - first


def _sides(window: Window) -> Iterator[U64]:
    yield from (window.places, window.removed, window.boundaries)


def _is_empty(window: Window) -> bool:
    return not any(len(side) for side in _sides(window))


def _last_row(window: Window) -> int:
    return max(int(side[-1]) for side in _sides(window) if len(side))


def _counts(window: Window, end: int) -> list[int]:
    """How many rows of each kind lie before row number `end`."""
    return [int(np.searchsorted(side, np.uint64(end))) for side in _sides(window)]


def _before(window: Window, end: int) -> Window:
    places, removed, boundaries = _counts(window, end)
    return Window(
        window.places[:places],
        window.rows.slice(0, places),
        window.removed[:removed],
        window.boundaries[:boundaries],
        window.new.slice(0, boundaries),
    )


def _rest(window: Window, end: int) -> Window:
    places, removed, boundaries = _counts(window, end)
    return Window(
        window.places[places:],
        window.rows.slice(places),
        window.removed[removed:],
        window.boundaries[boundaries:],
        window.new.slice(boundaries),
    )
