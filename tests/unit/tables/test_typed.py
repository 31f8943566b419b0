"""datav.tables.typed: texts that mean the same become the same text, and no others."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from datav.tables.dialect import text_dialect
from datav.tables.text import TextVersion
from datav.tables.typed import CanonicalVersion, canonical_cells, canonical_text
from datav.tables.version import View

DIGITS = st.text("0123456789", min_size=1, max_size=6)
NUMBERS = st.one_of(
    st.integers(-1000, 1000).map(str),
    st.builds("{}{}.{}".format, st.sampled_from(["", "+", "-"]), st.sampled_from(["0", "", "12"]), DIGITS),
    st.builds("{}e{}".format, st.decimals(-9, 9, places=2).map(str), st.integers(-450, 450)),
)
SPELLINGS = st.sampled_from(["0", "-0", "0.0", "0e7", "1", "+1", "1.0", "1.", "10e-1", "1E0", "100", "1e2"])
ANYTHING = st.one_of(
    NUMBERS,
    SPELLINGS,
    st.text(max_size=12),
    st.text("0123456789-+:T Z.,", max_size=30),
    st.datetimes().map(str),
    st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-5, minutes=-30))])).map(str),
)


@given(ANYTHING)
@example("1e400")
@example("1e401")
@example("1e-401")
@example("2024-01-02 03:04:05,1234567+0130")
@example("-nan")
@example("+Infinity")
def test_what_a_cell_means_means_itself(cell):
    once = canonical_text(cell)

    assert canonical_text(once) == once


@given(NUMBERS | SPELLINGS, NUMBERS | SPELLINGS)
@example("1e500", "10e499")
@example("1.5e500", "15e499")
@example("1e-500", "0.1e-499")
@example("1", "1.0000000000000000000000000000000000000001")
@example("123456789012345678901234567890123", "123456789012345678901234567890124")
def test_numbers_mean_the_same_if_and_only_if_they_are_equal(one, other):
    # Nothing else fits both: these are numbers by the rules of celltypes.py.
    assert (canonical_text(one) == canonical_text(other)) == (Decimal(one) == Decimal(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("True", "true"),
        ("FALSE", "false"),
        ("NaN", "-nan"),
        ("inf", "Infinity"),
        ("+inf", "INF"),
        ("2024-01-02T03:04:05Z", "2024-01-02 04:04:05+01:00"),
        ("2024-01-02T03:04:05Z", "2024-01-01T22:34:05-0430"),
        ("2024-01-02T03:04:05Z", "2024-01-02T05:04:05+02"),
        ("2024-01-02T03:04", "2024-01-02 03:04:00.000"),
        ("2024-01-02T03:04:05,5", "2024-01-02T03:04:05.500"),
        ("2024-01-02T03:04:05.123456700Z", "2024-01-02T04:04:05.1234567+01"),
        ("0001-01-01T00:00:00+01:00", "0001-01-01 00:00+01"),
        ("9999-12-31T23:59:59-01:00", "9999-12-31 23:59:59.0-0100"),
    ],
)
def test_spellings_of_one_value(one, other):
    assert canonical_text(one) == canonical_text(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("007", "7"),
        ("1 ", "1"),
        ("1,5", "1.5"),
        ("inf", "-inf"),
        ("1", "true"),
        ("", "0"),
        ("null", ""),
        ("2024-01-02T03:04:05Z", "2024-01-02T03:04:05"),
        ("2024-01-02T03:04:05.1234567", "2024-01-02T03:04:05.1234568"),
        ("2024-01-02", "2024-01-02T00:00"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        ("2023-02-29 00:00", "2023-03-01 00:00"),
        ("١", "1"),
    ],
)
def test_other_values(one, other):
    assert canonical_text(one) != canonical_text(other)


@pytest.mark.parametrize(
    "cell",
    [
        "ınf",
        "İnf",
        "ınfınıty",
        "1e99999999999999999999",
        "0e-99999999999999999999",
        "0000-01-01T00:00",
        "2024-01-02T03:04+99:00",
        "9" * 401,
        "a" * 10_000,
    ],
)
def test_what_only_looks_like_a_value_is_its_text(cell):
    assert canonical_text(cell) == cell


@given(st.datetimes(), st.integers(-23 * 60, 23 * 60))
def test_an_instant_is_the_same_in_every_zone(moment, minutes):
    utc = moment.replace(tzinfo=UTC)
    try:
        elsewhere = utc.astimezone(timezone(timedelta(minutes=minutes)))
    except OverflowError:
        return

    assert canonical_text(str(elsewhere)) == canonical_text(utc.isoformat())


@pytest.mark.parametrize(
    ("cells", "wanted"),
    [
        (pa.array([None, None], pa.null()), ["", ""]),
        (pa.array([True, None, False]), ["true", "", "false"]),
        (pa.array([1.0, -0.0, None, float("nan"), 1e300]), ["1", "0", "", "nan", "1" + "0" * 300]),
        (pa.array([1, None], pa.uint64()), ["1", ""]),
        (pa.array([Decimal("1.10"), None]), ["1.1", ""]),
        (pa.array(["01", "1.0", None], pa.large_string()), ["01", "1", ""]),
        (pa.array(["b", None, "b"]).dictionary_encode(), ["b", "", "b"]),
        (pa.array([b"1.0", b"x"], pa.large_binary()), ["1", "x"]),
        (pa.array([date(2024, 1, 2)]), ["2024-01-02"]),
        (pa.array([time(1, 2, 3)]), ["01:02:03"]),
        (pa.array([datetime(2024, 1, 2)], pa.timestamp("s")), ["2024-01-02T00:00:00"]),
        (
            pa.array([datetime(2024, 1, 2, tzinfo=UTC)], pa.timestamp("s", "Europe/Berlin")),
            ["2024-01-02T00:00:00+00:00"],
        ),
        (pa.chunked_array([], pa.string()), []),
        (pa.chunked_array([["a"], ["1e0", None]]), ["a", "1", ""]),
        (pa.chunked_array([["a", "c"], ["b"]]).dictionary_encode(), ["a", "c", "b"]),
        (pa.array(["x", "1.0", "2"]).slice(1), ["1", "2"]),
    ],
)
def test_columns_of_any_type_as_texts(cells, wanted):
    found = canonical_cells(cells).to_pylist()

    assert [cell.decode() for cell in found] == wanted


def test_nanoseconds_of_a_column_are_those_of_a_text():
    cells = pa.array([1_704_164_645_123_456_789, 1_704_164_645_123_456_788], pa.timestamp("ns", "UTC"))

    found = [cell.decode() for cell in canonical_cells(cells).to_pylist()]

    assert found[0] == canonical_text("2024-01-02 03:04:05.123456789Z")
    assert found[0] != found[1]


def test_a_version_by_value_has_the_fingerprints_of_its_canonical_texts(in_memory):
    texts = [b"id,x\n1,1.0\n2,True\n", b"id,x\n1.0,1\n02,true\n"]
    versions = [TextVersion(in_memory(text), text_dialect("a.csv", text)) for text in texts]
    view = View((0, 1), (0,), (pa.large_binary(),) * 2)

    with ThreadPoolExecutor(1) as executor:
        first, second = (next(CanonicalVersion(one, [0, 1]).scan(view, 7, executor)) for one in versions)

    assert (first.keys == second.keys).tolist() == [True, False]
    assert (first.rows == second.rows).tolist() == [True, False]


@pytest.mark.parametrize("kind", [pa.float16(), pa.float32(), pa.float64()])
def test_a_float_of_any_width_is_the_number_that_is_written(kind):
    cells = pa.array(np.array([0.1, 2.5, 1.0], kind.to_pandas_dtype()), kind)

    assert canonical_cells(cells).to_pylist() == [b"0.1", b"2.5", b"1"]
