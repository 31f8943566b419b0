"""Copying: frames from packs into new packs, as they are.

Nothing is decoded or compressed again; the checksum of each frame is checked on the way, so damage is not
carried on unseen.
"""

import contextlib
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from pathlib import Path

from datav.errors import IntegrityError
from datav.formats.frame import parse_frame
from datav.formats.pack import PackContents
from datav.ids import PackId
from datav.store.packing import NewFrame, PackWriter, SealedPack
from datav.store.packs import Packs, Run


class PackCopier:
    """Writes new packs from frames of old ones.  Used by one thread."""

    def __init__(self, packs: Packs, directory: Path, executor: Executor) -> None:
        """
        Args:
            packs: where the frames come from.
            directory: for the new packs, under temporary names.
            executor: for syncing.
        """
        self._packs = packs
        self._directory = directory
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
        self.append(self._read(pack, contents, numbers))

    def append(self, frames: Sequence[NewFrame]) -> None:
        """Write frames, in order."""
        for frame in frames:
            if self._writer is not None and not self._writer.has_room(frame.length):
                self._seal(self._writer)
            if self._writer is None:
                self._writer = PackWriter(self._directory)
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
        offsets, frames = contents.offsets(), []
        groups = _group(offsets, contents, numbers, self._packs)
        runs = [
            Run(pack, offsets[group[0]], offsets[group[-1]] + contents.lengths[group[-1]]) for group in groups
        ]
        for group, run, data in zip(groups, runs, self._packs.read_runs(runs), strict=True):
            for number in group:
                start = offsets[number] - run.start
                frame = bytes(data[start : start + contents.lengths[number]])
                frames.append(new_frame(pack, contents, number, frame))
        return frames


def _group(
    offsets: Sequence[int], contents: PackContents, numbers: Sequence[int], packs: Packs
) -> list[list[int]]:
    """Cut ascending numbers of frames into groups that are read in one go."""
    groups: list[list[int]] = []
    for number in numbers:
        if groups:
            first, last = groups[-1][0], groups[-1][-1]
            near = offsets[number] - offsets[last] - contents.lengths[last] <= packs.gap
            if near and offsets[number] + contents.lengths[number] - offsets[first] <= packs.longest_run:
                groups[-1].append(number)
                continue
        groups.append([number])
    return groups


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
