"""Tables to profiles: segment by segment, each remembered, in one pass and bounded memory."""

import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pyarrow

from datav.profiles.chunkmap import ChunkMap
from datav.profiles.encoding import encode_table
from datav.profiles.groups import LabelGroups, merge_groups
from datav.profiles.jsonsegments import check_columns, guess_times, settle, sketch_lines
from datav.profiles.labelling import group_by_label, may_group
from datav.profiles.memory import SegmentMemory
from datav.profiles.merging import Piece, merge_in_parallel, merge_pieces
from datav.profiles.profile import TableProfile, merge_tables
from datav.profiles.sketching import sketch_array
from datav.profiles.textsegments import Section, context_of, guess_kinds, sketch_section
from datav.storage.caching import Cache
from datav.tables.arrays import no_cells
from datav.tables.arrowversion import ArrowVersion, MemoryVersion
from datav.tables.batches import in_order
from datav.tables.jsonl import JsonLinesVersion
from datav.tables.parquetversion import ParquetVersion
from datav.tables.text import TextVersion
from datav.tables.version import TableVersion

# Segments that are worked on beside the one that is waited for: one for each processor, and each takes some
# tens of MB.
_AHEAD = min(7, max(1, (os.cpu_count() or 2) - 1))

# Where a section begins and ends, and how many rows it has, before what is remembered of it.
_PLACE = 24

# Bytes of a file whose chunks are not known.
_PART = 5 * 2**20

# Sketches that are merged in one go: beyond that the points of all of them take memory and time for little.
_MERGED_AT_ONCE = 4096

ALGORITHM = 1
"""Of the sketches and of how tables are read; another number makes what is remembered worthless."""


@dataclass(frozen=True, slots=True)
class Profiling:
    """What profiling needs beside the table."""

    executor: Executor
    cache: Cache | None = None
    """Where segments are remembered."""
    label: str | None = None
    """The column whose values are counted by those of the others."""
    advance: Callable[[int], None] | None = None
    """Told of rows that are done."""


def profile_table(version: TableVersion, chunks: ChunkMap | None, profiling: Profiling) -> TableProfile:
    """Return the profile of all rows of a table.

    Args:
        chunks: of the file that `version` reads, where they are known; else nothing is remembered.

    Raises:
        TableError: it is no table after all.
        What its source raises.

    Cost: one pass, of the segments that are not remembered; a few segments are in memory at a time.
    """
    if isinstance(version, TextVersion):
        table = _profile_text(version, chunks, profiling)
    elif isinstance(version, ParquetVersion):
        table = _profile_parquet(version, chunks, profiling)
    elif isinstance(version, JsonLinesVersion):
        table = _profile_lines(version, chunks, profiling)
    elif isinstance(version, ArrowVersion | MemoryVersion):
        table = _profile_batches(version, profiling)
    else:
        raise TypeError(f"{type(version)} has no profile")
    return table


# Delimited text


def _profile_text(version: TextVersion, chunks: ChunkMap | None, profiling: Profiling) -> TableProfile:
    kinds = guess_kinds(version)
    context = b"\0".join([b"%d" % ALGORITHM, b"text", context_of(version, kinds, profiling.label)])
    with SegmentMemory(profiling.cache if chunks is not None else None, context) as memory:
        pieces = _text_pieces(version, kinds, memory, chunks, profiling)
        table = merge_pieces(pieces, memory, profiling.executor)
    if table is None:
        empty = partial(sketch_array, array=_nothing())
        return TableProfile(0, tuple(next(empty(column.name)) for column in version.columns))
    return table


def _text_pieces(
    version: TextVersion,
    kinds: tuple[str, ...],
    memory: SegmentMemory,
    chunks: ChunkMap | None,
    profiling: Profiling,
) -> Iterator[Piece]:
    """Yield the sketches of all segments that have records, in the order of the file."""
    section_of = partial(_section, version, kinds, profiling.label, memory, chunks)
    jobs = (
        partial(section_of, start, end)
        for start, end in _parts(chunks, version.source.size)
        if end > version.body
    )
    end = version.body
    for section, segment in in_order(profiling.executor, jobs, _AHEAD):
        again = partial(sketch_section, version, kinds, profiling.label, *segment, begin=end)
        # Else the segment began inside quotes, or behind another kind of line end.
        is_right = section.begin == end or (section.begin < 0 and end >= segment[1])
        right = section if is_right else section_of(*segment, end)[0]
        if right.rows:
            end = right.end
            _advance(profiling, right.rows)
            yield Piece(right.name, right.table, partial(_made_again, again))


