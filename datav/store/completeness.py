"""Completeness: whether all that a content needs is in the store.

Each tree node is read once whatever number of versions shares it; what is missing below it is remembered with
it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from datav.errors import DatavError, RemoteError
from datav.formats.entry import Content
from datav.formats.tree import MAX_LEVEL
from datav.ids import NodeId
from datav.store.lookup import Lookup
from datav.store.marking import children_of
from datav.store.positions import split_ids
from datav.store.reading import Reading

_BATCH = 64
# A directory's levels, then those of a file in it.
_MAX_DEPTH = 2 * (MAX_LEVEL + 1)


@dataclass(frozen=True, slots=True)
class Lack:
    """What of a content is not in the store, or cannot be read."""

    chunks: int = 0
    """Chunks that are missing; one that occurs twice counts twice."""
    nodes: int = 0
    """Tree nodes that are missing or damaged: how much is missing below them is not known."""
    damaged: int = 0
    """How many of all these an index names: they were stored once, and are damaged or lost."""
    first: str = ""
    """About one of them."""

    def __bool__(self) -> bool:
        return bool(self.chunks or self.nodes)

    def plus(self, other: "Lack") -> "Lack":
        return Lack(
            self.chunks + other.chunks,
            self.nodes + other.nodes,
            self.damaged + other.damaged,
            self.first or other.first,
        )


_NOTHING = Lack()


class Completeness:
    """Answers for one store, remembering what it has seen.  Used by one thread."""

    def __init__(self, lookup: Lookup, reader: Reading) -> None:
        self._lookup = lookup
        self._reader = reader
        self._known: dict[bytes, Lack] = {}

    def find_lack(self, content: Content) -> Lack:
        """Return what is missing of `content`.

        Raises:
            RemoteError: the store is a remote's, which cannot be reached.

        Cost: reads the nodes that were not read before; keeps 100 bytes for each.
        """
        if content.depth == 0:
            return _NOTHING if content.size == 0 else self._find_missing(content.id)
        return self._find_below([content.id])

    def _find_below(self, nodes: Sequence[bytes], depth: int = 0) -> Lack:
        """What is missing of these nodes and below them."""
        if depth > _MAX_DEPTH:
            return Lack(0, len(nodes), len(nodes), "a tree is deeper than any writer makes it")
        fresh = [identity for identity in dict.fromkeys(nodes) if identity not in self._known]
        for first in range(0, len(fresh), _BATCH):
            batch = fresh[first : first + _BATCH]
            for identity, data in zip(batch, self._read(batch), strict=True):
                if identity not in self._known:
                    # A node that a hostile tree puts below itself has nothing missing that is not counted.
                    self._known[identity] = _NOTHING
                    self._known[identity] = self._look_into(identity, data, depth)
        total = _NOTHING
        for identity in nodes:
            total = total.plus(self._known[identity])
        return total

    def _look_into(self, identity: bytes, data: bytes | Lack, depth: int) -> Lack:
        if isinstance(data, Lack):
            return data
        try:
            chunks, nodes = children_of(data, NodeId(identity).short)
        except DatavError as exc:
            return Lack(0, 1, 1, str(exc))
        lack = self._find_missing(chunks)
        return lack.plus(self._find_below(split_ids(nodes), depth + 1)) if nodes else lack

    def has_seen(self, content: Content) -> bool:
        """Whether the top of `content` was met, as itself or below another."""
        return content.id in self._known

    def _find_missing(self, chunks: bytes) -> Lack:
        present = self._lookup.contains(chunks)
        if all(present):
            return _NOTHING
        missing = [
            identity for identity, is_here in zip(split_ids(chunks), present, strict=True) if not is_here
        ]
        lost = sum(map(self._lookup.is_named, missing)) if self._lookup.has_lost else 0
        return Lack(len(missing), 0, lost, f"chunk b3:{missing[0].hex()[:12]} is missing")

    def _read(self, nodes: list[bytes]) -> list[bytes | Lack]:
        try:
            return [bytes(data) for data in self._reader.read_many(nodes, nodes=True)]
        except RemoteError:
            raise
        except DatavError:
            return [self._read_one(node) for node in nodes]

    def _read_one(self, node: bytes) -> bytes | Lack:
        try:
            return self._reader.read_node(NodeId(node))
        except RemoteError:
            raise
        except DatavError as exc:
            return Lack(0, 1, int(self._lookup.is_named(node)), str(exc))
