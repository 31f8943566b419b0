"""Rows of one version of a table: where they are, and which of them meet a condition."""

from collections.abc import Iterator
from concurrent.futures import Executor

import numpy as np

from datav.tables.pairs import WINDOW_ROWS
from datav.tables.predicate import Predicate
from datav.tables.version import U64, TableVersion, View
from datav.tables.views import no_such_column


def iter_places(version: TableVersion, executor: Executor) -> Iterator[U64]:
    """Yield the places of all rows, in the order of the file, some at a time.

    Raises what reading the version raises.
    """
    first = (0,) if version.columns else ()
    for prints in version.scan(View(first, (), tuple(version.types[n] for n in first)), 0, executor):
        yield prints.places


def select_places(version: TableVersion, where: Predicate, executor: Executor) -> Iterator[U64]:
    """Yield the places of the rows that meet a condition, in the order of the file.

    Raises:
        UsageError: the condition speaks of a column that is not there.
        What reading the version raises.
    """
    names = [column.name for column in version.columns]
    for name in where.columns:
        if name not in names:
            raise no_such_column(name, names)
    columns = [names.index(name) for name in where.columns]
    types = [version.types[column] for column in columns]
    for places in iter_places(version, executor):
        for start in range(0, len(places), WINDOW_ROWS):
            part = places[start : start + WINDOW_ROWS]
            met = where.evaluate(version.take(part, columns, types))
            yield part[np.asarray(met).astype(bool)]
