"""What a manifest says of a file that is a table, found at `add`.

A file that claims to be a table and cannot be read is no error: its bytes are stored all the same, and the
user is told why there is no table.
"""

from itertools import islice

from datav.formats.manifest import MAX_COLUMNS, ColumnInfo, TableInfo, limit_columns
from datav.tables.arrow_ipc import describe_arrow
from datav.tables.celltypes import column_types
from datav.tables.dialect import (
    HEAD_SIZE,
    TextDialect,
    extension_of,
    find_dialect,
    is_named_like_text,
    read_records,
)
from datav.tables.encodings import decode_head
from datav.tables.jsonlines import sample_columns
from datav.tables.parquet import describe_parquet
from datav.tables.sniff import TableFormat, sniff_source
from datav.tables.source import NotATable, RandomAccess

ROWS_SAMPLED = 1000
"""Of a CSV, for the types of its columns; fewer of a very wide one."""

# Looking at a cell costs about a microsecond, and nobody waits for types.
_CELLS_SAMPLED = 200_000

BINARY_NAMES = {".parquet": "Parquet", ".arrow": "Arrow", ".arrows": "Arrow", ".feather": "Feather"}
"""What files of these extensions claim to be."""


def describe(name: str, source: RandomAccess, records: int | None) -> TableInfo | NotATable | None:
    """Return what a manifest says of the table `name`.

    Args:
        name: of the file; only its extension is looked at.
        records: of a text table, as counted elsewhere, the header included; None if nobody did.

    Returns:
        None if it is no table and does not claim to be one.  The key is empty: it is the user's.

    Raises:
        What `source.read_at` raises; nothing else, whatever the file holds.

    Cost: at most a MiB of a text table, the footer of another; independent of the size of the file
    (but see describe_arrow).
    """
    match sniff_source(name, source):
        case TableFormat.PARQUET:
            return describe_parquet(source)
        case TableFormat.ARROW_FILE:
            return describe_arrow(source, stream=False)
        case TableFormat.ARROW_STREAM:
            return describe_arrow(source, stream=True)
        case TableFormat.FEATHER_V1:
            return NotATable("is Feather version 1, which is not read; version 2 is")
    extension = extension_of(name)
    if extension in BINARY_NAMES:
        return NotATable(f"is named like {BINARY_NAMES[extension]} but is not; it may be cut")
    if not is_named_like_text(name):
        return None
    head = source.read_at(0, HEAD_SIZE)
    dialect = find_dialect(name, head)
    return describe_text(dialect, head, records) if isinstance(dialect, TextDialect) else dialect


def describe_text(dialect: TextDialect, head: bytes, records: int | None) -> TableInfo | NotATable:
    """Return what a manifest says of a text table.

    Args:
        dialect: as text_dialect returned it for `head`.
        head: the first HEAD_SIZE bytes of the file, or all of it if it is shorter.
        records: in the file, the header included; None if nobody counted.
    """
    whole = len(head) < HEAD_SIZE
    decoded = decode_head(head, whole)
    if decoded is None:
        return NotATable("is not text")
    if dialect.format == TableFormat.JSONL:
        columns = sample_columns(decoded[1], whole)
        rows, delimiter = records, None
    else:
        columns = _sample_csv(decoded[1], dialect, whole)
        rows, delimiter = None if records is None else max(0, records - 1), dialect.delimiter
    if isinstance(columns, NotATable):
        return columns
    listed, more = limit_columns(columns)
    return TableInfo(dialect.format, dialect.encoding, delimiter, rows, (), listed, more, True)


def _sample_csv(text: str, dialect: TextDialect, whole: bool) -> list[ColumnInfo] | NotATable:
    width = min(len(dialect.header), MAX_COLUMNS)
    sampled = max(10, min(ROWS_SAMPLED, _CELLS_SAMPLED // max(1, width)))
    types = column_types(width, islice(read_records(text, dialect, whole), 1, sampled + 1))
    # Beyond what a manifest lists nobody sees a type.
    types += ["text"] * (len(dialect.header) - width)
    return [ColumnInfo(name, kind) for name, kind in zip(dialect.header, types, strict=True)]
