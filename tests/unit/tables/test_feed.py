"""The change feed: what is written is what is read."""

import datetime as dt
import io
import json
from decimal import Decimal

import pyarrow as pa
import pytest
from pyarrow import parquet

from datav.errors import TableError
from datav.formats.manifest import ColumnInfo
from datav.tables.feed import METADATA_KEY, read_feed, write_feed
from datav.tables.result import ChangeBatch, DuplicateKeys, RowDiff, SchemaDiff
from tests.support.diffs import changed_batch, row_diff, text_table

REMOVED = ChangeBatch("removed", text_table(id=["1"], name=["Ann"]), None, {})
ADDED = ChangeBatch("added", None, text_table(id=["2"], name=[""]), {})
CHANGED = changed_batch(
    text_table(id=["3", "4"], name=["a\nb", 'q"']), text_table(id=["3", "4"], name=["x,y", "é"])
)
ROWS = row_diff(REMOVED, ADDED, CHANGED)


def written(rows, form, schema=None, **options) -> bytes:
    target = io.BytesIO()
    write_feed(rows, schema or SchemaDiff(), target, form, **options)
    return target.getvalue()


def cells(table: pa.Table):
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def test_a_csv_feed_is_whole_rows_of_both_sides_with_text_in_quotes():
    assert written(ROWS, "csv").decode() == (
        '"_op","_count","before.id","before.name","after.id","after.name"\n'
        '"removed",1,"1","Ann",,\n'
        '"added",1,,,"2",""\n'
        '"changed",1,"3","a\nb","3","x,y"\n'
        '"changed",1,"4","q""","4","é"\n'
    )


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_feed_reads_back(form, in_memory):
    feed = read_feed(in_memory(written(ROWS, form)))

    assert (feed.before, feed.after) == (("id", "name"), ("id", "name"))
    assert cells(feed.rows.cast(pa.schema([(n, pa.string()) for n in feed.rows.column_names]))) == [
        ("removed", "1", "1", "Ann", None, None),
        ("added", "1", None, None, "2", ""),
        ("changed", "1", "3", "a\nb", "3", "x,y"),
        ("changed", "1", "4", 'q"', "4", "é"),
    ]


def test_a_parquet_feed_says_what_it_is_and_keeps_types():
    table = pa.table({"id": pa.array([1], pa.int32()), "when": pa.array([1], pa.timestamp("ns"))})

    data = written(row_diff(ChangeBatch("added", None, table, {})), "parquet")

    schema = parquet.read_schema(io.BytesIO(data))
    assert json.loads(schema.metadata[METADATA_KEY]) == {
        "format": 1,
        "key": ["id"],
        "unique": True,
        "before": ["id", "when"],
        "after": ["id", "when"],
    }
    assert schema.field("after.id").type == pa.int32()
    assert schema.field("after.when").type == pa.timestamp("ns")


def test_rows_that_are_there_more_than_once_are_counted(in_memory):
    batch = ChangeBatch("added", None, text_table(id=["1"]), {}, pa.array([3], pa.uint64()), has_key=False)
    rows = row_diff(batch, duplicates=DuplicateKeys(0, 1, ()), refused="the key is not unique")

    feed = read_feed(in_memory(written(rows, "parquet")))

    assert feed.rows.column("_count").to_pylist() == [3]
    assert not feed.is_unique


def test_columns_of_a_side_that_no_row_is_told_of_come_from_the_schemas(in_memory):
    schema = SchemaDiff(added=(ColumnInfo("new", "text"),), removed=(ColumnInfo("name", "text"),))

    derived = read_feed(in_memory(written(row_diff(REMOVED), "csv", schema)))
    given = read_feed(
        in_memory(written(row_diff(REMOVED), "csv", schema, columns=(["id", "name"], ["new", "id"])))
    )

    assert (derived.before, derived.after) == (("id", "name"), ("id", "new"))
    assert given.after == ("new", "id")


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_feed_without_changes_is_a_header(form, in_memory):
    feed = read_feed(in_memory(written(RowDiff(key=("id",)), form)))

    assert (feed.before, feed.after, feed.rows.num_rows) == ((), (), 0)


def test_typed_cells_are_iso_text_in_csv():
    table = pa.table(
        {
            "f": pa.array([1.0]),
            "b": pa.array([True]),
            "d": pa.array([Decimal("1.50")]),
            "t": pa.array([dt.datetime(2020, 1, 2, 3, 4)]),
            "l": pa.array([[1, None]]),
            "n": pa.array([None], pa.int8()),
            "x": pa.array([b"\xff"]),
        }
    )

    data = written(row_diff(ChangeBatch("removed", table, None, {}), key=()), "csv")

    assert data.decode().splitlines()[1] == (
        '"removed",1,"1.0",true,"1.50","2020-01-02T03:04:00","[1, null]",,"/w==",,,,,,,'
    )


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_bytes_that_are_not_utf_8_are_refused(form):
    rows = row_diff(ChangeBatch("added", None, pa.table({"id": pa.array([b"\xff"], pa.large_binary())}), {}))

    with pytest.raises(TableError, match="not UTF-8"):
        written(rows, form)


def test_rows_that_were_not_compared_have_no_feed():
    with pytest.raises(TableError, match="not compared: ragged"):
        written(RowDiff(refused="ragged"), "csv")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"a,b\n1,2\n",
        b"_op,_count,name\n",
        b"_op,_count,before.a,before.a\n",
        b'_op,_count,before.a,after.a\n"eaten",1,,\n',
        b'_op,_count,before.a,after.a\n"added",0,,"1"\n',
        b'_op,_count,before.a,after.a\n"added",x,,"1"\n',
        b'_op,_count,before.a,after.a\n"added",1,,"1","2"\n',
        b"_op,_count,before.\xff\n",
        b"PAR1 and no more",
        b"\x00",
    ],
)
def test_what_is_no_feed_is_an_error_of_one_line(data, in_memory):
    with pytest.raises(TableError) as error:
        read_feed(in_memory(data))

    assert "\n" not in str(error.value)


def test_a_parquet_file_that_is_no_feed_or_a_later_one_is_refused(in_memory):
    for metadata in (None, {METADATA_KEY: '{"format": 2}'}, {METADATA_KEY: "["}):
        target = io.BytesIO()
        parquet.write_table(pa.table({"a": [1]}).replace_schema_metadata(metadata), target)

        with pytest.raises(TableError):
            read_feed(in_memory(target.getvalue()))
