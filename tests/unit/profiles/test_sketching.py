"""Cells to sketches: of text tables, and of every type that Arrow has."""

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from datav.core.rows_reference import combine, hash_cell
from datav.profiles.encoding import encode_table, parse_table
from datav.profiles.profile import TableProfile
from datav.profiles.sketching import sketch_array, sketch_cells
from tests.support.sameness import differences


def cells(kind, *texts):
    raw = [text if isinstance(text, bytes) else text.encode() for text in texts]
    return sketch_cells("x", kind, pa.array(raw, pa.large_binary()))


def leaf(array):
    (found,) = sketch_array("x", array)
    return found


def values(frequent):
    return dict(zip(frequent.values.to_pylist(), frequent.counts.tolist(), strict=True))


# ---------------------------------------------------------------- text tables


def test_an_empty_cell_is_null():
    found = cells("integer", "", "1", "")

    assert (found.count, found.nulls, found.numbers.count, found.kind) == (3, 2, 1, "number")


@pytest.mark.parametrize("kind", ["integer", "float", "date", "timestamp", "boolean", "text", "empty"])
def test_without_cells_a_column_is_empty(kind):
    for found in (cells(kind), cells(kind, "", "")):
        assert found.kind == "empty"
        assert found.type == kind
        assert found.distinct.estimate() == 0


def test_what_is_no_number_is_a_text():
    found = cells("integer", "1", "NA", "2", "NA", "2.5")

    assert values(found.numbers.frequent) == {1.0: 1, 2.0: 1, 2.5: 1}
    assert values(found.texts.frequent) == {"NA": 2}
    assert found.distinct.estimate() == 4
    assert found.kind == "number"


def test_what_is_no_time_is_a_text():
    found = cells("date", "2024-01-02", "soon", "1970-01-01")

    assert found.times.ranks.points.tolist() == [0, 1704153600000000]
    assert values(found.texts.frequent) == {"soon": 1}


def test_the_hours_are_those_that_are_written():
    found = cells("timestamp", "2024-01-01T05:00:00+02:00", "2024-01-07T23:59:00Z")

    assert [hour for hour, count in enumerate(found.times.hours) if count] == [5, 23]
    # A Monday and a Sunday.
    assert found.times.weekdays.tolist() == [1, 0, 0, 0, 0, 0, 1]


def test_truth_values_are_texts():
    found = cells("boolean", "true", "False", "true")

    assert (found.kind, values(found.texts.frequent)) == ("boolean", {"true": 2, "False": 1})


def test_texts_that_could_be_numbers_or_times_are_counted():
    found = cells("text", "1", "x", "2024-01-02", "1")

    assert (found.texts.as_numbers, found.texts.as_times) == (2, 1)


def test_bytes_that_are_not_utf8_are_shown():
    found = cells("text", b"a\xff", "ä", "a\\xff")

    assert values(found.texts.frequent) == {"a\\xff": 2, "ä": 1}
    assert found.distinct.estimate() == 2


def test_the_same_number_is_one_however_it_is_written():
    assert cells("float", "1", "1.0", "1e0", "-0", "0.0").distinct.estimate() == 2
    assert cells("integer", "1").distinct.hashes.tolist() == cells("float", "1.0").distinct.hashes.tolist()


def test_a_long_text_is_cut():
    long = "ä" * 201

    found = cells("text", long, long, "ä" * 200)

    hashed = combine(0, hash_cell(long.encode(), 0))
    assert values(found.texts.frequent) == {"ä" * 200 + f"… {hashed:016x}": 2, "ä" * 200: 1}


def test_cut_texts_are_in_order_and_different():
    """A text that is cut may have another place, and be what another is."""
    found = cells("text", *("b" * 200 + chr(0x10000 + n) for n in range(9)), "b" * 200 + "…", "b" * 200)

    listed = found.texts.frequent.values.to_pylist()
    assert listed == sorted(set(listed), key=str.encode)
    assert found.texts.frequent.counts.tolist() == [1] * 11


# ---------------------------------------------------------------- Arrow


