"""Arrays as the sketches use them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]
U64 = NDArray[np.uint64]
F64 = NDArray[np.float64]
Values = NDArray[Any]
"""Of int64 or float64."""


def count_sorted(values: Values) -> tuple[Values, I64]:
    """Return the different ones of `values`, which do not decrease, and how often each occurs."""
    if not len(values):
        return values, np.zeros(0, np.int64)
    starts = np.concatenate([[0], np.flatnonzero(values[1:] != values[:-1]) + 1])
    return values[starts], np.diff(starts, append=len(values))


def join_values(parts: list[Values]) -> Values:
    """Return all values in one array: of integers if all of them are."""
    if not parts:
        return np.zeros(0, np.int64)
    if any(part.dtype == np.float64 for part in parts if len(part)):
        return np.concatenate([part.astype(np.float64) for part in parts])
    return np.concatenate([part.astype(np.int64) for part in parts])


def sum_in_order(values: F64) -> float:
    """Return the sum, added up from the first to the last.

    np.sum adds in an order of the processor's, and its result differs between machines in the last bits; a
    profile is named by its bytes, so these must not.
    """
    return float(np.cumsum(values)[-1]) if len(values) else 0.0
