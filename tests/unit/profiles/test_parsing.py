"""Which texts are numbers and times: as Python's own float() and datetime.fromisoformat read them."""

import math
import re
from datetime import datetime, timedelta
from random import Random

import numpy as np
import pyarrow
import pytest

from datav.profiles.parsing import count_numbers, count_times, parse_integers, parse_numbers, parse_times

EPOCH = datetime(1970, 1, 1)

NUMBERS = (
    *(
        "0",
        "-0",
        "007",
        "5",
        "+5",
        " 5",
        "5 ",
        "\t5",
        "1.",
        ".5",
        "-.5",
        "1e5",
        "1E-5",
        "1e100",
        "1e400",
        "-1e400",
    ),
    *(
        "1e-400",
        "1" * 400,
        "0" * 400,
        "0.1",
        "nan",
        "NaN",
        "-nan",
        "inf",
        "+Infinity",
        "-INF",
        "4503599627370497.5",
    ),
    *("9007199254740993", "9223372036854775807", "9223372036854775808", "2.2250738585072014e-308", "5e-324"),
)
NOT_NUMBERS = (
    *(
        "",
        " ",
        ".",
        "-",
        "+",
        "e5",
        "1e",
        "1e+",
        "--1",
        "+-1",
        "1 2",
        "1,5",
        "0x10",
        "0X1F",
        "1f",
        "nan(1)",
        "nanx",
    ),
    *(
        "infinit",
        "1_000",
        "٣",
        "１",
        "1\n",
        "\n1",
        "\xa01",
        "1\x00",
        "true",
        "NA",
        "1e5.",
        "1.2.3",
        "0x1p3",
        "$1",
    ),
)
TIMES = (
    *(
        "2024-01-02",
        "2024-02-29",
        "0001-01-01",
        "9999-12-31",
        "1969-12-31",
        "2024-01-02T03",
        "2024-01-02 03:04",
    ),
    *(
        "2024-01-02T03:04:05",
        "2024-01-02 03:04:05.1",
        "1969-12-31T23:59:59.999999",
        "2024-01-02T03:04:05.123456",
    ),
    *(
        "2024-01-02T03:04:05Z",
        "2024-01-02T03:04:05.5Z",
        "2024-01-02T03:04:05+02:00",
        "2024-01-02T03:04:05-0530",
    ),
    *(
        "2024-01-02T03Z",
        "2024-01-02 03:04+02",
        "2024-01-02T23:59:59.123456789Z",
        "2024-01-02T00:00:00.1234567",
    ),
)
NOT_TIMES = (
    *(
        "",
        "2024",
        "2024-01",
        "2024-02-30",
        "2023-02-29",
        "2024-13-01",
        "2024-00-01",
        "2024-01-00",
        "2024-01-32",
    ),
    *(
        "2024-1-2",
        "2024-01-02T",
        "2024-01-02T3",
        "2024-01-02T24:00",
        "2024-01-02T23:60",
        "2024-01-02T23:59:60",
    ),
    *("2024-01-02Z", "2024-01-02T03:041", "2024-01-02T03:04:056", "2024-01-02T03:0405", "2024-01-02T03:04.5"),
    *("2024-01-02T03:04:05.", " 2024-01-02", "2024-01-02 ", "12024-01-02", "-2024-01-02", "02/01/2024", "x"),
    *("2024-01-02T03:04+24:00", "2024-01-02T03:04:05 Z", "2024-01-02\n", "20240102", "2024-W01-1"),
)


def texts(*cells):
    return pyarrow.array(cells, pyarrow.large_string())


def python_time(text):
    """Return microseconds since 1970 of the time that is written, whatever its zone."""
    text = re.sub(r"(\.\d{6})\d+", r"\1", text)
    return (datetime.fromisoformat(text).replace(tzinfo=None) - EPOCH) // timedelta(microseconds=1)


@pytest.mark.parametrize("text", NUMBERS)
@pytest.mark.parametrize("beside", [(), ("x",), ("1",), ("1", "x", "+2")])
def test_a_number_is_the_one_that_python_reads(text, beside):
    mask, values = parse_numbers(texts(text, *beside))

    assert mask[0]
    assert repr(abs(values[0].item())) == repr(abs(float(text)))
    assert math.copysign(1, values[0]) == math.copysign(1, float(text)) or values[0] != values[0]


@pytest.mark.parametrize("text", NOT_NUMBERS)
@pytest.mark.parametrize("beside", [(), ("x",), ("1",)])
def test_what_is_no_number_stays_a_text(text, beside):
    mask, values = parse_numbers(texts(text, *beside))

    assert not mask[0]
    assert len(values) == mask.sum()


@pytest.mark.parametrize("text", NOT_NUMBERS)
def test_what_is_no_number_is_no_integer(text):
    assert parse_integers(texts("1", text)) is None


@pytest.mark.parametrize("text", ["0", "-0", "007", "-12", str(2**63 - 1), str(-(2**63))])
def test_an_integer_is_the_one_that_python_reads(text):
    assert parse_integers(texts(text, "1")).tolist() == [int(text), 1]


