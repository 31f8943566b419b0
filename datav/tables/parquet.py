"""What the footer of a Parquet file says of it.  No row is read, and nothing but the footer."""

from itertools import accumulate
from typing import Any

from datav.formats.manifest import MAX_COLUMNS, ColumnInfo, TableInfo, limit_columns
from datav.tables.parquet_counts import Counts, parse_counts
from datav.tables.source import NotATable, RandomAccess, not_a_table
from datav.tables.typenames import count_leaves, type_name

MAGIC = b"PAR1"
ENCRYPTED_MAGIC = b"PARE"

MAX_FOOTER_SIZE = 64 * 2**20
"""Larger ones exist only where something is wrong, and would have to be in memory at once."""

# Rows and nulls of larger footers are not counted: this one takes about two seconds.
_MAX_COUNTED_SIZE = 16 * 2**20


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
        named = [(field.name, type_name(field.type)) for field in fields]
        leaves = _flat_leaves(fields, metadata.schema)
    except (pyarrow.ArrowException, OSError, ValueError, RecursionError, MemoryError) as exc:
        return not_a_table("its Parquet footer cannot be read", exc)
    counts = _parse_counts(footer)
    nulls = [None if counts is None or leaf is None else counts.nulls_of(leaf) for leaf in leaves]
    columns = [ColumnInfo(name, kind, null) for (name, kind), null in zip(named, nulls, strict=True)]
    listed, _ = limit_columns(columns)
    rows = counts.rows if counts is not None and counts.agree else None
    return TableInfo("parquet", None, None, rows, (), listed, len(schema) - len(listed), False)


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


def _parse_counts(footer: bytes) -> Counts | None:
    if len(footer) > _MAX_COUNTED_SIZE:
        return None
    try:
        return parse_counts(footer)
    except (ValueError, IndexError):
        return None


# Any: pyarrow has no types of its own that mypy could see.
def _flat_leaves(fields: list[Any], schema: Any) -> list[int | None]:
    """Return which leaf column each field is; None for nested ones."""
    counts = [count_leaves(field.type) for field in fields]
    flat: list[int | None] = []
    for field, count, end in zip(fields, counts, accumulate(counts), strict=True):
        index = end - count
        flat.append(index if index < len(schema) and _is_flat(schema.column(index), field.name) else None)
    return flat


def _is_flat(leaf: Any, name: str) -> bool:
    # Of a nested column the path is longer than the name, or a level is higher.
    return bool(leaf.path == name and not leaf.max_repetition_level and leaf.max_definition_level <= 1)
