"""What became of the values of a column that are not null: by what they are, numbers, times or texts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from datav.drift.binning import Category
from datav.drift.categories import (
    SMALLEST_CATEGORY,
    MovedCategory,
    categories_of,
    find_categories_moved,
    find_lengths,
    have_like_lengths,
    measure_categories,
    moved_category,
)
from datav.drift.clocks import MovedDay, find_days, find_hours, find_weekdays
from datav.drift.growth import Growth, find_growth, grew_by_steps
from datav.drift.result import Hours
from datav.drift.shifts import (
    Distances,
    find_factor,
    find_moments,
    measure_ranks,
    moments_of,
    scale_of,
)
from datav.drift.verdicts import Judgement, Verdict, judge, note, percent
from datav.profiles.columns import ColumnSketch, Times

MOST_LISTED = 20
"""Categories and days of a column that are listed."""
MOST_TOLD = 5
"""Of them that get a finding of their own; the others are only listed."""

# A column of which so many values are different is one of identifiers.
_IDENTIFIES = 0.9
# A range that grew by fewer values is not told.
_WORTH_A_WORD = 0.005
_YEAR = 366 * 86_400_000_000
# An identifier may go on by this much however few there were.
_LONGEST_STEP = 100.0

_NOT_MEASURED = Distances()


@dataclass(frozen=True, slots=True)
class Values:
    """What became of the values that are not null."""

    judgements: list[Judgement]
    distances: Distances = _NOT_MEASURED
    moved: tuple[MovedCategory, ...] = ()
    new: tuple[MovedCategory, ...] = ()
    vanished: tuple[MovedCategory, ...] = ()
    hours: Hours | None = None
    days: tuple[MovedDay, ...] = ()


def compare_values(before: ColumnSketch, after: ColumnSketch, alarms: float) -> Values:
    if before.numbers.ranks.count and after.numbers.ranks.count:
        return _compare_numbers(before, after, alarms)
    if before.times.count and after.times.count:
        return _compare_times(before, after, alarms)
    # Texts among numbers are the exception, and not what the texts of a column of texts are.
    if before.texts.count and after.texts.count and before.kind == after.kind:
        return _compare_texts(before, after, alarms)
    return Values([])


def _compare_numbers(before: ColumnSketch, after: ColumnSketch, alarms: float) -> Values:
    old, new = before.numbers, after.numbers
    with_errors = moments_of(old, new)
    scale = scale_of(
        old.ranks, new.ranks, with_errors if all(map(math.isfinite, with_errors)) else (0.0, 0.0)
    )
    distances, shifts = measure_ranks(old.ranks, new.ranks, scale, alarms)
    shifts += find_moments(old, new, scale, alarms)
    growth, most = _find_growth_of_numbers(before, after, alarms)
    judgements = [judge(shift, most) for shift in shifts]
    # Of numbers that only tell rows apart half of the rows look like half of each number.
    is_counted = old.ranks.points.dtype == np.int64 and _identifies(before) and _identifies(after)
    if not is_counted and max(each.score for each in judgements) >= 1:
        factor = find_factor(old.ranks, new.ranks)
        judgements += [] if factor is None else [judge(factor, most)]
    judgements += _tell_growth(growth)
    sizes = (old.ranks.count, new.ranks.count)
    categories = categories_of(old.frequent, new.frequent, sizes)
    values = _compare_categories(categories, sizes, alarms, most)
    values = replace(values, judgements=judgements + values.judgements, distances=distances)
    return _list_categories(values, before, after, categories, sizes, SMALLEST_CATEGORY)


def _compare_times(before: ColumnSketch, after: ColumnSketch, alarms: float) -> Values:
    old, new = before.times, after.times
    distances, shifts = measure_ranks(old.ranks, new.ranks, scale_of(old.ranks, new.ranks), alarms)
    growth = find_growth(old.ranks, new.ranks, alarms, longest=_YEAR)
    judgements = [judge(shift, growth.most if growth else "broken") for shift in shifts]
    judgements += _tell_growth(growth)
    turned, hours = find_hours(old, new, alarms)
    judgements += [judge(shift) for shift in hours + find_weekdays(old, new, alarms)]
    days = [(day, judge(shift)) for day, shift in find_days(old, new, alarms)]
    found = sorted((each for each in days if each[1].score >= 1), key=lambda each: -each[1].score)
    judgements += [judgement for _, judgement in found[:MOST_TOLD]]
    return Values(
        judgements,
        distances,
        hours=_count_hours(old, new, turned),
        days=tuple(day for day, _ in found[:MOST_LISTED]),
    )


def _compare_texts(before: ColumnSketch, after: ColumnSketch, alarms: float) -> Values:
    old, new = before.texts, after.texts
    sizes = (old.count, new.count)
    categories = categories_of(old.frequent, new.frequent, sizes)
    distances, shifts = measure_categories(categories, sizes, alarms)
    counted_up = _identifies(before) and _identifies(after) and have_like_lengths(old, new)
    lengths = [judge(shift) for shift in find_lengths(old, new, categories, alarms, counted_up=counted_up)]
    values = _compare_categories(categories, sizes, alarms, "broken")
    judgements = [*map(judge, shifts), *lengths, *values.judgements]
    values = replace(values, judgements=judgements, distances=distances)
    return _list_categories(values, before, after, categories, sizes, 0.0)


def _compare_categories(
    categories: Sequence[Category], sizes: tuple[int, int], alarms: float, most: Verdict
) -> Values:
    """Return what became of single values."""
    moved = [
        (category, judge(shift, most)) for category, shift in find_categories_moved(categories, sizes, alarms)
    ]
    found = sorted((each for each in moved if each[1].score >= 1), key=lambda each: -each[1].score)
    rest = [judgement for _, judgement in moved if judgement.score < 1]
    return Values(
        [*(judgement for _, judgement in found[:MOST_TOLD]), *rest],
        moved=tuple(each for each, _ in found if each.before and each.after)[:MOST_LISTED],
    )


def _list_categories(
    values: Values,
    before: ColumnSketch,
    after: ColumnSketch,
    categories: Sequence[Category],
    sizes: tuple[int, int],
    least: float,
) -> Values:
    """Return `values` with what is new and what vanished of values that come again and again."""
    columns = [each for each in (before, after) if each.count]
    if any(2 * each.distinct.estimate() > each.count - each.nulls for each in columns):
        return values
    new, vanished = _list_new(categories, sizes, least), _list_vanished(categories, sizes, least)
    return replace(values, new=new, vanished=vanished)


def _list_new(
    categories: Sequence[Category], sizes: tuple[int, int], least: float
) -> tuple[MovedCategory, ...]:
    """Return values that are not known of before, if they are for sure more frequent now."""
    found = (
        each
        for each in categories
        if not each.before
        and each.after >= least * sizes[1]
        and each.after * sizes[0] > each.before_most * sizes[1]
    )
    return tuple(moved_category(each, sizes) for each in islice(found, MOST_LISTED))


def _list_vanished(
    categories: Sequence[Category], sizes: tuple[int, int], least: float
) -> tuple[MovedCategory, ...]:
    """Return values that are not known of after, if they were for sure more frequent before."""
    found = (
        each
        for each in categories
        if not each.after
        and each.before >= least * sizes[0]
        and each.before * sizes[1] > each.after_most * sizes[0]
    )
    return tuple(moved_category(each, sizes) for each in islice(found, MOST_LISTED))


def _identifies(column: ColumnSketch) -> bool:
    return column.distinct.estimate() >= _IDENTIFIES * (column.count - column.nulls) > 0


def _find_growth_of_numbers(
    before: ColumnSketch, after: ColumnSketch, alarms: float
) -> tuple[Growth | None, Verdict]:
    """Return how a column that is counted up grew, and the gravest verdict that is left to it."""
    old, new = before.numbers.ranks, after.numbers.ranks
    if old.points.dtype != np.int64 or new.points.dtype != np.int64 or before.kind == "list":
        return None, "broken"
    growth = find_growth(old, new, alarms, longest=_LONGEST_STEP)
    if growth is None:
        return None, "broken"
    if _identifies(before) and _identifies(after):
        return growth, growth.most
    # A year, or the number of an order with several lines.
    return (growth, "shifted") if grew_by_steps(old, new) else (None, "broken")


def _tell_growth(growth: Growth | None) -> list[Judgement]:
    if growth is None or growth.beyond < _WORTH_A_WORD:
        return []
    dropped = f"; {percent(growth.dropped)} of the old ones fell out in front" if growth.dropped else ""
    what = f"range grew: {percent(growth.beyond)} of the values lie behind all old ones{dropped}"
    return [Judgement(0.0, note("growth", None, growth.beyond, what))]


def _count_hours(before: Times, after: Times, turned: int) -> Hours:
    return Hours(
        tuple(before.hours.tolist()),
        tuple(after.hours.tolist()),
        tuple(before.weekdays.tolist()),
        tuple(after.weekdays.tolist()),
        turned,
    )
