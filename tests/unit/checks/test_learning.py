"""Limits learned from steps: how wide they are, what teaches nothing, what is never learned."""

import math
from itertools import pairwise

import pytest

from datav.checks.learning import (
    FALSE_ALARMS,
    Step,
    count_steps,
    exceeds,
    factor,
    find_jumps,
    learn,
    limit_of,
    spans,
)
from datav.drift.verdicts import Move
from datav.formats.limits import Limits, Measured, Unusual

KS = Measured("price", "ks")


def move(value: float, floor: float = 0.1, *, is_event: bool = False) -> Move:
    return Move("ks", value, floor, is_event, None, None, "it moved")


def history(
    *values: float, measured: Measured = KS, is_event: bool = False, rows: bool = False
) -> list[Step]:
    ids = [f"v{number}" for number in range(len(values) + 1)]
    return [
        Step(before, after, f"c{after}", 1, {measured: move(value, is_event=is_event)}, rows)
        for value, (before, after) in zip(values, pairwise(ids), strict=True)
    ]


@pytest.mark.parametrize(("steps", "times"), [(1, 3), (5, 2), (10, 3), (30, 2), (30, 3), (99, 1)])
def test_the_factor_is_where_the_chance_is_one_over_the_binomial(steps, times):
    """1 / C(n + g, n) for whole g."""
    assert factor(steps, 1 / math.comb(steps + times, steps)) == pytest.approx(times, rel=1e-4)


def test_the_factor_falls_with_the_steps_and_grows_with_certainty():
    factors = [factor(steps, 1e-4) for steps in range(1, 60)]
    assert factors == sorted(factors, reverse=True)
    assert factor(30, 1e-6) > factor(30, 1e-4) > factor(30, 1e-2) >= 1


def test_a_factor_is_bounded_where_nothing_was_seen():
    assert factor(0, 1e-4) == factor(1, 1e-9) == 1e6


def test_a_file_that_claims_any_number_of_steps_costs_no_more_than_others():
    assert factor(2**63 - 1, 1e-6) == factor(1000, 1e-6) >= 1


def test_the_limit_is_a_multiple_of_the_greatest_move():
    limits = learn(history(*[0.2] * 10))
    limit = limit_of(limits, KS, move(0.9))
    assert limit.factor == pytest.approx(factor(10, FALSE_ALARMS))
    assert limit.value == pytest.approx(limit.factor * 0.2)
    assert limit.habit is not None
    assert limit.habit.commit == "cv1"


def test_what_never_moved_has_the_floor_as_limit_after_thirty_steps_and_more_before():
    def limit(steps: int) -> float:
        return limit_of(learn(history(*[0.0] * steps)), KS, move(0.5)).value

    assert limit(30) == pytest.approx(0.1)
    assert limit(60) == pytest.approx(0.1)
    assert limit(3) > limit(10) > limit(20) > 0.1


def test_a_limit_is_never_below_the_floor():
    limits = learn(history(*[1e-9] * 50))
    assert limit_of(limits, KS, move(0.5, floor=0.3)).value == 0.3


def test_of_one_step_nothing_is_learned():
    limits = learn(history(0.0))
    assert limit_of(limits, KS, move(9.0)).value == math.inf
    assert not exceeds(limits, KS, move(9.0))


def test_an_event_that_never_happened_is_one_too_many():
    kind = Measured("price", "kind")
    limits = learn(history(*[0.0] * 5, measured=kind, is_event=True))
    assert exceeds(limits, kind, move(1.0, 1.0, is_event=True))
    assert not exceeds(limits, kind, move(0.0, 1.0, is_event=True))


def test_an_event_that_happens_again_and_again_is_none():
    kind = Measured("price", "kind")
    limits = learn(history(0, 1, 0, 1, 0, measured=kind, is_event=True))
    assert not exceeds(limits, kind, move(1.0, 1.0, is_event=True))
    assert not limits.unusual


