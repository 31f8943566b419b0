"""What moved in a column of times that its range does not tell: hours, weekdays, single days.

A time zone that is off by some hours, or a day that is there twice, is nothing beside the years that a table
covers, and plain to see here.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from datav.drift.binning import bin_counts
from datav.drift.measures import SMALLEST_SHARE, exactly, population_stability_index
from datav.drift.noise import psi_limit, share_limit
from datav.drift.shifts import measure_bins
from datav.drift.verdicts import CERTAIN, NOTABLE, Shift, percent
from datav.profiles.arrays import I64
from datav.profiles.columns import DAYS_KEPT, Times

_DAY = 86_400_000_000

# Less is not compared: each hour, or weekday, must have come several times, or the first new rows of a
# growing table change its shares.
_SHORTEST_FOR_HOURS = 7 * _DAY
_SHORTEST_FOR_WEEKDAYS = 56 * _DAY

# Ten rows an hour; with fewer, chance makes hours alike that are not.
_FEWEST_FOR_TURNS = 240
# Hours that were turned fit so much better than hours that were not.
_BETTER = 4

# A day with this many times its old share came twice; with less than a tenth of it, it is gone.
_TWICE = 1.8
_GONE = 0.1
# Days without a change that make a single one with twice its rows no chance.
_WITNESSES = 7


@dataclass(frozen=True, slots=True)
class MovedDay:
    """A day whose share moved."""

    day: str
    """As in ISO 8601."""
    before: int
    """Rows; at most, where the profile has not all days."""
    after: int
    """Rows; at least."""


def find_hours(before: Times, after: Times, alarms: float) -> tuple[int, list[Shift]]:
    """Return by how many hours the day was turned, 0: not at all; and the shifts of the hours of the day."""
    if not _cover(before, after, _SHORTEST_FOR_HOURS):
        return 0, []
    sizes = (before.count, after.count)
    _, _, shifts = measure_bins(bin_counts(before.hours, after.hours), sizes, alarms, "hours")
    turned = _find_turn(before.hours, after.hours, alarms)
    if not turned:
        return 0, shifts[:1]
    what = f"hours of the day moved by {turned:+d}: another time zone?"
    return turned, [Shift("time zone", None, None, exactly(1.0), CERTAIN, 0.0, what), shifts[0]]


def find_weekdays(before: Times, after: Times, alarms: float) -> list[Shift]:
    """Return the shift of the days of the week."""
    if not _cover(before, after, _SHORTEST_FOR_WEEKDAYS):
        return []
    sizes = (before.count, after.count)
    _, _, shifts = measure_bins(bin_counts(before.weekdays, after.weekdays), sizes, alarms, "weekdays")
    return shifts[:1]


def find_days(before: Times, after: Times, alarms: float) -> Iterator[tuple[MovedDay, Shift]]:
    """Yield days of the old range that came twice, or are gone.

    The first and the last day are left out: they are cut somewhere, and grow.
    """
    days, old, new = _inner_days(before, after)
    is_complete = before.days.is_complete and after.days.is_complete
    sizes = (int(old.sum()), int(new.sum()))
    if not is_complete:
        # Of a day that is not kept so many rows may be there; all others are left out of the shares.
        sizes = (before.count, after.count)
        old = old + before.days.unseen
    if not all(sizes) or (is_complete and len(days) < _WITNESSES):
        return
    witnesses = int((old == new).sum()) if is_complete else 0
    is_certain = witnesses >= max(_WITNESSES, 0.9 * len(days))
    ratios = (new / sizes[1]) / np.maximum(old / sizes[0], 1e-300)
    doubled = (old >= 2) & (new == 2 * old) if is_certain else np.zeros(len(days), bool)
    moved = (old > 0) & ((ratios >= _TWICE) | (is_complete & (ratios <= _GONE)))
    each = alarms / (len(days) if is_complete else max(len(days), DAYS_KEPT))
    for place in np.flatnonzero(doubled | moved).tolist():
        counts = (int(old[place]), int(new[place]))
        # Unlike a date of Python's, one of numpy's may lie beyond the year 9999.
        day = str(np.datetime64(int(days[place]), "D"))
        yield MovedDay(day, *counts), _day_shift(day, counts, sizes, bool(doubled[place]), each)


def _cover(before: Times, after: Times, least: int) -> bool:
    return all(
        each.count and int(each.ranks.points[-1]) - int(each.ranks.points[0]) >= least
        for each in (before, after)
    )


def _find_turn(before: I64, after: I64, alarms: float) -> int:
    """Return by how many hours, -11 to 12, the day must be turned to look as it did; 0 if that is no help."""
    sizes = (int(before.sum()), int(after.sum()))
    if min(sizes) < _FEWEST_FOR_TURNS:
        return 0
    floor = max(SMALLEST_SHARE, 0.5 / min(sizes))
    p, q = before / sizes[0], after / sizes[1]
    distances = [population_stability_index(np.roll(p, turn), q, floor) for turn in range(24)]
    best = int(np.argmin(distances))
    bins = bin_counts(before, after)
    noise = psi_limit(alarms, distances[0], bins.before, bins.after, sizes)
    if best == 0 or distances[0] <= noise or distances[best] * _BETTER > distances[0]:
        return 0
    return best if best <= 12 else best - 24


def _inner_days(before: Times, after: Times) -> tuple[I64, I64, I64]:
    """Return the kept days between the first and the last one that both have, and the rows of each."""
    first = max(int(each.ranks.points[0]) for each in (before, after)) // _DAY
    last = min(int(each.ranks.points[-1]) for each in (before, after)) // _DAY
    sides = [
        dict(zip(each.days.values.to_pylist(), each.days.counts.tolist(), strict=True))
        for each in (before, after)
    ]
    days = sorted(day for day in {**sides[0], **sides[1]} if first < day < last)
    old, new = (np.array([side.get(day, 0) for day in days], np.int64) for side in sides)
    return np.array(days, np.int64), old, new


def _day_shift(
    day: str, counts: tuple[int, int], sizes: tuple[int, int], is_doubled: bool, alarms: float
) -> Shift:
    before, after = (count / size for count, size in zip(counts, sizes, strict=True))
    if is_doubled:
        what = f"{day} came twice: {counts[0]} rows -> {counts[1]}, while other days kept theirs"
        return Shift("days", before, after, exactly(1.0), NOTABLE, 0.0, what)
    verb = "is gone" if after < before else "came more often"
    what = f"{day} {verb}: {percent(before)} -> {percent(after)} of the days in between"
    limit = share_limit(alarms, counts, sizes)
    # What counts is the ratio; it is certain as soon as it is more than chance.
    apart = abs(np.sqrt(before) - np.sqrt(after)) * 2
    certain = Shift("days", before, after, exactly(1.0), NOTABLE, limit / apart if apart else np.inf, what)
    return replace(certain, noise=float(certain.noise))
