"""The packs of a remote: their bytes by range requests, their tables of contents kept here."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from typing import TypeVar

from datav.errors import FormatError, MissingObjectError, StorageError
from datav.formats.pack import FOOTER_SIZE, HEADER_SIZE, PackContents, parse_footer
from datav.ids import Buffer, PackId
from datav.storage.durable import write_atomic
from datav.storage.objects import ObjectInfo, Objects
from datav.store.layout import pack_named
from datav.store.packs import Run, cut_short, pack_gone, parse_checked_contents
from datav.store.remotecache import RemoteCache

# Covers the table of contents of most packs; of others another request is made.
_TAIL = 64 * 1024

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class RemotePacks:
    """The packs of a remote, by range requests.

    Args:
        executor: leaf requests are made there, several at a time; None makes them one by one where they are
            asked for, which work that itself runs in such an executor must ask for.
        gap: see `Packs`.
        verify: the command that tells more about damage there.
        believes_cache: take the tables of contents that are cached for what the packs have.
    """

    longest_run = 4 * 2**20

    def __init__(
        self,
        objects: Objects,
        cache: RemoteCache,
        executor: Executor | None,
        *,
        jobs: int,
        gap: int,
        verify: str,
        believes_cache: bool = True,
    ) -> None:
        self.gap = gap
        self._objects = objects
        self._cache = cache
        self._executor = executor
        self._jobs = jobs
        self._verify = verify
        self._believes_cache = believes_cache

    def sizes(self) -> dict[PackId, int]:
        if self._cache.listed is None:
            self._cache.listed = list_packs(self._objects)
        return {pack: info.size for pack, info in self._cache.listed.items()}

    def read_runs(self, runs: Sequence[Run]) -> Iterator[Buffer]:
        if self._executor is None or len(runs) == 1:
            for run in runs:
                yield self._read(run)
        else:
            yield from in_parallel(self._executor, self._jobs, self._read, runs)

    def _read(self, run: Run) -> bytes:
        try:
            data = self._objects.read(f"packs/{run.pack.hex()}.pack", run.start, run.end)
        except MissingObjectError as exc:
            raise pack_gone(run.pack, self._verify) from exc
        if len(data) != run.end - run.start:
            raise cut_short(run, self._verify)
        return data

    def read_contents(self, pack: PackId) -> PackContents | None:
        path = self._cache.contents / pack.hex()
        if self._believes_cache:
            with contextlib.suppress(OSError, FormatError):
                return _parse_tail(pack, path.read_bytes(), self._size_of(pack))
        size = self._size_of(pack)
        if size is None:
            return None
        where = f"pack {pack.short}"
        start = max(HEADER_SIZE, size - _TAIL)
        tail = self._read_tail(pack, start, size)
        if tail is None:
            return None
        footer = parse_footer(tail[-FOOTER_SIZE:], size, where)
        if footer.contents_offset < start:
            more = self._read_tail(pack, footer.contents_offset, start)
            if more is None:
                return None
            tail, start = more + tail, footer.contents_offset
        tail = tail[footer.contents_offset - start :]
        contents = _parse_tail(pack, tail, size)
        # It can be had again.
        with contextlib.suppress(StorageError, OSError):
            write_atomic(path, tail, sync=False, temporary=self._cache.temporary)
        return contents

    def _size_of(self, pack: PackId) -> int | None:
        if self._cache.listed is None:
            self._cache.listed = list_packs(self._objects)
        info = self._cache.listed.get(pack)
        return None if info is None else info.size

    def _read_tail(self, pack: PackId, start: int, end: int) -> bytes | None:
        try:
            return self._objects.read(f"packs/{pack.hex()}.pack", start, end)
        except MissingObjectError:
            return None


def _parse_tail(pack: PackId, tail: bytes, size: int | None) -> PackContents:
    """Return the contents from all that follows a pack's last frame."""
    if size is None:
        raise FormatError(f"pack {pack.short} is not listed")
    footer = parse_footer(tail[-FOOTER_SIZE:], size, f"pack {pack.short}")
    return parse_checked_contents(pack, footer, tail[: footer.contents_length])


def in_parallel(
    executor: Executor, jobs: int, work: Callable[[_Item], _Result], items: Iterable[_Item]
) -> Iterator[_Result]:
    """Yield `work` of each item, in order, at most `jobs` ahead of the caller."""
    waiting: list[Future[_Result]] = []
    try:
        for item in items:
            if len(waiting) >= jobs:
                yield waiting.pop(0).result()
            waiting.append(executor.submit(work, item))
        while waiting:
            yield waiting.pop(0).result()
    finally:
        for future in waiting:
            future.cancel()


def list_packs(objects: Objects) -> dict[PackId, ObjectInfo]:
    """Every pack that lies there.  Objects that are not named like packs are not ours."""
    found = {}
    for name, info in objects.list("packs").items():
        pack = pack_named(name)
        if pack is not None:
            found[pack] = info
    return found