def _made_again(again: Callable[[], Section]) -> TableProfile:
    table = again().table
    assert isinstance(table, TableProfile)
    return table


def _section(
    version: TextVersion,
    kinds: tuple[str, ...],
    label: str | None,
    memory: SegmentMemory,
    chunks: ChunkMap | None,
    start: int,
    end: int,
    begin: int | None = None,
) -> tuple[Section, tuple[int, int]]:
    """Return the section of a segment, remembered or made now; for `begin` see `sketch_section`."""
    if chunks is None:
        return sketch_section(version, kinds, label, start, end, begin), (start, end)
    follows_from, reach = chunks.around(start, end)
    # Where the body begins counts for the first segment alone.
    body = version.body if start <= version.body else None
    places = [None if each is None else each - start for each in (body, begin)]
    name = memory.name(follows_from + json.dumps(places).encode())
    known = memory.get(name)
    if known is not None and len(known) > _PLACE:
        first, last, rows = np.frombuffer(known[:_PLACE], np.int64).tolist()
        return Section(first + start, last + start, rows, known[_PLACE:], name), (start, end)
    section = sketch_section(version, kinds, label, start, end, begin)
    # What lies beyond the chunk behind the segment is not a part of its name.
    if not section.rows or section.end > reach:
        return section, (start, end)
    assert isinstance(section.table, TableProfile)
    place = np.array([section.begin - start, section.end - start, section.rows], np.int64)
    memory.put(name, place.tobytes() + encode_table(section.table))
    return section._replace(name=name), (start, end)


def _parts(chunks: ChunkMap | None, size: int) -> Iterable[tuple[int, int]]:
    if chunks is not None:
        return chunks.segments()
    return ((start, min(start + _PART, size)) for start in range(0, size, _PART))


# Parquet


def _profile_parquet(version: ParquetVersion, chunks: ChunkMap | None, profiling: Profiling) -> TableProfile:
    context = b"\0".join([b"%d" % ALGORITHM, b"parquet"])
    with SegmentMemory(profiling.cache if chunks is not None else None, context) as memory:
        jobs = (
            partial(_column_chunk, version, memory, chunks, group, column)
            for group in range(len(version.metadata))
            for column in range(len(version.columns))
        )
        found: list[list[TableProfile]] = [[] for _ in version.columns]
        for number, table in enumerate(in_order(profiling.executor, jobs, _AHEAD)):
            found[number % len(found)].append(table)
            if number % len(found) == 0:
                _advance(profiling, table.rows)
    columns = [
        column
        for tables in found
        if tables
        for column in merge_in_parallel(tables, profiling.executor).columns
    ]
    if not version.metadata:
        columns = [
            sketch
            for info, kind in zip(version.columns, version.types, strict=True)
            for sketch in sketch_array(info.name, no_cells(kind))
        ]
    rows = sum(group.rows for group in version.metadata)
    return TableProfile(rows, tuple(columns), _group_batches(version, profiling))


def _column_chunk(
    version: ParquetVersion, memory: SegmentMemory, chunks: ChunkMap | None, group: int, column: int
) -> TableProfile:
    """Return the sketches of a column of a row group, remembered or made now."""
    name = _name_column_chunk(version, memory, chunks, group, column) if chunks is not None else None
    known = memory.recall(name) if name is not None else None
    if known is not None:
        return known
    info = version.columns[column]
    parts = [
        TableProfile(batch.num_rows, tuple(sketch_array(info.name, batch.column(0))))
        for batch in version.read_group(group, [column], [None])
    ]
    table = (
        merge_tables(parts)
        if parts
        else TableProfile(0, tuple(sketch_array(info.name, _none(version, column))))
    )
    if name is not None:
        memory.put(name, encode_table(table))
    return table


def _name_column_chunk(
    version: ParquetVersion, memory: SegmentMemory, chunks: ChunkMap, group: int, column: int
) -> bytes | None:
    """Return the name of a column of a row group: what its bytes are, and what they mean."""
    info = version.columns[column]
    means: list[object] = [info.name, str(version.types[column]), version.metadata[group].rows]
    ranges = []
    for leaf in version.leaves_of(column):
        chunk = version.chunks[group][leaf]
        if chunk is None:
            return None
        means.append([repr(version.leaves[leaf]), chunk.codec, chunk.size])
        ranges.append(chunks.name_range(chunk.offset, chunk.offset + chunk.size))
    return memory.name(json.dumps(means).encode() + b"\0" + b"".join(ranges))


def _none(version: ParquetVersion, column: int) -> Any:
    return no_cells(version.types[column])


