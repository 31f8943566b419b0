"""Profiles of files: made of what lies on disk or in the store, remembered by content, kept beside it.

A profile follows from the bytes of a file and from what `datav.toml` says of it, and from nothing else: who
makes it again, anywhere, gets the same bytes.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow

from datav.errors import FormatError, TableError
from datav.formats.entry import Content
from datav.formats.manifest import ColumnInfo
from datav.profiles.chunkmap import ChunkMap, make_chunk_map
from datav.profiles.encoding import encode_profile, parse_profile
from datav.profiles.memory import SegmentMemory
from datav.profiles.profile import Profile, TableProfile
from datav.profiles.tables import ALGORITHM, Profiling, profile_table
from datav.progress import SILENT, Progress
from datav.relpath import one_line
from datav.repo.difffiles import is_named_like_table, is_packed
from datav.repo.difftables import table_rules
from datav.repo.pathrules import find_rules
from datav.repo.repository import Repository
from datav.settings import TableSettings
from datav.storage.caching import Cache
from datav.storage.scratch import Scratch
from datav.store.lazytree import FileTree
from datav.store.reading import Reading
from datav.tables.describe import describe
from datav.tables.opening import open_table
from datav.tables.source import NotATable, RandomAccess

AUTO_SIZE = 64 * 2**20
"""Bytes of the tables that `add` profiles by itself; larger ones are profiled when somebody asks."""

_SEGMENTS = 2**29
_PROFILES = 2**26


@dataclass(frozen=True, slots=True)
class Made:
    """A profile, or why there is none."""

    profile: Profile | None
    data: bytes | None
    """The profile as it is stored."""
    reason: str | None
    """None where there is one, and of what does not claim to be a table."""


@dataclass(frozen=True, slots=True)
class VersionAt:
    """One version of a dataset, or of something in one, as it can be read."""

    path: bytes
    """From the root of the repository."""
    content: Content
    is_directory: bool
    reader: Reading
    """Of the trees of `content`."""
    open: Callable[[bytes, Content], RandomAccess]
    """Opens a file by its path below `path`, nothing for itself, and its content."""


class Profiler:
    """Makes profiles.  A context manager: what it opens stays open until it is left.

    Args:
        rules: of tables, from `datav.toml`: of those that fit a path the first counts.
        cache: a directory for what is remembered; None: nothing is.
    """

    def __init__(
        self,
        executor: Executor,
        rules: Sequence[TableSettings] = (),
        *,
        cache: Path | None = None,
        progress: Progress = SILENT,
    ) -> None:
        self.executor = executor
        self._rules = rules
        self._segments = Cache(cache / "segments", _SEGMENTS) if cache is not None else None
        self._profiles = Cache(cache / "profiles", _PROFILES) if cache is not None else None
        self._progress = progress
        self._opened = ExitStack()
        self._scratch = self._opened.enter_context(Scratch())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def recall(self, path: bytes, content: Content) -> Made | None:
        """Return the profile of a file that was made before; None if nobody remembers it."""
        data = self._profiles.read(self.name(path, content)) if self._profiles is not None else None
        if data is None:
            return None
        try:
            return Made(parse_profile(bytes(data), "remembered"), bytes(data), None)
        except FormatError:
            return None

    def file(
        self, path: bytes, source: RandomAccess, content: Content | None = None, reader: Reading | None = None
    ) -> Made:
        """Return the profile of a file, remembered or made now.

        Args:
            path: from the root of the repository, for the rules; its extension tells what it claims to be.
            content: what `source` holds, where it is known.
            reader: of the tree of `content`, which must be there; None: nothing is remembered, and the
                profile is another one than that of the same file in a store, by the errors of its sketches.

        Raises:
            MissingChunkError: a part of the tree is nowhere.
            What reading `source` raises.
        """
        known = self.recall(path, content) if content is not None else None
        if known is not None:
            return known
        table = self.table(path, source, content, reader)
        if isinstance(table, NotATable):
            return Made(None, None, table.reason if is_named_like_table(path) else None)
        made = encoded(Profile(table, content="" if content is None else content.id.hex()))
        if content is not None and reader is not None:
            self.remember(path, content, made)
        return made

    def remember(self, path: bytes, content: Content, made: Made) -> None:
        """Have `recall` find a profile."""
        if self._profiles is not None and made.data is not None:
            self._profiles.write(self.name(path, content), [made.data])

    def table(
        self, path: bytes, source: RandomAccess, content: Content | None = None, reader: Reading | None = None
    ) -> TableProfile | NotATable:
        """Return the profile of a file's rows, or why it is no table.  Takes and raises what `file` does."""
        rules = find_rules(self._rules, path)
        name = path.rpartition(b"/")[2].decode("utf-8", "surrogateescape")
        version = open_table(name, source, self._scratch, table_rules(rules))
        if isinstance(version, NotATable):
            return version
        # What was converted has other bytes than the file, and other chunks.
        is_own = getattr(version, "source", None) is source
        chunks = (
            _chunk_map(reader, content) if reader is not None and content is not None and is_own else None
        )
        profiling = Profiling(
            self.executor, self._segments, rules.label if rules is not None else None, self._progress.advance
        )
        try:
            return profile_table(version, chunks, profiling)
        except TableError as exc:
            return NotATable(str(exc))
        except pyarrow.ArrowException as exc:
            # Nobody's data is to stay out of the store because of what its statistics do.
            return NotATable(f"its cells cannot be counted: {one_line(str(exc))[:200]}")

    def columns(self, path: bytes, source: RandomAccess) -> Sequence[ColumnInfo] | NotATable:
        """Return the columns of a file, as its head or footer tells.  Takes and raises what `file` does."""
        name = path.rpartition(b"/")[2].decode("utf-8", "surrogateescape")
        if is_packed(name) or find_rules(self._rules, path) is not None:
            version = open_table(name, source, self._scratch, table_rules(find_rules(self._rules, path)))
            return version if isinstance(version, NotATable) else version.columns
        found = describe(name, source, None)
        if found is None or isinstance(found, NotATable):
            return found or NotATable("is no table")
        return found.columns

    def memory(self, context: bytes) -> SegmentMemory:
        """Return what is remembered of parts of datasets that are none of a file's own."""
        return SegmentMemory(self._segments, context)

    def name(self, path: bytes, content: Content) -> str:
        """Return what the profile of a file follows from: its bytes, and how they are read."""
        rules = find_rules(self._rules, path)
        extension = path.rpartition(b"/")[2].rpartition(b".")[2].hex()
        reading = json.dumps([ALGORITHM, extension, None if rules is None else asdict(rules)])
        return hashlib.blake2b(content.id + reading.encode(), digest_size=16).hexdigest()


def profiler_of(repository: Repository) -> Profiler:
    """Return what makes the profiles of a repository's datasets, by its settings."""
    return Profiler(
        repository.executor,
        repository.settings.tables,
        cache=repository.private / "cache",
        progress=repository.progress,
    )


def encoded(profile: Profile) -> Made:
    """Return a profile that was just made."""
    return Made(profile, encode_profile(profile), None)


def _chunk_map(reader: Reading, content: Content) -> ChunkMap:
    pieces = FileTree(reader, content).pieces(0, content.size)
    return make_chunk_map((piece.id, piece.size) for piece in pieces)
