"""How the distributions of two versions of a dataset differ: by their profiles, found or made."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from datav.drift.comparing import compare_profiles
from datav.drift.labels import LabelDrift, compare_labels
from datav.drift.result import TableDrift
from datav.errors import DatavError, MissingChunkError
from datav.formats.entry import Content
from datav.profiles.profile import Profile
from datav.relpath import one_line
from datav.repo.diffends import DatasetVersion
from datav.repo.diffsources import NodeKeeper
from datav.repo.profile import FoundProfile, NoProfile, Profiles
from datav.repo.profilefolders import folder_cost, name_folder
from datav.repo.profiling import AUTO_SIZE, VersionAt
from datav.repo.repository import Repository
from datav.repo.specs import Located

_NOTHING = "its data is not here, and it has no profile"
NOT_YET = "it has no profile yet; `datav diff --stats` makes one"

StatsMode = Literal["never", "known", "cheap", "always"]
"""Whether distributions are compared: where both profiles are known; also where making them costs no more
than `add` would take for it; always."""


@dataclass(frozen=True, slots=True)
class StatsDiff:
    """Two versions of a dataset, by what their columns hold."""

    before: Profile | None
    after: Profile | None
    drift: TableDrift | None
    """None where they are no tables, or a profile is missing."""
    reason: str | None
    """Why there is a profile missing."""
    labels: LabelDrift | None = None
    """Of the label that `datav.toml` sets; None where there is none."""


class Stats:
    """Compares distributions for one comparison.

    Args:
        keeper: has the trees of what was named on disk.
    """

    def __init__(
        self, repository: Repository, profiles: Profiles, keeper: NodeKeeper, mode: StatsMode
    ) -> None:
        self._repository = repository
        self._profiles = profiles
        self._keeper = keeper
        self._mode = mode

    def compare(
        self,
        before: DatasetVersion,
        after: DatasetVersion,
        content: Content | None,
        renamed: Mapping[str, str],
    ) -> StatsDiff | None:
        """Return how two versions of a dataset differ; None where that is not to be said.

        Args:
            content: of `after`, where it lies on disk and is not what its manifest says.
            renamed: the new names of columns by their old ones, as far as they are known.
        """
        one, other = self._try(before, before.content), self._try(after, content)
        return _compare_found(one, other, renamed)

    def _try(self, version: DatasetVersion, content: Content | None) -> FoundProfile | NoProfile | None:
        try:
            return self._find(version, content)
        except MissingChunkError:
            has = "its profile is not here, nor its data" if version.manifest.profile else _NOTHING
            return NoProfile(has)
        except DatavError as exc:
            return NoProfile(one_line(str(exc)))

    def _find(self, version: DatasetVersion, content: Content | None) -> FoundProfile | NoProfile | None:
        """Return a profile; why there is none; None where nobody would expect one."""
        dataset, manifest = version.dataset, version.manifest
        if content is None:
            if version.disk is None or self._is_too_much(
                folder_cost((entry.path, entry.size) for entry in version.disk.entries)
            ):
                return NoProfile(NOT_YET)
            content = name_folder(self._repository, self._keeper, version.disk)
        if content == manifest.content:
            known = self._profiles.named(dataset, manifest)
            if known is not None:
                return known
        if manifest.kind == "file" and manifest.table is None and version.disk is None:
            return None
        if self._is_too_much(content.size):
            return NoProfile(NOT_YET)
        return self._profiles.make(self._version_at(version, content))

    def _is_too_much(self, size: int) -> bool:
        return self._mode == "known" or (self._mode == "cheap" and size > AUTO_SIZE)

    def _version_at(self, version: DatasetVersion, content: Content) -> VersionAt:
        located = Located(None, version.dataset, version.manifest, b"")
        stored = self._profiles.stored(located)
        if not version.on_disk:
            return stored
        place = version.dataset.path.on(self._repository.root)
        opened = self._profiles.opener(place)
        return VersionAt(stored.path, content, stored.is_directory, self._keeper, opened)


def _compare_found(
    before: FoundProfile | NoProfile | None,
    after: FoundProfile | NoProfile | None,
    renamed: Mapping[str, str],
) -> StatsDiff | None:
    """Return how two profiles differ; None unless both could be there."""
    if before is None or after is None:
        return None
    for found in (before, after):
        if isinstance(found, NoProfile):
            return StatsDiff(None, None, None, found.reason)
    assert isinstance(before, FoundProfile)
    assert isinstance(after, FoundProfile)
    return compare_both(before.profile, after.profile, renamed)


def compare_both(before: Profile, after: Profile, renamed: Mapping[str, str] | None = None) -> StatsDiff:
    """Return how two profiles differ.

    Args:
        renamed: the new names of columns by their old ones.
    """
    old, new = before.table, after.table
    if old is None or new is None:
        return StatsDiff(before, after, None, None)
    drift = compare_profiles(old, new, renamed)
    return StatsDiff(before, after, drift, None, compare_labels(old.groups, new.groups))
