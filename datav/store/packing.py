"""Packing: frames into pack files, one open pack for each thread that writes.

A pack is written under a temporary name, sealed with its contents, synced, and only then given its name
(docs/formats/ordering.md, O1).  Syncing is the slow part, so it is handed to the executor and overlaps the
work.
"""

import os
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from datav.formats.frame import HEADER_SIZE as FRAME_HEADER_SIZE
from datav.formats.frame import MAX_NODE
from datav.formats.index import Place
from datav.formats.pack import HEADER, MAX_FRAMES, TARGET_SIZE, PackContents, encode_tail
from datav.formats.pack import HEADER_SIZE as PACK_HEADER_SIZE
from datav.formats.words import u32_array
from datav.ids import Buffer, PackId
from datav.storage.direct import StreamWriter
from datav.storage.durable import create_temporary, sync_and_close

assert TARGET_SIZE + FRAME_HEADER_SIZE + MAX_NODE < 2**32, "offsets in a pack fit in u32"


class NewFrame(NamedTuple):
    """A frame to be written."""

    id: bytes
    kind: int
    """NODE included."""
    header: bytes
    payload: Sequence[Buffer]
    length: int
    """Header and payload."""
    bases: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class SealedPack:
    """A pack that is whole but not yet durable, nor under its name."""

    descriptor: int
    temporary: Path
    pack: PackId
    contents: PackContents
    size: int

    def sync(self) -> "SealedPack":
        sync_and_close(self.descriptor, self.temporary)
        return self

    def records(self) -> Iterator[tuple[bytes, Place]]:
        """The id and the place of every frame."""
        offsets = self.contents.offsets()
        for number, (offset, length) in enumerate(zip(offsets, self.contents.lengths, strict=True)):
            yield self.contents.id(number), Place(self.pack, offset, length)


class PackWriter:
    """One pack that is being written.  Used by one thread at a time."""

    def __init__(self, directory: Path) -> None:
        self._descriptor, self.temporary = create_temporary(directory, ".pack")
        self._ids: list[bytes] = []
        self._lengths: array[int] = u32_array([])
        self._kinds = bytearray()
        self._bases: dict[int, tuple[bytes, ...]] = {}
        self._size = PACK_HEADER_SIZE
        self._stream = StreamWriter(self._descriptor, self.temporary)
        try:
            self._stream.write([HEADER])
        except BaseException:
            self.discard()
            raise

    def has_room(self, length: int) -> bool:
        """Whether frames of `length` bytes still belong here.  A new pack takes one without being asked."""
        return self._size + length <= TARGET_SIZE and len(self._kinds) < MAX_FRAMES

    def append(self, frames: Sequence[NewFrame]) -> None:
        """Write frames, in order; when this returns their buffers are no longer needed."""
        parts: list[Buffer] = []
        for frame in frames:
            if frame.bases:
                self._bases[len(self._kinds)] = frame.bases
            self._ids.append(frame.id)
            self._lengths.append(frame.length)
            self._kinds.append(frame.kind)
            self._size += frame.length
            parts.append(frame.header)
            parts.extend(frame.payload)
        self._stream.write(parts)

    def seal(self) -> SealedPack:
        """Write the contents and the footer; no frame can follow."""
        contents = PackContents(b"".join(self._ids), self._lengths, bytes(self._kinds), self._bases)
        pack, tail = encode_tail(contents)
        self._stream.write([tail])
        self._stream.finish()
        return SealedPack(self._descriptor, self.temporary, pack, contents, self._size + len(tail))

    def discard(self) -> None:
        os.close(self._descriptor)
        self.temporary.unlink(missing_ok=True)
