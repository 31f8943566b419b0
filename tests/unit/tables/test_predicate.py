"""datav.tables.predicate: the conditions of `--where`, held to an evaluator over single cells."""

import operator
import re
from datetime import UTC, date, datetime, time
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datav.errors import UsageError
from datav.tables.predicate import parse_predicate


def text_table(**columns):
    return pa.table(
        {
            name: pa.array([c.encode() if isinstance(c, str) else c for c in cells], pa.large_binary())
            for name, cells in columns.items()
        }
    )


def meets(condition, table):
    return parse_predicate(condition).evaluate(table).to_pylist()


def test_comparisons_are_joined_and_before_or_and_not_before_and():
    table = pa.table({"a": [1, 2, 3, 4], "b": ["x", "y", "x", None]})

    assert meets("a >= 2 and b = 'x' or a == 1", table) == [True, False, True, False]
    assert meets("a >= 2 and (b = 'x' or a == 2)", table) == [False, True, True, False]
    assert meets("not a = 1 and a < 4", table) == [False, True, True, False]
    assert meets("NOT (a = 1 OR a <> 4)", table) == [False, False, False, True]


def test_null_meets_nothing_but_is_null():
    table = pa.table({"a": pa.array([1, None], pa.int64())})

    assert meets("a = 1", table) == [True, False]
    assert meets("a != 1", table) == [False, False]
    assert meets("not a = 1", table) == [False, False]
    assert meets("a not in (1)", table) == [False, False]
    assert meets("a is null", table) == [False, True]
    assert meets("a is not null", table) == [True, False]
    assert meets("a = 2 or a is null", table) == [False, True]


def test_a_column_that_is_not_there_is_null():
    table = pa.table({"a": [1, 2]})

    assert parse_predicate("gone = 1 or a = 2").columns == ("gone", "a")
    assert meets("gone = 1 or a = 2", table) == [False, True]
    assert meets("gone != 1", table) == [False, False]
    assert meets("gone is null and a = 1", table) == [True, False]


def test_names_are_bare_or_quoted():
    table = pa.table(
        {"unit price": [1, 2], "a.b-c_d": [1, 2], "1": [1, 2], 'say "hi"': [1, 2], "and": [1, 2]}
    )

    for name in ('"unit price"', "`unit price`", "a.b-c_d", "1", '"say ""hi"""', "`and`"):
        assert meets(f"{name} = 2", table) == [False, True]
    assert meets("`unit price`<2", table) == [True, False]


def test_double_quotes_make_a_text_behind_an_operator():
    table = pa.table({"city": ["Oslo", 'the "city"', "it's"]})

    assert meets('"city" = "Oslo"', table) == [True, False, False]
    assert meets("city = 'it''s'", table) == [False, False, True]
    assert meets('city in ("Oslo", "the ""city""")', table) == [True, True, False]


def test_cells_of_text_tables_are_numbers_where_they_are_one():
    table = text_table(n=["1", "01.0", " +1e0 ", "n/a", "", "2", "1.00000000000000000001", None])

    assert meets("n = 1", table) == [True, True, True, False, False, False, False, False]
    assert meets("n != 1", table) == [False, False, False, True, True, True, True, False]
    assert meets("n > 1", table) == [False, False, False, False, False, True, True, False]
    assert meets("not n > 1", table) == [True, True, True, True, True, False, False, False]
    assert meets("n in (2, 'n/a')", table) == [False, False, False, True, False, True, False, False]


def test_cells_of_text_tables_are_text_beside_a_text():
    table = text_table(t=["1", "01", "10", "Oslo", "Ö", ""])

    assert meets("t = '1'", table) == [True, False, False, False, False, False]
    assert meets("t < '2'", table) == [True, True, True, False, False, True]
    assert meets("t = ''", table) == [False, False, False, False, False, True]
    assert meets("t is null", table) == [False, False, False, False, False, True]
    assert meets("t > 'Z'", table) == [False, False, False, False, True, False]


def test_only_text_tables_take_an_empty_text_for_null():
    assert meets("t is null", pa.table({"t": ["", None]})) == [False, True]


