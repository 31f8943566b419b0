"""Where a comparison reads its files: on disk, in the store, on the remote; and what two of them share.

A row diff gives its rows when they are asked for, so what was opened stays open until the comparison ends.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from datav.core import ChunkerParams
from datav.errors import FormatError, IntegrityError, MissingChunkError, UsageError
from datav.formats.entry import Content
from datav.ids import Buffer
from datav.relpath import RelPath
from datav.repo.reading import ContentReader, FoundFile
from datav.store.ingest import Ingest
from datav.store.naming import NamingSink
from datav.store.reading import Reader, Reading
from datav.store.treediff import Gap, differing_ranges
from datav.tables.source import RandomAccess
from datav.workspace.reading import StableFile, changed_while_read

# A directory may have any number of modified files, and a process may have open a thousand or so.
_KEPT_OPEN = 64


@dataclass(frozen=True, slots=True)
class FileVersion:
    """One version of one file."""

    name: str
    """Its last part: the extension tells what it claims to be."""
    size: int
    content: Content | None
    """Where it is known."""
    open: Callable[[], RandomAccess]
    """Raises what opening a file raises; reading may raise more, see `Sources`."""
    is_on_disk: bool = False


class NodeKeeper(NamingSink, Reading):
    """Names content without storing it, and keeps the nodes above it: forty bytes for 64 KiB.

    Args:
        below: asked for what is not kept here.
    """

    def __init__(self, below: Reading | None = None) -> None:
        self._nodes: dict[bytes, bytes] = {}
        self._below = below

    def put_nodes(self, nodes: Sequence[bytes], bases: Sequence[Sequence[bytes]]) -> list[bytes]:
        ids = super().put_nodes(nodes, bases)
        self._nodes.update(zip(ids, nodes, strict=True))
        return ids

    def read_many(self, ids: Sequence[bytes], *, nodes: bool) -> list[Buffer]:
        """Return the content of each of `ids`.

        Raises:
            MissingChunkError: it is neither kept here nor where else it was looked for.
            What reading there raises.
        """
        missing = [identity for identity in ids if not nodes or bytes(identity) not in self._nodes]
        found: dict[bytes, Buffer] = {}
        if missing:
            if self._below is None:
                raise MissingChunkError("a part of the file's tree is not at hand")
            found = dict(zip(missing, self._below.read_many(missing, nodes=nodes), strict=True))
        return [found[identity] if identity in found else self._nodes[bytes(identity)] for identity in ids]


class Sources:
    """Files that are open for one comparison.  A context manager: leaving it closes them.

    Raises, whenever a file on disk is read:
        UnreadableError: the system refuses.
        ChangedWhileReadError: it is not what it was when it was opened.
    """

    def __init__(self) -> None:
        self._open = ExitStack()
        self._kept: list[StableFile] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Fine when it was done before."""
        self._open.close()

    def on_disk(self, path: Path) -> RandomAccess:
        """Open a file of the user's, or the one that a link leads to.

        Raises:
            UsageError: it is a directory.
        """
        path = _followed(path)
        file = StableFile(path)
        if len(self._kept) < _KEPT_OPEN:
            self._kept.append(self._open.enter_context(file))
            return _Opened(file)
        with file:
            return Reopened(path, file.stamp, file.size)

    def check(self) -> None:
        """Raise ChangedWhileReadError if a file is not what it was when it was opened."""
        for file in self._kept:
            file.finish()


class _Opened:
    """A file that stays open."""

    def __init__(self, file: StableFile) -> None:
        self._file = file
        self.size = file.size

    def read_at(self, offset: int, size: int) -> bytes:
        buffer = bytearray(max(0, min(size, self.size - offset)))
        self._file.read_into(memoryview(buffer), offset)
        return bytes(buffer)


class Reopened:
    """A file that is opened for each read, and must be what it was.

    Raises, when it is read:
        ChangedWhileReadError: its stamp is another.
    """

    def __init__(self, path: Path, stamp: bytes, size: int) -> None:
        self._path = path
        self._stamp = stamp
        self.size = size

    def read_at(self, offset: int, size: int) -> bytes:
        with StableFile(self._path) as file:
            if file.stamp != self._stamp:
                raise changed_while_read(file.path)
            return _Opened(file).read_at(offset, size)


def stored_version(reader: Reading, dataset: RelPath, inside: bytes, content: Content) -> FileVersion:
    """Return a file of a version that was added."""
    path = inside or bytes(dataset)
    found = FoundFile(None, dataset, inside, False, content)
    return FileVersion(_name_of(path), content.size, content, lambda: ContentReader(reader, found))


def disk_version(sources: Sources, path: Path, size: int, content: Content | None) -> FileVersion:
    """Return a file as it lies on disk."""
    return FileVersion(path.name, size, content, lambda: sources.on_disk(path), is_on_disk=True)


def _name_of(path: bytes) -> str:
    return path.rpartition(b"/")[2].decode("utf-8", "surrogateescape")


def find_gaps(reader: Reading, before: FileVersion, after: FileVersion) -> list[Gap] | None:
    """Return the parts of two files that they do not share; None where the trees of both are not at hand.

    Raises:
        RemoteError: a part of a tree is not here, and the remote cannot be reached.
    """
    if before.content is None or after.content is None:
        return None
    try:
        return differing_ranges(reader, before.content, after.content)
    except (MissingChunkError, FormatError, IntegrityError):
        # All that can be shared is a saving; who reads the bytes will say what is wrong with them.
        return None


def _followed(path: Path) -> Path:
    """Return where a file lies that the user may have named by a link."""
    if os.path.isdir(path):
        raise UsageError(f"{path} is a directory, and a file is wanted")
    return Path(os.path.realpath(path))


def name_file(path: Path, keeper: NodeKeeper, params: ChunkerParams, executor: Executor) -> Content:
    """Return what a file outside of any repository is called.

    Raises as `Sources.on_disk` does.
    """
    with StableFile(_followed(path)) as file:
        # There is no version before, so nothing is asked of a store.
        ingest = Ingest(keeper, cast(Reader, keeper), params, executor)
        content = ingest.large_file(file).content
        file.finish()
        return content
