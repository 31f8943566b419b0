"""JSON Lines, merged: ours with edits of its bytes."""

from collections.abc import Iterator
from typing import BinaryIO

from datav.merging.plan import Edit, TableMerge
from datav.merging.rowedits import layout_of, row_edits
from datav.tables.jsonedits import edit_json_lines
from datav.tables.jsonl import JsonLinesVersion
from datav.tables.rewriting import write_edited
from datav.tables.source import RandomAccess


def json_edits(merge: TableMerge) -> Iterator[Edit]:
    """Yield the edits of `merge.ours.source`, which make of our records the merged ones.

    Raises:
        TableError: of `a` and `a.b` a record would have both.
    """
    return edit_json_lines(_ours(merge), layout_of(merge), row_edits(merge.windows(), int))


def write_json_lines(merge: TableMerge, source: RandomAccess, target: BinaryIO) -> None:
    """Write the merged records, in the encoding and the compression of ours.

    Args:
        source: our file; the version reads another where that is compressed or not UTF-8.

    Raises:
        TableError: as `json_edits`; the encoding lacks a character.
    """
    write_edited(_ours(merge), json_edits(merge), source, target)


def _ours(merge: TableMerge) -> JsonLinesVersion:
    assert isinstance(merge.ours, JsonLinesVersion), "ours is JSON Lines"
    return merge.ours
