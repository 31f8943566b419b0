"""Reading in place: from the local store, and from a remote what is not there.

No remote is asked, nor anything imported for it, before something is missing here.  A remote that was asked
stays connected until the process ends; what it has is listed once, and again when something is missing.
"""

import atexit
import os
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from datav.errors import FormatError, IntegrityError, MissingChunkError
from datav.ids import Buffer, ChunkId, NodeId
from datav.repo.repository import Repository
from datav.store.reading import Reading

if TYPE_CHECKING:
    from datav.settings import RemoteSettings
    from datav.store.layered import LayeredReader
    from datav.store.remote import RemoteStore


class Source(Reading):
    """Verified content by id, from wherever this repository has it.  Used from several threads.

    Args:
        remote: its name; None for the default one.
    """

    def __init__(self, repository: Repository, remote: str | None = None) -> None:
        self._repository = repository
        self._name = remote
        self._looked_again = False

    def read_many(self, ids: Sequence[bytes], *, nodes: bool) -> list[Buffer]:
        """Return the content of each of `ids`, checked; the caller bounds how much that is.

        Raises:
            MissingChunkError: an id is neither here nor on the remote.
            IntegrityError, FormatError: what is stored is not what hashes to it, and there is no good copy.
            RemoteError: something is not here, and the remote cannot be reached.
            UsageError: something is not here, and there are remotes, but none is the default.
        """
        if not ids:
            return []
        damage: FormatError | IntegrityError | None = None
        if self._is_near(ids):
            try:
                return self._repository.store.reader.read_many(ids, nodes=nodes)
            except (FormatError, IntegrityError) as exc:
                damage = exc
        try:
            return self._read_far(ids, nodes=nodes)
        except MissingChunkError as exc:
            if damage is not None:
                raise damage from exc
            raise

    def contains(self, identity: bytes) -> bool:
        """Whether something is stored under an id, here or on the remote; raises as `read_many` does."""
        if self._is_near([identity]):
            return True
        connection = self._connect()
        if connection is None:
            return False
        listings = connection.listings
        if all(connection.remote.lookup.contains(identity)):
            return True
        connection.list_again(listings)
        return all(connection.remote.lookup.contains(identity))

    def not_here(self, what: str) -> MissingChunkError:
        """The error for data that git knows of and no place has that was asked."""
        settings = self._settings()
        if settings is None:
            return MissingChunkError(
                f"{what} is not in the local store",
                hint="`datav remote add` names a place that has it; `datav verify` tells what is missing",
            )
        return MissingChunkError(
            f"{what} is neither in the local store nor at {settings.shown}",
            hint="`datav push` where it was added sends it there; `datav verify` tells what is missing",
        )

    def _is_near(self, ids: Sequence[bytes]) -> bool:
        lookup = self._repository.store.lookup
        packed = b"".join(ids)
        if all(lookup.contains(packed)):
            return True
        if self._looked_again:
            return False
        # Somebody may have fetched it meanwhile.
        self._looked_again = True
        return lookup.refresh() and all(lookup.contains(packed))

    def _read_far(self, ids: Sequence[bytes], *, nodes: bool) -> list[Buffer]:
        connection = self._connect()
        if connection is None:
            raise self.not_here(_name_of(ids[0], nodes=nodes))
        listings = connection.listings
        try:
            return connection.reader.read_many(ids, nodes=nodes)
        except MissingChunkError:
            # Pushed, or collected into another pack, since the remote was listed.
            connection.list_again(listings)
        try:
            return connection.reader.read_many(ids, nodes=nodes)
        except MissingChunkError as exc:
            raise self.not_here(_name_of(ids[0], nodes=nodes)) from exc

    def _settings(self) -> "RemoteSettings | None":
        """Return where the remote is; None when there is none at all."""
        if self._name is None and not self._repository.settings.remotes:
            return None
        from datav.repo.remotes import find_remote

        return find_remote(self._repository, self._name)

    def _connect(self) -> "Connection | None":
        settings = self._settings()
        return None if settings is None else _connections.find(self._repository, settings)


class Connection:
    """A remote that was opened, and listed at least once."""

    def __init__(self, repository: Repository, name: str) -> None:
        from datav.repo.connecting import connected, layered_reader

        self._lock = threading.Lock()
        self._opened = ExitStack()
        self.listings = 0
        """How often the remote was listed."""
        self.remote: RemoteStore = self._opened.enter_context(connected(repository, name, in_place=True))
        self.reader: LayeredReader = layered_reader(repository, self.remote)

    def list_again(self, listings: int) -> None:
        """List what the remote has, unless another thread did since `listings` was read."""
        with self._lock:
            if self.listings == listings:
                self.remote.refresh()
                self.listings += 1

    def close(self) -> None:
        self._opened.close()


class _Connections:
    """What this process is connected to.  Used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[object, Connection] = {}

    def find(self, repository: Repository, settings: "RemoteSettings") -> Connection:
        """Return the connection to a remote; made, if this is the first use of it."""
        key = (repository.private, settings, repository.settings.transfer)
        with self._lock:
            connection = self._open.get(key)
            if connection is None:
                connection = self._open[key] = Connection(repository, settings.name)
        # Not while others wait who want another remote.  The first listing is what everybody waits for.
        if connection.listings == 0:
            connection.list_again(0)
        return connection

    def list(self) -> tuple[Connection, ...]:
        with self._lock:
            return tuple(self._open.values())

    def close(self) -> None:
        """End all connections; whoever reads on is connected anew."""
        with self._lock:
            closing = tuple(self._open.values())
            self._open.clear()
        for connection in closing:
            connection.close()

    def forget(self) -> None:
        """In a process that was forked: the threads and locks of its parent are no good."""
        self._lock = threading.Lock()
        self._open = {}


_connections = _Connections()

connections = _connections.list
close_connections = _connections.close

atexit.register(close_connections)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_connections.forget)


def _name_of(identity: bytes, *, nodes: bool) -> str:
    return f"tree node {NodeId(identity).short}" if nodes else f"chunk {ChunkId(identity).short}"
