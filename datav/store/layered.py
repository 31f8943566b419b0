"""Reading from the local store, and from a remote what is not there.

What came from the remote is kept for a while, by bytes; nothing is stored.
"""

from collections.abc import Iterator, Sequence

from datav.errors import IntegrityError
from datav.ids import Buffer, ChunkId, NodeId
from datav.store.lookup import Lookup
from datav.store.reading import ContentCache, Reader

# Enough for the pages of a table that are read again and again.
DEFAULT_CACHE = 64 * 2**20


class LayeredReader:
    """Reads verified content by id, near before far.  Used from several threads.

    Args:
        cache: bytes of far contents that are kept.
    """

    def __init__(self, lookup: Lookup, near: Reader, far: Reader, *, cache: int = DEFAULT_CACHE) -> None:
        self._lookup = lookup
        self._near = near
        self._far = far
        self._cache = ContentCache(cache)

    def read_chunk(self, chunk: ChunkId) -> bytes:
        return bytes(self.read_many([chunk], nodes=False)[0])

    def read_node(self, node: NodeId) -> bytes:
        return bytes(self.read_many([node], nodes=True)[0])

    def read_each(self, ids: Sequence[bytes], *, nodes: bool) -> Iterator[Buffer]:
        return iter(self.read_many(ids, nodes=nodes))

    def read_many(self, ids: Sequence[bytes], *, nodes: bool) -> list[Buffer]:
        """Return the content of each of `ids`, checked; the caller bounds how much that is.

        Raises:
            MissingChunkError: an id is in neither place.
            IntegrityError: what the remote has under an id is not what hashes to it.
            RemoteError: it cannot be reached.
        """
        found: dict[bytes, Buffer] = {}
        for identity in ids:
            held = self._cache.get(identity)
            if held is not None:
                found[identity] = held
        wanted = [identity for identity in dict.fromkeys(ids) if identity not in found]
        near = self._lookup.contains(b"".join(wanted)) if wanted else b""
        here = [identity for identity, is_near in zip(wanted, near, strict=True) if is_near]
        found |= self._read_near(here, nodes=nodes)
        far = [identity for identity in wanted if identity not in found]
        for identity, content in zip(far, self._far.read_each(far, nodes=nodes), strict=True):
            found[identity] = bytes(content)
            self._cache.put(identity, bytes(content))
        return [found[identity] for identity in ids]

    def _read_near(self, ids: Sequence[bytes], *, nodes: bool) -> dict[bytes, Buffer]:
        try:
            return dict(zip(ids, self._near.read_many(ids, nodes=nodes), strict=True))
        except IntegrityError:
            # Damaged here: the remote may have a good copy.
            return {}
