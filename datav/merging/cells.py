"""Rows side by side, merged cell by cell."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow
from pyarrow import compute

from datav.errors import TableError
from datav.formats.conflict import ConflictItem, Given
from datav.merging.deciding import decide_by_rule, sum_of_changes
from datav.merging.options import Decision, MergeOptions
from datav.merging.plan import MergedColumn
from datav.settings.merge import ColumnRule
from datav.tables.arrays import flags, integers
from datav.tables.cellvalues import cell_text, cell_values, json_cell
from datav.tables.cellwise import Mask, differing_cells
from datav.tables.feedcells import UNREADABLE, parse_cells


class Rows(NamedTuple):
    """Rows that are each other's, in step: all columns of each version."""

    base: Any | None
    """None: base had none of them, or had what ours has, as `is_new` says."""
    ours: Any
    theirs: Any
    is_new: bool = False
    """Both sides added them."""


@dataclass(slots=True)
class MergedRows:
    """What some rows become."""

    rows: Any
    """A pyarrow.Table of the merged columns."""
    changed: Mask
    """Which are not what ours has."""
    dropped: Mask
    """Which go, because it was decided so."""
    items: list[ConflictItem]
    conflicts: int
    """Rows with a conflict."""
    merged: int
    """Rows that both sides changed, without conflict and not in the same way."""
    same: int
    """Rows that both changed in the same way."""
    ours_only: int = 0
    """Of rows that both sides touched: those of which theirs changed nothing but cells of new columns."""
    theirs_only: int = 0


