"""datav.tables.cellbatches: all cells of some columns, in order; repeatedkeys: which keys are there twice."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from datav.errors import TableError
from datav.storage.scratch import Scratch
from datav.tables import repeatedkeys, text
from datav.tables.cellbatches import read_cells
from datav.tables.jsonl import JsonLinesVersion
from datav.tables.opening import open_table
from datav.tables.repeatedkeys import find_repeated_keys, show_repeated_keys
from tests.support.comparing import BytesSource
from tests.support.texts import comma_dialect, text_version

CELLS = st.text(st.sampled_from('ab,"\n\r é'), max_size=5)
ROWS = st.lists(st.tuples(CELLS, CELLS), max_size=30)


@pytest.fixture(scope="module")
def executor():
    with ThreadPoolExecutor(2) as executor:
        yield executor


@pytest.fixture(params=[(1, 1), (50, 3), (2**20, 64)], ids=str)
def blocks(request, monkeypatch):
    """Blocks so small that a few records take many of them."""
    monkeypatch.setattr(text, "BLOCK", request.param[0])
    monkeypatch.setattr(text, "_LOOK_BEHIND", request.param[1])


def quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


def as_csv(rows) -> bytes:
    lines = ["one,two", *(",".join(map(quoted, row)) for row in rows)]
    return "\n".join(lines).encode() + b"\n"


def cells_of(version, columns, executor, kinds=None) -> list[tuple]:
    batches = read_cells(version, columns, executor, kinds)
    return [tuple(row[name] for name in columns) for batch in batches for row in batch.to_pylist()]


@settings(max_examples=40)
@given(rows=ROWS)
@example(rows=[("", ""), ("a\n\nb", '"'), ("\r\n", "é")])
def test_cells_of_a_text_are_as_they_were_written_and_an_empty_one_is_null(rows, blocks, executor):
    version = text_version(as_csv(rows), comma_dialect(["one", "two"]))
    expected = [(one or None, two or None) for one, two in rows]

    assert cells_of(version, ("one", "two"), executor) == expected
    assert cells_of(version, ("two",), executor) == [(two,) for _, two in expected]
    assert cells_of(version, ("two", "none"), executor) == [(two, None) for _, two in expected]


def test_a_ragged_row_is_an_error(executor):
    with pytest.raises(TableError, match="line 3"):
        cells_of(text_version(b"a,b\n1,2\n1\n"), ("a",), executor)


JSON = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.sampled_from([0.5, 1e300]), st.text('"1a{ é', max_size=4)
)


@settings(max_examples=60)
@given(values=st.lists(JSON, max_size=12))
def test_texts_of_json_are_their_own_and_all_else_is_as_written(values, executor):
    data = b"".join(json.dumps({"k": 1, "v": value}).encode() + b"\n" for value in values)
    version = open_table("a.jsonl", BytesSource(data + b'{"k": 2}\n'), Scratch())
    assert isinstance(version, JsonLinesVersion)

    found = [cell for (cell,) in cells_of(version, ("v",), executor)]

    expected = [value if value is None or isinstance(value, str) else json.dumps(value) for value in values]
    assert found == [*expected, None]


def test_cells_of_json_that_are_no_such_values_stay_texts(executor):
    data = b'{"n": 1, "f": 1}\n{"n": 99999999999999999999, "f": 0.5}\n'
    version = open_table("a.jsonl", BytesSource(data), Scratch())

    found = cells_of(version, ("n", "f"), executor, {"n": "integer", "f": "float"})

    assert found == [("1", 1.0), ("99999999999999999999", 0.5)]


KEYS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xy")), max_size=12)


@settings(max_examples=40)
@given(parts=st.lists(KEYS, max_size=3), kept=st.sampled_from([1, 1000]))
def test_repeated_keys_are_those_that_counting_finds(parts, kept, executor):
    with Scratch() as scratch, pytest.MonkeyPatch.context() as patch:
        patch.setattr(repeatedkeys, "MAX_IN_MEMORY", kept)
        tables = [
            (str(n), text_version(as_csv(rows), comma_dialect(["one", "two"])), {"part": str(n)})
            for n, rows in enumerate(parts)
        ]
        for columns in (("two",), ("two", "one"), ("part", "one")):
            rows = [
                {"part": str(n), "one": one, "two": two} for n, part in enumerate(parts) for one, two in part
            ]
            counted = Counter(tuple(row[name] for name in columns) for row in rows)
            repeated = {key for key, count in counted.items() if count > 1}

            facts = find_repeated_keys(tables, columns, 7, scratch, executor)
            shown = show_repeated_keys(tables, columns, facts, executor)

            assert len(facts.repeated) == len(repeated)
            assert len(shown) == min(3, len(repeated))


def test_a_repeated_key_says_where(executor):
    parts = [
        ("x.csv", text_version(b'one,two\n1,"a\nb"\n1,c\n'), {}),
        ("y.csv", text_version(b"one,two\n3,d\n1,\n3,d\n"), {}),
    ]
    with Scratch() as scratch:
        one = find_repeated_keys(parts, ["one"], 1, scratch, executor)
        both = find_repeated_keys(parts, ["one", "two"], 1, scratch, executor)

    assert show_repeated_keys(parts, ["one"], one, executor) == (
        "one=1 (lines 2 and 4 of x.csv)",
        "one=3 (lines 2 and 4 of y.csv)",
    )
    assert show_repeated_keys(parts, ["one", "two"], both, executor) == (
        "one=3, two=d (lines 2 and 4 of y.csv)",
    )
