"""Versions that stand in for base: one without rows, where both sides added the table; one that lacks
columns.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from typing import Any

import pyarrow

from datav.formats.manifest import ColumnInfo
from datav.tables.version import U64, Prints, TableVersion, View


class NoRows:
    """A version without rows.

    Args:
        like: whose columns it has, those that are in `kept`.
    """

    row_count = 0

    def __init__(self, like: TableVersion, kept: Sequence[int]) -> None:
        columns, kinds = like.columns, like.types
        self.format = like.format
        self.columns: tuple[ColumnInfo, ...] = tuple(columns[number] for number in kept)
        # Any: pyarrow has no types of its own that mypy could see.
        self.types: tuple[Any, ...] = tuple(kinds[number] for number in kept)

    def scan(self, view: View, seed: int, executor: Executor) -> Iterator[Prints]:
        return iter(())

    def take(self, places: U64, columns: Sequence[int], types: Sequence[object]) -> Any:
        names = [self.columns[number].name for number in columns]
        fields = [
            (name, pyarrow.large_binary() if kind is None else kind)
            for name, kind in zip(names, types, strict=True)
        ]
        return pyarrow.schema(fields).empty_table()


class Narrowed:
    """A version of which some columns are as if they were not there."""

    def __init__(self, version: TableVersion, kept: Sequence[int]) -> None:
        self._version = version
        self._kept = list(kept)
        columns, kinds = version.columns, version.types
        self.format = version.format
        self.columns: tuple[ColumnInfo, ...] = tuple(columns[number] for number in kept)
        # Any: as above.
        self.types: tuple[Any, ...] = tuple(kinds[number] for number in kept)

    @property
    def row_count(self) -> int | None:
        return self._version.row_count

    def scan(self, view: View, seed: int, executor: Executor) -> Iterator[Prints]:
        own = View(self._own(view.columns), view.key, view.types)
        return self._version.scan(own, seed, executor)

    def take(self, places: U64, columns: Sequence[int], types: Sequence[object]) -> Any:
        return self._version.take(places, self._own(columns), types)

    def _own(self, columns: Sequence[int]) -> tuple[int, ...]:
        return tuple(self._kept[number] for number in columns)
