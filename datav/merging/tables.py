"""Three versions of a table, merged: the whole way.  The rules are in docs/reference/merge.md.

What is to be done is found here, as places of rows; `merge` looks at cells while the result is written.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any

import numpy as np

from datav.errors import TableError
from datav.formats.conflict import ConflictItem
from datav.merging.cells import CellMerger, Rows
from datav.merging.columns import SchemaMerge, merge_schemas
from datav.merging.counting import Counted, Whole, count_rows
from datav.merging.matching import NO_ROWS, Joined, is_in, join_sides, keys_at, row_ids
from datav.merging.merge import WINDOW_ROWS, Edits, Merge, New
from datav.merging.options import MergeOptions
from datav.merging.placing import end_of, find_anchors, locate_rows, parts_of, place_rows
from datav.merging.renumbering import renumber
from datav.merging.result import MergeCounts
from datav.merging.taking import take_rows
from datav.storage.scratch import Scratch
from datav.tables.arrays import flags
from datav.tables.shared import Shared
from datav.tables.version import I64, U64, TableVersion


def merge_tables(
    base: TableVersion | None,
    ours: TableVersion,
    theirs: TableVersion,
    options: MergeOptions,
    *,
    scratch: Scratch,
    executor: Executor,
    shared: tuple[Shared, Shared] | None = None,
) -> Merge:
    """Merge three versions of a table.

    Args:
        base: None: both sides added it.
        scratch: open until the merge was written.
        shared: what is known of the bytes that base has in common with ours, and with theirs; makes it faster
            and nothing else.

    Raises:
        TableError: they cannot be merged as tables; the message says why.
    """
    formats = {version.format for version in (base, ours, theirs) if version is not None}
    if len(formats) > 1:
        raise TableError(f"its format is not the same in all versions: {', '.join(sorted(formats))}")
    schema = merge_schemas(base, ours, theirs, options, shared, scratch, executor)
    return _Planning(schema, ours, options, executor).merge()


class _Planning:
    """Finds out what is to be done to ours."""

    def __init__(
        self,
        schema: SchemaMerge,
        ours: TableVersion,
        options: MergeOptions,
        executor: Executor,
    ) -> None:
        self._schema = schema
        self._whole = ours
        self._base, (self._ours, self._theirs) = schema.base, schema.versions
        spans = schema.scope.parts[1:] if schema.scope is not None else (None, None)
        self._parts = parts_of(self._ours, spans[0]), parts_of(self._theirs, spans[1])
        self._matches = schema.matches
        self._options = options
        self._seed = schema.seed
        self._executor = executor
        self._notes = [*schema.notes, *_rules_for_nothing(schema, options)]
        self._items = list(schema.items)
        self._counts = MergeCounts(conflicts=len(schema.items))
        has_nulls = ours.format == "jsonl"
        key = options.key if self._matches[0].has_key else ()
        self._key = key
        self._cells = CellMerger(schema.columns, options, has_nulls, key, schema.pinned)
        self._lone = replace(self._cells, key=())

    def merge(self) -> Merge:
        joined = join_sides(self._base, *self._matches, self._seed)
        counted = self._count_rows()
        removed, restored, returned = self._settle_rows(joined, counted)
        twice, numbers, renumbered = self._renumber(joined)
        new = self._new_rows(joined, counted, returned, renumbered, numbers)
        edits = self._place(joined, counted, twice, removed, restored, new)
        self._count(joined, counted, len(renumbered))
        keyless = np.sort(counted.changed_by_both[1]) if counted is not None else NO_ROWS
        return Merge(
            self._whole,
            self._schema.columns,
            self._notes,
            self._items,
            self._counts,
            self._key,
            edits,
            new,
            (self._theirs, self._base),
            self._schema.whole_base,
            self._cells,
            self._lone,
            keyless,
        )

    def _count_rows(self) -> Counted | None:
        """Merge the counts of rows that have no key of their own."""
        surplus = [
            rows
            for match in self._matches
            for rows in (match.matched.surplus_before, match.matched.surplus_after)
        ]
        if not any(len(rows.places) for rows in surplus):
            return None
        views = self._schema.common_views
        versions = (self._base, self._ours, self._theirs)
        key = self._schema.common_key
        whole = [Whole(version, view, key) for version, view in zip(versions, views, strict=True)]
        return count_rows(
            whole[0],
            (whole[1], whole[2]),
            self._matches,
            self._seed,
            self._executor,
            tell=self._options.rules.take != "union",
        )

    def _settle_rows(
        self, joined: Joined, counted: Counted | None
    ) -> tuple[U64, tuple[U64, U64], list[tuple[int, int | None]]]:
        """Decide of rows that one side removed and the other changed.

        Returns:
            Places in ours that go; places in ours and base of rows that are base's again; places in theirs of
            rows that come back, each with one in base if it is that which comes.
        """
        removed: list[int] = []
        restored: list[tuple[int, int]] = []
        returned: list[tuple[int, int | None]] = []
        for (olds, mine), cells in self._sides_of(joined.changed_removed, counted, "changed_removed"):
            for item, old, place in self._row_conflicts(cells, olds, mine, "ours"):
                if item is None:
                    removed.append(place)
                    self._counts += MergeCounts(theirs_only=1)
                    continue
                match self._decide_row(item, "ours"):
                    case "theirs":
                        removed.append(place)
                    case "base":
                        restored.append((place, old))
        for (olds, other), cells in self._sides_of(joined.removed_changed, counted, "removed_changed"):
            for item, old, place in self._row_conflicts(cells, olds, other, "theirs"):
                if item is None:
                    self._counts += MergeCounts(ours_only=1)
                    continue
                match self._decide_row(item, "theirs"):
                    case "theirs":
                        returned.append((place, None))
                    case "base":
                        returned.append((place, old))
        pairs = np.array(sorted(restored), np.uint64).reshape(-1, 2)
        return (
            np.array(sorted(removed), np.uint64),
            (pairs[:, 0].copy(), pairs[:, 1].copy()),
            sorted(returned),
        )

    def _sides_of(
        self, rows: tuple[U64, U64], counted: Counted | None, name: str
    ) -> Iterator[tuple[tuple[U64, U64], CellMerger]]:
        yield (rows[0], rows[1]), self._cells
        if counted is not None:
            yield getattr(counted, name), self._lone

    def _row_conflicts(
        self, cells: CellMerger, olds: U64, places: U64, side: str
    ) -> Iterator[tuple[ConflictItem | None, int, int]]:
        """Yield rows of base that one side removed, each with its place there and on the other side; and what
        is in conflict, None where only columns that base has not got differ there."""
        version = self._ours if side == "ours" else self._theirs
        for at in range(0, len(olds), WINDOW_ROWS):
            some = slice(at, at + WINDOW_ROWS)
            before = take_rows(self._schema.whole_base, olds[some])
            after = take_rows(version, places[some])
            chosen = self._schema.really_changed(before, after, side)
            before, after = before.filter(flags(chosen)), after.filter(flags(chosen))
            nothing = after.select([])
            rows = Rows(before, *((after, nothing) if side == "ours" else (nothing, after)))
            items = cells.row_items(rows)
            triples = zip(chosen, olds[some].tolist(), places[some].tolist(), strict=True)
            for is_changed, old, place in triples:
                yield next(items) if is_changed else None, old, place

    def _decide_row(self, item: ConflictItem, changed: str) -> str:
        """Return the side whose row it is; ours where nothing decides."""
        decided = self._options.decided(item)
        if decided is None and self._options.rules.take == "union":
            decided = "ours" if changed == "ours" else "theirs"
        if isinstance(decided, str):
            self._counts += MergeCounts(cells_merged=1)
            return decided
        self._items.append(item)
        self._counts += MergeCounts(conflicts=1)
        return "ours"

    def _renumber(self, joined: Joined) -> tuple[tuple[U64, U64], list[int], U64]:
        """Part the rows that both sides added: those that are one row, and theirs that get a new number."""
        rows = joined.added_by_both
        name = self._options.rules.renumber
        if name is None or not len(rows.base):
            return (rows.base, rows.side), [], NO_ROWS
        found = renumber(
            (self._ours, self._theirs), (rows.base, rows.side), name, self._key, self._cells, self._executor
        )
        return (
            (rows.base[~found.collides], rows.side[~found.collides]),
            found.numbers,
            rows.side[found.collides],
        )

    def _new_rows(
        self,
        joined: Joined,
        counted: Counted | None,
        returned: Sequence[tuple[int, int | None]],
        renumbered: U64,
        numbers: Sequence[int],
    ) -> New:
        back = np.array([place for place, _ in returned], np.uint64)
        added = counted.added if counted is not None else NO_ROWS
        places = np.concatenate([joined.added_by_theirs, added, renumbered, back])
        old = np.zeros(len(places), np.uint64)
        is_base = np.zeros(len(places), bool)
        for at, (_, base) in enumerate(returned, len(places) - len(returned)):
            if base is not None:
                old[at], is_base[at] = base, True
        given = np.full(len(places), -1, np.int64)
        first = len(joined.added_by_theirs) + len(added)
        given[first : first + len(renumbered)] = numbers
        order = np.argsort(places, kind="stable")
        known = (
            {int(at): int(number) for at, number in enumerate(given[order].tolist()) if number >= 0}
            if len(renumbered)
            else {}
        )
        return New(places[order], is_base[order], old[order], known)

    def _place(
        self,
        joined: Joined,
        counted: Counted | None,
        twice: tuple[U64, U64],
        removed: U64,
        restored: tuple[U64, U64],
        new: New,
    ) -> Edits:
        """Find everything in ours."""
        match = self._matches[0]
        view = match.compared.after_view
        named = view.key_only if match.has_key else self._schema.common_views[1]
        base_prints = [
            keys_at(match.compared, places, self._seed, before=True)
            for places in (joined.changed_by_theirs.base, joined.removed_by_theirs, joined.removed_by_ours)
        ]
        anchors = self._anchors(new, base_prints[2], counted)
        wanted = np.unique(np.concatenate([base_prints[0], base_prints[1], anchors.prints]))
        added = np.sort(np.concatenate([match.matched.added, match.matched.surplus_after.places]))
        located = locate_rows(
            match.compared.after, self._parts[0], named, wanted, added, self._seed, self._executor
        )
        changed = located.places[_found(located.find(base_prints[0]))]
        gone = located.places[_found(located.find(base_prints[1]))]
        if counted is not None and len(counted.removed):
            gone = np.concatenate([gone, self._find_copies(counted)])
        boundaries = place_rows(anchors, located, end_of(self._ours))
        order = np.argsort(boundaries, kind="stable")
        both = joined.changed_by_both
        if counted is not None:
            both = _joined(both, counted.changed_by_both)
        return Edits(
            both=_sorted((both[1], both[2], both[0])),
            theirs=_sorted((changed, joined.changed_by_theirs.side)),
            twice=_sorted(twice),
            restored=_sorted(restored),
            removed=np.sort(np.concatenate([gone, removed])),
            boundaries=boundaries[order],
            new=order.astype(np.int64),
        )

    def _anchors(self, new: New, removed_by_ours: U64, counted: Counted | None) -> Any:
        other = self._matches[1]
        named = other.compared.after_view.key_only if other.has_key else self._schema.common_views[2]
        absent = [removed_by_ours]
        if counted is not None:
            edited = (counted.changed_by_both[2], counted.removed_changed.side)
            absent.append(self._schema.prints_gone(edited))
        return find_anchors(
            other.compared.after,
            self._parts[1],
            named,
            new.theirs,
            np.unique(np.concatenate(absent)),
            self._seed,
            self._executor,
        )

    def _find_copies(self, counted: Counted) -> U64:
        """Return places in ours of rows that are counted and go: of equal ones those that theirs removed."""
        kinds, counts = counted.removed, counted.removed_counts
        views, scope = self._schema.common_views, self._schema.scope
        found = locate_rows(self._ours, self._parts[0], views[1], kinds, NO_ROWS, self._seed, self._executor)
        # Rows that became of others are none of these.
        told = np.concatenate([counted.changed_by_both[1], counted.changed_removed.side])
        free = found.without(is_in(row_ids(self._ours, found.places), np.sort(row_ids(self._ours, told))))
        first, end = (np.searchsorted(free.prints, kinds, side=side) for side in ("left", "right"))
        if bool((end - first < counts).any()):
            raise TableError("rows were found before and not now: the file has changed")
        if bool((end - first > counts).any()):
            parts = parts_of(self._base, scope.parts[0] if scope is not None else None)
            old = locate_rows(self._base, parts, views[0], kinds, NO_ROWS, self._seed, self._executor)
            ids = row_ids(self._base, old.places)
            order = np.argsort(ids)
            at = order[np.searchsorted(ids[order], row_ids(self._base, counted.removed_from))]
            first += np.minimum(at - np.searchsorted(old.prints, kinds), end - first - counts)
        steps = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        chosen: U64 = free.places[np.repeat(first, counts) + steps]
        return chosen

    def _count(self, joined: Joined, counted: Counted | None, renumbered: int) -> None:
        self._counts += MergeCounts(
            ours_only=joined.ours_only,
            theirs_only=len(joined.changed_by_theirs.base)
            + len(joined.removed_by_theirs)
            + len(joined.added_by_theirs)
            + renumbered,
            same_change=joined.removed_by_both,
        )
        if counted is not None:
            self._counts += MergeCounts(counted.ours_only, counted.theirs_only, counted.same_change)


def _rules_for_nothing(schema: SchemaMerge, options: MergeOptions) -> Iterator[str]:
    """Yield what rules say of columns that no version has: a name that was mistyped decides nothing."""
    rules, known = options.rules, {side.name for side in schema.sides}
    named = [*rules.columns, *(rule.by for rule in rules.columns.values() if rule.by is not None)]
    for name in dict.fromkeys(named):
        if name not in known:
            yield f"a rule for merging names the column {name}, which is in no version"
    if rules.renumber is not None and rules.renumber not in options.key:
        yield f"the column {rules.renumber} is to be renumbered, and is not in the key"


def _found(numbers: I64) -> I64:
    if len(numbers) and int(numbers.min()) < 0:
        raise TableError("rows were found before and not now: the file has changed")
    return numbers


def _joined(a: tuple[U64, U64, U64], b: tuple[U64, U64, U64]) -> tuple[U64, U64, U64]:
    first, second, third = (np.concatenate(pair) for pair in zip(a, b, strict=True))
    return first, second, third


def _sorted(columns: Any) -> Any:
    """Return arrays in step, by the first."""
    order = np.argsort(columns[0], kind="stable")
    return tuple(column[order] for column in columns)
