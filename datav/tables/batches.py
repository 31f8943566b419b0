"""What versions that come as Arrow batches have in common."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, wait
from typing import Any, TypeVar

import numpy as np
import pyarrow
from pyarrow import types as arrow_types

from datav.errors import TableError
from datav.formats.manifest import ColumnInfo
from datav.tables.arrays import integers
from datav.tables.hashing import fingerprint
from datav.tables.naming import unique_names
from datav.tables.sourcefile import translated
from datav.tables.typenames import type_name
from datav.tables.version import U64, Prints, View

T = TypeVar("T")

BATCH_ROWS = 64 * 1024
"""Decoded at a time."""


def in_order(executor: Executor, jobs: Iterable[Callable[[], T]], ahead: int) -> Iterator[T]:
    """Yield what jobs return, in their order, while at most `ahead` later ones run or wait to be asked for.

    Jobs are drawn in the caller's thread.  Who stops early waits for what runs.
    """
    running: deque[Future[T]] = deque()
    try:
        for job in jobs:
            running.append(executor.submit(job))
            if len(running) > ahead:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:
        for future in running:
            future.cancel()
        wait(running)


# Any, here and below: pyarrow has no types of its own that mypy could see.
def column_infos(schema: Any) -> tuple[ColumnInfo, ...]:
    """Return the columns of a schema, each with a name of its own."""
    names = unique_names(schema.names)
    return tuple(ColumnInfo(name, type_name(field.type)) for name, field in zip(names, schema, strict=True))


def as_type(column: Any, kind: Any, name: str) -> Any:
    """Return the cells of a column as another type; `kind` None: as they are.

    Raises:
        TableError: a cell has no such value.
    """
    if kind is None or column.type.equals(kind):
        return column
    with translated(f"column {name} cannot be read as {type_name(kind)}"):
        if arrow_types.is_dictionary(column.type):
            # Arrow casts from a dictionary to its own values and to nothing else.
            column = column.cast(column.type.value_type)
        return column.cast(kind)


def print_rows(batch: Any, names: Sequence[str], view: View, seed: int, first: int) -> Prints:
    """Return the fingerprints of some rows.

    Args:
        batch: the columns of the view, in its order.
        names: of these columns.
        first: the number of the first row in its file.
    """
    rows = batch.num_rows
    cells = [as_type(*column) for column in zip(batch.columns, view.types, names, strict=True)]
    keys, prints = fingerprint(cells, view.key, rows, seed)
    return Prints(np.arange(first, first + rows, dtype=np.uint64), keys, prints)


class Picker:
    """Collects the cells of some rows out of batches that are shown to it in order.

    Args:
        places: numbers of the rows wanted, increasing.
        names: of the columns.
        kinds: what the cells come as, after they were cast.
    """

    def __init__(self, places: U64, names: Sequence[str], kinds: Sequence[Any]) -> None:
        self._places = places
        self._names = list(names)
        self._kinds = list(kinds)
        self._chunks: list[list[Any]] = [[] for _ in names]
        self._found = 0

    def wants(self, first: int, rows: int) -> bool:
        """Whether any row from `first` on is wanted, of `rows`."""
        start, end = np.searchsorted(self._places, (first, first + rows))
        return bool(start < end)

    def show(self, first: int, batch: Any) -> None:
        """Take what is wanted out of the rows from `first` on."""
        start, end = np.searchsorted(self._places, (first, first + batch.num_rows))
        if start == end:
            return
        self._found += int(end - start)
        chosen = integers(self._places[start:end] - np.uint64(first))
        for number, column in enumerate(batch.columns):
            picked = _pick(column, chosen)
            cells = as_type(picked, self._kinds[number], self._names[number])
            self._chunks[number] += cells.chunks if isinstance(cells, pyarrow.ChunkedArray) else [cells]

    def table(self) -> Any:
        """Return the rows as a table.

        Raises:
            TableError: some of them were not in what was shown.
        """
        if self._found != len(self._places):
            raise TableError(
                f"{len(self._places)} rows were asked for and {self._found} found: it has changed"
            )
        columns = [
            pyarrow.chunked_array(chunks, kind)
            for chunks, kind in zip(self._chunks, self._kinds, strict=True)
        ]
        return pyarrow.Table.from_arrays(columns, names=self._names)


def _pick(column: Any, chosen: Any) -> Any:
    try:
        return column.take(chosen)
    except pyarrow.ArrowNotImplementedError:
        # Not every type can be taken from, but every one can be cut.
        parts = [column.slice(place.as_py(), 1) for place in chosen]
        return pyarrow.concat_arrays(parts)
