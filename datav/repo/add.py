"""add: what lies on disk into the store, a manifest in its place into git."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Literal

from datav.errors import DataLossError, MissingChunkError, UsageError
from datav.formats.entry import Content, Kind
from datav.formats.manifest import Manifest, keep_users_part, parse_manifest
from datav.relpath import RelPath
from datav.repo.choosing import plan_add
from datav.repo.datasets import (
    Dataset,
    edit_ignore_file,
    ignore_file_of,
    read_manifest,
    read_manifest_bytes,
    write_manifest,
)
from datav.repo.describing import counter_for, describe_file, dialect_of
from datav.repo.difffiles import is_named_like_table
from datav.repo.disk import Disk, look
from datav.repo.intake import take_in
from datav.repo.leftovers import remove_all_leftovers
from datav.repo.partial import partial_contents
from datav.repo.recording import NodeRecorder
from datav.repo.repository import Repository
from datav.repo.unresolved import refuse_unresolved
from datav.storage.durable import fsync_directory, make_directories
from datav.store.trees import DirectoryShape, read_directory, write_directory_tree
from datav.store.writing import StoreWriter, Tally
from datav.workspace.scan import Found, Skipped, kind_in
from datav.workspace.statcache import SETTLED, Row, write_stat_cache

State = Literal["added", "modified", "unchanged"]


@dataclass(frozen=True, slots=True)
class AddedDataset:
    """What became of one dataset."""

    path: RelPath
    state: State
    is_directory: bool
    files: int
    rows: int | None
    """Of a table, where they are known."""
    bytes: int
    changed_files: int
    """Files that were read because they may have changed."""
    skipped: tuple[Skipped, ...]
    """What lies in it and cannot be versioned."""
    note: str | None
    """Why a file that claims to be a table was not read as one."""
    no_profile: str | None = None
    """Why it got no profile, where it should have one."""


@dataclass(frozen=True, slots=True)
class Added:
    """What `add` did."""

    datasets: tuple[AddedDataset, ...]
    bytes_read: int
    tally: Tally
    staged: tuple[RelPath, ...]
    """What git was told of."""
    dry_run: bool


def add(
    repository: Repository,
    names: Sequence[str],
    *,
    key: Sequence[str] | None = None,
    dry_run: bool = False,
    stage: bool = True,
) -> Added:
    """Store what `names` mean as it lies on disk, and put manifests in its place.

    Args:
        key: the columns that identify a row, for the manifests; none: no key; None: what is there stays.
        dry_run: say what would be done; neither store nor manifests change.
        stage: tell git of the manifests.

    Raises:
        UsageError: a name means nothing that can be added; a key is given, and it is no table or has no such
            column.
        UnresolvedConflictError: a merge left conflicts in a dataset.
        ChangedWhileReadError: a file did not hold still.
        StorageError: the store cannot be written; what was added before stays as it was.
    """
    datasets = plan_add(repository, names)
    if dry_run:
        return _preview(repository, datasets)
    added: list[AddedDataset] = []
    touched: list[RelPath] = []
    read = 0
    with ExitStack() as stack:
        # The writer's lease comes first: what the stat cache calls stored must not be collected meanwhile
        # (O4, O6).
        writer = stack.enter_context(repository.store.writing(repository.executor))
        pending = [_add_one(repository, dataset, writer) for dataset in datasets]
        if key is not None:
            pending = [_with_key(item, tuple(key)) for item in pending]
        writer.finish()
        with repository.editing():
            for item in pending:
                read += item.bytes_read
                added.append(_conclude(repository, item, touched))
            staged = _stage(repository, datasets, touched) if stage else ()
        tally = writer.tally
    _finish_others(repository, datasets, pending)
    return Added(tuple(added), read, tally, staged, False)


def _finish_others(
    repository: Repository, datasets: Sequence[Dataset], pending: Sequence["_Pending"]
) -> None:
    """See to what killed commands left: manifests whose names are not durable (O3), temporary files."""
    for directory in {dataset.manifest_path.on(repository.root).parent for dataset in datasets}:
        fsync_directory(directory)
    remove_all_leftovers(repository, datasets, [item.disk for item in pending])


def _stage(
    repository: Repository, datasets: Sequence[Dataset], touched: Sequence[RelPath]
) -> tuple[RelPath, ...]:
    """Tell git of what was written, now or by an `add` that was killed before it came to this."""
    manifests = [dataset.manifest_path for dataset in datasets]
    tracked = repository.git.find_tracked(manifests)
    fresh = [dataset for dataset in datasets if dataset.manifest_path not in tracked]
    ignore_files = [ignore_file_of(dataset) for dataset in fresh]
    staged = dict.fromkeys([*touched, *(dataset.manifest_path for dataset in fresh), *ignore_files])
    repository.git.stage(dict.fromkeys([*staged, *manifests]))
    return tuple(staged)


def _preview(repository: Repository, datasets: Sequence[Dataset]) -> Added:
    previews = []
    for dataset in datasets:
        disk = _look(repository, dataset)
        before = read_manifest(repository, dataset)
        refuse_unresolved(repository, dataset, before)
        state: State = "added" if before is None else "unchanged" if disk.is_unchanged else "modified"
        unknown = disk.unknown()
        size = sum(entry.size for entry in disk.entries)
        previews.append(
            AddedDataset(
                path=dataset.path,
                state=state,
                is_directory=disk.is_directory,
                files=len(disk.entries),
                rows=None,
                bytes=size,
                changed_files=len(unknown),
                skipped=tuple(disk.skipped),
                note=None,
            )
        )
    return Added(tuple(previews), 0, Tally(), (), True)


def _look(repository: Repository, dataset: Dataset) -> Disk:
    disk = look(repository, dataset)
    if disk is None:
        raise UsageError(
            f"{repository.shown(dataset.path)} is not on disk",
            hint="`datav restore` brings it back, `datav rm` removes the dataset",
        )
    return disk


@dataclass(frozen=True, slots=True)
class _Pending:
    """A dataset whose content is written but not yet durable."""

    dataset: Dataset
    manifest: Manifest
    before: bytes | None
    disk: Disk
    rows: list[Row] | None
    """For the stat cache; None when it says all that already."""
    bytes_read: int
    changed_files: int
    note: str | None
    no_profile: str | None = None


def _add_one(repository: Repository, dataset: Dataset, writer: StoreWriter) -> _Pending:
    before = read_manifest_bytes(repository, dataset)
    old = parse_manifest(before, str(dataset.manifest_path)) if before is not None else None
    refuse_unresolved(repository, dataset, old)
    disk = _look(repository, dataset)
    if old is not None:
        _refuse_former(repository, dataset, disk, old)
    _forget_unstored(repository, disk)
    recorder = NodeRecorder(writer, repository.store.reader)
    if old is not None and disk.is_known_to_be(old):
        pending = _Pending(dataset, old, before, disk, None, 0, 0, None)
    else:
        adding = _add_directory if disk.is_directory else _add_file
        pending = adding(repository, dataset, disk, recorder, before, old)
    if not _wants_profile(repository, pending):
        return pending
    # Only here: what makes profiles takes longer to import than most files take to be added.
    from datav.repo.profiledisk import with_profile

    looked = pending.rows if pending.rows is not None else disk.entries
    manifest, reason = with_profile(repository, dataset, pending.manifest, looked, old, recorder)
    return replace(pending, manifest=manifest, no_profile=None if pending.note else reason)


def _refuse_former(repository: Repository, dataset: Dataset, disk: Disk, old: Manifest) -> None:
    """Raise DataLossError for data of a former version, beside a manifest that git has changed since.

    Adding it would take that back without a word: where nobody has edited it, as after a merge without hooks;
    and where a merge or a rebase has stopped, whose data is placed only when it is through.
    """
    former = disk.cache.dataset
    if former is None or former == old.content:
        return
    operation = repository.git.find_operation()
    if not disk.is_unchanged and operation is None:
        return
    if dataset.manifest_path in repository.git.unstaged_changes():
        return
    shown = repository.shown(dataset.path)
    if not disk.is_unchanged:
        raise DataLossError(
            f"{dataset} was edited from another version than its manifest's, in the midst of a {operation}",
            hint=f"it lacks what git brought: move it away, `datav checkout -- {shown}`, and edit that",
        )
    raise DataLossError(
        f"the data of {dataset} is that of another version than its manifest's, and nobody has edited it",
        hint=f"`datav checkout -- {shown}` brings the manifest's; `datav checkout REV -- {shown}` another's",
    )


def _wants_profile(repository: Repository, item: _Pending) -> bool:
    """Whether a manifest should name a profile and does not."""
    manifest = item.manifest
    if repository.settings.profile == "never":
        return False
    if manifest.profile is not None and _is_stored(repository, manifest.profile):
        return _lacks_label(repository, item)
    if manifest.kind == "directory":
        return manifest.files > 0
    return manifest.table is not None or is_named_like_table(bytes(item.dataset.path))


def _lacks_label(repository: Repository, item: _Pending) -> bool:
    """Whether a label was set since the profile was made that the manifest names."""
    if not any(rules.label for rules in repository.settings.tables):
        return False
    from datav.repo.profiledisk import lacks_label

    return lacks_label(repository, item.dataset, item.manifest)


def _with_key(item: _Pending, key: tuple[str, ...]) -> _Pending:
    """Return `item` with a key in its manifest."""
    table = item.manifest.table
    if table is None:
        hint = "keys of tables in directories stand in datav.toml" if item.disk.is_directory else None
        raise UsageError(f"{item.dataset} is no table, and has no key", hint=hint)
    names = [column.name for column in table.columns]
    for position, column in enumerate(key):
        if column in key[:position]:
            raise UsageError(f"the key names the column {column} twice")
        # Of a very wide table the manifest lists a part.
        if column not in names and not table.more_columns:
            shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
            raise UsageError(f"{item.dataset} has no column {column}", hint=f"it has {shown}")
    return replace(item, manifest=replace(item.manifest, table=replace(table, key=key)))


def _forget_unstored(repository: Repository, disk: Disk) -> None:
    """Have files read again that the stat cache knows and the store does not:
    it may have been deleted or replaced."""
    known = [content for content in disk.known if content is not None and content.size]
    present = repository.store.lookup.contains(b"".join([content.id for content in known]))
    if not all(present):
        disk.known = [None] * len(disk.known)


def _add_directory(
    repository: Repository,
    dataset: Dataset,
    disk: Disk,
    writer: NodeRecorder,
    before: bytes | None,
    old: Manifest | None,
) -> _Pending:
    _refuse_part(repository, dataset, disk, old)
    unknown = disk.unknown()
    olds, shape = _old_directory(repository, old, unknown)
    repository.progress.start("adding", sum(entry.size for entry in unknown), "bytes")
    intake = take_in(repository, disk.root, unknown, writer, olds=olds)
    fresh = iter(intake.rows)
    rows = [
        next(fresh) if content is None else Row(entry.path, entry.stamp, content, SETTLED)
        for entry, content in zip(disk.entries, disk.known, strict=True)
    ]
    # As they were read: a mode may have changed since the scan.
    kinds = bytes([kind_in(row.stamp) for row in rows])
    size, changed = sum(row.content.size for row in intake.rows), len(unknown)
    disk.forget_entries()
    del unknown, intake, fresh
    content = write_directory_tree(
        writer, [row.path for row in rows], kinds, [row.content for row in rows], shape
    )
    meta = old.meta if old is not None else ""
    profile = old.profile if old is not None and old.content == content else None
    manifest = Manifest("directory", content, len(rows), meta=meta, profile=profile)
    return _Pending(dataset, manifest, before, disk, rows, size, changed, None)


def _refuse_part(repository: Repository, dataset: Dataset, disk: Disk, old: Manifest | None) -> None:
    """Raise DataLossError where files would count as removed that were only never fetched."""
    if old is None or len(disk.entries) >= old.files or disk.cache.dataset == old.content:
        return
    if old.content.id not in partial_contents(repository):
        return
    raise DataLossError(
        f"only a part of {dataset} was fetched, {len(disk.entries)} of {old.files} files are on disk:"
        " adding it would record the others as removed",
        hint=f"`datav pull -- {repository.shown(dataset.path)}` brings the rest; then add",
    )


def _old_directory(
    repository: Repository, old: Manifest | None, unknown: Sequence[Found]
) -> tuple[dict[bytes, Content], DirectoryShape | None]:
    """The version before, to share with: the contents of what is to be read, and the tree;
    nothing when it is not in this store (a fresh clone)."""
    if old is None or old.kind != "directory":
        return {}, None
    try:
        wanted = {entry.path for entry in unknown}
        entries, shape = read_directory(repository.store.reader, old.content, wanted)
    except MissingChunkError:
        return {}, None
    return {entry.path: entry.content for entry in entries}, shape


def _add_file(
    repository: Repository,
    dataset: Dataset,
    disk: Disk,
    writer: NodeRecorder,
    before: bytes | None,
    old: Manifest | None,
) -> _Pending:
    (entry,) = disk.entries
    path = dataset.path.on(repository.root)
    dialect = dialect_of(path)
    counter = counter_for(dialect)
    olds = {}
    if old is not None and old.kind == "file" and _is_stored(repository, old.content):
        olds[entry.path] = old.content
    repository.progress.start("adding", entry.size, "bytes")
    intake = take_in(repository, disk.root, [entry], writer, olds=olds, observer=counter or _ignore)
    (row,) = intake.rows
    table, note = describe_file(path, row, dialect, intake.observed)
    manifest = Manifest("file", row.content, 1, kind_in(row.stamp) == Kind.EXECUTABLE, table)
    if old is not None:
        manifest = keep_users_part(manifest, old)
    return _Pending(dataset, manifest, before, disk, [row], row.content.size, 1, note)


def _ignore(data: memoryview, lead: int) -> None:
    """An observer with no interest."""


def _is_stored(repository: Repository, content: Content) -> bool:
    return content.size == 0 or bool(repository.store.lookup.contains(content.id)[0])


def _conclude(repository: Repository, item: _Pending, touched: list[RelPath]) -> AddedDataset:
    """Write the manifest and what goes with it, now that the content is durable (O3, O4)."""
    dataset, manifest = item.dataset, item.manifest
    changed = write_manifest(repository, dataset, manifest, item.before)
    if changed:
        touched.append(dataset.manifest_path)
    ignore_file = edit_ignore_file(repository, dataset, add=True)
    if ignore_file is not None:
        touched.append(ignore_file)
    if item.rows is not None:
        make_directories(repository.stat_directory)
        write_stat_cache(repository.stat_file(dataset.path), manifest.content, item.rows)
    state: State = "added" if item.before is None else "modified" if changed else "unchanged"
    return AddedDataset(
        path=dataset.path,
        state=state,
        is_directory=manifest.kind == "directory",
        files=manifest.files,
        rows=manifest.table.rows if manifest.table is not None else None,
        bytes=manifest.content.size,
        changed_files=item.changed_files,
        skipped=tuple(item.disk.skipped),
        note=item.note,
        no_profile=item.no_profile,
    )
