"""Two versions in different formats are compared, and shown, by what their cells mean."""

import io

import pyarrow as pa
import pytest
from pyarrow import parquet

from datav.storage.scratch import Scratch
from datav.tables.opening import open_table
from datav.tables.options import DiffOptions
from datav.tables.source import NotATable
from tests.support.comparing import BytesSource
from tests.support.texts import compare_all

LINES = (
    b'{"id": "066", "n": "1", "t": true, "x": "a \\"b\\""}\n'
    b'{"id": "7", "n": null, "t": false, "x": "\\"c\\""}\n{"id": "8", "n": "[1]", "t": false, "x": ""}\n'
)
CSV = b'id,n,t,x\n066,1,True,"a ""b"""\n7,,False,"""c"""\n8,[1],false,\n'


def parquet_of(**columns) -> bytes:
    target = io.BytesIO()
    parquet.write_table(pa.table(columns), target)
    return target.getvalue()


PARQUET = parquet_of(
    id=["066", "7", "8"], n=["1", None, "[1]"], t=[True, False, False], x=['a "b"', '"c"', ""]
)
FILES = {"a.jsonl": LINES, "a.csv": CSV, "a.parquet": PARQUET}


def diff(before: tuple[str, bytes], after: tuple[str, bytes], **options):
    with Scratch() as scratch:
        old, new = (open_table(name, BytesSource(data), scratch) for name, data in (before, after))
        assert not isinstance(old, NotATable)
        assert not isinstance(new, NotATable)
        return compare_all(old, new, DiffOptions(**options))


@pytest.mark.parametrize("key", [(), ("id",)])
@pytest.mark.parametrize("before", FILES)
@pytest.mark.parametrize("after", FILES)
def test_the_same_cells_are_the_same_in_every_format(before, after, key):
    found, changes = diff((before, FILES[before]), (after, FILES[after]), key=key)

    assert (found.rows.unchanged, changes) == (3, [])


@pytest.mark.parametrize("other", ["a.csv", "a.parquet"])
def test_a_json_string_is_shown_as_its_text_next_to_another_format(other):
    lines = LINES.replace(b'"[1]"', b'"[2]"').replace(b'"066"', b'"67"')

    _, changes = diff(("a.jsonl", lines), (other, FILES[other]), key=("id",))

    assert [(change.op, change.key) for change in changes] == [
        ("removed", {"id": "67"}),
        ("added", {"id": "066"}),
        ("changed", {"id": "8"}),
    ]
    assert changes[0].before == {"id": "67", "n": "1", "t": "true", "x": 'a "b"'}
    assert (changes[2].before, changes[2].after) == ({"n": "[2]"}, {"n": "[1]"})


@pytest.mark.parametrize("before", FILES)
@pytest.mark.parametrize("after", FILES)
def test_another_format_says_all_there_is_to_say_of_types(before, after):
    found, _ = diff((before, FILES[before]), (after, FILES[after]), key=("id",))

    assert found.schema.changed == ()
    assert ("format" in [change.name for change in found.schema.written]) == (before != after)


def test_types_of_two_formats_that_have_some_are_told():
    target = io.BytesIO()
    table = pa.table({"id": ["066"], "n": ["1"], "t": [True], "x": [1]})
    with pa.ipc.new_file(target, table.schema) as writer:
        writer.write_table(table)

    found, _ = diff(("a.parquet", PARQUET), ("a.arrow", target.getvalue()), key=("id",))

    assert [(change.name, change.before, change.after) for change in found.schema.changed] == [
        ("x", "string", "int64")
    ]


def test_quotes_that_are_in_a_cell_are_not_those_of_a_json_string():
    found, changes = diff(
        ("a.jsonl", b'{"id": 1, "x": "5"}\n{"id": 2, "x": "6"}\n'),
        ("a.csv", b'id,x\n1,"""5"""\n2,6\n'),
        key=("id",),
    )

    assert (found.rows.changed, found.rows.unchanged) == (1, 1)
    assert (changes[0].before, changes[0].after) == ({"x": "5"}, {"x": '"5"'})


def test_strings_and_numbers_of_two_json_lines_stay_apart_unless_they_are_compared_by_value():
    before, after = (
        ("a.jsonl", b'{"id": 1, "x": "5"}\n{"id": 2, "x": 6}\n'),
        ("b.jsonl", b'{"id": 1, "x": 5}\n{"id": 2, "x": 6}\n'),
    )

    _, changes = diff(before, after, key=("id",))
    typed, _ = diff(before, after, key=("id",), typed=True)

    assert [(change.before, change.after) for change in changes] == [({"x": '"5"'}, {"x": "5"})]
    assert typed.rows.unchanged == 2


def test_half_a_character_is_shown_as_json_spells_it():
    _, changes = diff(
        ("a.jsonl", b'{"id": 1, "x": "\\ud800"}\n{"id": 2, "x": "b"}\n'),
        ("a.csv", b"id,x\n1,a\n2,b\n"),
        key=("id",),
    )

    assert [(change.before, change.after) for change in changes] == [({"x": '"\\ud800"'}, {"x": "a"})]


def test_a_column_that_was_renamed_is_recognized_in_another_format():
    lines = b"".join(b'{"id": %d, "a": "%d"}\n' % (n, n * n) for n in range(40))
    text = b"id,b\n" + b"".join(b"%d,%d\n" % (n, n * n) for n in range(40))

    found, _ = diff(("a.jsonl", lines), ("a.csv", text), key=("id",))

    assert [(rename.before, rename.after) for rename in found.schema.renamed] == [("a", "b")]
