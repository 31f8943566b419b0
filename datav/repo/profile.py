"""profile: what the columns of a dataset hold, by the profile that its manifest names, or one made now."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from datav.core import ChunkerParams
from datav.errors import FormatError, IntegrityError, NoSuchPathError, TableError
from datav.formats.entry import Content, Kind
from datav.formats.manifest import Manifest
from datav.profiles.encoding import parse_profile
from datav.profiles.profile import Profile
from datav.relpath import show_path
from datav.repo.datasets import Dataset
from datav.repo.diffsources import NodeKeeper, Sources, name_file
from datav.repo.disk import look
from datav.repo.farreading import Source
from datav.repo.pathrules import find_rules
from datav.repo.profilefolders import name_folder, profile_folder
from datav.repo.profilestore import read_profile
from datav.repo.profiling import Profiler, VersionAt, profiler_of
from datav.repo.reading import ContentReader, FoundFile
from datav.repo.repository import Repository
from datav.repo.specs import Located, locate
from datav.settings import TableSettings
from datav.store.lazytree import find_below
from datav.tables.source import RandomAccess

Origin = Literal["stored", "remembered", "made"]


@dataclass(frozen=True, slots=True)
class ProfileResult:
    """The profile of one version of a dataset, or of a file in one."""

    path: str
    rev: str | None
    """As it was asked for; None: what lies on disk."""
    commit: str | None
    id: str | None
    """Of the content: `b3:` and 64 hex digits; None of a file outside of any repository."""
    bytes: int
    origin: Origin
    """Named by the manifest, remembered by this clone, or made just now."""
    is_named: bool
    """Whether the manifest names it: then every clone has it, without the data."""
    is_dataset: bool
    """Whether a manifest could name it: it is of a dataset, and not of a file in one, or of any file."""
    profile: Profile
    is_without_label: bool = False
    """`datav.toml` sets a label, and the profile counts none: there is no such column."""


def profile(repository: Repository, name: str, rev: str | None = None) -> ProfileResult:
    """Return the profile of a dataset, or of a file in one.

    Args:
        name: a path, as the user types it.
        rev: None: as it lies on disk.

    Raises:
        UnknownRevisionError, UnknownDatasetError: they mean nothing.
        TableError: it is no table, or damaged.
        MissingChunkError: it has no profile yet, and its data is nowhere.
        NoSuchPathError: it is not on disk.

    Cost: nothing of the data is read where its manifest names a profile or one is remembered; else see
    `profile_table`.
    """
    located = locate(repository, name if rev is None else f"{rev}:{_from_top(repository, name)}")
    commit = repository.git.resolve(located.rev) if located.rev is not None else None
    with profiles_of(repository) as profiles:
        found = _find(profiles, located)
    if isinstance(found, NoProfile):
        raise TableError(f"{located.shown} has no profile: {found.reason}")
    return ProfileResult(
        path=show_path(_path(located)),
        rev=located.rev,
        commit=commit,
        id=f"b3:{found.content.id.hex()}",
        bytes=found.content.size,
        origin=found.origin,
        is_named=found.is_named,
        is_dataset=not located.inside,
        profile=found.profile,
        is_without_label=_lacks_label(repository.settings.tables, _path(located), found.profile),
    )


def _lacks_label(rules: Sequence[TableSettings], path: bytes, found: Profile) -> bool:
    rule = find_rules(rules, path)
    if rule is None or rule.label is None or found.table is None:
        return False
    return rule.label not in [column.name for column in found.table.columns]


def profile_path(
    path: Path, shown: str, rules: Sequence[TableSettings] = (), name: bytes | None = None
) -> ProfileResult:
    """Return the profile of a file that is in no dataset.

    Args:
        name: its path from the root of the repository, for the rules.

    Raises:
        NoSuchPathError: there is no such file.
        TableError: it is no table.
    """
    if not path.is_file():
        raise NoSuchPathError(f"there is no file {shown}")
    with ThreadPoolExecutor() as executor, Sources() as sources, Profiler(executor, rules) as profiler:
        keeper = NodeKeeper()
        content = name_file(path, keeper, ChunkerParams(), executor)
        made = profiler.file(name or os.fsencode(path.name), sources.on_disk(path), content, keeper)
        sources.check()
    if made.profile is None:
        raise TableError(f"{shown} has no profile: {made.reason or 'it is no table'}")
    return ProfileResult(
        path=shown,
        rev=None,
        commit=None,
        id=None,
        bytes=content.size,
        origin="made",
        is_named=False,
        is_dataset=False,
        profile=made.profile,
    )


def _find(profiles: "Profiles", located: Located) -> "FoundProfile | NoProfile":
    if located.rev is not None:
        known = profiles.named(located.dataset, located.manifest) if not located.inside else None
        return known or profiles.make(profiles.stored(located))
    version, is_same = profiles.on_disk(located)
    known = profiles.named(located.dataset, located.manifest) if is_same and not located.inside else None
    return known or profiles.make(version)


@dataclass(frozen=True, slots=True)
class FoundProfile:
    """A profile, and where it is from."""

    profile: Profile
    content: Content
    """What it is of."""
    origin: Origin
    is_named: bool


@dataclass(frozen=True, slots=True)
class NoProfile:
    """Why there is none."""

    reason: str


class Profiles:
    """Finds profiles: those that manifests name, else remembered ones, else it makes them.

    Args:
        far: data and profiles that are not here are asked of the default remote.
    """

    def __init__(self, repository: Repository, profiler: Profiler, sources: Sources, *, far: bool) -> None:
        self._repository = repository
        self._profiler = profiler
        self._sources = sources
        self._far = far
        self._reader = Source(repository) if far else repository.store.reader

    def named(self, dataset: Dataset, manifest: Manifest) -> FoundProfile | None:
        """Return the profile of a whole dataset that its manifest names or this clone remembers, if any."""
        found = self._read(dataset, manifest)
        # One of other data has come here by a merge, or by hand.
        if found is not None and found.content == manifest.content.id.hex():
            return FoundProfile(found, manifest.content, "stored", True)
        known = self._profiler.recall(bytes(dataset.path), manifest.content)
        if known is None or known.profile is None:
            return None
        return FoundProfile(known.profile, manifest.content, "remembered", False)

    def _read(self, dataset: Dataset, manifest: Manifest) -> Profile | None:
        """Return the profile that a manifest names; None where it is nowhere, or damaged: it can be made
        again."""
        try:
            data = read_profile(self._repository, manifest, far=self._far)
            return None if data is None else parse_profile(data, f"of {dataset}")
        except (FormatError, IntegrityError):
            return None

    def make(self, version: VersionAt) -> FoundProfile | NoProfile:
        """Return the profile of a version, remembered or made now.

        Raises:
            MissingChunkError: a part of its data is nowhere.
            What reading it raises.
        """
        known = self._profiler.recall(version.path, version.content)
        if known is not None and known.profile is not None:
            return FoundProfile(known.profile, version.content, "remembered", False)
        if version.is_directory:
            made = profile_folder(self._profiler, version)
        else:
            self._repository.progress.start("profiling", None, "rows")
            source = version.open(b"", version.content)
            made = self._profiler.file(version.path, source, version.content, version.reader)
        if made.profile is None:
            return NoProfile(made.reason or "it is no table")
        return FoundProfile(made.profile, version.content, "made", False)

    def stored(self, located: Located) -> VersionAt:
        """Return a version as the store has it, or the remote.

        Raises:
            NoSuchPathError: there is nothing at that path in it.
        """
        content, is_directory = self._content(located)
        dataset = located.dataset.path

        def opened(inside: bytes, wanted: Content) -> RandomAccess:
            return ContentReader(self._reader, FoundFile(located.rev, dataset, inside, False, wanted))

        return VersionAt(_path(located), content, is_directory, self._reader, opened)

    def on_disk(self, located: Located) -> tuple[VersionAt, bool]:
        """Return what lies on disk, and whether it is what the manifest says, as far as can be told.

        Raises:
            NoSuchPathError: nothing does, or something that is no file.
        """
        repository = self._repository
        disk = look(repository, located.dataset)
        place = _on_disk(located, repository)
        if located.inside and place.is_symlink():
            raise NoSuchPathError(f"{located.shown} is a symbolic link")
        if located.inside and place.is_dir():
            raise _is_folder(located)
        if disk is None or not place.exists():
            raise NoSuchPathError(
                f"{show_path(_path(located))} is not on disk",
                hint="`datav profile PATH HEAD` shows what was committed",
            )

        opened = self.opener(place)
        if disk.is_known_to_be(located.manifest):
            content, is_directory = self._content(located)
            return VersionAt(_path(located), content, is_directory, self._reader, opened), True
        keeper = NodeKeeper(self._reader)
        if place.is_dir():
            content = name_folder(repository, keeper, disk)
        else:
            content = name_file(place, keeper, repository.chunker, repository.executor)
        is_same = not located.inside and content == located.manifest.content
        return VersionAt(_path(located), content, place.is_dir(), keeper, opened), is_same

    def opener(self, place: Path) -> Callable[[bytes, Content], RandomAccess]:
        """Return what opens files of the user's at or below `place`; they stay open as long as this is."""

        def opened(inside: bytes, wanted: Content) -> RandomAccess:
            below = place / inside.decode("utf-8", "surrogateescape") if inside else place
            return self._sources.on_disk(below)

        return opened

    def _content(self, located: Located) -> tuple[Content, bool]:
        manifest = located.manifest
        if not located.inside:
            return manifest.content, manifest.kind == "directory"
        found = (
            find_below(self._reader, manifest.content, located.inside)
            if manifest.kind == "directory"
            else None
        )
        if found is not None and found.is_folder:
            raise _is_folder(located)
        if found is None or found.entry is None:
            raise NoSuchPathError(f"there is no {located.shown}")
        if found.entry.kind > Kind.EXECUTABLE:
            raise NoSuchPathError(f"{located.shown} is a symbolic link")
        return found.entry.content, False


def _is_folder(located: Located) -> NoSuchPathError:
    return NoSuchPathError(
        f"{located.shown} is a directory in a dataset",
        hint=f"`datav profile {located.dataset}` is of all of it",
    )


def _path(located: Located) -> bytes:
    inside = located.inside
    return bytes(located.dataset.path) + (b"/" + inside if inside else b"")


def _on_disk(located: Located, repository: Repository) -> Path:
    place = located.dataset.path.on(repository.root)
    return place / located.inside.decode("utf-8", "surrogateescape") if located.inside else place


def _from_top(repository: Repository, name: str) -> str:
    path = repository.relative(name)
    return path.text if path is not None else "."


@contextmanager
def profiles_of(repository: Repository, *, far: bool = True) -> Iterator[Profiles]:
    """Yield what finds and makes the profiles of a repository."""
    with Sources() as sources, profiler_of(repository) as profiler:
        yield Profiles(repository, profiler, sources, far=far)
        sources.check()
