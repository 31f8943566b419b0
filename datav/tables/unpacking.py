"""Compressed text, and text in other encodings than UTF-8, as sources of UTF-8 in scratch files."""

import codecs
import gzip
import io
import threading
import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import zstandard

from datav.errors import TableError
from datav.storage.scratch import Scratch
from datav.tables.source import RandomAccess, not_a_table
from datav.tables.sourcefile import SourceFile

MAX_SIZE = 2**40
"""What would unpack to more is refused: a few MiB of zeros can be made to fill any disk."""

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"

_BLOCK = 2**20


class ScratchSource:
    """A scratch file that was written, for reading; from several threads."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._lock = threading.Lock()
        self.size = size

    def read_at(self, offset: int, size: int) -> bytes:
        with self._lock:
            self._file.seek(offset)
            return self._file.read(size)


def unpacked(source: RandomAccess, kind: str) -> Iterator[bytes]:
    """Yield what is in a compressed file, some at a time.

    Args:
        kind: `gzip`, of which there may be several members, or `zstd`, of which there may be several frames.

    Raises:
        TableError: it is damaged or cut.
    """
    file = SourceFile(source)
    # The reader of zstd takes any file; that of gzip asks for small pieces.
    buffered = io.BufferedReader(file, _BLOCK)
    opened: BinaryIO
    if kind == "gzip":
        opened = gzip.GzipFile(fileobj=buffered, mode="rb")  # type: ignore[assignment]  # reads as one does
    else:
        decompressor = zstandard.ZstdDecompressor()
        opened = decompressor.stream_reader(buffered, read_across_frames=True, closefd=False)
    while True:
        try:
            data = opened.read(_BLOCK)
        except (OSError, EOFError, ValueError, MemoryError, zlib.error, zstandard.ZstdError) as exc:
            if file.failure is not None:
                raise file.failure from exc
            raise TableError(not_a_table(f"cannot be unpacked as {kind}", exc).reason) from exc
        if not data:
            return
        yield data


def recoded(source: RandomAccess, encoding: str) -> Iterator[bytes]:
    """Yield a text in UTF-8, some at a time, without its byte order mark.

    Raises:
        TableError: it is not text in that encoding.
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    at_start = True
    for offset in range(0, source.size + 1, _BLOCK):
        data = source.read_at(offset, _BLOCK)
        try:
            text = decoder.decode(data, final=offset + _BLOCK > source.size)
        except ValueError as exc:
            raise TableError(not_a_table(f"is not {encoding} near byte {offset}", exc).reason) from exc
        if text and at_start:
            text, at_start = text.removeprefix("\ufeff"), False
        # What `utf-16` with errors of its own lets through, UTF-8 does not have.
        yield text.encode("utf-8", "surrogatepass")


def to_scratch(pieces: Iterable[bytes], scratch: Scratch) -> ScratchSource:
    """Write pieces to a scratch file.

    Raises:
        TableError: they are too large, or the disk is full.
        StorageError: there can be no scratch file.
        Also what drawing the pieces raises.
    """
    file = scratch.file()
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > MAX_SIZE:
            raise TableError(f"unpacks to more than {MAX_SIZE} bytes")
        try:
            file.write(piece)
        except OSError as exc:
            raise TableError(not_a_table("cannot be unpacked to a temporary file", exc).reason) from exc
    try:
        file.flush()
    except OSError as exc:
        raise TableError(not_a_table("cannot be unpacked to a temporary file", exc).reason) from exc
    return ScratchSource(file, size)
