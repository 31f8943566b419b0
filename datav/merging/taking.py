"""Rows of a version, all of their columns, in whatever order they are wanted."""

from typing import Any

import numpy as np

from datav.tables.arrays import integers
from datav.tables.version import U64, TableVersion


# Any: pyarrow has no types of its own that mypy could see.
def take_rows(version: TableVersion, places: U64) -> Any:
    """Return the rows at some places, in their order; a place may occur twice."""
    columns, kinds = range(len(version.columns)), version.types
    if len(places) < 2 or bool((places[1:] > places[:-1]).all()):
        return version.take(places, columns, kinds)
    single, inverse = np.unique(places, return_inverse=True)
    return version.take(single, columns, kinds).take(integers(inverse.reshape(-1)))
