"""What `diff --stat` prints."""

from datav.formats.manifest import ColumnInfo
from datav.repo.diffresult import FileItem, FilesDiff
from datav.report.diff_stat import diff_stat
from datav.report.style import PLAIN
from datav.tables.result import ChangeBatch, DuplicateKeys, RowDiff, SchemaDiff
from tests.support.diffs import diff_of, row_diff, table_dataset, text_table

ROWS = row_diff(
    ChangeBatch("removed", text_table(id=["1"]), None, {}),
    ChangeBatch("added", None, text_table(id=["2", "3"]), {}),
)


def test_each_dataset_has_a_line_and_all_have_a_sum():
    files = FilesDiff(
        (
            FileItem(b"a", "added", None, None, 1, None, None),
            FileItem(b"b", "moved", b"c/b", 1, 1, None, None),
            FileItem(b"c.csv", "modified", None, 1, 1, None, "is blank"),
        )
    )
    schema = SchemaDiff(added=(ColumnInfo("x", "text"),))

    text = diff_stat(
        diff_of(
            table_dataset(ROWS, schema, path=b"data/train.csv"),
            table_dataset(path=b"photos", kind="directory", table=None, files=files, after=None),
            table_dataset(RowDiff(refused="ragged"), path=b"t.csv", before=None),
            table_dataset(path=b"m", table=None, meta_changed=True, before=None, after=None),
        ),
        PLAIN,
    )

    assert (
        text
        == """\
 data/train.csv  | +2 -1 rows, 1 column, 1.0 KB -> 1.2 KB
 photos          | +1 ~1 >1 files, not compared in full, 1.0 KB
 t.csv           | rows not compared, 1.2 KB
 m               | key or [meta] changed
 4 datasets changed, +2 -1 rows, 1 column, 3 files"""
    )


def test_nothing_that_changed_is_one_line():
    assert diff_stat(diff_of(), PLAIN) == "no differences"


def test_keys_that_are_not_unique_are_told_and_their_rows_were_compared():
    duplicates = DuplicateKeys(1, 0, ({"id": "7"},))
    rows = RowDiff(
        key=("id",), from_rows=9, to_rows=10, added=1, duplicates=duplicates, refused="it is not unique"
    )
    same = RowDiff(key=("id",), from_rows=9, to_rows=9, duplicates=duplicates, refused="it is not unique")

    text = diff_stat(diff_of(table_dataset(rows, path=b"a"), table_dataset(same, path=b"b")), PLAIN)

    lines = text.splitlines()
    assert lines[0].startswith(" a  | +1 row, keys are not unique, ")
    assert lines[1].startswith(" b  | keys are not unique, ")
    assert "not compared" not in text
