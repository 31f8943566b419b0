"""How many rows each commit changed, and which of them meet a condition.

What was counted once is remembered by the ids of both versions and by how they were compared, in one small
file below `datav/cache/`; without it everything is counted again.  Nothing is fetched: of versions that are
not here the rows are not known.
"""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from types import TracebackType
from typing import Any, Self

from datav.errors import DatavError, MissingChunkError
from datav.formats.manifest import Manifest
from datav.relpath import RelPath
from datav.repo.diffdatasets import key_of
from datav.repo.difffiles import is_named_like_table
from datav.repo.pathrules import find_rules
from datav.repo.repository import Repository
from datav.repo.tablehistory import TableAt, TableHistory, find_key
from datav.storage.caching import Cache
from datav.tables.cellvalues import cell_values
from datav.tables.changes import some_changes
from datav.tables.options import DiffOptions
from datav.tables.predicate import Predicate
from datav.tables.result import RowChange, RowDiff
from datav.tables.selecting import select_places
from datav.tables.version import U64, TableVersion
from datav.tables.views import no_such_column

MOST_ROWS = 100
"""Of one commit that are told one by one; of all others only the number."""

# Higher whenever the same two versions may be counted differently than before.
_COUNTED_HOW = 1
_REMEMBERED = 10_000
_FILE = "rows"
# The file is some hundred bytes for each: never more than that, whatever somebody put there.
_MAX_CACHE = 16 * 2**20


@dataclass(frozen=True, slots=True)
class RowCounts:
    """How the rows of a table changed."""

    added: int | None = None
    removed: int | None = None
    changed: int | None = None
    """None, as the others: not known."""
    refused: str | None = None
    """Why they are not known, or, with numbers, why some rows were compared without a key."""


@dataclass(frozen=True, slots=True)
class MatchingRows:
    """The rows that meet a condition before or after."""

    counts: RowCounts
    changes: tuple[RowChange, ...] = ()
    """At most MOST_ROWS, some of every kind."""


class RowLog:
    """Counts the rows that commits changed.  A context manager: leaving it writes down what was counted."""

    def __init__(self, repository: Repository, key: tuple[str, ...] | None = None) -> None:
        self._repository = repository
        self._key = key
        self._cache = Cache(repository.private / "cache" / "log", _MAX_CACHE)
        self._remembered = _read_counts(self._cache)
        self._is_new = False
        self._columns: dict[str, None] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_new:
            _write_counts(self._cache, self._remembered)

    def count(self, before: TableAt | None, after: TableAt | None) -> RowCounts | None:
        """Return how many rows changed between two versions; None of what is no table on either side.

        None for a version: it was not there.
        """
        if not _is_table(before) and not _is_table(after):
            return None
        if before is None or after is None:
            return _appeared(before, after)
        if before.manifest.content == after.manifest.content:
            return RowCounts(0, 0, 0)
        name = self._name(before, after)
        known = self._remembered.pop(name, None)
        if known is None:
            known, is_certain = self._compare(before, after)
            self._is_new = self._is_new or is_certain
            if not is_certain:
                return known
        # Put last: what was used longest ago is forgotten first.
        self._remembered[name] = known
        return known

    def match(self, before: TableAt | None, after: TableAt | None, where: Predicate) -> MatchingRows | None:
        """Return the rows that changed and meet a condition before or after; None if there are none.

        There are none either where both versions lack a column of the condition.
        """
        if not _is_table(before) and not _is_table(after):
            return None
        if before is not None and after is not None and before.manifest.content == after.manifest.content:
            return None
        options = DiffOptions(key=self._key, where=where.text)
        with TableHistory(self._repository, self._repository.store.reader, options) as history:
            try:
                here = self._see_columns(history, before, after)
                return self._match(history, before, after, where) if here.issuperset(where.columns) else None
            except DatavError as exc:
                return MatchingRows(RowCounts(refused=_reason(exc)))

    def knows_key(self, table: TableAt | None) -> bool:
        """Whether the columns of the key that was asked for are known by now, of this version or of others.

        Versions that cannot be read say nothing.
        """
        if not self._key or self._columns.keys() >= set(self._key):
            return True
        if table is not None and _is_table(table):
            reader = self._repository.store.reader
            with suppress(DatavError), TableHistory(self._repository, reader, DiffOptions()) as history:
                self._see_columns(history, table, None)
        return self._columns.keys() >= set(self._key)

    def check_key(self) -> None:
        """Raise UsageError if the key names a column that no version has which was looked at."""
        self._check(self._key or ())

    def check(self, where: Predicate) -> None:
        """Raise UsageError if the condition speaks of a column that no version had which was looked at."""
        self._check(where.columns)

    def _check(self, names: Iterable[str]) -> None:
        for name in names:
            if self._columns and name not in self._columns:
                raise no_such_column(name, list(self._columns))

    def _see_columns(self, history: TableHistory, before: TableAt | None, after: TableAt | None) -> set[str]:
        """Return, and note, which columns the versions have."""
        there = [history.open(table) for table in (before, after) if table is not None]
        here = dict.fromkeys(column.name for version in there for column in version.columns)
        self._columns |= here
        return set(here)

    def _match(
        self, history: TableHistory, before: TableAt | None, after: TableAt | None, where: Predicate
    ) -> MatchingRows | None:
        if before is None or after is None:
            return self._match_alone(history, before, after, where)
        found = history.compare(before, after, key_of(after.manifest, before.manifest))
        if isinstance(found, str):
            return MatchingRows(RowCounts(refused=found))
        rows = found.rows
        assert rows is not None, "rows were asked for"
        counts = _counts(rows)
        if rows.is_empty and counts.added is not None:
            return None
        return MatchingRows(counts, tuple(some_changes(rows, MOST_ROWS)))

    def _match_alone(
        self, history: TableHistory, before: TableAt | None, after: TableAt | None, where: Predicate
    ) -> MatchingRows | None:
        there = after if after is not None else before
        assert there is not None
        version = history.open(there)
        total, changes = 0, list[RowChange]()
        key = self._key if self._key is not None else find_key(self._repository, there)
        for places in select_places(version, where, self._repository.executor):
            total += len(places)
            for cells in read_cells(version, places[: MOST_ROWS - len(changes)]):
                named = {name: cells[name] for name in key if name in cells}
                sides = ({}, cells) if after is not None else (cells, {})
                changes.append(RowChange("added" if after is not None else "removed", named, *sides))
        if not total:
            return None
        counts = RowCounts(total, 0, 0) if after is not None else RowCounts(0, total, 0)
        return MatchingRows(counts, tuple(changes))

    def _compare(self, before: TableAt, after: TableAt) -> tuple[RowCounts, bool]:
        """Return how many rows changed, and whether that will be so the next time too."""
        options = DiffOptions(key=self._key)
        with TableHistory(self._repository, self._repository.store.reader, options) as history:
            try:
                found = history.compare(before, after, key_of(after.manifest, before.manifest))
            except DatavError as exc:
                return RowCounts(refused=_reason(exc)), False
        if isinstance(found, str):
            return RowCounts(refused=found), True
        assert found.rows is not None, "rows were asked for"
        return _counts(found.rows), True

    def _name(self, before: TableAt, after: TableAt) -> str:
        """Names a comparison: what is compared, and how."""
        rules = [find_rules(self._repository.settings.tables, table.path) for table in (before, after)]
        names = [bytes(table.path).rpartition(b".")[2] for table in (before, after)]
        how = repr((_COUNTED_HOW, self._key, key_of(after.manifest, before.manifest), rules, names))
        ids = before.manifest.content.id + after.manifest.content.id
        return blake2b(ids + how.encode(), digest_size=16).hexdigest()


