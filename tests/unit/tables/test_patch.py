"""A change feed applied to the first version gives the second."""

import datetime as dt
import io
import json
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pyarrow as pa
import pytest
from pyarrow import ipc, parquet

from datav.errors import TableError
from datav.storage.scratch import Scratch
from datav.tables.compare import compare
from datav.tables.feed import read_feed, write_feed
from datav.tables.opening import open_table
from datav.tables.options import DiffOptions
from datav.tables.patch import Patched, apply_feed
from datav.tables.source import NotATable

EXECUTOR = ThreadPoolExecutor(2)


@pytest.fixture
def patched(in_memory):
    """Makes the feed from one file to another and applies it: to the first, or to a third."""

    def patch(before, after, *, to=None, key=("id",), name="t.csv", form="csv"):
        with Scratch() as scratch:
            old, new = (open_table(name, in_memory(data), scratch) for data in (before, after))
            assert not isinstance(old, NotATable)
            assert not isinstance(new, NotATable)
            options = DiffOptions(key=key, added_columns=True)
            diff = compare(old, new, options, scratch=scratch, executor=EXECUTOR)
            assert diff.rows is not None
            feed, target = io.BytesIO(), io.BytesIO()
            write_feed(diff.rows, feed, form)
            read = read_feed(in_memory(feed.getvalue()))
            source = in_memory(before if to is None else to)
            result = apply_feed(name, source, read, target, scratch=scratch, executor=EXECUTOR)
        return target.getvalue(), result

    return patch


def parquet_of(table, **options) -> bytes:
    target = io.BytesIO()
    parquet.write_table(table, target, **options)
    return target.getvalue()


def test_changed_rows_stay_in_their_places_and_added_ones_come_last(patched):
    before = b"id,n\n1,a\n2,b\n3,c\n4,d\n"
    after = b"id,n\n9,z\n4,d\n2,B\n3,c\n"

    data, result = patched(before, after)

    assert data == b"id,n\n2,B\n3,c\n4,d\n9,z\n"
    assert result == Patched(4, 4, added=1, removed=1, changed=1)


def test_lines_that_stay_and_cells_that_stay_are_copied_byte_for_byte(patched):
    before = b'\xef\xbb\xbf"id";n;note\r\n1;"a";x\r\n2; "b;"plain"\n\n3;"c ""q""";"x\ny"\r\n4;d;z'
    after = b'\xef\xbb\xbfid;n;note\n1;a;x\n2; "b;"plain"\n3;"c ""q""";changed\n4;d;"a;b"\n5;new;\n'

    data, _ = patched(before, after)

    assert data == (
        b'\xef\xbb\xbf"id";n;note\r\n1;"a";x\r\n2; "b;"plain"\n\n3;"c ""q""";"changed"\r\n4;d;"a;b"\r\n5;new;'
    )


def test_a_file_that_quotes_everything_quotes_what_is_added(patched):
    data, _ = patched(b'"id","n"\n"1","a"\n', b'"id","n"\n"1","a"\n"2","b"\n')

    assert data == b'"id","n"\n"1","a"\n"2","b"\n'


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_the_encoding_of_the_file_stays(patched, encoding):
    data, _ = patched("id,n\n1,é\n2,ü\n".encode(encoding), "id,n\n1,é\n2,ö\n3,ä\n".encode(encoding))

    assert data == "id,n\n1,é\n2,ö\n3,ä\n".encode(encoding)


def test_a_character_that_the_encoding_lacks_is_refused(patched):
    with pytest.raises(TableError, match=r"latin-1, which lacks '€'"):
        patched("id,n\n1,é\n".encode("latin-1"), "id,n\n1,€\n".encode())


def test_columns_are_added_removed_and_reordered_as_the_feed_says(patched):
    before = b'id,old,"n"\n1,x,"a"\n2,x,b\n3,x,c\n'
    after = b"n,new,id\na,,1\nB,2,2\nd,4,4\n"

    data, result = patched(before, after)

    assert data == b'"n",new,id\n"a",,1\nB,2,2\nd,4,4\n'
    assert result == Patched(3, 3, added=1, removed=1, changed=1, new_columns=("new",))


def test_the_order_of_the_files_own_columns_stays_if_the_feed_does_not_change_it(patched):
    data, _ = patched(b"id,n\n1,a\n", b"id,n\n1,b\n", to=b"n,id\na,1\nz,9\n")

    assert data == b"n,id\nb,1\nz,9\n"


def test_without_a_key_rows_are_taken_out_as_often_as_the_feed_says(patched):
    before, after = b"a,b\n1,1\n1,1\n1,1\n2,2\n", b"a,b\n1,1\n2,2\n3,3\n3,3\n"

    data, result = patched(before, after, key=())

    assert data == b"a,b\n1,1\n2,2\n3,3\n3,3\n"
    assert result == Patched(4, 4, added=2, removed=2, changed=0)


