"""Delimited text, merged: ours with edits of its bytes."""

from collections.abc import Iterator
from typing import BinaryIO

from datav.merging.plan import Edit, TableMerge
from datav.merging.rowedits import layout_of, row_edits
from datav.tables.rewriting import write_edited
from datav.tables.source import RandomAccess
from datav.tables.text import TextVersion
from datav.tables.textedits import edit_text


def text_edits(merge: TableMerge) -> Iterator[Edit]:
    """Yield the edits of `merge.ours.source`, which make of our text the merged one.

    Raises:
        TableError: a cell needs quotes, and the file knows none.
    """
    version = _ours(merge)
    rows = row_edits(merge.windows(), lambda place: version.text_of(place)[0])
    return edit_text(version, layout_of(merge), rows)


def write_text(merge: TableMerge, source: RandomAccess, target: BinaryIO) -> None:
    """Write the merged text, in the encoding and the compression of ours.

    Args:
        source: our file; the version reads another where that is compressed or not UTF-8.

    Raises:
        TableError: as `text_edits`; the encoding lacks a character.
    """
    write_edited(_ours(merge), text_edits(merge), source, target)


def _ours(merge: TableMerge) -> TextVersion:
    assert isinstance(merge.ours, TextVersion), "ours is a text"
    return merge.ours
