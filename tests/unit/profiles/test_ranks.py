"""Ranks: exact of few values, within `epsilon` of many, and merged in any order."""

import numpy as np
import pytest

from datav.profiles.arrays import count_sorted
from datav.profiles.ranks import NO_RANKS, POINTS, merge_ranks, rank_values
from tests.support.sketchtwin import check_ranks


def ranks_of(values):
    return rank_values(*count_sorted(np.sort(np.asarray(values))))


def test_of_few_values_all_are_kept():
    ranks = ranks_of([3, 1, 1, 7])

    assert ranks.points.tolist() == [1, 3, 7]
    assert ranks.less.tolist() == [0, 2, 3]
    assert ranks.upto.tolist() == [2, 3, 4]
    assert ranks.is_exact
    assert ranks.epsilon == 0


def test_of_many_values_gaps_are_one_part_of_all():
    values = np.arange(100_000)
    ranks = ranks_of(values)

    assert len(ranks.points) == POINTS + 1
    assert ranks.widest_gap <= len(values) // POINTS + 1
    # Half a gap.
    assert ranks.epsilon <= 0.5 / POINTS + 1e-4
    check_ranks(ranks, values.tolist())


def test_what_occurs_often_is_a_point_of_its_own():
    values = np.concatenate([np.arange(10_000), np.full(200, 4321)])
    ranks = ranks_of(values)

    place = ranks.points.tolist().index(4321)
    assert ranks.upto[place] - ranks.less[place] == 201


def test_there_are_shares_and_quantiles():
    ranks = ranks_of([10, 20, 30, 40])

    assert ranks.share_upto(np.array([5, 10, 15, 40, 50])).tolist() == [0, 0.25, 0.25, 1, 1]
    assert ranks.share_below(np.array([5, 10, 15, 40, 50])).tolist() == [0, 0, 0.25, 0.75, 1]
    assert [ranks.quantile(share) for share in (0, 0.34, 1)] == [10, 20, 40]


def test_a_quantile_of_the_farthest_floats_is_finite():
    sample = np.concatenate([np.linspace(-1.7e308, -1.6e308, 3000), np.linspace(1.6e308, 1.7e308, 3000)])

    ranks = merge_ranks([ranks_of(sample[::2]), ranks_of(sample[1::2])])

    assert np.isfinite([ranks.quantile(share) for share in np.linspace(0, 1, 101)]).all()


def test_no_values_have_no_quantiles():
    with pytest.raises(ValueError):
        NO_RANKS.quantile(0.5)
    assert NO_RANKS.share_upto(np.array([1])).tolist() == [0]
    assert NO_RANKS.epsilon == 0
    assert merge_ranks([]).count == 0


def test_exact_parts_merge_to_what_is_exact():
    merged = merge_ranks([ranks_of([1, 2, 2]), NO_RANKS, ranks_of([2, 5])])

    assert merged.is_exact
    check_ranks(merged, [1, 2, 2, 2, 5])


def test_integers_and_floats_merge_to_floats():
    merged = merge_ranks([ranks_of([1, 2]), ranks_of([1.5, 2.0])])

    assert merged.points.tolist() == [1.0, 1.5, 2.0]
    assert merged.points.dtype == np.float64


@pytest.mark.parametrize("seed", range(30))
def test_parts_merge_in_any_grouping_within_the_bound(seed):
    random = np.random.default_rng(seed)
    shapes = (
        lambda size: random.normal(size=size),
        lambda size: random.integers(0, 10**9, size),
        lambda size: random.zipf(1.5, size),
        lambda size: random.choice([0.0, 1.0, 1.5], size),
    )
    parts = [shapes[seed % 4](random.choice([1, 100, 3000])) for _ in range(random.integers(2, 30))]
    merged = [ranks_of(part) for part in parts]
    before = sum(part.error + (part.widest_gap + 1) // 2 for part in merged)

    flat = merge_ranks(merged)
    while len(merged) > 1:
        count = int(random.integers(2, len(merged) + 1))
        merged = [*merged[count:], merge_ranks(merged[:count])]

    values = np.concatenate(parts).tolist()
    check_ranks(flat, values)
    check_ranks(merged[0], values)
    # All at once nothing is lost but half of the widest gap of each part.
    assert flat.error == before


@pytest.mark.parametrize("seed", range(10))
def test_the_order_of_parts_makes_no_difference(seed):
    random = np.random.default_rng(seed)
    parts = [ranks_of(random.integers(-400, 400, 2000) / 100) for _ in range(9)]
    one, other = merge_ranks(parts), merge_ranks([parts[place] for place in random.permutation(9)])

    for name in ("points", "less", "upto"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes()
    assert one.error == other.error


def test_many_equal_parts_stay_within_one_part_of_all():
    random = np.random.default_rng(5)
    values = random.normal(size=(300, 4000))

    merged = merge_ranks([ranks_of(part) for part in values])

    # Half a gap of the parts, and half of one of the whole.
    assert merged.epsilon <= 1.1 / POINTS
    check_ranks(merged, values.ravel().tolist())
