"""The windows of a merge as edits of rows, one at a time, in the order of the file."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from datav.merging.plan import TableMerge, Window
from datav.tables.edits import Column, RowEdit

_NEW, _REPLACED, _REMOVED = range(3)


def layout_of(merge: TableMerge) -> list[Column]:
    """Return the columns of a result, with which of ours each is."""
    return [Column(column.name, column.ours) for column in merge.columns]


def row_edits(windows: Iterable[Window], start_of: Callable[[int], int]) -> Iterator[RowEdit]:
    """Yield what happens to rows; what is new at a boundary comes before what happens to the row there.

    Args:
        windows: drawn once, as they are needed.
        start_of: tells where the record at a place begins.
    """
    for window in windows:
        yield from _edits_of(window, start_of)


def _edits_of(window: Window, start_of: Callable[[int], int]) -> Iterator[RowEdit]:
    rows, new = ([column.to_pylist() for column in table.columns] for table in (window.rows, window.new))
    places = [window.boundaries.tolist(), window.places.tolist(), window.removed.tolist()]
    starts = [*places[0], *(start_of(place) for some in places[1:] for place in some)]
    kinds = np.repeat([_NEW, _REPLACED, _REMOVED], [len(some) for some in places])
    numbers = [number for some in places for number in range(len(some))]
    # Stable: new rows with one boundary keep their order.
    order = np.lexsort((kinds != _NEW, np.array(starts, np.uint64)))
    for at in order.tolist():
        kind, number = int(kinds[at]), numbers[at]
        place = places[kind][number]
        if kind == _REMOVED:
            yield RowEdit(place, None)
        else:
            cells = [column[number] for column in (new if kind == _NEW else rows)]
            yield RowEdit(place, cells, is_new=kind == _NEW)
