"""datav.tables.arrowversion: tables in memory and Arrow IPC as versions of a table."""

import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import ipc

from datav.errors import RemoteError, TableError
from datav.formats.manifest import ColumnInfo
from datav.tables.arrowversion import ArrowVersion, MemoryVersion
from datav.tables.version import View

TABLE = pa.table(
    {
        "id": pa.array(range(100)),
        "name": pa.array([None if i % 7 == 0 else f"name {i % 5}" for i in range(100)]).dictionary_encode(),
        "tags": pa.array([[i] * (i % 3) for i in range(100)]),
    }
)


@pytest.fixture
def executor():
    with ThreadPoolExecutor(2) as executor:
        yield executor


def ipc_bytes(table, *, stream: bool, batch_rows: int = 30) -> bytes:
    sink = io.BytesIO()
    with (ipc.new_stream if stream else ipc.new_file)(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=batch_rows)
    return sink.getvalue()


@pytest.fixture(params=["memory", "file", "stream"])
def open_version(request, in_memory):
    def open_table(table):
        if request.param == "memory":
            return MemoryVersion(table)
        stream = request.param == "stream"
        return ArrowVersion(in_memory(ipc_bytes(table, stream=stream)), stream)

    return open_table


def scan(version, view, executor):
    parts = list(version.scan(view, 1, executor))
    return [np.concatenate([part[i] for part in parts]).tolist() for i in range(3)]


def whole(version, key=()) -> View:
    return View(tuple(range(len(version.columns))), tuple(key), version.types)


def numbers(*places) -> np.ndarray:
    return np.array(places, np.uint64)


def test_columns_have_names_of_their_own_and_stable_types(open_version):
    table = pa.table([[1], ["x"], [0.5]], names=["a", "b", "a"])

    version = open_version(table)

    assert version.columns == (
        ColumnInfo("a", "int64"),
        ColumnInfo("b", "string"),
        ColumnInfo("a.2", "float64"),
    )
    assert version.types == (pa.int64(), pa.string(), pa.float64())


def test_places_are_the_numbers_of_the_rows(open_version, executor):
    version = open_version(TABLE)

    places, _, rows = scan(version, whole(version), executor)

    assert places == list(range(100))
    assert len(set(rows)) == 100
    assert version.format in ("memory", "arrow")
    assert version.row_count == 100


def test_rows_are_told_by_the_cells_of_the_view(open_version, executor):
    version = open_version(TABLE)
    view = View((1, 0), (1,), (pa.string(), pa.int64()))

    _, keys, rows = scan(version, view, executor)
    other = scan(MemoryVersion(TABLE.select(["name", "id"])), View((0, 1), (1,), view.types), executor)

    assert len(set(keys)) == 100
    assert (keys, rows) == (other[1], other[2])


def test_cells_are_converted_to_the_types_of_the_view(open_version, executor):
    small, large = pa.table({"a": pa.array([1, 2], pa.int8())}), pa.table({"a": pa.array([1, 2], pa.int64())})
    view = View((0,), (), (pa.int64(),))

    assert scan(open_version(small), view, executor) == scan(open_version(large), view, executor)


def test_a_cell_that_cannot_be_converted_is_told_by_its_column(open_version, executor):
    version = open_version(pa.table({"a": [1, 300]}))

    with pytest.raises(TableError, match="column a cannot be read as int8"):
        list(version.scan(View((0,), (), (pa.int8(),)), 1, executor))


@pytest.mark.parametrize("places", [(), (0,), (99,), (29, 30, 31, 89, 90), tuple(range(100))])
def test_rows_are_taken_by_their_places(open_version, executor, places):
    version = open_version(TABLE)

    first = version.take(numbers(*places), [2, 0, 1], [version.types[2], pa.int32(), pa.string()])
    list(version.scan(whole(version), 1, executor))
    again = version.take(numbers(*places), [2, 0, 1], [version.types[2], pa.int32(), pa.string()])

    assert first.equals(again)
    assert first.column_names == ["tags", "id", "name"]
    assert first.schema.types == [version.types[2], pa.int32(), pa.string()]
    assert first.to_pylist() == TABLE.select([2, 0, 1]).take(pa.array(places, pa.int64())).to_pylist()


def test_columns_of_one_name_are_not_mixed_up(open_version):
    version = open_version(pa.table([[1, 2], [3, 4]], names=["a", "a"]))

    assert version.take(numbers(1), [1, 0], version.types).to_pydict() == {"a.2": [4], "a": [2]}


def test_a_table_without_rows_is_one(open_version, executor):
    version = open_version(TABLE.slice(0, 0))

    assert list(version.scan(whole(version), 1, executor)) == []
    assert version.take(numbers(), [0], [pa.int64()]).num_rows == 0


def test_only_the_batches_wanted_are_read_of_a_file_that_was_scanned(in_memory, executor):
    table = pa.table({"a": range(100_000)})
    source = in_memory(ipc_bytes(table, stream=False, batch_rows=10_000))
    version = ArrowVersion(source, stream=False)
    list(version.scan(whole(version), 1, executor))

    source.bytes_read = 0
    found = version.take(numbers(12_345, 99_999), [0], [pa.int64()])

    assert found.column(0).to_pylist() == [12_345, 99_999]
    assert source.bytes_read < 300_000


def read_all(source, executor, *, stream: bool) -> int | str:
    """How many rows there are, or why there is no table."""
    try:
        version = ArrowVersion(source, stream)
        parts = list(version.scan(whole(version), 1, executor))
        places = np.concatenate([numbers(), *(part.places for part in parts)])
        return version.take(places, range(len(version.columns)), version.types).num_rows
    except TableError as error:
        return str(error)


