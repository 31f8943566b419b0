"""The columns of three versions, merged; with what only cells can tell: whether a column that one side
removed was changed by the other.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pyarrow

from datav.errors import TableError
from datav.formats.conflict import ConflictItem
from datav.merging.matching import NO_ROWS, SideMatch, is_in, match_sides, prints_at
from datav.merging.options import MergeOptions
from datav.merging.plan import MergedColumn
from datav.merging.schema import ColumnSides, find_sides, merge_columns
from datav.merging.scope import Scope, find_scope
from datav.merging.standins import Narrowed, NoRows
from datav.merging.taking import take_rows
from datav.storage.scratch import Scratch
from datav.tables.cellwise import Mask, differing_cells
from datav.tables.matching import Matched, match_rows
from datav.tables.options import DiffOptions
from datav.tables.shared import Shared
from datav.tables.version import U64, TableVersion, View
from datav.tables.views import Compared, choose_views

# Rows of two versions that are looked at at a time.
_ROWS = 2**14


@dataclass(frozen=True)
class SchemaMerge:
    """The columns of a merge, and the rows matched by them."""

    base: TableVersion
    """What stands for base: without the columns that ours removed and that come back."""
    whole_base: TableVersion
    versions: tuple[TableVersion, TableVersion]
    sides: tuple[ColumnSides, ...]
    columns: tuple[MergedColumn, ...]
    pinned: Mapping[str, Literal["ours", "theirs"]]
    """Columns that come from one side alone."""
    matches: tuple[SideMatch, SideMatch]
    scope: Scope | None
    seed: int
    items: tuple[ConflictItem, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def has_repeated(self) -> bool:
        """Whether there are keys that are not unique."""
        return any(len(match.matched.repeated) for match in self.matches)

    @cached_property
    def common_views(self) -> tuple[View, View, View]:
        """Of base, ours and theirs: the columns that all have.

        Raises:
            TableError: one of them is not of one type.
        """
        common = self._common
        for side in common:
            if len({str(kind) for kind in side.kinds}) > 1:
                raise TableError(f"rows without a key cannot be matched: {side.name} has changed its type")
        views = []
        for at, name in enumerate(("base", "ours", "theirs")):
            numbers = tuple(getattr(side, name) for side in common)
            views.append(View(numbers, (), tuple(side.kinds[at] for side in common)))
        return views[0], views[1], views[2]

    @property
    def common_key(self) -> tuple[int, ...]:
        """Positions of the key in the common views; none without a key."""
        key = self.matches[0].compared.key
        return tuple(self.common_names.index(name) for name in key)

    @property
    def _common(self) -> list[ColumnSides]:
        return [side for side in self.sides if None not in (side.base, side.ours, side.theirs)]

    @property
    def common_names(self) -> list[str]:
        return [side.name for side in self._common]

    def really_changed(self, before: Any, after: Any, side: str) -> Mask:
        """Return which rows differ in a column that base has, of rows of the whole base and of a side in
        step."""
        changed = np.zeros(len(before), bool)
        known = set(before.column_names)
        for column in self.sides:
            number = getattr(column, side)
            if column.name in known and number is not None:
                changed |= _differ(before.column(column.name), after.column(number))
        return changed

    def prints_gone(self, edited: Iterable[U64]) -> U64:
        """Return the prints of rows without a key that ours has not got, or less often than base.

        Args:
            edited: places of rows in theirs that became others in ours.
        """
        if self.matches[0].has_key:
            return NO_ROWS
        places = self.matches[0].matched.surplus_before.places
        gone = prints_at(self.base, places, self.common_views[0], self.seed)
        more = [
            prints_at(self.versions[1], np.sort(some), self.common_views[2], self.seed) for some in edited
        ]
        return np.concatenate([gone, *more])


def merge_schemas(
    base: TableVersion | None,
    ours: TableVersion,
    theirs: TableVersion,
    options: MergeOptions,
    shared: tuple[Shared, Shared] | None,
    scratch: Scratch,
    executor: Executor,
) -> SchemaMerge:
    """Merge the columns, and match the rows by them.

    Args:
        shared: what base has in common with ours, and with theirs; None: nothing is known of that.

    Raises:
        TableError: the tables cannot be merged.
    """
    seed = secrets.randbits(64)
    scope = None
    if shared is not None and base is not None:
        scope = find_scope(base, ours, theirs, options.key, shared, seed, executor)
    if scope is not None:
        (base, ours, theirs), seed = scope.versions, scope.seed
    work = _Schemas(base, ours, theirs, options, scope, seed, scratch, executor)
    found = work.match(frozenset())
    returning, items = work.removed_columns(found)
    if returning:
        found = work.match(returning)
    work.check_new_columns(found)
    return replace(work.with_decided_columns(found), items=(*found.items, *items))


class _Schemas:
    def __init__(
        self,
        base: TableVersion | None,
        ours: TableVersion,
        theirs: TableVersion,
        options: MergeOptions,
        scope: Scope | None,
        seed: int,
        scratch: Scratch,
        executor: Executor,
    ) -> None:
        self._scope = scope
        self._base, self._ours, self._theirs = base, ours, theirs
        self._options = options
        self._seed, self._scratch, self._executor = seed, scratch, executor
        self._kept: dict[str, bool] = {}
        """Of columns that one side alone removed, whether they stay."""

    def match(self, returning: frozenset[str]) -> SchemaMerge:
        """Match the rows.

        Args:
            returning: columns that ours removed and that are to stay: as if theirs had added them.
        """
        base = self._stand_in(returning)
        sides = find_sides(base, self._ours, self._theirs)
        key, notes = self._key(base)
        pinned, items = self._retyped(sides)
        names, widened = _compared(sides, has_key=bool(key))
        versions = (self._ours, self._theirs)
        suspects = self._scope.suspects if self._scope is not None else None
        matches = match_sides(
            base, versions, names, key, widened, self._seed, self._scratch, self._executor, suspects
        )
        columns = merge_columns(sides, self._kept, pinned)
        if (suspects is not None and len(suspects)) or any(len(match.matched.repeated) for match in matches):
            notes.append(
                f"the key {', '.join(key)} is not unique: rows with such keys were matched by all cells"
            )
        return SchemaMerge(
            base,
            self._base if self._base is not None else base,
            versions,
            tuple(sides),
            columns,
            pinned,
            matches,
            self._scope,
            self._seed,
            tuple(items),
            tuple(notes),
        )

    def removed_columns(self, found: SchemaMerge) -> tuple[frozenset[str], list[ConflictItem]]:
        """Decide of columns that one side removed and the other changed.

        Returns:
            The columns that ours removed and that are to stay after all; and what is in conflict.
        """
        returning, items = [], []
        for side in found.sides:
            if side.removed_by is None or not self._is_changed(found, side):
                continue
            item = self._item(side)
            decision = self._options.decided(item)
            if decision is None and self._options.rules.take == "union":
                decision = "theirs" if side.removed_by == "ours" else "ours"
            if not isinstance(decision, str):
                items.append(item)
                decision = "ours"
            # Base has the column as well, and its cells are those of the side that did not change them.
            is_kept = decision == "base" or decision != side.removed_by
            if side.removed_by == "ours" and is_kept:
                returning.append(side.name)
            elif side.removed_by == "theirs":
                self._kept[side.name] = is_kept
        return frozenset(returning), items

    def with_decided_columns(self, found: SchemaMerge) -> SchemaMerge:
        return replace(found, columns=merge_columns(found.sides, self._kept, found.pinned))

    def _stand_in(self, returning: frozenset[str]) -> TableVersion:
        if self._base is None:
            there = {column.name for column in self._theirs.columns}
            both = [at for at, column in enumerate(self._ours.columns) if column.name in there]
            return NoRows(self._ours, both)
        if not returning:
            return self._base
        kept = [at for at, column in enumerate(self._base.columns) if column.name not in returning]
        return Narrowed(self._base, kept)

    def _key(self, base: TableVersion) -> tuple[tuple[str, ...], list[str]]:
        key = self._options.key
        for name in key:
            for which, version in (("base", base), ("ours", self._ours), ("theirs", self._theirs)):
                if all(column.name != name for column in version.columns):
                    raise TableError(f"the key column {name} is not in {which}")
        return key, [] if key else ["no key: rows were matched by all of their cells"]

    def _retyped(
        self, sides: Sequence[ColumnSides]
    ) -> tuple[dict[str, Literal["ours", "theirs"]], list[ConflictItem]]:
        pinned: dict[str, Literal["ours", "theirs"]] = {}
        items = []
        for side in sides:
            if not side.is_retyped_twice:
                continue
            item = self._item(side)
            decision = self._options.decided(item)
            if decision not in ("ours", "theirs"):
                items.append(item)
            pinned[side.name] = "theirs" if decision == "theirs" else "ours"
        return pinned, items

    def _item(self, side: ColumnSides) -> ConflictItem:
        versions = (self._base, self._ours, self._theirs)
        base, ours, theirs = (_type_of(version, side.name) for version in versions)
        return ConflictItem("schema", base, ours, theirs, path=self._options.path, column=side.name)

    def _is_changed(self, found: SchemaMerge, side: ColumnSides) -> bool:
        """Whether the side that has a column changed cells in it."""
        at = 0 if side.ours is not None else 1
        number = side.ours if at == 0 else side.theirs
        assert number is not None, "one side alone removed it"
        assert side.base is not None, "so base has it"
        if str(side.kinds[0]) != str(side.kinds[1 + at]):
            return True
        match = found.matches[at]
        if (not match.has_key or found.has_repeated) and self._is_changed_alone(found, side.name, at):
            return True
        olds, news = match.matched.changed
        version = found.versions[at]
        for first in range(0, len(olds), _ROWS):
            some = slice(first, first + _ROWS)
            before, after = take_rows(found.base, olds[some]), take_rows(version, news[some])
            if _differ(before.column(side.base), after.column(number)).any():
                return True
        return False

    def _is_changed_alone(self, found: SchemaMerge, name: str, at: int) -> bool:
        """Whether cells of a column changed in rows that are counted and are the same in all other columns.

        Cost: a scan of base, and of the side.
        """
        assert self._base is not None, "the column is base's"
        options = DiffOptions(columns=(*found.common_names, name))
        compared = choose_views(self._base, found.versions[at], options)
        matched = match_rows(
            compared.before.scan(compared.before_view, self._seed, self._executor),
            compared.after.scan(compared.after_view, self._seed, self._executor),
            self._scratch,
            has_key=False,
        )
        return _is_same_but_for(compared, matched, name, self._seed)

    def check_new_columns(self, found: SchemaMerge) -> None:
        """Refuse cells of which nothing tells to which row they go.

        Raises:
            TableError: theirs added columns, and rows that are counted differ in nothing else.
        """
        new = [side.name for side in found.sides if side.base is None and side.theirs is not None]
        first, second = (match.matched for match in found.matches)
        if not new or not len(second.surplus_after.places):
            return
        views = found.common_views
        known = [
            prints_at(found.base, second.surplus_before.places, views[0], self._seed),
            prints_at(self._ours, first.surplus_after.places, views[1], self._seed),
        ]
        added = prints_at(self._theirs, second.surplus_after.places, views[2], self._seed)
        if is_in(added, np.sort(np.concatenate(known))).any():
            raise TableError(
                f"theirs added the column {new[0]} to rows whose key is not unique, and nothing tells to "
                "which rows its cells go"
            )


def _is_same_but_for(compared: Compared, matched: Matched, name: str, seed: int) -> bool:
    """Whether rows that are counted differ from others in nothing but one column."""
    kept = [at for at, other in enumerate(compared.names) if other != name]
    found = []
    for version, view, surplus in (
        (compared.before, compared.before_view, matched.surplus_before),
        (compared.after, compared.after_view, matched.surplus_after),
    ):
        rest = View(tuple(view.columns[at] for at in kept), (), tuple(view.types[at] for at in kept))
        found.append(prints_at(version, surplus.places, rest, seed))
    return bool(is_in(found[0], np.sort(found[1])).any())


def _type_of(version: TableVersion | None, name: str) -> str | None:
    if version is None:
        return None
    return next((column.type for column in version.columns if column.name == name), None)


def _compared(
    sides: Sequence[ColumnSides], *, has_key: bool
) -> tuple[tuple[list[str], list[str]], tuple[bool, bool]]:
    """Return which columns of each side are compared with base, and whether base lacks some of these."""
    if not has_key:
        lacking = [side.name for side in sides if side.base is None and side.theirs is not None]
        if lacking:
            raise TableError(
                f"theirs added the column {lacking[0]}, and only a key tells to which rows its cells go",
                hint="`datav add PATH --key COLUMN` or `[table]` in datav.toml names a key",
            )
        common = [side.name for side in sides if None not in (side.base, side.ours, side.theirs)]
        if not common:
            raise TableError("its versions have no column in common")
        return (common, common), (False, False)
    both = [side.name for side in sides if side.base is None and None not in (side.ours, side.theirs)]
    ours = [side.name for side in sides if None not in (side.base, side.ours)]
    theirs = [side.name for side in sides if None not in (side.base, side.theirs)]
    new = [side.name for side in sides if side.base is None and side.ours is None]
    return (ours + both, theirs + both + new), (bool(both), bool(both or new))


def _differ(before: Any, after: Any) -> Mask:
    if not before.type.equals(after.type):
        try:
            after = after.cast(before.type)
        except (pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError):
            return np.ones(len(before), bool)
    return differing_cells(before, after)
