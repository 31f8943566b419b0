"""datav.tables.parquetversion: Parquet as a version of a table."""

import datetime
import io
import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datav.errors import RemoteError, TableError
from datav.formats.manifest import ColumnInfo
from datav.tables import parquetversion
from datav.tables.arrowversion import MemoryVersion
from datav.tables.parquetversion import ParquetVersion
from datav.tables.version import View

ROWS = 1000
TABLE = pa.table(
    {
        "id": pa.array(range(ROWS)),
        "name": pa.array([None if i % 7 == 0 else f"name {i % 5}" for i in range(ROWS)]).dictionary_encode(),
        "where": pa.array([{"x": i / 3, "y": [i] * (i % 3)} for i in range(ROWS)]),
        "when": pa.array(range(ROWS), pa.timestamp("us", "Europe/Berlin")),
    }
)


@pytest.fixture
def executor():
    with ThreadPoolExecutor(2) as executor:
        yield executor


def parquet_bytes(table, **options) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **{"row_group_size": 300, **options})
    return sink.getvalue()


def scan(version, view, executor):
    parts = list(version.scan(view, 1, executor))
    return [np.concatenate([np.zeros(0, np.uint64), *(part[i] for part in parts)]).tolist() for i in range(3)]


def whole(version, key=()) -> View:
    return View(tuple(range(len(version.columns))), tuple(key), version.types)


def numbers(*places) -> np.ndarray:
    return np.array(places, np.uint64)


def test_columns_types_and_rows_come_from_the_footer(in_memory):
    source = in_memory(parquet_bytes(TABLE))

    version = ParquetVersion(source)

    assert [column.name for column in version.columns] == ["id", "name", "where", "when"]
    assert version.columns[0] == ColumnInfo("id", "int64")
    assert version.types == tuple(TABLE.schema.types)
    assert version.row_count == ROWS
    assert version.format == "parquet"
    assert [(group.first, group.rows) for group in version.metadata] == [
        (0, 300),
        (300, 300),
        (600, 300),
        (900, 100),
    ]


@pytest.mark.parametrize("way", ["units", "batches", "buffers"])
@pytest.mark.parametrize("codec", ["snappy", "zstd", "none"])
def test_rows_have_the_fingerprints_that_they_have_in_memory(in_memory, executor, monkeypatch, way, codec):
    if way != "units":
        monkeypatch.setattr(parquetversion, "_UNIT_ROWS", 10)
        monkeypatch.setattr(parquetversion, "BATCH_ROWS", 64)
    if way == "buffers":
        monkeypatch.setattr(parquetversion, "_UNIT_SIZE", 10)
    version = ParquetVersion(in_memory(parquet_bytes(TABLE, compression=codec)))
    memory = MemoryVersion(TABLE)
    # Not in the order of the file, and not with the types of the file.
    view = View((3, 1, 0, 2), (2, 1), (version.types[3], pa.string(), pa.int64(), version.types[2]))

    assert scan(version, view, executor) == scan(memory, view, executor)


def test_only_the_columns_of_the_view_are_fetched(in_memory, executor):
    rng = random.Random(1)
    table = pa.table({"small": range(10_000), "large": [rng.randbytes(100) for _ in range(10_000)]})
    source = in_memory(parquet_bytes(table, row_group_size=2_000))
    version = ParquetVersion(source)

    scan(version, View((0,), (), (pa.int64(),)), executor)

    assert source.bytes_read < 300_000


@pytest.mark.parametrize("places", [(), (0,), (999,), (299, 300, 301, 899, 900), tuple(range(ROWS))])
def test_rows_are_taken_by_their_places(in_memory, places):
    version = ParquetVersion(in_memory(parquet_bytes(TABLE)))

    found = version.take(numbers(*places), [2, 0, 1], [version.types[2], pa.int32(), pa.string()])

    assert found.column_names == ["where", "id", "name"]
    assert found.schema.types == [version.types[2], pa.int32(), pa.string()]
    assert found.to_pylist() == TABLE.select([2, 0, 1]).take(pa.array(places, pa.int64())).to_pylist()


def test_a_row_group_that_was_just_read_is_not_fetched_again(in_memory):
    source = in_memory(parquet_bytes(TABLE))
    version = ParquetVersion(source)
    version.take(numbers(1), [0], [pa.int64()])

    source.bytes_read = 0
    found = version.take(numbers(2, 299), [0], [pa.int64()])

    assert found.column(0).to_pylist() == [2, 299]
    assert source.bytes_read == 0


def test_a_version_can_be_narrowed_to_some_row_groups(in_memory, executor):
    version = ParquetVersion(in_memory(parquet_bytes(TABLE)))
    view = whole(version)
    places, _, rows = scan(version, view, executor)

    some = version.only([3, 1])

    assert some.row_count == 400
    found = scan(some, view, executor)
    assert found[0] == places[300:600] + places[900:]
    assert found[2] == rows[300:600] + rows[900:]
    assert some.take(numbers(5), [0], [pa.int64()]).column(0).to_pylist() == [5]
    assert scan(version.only([]), view, executor) == [[], [], []]


def test_a_row_group_is_read_by_itself(in_memory):
    version = ParquetVersion(in_memory(parquet_bytes(TABLE)))

    batches = list(version.read_group(2, [1, 0], [pa.string(), None]))

    found = pa.Table.from_batches(batches)
    assert found.to_pydict() == {
        "name": TABLE["name"][600:900].to_pylist(),
        "id": list(range(600, 900)),
    }
    assert found.schema.types == [pa.string(), pa.int64()]


