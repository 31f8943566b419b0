"""Each promise about a table as a whole: kept, broken, or nobody could look."""

from typing import Any

import pyarrow as pa
import pytest

from datav.settings.checks import Bounds
from tests.support.checking import TableSubject, check, column_rule, csv_subject, parquet_subject, table_rule

TWO = csv_subject("a,b\n1,x\n2,y\n", key=("a",))


def messages(*arguments: Any, **options: Any) -> list[str]:
    return [finding.message for finding in check(*arguments, **options).findings]


def test_columns_that_are_there_are_there():
    assert messages(TWO, table_rule(columns=("b", "a"), extra_columns=False)) == []


def test_columns_that_are_not_there_are_found_one_by_one():
    found = check(TWO, table_rule(columns=("a", "c", "d"), warn=frozenset({"columns"})))

    assert [(each.column, each.severity, each.line) for each in found.findings] == [
        ("c", "warn", 3),
        ("d", "warn", 3),
    ]


def test_columns_that_no_rule_names_are_one_finding():
    assert messages(TWO, table_rule(extra_columns=False)) == ["2 columns that no rule names: `a`, `b`"]
    assert messages(TWO, table_rule(extra_columns=False), column_rule("b", not_null=True)) == [
        "1 column that no rule names: `a`"
    ]


def test_rows_within_bounds_are_fine():
    assert messages(TWO, table_rule(rows=Bounds(2, 2))) == []


def test_rows_out_of_bounds_are_found():
    assert messages(TWO, table_rule(rows=Bounds(3))) == ["2 rows, at least 3 are expected"]
    assert messages(TWO, table_rule(rows=Bounds(None, 1))) == ["2 rows, at most 1 are expected"]


def test_growth_is_a_multiple_of_what_was_there():
    base = csv_subject("a,b\n1,x\n")

    assert messages(TWO, table_rule(growth=Bounds(2, 2)), base=base) == []
    assert messages(TWO, table_rule(growth=Bounds(None, 1.5)), base=base) == [
        "1 -> 2 rows, 2 times as many, at most 1.5 is expected"
    ]
    assert messages(base, table_rule(growth=Bounds(0.9)), base=TWO) == [
        "2 -> 1 row, 0.5 times as many, at least 0.9 is expected"
    ]


@pytest.mark.parametrize("base", [None, csv_subject("a,b\n")])
def test_growth_of_nothing_is_not_checked(base: TableSubject | None):
    found = check(TWO, table_rule(growth=Bounds(2, 2)), base=base)

    assert (found.findings, found.rules) == ((), 0)
    (missed,) = found.not_checked
    assert (missed.rule, missed.line) == ("growth", 3)


@pytest.mark.parametrize(
    ("policy", "before", "after", "is_kept"),
    [
        ("forbid", "a,b", "b,a", True),
        ("forbid", "a,b", "a,b,c", False),
        ("additive", "a,b", "c,b,a", True),
        ("additive", "a,b", "a", False),
        ("any", "a,b", "c", True),
    ],
)
def test_schema_changes_follow_their_policy(policy: str, before: str, after: str, is_kept: bool):
    rows = "\n1,2,3"
    old = csv_subject(before + rows[: 2 * len(before.split(","))] + "\n")
    new = csv_subject(after + rows[: 2 * len(after.split(","))] + "\n")

    found = check(new, table_rule(schema_changes=policy), base=old)

    assert (found.findings == (), found.rules) == (is_kept, 1)


@pytest.mark.parametrize("policy", ["forbid", "additive"])
@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (pa.int64(), pa.int32(), "`a` was int64 and is int32"),
        (pa.int64(), pa.string(), "`a` was int64 and is string"),
    ],
)
def test_a_column_of_another_type_is_a_schema_change(policy: str, before: Any, after: Any, message: str):
    old, new = (parquet_subject({"a": pa.array([], kind)}) for kind in (before, after))

    (finding,) = check(new, table_rule(schema_changes=policy), base=old).findings

    assert finding.message.startswith(message)


@pytest.mark.parametrize(("before", "after"), [("1", "1.5"), ("2026-01-01", "2026-01-01 10:00"), ("", "1")])
def test_what_the_cells_of_a_text_table_look_like_may_change_a_little(before: str, after: str):
    old, new = (csv_subject(f"a,b\n{cell},1\n") for cell in (before, after))

    assert messages(new, table_rule(schema_changes="forbid"), base=old) == []


