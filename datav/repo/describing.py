"""What the manifest says of the table in a file: found while the file is read, and in its footer."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from datav.formats.manifest import TableInfo
from datav.tables.counting import count_records_slow
from datav.tables.describe import describe
from datav.tables.dialect import HEAD_SIZE, TextDialect, needs_exact_count, text_dialect
from datav.tables.rowcount import BlockCount, RecordCounter, join_counts
from datav.tables.source import NotATable, RandomAccess
from datav.workspace.reading import StableFile
from datav.workspace.statcache import Row

_BLOCK = 4 * 2**20


class StoredFile(RandomAccess, Protocol):
    """A file in a store."""

    def iter_blocks(self) -> Iterator[bytes]:
        """Yield all of it, in order."""


def counter_for(dialect: TextDialect | None) -> RecordCounter | None:
    """What counts the records of a file while it is chunked; None where that cannot be done."""
    return RecordCounter(dialect) if dialect is not None and not needs_exact_count(dialect) else None


class OpenFile:
    """A file as the tables want to read it."""

    def __init__(self, file: StableFile) -> None:
        self._file = file
        self.size = file.size

    def read_at(self, offset: int, size: int) -> bytes:
        wanted = max(0, min(size, self.size - offset))
        buffer = memoryview(bytearray(wanted))
        self._file.read_into(buffer, offset)
        return bytes(buffer)


def dialect_of(path: Path) -> TextDialect | None:
    """How the text table in a file is written, from its first MiB; None if it is none."""
    with StableFile(path) as file:
        return text_dialect(path.name, OpenFile(file).read_at(0, HEAD_SIZE))


def describe_file(
    path: Path, row: Row, dialect: TextDialect | None, observed: Sequence[object]
) -> tuple[TableInfo | None, str | None]:
    """Return what the manifest says of the table in a file, or why there is none."""
    with StableFile(path) as file:
        if file.stamp != row.stamp:
            return None, "it changed while it was added"
        records = _count_records(file, dialect, observed) if dialect is not None else None
        found = describe(path.name, OpenFile(file), records)
    if isinstance(found, NotATable):
        return None, found.reason
    return found, None


def _count_records(file: StableFile, dialect: TextDialect, observed: Sequence[object]) -> int:
    if needs_exact_count(dialect):
        return count_records_slow(_blocks(file), dialect)
    records, is_certain = join_counts([count for count in observed if isinstance(count, BlockCount)])
    if is_certain:
        return records
    return count_records_slow(_blocks(file), dialect)


def _blocks(file: StableFile) -> Iterator[bytes]:
    source = OpenFile(file)
    for offset in range(0, file.size, _BLOCK):
        yield source.read_at(offset, _BLOCK)


def describe_stored(
    name: str, file: StoredFile, rows: int | None = None
) -> tuple[TableInfo | None, str | None]:
    """Return what `describe_file` would of a file in a store.

    Args:
        name: of the file; only its extension is looked at.
        rows: of a text table, where they are known; None: all of it is read to count them.
    """
    head = file.read_at(0, HEAD_SIZE)
    dialect = text_dialect(name, head)
    records = None
    if dialect is not None:
        # The header is a record, but in JSON Lines.
        records = _count_stored(file, dialect) if rows is None else rows + (dialect.format != "jsonl")
    found = describe(name, file, records)
    if isinstance(found, NotATable):
        return None, found.reason
    return found, None


def _count_stored(file: StoredFile, dialect: TextDialect) -> int:
    if not needs_exact_count(dialect):
        records, is_certain = join_counts(_block_counts(file.iter_blocks(), RecordCounter(dialect)))
        if is_certain:
            return records
    return count_records_slow(file.iter_blocks(), dialect)


def _block_counts(blocks: Iterable[bytes], counter: RecordCounter) -> list[BlockCount]:
    counts: list[BlockCount] = []
    before = b""
    for block in blocks:
        counts.append(counter(memoryview(before + block), len(before)))
        before = block[-1:]
    return counts
