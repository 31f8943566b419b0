"""The gate: one finding a column, the gravest; what is known, or was told, is not told again."""

from dataclasses import replace
from itertools import pairwise

import pytest

from datav.checks.gate import judge_steps
from datav.checks.learning import Step
from datav.drift.measures import share_beyond
from datav.drift.verdicts import Move, percent
from datav.formats.limits import Habit, Limits, Measured, Unusual

KS, MEAN, NULLS = Measured("price", "ks"), Measured("price", "mean"), Measured("size", "nulls")
WIDE = Measured("price", "ks", 4)

LIMITS = Limits(30, 0, 50, "first", "last" * 10, {}, {KS: Habit(0.2, "a" * 40), MEAN: Habit(0.01, "b" * 40)})


def move(measure: str, value: float, floor: float = 0.1, *, is_event: bool = False) -> Move:
    return Move(measure, value, floor, is_event, None, None, f"{measure} moved")


def step(moves: dict[Measured, Move], window: int = 1, ids: str = "bc") -> Step:
    inside = tuple(pairwise(ids)) if window > 1 else ()
    return Step(ids[0], ids[-1], "c", window, moves, inside=inside)


def judge(now: list[Step], before: dict[int, Step] | None = None, limits: Limits = LIMITS):
    return judge_steps("x.csv", limits, now, before or {}, "error")


def test_what_is_normal_is_no_finding():
    judged = judge([step({KS: move("ks", 0.5), MEAN: move("mean", 0.09), NULLS: move("nulls", 0.1)})])
    assert judged.findings == ()
    assert judged.measures == 3


def test_a_column_has_one_finding_and_the_gravest_measure_leads():
    judged = judge([step({KS: move("ks", 1.0), MEAN: move("mean", 9.0), NULLS: move("nulls", 0.3)})])
    price, size = sorted(judged.findings, key=lambda each: each.column or "")
    assert (price.column, price.measure, price.rule, price.severity) == (
        "price",
        "mean",
        "drift.mean",
        "error",
    )
    assert price.message == "price: mean moved"
    assert price.examples == ("ks moved",)
    assert price.limit == pytest.approx(0.1)
    assert (size.column, size.value) == ("size", 0.3)


def test_a_finding_says_where_its_limit_is_from():
    (finding,) = judge([step({KS: move("ks", 1.0)})]).findings
    assert finding.limit == pytest.approx(0.2 * 3.1, rel=0.05)
    assert finding.origin.startswith("history (30 steps up to lastlastla): 3 times")
    assert finding.origin.endswith("times the most there was, 0.2 at aaaaaaaaaa")
    (finding,) = judge([step({NULLS: move("nulls", 1.0)})]).findings
    assert finding.origin == (
        "history (30 steps up to lastlastla): it never moved; the limit is what chance and trifles do"
    )
    (finding,) = judge([step({MEAN: move("mean", 1.0)})]).findings
    assert "it moved by 0.01 at bbbbbbbbbb at most; the limit is what chance and trifles do" in finding.origin


def test_a_share_is_told_with_the_share_that_it_may_be():
    now = replace(move("nulls", 1.0), before=0.04, after=0.5)
    (finding,) = judge([step({NULLS: now})]).findings
    assert finding.message == f"size: nulls moved; up to {percent(share_beyond(0.04, 0.1))} is normal"
    (finding,) = judge([step({NULLS: replace(now, before=0.5, after=0.04)})]).findings
    assert finding.message == f"size: nulls moved; down to {percent(share_beyond(0.5, -0.1))} is normal"


def test_an_event_has_neither_value_nor_limit():
    factor = Measured("price", "factor")
    (finding,) = judge([step({factor: move("factor", 1.0, 1.0, is_event=True)})]).findings
    assert (finding.value, finding.limit) == (None, None)
    assert finding.origin == "history (30 steps up to lastlastla): it never happened"


def test_a_measure_of_the_table_has_no_column():
    lost = Measured(None, "rows lost")
    (finding,) = judge([step({lost: move("rows lost", 0.5, 0.05)})]).findings
    assert (finding.column, finding.rule) == (None, "drift.rows_lost")
    assert finding.message == "rows lost moved; up to 5.0 % is normal"


def test_a_slow_drift_is_told_when_it_crosses_its_limit_and_not_again():
    wide = step({WIDE: move("ks", 0.9)}, 4, "abcde")
    (finding,) = judge([step({}), wide]).findings
    assert finding.message == "price: ks moved, over 4 versions"
    beyond = step({WIDE: move("ks", 0.9)}, 4, "0abcd")
    assert judge([step({}), wide], {4: beyond}).findings == ()
    within = step({WIDE: move("ks", 0.05)}, 4, "0abcd")
    assert len(judge([step({}), wide], {4: within}).findings) == 1


def test_what_one_step_did_is_not_told_again_as_a_slow_drift():
    (finding,) = judge(
        [step({KS: move("ks", 2.0)}, ids="de"), step({WIDE: move("ks", 2.0)}, 4, "abcde")]
    ).findings
    assert "over" not in finding.message


def test_an_unusual_step_that_is_listed_passes_and_its_shadow_in_longer_windows_too():
    known = Unusual("d", "e", "", KS, 2.0)
    limits = Limits(30, 0, 50, "", "", {}, {}, (known,))
    now = [step({KS: move("ks", 2.0)}, ids="de"), step({WIDE: move("ks", 2.0)}, 4, "abcde")]
    judged = judge(now, limits=limits)
    assert judged.findings == ()
    assert judged.accepted == (known,)
    # Another step of the same size does not.
    assert len(judge([step({KS: move("ks", 2.0)}, ids="ef")], limits=limits).findings) == 1
    # Nor does another measure of the listed step.
    assert len(judge([step({MEAN: move("mean", 9.0)}, ids="de")], limits=limits).findings) == 1


def test_severity_is_as_asked():
    judged = judge_steps("x.csv", LIMITS, [step({KS: move("ks", 2.0)})], {}, "warn")
    assert [each.severity for each in judged.findings] == ["warn"]


def test_what_says_what_happened_is_told_before_distances():
    psi, cells = Measured("price", "weekdays psi"), Measured("price", "cells changed")
    moves = {psi: move("weekdays psi", 90.0), cells: move("cells changed", 80.0), MEAN: move("mean", 2.0)}
    (finding,) = judge([step(moves)], limits=replace(LIMITS, row_steps=30)).findings
    assert finding.measure == "mean"
    assert finding.examples == ("weekdays psi moved", "cells changed moved")