def test_numbers_that_became_texts_are_a_schema_change():
    old, new = (csv_subject(f"a,b\n{cell},1\n") for cell in ("1", "x"))

    assert messages(new, table_rule(schema_changes="additive"), base=old) == [
        "`a` was integer and is text; only new columns are allowed"
    ]


@pytest.mark.parametrize(
    ("meta", "wanted"),
    [
        ({"source": "here"}, {"source": None}),
        ({"units": {"price": "EUR"}}, {"units.price": "EUR"}),
        ({"units": {"net.price": "EUR"}}, {"units.net.price": "EUR"}),
        ({"final": True}, {"final": "true"}),
        ({"encoding": "UTF8"}, {"encoding": "utf-8"}),
        ({"encoding": "latin-1"}, {"encoding": None}),
        ({"time_zone": "Etc/UTC"}, {"time_zone": "UTC"}),
    ],
)
def test_meta_that_says_what_is_expected_is_fine(meta: dict[str, Any], wanted: dict[str, str | None]):
    subject = csv_subject("a,b\n1,x\n", meta=meta)

    found = check(subject, table_rule(meta=wanted))

    assert (found.findings, found.rules) == ((), 1)


@pytest.mark.parametrize(
    ("meta", "wanted", "message"),
    [
        ({}, {"source": None}, "[meta] does not say `source`"),
        ({"units": "EUR"}, {"units.price": None}, "[meta] does not say `units.price`"),
        ({"source": "a"}, {"source": "b"}, '[meta] says `source` is "a", "b" is expected'),
        (
            {"encoding": "latin-1"},
            {"encoding": None},
            '[meta] says the encoding is "latin-1", the file is "utf-8"',
        ),
        (
            {"encoding": "utf-16"},
            {"encoding": None},
            '[meta] says the encoding is "utf-16", the file is "utf-8"',
        ),
    ],
)
def test_meta_that_says_something_else_is_found(
    meta: dict[str, Any], wanted: dict[str, str | None], message: str
):
    assert messages(csv_subject("a,b\n1,ö\n", meta=meta), table_rule(meta=wanted)) == [message]


def test_bytes_that_are_no_utf_8_may_be_in_any_encoding_of_one_byte_a_character():
    subject = csv_subject("a,b\n1,ö\n".encode("cp1252"), meta={"encoding": "windows-1252"})

    assert messages(subject, table_rule(meta={"encoding": None})) == []


def test_a_column_in_another_time_zone_than_meta_says_is_found():
    subject = parquet_subject(
        {"t": pa.array([0], pa.timestamp("us", "Europe/Rome"))}, meta={"time_zone": "UTC"}
    )

    assert messages(subject, table_rule(meta={"time_zone": None})) == [
        '[meta] says the time zone is "UTC", that of column `t` is "Europe/Rome"'
    ]


def test_a_key_that_is_unique_is_fine():
    found = check(TWO, table_rule(key_unique=True))

    assert (found.findings, found.rules, found.read_rows) == ((), 1, True)


def test_a_key_that_is_there_twice_is_found():
    subject = csv_subject("a,b\n1,x\n1,x\n1,y\n", key=("a", "b"))

    assert messages(subject, table_rule(key_unique=True)) == [
        "some rows have the same `a`, `b`: a+b=('1', 'x')"
    ]


def test_a_key_whose_column_is_gone_is_found():
    assert messages(csv_subject("a,b\n1,x\n", key=("z",)), table_rule(key_unique=True)) == [
        "the key `z` is not there: no column `z`"
    ]


def test_no_key_is_not_checked():
    found = check(csv_subject("a,b\n1,x\n"), table_rule(key_unique=True))

    (missed,) = found.not_checked
    assert missed.reason == "there is no key: set `key` of its table in datav.toml"


def test_findings_stand_as_the_rules_do_in_the_file_errors_first():
    found = check(
        TWO,
        table_rule(line=8, rows=Bounds(3)),
        table_rule(line=2, rows=Bounds(4), warn=frozenset({"rows"})),
        table_rule(line=5, columns=("z",)),
    )

    assert [each.line for each in found.findings] == [5, 8, 2]
