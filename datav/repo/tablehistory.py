"""Versions of one dataset as tables: opened out of the store, compared with each other."""

from dataclasses import dataclass
from typing import Self

from datav.errors import TableError
from datav.formats.manifest import Manifest
from datav.relpath import RelPath
from datav.repo.diffsources import FileVersion, stored_version
from datav.repo.difftables import Tables, find_rules
from datav.repo.repository import Repository
from datav.settings import TableSettings
from datav.store.reading import Reading
from datav.tables.options import DiffOptions
from datav.tables.result import TableDiff
from datav.tables.source import NotATable, RandomAccess
from datav.tables.version import TableVersion


@dataclass(frozen=True, slots=True)
class TableAt:
    """A dataset that is a file, as one commit has it."""

    path: RelPath
    manifest: Manifest


class TableHistory(Tables):
    """Compares stored versions; a context manager: leaving it closes what was opened."""

    def __init__(self, repository: Repository, reader: Reading, options: DiffOptions) -> None:
        super().__init__(
            reader,
            repository.executor,
            options,
            repository.settings.tables,
            cache=repository.private / "cache" / "diff",
        )
        self.opened: list[TableVersion] = []
        """In that order."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self, table: TableAt) -> TableVersion:
        """Return a version, to be read while this is open.

        Raises:
            TableError: it is none.
            What reading it raises.
        """
        file = self._file(table)
        found = self._open_table(file, file.open(), find_rules(self._rules, table.path))
        if isinstance(found, NotATable):
            raise TableError(f"{table.path} {found.reason}")
        return found

    def compare_stored(self, before: TableAt, after: TableAt, key: tuple[str, ...] | None) -> TableDiff | str:
        """Return how two versions differ, or why that cannot be told.

        Args:
            key: what the manifests say, or None.

        Raises:
            UsageError: the options name columns that neither version has.
            What reading the versions raises.
        """
        sides = self._file(before), self._file(after)
        found, reason = self.compare(after.path, *sides, key, before.path)
        return found if found is not None else reason or "is no table"

    def _file(self, table: TableAt) -> FileVersion:
        return stored_version(self._reader, table.path, b"", table.manifest.content)

    def _open_table(
        self, file: FileVersion, source: RandomAccess, rules: TableSettings | None
    ) -> TableVersion | NotATable:
        found = super()._open_table(file, source, rules)
        if not isinstance(found, NotATable):
            self.opened.append(found)
        return found
