"""What applying a change feed does to a table: a value, made before anything is written."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from datav.tables.arrays import integers
from datav.tables.columnaredits import PartEdit
from datav.tables.edits import Column, RowEdit


@dataclass(slots=True)
class Plan:
    """Which rows of a table go, which become others, and which are new."""

    old_columns: list[str]
    """Of the file."""
    columns: list[str]
    """Of the result."""
    # Any: pyarrow has no types of its own that mypy could see.
    after: Any
    """A pyarrow.Table of whole rows, `columns` of it: what changed and added rows become."""
    edits: dict[int, int | None] = field(default_factory=dict)
    """By place, in the order of the file: the row of `after` that a row becomes, or None: it goes."""
    added: list[int] = field(default_factory=list)
    """Rows of `after` that are new."""
    added_counts: list[int] = field(default_factory=list)
    """How many of each."""
    rows: int = 0
    """Of the file."""

    @property
    def layout(self) -> list[Column]:
        """The columns of the result, with which of the file's each is."""
        places = {name: place for place, name in enumerate(self.old_columns)}
        return [Column(name, places.get(name)) for name in self.columns]

    @property
    def types(self) -> list[Any]:
        """Of the columns of the result."""
        return list(self.after.schema.types)

    def row_edits(self, end: int) -> Iterator[RowEdit]:
        """Yield what happens to the rows of a file of lines; what is new comes at its end."""
        cells = [column.to_pylist() for column in self.after.columns]
        for place, row in self.edits.items():
            yield RowEdit(place, None if row is None else [column[row] for column in cells])
        for row, count in zip(self.added, self.added_counts, strict=True):
            new = RowEdit(end, [column[row] for column in cells], is_new=True)
            for _ in range(count):
                yield new

    def within(self, first: int, end: int, *, is_last: bool) -> PartEdit:
        """Return what happens to the rows from number `first` up to `end`; what is new comes last of all."""
        places = np.fromiter(self.edits, np.int64, len(self.edits))
        start, stop = np.searchsorted(places, [first, end])
        some = places[start:stop]
        becomes = [self.edits[place] for place in some.tolist()]
        stays = np.array([row is not None for row in becomes], bool)
        rows = [row for row in becomes if row is not None]
        added = np.repeat(np.array(self.added, np.int64), np.array(self.added_counts, np.int64))
        new = added if is_last else added[:0]
        return PartEdit(
            some[stays] - first,
            self.after.take(integers(np.array(rows, np.int64))),
            some[~stays] - first,
            np.full(len(new), end - first),
            self.after.take(integers(new)),
        )

    def ahead(self) -> list[Any]:
        """Return all rows that come into the result."""
        return [self.after]
