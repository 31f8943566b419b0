"""Where the column chunks of a Parquet file are, without pyarrow.

pyarrow ends the process (std::terminate) when it is asked for the metadata of a column chunk that is
encrypted or corrupt; so what the footer says of them is read here.  Layout: see parquet_counts.py.
"""

from dataclasses import dataclass

from datav.tables.parquet_counts import STRUCT, Reader

# Fields of ColumnMetaData.
_CODEC, _SIZE, _DATA, _DICTIONARY = 4, 7, 9, 11
_WANTED = (_CODEC, _SIZE, _DATA, _DICTIONARY)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A column chunk: the cells of one leaf column in one row group."""

    offset: int
    size: int
    """As stored, with its dictionary."""
    codec: int
    """How it is compressed; everything else that its bytes mean is in them, and in the schema."""


def parse_chunks(footer: bytes) -> list[list[Chunk | None]]:
    """Return the column chunks of each row group, in order; None for those that are elsewhere or encrypted.

    Raises:
        ValueError, IndexError: it is not the FileMetaData of a Parquet file.

    Cost: about 30 microseconds for each column of each row group.
    """
    reader = Reader(footer)
    groups: list[list[Chunk | None]] = []
    for field, kind in reader.fields():
        if field == 4:
            groups = [_parse_group(reader) for _ in reader.structs(kind)]
        else:
            reader.skip(kind)
    return groups


def _parse_group(reader: Reader) -> list[Chunk | None]:
    chunks: list[Chunk | None] = []
    for field, kind in reader.fields():
        if field == 1:
            chunks = [_parse_chunk(reader) for _ in reader.structs(kind)]
        else:
            reader.skip(kind)
    return chunks


def _parse_chunk(reader: Reader) -> Chunk | None:
    chunk, is_readable = None, True
    for field, kind in reader.fields():
        if (field, kind) == (3, STRUCT):
            chunk = _parse_metadata(reader)
            continue
        # In another file; encrypted.
        is_readable = is_readable and field not in (1, 8, 9)
        reader.skip(kind)
    return chunk if is_readable else None


def _parse_metadata(reader: Reader) -> Chunk | None:
    """ColumnChunk.meta_data."""
    found: dict[int, int] = {}
    for field, kind in reader.fields():
        if field in _WANTED:
            found[field] = reader.integer(kind)
        else:
            reader.skip(kind)
    if not {_CODEC, _SIZE, _DATA} <= found.keys():
        return None
    data, dictionary = found[_DATA], found.get(_DICTIONARY, 0)
    # Some writers say 0 where there is no dictionary, others where it is.
    return Chunk(dictionary if 0 < dictionary < data else data, found[_SIZE], found[_CODEC])
