"""How far a version of a table moved away from an earlier one, measure by measure: what limits are about."""

from collections.abc import Mapping
from dataclasses import dataclass

from datav.drift.result import TableDrift
from datav.drift.verdicts import Move, percent
from datav.formats.limits import Measured

ROW_MEASURES = frozenset({"rows replaced", "cells changed", "labels flipped"})
"""What only the rows themselves tell."""

# Below these nobody cares.  Shares of rows.
_ROWS_LOST = 0.05
_ROWS_GAINED = 0.5
_ROWS_REPLACED = 0.05
_CELLS_CHANGED = 0.02
_LABELS_FLIPPED = 0.005


@dataclass(frozen=True, slots=True)
class RowChanges:
    """What a row diff by key counted."""

    before_rows: int
    removed: int
    common: int
    """Rows of both sides."""
    changed_cells: Mapping[str, int]
    label: str | None = None
    flipped: int = 0
    """Rows of which nothing but the label changed."""


def measure_profiles(drift: TableDrift, window: int = 1) -> dict[Measured, Move]:
    """Return how far a table moved, by its profiles.

    Args:
        window: how many versions lie between the two; events count only between neighbours.
    """
    before, after = drift.before_rows, drift.after_rows
    found: dict[Measured, Move] = {}
    if before:
        rows = f"{before:,} rows -> {after:,}"
        lost, gained = max(0.0, 1 - after / before), max(0.0, after / before - 1)
        found[Measured(None, "rows lost", window)] = _size(
            "rows lost", lost, _ROWS_LOST, before, after, f"{percent(lost)} of the rows are lost: {rows}"
        )
        found[Measured(None, "rows gained", window)] = _size(
            "rows gained", gained, _ROWS_GAINED, before, after, f"{percent(gained)} more rows: {rows}"
        )
    for column in drift.columns:
        for move in column.moves:
            if window == 1 or not move.is_event:
                found[Measured(column.name, move.measure, window)] = move
    if window == 1:
        for name in drift.removed:
            what = "the column is gone"
            found[Measured(name, "column gone")] = Move("column gone", 1.0, 1.0, True, None, None, what)
    return found


def measure_rows(rows: RowChanges) -> dict[Measured, Move]:
    """Return how far a table moved, by its rows."""
    found: dict[Measured, Move] = {}
    if rows.before_rows:
        share = rows.removed / rows.before_rows
        what = (
            f"{percent(share)} of the rows are gone by their key ({rows.removed:,} of {rows.before_rows:,})"
        )
        found[Measured(None, "rows replaced")] = _size(
            "rows replaced", share, _ROWS_REPLACED, rows.before_rows, rows.removed, what
        )
    if not rows.common:
        return found
    for column, cells in rows.changed_cells.items():
        share = cells / rows.common
        what = f"{percent(share)} of the cells are others than before ({cells:,} of {rows.common:,})"
        found[Measured(column, "cells changed")] = _size(
            "cells changed", share, _CELLS_CHANGED, None, cells, what
        )
    if rows.label is not None:
        share = rows.flipped / rows.common
        what = (
            f"{percent(share)} of the rows have another label and nothing else changed "
            f"({rows.flipped:,} of {rows.common:,})"
        )
        found[Measured(rows.label, "labels flipped")] = _size(
            "labels flipped", share, _LABELS_FLIPPED, None, rows.flipped, what
        )
    return found


def _size(
    measure: str, value: float, floor: float, before: float | None, after: float | None, what: str
) -> Move:
    return Move(measure, value, floor, False, before, after, what)
