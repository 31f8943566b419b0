"""A merge of tables that is decided: the edits it makes of ours, as windows of rows.

Cells are looked at window by window while the result is written, so memory is bounded by the number of rows
that a side touched, not by what stands in them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pyarrow

from datav.formats.conflict import ConflictItem
from datav.merging.cells import CellMerger, MergedRows, Rows
from datav.merging.matching import NO_ROWS, row_ids
from datav.merging.plan import MergedColumn, Window
from datav.merging.result import MergeCounts
from datav.merging.taking import take_rows
from datav.tables.arrays import flags, integers
from datav.tables.version import I64, U64, TableVersion

# Rows of three versions that are in memory at a time.
WINDOW_ROWS = 2**14


class New(NamedTuple):
    """Rows that come into ours, in the order of theirs."""

    theirs: U64
    """Where theirs has them, or where it has what became of them."""
    is_base: Any
    """A mask: it is base's row that comes."""
    base: U64
    """Its place."""
    numbers: dict[int, int]
    """By position here: the number that a row gets in the column that is renumbered."""


@dataclass(slots=True)
class Edits:
    """What is to be done to ours.  Places in ours increase; all arrays of a pair are in step."""

    both: tuple[U64, U64, U64]
    """Rows to be merged by cell: in ours, theirs, base."""
    theirs: tuple[U64, U64]
    """Rows that theirs alone changed: in ours, theirs."""
    twice: tuple[U64, U64]
    """Rows that both added: in ours, theirs."""
    restored: tuple[U64, U64]
    """Rows that become base's again: in ours, base."""
    removed: U64
    boundaries: U64
    """Of the new rows, not decreasing."""
    new: I64
    """Numbers of the new rows, in step."""


