"""Segments to one profile: by groups of neighbours, each remembered, so that a change costs its own group.

A group ends where a segment's name says so, after 16 segments on average.  Its sketches are finer than those
of a segment, because they are merged once more.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import NamedTuple

from datav.errors import FormatError
from datav.ids import Buffer
from datav.profiles.columns import merge_columns
from datav.profiles.encoding import encode_table, parse_table
from datav.profiles.groups import merge_groups
from datav.profiles.memory import SegmentMemory
from datav.profiles.profile import TableProfile, merge_tables
from datav.tables.batches import in_order

_GROUP = 16
_FINER = 4

# What is worked on beside the one that is waited for.
_AHEAD = 1


class Piece(NamedTuple):
    """The sketches of a segment."""

    name: bytes | None
    """By which it is remembered; None: it is not."""
    table: TableProfile | Buffer
    """As it was made, or as it is remembered: then it is read only if its group is not."""
    again: Callable[[], TableProfile]
    """Makes it anew, where what is remembered is damaged."""


def merge_pieces(pieces: Iterable[Piece], memory: SegmentMemory, executor: Executor) -> TableProfile | None:
    """Return the profile of all of some segments that follow upon each other; None without any.

    Args:
        pieces: drawn in the caller's thread, while groups are merged.
    """
    jobs = (partial(_merge_group, group, memory) for group in _split(pieces))
    groups = list(in_order(executor, jobs, _AHEAD))
    return merge_in_parallel(groups, executor) if groups else None


def merge_in_parallel(tables: Sequence[TableProfile], executor: Executor) -> TableProfile:
    """Return the profile of all of some tables, at least one; columns at the same time."""
    names = [[column.name for column in table.columns] for table in tables]
    if any(each != names[0] for each in names):
        return merge_tables(tables)
    columns = zip(*(table.columns for table in tables), strict=True)
    merged = in_order(executor, (partial(merge_columns, column) for column in columns), _AHEAD)
    groups = merge_groups([table.groups for table in tables])
    return TableProfile(sum(table.rows for table in tables), tuple(merged), groups)


def _split(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    group: list[Piece] = []
    for piece in pieces:
        group.append(piece)
        if len(group) == 4 * _GROUP or (piece.name is not None and piece.name[0] % _GROUP == 0):
            yield group
            group = []
    if group:
        yield group


def _merge_group(group: Sequence[Piece], memory: SegmentMemory) -> TableProfile:
    names = [piece.name for piece in group if piece.name is not None]
    name = memory.name(b"group" + b"".join(names)) if len(names) == len(group) > 1 else None
    known = memory.recall(name) if name is not None else None
    if known is not None:
        return known
    table = merge_tables([_table_of(piece) for piece in group], finer=_FINER)
    if name is not None:
        memory.put(name, encode_table(table))
    return table


def _table_of(piece: Piece) -> TableProfile:
    if isinstance(piece.table, TableProfile):
        return piece.table
    try:
        return parse_table(bytes(piece.table), "cache")
    except FormatError:
        return piece.again()
