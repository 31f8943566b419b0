"""Rows that stand in another order."""

from bisect import bisect_left
from concurrent.futures import Executor

import numpy as np
from numpy.typing import NDArray

from datav.tables.version import U64
from datav.tables.views import Compared


def count_moved(compared: Compared, executor: Executor, seed: int) -> int:
    """Return how many rows of both versions are not in their longest common order.

    Rows belong together by their key; without one, and of a key that is not unique, by their cells, the first
    with the first.

    Cost: 16 bytes a row, and a step in Python for each stretch of rows that stayed together.
    """
    sides = []
    for version, view in ((compared.before, compared.before_view), (compared.after, compared.after_view)):
        keys = [prints.keys for prints in version.scan(view, seed, executor)]
        sides.append(np.concatenate(keys) if keys else np.zeros(0, np.uint64))
    order = _order_after(sides[0], sides[1])
    return len(order) - _longest_increasing(order)


def _order_after(before: U64, after: U64) -> NDArray[np.int64]:
    """Return where in `after` the rows stand that both have, in the order of `before`."""
    a, b = _numbered(before), _numbered(after)
    common, rows_a, rows_b = np.intersect1d(a, b, assume_unique=True, return_indices=True)
    del common
    return rows_b[np.argsort(rows_a)].astype(np.int64)


def _numbered(keys: U64) -> NDArray[np.void]:
    """Tell equal keys apart by their number among their equals."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if len(keys) else order
    number = np.arange(len(keys)) - np.repeat(starts, np.diff(np.append(starts, len(keys))))
    found = np.zeros(len(keys), [("key", np.uint64), ("number", np.int64)])
    found["key"][order], found["number"][order] = ordered, number
    return found


def _longest_increasing(order: NDArray[np.int64]) -> int:
    """The length of a longest increasing subsequence.

    A stretch of consecutive numbers is in it or not as a whole, so there is one step for each stretch:
    patience sorting with weights, over the best sum that ends at or below each number.
    """
    if not len(order):
        return 0
    cuts = np.flatnonzero(np.diff(order) != 1) + 1
    starts = np.concatenate([[0], cuts])
    weights = np.diff(np.append(starts, len(order))).tolist()
    # Increasing in both: of two ends with the same sum the smaller one is worth more.
    ends: list[int] = []
    sums: list[int] = []
    for first, weight in zip(order[starts].tolist(), weights, strict=True):
        at = bisect_left(ends, first)
        best = (sums[at - 1] if at else 0) + weight
        end = first + weight - 1
        at = bisect_left(ends, end)
        stop = at
        while stop < len(ends) and sums[stop] <= best:
            stop += 1
        ends[at:stop] = [end]
        sums[at:stop] = [best]
    return sums[-1]
