"""What profiles answer, what rows answer, and what Python answers cell by cell, are one."""

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from random import Random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import ipc

import datav.checks.expectations as expectations
from datav.settings.checks import Bounds, CheckSettings, ColumnChecks, Reference
from tests.support.checking import TableSubject, check, csv_subject, parquet_subject
from tests.support.checktwin import broken_rules
from tests.support.profiling import columns
from tests.support.randomarrays import random_made

_NUMBERS = ["1", "2", "3", "-1", "0", "7", "10"]
_POOLS = [
    _NUMBERS,
    [*_NUMBERS, "1.0", "2.5", "1e1", "+3", " 2", ".5"],
    [*_NUMBERS * 3, "n/a"],
    [*_NUMBERS * 3, "nan", "inf", "-inf", "NaN"],
    ["01", "02", "10", "1"],
    ["2026-01-01", "2026-01-02", "2026-02-01"],
    ["2026-01-01", "2026-01-01T00:00", "2026-01-02 10:30", "2026-02-30"],
    ["true", "false", "True"],
    ["true", "no", "1"],
    ["a", "b", "ä", "ab", "AB", "x\ny", "NULL", "0x1f"],
    ["y" * 250 + end for end in "abc"],
    ["inf", "nan", "a"],
    [str(number) for number in range(400)],
    [f"k{number}" for number in range(400)],
    [f"{number / 4}" for number in range(400)],
    [f"2026-01-01T{number // 60:02}:{number % 60:02}" for number in range(400)],
]
_VALUES = ["1", "a", "01", "true", "2026-01-01", "ab", 1, 2, 2.5, -1, 0, True, False]
_LIMITS = [0, 1, 2.5, -1, 10, "2026-01-01", "2026-01-02T10:30"]
_SHARES = [0.0, 0.1, 0.25, 1 / 3, 0.5, 1.0]
_PATTERNS = ["[a-z]+", r"\d+", ".*", "(?:a|b)?", r"[^\n]*", r"\d{4}-\d\d-\d\d"]


def optional(values: Sequence[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), st.sampled_from(values))


def bounds(values: Sequence[float]) -> st.SearchStrategy[Bounds]:
    return st.builds(Bounds, optional(values), optional(values))


RULES = st.builds(
    ColumnChecks,
    st.just("x"),
    type=optional(["integer", "number", "boolean", "text", "date", "timestamp"]),
    not_null=st.booleans(),
    null_fraction=optional(_SHARES),
    unique=st.booleans(),
    min=optional(_LIMITS),
    max=optional(_LIMITS),
    one_of=st.one_of(st.none(), st.lists(st.sampled_from(_VALUES), max_size=8).map(tuple)),
    matches=optional(_PATTERNS),
    length=st.one_of(st.none(), bounds([0, 1, 2, 5, 250])),
    balance=st.one_of(st.none(), bounds(_SHARES)),
)


@st.composite
def written_cells(draw: st.DrawFn) -> list[str | None]:
    pool = draw(st.sampled_from(_POOLS))
    cells: list[str | None] = draw(st.lists(st.sampled_from(pool), max_size=25))
    if draw(st.integers(0, 3)) == 0:
        # More than a profile keeps one by one.
        cells += pool
    if draw(st.booleans()):
        cells += [None] * draw(st.integers(1, 3))
    return cells


def subject_of(cells: Sequence[str | None]) -> TableSubject:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["x", "n"])
    writer.writerows([cell, number] for number, cell in enumerate(cells))
    return csv_subject(out.getvalue())


def broken(subject: TableSubject, rules: ColumnChecks) -> set[str]:
    found = check(subject, CheckSettings("*", column_checks=(rules,)))
    assert not found.not_checked
    return {finding.rule for finding in found.findings}


def broken_by_rows(subject: TableSubject, rules: ColumnChecks) -> set[str]:
    """As `broken`, of a profile that knows nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(expectations, "answer", lambda *_: None)
        return broken(subject, rules)


@settings(max_examples=150, deadline=None)
@given(written_cells(), RULES)
def test_texts_are_judged_as_cell_by_cell(cells: list[str | None], rules: ColumnChecks):
    subject = subject_of(cells)
    kind = columns(subject.profile)["x"].kind

    expected = broken_rules(rules, cells, kind, is_text=True)

    assert broken(subject, rules) == expected
    assert broken_by_rows(subject, rules) == expected


_TYPED: list[tuple[pa.DataType, list[Any]]] = [
    (pa.int64(), [1, 2, 3, -1, 0, 2**53, 2**53 + 1]),
    (pa.int8(), list(range(-5, 5))),
    (pa.float64(), [1.0, 2.5, -1.0, 0.0, float("nan"), float("inf"), -float("inf")]),
    (pa.float64(), [number / 4 for number in range(400)]),
    (pa.string(), ["a", "ab", "", "true", "1", "2026-01-01", "y" * 250]),
    (pa.string(), [f"k{number}" for number in range(400)]),
    (pa.bool_(), [True, False]),
    (pa.date32(), [date(2026, 1, 1), date(2026, 1, 2)]),
    (pa.timestamp("us"), [datetime(2026, 1, 1), datetime(2026, 1, 2, 10, 30)]),
    (pa.dictionary(pa.int8(), pa.string()), ["a", "b", "ab"]),
]


@settings(max_examples=80, deadline=None)
@given(st.data(), RULES)
def test_typed_cells_are_judged_as_cell_by_cell(data: st.DataObject, rules: ColumnChecks):
    kind, pool = data.draw(st.sampled_from(_TYPED))
    cells = data.draw(st.lists(st.one_of(st.none(), st.sampled_from(pool)), max_size=25))
    cells += pool if data.draw(st.integers(0, 3)) == 0 else []
    subject = parquet_subject({"x": pa.array(cells, kind)})
    # What a file declares is not read off its cells.
    rules = replace(rules, type=None)

    expected = broken_rules(rules, cells, columns(subject.profile)["x"].kind, is_text=False)

    assert broken(subject, rules) == expected
    assert broken_by_rows(subject, rules) == expected


def arrow_subject(array: pa.Array) -> TableSubject:
    table = pa.table({"x": array})
    out = io.BytesIO()
    with ipc.new_file(out, table.schema) as writer:
        writer.write_table(table)
    return TableSubject("t.arrow", out.getvalue())


@pytest.mark.parametrize("seed", range(60))
def test_cells_of_every_type_are_judged_alike_by_profile_and_by_rows(seed: int):
    rng = Random(seed)
    subject = arrow_subject(random_made(rng, rng.choice((0, 1, 5, 30))).array)
    rules = ColumnChecks(
        "x",
        not_null=True,
        min=rng.choice((0, 1.5, "2026-01-01")),
        max=rng.choice((0, 1.5, "2026-01-01")),
        one_of=(1, "a", True, 2.5, "2024-01-02"),
        matches="[a-z]*",
        length=Bounds(1, 10),
        balance=Bounds(0.1, 0.5),
        fresh_s=100.0,
    )

    assert broken(subject, rules) == broken_by_rows(subject, rules)
    itself = ColumnChecks("x", references=Reference("t.arrow", "x"))
    assert check(subject, CheckSettings("*", column_checks=(itself,)), others=[subject]).findings == ()
