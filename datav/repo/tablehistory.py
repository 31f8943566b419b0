"""Versions of one dataset as tables: opened out of the store, compared with each other."""

from dataclasses import dataclass
from types import TracebackType
from typing import Self

from datav.errors import TableError
from datav.formats.manifest import Manifest
from datav.relpath import RelPath
from datav.repo.diffdatasets import key_of
from datav.repo.diffsources import FileVersion, stored_version
from datav.repo.difftables import Tables
from datav.repo.pathrules import find_rules
from datav.repo.repository import Repository
from datav.store.reading import Reading
from datav.tables.options import DiffOptions
from datav.tables.result import TableDiff
from datav.tables.source import NotATable
from datav.tables.version import TableVersion


@dataclass(frozen=True, slots=True)
class TableAt:
    """A dataset that is a file, as one commit has it."""

    path: RelPath
    manifest: Manifest


class TableHistory:
    """Compares stored versions; a context manager: leaving it closes what was opened."""

    def __init__(self, repository: Repository, reader: Reading, options: DiffOptions) -> None:
        self._reader = reader
        self._tables = Tables(
            reader,
            repository.executor,
            options,
            repository.settings.tables,
            cache=repository.private / "cache" / "diff",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tables.close()

    def open(self, table: TableAt) -> TableVersion:
        """Return a version, to be read while this is open.

        Raises:
            TableError: it is none.
            What reading it raises.
        """
        found = self._tables.open_version(self._file(table), table.path)
        if isinstance(found, NotATable):
            raise TableError(f"{table.path} {found.reason}")
        return found

    def compare(self, before: TableAt, after: TableAt, key: tuple[str, ...] | None) -> TableDiff | str:
        """Return how two versions differ, or why that cannot be told.

        Args:
            key: what the manifests say, or None.

        Raises:
            UsageError: the options name columns that neither version has.
            What reading the versions raises.
        """
        sides = self._file(before), self._file(after)
        found, reason = self._tables.compare(after.path, *sides, key, before.path)
        return found if found is not None else reason or "is no table"

    def _file(self, table: TableAt) -> FileVersion:
        return stored_version(self._reader, table.path, b"", table.manifest.content)


def find_key(repository: Repository, table: TableAt) -> tuple[str, ...]:
    """Return the columns that identify a row, as the manifest says, else the settings; empty: none do."""
    if key := key_of(table.manifest):
        return key
    rules = find_rules(repository.settings.tables, table.path)
    return rules.key if rules is not None and rules.key else ()
