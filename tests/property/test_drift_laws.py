"""Laws of the measures of drift, and of what is made of them: of any values, in any parts."""

import dataclasses
import json
import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from datav.drift import comparing, measures, noise, verdicts
from datav.drift.binning import bin_ranks
from datav.profiles.arrays import count_sorted
from datav.profiles.columns import merge_columns
from datav.profiles.ranks import merge_ranks, rank_values
from datav.profiles.sketching import sketch_array

numbers = st.lists(st.integers(-50, 50) | st.floats(-1e6, 1e6, allow_nan=False), min_size=1, max_size=60).map(
    lambda values: np.array(values, np.float64)
)


@st.composite
def shares(draw):
    """Three distributions over the same few bins, some of them empty."""
    bins = draw(st.integers(2, 8))
    weights = st.lists(st.integers(0, 20), min_size=bins, max_size=bins).filter(any)
    return [np.array(draw(weights), np.float64) for _ in range(3)]


def normed(weights):
    return [each / each.sum() for each in weights]


def ranks_of(values):
    return rank_values(*count_sorted(np.sort(values)))


@given(shares())
def test_the_jensen_shannon_distance_is_a_metric_up_to_one(weights):
    p, q, r = normed(weights)
    distance = measures.jensen_shannon_distance

    assert distance(p, p) == 0
    assert distance(p, q) == pytest.approx(distance(q, p), abs=1e-7)
    assert distance(p, r) <= distance(p, q) + distance(q, r) + 1e-7
    assert 0 <= distance(p, q) <= 1


@given(shares())
def test_the_population_stability_index_has_no_side_and_is_never_negative(weights):
    p, q, _ = normed(weights)
    index = measures.population_stability_index

    assert index(p, p) == 0
    assert index(p, q) == pytest.approx(index(q, p))
    assert index(p, q) >= 0
    # To tell less apart can only lower it, where no bin is raised to the floor.
    if p.all() and q.all():
        joined = [np.append(each[:-2], each[-2] + each[-1]) for each in (p, q)]
        assert index(*joined) <= index(p, q) + 1e-12


@given(numbers, numbers, numbers)
def test_ks_and_wasserstein_are_metrics_of_values_that_are_all_kept(one, other, third):
    a, b, c = map(ranks_of, (one, other, third))
    for measure in (measures.kolmogorov_smirnov, measures.wasserstein):
        there, back = measure(a, b).value, measure(b, a).value
        detour = measure(a, c).value + measure(c, b).value

        assert measure(a, a).value == 0
        assert there == pytest.approx(back)
        assert there <= detour * (1 + 1e-9) + 1e-9
        assert measure(a, b).error == 0


@given(numbers, st.floats(-1e4, 1e4), st.floats(0.1, 10))
def test_moving_values_moves_them_by_just_as_much(values, step, factor):
    found = measures.wasserstein(ranks_of(values), ranks_of(values + step))
    scaled = measures.wasserstein(ranks_of(values * factor), ranks_of((values + step) * factor))

    assert found.value == pytest.approx(abs(step), rel=1e-6, abs=1e-6)
    assert scaled.value == pytest.approx(abs(step) * factor, rel=1e-6, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 9), st.integers(1, 9), st.booleans())
def test_bounds_of_sketches_hold_however_the_rows_are_parted(seed, before_parts, after_parts, whole):
    random = np.random.default_rng(seed)
    before, after = random.normal(0, 20, 2500), random.standard_t(2, 1800) * random.uniform(1, 30)
    if whole:
        before, after = before.astype(np.int64), after.astype(np.int64)
    sides = [
        merge_ranks([ranks_of(part) for part in np.array_split(values, parts)])
        for values, parts in ((before, before_parts), (after, after_parts))
    ]

    ks, moved = measures.kolmogorov_smirnov(*sides), measures.wasserstein(*sides)
    bins = bin_ranks(*sides)

    assert ks.low - 1e-12 <= stats.ks_2samp(before, after).statistic <= ks.high + 1e-12
    assert moved.low - 1e-9 <= stats.wasserstein_distance(before, after) <= moved.high + 1e-9
    assert bins.before.sum() == pytest.approx(1)
    assert bins.after.sum() == pytest.approx(1)


