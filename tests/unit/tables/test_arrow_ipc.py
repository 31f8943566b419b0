"""datav.tables.arrow_ipc: schemas and rows by the messages alone."""

import io
import struct

import pytest

from datav.formats.manifest import ColumnInfo, TableInfo
from datav.tables import arrow_ipc
from datav.tables.describe import describe
from datav.tables.source import NotATable

pa = pytest.importorskip("pyarrow")

TABLE = pa.table({"id": range(1000), "name": pa.array(["a", "b"] * 500).dictionary_encode()})


def ipc_bytes(table, *, stream: bool = False, rows_per_batch: int = 100, **options) -> bytes:
    sink = io.BytesIO()
    new = pa.ipc.new_stream if stream else pa.ipc.new_file
    with new(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, max_chunksize=rows_per_batch)
    return sink.getvalue()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("options", [{}, {"compression": "zstd"}, {"use_legacy_format": True}])
def test_rows_are_added_up_over_batches_without_reading_them(in_memory, stream, options):
    if stream and "use_legacy_format" in options:
        pytest.skip("a stream from before Arrow 0.15 has no magic at all")
    source = in_memory(ipc_bytes(TABLE, stream=stream, **options))

    found = describe("x.arrow", source, None)

    assert found == TableInfo(
        "arrow",
        None,
        None,
        1000,
        (),
        (ColumnInfo("id", "int64"), ColumnInfo("name", "dictionary<string>")),
        0,
        False,
    )


def test_batches_are_not_read(in_memory):
    source = in_memory(ipc_bytes(pa.table({"x": range(1_000_000)}), rows_per_batch=1_000_000))

    found = describe("x.feather", source, None)

    assert isinstance(found, TableInfo)
    assert found.rows == 1_000_000
    assert source.bytes_read < 10_000


def test_a_table_of_no_rows_has_none(in_memory):
    for stream in (False, True):
        found = describe("x.arrows", in_memory(ipc_bytes(TABLE.slice(0, 0), stream=stream)), None)

        assert isinstance(found, TableInfo)
        assert found.rows == 0


def test_a_stream_that_is_cut_is_a_table_of_unknown_rows(in_memory):
    data = ipc_bytes(TABLE, stream=True)

    found = describe("x.arrow", in_memory(data[: len(data) // 2]), None)

    assert isinstance(found, TableInfo)
    assert found.rows is None


def test_rows_stay_unknown_where_counting_them_would_take_long(in_memory, monkeypatch):
    monkeypatch.setattr(arrow_ipc, "MAX_MESSAGES", 5)

    found = describe("x.arrow", in_memory(ipc_bytes(TABLE)), None)

    assert isinstance(found, TableInfo)
    assert found.rows is None


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("x.arrow", b""),
        ("x.feather", b"FEA1" + b"\0" * 20 + b"FEA1"),
        ("x", b"ARROW1\0\0ARROW1"),
        ("x", b"ARROW1\0\0" + b"\xff" * 4 + struct.pack("<i", 2**31 - 1) + b"ARROW1"),
        ("x", b"ARROW1\0\0" + b"\xff" * 100 + b"ARROW1"),
        ("x.arrow", b"\xff\xff\xff\xff" + struct.pack("<i", 64) + b"\xff" * 64),
        ("x.arrow", b"\xff\xff\xff\xff" + struct.pack("<i", 64) + b"\0" * 64),
        ("x.arrow", ipc_bytes(TABLE)[:-1]),
        ("x.arrow", ipc_bytes(TABLE, stream=True)[:50]),
    ],
)
def test_what_is_cut_or_corrupt_says_why_it_is_no_table(in_memory, name, data):
    found = describe(name, in_memory(data), None)

    assert isinstance(found, NotATable)
    assert found.reason.isprintable()
    assert 0 < len(found.reason) < 300


def test_no_change_of_a_single_byte_raises(in_memory):
    data = ipc_bytes(TABLE.select(["id"]).slice(0, 2))
    for i in range(8, len(data)):
        for value in (0, 0x7F, 0xFF, data[i] ^ 1):
            changed = data[:i] + bytes([value]) + data[i + 1 :]
            assert not isinstance(describe("x.arrow", in_memory(changed), None), str)