def test_large_integers_are_told_apart():
    values = [2**53, 2**53 + 1, 2**63 - 1]
    condition = f"n = {2**53 + 1} or n > {2**63 - 2}"

    assert meets(condition, pa.table({"n": values})) == [False, True, True]
    assert meets(condition, text_table(n=[str(value) for value in values])) == [False, True, True]
    assert meets(f"n < {2**70}", pa.table({"n": values})) == [True, True, True]
    assert meets(f"n >= {2**70}", pa.table({"n": values})) == [False, False, False]
    assert meets("n > -1e300 and n != 1e300", pa.table({"n": values})) == [True, True, True]


def test_integers_between_integers():
    table = pa.table({"n": pa.array([-1, 0, 1, 2], pa.int8())})

    assert meets("n < 0.5", table) == [True, True, False, False]
    assert meets("n >= 0.5", table) == [False, False, True, True]
    assert meets("n = 0.5", table) == [False, False, False, False]
    assert meets("n != 0.5", table) == [True, True, True, True]
    assert meets("n > -0.5 and n <= 1.0", table) == [False, True, True, False]
    assert meets("n < 300 and n > -300", table) == [True, True, True, True]


@pytest.mark.parametrize("kind", [pa.float16(), pa.float32(), pa.float64()])
def test_floats_are_compared_in_their_own_width(kind):
    import numpy as np

    table = pa.table({"x": pa.array(np.array([0.1, 0.5, np.nan], kind.to_pandas_dtype()), kind)})

    assert meets("x = 0.1", table) == [True, False, False]
    assert meets("x > 0.1", table) == [False, True, False]
    assert meets("x != 0.1", table) == [False, True, True]
    assert meets("x < 1e300", table) == [True, True, False]


@pytest.mark.parametrize("kind", [pa.decimal128(5, 2), pa.decimal256(60, 2), pa.decimal128(38, 38)])
def test_decimals_are_compared_exactly(kind):
    table = pa.table({"d": pa.array([Decimal("0.10"), Decimal("0.12"), Decimal("-0.50"), None], kind)})

    assert meets("d = 0.1", table) == [True, False, False, False]
    assert meets("d > 0.10000000000000000000000000000000000000000000000001", table) == [
        False,
        True,
        False,
        False,
    ]
    assert meets("d < 1e50 and d > -1e50", table) == [True, True, True, False]
    assert meets("d = 0.105", table) == [False, False, False, False]
    assert meets("d >= -0.5 and d < 0.105", table) == [True, False, True, False]


def test_truth_values():
    typed = pa.table({"b": [True, False, None]})
    text = text_table(b=["True", "false", "1", ""])

    assert meets("b = true", typed) == [True, False, False]
    assert meets("b != true", typed) == [False, True, False]
    assert meets("b = 'False'", typed) == [False, True, False]
    assert meets("b = 1", typed) == [False, False, False]
    assert meets("b = TRUE", text) == [True, False, False, False]
    assert meets("b != true", text) == [False, True, True, True]


def test_a_number_in_quotes_is_a_number_beside_numbers():
    assert meets("id = '42'", pa.table({"id": [42, 43]})) == [True, False]
    assert meets("id = 'x'", pa.table({"id": [42, 43]})) == [False, False]
    assert meets("id != 'x'", pa.table({"id": [42, 43]})) == [True, True]


@pytest.mark.parametrize("kind", [pa.timestamp(unit) for unit in ("s", "ms", "us", "ns")])
def test_moments_are_compared_with_iso_texts(kind):
    cells = [datetime(2024, 1, 2), datetime(2024, 1, 2, 3, 4, 5), datetime(1969, 12, 31, 23, 59, 59), None]
    table = pa.table({"t": pa.array(cells, kind)})

    assert meets("t = '2024-01-02'", table) == [True, False, False, False]
    assert meets("t > '2024-01-02 03:04'", table) == [False, True, False, False]
    assert meets("t = '2024-01-02T03:04:05'", table) == [False, True, False, False]
    assert meets("t = '2024-01-02T05:04:05+02:00'", table) == [False, True, False, False]
    assert meets("t < '1969-12-31T23:59:59.000000001'", table) == [False, False, True, False]
    assert meets("t = 'soon'", table) == [False, False, False, False]
    assert meets("t != 'soon'", table) == [True, True, True, False]


