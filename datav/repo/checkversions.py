"""The versions that a check looks at, opened: what they hold, their profiles, their files.

Nothing is read before it is asked for; what is on disk is read there, the rest out of the store, or from the
default remote.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import Self

from datav.errors import DatavError, MissingChunkError, TableError
from datav.formats.entry import Content
from datav.formats.manifest import Manifest, TableInfo
from datav.profiles.profile import Profile
from datav.relpath import RelPath
from datav.repo.datasets import Dataset
from datav.repo.diffends import DatasetVersion
from datav.repo.diffsources import NodeKeeper, Sources, name_file
from datav.repo.disk import look
from datav.repo.farreading import Source
from datav.repo.pathrules import find_rules
from datav.repo.profile import FoundProfile, NoProfile, Profiles
from datav.repo.profilefolders import name_folder
from datav.repo.profiling import Profiler, VersionAt, profiler_of
from datav.repo.reading import ContentReader, FoundFile
from datav.repo.repository import Repository
from datav.settings import TableSettings
from datav.storage.caching import Cache
from datav.storage.scratch import Scratch
from datav.tables.source import RandomAccess


class Opened:
    """What reading versions takes, for one check.  A context manager: leaving it closes what was opened."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self._stack = ExitStack()
        self.scratch = self._stack.enter_context(Scratch())
        self.sources = self._stack.enter_context(Sources())
        self.profiler: Profiler = self._stack.enter_context(profiler_of(repository))
        self.far = Source(repository)
        self.keeper = NodeKeeper(self.far)
        """Knows the trees of what was named on disk, and all that are stored."""
        self.profiles = Profiles(repository, self.profiler, self.sources, far=True)
        self.cache = Cache(repository.private / "cache" / "diff")
        """The same as `datav diff` has: whether a key is unique is told by either."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def version(self, version: DatasetVersion, commit: str | None = None) -> "CheckedVersion":
        """Return a version of a dataset, of which nothing is read yet.

        Args:
            commit: that has it; None of files on disk, and of what is staged.
        """
        return CheckedVersion(self, version, commit)

    def rules(self, path: bytes) -> TableSettings | None:
        """Return what the settings say of how the table at a path is read."""
        return find_rules(self.repository.settings.tables, path)


@dataclass
class CheckedVersion:
    """One version of one dataset.

    Raises, whenever it is read:
        MissingChunkError: its data is neither here nor on a remote.
        What reading it raises.
    """

    opened: Opened
    version: DatasetVersion
    commit: str | None

    @property
    def dataset(self) -> Dataset:
        return self.version.dataset

    @property
    def manifest(self) -> Manifest:
        """Of files on disk the one in the work tree, which says nothing of `content` where that is not its
        own."""
        return self.version.manifest

    @property
    def is_directory(self) -> bool:
        return self.version.kind == "directory"

    @cached_property
    def content(self) -> Content:
        """What it holds.  Cost: what was edited on disk is read, and named."""
        known = self.version.content
        if known is not None:
            return known
        repository, keeper, disk = self.opened.repository, self.opened.keeper, self.version.disk
        assert disk is not None, "what lies on disk is known where its content is not"
        if disk.is_directory:
            return name_folder(repository, keeper, disk)
        return name_file(self._place, keeper, repository.chunker, repository.executor)

    @property
    def is_as_manifest(self) -> bool:
        """Whether the manifest is of what it holds."""
        return self.content == self.manifest.content

    @property
    def table_info(self) -> TableInfo | None:
        """What the manifest says of the table, if it says it of this, and no setting says otherwise."""
        is_plain = self.opened.rules(bytes(self.dataset.path)) is None
        return self.manifest.table if is_plain and self.is_as_manifest else None

    @property
    def profile(self) -> Profile:
        """Named by the manifest, remembered, or made now.

        Raises:
            TableError: it has none, as it is no table.
        """
        found = self.found_profile
        if isinstance(found, NoProfile):
            raise TableError(f"{self.dataset} has no profile: {found.reason}")
        return found.profile

    @cached_property
    def found_profile(self) -> FoundProfile | NoProfile:
        """The profile and where it is from, or why there is none."""
        profiles = self.opened.profiles
        known = profiles.named(self.dataset, self.manifest) if self.is_as_manifest else None
        return known or profiles.make(self.at)

    @cached_property
    def at(self) -> VersionAt:
        """Where it is read."""
        path = bytes(self.dataset.path)
        return VersionAt(path, self.content, self.is_directory, self.opened.keeper, self.open)

    def open(self, inside: bytes, content: Content) -> RandomAccess:
        """Open a file by its path in the dataset, nothing for itself."""
        if self._is_on_disk:
            place = self._place
            below = place / inside.decode("utf-8", "surrogateescape") if inside else place
            return self.opened.sources.on_disk(below)
        found = FoundFile(self.commit, self.dataset.path, inside, False, content)
        return ContentReader(self.opened.keeper, found)

    @property
    def _place(self) -> Path:
        return Path(self.dataset.path.on(self.opened.repository.root))

    @cached_property
    def _is_on_disk(self) -> bool:
        """Whether its bytes lie on disk too, where they are read much faster than out of the store."""
        if self.version.on_disk:
            return True
        try:
            disk = look(self.opened.repository, self.dataset)
        except DatavError:
            return False
        return disk is not None and disk.is_known_to_be(self.manifest)

    def not_here(self) -> MissingChunkError:
        """The error for what it holds where that is nowhere."""
        return self.opened.far.not_here(f"the data of {self.dataset}")


@dataclass(frozen=True, slots=True)
class TrackedFile:
    """A file that git tracks itself, and no dataset."""

    path: RelPath
    open: Callable[[], RandomAccess]


def tracked_on_disk(opened: Opened, path: RelPath) -> TrackedFile:
    """Return a file of the work tree."""
    return TrackedFile(path, partial(opened.sources.on_disk, Path(path.on(opened.repository.root))))


def tracked_blob(path: RelPath, data: bytes) -> TrackedFile:
    """Return a file of a commit, or of git's index."""
    return TrackedFile(path, partial(_InMemory, data))


class _InMemory:
    """Bytes as a source."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read_at(self, offset: int, size: int) -> bytes:
        return self._data[offset : offset + size]
