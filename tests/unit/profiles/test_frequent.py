"""The most frequent values: exact of few, and of many nobody else is more frequent than `unseen`."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pyarrow
import pytest

from datav.profiles.frequent import KEPT, keep_frequent, merge_frequent, no_values
from tests.support.sketchtwin import check_frequent


def frequent_of(values, *, kept=KEPT):
    counted = Counter(values)
    kind = pyarrow.large_string() if any(isinstance(value, str) for value in counted) else None
    return keep_frequent(
        pyarrow.array(list(counted), kind), np.array(list(counted.values()), np.int64), kept=kept
    )


def listed(frequent):
    return list(zip(frequent.values.to_pylist(), frequent.counts.tolist(), strict=True))


def test_few_are_exact_and_in_order():
    found = frequent_of(["b", "a", "c", "c"])

    assert listed(found) == [("c", 2), ("a", 1), ("b", 1)]
    assert found.is_complete


def test_of_many_the_most_frequent_are_kept():
    found = frequent_of([1, 1, 1, 2, 2, 3], kept=2)

    assert listed(found) == [(1, 3), (2, 2)]
    assert found.unseen == 1


def test_of_equally_frequent_ones_all_are_kept_or_none():
    found = frequent_of([1, 1, 1, 2, 2, 3, 3, 4], kept=2)

    assert listed(found) == [(1, 3)]
    assert found.unseen == 2


def test_none_is_kept_where_all_are_equally_frequent():
    found = frequent_of(range(KEPT + 1))

    assert listed(found) == []
    assert found.unseen == 1
    assert not found.is_complete


def test_counts_add_up():
    merged = merge_frequent(
        [frequent_of(["a", "b"]), frequent_of(["b", "c"]), no_values(pyarrow.large_string())]
    )

    assert listed(merged) == [("b", 2), ("a", 1), ("c", 1)]
    assert merged.is_complete


def test_bounds_add_up():
    parts = [frequent_of([1, 1, 2], kept=1), frequent_of([2, 2, 3], kept=1)]

    merged = merge_frequent(parts)

    assert listed(merged) == [(1, 2), (2, 2)]
    assert merged.unseen == 2


def test_nothing_that_is_known_keeps_its_bound():
    none = frequent_of(range(KEPT + 1))

    merged = merge_frequent([none, none])

    assert (listed(merged), merged.unseen) == ([], 2)
    assert merged.values.type == pyarrow.int64()


def test_integers_and_floats_merge_to_floats():
    merged = merge_frequent([frequent_of([1, 2]), frequent_of([1.0, 2.5])])

    assert listed(merged) == [(1.0, 2), (2.0, 1), (2.5, 1)]


def test_integers_that_are_no_floats_merge_to_the_nearest():
    merged = merge_frequent([frequent_of([2**53 + 1, 2**53]), frequent_of([0.5])])

    assert listed(merged) == [(2.0**53, 2), (0.5, 1)]


@pytest.mark.parametrize("seed", range(40))
def test_parts_merge_within_the_bound_in_any_grouping(seed):
    random = np.random.default_rng(seed)
    kept = int(random.choice([3, 20, 256]))
    cells = (random.zipf(1.3, 4000) % random.choice([10, 500, 10**6])).tolist()
    if seed % 2:
        cells = [f"ä{cell}" for cell in cells]
    cuts = sorted({0, *random.integers(0, len(cells), 7).tolist(), len(cells)})
    parts = [frequent_of(cells[start:end], kept=kept) for start, end in pairwise(cuts)]

    flat = merge_frequent(parts, kept=kept)
    turned = merge_frequent(parts[::-1], kept=kept)
    while len(parts) > 1:
        count = int(random.integers(2, len(parts) + 1))
        parts = [*parts[count:], merge_frequent(parts[:count], kept=kept)]

    for found in (flat, parts[0]):
        check_frequent(found, Counter(cells))
    assert (listed(flat), flat.unseen) == (listed(turned), turned.unseen)
