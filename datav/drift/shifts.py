"""What moved between two sketches of one column, measure by measure.

Each function returns shifts, which say how far something moved and how far chance may move it, and leaves
it to `datav.drift.verdicts` what that means.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from datav.drift.binning import Bins, bin_ranks
from datav.drift.measures import (
    SMALLEST_SHARE,
    Bounded,
    bound_js,
    bound_psi,
    cohens_h,
    exactly,
    kolmogorov_smirnov,
    quantile_within,
    spread,
    wasserstein,
)
from datav.drift.noise import (
    js_limit,
    kolmogorov_limit,
    mean_limit,
    psi_limit,
    share_limit,
    wasserstein_limit,
)
from datav.drift.verdicts import (
    CERTAIN,
    JENSEN_SHANNON,
    KOLMOGOROV_SMIRNOV,
    MEAN,
    NOTABLE,
    NULLS,
    PSI,
    SHARE,
    WASSERSTEIN,
    Effect,
    Shift,
    brief,
    percent,
)
from datav.profiles.columns import ColumnSketch, Numbers
from datav.profiles.ranks import Ranks

# Types that were guessed from the cells of a text table.
_GUESSED = frozenset({"integer", "float", "date", "timestamp", "boolean", "text", "empty"})

# Factors between units that people mix up, and what they are.
_UNITS = (
    (3.28084, "metres to feet"),
    (1.609344, "miles to kilometres"),
    (2.54, "inches to centimetres"),
    (25.4, "inches to millimetres"),
    (2.204623, "kilograms to pounds"),
    (1.8, "kelvins to degrees Rankine"),
    (10.0, "tenfold"),
    (60.0, "sixtyfold, as minutes to seconds"),
    (100.0, "hundredfold, as fractions to percent"),
    (1000.0, "thousandfold, as kilo"),
    (3600.0, "hours to seconds"),
    (1024.0, "1024-fold, as KiB to bytes"),
    (1e6, "millionfold"),
)
_SCALED = (0.05, 0.25, 0.5, 0.75, 0.95)
_NEAR = 0.02
# A smaller factor may be a year's inflation.
_SMALLEST_FACTOR = 1.5


@dataclass(frozen=True, slots=True)
class Distances:
    """How far two distributions lie apart, all of it.  None: there is nothing to compare."""

    psi: Bounded | None = None
    js: Bounded | None = None
    ks: Bounded | None = None
    wasserstein: Bounded | None = None
    """In standard deviations of before."""


def share_shift(
    measure: str, hits: tuple[int, int], rows: tuple[int, int], alarms: float, effect: Effect
) -> Iterator[Shift]:
    """Yield how far an exact share moved, as Cohen's h; nothing where there are no rows."""
    if not all(rows):
        return
    before, after = (hit / row for hit, row in zip(hits, rows, strict=True))
    yield Shift(
        measure,
        before,
        after,
        exactly(cohens_h(before, after)),
        effect,
        share_limit(alarms, hits, rows),
        f"{measure} {percent(before)} -> {percent(after)}",
    )


def find_cells(before: ColumnSketch, after: ColumnSketch, alarms: float) -> Iterator[Shift]:
    """Yield what cells became: null, empty, not finite, or no longer what the column is taken for."""
    rows = (before.count, after.count)
    yield from share_shift("nulls", (before.nulls, after.nulls), rows, alarms, _nulls_effect(before, after))
    others = {
        "empty texts": (before.texts.empty, after.texts.empty),
        "NaN": (before.numbers.nans, after.numbers.nans),
        "infinities": (before.numbers.infinities, after.numbers.infinities),
    }
    for measure, hits in others.items():
        yield from share_shift(measure, hits, rows, alarms, _if_more(NULLS, hits, rows))
    yield from _find_parsing(before, after, alarms)
    yield from _find_type(before, after)


