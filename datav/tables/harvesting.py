"""Cells of rows that found nothing equal, taken while the part of the file they lie in is decoded anyway.

To decode a Parquet file is most of the work of comparing it.  Where few rows differ, their cells are taken
during the scan that found them, so that nothing is decoded a second time.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow

from datav.tables.arrays import integers
from datav.tables.parquetversion import ParquetVersion
from datav.tables.version import U64, TableVersion, View
from datav.tables.walking import Step

# With more rows than these what is taken is most of the file.
_MOST_ROWS = 2**15


class Harvest:
    """Takes the rows of both versions that a walk leaves over, as long as they are few.

    Args:
        versions: what is scanned.
        views: the columns that are.
    """

    def __init__(self, versions: tuple[ParquetVersion, ParquetVersion], views: tuple[View, View]) -> None:
        self._versions = versions
        self._views = views
        self._rows: tuple[list[U64], list[U64]] = ([], [])
        self._tables: tuple[list[Any], list[Any]] = ([], [])
        self._size = 0

    def __call__(self, step: Step) -> None:
        for side, version in enumerate(self._versions):
            places = np.sort(np.concatenate([step.left[side].places, step.differing[side].places]))
            self._size += len(places)
            if len(places) and self._size <= _MOST_ROWS:
                self._rows[side].append(places)
                view = self._views[side]
                self._tables[side].append(version.take(places, view.columns, view.types))
            elif self._size > _MOST_ROWS:
                version.keep_decoded(False)

    def result(self) -> tuple[TableVersion, TableVersion]:
        """Return both versions, with the cells that were taken at hand."""
        for version in self._versions:
            version.keep_decoded(False)
        first, second = (
            _Harvested(version, view.columns, rows, tables)
            for version, view, rows, tables in zip(
                self._versions, self._views, self._rows, self._tables, strict=True
            )
        )
        return first, second


class _Harvested:
    """A version of which the cells of some rows are at hand."""

    def __init__(
        self, version: ParquetVersion, columns: Sequence[int], rows: Sequence[U64], tables: Sequence[Any]
    ) -> None:
        self._version = version
        self._columns = {column: number for number, column in enumerate(columns)}
        self._places = np.concatenate([np.zeros(0, np.uint64), *rows])
        self._table = pyarrow.concat_tables(tables) if tables else None
        self.columns = version.columns
        self.types = version.types
        self.format = version.format
        self.row_count = version.row_count
        self.scan = version.scan

    def take(self, places: U64, columns: Sequence[int], types: Sequence[Any]) -> Any:
        own = [self.types[column] for column in columns]
        if (
            self._table is not None
            and self._columns.keys() >= set(columns)
            and all(kind is None or mine.equals(kind) for mine, kind in zip(own, types, strict=True))
        ):
            at = np.minimum(np.searchsorted(self._places, places), len(self._places) - 1)
            if bool((self._places[at] == places).all()):
                return self._table.select([self._columns[column] for column in columns]).take(integers(at))
        return self._version.take(places, columns, types)


def can_harvest(version: TableVersion, view: View) -> bool:
    """Whether a version is decoded in parts that can be kept, and its cells are compared as what they are."""
    return isinstance(version, ParquetVersion) and all(
        kind is None or version.types[column].equals(kind)
        for column, kind in zip(view.columns, view.types, strict=True)
    )