@dataclass(slots=True)
class Merge:
    """A merge that is ready to be written; `datav.merging.plan.TableMerge`.

    `counts` and `items` are whole when all windows were asked for.
    """

    ours: TableVersion
    columns: tuple[MergedColumn, ...]
    notes: list[str]
    items: list[ConflictItem]
    """What is in conflict."""
    counts: MergeCounts
    key: tuple[str, ...]
    _edits: Edits = field(repr=False)
    _new: New = field(repr=False)
    _others: tuple[TableVersion, TableVersion] = field(repr=False)
    """Theirs and base."""
    _whole_base: TableVersion = field(repr=False)
    _cells: CellMerger = field(repr=False)
    _lone: CellMerger = field(repr=False)
    """For rows that were told to be each other's without a key."""
    _keyless: U64 = field(repr=False)
    """Places in ours of those, sorted."""

    def windows(self) -> Iterator[Window]:
        """Yield the edits; see plan.TableMerge."""
        edits = self._edits
        touched = np.concatenate(
            [edits.both[0], edits.theirs[0], edits.twice[0], edits.restored[0], edits.removed]
        )
        ids = row_ids(self.ours, touched)
        marks = np.sort(np.concatenate([ids, edits.boundaries]))
        cuts = marks[WINDOW_ROWS::WINDOW_ROWS]
        low = np.uint64(0)
        for high in [*np.unique(cuts), None]:
            yield self._window(low, high)
            low = high if high is not None else low

    def _window(self, low: np.uint64, high: np.uint64 | None) -> Window:
        """The edits of rows and boundaries from `low` up to, not including, `high`."""
        edits = self._edits
        parts = [self._merged(*rows) for rows in self._rows_in(low, high)]
        cells = [(places, found.rows.filter(flags(found.changed)), found) for places, found in parts]
        places = np.concatenate([NO_ROWS, *(rows[found.changed] for rows, _, found in cells)])
        dropped = [rows[found.dropped] for rows, _, found in cells]
        restored = _between(self.ours, edits.restored, low, high)
        tables = [table for _, table, _ in cells]
        if len(restored[0]):
            places = np.concatenate([places, restored[0]])
            tables.append(self._cells.whole(take_rows(self._whole_base, restored[1]), "base"))
        order = np.argsort(places, kind="stable")
        rows = pyarrow.concat_tables([self._nothing(), *tables]).take(integers(order))
        (removed,) = _between(self.ours, (edits.removed,), low, high)
        removed = np.sort(np.concatenate([removed, *dropped]))
        first = int(np.searchsorted(edits.boundaries, low))
        last = len(edits.boundaries) if high is None else int(np.searchsorted(edits.boundaries, high))
        new = self._new_rows(edits.new[first:last])
        self._count(parts, len(new), len(removed))
        return Window(places[order], rows, removed, edits.boundaries[first:last], new)

    def _rows_in(self, low: np.uint64, high: np.uint64 | None) -> Iterator[tuple[U64, Rows, bool]]:
        edits, (theirs, base) = self._edits, self._others
        for keyless in (False, True):
            both = _between(self.ours, edits.both, low, high)
            chosen = np.isin(both[0], self._keyless) == keyless
            if chosen.any():
                mine, other, old = (places[chosen] for places in both)
                yield (
                    mine,
                    Rows(take_rows(base, old), take_rows(self.ours, mine), take_rows(theirs, other)),
                    keyless,
                )
        for pair, is_new in ((edits.theirs, False), (edits.twice, True)):
            mine, other = _between(self.ours, pair, low, high)
            if len(mine):
                yield mine, Rows(None, take_rows(self.ours, mine), take_rows(theirs, other), is_new), False

    def _merged(self, places: U64, rows: Rows, keyless: bool) -> tuple[U64, MergedRows]:
        return places, (self._lone if keyless else self._cells).merge(rows)

    def _new_rows(self, numbers: I64) -> Any:
        new, theirs, base = self._new, self._others[0], self._whole_base
        is_base = new.is_base[numbers]
        tables = [self._nothing()]
        rows = self._cells.whole(take_rows(theirs, new.theirs[numbers[~is_base]]), "theirs")
        tables.append(self._renumbered(rows, numbers[~is_base]))
        tables.append(self._cells.whole(take_rows(base, new.base[numbers[is_base]]), "base"))
        order = np.argsort(np.concatenate([np.flatnonzero(~is_base), np.flatnonzero(is_base)]))
        return pyarrow.concat_tables(tables).take(integers(order))

    def _renumbered(self, rows: Any, numbers: I64) -> Any:
        given = [self._new.numbers.get(number) for number in numbers.tolist()]
        name = self._cells.options.rules.renumber
        if not any(number is not None for number in given) or name is None:
            return rows
        at = rows.column_names.index(name)
        mask = np.array([number is not None for number in given])
        cells = self._cells.cells_of([number for number in given if number is not None], self.columns[at])
        return rows.set_column(
            at, name, pyarrow.compute.replace_with_mask(rows.column(at).combine_chunks(), flags(mask), cells)
        )

    def _nothing(self) -> Any:
        return pyarrow.schema(
            (column.name, pyarrow.large_binary() if column.type is None else column.type)
            for column in self.columns
        ).empty_table()

    def _count(self, parts: Sequence[tuple[U64, MergedRows]], added: int, removed: int) -> None:
        found = [rows for _, rows in parts]
        for rows in found:
            self.items += rows.items
        self.counts += MergeCounts(
            ours_only=sum(rows.ours_only for rows in found),
            theirs_only=sum(rows.theirs_only for rows in found),
            same_change=sum(rows.same for rows in found),
            cells_merged=sum(rows.merged for rows in found),
            conflicts=sum(rows.conflicts for rows in found),
            added=added,
            removed=removed,
        )


def _between(version: TableVersion, columns: Any, low: np.uint64, high: np.uint64 | None) -> Any:
    """Return what lies from `low` up to `high`, of arrays in step that are sorted by the first."""
    ids = row_ids(version, columns[0])
    first = int(np.searchsorted(ids, low))
    last = len(ids) if high is None else int(np.searchsorted(ids, high))
    return tuple(column[first:last] for column in columns)
