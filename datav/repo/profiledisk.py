"""Profiles that `add` names in manifests: made of what lies on disk, once it is in the store."""

from dataclasses import replace
from pathlib import Path

from datav.errors import ChangedWhileReadError
from datav.formats.manifest import MAX_PROFILE, Manifest
from datav.repo.datasets import Dataset
from datav.repo.describing import OpenFile
from datav.repo.difffiles import is_named_like_table
from datav.repo.profilestore import store_profile
from datav.repo.profiling import AUTO_SIZE, Made, NodeRecorder, Profiler, profiler_of
from datav.repo.repository import Repository
from datav.workspace.reading import StableFile


def with_profile(
    repository: Repository,
    dataset: Dataset,
    manifest: Manifest,
    stamp: bytes,
    old: Manifest | None,
    recorder: NodeRecorder,
) -> tuple[Manifest, str | None]:
    """Return the manifest of a file with its profile, where it gets one, or why it has none.

    Args:
        manifest: of what lies on disk, and is stored by now as far as `recorder` is asked.
        stamp: of the file when it was stored.
        old: the manifest before.

    Raises:
        UnreadableError: the system refuses.
        StorageError: the store cannot be written.
    """
    if manifest.profile is not None or repository.settings.profile == "never":
        return manifest, None
    if manifest.table is None and not is_named_like_table(bytes(dataset.path)):
        return manifest, None
    with profiler_of(repository) as profiler:
        made = _make(repository, profiler, dataset, manifest, stamp, recorder)
    if made.data is None:
        return manifest, made.reason
    if len(made.data) > MAX_PROFILE:
        return manifest, f"its profile would take more than {MAX_PROFILE // 2**20} MiB"
    before = old.profile if old is not None else None
    stored = store_profile(repository, recorder.writer, made.data, old=before)
    return replace(manifest, profile=stored), None


def _make(
    repository: Repository,
    profiler: Profiler,
    dataset: Dataset,
    manifest: Manifest,
    stamp: bytes,
    recorder: NodeRecorder,
) -> Made:
    path, content = bytes(dataset.path), manifest.content
    known = profiler.recall(path, content)
    if known is not None:
        return known
    if repository.settings.profile == "auto" and content.size > AUTO_SIZE:
        shown = repository.shown(dataset.path)
        return Made(None, None, f"no profile yet, for its size: `datav profile {shown}` makes one")
    repository.progress.start("profiling", None, "rows")
    return _of_disk(profiler, dataset.path.on(repository.root), path, manifest, stamp, recorder)


def _of_disk(
    profiler: Profiler, place: Path, path: bytes, manifest: Manifest, stamp: bytes, recorder: NodeRecorder
) -> Made:
    try:
        with StableFile(place) as file:
            if file.stamp != stamp:
                return Made(None, None, "it changed while it was added, and has no profile")
            made = profiler.file(path, OpenFile(file), manifest.content, recorder)
            file.finish()
            return made
    except ChangedWhileReadError:
        return Made(None, None, "it changed while it was added, and has no profile")