def test_a_row_that_is_not_there_is_named_and_nothing_is_written(in_memory):
    feed = read_feed(
        in_memory(b'"_op","_count","before.id","before.n","after.id","after.n"\n"removed",1,"7","a\nb",,\n')
    )
    target = io.BytesIO()

    with Scratch() as scratch, pytest.raises(TableError, match=r"there is no row id=7, n=a\\nb"):
        apply_feed("t.csv", in_memory(b"id,n\n7,a\n"), feed, target, scratch=scratch, executor=EXECUTOR)

    assert target.getvalue() == b""


def test_a_key_that_would_be_there_twice_is_refused(patched):
    with pytest.raises(TableError, match="two rows with the key id=2"):
        patched(b"id,n\n1,a\n", b"id,n\n1,a\n2,b\n", to=b"id,n\n1,a\n2,other\n", form="parquet")


@pytest.mark.parametrize(
    ("to", "words"), [(b"id\n1\n", "no column n"), (b"id,n,x\n1,a,\n", "knows no column x")]
)
def test_a_feed_of_other_columns_is_refused(patched, to, words):
    with pytest.raises(TableError, match=words):
        patched(b"id,n\n1,a\n", b"id,n\n1,b\n", to=to)


def test_a_feed_without_changes_changes_nothing(patched):
    data, result = patched(b"id,n\n1,a\n", b"id,n\n1,a\n")

    assert data == b"id,n\n1,a\n"
    assert result == Patched(1, 1, 0, 0, 0)


def test_a_patched_big_file_is_the_other_one(patched):
    lines = [f"{n},{n * n},text {n}" for n in range(200_000)]
    changed = list(lines)
    changed[3], changed[150_000] = "3,-9,x", "150000,,y"
    del changed[77_777]

    before, after = (("id,n,t\n" + "\n".join(each) + "\n").encode() for each in (lines, changed))

    data, _ = patched(before, after)

    assert data == after


MAP = pa.map_(pa.string(), pa.list_(pa.int8()))
TYPED = pa.table(
    {
        "id": pa.array([1, 2, 3, 4], pa.int32()),
        "f": pa.array([1.5, None, float("nan"), 0.1]),
        "b": pa.array([True, False, None, True]),
        "d": pa.array([Decimal("1.50"), Decimal("2.00"), None, Decimal("0.01")]),
        "t": pa.array([1, None, 3, 10**18], pa.timestamp("ns", "UTC")),
        "day": pa.array([dt.date(2020, 1, 1)] * 4),
        "span": pa.array([1, -1500, None, 3], pa.duration("us")),
        "s": pa.array(["a", "", None, "é"]),
        "x": pa.array([b"\xff", b"", None, b"a"]),
        "l": pa.array([[1, 2], [], None, [None]]),
        "c": pa.array(["u", "v", "u", None]).dictionary_encode(),
        "m": pa.array([[("k", [1])], [], None, [("a", None), ("b", [2])]], MAP),
        "ll": pa.array([[["a", "b"], ["c", "d"]], None, [], [[None]]]),
        "st": pa.array([{"a": 1, "b": [{"c": "x"}]}, None, {"a": None, "b": []}, {"a": 2, "b": None}]),
    }
)
CHANGED = pa.concat_tables(
    [
        TYPED.slice(0, 1),
        TYPED.slice(2, 1)
        .set_column(1, "f", pa.array([2.5]))
        .set_column(9, "l", pa.array([[7]], pa.list_(pa.int64()))),
        TYPED.slice(3, 1),
        TYPED.slice(1, 1).set_column(0, "id", pa.array([9], pa.int32())),
    ]
).unify_dictionaries()


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize("writer", ["parquet", "file", "stream"])
def test_binary_tables_keep_their_types(patched, form, writer):
    def encode(table):
        if writer == "parquet":
            return parquet_of(table, row_group_size=2, compression={"s": "gzip", "id": "none"})
        target = io.BytesIO()
        with (ipc.new_file if writer == "file" else ipc.new_stream)(target, table.schema) as out:
            out.write_table(table.combine_chunks())
        return target.getvalue()

    def decode(data):
        if writer == "parquet":
            return parquet.read_table(io.BytesIO(data))
        return (ipc.open_file if writer == "file" else ipc.open_stream)(io.BytesIO(data)).read_all()

    name = "t.parquet" if writer == "parquet" else "t.arrow"
    data, result = patched(encode(TYPED), encode(CHANGED), name=name, form=form)

    assert result == Patched(4, 4, added=1, removed=1, changed=1)
    assert decode(data).schema == decode(encode(TYPED)).schema
    assert str(decode(data).to_pydict()) == str(decode(encode(CHANGED)).to_pydict())


def test_parquet_keeps_row_groups_and_compression(patched):
    table = pa.table({"id": range(100), "n": ["x"] * 100})
    before = parquet_of(table, row_group_size=30, compression={"id": "zstd", "n": "gzip"})
    after = parquet_of(table.slice(1))

    data, _ = patched(before, after, name="t.parquet")

    metadata = parquet.read_metadata(io.BytesIO(data))
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    assert [group.num_rows for group in groups] == [29, 30, 30, 10]
    assert [groups[0].column(n).compression for n in range(2)] == ["ZSTD", "GZIP"]


