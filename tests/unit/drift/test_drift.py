"""Verdicts on shifts that were made, on growth, and on nothing at all."""

import dataclasses
import json
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import compute, csv

from datav.drift.comparing import compare_columns, compare_profiles
from datav.profiles.columns import merge_columns
from datav.profiles.profile import TableProfile
from datav.profiles.sketching import sketch_array, sketch_cells
from tests.support.shareddata import DATA

# As of a table of ten: the limits of one of them are higher than those of a single one.
COLUMNS = 10
SIZES = (1_000, 30_000, 1_000_000)

DAY = 86_400_000_000
HOUR = 3_600_000_000
START = 18_500 * DAY

in_all_sizes = pytest.mark.parametrize("rows", SIZES)


def sketch(values, name="x"):
    """Return the sketch of a column, in parts as a large one has them."""
    array = values if isinstance(values, pa.Array) else pa.array(values)
    size = max(1, min(len(array), 250_000))
    parts = [next(sketch_array(name, array.slice(at, size))) for at in range(0, max(1, len(array)), size)]
    return merge_columns(parts)


def text_cells(values):
    return pa.array(
        [None if value is None else value.encode() for value in values], pa.large_binary()
    ).fill_null(b"")


def compare(before, after):
    return compare_columns(sketch(before), sketch(after), columns=COLUMNS)


def told(drift):
    return [finding.what for finding in drift.findings]


def measures_of(drift):
    return {finding.measure for finding in drift.findings}


def times(values):
    return pa.array(values, pa.timestamp("us"))


def some_texts(random, rows):
    """Return names of three to thirty letters, of which each comes some times."""
    names = ["".join(random.choice(list("abcdefgh"), 3 + k % 28)) for k in range(800)]
    return pa.array(names).take(pa.array(random.integers(0, 800, rows)))


def visits(random, rows, days=365):
    """Return moments of some days, most of them in the afternoon."""
    clock = (random.normal(14, 3, rows) * HOUR).astype(np.int64) % DAY
    return START + random.integers(0, days, rows) * DAY + clock


# Ten shifts.