def _group_batches(version: ParquetVersion, profiling: Profiling) -> LabelGroups | None:
    """Return how the label falls on the other columns, in a pass of its own."""
    names = [column.name for column in version.columns]
    if profiling.label not in names:
        return None
    columns = [number for number, kind in enumerate(version.types) if may_group(kind)]
    jobs = (
        partial(_group_row_group, version, group, columns, profiling.label)
        for group in range(len(version.metadata))
    )
    return merge_groups(list(in_order(profiling.executor, jobs, _AHEAD)))


def _group_row_group(
    version: ParquetVersion, group: int, columns: Sequence[int], label: str
) -> LabelGroups | None:
    batches = version.read_group(group, columns, [None] * len(columns))
    return merge_groups([_group_batch(batch, label) for batch in batches])


def _group_batch(batch: Any, label: str | None) -> LabelGroups | None:
    return group_by_label(label, zip(batch.schema.names, batch.columns, strict=True))


# JSON Lines and Arrow


def _profile_lines(version: JsonLinesVersion, chunks: ChunkMap | None, profiling: Profiling) -> TableProfile:
    times = guess_times(version)
    context = b"\0".join([b"%d" % ALGORITHM, b"jsonl", json.dumps([sorted(times), profiling.label]).encode()])
    with SegmentMemory(profiling.cache if chunks is not None else None, context) as memory:
        jobs = (
            partial(_lines, version, times, profiling.label, memory, chunks, start, end)
            for start, end in _parts(chunks, version.source.size)
        )
        tables = []
        names: set[str] = set()
        for table in in_order(profiling.executor, jobs, _AHEAD):
            if table.rows:
                tables.append(table)
                names.update(column.name for column in table.columns)
                check_columns(names)
                _advance(profiling, table.rows)
    if not tables:
        return TableProfile(0, ())
    merged = merge_in_parallel(tables, profiling.executor)
    return replace(merged, columns=tuple(map(settle, merged.columns)))


def _lines(
    version: JsonLinesVersion,
    times: Collection[str],
    label: str | None,
    memory: SegmentMemory,
    chunks: ChunkMap | None,
    start: int,
    end: int,
) -> TableProfile:
    """Return the sketches of the lines that begin in a segment, remembered or made now."""
    follows_from, reach = chunks.around(start, end) if chunks is not None else (b"", 0)
    name = memory.name(follows_from)
    known = memory.recall(name) if chunks is not None else None
    if known is not None:
        return known
    first, last = _line_from(version, start), _line_from(version, end)
    if first >= last:
        return TableProfile(0, ())
    table = sketch_lines(version, times, label, first, version.source.read_at(first, last - first))
    if chunks is not None and last <= reach:
        memory.put(name, encode_table(table))
    return table


def _line_from(version: JsonLinesVersion, offset: int) -> int:
    """Return where the first line begins at `offset` or behind it."""
    if offset <= version.body:
        return version.body
    at, size = offset - 1, 2**12
    while True:
        data = version.source.read_at(at, size)
        found = data.find(b"\n")
        if found >= 0 or not data:
            return min(at + found + 1, version.source.size) if data else version.source.size
        at += len(data)
        size *= 4


def _profile_batches(version: ArrowVersion | MemoryVersion, profiling: Profiling) -> TableProfile:
    names = [column.name for column in version.columns]
    jobs = (partial(_batch, names, batch, profiling.label) for batch in version.read_batches())
    # Each is merged twice and no more: errors add up.
    merged: list[TableProfile] = []
    tables: list[TableProfile] = []
    for table in in_order(profiling.executor, jobs, _AHEAD):
        tables.append(table)
        _advance(profiling, table.rows)
        if len(tables) == _MERGED_AT_ONCE:
            merged.append(merge_in_parallel(tables, profiling.executor))
            tables = []
    if merged or tables:
        return merge_in_parallel([*merged, *tables], profiling.executor)
    columns = zip(names, version.types, strict=True)
    return TableProfile(
        0, tuple(sketch for name, kind in columns for sketch in sketch_array(name, no_cells(kind)))
    )


def _batch(names: Sequence[str], batch: Any, label: str | None) -> TableProfile:
    columns = list(zip(names, batch.columns, strict=True))
    sketches = tuple(sketch for name, column in columns for sketch in sketch_array(name, column))
    return TableProfile(batch.num_rows, sketches, group_by_label(label, columns))


# What they have in common


def _nothing() -> Any:
    return no_cells(pyarrow.null())


def _advance(profiling: Profiling, rows: int) -> None:
    if profiling.advance is not None:
        profiling.advance(rows)
