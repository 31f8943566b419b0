"""The change feed: what is written is what is read."""

import datetime as dt
import io
import json
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from datav.errors import TableError, UsageError
from datav.tables.cellvalues import cell_values
from datav.tables.feed import METADATA_KEY, read_feed, write_feed
from datav.tables.feedcells import cells_as
from datav.tables.result import ChangeBatch, DuplicateKeys, RowDiff
from tests.support.diffs import changed_batch, row_diff, text_table

REMOVED = ChangeBatch("removed", text_table(id=["1"], name=["Ann"]), None, {})
ADDED = ChangeBatch("added", None, text_table(id=["2"], name=[""]), {})
CHANGED = changed_batch(
    text_table(id=["3", "4"], name=["a\nb", 'q"']), text_table(id=["3", "4"], name=["x,y", "é"])
)
ROWS = row_diff(REMOVED, ADDED, CHANGED)


def written(rows, form, schemas=None) -> bytes:
    """The feed of some changes; the columns of both versions are those of the first batch."""
    if schemas is None:
        batch = next(rows.batches())
        fields = (batch.before if batch.before is not None else batch.after).schema
        text = pa.large_string()
        schema = pa.schema([f.with_type(text) if f.type == pa.large_binary() else f for f in fields])
        schemas = schema, schema
    target = io.BytesIO()
    write_feed(replace(rows, schemas=schemas), target, form)
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


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_feed_has_all_columns_of_both_versions_whatever_rows_it_tells_of(form, in_memory):
    schemas = tuple(pa.schema([(name, pa.large_string()) for name in names]) for names in ("ab", "cba"))

    feed = read_feed(in_memory(written(RowDiff(), form, schemas)))

    assert (feed.before, feed.after, feed.rows.num_rows) == (("a", "b"), ("c", "b", "a"), 0)


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


def test_a_feed_of_some_columns_is_refused():
    with pytest.raises(UsageError, match="some columns were left out"):
        write_feed(RowDiff(is_narrowed=True), io.BytesIO(), "csv")


def test_rows_that_were_not_compared_have_no_feed():
    with pytest.raises(TableError, match="not compared: ragged"):
        write_feed(RowDiff(refused="ragged"), io.BytesIO(), "csv")


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


DAY = dt.date(2024, 2, 29)
MOMENT = dt.datetime(2024, 1, 2, 3, 4, 5)
FINE = MOMENT.replace(microsecond=678901)
INTERVAL = pa.MonthDayNano([14, -3, 1_500_000_000])
STRUCT = pa.struct([("d", pa.date32()), ("x", pa.binary()), ("n", pa.decimal128(9, 2))])
FAR = [-(2**31), 2**31 - 1, 5_000_000]
TYPES = [
    (pa.null(), [None, None]),
    (pa.bool_(), [True, False, None]),
    (pa.int8(), [-128, None]),
    (pa.uint64(), [2**64 - 1]),
    (pa.float16(), [np.float16(1.5), None, np.float16("nan")]),
    (pa.float32(), [0.1, float("inf"), -0.0]),
    (pa.float64(), [0.1 + 0.2, 5e-324, float("-inf"), float("nan"), None]),
    (pa.decimal32(9, 2), [Decimal("1.50"), None]),
    (pa.decimal64(18, 4), [Decimal("-1.5000")]),
    (pa.decimal128(38, 10), [Decimal("1.0000000001"), Decimal(0)]),
    (pa.decimal256(76, 0), [Decimal(10**75)]),
    (pa.string(), ["", None, 'a"\n,é']),
    (pa.large_string(), ["", None]),
    (pa.string_view(), ["", None, "x" * 20]),
    (pa.binary(), [b"", None, b"\xff"]),
    (pa.large_binary(), [b"abc", None, b"\xff"]),
    (pa.binary_view(), [b"", None, b"\xff" * 20]),
    (pa.binary(3), [b"abc", None]),
    (pa.date32(), [DAY, dt.date(1, 1, 1), dt.date(9999, 12, 31), None]),
    (pa.date32(), FAR),
    (pa.date64(), [DAY, None]),
    (pa.time32("s"), [dt.time(3, 4, 5), None]),
    (pa.time32("ms"), [dt.time(3, 4, 5, 678000)]),
    (pa.time64("us"), [dt.time(3, 4, 5, 678901)]),
    (pa.time64("ns"), [1, 86_399_999_999_999]),
    *((pa.timestamp(unit), [MOMENT, dt.datetime(1, 1, 1), None]) for unit in ("s", "ms", "us")),
    *((pa.timestamp(unit), [2**62, -(2**62), 1]) for unit in ("ms", "us", "ns")),
    (pa.timestamp("ms"), [FINE.replace(microsecond=678000), MOMENT]),
    (pa.timestamp("us"), [FINE]),
    (pa.timestamp("us", "UTC"), [FINE]),
    (pa.timestamp("ms", "Europe/Berlin"), [MOMENT, dt.datetime(1890, 1, 1), None]),
    (pa.timestamp("s", "-03:30"), [2**40, 5, -1]),
    *((pa.duration(unit), [0, -1, 2**61, None]) for unit in ("s", "ms", "us", "ns")),
    (pa.list_(pa.time32("ms")), [[dt.time(1, 2, 3), None], [], None]),
    (pa.large_list(pa.timestamp("ns", "UTC")), [[1, 2]]),
    (pa.list_(pa.int8(), 2), [[1, None], None]),
    (pa.list_(pa.float64()), [[float("nan"), 1.0, float("-inf")]]),
    (pa.list_(pa.date32()), [FAR]),
    (pa.list_(pa.duration("ms")), [[1, None]]),
    (STRUCT, [{"d": DAY, "x": b"\xff", "n": Decimal("1.50")}, {"d": None, "x": b"a", "n": None}, None]),
    (pa.map_(pa.int32(), pa.date64()), [[(1, DAY), (2, None)], [], None]),
    (pa.map_(pa.string(), STRUCT), [[("k", {"d": DAY, "x": b"", "n": None})]]),
    (pa.list_(pa.map_(pa.string(), pa.binary())), [[[("k", b"\xff")], None]]),
    (pa.dictionary(pa.int8(), pa.string()), ["a", None, "a"]),
    (pa.dictionary(pa.int32(), pa.decimal128(5, 2)), [Decimal("1.50"), None]),
    (pa.uuid(), [b"0123456789abcdef", None]),
    (pa.bool8(), [1, 0, None]),
    (pa.json_(), ['{"a": 1}', None]),
]


