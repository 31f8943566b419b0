"""Bins that two sketches share: those in which their shares are compared, and those that are drawn."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from datav.profiles.arrays import F64, I64, Values
from datav.profiles.frequent import Frequent
from datav.profiles.ranks import Ranks

BINS = 20
"""Parts of equal size that the values of before are cut into; a twentieth of all is one."""

FEWEST = 10
"""A bin in which the smaller side expects fewer rows than this is joined to its neighbour: the laws of chance
of the measures do not hold in it."""

CATEGORIES = 50
"""The most values that are bins of their own; the others are one bin."""

DRAWN = 40
"""Bars of a picture."""

_CLIPPED = 0.005

_DAY = 86_400_000_000

# Of whole numbers; beyond it a float no longer tells them apart.
_EXACT = 2.0**52


@dataclass(frozen=True, slots=True, eq=False)
class Bins:
    """Shares of two multisets in the same bins, all of shape (bins,)."""

    before: F64
    after: F64
    before_error: F64
    after_error: F64
    """A share may be so far off, either way."""


@dataclass(frozen=True, slots=True)
class Category:
    """A value, and how often it occurs on both sides: at least `before` and at most `before_most` times."""

    value: str | int | float
    before: int
    before_most: int
    after: int
    after_most: int


@dataclass(frozen=True, slots=True)
class Histogram:
    """Bars of two distributions to be drawn one over the other."""

    edges: tuple[float, ...]
    """Increasing, one more than there are bars, all of equal width."""
    before: tuple[float, ...]
    after: tuple[float, ...]
    """Shares of all values, of each bar."""
    before_outside: tuple[float, float]
    after_outside: tuple[float, float]
    """Shares below the first edge and above the last."""


def bin_ranks(before: Ranks, after: Ranks) -> Bins:
    """Return the shares of numbers or times: in quantiles of before, with a bin for each value that is as
    frequent as a whole bin on either side, and one below and one above all values of before."""
    cuts = sorted(_cuts(before, after))
    values = np.array([value for value, _ in cuts], before.points.dtype if _same(before, after) else float)
    sides = np.array([side for _, side in cuts], np.int64)
    p, p_error = _shares(before, values, sides)
    q, q_error = _shares(after, values, sides)
    return _join_small(Bins(p, q, p_error, q_error), before.count, after.count)


def find_categories(before: Frequent, after: Frequent, rows: tuple[int, int]) -> list[Category]:
    """Return the values that either side keeps, the greatest share of both first.

    Args:
        rows: how many values there are before and after.
    """
    one, other = _counts(before), _counts(after)
    found = []
    for value in {**one, **other}:
        p, q = one.get(value, 0), other.get(value, 0)
        found.append(Category(value, p, min(p + before.unseen, rows[0]), q, min(q + after.unseen, rows[1])))
    return sorted(found, key=lambda each: (-_greatest_share(each, rows), str(each.value)))


def bin_categories(categories: Sequence[Category], rows: tuple[int, int]) -> Bins:
    """Return the shares of the first CATEGORIES values, and of the rest as the last bin."""
    chosen = [each for each in categories if _is_frequent(each, rows)][:CATEGORIES]
    p = np.array([each.before for each in chosen], np.float64) / rows[0]
    q = np.array([each.after for each in chosen], np.float64) / rows[1]
    p_error = np.array([each.before_most - each.before for each in chosen], np.float64) / rows[0]
    q_error = np.array([each.after_most - each.after for each in chosen], np.float64) / rows[1]
    bins = Bins(
        _with_rest(p), _with_rest(q), np.append(p_error, p_error.sum()), np.append(q_error, q_error.sum())
    )
    return _join_small(bins, *rows)


def bin_counts(before: I64, after: I64) -> Bins:
    """Return the shares of exact counts of the same bins, such as hours."""
    nothing = np.zeros(len(before))
    bins = Bins(before / max(before.sum(), 1), after / max(after.sum(), 1), nothing, nothing)
    return _join_small(bins, int(before.sum()), int(after.sum()))


def draw_histogram(before: Ranks, after: Ranks, bars: int = DRAWN) -> Histogram | None:
    """Return bars of equal width that hold all but the outermost half percent at either end of both.

    None if neither side has values.  A bar holds a whole number of whole numbers, or of days.
    """
    sides = [ranks for ranks in (before, after) if ranks.count]
    if not sides:
        return None
    least = float(min(ranks.points[0] for ranks in sides))
    most = float(max(ranks.points[-1] for ranks in sides))
    low = float(min(ranks.quantile(_CLIPPED) for ranks in sides))
    high = float(max(ranks.quantile(1 - _CLIPPED) for ranks in sides))
    if not math.isfinite(high - low):
        # Too far apart to be drawn.
        return None
    step = _step_of(sides)
    if step and most - least < bars * step:
        low, high = least, most
    if step and high - low < _EXACT:
        # Each bar holds as many whole numbers, or days, as any other: else some would stick out.
        width = step * math.ceil(((high - low) // step + 1) / bars)
        start = low // step * step - (0.5 if step == 1 else 0)
        edges = start + width * np.arange(int((high - start) // width) + 2, dtype=np.float64)
    elif high > low:
        edges = np.linspace(low, high, bars + 1)
        # The greatest value is in the last bar.
        edges[-1] = np.nextafter(high, np.inf)
    else:
        edges = np.array([low - 0.5, low + 0.5])
    drawn, outside = zip(*(_bars(ranks, edges) for ranks in (before, after)), strict=True)
    return Histogram(tuple(edges.tolist()), drawn[0], drawn[1], outside[0], outside[1])


def _step_of(sides: Sequence[Ranks]) -> int:
    """Return what all values are multiples of, as far as that shows: days, else 1; 0 of fractions."""
    if any(ranks.points.dtype != np.int64 for ranks in sides):
        return 0
    is_days = any(ranks.points.any() for ranks in sides)
    return _DAY if is_days and not any((ranks.points % _DAY).any() for ranks in sides) else 1


def _cuts(before: Ranks, after: Ranks) -> set[tuple[Any, int]]:
    """Return where bins end: (value, 0) right before a value, (value, 1) right behind it."""
    # At points, so that the shares of before are as exact as they can be.
    wanted = np.arange(1, BINS) * before.count // BINS
    cuts = {(value, 1) for value in before.points[np.searchsorted(before.upto, wanted)].tolist()}
    cuts |= {(before.points[0].item(), 0), (before.points[-1].item(), 1)}
    for ranks in (before, after):
        heavy = (ranks.upto - ranks.less) * BINS >= ranks.count
        cuts |= {(value, side) for value in ranks.points[heavy].tolist() for side in (0, 1)}
    return cuts


def _same(before: Ranks, after: Ranks) -> bool:
    return before.points.dtype == after.points.dtype


def _shares(ranks: Ranks, values: Values, sides: I64) -> tuple[F64, F64]:
    """Return the shares between cuts, and how far off they may be."""
    counts, doubts = _count_below(ranks, values)
    at = np.searchsorted(ranks.points, values)
    inside = np.minimum(at, len(ranks.points) - 1)
    is_point = (at < len(ranks.points)) & (ranks.points[inside] == values)
    shares = np.where(is_point & (sides == 1), ranks.upto[inside], counts) / ranks.count
    doubts = doubts / ranks.count
    padded, doubts = np.concatenate([[0.0], shares, [1.0]]), np.concatenate([[0.0], doubts, [0.0]])
    return np.maximum(np.diff(padded), 0), doubts[1:] + doubts[:-1]


def _join_small(bins: Bins, before: int, after: int) -> Bins:
    """Return bins that have enough rows, each joined to what is left of it if it has too few."""
    shares = (bins.before * before + bins.after * after) / max(before + after, 1)
    starts: list[int] = []
    rows = float(FEWEST)
    for place, share in enumerate(shares.tolist()):
        if rows >= FEWEST:
            starts.append(place)
            rows = 0.0
        rows += share * min(before, after)
    if rows < FEWEST and len(starts) > 1:
        starts.pop()
    return Bins(
        *(np.add.reduceat(each, starts) for each in (bins.before, bins.after)),
        *(np.add.reduceat(each, starts) for each in (bins.before_error, bins.after_error)),
    )


def _counts(frequent: Frequent) -> dict[Any, int]:
    return dict(zip(frequent.values.to_pylist(), frequent.counts.tolist(), strict=True))


def _greatest_share(each: Category, rows: tuple[int, int]) -> float:
    return max(each.before / max(rows[0], 1), each.after / max(rows[1], 1))


def _is_frequent(each: Category, rows: tuple[int, int]) -> bool:
    return (each.before + each.after) / sum(rows) * min(rows) >= FEWEST


def _with_rest(shares: F64) -> F64:
    return np.append(shares, max(0.0, 1 - float(shares.sum())))


def _bars(ranks: Ranks, edges: F64) -> tuple[tuple[float, ...], tuple[float, float]]:
    if not ranks.count:
        return (0.0,) * (len(edges) - 1), (0.0, 0.0)
    shares = _count_below(ranks, edges)[0] / ranks.count
    return tuple(np.diff(shares).tolist()), (float(shares[0]), float(1 - shares[-1]))


def _count_below(ranks: Ranks, places: Values) -> tuple[F64, F64]:
    """Return how many values are less than each place, on a line between points, and how far off that may
    be."""
    points = ranks.points
    at = np.searchsorted(points, places, side="left")
    inside = np.minimum(at, len(points) - 1)
    through = np.where(at > 0, ranks.upto[at - 1], 0)
    ahead = np.where(at < len(points), ranks.less[inside], ranks.count)
    # Halves, as the distance of two floats may be infinite.
    halves = points.astype(np.float64) / 2
    start, end = halves[np.maximum(at - 1, 0)], halves[inside]
    along = (places.astype(np.float64) / 2 - start) / np.where(end > start, end - start, 1.0)
    # A point is the end of its own gap, and exact.
    along = np.where(points[inside] == places, 1.0, np.clip(along, 0, 1))
    is_open = (at > 0) & (at < len(points)) & (along < 1)
    doubts = np.where(is_open, np.maximum(along, 1 - along) * (ahead - through), 0.0)
    return through + (ahead - through) * along, doubts + ranks.error
