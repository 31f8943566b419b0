"""Salvaging: which frames of some packs are good, whatever indexes and tables of contents say.

A frame is good when its content hashes to its id; of a delta this can be said only when all that it rests on
is good.  So what is whole is checked first, then the deltas, those on deltas last.  Changes nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby, islice
from typing import NamedTuple

from datav.errors import DatavError, FormatError, IntegrityError
from datav.formats.frame import Frame, parse_frame
from datav.formats.index import Place
from datav.ids import ID_SIZE, Buffer, PackId
from datav.progress import SILENT, Progress
from datav.store.contents import records_of
from datav.store.lookup import Lookup
from datav.store.packs import Packs, Run, group_places
from datav.store.positions import Positions
from datav.store.reading import MAX_FRAME, Reader

# Deltas checked at a time.
_BATCH = 64


class FoundFrame(NamedTuple):
    """A frame whose checksum is right."""

    id: bytes
    place: Place
    is_node: bool
    bases: tuple[bytes, ...]


@dataclass(slots=True)
class ScannedPack:
    """What was found in one pack."""

    pack: PackId
    has_contents: bool = True
    """Whether its table of contents can be read; else what indexes say was looked at."""
    is_gone: bool = False
    whole: list[FoundFrame] = field(default_factory=list)
    """Good, and in need of nothing else."""
    deltas: list[FoundFrame] = field(default_factory=list)
    bad: list[bytes] = field(default_factory=list)
    """Ids of frames that are damaged."""


class SoundFrames:
    """Frames that are good, by id: of several the longest."""

    def __init__(self) -> None:
        self._frames: dict[bytes, FoundFrame] = {}

    def add(self, frames: Iterable[FoundFrame]) -> None:
        for frame in frames:
            before = self._frames.get(frame.id)
            if before is None or frame.place.length > before.place.length:
                self._frames[frame.id] = frame

    def __contains__(self, identity: bytes) -> bool:
        return identity in self._frames

    def __len__(self) -> int:
        return len(self._frames)

    def places(self, ids: Sequence[bytes], *, longest: bool = False) -> list[Place | None]:
        found = (self._frames.get(identity) for identity in ids)
        return [frame.place if frame is not None else None for frame in found]

    def contains(self, ids: Buffer) -> bytearray:
        data = bytes(ids)
        return bytearray(data[at : at + ID_SIZE] in self._frames for at in range(0, len(data), ID_SIZE))

    def refresh(self) -> bool:
        return False

    def frames(self) -> Iterable[FoundFrame]:
        return self._frames.values()


@dataclass(slots=True)
class Salvage:
    """What of a store is good."""

    scanned: list[ScannedPack]
    sound: SoundFrames
    stranded: list[FoundFrame]
    """Deltas that rest on what is not good; their content is not known."""


@dataclass(frozen=True, slots=True)
class Faults:
    """What of a store is not good."""

    packs: frozenset[PackId]
    """Packs in which something is not good that an index names, or may have named."""
    ids: frozenset[bytes]
    """What indexes name, or may have named, and of which there is no good copy."""


def salvage(packs: Packs, lookup: Lookup, executor: Executor, *, progress: Progress = SILENT) -> Salvage:
    """Read all packs and say what of them is good.

    Args:
        packs: that make their requests where they are asked to, not in `executor`.
        lookup: one that checks indexes.

    Raises:
        StorageError: a disk fails, or a remote cannot be reached.

    Cost: reads every pack once, deltas twice; some 300 bytes of memory for each frame.
    """
    sizes = packs.sizes()
    positions = Positions(lookup.indexes)
    known = sorted(sizes)
    progress.start("reading what is good", sum(sizes.values()), "bytes")
    scanned = []
    for found in executor.map(lambda pack: scan_pack(packs, positions, pack), known):
        progress.advance(sizes[found.pack])
        scanned.append(found)
    sound = SoundFrames()
    for found in scanned:
        sound.add(found.whole)
    return Salvage(scanned, sound, settle_deltas(sound, packs, scanned, executor))


def find_faults(salvaged: Salvage, lookup: Lookup) -> Faults:
    """Return what of all that `lookup` names, and of all that no index covers, is not good."""
    covered = lookup.packs()
    bad: dict[PackId, list[bytes]] = {found.pack: list(found.bad) for found in salvaged.scanned}
    for frame in salvaged.stranded:
        bad[frame.place.pack].append(frame.id)
    faulty, lost = set(), set[bytes]()
    for found in salvaged.scanned:
        # What no index names of a pack that one covers a collection has left behind.
        named = [each for each in bad[found.pack] if found.pack not in covered or lookup.is_named(each)]
        if not found.is_gone and (named or not found.has_contents):
            faulty.add(found.pack)
        lost.update(named)
    positions = Positions(lookup.indexes)
    for pack in covered - bad.keys():
        lost.update(identity for identity, _ in positions.entries_in(pack))
    return Faults(frozenset(faulty), frozenset(each for each in lost if each not in salvaged.sound))


def scan_pack(packs: Packs, positions: Positions, pack: PackId) -> ScannedPack:
    """Read one pack and check all that is no delta."""
    found = ScannedPack(pack)
    try:
        contents = packs.read_contents(pack)
    except FormatError:
        found.has_contents = False
        records = positions.entries_in(pack)
    else:
        found.is_gone = contents is None
        records = list(records_of(pack, contents)) if contents is not None else []
    checker = Reader(packs, SoundFrames())
    for identity, place, frame in read_places(packs, records):
        if frame is None or not (frame.bases or _is_good(checker, identity, frame)):
            found.bad.append(identity)
            continue
        kept = found.deltas if frame.bases else found.whole
        kept.append(FoundFrame(identity, place, frame.is_node, frame.bases))
    return found


def settle_deltas(
    sound: SoundFrames, packs: Packs, scanned: Sequence[ScannedPack], executor: Executor
) -> list[FoundFrame]:
    """Add to `sound` the deltas whose content is good; return those of which nobody can say."""
    reader = Reader(packs, sound)
    bad: set[FoundFrame] = set()
    while True:
        # A delta of what is there already is not needed, and could rest on itself in the end.
        ready = [
            frame
            for found in scanned
            for frame in found.deltas
            if frame.id not in sound and frame not in bad and all(base in sound for base in frame.bases)
        ]
        if not ready:
            break
        batches = list(_batches(ready))
        checked = executor.map(partial(_check_deltas, reader, packs), batches)
        for batch, flags in zip(batches, checked, strict=True):
            good = {frame for frame, is_good in zip(batch, flags, strict=True) if is_good}
            sound.add(good)
            bad.update(frame for frame in batch if frame not in good)
    for found in scanned:
        found.bad += [frame.id for frame in found.deltas if frame in bad]
    return [
        frame for found in scanned for frame in found.deltas if frame.id not in sound and frame not in bad
    ]


def _batches(frames: Iterable[FoundFrame]) -> Iterator[list[FoundFrame]]:
    """Yield frames of one pack, in order of places, some at a time."""
    ordered = sorted(frames, key=lambda frame: frame.place)
    for _, group in groupby(ordered, key=lambda frame: frame.place.pack):
        of_pack = list(group)
        for first in range(0, len(of_pack), _BATCH):
            yield of_pack[first : first + _BATCH]


def check_deltas(
    sound: SoundFrames, packs: Packs, others: Packs, deltas: Iterable[FoundFrame]
) -> Iterator[FoundFrame]:
    """Yield those deltas of other packs whose content is good, by what is sound in `packs`."""
    reader = Reader(packs, sound)
    ready = [
        delta for delta in deltas if delta.id not in sound and all(base in sound for base in delta.bases)
    ]
    for batch in _batches(ready):
        for delta, is_good in zip(batch, _check_deltas(reader, others, batch), strict=True):
            if is_good:
                yield delta


def _check_deltas(reader: Reader, packs: Packs, frames: Sequence[FoundFrame]) -> list[bool]:
    """Whether each of some frames, in order of places, decodes to what hashes to its id."""
    read = read_places(packs, [(frame.id, frame.place) for frame in frames])
    return [frame is not None and _is_good(reader, identity, frame) for identity, _, frame in read]


def _is_good(reader: Reader, identity: bytes, frame: Frame) -> bool:
    try:
        for _ in reader.decode_frames([identity], [frame], nodes=frame.is_node):
            pass
    except (FormatError, IntegrityError):
        return False
    return True


def read_places(
    packs: Packs, records: Sequence[tuple[bytes, Place]]
) -> Iterator[tuple[bytes, Place, Frame | None]]:
    """Yield what lies at places of one pack, in order; None where it is no frame, or not its checksum's."""
    for (identity, place), data in zip(records, read_bytes(packs, records), strict=True):
        yield identity, place, _parse(data)


def read_bytes(packs: Packs, records: Sequence[tuple[bytes, Place]]) -> Iterator[bytes]:
    """Yield the bytes at places of one pack, in order; nothing where the pack has ended."""
    places = iter([place for _, place in records])
    for run, count in group_places((place for _, place in records), packs):
        data = _read_run(packs, run)
        for place in islice(places, count):
            if data is not None:
                yield data[place.offset - run.start : place.offset - run.start + place.length]
            else:
                # Another of them lies behind the end of the pack.
                own = Run(place.pack, place.offset, place.offset + place.length)
                yield _read_run(packs, own) or b""


def _read_run(packs: Packs, run: Run) -> bytes | None:
    # What is damaged may claim any length.
    if run.end - run.start > packs.longest_run + packs.gap + MAX_FRAME:
        return None
    try:
        (data,) = packs.read_runs([run])
    except IntegrityError:
        return None
    return bytes(data)


def _parse(data: bytes) -> Frame | None:
    try:
        return parse_frame(data, "a pack")
    except DatavError:
        return None
