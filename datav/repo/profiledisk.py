"""Profiles that `add` names in manifests: made of what lies on disk, once it is in the store."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from datav.errors import ChangedWhileReadError, FormatError, IntegrityError
from datav.formats.entry import Content
from datav.formats.manifest import MAX_PROFILE, Manifest
from datav.profiles.encoding import parse_profile
from datav.repo.datasets import Dataset
from datav.repo.describing import OpenFile
from datav.repo.diffsources import Reopened
from datav.repo.pathrules import find_rules
from datav.repo.profilefolders import folder_cost, profile_folder
from datav.repo.profilestore import read_profile, store_profile
from datav.repo.profiling import AUTO_SIZE, Made, Profiler, VersionAt, profiler_of
from datav.repo.recording import NodeRecorder
from datav.repo.repository import Repository
from datav.tables.source import RandomAccess
from datav.workspace.reading import StableFile, changed_while_read
from datav.workspace.scan import Found
from datav.workspace.statcache import Row

_CHANGED = "it changed while it was added"


def with_profile(
    repository: Repository,
    dataset: Dataset,
    manifest: Manifest,
    looked: Sequence[Row | Found],
    old: Manifest | None,
    recorder: NodeRecorder,
) -> tuple[Manifest, str | None]:
    """Return the manifest of a dataset with its profile, where it gets one, or why it has none.

    Args:
        manifest: without a profile; of what lies on disk, and is stored by now as far as `recorder` is asked.
        looked: its files as they were when they were stored.
        old: the manifest before.

    Raises:
        UnreadableError: the system refuses.
        StorageError: the store cannot be written.
    """
    with profiler_of(repository) as profiler:
        made = _make(repository, profiler, dataset, manifest, looked, recorder)
    if made.data is None:
        return manifest, made.reason
    if len(made.data) > MAX_PROFILE:
        return manifest, f"its profile would take more than {MAX_PROFILE // 2**20} MiB"
    before = old.profile if old is not None else None
    stored = store_profile(repository, recorder.writer, made.data, old=before)
    return replace(manifest, profile=stored), None


def lacks_label(repository: Repository, dataset: Dataset, manifest: Manifest) -> bool:
    """Return whether the profile of a file that a manifest names does not count by the label that is set."""
    rules = find_rules(repository.settings.tables, bytes(dataset.path))
    if manifest.kind != "file" or rules is None or rules.label is None:
        return False
    try:
        data = read_profile(repository, manifest, far=False)
        table = parse_profile(data, "the profile").table if data is not None else None
    except (FormatError, IntegrityError):
        # Made again: the store has the same bytes under that name until it is repaired.
        return False
    if table is None or all(column.name != rules.label for column in table.columns):
        return False
    return table.groups is None or table.groups.label != rules.label


def _make(
    repository: Repository,
    profiler: Profiler,
    dataset: Dataset,
    manifest: Manifest,
    looked: Sequence[Row | Found],
    recorder: NodeRecorder,
) -> Made:
    path, content = bytes(dataset.path), manifest.content
    known = profiler.recall(path, content)
    if known is not None:
        return known
    if repository.settings.profile == "auto" and _cost(manifest, looked) > AUTO_SIZE:
        shown = repository.shown(dataset.path)
        return Made(None, None, f"no profile yet, for its size: `datav profile {shown}` makes one")
    repository.progress.start("profiling", None, "rows")
    is_directory = manifest.kind == "directory"
    with _OnDisk(dataset.path.on(repository.root), {item.path: item.stamp for item in looked}) as files:
        opened = files.open if is_directory else files.open_only
        version = VersionAt(path, content, is_directory, recorder, opened)
        try:
            if is_directory:
                made = profile_folder(profiler, version)
            else:
                made = profiler.file(path, version.open(b"", content), content, recorder)
            files.finish()
        except ChangedWhileReadError:
            return Made(None, None, f"no profile: {_CHANGED}")
    return made


def _cost(manifest: Manifest, looked: Sequence[Row | Found]) -> int:
    if manifest.kind == "file":
        return manifest.content.size
    return folder_cost((item.path, _size(item)) for item in looked)


def _size(item: Row | Found) -> int:
    return item.content.size if isinstance(item, Row) else item.size


class _OnDisk:
    """The files of a dataset, as long as they are what they were when they were stored.

    Raises, when one is opened or read:
        ChangedWhileReadError: it is not.
    """

    def __init__(self, place: Path, stamps: Mapping[bytes, bytes]) -> None:
        self._place = place
        self._stamps = stamps
        self._only: StableFile | None = None

    def __enter__(self) -> "_OnDisk":
        return self

    def __exit__(self, *_: object) -> None:
        if self._only is not None:
            self._only.close()

    def open(self, inside: bytes, content: Content) -> RandomAccess:
        """Open a file in a directory, of which there may be more than can be open."""
        path = self._place / inside.decode("utf-8", "surrogateescape")
        return Reopened(path, self._stamps[inside], content.size)

    def open_only(self, inside: bytes, content: Content) -> RandomAccess:
        """Open the one file that the dataset is."""
        (stamp,) = self._stamps.values()
        self._only = StableFile(self._place)
        if self._only.stamp != stamp:
            raise changed_while_read(self._only.path)
        return OpenFile(self._only)

    def finish(self) -> None:
        """See that the one file did not change while it was read."""
        if self._only is not None:
            self._only.finish()
