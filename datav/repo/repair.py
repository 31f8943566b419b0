"""repair: what is damaged in the local store, made good again from whatever still has it.

First from the store itself (`datav.store.repairing`); then what manifests need and the store lacks comes from
a remote; then from the files of the work tree, which are read as `add` reads them.  What can be had from
nowhere is told by path and revision.
"""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from datav.errors import ChangedWhileReadError, DatavError, RemoteError, UnreadableError, UsageError
from datav.formats.entry import Content
from datav.ids import Buffer
from datav.repo.collect import forget_unstored
from datav.repo.connecting import connected
from datav.repo.datasets import Dataset, dataset_of_manifest
from datav.repo.disk import look
from datav.repo.intake import take_in
from datav.repo.partial import partial_contents
from datav.repo.repository import Repository, local_layout
from datav.repo.roots import Root, find_roots
from datav.repo.verify import AbsentVersion, find_absent, name_versions, unique_roots
from datav.storage.leases import Lease, collector_lease
from datav.store.completeness import Completeness
from datav.store.fetching import fetch_contents
from datav.store.layout import Layout
from datav.store.lookup import Lookup
from datav.store.packs import LocalPacks
from datav.store.positions import split_ids
from datav.store.reading import Reader
from datav.store.remote import RemoteStore
from datav.store.repairing import StoreRepair, forget_aside, ids_aside, repair_store
from datav.store.trees import write_directory_tree
from datav.store.verifying import VerifiedStore, verify_store
from datav.store.writing import StoreWriter
from datav.workspace.scan import kind_in


@dataclass(frozen=True, slots=True)
class LostVersion:
    """A version that is not whole, and where nothing that was asked has what is missing."""

    version: AbsentVersion
    chunks: int
    nodes: int
    """Tree nodes: what is missing below them is not counted."""


@dataclass(frozen=True, slots=True)
class Repaired:
    """What a repair did or, as a dry run, would do."""

    dry_run: bool
    damaged: int
    """Chunks and tree nodes that were damaged, as far as indexes lead to them."""
    broken_indexes: int
    unindexed_packs: int
    """Packs that no index covered, and that one covers now."""
    damaged_packs: int
    """Packs of which the good parts are in new packs now."""
    rescued: int
    """Chunks and tree nodes that came back from packs that an earlier repair had put aside."""
    unsound: int
    """Chunks and tree nodes of which the store itself had no good copy."""
    remote: str | None
    """Which remote was asked; None: none."""
    remote_error: str | None
    """Why it gave less than it may have."""
    from_remote: int
    """Chunks and tree nodes that it gave."""
    from_files: int
    """Chunks that files of the work tree gave."""
    lost: tuple[LostVersion, ...]
    unreadable: tuple[str, ...]
    """Manifests that cannot be read: what they need is not known."""

    @property
    def ok(self) -> bool:
        """Whether nothing is lost."""
        return not self.lost and not self.unreadable


def repair(repository: Repository, *, source: str | None = None, dry_run: bool = False) -> Repaired:
    """Make the local store whole again, as far as it can be.

    Args:
        source: the remote to ask for what the store lacks; None for the default one, if there is one.
        dry_run: only say what is wrong.

    Raises:
        BusyError: another process is writing or collecting.
        UsageError: there is no such remote.
        StorageError: the store cannot be read or written; nothing is lost, and running it again goes on.
    """
    work = _Repair(repository, local_layout(repository.private))
    if dry_run:
        found = work.verify()
        done = repair_store(work.layout, found, repository.executor, None, progress=repository.progress)
        return work.report(found, done, dry_run=True)
    with collector_lease(work.layout.locks) as lease:
        found, done = work.repair_store(lease)
    name = source if source is not None else repository.settings.default_remote
    if work.find_lacking() and name is not None:
        work.ask(name)
    if work.find_lacking():
        work.read_files()
    with collector_lease(work.layout.locks) as lease:
        # What came back may be what others rest on, in packs that were put aside.
        if work.came_back:
            _, again = work.repair_store(lease)
            work.rescued += again.rescued
        lacking = work.find_lacking()
        if lacking:
            # What is on disk is not stored in full, whatever was known of it (O4).
            forget_unstored(repository, {root.content for root in work.roots} - lacking.keys())
        is_all_there = not (lacking or work.absent or work.partial)
        forget_aside(work.layout, work.has_all, is_all_there=is_all_there)
    return work.report(found, done, dry_run=False)