def test_columns_of_parquet_follow_the_feed_with_their_types(patched):
    before = pa.table({"id": [1, 2], "n": pa.array([1, 2], pa.int32()), "old": ["x", "y"]})
    after = pa.table({"n": pa.array([1.0, 2.5]), "id": [1, 2], "new": pa.array([None, 7], pa.int8())})

    data, result = patched(parquet_of(before), parquet_of(after), name="t.parquet", form="parquet")

    assert parquet.read_table(io.BytesIO(data)).schema.equals(after.schema)
    assert parquet.read_table(io.BytesIO(data)).to_pydict() == after.to_pydict()
    assert result.new_columns == ("new",)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_fields_that_must_not_be_null_are_no_trouble(patched, form):
    inner = pa.struct([pa.field("n", pa.int32(), nullable=False)])
    kind = pa.struct([pa.field("x", inner, nullable=False), pa.field("d", pa.date32())])
    cells = [{"x": {"n": n}, "d": 2_000_000_000} for n in (1, 2)]
    table = pa.table({"id": [1, 2], "s": pa.array(cells, kind)})

    data, _ = patched(parquet_of(table), parquet_of(table.slice(1)), name="t.parquet", form=form)

    assert parquet.read_table(io.BytesIO(data)).equals(table.slice(1))


def test_lines_of_json_stay_as_they_are_but_for_what_changed(patched):
    before = (
        b'{"id": 1, "a": {"b": 1.0, "c": [1, 2]}}\n\n{"id":2,"a":{"b":"x"},"n":null}\r\n{"id": 3, "z": "1"}'
    )
    after = (
        b'{"id": 1, "a": {"b": 1.00, "c": [1, 3]}}\n{"id":2,"a":{"b":"x"}}\n'
        b'{"id": 3, "z": "2", "n": true}\n{"id": 4, "a": {"b": "\xc3\xa9"}}'
    )

    data, result = patched(before, after, name="t.jsonl")

    assert data == (
        b'{"id": 1, "a": {"b": 1.00, "c": [1, 3]}}\n\n{"id":2,"a":{"b":"x"},"n":null}\r\n'
        b'{"id": 3, "z": "2", "n": true}\n{"id": 4, "a": {"b": "\xc3\xa9"}}'
    )
    assert result == Patched(3, 4, added=1, removed=0, changed=2)


def test_a_key_of_json_that_is_gone_goes_from_every_record(patched):
    before = b'{"id":1,"x":{"y":1},"k":0}\n{"id":2,"x":{"y":2},"k":0}\n{"id":3,"k":0}\n'
    after = b'{"id":1,"k":0}\n{"id":3,"k":1}\n'

    data, _ = patched(before, after, name="t.jsonl")

    # An object of nothing would be a cell.
    assert [json.loads(line) for line in data.splitlines()] == [{"id": 1, "k": 0}, {"id": 3, "k": 1}]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_json_lines_keep_their_encoding(patched, encoding):
    before, after = '{"id": 1, "n": "é"}\n', '{"id": 1, "n": "ö"}\n{"id": 2, "n": "ä"}\n'

    data, _ = patched(before.encode(encoding), after.encode(encoding), name="t.jsonl")

    assert data == after.encode(encoding)


@pytest.mark.parametrize(
    ("before", "after"),
    [(b'{"id":1,"z":"1"}\n', b'{"id":1,"z":1}\n'), (b'{"id":1,"z":1}\n', b'{"id":1,"z":" 1"}\n')],
)
def test_a_text_like_a_number_is_none(patched, before, after):
    data, _ = patched(before, after, name="t.jsonl")

    assert data == after


def test_new_values_of_a_dictionary_may_come_in_any_batch(patched):
    def encode(cells):
        table = pa.table({"id": range(4), "c": pa.array(cells).dictionary_encode()})
        target = io.BytesIO()
        with ipc.new_file(target, table.schema, options=ipc.IpcWriteOptions(compression="zstd")) as out:
            out.write_table(table, max_chunksize=2)
        return target.getvalue()

    data, _ = patched(encode(["a", "b", "b", "a"]), encode(["x", "b", "y", "a"]), name="t.arrow")

    read = ipc.open_file(io.BytesIO(data))
    assert read.num_record_batches == 2
    assert read.read_all().column("c").to_pylist() == ["x", "b", "y", "a"]


def test_compressed_files_and_what_is_no_table_are_refused(in_memory):
    feed = read_feed(in_memory(b"_op,_count\n"))
    for name, data in (("t.csv.gz", b"\x1f\x8b"), ("t.csv", b""), ("t.png", b"\x89PNG")):
        with Scratch() as scratch, pytest.raises(TableError):
            apply_feed(name, in_memory(data), feed, io.BytesIO(), scratch=scratch, executor=EXECUTOR)
