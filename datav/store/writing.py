"""Writing: new chunks and nodes into packs, made durable and known together.

One `StoreWriter` is one command's writing.  Its methods may be called from several threads; nothing of it
is known to others until `finish`, which returns when all of it is durable and indexed
(docs/formats/ordering.md, O1
- O3). A writer that does not finish leaves nothing behind but, if it was killed, temporary files that
nobody reads.
"""

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

from blake3 import blake3

from datav.core import incompressible_flags
from datav.errors import FormatError, IntegrityError, StorageError
from datav.formats.frame import DELTA, MAX_BASES, NODE
from datav.formats.index import encode_index, index_name
from datav.formats.words import u64_array
from datav.ids import ID_SIZE, NODE_CONTEXT, Buffer
from datav.storage.durable import fsync_directory, publish, remove_file, write_atomic
from datav.storage.leases import Lease, writer_lease
from datav.store.encoding import DeltaLuck, Piece, encode_frames
from datav.store.layout import Layout
from datav.store.lookup import Lookup
from datav.store.merging import indexes_to_merge
from datav.store.packing import NewFrame, PackWriter, SealedPack
from datav.store.reading import Reader

# What was written is made durable and known after so many frames, so that memory stays bounded and a
# command that is killed after hours has most of its work kept.
CHECKPOINT_FRAMES = 262_144


BaseChooser = Callable[[bytes, Sequence[int]], list[list[bytes]]]
"""(ids of the chunks, whether each is known) -> for each chunk ids of old chunks, none for a known one."""


@dataclass(slots=True)
class Tally:
    """What a writer has seen and stored; sizes in bytes."""

    chunks: int = 0
    new_chunks: int = 0
    new_bytes: int = 0
    """Raw bytes of the new chunks."""
    stored_bytes: int = 0
    """Bytes the packs and the index grew by."""
    deltas: int = 0


class Sink(Protocol):
    """Where chunks and nodes go: a StoreWriter, or one that only names them (`datav.store.naming`)."""

    def put_chunks(
        self,
        data: memoryview,
        ends: Sequence[int],
        *,
        choose: BaseChooser | None = None,
        luck: DeltaLuck | None = None,
    ) -> bytes: ...

    def put_nodes(self, nodes: Sequence[bytes], bases: Sequence[Sequence[bytes]]) -> list[bytes]: ...

    def checkpoint_if_due(self) -> None: ...


