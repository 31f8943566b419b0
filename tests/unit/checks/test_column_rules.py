"""Each promise about a column: kept, broken, and by whom it is answered."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from datav.errors import UsageError
from datav.settings.checks import Bounds, Reference
from tests.support.checking import TableSubject, check, column_rule, csv_subject, parquet_subject


def csv_column(*cells: str) -> TableSubject:
    """A CSV with the column `x`, and one beside it, for a line of nothing is no row."""
    return csv_subject("x,n\n" + "".join(f"{cell},{n}\n" for n, cell in enumerate(cells)))


def arrow_column(cells: list[Any], kind: pa.DataType | None = None) -> TableSubject:
    return parquet_subject({"x": pa.array(cells, kind)})


def json_column(*cells: str) -> TableSubject:
    return TableSubject("t.jsonl", "".join(f'{{"n": 1, "x": {cell}}}\n' for cell in cells).encode())


KEPT: list[tuple[TableSubject, dict[str, Any]]] = [
    (csv_column("1", "2"), {"not_null": True}),
    (csv_column("1", "", "3", "4"), {"null_fraction": 0.25}),
    (csv_column(*[""] * 29, *["1"] * 71), {"null_fraction": 0.29}),
    (csv_column("1", "-2"), {"type": "integer"}),
    (csv_column("1", "2.0"), {"type": "integer"}),
    (csv_column("1", "2.5", ""), {"type": "number"}),
    (csv_column("18446744073709551615"), {"max": 2**64 - 1}),
    (arrow_column([2**64 - 1], pa.uint64()), {"min": 2**64 - 1, "max": 2**64 - 1}),
    (arrow_column([2**53 + 1, 7]), {"one_of": (2**53 + 1, 7.0, 2.5, 1e300)}),
    (arrow_column([1, 2], pa.dictionary(pa.int8(), pa.int64())), {"type": "integer"}),
    (csv_column("01", "02"), {"type": "number"}),
    (csv_column("true", "False", ""), {"type": "boolean"}),
    (csv_column("a", "1"), {"type": "text"}),
    (csv_column("2026-01-01", "2026-01-02"), {"type": "date"}),
    (csv_column("2026-01-01 10:00", "2026-01-02"), {"type": "timestamp"}),
    (csv_column("", ""), {"type": "integer"}),
    (arrow_column([1, None]), {"type": "integer"}),
    (arrow_column([Decimal("1.50")]), {"type": "number"}),
    (arrow_column(["a"], pa.dictionary(pa.int8(), pa.string())), {"type": "text"}),
    (arrow_column([date(2026, 1, 1)]), {"type": "date"}),
    (arrow_column([datetime(2026, 1, 1, tzinfo=UTC)]), {"type": "timestamp"}),
    (arrow_column([b"a"]), {"type": "binary"}),
    (arrow_column([[1]]), {"type": "list"}),
    (arrow_column([True]), {"type": "boolean"}),
    (arrow_column([None]), {"type": "integer"}),
    (json_column("1", "2.0", "null"), {"type": "integer"}),
    (json_column("[1]", "[]"), {"type": "list"}),
    (json_column("true"), {"type": "boolean"}),
    (json_column('"2026-01-01"'), {"type": "text"}),
    (json_column('"2026-01-01"'), {"type": "date"}),
    (csv_column("a", "b", "", ""), {"unique": True}),
    (csv_column("1", "1.0"), {"unique": True}),
    (arrow_column([1.5, None, None, 2.5]), {"unique": True}),
    (csv_column("1", "n/a", *"23456789", "1", "2"), {"min": 1, "max": 9}),
    (csv_column("", ""), {"min": 1}),
    (arrow_column([float("nan"), 1.0]), {"min": 1, "max": 1}),
    (arrow_column([float("nan")]), {"min": 1}),
    (arrow_column([2**53 + 1]), {"min": 2**53 + 1}),
    (csv_column("2026-01-01", "2026-01-31"), {"min": "2026-01-01", "max": "2026-01-31"}),
    (arrow_column([datetime(2026, 1, 1, 12, tzinfo=UTC)]), {"min": "2026-01-01T13:00:00+01:00"}),
    (csv_column("a", "b", ""), {"one_of": ("a", "b")}),
    (csv_column("1", "2.0"), {"one_of": (1, 2)}),
    (csv_column("1", "2"), {"one_of": ("1", "2")}),
    (csv_column("true", "FALSE"), {"one_of": (True, False)}),
    (csv_column("1", "other", "2"), {"one_of": (1, 2, "other")}),
    (arrow_column([True, None]), {"one_of": (True,)}),
    (arrow_column([date(2026, 1, 1)]), {"one_of": ("2026-01-01",)}),
    (json_column("true", '"x"'), {"one_of": (True, "x")}),
    (csv_column("AB", "CD"), {"matches": "[A-Z]{2}"}),
    (csv_column("12", "34"), {"matches": r"\d+"}),
    (csv_column('"a\nb"'), {"matches": r"a\nb"}),
    (arrow_column(["a", None]), {"matches": "a|b"}),
    (csv_column("äö", "abc"), {"length": Bounds(2, 3)}),
    (csv_column("12", "1234"), {"length": Bounds(2, 4)}),
    (arrow_column(["", "a"]), {"length": Bounds(0, 1)}),
    (csv_column("2026-06-30", "2026-01-01"), {"fresh_s": 86400.0}),
    (csv_column("2026-08-01"), {"fresh_s": 60.0}),
    (arrow_column([datetime(2026, 7, 1, tzinfo=UTC) - timedelta(seconds=5)]), {"fresh_s": 5.0}),
    (csv_column("a", "b", "", ""), {"balance": Bounds(0.5, 0.5)}),
    (csv_column("1", "1.0", "2", "2"), {"balance": Bounds(0.5, 0.5)}),
    (csv_column("", ""), {"balance": Bounds(0.5, 0.5)}),
    (arrow_column([1.0, float("inf")]), {"balance": Bounds(0.5, 0.5)}),
    (arrow_column([1.0, float("nan")]), {"balance": Bounds(0.5, 0.5)}),
]

BROKEN: list[tuple[TableSubject, dict[str, Any], str]] = [
    (csv_column("1", ""), {"not_null": True}, "x: 1 of 2 rows are null, none may be"),
    (arrow_column([None]), {"not_null": True}, "x: 1 of 1 row is null, none may be"),
    (csv_column("1", ""), {"null_fraction": 0.4}, "x: 50 % of 2 rows are null, at most 40 % may be"),
    (csv_column("1", "2.5"), {"type": "integer"}, 'x: 1 of 2 values are not of type integer: "2.5"'),
    (csv_column("a", "1"), {"type": "number"}, 'x: 1 of 2 values are not of type number: "a"'),
    (
        csv_column(*"123456789", "n/a"),
        {"type": "integer"},
        'x: 1 of 10 values are not of type integer: "n/a"',
    ),
    (
        arrow_column([2**53, 7]),
        {"one_of": (2**53 + 1, 7)},
        'x: 1 of 2 values are not in the list: "9007199254740992"',
    ),
    (csv_column("nan"), {"type": "integer"}, 'x: 1 of 1 value is not of type integer: "NaN"'),
    (csv_column("true", "no"), {"type": "boolean"}, 'x: 1 of 2 values are not of type boolean: "no"'),
    (csv_column("1"), {"type": "date"}, 'x: 1 of 1 value is not of type date: "1"'),
    (
        csv_column("2026-01-01", "2026-01-02 10:00"),
        {"type": "date"},
        'x: 1 of 2 values are not of type date: "2026-01-02 10:00:00"',
    ),
    (csv_column("a"), {"type": "list"}, 'x: 1 of 1 value is not of type list: "a"'),
    (arrow_column([1.0]), {"type": "integer"}, "x: its type is float64, integer is expected"),
    (arrow_column([1]), {"type": "text"}, "x: its type is int64, text is expected"),
    (json_column("1", '"a"'), {"type": "number"}, 'x: 1 of 2 values are not of type number: "a"'),
    (csv_column("a", "a", "b"), {"unique": True}, 'x: 2 of 3 values are there more than once: "a"'),
    (csv_column("1", "1", "2"), {"unique": True}, "x: some values are there more than once: x=('1',)"),
    (
        arrow_column([1.5, None, None, 1.5]),
        {"unique": True},
        'x: 2 of 2 values are there more than once: "1.5"',
    ),
    (csv_column("-3", "4"), {"min": 0}, "x: the least value is -3, at least 0 is expected"),
    (csv_column("-3", "4.25"), {"max": 4.2}, "x: the greatest value is 4.25, at most 4.2 is expected"),
    (csv_column("a"), {"max": 4}, "x: it has no numbers"),
    (csv_column("1"), {"max": "2026-01-01"}, "x: it has no times"),
    (
        csv_column("a", "7", "b"),
        {"max": 4},
        "x: the greatest value is 7, at most 4 is expected; 1 row beyond it",
    ),
    (
        arrow_column([float("inf"), 1.0]),
        {"max": 4},
        "x: the greatest value is inf, at most 4 is expected; 1 row beyond it",
    ),
    (arrow_column([2**53 + 1]), {"max": 2.0**53}, None),
    (
        csv_column("2026-01-01"),
        {"min": "2026-02-01"},
        "x: the first value is 2026-01-01, at least 2026-02-01 is expected",
    ),
    (csv_column("a", "c"), {"one_of": ("a", "b")}, 'x: 1 of 2 values are not in the list: "c"'),
    (csv_column("1", "1.0"), {"one_of": ("1",)}, 'x: 1 of 2 values are not in the list: "1.0"'),
    (csv_column("1", "2"), {"one_of": (1,)}, 'x: 1 of 2 values are not in the list: "2"'),
    (arrow_column([True, False]), {"one_of": (True,)}, 'x: 1 of 2 values are not in the list: "false"'),
    (csv_column("AB", "ABC"), {"matches": "[A-Z]{2}"}, 'x: 1 of 2 values are not like "[A-Z]{2}": "ABC"'),
    (csv_column('"a\nb"'), {"matches": "(?m)a$"}, 'x: 1 of 1 value is not like "(?m)a$": "a\\nb"'),
    (arrow_column([1]), {"matches": "1"}, "x: it has no texts"),
    (
        csv_column("a", "abcd"),
        {"length": Bounds(1, 3)},
        "x: the longest text has 4 characters, at most 3 are expected",
    ),
    (
        csv_column("1", "123"),
        {"length": Bounds(2)},
        "x: the shortest text has 1 character, at least 2 are expected",
    ),
    (
        csv_column("2026-06-01", "2026-06-29"),
        {"fresh_s": 86400.0},
        "x: the newest time is 2026-06-29, 2 days old, at most 24 hours is expected",
    ),
    (csv_column("a"), {"fresh_s": 86400.0}, "x: it has no times"),
    (csv_column(), {"fresh_s": 86400.0}, "x: it has no times"),
    (
        csv_column("a", "a", "a", "b"),
        {"balance": Bounds(0.3)},
        'x: "b" has 25 % of the values, at least 30 % is expected',
    ),
    (
        csv_column("a", "a", "a", "b"),
        {"balance": Bounds(None, 0.7)},
        'x: "a" has 75 % of the values, at most 70 % is expected',
    ),
]


@pytest.mark.parametrize(("subject", "promised"), KEPT, ids=lambda each: str(each)[:50])
def test_a_promise_that_is_kept_has_no_finding(subject: TableSubject, promised: dict[str, Any]):
    found = check(subject, column_rule(**promised))

    assert found.findings == ()
    assert found.not_checked == ()
    assert found.rules == len(promised)


@pytest.mark.parametrize(("subject", "promised", "message"), BROKEN, ids=lambda each: str(each)[:50])
def test_a_promise_that_is_broken_says_what_is_wrong(
    subject: TableSubject, promised: dict[str, Any], message: str | None
):
    found = check(subject, column_rule(**promised))

    (finding,) = found.findings
    assert message is None or finding.message == message
    assert (finding.severity, finding.column, finding.origin, finding.line) == (
        "error",
        "x",
        "datav.toml:7",
        7,
    )


@pytest.mark.parametrize("rule", [each for each, *_ in KEPT + BROKEN], ids=lambda each: "")
def test_an_empty_table_keeps_all_that_is_said_of_its_cells(rule: TableSubject):
    empty = csv_subject("x,n\n")
    empty.may_read = False

    found = check(
        empty,
        column_rule(
            type="integer",
            not_null=True,
            null_fraction=0.0,
            unique=True,
            min=1,
            max=2,
            one_of=(1,),
            matches="1",
            length=Bounds(1, 1),
            balance=Bounds(0.1, 0.2),
        ),
    )

    assert found.findings == ()
    assert found.rules == 10


def test_what_a_profile_knows_is_answered_without_a_row():
    subject = csv_subject(
        "x,t,d\n" + "".join(f"{n % 7},{'ab'[n % 2]},2026-01-{n % 28 + 1:02}\n" for n in range(2000))
    )
    subject.may_read = False

    found = check(
        subject,
        column_rule(
            "x", type="integer", not_null=True, null_fraction=0.1, min=0, max=6, one_of=tuple(range(7))
        ),
        column_rule("x", balance=Bounds(0.1, 0.2)),
        column_rule("t", type="text", one_of=("a",), matches="[ab]", length=Bounds(1, 1), unique=True),
        column_rule("d", type="date", min="2026-01-01", max="2026-01-28", fresh_s=1e9),
    )

    assert [finding.rule for finding in found.findings] == ["unique", "in"]
    assert not found.read_rows
    assert found.rules == 16


def test_all_promises_that_need_rows_share_one_pass():
    subject = csv_subject("x,n\n" + "".join(f"a{n},{n}\n" for n in range(2000)))

    found = check(
        subject, column_rule("x", matches="a[0-9]+", one_of=("a1",)), column_rule("n", length=Bounds(1, 4))
    )

    assert subject.reads == 1
    assert found.read_rows
    assert [finding.message for finding in found.findings] == [
        'x: 1,999 of 2,000 values are not in the list: "a0"'
    ]


def test_a_column_that_is_not_there_is_one_finding():
    found = check(csv_subject("a\n1\n"), column_rule("x", not_null=True, unique=True))

    (finding,) = found.findings
    assert (finding.rule, finding.message, finding.line) == ("columns", "x: there is no such column", 7)


def test_a_column_whose_values_are_to_be_documented_may_be_missing():
    found = check(csv_subject("a\n1\n"), column_rule("x", documented_in=Reference("codes.csv", "code")))

    assert found.findings == ()


def test_what_only_warns_comes_behind_the_errors():
    found = check(
        csv_column("", "a"),
        column_rule(line=1, not_null=True, warn=frozenset({"not_null"})),
        column_rule(line=9, one_of=("b",), warn=frozenset({"not_null"})),
    )

    assert [(each.rule, each.severity) for each in found.findings] == [("in", "error"), ("not_null", "warn")]


@pytest.mark.parametrize("pattern", ["(", "a)|(b", "(?<=a)b", r"(a)\1"])
def test_a_pattern_that_is_none_is_refused_with_its_line(pattern: str):
    with pytest.raises(UsageError, match=r"datav\.toml:7: .* is no pattern") as error:
        check(csv_column("a"), column_rule(matches=pattern))

    assert "\n" not in str(error.value)


def test_hostile_cells_and_names_cannot_command_a_terminal():
    subject = csv_subject('"\x1b[2J","n"\n"\x1b[31m\u202e' + "y" * 500 + '",1\n')

    found = check(subject, column_rule("\x1b[2J", one_of=("a",), min=1, length=Bounds(0, 1), matches="a"))

    told = [text for each in found.findings for text in (each.message, *each.examples)]
    assert len(found.findings) == 4
    assert all(text.isprintable() and len(text) < 250 for text in told)


@pytest.mark.parametrize("promised", [{"unique": True}, {"max": 3}, {"one_of": (1,)}, {"type": "text"}])
def test_a_field_of_a_nested_column_is_checked_as_far_as_its_profile_goes(promised: dict[str, Any]):
    subject = parquet_subject({"s": pa.array([{"a": n} for n in range(600)])})
    subject.may_read = False

    found = check(subject, column_rule("s.a", **promised))

    assert len(found.findings) + len(found.not_checked) == 1


def test_nulls_of_a_nested_column_are_counted_in_its_rows():
    subject = parquet_subject({"s": pa.array([{"a": 1}, None])})

    (finding,) = check(subject, column_rule("s", not_null=True)).findings

    assert finding.message == "s: 1 of 2 rows are null, none may be"