@pytest.mark.parametrize("text", ["1.0", "1e3", str(2**63), str(-(2**63) - 1), "nan"])
def test_what_is_no_integer_of_64_bits_is_none(text):
    assert parse_integers(texts("1", text)) is None


def test_an_x_outside_the_slice_is_no_matter():
    assert parse_integers(texts("0x1", "2", "x")[1:2]).tolist() == [2]
    assert parse_numbers(texts("nan(1)", "2", "(")[1:2]).mask.tolist() == [True]
    assert parse_integers(texts()).tolist() == []


@pytest.mark.parametrize("text", TIMES)
@pytest.mark.parametrize("beside", [(), ("x",), ("2000-01-01",), ("2000-01-01T00:00:00Z",)])
def test_a_time_is_the_one_that_python_reads(text, beside):
    mask, values = parse_times(texts(text, *beside))

    assert mask[0]
    assert values[0] == python_time(text)


@pytest.mark.parametrize("text", NOT_TIMES)
@pytest.mark.parametrize("beside", [(), ("x",), ("2000-01-01",), ("2000-01-01T00:00:00Z",)])
def test_what_is_no_time_stays_a_text(text, beside):
    mask, values = parse_times(texts(text, *beside))

    assert not mask[0]
    assert len(values) == mask.sum()


@pytest.mark.parametrize("seed", range(40))
def test_a_text_is_read_alike_beside_any_other(seed):
    rng = Random(seed)
    pool = [_mutated(rng, rng.choice((*NUMBERS, *NOT_NUMBERS, *TIMES, *NOT_TIMES))) for _ in range(60)]
    some = texts(*rng.choices(pool, k=rng.choice((1, 2, 30))))
    for parse in (parse_numbers, parse_times):
        alone = [parse(some[place : place + 1]) for place in range(len(some))]

        mask, values = parse(some)

        assert mask.tolist() == [bool(each.mask[0]) for each in alone]
        assert values.tobytes() == np.concatenate([each.values for each in alone]).tobytes()


@pytest.mark.parametrize("seed", range(40))
def test_random_texts_are_numbers_if_python_says_so(seed):
    rng = Random(seed)
    some = ["".join(rng.choices("0123456789..eE+-", k=rng.randrange(1, 8))) for _ in range(300)]

    mask, values = parse_numbers(texts(*some))

    wanted = [_float(text) for text in some]
    assert mask.tolist() == [value is not None for value in wanted]
    assert values.tolist() == [value for value in wanted if value is not None]


@pytest.mark.parametrize("seed", range(40))
def test_random_texts_are_times_if_python_says_so(seed):
    rng = Random(seed)
    some = [_random_time(rng) for _ in range(200)]

    mask, values = parse_times(texts(*some))

    wanted = [_time(text) for text in some]
    assert mask.tolist() == [value is not None for value in wanted]
    assert values.tolist() == [value for value in wanted if value is not None]
    assert 20 < mask.sum() < 200


def test_what_could_be_read_is_counted():
    some, counts = texts("1", "x", "-2.5e3", "2024-01-02", "", "nan"), np.array([3, 5, 7, 11, 13, 17])

    assert count_numbers(some, counts) == 3 + 7
    assert count_times(some, counts) == 11


@pytest.mark.parametrize(
    "text", ["1.2.2024", "01/02/24", "2024/1/2", "2024-01-02", "2024-01-02T03:04:05Z", "1/2/2024 3:04"]
)
def test_dates_in_any_order_are_counted(text):
    assert count_times(texts(text), np.array([2])) == 2


@pytest.mark.parametrize("text", ["1.2", "1.2.3", "10.20.30.40", "1/2", "2024", "2024-13-01", "12.34.567"])
def test_what_only_looks_like_a_date_is_not_counted(text):
    assert count_times(texts(text), np.array([2])) == 0


def _mutated(rng, text):
    if rng.random() < 0.6:
        return text
    place = rng.randrange(len(text) + 1)
    return text[:place] + rng.choice("0159.eE+-:TZ x(nN\t") + text[place + rng.randrange(2) :]


def _float(text):
    try:
        return float(text)
    except ValueError:
        return None


def _random_time(rng):
    day = f"{rng.randrange(1, 10000):04}-{rng.randrange(14):02}-{rng.randrange(34):02}"
    if rng.random() < 0.2:
        return day
    clock = f"{rng.randrange(26):02}:{rng.randrange(61):02}"
    if rng.random() < 0.8:
        clock += f":{rng.randrange(61):02}"
        if rng.random() < 0.5:
            clock += "." + "".join(rng.choices("0123456789", k=rng.choice((1, 3, 6, 9))))
    return day + rng.choice("T ") + clock + rng.choice(("", "", "Z", "+02:00", "-0530"))


def _time(text):
    try:
        return python_time(text)
    except ValueError:
        return None
