"""Columns that grow with their table: keys that are counted up, and times.

A table that gets new rows has greater ids and later dates than before, and that is no drift.  A column grew
if new values lie behind all old ones and those in between lie as they did.
"""

from dataclasses import dataclass

import numpy as np

from datav.drift.measures import common_points
from datav.drift.noise import kolmogorov_limit
from datav.drift.verdicts import KOLMOGOROV_SMIRNOV, Verdict
from datav.profiles.ranks import Ranks

_YEAR = 366 * 86_400_000_000

# A range that grows faster than this beside the number of rows did not grow: 9999-12-31 stands for no date.
_FASTEST = 3


@dataclass(frozen=True, slots=True)
class Growth:
    """New values lie behind the old ones."""

    beyond: float
    """Which share of the new values is greater than all old ones."""
    dropped: float
    """Which share of the old values is less than all new ones."""

    @property
    def most(self) -> Verdict:
        """A window that moved by more than half of its rows is worth a look."""
        return "stable" if self.dropped <= 0.5 else "shifted"


def find_growth(before: Ranks, after: Ranks, alarms: float, *, longest: float) -> Growth | None:
    """Return how far a range grew; None if it did not, or if something else happened to it.

    Args:
        longest: by how much it may grow in any case, in the unit of the values.
    """
    if not before.count or not after.count:
        return None
    first, last = float(before.points[0]), float(before.points[-1])
    start, end = float(after.points[0]), float(after.points[-1])
    if end <= last or start < first:
        return None
    rows = max(1.0, after.count / before.count)
    if end - last > max(longest, _FASTEST * (last - first) * rows):
        return None
    dropped = float(before.share_below(after.points[:1])[0])
    kept = float(after.share_upto(before.points[-1:])[0])
    if kept > 0 and not _is_alike(before, after, alarms, dropped, kept):
        return None
    return Growth(1 - kept, dropped)


def grew_by_steps(before: Ranks, after: Ranks) -> bool:
    """Return whether whole numbers went on in the steps that they had: a year after the last one."""
    if before.points.dtype != np.int64 or after.points.dtype != np.int64 or len(before.points) < 2:
        return False
    widest = int(np.diff(before.points.astype(np.float64)).max())
    behind = after.points[after.points > before.points[-1]]
    return len(behind) > 0 and int(behind[0]) - int(before.points[-1]) <= widest


def _is_alike(before: Ranks, after: Ranks, alarms: float, dropped: float, kept: float) -> bool:
    """Return whether the values of the range that both have lie as they did.

    Args:
        dropped: the share of before below it.
        kept: the share of after that is not behind it.
    """
    places = common_points(before, after)
    inside = places[(places >= after.points[0]) & (places <= before.points[-1])]
    old = (before.share_upto(inside) - dropped) / (1 - dropped)
    new = after.share_upto(inside) / kept
    doubt = 2 * before.epsilon / (1 - dropped) + 2 * after.epsilon / kept
    noise = kolmogorov_limit(alarms, round(before.count * (1 - dropped)), round(after.count * kept))
    return float(np.abs(old - new).max(initial=0)) <= max(noise, KOLMOGOROV_SMIRNOV.shifted) + doubt
