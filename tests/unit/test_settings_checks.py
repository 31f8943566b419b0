"""`[check."GLOB"]` of datav.toml: what it means, and what is refused, in which line, with which choices."""

import dataclasses
import itertools
import random
import re

import pyarrow
import pyarrow.compute
import pytest

from datav.errors import UsageError
from datav.settings import checkvalues, parse_settings
from datav.settings.checks import Bounds, CheckSettings, ColumnChecks, Disjoint, Reference
from datav.settings.toml import Malformed

TABLE = 'datav = 1\n\n# Promises.\n[check."*.csv"]\n'
COLUMN = f"{TABLE}[check.'*.csv'.column.price]\n"

CHANGES = '"forbid", "additive" and "any"'
DRIFT = '"error", "warn" and "off"'
TYPES = '"integer", "number", "boolean", "text", "date", "timestamp", "binary" and "list"'
OF_TABLES = (
    "`columns`, `extra_columns`, `key_unique`, `rows`, `growth`, `schema_changes`, `meta`, `disjoint`, "
    "`sql`, `drift`, `warn` and `column`"
)
OF_COLUMNS = (
    "`type`, `not_null`, `null_fraction`, `unique`, `min`, `max`, `in`, `matches`, `length`, `fresh`, "
    "`references`, `documented_in`, `balance` and `warn`"
)
POLICY = "does not say which changes of the schema are allowed"
DRIFTS = "does not say what becomes of drift"
CELL = "has something that is neither a text nor a number nor true nor false"
CROSSED = ("is greater than `max`", "no value is in between; both ends are allowed")
OUTSIDE = "is empty, absolute, or has an empty, `.` or `..` part"
SET_ROWS = '`[check."*.csv"]` sets "rows"'
COLUMNS = 'such as `columns = ["id", "price"]`'
DISJOINT = 'such as `disjoint = { from = ["data/test.csv"], by = "key" }`'
BY = 'there are "key", "row" and a list of columns such as ["id"]'
META = 'such as `meta = { encoding = "utf-8", source = true }`; true stands for anything'
SQL = 'such as `sql = { paid = "price >= 0 OR refunded" }`'
TIME = 'such as `0`, `"2024-01-31"` or `"2024-01-31T12:00:00Z"`'
PATH = 'a path from the root of the repository, such as "data/countries.csv"'
VALUES = 'such as `in = ["a", "b"]` or `in = [1, 2]`'
RE2 = "the syntax is that of RE2: `.*` is anything, no looking around; the whole cell must fit"
AGE = 'such as "7 days"; there are minutes, hours, days and weeks'
SHARE = "it is a share: `0.02` is 2 %"
UNKNOWN = "is not a setting that datav knows"


def bounds(name: str, example: str) -> str:
    return f"such as `{name} = {{ {example} }}`"


ROWS = bounds("rows", "min = 1, max = 1000")
LENGTH = bounds("length", "min = 1, max = 1000")
GROWTH = bounds("growth", "min = 0.9, max = 1.5")
BALANCE = bounds("balance", "min = 0.05, max = 0.9")


def reference(name: str) -> str:
    return f'such as `{name} = {{ table = "data/countries.csv", column = "code" }}`'


def table(lines: str) -> CheckSettings:
    (checks,) = parse_settings(TABLE + lines).checks
    return checks


def column(lines: str) -> ColumnChecks:
    (checks,) = parse_settings(COLUMN + lines).checks[0].column_checks
    return checks


# --- what is right

