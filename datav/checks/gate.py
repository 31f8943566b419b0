"""The drift gate: a step of a dataset beside what is normal for it.  At most one finding a column."""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from datav.checks.finding import Finding, Severity
from datav.checks.learning import Limit, Step, exceeds, find_jumps, is_unsure, limit_of, spans
from datav.drift.measures import share_beyond
from datav.drift.result import TableDrift
from datav.drift.verdicts import Move, percent
from datav.formats.limits import Limits, Measured, Unusual

_MOST_EXAMPLES = 5
# Floats that mean the same.
_ALIKE = 1.001
# Limits that are told as the same.
_NEARLY = 1.05

# Measures that are a share of rows, and those that say by Cohen's h how far a share moved.
_SHARES = frozenset({"rows lost", "rows gained", "rows replaced", "cells changed", "labels flipped"})
_MOVED_SHARES = frozenset(
    {
        "nulls",
        "empty texts",
        "NaN",
        "infinities",
        "negative",
        "category",
        "read as numbers",
        "read as times",
    }
)

# They say that much moved, and not what: first only of a column of which nothing else is beyond its limit.
_DISTANCES = frozenset({"psi", "js", "ks", "wasserstein"})


@dataclass(frozen=True, slots=True)
class Judged:
    """What the gate says of one step."""

    findings: tuple[Finding, ...]
    measures: int
    """How many were looked at."""
    accepted: tuple[Unusual, ...] = ()
    """What is unusual, and listed as known in the limits."""


@dataclass(frozen=True, slots=True)
class _Excess:
    """A measure beyond its limit."""

    measured: Measured
    move: Move
    limit: Limit

    @property
    def times(self) -> float:
        """As a multiple of the limit."""
        return self.move.value / self.limit.value if self.limit.value else math.inf


def judge_steps(
    path: str, limits: Limits, now: Sequence[Step], before: Mapping[int, Step], severity: Severity
) -> Judged:
    """Return what is not normal of a version.

    Args:
        path: of the dataset.
        now: from the version compared with, and from earlier ones, to this one.
        before: longer windows that end with the version compared with, by their length: what was told then is
            not told again.
    """
    found: list[_Excess] = []
    unsure: list[_Excess] = []
    accepted: list[Unusual] = []
    jumped = find_jumps(limits.unusual)
    known = {(one.before, one.after, one.measured): one for one in limits.unusual}
    for step in now:
        earlier = before.get(step.window)
        for measured, move in step.moves.items():
            if not exceeds(limits, measured, move):
                if is_unsure(limits, measured, move):
                    unsure.append(_Excess(measured, move, limit_of(limits, measured, move)))
                continue
            one = known.get((step.before, step.after, measured))
            if one is not None:
                accepted.append(one)
            elif not spans(jumped, step, measured) and not _was_told(limits, measured, earlier):
                found.append(_Excess(measured, move, limit_of(limits, measured, move)))
    found = list(_without_accepted(found, accepted))
    findings = [_tell(path, limits, excesses, severity) for excesses in _by_column(found)]
    columns = {each.measured.column for each in found}
    doubts = _by_column(each for each in unsure if each.measured.column not in columns)
    findings += [_tell(path, limits, excesses, "warn") for excesses in doubts]
    return Judged(tuple(findings), sum(len(step.moves) for step in now), tuple(accepted))


def warn_of_broken(path: str, drift: TableDrift, why: str) -> tuple[Finding, ...]:
    """Return a warning for each column that is broken, for a dataset that has no history to learn from.

    Args:
        why: there is none.
    """
    found = []
    for column in drift.columns:
        broken = [finding for finding in column.findings if finding.verdict == "broken"]
        if broken:
            first, *rest = broken
            found.append(
                Finding(
                    path,
                    _rule(first.measure),
                    "warn",
                    column.name,
                    f"{column.name}: {first.what}",
                    first.measure,
                    first.value,
                    first.limit,
                    f"`datav diff --stats`: {why}",
                    tuple(each.what for each in rest[:_MOST_EXAMPLES]),
                )
            )
    return tuple(found)


