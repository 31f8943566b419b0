"""Which values occur most often.

Of a part of a column all values are counted, and the most frequent are kept, with the count of the most
frequent one that is not: no other value occurs more often.  When parts merge, a value that a part did not
keep may have occurred in it up to that often, so the bounds add up.

Source: Misra and Gries, "Finding repeated elements", 1982, for what is known of values that are not kept;
Agarwal et al., "Mergeable summaries", PODS 2012, for merging.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow

from datav.profiles.arrays import I64
from datav.tables.arrays import integers, no_cells

KEPT = 256

_SMALL = 1024


# Any, here and below: pyarrow has no types of its own that mypy could see.
@dataclass(frozen=True, slots=True, eq=False)
class Frequent:
    """Values and how often they occur, the most frequent first; equally frequent ones in their own order."""

    values: Any
    """A pyarrow array of large_string, int64 or float64, without nulls, each value once."""
    counts: I64
    """At least so often."""
    unseen: int
    """So often at most occurs a value that is not here, and a value that is here more often than counted;
    0: all values are here, and the counts are exact."""

    @property
    def is_complete(self) -> bool:
        return self.unseen == 0


def no_values(kind: Any) -> Frequent:
    """Return what is known of no values of a type."""
    return Frequent(no_cells(kind), np.zeros(0, np.int64), 0)


def keep_frequent(values: Any, counts: I64, unseen: int = 0, *, kept: int = KEPT) -> Frequent:
    """Return the most frequent of some values, each of which is there once.

    Args:
        unseen: of what they come from.
        kept: how many at most.
    """
    if len(counts) > kept:
        # By count alone: of equally frequent ones all are kept or none, and no order of theirs matters.
        chosen = np.flatnonzero(counts >= _least_kept(counts, kept))
        rest = np.ones(len(counts), bool)
        rest[chosen] = False
        unseen += int(counts[rest].max(initial=0))
        values, counts = values.take(integers(chosen)), counts[chosen]
    return _ordered(values, counts, unseen)


def _least_kept(counts: I64, kept: int) -> int:
    """Return the least count that no more than `kept` values reach."""
    # Most counts are small, most of those 1, which selecting by rank is slow at.
    reached = np.cumsum(np.bincount(np.minimum(counts, _SMALL), minlength=_SMALL + 1)[::-1])[::-1]
    if reached[_SMALL] <= kept:
        return int(np.argmax(reached <= kept))
    large = np.sort(counts[counts >= _SMALL])[::-1]
    return int(large[kept]) + 1


def merge_frequent(parts: Sequence[Frequent], *, kept: int = KEPT) -> Frequent:
    """Return the most frequent values of all parts; the order of the parts makes no difference."""
    if len(parts) == 1:
        (part,) = parts
        return (
            part
            if len(part.counts) <= kept
            else keep_frequent(part.values, part.counts, part.unseen, kept=kept)
        )
    kinds = {part.values.type for part in parts if len(part.values)}
    if not kinds:
        kind = parts[0].values.type if parts else pyarrow.large_string()
        return Frequent(no_cells(kind), np.zeros(0, np.int64), sum(part.unseen for part in parts))
    kind = kinds.pop() if len(kinds) == 1 else pyarrow.float64()
    # Not safe: integers beyond 2**53 are the nearest floats.
    casted = [part.values.cast(kind, safe=False) for part in parts if len(part.values)]
    joined = pyarrow.concat_arrays(casted).dictionary_encode()
    sums = np.bincount(
        joined.indices.to_numpy(zero_copy_only=False),
        np.concatenate([part.counts for part in parts]),
        len(joined.dictionary),
    )
    unseen = sum(part.unseen for part in parts)
    return keep_frequent(joined.dictionary, sums.astype(np.int64), unseen, kept=kept)


def _ordered(values: Any, counts: I64, unseen: int) -> Frequent:
    table = pyarrow.table({"value": values, "count": counts})
    order = pyarrow.compute.sort_indices(table, [("count", "descending"), ("value", "ascending")])
    return Frequent(values.take(order), counts[order.to_numpy()], unseen)