def test_a_cut_file_is_no_table(in_memory, executor):
    data = ipc_bytes(TABLE, stream=False)

    for size in range(0, len(data), 97):
        reason = read_all(in_memory(data[:size]), executor, stream=False)
        assert isinstance(reason, str)
        assert reason.isprintable()


def test_a_stream_may_only_end_behind_a_batch(in_memory, executor):
    data = ipc_bytes(TABLE, stream=True)
    found = [read_all(in_memory(data[:size]), executor, stream=True) for size in range(0, len(data), 8)]

    assert {rows for rows in found if isinstance(rows, int)} == {0, 30, 60, 90, 100}
    assert sum(isinstance(reason, str) for reason in found) > len(found) / 2


CODES, PLACES = pa.array([0, 1, 1, 0], pa.int8()), pa.array([0, 0, 1, 1], pa.int32())
EXOTIC = {
    "null": pa.nulls(4),
    "dictionary": pa.array(["a", None, "a", "b"]).dictionary_encode(),
    "run ends": pa.compute.run_end_encode(pa.array([1, 1, 2, 2])),
    "string view": pa.array(["a", None, "b", "a text too long to be inlined"], pa.string_view()),
    "list view": pa.array([[1], None, [], [2, 3]], pa.list_view(pa.int8())),
    "fixed list": pa.array([[1, 2], None, [3, 4], [5, 6]], pa.list_(pa.int8(), 2)),
    "map": pa.array([[("a", 1)], None, [], [("b", 2)]], pa.map_(pa.string(), pa.int8())),
    "sparse union": pa.UnionArray.from_sparse(CODES, [pa.array([1, 0, 0, 2]), pa.array(["", "a", "b", ""])]),
    "dense union": pa.UnionArray.from_dense(CODES, PLACES, [pa.array([1, 2]), pa.array(["a", "b"])]),
    "extension": pa.array([b"a" * 16, None, b"b" * 16, b"c" * 16], pa.uuid()),
    "interval": pa.array([pa.MonthDayNano([1, 2, 3]), None, pa.MonthDayNano([0, 0, 1]), None]),
    "struct of dictionaries": pa.StructArray.from_arrays([pa.array(list("abca")).dictionary_encode()], ["x"]),
}


@pytest.mark.parametrize("name", EXOTIC)
def test_every_type_can_be_scanned_and_taken(open_version, executor, name):
    cells = EXOTIC[name]
    version = open_version(pa.table({"a": cells}))

    assert len(scan(version, whole(version), executor)[2]) == 4
    for places in ((0, 1, 2, 3), (1, 3), (2,), ()):
        found = version.take(numbers(*places), [0], version.types).column(0)
        assert found.type == cells.type
        assert found.to_pylist() == [cells[place].as_py() for place in places]


def test_a_stream_whose_rows_are_asked_for_in_order_is_read_once(in_memory):
    table = pa.table({"a": range(100_000), "b": range(100_000)})
    source = in_memory(ipc_bytes(table, stream=True, batch_rows=1000))
    version = ArrowVersion(source, stream=True)

    source.bytes_read = 0
    for start in range(0, 100_000, 700):
        places = np.arange(start, min(start + 650, 100_000), dtype=np.uint64)
        assert version.take(places, [1], [pa.int64()]).column(0).to_pylist() == places.tolist()
    assert source.bytes_read < 2.5 * source.size
    # Backwards, other columns, the same place again.
    for place, column in ((5, 1), (99_999, 0), (99_999, 0), (99_998, 1)):
        assert version.take(numbers(place), [column], [pa.int64()]).column(0).to_pylist() == [place]


def test_rows_that_are_not_there_are_an_error(open_version):
    with pytest.raises(TableError, match="2 rows were asked for and 1 found"):
        open_version(TABLE).take(numbers(99, 100), [0], [pa.int64()])


def test_rows_count_even_if_no_column_is_looked_at(open_version, executor):
    assert len(scan(open_version(TABLE), View((), (), ()), executor)[2]) == 100


@pytest.mark.parametrize("stream", [False, True])
def test_a_damaged_file_never_raises_anything_else(in_memory, executor, stream):
    data = ipc_bytes(TABLE, stream=stream)
    for seed in range(150):
        damaged = bytearray(data)
        damaged[seed * 7919 % len(data)] ^= 1 << seed % 8
        damaged[seed * 104_729 % len(data)] = 255

        found = read_all(in_memory(bytes(damaged)), executor, stream=stream)

        assert isinstance(found, int) or found.isprintable()


def test_what_the_source_raises_comes_through(in_memory, executor):
    class Failing(type(in_memory(b""))):
        is_failing = False

        def read_at(self, offset, size):
            if self.is_failing:
                raise RemoteError("the remote is gone")
            return super().read_at(offset, size)

    for stream in (False, True):
        source = Failing(ipc_bytes(TABLE, stream=stream))
        version = ArrowVersion(source, stream)
        source.is_failing = True
        with pytest.raises(RemoteError, match="the remote is gone"):
            list(version.scan(whole(version), 1, executor))


def test_who_stops_early_leaves_nothing_running(executor):
    version = MemoryVersion(pa.table({"a": range(1_000_000)}))

    scanning = version.scan(whole(version), 1, executor)
    first = next(scanning)
    scanning.close()

    assert first.places[0] == 0
    assert executor.submit(lambda: 1).result(timeout=60) == 1