# By property: what is written, and what it becomes.
RIGHT_OF_TABLES = {
    "columns": [('columns = ["id", "price"]', ("id", "price"))],
    "extra_columns": [("extra_columns = false", False), ("extra_columns = true", True)],
    "key_unique": [("key_unique = true", True), ("key_unique = false", False)],
    "rows": [("rows = { min = 1000 }", Bounds(1000, None)), ("rows.max = 0", Bounds(None, 0))],
    "growth": [("growth = { min = 0.9, max = 1.5 }", Bounds(0.9, 1.5)), ("growth.min = 1", Bounds(1, None))],
    "schema_changes": [(f'schema_changes = "{policy}"', policy) for policy in ("forbid", "additive", "any")],
    "meta": [
        ('meta = { encoding = "utf-8", source = true }', {"encoding": "utf-8", "source": None}),
        ('meta = ["source", "units.price"]', {"source": None, "units.price": None}),
        ('meta = { "units.price" = "EUR" }', {"units.price": "EUR"}),
        ('meta.units.price = "EUR"\nmeta.units.weight = true', {"units.price": "EUR", "units.weight": None}),
    ],
    "disjoint": [
        ('disjoint = { from = ["a.csv", "b/c.csv"], by = "key" }', Disjoint(("a.csv", "b/c.csv"), "key")),
        ('disjoint = { from = ["a.csv"], by = "row" }', Disjoint(("a.csv",), "row")),
        ('disjoint = { from = ["a.csv"], by = ["key"] }', Disjoint(("a.csv",), ("key",))),
    ],
    "sql": [('sql = { paid = "price > 0", "a b" = "true" }', {"paid": "price > 0", "a b": "true"})],
    "drift": [(f'drift = "{policy}"', policy) for policy in ("error", "warn", "off")],
    "warn": [
        ('rows.min = 1\ngrowth.min = 1\nwarn = ["rows"]', {"rows"}),
        ('sql = { a = "x", b = "y" }\nwarn = ["sql.a"]', {"sql.a"}),
        ('sql = { a = "x", b = "y" }\nwarn = ["sql"]', {"sql", "sql.a", "sql.b"}),
    ],
}
RIGHT_OF_COLUMNS = {
    "type": [(f"type = {kind}", kind.strip('"')) for kind in re.findall('"[a-z]+"', TYPES)],
    "not_null": [("not_null = true", True)],
    "null_fraction": [("null_fraction = 0.02", 0.02), ("null_fraction = 0", 0.0), ("null_fraction = 1", 1.0)],
    "unique": [("unique = true", True)],
    "min": [
        ("min = 0", 0),
        ("min = -1.5", -1.5),
        ('min = "2024-01-31"', "2024-01-31"),
        ('min = "2024-01-31 12:00:00.5+02:00"', "2024-01-31 12:00:00.5+02:00"),
        ("min = 2024-01-31", "2024-01-31"),
        ("min = 2024-01-31 12:00:00", "2024-01-31T12:00:00"),
    ],
    "max": [
        ("min = 5\nmax = 5", 5),
        ("max = 2024-01-31T12:00:00Z", "2024-01-31T12:00:00+00:00"),
        ('min = 2024-01-31\nmax = "2024-01-31T00:00:00Z"', "2024-01-31T00:00:00Z"),
    ],
    "in": [
        ('in = ["a", ""]', ("a", "")),
        ("in = [1, 2.5, true]", (1, 2.5, True)),
        ("in = [2024-01-31]", ("2024-01-31",)),
    ],
    "matches": [
        ('matches = "[A-Z]{2}"', "[A-Z]{2}"),
        (r"matches = '\pL+[[:digit:](]\z'", r"\pL+[[:digit:](]\z"),
        (r"matches = '[(?=]\(\?=\\1\12'", r"[(?=]\(\?=\\1\12"),
        (r"matches = '\Q(?=\1\E'", r"\Q(?=\1\E"),
    ],
    "length": [("length = { min = 1, max = 80 }", Bounds(1, 80))],
    "fresh": [
        ('fresh = "7 days"', 604800.0),
        ('fresh = "1 day"', 86400.0),
        ('fresh = "36 hours"', 129600.0),
        ('fresh = "1.5 Hours"', 5400.0),
        ('fresh = "30 minutes"', 1800.0),
        ('fresh = "2weeks"', 1209600.0),
    ],
    "references": [('references = { table = "a/b.csv", column = "c" }', Reference("a/b.csv", "c"))],
    "documented_in": [('documented_in.table = "b.csv"\ndocumented_in.column = "c"', Reference("b.csv", "c"))],
    "balance": [("balance = { max = 0.9 }", Bounds(None, 0.9)), ("balance = { min = 0 }", Bounds(0, None))],
    "warn": [('min = 1\nmax = 2\nwarn = ["max", "min"]', {"min", "max"})],
}