def _was_told(limits: Limits, measured: Measured, earlier: Step | None) -> bool:
    """Whether a slow drift was beyond the limit one version ago already."""
    move = earlier.moves.get(measured) if earlier is not None else None
    return move is not None and exceeds(limits, measured, move)


def _without_accepted(found: Iterable[_Excess], accepted: Collection[Unusual]) -> Iterator[_Excess]:
    """Leave out longer windows of columns of which a jump was accepted: they contain it."""
    columns = {one.measured.column for one in accepted}
    return (each for each in found if each.measured.window == 1 or each.measured.column not in columns)


def _by_column(found: Iterable[_Excess]) -> Iterator[list[_Excess]]:
    """Yield what is beyond its limit column by column, of each the shortest window.

    What says what happened comes before mere distances, and of either the gravest first.
    """
    columns: dict[str | None, list[_Excess]] = {}
    for each in found:
        columns.setdefault(each.measured.column, []).append(each)
    for excesses in columns.values():
        window = min(each.measured.window for each in excesses)
        yield sorted(
            (each for each in excesses if each.measured.window == window),
            key=lambda each: (_is_distance(each.measured.measure), -each.times),
        )


def _is_distance(measure: str) -> bool:
    return measure == "cells changed" or measure.rpartition(" ")[2] in _DISTANCES


def _tell(path: str, limits: Limits, excesses: Sequence[_Excess], severity: Severity) -> Finding:
    first, *rest = excesses
    column, window = first.measured.column, first.measured.window
    over = f", over {window} versions" if window > 1 else ""
    name = f"{column}: " if column is not None else ""
    return Finding(
        path,
        _rule(first.measured.measure),
        severity,
        column,
        f"{name}{first.move.what}{over}{_allowed(first)}",
        first.measured.measure,
        None if first.move.is_event else first.move.value,
        None if first.move.is_event else first.limit.value,
        _origin(limits, first),
        tuple(each.move.what for each in rest[:_MOST_EXAMPLES]),
    )


def _allowed(excess: _Excess) -> str:
    """Return how far a share may go, in its own unit: the distance of two shares means nothing to anybody."""
    move, limit = excess.move, excess.limit.value
    measure, before, after = excess.measured.measure, move.before, move.after
    if not limit < move.value:
        return ""
    if measure in _SHARES:
        return f"; up to {percent(limit)} is normal"
    if measure not in _MOVED_SHARES or not isinstance(before, float) or not isinstance(after, float):
        return ""
    if after > before:
        return f"; up to {percent(share_beyond(before, limit))} is normal"
    return f"; down to {percent(share_beyond(before, -limit))} is normal"


def _origin(limits: Limits, excess: _Excess) -> str:
    limit, window = excess.limit, excess.measured.window
    steps = f"{limit.steps} steps" if window == 1 else f"{limit.steps} times {window} steps"
    history = f"history ({steps} up to {_short(limits.last)})"
    if excess.move.is_event:
        return f"{history}: it never happened"
    if excess.move.value <= limit.value:
        return f"{history}: too short to be sure, but so far it moved no further than chance and trifles do"
    if limit.habit is not None and limit.value <= _ALIKE * limit.factor * limit.habit.greatest:
        times = limit.value / limit.habit.greatest
        return f"{history}: {times:.2g} times the most there was, {_most(excess)}"
    most = "it never moved" if limit.habit is None else f"it moved by {_most(excess)} at most"
    if limit.value <= _NEARLY * excess.move.floor:
        return f"{history}: {most}; the limit is what chance and trifles do"
    times = limit.value / excess.move.floor
    return f"{history}: {most}; so few steps allow {times:.2g} times what chance and trifles do"


def _most(excess: _Excess) -> str:
    habit = excess.limit.habit
    assert habit is not None
    is_share = excess.measured.measure in _SHARES
    return f"{percent(habit.greatest) if is_share else f'{habit.greatest:.3g}'} at {_short(habit.commit)}"


def _short(commit: str) -> str:
    return commit[:10] if commit else "what is not committed"


def _rule(measure: str) -> str:
    return f"drift.{measure.replace(' ', '_')}"
