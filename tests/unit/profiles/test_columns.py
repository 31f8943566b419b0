"""Columns merge: parts of several kinds, of other types, and of nothing."""

import sys

import numpy as np
import pyarrow
import pytest

from datav.profiles.columns import NO_NUMBERS, NO_TEXTS, NO_TIMES, merge_columns, merge_numbers
from datav.profiles.profile import TableProfile, merge_tables
from datav.profiles.sketching import sketch_array, sketch_cells
from tests.support.sameness import differences


def sketch(values, name="x"):
    (found,) = sketch_array(name, pyarrow.array(values))
    return found


def cells(kind, *texts):
    return sketch_cells("x", kind, pyarrow.array([text.encode() for text in texts], pyarrow.large_binary()))


def test_one_part_is_itself():
    part = sketch([1])

    assert differences(merge_columns([part]), part) == []


def test_counts_and_nulls_add_up():
    merged = merge_columns([sketch([1, None]), sketch([2, 2, None])])

    assert (merged.count, merged.nulls, merged.numbers.count) == (5, 2, 3)
    assert merged.distinct.estimate() == 2


def test_the_last_part_that_has_cells_names_the_type():
    merged = merge_columns([cells("integer", "1"), cells("float", "2.5"), cells("empty", "")])

    assert (merged.type, merged.kind) == ("float", "number")
    assert merged.count == 3


def test_parts_of_several_kinds_stay_apart():
    merged = merge_columns([cells("date", "2024-01-02"), cells("integer", "7", "x"), cells("text", "y")])

    assert (merged.times.count, merged.numbers.count, merged.texts.count) == (1, 1, 2)
    assert merged.kind == "text"
    assert merged.distinct.estimate() == 4


def test_nothing_merges_to_nothing():
    merged = merge_columns([sketch([None]), sketch([None, None])])

    assert (merged.count, merged.nulls, merged.kind) == (3, 3, "empty")
    assert (merged.numbers, merged.times, merged.texts) == (NO_NUMBERS, NO_TIMES, NO_TEXTS)


@pytest.mark.parametrize("seed", range(10))
def test_moments_are_those_of_all_values(seed):
    random = np.random.default_rng(seed)
    parts = [random.normal(1e6, 1, random.integers(1, 2000)) for _ in range(7)]

    merged = merge_numbers([sketch(part).numbers for part in parts])

    values = np.concatenate(parts)
    assert merged.mean == pytest.approx(values.mean(), rel=1e-12)
    assert merged.deviation == pytest.approx(values.std(ddof=1), rel=1e-6)


def test_of_equal_values_the_deviation_is_none():
    merged = merge_numbers([sketch([0.1] * count).numbers for count in (3, 5, 11)])

    assert merged.mean == pytest.approx(0.1, rel=1e-15)
    assert merged.deviation < 1e-15


def test_of_one_value_the_deviation_is_none():
    assert sketch([5.0]).numbers.deviation == 0


@pytest.mark.parametrize(
    "parts",
    [
        [[1.7e308, -1.7e308]],
        [[1.7e308] * 5],
        [[1.7e308], [-1.7e308], [1.7e308]],
        [[1e200, -1e200], [5.0]],
        [[5.0], [1e200, -1e200]],
        [[float("inf")], [1.7e308], [float("nan")]],
        [[-1e308] * 3, [1e308] * 2000],
    ],
)
def test_the_farthest_floats_have_finite_moments(parts):
    merged = merge_numbers([sketch(part).numbers for part in parts])

    finite = [value for part in parts for value in part if np.isfinite(value)]
    assert merged.mean == pytest.approx(sum(value / len(finite) for value in finite), rel=1e-9, abs=1e293)
    assert 0 <= merged.squares <= sys.float_info.max
    assert np.isfinite(merged.deviation)


def test_only_what_is_not_finite_has_no_moments():
    numbers = sketch([float("nan"), float("inf"), float("-inf")]).numbers

    assert (numbers.count, numbers.nans, numbers.infinities, numbers.ranks.count) == (3, 1, 2, 0)
    merged = merge_numbers([numbers, sketch([2.0, 4.0]).numbers, numbers])
    assert (merged.count, merged.nans, merged.infinities, merged.mean) == (8, 2, 4, 3.0)


def table(rows, **columns):
    return TableProfile(rows, tuple(sketch(values, name) for name, values in columns.items()))


def test_tables_merge_by_name():
    merged = merge_tables([table(2, a=[1, 2], b=["x", "y"]), table(1, b=["z"], c=[True])])

    assert merged.rows == 3
    assert [(column.name, column.count) for column in merged.columns] == [("a", 3), ("b", 3), ("c", 3)]
    # What a part has not got is null in it.
    assert [column.nulls for column in merged.columns] == [1, 0, 2]


def test_equal_names_are_matched_by_place():
    one = TableProfile(1, (sketch([1], "a"), sketch(["x"], "a")))
    other = TableProfile(1, (sketch([2], "a"), sketch(["y"], "a"), sketch([None], "b")))

    merged = merge_tables([one, other])

    assert [(column.name, column.kind, column.count) for column in merged.columns] == [
        ("a", "number", 2),
        ("a", "text", 2),
        ("b", "empty", 2),
    ]


def test_one_table_is_itself():
    part = table(1, a=[1])

    assert differences(merge_tables([part]), part) == []
    assert differences(merge_tables([part, TableProfile(0, ())]).columns, part.columns) == []
