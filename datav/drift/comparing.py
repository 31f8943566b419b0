"""How two profiles differ: what moved, by how much, and whether that is more than chance.

Nothing but profiles is read.  Every number that a sketch stands behind has its bounds, and every verdict
holds at the end of the bounds that speaks against it.  docs/reference/drift.md has formulas and limits.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
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
from datav.drift.measures import Bounded, exactly
from datav.drift.shifts import (
    Distances,
    find_cells,
    find_factor,
    find_moments,
    measure_ranks,
    moments_of,
    ranks_quantiles,
    scale_of,
)
from datav.drift.verdicts import (
    CERTAIN,
    FALSE_ALARMS,
    MEASURES,
    NOTABLE,
    VERDICTS,
    Finding,
    Judgement,
    Shift,
    Verdict,
    brief,
    judge,
    note,
    percent,
)
from datav.profiles.columns import ColumnSketch, Kind, Times
from datav.profiles.distinct import STANDARD_ERROR, Distinct
from datav.profiles.profile import TableProfile
from datav.profiles.ranks import Ranks

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)

MOST_LISTED = 20
"""Categories and days of a column that are listed."""
MOST_TOLD = 5
"""Of them that get a finding of their own; the others are only listed."""

# An estimate of how many values are different is within three of its errors in 99.7 % of all cases.
_SIGMAS = 3
# A column of which so many values are different is one of identifiers.
_IDENTIFIES = 0.9
# A range that grew by fewer values is not told.
_WORTH_A_WORD = 0.005
_YEAR = 366 * 86_400_000_000
# So many are all different, but for the error of the sketch; and so few repeat each twice nearly.
_UNIQUE = 0.97
_REPEATED = 0.53
_KINDS: Mapping[Kind, str] = {
    "number": "numbers",
    "time": "times",
    "text": "texts",
    "boolean": "truths",
    "binary": "binary values",
    "list": "lists",
    "empty": "nulls",
}
# That so few rows are all gone is no wonder.
_FEW = 30
# An identifier may go on by this much however few there were.
_LONGEST_STEP = 100.0


@dataclass(frozen=True, slots=True)
class Pair:
    """A number before and after; None where there is none."""

    before: float | None
    after: float | None


@dataclass(frozen=True, slots=True)
class Quantile:
    """A quantile before and after, with the bounds of each; None without values."""

    share: float
    before: Bounded | None
    after: Bounded | None


@dataclass(frozen=True, slots=True)
class Hours:
    """Rows by the hour of the day and the day of the week, Monday first; shape (24,) and (7,)."""

    before: tuple[int, ...]
    after: tuple[int, ...]
    weekdays_before: tuple[int, ...]
    weekdays_after: tuple[int, ...]
    turned: int
    """By how many hours the day moved; 0: not for sure."""


@dataclass(frozen=True, slots=True)
class ColumnDrift:
    """How one column differs between two versions of a table."""

    name: str
    """After."""
    renamed_from: str | None
    type_before: str
    type_after: str
    kind_before: Kind
    kind_after: Kind
    verdict: Verdict
    score: float
    """By which columns are ranked: that of the measure that moved most.  Below 1: stable, from 1 on: shifted,
    from 2 on: broken, always below 3."""
    findings: tuple[Finding, ...]
    """The gravest first."""
    cells: Pair
    nulls: Pair
    """Shares of all cells, like `empty`, `numbers` and `times`."""
    empty: Pair
    numbers: Pair
    """Cells that are numbers or can be read as such."""
    times: Pair
    mean: Pair
    """Of the finite numbers, like `deviation`."""
    deviation: Pair
    quantiles: tuple[Quantile, ...]
    """Of numbers, or of times in microseconds since 1970, UTC where a zone is known."""
    lengths: tuple[Quantile, ...]
    """Of texts, in characters, of binary values in bytes."""
    distinct_before: Bounded
    distinct_after: Bounded
    """Bounds of estimates hold in 99.7 % of all cases."""
    psi: Bounded | None
    js: Bounded | None
    ks: Bounded | None
    wasserstein: Bounded | None
    """In standard deviations of before; of times these are estimates of the sketch, and its bounds do not
    contain the error of that."""
    new: tuple[MovedCategory, ...]
    """Frequent values that were not there, or too rarely to be kept; the greatest share first."""
    vanished: tuple[MovedCategory, ...]
    moved: tuple[MovedCategory, ...]
    """Other values whose share moved by more than chance and by enough to look at."""
    hours: Hours | None
    days: tuple[MovedDay, ...]
    """Days that came twice or are gone."""


@dataclass(frozen=True, slots=True)
class TableDrift:
    """How two versions of a table differ in what their columns hold."""

    before_rows: int
    after_rows: int
    columns: tuple[ColumnDrift, ...]
    """Those that both have, the one that moved most first."""
    added: tuple[str, ...]
    removed: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        """The gravest one of any column."""
        return max((column.verdict for column in self.columns), key=VERDICTS.index, default="stable")


_NOT_MEASURED = Distances()


@dataclass(frozen=True, slots=True)
class _Values:
    """What became of the values that are not null."""

    judgements: list[Judgement]
    distances: Distances = _NOT_MEASURED
    moved: tuple[MovedCategory, ...] = ()
    new: tuple[MovedCategory, ...] = ()
    vanished: tuple[MovedCategory, ...] = ()
    hours: Hours | None = None
    days: tuple[MovedDay, ...] = ()


def compare_profiles(
    before: TableProfile, after: TableProfile, renamed: Mapping[str, str] | None = None
) -> TableDrift:
    """Return how the columns of two versions of a table differ.

    Args:
        renamed: the new names of columns by their old ones.

    Columns are matched by name and place among equal names.
    """
    names = renamed or {}
    old = {(names.get(name, name), place): column for name, place, column in _numbered(before)}
    new = {(name, place): column for name, place, column in _numbered(after)}
    common = [key for key in new if key in old]
    drifts = [compare_columns(old[key], new[key], columns=len(common)) for key in common]
    return TableDrift(
        before.rows,
        after.rows,
        # Sorting is stable: of columns with equal scores the first one in the table comes first.
        tuple(sorted(drifts, key=lambda drift: -drift.score)),
        tuple(column.name for key, column in new.items() if key not in old),
        tuple(column.name for key, column in old.items() if key not in new),
    )


def compare_columns(before: ColumnSketch, after: ColumnSketch, *, columns: int = 1) -> ColumnDrift:
    """Return how one column differs between two versions of a table.

    Args:
        columns: how many of the table are compared; the more, the surer each finding must be.
    """
    alarms = FALSE_ALARMS / (columns * MEASURES)
    judgements = [judge(shift) for shift in find_cells(before, after, alarms)]
    if before.count >= _FEW and not after.count:
        judgements.append(
            judge(Shift("cells", before.count, 0, exactly(1.0), CERTAIN, 0.0, "no cells are left"))
        )
    # What lies infinitely far apart in floats has no distance, and is left out.
    with np.errstate(over="ignore", invalid="ignore"):
        values = _compare_values(before, after, alarms)
    judgements += values.judgements
    judgements += [judge(shift, most) for shift, most in _find_other_kind(before, after)]
    judgements += [judge(shift, "shifted") for shift in _find_repeated(before, after)]
    findings = sorted((each for each in judgements if each.finding is not None), key=lambda each: -each.score)
    score = max((each.score for each in judgements), default=0.0)
    numbers = (before.numbers, after.numbers)
    return ColumnDrift(
        name=after.name,
        renamed_from=before.name if before.name != after.name else None,
        type_before=before.type,
        type_after=after.type,
        kind_before=before.kind,
        kind_after=after.kind,
        verdict=VERDICTS[int(score)],
        score=score,
        findings=tuple(each.finding for each in findings if each.finding is not None),
        cells=Pair(before.count, after.count),
        nulls=_shares((before.nulls, after.nulls), before, after),
        empty=_shares((before.texts.empty, after.texts.empty), before, after),
        numbers=_shares(
            [each.numbers.count + each.texts.as_numbers for each in (before, after)], before, after
        ),
        times=_shares([each.times.count + each.texts.as_times for each in (before, after)], before, after),
        mean=Pair(*(_finite(each.mean) if each.ranks.count else None for each in numbers)),
        deviation=Pair(*(_finite(each.deviation) if each.ranks.count > 1 else None for each in numbers)),
        quantiles=_quantiles(before, after),
        lengths=_lengths(before, after),
        distinct_before=_count_distinct(before.distinct),
        distinct_after=_count_distinct(after.distinct),
        psi=values.distances.psi,
        js=values.distances.js,
        ks=values.distances.ks,
        wasserstein=values.distances.wasserstein,
        new=values.new,
        vanished=values.vanished,
        moved=values.moved,
        hours=values.hours,
        days=values.days,
    )


def _compare_values(before: ColumnSketch, after: ColumnSketch, alarms: float) -> _Values:
    if before.numbers.ranks.count and after.numbers.ranks.count:
        return _compare_numbers(before, after, alarms)
    if before.times.count and after.times.count:
        return _compare_times(before, after, alarms)
    # Texts among numbers are the exception, and not what the texts of a column of texts are.
    if before.texts.count and after.texts.count and before.kind == after.kind:
        return _compare_texts(before, after, alarms)
    return _Values([])


def _find_other_kind(before: ColumnSketch, after: ColumnSketch) -> Iterator[tuple[Shift, Verdict]]:
    """Yield what cells became that have no distribution in common: numbers texts, times texts."""
    sides = (before, after)
    if any(each.count - each.nulls < _FEW for each in sides) or before.kind == after.kind:
        return
    parts = [(each.numbers.ranks.count > 0, each.times.count > 0) for each in sides]
    if any(one and other for one, other in zip(*parts, strict=True)):
        return
    what = f"{_KINDS[before.kind]} are {_KINDS[after.kind]} now, and cannot be compared"
    # Numbers that are still written as such may only be read otherwise, by how the first rows look.
    most: Verdict = "shifted" if {before.kind, after.kind} == {"number", "text"} else "broken"
    yield Shift("kind", before.kind, after.kind, exactly(1.0), CERTAIN, 0.0, what), most


def _find_repeated(before: ColumnSketch, after: ColumnSketch) -> Iterator[Shift]:
    """Yield that values repeat of which each was there once: a table that was appended to itself.

    A sample with repetition has 63 % different values, which is no alarm.
    """
    rows = [each.count - each.nulls for each in (before, after)]
    different = before.distinct.estimate(), after.distinct.estimate()
    if min(rows) < _FEW or different[0] < _UNIQUE * rows[0]:
        return
    share = different[1] / rows[1]
    # More rows of the same kind would bring new values along.
    if share <= _REPEATED and different[1] * _UNIQUE <= different[0]:
        what = f"values that occurred once occur {brief(1 / share)} times on average"
        yield Shift("repeated", 1.0, share, exactly(1.0), NOTABLE, 0.0, what)


def _compare_numbers(before: ColumnSketch, after: ColumnSketch, alarms: float) -> _Values:
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


def _compare_times(before: ColumnSketch, after: ColumnSketch, alarms: float) -> _Values:
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
    return _Values(
        judgements,
        distances,
        hours=_count_hours(old, new, turned),
        days=tuple(day for day, _ in found[:MOST_LISTED]),
    )


def _compare_texts(before: ColumnSketch, after: ColumnSketch, alarms: float) -> _Values:
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
) -> _Values:
    """Return what became of single values."""
    moved = [
        (category, judge(shift, most)) for category, shift in find_categories_moved(categories, sizes, alarms)
    ]
    found = sorted((each for each in moved if each[1].score >= 1), key=lambda each: -each[1].score)
    rest = [judgement for _, judgement in moved if judgement.score < 1]
    return _Values(
        [*(judgement for _, judgement in found[:MOST_TOLD]), *rest],
        moved=tuple(each for each, _ in found if each.before and each.after)[:MOST_LISTED],
    )


def _list_categories(
    values: _Values,
    before: ColumnSketch,
    after: ColumnSketch,
    categories: Sequence[Category],
    sizes: tuple[int, int],
    least: float,
) -> _Values:
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


def _numbered(table: TableProfile) -> Iterator[tuple[str, int, ColumnSketch]]:
    """Yield each column with its place among those of its name."""
    seen: dict[str, int] = {}
    for column in table.columns:
        seen[column.name] = seen.get(column.name, 0) + 1
        yield column.name, seen[column.name], column


def _shares(hits: Sequence[int], before: ColumnSketch, after: ColumnSketch) -> Pair:
    return Pair(
        *(hit / each.count if each.count else None for hit, each in zip(hits, (before, after), strict=True))
    )


def _quantiles(before: ColumnSketch, after: ColumnSketch) -> tuple[Quantile, ...]:
    sides = [each.numbers.ranks if each.numbers.ranks.count else each.times.ranks for each in (before, after)]
    return _pair_quantiles(sides)


def _lengths(before: ColumnSketch, after: ColumnSketch) -> tuple[Quantile, ...]:
    return _pair_quantiles([before.texts.lengths, after.texts.lengths])


def _pair_quantiles(sides: Sequence[Ranks]) -> tuple[Quantile, ...]:
    if not any(ranks.count for ranks in sides):
        return ()
    return tuple(map(Quantile, QUANTILES, *(ranks_quantiles(ranks, QUANTILES) for ranks in sides)))


def _count_hours(before: Times, after: Times, turned: int) -> Hours:
    return Hours(
        tuple(before.hours.tolist()),
        tuple(after.hours.tolist()),
        tuple(before.weekdays.tolist()),
        tuple(after.weekdays.tolist()),
        turned,
    )


def _count_distinct(distinct: Distinct) -> Bounded:
    estimate = distinct.estimate()
    if distinct.is_exact:
        return exactly(float(estimate))
    error = _SIGMAS * STANDARD_ERROR * estimate
    return Bounded(float(estimate), estimate - error, estimate + error)


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