def measure_ranks(before: Ranks, after: Ranks, scale: float, alarms: float) -> tuple[Distances, list[Shift]]:
    """Return the distances of numbers or times, with their shifts.

    Args:
        scale: what the Wasserstein distance is divided by; 0 makes it None.
    """
    if not before.count or not after.count:
        return Distances(), []
    sizes = (before.count, after.count)
    psi, js, shifts = measure_bins(bin_ranks(before, after), sizes, alarms)
    ks = kolmogorov_smirnov(before, after)
    middles = (float(before.quantile(0.5)), float(after.quantile(0.5)))
    limit = kolmogorov_limit(alarms, *sizes)
    what = f"distributions {percent(ks.value)} apart (KS)"
    shifts.append(Shift("ks", *middles, ks, KOLMOGOROV_SMIRNOV, limit, what))
    moved = _divide(wasserstein(before, after), scale)
    limit = wasserstein_limit(alarms, before, after) / scale if scale else math.inf
    if moved is not None and math.isfinite(limit):
        what = f"values moved by {brief(moved.value)} standard deviations on average"
        shifts.append(Shift("wasserstein", *middles, moved, WASSERSTEIN, limit, what))
    return Distances(psi, js, ks, moved), shifts


def measure_bins(
    bins: Bins, sizes: tuple[int, int], alarms: float, name: str = ""
) -> tuple[Bounded, Bounded, list[Shift]]:
    """Return the population stability index and the Jensen-Shannon distance of bins, with their shifts."""
    floor = max(SMALLEST_SHARE, 0.5 / min(sizes))
    psi = bound_psi(bins.before, bins.after, bins.before_error, bins.after_error, floor)
    js = bound_js(bins.before, bins.after, bins.before_error, bins.after_error)
    of = f" of {name}" if name else ""
    return (
        psi,
        js,
        [
            Shift(
                f"{name} psi".strip(),
                None,
                None,
                psi,
                PSI,
                psi_limit(alarms, psi.value, bins.before, bins.after, sizes),
                f"population stability index{of} {brief(psi.value)}",
            ),
            Shift(
                f"{name} js".strip(),
                None,
                None,
                js,
                JENSEN_SHANNON,
                js_limit(alarms, js.value, bins.before, bins.after, sizes),
                f"Jensen-Shannon distance{of} {brief(js.value)}",
            ),
        ],
    )


def scale_of(before: Ranks, after: Ranks, moments: tuple[float, float] | None = None) -> float:
    """Return what distances are divided by: the standard deviation of before; if it is 0, as of a constant,
    that of both together.

    Args:
        moments: the deviation of before where it is known exactly, and that of both together.
    """
    if moments is not None:
        return moments[0] or moments[1]
    own = spread(before)
    if own or not before.count or not after.count:
        return own
    apart = abs(float(before.quantile(0.5)) - float(after.quantile(0.5)))
    rows = before.count + after.count
    other = spread(after)
    return math.sqrt(after.count * other**2 / rows + before.count * after.count * apart**2 / rows**2)


def moments_of(before: Numbers, after: Numbers) -> tuple[float, float]:
    """Return the standard deviation of before, and that of both together."""
    n, m = before.ranks.count, after.ranks.count
    if n + m < 2:
        return 0.0, 0.0
    apart = after.mean - before.mean
    # Not **, which raises where a product is infinite.
    between = apart * apart * n * m / (n + m)
    return before.deviation, math.sqrt((before.squares + after.squares + between) / (n + m - 1))


def find_moments(before: Numbers, after: Numbers, scale: float, alarms: float) -> Iterator[Shift]:
    """Yield how far the mean moved, in standard deviations, and the share of negative numbers."""
    sizes = (before.ranks.count, after.ranks.count)
    if not all(sizes):
        return
    together = moments_of(before, after)[1]
    limit = mean_limit(alarms, sizes, (before.deviation, after.deviation), together)
    moved = abs(after.mean - before.mean) / scale if scale else 0.0
    if scale and math.isfinite(limit) and math.isfinite(moved):
        yield Shift(
            "mean",
            before.mean,
            after.mean,
            exactly(moved),
            MEAN,
            limit / scale,
            f"mean {brief(before.mean)} -> {brief(after.mean)}, {brief(moved)} standard deviations",
        )
    yield from share_shift("negative", (before.negatives, after.negatives), sizes, alarms, SHARE)


