"""How far chance alone drives the measures of two samples apart.

Every function takes `alarms`, the probability with which two samples of one distribution exceed what it
returns, and the sizes of both.  Versions of a dataset share most of their rows, and then move less than this.
"""

import math
from statistics import NormalDist

import numpy as np

from datav.profiles.measures import cohens_h, common_points, share_between
from datav.profiles.ranks import Ranks

_NORMAL = NormalDist()
_LEAST = 1e-300


def normal_limit(alarms: float) -> float:
    """Return what the absolute value of a standard normal variable exceeds with probability `alarms`."""
    return -_NORMAL.inv_cdf(max(alarms, _LEAST) / 2)


def chi_square_limit(alarms: float, degrees: int) -> float:
    """Return what a chi-square variable of `degrees` degrees of freedom exceeds with probability `alarms`.

    Source: Wilson and Hilferty, "The distribution of chi-square", 1931; within 2 % down to 1e-6 from three
    degrees on, and too large below.
    """
    if degrees < 1:
        return 0.0
    if degrees == 1:
        return normal_limit(alarms) ** 2
    if degrees == 2:
        return -2 * math.log(max(alarms, _LEAST))
    z, part = -_NORMAL.inv_cdf(max(alarms, _LEAST)), 2 / (9 * degrees)
    return degrees * (1 - part + z * math.sqrt(part)) ** 3


def kolmogorov_limit(alarms: float, before: int, after: int) -> float:
    """Return the limit of the greatest difference of two distribution functions.

    Source: the first term of Smirnov's series, which the others only lower; ties lower it too.
    """
    return math.sqrt(-math.log(max(alarms, _LEAST) / 2) / 2 * one_row(before, after))


def psi_limit(alarms: float, before: int, after: int, bins: int) -> float:
    """Return the limit of the population stability index of bins with some rows in each.

    Source: Yurdakul, "Statistical Properties of Population Stability Index", 2018.
    """
    return one_row(before, after) * chi_square_limit(alarms, bins - 1)


def js_limit(alarms: float, before: int, after: int, bins: int) -> float:
    """Return the limit of the Jensen-Shannon distance: near 0 the divergence in nats is an eighth of the
    population stability index."""
    return math.sqrt(psi_limit(alarms, before, after, bins) / (8 * math.log(2)))


def mean_limit(alarms: float, before: int, after: int, deviations: tuple[float, float]) -> float:
    """Return the limit of the difference of two means, in the unit of the deviations; of fewer than 30 rows
    infinite, as a few rows do not tell how far a rare great value moves the mean.

    Source: Welch's test, with the first terms of the quantile of Student's t by Cornish and Fisher.
    """
    degrees = min(before, after) - 1
    if degrees < 29:
        return math.inf
    z = normal_limit(alarms)
    t = z + (z**3 + z) / (4 * degrees) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)
    return t * math.sqrt(deviations[0] ** 2 / before + deviations[1] ** 2 / after)


def wasserstein_limit(alarms: float, before: Ranks, after: Ranks) -> float:
    """Return the limit of the integral of the difference, in the unit of the values.

    At each point the difference of two shares has the deviation sqrt(H (1 - H) (1/n + 1/m)), H being the
    share in both together; so many of them as a single one may be away from 0 are allowed everywhere at once,
    which is more than chance ever does.
    """
    places = common_points(before, after)
    rows = before.count + after.count
    shares = (
        share_between(before, places) * before.count + share_between(after, places) * after.count
    ) / rows
    shares = np.clip(shares[:-1], 0, 1)
    widths = np.diff(places.astype(np.float64))
    area = float((np.sqrt(shares * (1 - shares)) * widths).sum())
    return normal_limit(alarms) * area * math.sqrt(one_row(before.count, after.count))


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
