"""Pairs of labels, before and after, counted by their fingerprints; and the rows that are alike but for
theirs.

What does not fit into memory is parted to scratch files, so pairs may be as many as rows.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datav.storage.scratch import Scratch
from datav.tables.arrays import integers
from datav.tables.cellvalues import cell_values
from datav.tables.parting import Parts
from datav.tables.version import U64

# Pairs that are in memory at a time, 40 bytes each and copies to sort them.
MAX_IN_MEMORY = 2**20
# Labels whose values are kept while rows are read, in case they are told of, and their bytes.
_MOST_KEPT = 2**12
_MOST_BYTES = 2**24

# Makes one fingerprint of two, of which the first and the second are told apart.  From the golden ratio.
_ODD = np.uint64(0x9E3779B97F4A7C15)


class LabelPairs:
    """How many rows went from which label to which."""

    def __init__(self, scratch: Scratch) -> None:
        self._parts = Parts(scratch, MAX_IN_MEMORY, ("keys", "before", "after", "counts", "numbers"))
        self.total = 0
        """Rows."""

    def add(self, before: U64, after: U64, counts: U64, numbers: U64) -> None:
        """Count some pairs.

        Args:
            before, after: fingerprints of labels, in step.
            counts: how many rows each is.
            numbers: of equally frequent pairs that with the smallest number comes first.
        """
        self.total += int(counts.sum())
        self._parts.add(0, _summed((before * _ODD + after, before, after, counts, numbers)))

    def most_frequent(self, most: int) -> tuple[U64, U64, U64]:
        """Return the most frequent pairs, most frequent first: labels before, labels after, counts."""
        parts = self._parts.wanted_parts()
        top: tuple[U64, ...] = (np.zeros(0, np.uint64),) * 5
        for number in range(parts):
            found = _summed(self._parts.read(0, number, parts))
            joined = [np.concatenate(columns) for columns in zip(top, found, strict=True)]
            # Signed, for the most come first.
            order = np.lexsort((joined[4], -joined[3].astype(np.int64)))[:most]
            top = tuple(column[order] for column in joined)
        return top[1], top[2], top[3]


def _summed(pairs: tuple[U64, ...]) -> tuple[U64, ...]:
    """Each pair once, with the sum of its counts and its smallest number."""
    keys, before, after, counts, numbers = pairs
    order = np.argsort(keys, kind="stable")
    kinds, first = np.unique(keys[order], return_index=True)
    if not len(kinds):
        return pairs
    return (
        kinds,
        before[order][first],
        after[order][first],
        np.add.reduceat(counts[order], first),
        np.minimum.reduceat(numbers[order], first),
    )


class Alike(NamedTuple):
    """Rows of one version that the other has not, those with the same cells as one; all of shape (n,)."""

    features: U64
    """Fingerprints of all cells but the label."""
    labels: U64
    """Fingerprints; no two rows have the same features and the same label."""
    counts: U64
    numbers: U64


class Partners(NamedTuple):
    """Labels of rows with the same features, in step."""

    before: U64
    after: U64
    counts: U64
    numbers: U64
    """Of the rows before."""
    undecided: int
    """Rows that have a partner, of which it is not certain what its label is."""


def pair_alike(before: Alike, after: Alike) -> Partners:
    """Pair rows that one version has with rows with the same features that the other has.

    Of rows with the same features as many are paired as both versions have.  What became of which label is
    certain where there is only one before and they are no fewer than those after, or the reverse.
    """
    old, new = _groups(before), _groups(after)
    _, at, to = np.intersect1d(old.features, new.features, assume_unique=True, return_indices=True)
    kinds = old.kinds[at], new.kinds[to]
    totals = old.totals[at], new.totals[to]
    paired = np.minimum(*totals)
    is_certain = ((kinds[0] == 1) & ((kinds[1] == 1) | (totals[0] >= totals[1]))) | (
        (kinds[1] == 1) & (totals[1] >= totals[0])
    )
    sizes = np.maximum(*kinds)[is_certain]
    group = np.repeat(np.flatnonzero(is_certain), sizes)
    step = np.arange(len(group)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    rows = [
        side.order[side.first[places][group] + np.where(several[group] > 1, step, 0)]
        for side, places, several in ((old, at, kinds[0]), (new, to, kinds[1]))
    ]
    counts = np.where(kinds[1][group] > 1, after.counts[rows[1]], before.counts[rows[0]])
    is_one_to_one = (kinds[0][group] == 1) & (kinds[1][group] == 1)
    return Partners(
        before.labels[rows[0]],
        after.labels[rows[1]],
        np.where(is_one_to_one, paired[group], counts),
        before.numbers[rows[0]],
        int(paired[~is_certain].sum()),
    )


class _Groups(NamedTuple):
    """Rows with the same features, a group for each; of shape (groups,) but for `order`."""

    features: U64
    order: NDArray[np.int64]
    """The rows, those of a group behind each other."""
    first: NDArray[np.int64]
    """Where in `order` a group begins."""
    kinds: NDArray[np.int64]
    """How many labels there are."""
    totals: U64
    """How many rows."""


def _groups(rows: Alike) -> _Groups:
    order = np.argsort(rows.features, kind="stable")
    features, first, kinds = np.unique(rows.features[order], return_index=True, return_counts=True)
    totals = np.add.reduceat(rows.counts[order], first) if len(first) else rows.counts
    return _Groups(features, order, first, kinds, totals)


class Names:
    """Labels by their fingerprints: the first ones, and any that are asked for."""

    def __init__(self) -> None:
        self._values: dict[int, object] = {}
        self._prints = np.zeros(0, np.uint64)
        self._bytes = 0

    def __getitem__(self, fingerprint: int) -> object:
        return self._values[fingerprint]

    def missing(self, prints: U64) -> U64:
        """Return those whose labels are not known."""
        return np.setdiff1d(prints, self._prints)

    # Any: a pyarrow.ChunkedArray, of which mypy knows nothing.
    def learn(self, prints: U64, cells: Any, wanted: U64 | None = None) -> None:
        """Keep labels, each as it stands where it stands first.

        Args:
            prints: fingerprints of the cells.
            wanted: only these, however many; None: any, while there are few.
        """
        room = _MOST_KEPT - len(self._values) if self._bytes < _MOST_BYTES else 0
        if wanted is None and room <= 0:
            return
        kinds, first = np.unique(prints, return_index=True)
        is_new = ~np.isin(kinds, self._prints)
        if wanted is not None:
            is_new &= np.isin(kinds, wanted)
        new = np.flatnonzero(is_new)[: room if wanted is None else None]
        if not len(new):
            return
        taken = cells.take(integers(first[new]))
        self._bytes += taken.nbytes
        self._values |= zip(kinds[new].tolist(), cell_values(taken), strict=True)
        self._prints = np.concatenate([self._prints, kinds[new]])