def test_names_that_look_like_paths_or_occur_twice_are_not_mixed_up(in_memory, executor):
    columns = [pa.array([{"b": 1}]), pa.array([2]), pa.array([3]), pa.array([4])]
    table = pa.Table.from_arrays(columns, names=["a", "a.b", "a.b", ""])
    version = ParquetVersion(in_memory(parquet_bytes(table)))

    found = version.take(numbers(0), [3, 2, 1, 0], version.types[::-1])

    assert found.to_pylist() == [{"": 4, "a.b.2": 3, "a.b": 2, "a": {"b": 1}}]


def test_int96_is_a_timestamp_of_nanoseconds(in_memory):
    moments = [datetime.datetime(2024, 1, 1, 1, 2, 3, 4), None]
    table = pa.table({"t": pa.array(moments, pa.timestamp("us"))})
    version = ParquetVersion(in_memory(parquet_bytes(table, use_deprecated_int96_timestamps=True)))

    assert version.types == (pa.timestamp("ns"),)
    found = version.take(numbers(0, 1), [0], [pa.timestamp("us")])
    assert found.column(0).to_pylist() == moments


def test_column_chunks_are_where_pyarrow_says(in_memory):
    data = parquet_bytes(TABLE)
    version = ParquetVersion(in_memory(data))
    metadata = pq.read_metadata(io.BytesIO(data))

    for number, group in enumerate(version.chunks):
        assert len(group) == metadata.num_columns == 5
        for leaf, chunk in enumerate(group):
            column = metadata.row_group(number).column(leaf)
            dictionary = column.dictionary_page_offset
            assert chunk.offset == (column.data_page_offset if dictionary is None else dictionary)
            assert chunk.size == column.total_compressed_size
    assert [version.leaves_of(column) for column in range(4)] == [
        range(0, 1),
        range(1, 2),
        range(2, 4),
        range(4, 5),
    ]


def read_all(source, executor) -> int | str:
    """How many rows there are, or why there is no table."""
    try:
        version = ParquetVersion(source)
        places = scan(version, whole(version), executor)[0]
        version.chunks, version.leaves
        return version.take(numbers(*places), range(len(version.columns)), version.types).num_rows
    except TableError as error:
        return str(error)


def test_a_cut_file_is_no_table(in_memory, executor):
    data = parquet_bytes(TABLE)

    for size in [*range(20), *range(20, len(data), 997)]:
        reason = read_all(in_memory(data[:size]), executor)
        assert isinstance(reason, str)
        assert reason.isprintable()


@pytest.mark.parametrize("where", ["anywhere", "in the footer"])
def test_a_damaged_file_never_raises_anything_else(in_memory, executor, where):
    data = parquet_bytes(TABLE)
    footer_size = int.from_bytes(data[-8:-4], "little")
    rng = random.Random(where)
    for _ in range(150):
        damaged = bytearray(data)
        for _ in range(rng.randint(1, 3)):
            start = 0 if where == "anywhere" else len(data) - footer_size - 8
            damaged[rng.randrange(start, len(data))] = rng.choice([0, 127, 128, 255, rng.randrange(256)])

        found = read_all(in_memory(bytes(damaged)), executor)

        assert isinstance(found, int) or found.isprintable()


def test_a_page_that_is_not_what_its_checksum_says_is_damage(in_memory, executor):
    data = bytearray(parquet_bytes(TABLE, write_page_checksum=True, compression="none"))
    chunk = ParquetVersion(in_memory(bytes(data))).chunks[1][0]
    data[chunk.offset + chunk.size - 1] ^= 1

    assert "CRC" in str(read_all(in_memory(bytes(data)), executor))


def test_rows_that_the_footer_states_and_are_not_there_are_damage(in_memory, executor):
    data = parquet_bytes(pa.table({"a": pa.array([7] * 1000, pa.int64())}), row_group_size=1000)
    footer_size = int.from_bytes(data[-8:-4], "little")
    footer = data[-8 - footer_size : -8]
    # 1000 as a zigzag varint; the last is the number of rows of the row group.
    at = footer.rindex(b"\xd0\x0f")
    damaged = footer[:at] + b"\xd2\x0f" + footer[at + 2 :]

    reason = read_all(in_memory(data[: -8 - footer_size] + damaged + data[-8:]), executor)

    assert isinstance(reason, str)


def test_what_the_source_raises_comes_through(in_memory, executor):
    class Failing(type(in_memory(b""))):
        is_failing = False

        def read_at(self, offset, size):
            if self.is_failing:
                raise RemoteError("the remote is gone")
            return super().read_at(offset, size)

    source = Failing(parquet_bytes(TABLE))
    version = ParquetVersion(source)
    source.is_failing = True

    with pytest.raises(RemoteError, match="the remote is gone"):
        list(version.scan(whole(version), 1, executor))
    with pytest.raises(RemoteError, match="the remote is gone"):
        version.take(numbers(1), [0], [pa.int64()])


def test_a_file_without_rows_is_a_table(in_memory, executor):
    version = ParquetVersion(in_memory(parquet_bytes(TABLE.slice(0, 0))))

    assert version.row_count == 0
    assert scan(version, whole(version), executor) == [[], [], []]
    assert version.take(numbers(), [0], [pa.int64()]).num_rows == 0


def test_rows_count_even_if_no_column_is_looked_at(in_memory, executor):
    version = ParquetVersion(in_memory(parquet_bytes(TABLE)))

    assert len(scan(version, View((), (), ()), executor)[2]) == ROWS


def test_several_threads_may_use_one_version(in_memory):
    version = ParquetVersion(in_memory(parquet_bytes(TABLE)))

    def take(start: int) -> list[int]:
        places = np.arange(start, ROWS, 37, dtype=np.uint64)
        return version.take(places, [0], [pa.int64()]).column(0).to_pylist()

    with ThreadPoolExecutor(4) as executor:
        for start, found in enumerate(executor.map(take, range(40))):
            assert found == list(range(start, ROWS, 37))
