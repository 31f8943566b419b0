"""A merged Parquet or Arrow file is written as ours is, with other rows."""

import gzip
import io

import pyarrow as pa
import pytest
from pyarrow import ipc, parquet

from datav.errors import TableError
from datav.merging.writing import splice_edits, write_merge
from datav.storage.scratch import Scratch
from datav.tables import parquetwriting
from datav.tables.arrow_ipc import find_codec
from datav.tables.opening import open_table
from datav.tables.source import NotATable
from tests.support.comparing import BytesSource
from tests.support.merges import MadeMerge


@pytest.fixture
def merged():
    """Gives the bytes of the result."""

    def merge(name, data, changed=(), removed=(), new=(), layout=None, types=None, window_rows=2**30):
        target = io.BytesIO()
        source = BytesSource(data)
        with Scratch() as scratch:
            version = open_table(name, source, scratch)
            assert not isinstance(version, NotATable)
            made = MadeMerge(version, dict(changed), removed, new, layout, types, window_rows)
            assert splice_edits(made, source) is None
            write_merge(made, source, target)
        return target.getvalue()

    return merge


def parquet_of(table, **options):
    target = io.BytesIO()
    parquet.write_table(table, target, **options)
    return target.getvalue()


def arrow_of(batches, *, stream=False, metadata=None, **options):
    target = io.BytesIO()
    new = ipc.new_stream if stream else ipc.new_file
    with new(target, batches[0].schema, options=ipc.IpcWriteOptions(**options)) as writer:
        for batch in batches:
            writer.write_batch(batch, custom_metadata=metadata)
    return target.getvalue()


def read_parquet(data):
    return parquet.read_table(io.BytesIO(data))


def facts(data):
    """What a Parquet file says of each of its column chunks."""
    metadata = parquet.read_metadata(io.BytesIO(data))
    chunks = []
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for column in range(group.num_columns):
            chunk = group.column(column)
            chunks.append(
                (
                    chunk.path_in_schema,
                    chunk.physical_type,
                    chunk.compression,
                    chunk.encodings,
                    chunk.is_stats_set,
                    chunk.has_column_index,
                    chunk.total_uncompressed_size,
                )
            )
    return metadata.format_version, chunks


TABLE = pa.table(
    {
        "id": pa.array(range(10)),
        "s": pa.array([f"s{n % 3}" for n in range(10)]),
        "l": pa.array([[n] * (n % 3) for n in range(10)], pa.list_(pa.int32())),
        "t": pa.array(range(0, 10_000, 1000), pa.timestamp("ns", "UTC")),
        "d": pa.array(["a", "b"] * 5).dictionary_encode(),
    }
)
STYLES = [
    {},
    {"compression": {"id": "zstd", "s": "gzip", "l.list.element": "none", "t": "snappy", "d": "lz4"}},
    {"use_dictionary": ["s"], "column_encoding": {"id": "DELTA_BINARY_PACKED"}, "write_statistics": ["id"]},
    {"data_page_version": "2.0", "write_page_index": True, "write_page_checksum": True},
    {"use_compliant_nested_type": False, "use_dictionary": False},
    {"use_deprecated_int96_timestamps": True},
    {"version": "2.4"},
    {"version": "1.0", "store_schema": False},
    {"write_statistics": False, "store_schema": False, "compression": "zstd"},
]


@pytest.mark.parametrize("style", STYLES, ids=lambda style: ",".join(style) or "plain")
def test_row_groups_without_edits_are_written_as_they_were(merged, style):
    data = parquet_of(TABLE, row_group_size=4, **style)
    ours = read_parquet(data)

    result = merged("t.parquet", data)

    assert read_parquet(result).equals(ours, check_metadata=True)
    assert facts(result) == facts(data)


def test_row_groups_keep_their_rows_but_for_edits(merged):
    data = parquet_of(TABLE.select(["id", "s"]), row_group_size=4)

    result = merged(
        "t.parquet",
        data,
        {1: (-1, None)},
        [0, 8, 9],
        [(4, (40, "x")), (4, (41, "y")), (10, (99, "z"))],
        window_rows=3,
    )

    assert read_parquet(result).column("id").to_pylist() == [-1, 2, 3, 40, 41, 4, 5, 6, 7, 99]
    metadata = parquet.read_metadata(io.BytesIO(result))
    assert [metadata.row_group(number).num_rows for number in range(3)] == [3, 6, 1]


def test_a_row_group_that_grows_too_large_becomes_several(merged, monkeypatch):
    monkeypatch.setattr(parquetwriting, "_MOST_ROWS", 4)
    data = parquet_of(TABLE.select(["id"]).slice(0, 4), row_group_size=2)

    result = merged("t.parquet", data, new=[(4, (number,)) for number in range(9)])

    metadata = parquet.read_metadata(io.BytesIO(result))
    assert [metadata.row_group(number).num_rows for number in range(4)] == [2, 4, 4, 3]


def test_a_file_may_lose_all_rows_and_one_without_rows_get_some(merged):
    empty = merged("t.parquet", parquet_of(TABLE.select(["id"]), row_group_size=4), removed=range(10))

    assert read_parquet(empty).equals(TABLE.select(["id"]).slice(0, 0))
    assert read_parquet(merged("t.parquet", empty, new=[(0, (1,))])).to_pydict() == {"id": [1]}


