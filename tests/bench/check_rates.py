"""How often the drift gate cries wolf, by simulation: moves of one distribution, and the one after them.

Nothing here has a floor, so that what is measured is the limit that is learned and no taste.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from datav.checks.learning import FALSE_ALARMS, factor

Draw = Callable[[Any, tuple[int, ...]], Any]
"""Values of a shape, by a generator of random numbers."""

LIGHT: dict[str, Draw] = {
    "uniform": lambda random, shape: random.random(shape),
    "half-normal": lambda random, shape: np.abs(random.normal(size=shape)),
    "exponential": lambda random, shape: random.exponential(size=shape),
}
"""Exponential tails and lighter ones: what the limits promise something for."""

HEAVY: dict[str, Draw] = {
    "log-normal, deviation 1/2": lambda random, shape: random.lognormal(0, 0.5, shape),
    "log-normal, deviation 1": lambda random, shape: random.lognormal(0, 1, shape),
    "Pareto, exponent 2": lambda random, shape: random.pareto(2, shape) + 1,
}


@dataclass(frozen=True)
class Rate:
    """How many of some checks had an alarm."""

    checks: int
    alarms: int

    @property
    def share(self) -> float:
        return self.alarms / self.checks

    @property
    def error(self) -> float:
        """The standard error of a rate that is what it should be."""
        return float(np.sqrt(FALSE_ALARMS * (1 - FALSE_ALARMS) / self.checks))


def simulate(draw: Draw, steps: int, measures: int, checks: int, seed: int) -> Rate:
    """Check one step after a history, many times; each measure moves by itself, which is the worst case."""
    random = np.random.default_rng([seed, steps, measures])
    at_once = max(1, 4_000_000 // (steps * measures))
    alarms = done = 0
    while done < checks:
        count = min(at_once, checks - done)
        past = draw(random, (count, measures, steps))
        alarms += int(find_alarms(past, draw(random, (count, measures))).any(axis=1).sum())
        done += count
    return Rate(checks, alarms)


def find_alarms(past: Any, new: Any) -> Any:
    """Return which moves are beyond the limits that `datav.checks.learning` learns.

    Args:
        past: shape (..., measures, steps), at least two steps.
        new: shape (..., measures).
    """
    measures, steps = past.shape[-2:]
    alarms = FALSE_ALARMS / measures
    top = np.sort(past, axis=-1)
    greatest, second = top[..., -1], top[..., -2]
    # One step that is far beyond what the others allow teaches nothing; of so few none is.
    is_unusual = np.zeros_like(greatest, bool)
    if steps > 2:
        is_unusual = greatest > second * factor(steps - 1, alarms / steps)
    return new > np.where(is_unusual, second, greatest) * factor(steps, alarms)


def print_rates(checks: int, seed: int) -> None:
    """Print the share of checks with an alarm as Markdown."""
    lengths = (5, 10, 30, 100)
    print(f"| moves | {' | '.join(f'{steps} steps' for steps in lengths)} |\n|---|{'--:|' * len(lengths)}")
    for name, draw in {**LIGHT, **HEAVY}.items():
        rates = [simulate(draw, steps, 100, checks, seed) for steps in lengths]
        print(f"| {name} | {' | '.join(f'{100 * rate.share:.2f} %' for rate in rates)} |")