@given(
    st.tuples(st.integers(0, 300), st.integers(0, 300)),
    st.tuples(st.integers(300, 5000), st.integers(300, 5000)),
    st.floats(1e-9, 1e-2),
)
def test_the_limit_of_a_share_has_no_side(hits, rows, alarms):
    there = noise.share_limit(alarms, hits, rows)

    assert there == pytest.approx(noise.share_limit(alarms, hits[::-1], rows[::-1]))
    assert there == pytest.approx(
        noise.share_limit(alarms, (rows[0] - hits[0], rows[1] - hits[1]), rows), rel=1e-6
    )


bounded = st.floats(0, 5).flatmap(
    lambda value: st.floats(0, 5).map(
        lambda error: measures.Bounded(value, max(0.0, value - error), value + error)
    )
)


@given(bounded, bounded, st.floats(0, 3), st.floats(0.01, 2), st.floats(1, 5))
def test_a_score_never_falls_in_the_measure_and_says_the_verdict(one, other, chance, shifted, more):
    effect = verdicts.Effect(shifted, shifted * more)
    for most in verdicts.VERDICTS:
        one_score, other_score = (
            verdicts.judge(verdicts.Shift("m", 0, 1, value, effect, chance, "moved"), most)
            for value in (one, other)
        )

        if one.low <= other.low:
            assert one_score.score <= other_score.score
        assert 0 <= one_score.score < 1 + verdicts.VERDICTS.index(most)
        if one_score.finding:
            assert one_score.finding.verdict == verdicts.VERDICTS[int(one_score.score)]
            assert one.low >= one_score.finding.limit > 0
        else:
            assert one_score.score < 1


anything = st.one_of(
    st.lists(st.none() | st.floats(), max_size=40).map(lambda values: pa.array(values, pa.float64())),
    st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=40).map(
        lambda values: pa.array(values, pa.int64())
    ),
    st.lists(st.none() | st.text(max_size=6), max_size=40).map(lambda values: pa.array(values, pa.string())),
    st.lists(st.none() | st.booleans(), max_size=40).map(lambda values: pa.array(values, pa.bool_())),
    st.lists(st.none() | st.integers(-(2**62), 2**62), max_size=40).map(
        lambda values: pa.array(values, pa.timestamp("us"))
    ),
    st.lists(st.none() | st.binary(max_size=4), max_size=40).map(
        lambda values: pa.array(values, pa.binary())
    ),
    st.lists(st.none() | st.integers(0, 90), max_size=60).map(
        lambda days: pa.array(days, pa.int32()).cast(pa.date32())
    ),
)


def sketch(array):
    return next(sketch_array("x", array))


@pytest.mark.filterwarnings("ignore::RuntimeWarning:datav.profiles.sketching")
@pytest.mark.filterwarnings("ignore::RuntimeWarning:datav.profiles.columns")
@settings(max_examples=300, deadline=None)
@given(anything, anything)
def test_any_two_columns_can_be_compared_and_the_result_is_json(before, after):
    found = comparing.compare_columns(sketch(before), sketch(after))

    assert json.loads(json.dumps(dataclasses.asdict(found), allow_nan=False))["verdict"] == found.verdict
    assert found.verdict == verdicts.VERDICTS[int(found.score)]
    assert math.isfinite(found.score)


@pytest.mark.filterwarnings("ignore::RuntimeWarning:datav.profiles.sketching")
@settings(max_examples=200, deadline=None)
@given(anything, st.integers(1, 5))
def test_a_column_is_stable_beside_itself_and_beside_its_parts(array, parts):
    size = max(1, math.ceil(len(array) / parts))
    merged = merge_columns(
        [sketch(array.slice(at, size)) for at in range(0, len(array), size)] or [sketch(array)]
    )

    assert comparing.compare_columns(sketch(array), sketch(array)).findings == ()
    assert comparing.compare_columns(sketch(array), merged).verdict == "stable"
