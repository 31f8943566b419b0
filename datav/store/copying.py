"""Copying: frames from packs into new packs, as they are.

Nothing is decoded or compressed again; the checksum of each frame is checked on the way, so damage is not
carried on unseen.
"""

import contextlib
import secrets
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path

from datav.errors import IntegrityError
from datav.formats.frame import Codec, parse_frame
from datav.formats.index import Place
from datav.formats.pack import PackContents
from datav.ids import PackId, hash_chunk
from datav.store.encoding import Piece, encode_frames
from datav.store.packing import NewFrame, PackWriter, SealedPack
from datav.store.packs import Packs, group_places

_SALT_SIZE = 16


class PackCopier:
    """Writes new packs from frames of old ones.  Used by one thread."""

    def __init__(self, packs: Packs, directory: Path, executor: Executor, *, is_salted: bool = False) -> None:
        """
        Args:
            packs: where the frames come from.
            directory: for the new packs, under temporary names.
            executor: for syncing.
            is_salted: give each pack a chunk of random bytes, and so a name that no other has.
        """
        self._packs = packs
        self._directory = directory
        self._executor = executor
        self._is_salted = is_salted
        self._writer: PackWriter | None = None
        self._sealed: list[tuple[SealedPack, Future[SealedPack]]] = []

    def copy(self, pack: PackId, contents: PackContents, numbers: Sequence[int]) -> None:
        """Append the frames of `pack` with these numbers, all of them or, when one is damaged, none.

        Raises:
            IntegrityError: a frame is damaged.
            StorageError: the old pack cannot be read or the new one not be written.

        Cost: holds the frames in memory; a pack is 64 MiB by its writers and 1 GiB at most.
        """
        self.append(self._read(pack, contents, numbers))

    def append(self, frames: Iterable[NewFrame]) -> None:
        """Write frames, in order."""
        for frame in frames:
            if self._writer is not None and not self._writer.has_room(frame.length):
                self._seal(self._writer)
            if self._writer is None:
                self._writer = PackWriter(self._directory)
                if self._is_salted:
                    self._writer.append([_salt()])
            self._writer.append([frame])

    def take(self) -> list[SealedPack]:
        """Return the packs that are full, durable, not yet under their names; they are the caller's now."""
        done = [future.result() for _, future in self._sealed]
        self._sealed = []
        return done

    def finish(self) -> list[SealedPack]:
        """Return all that `take` has not, the last pack too."""
        if self._writer is not None:
            self._seal(self._writer)
        return self.take()

    def discard(self) -> None:
        """Remove what was written.  For after an error; raises nothing."""
        if self._writer is not None:
            with contextlib.suppress(OSError):
                self._writer.discard()
        for sealed, future in self._sealed:
            with contextlib.suppress(Exception):
                future.result()
            with contextlib.suppress(OSError):
                sealed.temporary.unlink(missing_ok=True)

    def _seal(self, writer: PackWriter) -> None:
        sealed = writer.seal()
        self._writer = None
        self._sealed.append((sealed, self._executor.submit(sealed.sync)))

    def _read(self, pack: PackId, contents: PackContents, numbers: Sequence[int]) -> list[NewFrame]:
        offsets = contents.offsets()
        frames: list[NewFrame] = []
        groups = list(
            group_places((Place(pack, offsets[n], contents.lengths[n]) for n in numbers), self._packs)
        )
        for (run, count), data in zip(groups, self._packs.read_runs([run for run, _ in groups]), strict=True):
            for number in numbers[len(frames) : len(frames) + count]:
                start = offsets[number] - run.start
                frame = bytes(data[start : start + contents.lengths[number]])
                frames.append(new_frame(pack, contents, number, frame))
        return frames


def _salt() -> NewFrame:
    data = secrets.token_bytes(_SALT_SIZE)
    (frame,) = encode_frames(Codec(), [Piece(hash_chunk(data), memoryview(data), ())])
    return frame


def new_frame(pack: PackId, contents: PackContents, number: int, data: bytes) -> NewFrame:
    """Return frame `number` of a pack, whose bytes are `data`, as it is written to another pack.

    Raises:
        IntegrityError: it is damaged, or not what the contents say.
    """
    where = f"pack {pack.short}, frame {number}"
    bases = contents.bases.get(number, ())
    frame = parse_frame(data, where)
    if data[0] != contents.kinds[number] or frame.bases != bases:
        raise IntegrityError(f"{where} is not what the pack's contents say")
    return NewFrame(contents.id(number), contents.kinds[number], b"", (data,), len(data), bases)
