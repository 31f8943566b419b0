"""Rows that stand in another order."""

from bisect import bisect_left
from concurrent.futures import Executor

import numpy as np
from numpy.typing import NDArray

from datav.tables.matching import find_repeated
from datav.tables.version import U64, Prints, TableVersion, View
from datav.tables.views import Compared


def find_moved(compared: Compared, executor: Executor, seed: int) -> tuple[U64, U64]:
    """Return the rows of both versions that are not in a longest common order of theirs.

    Rows belong together by their key; without one, and of a key that is not unique, by their cells, the first
    with the first.

    Returns:
        Their places in both versions, in step; the first increase.

    Cost: 32 bytes a row, and a step in Python for each stretch of rows that stayed together.
    """
    before = _scan_all(compared.before, compared.before_view, seed, executor)
    after = _scan_all(compared.after, compared.after_view, seed, executor)
    if compared.has_key:
        repeated = np.concatenate([find_repeated(before.keys), find_repeated(after.keys)])
        before, after = (_named(prints, repeated) for prints in (before, after))
    rows_a, rows_b = _common_rows(before.keys, after.keys)
    stays = _longest_increasing(rows_b)
    return before.places[rows_a[~stays]], after.places[rows_b[~stays]]


def _scan_all(version: TableVersion, view: View, seed: int, executor: Executor) -> Prints:
    none = np.zeros(0, np.uint64)
    scanned = [Prints(none, none, none), *version.scan(view, seed, executor)]
    return Prints(*(np.concatenate(column) for column in zip(*scanned, strict=True)))


def _named(prints: Prints, repeated: U64) -> Prints:
    """Let rows whose key is not unique go by their cells."""
    return prints._replace(keys=np.where(np.isin(prints.keys, repeated), prints.rows, prints.keys))


def _common_rows(before: U64, after: U64) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows that both have: in `before`, increasing, and in `after`, in step."""
    _, rows_a, rows_b = np.intersect1d(
        _numbered(before), _numbered(after), assume_unique=True, return_indices=True
    )
    order = np.argsort(rows_a)
    return rows_a[order].astype(np.int64), rows_b[order].astype(np.int64)


def _numbered(keys: U64) -> NDArray[np.void]:
    """Tell equal keys apart by their number among their equals."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if len(keys) else order
    number = np.arange(len(keys)) - np.repeat(starts, np.diff(np.append(starts, len(keys))))
    found = np.zeros(len(keys), [("key", np.uint64), ("number", np.int64)])
    found["key"][order], found["number"][order] = ordered, number
    return found


def _longest_increasing(order: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which numbers make up a longest increasing subsequence.

    A stretch of consecutive numbers is in it or not as a whole, so there is one step for each stretch:
    patience sorting with weights, over the best sum that ends at or below each number.
    """
    chosen = np.zeros(len(order), bool)
    if not len(order):
        return chosen
    starts = np.concatenate([[0], np.flatnonzero(np.diff(order) != 1) + 1])
    stops = np.append(starts[1:], len(order))
    # Of the sequences found so far, by their last number: both lists increase, for of two that end alike only
    # the longer one is worth anything.
    ends: list[int] = []
    sums: list[int] = []
    lasts: list[int] = []
    previous = []
    stretches = zip(order[starts].tolist(), (stops - starts).tolist(), strict=True)
    for number, (first, weight) in enumerate(stretches):
        at = bisect_left(ends, first)
        previous.append(lasts[at - 1] if at else -1)
        best = (sums[at - 1] if at else 0) + weight
        stop = at
        while stop < len(ends) and sums[stop] <= best:
            stop += 1
        ends[at:stop], sums[at:stop], lasts[at:stop] = [first + weight - 1], [best], [number]
    number = lasts[-1]
    while number >= 0:
        chosen[starts[number] : stops[number]] = True
        number = previous[number]
    return chosen
