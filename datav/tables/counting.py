"""Counting the records of a text table whose bytes must be decoded first."""

from collections.abc import Iterable

from datav.core import count_rows_exact, finish_rows
from datav.tables.dialect import TextDialect
from datav.tables.encodings import decode_pieces

_NO_WHITE_SPACE = {ord(" "): None, ord("\t"): None}


def count_records_slow(chunks: Iterable[bytes], dialect: TextDialect) -> int:
    """Count records as Python's csv module reads them: the header too, blank lines not.

    In JSON Lines lines of white space are not counted either.

    Args:
        chunks: all bytes of the file in order, the byte order mark included, cut anywhere.
        dialect: any; also one whose bytes could be counted as they are.

    Cost: one pass at the speed of Python's decoders, and memory for one chunk.
    """
    delimiter = ord(dialect.delimiter)
    records = state = 0
    for text in decode_pieces(chunks, dialect.encoding):
        if dialect.format == "jsonl":
            text = text.translate(_NO_WHITE_SPACE)
        if not dialect.quoting:
            text = text.replace('"', "'")
        # In UTF-8 the delimiter, quotes and line ends are single bytes, and nothing else holds those bytes.
        ended, state = count_rows_exact(text.encode(), state, delimiter)
        records += ended
    return records + finish_rows(state)
