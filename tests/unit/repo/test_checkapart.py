"""Rules taken apart: every promise is there once, and nothing else."""

from datav.repo.checkapart import take_apart
from datav.settings import parse_settings

TEXT = """datav = 1
[check."a.csv"]
columns = ["id"]
extra_columns = false
key_unique = true
rows = { min = 1 }
growth = { min = 1 }
schema_changes = "forbid"
meta = { source = true, "units.price" = "EUR" }
disjoint = { from = ["b.csv"], by = "row" }
sql = { paid = "price > 0" }
drift = "warn"
warn = ["rows"]
[check."a.csv".column.price]
type = "number"
in = [1, 2]
fresh = "7 days"
length = { min = 1 }
warn = ["in"]
[check."*.csv"]
columns = ["more"]
"""


def test_every_promise_is_yielded_once_with_its_line():
    rules = parse_settings(TEXT).checks

    found = list(take_apart(rules))

    assert [(each.rule, each.column) for each in found] == [
        ("columns", None),
        ("extra_columns", None),
        ("key_unique", None),
        ("rows", None),
        ("growth", None),
        ("schema_changes", None),
        ("meta", None),
        ("meta", None),
        ("disjoint", None),
        ("sql.paid", None),
        ("type", "price"),
        ("in", "price"),
        ("length", "price"),
        ("fresh", "price"),
        ("columns", None),
    ]
    lines = TEXT.splitlines()
    for each in found:
        assert each.line is not None
        assert lines[each.line - 1].startswith(each.rule.split(".")[0]), each


def test_a_single_promise_keeps_who_only_warns_and_other_names_are_no_extra_columns():
    rules = parse_settings(TEXT).checks

    found = {(each.rule, each.column): each.settings for each in take_apart(rules)}

    (rows,) = found["rows", None]
    assert (rows.rows, rows.key_unique, rows.column_checks) == (rules[0].rows, False, ())
    assert rows.warn == {"rows"}
    ((price,),) = [each.column_checks for each in found["in", "price"]]
    assert (price.one_of, price.type, price.warn) == ((1, 2), None, {"in"})
    extra = found["extra_columns", None]
    assert [each.extra_columns for each in extra] == [False, True]
    assert [each.columns for each in extra] == [("id",), ("more",)]
