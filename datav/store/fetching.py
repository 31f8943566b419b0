"""Fetching: what contents need and the local store lacks, out of a remote.

Trees are walked from the top, what is missing of them is stored as it is found; their chunks are gathered,
looked up in the remote's indexes, and read by place, in runs of some MiB, several at a time.  Every chunk is
checked against its id before it is stored.  What was stored so far is made known every now and then, so a
transfer that breaks off goes on where it was.

Memory is bounded by the window of chunks that are fetched together and by the runs in flight, whatever the
size of the data.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from itertools import pairwise

from datav.errors import DatavError, FormatError, IntegrityError, MissingChunkError, RemoteError
from datav.formats.entry import Content
from datav.formats.frame import DELTA, HEADER_SIZE, MAX_CHUNK, NODE, PAYLOAD_SLACK, Frame, parse_frame
from datav.formats.index import Place
from datav.ids import ID_SIZE, Buffer, ChunkId, NodeId, PackId
from datav.progress import SILENT, Progress
from datav.store.lookup import Lookup
from datav.store.marking import children_of
from datav.store.packing import NewFrame
from datav.store.packs import Run, group_places
from datav.store.positions import split_ids
from datav.store.reading import MAX_DELTA_DEPTH, Reader, Reading
from datav.store.remote import RemoteStore
from datav.store.store import Store
from datav.store.writing import StoreWriter

# Chunks that are looked up, sorted and fetched together: some GiB, and some ten MiB of ids and places.
WINDOW = 131_072
# What came becomes known after so many bytes: so much has to come again when a transfer is killed.
CHECKPOINT_SIZE = 256 * 2**20
# Deltas wait for what they rest on; when they are so many bytes they wait no longer.
_MAX_WAITING = 32 * 2**20
_MAX_FRAME = HEADER_SIZE + MAX_CHUNK + PAYLOAD_SLACK
"""Of a chunk."""
# Nodes looked up at a time, and bytes of them read or held at a time.
_BATCH = 256
_MAX_NODES = 32 * 2**20
# A collector that comes in between again and again is none.
_MAX_ROUNDS = 4
# Of a pack with at least so many wanted chunks the contents are read, to know what deltas rest on beforehand.
_WORTH_CONTENTS = 64


@dataclass(slots=True)
class Fetched:
    """What a fetch did.  Sizes are bytes."""

    chunks: int = 0
    nodes: int = 0
    bytes_of_data: int = 0
    """Of the chunks, as files have them."""
    missing: list[str] = field(default_factory=list)
    """Ids that neither side has; nothing else was left out."""
    missing_count: int = 0


def fetch_contents(
    store: Store,
    remote: RemoteStore,
    writer: StoreWriter,
    contents: Iterable[Content],
    *,
    progress: Progress = SILENT,
) -> Fetched:
    """Bring all that the contents need into the local store.

    Args:
        remote: refreshed.

    Raises:
        RemoteError: it cannot be reached; what was stored so far stays.
        IntegrityError, FormatError: it has something else under an id than what hashes to it.
    """
    wanted = list(contents)
    result = Fetched()
    for number in range(1, _MAX_ROUNDS + 1):
        try:
            _Fetch(store, remote, writer, progress, result).run(wanted)
            break
        except MissingChunkError:
            # What has come so far need not come again.
            writer.checkpoint()
            if number == _MAX_ROUNDS:
                raise
            # A collection has moved it.
            remote.look_again()
            result.missing, result.missing_count = [], 0
        except RemoteError:
            writer.checkpoint()
            raise
    return result


class KeepingReader(Reading):
    """Reads nodes, and stores those that are not in the local store.  Used by one thread."""

    def __init__(self, reader: Reading, lookup: Lookup, writer: StoreWriter) -> None:
        self._reader = reader
        self._lookup = lookup
        self._writer = writer

    def read_many(self, ids: Sequence[bytes], *, nodes: bool) -> list[Buffer]:
        contents = self._reader.read_many(ids, nodes=nodes)
        if nodes and ids:
            here = self._lookup.contains(b"".join(ids))
            far = [bytes(data) for data, is_here in zip(contents, here, strict=True) if not is_here]
            self._writer.put_nodes(far, [()] * len(far))
        return contents


class _Fetch:
    def __init__(
        self, store: Store, remote: RemoteStore, writer: StoreWriter, progress: Progress, result: Fetched
    ) -> None:
        self.result = result
        self._store = store
        self._remote = remote
        self._writer = writer
        self._progress = progress
        self._inline = Reader(remote.inline_packs, remote.lookup, verify="datav verify --remote NAME")
        self._seen: set[bytes] = set()
        self._window: dict[bytes, None] = {}
        self._lock = threading.Lock()
        self._unknown = 0
        """Bytes that came since the last checkpoint."""

    def run(self, contents: Iterable[Content]) -> None:
        tops = []
        for content in contents:
            if content.depth:
                tops.append(content.id)
            elif content.size:
                self._want(content.id)
        self._progress.start("looking up", None, "nodes")
        for chunks in self._walk(tops):
            self._want(chunks)
        self._fetch_window()

    def _walk(self, pending: list[bytes]) -> Iterator[bytes]:
        """Go down all trees; store the nodes that are missing; yield ids of chunks, packed."""
        while pending:
            # From the end: what is pending stays about as much as one path through the tree.
            batch = [identity for identity in dict.fromkeys(pending[-_BATCH:]) if identity not in self._seen]
            del pending[-_BATCH:]
            self._seen.update(batch)
            for identity, data in self._read_nodes(batch):
                chunks, nodes = children_of(data, NodeId(identity).short)
                pending += split_ids(nodes)
                yield chunks

    def _read_nodes(self, ids: list[bytes]) -> Iterator[tuple[bytes, Buffer]]:
        here = self._store.lookup.contains(b"".join(ids)) if ids else b""
        near = [identity for identity, is_here in zip(ids, here, strict=True) if is_here]
        far = [identity for identity, is_here in zip(ids, here, strict=True) if not is_here]
        yield from zip(near, self._store.reader.read_each(near, nodes=True), strict=True)
        found = {}
        for identity, place in zip(far, self._remote.lookup.places(far), strict=True):
            if place is None:
                self._miss(NodeId(identity).text)
            else:
                found[identity] = place.length
        for part in _parts(found, _MAX_NODES):
            frames = dict(zip(part, self._remote.reader.read_frames(part, nodes=True), strict=True))
            for identity in [key for key, frame in frames.items() if not self._has_bases(frame)]:
                self._miss(NodeId(identity).text)
                del frames[identity]
            sizes = {identity: frame.raw_length for identity, frame in frames.items()}
            for few in _parts(sizes, _MAX_NODES):
                yield from self._keep_nodes(few, [frames[identity] for identity in few])

    def _has_bases(self, frame: Frame) -> bool:
        return all(self._remote.lookup.contains(b"".join(frame.bases)))

    def _keep_nodes(self, ids: list[bytes], frames: list[Frame]) -> Iterator[tuple[bytes, Buffer]]:
        contents = [bytes(data) for data in self._remote.reader.decode_frames(ids, frames, nodes=True)]
        self._writer.put_nodes(contents, [frame.bases for frame in frames])
        self.result.nodes += len(ids)
        yield from zip(ids, contents, strict=True)

    def _miss(self, name: str) -> None:
        self.result.missing_count += 1
        if len(self.result.missing) < 100:
            self.result.missing.append(name)

    def _want(self, chunks: bytes) -> None:
        """Take chunks, packed, into the window; those that are here already are not wanted."""
        here = self._store.lookup.contains(chunks)
        for number, is_here in enumerate(here):
            if not is_here:
                self._window[chunks[ID_SIZE * number : ID_SIZE * (number + 1)]] = None
        if len(self._window) >= WINDOW:
            self._fetch_window()

    def _fetch_window(self) -> None:
        wanted = list(self._window)
        self._window = {}
        # Of two clones that pushed at once each may have stored whole what the other has as a delta on it.
        found = self._find(wanted, longest=True)
        for identity in wanted:
            if identity not in found:
                self._miss(ChunkId(identity).text)
        bases = self._find_bases(found)
        total = sum(place.length for place in [*found.values(), *bases.values()])
        self._progress.start("fetching", total, "bytes")
        self.result.chunks += len(found)
        self._transfer(found | bases, depth=0)
        self._writer.checkpoint()

    def _find(self, ids: Sequence[bytes], *, longest: bool = False) -> dict[bytes, Place]:
        """Where ids lie on the remote; those that are nowhere are not in the result."""
        places = self._remote.lookup.places(ids, longest=longest)
        found = {identity: place for identity, place in zip(ids, places, strict=True) if place is not None}
        if any(place.length > _MAX_FRAME for place in found.values()):
            raise FormatError(
                f"an index of {self._remote.shown} states a frame longer than any writer makes",
                hint="run `datav verify --remote NAME`",
            )
        return found

    def _find_bases(self, wanted: dict[bytes, Place]) -> dict[bytes, Place]:
        """What wanted deltas rest on and nobody has here, as far as contents of packs tell cheaply.

        The rest turns up when the deltas have come.
        """
        bases: dict[bytes, Place] = {}
        fresh = wanted
        for _ in range(MAX_DELTA_DEPTH):
            counts: dict[bytes, int] = {}
            for place in fresh.values():
                counts[place.pack] = counts.get(place.pack, 0) + 1
            named: dict[bytes, None] = {}
            for place_pack in {place.pack for place in fresh.values()}:
                if counts[place_pack] < _WORTH_CONTENTS:
                    continue
                for identity, ids in self._bases_in(place_pack):
                    if identity in fresh:
                        named |= dict.fromkeys(ids)
            unknown = [base for base in named if base not in wanted and base not in bases]
            fresh = self._find(self._not_here(unknown), longest=True)
            if not fresh:
                break
            bases |= fresh
        return bases

    def _bases_in(self, pack: PackId) -> Iterator[tuple[bytes, tuple[bytes, ...]]]:
        """Yield the deltas of a pack and what they rest on, as far as its contents can be read."""
        try:
            contents = self._remote.packs.read_contents(pack)
        except FormatError:
            return  # what they say turns up with the frames too
        if contents is not None:
            for number, ids in contents.bases.items():
                yield contents.id(number), ids

    def _not_here(self, ids: Sequence[bytes]) -> list[bytes]:
        here = self._store.lookup.contains(b"".join(ids)) if ids else b""
        return [identity for identity, is_here in zip(ids, here, strict=True) if not is_here]

    def _transfer(self, wanted: dict[bytes, Place], *, depth: int) -> None:
        """Read frames by place, check and store them; deltas after what they rest on."""
        if depth > MAX_DELTA_DEPTH:
            raise FormatError("a delta rests on more deltas than any writer makes")
        deltas: dict[bytes, tuple[Frame, NewFrame]] = {}
        later: dict[bytes, Place] = {}
        waiting = 0
        for more in self._in_flight(wanted):
            for frame, new in more:
                if waiting + new.length <= _MAX_WAITING or not deltas:
                    deltas[new.id] = frame, new
                    waiting += new.length
                else:
                    later[new.id] = wanted[new.id]
        if deltas:
            # Known from here on, so that deltas can be checked against it.
            self._writer.checkpoint()
            self._store_deltas(deltas, depth)
        # Read twice: what else would hold any number of them in memory?
        for part in _parts({identity: place.length for identity, place in later.items()}, _MAX_WAITING):
            self._transfer({identity: later[identity] for identity in part}, depth=depth)

    def _in_flight(self, wanted: dict[bytes, Place]) -> Iterator[list[tuple[Frame, NewFrame]]]:
        """Yield the deltas of each run as it has come; what is no delta was stored."""
        flying: set[Future[list[tuple[Frame, NewFrame]]]] = set()
        order = sorted(wanted.items(), key=lambda item: item[1])
        _check_apart([place for _, place in order], self._remote.shown)
        first = 0
        try:
            for run, count in group_places((place for _, place in order), self._remote.packs):
                if len(flying) >= self._remote.jobs:
                    done, flying = wait(flying, return_when=FIRST_COMPLETED)
                    for future in done:
                        yield future.result()
                    self._checkpoint_if_due()
                flying.add(self._remote.executor.submit(self._take_run, run, order[first : first + count]))
                first += count
            for future in flying:
                yield future.result()
            flying = set()
        finally:
            # They write: nobody goes on before they have ended.
            for future in flying:
                future.cancel()
            wait(flying)

    def _take_run(self, run: Run, places: list[tuple[bytes, Place]]) -> list[tuple[Frame, NewFrame]]:
        """Read one run; store what is whole in it; return the deltas.  Runs in the executor."""
        (data,) = self._remote.inline_packs.read_runs([run])
        whole: list[NewFrame] = []
        deltas: list[tuple[Frame, NewFrame]] = []
        for identity, place in places:
            raw = bytes(data[place.offset - run.start : place.offset - run.start + place.length])
            frame, new = _parse(identity, raw, f"pack {place.pack.short} of {self._remote.shown}")
            if frame.kind == DELTA:
                deltas.append((frame, new))
                continue
            (content,) = self._inline.decode_frames([identity], [frame], nodes=False)
            self._count(len(content))
            whole.append(new)
        self._writer.put_frames(whole, nodes=False)
        self._progress.advance(sum(place.length for _, place in places))
        return deltas

    def _count(self, size: int) -> None:
        with self._lock:
            self.result.bytes_of_data += size
            self._unknown += size

    def _checkpoint_if_due(self) -> None:
        self._writer.renew()
        if self._unknown >= CHECKPOINT_SIZE:
            self._writer.checkpoint_part()
            with self._lock:
                self._unknown = 0

    def _store_deltas(self, deltas: dict[bytes, tuple[Frame, NewFrame]], depth: int) -> None:
        """Check deltas against what they rest on, which is fetched if it is not here, and store them."""
        unknown = sorted({base for frame, _ in deltas.values() for base in frame.bases} - deltas.keys())
        found = self._find(self._not_here(unknown), longest=True)
        if found:
            self._transfer(found, depth=depth + 1)
            self._writer.checkpoint()
        self._drop_baseless(deltas, set(self._not_here(unknown)))
        while deltas:
            ready = {
                identity: pair
                for identity, pair in deltas.items()
                if not any(base in deltas for base in pair[0].bases)
            }
            if not ready:
                raise FormatError("deltas rest on each other in a ring")
            ids = list(ready)
            frames = [ready[identity][0] for identity in ids]
            for content in self._store.reader.decode_frames(ids, frames, nodes=False):
                self._count(len(content))
            self._writer.put_frames([ready[identity][1] for identity in ids], nodes=False)
            deltas = {identity: pair for identity, pair in deltas.items() if identity not in ready}
            if deltas:
                self._writer.checkpoint()

    def _drop_baseless(self, deltas: dict[bytes, tuple[Frame, NewFrame]], absent: set[bytes]) -> None:
        """Take out of `deltas` those that rest on what is absent, and count them as missing."""
        while absent:
            lost = [key for key, (frame, _) in deltas.items() if not absent.isdisjoint(frame.bases)]
            for identity in lost:
                del deltas[identity]
                self._miss(ChunkId(identity).text)
            absent = set(lost)


def _parts(sizes: Mapping[bytes, int], limit: int) -> Iterator[list[bytes]]:
    """Cut ids, in order, into parts of at most `limit` bytes, or of one id."""
    part: list[bytes] = []
    total = 0
    for identity, size in sizes.items():
        if part and total + size > limit:
            yield part
            part, total = [], 0
        part.append(identity)
        total += size
    if part:
        yield part


def _check_apart(places: Sequence[Place], shown: str) -> None:
    """Raise FormatError when places, in order, overlap: a few bytes would count as any number of frames."""
    for before, place in pairwise(places):
        if place.pack == before.pack and place.offset < before.offset + before.length:
            raise FormatError(
                f"an index of {shown} places two chunks over each other",
                hint="run `datav verify --remote NAME`",
            )


def _parse(identity: bytes, raw: bytes, where: str) -> tuple[Frame, NewFrame]:
    try:
        frame = parse_frame(raw, where)
        if frame.is_node:
            raise IntegrityError(f"{where} has a tree node where its index says there is a chunk")
    except DatavError as exc:
        exc.hint = "`datav verify --remote NAME` names all that is damaged"
        raise
    return frame, NewFrame(identity, raw[0] & ~NODE, b"", (raw,), len(raw), frame.bases)
