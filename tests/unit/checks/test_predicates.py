"""Predicates in SQL: what they say of rows, and what they may not do."""

import sys
from pathlib import Path

import pyarrow as pa
import pytest

from datav.errors import UsageError
from tests.support.checking import TableSubject, check, csv_subject, parquet_subject, table_rule

pytest.importorskip("duckdb")

ORDERS = csv_subject(
    "id,price,refunded,day,code,Note\n"
    "1,5,false,2026-01-01,01,\n"
    "2,-5,true,2026-01-02,02,x\n"
    "3,,false,2026-01-03,03,y\n"
    "4,7.5,False,2026-01-04,04,z\n",
    key=("id",),
)


@pytest.mark.parametrize(
    "predicate",
    [
        "price >= 0 OR refunded",
        "price IS NULL OR abs(price) < 10 -- a comment",
        "day >= DATE '2026-01-01' AND day < '2026-02-01'",
        "code LIKE '0%' and length(code) = 2",
        "note <> 'q'",
        "\"Note\" <> 'q'",
        "NULL::boolean",
        "true",
        "id IN (1, 2, 3, 4)",
        "CASE WHEN price > 100 THEN refunded ELSE true END",
    ],
)
def test_a_predicate_that_holds_for_every_row_is_kept(predicate: str):
    found = check(ORDERS, table_rule(sql={"p": predicate}))

    assert (found.findings, found.rules, found.read_rows) == ((), 1, True)


def test_rows_for_which_a_predicate_is_false_are_counted_and_shown():
    (finding,) = check(ORDERS, table_rule(sql={"paid": "price >= 0"}, warn=frozenset({"sql.paid"}))).findings

    assert finding.message == '1 of 4 rows do not keep `price >= 0`: id="2" price="-5"'
    assert (finding.rule, finding.value, finding.severity, finding.origin) == (
        "sql.paid",
        1,
        "warn",
        "datav.toml:3",
    )
    assert finding.examples == ('id="2" price="-5"',)


def test_columns_that_have_types_keep_them():
    subject = parquet_subject(
        {
            "s": pa.array([{"a": 1}, {"a": 5}]),
            "xs": [[1, 2], [3]],
            "d": pa.array(["x", "y"]).dictionary_encode(),
        }
    )

    found = check(subject, table_rule(sql={"a": "s.a < 3", "b": "len(xs) = 2", "c": "d = 'x'"}))

    assert [each.value for each in found.findings] == [1, 1, 1]


def test_json_lines_are_asked_as_what_their_cells_are():
    subject = TableSubject(
        "t.jsonl", b'{"n": 1, "t": "2026-01-01", "o": {"k": "a"}}\n{"n": 2.5, "t": "2026-01-02"}\n'
    )

    found = check(
        subject, table_rule(sql={"a": "n < 2", "b": "t > TIMESTAMP '2026-01-01'", "c": "\"o.k\" = 'a'"})
    )

    assert [each.value for each in found.findings] == [1, 1]


def test_two_columns_that_differ_by_capitals_are_told_apart():
    subject = parquet_subject({"id": [1], "ID": [9]})

    assert [
        each.value for each in check(subject, table_rule(sql={"a": "ID = 9", "b": "id = 9"})).findings
    ] == [1]


def test_a_table_without_rows_keeps_every_predicate_that_is_one():
    empty = csv_subject("id,price\n")

    assert check(empty, table_rule(sql={"p": "price > 0"})).findings == ()
    with pytest.raises(UsageError):
        check(empty, table_rule(sql={"p": "price >"}))


@pytest.mark.parametrize(
    ("predicate", "reason"),
    [
        ("price >", "syntax error"),
        ("prize > 0", 'Referenced column "prize" not found'),
        ("price", "it is DOUBLE, and neither true nor false"),
        ("price > 0; DROP TABLE data", "syntax error"),
        ("true) FROM data WHERE (true", "more than one expression"),
        ("true), (true", "more than one expression"),
        ("true) UNION SELECT (true", "more than one expression"),
        ("price > (SELECT 1)", "more than one expression"),
        ("EXISTS (FROM data)", "more than one expression"),
        ("id IN (SELECT 1)", "more than one expression"),
        ("COLUMNS(*) > 0", "it has a star"),
        ("sum(price) > 0", "aggregate"),
        ("row_number() OVER () > 0", "window"),
        ("price > ?", "parameter"),
        ("getenv('HOME') = ''", "getenv"),
        ("read_text('/etc/passwd') = ''", "read_text"),
        ("x" * 20_000, "longer than"),
        ("(" * 5000 + "true" + ")" * 5000, ""),
        ("REPEAT('x', 2000000000) = code", "repeat is not allowed"),
        ("bitstring('1', 2000000000) IS NULL", "bitstring is not allowed"),
        ("sleep_ms(60000) IS NULL", "sleep_ms is not allowed"),
    ],
    ids=lambda each: each[:20],
)
def test_what_is_no_predicate_is_refused_with_its_line(predicate: str, reason: str):
    with pytest.raises(UsageError) as error:
        check(ORDERS, table_rule(sql={"p": predicate}))

    text = str(error.value)
    assert text.startswith("datav.toml:3: `sql.p`: ")
    assert reason in text
    assert text.isprintable()
    assert len(text) < 400


def test_a_column_that_is_not_there_is_told_with_those_that_are():
    with pytest.raises(UsageError) as error:
        check(ORDERS, table_rule(sql={"p": "price > prize"}))

    assert str(error.value).endswith('Referenced column "prize" not found in FROM clause!')
    assert error.value.hint is not None
    assert "`price` float64; there are also `id`, `refunded`" in error.value.hint


def test_a_predicate_reaches_no_file(tmp_path: Path):
    (tmp_path / "a.csv").write_text("secret\n")
    for call in ("read_csv", "glob", "parquet_metadata"):
        with pytest.raises(UsageError):
            check(ORDERS, table_rule(sql={"p": f"{call}('{tmp_path / 'a.csv'}') IS NULL"}))


def test_without_duckdb_a_predicate_names_the_extra(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "duckdb", None)

    with pytest.raises(UsageError, match="DuckDB, which is not installed") as error:
        check(ORDERS, table_rule(sql={"p": "true"}))

    assert error.value.hint == "run `pip install 'datav[sql]'`"
    assert check(ORDERS, table_rule(columns=("id",))).findings == ()


def test_hostile_cells_are_shown_in_one_line():
    subject = parquet_subject({"id": ["\x1b[2J\n" + "y" * 500]})

    (finding,) = check(subject, table_rule(sql={"p\n\x1b": "id = 'a'\n\t"})).findings

    assert all(each.isprintable() for each in (finding.message, *finding.examples))


def test_a_row_that_has_no_answer_breaks_the_promise():
    """Bad data is a finding: other promises are looked at all the same."""
    found = check(
        csv_subject("id,note\n1,5\n2,x\n3,7\n"), table_rule(sql={"p": "note::INTEGER > 1", "q": "id > 0"})
    )

    (finding,) = found.findings
    assert finding.message.startswith("`note::INTEGER > 1` has no answer for some row: Conversion Error")
    assert (finding.rule, finding.value, finding.severity) == ("sql.p", None, "error")
    assert found.rules == 2
