"""What the messages of an Arrow IPC file or stream say of it.  No column is read, nothing is decompressed.

Layout: https://arrow.apache.org/docs/format/Columnar.html#serialization-and-interprocess-communication-ipc
A file is a stream between two magics, with a footer that repeats the schema and the places of the batches;
both are read here as the stream they hold, one message's metadata at a time.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from datav.formats.manifest import ColumnInfo, TableInfo, limit_columns
from datav.tables.source import NotATable, RandomAccess, not_a_table
from datav.tables.typenames import type_name

FILE_MAGIC = b"ARROW1"
CONTINUATION = b"\xff\xff\xff\xff"

MAX_METADATA_SIZE = 64 * 2**20
"""Of one message.  A schema of 100 000 columns takes about ten MiB."""

# One read each: beyond this the rows stay unknown.
MAX_MESSAGES = 10_000

_SCHEMA, _RECORD_BATCH = 1, 3
_FILE_HEADER_SIZE = 8
_CODECS = {0: "lz4", 1: "zstd"}


class _Message(NamedTuple):
    kind: int
    rows: int
    """Of a record batch; else 0."""
    offset: int
    size: int
    """Of its metadata, with the four or eight bytes before it."""


def describe_arrow(source: RandomAccess, *, stream: bool) -> TableInfo | NotATable:
    """Return the columns and rows of an Arrow IPC file, or of a bare stream.

    A file that is cut behind its schema is a table of unknown rows.

    Raises:
        What `source.read_at` raises.

    Cost: a read of some hundred bytes for each record batch.
    """
    start = 0 if stream else _FILE_HEADER_SIZE
    try:
        first = next(_messages(source, start), None)
    except (struct.error, ValueError) as exc:
        return not_a_table("its Arrow schema cannot be read", exc)
    if first is None or first.kind != _SCHEMA:
        return NotATable("does not start with an Arrow schema")
    columns = _columns(source.read_at(first.offset, first.size))
    if isinstance(columns, NotATable):
        return columns
    listed, more = limit_columns(columns)
    return TableInfo("arrow", None, None, _count_rows(source, start), (), listed, more, False)


def find_codec(source: RandomAccess, *, stream: bool) -> str | None:
    """Return how the first batch with rows is compressed, `lz4` or `zstd`; None: not, or that cannot be told.

    Cost: a read of some hundred bytes for that batch, and for those before it.
    """
    try:
        for message in _messages(source, 0 if stream else _FILE_HEADER_SIZE):
            if message.kind == _RECORD_BATCH and message.rows:
                return _read_codec(source.read_at(message.offset, message.size))
    except (struct.error, ValueError):
        # Whether its batches can be read is for whoever does.
        return None
    return None


def _read_codec(message: bytes) -> str | None:
    """Return `RecordBatch.compression.codec` of a message, with the bytes before it."""
    data = message[8 if message[:4] == CONTINUATION else 4 :]
    (root,) = struct.unpack_from("<I", data)
    batch = _below(data, root, 2)
    compression = None if batch is None else _below(data, batch, 3)
    if compression is None:
        return None
    return _CODECS.get(_scalar(data, compression, 0, "<b"))


def _columns(message: bytes) -> list[ColumnInfo] | NotATable:
    try:
        import pyarrow
        from pyarrow import ipc
    except ImportError as exc:
        return not_a_table("cannot be read without pyarrow", exc)
    try:
        schema = ipc.read_schema(pyarrow.py_buffer(message))
        return [ColumnInfo(field.name, type_name(field.type)) for field in schema]
    except (pyarrow.ArrowException, OSError, ValueError, RecursionError, MemoryError) as exc:
        return not_a_table("its Arrow schema cannot be read", exc)


def _count_rows(source: RandomAccess, start: int) -> int | None:
    rows = 0
    try:
        for count, message in enumerate(_messages(source, start)):
            if count >= MAX_MESSAGES:
                return None
            rows += message.rows
    except (struct.error, ValueError):
        return None
    return rows


def _messages(source: RandomAccess, offset: int) -> Iterator[_Message]:
    """Yield the messages up to the end of the stream.

    Raises:
        ValueError, struct.error: the stream is cut or is none.
    """
    while offset < source.size:
        prefix = source.read_at(offset, 8)
        # Before Arrow 0.15 there was no continuation, only the size.
        prefix_size = 8 if prefix[:4] == CONTINUATION else 4
        (size,) = struct.unpack_from("<i", prefix, prefix_size - 4)
        if size == 0:
            return
        if not 0 < size <= min(MAX_METADATA_SIZE, source.size - offset - prefix_size):
            raise ValueError("a message is longer than the file")
        kind, rows, body_size = _read_metadata(source.read_at(offset + prefix_size, size))
        end = offset + prefix_size + size + body_size
        if body_size < 0 or rows < 0 or end > source.size:
            raise ValueError("a message is longer than the file")
        yield _Message(kind, rows, offset, prefix_size + size)
        offset = end


def _read_metadata(data: bytes) -> tuple[int, int, int]:
    """Return the kind, rows and body size of a `Message`, a flatbuffer (format/Message.fbs)."""
    (root,) = struct.unpack_from("<I", data)
    kind = _scalar(data, root, 1, "<B")
    rows = 0
    if kind == _RECORD_BATCH:
        batch = _below(data, root, 2)
        if batch is None:
            raise ValueError("a record batch without a header")
        rows = _scalar(data, batch, 0, "<q")
    return kind, rows, _scalar(data, root, 3, "<q")


def _below(data: bytes, table: int, field: int) -> int | None:
    """Return where the table is that a `field` of a table points to; None if there is none."""
    at = _field(data, table, field)
    if at is None:
        return None
    (step,) = struct.unpack_from("<I", data, at)
    return at + int(step)


def _scalar(data: bytes, table: int, field: int, layout: str) -> int:
    at = _field(data, table, field)
    value: int = 0 if at is None else struct.unpack_from(layout, data, at)[0]
    return value


def _field(data: bytes, table: int, field: int) -> int | None:
    """Return where a flatbuffer table keeps its `field`, None if it has the default.

    struct bounds every read, and no offset below 0 gets to it.
    """
    (back,) = struct.unpack_from("<i", data, table)
    vtable = table - back
    if vtable < 0:
        raise ValueError("a flatbuffer table points out of its buffer")
    (vtable_size,) = struct.unpack_from("<H", data, vtable)
    slot = 4 + 2 * field
    if slot + 2 > vtable_size:
        return None
    (at,) = struct.unpack_from("<H", data, vtable + slot)
    return table + at if at else None