@dataclass(frozen=True, slots=True)
class CellMerger:
    """Merges cells of one table.

    Args:
        pinned: columns that come from one side alone, whatever the other has.
    """

    columns: tuple[MergedColumn, ...]
    options: MergeOptions
    has_nulls: bool
    """Whether text that is not there is null: in JSON Lines."""
    key: tuple[str, ...]
    """Of the rows that are merged here; empty where they have none."""
    pinned: Mapping[str, Literal["ours", "theirs"]]

    def merge(self, rows: Rows) -> MergedRows:
        size = len(rows.ours)
        state = _State(size)
        merged = [self._column(column, rows, state) for column in self.columns]
        both = state.by_ours & state.by_theirs
        # Columns that one side alone has do not make a row changed.
        is_touched = rows.base is not None
        return MergedRows(
            rows=pyarrow.Table.from_arrays(merged, names=[column.name for column in self.columns]),
            changed=state.changed & ~state.dropped,
            dropped=state.dropped,
            items=state.items,
            conflicts=int(state.in_conflict.sum()),
            merged=int((both & state.differs & ~state.in_conflict).sum()),
            same=int((both & ~state.differs).sum()),
            ours_only=int((state.by_ours & ~both).sum()) if is_touched else 0,
            theirs_only=int((~state.by_ours).sum()) if is_touched else 0,
        )

    def whole(self, table: Any, side: Literal["base", "ours", "theirs"]) -> Any:
        """Return rows of one side alone with the columns of the result."""
        arrays = []
        # Of base also columns that come back after ours removed them.  Looked up once, of thousands.
        places = {name: at for at, name in enumerate(table.column_names)} if side == "base" else {}
        for column in self.columns:
            number = places.get(column.name, getattr(column, side))
            arrays.append(
                self._nothing(column, len(table))
                if number is None
                else self._cast(table.column(number), column)
            )
        return pyarrow.Table.from_arrays(arrays, names=[column.name for column in self.columns])

    def row_items(self, rows: Rows) -> Iterator[ConflictItem]:
        """Yield a conflict for each row that one side removed, ours or theirs being a table of no columns."""
        tables = {"base": rows.base, "ours": rows.ours, "theirs": rows.theirs}
        listed = {side: _listed(table) for side, table in tables.items() if table is not None}
        for number, base in enumerate(listed["base"]):
            ours, theirs = (listed[side][number] if listed[side] else None for side in ("ours", "theirs"))
            key = tuple((name, base[name]) for name in (self.key or base))
            yield ConflictItem("delete_modify", base, ours, theirs, path=self.options.path, key=key)

    def _column(self, column: MergedColumn, rows: Rows, state: "_State") -> Any:
        ours = (
            self._cast(rows.ours.column(column.ours), column)
            if column.ours is not None
            else self._nothing(column, state.size)
        )
        if column.theirs is None or self.pinned.get(column.name) == "ours":
            return ours
        theirs = self._cast(rows.theirs.column(column.theirs), column)
        if column.ours is None or self.pinned.get(column.name) == "theirs":
            state.changed |= differing_cells(ours, theirs)
            return theirs
        base = self._base(column, rows, ours)
        differs = differing_cells(ours, theirs)
        if rows.is_new:
            by_ours = by_theirs = np.ones(state.size, bool)
        else:
            by_ours, by_theirs = differing_cells(base, ours), differing_cells(base, theirs)
        state.by_ours |= by_ours
        state.by_theirs |= by_theirs
        state.differs |= differs
        take = by_theirs & ~by_ours & differs
        both = by_ours & by_theirs
        patches = _Patches({}, take.copy(), np.zeros(state.size, bool))
        self._decide(column, rows, (base, ours, theirs), both, differs, state, patches)
        state.changed |= patches.take
        state.changed |= patches.restore
        result = ours
        for mask, cells in ((patches.take, theirs), (patches.restore, base)):
            result = compute.if_else(flags(mask), cells, result) if mask.any() else result
        return self._patched(result, column, patches.values, state)

    def _decide(
        self,
        column: MergedColumn,
        rows: Rows,
        cells: tuple[Any, Any, Any],
        both: Mask,
        differs: Mask,
        state: "_State",
        patches: "_Patches",
    ) -> None:
        """See to the cells that both sides changed."""
        rule = self.options.rules.columns.get(column.name)
        is_sum = rule is not None and rule.take == "sum-of-changes" and not rows.is_new
        numbers = np.flatnonzero(both if is_sum else both & differs)
        if not len(numbers):
            return
        taken = integers(numbers)
        base, ours, theirs = (list(map(json_cell, cell_values(side.take(taken)))) for side in cells)
        if rows.is_new:
            base = [None] * len(numbers)
        keys = self._keys(rows, taken)
        by = self._by(rule, rows, taken)
        for at, number in enumerate(numbers.tolist()):
            if is_sum:
                total = sum_of_changes(base[at], ours[at], theirs[at])
                if total is not None and self._is_cell(total, column):
                    patches.values[number] = total
                    continue
                if not differs[number]:
                    continue
            side = decide_by_rule(rule, ours[at], theirs[at], by[at]) if rule is not None else None
            item = ConflictItem(
                "add_add" if rows.is_new else "cell",
                base[at],
                ours[at],
                theirs[at],
                path=self.options.path,
                key=keys[at],
                column=column.name,
            )
            self._settle(item, side or self.options.decided(item), number, state, patches)

    def _settle(
        self, item: ConflictItem, decision: Decision | None, number: int, state: "_State", patches: "_Patches"
    ) -> None:
        match decision:
            case None:
                state.items.append(item)
                state.in_conflict[number] = True
            case "theirs":
                patches.take[number] = True
            case "base" if item.kind == "add_add":
                state.dropped[number] = True
            case "base":
                patches.restore[number] = True
            case Given(text):
                patches.values[number] = text

    def _patched(self, cells: Any, column: MergedColumn, values: Mapping[int, Any], state: "_State") -> Any:
        """Return cells with some of them replaced."""
        if not values:
            return cells
        mask = np.zeros(state.size, bool)
        mask[list(values)] = True
        state.changed |= mask
        texts = [values[number] for number in sorted(values)]
        # What replaces by a mask does not take lists and objects.
        places = np.arange(state.size)
        places[mask] = state.size + np.arange(len(texts))
        return pyarrow.concat_arrays([_whole(cells), self.cells_of(texts, column)]).take(integers(places))

    def _is_cell(self, text: str, column: MergedColumn) -> bool:
        """Whether a text can be a cell of a column: a sum may be more than its type has."""
        try:
            self.cells_of([text], column)
        except TableError:
            return False
        return True

    def cells_of(self, values: Sequence[Any], column: MergedColumn) -> Any:
        """Return values of JSON, or texts, as cells of a column.

        Raises:
            TableError: one of them cannot be such a cell.
        """
        if column.type is None:
            encoded = [None if value is None else _as_text(value).encode() for value in values]
            cells = pyarrow.array(encoded, pyarrow.large_binary())
            return cells if self.has_nulls else compute.fill_null(cells, b"")
        texts = [None if value is None else _as_text(value).encode() for value in values]
        try:
            found = _whole(parse_cells(pyarrow.array(texts, pyarrow.large_binary()), column.type))
        except UNREADABLE as exc:
            raise TableError(
                f"the column {column.name} of {column.type} cannot have such a cell: {exc}"
            ) from exc
        for value, cell in zip(values, found, strict=True):
            if value is not None and not cell.is_valid:
                raise TableError(f"{_as_text(value)!r} is no {column.type}, as the column {column.name} has")
        return found

    def _base(self, column: MergedColumn, rows: Rows, ours: Any) -> Any:
        if rows.is_new or (rows.base is not None and column.base is None):
            return self._nothing(column, len(rows.ours))
        if rows.base is None:
            # Theirs alone changed these rows.  What base has not got ours added, or both did.
            return ours if column.base is not None else self._nothing(column, len(rows.ours))
        return self._cast(rows.base.column(column.base), column)

    def _keys(self, rows: Rows, taken: Any) -> list[tuple[tuple[str, Any], ...]]:
        table = rows.base if rows.base is not None and not self.key else rows.ours
        names = self.key or table.column_names
        cells = [map(json_cell, cell_values(table.column(name).take(taken))) for name in names]
        return [tuple(zip(names, key, strict=True)) for key in zip(*cells, strict=True)]

    def _by(self, rule: ColumnRule | None, rows: Rows, taken: Any) -> list[tuple[Any, Any]]:
        """Return the cells of both sides that tell which is newer."""
        if rule is None or rule.by is None:
            return [(None, None)] * len(taken)
        sides = (rows.ours, rows.theirs)
        if any(rule.by not in table.column_names for table in sides):
            return [(None, None)] * len(taken)
        ours, theirs = (cell_values(table.column(rule.by).take(taken)) for table in sides)
        return list(zip(ours, theirs, strict=True))

    def _nothing(self, column: MergedColumn, size: int) -> Any:
        if column.type is not None:
            return pyarrow.nulls(size, column.type)
        if self.has_nulls:
            return pyarrow.nulls(size, pyarrow.large_binary())
        return pyarrow.repeat(pyarrow.scalar(b"", pyarrow.large_binary()), size)

    def _cast(self, cells: Any, column: MergedColumn) -> Any:
        if column.type is None or cells.type.equals(column.type):
            return _whole(cells)
        try:
            return _whole(cells.cast(column.type))
        except (pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError) as exc:
            if column.name in self.pinned:
                # In conflict: what does not fit the type that it has for now is not lost, theirs has it.
                return pyarrow.nulls(len(cells), column.type)
            raise TableError(
                f"the cells of the column {column.name} cannot all become {column.type}"
            ) from exc


@dataclass(slots=True)
class _Patches:
    values: dict[int, Any]
    """By row: what its cell becomes, as JSON has it."""
    take: Mask
    """Rows whose cell is theirs."""
    restore: Mask
    """Rows whose cell is base's."""


class _State:
    """What is known of some rows while their columns are merged one after the other."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.changed, self.dropped, self.in_conflict, self.by_ours, self.by_theirs, self.differs = (
            np.zeros(size, bool) for _ in range(6)
        )
        self.items: list[ConflictItem] = []


def _listed(table: Any) -> list[dict[str, Any]]:
    """Return rows as JSON has them; nothing of a table without columns."""
    cells = [map(json_cell, cell_values(column)) for column in table.columns]
    names = table.column_names
    return [dict(zip(names, row, strict=True)) for row in zip(*cells, strict=True)]


def _as_text(value: Any) -> str:
    return cell_text(value)


def _whole(cells: Any) -> Any:
    return cells.combine_chunks() if isinstance(cells, pyarrow.ChunkedArray) else cells
