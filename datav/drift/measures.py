"""How far two distributions lie apart: by the shares of common bins, and by the ranks of their values.

Every measure is a number about two multisets that are there, not about what they were drawn from; chance is
the matter of `datav.drift.noise`.  Where a sketch stands for a multiset the measure comes with bounds that
always hold.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from datav.profiles.arrays import F64, Values, join_values
from datav.profiles.ranks import Ranks

SMALLEST_SHARE = 1e-4
"""An empty bin counts as so much in the population stability index, which has no value otherwise."""


@dataclass(frozen=True, slots=True)
class Bounded:
    """A number and where the true one lies."""

    value: float
    low: float
    high: float

    @property
    def error(self) -> float:
        """The true number is within this of `value`."""
        return max(self.high - self.value, self.value - self.low)


def exactly(value: float) -> Bounded:
    """Return a number without an error."""
    return Bounded(value, value, value)


def population_stability_index(p: F64, q: F64, floor: float = SMALLEST_SHARE) -> float:
    """Return the sum of (p - q) ln(p / q) over all bins.

    Args:
        p, q: shares of the same bins, shape (n,), each adding up to 1.
        floor: smaller shares count as this; the shares are not scaled again.  A bin that is empty on one side
            would make the sum infinite however little there is on the other.  Where rows are counted, half a
            row is a floor under which nothing can be told from nothing.

    Source: Siddiqi, "Credit Risk Scorecards", 2006; the sum is Jeffreys' divergence, "An invariant form for
    the prior probability in estimation problems", 1946.
    """
    return float(_psi_terms(np.maximum(p, floor), np.maximum(q, floor)).sum())


def jensen_shannon_distance(p: F64, q: F64) -> float:
    """Return the square root of the Jensen-Shannon divergence in bits: 0 of equal shares, 1 of disjoint ones.

    Empty bins need no care.  It is a metric.

    Args:
        p, q: shares of the same bins, shape (n,), each adding up to 1.

    Source: Endres and Schindelin, "A new metric for probability distributions", 2003.
    """
    return _root_of_bits(float(_js_terms(p, q).sum()))


def bound_psi(p: F64, q: F64, p_error: F64, q_error: F64, floor: float = SMALLEST_SHARE) -> Bounded:
    """Return the population stability index of shares that are known within some errors."""
    low, high = _bound_terms(_psi_terms, p, q, p_error, q_error, floor)
    value = population_stability_index(p, q, floor)
    return Bounded(value, min(low, value), max(high, value))


def bound_js(p: F64, q: F64, p_error: F64, q_error: F64) -> Bounded:
    """Return the Jensen-Shannon distance of shares that are known within some errors."""
    low, high = _bound_terms(_js_terms, p, q, p_error, q_error, 0.0)
    value = jensen_shannon_distance(p, q)
    return Bounded(value, min(_root_of_bits(low), value), max(_root_of_bits(high), value))


def kolmogorov_smirnov(before: Ranks, after: Ranks) -> Bounded:
    """Return the greatest difference of the shares of values up to any point: 0 to 1.

    Its error is the sum of both `epsilon`: so far off may either share be.  Both have values.

    Source: Smirnov, "Table for estimating the goodness of fit of empirical distributions", 1948.
    """
    places = common_points(before, after)
    at_points = before.share_upto(places) - after.share_upto(places)
    between = share_between(before, places) - share_between(after, places)
    value = float(max(np.abs(at_points).max(), np.abs(between).max()))
    error = before.epsilon + after.epsilon
    return Bounded(value, max(0.0, value - error), min(1.0, value + error))


def wasserstein(before: Ranks, after: Ranks) -> Bounded:
    """Return by how much values must move, on average, to make one multiset of the other; in their own unit.

    That is the integral of the difference of both distribution functions.  Between two points of a sketch the
    function is taken for a line: whatever it is, the integral of the difference is at most half of the gap
    times its width.  Both have values.

    Source: Vallender, "Calculation of the Wasserstein distance between probability distributions on the
    line", 1974.
    """
    places = common_points(before, after)
    widths = np.diff(places.astype(np.float64))
    lefts, rights = (
        line - other for line, other in zip(_lines(before, places), _lines(after, places), strict=True)
    )
    heights = np.abs(lefts) + np.abs(rights)
    crossing = (lefts * rights < 0) & (heights > 0)
    means = heights / 2
    means[crossing] = (lefts**2 + rights**2)[crossing] / (2 * heights[crossing])
    value = float((means * widths).sum())
    error = _area_of_doubt(before) + _area_of_doubt(after)
    return Bounded(value, max(0.0, value - error), value + error)


def quantile_within(ranks: Ranks, share: float) -> Bounded:
    """Return a quantile, and the points that it lies between for sure.  There are values."""
    value = float(ranks.quantile(share))
    rank = math.floor(share * (ranks.count - 1))
    # The greatest point that for sure is not above it, and the least that for sure is not below it.
    at_most = int(np.searchsorted(ranks.less, rank - ranks.error, side="right")) - 1
    at_least = int(np.searchsorted(ranks.upto, rank + ranks.error, side="right"))
    low = float(ranks.points[max(at_most, 0)])
    high = float(ranks.points[min(at_least, len(ranks.points) - 1)])
    return Bounded(value, min(low, value), max(high, value))


def spread(ranks: Ranks) -> float:
    """Return the standard deviation, as far as the points tell it: what lies between two is taken as even."""
    if not ranks.count:
        return 0.0
    points = ranks.points.astype(np.float64)
    points = points - points[len(points) // 2]
    gaps = (ranks.less[1:] - ranks.upto[:-1]).astype(np.float64)
    middles, widths = (points[1:] + points[:-1]) / 2, np.diff(points)
    values = np.concatenate([points, middles])
    weights = np.concatenate([(ranks.upto - ranks.less).astype(np.float64), gaps]) / ranks.count
    within = np.concatenate([np.zeros(len(points)), widths**2 / 12])
    mean = float((values * weights).sum())
    return math.sqrt(float((((values - mean) ** 2 + within) * weights).sum()))


def cohens_h(p: float, q: float) -> float:
    """Return how far two shares lie apart, on a scale on which chance moves all of them alike: 0 to pi.

    0.2 is called small, 0.5 medium and 0.8 large.

    Source: Cohen, "Statistical Power Analysis for the Behavioral Sciences", 1988, chapter 6.
    """
    return abs(2 * math.asin(math.sqrt(_clip(p))) - 2 * math.asin(math.sqrt(_clip(q))))


def share_beyond(share: float, h: float) -> float:
    """Return the share that is so far from another by Cohen's h, less if `h` is negative; 0 or 1 beyond."""
    angle = 2 * math.asin(math.sqrt(_clip(share))) + h
    return math.sin(min(math.pi, max(0.0, angle)) / 2) ** 2


