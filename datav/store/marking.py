"""Marking: which entries of a store something still needs.

One byte for each entry of the indexes says why it is needed and whether it was walked as a tree node, so a
store of millions of chunks is marked in megabytes, and each node is read once whatever number of versions
shares it.

Nothing is guessed: what cannot be read is told, and it is the caller who must not delete then.  A node that a
hostile tree has called a chunk is still walked when another tree calls it a node.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from datav.errors import DatavError, RemoteError
from datav.formats.entry import Content
from datav.formats.index import ABSENT
from datav.formats.pack import PackContents
from datav.formats.tree import DIRECTORY, parse_directory_node, parse_file_node
from datav.ids import EMPTY_CHUNK, ID_SIZE, Buffer, NodeId, PackId
from datav.store.positions import Positions, select_ids, split_ids
from datav.store.reading import Reading

# Nodes read at a time.
_BATCH = 64
_WALKED = 0x01
_CONFIRMED = 0x02
_REASON_SHIFT = 2


class Reason(IntEnum):
    """Why an entry stays; of several the first that was found."""

    NONE = 0
    WORK_TREES = 1
    HISTORY = 2
    BASE = 3
    """A delta that stays needs it."""
    RECENT = 4
    """It was written while the collector was marking."""
    KEPT = 5
    """It lies in a pack of a remote that stays, where others may have seen it and rely on it."""


@dataclass(frozen=True, slots=True)
class Unwalked:
    """A content that could not be followed to its end."""

    content: Content
    what: str
    was_stored: bool
    """An index names it, so it is damaged or lost; else it may never have been fetched."""


class Marks:
    """What is needed, as far as it was found.  Used by one thread."""

    def __init__(self, positions: Positions) -> None:
        self.positions = positions
        self._flags = [np.zeros(entry.index.count, np.uint8) for entry in positions.indexes]

    def add(self, ids: Buffer, reason: Reason) -> NDArray[np.bool_]:
        """Mark the ids packed in `ids`; return which of them are stored."""
        stored = np.zeros(len(ids) // ID_SIZE, np.bool_)
        for flags, found in zip(self._flags, self.positions.find(ids), strict=True):
            here = found != ABSENT
            stored |= here
            _give_reason(flags, found[here], reason)
        return stored

    def claim_nodes(self, ids: Buffer, reason: Reason) -> tuple[list[bytes], list[bytes]]:
        """Mark nodes as walked; return the ids of those that were not, and of those not stored."""
        count = len(ids) // ID_SIZE
        stored, walked = np.zeros(count, np.bool_), np.zeros(count, np.bool_)
        places = self.positions.find(ids)
        for flags, found in zip(self._flags, places, strict=True):
            here = np.flatnonzero(found != ABSENT)
            stored[here] = True
            walked[here] |= (flags[found[here]] & _WALKED) != 0
        for flags, found in zip(self._flags, places, strict=True):
            here = found != ABSENT
            _give_reason(flags, found[here], reason)
            flags[found[here]] |= _WALKED
        packed = bytes(ids)
        fresh = dict.fromkeys(split_ids(select_ids(packed, stored & ~walked)))
        return list(fresh), split_ids(select_ids(packed, ~stored))

    def reasons(self, ids: Buffer) -> NDArray[np.uint8]:
        """Return the Reason for each of the ids packed in `ids`."""
        result = np.zeros(len(ids) // ID_SIZE, np.uint8)
        for flags, found in zip(self._flags, self.positions.find(ids), strict=True):
            here = np.flatnonzero(found != ABSENT)
            np.maximum.at(result, here, flags[found[here]] >> _REASON_SHIFT)
        return result

    def marked(self, number: int) -> NDArray[np.uint32]:
        """Return the positions of the marked entries of one index."""
        return np.flatnonzero(self._flags[number] >> _REASON_SHIFT).astype(np.uint32)

    def needed_in(self, pack: PackId, contents: PackContents) -> NDArray[np.uint8]:
        """Return why each frame of a pack stays; NONE where it does not, or another copy does."""
        reasons = self.reasons(contents.ids)
        reasons[~self.positions.first_of(pack, contents)] = Reason.NONE
        return reasons

    def confirm(self, ids: Buffer) -> None:
        """Note that these were seen in a pack, where the index says."""
        for flags, found in zip(self._flags, self.positions.find(ids), strict=True):
            flags[found[found != ABSENT]] |= _CONFIRMED

    def count_unconfirmed(self) -> int:
        """Number of marked entries that no pack was seen to hold."""
        total = 0
        for flags in self._flags:
            total += int(np.count_nonzero((flags >> _REASON_SHIFT != 0) & (flags & _CONFIRMED == 0)))
        return total

    def carry_to(self, fresh: "Marks") -> None:
        """Mark in `fresh`, over other indexes, all that is marked here."""
        for number, entry in enumerate(self.positions.indexes):
            flags = self._flags[number]
            for first in range(0, len(flags), 65_536):
                part = flags[first : first + 65_536]
                ids = bytes(entry.index.ids[ID_SIZE * first : ID_SIZE * (first + len(part))])
                for reason in Reason:
                    if reason:
                        fresh.add(select_ids(ids, part >> _REASON_SHIFT == reason), reason)
                        walked = (part >> _REASON_SHIFT == reason) & (part & _WALKED != 0)
                        fresh.claim_nodes(select_ids(ids, walked), reason)


def _give_reason(flags: NDArray[np.uint8], positions: NDArray[np.uint32], reason: Reason) -> None:
    before = flags[positions]
    given = np.uint8(reason << _REASON_SHIFT)
    flags[positions] = np.where(before >> _REASON_SHIFT, before, before | given)


@dataclass(slots=True)
class Marked:
    """What became of the contents that were marked."""

    absent: list[Content]
    """Not here at all: never fetched."""
    unwalked: list[Unwalked]
    """Something that leads further is missing or damaged, so nobody knows what they need."""
    missing_chunks: int
    """Chunks that are needed and not stored.  They lead nowhere, so nothing else is in doubt."""


def mark_contents(marks: Marks, reader: Reading, contents: Iterable[Content], reason: Reason) -> Marked:
    """Mark all that the given contents need.

    A content is absent when no index has ever heard of its top; when an index names it in a pack that is lost
    it is not absent but damaged.

    Cost: each node is read once over all calls for the same marks; a lookup of its entries in each index.
    """
    marked = Marked([], [], 0)
    for content in contents:
        if content.depth == 0 and content.size == 0:
            continue
        if content.depth == 0:
            stored = bool(marks.add(content.id, reason)[0])
            if not stored and not marks.positions.is_named(content.id):
                marked.absent.append(content)
            else:
                marked.missing_chunks += not stored
            continue
        fresh, missing = marks.claim_nodes(content.id, reason)
        if missing and not marks.positions.is_named(content.id):
            marked.absent.append(content)
        elif missing:
            marked.unwalked.append(Unwalked(content, "the pack that held its top is gone", True))
        else:
            _walk(marks, reader, content, fresh, reason, marked)
    return marked


def _walk(
    marks: Marks, reader: Reading, content: Content, pending: list[bytes], reason: Reason, marked: Marked
) -> None:
    while pending:
        # From the end: what is pending stays about as much as one path through the tree.
        batch = pending[-_BATCH:]
        del pending[-_BATCH:]
        chunks, nodes = [], []
        for identity, data in _read_nodes(reader, batch, content, marked):
            try:
                below = children_of(data, NodeId(identity).short)
            except DatavError as exc:
                marked.unwalked.append(Unwalked(content, str(exc), True))
                continue
            chunks.append(below[0])
            nodes.append(below[1])
        stored = marks.add(b"".join(chunks), reason)
        marked.missing_chunks += len(stored) - int(np.count_nonzero(stored))
        fresh, missing = marks.claim_nodes(b"".join(nodes), reason)
        for identity in missing:
            what = f"tree node {NodeId(identity).short} is missing"
            marked.unwalked.append(Unwalked(content, what, marks.positions.is_named(identity)))
        pending += fresh


def _read_nodes(
    reader: Reading, ids: list[bytes], content: Content, marked: Marked
) -> list[tuple[bytes, Buffer]]:
    try:
        return list(zip(ids, reader.read_many(ids, nodes=True), strict=True))
    except RemoteError:
        raise
    except DatavError:
        # One of them: the others still lead to what must stay.
        found: list[tuple[bytes, Buffer]] = []
        for identity in ids:
            try:
                found.append((identity, reader.read_node(NodeId(identity))))
            except DatavError as exc:
                marked.unwalked.append(Unwalked(content, str(exc), True))
        return found


def children_of(data: Buffer, where: str) -> tuple[bytes, bytes]:
    """Return the chunks and the nodes that a tree node names, packed; FormatError if it is no node.

    What the node itself says it is counts, not what its parent took it for: so nothing that any reader could
    follow is overlooked.
    """
    if data[:1] != bytes([DIRECTORY]):
        file = parse_file_node(data, where)
        return (b"", file.ids) if file.level else (file.ids, b"")
    directory = parse_directory_node(data, where)
    if directory.level:
        return b"", directory.ids
    is_tree = np.frombuffer(directory.depths, np.uint8) > 0
    rows = np.frombuffer(directory.ids, np.uint8).reshape(-1, ID_SIZE)
    is_empty = (rows == np.frombuffer(EMPTY_CHUNK, np.uint8)).all(axis=1)
    return select_ids(directory.ids, ~is_tree & ~is_empty), select_ids(directory.ids, is_tree)
