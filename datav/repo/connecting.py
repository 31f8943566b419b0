"""Connecting: a remote, opened for one command."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from pathlib import Path

from datav.repo.remotes import find_remote
from datav.repo.repository import Repository
from datav.settings import RemoteSettings, TransferSettings
from datav.storage.objects import Objects
from datav.storage.opening import open_objects
from datav.store.layered import LayeredReader
from datav.store.remote import RemoteStore

# What one request in flight takes: a run as it arrives, its frames, and their contents.
_MEMORY_OF_A_JOB = 16 * 2**20
# Between two frames: for whole datasets a request costs more than so many bytes, for a part of a file less.
_GAP = 256 * 1024
_GAP_IN_PLACE = 16 * 1024


def jobs_of(transfer: TransferSettings, jobs: int | None = None) -> int:
    """How many requests are made at a time: as many as the user says, and memory allows."""
    return max(1, min(jobs or transfer.jobs, transfer.memory // _MEMORY_OF_A_JOB))


def cache_directory(repository: Repository, remote: RemoteSettings) -> Path:
    """Where the immutable files of a remote are kept here."""
    place = f"{remote.url}\n{remote.endpoint or ''}"
    return repository.private / "remotes" / blake2b(place.encode(), digest_size=16).hexdigest()


@contextlib.contextmanager
def connected(
    repository: Repository, name: str | None, *, jobs: int | None = None, in_place: bool = False
) -> Iterator[RemoteStore]:
    """Yield a remote.  Nothing was asked of it yet.

    Args:
        name: None for the default.
        in_place: for reading parts of files, where each byte that is not wanted counts.

    Raises:
        UsageError: there is no such remote, or what it needs is not installed.
    """
    settings = find_remote(repository, name)
    with opened_objects(repository, settings) as objects:
        count = jobs_of(repository.settings.transfer, jobs)
        executor = ThreadPoolExecutor(count, "transfer")
        try:
            yield RemoteStore(
                settings.name,
                objects,
                cache_directory(repository, settings),
                executor,
                jobs=count,
                gap=_GAP_IN_PLACE if in_place else _GAP,
            )
        finally:
            executor.shutdown(cancel_futures=True)


@contextlib.contextmanager
def opened_objects(repository: Repository, settings: RemoteSettings) -> Iterator[Objects]:
    """Yield the place of a remote, as objects."""
    objects = open_objects(settings, repository.settings.transfer, root=repository.root)
    try:
        yield objects
    finally:
        objects.close()


def layered_reader(repository: Repository, remote: RemoteStore) -> LayeredReader:
    """Return who reads from the local store, and from the remote what is not there."""
    store = repository.store
    return LayeredReader(store.lookup, store.reader, remote.reader)