class StoreWriter:
    """Writes to one store.  Made by `open_writer`."""

    def __init__(
        self, layout: Layout, lookup: Lookup, reader: Reader, executor: Executor, lease: Lease
    ) -> None:
        self.tally = Tally()
        self._layout = layout
        self._lookup = lookup
        self._reader = reader
        self._executor = executor
        self._lease = lease
        self._claimed: dict[bytes, object] = {}
        self._idle: deque[PackWriter] = deque()
        self._open: set[PackWriter] = set()
        self._sealed: list[tuple[SealedPack, Future[SealedPack]]] = []
        self._lock = threading.Lock()

    def put_chunks(
        self,
        data: memoryview,
        ends: Sequence[int],
        *,
        choose: BaseChooser | None = None,
        luck: DeltaLuck | None = None,
    ) -> bytes:
        """Store the chunks of `data` that are new; return the ids of all, packed.

        Args:
            data: chunks back to back; not needed any more when this returns.
            ends: where each chunk ends, increasing.
            choose: names old chunks for the new ones to be tried against, as deltas.

        Raises:
            StorageError: the store cannot be written.
        """
        ids = hash_pieces(data, ends)
        known = self._stored(ids, nodes=False)
        bases = choose(ids, known) if choose is not None and not all(known) else None
        fresh = self._claim(ids, known)
        with self._lock:
            self.tally.chunks += len(known)
        if fresh:
            held = self._read_bases(bases, fresh) if bases else {}
            pieces = [
                Piece(
                    ids[ID_SIZE * number : ID_SIZE * (number + 1)],
                    data[ends[number - 1] if number else 0 : ends[number]],
                    [held[base] for base in bases[number] if base in held] if bases else (),
                )
                for number in fresh
            ]
            # One call for all of them lets other threads work meanwhile.
            flags = incompressible_flags(data, u64_array(ends)) if len(fresh) == len(ends) else None
            self._append(encode_frames(self._reader.codec, pieces, flags=flags, luck=luck))
        return ids

    def put_nodes(self, nodes: Sequence[bytes], bases: Sequence[Sequence[bytes]]) -> list[bytes]:
        """Store the tree nodes that are new; return the ids of all.

        Args:
            bases: for each node the ids of old nodes in its place, to be tried as bases of a delta.
        """
        ids = [blake3(node, derive_key_context=NODE_CONTEXT).digest() for node in nodes]
        packed = b"".join(ids)
        fresh = self._claim(packed, self._stored(packed, nodes=True))
        if fresh:
            candidates = [list(old[:MAX_BASES]) for old in bases]
            held = self._read_bases(candidates, fresh, nodes=True)
            pieces = [
                Piece(ids[number], nodes[number], [held[base] for base in candidates[number] if base in held])
                for number in fresh
            ]
            self._append(encode_frames(self._reader.codec, pieces, node=NODE))
        return ids

    def put_frames(self, frames: Sequence[NewFrame], *, nodes: bool) -> None:
        """Store frames from another store, as they are, of ids that are new.

        The caller has checked each against its id, and stores what deltas rest on too.
        """
        ids = b"".join([frame.id for frame in frames])
        fresh = self._claim(ids, self._stored(ids, nodes=nodes))
        self._append([frames[number] for number in fresh])

    def renew(self) -> None:
        """Say that this writer is still at work.  Cheap to call often."""
        self._lease.renew()

    def checkpoint(self) -> None:
        """Make everything written so far durable and known.  No other thread is writing meanwhile."""
        self._lease.renew()
        self._publish()

    def checkpoint_part(self) -> None:
        """Make durable and known what was written, but for what others are writing just now."""
        self._lease.renew()
        self._publish()

    def checkpoint_if_due(self) -> None:
        """Make what was written durable and known when it is much.  Others may go on writing meanwhile."""
        self._lease.renew()
        if len(self._claimed) >= CHECKPOINT_FRAMES:
            self._publish()

    def finish(self) -> None:
        """Make everything written so far durable and known.  No other thread is writing meanwhile."""
        if len(self._open) > len(self._idle):
            # A call that failed has left a pack half written, and claimed ids that others now rely on.
            raise StorageError("something could not be stored, and the command went on as if it were")
        self._publish()

    def _publish(self) -> None:
        """Seal what nobody is writing to, make it durable, then known."""
        with contextlib.suppress(IndexError):
            while True:
                self._seal(self._idle.popleft())
        with self._lock:
            sealed = list(self._sealed)
        packs = [future.result() for _, future in sealed]
        if not packs:
            # What was found stored may be known from a writer that was killed before it synced (O3).
            fsync_directory(self._layout.index)
            return
        self._lease.renew()
        for pack in packs:
            publish(pack.temporary, self._layout.pack(pack.pack))
        fsync_directory(self._layout.packs)
        with self._lock:
            # Until here `discard` removes them if anything fails.
            del self._sealed[: len(sealed)]
        self._write_index(packs)
        self._lookup.refresh()
        for pack in packs:
            self.tally.stored_bytes += pack.size
            for number in range(len(pack.contents)):
                self._claimed.pop(pack.contents.id(number), None)

    def discard(self) -> None:
        """Remove what was not made known.  For after an error; raises nothing."""
        for writer in self._open:
            with contextlib.suppress(OSError):
                writer.discard()
        for sealed, future in self._sealed:
            with contextlib.suppress(Exception):
                future.result()
            with contextlib.suppress(OSError):
                sealed.temporary.unlink(missing_ok=True)

    def _stored(self, ids: bytes, *, nodes: bool) -> bytearray:
        """Whether each of `ids` can be read from the store: not a delta whose base went with a lost pack."""
        found = self._lookup.contains(ids)
        if not self._lookup.has_lost or not any(found):
            return found
        numbers = [number for number, is_found in enumerate(found) if is_found]
        wanted = [ids[ID_SIZE * number : ID_SIZE * (number + 1)] for number in numbers]
        for number, frame in zip(numbers, self._reader.read_frames(wanted, nodes=nodes), strict=True):
            found[number] = all(self._lookup.contains(b"".join(frame.bases)))
        return found

    def _claim(self, ids: bytes, known: Sequence[int]) -> list[int]:
        """Return the numbers of those that are new and that no other call has taken to write."""
        token, fresh = object(), []
        for number, is_known in enumerate(known):
            if not is_known:
                identity = ids[ID_SIZE * number : ID_SIZE * (number + 1)]
                if identity not in self._claimed and self._claimed.setdefault(identity, token) is token:
                    fresh.append(number)
        return fresh

    def _read_bases(
        self, bases: Sequence[Sequence[bytes]], fresh: Sequence[int], *, nodes: bool = False
    ) -> dict[bytes, list[tuple[bytes, Buffer]]]:
        """Return for each possible base the contents to compress against."""
        wanted = list(dict.fromkeys(base for number in fresh for base in bases[number]))
        try:
            return self._reader.read_roots(wanted, nodes=nodes) if wanted else {}
        except (FormatError, IntegrityError, StorageError):
            # What is damaged or lost must not keep a good copy of itself from being stored: no deltas this
            # time.
            return {}

    def _append(self, frames: list[NewFrame]) -> None:
        first = 0
        while first < len(frames):
            writer = self._take(frames[first].length)
            end, room = first, 0
            while end < len(frames) and (end == first or writer.has_room(room + frames[end].length)):
                room += frames[end].length
                end += 1
            writer.append(frames[first:end])
            self._idle.append(writer)
            first = end
        with self._lock:
            self.tally.new_chunks += sum(not frame.kind & NODE for frame in frames)
            self.tally.deltas += sum(frame.kind == DELTA for frame in frames)

    def _take(self, length: int) -> PackWriter:
        """Return an open pack with room for a frame of `length`, for this thread alone."""
        with contextlib.suppress(IndexError):
            writer = self._idle.popleft()
            if writer.has_room(length):
                return writer
            self._seal(writer)
        writer = PackWriter(self._layout.temporary)
        with self._lock:
            self._open.add(writer)
        return writer

    def _seal(self, writer: PackWriter) -> None:
        sealed = writer.seal()
        with self._lock:
            self._open.discard(writer)
            self._sealed.append((sealed, self._executor.submit(sealed.sync)))

    def _write_index(self, packs: Sequence[SealedPack]) -> None:
        """Write one index over the new packs and over small indexes that it replaces (O2, I3)."""
        merged = indexes_to_merge(self._lookup.indexes, sum(len(pack.contents) for pack in packs))
        covered = {pack.pack for pack in packs}.union(*(entry.index.packs for entry in merged))
        # One by one: of a million frames a list of them would be three hundred megabytes.
        records = chain.from_iterable(
            [*(pack.records() for pack in packs), *(entry.index.records() for entry in merged)]
        )
        encoded = encode_index(covered, records)
        path = self._layout.index / index_name(covered)
        write_atomic(path, encoded, temporary=self._layout.temporary)
        self.tally.stored_bytes += len(encoded)
        for entry in merged:
            # Its content is in the new one, durably.  A reader that has it open keeps it.
            if entry.path != path:
                with contextlib.suppress(FileNotFoundError):
                    self.tally.stored_bytes -= entry.path.stat().st_size
                remove_file(entry.path)


def hash_pieces(data: memoryview, ends: Sequence[int]) -> bytes:
    """Return the BLAKE3 of each piece of `data`, packed."""
    start, digests = 0, []
    for end in ends:
        digests.append(blake3(data[start:end]).digest())
        start = end
    return b"".join(digests)


@contextlib.contextmanager
def open_writer(layout: Layout, lookup: Lookup, reader: Reader, executor: Executor) -> Iterator[StoreWriter]:
    """Yield a writer; finish it when the block ends well, discard it when it does not."""
    with writer_lease(layout.locks) as lease:
        # Only now: what a collector removed before we had our lease must not be taken for stored.
        lookup.refresh()
        writer = StoreWriter(layout, lookup, reader, executor, lease)
        try:
            yield writer
            writer.finish()
        except BaseException:
            writer.discard()
            raise