@dataclass(slots=True)
class _Repair:
    """One repair, as far as it has come."""

    repository: Repository
    layout: Layout
    remote: str | None = None
    remote_error: str | None = None
    from_remote: int = 0
    from_files: int = 0
    rescued: int = 0
    roots: list[Root] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    absent: set[Content] = field(default_factory=set)
    """Never fetched."""
    partial: set[Content] = field(default_factory=set)
    """Of which a part may be here only."""

    def __post_init__(self) -> None:
        roots = find_roots(self.repository.git)
        self.roots = unique_roots([*roots.work_trees, *roots.history])
        self.unreadable = [each.where for each in roots.unreadable]
        contents = list(dict.fromkeys(root.content for root in self.roots))
        aside = {identity for ids in ids_aside(self.layout) for identity in split_ids(ids)}
        absent = find_absent(self.layout, Lookup(self.layout, checked=True), contents)
        self.absent = {content for content in absent if content.id not in aside}
        noted = partial_contents(self.repository)
        self.partial = {content for content in contents if content.id in noted}

    @property
    def came_back(self) -> bool:
        return bool(self.from_remote or self.from_files)

    def verify(self) -> VerifiedStore:
        return verify_store(
            LocalPacks(self.layout),
            Lookup(self.layout, checked=True),
            self.repository.executor,
            progress=self.repository.progress,
        )

    def repair_store(self, lease: Lease) -> tuple[VerifiedStore, StoreRepair]:
        found = self.verify()
        executor, progress = self.repository.executor, self.repository.progress
        done = repair_store(self.layout, found, executor, lease, progress=progress)
        # This process may go on: what it believes to be stored must be true.
        self.repository.store.lookup.refresh()
        return found, done

    def find_lacking(self) -> dict[Content, tuple[int, int]]:
        """Return the versions that were whole once and are not, and how many chunks and nodes each lacks."""
        lookup = Lookup(self.layout, checked=True)
        completeness = Completeness(lookup, Reader(LocalPacks(self.layout), lookup))
        for content in self.partial:
            completeness.find_lack(content)
        lacking = {}
        for root in self.roots:
            content = root.content
            if content in self.absent or content in self.partial or content in lacking:
                continue
            if self.partial and completeness.has_seen(content):
                continue
            lack = completeness.find_lack(content)
            if lack:
                lacking[content] = (lack.chunks, lack.nodes)
        return lacking

    def has_all(self, ids: Buffer) -> bool:
        return all(self.repository.store.lookup.contains(ids))

    def ask(self, name: str) -> None:
        """Fetch what is lacking from a remote.  One that cannot help is no reason to stop."""
        with connected(self.repository, name) as remote:
            self.remote = remote.name
            try:
                self.from_remote = self._fetch(remote)
            except DatavError as exc:
                self.remote_error = str(exc)

    def _fetch(self, remote: RemoteStore) -> int:
        repository = self.repository
        if not remote.refresh():
            raise RemoteError(f"there is no store at {remote.shown}")
        with repository.store.writing(repository.executor) as writer:
            lacking = self.find_lacking()
            fetched = fetch_contents(repository.store, remote, writer, lacking, progress=repository.progress)
        return fetched.chunks + fetched.nodes

    def read_files(self) -> None:
        """Store again what lies on disk of the datasets that lack something."""
        repository = self.repository
        with repository.store.writing(repository.executor) as writer:
            for dataset in self._datasets_lacking():
                # What cannot be read has nothing to give.
                with contextlib.suppress(UsageError, UnreadableError, ChangedWhileReadError):
                    self._read_dataset(dataset, writer)
            self.from_files = writer.tally.new_chunks

    def _read_dataset(self, dataset: Dataset, writer: StoreWriter) -> None:
        disk = look(self.repository, dataset)
        if disk is None:
            return
        rows = take_in(self.repository, disk.root, disk.entries, writer).rows
        if disk.is_directory:
            kinds = bytes([kind_in(row.stamp) for row in rows])
            write_directory_tree(writer, [row.path for row in rows], kinds, [row.content for row in rows])

    def _datasets_lacking(self) -> Iterable[Dataset]:
        """The datasets that lack something, by the names that they have or had.  No file has a profile."""
        lacking = self.find_lacking()
        roots = [root for root in self.roots if root.content in lacking and not root.is_profile]
        names = {version.path for version in name_versions(self.repository, roots)}
        named = (dataset_of_manifest(root.path) for root in roots if root.path is not None)
        names |= {dataset.path for dataset in named if dataset is not None}
        return [Dataset(name) for name in sorted(name for name in names if name is not None)]

    def report(self, found: VerifiedStore, done: StoreRepair, *, dry_run: bool) -> Repaired:
        return Repaired(
            dry_run=dry_run,
            damaged=len(found.damaged),
            broken_indexes=done.broken_indexes,
            unindexed_packs=done.unindexed_packs,
            damaged_packs=done.damaged_packs,
            rescued=done.rescued + self.rescued,
            unsound=len(done.lost),
            remote=self.remote,
            remote_error=self.remote_error,
            from_remote=self.from_remote,
            from_files=self.from_files,
            lost=self._name_lost(),
            unreadable=tuple(self.unreadable),
        )

    def _name_lost(self) -> tuple[LostVersion, ...]:
        lacking = self.find_lacking()
        by_id = {f"b3:{content.id.hex()}": lack for content, lack in lacking.items()}
        roots = [root for root in self.roots if root.content in lacking]
        return tuple(
            LostVersion(version, *by_id[version.id]) for version in name_versions(self.repository, roots)
        )
