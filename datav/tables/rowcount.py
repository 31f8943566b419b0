"""Counting the records of a text table while its blocks are chunked, in any order and on any thread.

Each block is counted for both cases, beginning inside quotes and outside; which one it was is known when
the blocks are put in order.  A file with quotes where none belong is counted again, exactly, in one pass
(`is_certain`).
"""

from typing import NamedTuple

from datav.core import count_rows
from datav.tables.dialect import TextDialect

_LINE_ENDS = (0x0A, 0x0D)


class BlockCount(NamedTuple):
    """What one block says."""

    rows_if_outside: int
    rows_if_inside: int
    odd_quotes: int
    irregular_if_outside: int
    irregular_if_inside: int
    last_byte: int


class RecordCounter:
    """An observer of blocks."""

    def __init__(self, dialect: TextDialect) -> None:
        self._delimiter = ord(dialect.delimiter)
        self._quoting = dialect.quoting
        self._skip = dialect.bom_size

    def __call__(self, data: memoryview, lead: int) -> BlockCount:
        """Count one block; its first `lead` bytes are the end of the block before."""
        if lead == 0:
            data = data[self._skip :]
        counts = count_rows(data, lead, self._delimiter, self._quoting)
        return BlockCount(*counts, data[-1] if len(data) else _LINE_ENDS[0])


def join_counts(counts: list[BlockCount]) -> tuple[int, bool]:
    """Return the number of records in a file from those of its blocks, in order,
    and whether that is certain."""
    records, inside, irregular, last = 0, 0, 0, _LINE_ENDS[0]
    for count in counts:
        records += count.rows_if_inside if inside else count.rows_if_outside
        irregular += count.irregular_if_inside if inside else count.irregular_if_outside
        inside ^= count.odd_quotes
        last = count.last_byte
    records += inside or last not in _LINE_ENDS
    return records, irregular == 0 and not inside
