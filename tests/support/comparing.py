"""Tables compared by datav, told in the terms of the twin (rowtwin.py).

with comparing() as tables:
    found = tables.diff(("a.csv", data), ("b.csv", other), DiffOptions(key=("id",)))
    assert told(found, ["id", "name"]) == diff_rows(...)
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from datav.storage.scratch import Scratch
from datav.tables.compare import compare
from datav.tables.opening import open_table
from datav.tables.options import DiffOptions
from datav.tables.result import RowChange, TableDiff
from datav.tables.shared import Shared
from datav.tables.source import NotATable
from datav.tables.version import TableVersion
from tests.support.rowtwin import Change, TwinDiff, cells_of, frozen


@dataclass
class BytesSource:
    """A RandomAccess over bytes."""

    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)

    def read_at(self, offset: int, size: int) -> bytes:
        assert offset >= 0
        assert size >= 0
        return self.data[offset : offset + size]


@dataclass(frozen=True)
class Comparing:
    """What a comparison needs, as long as its changes are read."""

    scratch: Scratch
    executor: Executor

    def open(self, name: str, data: bytes) -> TableVersion:
        opened = self.open_any(name, data)
        assert not isinstance(opened, NotATable), opened
        return opened

    def open_any(self, name: str, data: bytes) -> TableVersion | NotATable:
        return open_table(name, BytesSource(data), self.scratch)

    def diff(
        self,
        before: tuple[str, bytes],
        after: tuple[str, bytes],
        options: DiffOptions,
        shared: Shared | None = None,
    ) -> TableDiff:
        """Compare two files, each a name and its bytes."""
        return compare(
            self.open(*before),
            self.open(*after),
            options,
            scratch=self.scratch,
            executor=self.executor,
            shared=shared,
        )


@contextmanager
def comparing() -> Iterator[Comparing]:
    with Scratch() as scratch, ThreadPoolExecutor(2) as executor:
        yield Comparing(scratch, executor)


def told(diff: TableDiff, compared: Iterable[str]) -> TwinDiff:
    """Return what datav found as the twin would put it.

    Args:
        compared: names of the columns that both versions have and that are compared, the key included.
    """
    rows = diff.rows
    assert rows is not None
    duplicates = rows.duplicates
    return TwinDiff(
        columns_added=tuple(column.name for column in diff.schema.added),
        columns_removed=tuple(column.name for column in diff.schema.removed),
        reordered=diff.schema.reordered,
        from_rows=rows.from_rows or 0,
        to_rows=rows.to_rows or 0,
        added=rows.added,
        removed=rows.removed,
        changed=rows.changed,
        unchanged=rows.unchanged,
        changed_cells=dict(rows.changed_cells),
        moved=rows.moved,
        duplicated_before=duplicates.before if duplicates else 0,
        duplicated_after=duplicates.after if duplicates else 0,
        changes=_counted(rows.changes(), rows.key, list(compared)),
    )


def _counted(changes: Iterable[RowChange], key: Sequence[str], compared: list[str]) -> Counter[Change]:
    counted: Counter[Change] = Counter()
    for change in changes:
        match change.op:
            case "added" | "removed":
                whole = change.after if change.op == "added" else change.before
                counted[Change(change.op, (), cells_of(whole, compared))] += change.count
            case "changed":
                named = tuple(frozen(change.key[name]) for name in key)
                sides = (cells_of(side, side) for side in (change.before, change.after))
                counted[Change(change.op, named, *sides)] += change.count
    return counted
