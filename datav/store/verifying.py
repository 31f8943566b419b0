"""Verifying: whether a store's bytes are what they were stored as.

Every pack against its name, every frame against its checksum, every content against its id, every index
against the packs that it names.  Pack by pack, in large reads, so memory does not grow with the store.  What
is wrong is a value, not an error: nothing here stops at the first damage.

Only what an index leads to counts: a frame that no index lists is what a collection left behind in a pack
that was not worth rewriting, and its base may be gone.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest

from datav.errors import DatavError, FormatError, IntegrityError
from datav.formats.frame import NODE, Frame, parse_frame
from datav.formats.pack import PackContents
from datav.ids import ChunkId, NodeId, PackId
from datav.progress import SILENT, Progress
from datav.store.lookup import Lookup
from datav.store.packs import PackGoneError, Packs, Run
from datav.store.positions import Positions
from datav.store.reading import Reader


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing that is not what it was stored as."""

    id: str
    """Of the chunk or tree node; empty when it is about a whole pack."""
    pack: str
    what: str


@dataclass(frozen=True, slots=True)
class VerifiedStore:
    """What verifying a store found."""

    chunks: int
    """Chunks that were read and checked."""
    nodes: int
    """Tree nodes that were."""
    bytes: int
    """Bytes of frames that were read."""
    damaged: tuple[Damage, ...]
    broken_indexes: tuple[tuple[str, str], ...]
    """File name of each index that is wrong, and what is wrong with it."""
    lost_packs: tuple[str, ...]
    """Packs that an index names and that are not there; what only they held is missing."""
    unindexed_packs: tuple[str, ...]
    """Packs that no index covers: somebody is writing, or was killed; `gc` removes them."""

    @property
    def ok(self) -> bool:
        return not self.damaged and not self.broken_indexes


@dataclass(slots=True)
class _PackReport:
    """What checking one pack found."""

    pack: PackId
    is_gone: bool = False
    chunks: int = 0
    nodes: int = 0
    bytes: int = 0
    damaged: list[Damage] = field(default_factory=list)
    listed: list[int] = field(default_factory=list)
    """For each index how many of its entries lie where they should in this pack."""


def verify_store(
    packs: Packs,
    lookup: Lookup,
    executor: Executor,
    *,
    sample: float | None = None,
    seed: int = 0,
    progress: Progress = SILENT,
) -> VerifiedStore:
    """Check a store, or a share of it.

    Args:
        lookup: one that checks indexes.
        sample: which share of the frames to read, in runs of some MiB; tables of contents and indexes are all
            read.
        seed: another one chooses other runs.

    Raises:
        StorageError: the store's directories cannot be listed, or a disk fails.

    Cost: reads all packs once; bases of deltas once more where they lie in other packs.
    """
    sizes = packs.sizes()
    positions = Positions(lookup.indexes)
    covered = lookup.packs()
    known = sorted(sizes.keys() & covered)
    check = partial(_PackCheck, packs, positions, Reader(packs, lookup), sample, seed)
    progress.start("verifying", sum(sizes[pack] for pack in known), "bytes")
    reports = []
    for report in executor.map(lambda pack: check(pack).run(), known):
        progress.advance(sizes[report.pack])
        reports.append(report)
    if any(report.is_gone for report in reports):
        # A collector has replaced it; if not, it counts as lost.
        lookup.refresh()
    lost = lookup.packs() - packs.sizes().keys()
    return VerifiedStore(
        chunks=sum(report.chunks for report in reports),
        nodes=sum(report.nodes for report in reports),
        bytes=sum(report.bytes for report in reports),
        damaged=tuple(damage for report in reports for damage in report.damaged),
        broken_indexes=(*sorted(lookup.broken.items()), *_check_indexes(positions, reports)),
        lost_packs=tuple(sorted(pack.text for pack in lost)),
        unindexed_packs=tuple(sorted(pack.text for pack in sizes.keys() - covered)),
    )


def _check_indexes(positions: Positions, reports: Sequence[_PackReport]) -> Iterator[tuple[str, str]]:
    """Yield the indexes that place entries where no pack has them."""
    whole = {report.pack: report for report in reports if report.listed}
    for number, entry in enumerate(positions.indexes):
        wrong = 0
        for pack, count in positions.count_by_pack(number).items():
            if pack in whole:
                wrong += count - whole[pack].listed[number]
        if wrong:
            yield entry.path.name, f"{wrong} of its entries are not in the packs that it names"


