"""One dataset merged: three manifests in, one out, and what it names in the store.

Nothing on disk is touched, and git is told nothing.  What is merged is durable and known to others when this
returns (docs/formats/ordering.md, O12), so that its manifest may be written anywhere.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from datav.errors import UsageError
from datav.formats.conflict import ConflictItem, TooManyConflictsError, identity
from datav.formats.entry import Content
from datav.formats.manifest import MAX_PROFILE, MAX_SIDES, ConflictInfo, Manifest, TableInfo, parse_manifest
from datav.merging.result import MergeCounts
from datav.relpath import RelPath
from datav.repo.datasets import Dataset, dataset_of_manifest
from datav.repo.describing import describe_stored
from datav.repo.farreading import Source
from datav.repo.mergecontents import (
    ContentMerger,
    Decisions,
    MergedContents,
    Origin,
    Versions,
    take_unchanged,
    take_whole,
)
from datav.repo.mergerecord import make_record, store_record
from datav.repo.mergeusers import UsersPart, merge_users_part
from datav.repo.partial import note_partial
from datav.repo.profilestore import store_profile
from datav.repo.reading import ContentReader, FoundFile
from datav.repo.repository import Repository
from datav.store.completeness import Completeness
from datav.store.trees import read_directory
from datav.store.writing import StoreWriter

if TYPE_CHECKING:
    from datav.repo.mergedrift import MergeDrift
    from datav.repo.profiling import Made


@dataclass(frozen=True, slots=True)
class MergedDataset:
    """What became of one dataset."""

    dataset: Dataset
    manifest: Manifest
    """With a conflict where something is not decided."""
    origin: Origin
    """Of what it holds."""
    items: tuple[ConflictItem, ...]
    """What was in conflict, with what was decided of it."""
    counts: MergeCounts
    key: tuple[str, ...] = ()
    """By which rows were matched; none: by all of their cells."""
    notes: tuple[str, ...] = ()
    drift: "tuple[MergeDrift, ...]" = ()
    """How the merged table is distributed otherwise than ours and theirs."""

    @property
    def open(self) -> int:
        """Conflicts that nobody has decided."""
        return sum(item.taken is None for item in self.items)


def merge_manifests(
    repository: Repository,
    dataset: Dataset,
    base: Manifest | None,
    ours: Manifest,
    theirs: Manifest,
    *,
    decided: Sequence[ConflictItem] = (),
    users: UsersPart | None = None,
) -> MergedDataset:
    """Merge three versions of a dataset.

    Args:
        base: None where both sides added it.
        decided: conflicts of this merge of which something was decided.  While others are open, they stay in
            the record.
        users: what is the user's, where that was merged before.

    Raises:
        UsageError: a version has itself a conflict that is not resolved; a decision cannot be carried out.
        MissingChunkError: something that must be read is neither here nor on the remote.
        RemoteError: something is not here, and the remote cannot be reached.
        StorageError: the store cannot be written.
    """
    for name, manifest in (("our", ours), ("their", theirs)):
        if manifest.conflict is not None:
            raise UsageError(
                f"{name} version of {dataset} has itself conflicts that nobody resolved",
                hint="resolve them there with `datav resolve`, commit, then merge",
            )
    decisions = _decisions(decided)
    users = users or merge_users_part(base, ours, theirs, repository.git.merge_texts, decisions)
    versions = Versions(dataset.path, base, ours, theirs)
    found = take_unchanged(versions)
    if found is not None and all(item.taken is not None for item in users.items):
        return _finished(dataset, found, users, _describe_side(repository, dataset, found, (ours, theirs)))
    with ExitStack() as stack:
        writer = stack.enter_context(repository.store.writing(repository.executor))
        merging = _Merging(repository, dataset, versions, writer)
        return merging.merge(found, users, decided)


def merge_manifest_texts(
    repository: Repository, path: RelPath, base: bytes, ours: bytes, theirs: bytes
) -> MergedDataset:
    """Merge three versions of a manifest as git has them, of which the first may be empty: there is none.

    Raises:
        FormatError: one of them is no manifest, or one of a newer datav.
        Also what `merge_manifests` raises.
    """
    dataset = dataset_of_manifest(path)
    if dataset is None:
        raise UsageError(f"{path} is not the name of a manifest")
    before = parse_manifest(base, f"{path} in the base") if base else None
    versions = (parse_manifest(text, f"{path} {side}") for text, side in ((ours, "here"), (theirs, "there")))
    return merge_manifests(repository, dataset, before, *versions)


class _Merging:
    """One merge under way, with a writer."""

    def __init__(
        self, repository: Repository, dataset: Dataset, versions: Versions, writer: StoreWriter
    ) -> None:
        self._repository = repository
        self._dataset = dataset
        self._versions = versions
        self._writer = writer

    def merge(
        self, found: MergedContents | None, users: UsersPart, decided: Sequence[ConflictItem]
    ) -> MergedDataset:
        is_here = False
        decisions = _decisions(decided)
        if found is None:
            found = self._merge_contents(users, decisions)
            # Durable and known: it is read below, and must be before a manifest names it.
            self._writer.checkpoint()
            is_here = _note_if_partial(self._repository, found.content)
        versions = self._versions
        sides = [side for side in (versions.ours, versions.theirs, versions.base) if side is not None]
        manifest = _describe_side(self._repository, self._dataset, found, sides)
        merged = _finished(self._dataset, found, users, manifest)
        if merged.open:
            try:
                return self._with_conflict(merged, decided)
            except TooManyConflictsError as exc:
                return self._with_conflict(self._merge_as_a_whole(users, str(exc)), ())
        # Nobody asks for all of a dataset from afar for its statistics.
        if is_here and found.origin == "merged" and _wants_profile(self._repository, versions.ours, manifest):
            return self._with_profile(merged)
        return merged

    def _merge_contents(self, users: UsersPart, decisions: Decisions) -> MergedContents:
        reader = Source(self._repository)
        with ContentMerger(self._repository, reader, self._writer) as merger:
            return merger.merge(self._versions, users.key, decisions)

    def _merge_as_a_whole(self, users: UsersPart, reason: str) -> MergedDataset:
        found = take_whole(self._repository, self._versions, reason, {})
        manifest = _describe_side(self._repository, self._dataset, found, (self._versions.ours,))
        return _finished(self._dataset, found, users, manifest)

    def _with_conflict(self, merged: MergedDataset, decided: Sequence[ConflictItem]) -> MergedDataset:
        versions = self._versions.base, self._versions.ours, self._versions.theirs
        there = {identity(item) for item in merged.items}
        earlier = [item for item in decided if item.taken is not None and identity(item) not in there]
        items = (*earlier, *merged.items)
        record = store_record(self._repository, self._writer, make_record(*versions, items))
        named = [content for side in versions if side is not None for content in side.contents]
        conflict = ConflictInfo(record, merged.open, tuple(dict.fromkeys(named))[:MAX_SIDES])
        return replace(merged, manifest=replace(merged.manifest, conflict=conflict))

    def _with_profile(self, merged: MergedDataset) -> MergedDataset:
        # Only here: what makes profiles takes long to import.
        from datav.repo.mergedrift import find_drift

        repository, manifest, versions = self._repository, merged.manifest, self._versions
        made = self._make_profile(manifest)
        if made is None or made.data is None or made.profile is None or len(made.data) > MAX_PROFILE:
            return merged
        stored = store_profile(repository, self._writer, made.data, old=versions.ours.profile)
        drift = find_drift(repository, made.profile, versions.ours, versions.theirs)
        return replace(merged, manifest=replace(manifest, profile=stored), drift=drift)

    def _make_profile(self, manifest: Manifest) -> "Made | None":
        """Return the profile that `add` would make; None where it would make none."""
        from datav.repo.profilefolders import folder_cost, profile_folder
        from datav.repo.profiling import AUTO_SIZE, VersionAt, profiler_of

        repository, content = self._repository, manifest.content
        reader = repository.store.reader
        is_directory = manifest.kind == "directory"
        cost = content.size
        if is_directory:
            cost = folder_cost((entry.path, entry.size) for entry in read_directory(reader, content)[0])
        if repository.settings.profile == "auto" and cost > AUTO_SIZE:
            return None
        repository.progress.start("profiling", None, "rows")
        with profiler_of(repository) as profiler:
            version = VersionAt(bytes(self._dataset.path), content, is_directory, reader, self._open)
            if is_directory:
                return profile_folder(profiler, version)
            return profiler.file(version.path, self._open(b"", content), content, reader)

    def _open(self, inside: bytes, content: Content) -> ContentReader:
        found = FoundFile(None, self._dataset.path, inside, False, content)
        return ContentReader(self._repository.store.reader, found)


def _decisions(decided: Sequence[ConflictItem]) -> Decisions:
    return {identity(item): item.taken for item in decided if item.taken is not None}


def _finished(dataset: Dataset, found: MergedContents, users: UsersPart, manifest: Manifest) -> MergedDataset:
    """Put together what the dataset holds and what is the user's."""
    table = manifest.table
    if table is not None:
        table = replace(table, key=users.key)
    is_file = manifest.kind == "file"
    manifest = replace(manifest, executable=users.executable and is_file, table=table, meta=users.meta)
    items = (*users.items, *found.items)
    return MergedDataset(dataset, manifest, found.origin, items, found.counts, found.key, found.notes)