def test_dates_times_and_zones():
    table = pa.table(
        {
            "d": pa.array([date(2024, 1, 2), date(1960, 1, 1)], pa.date32()),
            "e": pa.array([date(2024, 1, 2), date(1960, 1, 1)], pa.date64()),
            "t": pa.array([time(12, 30), time(0, 0, 1)], pa.time32("s")),
            "u": pa.array([time(12, 30), time(0, 0, 1)], pa.time64("ns")),
            "z": pa.array([datetime(2024, 1, 2, tzinfo=UTC)] * 2, pa.timestamp("us", "Europe/Oslo")),
        }
    )

    for name in "de":
        assert meets(f"{name} = '2024-01-02'", table) == [True, False]
        assert meets(f"{name} < '2024-01-02T00:00:01'", table) == [True, True]
        assert meets(f"{name} < '1960-01-01T00:00:01' and {name} > '1959-12-31'", table) == [False, True]
        assert meets(f"{name} = '12:30'", table) == [False, False]
    for name in "tu":
        assert meets(f"{name} = '12:30'", table) == [True, False]
        assert meets(f"{name} < '00:00:01.5'", table) == [False, True]
        assert meets(f"{name} = '2024-01-02'", table) == [False, False]
    assert meets("z = '2024-01-02'", table) == [True, True]
    assert meets("z = '2024-01-02T01:00+01:00'", table) == [True, True]


def test_patterns():
    table = text_table(t=["Oslo", "O%slo", "Österö", b"\xff\xfe", "a\nb", "", None])

    assert meets("t like 'O%'", table) == [True, True, False, False, False, False, False]
    assert meets(r"t like 'O\%%'", table) == [False, True, False, False, False, False, False]
    assert meets("t like '_ster_'", table) == [False, False, True, False, False, False, False]
    assert meets("t like '__'", table) == [False, False, False, True, False, False, False]
    assert meets("t like 'a_b'", table) == [False, False, False, False, True, False, False]
    assert meets("t not like '%o%'", table) == [False, False, True, True, True, True, False]
    assert meets("t like '.*'", table) == [False] * 7
    assert meets("n like '1%'", pa.table({"n": [1]})) == [False]


@pytest.mark.parametrize(
    "kind",
    [
        pa.string(),
        pa.large_string(),
        pa.string_view(),
        pa.binary(),
        pa.binary_view(),
        pa.binary(2),
        pa.dictionary(pa.int8(), pa.string()),
    ],
)
def test_texts_of_all_types_are_alike(kind):
    table = pa.table(
        {
            "t": pa.array(["ab", "12", None], pa.string())
            .cast(pa.binary() if kind == pa.binary(2) else pa.string())
            .cast(kind)
        }
    )

    assert meets("t = 'ab'", table) == [True, False, False]
    assert meets("t like 'a%'", table) == [True, False, False]
    assert meets("t = 12", table) == [False, True, False]
    assert meets("t in ('ab', 12)", table) == [True, True, False]


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.int8()), pa.struct([("a", pa.int8())]), pa.null(), pa.duration("s")]
)
def test_columns_of_other_types_are_null_or_not(kind):
    table = pa.table({"x": pa.array([None, None], kind)})

    for condition in ("x = 1", "x = 'a'", "x != true", "x like 'a'", "x in (1, 'a', true)"):
        assert meets(condition, table) == [False, False]
    assert meets("x is null", table) == [True, True]


def test_tables_in_pieces_and_tables_without_rows():
    pieces = pa.concat_tables([pa.table({"a": ["x", "1"]}), pa.table({"a": ["x"]})])

    assert meets("a = 'x'", pieces) == [True, False, True]
    assert meets("a = 1", pieces) == [False, True, False]
    assert meets("a = 1 or b like 'x'", pieces.slice(0, 0)) == []
    assert meets("a = 1 and a = 'x'", pa.table({"a": pa.chunked_array([], pa.string())})) == []


