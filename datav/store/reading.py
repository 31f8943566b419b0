"""Reading: bytes out of packs, every one of them checked against its id.

Requests for many ids are sorted by place and neighbours are read in one go.  A pack that a collector has
replaced meanwhile is looked up again (docs/formats/ordering.md, O5).
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from datav.errors import FormatError, IntegrityError, MissingChunkError
from datav.formats.frame import (
    DELTA,
    HEADER_SIZE,
    MAX_CHUNK_BASES,
    MAX_NODE,
    MAX_NODE_BASES,
    PAYLOAD_SLACK,
    Codec,
    Frame,
    parse_frame,
)
from datav.formats.index import Place
from datav.ids import Buffer, ChunkId, Id, NodeId, hash_chunk, hash_node
from datav.store.packs import PackGoneError, Packs, group_places, on_damage

# Raw bytes decoded at a time for `read_into`.
_MAX_BATCH = 4 * 2**20
MAX_FRAME = HEADER_SIZE + MAX_NODE + PAYLOAD_SLACK
CACHED_BASES = 24 * 2**20
BASES_AT_ONCE = 64
# Two by the rules (F2); more where a lost base was stored again as a delta.  Bounds what a hostile store
# costs.
MAX_DELTA_DEPTH = 8


class ContentCache:
    """Contents by id, the last used kept, bounded by their bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._held: OrderedDict[bytes, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, identity: bytes) -> bytes | None:
        with self._lock:
            content = self._held.get(identity)
            if content is not None:
                self._held.move_to_end(identity)
            return content

    def put(self, identity: bytes, content: bytes) -> None:
        with self._lock:
            if identity in self._held:
                return
            self._held[identity] = content
            self._size += len(content)
            while self._size > self._limit:
                self._size -= len(self._held.popitem(last=False)[1])


class Reading(Protocol):
    """Whoever gives verified content by id: the reader of one store, or of one before another."""

    def read_many(self, ids: Sequence[bytes], *, nodes: bool) -> list[Buffer]: ...

    def read_chunk(self, chunk: ChunkId) -> bytes:
        return bytes(self.read_many([chunk], nodes=False)[0])

    def read_node(self, node: NodeId) -> bytes:
        return bytes(self.read_many([node], nodes=True)[0])

    def read_each(self, ids: Sequence[bytes], *, nodes: bool) -> Iterator[Buffer]:
        return iter(self.read_many(ids, nodes=nodes))


class Finding(Protocol):
    """Who knows where frames lie: the indexes of a store, or what was found without them."""

    def places(self, ids: Sequence[bytes], *, longest: bool = False) -> list[Place | None]: ...

    def refresh(self) -> bool: ...


