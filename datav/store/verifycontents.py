"""Verifying contents: whether every byte of some contents can be had and is what its id says.

Not what is stored, but what is named: from the top of a content down to its chunks, each node and each chunk
read and hashed, every size compared with what the node above it says.  What is stored here is read here, and
what is damaged here is damage, whatever a remote has; what is not here is read from the remote and not kept.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from datav.errors import FormatError, IntegrityError, MissingChunkError
from datav.formats.entry import Content, Entry, Kind
from datav.ids import EMPTY_CHUNK, Buffer
from datav.progress import SILENT, Progress
from datav.store.lookup import Lookup
from datav.store.reading import Reader, Reading
from datav.store.trees import BATCH, read_directory, read_file_shape

# What a worker reads at a time, and how many of these wait or are worked on.
_BATCH_BYTES = 4 * 2**20
_BATCH_CHUNKS = 1024
_IN_FLIGHT = 16
_KEPT = 20


class Fault(NamedTuple):
    """Something of a content that cannot be had as it was named."""

    kind: Literal["damaged", "missing"]
    path: bytes
    """In the content, when that is a directory; empty of the whole."""
    what: str


@dataclass(slots=True)
class ReadContent:
    """What verifying a content found."""

    files: int = 0
    size: int = 0
    """Bytes of chunks that are what their ids say; one that occurs twice counts twice."""
    chunks: int = 0
    """Of these."""
    damaged: int = 0
    """Chunks that are not what their ids say, and trees that do not hold together."""
    missing: int = 0
    """Chunks that are nowhere, and trees of which a node is nowhere."""
    faults: list[Fault] = field(default_factory=list)
    """The first of them."""

    @property
    def ok(self) -> bool:
        return not (self.damaged or self.missing)

    def note(self, path: bytes, error: FormatError | IntegrityError) -> None:
        is_missing = isinstance(error, MissingChunkError)
        self.missing += is_missing
        self.damaged += not is_missing
        if len(self.faults) < _KEPT:
            self.faults.append(Fault("missing" if is_missing else "damaged", path, str(error)))


class StrictReader(Reading):
    """Reads from the local store what is in it, and only the rest from a remote.  Used from several threads.

    Args:
        near: reads what `lookup` knows.
        connect: called when something is not here; None when there is no remote.
    """

    def __init__(self, lookup: Lookup, near: Reader, connect: Callable[[], Reading | None]) -> None:
        self._lookup = lookup
        self._near = near
        self._connect = connect
        self._lock = threading.Lock()
        self._nodes: dict[bytes, bytes] = {}
        self.far_bytes = 0
        """Bytes of contents that came from the remote."""
        self.nodes_read = 0

    def read_many(self, ids: Sequence[bytes], *, nodes: bool) -> list[Buffer]:
        """Return the content of each of `ids`, checked; the caller bounds how much that is.

        Raises:
            MissingChunkError: an id is in neither place.
            IntegrityError, FormatError: what is stored under an id is not what hashes to it.
            RemoteError: something is not here, and the remote cannot be reached.
        """
        held = self._nodes
        found: dict[bytes, Buffer] = {
            identity: held[identity] for identity in ids if nodes and identity in held
        }
        wanted = [identity for identity in dict.fromkeys(ids) if identity not in found]
        is_here = self._lookup.contains(b"".join(wanted)) if wanted else b""
        near = [identity for identity, here in zip(wanted, is_here, strict=True) if here]
        far = [identity for identity, here in zip(wanted, is_here, strict=True) if not here]
        found |= dict(zip(near, self._near.read_many(near, nodes=nodes), strict=True))
        if far:
            found |= dict(zip(far, self._read_far(far, nodes=nodes), strict=True))
        with self._lock:
            self.nodes_read += len(wanted) if nodes else 0
            self.far_bytes += sum(len(found[identity]) for identity in far)
        return [found[identity] for identity in ids]

    def hold_nodes(self, ids: Sequence[bytes]) -> None:
        """Read nodes in one go, and keep them until others are held; what cannot be read is not held."""
        self._nodes = {}
        try:
            read = self.read_many(ids, nodes=True)
        except (FormatError, IntegrityError):
            return
        self._nodes = {identity: bytes(data) for identity, data in zip(ids, read, strict=True)}

    def _read_far(self, ids: Sequence[bytes], *, nodes: bool) -> list[Buffer]:
        with self._lock:
            far = self._connect()
        if far is None:
            what = "tree node" if nodes else "chunk"
            more = f", nor are {len(ids) - 1} more" if len(ids) > 1 else ""
            raise MissingChunkError(f"{what} b3:{ids[0].hex()[:12]} is not in the store{more}")
        return far.read_many(ids, nodes=nodes)


class _Chunk(NamedTuple):
    id: bytes
    size: int
    path: bytes


def verify_content(
    reader: StrictReader,
    content: Content,
    executor: Executor,
    *,
    is_directory: bool,
    only: Callable[[bytes], bool] | None = None,
    progress: Progress = SILENT,
) -> ReadContent:
    """Read all of a content.

    Args:
        only: of a directory, the paths whose files are wanted; its whole tree is read all the same.

    Raises:
        RemoteError: something is not here, and the remote cannot be reached.
        StorageError: a disk fails.

    Cost: reads each chunk once for each time that it occurs; of a directory, keeps its list of entries.
    """
    result = ReadContent()
    pending: deque[Future[list[tuple[_Chunk, FormatError | IntegrityError | None]]]] = deque()
    for batch in _batches(_iter_chunks(reader, content, result, is_directory=is_directory, only=only)):
        pending.append(executor.submit(_read_batch, reader, batch))
        if len(pending) >= _IN_FLIGHT:
            _count(pending.popleft().result(), result, progress)
    while pending:
        _count(pending.popleft().result(), result, progress)
    return result


def _count(
    outcomes: list[tuple[_Chunk, FormatError | IntegrityError | None]],
    result: ReadContent,
    progress: Progress,
) -> None:
    for chunk, error in outcomes:
        progress.advance(chunk.size)
        if error is not None:
            result.note(chunk.path, error)
        else:
            result.chunks += 1
            result.size += chunk.size


def _read_batch(
    reader: StrictReader, batch: Sequence[_Chunk]
) -> list[tuple[_Chunk, FormatError | IntegrityError | None]]:
    """Read chunks; return each with what is wrong with it."""
    try:
        read = reader.read_many([chunk.id for chunk in batch], nodes=False)
    except (FormatError, IntegrityError) as exc:
        if len(batch) == 1:
            return [(batch[0], exc)]
        # One of them: which, is told when each is asked for by itself.
        return [outcome for chunk in batch for outcome in _read_batch(reader, [chunk])]
    return [(chunk, _compare(chunk, data)) for chunk, data in zip(batch, read, strict=True)]


def _compare(chunk: _Chunk, data: Buffer) -> FormatError | None:
    if len(data) == chunk.size:
        return None
    return FormatError(f"chunk b3:{chunk.id.hex()[:12]} is not as long as its tree says")


def _batches(chunks: Iterator[_Chunk]) -> Iterator[list[_Chunk]]:
    batch: list[_Chunk] = []
    size = 0
    for chunk in chunks:
        batch.append(chunk)
        size += chunk.size
        if size >= _BATCH_BYTES or len(batch) >= _BATCH_CHUNKS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _iter_chunks(
    reader: StrictReader,
    content: Content,
    result: ReadContent,
    *,
    is_directory: bool,
    only: Callable[[bytes], bool] | None,
) -> Iterator[_Chunk]:
    """Yield the chunks of a content, in order; what its trees lack is noted."""
    entries = [Entry(b"", Kind.FILE, content.depth, content.size, content.id)]
    if is_directory:
        try:
            entries, _ = read_directory(reader, content)
        except (FormatError, IntegrityError) as exc:
            result.note(b"", exc)
            return
    if only is not None:
        entries = [entry for entry in entries if only(entry.path)]
    result.files = len(entries)
    for first in range(0, len(entries), BATCH):
        group = entries[first : first + BATCH]
        # The tops of many files in one go: of a remote, each would be a request.
        tops = list(dict.fromkeys(entry.id for entry in group if entry.depth))
        if len(tops) > 1:
            reader.hold_nodes(tops)
        for entry in group:
            try:
                yield from _chunks_of(reader, entry)
            except (FormatError, IntegrityError) as exc:
                result.note(entry.path, exc)


def _chunks_of(reader: StrictReader, entry: Entry) -> Iterator[_Chunk]:
    if entry.size == 0 and (entry.depth or entry.id != EMPTY_CHUNK):
        raise FormatError(f"content b3:{entry.id.hex()[:12]} is said to be empty, and is not")
    shape = read_file_shape(reader, entry.content)
    for number, size in enumerate(shape.chunk_sizes):
        yield _Chunk(shape.chunk_ids[32 * number : 32 * number + 32], size, entry.path)
