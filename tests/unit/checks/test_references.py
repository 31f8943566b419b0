"""Values that must be in another table; rows that must not."""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pytest

from datav.errors import TableError
from datav.profiles.profile import TableProfile
from datav.settings.checks import CheckSettings, Disjoint, Reference
from tests.support.checking import TableSubject, check, column_rule, csv_subject, parquet_subject, table_rule

MANY = 700
BIG = pa.array([2**64 - 1], pa.uint64())


def numbers(count: int, path: str, name: str = "code") -> TableSubject:
    return csv_subject(f"{name},n\n" + "".join(f"{n},1\n" for n in range(count)), path)


def jsonl(name: str, cells: list[str], path: str) -> TableSubject:
    return TableSubject(path, "".join(f'{{"{name}": {cell}}}\n' for cell in cells).encode())


@pytest.mark.parametrize("rule", ["references", "documented_in"])
@pytest.mark.parametrize(
    ("subject", "other"),
    [
        (csv_subject("x,n\nb,1\n,2\n"), csv_subject("code,n\na,1\nb,2\n", "o")),
        (csv_subject("x,n\n1,1\n"), csv_subject("code,n\n1.0,1\n", "o")),
        (csv_subject("x,n\n01,1\n"), csv_subject("code,n\n01,1\nA,2\n", "o")),
        (csv_subject("x,n\n10,1\n"), csv_subject("code,n\n01,1\n10,2\n", "o")),
        (csv_subject("x,n\n1,1\n"), parquet_subject({"code": [1, None]}, "o")),
        (csv_subject("x,n\n1.5,1\n"), parquet_subject({"code": [1.5]}, "o")),
        (csv_subject("x,n\n2026-01-01,1\n"), parquet_subject({"code": pa.array([20454], pa.date32())}, "o")),
        (
            parquet_subject({"x": BIG}),
            parquet_subject({"code": pa.array([2**64 - 1], pa.uint64())}, "o"),
        ),
        (jsonl("x", ['"a"', "null"], "t.jsonl"), csv_subject("code,n\na,1\n", "o")),
        (csv_subject("x,n\n"), csv_subject("code,n\n", "o")),
        (numbers(5, "t", "x"), numbers(MANY, "o")),
        (numbers(MANY, "t", "x"), numbers(MANY, "o")),
        (csv_subject("x,n\nnan,1\n"), csv_subject("code,n\nnan,1\n", "o")),
    ],
    ids=lambda each: each.path,
)
def test_values_that_are_there_are_fine(rule: str, subject: TableSubject, other: TableSubject):
    found = check(subject, column_rule(**{rule: Reference(other.path, "code")}), others=[other])

    assert (found.findings, found.not_checked, found.rules) == ((), (), 1)


@pytest.mark.parametrize(
    ("subject", "other", "message"),
    [
        (
            csv_subject("x,n\nb,1\nc,2\nc,3\n"),
            csv_subject("code,n\na,1\nb,2\n", "o"),
            'x: 2 of 3 cells are not in o, column `code`: 1 value, "c"',
        ),
        (
            numbers(MANY, "t", "x"),
            numbers(MANY - 2, "o"),
            "x: 2 of 700 cells are not in o, column `code`: 2 different values, 698",
        ),
        (
            parquet_subject({"x": BIG}),
            parquet_subject({"code": pa.array([2**64 - 2], pa.uint64())}, "o"),
            'x: 1 of 1 cell is not in o, column `code`: 1 value, "18446744073709551615"',
        ),
        (
            parquet_subject({"x": [2**53 + 1]}),
            parquet_subject({"code": [2**53]}, "o"),
            "x: 1 of 1 cell is not in o, column `code`: 1 value, 9007199254740993",
        ),
        (csv_subject("x,n\n1,2\n"), csv_subject("z\n1\n", "o"), "x: o has no column `code`"),
        (csv_subject("x,n\n1,2\n"), csv_subject("z\n1\n", "other"), "x: o, which it speaks of, is not there"),
    ],
    ids=lambda each: str(each)[:40],
)
def test_values_that_are_not_there_are_found(subject: TableSubject, other: TableSubject, message: str):
    (finding,) = check(subject, column_rule(references=Reference("o", "code")), others=[other]).findings

    assert finding.message == message


def test_few_values_on_both_sides_are_compared_without_a_row():
    subject, other = csv_subject("x,n\n1,2\n" * 1), csv_subject("code,n\n1,2\n", "o")
    subject.may_read = other.may_read = False

    assert check(subject, column_rule(references=Reference("o", "code")), others=[other]).read_rows is False


# Splits

TRAIN = csv_subject("id,x\n1,a\n2,b\n3,c\n", "train.csv", key=("id",))


@pytest.mark.parametrize(
    ("by", "other"),
    [
        ("key", csv_subject("id,x\n4,a\n", "o")),
        ("row", csv_subject("x,id\na,4\n", "o")),
        (("x",), csv_subject("id,x\n1,d\n", "o")),
        ("key", csv_subject("id,x\n", "o")),
        ("key", parquet_subject({"id": [4, None]}, "o")),
        ("row", parquet_subject({"x": ["b"], "id": [1]}, "o")),
    ],
    ids=lambda each: str(each)[:30],
)
def test_tables_without_a_common_row_are_fine(by: Any, other: TableSubject):
    found = check(TRAIN, table_rule(disjoint=Disjoint((other.path,), by)), others=[other])

    assert (found.findings, found.not_checked, found.rules) == ((), (), 1)


