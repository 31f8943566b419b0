"""Where the values of a column lie: some of them, and how many are below each.

A sketch of quantiles with a bound that always holds, and no chance in it: the same values give the same
bytes on any machine, which a profile that is named by its bytes needs.  A part of a column is sorted, and
points are kept at equal distances in rank, each with its exact count; values that occur often become points
of their own.  Of a small part all values are kept, and nothing is lost.  Parts merge all at once: what lies
between two points of one part counts half on either side, so that each part adds at most half of its widest
gap to the error.

Sources: Greenwald and Khanna, "Space-efficient online computation of quantile summaries", SIGMOD 2001, for
points with bounds of their ranks; Agarwal et al., "Mergeable summaries", PODS 2012, for merging such ones.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from datav.profiles.arrays import F64, I64, Values, join_values

POINTS = 256
"""A sketch has at most one more."""


@dataclass(frozen=True, slots=True, eq=False)
class Ranks:
    """Counts below some of the values of a multiset."""

    points: Values
    """Increasing, finite, of int64 or float64; the first is the least value and the last the greatest."""
    less: I64
    """How many values are less than each point, give or take `error`."""
    upto: I64
    """How many are less or equal, give or take `error`."""
    error: int
    """0: the counts are exact."""

    @property
    def count(self) -> int:
        return int(self.upto[-1]) if len(self.upto) else 0

    @property
    def widest_gap(self) -> int:
        """The most values that lie between two neighbouring points."""
        return int((self.less[1:] - self.upto[:-1]).max(initial=0))

    @property
    def is_exact(self) -> bool:
        """Whether every value is a point, with its count."""
        return self.error == 0 and self.widest_gap == 0

    @property
    def epsilon(self) -> float:
        """The bound of the error of any share that `share_upto` and `share_below` return: 0 to 1."""
        return (self.error + (self.widest_gap + 1) // 2) / self.count if self.count else 0.0

    def share_upto(self, values: Values) -> F64:
        """Return which share of all values is at most each of `values`, within `epsilon`."""
        return self._shares(values, "right")

    def share_below(self, values: Values) -> F64:
        """Return which share of all values is less than each of `values`, within `epsilon`."""
        return self._shares(values, "left")

    def quantile(self, share: float) -> float | int:
        """Return a value whose rank is `share` of all, within twice `epsilon`; on a line between points.

        Raises:
            ValueError: there are no values.
        """
        if not len(self.points):
            raise ValueError("no values have no quantiles")
        rank = share * (self.count - 1)
        at = int(np.searchsorted(self.upto, rank, side="right"))
        if at == len(self.points) or self.less[at] <= rank:
            return self.points[min(at, len(self.points) - 1)].item()  # type: ignore[no-any-return]
        if at == 0:
            return self.points[0].item()  # type: ignore[no-any-return]
        low, high = self.points[at - 1].item(), self.points[at].item()
        along = (rank - self.upto[at - 1] + 1) / (self.less[at] - self.upto[at - 1] + 1)
        value: float = low + (high - low) * float(along)
        if math.isinf(value):
            value = low * (1 - float(along)) + high * float(along)
        return round(value) if isinstance(low, int) else value

    def _shares(self, values: Values, side: str) -> F64:
        if not len(self.points):
            return np.zeros(len(values))
        at = np.searchsorted(self.points, values, side="left")
        inside = np.minimum(at, len(self.points) - 1)
        is_point = (at < len(self.points)) & (self.points[inside] == values)
        before = np.where(at > 0, self.upto[at - 1], 0)
        after = np.where(at < len(self.points), self.less[inside], self.count)
        counts = np.where(
            is_point, (self.upto if side == "right" else self.less)[inside], (before + after) / 2
        )
        return np.asarray(counts / self.count, np.float64)


NO_RANKS = Ranks(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64), 0)


def rank_values(values: Values, counts: I64) -> Ranks:
    """Return the ranks of values that increase and occur `counts` times, at least once."""
    upto = np.cumsum(counts, dtype=np.int64)
    return _thin(Ranks(values, upto - counts, upto, 0), POINTS)


def merge_ranks(parts: Sequence[Ranks], *, finer: int = 1) -> Ranks:
    """Return the ranks of all values of all parts; the order of the parts makes no difference.

    Args:
        finer: so many times as many points are kept; for what will be merged once more.
    """
    parts = [part for part in parts if part.count]
    if len(parts) < 2:
        return _thin(parts[0], POINTS * finer) if parts else NO_RANKS
    before, own, after = [], [], []
    for part in parts:
        gaps = part.less[1:] - part.upto[:-1]
        own.append(part.upto - part.less)
        after.append(np.append(gaps // 2, 0))
        before.append(np.insert(gaps - gaps // 2, 0, 0))
    points = join_values([part.points for part in parts])
    order = np.argsort(points, kind="stable")
    points = points[order]
    starts = np.concatenate([[0], np.flatnonzero(points[1:] != points[:-1]) + 1])
    earlier, equal, later = (
        np.add.reduceat(np.concatenate(masses)[order], starts) for masses in (before, own, after)
    )
    through = np.cumsum(earlier + equal + later, dtype=np.int64)
    upto = through - later
    error = sum(part.error + (part.widest_gap + 1) // 2 for part in parts)
    return _thin(Ranks(points[starts], upto - equal, upto, error), POINTS * finer)


def _thin(ranks: Ranks, parts: int) -> Ranks:
    """Return fewer points, so that no gap is wider than one of `parts` equal ones and the old gaps at its
    ends."""
    if len(ranks.points) <= parts + 1:
        return ranks
    wanted = np.arange(parts + 1, dtype=np.int64) * (ranks.count - 1) // parts
    kept = np.unique(np.minimum(np.searchsorted(ranks.upto, wanted, side="right"), len(ranks.points) - 1))
    return Ranks(ranks.points[kept], ranks.less[kept], ranks.upto[kept], ranks.error)
