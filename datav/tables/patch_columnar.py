"""Parquet and Arrow, patched: a row group or a batch at a time, in the file's own types and compression."""

from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import numpy as np
import pyarrow
from pyarrow import ipc, parquet

from datav.tables.arrow_ipc import FILE_MAGIC
from datav.tables.patch_plan import Plan
from datav.tables.source import RandomAccess
from datav.tables.sourcefile import SourceFile, translated

# What Parquet calls its codecs, and pyarrow when it writes; others, such as Hadoop's LZ4, it only reads.
_CODECS = {
    "UNCOMPRESSED": "none",
    "SNAPPY": "snappy",
    "GZIP": "gzip",
    "BROTLI": "brotli",
    "LZ4": "lz4",
    "ZSTD": "zstd",
}

_FAILED = "its rows cannot be rewritten"


def write_parquet(source: RandomAccess, plan: Plan, target: BinaryIO) -> None:
    """Write a Parquet file as `plan` says: its row groups stay, new rows go into the last.

    Cost: one row group in memory.
    """
    file = SourceFile(source)
    with translated(_FAILED, file):
        opened = parquet.ParquetFile(pyarrow.PythonFile(file, "r"))
        metadata = opened.metadata
        layout = _layout(opened.schema_arrow, plan)
        groups = (opened.read_row_group(number) for number in range(metadata.num_row_groups))
        with parquet.ParquetWriter(
            target,
            layout,
            compression=_compression(metadata) or "snappy",
            version=metadata.format_version if metadata.format_version in ("1.0", "2.4", "2.6") else "2.6",
            use_deprecated_int96_timestamps=_has_int96(metadata),
        ) as writer:
            for table in _patched(groups, layout, plan):
                if len(table):
                    writer.write_table(table, row_group_size=len(table))


def write_arrow(source: RandomAccess, plan: Plan, target: BinaryIO) -> None:
    """Write an Arrow IPC file or stream as `plan` says.

    pyarrow does not tell how the file is compressed; what is written is not.
    """
    file = SourceFile(source)
    is_file = source.read_at(0, len(FILE_MAGIC)) == FILE_MAGIC
    with translated(_FAILED, file):
        python_file = pyarrow.PythonFile(file, "r")
        reader = ipc.open_file(python_file) if is_file else ipc.open_stream(python_file)
        batches = (
            (reader.get_batch(number) for number in range(reader.num_record_batches))
            if is_file
            else iter(reader)
        )
        layout = _layout(reader.schema, plan)
        tables = (pyarrow.Table.from_batches([batch]) for batch in batches)
        make = ipc.new_file if is_file else ipc.new_stream
        options = ipc.IpcWriteOptions(unify_dictionaries=is_file)
        with make(target, layout, options=options) as writer:
            for table in _patched(tables, layout, plan):
                writer.write_table(table)


def _layout(schema: Any, plan: Plan) -> Any:
    """The schema of the result: the file's, but for columns that changed."""
    fields = []
    kinds = [column.type for column in plan.after.columns]
    for name, kind, source in zip(plan.columns, kinds, plan.sources, strict=True):
        if source is None:
            fields.append(pyarrow.field(name, kind))
        else:
            # With the name as it stands in the file, where two may be the same.
            fields.append(schema.field(source).with_type(kind))
    return pyarrow.schema(fields, schema.metadata)


def _patched(tables: Iterable[Any], layout: Any, plan: Plan) -> Iterator[Any]:
    """Yield the parts of a table, edited; added rows are in the last."""
    held: Any = None
    first = 0
    for table in tables:
        if held is not None:
            yield held
        held = _edited(_relaid(table, layout, plan), first, plan)
        first += len(table)
    new = _columns(plan.after.take(_repeated(plan)), layout)
    yield new if held is None else pyarrow.concat_tables([held, new]).combine_chunks()


def _relaid(table: Any, layout: Any, plan: Plan) -> Any:
    """`table` with the columns of the result."""
    cells = [
        pyarrow.nulls(len(table), field.type) if source is None else table.column(source).cast(field.type)
        for field, source in zip(layout, plan.sources, strict=True)
    ]
    return pyarrow.Table.from_arrays(cells, schema=layout)


def _edited(table: Any, first: int, plan: Plan) -> Any:
    """`table`, whose first row is number `first` of the file, with its rows changed and removed."""
    size = len(table)
    places = np.fromiter(plan.edits, np.int64, len(plan.edits))
    start, end = np.searchsorted(places, [first, first + size])
    if start == end:
        return table
    chosen = np.arange(size)
    rows = [plan.edits[place] for place in places[start:end].tolist()]
    becomes = [row for row in rows if row is not None]
    chosen[places[start:end] - first] = -1
    changed = [place for place, row in zip(places[start:end] - first, rows, strict=True) if row is not None]
    chosen[changed] = size + np.arange(len(becomes))
    new = _columns(plan.after.take(pyarrow.array(becomes, pyarrow.int64())), table.schema)
    return pyarrow.concat_tables([table, new]).take(pyarrow.array(chosen[chosen >= 0])).combine_chunks()


def _columns(rows: Any, layout: Any) -> Any:
    """Rows of the feed with the schema of the result."""
    return pyarrow.Table.from_arrays(
        [rows.column(place).cast(field.type) for place, field in enumerate(layout)], schema=layout
    )


def _repeated(plan: Plan) -> Any:
    rows = np.repeat(np.array(plan.added, np.int64), np.array(plan.added_counts, np.int64))
    return pyarrow.array(rows, pyarrow.int64())


def _compression(metadata: Any) -> dict[str, str]:
    """How each column is compressed, as the first row group has it."""
    if not metadata.num_row_groups:
        return {}
    group = metadata.row_group(0)
    columns = (group.column(number) for number in range(group.num_columns))
    return {column.path_in_schema: _CODECS.get(column.compression, "zstd") for column in columns}


def _has_int96(metadata: Any) -> bool:
    return any(
        metadata.schema.column(number).physical_type == "INT96"
        for number in range(len(metadata.schema.names))
    )
