"""Intake: files on disk into contents, read once, while nobody else writes to them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from datav.errors import ChangedWhileReadError
from datav.formats.entry import EMPTY_CONTENT, Content, Kind
from datav.relpath import RelPath
from datav.repo.repository import Repository
from datav.store.ingest import SMALL_FILE, Ingest, Observer, plan_batches
from datav.store.naming import NamingSink
from datav.store.writing import Sink
from datav.workspace.reading import BatchRead, StableFile, read_batch
from datav.workspace.scan import Found
from datav.workspace.statcache import Row

# A writer that appends now and then lets one of so many attempts through.
_ATTEMPTS = 3


@dataclass(slots=True)
class _Batch:
    """Small files that are read together; remembers what was read."""

    root: bytes
    entries: Sequence[Found]
    read: BatchRead | None = field(default=None)

    @property
    def sizes(self) -> list[int]:
        return [entry.size for entry in self.entries]

    def read_all(self, arena: memoryview) -> Sequence[int]:
        self.read = read_batch(self.root, self.entries, arena)
        return self.read.ends


@dataclass(frozen=True, slots=True)
class Intake:
    """What became of the files of one dataset."""

    rows: list[Row]
    """One for each file, in the order asked for."""
    observed: list[object]
    """What the observer saw of the one file that it was given for."""


def take_in(
    repository: Repository,
    root: Path,
    entries: Sequence[Found],
    sink: Sink,
    *,
    olds: Mapping[bytes, Content] | None = None,
    observer: Observer | None = None,
) -> Intake:
    """Read `entries` below `root`, and give their chunks to `sink`.

    Args:
        olds: contents of versions before, by path; what is near to them is stored as deltas.
        observer: looks at every block; then there is one entry, and it is read in blocks whatever its size.

    Raises:
        ChangedWhileReadError: a file changed during each of three attempts.
        UnreadableError: the system refuses.
        StorageError: the store cannot be written.
    """
    olds = olds or {}
    ingest = Ingest(
        sink, repository.store.reader, repository.chunker, repository.executor, repository.progress
    )
    # In place of a dictionary by path, which for a million files is eighty megabytes.
    rows: list[Row | None] = [None] * len(entries)
    observed: list[object] = []
    numbers = [number for number, entry in enumerate(entries) if _is_small(entry) and observer is None]
    small = [entries[number] for number in numbers]
    position = 0
    for batch, contents in _small_contents(ingest, str(root).encode("utf-8", "surrogateescape"), small, olds):
        read = batch.read
        assert read is not None, "a batch has contents before it was read"
        for number, entry, content in zip(
            numbers[position : position + len(read.entries)], read.entries, contents, strict=True
        ):
            rows[number] = Row(entry.path, entry.stamp, content, read.looked_at_ns)
        position += len(batch.entries)
        # All batches stay listed until the last is read, and of a million files that is much.
        batch.read = None
    for number, entry in enumerate(entries):
        if entry.kind == Kind.EMPTY_DIRECTORY:
            rows[number] = Row(entry.path, entry.stamp, EMPTY_CONTENT, 2**63 - 1)
        elif rows[number] is None:
            rows[number], observed = _take_large(ingest, root, entry, olds.get(entry.path), observer)
    return Intake([row for row in rows if row is not None], observed)


def name_contents(repository: Repository, root: Path, entries: Sequence[Found]) -> list[Row]:
    """Return what `entries` are called, without storing them."""
    return take_in(repository, root, entries, NamingSink()).rows


def _is_small(entry: Found) -> bool:
    return entry.kind != Kind.EMPTY_DIRECTORY and (entry.size <= SMALL_FILE or entry.kind == Kind.SYMLINK)


def _small_contents(
    ingest: Ingest, root: bytes, entries: Sequence[Found], olds: Mapping[bytes, Content]
) -> Iterator[tuple[_Batch, list[Content]]]:
    batches = [
        _Batch(root, entries[first:end]) for first, end in plan_batches([entry.size for entry in entries])
    ]
    work = ((batch, [olds.get(entry.path) for entry in batch.entries]) for batch in batches)
    yield from zip(batches, ingest.small_files(work), strict=True)


def _take_large(
    ingest: Ingest, root: Path, entry: Found, old: Content | None, observer: Observer | None
) -> tuple[Row, list[object]]:
    path = RelPath(entry.path).on(root)
    for attempt in range(_ATTEMPTS):
        try:
            with StableFile(path) as file:
                ingested = ingest.large_file(file, old=old, observer=observer)
                stamp, looked_at_ns = file.finish()
                return Row(entry.path, stamp, ingested.content, looked_at_ns), ingested.observed
        except ChangedWhileReadError:
            if attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")