@pytest.mark.parametrize(
    ("condition", "where", "expected"),
    [
        ("", 1, "the name of a column"),
        ("price >", 8, "a number"),
        ("price 10", 7, "an operator"),
        ("price = Oslo", 9, "quotes"),
        ("price = 2024-01-02", 9, "quotes"),
        ("price = 'Oslo", 9, "quotes"),
        ("a = 1 b = 2", 7, "`and`"),
        ("(a = 1", 7, "`)`"),
        ("a = 1)", 6, "the end"),
        ("a in 1", 6, "`(`"),
        ("a in ()", 7, "a number"),
        ("a in (1 2)", 9, "`,`"),
        ("a is 1", 6, "`null`"),
        ("a not = 1", 7, "`in` or `like`"),
        ("and = 1", 1, "the name of a column"),
        ("a < true", 5, "a number or a text"),
        ("a like 1", 8, "a pattern"),
        ("a = 1e1000", 5, "a smaller number"),
    ],
)
def test_what_is_no_condition_is_refused_with_the_place(condition, where, expected):
    with pytest.raises(UsageError, match=re.escape(f"at character {where} ")) as error:
        parse_predicate(condition)

    assert expected in str(error.value)


def test_comparing_with_null_is_refused_with_advice():
    with pytest.raises(UsageError) as error:
        parse_predicate("a = null")

    assert error.value.hint == "write `is null` or `is not null`"


@pytest.mark.parametrize(
    "condition",
    ["(" * 10_000 + "a = 1", "not " * 10_000 + "a = 1", "a = 1 or " * 10_000, "a like '" + "_" * 2000 + "'"],
)
def test_hostile_conditions_are_refused(condition):
    with pytest.raises(UsageError):
        parse_predicate(condition)


def test_long_lists_and_long_chains_are_fine():
    table = pa.table({"a": [3, 7000]})

    assert meets(" or ".join(f"a = {number}" for number in range(3000)), table) == [True, False]
    assert meets("a like '" + "_" * 900 + "'", text_table(a=["x" * 900])) == [True]


# An evaluator over single cells, by the rules of the reference; None is unknown.

