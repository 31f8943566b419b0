"""blame: for each row of a table the commit that made it what it is.

History is walked from the version that is asked for to older ones.  A row goes on to the first parent that
has it as it is; where none has, the commit has made it so.  So a row that came in by a merge belongs to the
commit on the branch, and one that the merge itself made to the merge.

A version that cannot be read is passed over: a row that the versions before it have as the one behind it has
was not changed by either, and any other may be the doing of both.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from datav.errors import DatavError, UnknownDatasetError, UsageError
from datav.formats.manifest import parse_manifest
from datav.git import MANIFEST_SUFFIX
from datav.git.ancestry import FileCommit, find_former_paths, iter_ancestry
from datav.relpath import RelPath
from datav.repo.farreading import Source
from datav.repo.log import no_history_inside
from datav.repo.repository import Repository
from datav.repo.rowlog import read_cells, table_at
from datav.repo.specs import Located, find_at, unknown_dataset
from datav.repo.tablehistory import TableAt, TableHistory, find_key
from datav.tables.options import DiffOptions
from datav.tables.predicate import Predicate
from datav.tables.selecting import iter_places, select_places
from datav.tables.tracking import Tracked
from datav.tables.version import TableVersion
from datav.tables.views import no_such_column

I64 = NDArray[np.int64]

# Manifests read in one go.
_MANIFESTS_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class BlamedRow:
    """One row, and who made it so."""

    number: int
    """From 1, in the order of the file."""
    key: dict[str, object]
    """Empty without a key."""
    cells: dict[str, object]
    """All others, or that of the one column that was asked for."""
    commit: FileCommit
    is_certain: bool
    """False: a commit before it may have done it, whose version could not be read, or which a shallow clone
    lacks."""


@dataclass(frozen=True, slots=True)
class Unread:
    """A version that was passed over."""

    commit: str
    reason: str


@dataclass(frozen=True, slots=True)
class Blame:
    """Rows of one version, and who made them so."""

    path: RelPath
    rev: str
    commit: str
    key: tuple[str, ...]
    column: str | None
    total: int
    """Rows of the version; of those that meet the condition, if there is one."""
    rows: tuple[BlamedRow, ...]
    unread: tuple[Unread, ...]


def blame(
    repository: Repository,
    name: str,
    rev: str = "HEAD",
    *,
    key: tuple[str, ...] | None = None,
    column: str | None = None,
    where: Predicate | None = None,
    limit: int | None = None,
) -> Blame:
    """Return the rows of a table, each with the commit that last changed it.

    Columns that came or went change no row, and the order of rows is nothing.  A dataset that was renamed
    is followed.

    Args:
        key: columns that identify a row; empty: none; None: what the manifest or the settings say.
        column: only changes of the cells of this column count.
        where: only rows that meet this.
        limit: at most so many rows, the first ones.

    Raises:
        UnknownRevisionError: git does not know `rev`.
        UnknownDatasetError: there is no such dataset.
        UsageError: it is a directory, or lacks a column that was named.
        TableError: it is no table.
        What reading it raises.

    Cost: a comparison for each version down to the last that changed one of the rows, each of what changed.
    """
    located = _locate(repository, name, rev)
    commit = repository.git.resolve(rev)
    asked = TableAt(located.dataset.path, located.manifest)
    source = Source(repository)
    with TableHistory(repository, source, DiffOptions()) as opened:
        version = opened.open(asked)
        columns = key if key is not None else find_key(repository, asked)
        _check_columns(version, columns, column)
        places = _concatenate(iter_places(version, repository.executor))
        found = places if where is None else _concatenate(select_places(version, where, repository.executor))
        wanted = np.searchsorted(places, found[:limit]).astype(np.int64)
        tracked = Tracked(version, len(places), columns, column, repository.executor)
        walk = _Walk(repository, source, tracked)
        walk.run(asked, commit, len(places), wanted)
        cells = read_cells(version, places[wanted])
    rows = tuple(
        _row(int(number), row, columns, column, *walk.answer(int(number)))
        for number, row in zip(wanted, cells, strict=True)
    )
    unread = tuple(Unread(oid, reason) for oid, reason in walk.unread.items())
    return Blame(asked.path, rev, commit, columns, column, len(found), rows, unread)


def _locate(repository: Repository, name: str, rev: str) -> Located:
    path = repository.relative(name)
    if path is None:
        raise UnknownDatasetError(
            f"{name} is the whole repository, no dataset", hint="`datav ls` lists the datasets"
        )
    found = find_at(repository, rev, path)
    if found is None:
        raise unknown_dataset(repository, rev, path)
    if found.manifest.kind != "file" and found.inside:
        raise no_history_inside(repository, path, found.dataset.path)
    if found.manifest.kind != "file":
        raise UsageError(
            f"{found.dataset} is a directory: only a dataset that is a table has a history of rows",
            hint=f"`datav log {repository.shown(found.dataset.path)}` shows the commits that changed it",
        )
    if found.inside:
        raise UnknownDatasetError(f"{path} is no dataset: {found.dataset} is a file, nothing lies in it")
    return found


def _check_columns(version: TableVersion, key: tuple[str, ...], column: str | None) -> None:
    known = [each.name for each in version.columns]
    for name in (*key, column):
        if name is not None and name not in known:
            raise no_such_column(name, known)
    if column is not None and not key:
        raise UsageError(
            "the history of a column needs a key: without one no two rows belong together",
            hint="name the columns that identify a row with `--key`",
        )


def _concatenate(parts: Iterator[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    return np.concatenate([np.zeros(0, np.uint64), *parts])


def _row(
    number: int,
    cells: dict[str, object],
    key: tuple[str, ...],
    column: str | None,
    commit: FileCommit,
    is_certain: bool,
) -> BlamedRow:
    named = {name: cells[name] for name in key}
    others = {
        name: cell
        for name, cell in cells.items()
        if (name == column if column is not None else name not in named)
    }
    return BlamedRow(number + 1, named, others, commit, is_certain)


@dataclass(slots=True)
class _Node:
    """A commit of the history."""

    number: int
    """Larger than that of every commit that came from it, as far as they have the same path."""
    path: RelPath
    """Of the dataset, as it was called then."""
    commit: FileCommit


class _Walk:
    """From the newest version to older ones; rows wait at the version down to which they are the same."""

    def __init__(self, repository: Repository, source: Source, tracked: Tracked) -> None:
        self._repository = repository
        self._source = source
        self._tracked = tracked
        self._nodes: list[_Node] = []
        self._numbers: dict[tuple[str, RelPath], int] = {}
        self._tables: dict[int, TableAt | DatavError | None] = {}
        self._waiting: dict[int, dict[tuple[str, ...], list[I64]]] = {}
        self._queue: list[int] = []
        self._made_by = np.zeros(0, np.int64)
        self._is_certain = np.zeros(0, bool)
        self._is_shallow = repository.git.is_shallow()
        self.unread: dict[str, str] = {}
        """Commits whose versions were passed over, and why."""

    def run(self, table: TableAt, rev: str, total: int, wanted: I64) -> None:
        """Find the commits of the rows `wanted`, of `total` in all."""
        start = self._load(table.path, rev)
        if start is None:
            raise UnknownDatasetError(f"git has no history of {table.path}")
        self._tables[start] = table
        self._made_by = np.full(total, -1, np.int64)
        self._is_certain = np.ones(total, bool)
        self._wait(start, self._tracked.names, np.arange(total))
        while self._queue and (self._made_by[wanted] < 0).any():
            number = heappop(self._queue)
            # Rows of several children wait together, unless a rename has mixed up the order.
            for names, rows in self._waiting.pop(number, {}).items():
                self._settle(number, names, np.sort(np.concatenate(rows)))

    def answer(self, row: int) -> tuple[FileCommit, bool]:
        """Return who made a row that was wanted, and whether that is certain."""
        return self._nodes[self._made_by[row]].commit, bool(self._is_certain[row])

    def _wait(self, number: int, names: tuple[str, ...], rows: I64) -> None:
        """Let rows wait at a version that has them, as far as the columns `names` say.

        A column counts back to where it is missing for the first time, and not again beyond.
        """
        if len(rows):
            self._waiting.setdefault(number, {}).setdefault(names, []).append(rows)
            heappush(self._queue, number)

    def _settle(self, number: int, names: tuple[str, ...], rows: I64) -> None:
        """Send rows on to the parents that have them, and note the others."""
        passed_over = set[int]()
        parents = deque(self._parents(number))
        is_certain = bool(parents) or not self._is_shallow
        while parents and len(rows):
            parent = parents.popleft()
            if parent in passed_over:
                continue
            found = self._changed(parent, number, names, rows)
            if found is None:
                passed_over.add(parent)
                parents.extendleft(reversed(self._parents(parent)))
                continue
            changed, shared = found
            self._wait(parent, shared, rows[~changed])
            rows = rows[changed]
        self._made_by[rows] = number
        self._is_certain[rows] = is_certain and not passed_over

    def _changed(
        self, parent: int, number: int, names: tuple[str, ...], rows: I64
    ) -> tuple[NDArray[np.bool_], tuple[str, ...]] | None:
        """Return which rows a parent has not, or not so, and by which columns; None if it cannot be read."""
        before, after = self._table(parent), self._table(number)
        assert isinstance(after, TableAt), "rows wait at tables only"
        if before is None:
            return np.ones(len(rows), bool), ()
        if isinstance(before, TableAt) and before.manifest.content == after.manifest.content:
            return np.zeros(len(rows), bool), names
        found = self._compare(before, after, names, rows) if isinstance(before, TableAt) else str(before)
        if not isinstance(found, str):
            return found
        self.unread[self._nodes[parent].commit.oid] = found
        return None

    def _compare(
        self, before: TableAt, after: TableAt, names: tuple[str, ...], rows: I64
    ) -> tuple[NDArray[np.bool_], tuple[str, ...]] | str:
        """Return what `_changed` does, or why the first version cannot be read."""
        options = self._tracked.options(names)
        try:
            with TableHistory(self._repository, self._source, options) as history:
                found = history.compare(before, after, None)
                if isinstance(found, str):
                    return found
                assert found.rows is not None, "rows were asked for"
                if found.rows.from_rows is None:
                    return found.rows.refused or "its rows cannot be read"
                sides = history.open(before), history.open(after)
                return self._tracked.find_changed(rows, names, found.rows, *sides)
        except DatavError as exc:
            return str(exc)

    def _parents(self, number: int) -> list[int]:
        node = self._nodes[number]
        keys = [(oid, node.path) for oid in node.commit.parents]
        parents = [self._numbers[key] for key in keys if key in self._numbers]
        if node.commit.blob is not None and all(self._nodes[n].commit.blob is None for n in parents):
            parents += self._former(node)
        return parents

    def _former(self, node: _Node) -> list[int]:
        """What a dataset was called that is new under its name."""
        manifest = RelPath(bytes(node.path) + MANIFEST_SUFFIX)
        found = find_former_paths(self._repository.git, node.commit.oid, manifest)
        former = [self._load(RelPath(path.removesuffix(MANIFEST_SUFFIX)), oid) for oid, path in found]
        return [number for number in former if number is not None]

    def _load(self, path: RelPath, rev: str) -> int | None:
        """Make known the history of a path from a commit on; return the newest of it, None without any."""
        first = None
        manifest = RelPath(bytes(path) + MANIFEST_SUFFIX)
        for commit in iter_ancestry(self._repository.git, manifest, rev):
            number = self._numbers.get((commit.oid, path))
            if number is None:
                number = self._numbers[commit.oid, path] = len(self._nodes)
                self._nodes.append(_Node(number, path, commit))
            if first is None:
                first = number
        return first

    def _table(self, number: int) -> TableAt | DatavError | None:
        """Return a version; None of what was not there, or is no file, or has nothing in it."""
        if number not in self._tables:
            self._read_manifests(number)
        return self._tables[number]

    def _read_manifests(self, number: int) -> None:
        nodes = [
            node
            for node in islice(self._nodes, number, number + _MANIFESTS_AT_ONCE)
            if node.number not in self._tables
        ]
        blobs = {node.commit.blob for node in nodes if node.commit.blob is not None}
        found = dict(self._repository.git.iter_blobs(blobs))
        for node in nodes:
            blob = node.commit.blob
            self._tables[node.number] = None if blob is None else _parse_table(found.get(blob), node)


def _parse_table(data: bytes | None, node: _Node) -> TableAt | DatavError | None:
    where = f"{node.path} at {node.commit.oid[:10]}"
    if data is None:
        return UsageError(f"the manifest of {where} is too large")
    try:
        table = table_at(node.path, parse_manifest(data, where))
    except DatavError as exc:
        return exc
    return table if table is not None and table.manifest.content.size else None