@pytest.mark.parametrize(
    ("array", "points"),
    [
        (pa.array([2**64 - 1, 1], pa.uint64()), [1.0, 2.0**64]),
        (pa.array([2**63 - 1, 1], pa.uint64()), [1, 2**63 - 1]),
        (pa.array([-(2**63), None]), [-(2**63)]),
        (pa.array([1.5, -0.0, None], pa.float16()), [0.0, 1.5]),
        (pa.array([0.1], pa.float32()), [float(np.float32(0.1))]),
        (pa.array([Decimal("0.10"), Decimal("-1.23")]), [-1.23, 0.1]),
        (pa.array([Decimal(10**37 + 1)], pa.decimal128(38, 0)), [1e37]),
        (pa.array([Decimal("1E+3")], pa.decimal128(5, -3)), [1000.0]),
        (pa.array([Decimal("1.5")], pa.decimal256(76, 70)), [1.5]),
        (pa.array([61], pa.time32("s")), [61.0]),
        (pa.array([1500], pa.time64("us")), [0.0015]),
        (pa.array([-1500], pa.duration("ms")), [-1.5]),
        (pa.array([2**62 + 1], pa.duration("ns")), [(2**62 + 1) / 1e9]),
        (pa.array([3, 3]).dictionary_encode(), [3]),
        (pa.DictionaryArray.from_arrays(pa.array([0, 1, None]), pa.array([7, None])), [7]),
        (pa.RunEndEncodedArray.from_arrays([2, 3, 5], [9, None, 8]).slice(1, 3), [8, 9]),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_numbers_of_any_type(array, points):
    found = leaf(array)

    assert found.kind == "number"
    assert found.numbers.ranks.points.tolist() == points
    assert found.numbers.ranks.points.dtype == np.array(points).dtype
    assert found.numbers.count + found.nulls == len(array)


@pytest.mark.parametrize("scale", [0, 2, 9, 22, 23, 30, -3])
def test_decimals_are_the_nearest_floats(scale):
    random = np.random.default_rng(abs(scale))
    numbers = [int(random.integers(0, 10**9)) ** int(random.integers(1, 5)) for _ in range(200)]
    decimals = [Decimal((number % 2, tuple(map(int, str(number))), -scale)) for number in numbers]

    found = leaf(pa.array(decimals, pa.decimal256(76, scale)).slice(3))

    assert found.numbers.ranks.count == 197
    exact = sorted({float(decimal) for decimal in decimals[3:]})
    if found.numbers.ranks.is_exact:
        assert found.numbers.ranks.points.tolist() == exact
    else:
        assert set(found.numbers.ranks.points.tolist()) <= set(exact)
    assert found.distinct.estimate() == len(exact)


@pytest.mark.parametrize(
    ("array", "points"),
    [
        (pa.array([1], pa.timestamp("s")), [10**6]),
        (pa.array([1], pa.timestamp("ms", "UTC")), [1000]),
        (pa.array([-1], pa.timestamp("ns", "Europe/Berlin")), [-1]),
        (pa.array([1], pa.timestamp("us", "No/Where")), [1]),
        (pa.array([-1], pa.int32()).cast(pa.date32()), [-86_400_000_000]),
        (pa.array([86_400_000], pa.int64()).cast(pa.date64()), [86_400_000_000]),
        (pa.DictionaryArray.from_arrays(pa.array([0, 1]), pa.array([5, None], pa.timestamp("us"))), [5]),
    ],
    ids=str,
)
def test_times_of_any_type(array, points):
    found = leaf(array)

    assert found.kind == "time"
    assert found.times.ranks.points.tolist() == points


def test_a_time_beyond_all_is_the_last():
    found = leaf(pa.array([2**62, -(2**62), 0], pa.timestamp("s")))

    low, zero, high = found.times.ranks.points.tolist()
    assert low < -9.2e18 < zero == 0 < 9.2e18 < high
    assert found.times.hours.sum() == 3


@pytest.mark.parametrize(
    "array",
    [
        pa.array(["a", None, "a", "ä"]),
        pa.array(["a", None, "a", "ä"], pa.large_string()),
        pa.array(["a", None, "a", "ä"], pa.string_view()),
        pa.array(["a", None, "a", "ä"]).dictionary_encode(),
        pa.array(["a", None, "a", "ä"]).cast(pa.dictionary(pa.int32(), pa.large_string())),
        pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, 3]), pa.array(["a", None, "a", "ä"])),
        pa.DictionaryArray.from_arrays(pa.array([0, None, 1, 2], pa.uint8()), pa.array(["a", "a", "ä", "x"])),
        pa.RunEndEncodedArray.from_arrays([1, 2, 3, 4], ["a", None, "a", "ä"]),
        pa.RunEndEncodedArray.from_arrays([1, 2, 3, 4], pa.array(["a", None, "a", "ä"], pa.string_view())),
        pa.array(["no", "a", None, "a", "ä", "no"]).slice(1, 4),
    ],
    ids=lambda array: str(array.type),
)
def test_texts_however_they_are_stored(array):
    found = leaf(array)

    assert (found.count, found.nulls, found.kind) == (4, 1, "text")
    assert values(found.texts.frequent) == {"a": 2, "ä": 1}
    assert found.distinct.hashes.tolist() == leaf(pa.array(["ä", "a"])).distinct.hashes.tolist()


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_texts_of_a_broken_file_are_shown(kind):
    raw = pa.array(
        [b"a\xff", b"a", b"a\\xff"], pa.large_binary() if kind == pa.large_string() else pa.binary()
    )
    broken = pa.Array.from_buffers(kind, 3, raw.buffers())

    for array in (broken, pa.DictionaryArray.from_arrays(pa.array([0, 1, 2]), broken)):
        found = leaf(array)
        assert values(found.texts.frequent) == {"a\\xff": 2, "a": 1}
        assert encode_table(TableProfile(3, (found,)))