def each(examples):
    return [
        pytest.param(name, *example, id=example[0])
        for name, several in examples.items()
        for example in several
    ]


@pytest.mark.parametrize(("name", "line", "value"), each(RIGHT_OF_TABLES))
def test_a_table_promises_what_is_written(name, line, value):
    assert getattr(table(line), name) == value


@pytest.mark.parametrize(("name", "line", "value"), each(RIGHT_OF_COLUMNS))
def test_a_column_promises_what_is_written(name, line, value):
    field = {"in": "one_of", "fresh": "fresh_s"}.get(name, name)

    assert getattr(column(line), field) == value


def test_what_is_not_said_is_not_promised():
    assert table("") == CheckSettings("*.csv")
    assert column("") == ColumnChecks("price")
    assert parse_settings("datav = 1\n").checks == ()


def test_rules_and_columns_keep_the_order_of_the_file():
    checks = parse_settings(
        'datav = 1\n[check."b/*".column.z]\n[check."a"]\n'
        '[check."b/*".column."a.b"]\n[check."b/*"]\nkey_unique = true\n'
    ).checks

    assert [each.glob for each in checks] == ["b/*", "a"]
    assert [each.name for each in checks[0].column_checks] == ["z", "a.b"]


def test_each_property_knows_its_line():
    first = table('columns = [\n  "a",\n]\nsql = { a = "x" }\nmeta.a = true\nwarn = ["sql.a"]\n')
    second = column("in = [\n1\n]\nmin = 1\r\nmax = 2\n")

    assert first.lines == {"columns": 5, "sql": 8, "sql.a": 8, "meta": 9, "warn": 10}
    assert second.lines == {"in": 6, "min": 9, "max": 10}


# --- what is wrong

