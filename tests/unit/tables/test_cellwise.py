"""datav.tables.cellwise: which cells differ, of every type, and which numbers are close enough."""

import math
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import product

import numpy as np
import pyarrow as pa
import pytest

from datav.tables.cellwise import differing_cells
from datav.tables.options import Tolerance

NAN = float("nan")
VALUES = {
    pa.null(): [None],
    pa.bool_(): [True, False, None],
    pa.int8(): [0, -128, 127, None],
    pa.uint64(): [0, 2**64 - 1, 2**64 - 2, None],
    pa.int64(): [0, 2**53, 2**53 + 1, None],
    pa.float16(): [np.float16(0), np.float16(-0.0), np.float16(1.5), np.float16("nan"), None],
    pa.float32(): [0.0, -0.0, 1.5, NAN, float("inf"), None],
    pa.float64(): [0.0, -0.0, 0.1, NAN, float("inf"), float("-inf"), None],
    pa.decimal128(10, 2): [Decimal("1.10"), Decimal("0"), None],
    pa.decimal256(60, 2): [Decimal("1.10"), Decimal("0"), None],
    pa.string(): ["", "a", "\0", None],
    pa.large_string(): ["", "a", None],
    pa.string_view(): ["", "a", "longer than is kept inline", None],
    pa.binary(): [b"", b"\xff", None],
    pa.large_binary(): [b"", b"\xff", None],
    pa.binary_view(): [b"", b"\xff" * 20, None],
    pa.binary(3): [b"abc", b"\0\0\0", None],
    pa.date32(): [date(2024, 1, 2), date(1, 1, 1), None],
    pa.date64(): [date(2024, 1, 2), None],
    pa.time32("ms"): [time(1, 2, 3), time(0), None],
    pa.time64("us"): [time(1, 2, 3, 4), time(0), None],
    pa.timestamp("us"): [datetime(2024, 1, 2), datetime(1, 1, 1), None],
    pa.timestamp("ns", "Europe/Berlin"): [0, 1, None],
    pa.duration("ms"): [timedelta(0), timedelta(milliseconds=1), None],
    pa.month_day_nano_interval(): [pa.MonthDayNano([1, 0, 0]), pa.MonthDayNano([0, 30, 0]), None],
    pa.list_(pa.float64()): [[], [None], [0.0], [-0.0], [NAN], None],
    pa.large_list(pa.string()): [[], [""], [None], None],
    pa.list_(pa.int32(), 2): [[1, 2], [1, None], None],
    pa.list_view(pa.int32()): [[], [1], [None], None],
    pa.struct([("a", pa.int32())]): [{"a": 1}, {"a": None}, None],
    pa.map_(pa.string(), pa.int32()): [[], [("a", 1)], [("a", None)], None],
    pa.dictionary(pa.int8(), pa.string()): ["", "a", None],
    pa.run_end_encoded(pa.int32(), pa.int64()): [0, 1, None],
}


def is_same(a: object, b: object) -> bool:
    """Whether two cells are the same, in Python."""
    match a, b:
        case ((float() | np.float16()), (float() | np.float16())):
            return a == b or (math.isnan(a) and math.isnan(b))
        case list(), list():
            return len(a) == len(b) and all(map(is_same, a, b))
    return (a is None) == (b is None) and a == b


def as_array(cells: list, kind: pa.DataType) -> pa.Array:
    if pa.types.is_run_end_encoded(kind):
        return pa.compute.run_end_encode(pa.array(cells, kind.value_type))
    return pa.array(cells, kind)


