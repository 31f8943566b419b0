"""cat: the bytes of one file of any version, streamed out of the store or read at any place."""

from collections.abc import Iterator
from dataclasses import dataclass

from datav.errors import FormatError, IntegrityError, MissingChunkError, UnknownDatasetError, UsageError
from datav.formats.entry import Content, Entry, Kind
from datav.ids import ChunkId
from datav.relpath import MAX_PATH_SIZE, RelPath, show_path
from datav.repo.listing import not_here
from datav.repo.repository import Repository
from datav.repo.specs import Located, locate
from datav.store.lazytree import FileTree, Piece, read_below
from datav.store.reading import Reading

BLOCK = 4 * 2**20
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
        MissingChunkError: a part of it is not in the local store.
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
        """Yield all of it, in order, some MiB at a time."""
        for batch in self._batches(0, self.size):
            yield b"".join(self._read(batch))

    def read_at(self, offset: int, size: int) -> bytes:
        """Return `size` bytes from `offset` on, fewer at the end; only what they touch is read."""
        if offset < 0 or size < 0:
            raise UsageError(f"cannot read {size} bytes at {offset}")
        end = min(offset + size, self.size)
        parts = []
        for batch in self._batches(offset, end):
            for piece, data in zip(batch, self._read(batch), strict=True):
                parts.append(data[max(0, offset - piece.offset) : end - piece.offset])
        return b"".join(parts)

    def _batches(self, start: int, end: int) -> Iterator[list[Piece]]:
        batch: list[Piece] = []
        size = 0
        for piece in self._tree.pieces(start, end):
            batch.append(piece)
            size += piece.size
            if size >= BLOCK or len(batch) == _CHUNKS_AT_ONCE:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _read(self, pieces: list[Piece]) -> list[bytes]:
        found = self._reader.read_many([piece.id for piece in pieces], nodes=False)
        for piece, data in zip(pieces, found, strict=True):
            if len(data) != piece.size:
                raise FormatError(f"chunk {ChunkId(piece.id).short} is not as long as its tree says")
        return [bytes(data) for data in found]


def open_content(repository: Repository, spec: str) -> ContentReader:
    """Return the file that `spec` names, opened.

    Args:
        spec: a dataset that is a file, or a file in one: `PATH` by the manifest in the work tree, or
            `REV:PATH`.

    Raises:
        UnknownRevisionError: git does not know the revision.
        UnknownDatasetError: there is no such dataset, or no such path in it.
        UsageError: it is no file: a directory, or a symbolic link.
        MissingChunkError: it is not in the local store.
    """
    located = locate(repository, spec)
    file = _find_file(repository, located)
    content = file.content
    if content.size and not all(repository.store.lookup.contains(content.id)):
        repository.store.lookup.refresh()
        if not all(repository.store.lookup.contains(content.id)):
            raise not_here(located)
    return ContentReader(repository.store.reader, file)


def _find_file(repository: Repository, located: Located) -> FoundFile:
    manifest, dataset = located.manifest, located.dataset
    if manifest.kind == "file":
        if located.inside:
            raise UnknownDatasetError(f"{located.shown}: {dataset} is a file, nothing lies in it")
        return FoundFile(located.rev, dataset.path, b"", manifest.executable, manifest.content)
    if not located.inside:
        raise _is_directory(located)
    try:
        entries = read_below(repository.store.reader, manifest.content, located.inside)
    except MissingChunkError as exc:
        raise not_here(located) from exc
    if not entries:
        raise UnknownDatasetError(
            f"{located.shown} is not in {dataset}", hint=f"`datav ls {_above(located)}` lists it"
        )
    entry = entries[0]
    if entry.path != located.inside or entry.kind == Kind.EMPTY_DIRECTORY:
        raise _is_directory(located)
    if entry.kind == Kind.SYMLINK:
        target = show_path(_read_target(repository, entry))
        raise UsageError(f"{located.shown} is a symbolic link to {target}", hint="name what it points to")
    is_executable = entry.kind == Kind.EXECUTABLE
    return FoundFile(located.rev, dataset.path, located.inside, is_executable, entry.content)


def _is_directory(located: Located) -> UsageError:
    return UsageError(
        f"{located.shown} is a directory", hint=f"`datav ls {located.shown}` lists what is in it"
    )


def _above(located: Located) -> str:
    prefix = f"{located.rev}:" if located.rev is not None else ""
    return prefix + str(located.dataset)


def _read_target(repository: Repository, entry: Entry) -> bytes:
    if not 0 < entry.size <= MAX_PATH_SIZE or entry.depth != 0:
        raise FormatError(f"{show_path(entry.path)} is a symbolic link with a target of {entry.size} bytes")
    target = repository.store.reader.read_chunk(ChunkId(entry.id))
    if len(target) != entry.size:
        raise IntegrityError(
            f"{show_path(entry.path)} is a symbolic link whose target is not as long as it should be"
        )
    return target
