"""A version as if it had the columns that came later, with nothing in them."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from typing import Any

import numpy as np
import pyarrow

from datav.formats.manifest import ColumnInfo
from datav.tables.hashing import fold_cells
from datav.tables.version import U64, Prints, TableVersion, View


class WidenedVersion:
    """A version with more columns behind its own: nulls, or empty cells where a text knows no nulls.

    Args:
        later: the version that has those columns.
        added: which of its columns they are.
    """

    def __init__(self, version: TableVersion, later: TableVersion, added: Sequence[int]) -> None:
        self._narrow = version
        self._width = len(version.columns)
        # Once, for all: a version makes them when it is asked.
        columns, kinds = later.columns, later.types
        self._columns = version.columns + tuple(columns[number] for number in added)
        self._types = version.types + tuple(kinds[number] for number in added)
        self._has_nulls = later.format == "jsonl"

    @property
    def columns(self) -> tuple[ColumnInfo, ...]:
        return self._columns

    @property
    def format(self) -> str:
        return self._narrow.format

    @property
    def types(self) -> tuple[Any, ...]:
        return self._types

    @property
    def row_count(self) -> int | None:
        return self._narrow.row_count

    def scan(self, view: View, seed: int, executor: Executor) -> Iterator[Prints]:
        """As TableVersion.scan; the columns that are added come last in the view, and are not in its key."""
        own = self._own(view.columns)
        narrow = View(view.columns[:own], view.key, view.types[:own])
        for prints in self._narrow.scan(narrow, seed, executor):
            rows = np.array(prints.rows)
            fold_cells(rows, [self._nothing(kind, len(rows)) for kind in view.types[own:]], seed)
            yield Prints(prints.places, prints.keys if view.key else rows, rows)

    def take(self, places: U64, columns: Sequence[int], types: Sequence[Any]) -> pyarrow.Table:
        own = self._own(columns)
        table = self._narrow.take(places, columns[:own], types[:own])
        more = [self._nothing(kind, len(places)) for kind in types[own:]]
        names = [self._columns[number].name for number in columns[own:]]
        return pyarrow.Table.from_arrays(table.columns + more, names=table.column_names + names)

    def _own(self, columns: Sequence[int]) -> int:
        """How many of some columns the version has itself; they come first."""
        return sum(number < self._width for number in columns)

    # Any: pyarrow has no types of its own that mypy could see.
    def _nothing(self, kind: Any, rows: int) -> Any:
        if kind is not None:
            return pyarrow.nulls(rows, kind)
        if self._has_nulls:
            return pyarrow.nulls(rows, pyarrow.large_binary())
        return pyarrow.repeat(pyarrow.scalar(b"", pyarrow.large_binary()), rows)