# By property: what is written, what is said of which key in which line after the header, and the hint.
WRONG_OF_TABLES = {
    "columns": [
        ("columns = []", 1, "columns", "names no column", COLUMNS),
        ('columns = "id"', 1, "columns", "is not a list of columns", COLUMNS),
        ('columns = ["id",\n3]', 2, "columns", "has something that is no column", COLUMNS),
        ('columns = ["id", "a",\n"id"]', 2, "columns", "names the column `id` twice", None),
        (
            "[check.'*.csv'.columns.id]\nunique = true", 1, "columns", "is not a list of columns",
            'what one column promises stands below `[check."*.csv".column.id]`',
        ),
    ],
    "extra_columns": [
        ("extra_columns = 0", 1, "extra_columns", "is neither true nor false", None),
        ('extra_columns = "no"', 1, "extra_columns", "is neither true nor false", None),
    ],
    "key_unique": [
        ('key_unique = ["id"]', 1, "key_unique", "is neither true nor false", None),
        ("key_unique = 1", 1, "key_unique", "is neither true nor false", None),
    ],
    "rows": [
        ("rows = 1000", 1, "rows", "is not a table of `min` and `max`", ROWS),
        ("rows = {}", 1, "rows", "has neither `min` nor `max`", ROWS),
        ("rows.min = 1\nrows.max = -1", 2, "rows.max", "is not a whole number of at least 0", ROWS),
        ("rows = { min = 1.5 }", 1, "rows.min", "is not a whole number of at least 0", ROWS),
        ("rows = { min = true }", 1, "rows.min", "is not a whole number of at least 0", ROWS),
        (
            "rows = { min = 2, max = 1 }", 1, "rows.min", *CROSSED,
        ),
        ("rows = { least = 2 }", 1, "rows.least", UNKNOWN, "there are `min` and `max`"),
        ("rows = { mn = 2 }", 1, "rows.mn", UNKNOWN, "did you mean `min`? there are `min` and `max`"),
    ],
    "growth": [
        ("growth = 1.5", 1, "growth", "is not a table of `min` and `max`", GROWTH),
        ("growth = { min = -0.1 }", 1, "growth.min", "is not a number of at least 0", GROWTH),
        ("growth = { max = inf }", 1, "growth.max", "is not a number of at least 0", GROWTH),
        ('growth = { max = "50 %" }', 1, "growth.max", "is not a number of at least 0", GROWTH),
    ],
    "schema_changes": [
        (
            'schema_changes = "additiv"', 1, "schema_changes",
            POLICY,
            f'did you mean "additive"? there are {CHANGES}',
        ),
        (
            "schema_changes = false", 1, "schema_changes",
            POLICY, f"there are {CHANGES}",
        ),
    ],
    "meta": [
        ('meta = "source"', 1, "meta", "is neither a table nor a list of names", META),
        ("meta = {}", 1, "meta", "names nothing", META),
        ("meta = []", 1, "meta", "names no name", META),
        ("meta = [1]", 1, "meta", "has something that is no name", META),
        ("meta = { source = false }", 1, "meta.source", "is neither true nor a text", META),
        ("meta.a = true\nmeta.units.x = 3", 2, "meta.units.x", "is neither true nor a text", META),
        ('meta = { "" = true }', 1, 'meta.""', "has no name", META),
        ('meta."a.b" = true\nmeta.a.b = true', 2, "meta.a", "is said twice, once with dots", META),
    ],
    "disjoint": [
        ('disjoint = "test.csv"', 1, "disjoint", "is not a table of `from` and `by`", DISJOINT),
        ('disjoint = { by = "key" }', 1, "disjoint", "does not say `from`", DISJOINT),
        ('disjoint = { from = ["a.csv"] }', 1, "disjoint", "does not say `by`", DISJOINT),
        ('disjoint = { from = [], by = "key" }', 1, "disjoint.from", "names no table", DISJOINT),
        ('disjoint = { from = "a.csv", by = "key" }', 1, "disjoint.from", "is not a list of tables",
         DISJOINT),
        (
            'disjoint = { from = [\n"a.csv",\n"/b.csv"], by = "key" }', 3, "disjoint.from",
            f"is no path of a table: path '/b.csv' {OUTSIDE}", PATH,
        ),
        (
            'disjoint = { from = ["a", "a"], by = "key" }', 1, "disjoint.from", "names the table `a` twice",
             None,
        ),
        ('disjoint = { from = ["a"], by = [] }', 1, "disjoint.by", "names no column", BY),
        ('disjoint = { from = ["a"], by = "keys" }', 1, "disjoint.by", "does not say by what",
         f'did you mean "key"? {BY}'),
        ('disjoint = { from = ["a"], by = 1 }', 1, "disjoint.by", "is not a list of columns", BY),
        ('disjoint = { form = ["a"] }', 1, "disjoint.form", UNKNOWN,
         "did you mean `from`? there are `from` and `by`"),
    ],
    "sql": [
        ('sql = "price > 0"', 1, "sql", "is not a table of names and predicates", SQL),
        ("sql = {}", 1, "sql", "has no predicates", SQL),
        ('sql.a = "true"\nsql.paid = " "', 2, "sql.paid", "is not a predicate in SQL", SQL),
        ("sql = { paid = true }", 1, "sql.paid", "is not a predicate in SQL", SQL),
        ('sql = { "" = "x" }', 1, 'sql.""', "has no name that could be shown", SQL),
        ('sql = { "a\\nb" = "x" }', 1, 'sql."a\\nb"', "has no name that could be shown", SQL),
    ],
    "drift": [
        ('drift = "of"', 1, "drift", DRIFTS, f'did you mean "off"? there are {DRIFT}'),
        ("drift = false", 1, "drift", DRIFTS, f"there are {DRIFT}"),
        ('drift = ["warn"]', 1, "drift", DRIFTS, f"there are {DRIFT}"),
    ],
    "warn": [
        ('rows.min = 1\nwarn = "rows"', 2, "warn", "is not a list of properties", SET_ROWS),
        ("warn = []", 1, "warn", "names no property", None),
        ("rows.min = 1\nwarn = [\n3]", 3, "warn", "has something that is no property",
         SET_ROWS),
        ('rows.min = 1\nwarn = ["row"]', 2, "warn", "names `row`, which is not set beside it",
         'did you mean "rows"? `[check."*.csv"]` sets "rows"'),
        ('warn = ["rows"]', 1, "warn", "names `rows`, which is not set beside it",
         "name what must be kept, then what only warns"),
        ('sql = { a = "x" }\nwarn = ["sql.b"]', 2, "warn", "names `sql.b`, which is not set beside it",
         'did you mean "sql.a"? `[check."*.csv"]` sets "sql" and "sql.a"'),
        ('drift = "error"\nwarn = ["drift"]', 2, "warn", "names `drift`, which says so itself",
         '`drift = "warn"`'),
    ],
    "what is no property": [
        ("key_uniqe = true", 1, "key_uniqe", UNKNOWN,
         f"did you mean `key_unique`? of a table there are {OF_TABLES}"),
        ("\nzzz = true", 2, "zzz", UNKNOWN, f"of a table there are {OF_TABLES}"),
        ("not_null = true", 1, "not_null", UNKNOWN,
         'it is promised of a column, below `[check."*.csv".column.NAME]`'),
        ("column = 1", 1, "column", "is not a table", None),
        ("column.price = 1", 1, "column.price", "is not a table", None),
    ],
}  # fmt: skip
WRONG_OF_COLUMNS = {
    "type": [
        ('type = "int"', 1, "type", "is no type of columns", f'did you mean "integer"? there are {TYPES}'),
        ('type = "string"', 1, "type", "is no type of columns", f"there are {TYPES}"),
        ('type = "Numbers"', 1, "type", "is no type of columns", f'did you mean "number"? there are {TYPES}'),
        ("type = 1", 1, "type", "is no type of columns", f"there are {TYPES}"),
    ],
    "not_null": [
        ('not_null = "true"', 1, "not_null", "is neither true nor false", None),
        ("not_null = 1", 1, "not_null", "is neither true nor false", None),
    ],
    "null_fraction": [
        ("null_fraction = 2", 1, "null_fraction", "is not a number from 0 to 1", SHARE),
        ("null_fraction = -0.1", 1, "null_fraction", "is not a number from 0 to 1", SHARE),
        ("null_fraction = nan", 1, "null_fraction", "is not a number from 0 to 1", SHARE),
        ("null_fraction = true", 1, "null_fraction", "is not a number from 0 to 1", SHARE),
        ('null_fraction = "2 %"', 1, "null_fraction", "is not a number from 0 to 1", SHARE),
    ],
    "unique": [
        ('unique = "yes"', 1, "unique", "is neither true nor false", None),
        ("unique = []", 1, "unique", "is neither true nor false", None),
    ],
    "min": [
        ("min = 2\nmax = 1", 1, "min", *CROSSED),
        ('max = 2024-01-31\nmin = "2024-01-31T00:00:01Z"', 2, "min", *CROSSED),
        ('min = "2024-01-31"\nmax = 3', 1, "min", "is a time and `max` is a number", TIME),
        ("min = 3\nmax = 2024-01-31", 1, "min", "is a number and `max` is a time", TIME),
        ('min = "a"', 1, "min", "is neither a number nor a date or a timestamp", TIME),
        ("min = true", 1, "min", "is neither a number nor a date or a timestamp", TIME),
        ("min = -inf", 1, "min", "is neither a number nor a date or a timestamp", TIME),
        ("min = 12:00:00", 1, "min", "is neither a number nor a date or a timestamp", TIME),
        (f"min = 1{'0' * 400}", 1, "min", "is neither a number nor a date or a timestamp", TIME),
    ],
    "max": [
        ('max = "20240131"', 1, "max", "is neither a number nor a date or a timestamp", TIME),
        ("max = nan", 1, "max", "is neither a number nor a date or a timestamp", TIME),
        ('max = "2024-02-30"', 1, "max", "is a time that no calendar has", TIME),
    ],
    "in": [
        ("in = []", 1, "in", "has no values: no cell could be one of them", VALUES),
        ('in = "a"', 1, "in", "is not a list of values", VALUES),
        ('in = ["a",\n[]]', 2, "in", CELL, VALUES),
        ("in = [nan]", 1, "in", CELL, VALUES),
    ],
    "matches": [
        ('matches = "*.csv"', 1, "matches",
         "is not a regular expression of RE2: nothing to repeat at position 0", RE2),
        ('matches = "(a"', 1, "matches",
         "is not a regular expression of RE2: missing ), unterminated subpattern at position 0", RE2),
        ('matches = "[a"', 1, "matches",
         "is not a regular expression of RE2: unterminated character set at position 0", RE2),
        ('matches = "a(?!b)"', 1, "matches", "is not a regular expression of RE2: `(?!`", RE2),
        (r"matches = '(a)\1'", 1, "matches", "is not a regular expression of RE2: a back reference", RE2),
        ("matches = 3", 1, "matches", "is not a regular expression", 'such as `matches = "[A-Z]{2}"`'),
        ('matches = ""', 1, "matches", "is not a regular expression", 'such as `matches = "[A-Z]{2}"`'),
    ],
    "length": [
        ("length = 80", 1, "length", "is not a table of `min` and `max`", LENGTH),
        ("length = { max = 1.5 }", 1, "length.max", "is not a whole number of at least 0", LENGTH),
        ("length = { size = 1 }", 1, "length.size", UNKNOWN, "there are `min` and `max`"),
    ],
    "fresh": [
        ("fresh = 7", 1, "fresh", "is no time span", AGE),
        ('fresh = "7 dayz"', 1, "fresh", "is no time span", AGE),
        ('fresh = "0 days"', 1, "fresh", "is no time span", AGE),
        ('fresh = "-1 days"', 1, "fresh", "is no time span", AGE),
        ('fresh = "1 month"', 1, "fresh", "is no time span", AGE),
        ('fresh = "99999999999 weeks"', 1, "fresh", "is no time span", AGE),
    ],
    "references": [
        ('references = "a.csv"', 1, "references", "is not a table of `table` and `column`",
         reference("references")),
        ('references = { table = "a.csv" }', 1, "references", "does not say which `column`",
         reference("references")),
        ('references.column = "a"', 1, "references", "does not say which `table`", reference("references")),
        ('references = { table = "a.csv", column = "" }', 1, "references.column", "is no name of a column",
         reference("references")),
        ('references = { table = 1, column = "a" }', 1, "references.table", "is no path of a table", PATH),
        ('references = { table = "../a.csv", column = "a" }', 1, "references.table",
         f"is no path of a table: path '../a.csv' {OUTSIDE}", PATH),
        ('references = { table = "a.csv", colum = "a" }', 1, "references.colum", UNKNOWN,
         "did you mean `column`? there are `table` and `column`"),
    ],
    "documented_in": [
        ("documented_in = true", 1, "documented_in", "is not a table of `table` and `column`",
         reference("documented_in")),
        ('documented_in.table = "a"\ndocumented_in.column = 3', 2, "documented_in.column",
         "is no name of a column", reference("documented_in")),
    ],
    "balance": [
        ("balance = 0.5", 1, "balance", "is not a table of `min` and `max`", BALANCE),
        ("balance = { min = 5 }", 1, "balance.min", "is not a number from 0 to 1", BALANCE),
        ("balance = { min = 0.9, max = 0.1 }", 1, "balance.min", *CROSSED),
    ],
    "warn": [
        ('min = 1\nwarn = ["max"]', 2, "warn", "names `max`, which is not set beside it",
         '`[check."*.csv".column.price]` sets "min"'),
        ("min = 1\nwarn = true", 2, "warn", "is not a list of properties",
         '`[check."*.csv".column.price]` sets "min"'),
    ],
    "what is no property": [
        ("min = 1\nnot_nul = true", 2, "not_nul", UNKNOWN,
         f"did you mean `not_null`? of a column there are {OF_COLUMNS}"),
        ("rows.min = 1", 1, "rows", UNKNOWN, 'it is promised of the whole table, below `[check."*.csv"]`'),
        ("qqqq = 1", 1, "qqqq", UNKNOWN, f"of a column there are {OF_COLUMNS}"),
    ],
}  # fmt: skip