COMPARE = {
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


def number_of(cell):
    if isinstance(cell, str):
        stripped = cell.strip(" \t")
        return Decimal(stripped) if NUMBER.fullmatch(stripped) else None
    return Decimal(cell) if isinstance(cell, int | float | Decimal) and not isinstance(cell, bool) else None


def truth_of(cell):
    return {"true": True, "false": False}.get(cell.lower()) if isinstance(cell, str) else cell


def compare(cell, mark, value):
    if cell is None:
        return None
    if isinstance(value, bool):
        known = truth_of(cell) if isinstance(cell, bool | str) else None
        cell = known
    elif isinstance(value, Decimal) or not isinstance(cell, str):
        if isinstance(cell, bool):
            cell, value = (cell, truth_of(value)) if isinstance(value, str) else (None, value)
            cell = None if value is None or mark not in ("=", "==", "!=", "<>") else cell
        else:
            cell, value = number_of(cell), number_of(value)
            cell = cell if value is not None else None
    if cell is None:
        return mark in ("!=", "<>")
    return COMPARE[mark](cell, value)


def like(cell, pattern):
    if not isinstance(cell, str):
        return None if cell is None else False
    expression = "".join(".*" if c == "%" else "." if c == "_" else re.escape(c) for c in pattern)
    return re.fullmatch(expression, cell, re.DOTALL) is not None


def judge(node, row, is_text):
    match node:
        case ("not", part):
            answer = judge(part, row, is_text)
            return None if answer is None else not answer
        case ("and", a, b):
            answers = {judge(a, row, is_text), judge(b, row, is_text)}
            return False if False in answers else None if None in answers else True
        case ("or", a, b):
            answers = {judge(a, row, is_text), judge(b, row, is_text)}
            return True if True in answers else None if None in answers else False
        case ("compare", name, mark, value):
            return compare(row.get(name), mark, value)
        case ("in", name, values):
            answers = {compare(row.get(name), "=", value) for value in values}
            return None if None in answers else True in answers
        case ("like", name, pattern):
            return like(row.get(name), pattern)
        case ("null", name):
            return row.get(name) is None or (is_text and row.get(name) == "")


def written(node):
    match node:
        case ("not", part):
            return f"not ({written(part)})"
        case (("and" | "or") as word, a, b):
            return f"({written(a)}) {word} ({written(b)})"
        case ("compare", name, mark, value):
            return f"{name} {mark} {written_value(value)}"
        case ("in", name, values):
            return f"{name} in ({', '.join(map(written_value, values))})"
        case ("like", name, pattern):
            return f"{name} like {written_value(pattern)}"
        case ("null", name):
            return f"{name} is null"


def written_value(value):
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(value).lower()


TEXTS = st.sampled_from(
    [
        *[
            "a",
            "ab",
            "A",
            "ä",
            "1",
            "1.0",
            "01",
            "-1",
            "1e0",
            ".5",
            "0.5",
            "true",
            "False",
            "x'y",
            "nan",
            "0.1",
            "0.1000000000000000000001",
            "1e400",
            "9007199254740993",
            "9007199254740992.0",
        ],
        "",
        " 1",
        "\n",
    ]
)
NUMBERS = st.sampled_from(
    [Decimal(text) for text in ("0", "1", "-1", "1.0", "0.5", "0.1", "9007199254740993", "2e19", "1e-30")]
)
VALUES = st.one_of(TEXTS, NUMBERS, st.booleans())
NAMES = st.sampled_from(["a", "b", "gone"])
TESTS = st.one_of(
    st.tuples(st.just("compare"), NAMES, st.sampled_from(sorted(COMPARE)), st.one_of(TEXTS, NUMBERS)),
    st.tuples(st.just("compare"), NAMES, st.sampled_from(["=", "!="]), st.booleans()),
    st.tuples(st.just("in"), NAMES, st.lists(VALUES, min_size=1, max_size=3)),
    st.tuples(st.just("like"), NAMES, st.sampled_from(["%", "_", "a%", "%1%", "", "ä_", "_%"])),
    st.tuples(st.just("null"), NAMES),
)
NODES = st.recursive(
    TESTS,
    lambda inner: st.one_of(
        st.tuples(st.just("not"), inner), st.tuples(st.sampled_from(["and", "or"]), inner, inner)
    ),
    max_leaves=6,
)
COLUMNS = {
    "text": (TEXTS, pa.large_binary()),
    "string": (TEXTS, pa.string()),
    "integer": (st.integers(-2, 2) | st.sampled_from([2**53, 2**53 + 1]), pa.int64()),
    "decimal": (st.integers(-20, 20).map(lambda tenths: Decimal(tenths) / 10), pa.decimal128(10, 1)),
    "boolean": (st.booleans(), pa.bool_()),
}


@settings(max_examples=400, deadline=None)
@given(st.data(), NODES)
def test_conditions_mean_what_they_mean_cell_by_cell(data, node):
    kinds = data.draw(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=2, max_size=2))
    if "text" in kinds:
        kinds = ["text", "text"]
    size = data.draw(st.integers(0, 6))
    cells = {
        name: data.draw(st.lists(st.none() | COLUMNS[kind][0], min_size=size, max_size=size))
        for name, kind in zip("ab", kinds, strict=True)
    }
    table = pa.table(
        {
            name: pa.array(
                [cell.encode() if kind == "text" and cell is not None else cell for cell in cells[name]],
                COLUMNS[kind][1],
            )
            for name, kind in zip("ab", kinds, strict=True)
        }
    )

    found = meets(written(node), table)

    rows = [{name: cells[name][place] for name in "ab"} for place in range(size)]
    assert found == [judge(node, row, kinds[0] == "text") is True for row in rows]
