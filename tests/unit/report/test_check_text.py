"""What the terminal says of a check, and what programs are told."""

import json
import math
from dataclasses import replace

from datav.checks.finding import Checked
from datav.report.check_json import check_json
from datav.report.check_text import check_text
from datav.report.style import PLAIN, Style
from tests.support.findings import DRIFT, NULLS, ORDERS, QUIET, hostile, result

WIDE = 10_000


def test_findings_stand_below_their_dataset_and_one_line_says_all():
    text = check_text(result(ORDERS, QUIET), PLAIN, WIDE)

    assert text.splitlines() == [
        "data/orders.csv  2 errors, 1 warning, 12 promises looked at, 1 not",
        "  error  price      12 of 4,000 rows are null, none may be",
        "                    not_null: nulls 12, limit 0 from datav.toml:14; such as line 3, line 90",
        "  error  amount     values moved by 0.41, up to 0.06 is usual",
        "                    drift.ks: ks 0.4124, limit 0.06 from 30 past steps, most at 1a2b3c4d5e",
        "  warn   the table  4,000 rows are 1.74 times those before, at most 1.5 may be",
        "                    growth: growth 1.739, limit 1.5 from datav.toml:5",
        "  -      id         unique not checked: its data is not here",
        "data/users.csv  ok, 29 promises looked at",
        "checked HEAD (bbbbbbbbbb), compared with main (aaaaaaaaaa)",
        "2 errors, 1 warning in 1 of 2 datasets; 41 promises looked at, 1 not, rows read of 1",
        "next: what is meant to drift passes with `datav check --calibrate --against main`, "
        "committed with the data",
    ]


def test_what_is_meant_passes_only_where_the_gate_alone_could_have_let_it():
    drifted = replace(ORDERS, findings=(DRIFT,))
    usual = replace(result(drifted), against="HEAD^")

    assert "with `datav check --calibrate`, committed" in check_text(usual, PLAIN, WIDE).splitlines()[-1]
    for finding in (NULLS, replace(DRIFT, severity="warn")):
        text = check_text(result(replace(ORDERS, findings=(finding,))), PLAIN, WIDE)
        assert "next:" not in text


def test_one_reason_why_many_promises_were_not_looked_at_is_told_once():
    (missed,) = ORDERS.not_checked
    items = [replace(missed, rule=rule, column=column) for rule in ("min", "max") for column in "abc"]
    other = replace(missed, reason="it has no key")

    lines = check_text(result(Checked("a.csv", 0, (), (*items, other))), PLAIN, WIDE).splitlines()

    assert lines[1:3] == [
        "  -      6 promises  not checked: its data is not here",
        "  -      id          unique not checked: it has no key",
    ]


def test_a_check_that_saw_nothing_is_not_painted_good():
    blind = Checked("a.csv", 0, (), ORDERS.not_checked)

    last = check_text(result(blind), Style(True), WIDE).splitlines()[-1]

    assert last == Style(True).warn("1 dataset, nothing found; 0 promises looked at, 1 not, rows read of 0")


def test_long_texts_are_folded_to_the_terminal():
    long = replace(NULLS, message="price: " + "many words " * 30, examples=("x" * 500,))

    lines = check_text(result(replace(ORDERS, findings=(long, DRIFT))), PLAIN, 60).splitlines()

    assert max(map(len, lines[1:-2])) <= 60
    assert sum("many words" in line for line in lines) > 3


def test_colour_is_on_what_has_to_be_seen():
    text = check_text(result(ORDERS), Style(True), WIDE)

    assert "\x1b[31m  error\x1b[0m  price" in text
    assert "\x1b[33m  warn \x1b[0m  the table" in text


def test_nothing_in_data_commands_the_terminal():
    text = check_text(hostile(), PLAIN, WIDE)

    assert all(line.isprintable() for line in text.split("\n"))
    assert not any(line.lstrip().startswith("::") for line in text.split("\n"))


def test_a_dataset_of_which_nothing_was_looked_at_is_not_called_ok():
    checked = Checked("a.csv", 0, (), ORDERS.not_checked)

    assert check_text(result(checked), PLAIN, WIDE).splitlines()[0] == "a.csv  nothing looked at, 1 not"


def test_without_a_dataset_there_is_nothing_to_say():
    assert check_text(result(), PLAIN, WIDE).startswith("nothing to check: no dataset has changed")


def test_notes_stand_at_the_end():
    text = check_text(result(QUIET, notes=("limits of data/users.csv were never learned",)), PLAIN, WIDE)

    assert "note: limits of data/users.csv were never learned" in text


def test_shares_are_shown_as_percent():
    share = replace(NULLS, measure="null_fraction", value=0.0525, limit=0.02)

    assert "null_fraction 5.25 %, limit 2 % from" in check_text(
        result(replace(ORDERS, findings=(share,))), PLAIN, WIDE
    )


def test_json_has_every_field_of_a_finding():
    document = check_json(result(ORDERS, QUIET))

    assert document["ok"] is False
    assert (document["errors"], document["warnings"]) == (2, 1)
    assert document["datasets"][0]["findings"][0] == {
        "path": "data/orders.csv",
        "column": "price",
        "rule": "not_null",
        "severity": "error",
        "message": "price: 12 of 4,000 rows are null, none may be",
        "measure": "nulls",
        "value": 12,
        "limit": 0,
        "origin": "datav.toml:14",
        "line": 14,
        "examples": ["line 3", "line 90"],
    }
    assert document["datasets"][0]["not_checked"][0]["reason"] == "its data is not here"
    assert document["datasets"][1]["changed"] is False


def test_json_holds_only_numbers_that_json_has():
    endless = replace(NULLS, value=math.inf, limit=math.nan)

    document = check_json(result(replace(ORDERS, findings=(endless,))))

    assert json.loads(json.dumps(document, allow_nan=False))["datasets"][0]["findings"][0]["value"] is None


def test_what_else_moved_is_no_example():
    also = replace(DRIFT, examples=("mean 3 -> 4", "nulls 0 -> 1"))

    text = check_text(result(replace(ORDERS, findings=(also,))), PLAIN, WIDE)

    assert "; also: mean 3 -> 4; nulls 0 -> 1" in text


def test_examples_that_have_quotes_get_no_others():
    quoted = replace(NULLS, examples=('"a b"',))

    text = check_text(result(replace(ORDERS, findings=(quoted,))), PLAIN, WIDE)

    assert text.splitlines()[2].endswith('such as "a b"')


def test_an_age_is_shown_in_days():
    old = replace(NULLS, measure="age", value=864_000.0, limit=604_800.0)

    text = check_text(result(replace(ORDERS, findings=(old,))), PLAIN, WIDE)

    assert "not_null: age 10 days, limit 7 days from" in text
