"""Columns that are likely the same under another name: much the same cells in the same rows.  A guess."""

from concurrent.futures import Executor
from typing import Any

import numpy as np

from datav.tables.arrays import integers
from datav.tables.result import ColumnRename, SchemaDiff
from datav.tables.typed import meant_cells
from datav.tables.version import U64, Prints, TableVersion
from datav.tables.views import Compared

# Rows looked at.  Of a column that is constant, or empty, nothing can be said.
_ROWS = 1000
_LIKELY = 0.8
_MAX_PAIRS = 400
_SEED = 0


def guess_renames(compared: Compared, schema: SchemaDiff, executor: Executor) -> tuple[ColumnRename, ...]:
    """Return the columns that are gone and those that most likely came in their place.

    Cost: the first rows of both versions; nothing unless columns were both added and removed.
    """
    if not schema.added or not schema.removed or len(schema.added) * len(schema.removed) > _MAX_PAIRS:
        return ()
    rows = _first_rows(compared, executor)
    if rows is None:
        return ()
    removed = {c.name: _cells(compared.before, c.name, rows[0]) for c in schema.removed}
    added = {c.name: _cells(compared.after, c.name, rows[1]) for c in schema.added}
    shares = sorted((-_share(old, new), a, b) for a, old in removed.items() for b, new in added.items())
    found: list[ColumnRename] = []
    for share, a, b in shares:
        if -share >= _LIKELY and all(a != rename.before and b != rename.after for rename in found):
            found.append(ColumnRename(a, b, -share))
    order = [column.name for column in schema.removed]
    return tuple(sorted(found, key=lambda rename: order.index(rename.before)))


def _first_rows(compared: Compared, executor: Executor) -> tuple[U64, U64] | None:
    """Places of rows that belong together: of the same key; without one, with the same compared cells."""
    firsts: list[Prints] = []
    for version, view in ((compared.before, compared.before_view), (compared.after, compared.after_view)):
        if not view.columns:
            return None
        scan = version.scan(view, _SEED, executor)
        first = next(scan, None)
        if first is None:
            return None
        firsts.append(first)
    _, rows_a, rows_b = np.intersect1d(firsts[0].keys, firsts[1].keys, return_indices=True)
    rows_a, rows_b = rows_a[:_ROWS], rows_b[:_ROWS]
    return (firsts[0].places[rows_a], firsts[1].places[rows_b]) if len(rows_a) else None


def _cells(version: TableVersion, name: str, places: U64) -> Any:
    """Cells of one column as canonical texts, in the order of `places`."""
    number = next(n for n, column in enumerate(version.columns) if column.name == name)
    order = np.argsort(places)
    table = version.take(places[order], (number,), (version.types[number],))
    return meant_cells(table.column(0), version.format).take(integers(np.argsort(order)))


def _share(before: Any, after: Any) -> float:
    """The share of rows whose cells are equal; 0 if the cells say nothing."""
    old, new = np.array(before.to_pylist(), object), np.array(after.to_pylist(), object)
    if len(set(old.tolist())) < 2:
        return 0.0
    return float((old == new).mean())