def refused(text: str) -> UsageError:
    with pytest.raises(UsageError) as error:
        parse_settings(text)
    return error.value


@pytest.mark.parametrize(("name", "lines", "line", "key", "what", "hint"), each(WRONG_OF_TABLES))
def test_what_no_table_can_promise_is_refused_with_its_line_and_the_choices(
    name, lines, line, key, what, hint
):
    error = refused(TABLE + lines + "\n")

    assert str(error) == f'datav.toml:{4 + line}: `check."*.csv".{key}` {what}'
    assert error.hint == hint


@pytest.mark.parametrize(("name", "lines", "line", "key", "what", "hint"), each(WRONG_OF_COLUMNS))
def test_what_no_column_can_promise_is_refused_with_its_line_and_the_choices(
    name, lines, line, key, what, hint
):
    error = refused(COLUMN + lines + "\n")

    assert str(error) == f'datav.toml:{5 + line}: `check."*.csv".column.price.{key}` {what}'
    assert error.hint == hint


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("check = 1", "2: `check` is not a table", None),
        ("[[check]]", "2: `check` is not a table", None),
        ("check.x = 1", "2: `check.x` is not a table", None),
        ('[check.""]', '2: `check.""` is for no paths', '`[check."*.csv"]` is for all CSV files'),
        (
            "[check.orders.csv]\nkey_unique = true",
            "2: `check.orders.csv` is not a setting that datav knows",
            'a pattern with a dot stands in quotes: `[check."orders.csv"]`',
        ),
        (
            "[check]\nrows = { min = 1 }",
            "3: `check.rows.min` is not a setting that datav knows",
            'what is promised of a table stands below its pattern: `[check."data/*.csv"]`',
        ),
    ],
)
def test_what_is_for_no_paths_is_refused(text, said, hint):
    error = refused(f"datav = 1\n{text}\n")

    assert (str(error), error.hint) == (f"datav.toml:{said}", hint)