def _describe_side(
    repository: Repository, dataset: Dataset, found: MergedContents, sides: Sequence[Manifest]
) -> Manifest:
    """Return the manifest of what was merged: that of a version which holds the same, or a new one."""
    for side in sides:
        if (side.kind, side.content) == (found.kind, found.content):
            return replace(side, conflict=None)
    table = None
    if found.kind == "file":
        table = _describe(repository, dataset, found)
    return Manifest(found.kind, found.content, found.files, table=table)


def _describe(repository: Repository, dataset: Dataset, found: MergedContents) -> TableInfo | None:
    name = dataset.path.text.rpartition("/")[2]
    table, _ = describe_stored(name, _stored(Source(repository), dataset, found.content), found.rows)
    return table


def _stored(reader: Source, dataset: Dataset, content: Content) -> ContentReader:
    return ContentReader(reader, FoundFile(None, dataset.path, b"", False, content))


def _wants_profile(repository: Repository, ours: Manifest, merged: Manifest) -> bool:
    return repository.settings.profile != "never" and ours.profile is not None and merged.profile is None


def _note_if_partial(repository: Repository, content: Content) -> bool:
    """Return whether all of a merged content is here; say so where it names chunks that only a remote has."""
    lookup = repository.store.lookup
    if not Completeness(lookup, repository.store.reader).find_lack(content):
        return True
    if lookup.contains(content.id)[0]:
        note_partial(repository, [content])
    return False
