"""diff: two states of the data compared: datasets, the files in them, the tables in these.

Datasets are matched by path; what is gone and what is new with the same content was renamed.  What both sides
share is skipped by its id, so the cost is that of the change.
"""

from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from datav.errors import DatavError, IntegrityError, MissingChunkError, UsageError
from datav.formats.entry import Content
from datav.relpath import show_path
from datav.repo.datasets import Dataset
from datav.repo.diffchosen import ALL, Chosen, Part, check_parts
from datav.repo.diffcounting import narrows
from datav.repo.diffdatasets import (
    appeared,
    failed,
    is_executable,
    join_renamed,
    key_of,
    modified,
    side_of,
    users_part,
    with_rows,
)
from datav.repo.diffdisk import find_unsure, is_as_recorded, name_files, pair_with_disk
from datav.repo.diffends import (
    DatasetVersion,
    Ends,
    Versions,
    choose,
    find_ends,
    list_at,
    read_manifests,
    read_versions,
)
from datav.repo.diffresult import DatasetDiff, Diff, Endpoint, iter_tables
from datav.repo.disk import Disk, look
from datav.repo.repository import Repository
from datav.tables.options import DiffOptions
from datav.tables.result import RowDiff

if TYPE_CHECKING:
    from datav.formats.entry import Entry
    from datav.repo.difffiles import CompareTables, FileAt, Pair, TableResult
    from datav.repo.diffsources import FileVersion, NodeKeeper
    from datav.repo.diffstats import Stats, StatsDiff, StatsMode
    from datav.repo.difftables import Tables

Depth = Literal["files", "tables"]
"""How far a comparison looks: `files`: which files differ; `tables`: into the tables that do."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a comparison may cost at most; what would cost more is not compared as a table, and says so."""

    far: bool = True
    """Data that is not here is read from the default remote."""
    gaps: int | None = None
    """Bytes of a table that are not shared, both sides together."""
    size: int | None = None
    """Bytes of a table that is read as a whole; of larger ones only the gaps, if that is enough."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was found; the rows of its tables can be read while the comparison is open."""

    diff: Diff
    errors: tuple[DatavError, ...]
    """Why datasets could not be compared; their `reason` says so too."""
    compare_same: Callable[[], RowDiff | None] = lambda: None
    """Where nothing differs, and one table was asked for: compares it with itself, for its columns."""


@contextmanager
def comparing(
    repository: Repository,
    revisions: Sequence[str] = (),
    names: Sequence[str] = (),
    *,
    options: DiffOptions | None = None,
    depth: Depth = "tables",
    limits: Limits | None = None,
    stats: "StatsMode" = "never",
) -> Iterator[Comparison]:
    """Compare two states of the data; what the rows are read from is closed when the block ends.

    Args:
        revisions: see datav.repo.diffends; without one, `HEAD` and the files on disk.
        names: datasets, paths in one, directories above some, globs; by default everything.
        stats: whether distributions are compared as well.

    Raises:
        UnknownRevisionError: git does not know a revision.
        UnknownDatasetError: a name means nothing at either end.
        UsageError: the options name columns that a table has not got.
    """
    ends = find_ends(repository, revisions)
    chosen = choose(repository, ends, names)
    before, after = read_versions(repository, ends, chosen)
    with _Comparing(repository, options or DiffOptions(), depth, limits or Limits(), stats) as work:
        if chosen is not None and not all(part.is_all for parts in chosen.values() for part in parts):
            check_parts(repository, work.keeper, chosen, read_manifests(repository, ends, chosen))
        compare_same = partial(work.compare_same, ends, chosen)
        yield replace(work.compare(ends, before, after, chosen), compare_same=compare_same)


@contextmanager
def comparing_versions(
    repository: Repository,
    before: DatasetVersion | None,
    after: DatasetVersion | None,
    *,
    options: DiffOptions | None = None,
    limits: Limits | None = None,
) -> Iterator[Comparison]:
    """Compare two versions of one dataset; what rows are read from is closed when the block ends."""
    with _Comparing(repository, options or DiffOptions(), "tables", limits or Limits()) as work:
        named = after or before
        found = work.compare_one(named.dataset, before, after, ALL) if named is not None else None
        if before is not None and after is not None and before.dataset != after.dataset:
            found = replace(
                found or modified(before, after, meta_changed=False),
                status="renamed" if found is None else found.status,
                before_path=before.dataset.path,
            )
        ends = Endpoint(None, None, "before"), Endpoint(None, None, "after")
        yield Comparison(Diff(*ends, () if found is None else (found,)), tuple(work.errors))


