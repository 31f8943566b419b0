"""What changed, cell by cell, once it is known which rows did.

Only rows that are not the same in both versions are read.  Rows that were matched by key and turn out to have
none of the compared cells different, by a tolerance, are the same after all; rows whose keys differ although
their fingerprints did not are a removed one and an added one.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import pyarrow

from datav.formats.manifest import ColumnInfo
from datav.storage.scratch import Scratch
from datav.tables.arrays import flags, integers
from datav.tables.batches import in_order
from datav.tables.cellwise import Mask, differing_cells
from datav.tables.matching import Matched
from datav.tables.options import Tolerance
from datav.tables.pairs import WINDOW_ROWS, Pairs
from datav.tables.predicate import Predicate
from datav.tables.result import OPS, ChangeBatch, Op
from datav.tables.typed import CanonicalVersion, meant_cells, plain_strings
from datav.tables.version import U64, TableVersion, View
from datav.tables.views import Compared

# Removed and added rows that are read at first.
_FIRST_ROWS = 2**8
# Windows of rows that are told while others wait to be asked for.
_AHEAD = 2
# Changed rows that are not read again when they are asked for after they were counted.
_MOST_KEPT = 2**14


@dataclass(slots=True)
class Counts:
    """Numbers of rows; `collided` and `same` correct what the fingerprints said."""

    added: int = 0
    removed: int = 0
    changed: int = 0
    same: int = 0
    """Pairs that do not differ after all."""
    moved: int | None = None
    cells: dict[str, int] = field(default_factory=dict)


class Telling:
    """The changes of one comparison, as often as they are asked for."""

    def __init__(
        self,
        compared: Compared,
        matched: Matched,
        scratch: Scratch,
        executor: Executor,
        *,
        where: Predicate | None,
        tolerances: Mapping[str, Tolerance],
        moved: tuple[U64, U64] | None = None,
        spread: Callable[[Op], tuple[U64, U64] | None] | None = None,
        shown: Callable[[Sequence[ColumnInfo]], Sequence[ColumnInfo]] = tuple,
    ) -> None:
        self._compared = compared
        self._matched = matched
        self._executor = executor
        # What is shown is what stands in the files, whatever it was compared as.
        self._versions = _plain(compared.before), _plain(compared.after)
        self._views = (
            _plain_view(compared.before, compared.before_view),
            _plain_view(compared.after, compared.after_view),
        )
        self._pairs = Pairs(*self._versions, matched.changed, scratch)
        self._where = where
        self._tolerances = tolerances
        self._kept: list[ChangeBatch] | None = None
        """The changed rows, where they are few."""
        self._spread = spread
        """Gives rows that were only counted, one by one, where they need not be alike."""
        self._shown = shown
        """Gives those of a version's columns that rows are shown with."""
        self._moved = Pairs(*self._versions, moved, scratch) if moved is not None else None
        formats = {version.format for version in self._versions}
        self._is_mixed = len(formats) > 1 and "jsonl" in formats
        """Whether only one version is JSON Lines, where quotes tell a string from a number."""
        self._collided = False
        """Whether any keys only seemed to be the same."""

    def count(self, on_changed: Callable[[ChangeBatch], None] | None = None) -> Counts:
        """Count the changes.  Removed and added rows are read only for a condition, changed ones always.

        Args:
            on_changed: is handed the changed rows, with cells as they stand in the files.
        """
        counts = Counts()
        kept: list[ChangeBatch] = []
        for batch in self._changed(whole=False, counts=counts):
            if len(self._pairs) <= _MOST_KEPT:
                kept.append(batch)
            if batch.op == "changed":
                counts.changed += _rows(batch)
                if on_changed is not None:
                    on_changed(batch)
                for name, mask in batch.differs.items():
                    counts.cells[name] = counts.cells.get(name, 0) + mask.true_count
            elif batch.op == "added":
                counts.added += _rows(batch)
            else:
                counts.removed += _rows(batch)
        if len(self._pairs) <= _MOST_KEPT:
            self._kept = kept
        counts.moved = self._count_moved()
        matched = self._matched
        if self._where is None:
            counts.removed += len(matched.removed) + int(matched.surplus_before.counts.sum())
            counts.added += len(matched.added) + int(matched.surplus_after.counts.sum())
            return counts
        nothing = View((), (), ())
        for batch in chain(*(self._one_sided(op, nothing) for op in ("removed", "added"))):
            rows = _rows(batch) if batch.counts is None else int(np.asarray(batch.counts).sum())
            if batch.op == "added":
                counts.added += rows
            else:
                counts.removed += rows
        return counts

    def batches(self, whole: bool = False, ops: Collection[Op] = OPS) -> Iterator[ChangeBatch]:
        """Yield changes: removed rows, added ones, changed ones, moved ones; see result.Batches."""
        for batch in self._batches(whole, ops):
            yield batch if whole else self._as_shown(batch)

    def paired(self) -> Iterator[ChangeBatch]:
        """Yield the changed rows as `count` hands them over."""
        found = self._kept if self._kept is not None else self._changed(whole=False, counts=None)
        return (batch for batch in found if batch.op == "changed")

    def alike(self, op: Op, view: View) -> Iterator[ChangeBatch]:
        """Yield removed or added rows that were not matched by key, of several like each other one.

        Args:
            view: what of them, of all that is compared; cells come as they stand in the file.
        """
        version, compared, surplus = (
            (self._versions[0], self._compared.before, self._matched.surplus_before)
            if op == "removed"
            else (self._versions[1], self._compared.after, self._matched.surplus_after)
        )
        return self._lonely(op, version, *surplus, _plain_view(compared, view))

    def _as_shown(self, batch: ChangeBatch) -> ChangeBatch:
        """Quotes that tell strings of JSON from its numbers say nothing next to another format."""
        if not self._is_mixed:
            return batch
        before, after = (
            _with_plain_strings(table) if version.format == "jsonl" and table is not None else table
            for table, version in zip((batch.before, batch.after), self._versions, strict=True)
        )
        return replace(batch, before=before, after=after)

    def _batches(self, whole: bool, ops: Collection[Op]) -> Iterator[ChangeBatch]:
        lonely: tuple[tuple[Op, TableVersion], ...] = (
            ("removed", self._versions[0]),
            ("added", self._versions[1]),
        )
        for op, version in lonely:
            if op in ops:
                view = _all_columns(version) if whole else self._shown_view(version)
                yield from self._one_sided(op, view, one_by_one=whole)
        if "changed" in ops or self._collided:
            found = self._changed(whole=whole, counts=None) if self._kept is None or whole else self._kept
            yield from (batch for batch in found if batch.op in ops)
        if "moved" in ops:
            yield from self._stray()

    def _count_moved(self) -> int | None:
        if self._moved is None:
            return None
        return len(self._moved) if self._where is None else sum(map(_rows, self._stray()))

    def _stray(self) -> Iterator[ChangeBatch]:
        """Yield the rows that moved."""
        if self._moved is None:
            return
        shown = [self._shown_view(version) for version in self._versions]
        views = [self._with_condition(*side) for side in zip(self._versions, shown, strict=True)]
        for tables in in_order(self._executor, self._moved.windows(*views), _AHEAD):
            kept = flags(self._meets(tables[0]) | self._meets(tables[1]))
            old, new = (
                _first_columns(table, view).filter(kept) for table, view in zip(tables, shown, strict=True)
            )
            yield ChangeBatch("moved", old, new, {}, None, self._compared.has_key)

    def _meets(self, table: Any) -> Mask:
        """Which rows meet the condition, if there is one."""
        if self._where is None:
            return np.ones(len(table), bool)
        return np.asarray(self._where.evaluate(table)).astype(bool)

    def _one_sided(self, op: Op, view: View, *, one_by_one: bool = False) -> Iterator[ChangeBatch]:
        version, places, surplus = (
            (self._versions[0], self._matched.removed, self._matched.surplus_before)
            if op == "removed"
            else (self._versions[1], self._matched.added, self._matched.surplus_after)
        )
        yield from self._lonely(op, version, places, None, view)
        spread = self._spread(op) if one_by_one and self._spread is not None else None
        yield from self._lonely(op, version, *(spread or surplus), view)

    def _lonely(
        self, op: Op, version: TableVersion, places: U64, counts: U64 | None, shown: View
    ) -> Iterator[ChangeBatch]:
        view = self._with_condition(version, shown)
        for part in _growing(len(places)):
            table = version.take(places[part], view.columns, view.types)
            several = integers(counts[part]) if counts is not None else None
            if self._where is not None:
                kept = flags(self._meets(table))
                table = table.filter(kept)
                several = several.filter(kept) if several is not None else None
            if len(table):
                table = _first_columns(table, shown)
                before, after = (table, None) if op == "removed" else (None, table)
                has_key = counts is None and self._compared.has_key
                yield ChangeBatch(op, before, after, {}, several, has_key)

    def _shown_view(self, version: TableVersion) -> View:
        """The columns that removed, added and moved rows are shown with."""
        numbers = {column.name: number for number, column in enumerate(version.columns)}
        chosen = tuple(numbers[column.name] for column in self._shown(version.columns))
        # Rows without a cell are nothing to be seen.
        chosen = chosen or tuple(numbers.values())
        types = version.types
        return View(chosen, (), tuple(types[number] for number in chosen))

    def _narrow(self, version: TableVersion) -> View:
        """The columns that a condition needs, of a version."""
        needed = self._where.columns if self._where is not None else ()
        chosen = tuple(n for n, column in enumerate(version.columns) if column.name in needed)
        return View(chosen, (), tuple(version.types[n] for n in chosen))

    def _changed(self, *, whole: bool, counts: Counts | None) -> Iterator[ChangeBatch]:
        """Yield changed rows, and those whose keys only seemed to be the same."""
        before, after = (
            _all_columns(version) if whole else self._with_condition(version, view)
            for version, view in zip(self._versions, self._views, strict=True)
        )
        jobs = (partial(self._tell, window) for window in self._pairs.windows(before, after))
        for batches, same in in_order(self._executor, jobs, _AHEAD):
            if counts is not None:
                counts.same += same
            self._collided = self._collided or any(batch.op != "changed" for batch in batches)
            yield from batches

    def _with_condition(self, version: TableVersion, view: View) -> View:
        more = [n for n in self._narrow(version).columns if n not in view.columns]
        if not view.columns and not more and version.columns:
            # One at least: a table without columns has no rows.
            more = [0]
        return View(view.columns + tuple(more), view.key, view.types + tuple(version.types[n] for n in more))

    def _tell(self, window: Callable[[], tuple[Any, Any]]) -> tuple[list[ChangeBatch], int]:
        """Return the changes among some pairs of rows, and how many pairs do not differ after all."""
        old, new = window()
        masks = self._differing(old, new)
        collided, differs = np.zeros(len(old), bool), np.zeros(len(old), bool)
        for name, mask in masks.items():
            differs |= mask
            if name in self._compared.key:
                collided |= mask
        same = int((~differs).sum())
        differs &= self._meets(old) | self._meets(new)
        collided &= differs
        found = []
        if collided.any():
            rows = flags(collided)
            found += [
                ChangeBatch("removed", old.filter(rows), None, {}),
                ChangeBatch("added", None, new.filter(rows), {}),
            ]
        differs &= ~collided
        if differs.any():
            shown = {name: flags(mask[differs]) for name, mask in masks.items() if mask[differs].any()}
            if not differs.all():
                old, new = old.filter(flags(differs)), new.filter(flags(differs))
            found.append(ChangeBatch("changed", old, new, shown))
        return found, same

    def _differing(self, old: Any, new: Any) -> dict[str, Mask]:
        masks = {}
        sides = [{name: number for number, name in enumerate(table.column_names)} for table in (old, new)]
        key, by_value = frozenset(self._compared.key), self._compared.by_value
        for name in self._compared.names:
            before, after = old.column(sides[0][name]), new.column(sides[1][name])
            if before.equals(after) and not self._is_mixed:
                # Of most columns of a wide table, and sooner than which cells differ.
                continue
            tolerance = None if name in key else self._tolerances.get(name, self._tolerances.get(""))
            if name in by_value:
                before, after = (
                    meant_cells(cells, version.format)
                    for cells, version in zip((before, after), self._versions, strict=True)
                )
            mask = differing_cells(before, after, tolerance)
            if mask.any():
                masks[name] = mask
        return masks