def test_truths_are_texts():
    found = leaf(pa.array([True, None, False, True]))

    assert (found.kind, values(found.texts.frequent)) == ("boolean", {"true": 2, "false": 1})


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary_view(), pa.binary(2)], ids=str)
def test_of_binary_there_are_lengths(kind):
    found = leaf(pa.array([b"ab", None, b"cd", b"ab"], kind))

    assert (found.kind, found.nulls, found.texts.count) == ("binary", 1, 3)
    assert found.texts.lengths.points.tolist() == [2]
    assert found.distinct.estimate() == 2


# ---------------------------------------------------------------- nested


def named(array):
    return {found.name: (found.kind, found.count, found.nulls) for found in sketch_array("x", array)}


def test_the_field_of_a_null_is_null():
    array = pa.array([{"a": 1, "b": "x"}, None, {"a": None, "b": "y"}])

    assert named(array) == {"x.a": ("number", 3, 2), "x.b": ("text", 3, 1)}
    assert named(array.slice(1)) == {"x.a": ("number", 2, 2), "x.b": ("text", 2, 1)}


def test_lists_have_lengths_and_items():
    array = pa.array([[1, 2], None, [], [None]])

    for kind in (pa.list_, pa.large_list):
        assert named(array.cast(kind(pa.int64()))) == {"x": ("list", 4, 1), "x[]": ("number", 3, 1)}
    view = pa.ListViewArray.from_arrays([0, 1], [2, 2], pa.array([1, None, 2]), mask=pa.array([False, True]))
    assert named(view) == {"x": ("list", 2, 1), "x[]": ("number", 2, 1)}
    lengths = next(iter(sketch_array("x", array))).numbers
    assert values(lengths.frequent) == {0: 1, 1: 1, 2: 1}


def test_what_lies_below_a_null_list_is_not_there():
    hidden = pa.ListArray.from_arrays([0, 2, 4], pa.array([1, 2, 3, 4]), mask=pa.array([True, False]))
    fixed = pa.FixedSizeListArray.from_arrays(pa.array([1, 2, 3, 4]), 2, mask=pa.array([True, False]))

    for array in (hidden, fixed):
        assert named(array) == {"x": ("list", 2, 1), "x[]": ("number", 2, 0)}


def test_maps_are_lists_of_entries():
    array = pa.array(
        [[("z", 0)], [("k", 1)], None, [("k", None), ("l", 2)]], pa.map_(pa.string(), pa.int64())
    )

    wanted = {"x": ("list", 3, 1), "x[].key": ("text", 3, 0), "x[].value": ("number", 3, 1)}
    assert named(array.slice(1)) == wanted


def test_lists_of_structs_have_leaves():
    array = pa.array([[{"a": 1, "b": [2]}], None, [None, {"a": None, "b": None}]])

    assert named(array) == {
        "x": ("list", 3, 1),
        "x[].a": ("number", 3, 2),
        "x[].b": ("list", 3, 2),
        "x[].b[]": ("number", 1, 0),
    }


def test_unions_below_null_structs_do_not_end_the_process():
    union = pa.UnionArray.from_sparse(pa.array([0, 1], pa.int8()), [pa.array([1, 2]), pa.array(["x", "y"])])
    array = pa.StructArray.from_arrays([union], ["u"], mask=pa.array([True, False]))

    assert named(array) == {"x.u": ("binary", 2, 0)}


@pytest.mark.parametrize(
    "array",
    [
        pa.UnionArray.from_dense(
            pa.array([0, 1], pa.int8()), pa.array([0, 0], pa.int32()), [pa.array([1]), pa.array(["x"])]
        ),
        pa.array([(1, 2, 3), None], pa.month_day_nano_interval()),
        pa.nulls(2),
        pa.nulls(2, pa.struct([("a", pa.list_(pa.int8()))])),
        pa.nulls(2, pa.dense_union([pa.field("a", pa.int8())])),
        pa.nulls(2, pa.map_(pa.string(), pa.int8())),
        pa.array([{}, None], pa.struct([])),
        pa.array([[], None], pa.list_(pa.int8(), 0)),
        pa.DictionaryArray.from_arrays(pa.array([0, None]), pa.array([[1, 2], None])),
        pa.DictionaryArray.from_arrays(pa.array([0, 0]), pa.nulls(1)),
        pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"a" * 16, None], pa.binary(16))),
        pa.ExtensionArray.from_storage(
            pa.fixed_shape_tensor(pa.int32(), [2]), pa.array([[1, 2], None], pa.list_(pa.int32(), 2))
        ),
    ],
    ids=lambda array: str(array.type),
)
def test_any_type_has_sketches_that_can_be_written(array):
    for part in (array, array.slice(1), array.slice(0, 0)):
        table = TableProfile(2, tuple(sketch_array("x", part)))
        assert differences(parse_table(encode_table(table), "x"), table) == []
        # Leaves that are no items.
        assert {column.count for column in table.columns if "[" not in column.name} <= {len(part)}


def test_a_type_without_kernels_has_cells_and_nulls(monkeypatch):
    def fail(array):
        raise pa.ArrowNotImplementedError("no kernel")

    monkeypatch.setattr("datav.profiles.sketching.as_numbers", fail)

    found = leaf(pa.array([1, None, 3]))

    assert (found.count, found.nulls, found.numbers.count) == (3, 1, 0)
