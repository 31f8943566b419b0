"""What `diff` says on a terminal."""

import pyarrow as pa
import pytest

from datav.formats.manifest import ColumnInfo
from datav.relpath import RelPath
from datav.repo.diffresult import FileItem, FilesDiff, Side
from datav.report.diff_sections import Sections
from datav.report.diff_text import diff_text
from datav.report.style import PLAIN, Style
from datav.tables.result import (
    ChangeBatch,
    ColumnChange,
    ColumnRename,
    DuplicateKeys,
    RowDiff,
    SchemaDiff,
    TableDiff,
)
from tests.support.diffs import changed_batch, diff_of, row_diff, table_dataset, text_table

SCHEMA = SchemaDiff(
    added=(ColumnInfo("color", "text"),),
    removed=(ColumnInfo("colour", "text"),),
    changed=(ColumnChange("price", "integer", "float"),),
    renamed=(ColumnRename("colour", "color", 0.98),),
    reordered=True,
    written=(ColumnChange("encoding", "latin-1", "utf-8"),),
)


def drawn(*datasets, width=100, limit: int | None = 20, style=PLAIN, **options) -> str:
    return diff_text(diff_of(*datasets), style, width=width, limit=limit, **options)


def lines_of_row(before, after, width=100) -> list[str]:
    """How one changed row looks."""
    text = drawn(table_dataset(row_diff(changed_batch(before, after))), width=width)
    return text.splitlines()[3:]


def changed_cell(before, after, width=100) -> str:
    return "\n".join(
        lines_of_row(pa.table({"id": ["1"], "c": [before]}), pa.table({"id": ["1"], "c": [after]}), width)
    ).strip()


def some_rows() -> RowDiff:
    return row_diff(
        ChangeBatch("removed", text_table(id=["1"], name=["Ann"]), None, {}),
        ChangeBatch("added", None, text_table(id=["2", "3"], name=["Bob", ""]), {}),
        changed_batch(
            text_table(id=["4", "5"], name=["Cy", "Di"], age=["7", "8"]),
            text_table(id=["4", "5"], name=["Cy", "Dora"], age=["70", "80"]),
        ),
        from_rows=40212,
        to_rows=40213,
    )


def test_nothing_that_changed_is_one_line():
    assert drawn() == "no differences"


def test_a_table_is_told_from_the_outside_in():
    assert (
        drawn(table_dataset(some_rows(), SCHEMA))
        == """\
a.csv  modified  40,212 -> 40,213 rows, 1.0 KB -> 1.2 KB
  - column colour: text
  + column color: text
  ~ column price: integer -> float
  ? column colour probably renamed to color (98 % of the cells are equal)
  ~ columns stand in another order
  ~ encoding: latin-1 -> utf-8
  rows   +2 -1 ~2   of 40,212 -> 40,213, key id
  cells  age 2, name 1
  - id=1  name=Ann
  + id=2  name=Bob
  + id=3  name=""
  ~ id=4  age: 7 -> 70
  ~ id=5  name: Di -> Dora, age: 8 -> 80"""
    )


def test_only_the_sections_that_are_wanted_are_shown():
    dataset = table_dataset(some_rows(), SCHEMA)

    schema = drawn(dataset, sections=Sections(rows=False))
    rows = drawn(dataset, sections=Sections(schema=False))

    assert "rows " not in schema.split("\n", 1)[1]
    assert "column" in schema
    assert "column" not in rows


def test_what_is_not_shown_is_counted_by_its_kind():
    rows = row_diff(
        ChangeBatch("removed", text_table(id=[str(n) for n in range(1500)]), None, {}),
        changed_batch(text_table(id=["a"] * 5, n=["1"] * 5), text_table(id=["a"] * 5, n=["2"] * 5)),
    )

    last = drawn(table_dataset(rows), limit=4).splitlines()[-1]

    assert last == "  ... and 1,498 more removed, 3 more changed rows (--limit N shows more)"


def test_a_limit_of_nothing_gives_the_counts():
    assert drawn(table_dataset(some_rows()), limit=0).splitlines()[1:] == [
        "  rows   +2 -1 ~2   of 40,212 -> 40,213, key id",
        "  cells  age 2, name 1",
    ]


def test_keys_that_are_not_unique_and_reasons_are_said():
    rows = row_diff(
        ChangeBatch("added", None, text_table(id=["1"]), {}, pa.array([3]), has_key=False),
        duplicates=DuplicateKeys(2, 5, ({"id": "1"}, {"id": "x\ny"})),
        refused="the key is not unique",
    )

    assert drawn(table_dataset(rows)).splitlines()[1:] == [
        '  keys that are not unique: 2 -> 5, such as id=1; id="x\\ny"; their rows count as added or removed',
        "  rows   +3, key id",
        "  + id=1  (3 times)",
    ]
    assert drawn(table_dataset(RowDiff(refused="row 7 has 3 cells, not 2"))).splitlines()[1:] == [
        "  rows not compared: row 7 has 3 cells, not 2"
    ]


def test_a_file_that_is_no_table_is_told_as_a_file():
    dataset = table_dataset(table=None, reason="row 7 is ragged\x1b[2J", before=None, status="added")

    assert drawn(dataset) == "a.csv  added  1.2 KB\n  not compared in full: row 7 is ragged\\x1b[2J"