def test_one_accident_teaches_nothing_and_is_listed():
    limits = learn(history(*[0.01] * 10, 5.0, *[0.01] * 10))
    (one,) = limits.unusual
    assert (one.before, one.after, one.measured, one.value) == ("v10", "v11", KS, 5.0)
    assert limits.habits[KS].greatest == 0.01
    assert exceeds(limits, KS, move(5.0))


def test_two_alike_are_a_habit():
    limits = learn(history(*[0.01] * 10, 5.0, *[0.01] * 10, 4.0))
    assert not limits.unusual
    assert limits.habits[KS].greatest == 5.0
    assert not exceeds(limits, KS, move(6.0))


def test_an_event_that_happened_once_teaches_nothing():
    kind = Measured("price", "kind")
    limits = learn(history(0, 0, 0, 1, 0, 0, measured=kind, is_event=True))
    assert [one.after for one in limits.unusual] == ["v4"]
    assert exceeds(limits, kind, move(1.0, 1.0, is_event=True))


def test_longer_windows_over_an_accident_teach_nothing_about_its_column():
    steps = history(*[0.0] * 10, 5.0, *[0.0] * 10)
    ids = [step.before for step in steps] + [steps[-1].after]
    wide, other = Measured("price", "ks", 4), Measured("size", "ks", 4)
    for place in range(4, len(ids)):
        span = ids[place - 4 : place + 1]
        value = 5.0 if "v10" in span[:-1] and "v11" in span else 0.05
        moves = {wide: move(value), other: move(value)}
        steps.append(Step(span[0], span[-1], "c", 4, moves, inside=tuple(pairwise(span))))
    limits = learn(steps)
    assert limits.habits[wide].greatest == 0.05
    assert limits.habits[other].greatest == 5.0


def test_rows_count_only_the_steps_in_which_they_were_compared():
    cells = Measured("price", "cells changed")
    steps = [*history(0, 0, 0, measured=cells), *history(0.1, 0.1, measured=cells, rows=True)]
    limits = learn(steps)
    assert (limits.steps, limits.row_steps) == (5, 2)
    assert count_steps(limits, cells) == 2


def test_a_column_that_came_late_has_fewer_steps():
    steps = [*history(*[0.0] * 8, measured=Measured("old", "ks")), *history(0, 0)]
    limits = learn(steps)
    assert limits.younger == {"old": 8, "price": 2}
    assert count_steps(limits, KS) == 2
    assert count_steps(limits, Measured("price", "ks", 4)) == 0


def test_nothing_is_learned_of_nothing():
    limits = learn([])
    assert limits == Limits(0, 0, 0, "", "")
    assert not exceeds(limits, KS, move(9.0))


def test_what_never_moved_has_the_floor_as_limit_after_thirty_steps_over_longer_windows_too():
    """By their own count it would take 120 steps and 480, and what drifts slowly were not seen before."""
    still = Limits(steps=32, row_steps=0, measures=100, first="", last="")
    for window in (1, 4, 16):
        assert limit_of(still, Measured("price", "ks", window), move(0.2)).value == pytest.approx(0.1)
    short = Limits(steps=8, row_steps=0, measures=100, first="", last="")
    assert limit_of(short, Measured("price", "ks", 4), move(0.2)).value > 0.2


def test_a_longer_window_that_begins_where_an_accident_led_to_teaches_nothing():
    """What was an accident is undone within it."""
    jumped = find_jumps([Unusual("a", "b", "cb", KS, 2.0)])
    wide = Measured("price", "ks", 4)
    after = Step("b", "f", "cf", 4, {wide: move(2.0)}, inside=tuple(pairwise("bcdef")))
    assert spans(jumped, after, wide)
    assert not spans(jumped, after, Measured("name", "ks", 4))
    later = Step("c", "g", "cg", 4, {wide: move(2.0)}, inside=tuple(pairwise("cdefg")))
    assert not spans(jumped, later, wide)
    # A step to the next version does.
    assert not spans(jumped, Step("b", "c", "cc", 1, {KS: move(2.0)}), KS)
