"""Rows of two versions side by side: those of the first in the order of the file, with those they belong to.

Where the second version has them in much the same order both are read from front to back.  Where it has not,
what belongs to many windows is first sorted into scratch files, one for each window, so that each version is
still read once.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, BinaryIO

import numpy as np
import pyarrow
from numpy.typing import NDArray
from pyarrow import ipc

from datav.storage.scratch import Scratch
from datav.tables.arrays import integers
from datav.tables.version import U64, TableVersion, View

# Rows read at a time.  A place of a text says how long its row is; of long rows fewer are taken.
WINDOW_ROWS = 2**15
# Beyond this span of places a window of the second version is not one part of the file.
_SCATTERED = 8
# Open at a time; of more windows several share one.
_MOST_FILES = 256
_RANK = "\0rank"


class Pairs:
    """Windows of rows that belong together.

    Args:
        places: of the first version, increasing, and of the second, in step.
    """

    def __init__(
        self, before: TableVersion, after: TableVersion, places: tuple[U64, U64], scratch: Scratch
    ) -> None:
        self._before, self._after = before, after
        self._places = places
        self._scratch = scratch

    def __len__(self) -> int:
        return len(self._places[0])

    def windows(self, before: View, after: View) -> Iterator[Callable[[], tuple[Any, Any]]]:
        """Yield what gives tables of the views' columns, in step, window by window; may be called on any
        thread."""
        parts = [
            slice(start, min(start + WINDOW_ROWS, len(self))) for start in range(0, len(self), WINDOW_ROWS)
        ]
        if self._is_scattered(parts):
            for part, second in zip(parts, self._scattered(parts, after), strict=True):
                yield partial(self._beside, part, before, second)
        else:
            for part in parts:
                yield partial(self._both, part, before, after)

    def _beside(self, part: slice, before: View, second: Any) -> tuple[Any, Any]:
        return self._before.take(self._places[0][part], before.columns, before.types), second

    def _both(self, part: slice, before: View, after: View) -> tuple[Any, Any]:
        places = self._places[1][part]
        order = np.argsort(places, kind="stable")
        second = self._after.take(places[order], after.columns, after.types)
        if not _is_sorted(order):
            second = second.take(integers(np.argsort(order)))
        return self._beside(part, before, second)

    def _is_scattered(self, parts: list[slice]) -> bool:
        """Whether the windows of the second version overlap so much that it would be read many times."""
        if len(parts) <= 2:
            return False
        places = self._places[1].astype(np.float64)
        spans = sum(float(places[part].max() - places[part].min()) for part in parts)
        return spans > _SCATTERED * float(places.max() - places.min())

    def _scattered(self, parts: list[slice], view: View) -> Iterator[Any]:
        order = np.argsort(self._places[1], kind="stable")
        rows_a_file = WINDOW_ROWS * -(-len(parts) // _MOST_FILES)
        files = [_WindowFile(self._scratch) for _ in range(0, len(order), rows_a_file)]
        for start in range(0, len(order), WINDOW_ROWS):
            ranks = order[start : start + WINDOW_ROWS]
            table = self._after.take(self._places[1][ranks], view.columns, view.types)
            numbers = ranks // rows_a_file
            by_file = np.argsort(numbers, kind="stable")
            ends = np.searchsorted(numbers[by_file], np.arange(len(files)), side="right")
            first = 0
            for file, end in zip(files, ends.tolist(), strict=True):
                if end > first:
                    rows = by_file[first:end]
                    file.write(table.take(integers(rows)), ranks[rows])
                first = end
        for file in files:
            table = file.read()
            for start in range(0, len(table), WINDOW_ROWS):
                yield table.slice(start, WINDOW_ROWS)


class _WindowFile:
    """The rows of one window or a few, as they come."""

    def __init__(self, scratch: Scratch) -> None:
        self._file: BinaryIO = scratch.file()
        self._writer: Any = None

    def write(self, table: Any, ranks: NDArray[np.int64]) -> None:
        table = table.append_column(_RANK, integers(ranks))
        if self._writer is None:
            self._writer = ipc.new_stream(pyarrow.PythonFile(self._file, "w"), table.schema)
        self._writer.write_table(table)

    def read(self) -> Any:
        """Return the rows in the order of their ranks; the file is gone."""
        self._writer.close()
        self._file.seek(0)
        table = ipc.open_stream(pyarrow.PythonFile(self._file, "r")).read_all()
        order = np.argsort(table.column(_RANK).to_numpy())
        self._file.close()
        return table.drop_columns([_RANK]).take(integers(order))


def _is_sorted(order: NDArray[np.int64]) -> bool:
    return bool((order[1:] > order[:-1]).all())
