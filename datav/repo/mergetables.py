"""The tables of a merge: three contents in, one merged content out."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import BinaryIO, Self

from datav.errors import TableError
from datav.formats.conflict import ConflictItem, Given, Side
from datav.formats.entry import Content
from datav.merging.merge import Merge
from datav.merging.options import MergeOptions
from datav.merging.result import MergeCounts
from datav.merging.tables import merge_tables
from datav.merging.writing import splice_edits, write_merge
from datav.relpath import RelPath
from datav.repo.diffsources import FileVersion, find_gaps, stored_version
from datav.repo.difftables import table_rules
from datav.repo.pathrules import find_rules
from datav.repo.repository import Repository
from datav.settings import Settings
from datav.settings.merge import MergeSettings
from datav.storage.caching import Cache
from datav.storage.direct import read_at
from datav.storage.scratch import Scratch
from datav.store.ingest import Ingest
from datav.store.reading import Reading
from datav.store.splicing import splice_file
from datav.store.writing import StoreWriter
from datav.tables.opening import open_table
from datav.tables.shared import Gap, Shared
from datav.tables.source import NotATable, RandomAccess
from datav.tables.version import TableVersion


@dataclass(frozen=True, slots=True)
class MergedTable:
    """What became of one table."""

    content: Content
    items: tuple[ConflictItem, ...]
    """What is in conflict still; `path` is empty."""
    counts: MergeCounts
    key: tuple[str, ...]
    notes: tuple[str, ...]
    """Such as "no key: rows were matched by all of their cells"."""


@dataclass(frozen=True, slots=True)
class NotMerged:
    """Why three versions could not be merged as tables."""

    reason: str


class TableMerger:
    """Merges tables of one repository.  A context manager.

    Args:
        reader: where the versions are read from.
        writer: takes what is written.
    """

    def __init__(
        self, repository: Repository, reader: Reading, writer: StoreWriter, settings: Settings
    ) -> None:
        self._repository = repository
        self._reader = reader
        self._writer = writer
        self._settings = settings
        self._cache = Cache(repository.private / "cache" / "diff")
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def merge(
        self,
        path: bytes,
        base: Content | None,
        ours: Content,
        theirs: Content,
        key: tuple[str, ...] | None,
        decisions: Mapping[str, Side | Given],
    ) -> MergedTable | NotMerged:
        """Merge three versions of the table at `path`, which is from the root of the repository.

        Args:
            key: the columns that identify a row; None: what `datav.toml` says.
            decisions: what was decided of conflicts before, by their identity.

        Raises:
            MissingChunkError: something that must be read is nowhere.
            RemoteError: something is not here, and the remote cannot be reached.
            StorageError: the store cannot be written.
        """
        rules = find_rules(self._settings.tables, path)
        if key is None and rules is not None:
            key = rules.key
        merging = find_rules(self._settings.merges, path) or MergeSettings()
        options = MergeOptions(key or (), merging, decisions)
        files = [self._file(path, content) for content in (base, ours, theirs)]
        with Scratch() as scratch:
            sources = [file.open() if file is not None else None for file in files]
            try:
                versions = [
                    self._open(file, source, path, scratch)
                    for file, source in zip(files, sources, strict=True)
                ]
                return self._merge(versions, files, sources, options, scratch)
            except TableError as exc:
                return NotMerged(str(exc) if exc.hint is None else f"{exc}: {exc.hint}")

    def _merge(
        self,
        versions: Sequence[TableVersion | None],
        files: Sequence[FileVersion | None],
        sources: Sequence[RandomAccess | None],
        options: MergeOptions,
        scratch: Scratch,
    ) -> MergedTable:
        base, ours, theirs = versions
        assert ours is not None, "only base may be missing"
        assert theirs is not None, "only base may be missing"
        merge = merge_tables(
            base,
            ours,
            theirs,
            options,
            scratch=scratch,
            executor=self._repository.executor,
            shared=self._shared(files, versions, sources),
        )
        source, file = sources[1], files[1]
        assert source is not None, "ours is there"
        assert file is not None, "and is a file"
        assert file.content is not None, "whose content is known"
        content = self._write(merge, source, file.content, scratch)
        return MergedTable(content, tuple(merge.items), merge.counts, merge.key, tuple(merge.notes))

    def _write(self, merge: Merge, source: RandomAccess, ours: Content, scratch: Scratch) -> Content:
        """Store the merged table.  Where bytes of ours can be edited, the rest is named and not read."""
        edits = splice_edits(merge, source)
        if edits is not None:
            return splice_file(self._writer, self._reader, ours, edits, self._repository.chunker)
        draft = scratch.file()
        write_merge(merge, source, draft)
        ingest = Ingest(
            self._writer, self._repository.store.reader, self._repository.chunker, self._repository.executor
        )
        return ingest.large_file(_Draft(draft), old=ours).content

    def _file(self, path: bytes, content: Content | None) -> FileVersion | None:
        return None if content is None else stored_version(self._reader, RelPath(path), b"", content)

    def _open(
        self, file: FileVersion | None, source: RandomAccess | None, path: bytes, scratch: Scratch
    ) -> TableVersion | None:
        if file is None or source is None:
            return None
        rules = table_rules(find_rules(self._settings.tables, path))
        found = open_table(file.name, source, scratch, rules)
        if isinstance(found, NotATable):
            raise TableError(found.reason or "it is no table")
        return found

    def _shared(
        self,
        files: Sequence[FileVersion | None],
        versions: Sequence[TableVersion | None],
        sources: Sequence[RandomAccess | None],
    ) -> tuple[Shared, Shared] | None:
        """Return what base has in common with both sides; None where that is not known."""
        if any(
            getattr(version, "source", source) is not source
            for version, source in zip(versions, sources, strict=True)
        ):
            # What is compressed, or in another encoding, is of other bytes than are shared.
            return None
        base, *sides = files
        found = [self._share(base, side) for side in sides if base is not None and side is not None]
        first, second = (*found, None, None)[:2]
        return (first, second) if first is not None and second is not None else None

    def _share(self, base: FileVersion, side: FileVersion) -> Shared | None:
        gaps = find_gaps(self._reader, base, side)
        if gaps is None or base.content is None or side.content is None:
            return None
        return Shared([Gap(*gap) for gap in gaps], base.content.id, side.content.id, self._cache)


class _Draft:
    """A scratch file, as ingesting reads it."""

    def __init__(self, file: BinaryIO) -> None:
        file.flush()
        self._file = file
        self.size = file.seek(0, 2)

    def read_into(self, buffer: memoryview, offset: int) -> int:
        """Fill `buffer` from `offset`."""
        return read_at(self._file.fileno(), None, buffer, offset)
