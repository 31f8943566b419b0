"""Reading from the local store, and from a remote what is not there.

What came from the remote is kept for a while, by bytes; nothing is stored.  What two threads want at the same
time is asked for once.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import Future

from datav.errors import FormatError, IntegrityError
from datav.ids import Buffer
from datav.store.lookup import Lookup
from datav.store.reading import ContentCache, Reader, Reading

# Enough for the pages of a table that are read again and again.
DEFAULT_CACHE = 64 * 2**20


class LayeredReader(Reading):
    """Reads verified content by id, near before far.  Used from several threads.

    Args:
        cache: bytes of far contents that are kept.
    """

    def __init__(self, lookup: Lookup, near: Reader, far: Reader, *, cache: int = DEFAULT_CACHE) -> None:
        self._lookup = lookup
        self._near = near
        self._far = far
        self._cache = ContentCache(cache)
        self._lock = threading.Lock()
        self._coming: dict[bytes, Future[bytes | None]] = {}
        """What some thread is reading from far just now; None is its result where that thread failed."""

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
        found |= self._read_far(far, nodes=nodes)
        return [found[identity] for identity in ids]

    def _read_near(self, ids: Sequence[bytes], *, nodes: bool) -> dict[bytes, Buffer]:
        try:
            return dict(zip(ids, self._near.read_many(ids, nodes=nodes), strict=True))
        except (FormatError, IntegrityError):
            # Damaged here: the remote may have a good copy.
            return {}

    def _read_far(self, ids: Sequence[bytes], *, nodes: bool) -> dict[bytes, bytes]:
        found: dict[bytes, bytes] = {}
        mine: dict[bytes, Future[bytes | None]] = {}
        others: dict[bytes, Future[bytes | None]] = {}
        with self._lock:
            for identity in ids:
                held = self._cache.get(identity)
                if held is not None:
                    found[identity] = held
                elif identity in self._coming:
                    others[identity] = self._coming[identity]
                else:
                    mine[identity] = self._coming[identity] = Future()
        # First what others may wait for: so nobody waits in a circle.
        if mine:
            found |= self._read_mine(mine, nodes=nodes)
        came = {identity: future.result() for identity, future in others.items()}
        found |= {identity: content for identity, content in came.items() if content is not None}
        # Another thread's failure is not this one's.
        failed = [identity for identity, content in came.items() if content is None]
        if failed:
            found |= self._read_far(failed, nodes=nodes)
        return found

    def _read_mine(self, mine: dict[bytes, "Future[bytes | None]"], *, nodes: bool) -> dict[bytes, bytes]:
        found: dict[bytes, bytes] = {}
        try:
            for identity, buffer in zip(mine, self._far.read_each([*mine], nodes=nodes), strict=True):
                content = found[identity] = bytes(buffer)
                self._cache.put(identity, content)
        finally:
            with self._lock:
                for identity in mine:
                    del self._coming[identity]
            for identity, future in mine.items():
                future.set_result(found.get(identity))
        return found
