"""What moved among the values of a column, one by one, and among the lengths of texts."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from datav.drift.binning import Category, bin_categories, find_categories
from datav.drift.measures import Bounded, cohens_h, kolmogorov_smirnov, wasserstein
from datav.drift.noise import kolmogorov_limit, share_limit
from datav.drift.shifts import Distances, measure_bins
from datav.drift.verdicts import GONE, LENGTHS, NULLS, SHARE, Effect, Shift, brief, percent
from datav.profiles.columns import Texts
from datav.profiles.frequent import Frequent
from datav.profiles.sketching import MAX_TEXT

SMALLEST_CATEGORY = 0.005
"""Values with a smaller share on both sides have no say of their own."""


@dataclass(frozen=True, slots=True)
class MovedCategory:
    """A value whose share moved, as shares with how much more they may be."""

    value: str | int | float
    before: float
    before_error: float
    after: float
    after_error: float


def categories_of(before: Frequent, after: Frequent, sizes: tuple[int, int]) -> list[Category]:
    """Return the values of both, the greatest share first; none where a side has no rows."""
    return find_categories(before, after, sizes) if all(sizes) else []


def moved_category(each: Category, sizes: tuple[int, int]) -> MovedCategory:
    """Return the shares of a value."""
    return MovedCategory(
        each.value,
        each.before / sizes[0],
        (each.before_most - each.before) / sizes[0],
        each.after / sizes[1],
        (each.after_most - each.after) / sizes[1],
    )


def measure_categories(
    categories: Sequence[Category], sizes: tuple[int, int], alarms: float
) -> tuple[Distances, list[Shift]]:
    """Return the distances of texts, with their shifts; None if no value is frequent enough to count."""
    if not all(sizes):
        return Distances(), []
    bins = bin_categories(categories, sizes)
    if len(bins.before) < 2:
        return Distances(), []
    psi, js, shifts = measure_bins(bins, sizes, alarms)
    return Distances(psi, js), shifts


def find_categories_moved(
    categories: Sequence[Category], sizes: tuple[int, int], alarms: float
) -> Iterator[tuple[MovedCategory, Shift]]:
    """Yield how far the share of each frequent value moved."""
    if not all(sizes):
        return
    # The empty text has a measure of its own.
    frequent = [
        each for each in categories if each.value != "" and _largest(each, sizes) >= SMALLEST_CATEGORY
    ]
    for each in frequent:
        yield moved_category(each, sizes), _category_shift(each, sizes, alarms / len(frequent))


def have_like_lengths(before: Texts, after: Texts) -> bool:
    """Return whether lengths moved by less than a character on average, as they do where identifiers are
    counted up: after `u99` comes `u100`."""
    return wasserstein(before.lengths, after.lengths).value < 1


def find_lengths(
    before: Texts, after: Texts, categories: Sequence[Category], alarms: float, *, counted_up: bool
) -> Iterator[Shift]:
    """Yield how far the lengths of texts moved, and whether they look cut; the latter alone of identifiers
    that are counted up."""
    yield from _find_cut(before, after, categories, alarms)
    if counted_up:
        return
    ks = kolmogorov_smirnov(before.lengths, after.lengths)
    middles = (float(before.lengths.quantile(0.5)), float(after.lengths.quantile(0.5)))
    limit = kolmogorov_limit(alarms, before.count, after.count)
    what = f"lengths of texts moved, their median {brief(middles[0])} -> {brief(middles[1])} characters"
    yield Shift("lengths", *middles, ks, LENGTHS, limit, what)


def _largest(each: Category, sizes: tuple[int, int]) -> float:
    return max(each.before / sizes[0], each.after / sizes[1])


def _category_shift(each: Category, sizes: tuple[int, int], alarms: float) -> Shift:
    before, after = each.before / sizes[0], each.after / sizes[1]
    near = _nearest(each, sizes)
    low, *others = sorted(
        [cohens_h(near[0] / sizes[0], near[1] / sizes[1]), cohens_h(before, after), *_corners(each, sizes)]
    )
    # The likelihood of the two nearest counts that the bounds allow.
    noise = share_limit(alarms, near, sizes)
    is_gone = before >= GONE and each.after_most * 10 * sizes[0] <= each.before * sizes[1]
    effect = Effect(SHARE.shifted, SHARE.shifted) if is_gone else SHARE
    value = Bounded(cohens_h(before, after), low, others[-1])
    return Shift("category", before, after, value, effect, noise, _tell_category(each, sizes))


def _nearest(each: Category, sizes: tuple[int, int]) -> tuple[float, float]:
    """Return the counts within the bounds whose shares are nearest to each other."""
    if each.before / sizes[0] > each.after_most / sizes[1]:
        return each.before, each.after_most
    if each.after / sizes[1] > each.before_most / sizes[0]:
        return each.before_most, each.after
    return 0.0, 0.0


def _corners(each: Category, sizes: tuple[int, int]) -> Iterable[float]:
    yield cohens_h(each.before / sizes[0], each.after_most / sizes[1])
    yield cohens_h(each.before_most / sizes[0], each.after / sizes[1])


def _tell_category(each: Category, sizes: tuple[int, int]) -> str:
    before, after = percent(each.before / sizes[0]), percent(each.after / sizes[1])
    value = each.value
    shown = repr(int(value)) if isinstance(value, float) and value.is_integer() else repr(value)
    if each.after == 0:
        rest = f", at most {percent(each.after_most / sizes[1])} left" if each.after_most else ""
        return f"{shown} is gone, was {before}{rest}"
    if each.before == 0:
        rest = f", was at most {percent(each.before_most / sizes[0])}" if each.before_most else ""
        return f"{shown} is new, {after}{rest}"
    return f"{shown} {before} -> {after}"


def _find_cut(before: Texts, after: Texts, categories: Sequence[Category], alarms: float) -> Iterator[Shift]:
    """Yield a shift if what was longer than the longest text that is left now has just its length."""
    most, longest = int(after.lengths.points[-1]), int(before.lengths.points[-1])
    if most >= longest or most == 0:
        return
    place = np.array([most])
    longer = 1 - float(before.lengths.share_upto(place)[0])
    shorter = [float(texts.lengths.share_below(place)[0]) for texts in (before, after)]
    error = before.lengths.epsilon + after.lengths.epsilon
    cut = max(0.0, longer - before.lengths.epsilon)
    allowed = max(kolmogorov_limit(alarms, before.count, after.count), 0.02)
    # If long texts are gone and not cut, all others have a greater share, and the shorter ones too.
    if longer <= 0 or abs(shorter[0] - shorter[1]) > min(allowed, cut / 4) + error:
        return
    if after.frequent.is_complete and not _hold_prefixes(categories, most):
        return
    noise = share_limit(alarms, (round(cut * before.count), 0), (before.count, after.count))
    effect = Effect(NULLS.shifted, 2 * math.asin(math.sqrt(GONE)))
    what = (
        f"texts look cut at {most} characters: {percent(longer)} were longer, up to {longest};"
        f" now {percent(1 - shorter[1])} have just this length"
    )
    high = cohens_h(min(1.0, longer + before.lengths.epsilon), 0)
    value = Bounded(cohens_h(longer, 0), cohens_h(cut, 0), high)
    yield Shift("cut texts", float(longest), float(most), value, effect, noise, what)


def _hold_prefixes(categories: Sequence[Category], most: int) -> bool:
    """Return whether frequent values that were longer are there as their first characters."""
    now = {str(each.value) for each in categories if each.after}
    before = (str(each.value) for each in categories if each.before)
    return all(text[:most] in now for text in before if most < len(text) <= MAX_TEXT)
