"""Tables merged by datav, told in the terms of the twin (mergetwin.py).

found = merged([base, ours, theirs], MergeOptions(("id",)))
assert found.rows == ...
"""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from datav.formats.conflict import ConflictItem
from datav.merging.matching import row_ids
from datav.merging.options import MergeOptions
from datav.merging.tables import Merge, merge_tables
from datav.tables.cellvalues import cell_values
from datav.tables.shared import Shared
from datav.tables.version import TableVersion, View
from tests.support.comparing import comparing
from tests.support.mergetwin import TwinConflict, cells_in
from tests.support.randomtables import Written, read_text
from tests.support.rowtwin import PlainTable, Row, frozen


@dataclass(frozen=True)
class Version:
    """A table in a file, and what the plain way reads there."""

    file: Written
    plain: PlainTable


def text_version_of(*lines: str) -> Version:
    """Return a table of commas."""
    written = Written("table.csv", "".join(line + "\n" for line in lines).encode())
    plain = read_text(written)
    assert plain is not None, lines
    return Version(written, plain)


@dataclass
class Told:
    """What datav made of three versions."""

    names: list[str]
    rows: list[dict[str, object]]
    items: list[ConflictItem]
    counts: dict[str, int]
    notes: list[str]

    @property
    def conflicts(self) -> Counter[TwinConflict]:
        return Counter(conflict_of(item) for item in self.items)

    @property
    def ordered(self) -> list[Any]:
        return [cells_in(row, self.names) for row in self.rows]


def conflict_of(item: ConflictItem) -> TwinConflict:
    return TwinConflict(item.kind, tuple(frozen(cell) for _, cell in item.key), item.column)


def merged(
    versions: Sequence[Version | None], options: MergeOptions, shared: tuple[Shared, Shared] | None = None
) -> Told:
    with comparing() as opening:
        base, ours, theirs = versions
        assert ours is not None
        assert theirs is not None
        opened = [opening.open(*version.file) for version in (ours, theirs)]
        nothing: object = "" if ours.file.name.endswith("csv") else None
        merge = merge_tables(
            None if base is None else opening.open(*base.file),
            *opened,
            options,
            scratch=opening.scratch,
            executor=opening.executor,
            shared=shared,
        )
        rows = apply_windows(merge, opened[0], ours.plain.rows, nothing, opening.executor)
        counts = {name: count for name, count in asdict(merge.counts).items() if count}
        return Told([column.name for column in merge.columns], rows, merge.items, counts, merge.notes)


def apply_windows(
    merge: Merge, ours: TableVersion, rows: Sequence[Row], nothing: object, executor: Executor
) -> list[dict[str, object]]:
    """Return the rows of a merge, in order; and hold its windows to what they promise.

    Args:
        rows: of ours, as the plain way reads them.
        nothing: a cell that is not there.
    """
    names = [column.name for column in merge.columns]
    width = len(ours.columns)
    view = View(tuple(range(width)), (), ours.types)
    ids = [int(number) for block in ours.scan(view, 1, executor) for number in row_ids(ours, block.places)]
    assert len(ids) == len(rows), "the plain way reads other rows"
    kept = _cast(merge, ours, rows, nothing)
    result: dict[int, dict[str, object] | None] = dict(zip(ids, kept, strict=True))
    new: dict[int, list[dict[str, object]]] = {}
    done = 0
    for window in merge.windows():
        changed, removed = (row_ids(ours, places).tolist() for places in (window.places, window.removed))
        boundaries = window.boundaries.tolist()
        for ordered in (changed, removed, boundaries):
            assert ordered == sorted(ordered)
        assert len({*changed, *removed}) == len(changed) + len(removed), "an edit of one row, twice"
        touched = [*changed, *removed, *boundaries]
        assert not touched or min(touched) >= done, "windows are not in order"
        done = max([done, *changed, *removed, *boundaries])
        for number, row in zip(changed, _listed(window.rows, names), strict=True):
            assert number in result
            result[number] = row
        for number in removed:
            assert number in result
            result[number] = None
        for number, row in zip(boundaries, _listed(window.new, names), strict=True):
            new.setdefault(number, []).append(row)
    assert all(number in result or number >= max(ids, default=0) for number in new), "a boundary inside a row"
    told = []
    for number in sorted({*result, *new}):
        told += new.get(number, [])
        kept = result.get(number)
        if kept is not None:
            told.append(kept)
    return told


def _cast(merge: Merge, ours: TableVersion, rows: Sequence[Row], nothing: object) -> list[dict[str, object]]:
    """Return rows of ours with the columns of the result, as the types that they get."""
    columns = []
    for column in merge.columns:
        cells = [row.get(column.name, nothing) for row in rows]
        if column.ours is not None and column.type is not None and column.type != ours.types[column.ours]:
            cells = pa.array(cells, ours.types[column.ours]).cast(column.type).to_pylist()
        columns.append(cells)
    names = [column.name for column in merge.columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _listed(table: Any, names: Sequence[str]) -> list[dict[str, object]]:
    assert table.column_names == list(names)
    columns = [cell_values(column) for column in table.columns]
    return [dict(zip(names, cells, strict=True)) for cells in zip(*columns, strict=True)]
