"""Class balance: the share that each value has of all cells that are not null."""

import math

import numpy as np

from datav.checks.finding import Finding
from datav.checks.promises import KEPT, MOST_EXAMPLES, Promise, share
from datav.checks.valuecounts import ValueCounts, part_text
from datav.settings.checks import Bounds


def broken_shares(promise: Promise, counts: ValueCounts, bounds: Bounds) -> tuple[Finding, ...]:
    """Return which shares are out of bounds: one finding for either end."""
    found = KEPT
    for is_min, limit in ((True, bounds.min), (False, bounds.max)):
        if limit is None or not counts.total:
            continue
        beyond, worst = _find_beyond(counts, limit, is_min=is_min)
        if not beyond:
            continue
        own, value = worst[0]
        rest = f"; so it is with {beyond - 1:,} more" if beyond > 1 else ""
        what = f"{value} has {share(own)} of the values, {'at least' if is_min else 'at most'} {share(limit)}"
        found += promise.broken(
            f"{what} is expected{rest}",
            measure="share",
            value=own,
            limit=limit,
            examples=(f"{each} {share(part)}" for part, each in worst),
        )
    return found


def _find_beyond(counts: ValueCounts, limit: float, *, is_min: bool) -> tuple[int, list[tuple[float, str]]]:
    """Return how many values have a share out of bounds, and some of them, the worst first."""
    total, beyond = counts.total, 0
    worst: list[tuple[float, str]] = []
    for part, values, own in counts.parts():
        shares = own / total
        places = np.flatnonzero(shares < limit if is_min else shares > limit)
        beyond += len(places)
        order = np.argsort(shares[places] if is_min else -shares[places], kind="stable")[:MOST_EXAMPLES]
        worst += [
            (float(shares[place]), part_text(part, values[int(place)].as_py())) for place in places[order]
        ]
    nans = counts.nans / total
    if counts.nans and (nans < limit if is_min else nans > limit):
        beyond += 1
        worst.append((nans, part_text("float", math.nan)))
    return beyond, sorted(worst, reverse=not is_min)[:MOST_EXAMPLES]