@dataclass
class _Comparing:
    """One comparison under way."""

    repository: Repository
    options: DiffOptions
    depth: Depth
    limits: Limits
    stats: "StatsMode" = "never"
    errors: list[DatavError] = field(default_factory=list)
    _tables: "Tables | None" = None
    _keeper: "NodeKeeper | None" = None
    _named: dict[Dataset, Content] = field(default_factory=dict)
    """What lies on disk and is not what its manifest says."""
    _opened: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> "_Comparing":
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()
        if self._tables is not None:
            self._tables.close()

    @property
    def tables(self) -> "Tables":
        # Only here, and below: a comparison that finds nothing needs none of what reading takes.
        if self._tables is None:
            from datav.repo.difftables import Tables

            repository = self.repository
            self._tables = Tables(
                self.keeper,
                repository.executor,
                self.options,
                repository.settings.tables,
                cache=repository.private / "cache" / "diff",
                most=self.limits.gaps,
                largest=self.limits.size,
            )
        return self._tables

    @property
    def keeper(self) -> "NodeKeeper":
        """Names files on disk, and knows their trees and all that are stored."""
        if self._keeper is None:
            from datav.repo.diffsources import NodeKeeper
            from datav.repo.farreading import Source

            near = self.repository.store.reader
            self._keeper = NodeKeeper(Source(self.repository) if self.limits.far else near)
        return self._keeper

    def compare(self, ends: Ends, before: Versions, after: Versions, chosen: Chosen | None) -> Comparison:
        found = []
        gone = {
            version.content
            for dataset, version in before.items()
            if isinstance(version, DatasetVersion) and dataset not in after
        }
        for dataset in sorted(before.keys() | after.keys(), key=_path):
            only = chosen.get(dataset, ()) if chosen is not None else ALL
            version = after.get(dataset)
            if dataset not in before and isinstance(version, DatasetVersion):
                version = self._recognized(version, gone)
            one = self.compare_one(dataset, before.get(dataset), version, only)
            if one is not None:
                found.append(one)
        diff = Diff(ends.before, ends.after, tuple(join_renamed(found)), narrows(self.options))
        misused = next((error for error in self.errors if isinstance(error, UsageError)), None)
        if misused is not None and next(iter_tables(diff), None) is None:
            # What was asked for fits no table at all.
            raise misused
        return Comparison(diff, tuple(self.errors))

    def compare_same(self, ends: Ends, chosen: Chosen | None) -> RowDiff | None:
        """Return the rows of the only dataset, compared with themselves; None if there is no such table."""
        from datav.repo.diffsources import stored_version

        manifests = read_manifests(self.repository, ends, chosen or list_at(self.repository, ends))
        if len(manifests) != 1:
            return None
        ((dataset, versions),) = manifests.items()
        if not versions or versions[-1].kind != "file":
            return None
        content = versions[-1].content
        file = stored_version(self.keeper, dataset.path, b"", content)
        if self._is_on_disk(dataset, content):
            file = self.tables.on_disk(Path(dataset.path.on(self.repository.root)), content.size, content)
        table, _ = self.tables.compare(bytes(dataset.path), file, file, key_of(versions[-1]))
        return None if table is None else table.rows

    def _recognized(self, version: DatasetVersion, gone: Set[Content | None]) -> DatasetVersion:
        """Return a version on disk as what its manifest says, if that is gone elsewhere, and true."""
        disk, manifest = version.disk, version.manifest
        if disk is None or manifest.content not in gone or version.kind != manifest.kind:
            return version
        is_same = is_as_recorded(self.repository, self.keeper, disk, manifest)
        return replace(version, disk=None) if is_same else version

    def compare_one(
        self,
        dataset: Dataset,
        before: DatasetVersion | DatavError | None,
        after: DatasetVersion | DatavError | None,
        only: tuple[Part, ...],
    ) -> DatasetDiff | None:
        """Return how a dataset differs; None if it does not."""
        for version in (before, after):
            if isinstance(version, DatavError):
                return self._failed(dataset, before, after, version)
        assert not isinstance(before, DatavError)
        assert not isinstance(after, DatavError)
        if before is None or after is None:
            return appeared(before, after)
        try:
            found = self._compare_both(before, after, only)
            if found is None or found.status == "unchanged" or not any(part.is_all for part in only):
                return found
            return replace(found, stats=self._compare_stats(before, after, found))
        except MissingChunkError:
            return self._failed(dataset, before, after, self._not_here(dataset))
        except DatavError as exc:
            return self._failed(dataset, before, after, exc)

    def _compare_stats(
        self, before: DatasetVersion, after: DatasetVersion, found: DatasetDiff
    ) -> "StatsDiff | None":
        """Return how distributions differ, where that was asked for."""
        if self.stats == "never" or before.kind != after.kind:
            return None
        renamed = {each.before: each.after for each in found.table.schema.renamed} if found.table else {}
        content = self._named.get(after.dataset, after.content)
        return self._stats.compare(before, after, content, renamed)

    @cached_property
    def _stats(self) -> "Stats":
        from datav.repo.diffstats import Stats
        from datav.repo.profile import profiles_of

        profiles = self._opened.enter_context(profiles_of(self.repository, far=self.limits.far))
        return Stats(self.repository, profiles, self.keeper, self.stats)

    def _not_here(self, dataset: Dataset) -> DatavError:
        from datav.repo.farreading import Source

        what = f"the data of {dataset}"
        if self.limits.far:
            return Source(self.repository).not_here(what)
        return MissingChunkError(f"{what} is not here", hint="`datav diff` reads it from a remote")

    def _failed(
        self,
        dataset: Dataset,
        before: DatasetVersion | DatavError | None,
        after: DatasetVersion | DatavError | None,
        error: DatavError,
    ) -> DatasetDiff:
        self.errors.append(_named(error, str(dataset)))
        return failed(dataset, before, after, str(error))

    def _compare_both(
        self, before: DatasetVersion, after: DatasetVersion, only: tuple[Part, ...]
    ) -> DatasetDiff | None:
        meta_changed = users_part(before.manifest) != users_part(after.manifest) and any(
            p.is_all for p in only
        )
        if before.kind != after.kind:
            reason = f"was a {before.kind}, is a {after.kind}"
            return modified(before, after, meta_changed, reason=reason)
        if before.content is not None and before.content == after.content:
            if is_executable(before) != is_executable(after):
                return modified(before, after, meta_changed)
            return replace(modified(before, after, True), status="unchanged") if meta_changed else None
        if before.kind == "directory":
            return self._compare_directories(before, after, only, meta_changed)
        return self._compare_files(before, after, meta_changed)

    def _compare_files(
        self, before: DatasetVersion, after: DatasetVersion, meta_changed: bool
    ) -> DatasetDiff | None:
        if after.disk is None:
            content = after.manifest.content
        else:
            (named,) = name_files(self.repository, self.keeper, after.disk)
            assert named is not None, "all of it was to be named"
            content = self._named[after.dataset] = named
            if content == before.content and is_executable(before) == is_executable(after):
                return replace(modified(before, after, True), status="unchanged") if meta_changed else None
        result = modified(before, after, meta_changed)
        result = replace(result, after=side_of(after, content))
        if self.depth == "files":
            return result
        table, reason = self.tables.compare(
            bytes(after.dataset.path),
            self._version(before, before.manifest.content),
            self._version(after, content),
            key_of(after.manifest, before.manifest),
        )
        if table is not None and table.rows is not None:
            result = replace(
                result,
                before=with_rows(result.before, table.rows.from_rows),
                after=with_rows(result.after, table.rows.to_rows),
            )
        return replace(result, table=table, reason=reason)

    def _version(self, version: DatasetVersion, content: Content) -> "FileVersion":
        """The one file of a dataset that is a file."""
        from datav.repo.diffsources import stored_version

        path = version.dataset.path
        if version.on_disk or self._is_on_disk(version.dataset, content):
            return self.tables.on_disk(Path(path.on(self.repository.root)), content.size, content)
        return stored_version(self.keeper, path, b"", content)

    def _is_on_disk(self, dataset: Dataset, content: Content) -> bool:
        """Whether a file of a version is also what lies on disk, which is read much faster than the store."""
        try:
            disk = look(self.repository, dataset)
        except DatavError:
            return False
        return disk is not None and not disk.is_directory and disk.known == [content]

    def _compare_directories(
        self, before: DatasetVersion, after: DatasetVersion, only: tuple[Part, ...], meta_changed: bool
    ) -> DatasetDiff | None:
        from datav.repo.difffiles import compare_files

        if after.disk is None:
            pairs = self._stored_pairs(before, after)
        else:
            pairs = self._disk_pairs(before, after, after.disk)
        pairs = [pair for pair in pairs if _is_chosen(after.dataset, pair, only)]
        if not pairs:
            return replace(modified(before, after, True), status="unchanged") if meta_changed else None
        files = compare_files(pairs, self._comparer(before, after))
        return replace(modified(before, after, meta_changed), files=files)

    def _comparer(self, before: DatasetVersion, after: DatasetVersion) -> "CompareTables | None":
        if self.depth == "files":
            return None
        key = key_of(after.manifest, before.manifest)
        prefix = bytes(after.dataset.path) + b"/"
        return partial(self._compare_inside, prefix, key)

    def _compare_inside(
        self,
        prefix: bytes,
        key: tuple[str, ...] | None,
        path: bytes,
        before: "FileVersion",
        after: "FileVersion",
    ) -> "TableResult":
        """Compare two versions of a file in a directory."""
        try:
            return self.tables.compare(prefix + path, before, after, key)
        except DatavError as exc:
            # The others can be compared.
            self.errors.append(_named(exc, show_path(prefix + path)))
            return None, str(exc)

    def _stored_pairs(self, before: DatasetVersion, after: DatasetVersion) -> list["Pair"]:
        from datav.store.treediff import differing_entries

        found = differing_entries(self.keeper, before.manifest.content, after.manifest.content)
        return [
            (
                self._stored_file(before, old) if old is not None else None,
                self._file(after, new) if new is not None else None,
            )
            for old, new in found
        ]

    def _stored_file(self, version: DatasetVersion, entry: "Entry") -> "FileAt":
        from datav.repo.difffiles import FileAt
        from datav.repo.diffsources import stored_version

        path, content = version.dataset.path, entry.content
        return FileAt(
            entry.path,
            entry.kind,
            entry.size,
            content,
            lambda: stored_version(self.keeper, path, entry.path, content),
        )

    def _file(self, version: DatasetVersion, entry: "Entry") -> "FileAt":
        """A file of a version whose tree is at hand, read where that is cheapest."""
        stored = self._stored_file(version, entry)
        return self._file_on_disk(version, stored) if version.on_disk else stored

    def _file_on_disk(self, version: DatasetVersion, file: "FileAt") -> "FileAt":
        place = version.dataset.path.on(self.repository.root)
        name = file.path.decode("utf-8", "surrogateescape")
        return file._replace(version=lambda: self.tables.on_disk(place / name, file.size, file.content))

    def _disk_pairs(self, before: DatasetVersion, after: DatasetVersion, disk: Disk) -> list["Pair"]:
        if disk.is_unchanged and disk.cache.dataset is not None:
            # It is as it was when it was hashed, only by another manifest.
            try:
                known = replace(
                    after,
                    manifest=replace(after.manifest, content=disk.cache.dataset, profile=None),
                    disk=None,
                )
                return self._stored_pairs(before, known)
            except IntegrityError:
                pass  # that tree is not here (any more): every file is looked at
        from datav.store.trees import read_directory

        old = {entry.path: entry for entry in read_directory(self.keeper, before.manifest.content)[0]}
        unsure = find_unsure(disk, old)
        contents = name_files(self.repository, self.keeper, disk, unsure)
        return [
            (
                self._stored_file(before, entry) if entry is not None else None,
                self._found_file(disk, number, contents[number]) if number is not None else None,
            )
            for entry, number in pair_with_disk(old, disk, contents)
        ]

    def _found_file(self, disk: Disk, number: int, content: Content | None) -> "FileAt":
        from datav.repo.difffiles import FileAt

        found = disk.entries[number]
        place = disk.root / found.path.decode("utf-8", "surrogateescape")
        # Only when it is read are tables looked for, and all loaded that this takes.
        return FileAt(
            found.path,
            found.kind,
            found.size,
            content,
            lambda: self.tables.on_disk(place, found.size, content),
        )


def _named(error: DatavError, name: str) -> DatavError:
    """Return an error of what was asked for that says of which data; others say so themselves."""
    if type(error) is not UsageError or name in str(error):
        return error
    return UsageError(f"{name}: {error}", hint=error.hint)


def _path(dataset: Dataset) -> bytes:
    return dataset.path


def _is_chosen(dataset: Dataset, pair: "Pair", only: tuple[Part, ...]) -> bool:
    path = next(file.path for file in pair if file is not None)
    return any(part.holds(dataset, path) for part in only)