NOT_IN_PARQUET = [
    (pa.decimal128(5, -3), [Decimal("12E+3")]),
    (pa.month_day_nano_interval(), [INTERVAL, None, pa.MonthDayNano([-1, 0, -1])]),
    (pa.timestamp("s"), [2**62, -(2**62), 1]),
]


def column_of(kind, cells):
    if isinstance(kind, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(kind, pa.array(cells, kind.storage_type))
    if pa.types.is_dictionary(kind):
        return pa.array(cells, kind.value_type).dictionary_encode().cast(kind)
    if cells and isinstance(cells[0], int) and pa.types.is_decimal(kind) is False:
        width = pa.int32() if pa.types.is_date32(kind) else None
        return pa.array(cells, width).cast(kind) if pa.types.is_temporal(kind) else pa.array(cells, kind)
    return pa.array(cells, kind)


@pytest.mark.parametrize(
    ("kind", "cells", "form"),
    [(*both, form) for both in TYPES for form in ("csv", "parquet")]
    + [(*both, "csv") for both in NOT_IN_PARQUET],
    ids=lambda value: str(value)[:40],
)
def test_a_cell_of_any_type_is_read_as_it_was(kind, cells, form, in_memory):
    column = column_of(kind, cells)
    table = pa.table({"id": range(len(column)), "c": column})

    data = written(row_diff(ChangeBatch("removed", table, None, {})), form, (table.schema, table.schema))
    feed = read_feed(in_memory(data))
    read = cells_as(feed.rows.column("before.c"), kind, "c", of_text=False, is_typed=feed.is_typed)

    assert read.type == kind
    # NaN is like nothing, but it is written like itself.
    assert str(cell_values(read)) == str(cell_values(column))


@pytest.mark.parametrize(("kind", "cells"), NOT_IN_PARQUET, ids=lambda value: str(value)[:40])
def test_what_parquet_lacks_is_refused(kind, cells):
    table = pa.table({"c": column_of(kind, cells)})
    rows = row_diff(ChangeBatch("removed", table, None, {}))

    with pytest.raises(TableError, match="Parquet cannot hold this change feed: "):
        written(rows, "parquet")


@pytest.mark.parametrize(
    "column",
    [
        pa.UnionArray.from_sparse(pa.array([0, 1], pa.int8()), [pa.array([1, 2]), pa.array(["a", "b"])]),
        pa.array([1], pa.int64()).cast(pa.date64(), safe=False),
        pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]),
    ],
    ids=lambda column: str(column.type),
)
def test_what_a_csv_would_not_give_back_is_refused(column):
    batch = ChangeBatch("removed", pa.table({"id": range(len(column)), "c": column}), None, {})

    with pytest.raises(TableError, match=r"column (before\.)?c is .* and holds what a CSV cannot"):
        written(row_diff(batch), "csv")
