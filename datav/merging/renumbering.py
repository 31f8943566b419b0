"""New numbers for rows that both sides added under the same one: their row is another row."""

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from datav.errors import TableError
from datav.merging.cells import CellMerger
from datav.merging.taking import take_rows
from datav.tables.cellvalues import cell_values
from datav.tables.cellwise import Mask, differing_cells
from datav.tables.version import U64, TableVersion, View

_ROWS = 2**14


@dataclass(frozen=True, slots=True)
class Renumbered:
    """Which rows that both sides added are not one row."""

    collides: Mask
    numbers: list[int]
    """What theirs of those get, in the order of theirs."""


def renumber(
    sides: tuple[TableVersion, TableVersion],
    rows: tuple[U64, U64],
    name: str,
    key: Sequence[str],
    cells: CellMerger,
    executor: Executor,
) -> Renumbered:
    """Give new numbers to rows of theirs that have the key of another row of ours.

    Args:
        sides: ours and theirs.
        rows: their places, in step.

    Raises:
        TableError: the column is not of the key, or holds something else than whole numbers.

    Cost: the column is read whole in both versions, if there is anything to renumber.
    """
    if name not in key:
        raise TableError(f"the column {name} is to be renumbered, and is not in the key {', '.join(key)}")
    collides = np.zeros(len(rows[0]), bool)
    for at in range(0, len(rows[0]), _ROWS):
        some = slice(at, at + _ROWS)
        ours = cells.whole(take_rows(sides[0], rows[0][some]), "ours")
        theirs = cells.whole(take_rows(sides[1], rows[1][some]), "theirs")
        for column in cells.columns:
            if column.ours is not None and column.theirs is not None:
                mine, other = ours.column(column.name), theirs.column(column.name)
                collides[some] |= differing_cells(mine, other)
    count = int(collides.sum())
    if not count:
        return Renumbered(collides, [])
    first = 1 + max(_largest(side, name, executor) for side in sides)
    by_theirs = np.argsort(np.argsort(rows[1][collides]))
    return Renumbered(collides, [first + int(rank) for rank in by_theirs])


def _largest(version: TableVersion, name: str, executor: Executor) -> int:
    number = [column.name for column in version.columns].index(name)
    kind = version.types[number]
    view = View((number,), (), (kind,))
    largest = 0
    for block in version.scan(view, 0, executor):
        places = np.unique(block.places)
        for at in range(0, len(places), _ROWS):
            table = version.take(places[at : at + _ROWS], [number], [kind])
            largest = max(largest, *map(_whole_number, cell_values(table.column(0)), [name] * len(table)), 0)
    return largest


def _whole_number(cell: object, name: str) -> int:
    try:
        return int(str(cell)) if cell not in (None, "") else 0
    except ValueError as exc:
        raise TableError(f"the column {name} is to be renumbered, and holds {cell!r}") from exc
