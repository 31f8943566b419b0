"""Bins that two sketches share."""

import numpy as np
import pyarrow as pa
import pytest

from datav.drift.binning import (
    BINS,
    bin_categories,
    bin_counts,
    bin_ranks,
    draw_histogram,
    find_categories,
)
from datav.profiles.arrays import count_sorted
from datav.profiles.frequent import keep_frequent
from datav.profiles.ranks import NO_RANKS, Ranks, merge_ranks, rank_values


def ranks_of(values):
    return rank_values(*count_sorted(np.sort(values)))


def frequent_of(counts, *, kept=256):
    return keep_frequent(pa.array(list(counts)), np.array(list(counts.values()), np.int64), kept=kept)


def test_numbers_are_cut_into_parts_of_equal_size():
    random = np.random.default_rng(0)

    bins = bin_ranks(ranks_of(random.normal(size=20_000)), ranks_of(random.normal(size=20_000)))

    # And what may be below and above all old ones.
    assert len(bins.before) == BINS + 2
    assert bins.before[1:-1] == pytest.approx(np.full(BINS, 1 / BINS), abs=0.005)
    assert bins.before_error.max() == 0
    assert bins.after.sum() == pytest.approx(1)


def test_what_is_beyond_all_old_values_has_bins_of_its_own():
    before = ranks_of(np.linspace(0, 1, 1000))

    bins = bin_ranks(before, ranks_of(np.linspace(-1, 2, 1000)))

    assert (bins.before[0], bins.before[-1]) == (0, 0)
    assert bins.after[0] == pytest.approx(1 / 3, abs=0.01)
    assert bins.after[-1] == pytest.approx(1 / 3, abs=0.01)


def test_a_value_that_is_frequent_on_either_side_has_a_bin_of_its_own():
    random = np.random.default_rng(0)
    before = np.where(random.random(5000) < 0.3, 0.0, random.normal(size=5000))
    after = np.where(random.random(5000) < 0.2, 0.5, random.normal(size=5000))

    bins = bin_ranks(ranks_of(before), ranks_of(after))

    assert np.mean(before == 0) in bins.before
    assert any(abs(share - 0.2) < 0.02 for share in bins.after)


def test_bins_of_few_rows_are_joined():
    random = np.random.default_rng(0)

    bins = bin_ranks(ranks_of(random.normal(size=30)), ranks_of(random.normal(size=3000)))

    assert 1 < len(bins.before) <= 3


@pytest.mark.parametrize("seed", range(8))
def test_shares_are_as_exact_as_they_say(seed):
    random = np.random.default_rng(seed)
    before, after = ranks_of(random.normal(size=2000)), random.normal(0.2, 1.2, 4000)
    different, counts = count_sorted(np.sort(after))
    upto = np.cumsum(counts)

    found = bin_ranks(before, merge_ranks([ranks_of(part) for part in np.array_split(after, 7)]))

    # All values of after as points: what a sketch without a limit would be.
    truth = bin_ranks(before, Ranks(different, upto - counts, upto, 0))
    assert len(found.after) == len(truth.after)
    assert np.all(np.abs(found.after - truth.after) <= found.after_error)
    assert np.all(truth.after_error == 0)
    assert found.after_error.max() < 0.03


def test_integers_beyond_the_floats_keep_their_bins():
    values = 2**60 + np.arange(1000, dtype=np.int64)

    bins = bin_ranks(ranks_of(values), ranks_of(values))

    assert bins.before.tolist() == bins.after.tolist()
    assert bins.before.sum() == pytest.approx(1)
    assert len(bins.before) == BINS


def test_categories_come_with_what_the_sketch_does_not_know():
    before = frequent_of({"a": 50, "b": 30, "c": 5, "d": 4}, kept=2)
    after = frequent_of({"a": 60, "e": 40})

    found = {each.value: each for each in find_categories(before, after, (89, 100))}

    assert (found["a"].before, found["a"].before_most, found["a"].after_most) == (50, 55, 60)
    assert (found["e"].before, found["e"].before_most) == (0, 5)
    assert (found["b"].after, found["b"].after_most) == (0, 0)


def test_what_is_not_frequent_is_one_bin():
    before = frequent_of({"a": 500, "b": 480, **{f"x{k}": 1 for k in range(20)}})
    after = frequent_of({"a": 600, "b": 400})
    categories = find_categories(before, after, (1000, 1000))

    bins = bin_categories(categories, (1000, 1000))

    assert bins.before.tolist() == pytest.approx([0.5, 0.48, 0.02])
    assert bins.after.tolist() == pytest.approx([0.6, 0.4, 0])


def test_counts_of_the_same_bins_are_shares():
    bins = bin_counts(np.array([100, 300]), np.array([50, 50]))

    assert bins.before.tolist() == [0.25, 0.75]
    assert bins.after.tolist() == [0.5, 0.5]


def test_a_picture_holds_nearly_all_values_in_bars_of_equal_width():
    random = np.random.default_rng(0)
    before, after = random.standard_cauchy(50_000), random.standard_cauchy(50_000) + 3

    drawn = draw_histogram(ranks_of(before), ranks_of(after))

    widths = np.diff(drawn.edges)
    assert widths == pytest.approx(np.full(40, widths[0]))
    assert sum(drawn.before) + sum(drawn.before_outside) == pytest.approx(1)
    assert sum(drawn.after) >= 0.98
    # The bars are what counting gives.
    truth, _ = np.histogram(before, drawn.edges)
    assert drawn.before == pytest.approx(truth / len(before), abs=0.01)


def test_few_whole_numbers_have_a_bar_each():
    drawn = draw_histogram(ranks_of(np.array([1, 1, 2, 4])), ranks_of(np.array([2, 3])))

    assert drawn.edges == (0.5, 1.5, 2.5, 3.5, 4.5)
    assert drawn.before == (0.5, 0.25, 0, 0.25)
    assert drawn.after == (0, 0.5, 0.5, 0)


def test_a_constant_and_nothing_can_be_drawn():
    assert draw_histogram(ranks_of(np.array([2.5])), NO_RANKS).before == (1.0,)
    assert draw_histogram(NO_RANKS, NO_RANKS) is None
