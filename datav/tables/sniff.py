"""Which kind of table a file is: by its content, with its name as a hint.

Binary tables are told by their magic whatever they are called.  Any text could be a CSV, so a text is one
only if its name says so; compressed text is not a table here.
"""

from enum import StrEnum

from datav.tables import arrow_ipc, parquet
from datav.tables.dialect import extension_of, text_dialect
from datav.tables.source import RandomAccess

MAGIC_SIZE = 12
"""How many bytes of both ends `sniff_magic` wants."""

_FEATHER_V1_MAGIC = b"FEA1"
_STREAM_EXTENSIONS = (".arrow", ".arrows", ".ipc", ".feather")


class TableFormat(StrEnum):
    """What a file that is a table is written in."""

    CSV = "csv"
    TSV = "tsv"
    JSONL = "jsonl"
    PARQUET = "parquet"
    ARROW_FILE = "arrow-file"
    ARROW_STREAM = "arrow-stream"
    FEATHER_V1 = "feather-v1"
    """Named so that a user can be told; not read."""


def sniff(name: str, head: bytes, tail: bytes) -> TableFormat | None:
    """Return the format of the table `name`; None if it is none.

    Args:
        name: of the file; only its extension is looked at.
        head: the first `dialect.HEAD_SIZE` bytes of the file, or all of it if it is shorter.
        tail: its last bytes, at least MAGIC_SIZE of them if it has as many.
    """
    found = sniff_magic(name, head, tail)
    if found is not None:
        return found
    dialect = text_dialect(name, head)
    return None if dialect is None else TableFormat(dialect.format)


def sniff_source(name: str, source: RandomAccess) -> TableFormat | None:
    """Like sniff_magic, of a file that can be read at any place."""
    ends = source.read_at(0, MAGIC_SIZE), source.read_at(max(0, source.size - MAGIC_SIZE), MAGIC_SIZE)
    return sniff_magic(name, *ends)


def sniff_magic(name: str, head: bytes, tail: bytes) -> TableFormat | None:
    """Like sniff, but only binary tables, of which MAGIC_SIZE bytes of both ends tell."""
    for magic in (parquet.MAGIC, parquet.ENCRYPTED_MAGIC):
        if head.startswith(magic) and tail.endswith(magic) and len(tail) >= MAGIC_SIZE:
            return TableFormat.PARQUET
    if head.startswith(arrow_ipc.FILE_MAGIC) and tail.endswith(arrow_ipc.FILE_MAGIC):
        return TableFormat.ARROW_FILE
    if head.startswith(_FEATHER_V1_MAGIC) and tail.endswith(_FEATHER_V1_MAGIC):
        return TableFormat.FEATHER_V1
    # A stream has no magic of its own, so here the name decides.
    if head.startswith(arrow_ipc.CONTINUATION) and extension_of(name) in _STREAM_EXTENSIONS:
        return TableFormat.ARROW_STREAM
    return None
