"""Copying: frames from packs into new packs, as they are.

Nothing is decoded or compressed again; the checksum of each frame is checked on the way, so damage is not
carried on unseen.
"""

import contextlib
from collections.abc import Sequence
from concurrent.futures import Executor, Future

from datav.errors import IntegrityError
from datav.formats.frame import parse_frame
from datav.formats.pack import PackContents
from datav.ids import PackId
from datav.storage.durable import storage_error
from datav.store.layout import Layout
from datav.store.packing import NewFrame, PackWriter, SealedPack


class PackCopier:
    """Writes new packs from frames of old ones.  Used by one thread."""

    def __init__(self, layout: Layout, executor: Executor) -> None:
        self._layout = layout
        self._executor = executor
        self._writer: PackWriter | None = None
        self._sealed: list[tuple[SealedPack, Future[SealedPack]]] = []

    def copy(self, pack: PackId, contents: PackContents, numbers: Sequence[int]) -> None:
        """Append the frames of `pack` with these numbers, all of them or, when one is damaged, none.

        Raises:
            IntegrityError: a frame is damaged.
            StorageError: the old pack cannot be read or the new one not be written.

        Cost: holds the frames in memory; a pack is 64 MiB by its writers and 1 GiB at most.
        """
        for frame in self._read(pack, contents, numbers):
            if self._writer is not None and not self._writer.has_room(frame.length):
                self._seal(self._writer)
            if self._writer is None:
                self._writer = PackWriter(self._layout.temporary)
            self._writer.append([frame])

    def finish(self) -> list[SealedPack]:
        """Return the new packs, durable, not yet under their names."""
        if self._writer is not None:
            self._seal(self._writer)
        return [future.result() for _, future in self._sealed]

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
        path, offsets, frames = self._layout.pack(pack), contents.offsets(), []
        try:
            with open(path, "rb") as file:
                for number in numbers:
                    file.seek(offsets[number])
                    data = file.read(contents.lengths[number])
                    frames.append(_new_frame(pack, contents, number, data))
        except OSError as exc:
            raise storage_error(exc, "read", path) from exc
        return frames


def _new_frame(pack: PackId, contents: PackContents, number: int, data: bytes) -> NewFrame:
    where = f"pack {pack.short}, frame {number}"
    bases = contents.bases.get(number, ())
    frame = parse_frame(data, where)
    if data[0] != contents.kinds[number] or frame.bases != bases:
        raise IntegrityError(f"{where} is not what the pack's contents say")
    return NewFrame(contents.id(number), contents.kinds[number], b"", (data,), len(data), bases)
