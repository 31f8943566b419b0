"""Charts of a few characters: how one column lies in two versions, side by side in any text.

Both sides of a chart have the same bins and the same scale, so that they can be held against each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from datav.drift.binning import Category, draw_histogram, find_categories
from datav.drift.categories import SMALLEST_CATEGORY
from datav.profiles.columns import ColumnSketch
from datav.profiles.ranks import Ranks
from datav.report.cells import shown_cell
from datav.report.profile_json import iso_time
from datav.report.profile_text import BARS
from datav.report.style import significant

BINS = 16

# A place for nothing: blanks at the beginning would be lost, and those within would join.
_NOTHING = "\N{NO-BREAK SPACE}"
_PARTS = "▏▎▍▌▋▊▉█"
_BAR_WIDTH = 8

_VALUES = 6
_VALUE_WIDTH = 24


@dataclass(frozen=True, slots=True)
class Sparks:
    """Where numbers or times lie, before and after."""

    before: str
    after: str
    low: str
    """What the first bin begins with, and the last one ends with."""
    high: str


@dataclass(frozen=True, slots=True)
class ShareBar:
    """How many of all rows have one value, before and after, as shares."""

    value: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class ShareBars:
    """The values whose share moved most, the most frequent first."""

    bars: tuple[ShareBar, ...]

    def drawn(self, share: float) -> str:
        """Return a bar, as long as the greatest share of any value would fill its place."""
        highest = max(max(each.before, each.after) for each in self.bars)
        return share_bar(share / highest if highest else 0.0)


SmallChart = Sparks | ShareBars


def small_chart(before: ColumnSketch, after: ColumnSketch) -> SmallChart | None:
    """Return a chart of one column; None where both sides have nothing that could be drawn together."""
    if before.kind != after.kind:
        return None
    if before.kind == "number":
        return _sparks(before.numbers.ranks, after.numbers.ranks, is_time=False)
    if before.kind == "time":
        return _sparks(before.times.ranks, after.times.ranks, is_time=True)
    if before.kind in ("text", "boolean"):
        return _share_bars(before, after)
    return None


def share_bar(part: float) -> str:
    """Return a bar that fills `part` of its place, 0 to 1; what is more than nothing shows."""
    eighths = round(part * _BAR_WIDTH * len(_PARTS))
    if part > 0:
        eighths = max(1, eighths)
    full, rest = divmod(eighths, len(_PARTS))
    bar = _PARTS[-1] * full + (_PARTS[rest - 1] if rest else "")
    return bar.ljust(_BAR_WIDTH, _NOTHING)


def _sparks(before: Ranks, after: Ranks, *, is_time: bool) -> Sparks | None:
    if not before.count or not after.count:
        return None
    drawn = draw_histogram(before, after, BINS)
    if drawn is None:
        return None
    highest = max(*drawn.before, *drawn.after)
    # Bins may begin before the first value, and end behind the last one.
    low = max(drawn.edges[0], float(min(before.points[0], after.points[0])))
    high = min(drawn.edges[-1], float(max(before.points[-1], after.points[-1])))
    ends = [iso_time(each) or "" if is_time else significant(each) for each in (low, high)]
    return Sparks(_line(drawn.before, highest), _line(drawn.after, highest), *ends)


def _line(shares: Sequence[float], highest: float) -> str:
    return "".join(
        BARS[min(len(BARS) - 1, int(share / highest * len(BARS)))] if share > 0 and highest else _NOTHING
        for share in shares
    )


def _share_bars(before: ColumnSketch, after: ColumnSketch) -> ShareBars | None:
    rows = before.texts.count, after.texts.count
    if not all(rows):
        return None
    found = find_categories(before.texts.frequent, after.texts.frequent, rows)
    bars = [_bar(each, rows) for each in found if max(each.before, each.after) > 1]
    # One of thousands of values says nothing of a column, and the longest bar would be its.
    bars = [bar for bar in bars if max(bar.before, bar.after) >= SMALLEST_CATEGORY]
    # Stable: of values that moved alike the more frequent stays.
    chosen = sorted(bars, key=lambda bar: -abs(bar.after - bar.before))[:_VALUES]
    return ShareBars(tuple(sorted(chosen, key=lambda bar: -max(bar.before, bar.after)))) if chosen else None


def _bar(each: Category, rows: tuple[int, int]) -> ShareBar:
    return ShareBar(
        shown_cell(each.value, _VALUE_WIDTH), min(1.0, each.before / rows[0]), min(1.0, each.after / rows[1])
    )
