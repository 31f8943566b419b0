"""datav.tables.counting against the csv module, which defines what a record is."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datav.tables.counting import count_records_slow
from datav.tables.dialect import TextDialect

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16-le", "utf-16-be", "latin-1")


def count_with_csv(text: str, delimiter: str, quoting: bool) -> int:
    rules = csv.QUOTE_MINIMAL if quoting else csv.QUOTE_NONE
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=rules)
    return sum(1 for record in reader if record)


@given(
    st.text(st.sampled_from('ab",;\r\n \té'), max_size=40),
    st.sampled_from(ENCODINGS),
    st.sampled_from(",;\t"),
    st.booleans(),
    st.integers(1, 7),
)
def test_records_are_those_of_the_csv_module(text, encoding, delimiter, quoting, piece):
    data = ("\ufeff" + text if "16" in encoding else text).encode(encoding)
    dialect = TextDialect("csv", delimiter, encoding, quoting, ())

    count = count_records_slow((data[i : i + piece] for i in range(0, len(data), piece)), dialect)

    assert count == count_with_csv(text, delimiter, quoting)


@pytest.mark.parametrize(
    ("text", "records"),
    [
        ("", 0),
        ("\n", 0),
        ("a", 1),
        ('""', 1),
        ("a\r\n\r\nb", 2),
        ('"a\n\nb', 1),
        ('a"b\nc"', 2),
        ('"a"b"\n"', 2),
    ],
)
def test_the_hard_cases(text, records):
    dialect = TextDialect("csv", ",", "utf-8", True, ())

    assert count_records_slow([text.encode()], dialect) == records


def test_a_blank_line_of_json_lines_may_hold_white_space():
    dialect = TextDialect("jsonl", ",", "utf-8", False, (), bytewise=False)

    assert count_records_slow([b'{"a": "\\""}\n \n', b"\t\r\n [1,", b" 2]\n\n  "], dialect) == 2


def test_bytes_that_are_no_text_do_not_stop_the_count():
    dialect = TextDialect("csv", ",", "utf-16-le", True, ())

    assert count_records_slow([b"\xff\xfea\0\n\0\x00\xd8b\0\n\0c"], dialect) == 3