def find_factor(before: Ranks, after: Ranks) -> Shift | None:
    """Return a shift if all quantiles were multiplied by one number; to be asked where values moved."""
    if before.count < 10 or after.count < 10:
        return None
    old, new = ([float(ranks.quantile(share)) for share in _SCALED] for ranks in (before, after))
    ratios = [b / a for a, b in zip(old, new, strict=True) if a]
    if len(ratios) < len(_SCALED) - 1 or len(set(old)) < 3 or min(ratios) <= 0:
        return None
    factor = sorted(ratios)[len(ratios) // 2]
    size = max(factor, 1 / factor)
    if not all(abs(ratio / factor - 1) <= _NEAR for ratio in ratios) or size < _SMALLEST_FACTOR:
        return None
    unit = next((name for known, name in _UNITS if abs(size / known - 1) < _NEAR), "")
    turned = f" ({unit}{'' if factor > 1 else ', turned round'})" if unit else ""
    what = f"all values look multiplied by {brief(factor)}{turned}"
    return Shift("factor", old[2], new[2], exactly(1.0), CERTAIN, 0.0, what)


def ranks_quantiles(ranks: Ranks, shares: Sequence[float]) -> list[Bounded | None]:
    """Return quantiles with their bounds; None without values."""
    return [quantile_within(ranks, share) if ranks.count else None for share in shares]


def _nulls_effect(before: ColumnSketch, after: ColumnSketch) -> Effect:
    if after.nulls == after.count and before.nulls < before.count:
        return Effect(NULLS.shifted, NULLS.shifted)
    return _if_more(NULLS, (before.nulls, after.nulls), (before.count, after.count))


def _if_more(effect: Effect, hits: tuple[int, int], rows: tuple[int, int]) -> Effect:
    """Return an effect that is not `broken` where cells became better."""
    return effect if hits[1] * rows[0] > hits[0] * rows[1] else Effect(effect.shifted)


def _find_parsing(before: ColumnSketch, after: ColumnSketch, alarms: float) -> Iterator[Shift]:
    kinds = {before.kind, after.kind}
    if not kinds & {"number", "time", "text"} or kinds & {"list", "binary", "empty"}:
        return
    rows = (before.count - before.nulls, after.count - after.nulls)
    numbers = tuple(each.numbers.count + each.texts.as_numbers for each in (before, after))
    times = tuple(each.times.count + each.texts.as_times for each in (before, after))
    for measure, hits, kind in (("numbers", numbers, "number"), ("times", times, "time")):
        if len(kinds) > 1:
            effect = Effect(NULLS.shifted, NULLS.shifted)
        elif kind in kinds:
            effect = NULLS if hits[1] * rows[0] < hits[0] * rows[1] else Effect(NULLS.shifted)
        else:
            effect = SHARE
        yield from share_shift(f"read as {measure}", (hits[0], hits[1]), rows, alarms, effect)


def _find_type(before: ColumnSketch, after: ColumnSketch) -> Iterator[Shift]:
    """Yield a change of what a column is declared as; what was guessed on both sides is left to the cells."""
    if before.type == after.type or "empty" in (before.kind, after.kind):
        return
    guesses = (before.type in _GUESSED) + (after.type in _GUESSED)
    if before.kind != after.kind and guesses < 2:
        effect = CERTAIN
    elif guesses == 0 and before.kind in ("number", "time", "list"):
        effect = NOTABLE
    else:
        return
    what = f"type {before.type} -> {after.type}"
    yield Shift("type", before.type, after.type, exactly(1.0), effect, 0.0, what)


def _divide(distance: Bounded, scale: float) -> Bounded | None:
    if not scale:
        # Two constants: equal ones, as what is between others is a part of the scale.
        return exactly(0.0) if not distance.high else None
    parts = (distance.value / scale, distance.low / scale, distance.high / scale)
    return Bounded(*parts) if all(map(math.isfinite, parts)) else None