def test_metadata_of_schema_and_fields_stay(merged):
    schema = pa.schema(
        [
            pa.field("a", pa.int32(), nullable=False, metadata={b"unit": b"m"}),
            pa.field("b", pa.struct([pa.field("c", pa.string(), metadata={b"k": b"v"})])),
        ],
        {b"pandas": b"{}", b"mine": b"1"},
    )
    table = pa.table([[1, 2], [{"c": "x"}, None]], schema=schema)

    for name, data in (("t.parquet", parquet_of(table)), ("t.arrow", arrow_of(table.to_batches()))):
        result = merged(name, data, {0: (7, {"c": "y"})})

        read = read_parquet(result) if name == "t.parquet" else ipc.open_file(result).read_all()
        assert read.schema.equals(
            (read_parquet(data) if name == "t.parquet" else table).schema, check_metadata=True
        )
        assert read.column("a").to_pylist() == [7, 2]


def test_nulls_where_the_file_forbids_them_are_refused(merged):
    table = pa.table([[1]], schema=pa.schema([pa.field("a", pa.int32(), nullable=False)]))

    with pytest.raises(TableError, match="column a must not be null"):
        merged("t.parquet", parquet_of(table), {0: (None,)})


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow"])
def test_columns_come_go_move_and_change_their_types(merged, name):
    table = pa.table({"id": pa.array([1, 2], pa.int32()), "old": ["x", "y"], "n": [1.5, 2.5]})
    data = parquet_of(table, compression="gzip") if name == "t.parquet" else arrow_of(table.to_batches())

    result = merged(
        name,
        data,
        {1: (9.5, 2**40, ["k"])},
        [],
        [(0, (0.5, 0, None))],
        [("n", 2), ("id", 0), ("new", None)],
        [pa.float64(), pa.int64(), pa.list_(pa.string())],
    )

    read = read_parquet(result) if name == "t.parquet" else ipc.open_file(result).read_all()
    assert read.schema.types == [pa.float64(), pa.int64(), pa.list_(pa.string())]
    assert read.to_pydict() == {"n": [0.5, 1.5, 9.5], "id": [0, 1, 2**40], "new": [None, None, ["k"]]}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("codec", [None, "lz4", "zstd"])
def test_arrow_keeps_its_kind_batches_and_compression(merged, stream, codec):
    table = TABLE.unify_dictionaries()
    batches = table.to_batches(max_chunksize=4)
    data = arrow_of(batches, stream=stream, compression=codec, metadata={"k": "v"})
    row = [100, "new", [], None, "c"]

    result = merged("t.arrow", data, {5: row}, [0], [(8, row)], window_rows=2)

    reader = (ipc.open_stream if stream else ipc.open_file)(result)
    read = list(reader) if stream else [reader.get_batch(number) for number in range(3)]
    assert [batch.num_rows for batch in read] == [3, 4, 3]
    assert "".join(pa.Table.from_batches(read).column("d").to_pylist()) == "babacabcab"
    assert read[0].schema.equals(table.schema)
    assert find_codec(BytesSource(result), stream=stream) == codec
    if not stream:
        assert ipc.open_file(result).get_batch_with_custom_metadata(1).custom_metadata == {b"k": b"v"}


def test_a_dictionary_that_is_full_is_an_error(merged):
    cells = pa.DictionaryArray.from_arrays(pa.array([0], pa.int8()), pa.array([str(n) for n in range(128)]))
    table = pa.table({"d": cells})

    with pytest.raises(TableError, match="cannot be rewritten"):
        merged("t.arrow", arrow_of(table.to_batches()), {0: ("other",)})


def test_new_values_are_in_the_one_dictionary_of_a_file_from_the_start(merged):
    table = pa.table({"d": pa.array(["a", "b"] * 4).dictionary_encode(), "s": [*"abcdefgh"]})
    kinds = [table.schema.types[0], table.schema.types[0]]

    # The second column was none before.
    result = merged("t.arrow", arrow_of(table.to_batches(max_chunksize=3)), {7: ("z", "y")}, types=kinds)

    reader = ipc.open_file(result)
    read = [reader.get_batch(number) for number in range(3)]
    assert pa.Table.from_batches(read).to_pydict() == {"d": [*"abababaz"], "s": [*"abcdefgy"]}
    assert read[0].column("d").dictionary.to_pylist() == ["a", "b", "z"]


def test_types_that_cannot_be_taken_from_are_cut(merged):
    table = pa.table({"id": [1, 2, 3], "v": pa.array(["a", "b", "c"], pa.string_view())})

    result = merged("t.arrow", arrow_of(table.to_batches()), {0: (9, "z")}, [1], [(2, (5, "n"))])

    assert ipc.open_file(result).read_all().to_pydict() == {"id": [9, 5, 3], "v": ["z", "n", "c"]}


def test_a_compressed_file_is_compressed_again(merged):
    data = gzip.compress(parquet_of(TABLE))

    result = merged("t.parquet.gz", data, removed=[0])

    assert read_parquet(gzip.decompress(result)).equals(TABLE.slice(1))
