"""What the footer of a Parquet file says of it.  No row is read, and nothing but the footer."""

from dataclasses import replace
from itertools import accumulate
from typing import Any

from datav.formats.manifest import MAX_COLUMNS, ColumnInfo, TableInfo, limit_columns
from datav.tables.source import NotATable, RandomAccess, not_a_table
from datav.tables.typenames import count_leaves, type_name

MAGIC = b"PAR1"
ENCRYPTED_MAGIC = b"PARE"

MAX_FOOTER_SIZE = 64 * 2**20
"""Larger ones exist only where something is wrong, and would have to be in memory at once."""

# Statistics are read one column chunk at a time, some microseconds each.
_MAX_CHUNKS_READ = 200_000


def describe_parquet(source: RandomAccess) -> TableInfo | NotATable:
    """Return the columns, rows and nulls that a Parquet file states.

    Nulls are given for columns without nesting whose every row group counts them.  A file that is cut,
    corrupt or encrypted is NotATable; a readable footer over encrypted columns is a table of unknown nulls.

    Raises:
        What `source.read_at` raises.

    Cost: two reads.
    """
    footer = _read_footer(source)
    if isinstance(footer, NotATable):
        return footer
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as exc:
        return not_a_table("cannot be read without pyarrow", exc)
    # pyarrow is handed a file that is all footer: whatever a hostile one says, nothing else can be read.
    data = b"".join((MAGIC, footer, len(footer).to_bytes(4, "little"), MAGIC))
    try:
        metadata = parquet.read_metadata(pyarrow.BufferReader(data))
        schema = metadata.schema.to_arrow_schema()
        fields = [schema.field(i) for i in range(min(len(schema), MAX_COLUMNS))]
        columns = list(map(ColumnInfo, (f.name for f in fields), (type_name(f.type) for f in fields)))
        leaves = [count_leaves(field.type) for field in fields]
    except (pyarrow.ArrowException, OSError, ValueError, RecursionError, MemoryError) as exc:
        return not_a_table("its Parquet footer cannot be read", exc)
    listed, _ = limit_columns(_with_nulls(columns, leaves, metadata))
    rows, more = _row_count(metadata), len(schema) - len(listed)
    return TableInfo("parquet", None, None, rows, (), listed, more, False)


def _read_footer(source: RandomAccess) -> bytes | NotATable:
    size = source.size
    if size < 12:
        return NotATable("is too short to be a Parquet file")
    tail = source.read_at(size - 8, 8)
    if tail[4:] == ENCRYPTED_MAGIC:
        return NotATable("its Parquet footer is encrypted")
    if tail[4:] != MAGIC:
        return NotATable("does not end like a Parquet file; it may be cut")
    footer_size = int.from_bytes(tail[:4], "little")
    if not 0 < footer_size <= size - 12:
        return NotATable(f"states a Parquet footer of {footer_size} bytes, which it has not")
    if footer_size > MAX_FOOTER_SIZE:
        return NotATable(
            f"has a Parquet footer of {footer_size} bytes; more than {MAX_FOOTER_SIZE} are not read"
        )
    footer = source.read_at(size - 8 - footer_size, footer_size)
    return footer if len(footer) == footer_size else NotATable("changed while it was read")


# Any: pyarrow has no types of its own that mypy could see.
def _row_count(metadata: Any) -> int | None:
    """Return the rows; None if the footer contradicts itself, as some that old writers left behind do."""
    try:
        groups = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    except (OSError, ValueError, RuntimeError):
        return None
    total: int = metadata.num_rows
    return total if total == sum(groups) and min(groups, default=0) >= 0 else None


def _with_nulls(columns: list[ColumnInfo], leaves: list[int], metadata: Any) -> list[ColumnInfo]:
    """Return `columns` with their nulls, None for nested ones and where a row group does not say."""
    if len(columns) * metadata.num_row_groups > _MAX_CHUNKS_READ:
        return columns
    try:
        groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
        return [
            replace(column, nulls=_count_nulls(metadata, groups, end - count, column.name))
            for column, count, end in zip(columns, leaves, accumulate(leaves), strict=True)
        ]
    except (OSError, ValueError, RuntimeError):
        # Encrypted columns, or statistics that cannot be decoded: the schema still stands.
        return columns


def _count_nulls(metadata: Any, groups: list[Any], leaf: int, name: str) -> int | None:
    # Of a nested column the path is longer than the name, or a level is higher.
    if leaf >= metadata.num_columns:
        return None
    column = metadata.schema.column(leaf)
    if column.path != name or column.max_repetition_level or column.max_definition_level > 1:
        return None
    if column.max_definition_level == 0:
        return 0
    total = 0
    for group in groups:
        statistics = group.column(leaf).statistics
        if statistics is None or not statistics.has_null_count:
            return None
        if not 0 <= statistics.null_count <= group.num_rows:
            return None
        total += statistics.null_count
    return total