class Reader(Reading):
    """Reads verified content by id.  Used from several threads.

    Args:
        look_again: called when a pack is gone that `lookup` names; by default it looks at its indexes again.
        verify: the command that tells people more when something is damaged.
    """

    def __init__(
        self,
        packs: Packs,
        lookup: Finding,
        *,
        look_again: Callable[[], object] | None = None,
        verify: str = "datav verify",
    ) -> None:
        self._packs = packs
        self._verify = verify
        self._on_damage = on_damage(verify)
        self._lookup = lookup
        self._look_again = look_again or lookup.refresh
        self._local = threading.local()
        self._bases = ContentCache(CACHED_BASES)

    @property
    def codec(self) -> Codec:
        """This thread's own."""
        codec: Codec | None = getattr(self._local, "codec", None)
        if codec is None:
            codec = self._local.codec = Codec()
        return codec

    def read_many(self, ids: Sequence[bytes], *, nodes: bool) -> list[Buffer]:
        """Return the content of each of `ids`, checked; the caller bounds how much that is.

        Raises:
            MissingChunkError: an id is not stored.
            IntegrityError: what is stored under an id is not what hashes to it.
        """
        held = {identity: content for identity in ids if (content := self._bases.get(identity)) is not None}
        if not held:
            return list(self.read_each(ids, nodes=nodes))
        # Read as the base of a delta just now, and checked then.
        rest = iter(self.read_each([identity for identity in ids if identity not in held], nodes=nodes))
        return [held[identity] if identity in held else next(rest) for identity in ids]

    def read_each(self, ids: Sequence[bytes], *, nodes: bool) -> Iterator[Buffer]:
        """read_many, decoding one at a time: for contents that may be refused at first sight."""
        return self.decode_frames(ids, self.read_frames(ids, nodes=nodes), nodes=nodes)

    def decode_frames(
        self, ids: Sequence[bytes], frames: Sequence[Frame], *, nodes: bool
    ) -> Iterator[Buffer]:
        """Yield the contents of frames that are at hand, each checked against its id; bases are read.

        Raises as read_many does.
        """
        first = 0
        while first < len(frames):
            # So many at a time that their bases fit into memory, whatever a store claims.
            end, wanted = first, set[bytes]()
            while end < len(frames) and len(wanted) <= BASES_AT_ONCE:
                wanted.update(frames[end].bases)
                end += 1
            bases = self._contents_of_bases(frames[first:end], nodes=nodes)
            for identity, frame in zip(ids[first:end], frames[first:end], strict=True):
                prefix = b"".join([bases[base] for base in frame.bases])
                yield self._decode(identity, frame, prefix, nodes=nodes)
            first = end

    def read_roots(self, ids: Sequence[bytes], *, nodes: bool) -> dict[bytes, list[tuple[bytes, Buffer]]]:
        """Return for each of `ids` what a delta against it needs: (id, content) of itself or, of a delta,
        of its bases.

        A delta's base is never itself a delta (docs/formats/frame.md, F2).
        """
        frames = self.read_frames(ids, nodes=nodes)
        contents = self._contents_of_bases(frames, nodes=nodes)
        roots: dict[bytes, list[tuple[bytes, Buffer]]] = {}
        for identity, frame in zip(ids, frames, strict=True):
            if frame.bases:
                roots[identity] = [(base, contents[base]) for base in frame.bases]
            else:
                roots[identity] = [(identity, self._decode(identity, frame, b"", nodes=nodes))]
        return roots

    def read_into(self, chunks: Sequence[tuple[bytes, int]], buffer: memoryview) -> None:
        """Fill `buffer` with the contents of `chunks` (id, length), one after the other, each checked."""
        at, first = 0, 0
        while first < len(chunks):
            size, end = 0, first
            while end < len(chunks) and size < _MAX_BATCH:
                size += chunks[end][1]
                end += 1
            batch = chunks[first:end]
            for (identity, length), content in zip(
                batch, self.read_each([identity for identity, _ in batch], nodes=False), strict=True
            ):
                if len(content) != length:
                    raise FormatError(f"chunk {ChunkId(identity).short} is not as long as its tree says")
                buffer[at : at + length] = content
                at += length
            first = end

    def read_frames(self, ids: Sequence[bytes], *, nodes: bool, longest: bool = False) -> list[Frame]:
        """Return the frame of each of `ids`, its checksum right, its content not yet decoded.

        Args:
            longest: of an id that is stored more than once take the longest frame; else any.
        """
        try:
            return self._read_frames(ids, nodes=nodes, longest=longest)
        except PackGoneError:
            # A collector has moved what lived in that pack and made it known before it deleted it (O5).
            self._look_again()
            return self._read_frames(ids, nodes=nodes, longest=longest)

    def _read_frames(self, ids: Sequence[bytes], *, nodes: bool, longest: bool) -> list[Frame]:
        places = self._places(ids, nodes=nodes, longest=longest)
        order = sorted(range(len(ids)), key=lambda number: places[number])
        frames: dict[int, Frame] = {}
        groups = list(group_places([places[number] for number in order], self._packs))
        for (run, count), data in zip(groups, self._packs.read_runs([run for run, _ in groups]), strict=True):
            for number in order[len(frames) : len(frames) + count]:
                place = places[number]
                start = place.offset - run.start
                try:
                    frame = parse_frame(bytes(data[start : start + place.length]), self._where(place))
                except (FormatError, IntegrityError) as exc:
                    exc.hint = self._on_damage
                    raise
                if frame.is_node != nodes:
                    raise IntegrityError(
                        f"{self._where(place)} holds something else than its id says", hint=self._on_damage
                    )
                frames[number] = frame
        return [frames[number] for number in range(len(ids))]

    def _places(self, ids: Sequence[bytes], *, nodes: bool, longest: bool) -> list[Place]:
        places = self._lookup.places(ids, longest=longest)
        if None in places and self._lookup.refresh():
            places = self._lookup.places(ids, longest=longest)
        found = [place for place in places if place is not None]
        if any(place.length > MAX_FRAME for place in found):
            raise FormatError(
                "an index states a frame longer than any writer makes", hint=f"run `{self._verify}`"
            )
        if len(found) != len(ids):
            missing = _typed(ids[places.index(None)], nodes)
            what = "tree node" if nodes else "chunk"
            others = len(ids) - len(found) - 1
            more = f", nor are {others} more of {len(ids)} asked for" if others else ""
            raise MissingChunkError(
                f"{what} {missing.short} is not in the store{more}",
                hint=f"run `{self._verify}` to see what else is missing",
            )
        return found

    def _contents_of_bases(
        self, frames: Sequence[Frame], *, nodes: bool, depth: int = 1
    ) -> dict[bytes, Buffer]:
        wanted = {base for frame in frames for base in frame.bases}
        if wanted and depth > MAX_DELTA_DEPTH:
            raise FormatError("a delta rests on more deltas than any writer makes")
        contents: dict[bytes, Buffer] = {}
        for base in wanted:
            held = self._bases.get(base)
            if held is not None:
                contents[base] = held
        missing = sorted(wanted - contents.keys())
        if missing:
            found = self.read_frames(missing, nodes=nodes)
            if any(frame.kind == DELTA for frame in found):
                # Stored twice: whole, as it was when it was made a base, and by somebody else as a delta
                # (F2).
                found = self.read_frames(missing, nodes=nodes, longest=True)
            below = self._contents_of_bases(found, nodes=nodes, depth=depth + 1)
            for base, frame in zip(missing, found, strict=True):
                prefix = b"".join([below[root] for root in frame.bases])
                content = bytes(self._decode(base, frame, prefix, nodes=nodes))
                contents[base] = content
                self._bases.put(base, content)
        limit = MAX_NODE_BASES if nodes else MAX_CHUNK_BASES
        for frame in frames:
            if sum(len(contents[base]) for base in frame.bases) > limit:
                raise FormatError("a delta has more bases than any writer gives it")
        return contents

    def _decode(self, identity: bytes, frame: Frame, prefix: bytes, *, nodes: bool) -> Buffer:
        typed = _typed(identity, nodes)
        try:
            content = self.codec.decode(frame, prefix, typed.short)
        except IntegrityError as exc:
            exc.hint = self._on_damage
            raise
        actual = hash_node(content) if nodes else hash_chunk(content)
        if actual != identity:
            raise IntegrityError(
                f"{'tree node' if nodes else 'chunk'} {typed.short} is damaged: it hashes to {actual.short}",
                hint=self._on_damage,
            )
        return content

    def _where(self, place: Place) -> str:
        return f"pack {place.pack.short} at {place.offset}"


def _typed(identity: bytes, nodes: bool) -> Id:
    return NodeId(identity) if nodes else ChunkId(identity)