def test_a_directory_lists_its_files_and_the_tables_in_it():
    table = TableDiff(SchemaDiff(), row_diff(ChangeBatch("added", None, text_table(id=["1"]), {})))
    files = FilesDiff(
        (
            FileItem(b"new\n.png", "added", None, None, 2000, None, None),
            FileItem(b"old.png", "removed", None, 10, None, None, None),
            FileItem(b"t.csv", "modified", None, 1, 2, table, None),
            FileItem(b"u.csv", "modified", None, 1, 1, None, "is blank"),
            FileItem(b"b.png", "renamed", b"a.png", 5, 5, None, None),
        )
    )
    dataset = table_dataset(
        path=b"photos",
        kind="directory",
        table=None,
        files=files,
        before=Side(None, 1000, 12, None),
        after=Side(None, 3000, 12, None),
    )

    assert (
        drawn(dataset)
        == """\
photos  modified  12 files, 1.0 KB -> 3.0 KB
  files  +1 -1 ~2, 1 renamed
  ~ t.csv  1 B -> 2 B
      rows   +1, key id
      + id=1
  ~ u.csv  1 B
      not compared as a table: is blank
  + new\\n.png  2.0 KB
  - old.png  10 B
  > a.png -> b.png  5 B"""
    )
    assert drawn(dataset, limit=1).splitlines()[-1] == "  ... and 4 more files (--limit N shows more)"


def test_a_renamed_dataset_and_one_of_which_only_the_users_part_changed():
    renamed = table_dataset(path=b"new.csv", status="renamed", before_path=RelPath(b"old.csv"), table=None)
    meta = table_dataset(status="unchanged", table=None, meta_changed=True)

    assert drawn(renamed, meta).splitlines() == [
        "old.csv -> new.csv  renamed  1.0 KB -> 1.2 KB",
        "",
        "a.csv  unchanged  1.0 KB -> 1.2 KB",
        "  its key or [meta] changed",
    ]


@pytest.mark.parametrize(
    "cell",
    ["\x1b[31mred", "\r", "a\x00b", "\u202eabc", "\x9b2J", "line\u2028end", "\ud800", "\x07", "\x1b]0;t\x07"],
)
def test_no_cell_or_name_commands_the_terminal(cell):
    rows = row_diff(
        ChangeBatch(
            "added",
            None,
            pa.table(
                {
                    "id": [cell.encode("utf-8", "backslashreplace")],
                    cell.encode("utf-8", "replace").decode(): ["x"],
                }
            ),
            {},
        ),
        key=(),
    )

    text = drawn(table_dataset(rows))

    assert all(line.isprintable() for line in text.split("\n"))


def test_text_that_looks_like_something_else_stands_in_quotes():
    assert changed_cell("", " ") == '~ id=1  c: "" -> " "'
    assert changed_cell(None, "null") == '~ id=1  c: null -> "null"'
    assert changed_cell("a\\nb", "a\nb") == '~ id=1  c: a\\nb -> "a\\nb"'
    assert changed_cell('"a"', "a") == '~ id=1  c: "\\"a\\"" -> a'


def test_a_long_text_is_cut_down_to_where_it_differs():
    assert changed_cell("x" * 500 + "A" + "y" * 500, "x" * 500 + "B" + "y" * 500) == (
        "~ id=1  c: ...xxxxxxxxxxxxAyyyyyyyyyyyy... -> ...xxxxxxxxxxxxByyyyyyyyyyyy..."
    )


def test_nested_cells_are_compared_inside():
    assert changed_cell(["a", "b"], ["a", "c", "d"]) == ('~ id=1  c[1]: "b" -> "c", c[2]: (absent) -> "d"')
    assert changed_cell('{"a": {"b": 1.0}, "n": 1}', '{"a": {"b": 1.00}, "n": 1}') == (
        "~ id=1  c.a.b: 1.0 -> 1.00"
    )
    assert changed_cell("[1]", "[ 1]") == "~ id=1  c: [1] -> [ 1]"


def test_a_wide_row_is_folded_to_the_width():
    names = {f"column_{n}": ["value"] for n in range(200)}

    lines = drawn(
        table_dataset(row_diff(ChangeBatch("added", None, text_table(id=["1"], **names), {}))), width=60
    ).splitlines()[2:]

    assert max(map(len, lines)) <= 60
    assert lines[0] == "  + id=1  column_0=value  column_1=value  column_2=value"
    assert len(lines) == 6
    assert lines[-1] == "    ... 62 more lines"


def test_a_changed_row_that_is_too_long_for_a_line_has_one_for_each_cell():
    lines = lines_of_row(
        text_table(id=["1"], a=["one two three"], b=["x" * 50]),
        text_table(id=["1"], a=["four five six"], b=["y" * 50]),
        width=60,
    )

    assert lines == [
        "  ~ id=1",
        "        a: one two three -> four five six",
        "        b:",
        "           " + "x" * 50,
        "        -> " + "y" * 50,
    ]


def test_colour_changes_nothing_but_the_colour():
    import re

    coloured = drawn(table_dataset(some_rows(), SCHEMA), style=Style(True))

    assert "\x1b[32m" in coloured
    assert re.sub(r"\x1b\[\d+m", "", coloured) == drawn(table_dataset(some_rows(), SCHEMA))