def test_every_property_has_right_and_malformed_examples():
    names = {"one_of": "in", "fresh_s": "fresh"}
    of_tables = {field.name for field in dataclasses.fields(CheckSettings)} - {
        "glob",
        "column_checks",
        "lines",
    }
    of_columns = {names.get(f.name, f.name) for f in dataclasses.fields(ColumnChecks)} - {"name", "lines"}

    assert set(RIGHT_OF_TABLES) == of_tables
    assert set(RIGHT_OF_COLUMNS) == of_columns
    for properties, wrong in ((of_tables, WRONG_OF_TABLES), (of_columns, WRONG_OF_COLUMNS)):
        assert {name for name, examples in wrong.items() if len(examples) >= 2} >= properties


PIECES = [
    "a",
    "(",
    ")",
    "[",
    "]",
    "(?:",
    "(?=",
    "(?P<n>",
    "(?P=n)",
    r"\1",
    r"\12",
    r"\8",
    r"\\",
    "*",
    "{2}",
    "|",
]
PIECES += [
    "[[:alpha:]]",
    "[^",
    r"\Q",
    r"\E",
    r"\pL",
    "(?i)",
    "(?>",
    "{3,1}",
    "^",
    "$",
    "?",
    "+",
    "\\",
    "(?#x)",
]


def test_only_patterns_that_re2_refuses_are_refused():
    several = list(itertools.product(PIECES, repeat=3))
    refusals = 0
    for pattern in map("".join, random.Random(8).sample(several, 4000)):
        try:
            checkvalues.pattern(pattern, ("matches",))
        except Malformed:
            refusals += 1
            with pytest.raises(pyarrow.ArrowInvalid):
                pyarrow.compute.match_substring_regex(pyarrow.array([""]), pattern)
    assert refusals > 1000
