"""Parquet, its rows edited: a row group at a time, written as the file was, as far as pyarrow tells and can.

Kept are row groups, compression, dictionaries and other encodings, statistics, the version of data pages,
page indexes and checksums, int96 timestamps, and all metadata.  Not told, so pyarrow's own: the level of
compression, sizes of pages, bloom filters.  An order that the file states is not stated anew: rows may break
it.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any, BinaryIO

import pyarrow
from pyarrow import parquet

from datav.errors import TableError
from datav.tables.columnaredits import Dictionaries, Layout, Part, PartEdits, edited_parts, plan_layout
from datav.tables.edits import Column
from datav.tables.parquet_counts import STRUCT, Reader
from datav.tables.parquetversion import ParquetVersion
from datav.tables.sourcefile import SourceFile, translated
from datav.tables.typenames import count_leaves

# What Parquet calls its codecs, and pyarrow when it writes; others, such as Hadoop's LZ4, it only reads.
_CODECS = {
    "UNCOMPRESSED": "none",
    "SNAPPY": "snappy",
    "GZIP": "gzip",
    "BROTLI": "brotli",
    "LZ4": "lz4",
    "ZSTD": "zstd",
}
_DICTIONARY = ("PLAIN_DICTIONARY", "RLE_DICTIONARY")
_ENCODINGS = ("DELTA_BINARY_PACKED", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY", "BYTE_STREAM_SPLIT")
_VERSIONS = ("1.0", "2.4", "2.6")

# As many rows pyarrow puts into a row group by itself.
_MOST_ROWS = 2**20

# Of the header of a page; more only if statistics of long values are in it, and then nothing is lost.
_PAGE_HEADER = 2**12
_DATA_PAGE_2 = 3

_FAILED = "its rows cannot be rewritten"


@dataclass(frozen=True, slots=True)
class _Leaf:
    """How a leaf column is written."""

    compression: str = "snappy"
    encoding: str | None = None
    """None: plain."""
    has_dictionary: bool = True
    has_statistics: bool = True


@dataclass(frozen=True, slots=True)
class _Writing:
    """How a file is written."""

    leaves: Sequence[_Leaf]
    """Of the result, in order."""
    version: str = "2.6"
    data_page_version: str = "1.0"
    has_int96: bool = False
    stores_schema: bool = True
    is_compliant: bool = True
    """Whether items of lists are called `element`, and not as Arrow calls them."""
    others: dict[str, Any] = field(default_factory=dict)

    def open(self, target: Any, schema: Any, paths: Sequence[str]) -> Any:
        """Return a writer; `paths` are those of the leaf columns."""
        by_path = dict(zip(paths, self.leaves, strict=True))
        encodings = {path: leaf.encoding for path, leaf in by_path.items() if leaf.encoding is not None}
        return parquet.ParquetWriter(
            target,
            schema,
            version=self.version,
            data_page_version=self.data_page_version,
            compression={path: leaf.compression for path, leaf in by_path.items()} or "snappy",
            use_dictionary=[path for path, leaf in by_path.items() if leaf.has_dictionary],
            column_encoding=encodings or None,
            write_statistics=[path for path, leaf in by_path.items() if leaf.has_statistics],
            use_deprecated_int96_timestamps=self.has_int96,
            use_compliant_nested_type=self.is_compliant,
            store_schema=self.stores_schema,
            **self.others,
        )


def write_parquet_edited(
    version: ParquetVersion,
    columns: Sequence[Column],
    types: Sequence[Any],
    edits: PartEdits,
    target: BinaryIO,
) -> None:
    """Write a Parquet file with its rows edited; new rows join the row groups that they fall into.

    Args:
        columns, types: of the result.

    Raises:
        TableError: cells cannot be cast to their new type, or written in a file like this.

    Cost: a row group in memory, and what becomes of it.
    """
    file = SourceFile(version.source)
    with translated(_FAILED, file):
        opened = parquet.ParquetFile(pyarrow.PythonFile(file, "r"), page_checksum_verification=True)
        names = [column.name for column in version.columns]
        layout = plan_layout(opened.schema_arrow, names, columns, types)
        writing, paths = _find_writing(version, opened.metadata, layout)
        count = opened.metadata.num_row_groups
        groups = (Part(opened.read_row_group(number), number == count - 1) for number in range(count))
        # A row group that gets as many rows as that becomes several.
        most = max([_MOST_ROWS, *(2 * group.rows for group in version.metadata)])
        with writing.open(target, layout.schema, paths) as writer:
            for part in edited_parts(groups, layout, edits, Dictionaries(None)):
                _check_nulls(part.rows)
                writer.write_table(part.rows, row_group_size=most)


def _check_nulls(table: Any) -> None:
    for each, cells in zip(table.schema, table.columns, strict=True):
        if not each.nullable and cells.null_count:
            raise TableError(f"column {each.name} must not be null in this file, and would be")


def _find_writing(version: ParquetVersion, metadata: Any, layout: Layout) -> tuple[_Writing, list[str]]:
    """Return how a result is written, and the paths of its leaf columns."""
    leaves = _find_leaves(version, metadata)
    result: list[_Leaf] = []
    old_paths: list[str | None] = []
    for each, source in zip(layout.schema, layout.sources, strict=True):
        count = count_leaves(each.type)
        spans = version.leaves_of(source) if source is not None else range(0)
        same = len(spans) == count
        result += [leaves[leaf] for leaf in spans] if same else [_like(leaves)] * count
        old_paths += [metadata.schema.column(leaf).path for leaf in spans] if same else [None] * count
    known = metadata.format_version if metadata.format_version in _VERSIONS else "2.6"
    base = _Writing(
        result,
        version=known,
        has_int96=_has_int96(metadata),
        stores_schema=b"ARROW:schema" in (metadata.metadata or {}),
        **_page_style(version, metadata),
    )
    return _fitting(base, layout.schema, old_paths)


def _fitting(base: _Writing, schema: Any, old_paths: Sequence[str | None]) -> tuple[_Writing, list[str]]:
    """Return the way of writing that is most like the file's, and keeps all types; with the leaves' paths."""
    best: tuple[tuple[bool, bool], _Writing, list[str]] | None = None
    choices = product(
        dict.fromkeys((base.version, "2.6")), dict.fromkeys((base.stores_schema, True)), (True, False)
    )
    for version, stores_schema, is_compliant in choices:
        writing = replace(base, version=version, stores_schema=stores_schema, is_compliant=is_compliant)
        target = io.BytesIO()
        with parquet.ParquetWriter(
            target,
            schema,
            version=version,
            store_schema=stores_schema,
            use_compliant_nested_type=is_compliant,
            use_deprecated_int96_timestamps=base.has_int96,
        ):
            pass
        empty = parquet.ParquetFile(io.BytesIO(target.getvalue()))
        paths = [empty.schema.column(number).path for number in range(len(empty.schema))]
        keeps_types = empty.schema_arrow.types == schema.types
        keeps_paths = all(old in (None, path) for old, path in zip(old_paths, paths, strict=True))
        if keeps_types and keeps_paths:
            return writing, paths
        if best is None or (keeps_types, keeps_paths) > best[0]:
            best = (keeps_types, keeps_paths), writing, paths
    assert best is not None, "there are choices"
    return best[1], best[2]


def _find_leaves(version: ParquetVersion, metadata: Any) -> list[_Leaf]:
    """How each leaf column is written, as the first row group with rows has it."""
    group = _first_group(version)
    if group is None:
        return [_Leaf()] * metadata.num_columns
    found = metadata.row_group(group)
    return [_find_leaf(found.column(number)) for number in range(metadata.num_columns)]


def _first_group(version: ParquetVersion) -> int | None:
    for number, group in enumerate(version.metadata):
        if group.rows:
            # pyarrow ends the process when it is asked for one that is encrypted.
            return None if None in version.chunks[number] else number
    return None


def _find_leaf(chunk: Any) -> _Leaf:
    encodings = chunk.encodings
    has_dictionary = any(each in encodings for each in _DICTIONARY)
    other = next((each for each in _ENCODINGS if each in encodings), None)
    return _Leaf(
        _CODECS.get(chunk.compression, "zstd"),
        None if has_dictionary else other,
        has_dictionary,
        bool(chunk.is_stats_set),
    )


def _like(leaves: Sequence[_Leaf]) -> _Leaf:
    """How a new column is written: as the first one, but for an encoding that suits not every type."""
    return replace(leaves[0], encoding=None, has_dictionary=True) if leaves else _Leaf()


def _page_style(version: ParquetVersion, metadata: Any) -> dict[str, Any]:
    """What the first page of data and its column chunk say of all, as arguments of `_Writing`."""
    group = _first_group(version)
    if group is None or not metadata.num_columns:
        return {}
    chunk = metadata.row_group(group).column(0)
    has_index = bool(getattr(chunk, "has_column_index", False) or getattr(chunk, "has_offset_index", False))
    kind, has_checksum = _page_header(version.source.read_at(chunk.data_page_offset, _PAGE_HEADER))
    others = {"write_page_index": has_index, "write_page_checksum": has_checksum}
    return {"data_page_version": "2.0" if kind == _DATA_PAGE_2 else "1.0", "others": others}


def _page_header(data: bytes) -> tuple[int, bool]:
    """Return the type of a page, and whether there is a checksum of it (PageHeader)."""
    kind, has_checksum = 0, False
    reader = Reader(data)
    try:
        for number, form in reader.fields():
            if number == 1:
                kind = reader.integer(form)
            elif number <= 4 and form != STRUCT:
                has_checksum = has_checksum or number == 4
                reader.skip(form)
            else:
                break
    except (ValueError, IndexError):
        # Whatever it is, pyarrow reads its rows or does not.
        pass
    return kind, has_checksum


def _has_int96(metadata: Any) -> bool:
    return any(
        metadata.schema.column(number).physical_type == "INT96"
        for number in range(len(metadata.schema.names))
    )