def read_cells(version: TableVersion, places: U64) -> list[dict[str, object]]:
    """Return all cells of some rows, by the names of their columns; the places increase."""
    if not len(places):
        return []
    table: Any = version.take(places, range(len(version.columns)), version.types)
    columns = [cell_values(column) for column in table.columns]
    names = [column.name for column in version.columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def table_at(path: RelPath, manifest: Manifest | None) -> TableAt | None:
    """A version that is a file; None of one that is not there, or is a directory."""
    return TableAt(path, manifest) if manifest is not None and manifest.kind == "file" else None


def _reason(error: DatavError) -> str:
    return "its data is not here" if isinstance(error, MissingChunkError) else str(error)


def _is_table(table: TableAt | None) -> bool:
    return table is not None and (table.manifest.table is not None or is_named_like_table(table.path))


def _appeared(before: TableAt | None, after: TableAt | None) -> RowCounts | None:
    """What is said of a table that only one side has: its manifest knows how many rows it has."""
    there = after if after is not None else before
    assert there is not None
    rows = there.manifest.table.rows if there.manifest.table is not None else None
    return RowCounts(rows, 0, 0) if after is not None else RowCounts(0, rows, 0)


def _counts(rows: RowDiff) -> RowCounts:
    if rows.from_rows is None:
        return RowCounts(refused=rows.refused)
    return RowCounts(rows.added, rows.removed, rows.changed, rows.refused)


def _read_counts(cache: Cache) -> dict[str, RowCounts]:
    data = cache.read(_FILE)
    if data is None or len(data) > _MAX_CACHE:
        return {}
    with suppress(ValueError, TypeError, AttributeError, RecursionError):
        return {str(name): _parse_counts(values) for name, values in json.loads(bytes(data)).items()}
    return {}


def _parse_counts(values: Any) -> RowCounts:
    added, removed, changed, refused = values
    if refused is not None and not isinstance(refused, str):
        raise TypeError
    for number in (added, removed, changed):
        if number is not None and (type(number) is not int or number < 0):
            raise TypeError
    return RowCounts(added, removed, changed, refused)


def _write_counts(cache: Cache, counts: Mapping[str, RowCounts]) -> None:
    kept = list(counts.items())[-_REMEMBERED:]
    document = {name: [c.added, c.removed, c.changed, c.refused] for name, c in kept}
    cache.write(_FILE, [json.dumps(document, separators=(",", ":")).encode()])