class _PackCheck:
    """Checks one pack."""

    def __init__(
        self,
        packs: Packs,
        positions: Positions,
        reader: Reader,
        sample: float | None,
        seed: int,
        pack: PackId,
    ) -> None:
        self._packs = packs
        self._positions = positions
        self._reader = reader
        self._sample = sample
        self._seed = seed
        self._report = _PackReport(pack)

    def run(self) -> _PackReport:
        report = self._report
        try:
            contents = self._packs.read_contents(report.pack)
        except FormatError as exc:
            report.damaged.append(Damage("", report.pack.text, str(exc)))
            return report
        if contents is None:
            report.is_gone = True
            return report
        is_listed = self._find_listed(contents)
        pieces = [
            (first, end, Run(report.pack, start, start + size))
            for first, end, start, size in _plan_runs(contents, self._packs.longest_run)
            if is_listed[first:end].any() and self._is_chosen(first)
        ]
        try:
            for (first, end, _), data in zip(
                pieces, self._packs.read_runs([run for _, _, run in pieces]), strict=True
            ):
                self._check_run(contents, first, end, memoryview(data), is_listed)
        except PackGoneError:
            report.is_gone = True
        except IntegrityError as exc:
            report.damaged.append(Damage("", report.pack.text, str(exc)))
        return report

    def _find_listed(self, contents: PackContents) -> NDArray[np.bool_]:
        """Return which frames an index lists."""
        result = np.zeros(len(contents), np.bool_)
        for number, entry in enumerate(self._positions.indexes):
            if self._report.pack not in entry.index.packs:
                self._report.listed.append(0)
                continue
            listed = self._positions.listed(number, self._report.pack, contents)
            self._report.listed.append(int(np.count_nonzero(listed)))
            result |= listed
        return result

    def _is_chosen(self, first: int) -> bool:
        if self._sample is None:
            return True
        draw = xxh3_64_intdigest(self._report.pack + first.to_bytes(4, "little"), self._seed)
        return draw < self._sample * 2**64

    def _check_run(
        self, contents: PackContents, first: int, end: int, data: memoryview, is_listed: NDArray[np.bool_]
    ) -> None:
        """Check neighbouring frames whose bytes are `data`."""
        whole: dict[bool, list[tuple[bytes, Frame]]] = {False: [], True: []}
        at = 0
        for number in range(first, end):
            length = contents.lengths[number]
            if is_listed[number]:
                is_node = bool(contents.kinds[number] & NODE)
                try:
                    frame = self._parse(contents, number, bytes(data[at : at + length]))
                    whole[is_node].append((contents.id(number), frame))
                except DatavError as exc:
                    self._damage(contents.id(number), is_node, exc)
                self._report.bytes += length
            at += length
        for nodes, frames in whole.items():
            self._check_contents(frames, nodes)
        self._report.chunks += len(whole[False])
        self._report.nodes += len(whole[True])

    def _parse(self, contents: PackContents, number: int, data: bytes) -> Frame:
        where = f"pack {self._report.pack.short}, frame {number}"
        frame = parse_frame(data, where)
        if data[0] != contents.kinds[number] or frame.bases != contents.bases.get(number, ()):
            raise IntegrityError(f"{where} is not what the pack's contents say")
        return frame

    def _check_contents(self, frames: Sequence[tuple[bytes, Frame]], nodes: bool) -> None:
        ids = [identity for identity, _ in frames]
        try:
            for _ in self._reader.decode_frames(ids, [frame for _, frame in frames], nodes=nodes):
                pass
        except DatavError:
            for identity, frame in frames:
                try:
                    list(self._reader.decode_frames([identity], [frame], nodes=nodes))
                except DatavError as exc:
                    self._damage(identity, nodes, exc)

    def _damage(self, identity: bytes, is_node: bool, error: DatavError) -> None:
        name = NodeId(identity) if is_node else ChunkId(identity)
        self._report.damaged.append(Damage(name.text, self._report.pack.text, str(error)))


def _plan_runs(contents: PackContents, longest: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield (first frame, end, offset, bytes) of pieces of a pack to be read at a time."""
    offsets = contents.offsets()
    first = 0
    for number, length in enumerate(contents.lengths):
        if number > first and offsets[number] + length - offsets[first] > longest:
            yield first, number, offsets[first], offsets[number] - offsets[first]
            first = number
    if len(contents):
        last = len(contents) - 1
        yield first, len(contents), offsets[first], offsets[last] + contents.lengths[last] - offsets[first]