@in_all_sizes
def test_ten_times_as_many_nulls_are_broken(rows):
    random = np.random.default_rng(rows)
    values = random.normal(size=rows)
    before = pa.array(values, mask=random.permutation(rows) < rows // 100)
    after = pa.array(values, mask=random.permutation(rows) < rows // 10)

    drift = compare(before, after)

    assert drift.verdict == "broken"
    assert told(drift) == ["nulls 1.0 % -> 10.0 %"]
    assert drift.findings[0].error == 0


@in_all_sizes
def test_feet_in_place_of_metres_are_broken(rows):
    metres = np.random.default_rng(rows).lognormal(3, 0.5, rows)

    drift = compare(metres, metres * 3.28084)

    assert drift.verdict == "broken"
    assert told(drift)[0] == "all values look multiplied by 3.281 (metres to feet)"


@in_all_sizes
def test_feet_around_zero_are_broken_too(rows):
    random = np.random.default_rng(rows)

    drift = compare(random.normal(size=rows), 3.28084 * random.normal(size=rows))

    assert drift.verdict == "broken"


@in_all_sizes
def test_a_category_that_was_dropped_is_broken(rows):
    random = np.random.default_rng(rows)
    before = random.choice(["car", "bus", "train", "ship"], rows, p=[0.5, 0.3, 0.13, 0.07])

    drift = compare(before, before[before != "ship"])

    assert drift.verdict == "broken"
    assert [each.value for each in drift.vanished] == ["ship"]
    assert any(what.startswith("'ship' is gone, was ") for what in told(drift))


@in_all_sizes
def test_half_of_the_signs_flipped_is_broken(rows):
    random = np.random.default_rng(rows)
    amounts = random.gamma(2, 50, rows)

    drift = compare(amounts, np.where(random.random(rows) < 0.5, -amounts, amounts))

    assert drift.verdict == "broken"
    negative = next(each for each in drift.findings if each.measure == "negative")
    assert (negative.before, round(negative.after, 1), negative.verdict) == (0, 0.5, "broken")


@in_all_sizes
@pytest.mark.parametrize("hours", [2, -5])
def test_another_time_zone_is_broken_though_it_is_nothing_beside_the_years(rows, hours):
    moments = visits(np.random.default_rng(rows), rows)

    drift = compare(times(moments), times(moments + hours * HOUR))

    assert drift.verdict == "broken"
    assert f"hours of the day moved by {hours:+d}: another time zone?" in told(drift)
    assert drift.ks.value < 0.05


@in_all_sizes
def test_a_day_that_came_twice_is_shifted(rows):
    moments = visits(np.random.default_rng(rows), rows, days=60)
    twice = moments[moments // DAY == START // DAY + 20]

    drift = compare(times(moments), times(np.concatenate([moments, twice])))

    assert drift.verdict == "shifted"
    assert [(each.before, each.after) for each in drift.days] == [(len(twice), 2 * len(twice))]
    assert told(drift)[0].startswith("2020-09-15 came twice: ")


def test_a_day_that_came_twice_among_thousands_is_shifted():
    """A profile does not keep all of so many days; it does keep one that is more frequent than others."""
    moments = START + np.repeat(np.arange(1500), 200) * DAY + np.tile(np.arange(200), 1500) * HOUR // 10

    twice = np.concatenate([moments, moments[5000:5200]])
    before, after = (next(sketch_array("x", times(each))) for each in (moments, twice))
    drift = compare_columns(before, after, columns=COLUMNS)

    assert drift.verdict == "shifted"
    assert [each.after for each in drift.days] == [400]
    assert compare(times(moments), times(moments[:-100])).findings == ()


@in_all_sizes
def test_texts_that_were_cut_are_broken(rows):
    texts = some_texts(np.random.default_rng(rows), rows)

    drift = compare(texts, compute.utf8_slice_codeunits(texts, 0, 10))

    assert drift.verdict == "broken"
    assert any(what.startswith("texts look cut at 10 characters: ") for what in told(drift))


@in_all_sizes
def test_labels_flipped_in_two_percent_of_the_rows_cannot_be_seen_and_are_stable(rows):
    """As many go one way as the other: the shares stay.  What sees them is the diff of rows."""
    random = np.random.default_rng(rows)
    labels = random.random(rows) < 0.5
    flipped = labels ^ (random.permutation(rows) < rows // 50)

    drift = compare(labels, flipped)

    assert drift.verdict == "stable"
    assert drift.js.value < 0.02


@in_all_sizes
def test_a_mean_that_drifts_slowly_is_shifted_once_it_is_far_enough(rows):
    values = np.random.default_rng(rows).normal(100, 10, rows)
    versions = [values + 0.5 * step for step in range(6)]

    steps = [compare(one, other).verdict for one, other in pairwise(versions)]
    whole = compare(versions[0], versions[-1])

    assert steps == ["stable"] * 5
    assert whole.verdict == "shifted"
    assert any(what.startswith("mean ") for what in told(whole))
    mean = next(each for each in whole.findings if each.measure == "mean")
    assert mean.value == pytest.approx(0.25, abs=0.02)


@in_all_sizes
def test_nothing_at_all_is_stable_and_has_no_score(rows):
    random = np.random.default_rng(rows)
    for values in (random.normal(size=rows), some_texts(random, rows), times(visits(random, rows))):
        drift = compare(values, values)

        assert (drift.verdict, drift.findings) == ("stable", ())
        assert drift.score < 0.01


# Nothing but chance.

ALIKE = {
    "normal": lambda random, rows: random.normal(5, 2, rows),
    "heavy tails": lambda random, rows: random.standard_cauchy(rows),
    "mostly zero": lambda random, rows: np.where(random.random(rows) < 0.9, 0, random.gamma(1, 9, rows)),
    "counts": lambda random, rows: random.poisson(3, rows),
    "nulls": lambda random, rows: pa.array(random.normal(size=rows), mask=random.random(rows) < 0.05),
    "identifiers": lambda random, rows: random.integers(0, 2**50, rows),
    "few texts": lambda random, rows: random.choice(["yes", "no", "perhaps"], rows, p=[0.6, 0.39, 0.01]),
    "many texts": lambda random, rows: pa.array([f"{k}" for k in random.zipf(1.3, rows) % 9999]),
    "names": some_texts,
    "truths": lambda random, rows: random.random(rows) < 0.1,
    "days": lambda random, rows: pa.array((18_500 + random.integers(0, 300, rows)).astype("i4"), pa.date32()),
    "moments": lambda random, rows: times(visits(random, rows)),
    "lists": lambda random, rows: pa.array([[1] * k for k in random.poisson(2, rows)]),
}


@pytest.mark.parametrize("rows", [(12, 12), (100, 100), (1000, 1000), (80, 3000), (3000, 80)])
@pytest.mark.parametrize("kind", ALIKE)
def test_fifty_samples_of_one_distribution_raise_no_alarm(kind, rows):
    random = np.random.default_rng(sum(rows))
    found = []
    for _ in range(50):
        found += [compare_columns(sketch(ALIKE[kind](random, rows[0])), sketch(ALIKE[kind](random, rows[1])))]

    assert [told(drift) for drift in found if drift.verdict != "stable"] == []


def read_profile(table):
    arrays = ((name, table[name].combine_chunks()) for name in table.column_names)
    columns = [column for name, array in arrays for column in sketch_array(name, array)]
    return TableProfile(len(table), tuple(columns))


TABLES = {
    "sp500-constituents": "v040",
    "sp500-financials": "v015",
    "regions": "v030",
    "country-codes": "v056",
    "species-names": "v038",
    "airport-frequencies": "v010",
}


@pytest.mark.parametrize("name", TABLES)
def test_fifty_resamples_of_a_real_table_raise_no_alarm(name):
    path = DATA / name / f"{TABLES[name]}.csv"
    if not path.exists():
        pytest.skip("no shared data")
    table = csv.read_csv(path)
    before, random = read_profile(table), np.random.default_rng(len(table))
    found = []
    for _ in range(50):
        drawn = table.take(pa.array(random.integers(0, len(table), len(table))))
        found += compare_profiles(before, read_profile(drawn)).columns

    assert len(found) == 50 * len(before.columns)
    assert [(drift.name, told(drift)) for drift in found if drift.verdict != "stable"] == []


def test_few_rows_that_all_differ_are_no_alarm():
    assert compare([1.0, 2, 3, 4], [100.0, 200, 300, 400]).verdict == "stable"
    assert compare(["a", "b", "a"], ["c", "c", "d"]).verdict == "stable"


# Growth.


@in_all_sizes
def test_identifiers_that_are_counted_up_are_stable(rows):
    drift = compare(np.arange(rows), np.arange(rows + rows // 2))

    assert drift.verdict == "stable"
    assert told(drift)[0].startswith("range grew: 33.")


@in_all_sizes
def test_new_days_behind_the_old_ones_are_stable(rows):
    days = START // DAY + np.sort(np.random.default_rng(rows).integers(0, 200, rows))
    dates = pa.array(days.astype("i4"), pa.date32())

    drift = compare(dates.slice(0, rows * 3 // 4), dates)

    assert drift.verdict == "stable"
    assert measures_of(drift) == {"growth"}
    # It is measured all the same.
    assert drift.ks.value > 0.2


@in_all_sizes
def test_a_window_that_moves_on_is_stable_and_one_that_jumped_is_shifted(rows):
    moments = np.sort(visits(np.random.default_rng(rows), 2 * rows))

    moved = compare(times(moments[:rows]), times(moments[rows // 4 : rows + rows // 4]))
    jumped = compare(times(moments[:rows]), times(moments[rows:]))

    assert moved.verdict == "stable"
    assert "of the old ones fell out in front" in told(moved)[0]
    assert jumped.verdict == "shifted"


def test_a_year_more_is_shifted_and_not_broken():
    years = np.random.default_rng(0).integers(2015, 2018, 5000)

    drift = compare(years, np.concatenate([years, np.full(5000, 2018)]))

    assert drift.verdict == "shifted"
    assert "2018 is new, 50.0 %" in told(drift)


def test_dates_that_stand_for_none_are_not_growth():
    random = np.random.default_rng(0)
    moments = visits(random, 5000)
    never = np.where(random.random(5000) < 0.3, 253_370_764_800_000_000, moments)

    assert compare(times(moments), times(never)).verdict == "broken"


def test_prices_that_grow_are_no_growth_of_the_table():
    prices = np.random.default_rng(0).uniform(1, 2, 5000)

    drift = compare(prices, np.concatenate([prices, np.linspace(2, 3, 5000)]))

    assert drift.verdict == "broken"
    assert "growth" not in measures_of(drift)


def test_old_identifiers_that_changed_beside_new_ones_are_not_growth():
    assert compare(np.arange(10_000) ** 2, np.arange(20_000)).verdict == "broken"


# Kinds, types and cells.


def test_another_kind_of_values_is_broken():
    drift = compare([1, 2, 3], ["1", "2", "3"])

    assert drift.verdict == "broken"
    assert told(drift) == ["type int64 -> string"]
    assert (drift.kind_before, drift.kind_after) == ("number", "text")
    assert drift.ks is None


def test_another_width_of_numbers_is_shifted():
    assert compare(pa.array([1, 2, 3], pa.int32()), pa.array([1, 2, 3], pa.int64())).verdict == "shifted"


def test_another_arrow_type_of_texts_is_nothing():
    texts = pa.array(["a", "b"] * 50)

    assert compare(texts, texts.dictionary_encode()).verdict == "stable"


@pytest.mark.parametrize(("rows", "verdict"), [(1000, "broken"), (3, "stable")])
def test_numbers_of_which_none_is_left_are_broken_if_there_were_some(rows, verdict):
    assert compare(np.arange(rows, dtype=float), pa.nulls(rows, pa.float64())).verdict == verdict


def test_nulls_that_were_filled_are_shifted_and_not_broken():
    values = np.arange(1000.0) % 7

    drift = compare(pa.array(values, mask=values == 3), pa.array(values[values != 3]))

    assert drift.verdict == "shifted"
    assert told(drift) == ["nulls 14.3 % -> 0.0 %"]


def test_cells_of_a_text_table_that_are_no_numbers_any_more_are_found():
    numbers = [str(k % 90) for k in range(5000)]
    broken = [f"{text} kg" if k % 10 == 0 else text for k, text in enumerate(numbers)]

    drift = compare_columns(
        sketch_cells("x", "integer", text_cells(numbers)), sketch_cells("x", "text", text_cells(broken))
    )

    assert drift.verdict == "broken"
    assert told(drift)[0] == "read as numbers 100.0 % -> 90.0 %"
    assert drift.numbers.after == 0.9


def test_texts_among_numbers_are_not_compared_with_a_column_of_texts():
    """A few years more are written as `2013 (1980)`, and the column counts as texts."""
    years = [str(1900 + number % 100) for number in range(900)]
    odd = ["2013 (1980)"] * 60

    drift = compare_columns(
        sketch_cells("x", "integer", text_cells(years + odd)),
        sketch_cells("x", "text", text_cells(years + odd + odd)),
    )

    assert told(drift) == [
        "read as numbers 93.8 % -> 88.2 %",
        "numbers are texts now, and cannot be compared",
    ]


def test_a_type_that_is_only_guessed_is_no_finding():
    whole = [str(k % 90) for k in range(1000)]
    before = sketch_cells("x", "integer", text_cells(whole))
    after = sketch_cells("x", "float", text_cells([*whole, "7.0"]))

    drift = compare_columns(before, after)

    assert drift.verdict == "stable"
    assert (drift.type_before, drift.type_after) == ("integer", "float")


def test_what_is_not_a_number_is_found():
    values = np.random.default_rng(0).normal(size=5000)

    drift = compare(values, np.where(np.arange(5000) % 20 == 0, np.nan, values))

    assert drift.verdict == "broken"
    assert told(drift) == ["NaN 0.0 % -> 5.0 %"]


def test_a_column_without_cells_is_broken_if_there_were_many():
    drift = compare(np.arange(1000), pa.array([], pa.int64()))

    assert (drift.verdict, told(drift)) == ("broken", ["no cells are left"])
    assert compare(pa.array([], pa.int64()), np.arange(1000)).verdict == "stable"


def test_a_constant_that_changed_is_measured_in_the_deviation_of_both():
    drift = compare(np.full(100, 3.0), np.full(100, 5.0))

    assert drift.verdict == "broken"
    assert drift.wasserstein.value == pytest.approx(2, rel=0.01)


def test_a_sentinel_in_a_few_rows_is_found():
    random = np.random.default_rng(0)
    values = random.normal(50, 10, 10_000)

    drift = compare(values, np.where(random.permutation(10_000) < 300, -9999, values))

    assert drift.verdict == "broken"
    assert any(what.startswith("-9999 is new, 3.0 %") for what in told(drift))


# Categories and their bounds.


def test_a_value_that_a_sketch_may_have_missed_is_not_called_new():
    """Of 3000 texts that come once each, no sketch keeps one; none of them is new, none vanished."""
    before, after = ([f"{side}{k}" for k in range(3000)] for side in "ab")

    drift = compare(before, after)

    assert (drift.new, drift.vanished, drift.verdict) == ((), (), "stable")


def test_a_new_value_comes_with_how_often_it_may_have_been_there():
    random = np.random.default_rng(0)
    rare = [f"n{k}" for k in random.integers(0, 1000, 9000)]

    drift = compare(rare, [*rare, *["new"] * 1000])

    found = drift.new[0]
    assert (found.value, found.before, found.after) == ("new", 0, 0.1)
    assert 0 < found.before_error < 0.005
    assert any(what.startswith("'new' is new, 10.0 %, was at most 0.") for what in told(drift))


def test_identifiers_have_no_new_values():
    drift = compare([f"u{k}" for k in range(200)], [f"u{k}" for k in range(400)])

    assert (drift.new, drift.verdict) == ((), "stable")


def test_many_categories_that_moved_are_told_in_part_and_listed():
    before = [f"c{k % 20}" for k in range(20_000)]
    after = [f"d{k % 20}" for k in range(20_000)]

    drift = compare(before, after)

    assert len([each for each in drift.findings if each.measure == "category"]) == 5
    assert (len(drift.new), len(drift.vanished)) == (20, 20)


# Whole tables.


def table_of(**columns):
    return TableProfile(
        len(next(iter(columns.values()))), tuple(sketch(values, name) for name, values in columns.items())
    )


def test_columns_are_ranked_by_how_much_they_moved():
    random = np.random.default_rng(0)
    values = random.normal(size=2000)
    before = table_of(still=values, drifts=values, jumps=values, gone=values)
    after = table_of(new=values, still=values, drifts=values + 0.3, jumps=values + 10)

    drift = compare_profiles(before, after)

    assert [(each.name, each.verdict) for each in drift.columns] == [
        ("jumps", "broken"),
        ("drifts", "shifted"),
        ("still", "stable"),
    ]
    assert (drift.added, drift.removed, drift.verdict) == (("new",), ("gone",), "broken")
    assert (drift.before_rows, drift.after_rows) == (2000, 2000)


def test_a_renamed_column_is_compared_with_its_old_self():
    before, after = table_of(a=[1, 2], b=[3, 4]), table_of(c=[1, 2], b=[3, 4])

    drift = compare_profiles(before, after, {"a": "c"})

    assert {(each.renamed_from, each.name) for each in drift.columns} == {("a", "c"), (None, "b")}
    assert (drift.added, drift.removed) == ((), ())


def test_columns_of_one_name_are_compared_in_their_order():
    one, other = sketch(np.zeros(500), "x"), sketch(np.full(500, 7.0), "x")

    drift = compare_profiles(TableProfile(500, (one, other)), TableProfile(500, (one, other)))

    assert [each.verdict for each in drift.columns] == ["stable", "stable"]


def test_two_tables_without_a_common_column_are_stable():
    assert compare_profiles(table_of(a=[1]), table_of(b=[1])).verdict == "stable"


def test_the_more_columns_the_surer_a_finding_must_be():
    random = np.random.default_rng(0)
    before, after = (sketch(random.normal(mean, 1, 200)) for mean in (0, 0.55))

    verdicts = [compare_columns(before, after, columns=count).verdict for count in (1, 10**9)]

    assert verdicts == ["shifted", "stable"]


def test_a_drift_is_json():
    random = np.random.default_rng(0)
    before = table_of(
        n=np.array([1e308, -1e308, np.inf, np.nan] * 100),
        t=times(visits(random, 400)),
        s=some_texts(random, 400),
        i=np.array([2**63 - 1, -(2**63)] * 200),
    )
    after = table_of(
        n=np.array([1e-308, -1e308, 5.0, np.nan] * 100),
        t=times(visits(random, 400) + 9 * DAY),
        s=some_texts(random, 400),
        i=np.array([2**63 - 1, 0] * 200),
    )

    text = json.dumps(dataclasses.asdict(compare_profiles(before, after)), allow_nan=False)

    assert json.loads(text)["columns"][0]["findings"]
