"""A merged table written in the format of ours, as a file of its own or as edits of ours."""

from collections.abc import Iterator
from typing import BinaryIO

from datav.errors import TableError
from datav.merging.plan import Edit, TableMerge
from datav.tables.source import RandomAccess
from datav.tables.version import TableVersion

_LINES = ("csv", "tsv", "jsonl")


def write_merge(merge: TableMerge, source: RandomAccess, target: BinaryIO) -> None:
    """Write the merged table as our file is written: its format, encoding and compression.

    Args:
        source: our file.

    Raises:
        TableError: the result cannot be written like that; part of it may be written then.
        What reading the versions and writing to the target raise.

    Cost: one pass over ours; a window of the merge and a block, row group or batch in memory.
    """
    # What writes a format is imported where there is a file of it, as what reads it.
    match merge.ours.format:
        case "jsonl":
            from datav.merging.jsonlines import write_json_lines

            write_json_lines(merge, source, target)
        case "parquet":
            from datav.merging.columnar import write_parquet

            write_parquet(merge, source, target)
        case "arrow":
            from datav.merging.columnar import write_arrow

            write_arrow(merge, source, target)
        case "csv" | "tsv":
            from datav.merging.text import write_text

            write_text(merge, source, target)
        case other:
            raise TableError(f"a merged table cannot be written as {other}")


def splice_edits(merge: TableMerge, source: RandomAccess) -> Iterator[Edit] | None:
    """Return the edits that make of our file the merged one; None where only a whole file can be written.

    Raises, while the edits are drawn:
        TableError: the result cannot be written as our file is.
    """
    if not can_splice(merge.ours, source):
        return None
    if merge.ours.format == "jsonl":
        from datav.merging.jsonlines import json_edits

        return json_edits(merge)
    from datav.merging.text import text_edits

    return text_edits(merge)


def can_splice(version: TableVersion, source: RandomAccess) -> bool:
    """Whether edits of what a version reads are edits of its file: text in UTF-8, not compressed.

    Args:
        source: the file.
    """
    return version.format in _LINES and getattr(version, "source", None) is source
