"""Merges made by hand: a version, its result's columns, and what happens to its rows by number."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from datav.merging.plan import MergedColumn, Window
from datav.tables.jsonl import JsonLinesVersion
from datav.tables.text import TextVersion
from datav.tables.version import TableVersion, View

Cells = Sequence[Any]


@dataclass
class MadeMerge:
    """A TableMerge over a version.

    Args:
        changed: by number of a row: the cells that it comes to have.
        removed: numbers of rows.
        new: before which row, and the cells of the new one; in order.
        layout: for each column of the result its name, and which of ours it is; None: those of ours.
        types: of the result; None: those of ours.
        window_rows: how many rows a window speaks of at most.
    """

    ours: TableVersion
    changed: Mapping[int, Cells]
    removed: Sequence[int] = ()
    new: Sequence[tuple[int, Cells]] = ()
    layout: Sequence[tuple[str, int | None]] | None = None
    types: Sequence[Any] | None = None
    window_rows: int = 2**30

    @property
    def columns(self) -> tuple[MergedColumn, ...]:
        layout = self.layout
        if layout is None:
            layout = [(column.name, number) for number, column in enumerate(self.ours.columns)]
        kinds = self.types
        if kinds is None:
            kinds = [None if number is None else self.ours.types[number] for _, number in layout]
        return tuple(
            MergedColumn(name, number, number, number, kind)
            for (name, number), kind in zip(layout, kinds, strict=True)
        )

    def windows(self) -> Iterator[Window]:
        places = row_places(self.ours)
        step = self.window_rows
        for first in range(0, len(places) + 1, step):
            rows = range(first, first + step)
            yield self._window(places, rows)

    def _window(self, places: np.ndarray, rows: range) -> Window:
        changed = [row for row in sorted(self.changed) if row in rows]
        removed = [row for row in sorted(self.removed) if row in rows]
        new = [(row, cells) for row, cells in self.new if row in rows]
        ends = boundaries_of(self.ours, places)
        return Window(
            places[np.array(changed, int)],
            self._table([self.changed[row] for row in changed]),
            places[np.array(removed, int)],
            np.array([ends[row] for row, _ in new], np.uint64),
            self._table([cells for _, cells in new]),
        )

    def _table(self, rows: Sequence[Cells]) -> pa.Table:
        kinds = [pa.large_binary() if column.type is None else column.type for column in self.columns]
        columns = [pa.array([row[at] for row in rows], kind) for at, kind in enumerate(kinds)]
        return pa.Table.from_arrays(columns, names=[column.name for column in self.columns])


def row_places(version: TableVersion) -> np.ndarray:
    """Return the places of all rows."""
    view = View(tuple(range(len(version.columns))), (), tuple(version.types))
    with ThreadPoolExecutor(1) as executor:
        found = [prints.places for prints in version.scan(view, 1, executor)]
    return np.concatenate([np.zeros(0, np.uint64), *found])


def boundaries_of(version: TableVersion, places: np.ndarray) -> list[int]:
    """Return what stands for `before this row`, for each row and for the end."""
    if isinstance(version, TextVersion):
        return [*(version.text_of(place)[0] for place in places.tolist()), version.source.size]
    return [*places.tolist(), version.source.size if isinstance(version, JsonLinesVersion) else len(places)]


def merged_rows(rows: Sequence[Any], merge: MadeMerge, relaid: Any = list) -> list[Any]:
    """Return what the rows of ours, given as the result has them, become."""
    result = []
    for number, row in enumerate([*rows, None]):
        result += [relaid(cells) for before, cells in merge.new if before == number]
        if number < len(rows) and number not in merge.removed:
            result.append(relaid(merge.changed[number]) if number in merge.changed else row)
    return result