@pytest.mark.parametrize("kind", VALUES, ids=str)
def test_cells_of_every_type_against_each_other(kind):
    pairs = list(product(VALUES[kind], repeat=2))
    sides = [as_array([pair[side] for pair in pairs], kind) for side in (0, 1)]
    wanted = [not is_same(*pair) for pair in pairs]

    assert differing_cells(*sides).tolist() == wanted
    sliced = [
        as_array([VALUES[kind][0]] * 3 + [pair[side] for pair in pairs], kind).slice(3) for side in (0, 1)
    ]
    assert differing_cells(*sliced).tolist() == wanted
    chunks = [pa.chunked_array([side.slice(0, 1), side.slice(1)]) for side in sides]
    assert differing_cells(*chunks).tolist() == wanted
    assert differing_cells(*(pa.chunked_array([], kind) for _ in range(2))).tolist() == []


def close(before: list, after: list, kind: pa.DataType, **limits: float) -> list[bool]:
    arrays = pa.array(before, kind), pa.array(after, kind)
    return (~differing_cells(*arrays, Tolerance(**limits))).tolist()


@pytest.mark.parametrize(
    "kind", [pa.float64(), pa.float32(), pa.decimal128(20, 2), pa.large_binary(), pa.string()]
)
def test_numbers_no_further_apart_than_allowed_are_the_same(kind):
    def cells(*numbers: str) -> list:
        if pa.types.is_floating(kind):
            return list(map(float, numbers))
        return list(map(Decimal, numbers)) if pa.types.is_decimal(kind) else list(numbers)

    before = cells("1.0", "1.0", "1.0", "100", "100", "-100", "0")
    after = cells("1.5", "0.5", "1.75", "110", "111", "-109", "1")

    assert close(before, after, kind, absolute=0.5) == [True, True, False, False, False, False, False]
    assert close(before, after, kind, relative=0.1) == [False, False, False, True, False, True, False]
    assert close(before, after, kind, absolute=0.5, relative=0.1) == [
        *(True, True, False, True, False, True, False)
    ]


def test_a_share_is_one_of_the_first_version():
    assert close([100.0, 111.0], [111.0, 100.0], pa.float64(), relative=0.1) == [False, True]


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        (pa.float64(), [math.inf, math.inf, 1.0, NAN, 1.0, None], [1.0, -math.inf, math.inf, 1.0, NAN, 0.0]),
        (pa.string(), ["inf", "1e999", "nan", "", None, "a"], ["1", "1", "1", "0", "0", "b"]),
        (
            pa.large_binary(),
            [b"1", b"0x10", b"1 ", b"\xff", b"1_0", b"1\n"],
            [b"one", b"16", b"1", b"1", b"10", b"1"],
        ),
        (pa.bool_(), [True, False], [False, True]),
        (pa.date32(), [date(2024, 1, 1)], [date(2024, 1, 2)]),
        (pa.list_(pa.float64()), [[1.0]], [[1.1]]),
    ],
)
def test_what_is_no_number_or_no_end_is_close_to_nothing(kind, before, after):
    nothing = [False] * len(before)

    assert close(before, after, kind, absolute=1e300, relative=1e300) == nothing
    assert close(after, before, kind, absolute=1e300, relative=1e300) == nothing


def test_equal_cells_stay_equal_whatever_they_are():
    cells = ["inf", "nan", "", None, "a", "1"]

    assert close(cells, cells, pa.string(), absolute=0.1) == [True] * 6


def test_whole_numbers_of_all_widths():
    assert close([2**64 - 1, 5], [2**64 - 1, 7], pa.uint64(), absolute=1) == [True, False]
    assert close([-128, 127], [127, 126], pa.int8(), absolute=1) == [False, True]


def test_a_tolerance_goes_by_the_numbers_as_they_are_written():
    cells = [
        ("1.00", "1.01", 0.01, False),
        ("1.00", "1.0100001", 0.01, True),
        ("9007199254740992", "9007199254740993", 0.5, True),
        ("9007199254740992", "9007199254740993", 1.0, False),
        ("1e-999999999", "0", 0.0, True),
    ]
    for before, after, absolute, differs in cells:
        sides = [pa.chunked_array([pa.array([text.encode()], pa.large_binary())]) for text in (before, after)]
        assert differing_cells(*sides, Tolerance(absolute=absolute)).tolist() == [differs], (before, after)
