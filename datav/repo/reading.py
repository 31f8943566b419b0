"""cat: the bytes of one file of any version, streamed out of the store or read at any place."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from datav.errors import (
    FormatError,
    IntegrityError,
    MissingChunkError,
    NoSuchPathError,
    NotAFileError,
    UsageError,
)
from datav.formats.entry import Content, Entry, Kind
from datav.ids import ChunkId
from datav.relpath import MAX_PATH_SIZE, RelPath, show_path
from datav.repo.farreading import Source
from datav.repo.repository import Repository
from datav.repo.specs import Located, locate
from datav.store.lazytree import FileTree, Piece, find_below
from datav.store.reading import Reading

# Read at a time: several requests of a few MiB, where it comes from far.
BLOCK = 16 * 2**20
# At first little: perhaps the head is all that is wanted.
_FIRST_BLOCK = 2**20
# Bounds what a tree that calls large chunks small can have read at a time.
_CHUNKS_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file of some version."""

    rev: str | None
    """None: by the manifest in the work tree."""
    dataset: RelPath
    inside: bytes
    """Relative to the dataset; empty when that is the file."""
    executable: bool
    content: Content


class ContentReader:
    """The bytes of one file in a store, every one of them checked.  Used from several threads.

    Raises, whenever bytes are asked for:
        MissingChunkError: a part of it is nowhere.
        IntegrityError, FormatError: what is stored is not what it should be.
    """

    def __init__(self, reader: Reading, file: FoundFile) -> None:
        self._reader = reader
        self._tree = FileTree(reader, file.content)
        self.file = file

    @property
    def size(self) -> int:
        return self.file.content.size

    def iter_blocks(self) -> Iterator[bytes]:
        """Yield all of it, in order, up to some MiB at a time."""
        at, size = 0, _FIRST_BLOCK
        while at < self.size:
            yield self.read_at(at, size)
            at += size
            size = min(2 * size, BLOCK)

    def read_at(self, offset: int, size: int) -> bytes:
        """Return `size` bytes from `offset` on, fewer at the end; only what they touch is read."""
        return self.read_ranges([(offset, size)])[0]

    def read_ranges(self, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """Return several parts of it, each as `read_at` does; what lies near each other is read in one go."""
        wanted: dict[Piece, list[int]] = {}
        for number, (offset, size) in enumerate(ranges):
            if offset < 0 or size < 0:
                raise UsageError(f"cannot read {size} bytes at {offset}")
            for piece in self._tree.pieces(offset, offset + size):
                wanted.setdefault(piece, []).append(number)
        parts: list[list[bytes]] = [[] for _ in ranges]
        for batch in _batches(sorted(wanted)):
            for piece, data in zip(batch, self._read(batch), strict=True):
                for number in wanted[piece]:
                    start, size = ranges[number]
                    parts[number].append(data[max(0, start - piece.offset) : start + size - piece.offset])
        return [b"".join(found) for found in parts]

    def read_chunks(self, start: int, end: int) -> list[tuple[int, bytes]]:
        """Return the chunks that hold the bytes from `start` to `end`, each with where it begins."""
        found = []
        for batch in _batches(self._tree.pieces(start, end)):
            found += [(piece.offset, data) for piece, data in zip(batch, self._read(batch), strict=True)]
        return found

    def _read(self, pieces: list[Piece]) -> list[bytes]:
        found = self._reader.read_many([piece.id for piece in pieces], nodes=False)
        for piece, data in zip(pieces, found, strict=True):
            if len(data) != piece.size:
                raise FormatError(f"chunk {ChunkId(piece.id).short} is not as long as its tree says")
        return [bytes(data) for data in found]


def _batches(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    batch: list[Piece] = []
    size = 0
    for piece in pieces:
        batch.append(piece)
        size += piece.size
        if size >= BLOCK or len(batch) == _CHUNKS_AT_ONCE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def open_content(repository: Repository, spec: str) -> ContentReader:
    """Return the file that `spec` names, opened.

    Args:
        spec: a dataset that is a file, or a file in one: `PATH` by the manifest in the work tree, or
            `REV:PATH`.

    Raises:
        UnknownRevisionError: git does not know the revision.
        UnknownDatasetError: there is no such dataset.
        Also what `open_located` raises.
    """
    return open_located(Source(repository), locate(repository, spec))


def open_located(source: Source, located: Located) -> ContentReader:
    """Return the file that was located, opened.

    Raises:
        NoSuchPathError: there is no such path in the dataset.
        NotAFileError: it is a directory.
        UsageError: it is a symbolic link.
        MissingChunkError: it is neither in the local store nor on the remote.
        RemoteError: it is not in the local store, and the remote cannot be reached.
    """
    file = _find_file(source, located)
    if file.content.size and not source.contains(file.content.id):
        raise source.not_here(f"the data of {located.shown}")
    return ContentReader(source, file)


def _find_file(source: Source, located: Located) -> FoundFile:
    manifest, dataset = located.manifest, located.dataset
    if manifest.kind == "file":
        if located.inside:
            raise NoSuchPathError(f"{located.shown}: {dataset} is a file, nothing lies in it")
        return FoundFile(located.rev, dataset.path, b"", manifest.executable, manifest.content)
    if not located.inside:
        raise _is_directory(located)
    try:
        found = find_below(source, manifest.content, located.inside)
    except MissingChunkError as exc:
        raise source.not_here(f"the data of {located.shown}") from exc
    entry = found.entry
    if entry is None and not found.is_folder:
        raise NoSuchPathError(
            f"{located.shown} is not in {dataset}", hint=f"`datav ls {_above(located)}` lists it"
        )
    if entry is None or entry.kind == Kind.EMPTY_DIRECTORY:
        raise _is_directory(located)
    if entry.kind == Kind.SYMLINK:
        target = show_path(_read_target(source, entry))
        raise UsageError(f"{located.shown} is a symbolic link to {target}", hint="name what it points to")
    is_executable = entry.kind == Kind.EXECUTABLE
    return FoundFile(located.rev, dataset.path, located.inside, is_executable, entry.content)


def _is_directory(located: Located) -> NotAFileError:
    return NotAFileError(
        f"{located.shown} is a directory", hint=f"`datav ls {located.shown}` lists what is in it"
    )


def _above(located: Located) -> str:
    prefix = f"{located.rev}:" if located.rev is not None else ""
    return prefix + str(located.dataset)


def _read_target(reader: Reading, entry: Entry) -> bytes:
    if not 0 < entry.size <= MAX_PATH_SIZE or entry.depth != 0:
        raise FormatError(f"{show_path(entry.path)} is a symbolic link with a target of {entry.size} bytes")
    target = reader.read_chunk(ChunkId(entry.id))
    if len(target) != entry.size:
        raise IntegrityError(
            f"{show_path(entry.path)} is a symbolic link whose target is not as long as it should be"
        )
    return target