@pytest.mark.parametrize(
    ("by", "other", "message", "examples"),
    [
        (
            "key",
            csv_subject("id,x\n3,z\n2,z\n", "o"),
            "2 of 3 rows are in o too, by key `id`",
            ('id="2"', 'id="3"'),
        ),
        ("row", csv_subject("x,id\nb,2\n", "o"), "1 of 3 rows are in o too, by all cells", ('id="2" x="b"',)),
        (("x",), csv_subject("id,x\n9,c\n", "o"), "1 of 3 rows are in o too, by `x`", ('x="c"',)),
        (
            "key",
            parquet_subject({"id": [3.0, 7.5]}, "o"),
            "1 of 3 rows are in o too, by key `id`",
            ('id="3"',),
        ),
        (
            "row",
            parquet_subject({"x": ["b"], "id": [2]}, "o"),
            "1 of 3 rows are in o too, by all cells",
            ('id="2" x="b"',),
        ),
        ("key", csv_subject("z\n9\n", "o"), "o has no column `id`", ()),
    ],
    ids=lambda each: str(each)[:30],
)
def test_rows_that_are_in_both_tables_are_found(
    by: Any, other: TableSubject, message: str, examples: tuple[str, ...]
):
    (finding,) = check(TRAIN, table_rule(disjoint=Disjoint(("o",), by)), others=[other]).findings

    assert (finding.message, finding.examples) == (message, examples)


def test_rows_without_any_key_are_no_overlap():
    train, other = (csv_subject("id,x\n,a\n,b\n", path, key=("id",)) for path in ("t", "o"))

    assert check(train, table_rule(disjoint=Disjoint(("o",), "key")), others=[other]).findings == ()


def test_a_split_without_a_key_is_not_checked_by_key():
    subject = csv_subject("id,x\n1,a\n")

    found = check(subject, table_rule(disjoint=Disjoint(("o",), "key")), others=[csv_subject("id\n1\n", "o")])

    (missed,) = found.not_checked
    assert missed.reason == "t.csv has no key: set `key` of its table in datav.toml, or name columns"


def test_tables_with_other_columns_have_no_rows_to_compare():
    found = check(TRAIN, table_rule(disjoint=Disjoint(("o",), "row")), others=[csv_subject("id\n1\n", "o")])

    (missed,) = found.not_checked
    assert missed.reason == "o has no column `x`, so no row is in both: name the columns to compare by"


def test_fingerprints_that_agree_by_chance_are_no_overlap(monkeypatch: pytest.MonkeyPatch):
    import datav.checks.repeats as repeats

    fold = repeats.fold_cells

    def weak(prints: Any, columns: Any, seed: int) -> None:
        fold(prints, columns, seed)
        if seed == repeats.FIRST_SEED:
            prints &= prints.dtype.type(1)

    monkeypatch.setattr(repeats, "fold_cells", weak)
    train = numbers(100, "t", "id")
    apart = csv_subject("id,n\n" + "".join(f"{n},1\n" for n in range(100, 200)), "o")
    mixed = csv_subject("id,n\n" + "".join(f"{n},1\n" for n in range(95, 195)), "o")
    rule = table_rule(disjoint=Disjoint(("o",), ("id",)))

    assert check(train, rule, others=[apart]).findings == ()
    assert [each.value for each in check(train, rule, others=[mixed]).findings] == [5]
    twice = parquet_subject({"x": [None, None, *range(50), 7]})
    assert [each.value for each in check(twice, column_rule(unique=True)).findings] == [2]


class _NoTable(TableSubject):
    """What looks like a table until its profile is asked for."""

    @property
    def profile(self) -> TableProfile:
        raise TableError("o is no table: its tables are of several formats")


class _Damaged(TableSubject):
    """What is no table in the middle."""

    def batches(self, columns: Sequence[str]) -> Iterator[Any]:
        raise TableError("o: record 700 does not end")


@pytest.mark.parametrize("kind", [_NoTable, _Damaged])
@pytest.mark.parametrize(
    "rule",
    [
        column_rule(references=Reference("o", "code")),
        column_rule(documented_in=Reference("o", "code")),
        table_rule(disjoint=Disjoint(("o",), ("code",))),
    ],
)
@pytest.mark.parametrize("subject", [numbers(5, "t", "x"), numbers(MANY, "t", "x")], ids=["few", "many"])
def test_another_table_that_is_none_breaks_only_what_speaks_of_it(
    subject: TableSubject, rule: CheckSettings, kind: type[TableSubject]
):
    subject = csv_subject(subject.data.replace(b"x,n", b"x,code"), "t")
    other = kind("o", numbers(MANY, "o").data)

    found = check(subject, rule, column_rule("x", min=3), others=[other])

    own, about = sorted(found.findings, key=lambda each: each.rule != "min")
    assert "o, which it speaks of, is no table: o" in about.message
    assert own.rule == "min"


def test_structs_are_in_no_column_of_numbers():
    subject = parquet_subject({"x": pa.array([{"a": 1}, None])}, "t")

    found = check(subject, column_rule(references=Reference("o", "code")), others=[numbers(5, "o")])

    assert [each.value for each in found.findings] == [1]


def test_a_table_is_not_disjoint_from_itself_and_need_not_be():
    rule = table_rule(disjoint=Disjoint(("train.csv", "o"), "key"))
    other = csv_subject("id,x\n3,z\n", "o")

    found = check(TRAIN, rule, others=[TRAIN, other])

    assert [each.value for each in found.findings] == [1]
    assert found.rules == 2