def common_points(before: Ranks, after: Ranks) -> Values:
    """Return the points of both, increasing."""
    return np.unique(join_values([before.points, after.points]))


def share_between(ranks: Ranks, places: Values) -> F64:
    """Return which share of all values is at most what lies behind each place and before the next one.

    Args:
        places: increasing, with all points of the sketch.

    Within `epsilon`.
    """
    through, ahead = _around(ranks, places)
    return (through + ahead) / (2 * ranks.count)


def _around(ranks: Ranks, places: Values) -> tuple[F64, F64]:
    """Return how many values are at most the last point up to each place, and less than the next one."""
    after = np.searchsorted(ranks.points, places, side="right")
    through = np.where(after > 0, ranks.upto[after - 1], 0)
    ahead = np.where(after < len(ranks.points), np.append(ranks.less, 0)[after], ranks.count)
    ahead = np.where(after > 0, ahead, 0)
    return through.astype(np.float64), ahead.astype(np.float64)


def _lines(ranks: Ranks, places: Values) -> tuple[F64, F64]:
    """Return the distribution function right behind each place but the last, and right before the next."""
    through, ahead = _around(ranks, places[:-1])
    # Halves, as the distance of two floats may be infinite.
    points = ranks.points.astype(np.float64) / 2
    x = places.astype(np.float64) / 2
    after = np.searchsorted(ranks.points, places[:-1], side="right")
    starts = points[np.maximum(after - 1, 0)]
    ends = points[np.minimum(after, len(points) - 1)]
    lengths = np.where(ends > starts, ends - starts, 1.0)
    lefts = through + (ahead - through) * np.clip((x[:-1] - starts) / lengths, 0, 1)
    rights = through + (ahead - through) * np.clip((x[1:] - starts) / lengths, 0, 1)
    return lefts / ranks.count, rights / ranks.count


def _area_of_doubt(ranks: Ranks) -> float:
    gaps = (ranks.less[1:] - ranks.upto[:-1]).astype(np.float64)
    doubts = np.minimum((gaps / 2 + ranks.error) / ranks.count, 1.0)
    return float((doubts * np.diff(ranks.points.astype(np.float64))).sum())


def _psi_terms(p: F64, q: F64) -> F64:
    return np.asarray((p - q) * np.log(p / q))


def _js_terms(p: F64, q: F64) -> F64:
    middle = (p + q) / 2
    return (_times_log(p, middle) + _times_log(q, middle)) / 2


def _times_log(p: F64, middle: F64) -> F64:
    ratio = np.divide(p, middle, out=np.ones_like(middle), where=(p > 0) & (middle > 0))
    return np.asarray(p * np.log(ratio))


def _root_of_bits(nats: float) -> float:
    return min(1.0, math.sqrt(max(0.0, nats) / math.log(2)))


def _bound_terms(
    terms: Callable[[F64, F64], F64], p: F64, q: F64, p_error: F64, q_error: F64, floor: float
) -> tuple[float, float]:
    """Return bounds of the sum of terms that are 0 where both shares are equal, and convex.

    Such a term is greatest in a corner of the rectangle in which both shares lie, and least where they are
    nearest to each other.
    """
    p_low, p_high = np.clip(p - p_error, floor, 1), np.clip(p + p_error, floor, 1)
    q_low, q_high = np.clip(q - q_error, floor, 1), np.clip(q + q_error, floor, 1)
    one, other = terms(p_low, q_high), terms(p_high, q_low)
    apart = (p_low > q_high) | (q_low > p_high)
    return float(np.minimum(one, other)[apart].sum()), float(np.maximum(one, other).sum())


def _clip(share: float) -> float:
    return min(1.0, max(0.0, share))
