"""What `datav diff` has found: datasets, files in them, tables in these.  Values; `report` draws them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from datav.relpath import RelPath
from datav.tables.result import TableDiff

if TYPE_CHECKING:
    # Only where somebody asks: profiles take longer to import than most comparisons.
    from datav.repo.diffstats import StatsDiff

FileStatus = Literal["added", "removed", "modified", "renamed", "moved"]
DatasetStatus = Literal["added", "removed", "modified", "renamed", "unchanged"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One end of a comparison."""

    rev: str | None
    """As the user calls it; None: the files on disk."""
    commit: str | None
    """Its id; None of files on disk."""
    shown: str
    """For people."""


@dataclass(frozen=True, slots=True)
class Side:
    """A dataset as one end has it; what is not known without more reading is None."""

    id: str | None
    """`b3:` and 64 hex digits."""
    bytes: int | None
    files: int | None
    rows: int | None


@dataclass(frozen=True, slots=True)
class FileItem:
    """A file in a directory that is not the same on both sides."""

    path: bytes
    """Relative to the dataset; of a removed file where it was."""
    status: FileStatus
    """`renamed`: the same content under another name in the same directory; `moved`: in another directory."""
    before_path: bytes | None
    """Of what was renamed or moved."""
    before_bytes: int | None
    after_bytes: int | None
    table: TableDiff | None
    """Of a modified file that is a table on both sides."""
    reason: str | None
    """Why a file that claims to be a table was not compared as one."""


@dataclass(frozen=True, slots=True)
class FilesDiff:
    """Which files of a directory differ, by path."""

    items: tuple[FileItem, ...] = ()

    @property
    def tables_first(self) -> tuple[FileItem, ...]:
        """Those that were compared as tables, or should have been, then the others; both by path."""
        return tuple(sorted(self.items, key=lambda item: item.table is None and item.reason is None))

    @property
    def added(self) -> int:
        return self._count("added")

    @property
    def removed(self) -> int:
        return self._count("removed")

    @property
    def modified(self) -> int:
        return self._count("modified")

    @property
    def renamed(self) -> int:
        """Those that moved to another directory too."""
        return self._count("renamed", "moved")

    def _count(self, *statuses: FileStatus) -> int:
        return sum(item.status in statuses for item in self.items)


@dataclass(frozen=True, slots=True)
class DatasetDiff:
    """One dataset, compared."""

    path: RelPath
    status: DatasetStatus
    """`unchanged` where only the manifest's own part (key, `[meta]`) or nothing differs."""
    before_path: RelPath | None
    """Of what was renamed."""
    kind: Literal["file", "directory"]
    """As it is after, else as it was before."""
    before: Side | None
    """None: it was not there."""
    after: Side | None
    files: FilesDiff
    """Of a directory."""
    table: TableDiff | None
    """Of a file that is a table on both sides and differs."""
    reason: str | None
    """Why it was not compared in full: data that is nowhere, a file that claims to be a table and is none."""
    meta_changed: bool
    """Whether the manifests differ in what is the user's: the key, and everything from `[meta]` on."""
    stats: "StatsDiff | None" = None
    """How distributions differ; None where that was not asked for, or there are none."""


@dataclass(frozen=True, slots=True)
class Diff:
    """Two states of a repository, of two files, or of two directories, compared."""

    before: Endpoint
    after: Endpoint
    datasets: tuple[DatasetDiff, ...]
    """Those that differ, by path."""
    is_narrowed: bool = False
    """Whether options chose what counts, such as some columns: files may differ in what was not compared."""

    @property
    def is_empty(self) -> bool:
        return all(
            dataset.status == "unchanged" and not dataset.meta_changed and dataset.reason is None
            for dataset in self.datasets
        )


def iter_tables(diff: Diff) -> Iterator[TableDiff]:
    """Yield the tables that were compared, those in directories too."""
    for dataset in diff.datasets:
        for table in (dataset.table, *(item.table for item in dataset.files.items)):
            if table is not None:
                yield table