def _growing(size: int) -> Iterator[slice]:
    """Yield windows of rows, small ones first: perhaps the first few are all that is wanted."""
    start, length = 0, _FIRST_ROWS
    while start < size:
        yield slice(start, min(start + length, size))
        start += length
        length = min(2 * length, WINDOW_ROWS)


def _rows(batch: ChangeBatch) -> int:
    table = batch.before if batch.before is not None else batch.after
    return 0 if table is None else len(table)


# Any: pyarrow has no types of its own that mypy could see.
def _with_plain_strings(table: Any) -> Any:
    return pyarrow.Table.from_arrays(list(map(plain_strings, table.columns)), names=table.column_names)


def _plain(version: TableVersion) -> TableVersion:
    return version.plain if isinstance(version, CanonicalVersion) else version


def _plain_view(version: TableVersion, view: View) -> View:
    """The view with the cells as they stand in the file, where they are compared by value."""
    if not isinstance(version, CanonicalVersion):
        return view
    own = version.plain.types
    types = (
        own[column] if column in version.by_value else kind
        for column, kind in zip(view.columns, view.types, strict=True)
    )
    return View(view.columns, view.key, tuple(types))


# Any: pyarrow has no types of its own that mypy could see.
def _first_columns(table: Any, view: View) -> Any:
    """Those of the view, without what a condition needs besides; rows of no columns are none to Arrow."""
    return table.select(range(len(view.columns))) if view.columns else table


def _all_columns(version: TableVersion) -> View:
    return View(tuple(range(len(version.columns))), (), version.types)
