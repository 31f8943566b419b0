"""Measures of drift against SciPy's, on the same histograms and the same samples."""

import math

import numpy as np
import pytest
from scipy import spatial, special, stats

from datav.drift import measures, noise
from datav.profiles.arrays import count_sorted
from datav.profiles.ranks import NO_RANKS, merge_ranks, rank_values

SEEDS = range(20)


def ranks_of(values):
    return rank_values(*count_sorted(np.sort(values)))


def merged_ranks_of(values, parts):
    return merge_ranks([ranks_of(part) for part in np.array_split(values, parts)])


def random_shares(random, bins, *, empty=0.0):
    shares = random.exponential(size=bins) * (random.random(bins) >= empty)
    shares[0] += 0.1
    return shares / shares.sum()


def two_samples(seed):
    """Return samples of floats, or of integers, that are more or less alike, of few or many rows."""
    random = np.random.default_rng(seed)
    n, m = random.integers(2, 3000, 2)
    before = random.normal(0, 1, n)
    after = random.normal(random.choice([0, 0.3, 5]), random.choice([1, 2]), m)
    return (before, after) if seed % 2 else ((10 * before).astype(np.int64), (10 * after).astype(np.int64))


@pytest.mark.parametrize("seed", SEEDS)
def test_psi_is_the_sum_of_both_relative_entropies(seed):
    random = np.random.default_rng(seed)
    p, q = random_shares(random, 12), random_shares(random, 12)

    value = measures.population_stability_index(p, q, 0.0)

    assert value == pytest.approx((special.rel_entr(p, q) + special.rel_entr(q, p)).sum(), rel=1e-9)


def test_psi_takes_an_empty_bin_for_the_floor():
    p, q = np.array([0.5, 0.5, 0.0]), np.array([0.25, 0.25, 0.5])

    value = measures.population_stability_index(p, q, 0.01)

    assert value == pytest.approx(2 * 0.25 * math.log(2) + 0.49 * math.log(50))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_jensen_shannon_distance_is_scipys(seed):
    random = np.random.default_rng(seed)
    p, q = random_shares(random, 15, empty=0.4), random_shares(random, 15, empty=0.4)

    value = measures.jensen_shannon_distance(p, q)

    assert value == pytest.approx(spatial.distance.jensenshannon(p, q, base=2), abs=1e-7)


def test_the_jensen_shannon_distance_of_disjoint_shares_is_one():
    assert measures.jensen_shannon_distance(np.array([1.0, 0]), np.array([0, 1.0])) == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_bounds_of_bins_hold_wherever_the_shares_are(seed):
    random = np.random.default_rng(seed)
    p, q = random_shares(random, 8, empty=0.2), random_shares(random, 8, empty=0.2)
    seen = [np.clip(each + random.uniform(-0.02, 0.02, 8), 0, 1) for each in (p, q)]
    error = np.full(8, 0.02)

    psi = measures.bound_psi(*seen, error, error)
    js = measures.bound_js(*seen, error, error)

    assert psi.low <= measures.population_stability_index(p, q) <= psi.high
    assert js.low <= measures.jensen_shannon_distance(p, q) <= js.high
    assert psi.low <= psi.value <= psi.high


def test_bounds_of_exact_shares_leave_nothing_open():
    p, q, none = np.array([0.2, 0.8]), np.array([0.6, 0.4]), np.zeros(2)

    assert measures.bound_psi(p, q, none, none).error == pytest.approx(0, abs=1e-12)
    assert measures.bound_js(p, q, none, none).error == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_kolmogorov_smirnov_is_scipys_within_its_error(seed):
    before, after = two_samples(seed)

    found = measures.kolmogorov_smirnov(ranks_of(before), merged_ranks_of(after, 1 + seed % 5))

    assert found.low - 1e-12 <= stats.ks_2samp(before, after).statistic <= found.high + 1e-12
    assert found.error < 0.03


@pytest.mark.parametrize("seed", SEEDS)
def test_the_wasserstein_distance_is_scipys_within_its_error(seed):
    before, after = two_samples(seed)

    found = measures.wasserstein(merged_ranks_of(before, 1 + seed % 5), ranks_of(after))

    truth = stats.wasserstein_distance(before, after)
    assert found.low - 1e-9 <= truth <= found.high + 1e-9
    assert found.error < 0.1 * np.std(before) * (1 if seed % 2 else 2)


@pytest.mark.parametrize("seed", SEEDS)
def test_of_few_values_ks_and_wasserstein_are_exact(seed):
    random = np.random.default_rng(seed)
    before, after = random.normal(size=100), random.normal(0.5, 1, 80)

    ks = measures.kolmogorov_smirnov(ranks_of(before), ranks_of(after))
    moved = measures.wasserstein(ranks_of(before), ranks_of(after))

    assert (ks.error, moved.error) == (0, 0)
    assert ks.value == pytest.approx(stats.ks_2samp(before, after).statistic)
    assert moved.value == pytest.approx(stats.wasserstein_distance(before, after))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("share", [0.0, 0.01, 0.25, 0.5, 0.99, 1.0])
