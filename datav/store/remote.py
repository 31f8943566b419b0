"""A remote, opened: its indexes and roots as they are cached here, its packs by ranges.

Everything cached is an immutable file of the remote, checked when it arrived, and dropped when the remote's
listing no longer has it (docs/formats/remote.md).  Nothing is asked of the remote before `refresh`.
"""

import contextlib
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from functools import partial
from pathlib import Path

from datav.errors import FormatError, MissingObjectError, RemoteError
from datav.formats.entry import Content
from datav.formats.index import check_index
from datav.formats.root import MAX_SIZE as MAX_ROOT
from datav.formats.root import (
    Clone,
    Collecting,
    RemoteRoot,
    clone_of,
    is_collecting,
    live_contents,
    live_roots,
    parse_collecting,
    parse_root,
)
from datav.storage.durable import TEMPORARY_PREFIX, remove_file, write_atomic
from datav.storage.objects import ObjectInfo, Objects
from datav.store.layout import FORMAT_LINE, index_file
from datav.store.lookup import Lookup
from datav.store.reading import Reader
from datav.store.remotecache import RemoteCache, cached_roots
from datav.store.remotepacks import RemotePacks, in_parallel, list_packs

# Three million frames; a writer lists half a million in one file.
MAX_INDEX = 128 * 2**20
# A name that is listed and leads nowhere must not keep us for ever.
_MAX_TRIES = 20
_MAX_COLLECTING = 64 * 2**20


