"""Limits learned from a dataset's own history: how far each measure of each column ever moved in a step.

Of n past steps the greatest move is known.  If moves have an exponential tail, or a lighter one, the next
one exceeds g times the greatest of n with a chance of 1 / C(n + g, n): the gaps between ordered exponential
values are exponential themselves (Rényi, "On the theory of order statistics", 1953), so that chance is the
product of j / (j + g) for j from 1 to n.  `factor` solves that for g, so that all measures of a table
together raise `FALSE_ALARMS` alarms a check.  docs/reference/drift-gate.md tells it to users, and how often
it was wrong.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from datav.checks.moves import ROW_MEASURES
from datav.drift.verdicts import Move
from datav.formats.limits import MAX_NUMBER, Habit, Limits, Measured, Unusual

FALSE_ALARMS = 0.01
"""How many alarms a check of a dataset that does as it always did may raise, all measures together."""

WINDOWS = (1, 4, 16)
"""How many versions back a version is compared: what drifts slowly is seen over many."""

FEWEST_STEPS = 2
"""Of fewer nothing is learned."""

# After so many steps in which a measure never moved its limit is the floor, over longer windows too: by their
# own count (`count_steps`) these would need hundreds.
_ENOUGH = 30
_GREATEST_FACTOR = 1e6

# A file of limits may claim any number of steps; of so many more tell nothing.
_MOST_STEPS = 1000

Jump = tuple[str, str, str | None]
"""Ids of the versions before and after, and the column; before is empty of what led to a version."""


@dataclass(frozen=True, slots=True)
class Step:
    """How far everything moved between two versions, one or more apart."""

    before: str
    """Ids of the contents."""
    after: str
    commit: str
    """That made the later one; empty of what is not committed."""
    window: int
    moves: Mapping[Measured, Move]
    has_rows: bool = False
    """Whether the rows were compared too."""
    inside: tuple[tuple[str, str], ...] = ()
    """Of a longer window the neighbours in it: ids of the contents before and after."""


@dataclass(frozen=True, slots=True)
class Limit:
    """How far a measure may move, and why so far."""

    value: float
    """Infinite where nothing was learned; of an event that happens in this dataset, too."""
    steps: int
    """How many it was learned from."""
    factor: float
    """As a multiple of the greatest move there was; 0 of events."""
    habit: Habit | None
    """The greatest move; None: there was none."""

    @property
    def is_learned(self) -> bool:
        return self.steps >= FEWEST_STEPS


def limit_of(limits: Limits, measured: Measured, move: Move) -> Limit:
    """Return how far a measure may move, given how far it ever did, and what is nothing at these sizes."""
    steps = count_steps(limits, measured)
    habit = limits.habits.get(measured)
    if steps < FEWEST_STEPS:
        return Limit(math.inf, steps, 0.0, habit)
    if move.is_event:
        return Limit(math.inf if habit is not None else 0.0, steps, 0.0, habit)
    alarms = FALSE_ALARMS / max(1, limits.measures)
    own = factor(steps, alarms)
    quiet = move.floor / factor(max(1, _ENOUGH // measured.window), alarms)
    greatest = max(habit.greatest if habit is not None else 0.0, quiet)
    return Limit(max(move.floor, own * greatest), steps, own, habit)


def count_steps(limits: Limits, measured: Measured) -> int:
    """Return how many steps a limit is learned from; of windows that overlap one counts."""
    steps = limits.row_steps if measured.measure in ROW_MEASURES else limits.steps
    if measured.column is not None:
        steps = min(steps, limits.younger.get(measured.column, steps))
    return steps // measured.window


def factor_of(limits: Limits) -> float:
    """Return by how much a measure of a whole history may exceed its greatest move."""
    return factor(limits.steps, FALSE_ALARMS / max(1, limits.measures))


@lru_cache(maxsize=4096)
def factor(steps: int, alarms: float) -> float:
    """Return by how much the next value exceeds the greatest of `steps` with probability `alarms`.

    Of independent values of one exponential distribution; at least 1.  Steps beyond a thousand count no
    more.
    """
    steps = min(steps, _MOST_STEPS)

    def chance(times: float) -> float:
        return sum(math.log(each / (each + times)) for each in range(1, steps + 1))

    wanted = math.log(alarms)
    low, high = 1.0, _GREATEST_FACTOR
    if steps < 1 or chance(high) > wanted:
        return high
    while high - low > 1e-6 * low:
        middle = (low + high) / 2
        low, high = (middle, high) if chance(middle) > wanted else (low, middle)
    return high


def learn(steps: Sequence[Step]) -> Limits:
    """Return what is normal, of all steps that there were, those of one window from the oldest on.

    A step that is far beyond what all others allow teaches nothing, nor do longer windows that contain it:
    one accident is listed, two alike are a habit.
    """
    plain = [step for step in steps if step.window == 1]
    taken = Counter(column for step in plain for column in {measured.column for measured in step.moves})
    limits = Limits(
        steps=len(plain),
        row_steps=sum(step.has_rows for step in plain),
        measures=len({measured for step in steps for measured in step.moves}),
        first=steps[0].commit if steps else "",
        last=plain[-1].commit if plain else "",
        younger={
            column: count for column, count in taken.items() if column is not None and count < len(plain)
        },
    )
    habits, unusual = _part(plain, limits)
    jumped = find_jumps(unusual)
    wider = [
        replace(
            step, moves={each: move for each, move in step.moves.items() if not spans(jumped, step, each)}
        )
        for step in steps
        if step.window > 1
    ]
    more, _ = _part(wider, limits)
    return replace(limits, habits={**habits, **more}, unusual=unusual)


def is_unsure(limits: Limits, measured: Measured, move: Move) -> bool:
    """Whether a step breaks what never moved before, and only the history is too short to be sure of it."""
    limit = limit_of(limits, measured, move)
    is_quiet = limit.habit is None or limit.habit.greatest <= move.floor
    is_short = limit.is_learned and limit.steps < _ENOUGH
    return measured.window == 1 and move.verdict == "broken" and is_quiet and is_short


def find_jumps(unusual: Iterable[Unusual]) -> frozenset[Jump]:
    """Return between which versions columns moved as they never did, for `spans`."""
    found = [(one.before, one.after, one.measured.column) for one in unusual]
    return frozenset([*found, *(("", after, column) for _, after, column in found)])


def spans(jumped: Collection[Jump], step: Step, measured: Measured) -> bool:
    """Whether an unusual move of a column lies between the versions of a longer window, or led to its first:
    if it was an accident, it was undone within.
    """
    if step.window > 1 and ("", step.before, measured.column) in jumped:
        return True
    return any((before, after, measured.column) in jumped for before, after in step.inside)


def _part(steps: Sequence[Step], limits: Limits) -> tuple[dict[Measured, Habit], tuple[Unusual, ...]]:
    """Return the greatest moves that are like others, and those that are not."""
    habits: dict[Measured, Habit] = {}
    unusual: list[Unusual] = []
    for measured, moved in _greatest_moves(steps).items():
        (move, step), *rest = moved
        second = Habit(rest[0][0].value, rest[0][1].commit) if rest else None
        # Had it not been seen.  Each of the steps is asked, so one must be as many times less likely.
        without = replace(
            limits,
            steps=limits.steps - 1,
            row_steps=limits.row_steps - 1,
            measures=limits.measures * max(1, limits.steps),
            habits={} if second is None else {measured: second},
        )
        if exceeds(without, measured, move):
            value = min(move.value, MAX_NUMBER)
            unusual.append(Unusual(step.before, step.after, step.commit, measured, value))
            if second is not None:
                habits[measured] = second
        else:
            habits[measured] = Habit(min(move.value, MAX_NUMBER), step.commit)
    return habits, tuple(unusual)


def exceeds(limits: Limits, measured: Measured, move: Move) -> bool:
    """Whether a move is beyond what is normal."""
    limit = limit_of(limits, measured, move)
    return limit.is_learned and move.value > limit.value


def _greatest_moves(steps: Iterable[Step]) -> dict[Measured, list[tuple[Move, Step]]]:
    """Return the two greatest moves of all that ever moved, the greater one first."""
    found: dict[Measured, list[tuple[Move, Step]]] = {}
    for step in steps:
        for measured, move in step.moves.items():
            if move.value > 0:
                moved = found.setdefault(measured, [])
                moved.append((move, step))
                moved.sort(key=lambda each: -each[0].value)
                del moved[2:]
    return found