def test_a_quantile_lies_within_its_bounds(seed, share):
    values, _ = two_samples(seed)

    found = measures.quantile_within(merged_ranks_of(values, 1 + seed % 4), share)

    truth = np.sort(values)[math.floor(share * (len(values) - 1))]
    assert found.low <= truth <= found.high


@pytest.mark.parametrize("seed", SEEDS)
def test_the_spread_is_the_standard_deviation(seed):
    values, _ = two_samples(seed)

    assert measures.spread(ranks_of(values)) == pytest.approx(np.std(values), rel=0.05)
    assert measures.spread(ranks_of(values[:200])) == pytest.approx(np.std(values[:200]))


def test_no_values_have_no_spread():
    assert measures.spread(NO_RANKS) == 0


def test_cohens_h_of_a_share_and_itself_is_nothing():
    assert measures.cohens_h(0.3, 0.3) == 0
    assert measures.cohens_h(0, 1) == pytest.approx(math.pi)
    assert measures.cohens_h(0.5, 0.6) == pytest.approx(0.2, abs=0.002)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.9])
def test_a_share_beyond_another_is_so_far_from_it_by_cohens_h(share):
    assert measures.cohens_h(share, measures.share_beyond(share, 0.2)) == pytest.approx(0.2)
    assert measures.share_beyond(measures.share_beyond(share, 0.2), -0.2) == pytest.approx(share)
    assert measures.share_beyond(share, -4) == 0
    assert measures.share_beyond(share, 4) == 1


@pytest.mark.parametrize("alarms", [1e-2, 1e-4, 1e-6, 1e-8])
@pytest.mark.parametrize("degrees", [1, 2, 3, 5, 10, 23, 50])
def test_the_limit_of_chi_square_is_scipys(alarms, degrees):
    limit = noise.chi_square_limit(alarms, degrees)

    assert limit == pytest.approx(stats.chi2.isf(alarms, degrees), rel=1e-6)


@pytest.mark.parametrize("alarms", [1e-2, 1e-5, 1e-9])
def test_limits_of_normal_and_kolmogorovs_law_are_scipys(alarms):
    assert noise.normal_limit(alarms) == pytest.approx(stats.norm.isf(alarms / 2))
    assert noise.kolmogorov_limit(alarms, 500, 2000) == pytest.approx(
        stats.kstwobign.isf(alarms) * math.sqrt(1 / 500 + 1 / 2000), rel=1e-4
    )


@pytest.mark.parametrize("rows", [30, 100, 10_000])
@pytest.mark.parametrize("alarms", [1e-3, 1e-5])
def test_the_limit_of_a_mean_is_students(rows, alarms):
    limit = noise.mean_limit(alarms, (rows, rows), (2.0, 2.0), 2.0)

    assert limit == pytest.approx(stats.t.isf(alarms / 2, rows - 1) * 2 * math.sqrt(2 / rows), rel=0.03)


def test_a_few_rows_have_no_mean_to_speak_of():
    assert noise.mean_limit(1e-3, (29, 10_000), (1.0, 1.0), 1.0) == math.inf


@pytest.mark.parametrize("rows", [(50, 50), (1000, 1000), (100, 100_000), (3000, 200)])
@pytest.mark.parametrize("first", [0, 1, 5, 40])
def test_a_share_beyond_its_limit_is_none_that_fishers_test_allows(rows, first):
    alarms, beyond = 1e-4, 0
    for second in range(0, min(rows[1], 400)):
        h = measures.cohens_h(first / rows[0], second / rows[1])
        if h > noise.share_limit(alarms, (first, second), rows):
            beyond += 1
            table = [[first, rows[0] - first], [second, rows[1] - second]]
            assert stats.fisher_exact(table).pvalue < 5 * alarms

    assert beyond > 0 or (rows[0] < rows[1] and first < 5) or rows == (3000, 200)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_limits_of_bins_are_those_of_pearsons_test(seed):
    random = np.random.default_rng(seed)
    counts = random.multinomial(500, [0.1] * 10), random.multinomial(800, [0.1] * 10)
    p, q = counts[0] / 500, counts[1] / 800
    psi, js = measures.population_stability_index(p, q), measures.jensen_shannon_distance(p, q)
    alarms = stats.chi2_contingency(np.array(counts)).pvalue

    # At the very probability that Pearson's test gives the shares, they are just at the limit.
    assert noise.psi_limit(alarms, psi, p, q, (500, 800)) == pytest.approx(psi, rel=0.03)
    assert noise.js_limit(alarms, js, p, q, (500, 800)) == pytest.approx(js, rel=0.03)


@pytest.mark.parametrize("seed", SEEDS)
def test_chance_moves_values_less_than_the_limit_of_the_wasserstein_distance(seed):
    random = np.random.default_rng(seed)
    before, after = ranks_of(random.standard_t(3, 300)), ranks_of(random.standard_t(3, 500))

    assert measures.wasserstein(before, after).value < noise.wasserstein_limit(1e-3, before, after)
