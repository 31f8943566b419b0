"""How far chance alone drives the measures of two samples apart.

Every function takes `alarms`, the probability with which two samples of one distribution exceed what it
returns, and the sizes of both.  Versions of a dataset share most of their rows, and then move less than this.
"""

import math
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from datav.drift.measures import cohens_h, common_points, share_between
from datav.profiles.arrays import F64
from datav.profiles.ranks import Ranks

_NORMAL = NormalDist()
_LEAST = 1e-300


def normal_limit(alarms: float) -> float:
    """Return what the absolute value of a standard normal variable exceeds with probability `alarms`."""
    return -_NORMAL.inv_cdf(max(alarms, _LEAST) / 2)


@lru_cache(maxsize=1024)
def chi_square_limit(alarms: float, degrees: int) -> float:
    """Return what a chi-square variable of `degrees` degrees of freedom exceeds with probability `alarms`."""
    if degrees < 1:
        return 0.0
    low, high = 0.0, degrees + 10.0
    while _chi_square_tail(high, degrees) > alarms:
        high *= 2
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if _chi_square_tail(middle, degrees) > alarms else (low, middle)
    return high


def kolmogorov_limit(alarms: float, before: int, after: int) -> float:
    """Return the limit of the greatest difference of two distribution functions.

    Source: the first term of Smirnov's series, which the others only lower; ties lower it too.
    """
    return math.sqrt(-math.log(max(alarms, _LEAST) / 2) / 2 * one_row(before, after))


def psi_limit(alarms: float, psi: float, p: F64, q: F64, sizes: tuple[int, int]) -> float:
    """Return the limit of the population stability index `psi` of the shares `p` and `q`.

    Near 0 the index is (1/n + 1/m) times the chi-square statistic that compares both samples.  That one keeps
    to its law where the logarithms of the index do not, so that it says how surprising the shares are, and
    the index is brought to the surprise that is allowed in proportion.

    Sources: Pearson's test; Yurdakul, "Statistical Properties of Population Stability Index", 2018.
    """
    return psi * _allowed(alarms, p, q, sizes)


def js_limit(alarms: float, js: float, p: F64, q: F64, sizes: tuple[int, int]) -> float:
    """Return the limit of the Jensen-Shannon distance `js`: near 0 its square is in proportion to the
    population stability index."""
    return js * math.sqrt(_allowed(alarms, p, q, sizes))


def mean_limit(
    alarms: float, sizes: tuple[int, int], deviations: tuple[float, float], together: float
) -> float:
    """Return the limit of the difference of two means, in the unit of the deviations; of fewer than 30 rows
    infinite, as a few rows do not tell how far a rare great value moves the mean.

    Args:
        together: the deviation of both samples as one.  A small sample that has missed the great values has
            too small a deviation of its own.

    Source: Welch's test, with the first terms of the quantile of Student's t by Cornish and Fisher.
    """
    degrees = min(sizes) - 1
    if degrees < 29:
        return math.inf
    z = normal_limit(alarms)
    t = z + (z**3 + z) / (4 * degrees) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)
    before, after = (max(own, together) for own in deviations)
    # Not **, which raises where a product is infinite.
    return t * math.sqrt(before * before / sizes[0] + after * after / sizes[1])


def wasserstein_limit(alarms: float, before: Ranks, after: Ranks) -> float:
    """Return the limit of the integral of the difference, in the unit of the values.

    At each point the difference of two shares has the deviation sqrt(H (1 - H) (1/n + 1/m)), H being the
    share in both together; so many of them as a single one may be away from 0 are allowed everywhere at once,
    which is more than chance ever does.  Where a few rows lie far out that law does not hold, and the second
    term of Bernstein's inequality comes on top: ln(2 / alarms) / 3 rows of the smaller side.

    Source of the latter: Boucheron, Lugosi and Massart, "Concentration Inequalities", 2013, section 2.8.
    """
    places = common_points(before, after)
    rows = before.count + after.count
    shares = (
        share_between(before, places) * before.count + share_between(after, places) * after.count
    ) / rows
    shares = np.clip(shares[:-1], 0, 1)
    widths = np.diff(places.astype(np.float64))
    area = float((np.sqrt(shares * (1 - shares)) * widths).sum())
    few = -math.log(max(alarms, _LEAST) / 2) / 3 / min(before.count, after.count)
    return normal_limit(alarms) * area * math.sqrt(one_row(before.count, after.count)) + few * float(
        widths.sum()
    )


def share_limit(alarms: float, hits: tuple[float, float], rows: tuple[int, int]) -> float:
    """Return the limit of Cohen's h of two shares: of `hits` in `rows`, before and after.

    A likelihood ratio with a correction for continuity says how surprising the two counts are; h grows in
    proportion to its root, so that h is brought to the surprise that is allowed.

    Source: the G-test, Wilks, "The large-sample distribution of the likelihood ratio", 1938; Yates,
    "Contingency tables involving small numbers", 1934.
    """
    surprise = _surprise(hits, rows)
    if surprise <= 0:
        return math.inf
    return cohens_h(hits[0] / rows[0], hits[1] / rows[1]) * normal_limit(alarms) / surprise


def one_row(before: int, after: int) -> float:
    """Return 1/n + 1/m; infinite if one is 0."""
    return 1 / before + 1 / after if before and after else math.inf


def _chi_square_tail(value: float, degrees: int) -> float:
    """Return the probability of more than `value`: a finite sum, as the degrees are whole.

    Source: Abramowitz and Stegun, "Handbook of Mathematical Functions", 26.4.4 and 26.4.5.
    """
    half = value / 2
    odd = degrees % 2
    tail = math.erfc(math.sqrt(half)) if odd else 0.0
    for place in range((degrees + odd) // 2 - odd):
        power = place + odd / 2
        tail += math.exp(power * math.log(half) - half - math.lgamma(power + 1)) if half else float(not power)
    return tail


def _allowed(alarms: float, p: F64, q: F64, sizes: tuple[int, int]) -> float:
    """Return which part of the distance of the shares, as chi-square measures it, chance may have made."""
    both = (p * sizes[0] + q * sizes[1]) / sum(sizes)
    filled = both > 0
    statistic = float(((p - q)[filled] ** 2 / both[filled]).sum()) / one_row(*sizes)
    degrees = int(filled.sum()) - 1
    return chi_square_limit(alarms, degrees) / statistic if statistic > 0 and degrees > 0 else math.inf


def _surprise(hits: tuple[float, float], rows: tuple[int, int]) -> float:
    """Return the root of the likelihood ratio: by how many deviations two shares differ."""
    total, all_rows = hits[0] + hits[1], rows[0] + rows[1]
    expected = total * rows[0] / all_rows
    moved = hits[0] - expected
    if abs(moved) <= 0.5:
        return 0.0
    moved -= math.copysign(0.5, moved)
    one, other = expected + moved, total - expected - moved
    cells = (
        (one, expected),
        (other, total - expected),
        (rows[0] - one, rows[0] - expected),
        (rows[1] - other, rows[1] - total + expected),
    )
    ratio = 2 * sum(seen * math.log(seen / wanted) for seen, wanted in cells if seen > 0 and wanted > 0)
    return math.sqrt(max(0.0, ratio))