class RemoteStore:
    """Chunks and nodes of a remote by id.

    Args:
        name: what the user calls it.
        directory: for what is cached; may not exist yet.
        executor: for requests, which never wait for one another.
        jobs: how many at a time.
        gap: bytes between two frames that are worth reading to save a request.
    """

    def __init__(
        self,
        name: str,
        objects: Objects,
        directory: Path,
        executor: Executor,
        *,
        jobs: int,
        gap: int = 256 * 1024,
    ) -> None:
        self.name = name
        self.objects = objects
        self.cache = RemoteCache(directory)
        self.cache.make()
        self.executor = executor
        self.jobs = jobs
        self.lookup = _open_lookup(self.cache)
        verify = f"datav verify --remote {name}"
        alone = partial(RemotePacks, objects, self.cache, None, jobs=1, gap=gap, verify=verify)
        self.packs = RemotePacks(objects, self.cache, executor, jobs=jobs, gap=gap, verify=verify)
        self.reader = Reader(self.packs, self.lookup, look_again=self.look_again, verify=verify)
        self.inline_packs = alone()
        """For work that runs in the executor itself."""
        self.unbelieving_packs = alone(believes_cache=False)
        """The same, for who wants to know what is there now."""
        self.roots: dict[str, RemoteRoot] = cached_roots(self.cache)
        self.root_infos: dict[str, ObjectInfo] = {}
        self.index_infos: dict[str, ObjectInfo] = {}
        self.exists = False
        """Whether there is a store; known after `refresh`."""
        self.broken: dict[str, str] = {}
        """Indexes and roots of the remote that are damaged, and what is wrong with each."""

    @property
    def shown(self) -> str:
        return self.objects.shown

    def check_format(self) -> bool:
        """Return whether there is a store; False of an empty place.

        Raises:
            FormatError: what is there is of a newer version, or something else.
        """
        try:
            line = self.objects.read("format", 0, 1024)
        except MissingObjectError:
            return False
        if line != FORMAT_LINE:
            shown = line[:40].decode("ascii", "replace").strip()
            raise FormatError(
                f"the remote at {self.shown} is {shown!r}, which this datav does not know",
                hint="upgrade datav",
            )
        return True

    def create(self) -> None:
        """Make a store of an empty place, or of one that has lost its `format` file."""
        self.objects.put("format", FORMAT_LINE)
        self.exists = True

    def refresh(self, *, packs: bool = False, again: bool = False) -> bool:
        """Ask what there is now, and get what is not cached; return whether there is a store at all.

        Three requests where nothing is new.

        Args:
            packs: also `look_at_packs`, which says what comes before what.
            again: also get what is cached: what is damaged there now is `broken`, whatever it was before.

        Raises:
            FormatError: it is a store of a newer version.
            RemoteError: it cannot be reached.
        """
        if packs:
            # Before the roots: who relies on another clone's root must see the collection that does not (R3).
            self._look_for_collections()
        listings = {name: self.executor.submit(self.objects.list, name) for name in ("index", "roots")}
        self.exists = self.check_format()
        self.broken = {}
        get = partial(self._mirror, again=again)
        self.index_infos = get(
            "index", listings["index"].result(), self.cache.index, MAX_INDEX, check_index, index_file
        )
        self.root_infos = get(
            "roots", listings["roots"].result(), self.cache.roots, MAX_ROOT, _check_root, _is_root
        )
        self.roots = cached_roots(self.cache)
        # An old listing would make new packs count as lost.
        self.cache.listed = list_packs(self.objects) if packs else None
        self.lookup.refresh()
        return self.exists

    def unnamed(self, contents: Iterable[Content], clone: Clone) -> list[Content]:
        """Return those of `contents` that a clone has to push, in order; after `refresh`.

        That is: no live root of its own names them, or no index has even their tops.  Roots that a push has
        put which then broke off do not count: a collection may have come in between.
        """
        own = live_contents(self.sure_roots(clone).values())
        wanted = sorted({content for content in contents if content.size or content.depth})
        # What no index has was lost there, whoever named it.
        there = self.lookup.contains(b"".join([content.id for content in wanted])) if wanted else b""
        return [
            content
            for content, is_there in zip(wanted, there, strict=True)
            if content not in own or not is_there
        ]

    def sure_roots(self, clone: Clone) -> dict[str, RemoteRoot]:
        """Return the live roots of a clone of which it knows that all that they name is there."""
        unsure = {path.name for path in self.cache.unsure.iterdir()}
        live = live_roots(self.roots, clone.id)
        return {name: root for name, root in live.items() if name not in unsure}

    def look_at_packs(self) -> None:
        """List the packs, and which of them are about to be deleted, and take the others for lost."""
        # First what is about to go, then what is there: what lies between is seen by one of the two (R3).
        self._look_for_collections()
        self.cache.listed = list_packs(self.objects)
        self.lookup.refresh()

    def look_again(self) -> None:
        """Ask again what there is: a collection has moved what is not where it was.

        For those who read: a pack that is about to be deleted can still be.
        """
        # Once before the indexes and once after: what a new index names is there, and what an old one names
        # and went in between is asked for in vain, and looked for again.
        packs = list_packs(self.objects)
        self.refresh()
        self.cache.listed = packs | list_packs(self.objects)
        self.lookup.refresh()

    def _look_for_collections(self) -> None:
        found: dict[str, tuple[Collecting, ObjectInfo]] = {}
        for name, info in self.objects.list("collecting").items():
            # What else lies there a file manager or a program that syncs has left.
            if not is_collecting(name):
                continue
            # It may end just now: then its packs are gone from the listing that follows.
            with contextlib.suppress(MissingObjectError):
                found[name] = self._read_collecting(name), info
        self.cache.collecting = found
        self.cache.condemned = {pack for collecting, _ in found.values() for pack in collecting.packs}

    def _read_collecting(self, name: str) -> Collecting:
        data = self.objects.read(f"collecting/{name}", 0, _MAX_COLLECTING)
        try:
            return parse_collecting(data)
        except FormatError as exc:
            raise FormatError(
                f"collecting/{name} of {self.shown} is damaged: {exc}",
                hint="if no `datav gc --remote` runs, delete it",
            ) from exc

    def _mirror(
        self,
        directory: str,
        listed: dict[str, ObjectInfo],
        place: Path,
        max_size: int,
        check: Callable[[bytes, str], object],
        is_ours: Callable[[str], bool],
        *,
        again: bool,
    ) -> dict[str, ObjectInfo]:
        """Make the files in `place` those that the remote has now; return what is listed."""
        for _ in range(_MAX_TRIES):
            listed = {name: info for name, info in listed.items() if is_ours(name)}
            # An index is named by its packs; a collection may list less of the same.
            present = _sizes_in(place)
            missing = [
                name for name, info in sorted(listed.items()) if again or present.get(name) != info.size
            ]
            get = partial(self._get, directory, listed, place, max_size, check)
            try:
                for name, what in in_parallel(self.executor, self.jobs, get, missing):
                    if what is not None:
                        self.broken[f"{directory}/{name}"] = what
            except MissingObjectError:
                # Somebody has put another in its stead: the listing is old.
                listed = self.objects.list(directory)
                continue
            for name in present.keys() - listed.keys():
                if not name.startswith(TEMPORARY_PREFIX):
                    remove_file(place / name)
            return listed
        raise RemoteError(f"{directory}/ of {self.shown} lists what is not there")

    def _get(
        self,
        directory: str,
        listed: dict[str, ObjectInfo],
        place: Path,
        max_size: int,
        check: Callable[[bytes, str], object],
        name: str,
    ) -> tuple[str, str | None]:
        """Bring a file here; return its name, and what is wrong with it if something is."""
        size = listed[name].size
        if size > max_size:
            return name, f"it is {size} bytes long, which no writer makes it"
        data = self.objects.read(f"{directory}/{name}", 0, size)
        try:
            check(data, name)
        except FormatError as exc:
            return name, str(exc)
        write_atomic(place / name, data, temporary=self.cache.temporary)
        return name, None


def _sizes_in(directory: Path) -> dict[str, int]:
    """The files in a directory; another command of this clone may be at work in it."""
    sizes = {}
    for path in directory.iterdir():
        with contextlib.suppress(FileNotFoundError):
            sizes[path.name] = path.stat().st_size
    return sizes


def _open_lookup(cache: RemoteCache) -> Lookup:
    """The cached indexes; all are dropped when one cannot be opened: they can be had again."""
    try:
        return Lookup(cache)
    except FormatError:
        for path in cache.index.iterdir():
            remove_file(path)
        return Lookup(cache)


def _is_root(name: str) -> bool:
    return clone_of(name) is not None


def _check_root(data: bytes, name: str) -> None:
    parse_root(name, data)
