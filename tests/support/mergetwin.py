"""The merge of tables done the plain way: dictionaries over lists of rows.

This is the definition that tests hold `datav.merging.tables` to.  It imports nothing of datav, keeps
every row in memory and is slow on purpose.

    found = merge_plain(base, ours, theirs, TwinRules(key=("id",)))
    found.rows, found.conflicts, found.counts

Where the order of the result is told exactly, no two rows have the same key, or without one the same cells.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from tests.support.rowtwin import PlainTable, Row, frozen

Key = tuple[Hashable, ...]
_Ident = tuple[str, Key]
"""What a row is known by: `key` and that, or `row` and its cells."""


class TwinConflict(NamedTuple):
    kind: str
    key: Key
    """Of a row without a key all cells that base has of it."""
    column: str | None = None


class GivenCell(NamedTuple):
    """A decision for a cell that no version has."""

    cell: object


@dataclass(frozen=True)
class TwinRules:
    key: tuple[str, ...] = ()
    nothing: object = ""
    """What a cell is that is not there."""
    decide: Callable[[TwinConflict], object] = lambda conflict: None
    """A side, a GivenCell, or None: it stays open."""
    sums: Mapping[str, Callable[[object, object, object], object]] = field(default_factory=dict)
    """By column: what becomes of a cell that both sides changed, of base's, ours and theirs; None: nothing
    tells."""
    is_union: bool = False
    """The rule `union`: rows of which one side has more stay, and none are told to be each other's."""


@dataclass
class TwinMerge:
    names: list[str]
    rows: list[dict[str, object]] = field(default_factory=list)
    """In order; our cells where there is a conflict."""
    conflicts: Counter[TwinConflict] = field(default_factory=Counter)
    in_conflict: set[Key] = field(default_factory=set)
    """Keys of the rows with a conflict."""
    counts: Counter[str] = field(default_factory=Counter)
    """ours_only, theirs_only, same_change, cells_merged, conflicts, added, removed."""

    @property
    def bag(self) -> Counter[Key]:
        return bag_of(self.rows, self.names)


class Columns(NamedTuple):
    """What the three versions have, as sets."""

    base: frozenset[str]
    ours: frozenset[str]
    theirs: frozenset[str]

    @property
    def common(self) -> frozenset[str]:
        return self.base & self.ours & self.theirs


def bag_of(rows: Iterable[Row], names: Iterable[str]) -> Counter[Key]:
    """Return how often each row occurs."""
    ordered = list(names)
    return Counter(cells_in(row, ordered) for row in rows)


def cells_in(row: Row, names: Iterable[str]) -> Key:
    return tuple(frozen(row.get(name)) for name in names)


def merge_plain(base: PlainTable, ours: PlainTable, theirs: PlainTable, rules: TwinRules) -> TwinMerge:
    """Merge three tables."""
    work = _Work(base, ours, theirs, rules)
    return work.merge()


# --- columns


def merge_names(
    base: Sequence[str], ours: Sequence[str], theirs: Sequence[str], stay: Mapping[str, bool]
) -> list[str]:
    """Return the columns of the result, in order.

    Args:
        stay: of those that one side removed and the other changed, whether they are in the result.
    """
    kept = {
        name
        for name in [*ours, *theirs]
        if (name in ours and name in theirs) or name not in base or stay.get(name, False)
    }
    is_moved = [
        [name for name in side if name in base] != [name for name in base if name in side]
        for side in (ours, theirs)
    ]
    spine, other = (theirs, ours) if is_moved == [False, True] else (ours, theirs)
    result = [name for name in spine if name in kept]
    last_put: dict[str | None, str] = {}
    left: str | None = None
    for name in other:
        if name not in kept:
            continue
        if name in result and name in spine:
            left = name
            continue
        at = 0 if left is None else result.index(last_put.get(left, left)) + 1
        # Behind what the spine put there itself.
        while (
            left is not None
            and left not in last_put
            and at < len(result)
            and _is_own(result[at], base, other)
        ):
            at += 1
        if left is None and None in last_put:
            at = result.index(last_put[None]) + 1
        result.insert(at, name)
        last_put[left] = name
    return result


def _is_own(name: str, base: Sequence[str], other: Sequence[str]) -> bool:
    return name not in base and name not in other


# --- rows


class _Entry:
    """A row of ours, and what became of it."""

    def __init__(self, ident: Hashable, row: dict[str, object], *, is_added: bool) -> None:
        self.ident = ident
        self.row: dict[str, object] | None = row
        self.is_added = is_added


class _Work:
    def __init__(self, base: PlainTable, ours: PlainTable, theirs: PlainTable, rules: TwinRules) -> None:
        self.tables = base, ours, theirs
        self.rules = rules
        self.has = Columns(*(frozenset(table.columns) for table in self.tables))
        common = [name for name in base.columns if name in self.has.common]
        self.names_of_row = common
        seen = [Counter(cells_in(row, rules.key) for row in table.rows) for table in self.tables]
        self.repeated = {key for counted in seen for key, count in counted.items() if count > 1}
        if not rules.key:
            self.repeated = set().union(*seen)
        self.result = TwinMerge([])

    def merge(self) -> TwinMerge:
        stay = self._columns()
        # A column that ours removed and that comes back is as if theirs had added it.
        self.whole_base = {self._key(row): row for row in self.tables[0].rows}
        self._narrow({name for name, stays in stay.items() if stays and name not in self.has.ours})
        self.result.names = merge_names(*(table.columns for table in self.tables), stay)
        by_key = [
            {self._key(row): row for row in table.rows if self._key(row) not in self.repeated}
            for table in self.tables
        ]
        self.entries = [
            _Entry(self._ident(row), self._of_ours(row), is_added=self._is_added(row, by_key[0]))
            for row in self.tables[1].rows
        ]
        self.new: dict[int, dict[str, object]] = {}
        places = {entry.ident: at for at, entry in enumerate(self.entries)}
        theirs_at = {self._ident(row): at for at, row in enumerate(self.tables[2].rows)}
        for key in {**by_key[0], **by_key[1], **by_key[2]}:
            rows = [side.get(key) for side in by_key]
            self._merge_one(key, rows, places.get(("key", key)), theirs_at.get(("key", key)))
        self._merge_counted()
        self._put_together()
        return self.result

    def _narrow(self, returning: set[str]) -> None:
        base = self.tables[0]
        rows: list[Row] = [
            {name: cell for name, cell in row.items() if name not in returning} for row in base.rows
        ]
        names = tuple(name for name in base.columns if name not in returning)
        self.tables = PlainTable(names, rows), *self.tables[1:]
        self.has = self.has._replace(base=self.has.base - returning)

    # Rows

    def _key(self, row: Row) -> Key:
        return cells_in(row, self.rules.key)

    def _ident(self, row: Row) -> _Ident:
        key = self._key(row)
        return ("row", cells_in(row, self.names_of_row)) if key in self.repeated else ("key", key)

    def _is_added(self, row: Row, base: Mapping[Key, Row]) -> bool:
        key = self._key(row)
        if key not in self.repeated:
            return key not in base
        mine = cells_in(row, self.names_of_row)
        return all(cells_in(old, self.names_of_row) != mine for old in self.tables[0].rows)

    def _of_ours(self, row: Row) -> dict[str, object]:
        return {name: row.get(name, self.rules.nothing) for name in self.result.names}

    def _merge_one(
        self,
        key: Key,
        rows: Sequence[Row | None],
        at: int | None,
        their_at: int | None,
        name: Key | None = None,
    ) -> None:
        """Merge the row with one key."""
        base, ours, theirs = rows
        count = self.result.counts
        mine = _is_touched(base, ours, self.has.ours & (self.has.base | self.has.theirs), self.rules.nothing)
        other = _is_touched(base, theirs, self.has.theirs, self.rules.nothing)
        if ours is None and theirs is None:
            count["same_change"] += 1
        elif base is not None and (ours is None or theirs is None):
            self._merge_removed(key, (base, ours, theirs), at, their_at, name)
        elif base is None and (ours is None or theirs is None):
            count["ours_only" if theirs is None else "theirs_only"] += 1
            if ours is None:
                assert theirs is not None
                assert their_at is not None
                self.new[their_at] = self._of_ours(theirs)
        elif mine or other:
            self._merge_cells(key, (base, ours, theirs), (mine, other), at, name)

    def _merge_removed(
        self, key: Key, rows: Sequence[Row | None], at: int | None, their_at: int | None, name: Key | None
    ) -> None:
        base, ours, theirs = rows
        assert base is not None
        side, columns = (ours, self.has.ours) if ours is not None else (theirs, self.has.theirs)
        who = "ours" if ours is not None else "theirs"
        # What ours removed with the column that comes back was there.
        is_changed = _is_touched(base, side, columns, self.rules.nothing)
        base = self.whole_base[key] if name is None else base
        is_changed &= side is not None and any(
            frozen(base[column]) != frozen(side[column]) for column in columns & set(base)
        )
        if not is_changed:
            self.result.counts["theirs_only" if theirs is None else "ours_only"] += 1
            if at is not None:
                self.entries[at].row = None
            return
        conflict = TwinConflict("delete_modify", key if name is None else name)
        decision = self.rules.decide(conflict) or (who if self.rules.is_union else None)
        if decision is None or isinstance(decision, GivenCell):
            self._note(conflict)
            self.result.counts["conflicts"] += 1
            decision = "ours"
        else:
            self.result.counts["cells_merged"] += 1
        chosen = {"base": base, "ours": ours, "theirs": theirs}[str(decision)]
        becomes = None if chosen is None else self._of_ours(chosen)
        if at is not None:
            self.entries[at].row = becomes
        elif becomes is not None:
            assert their_at is not None
            self.new[their_at] = becomes

    def _merge_cells(
        self,
        key: Key,
        rows: Sequence[Row | None],
        touched: tuple[bool, bool],
        at: int | None,
        name: Key | None,
    ) -> None:
        base, ours, theirs = rows
        assert ours is not None
        assert theirs is not None
        assert at is not None
        merged, nothing = self._of_ours(ours), self.rules.nothing
        conflicts = differs = dropped = False
        both = [base is None, base is None]
        for column in self.result.names:
            if column not in self.has.theirs:
                continue
            if column not in self.has.ours:
                merged[column] = theirs[column]
                continue
            old = nothing if base is None else base.get(column, nothing)
            by = [frozen(side[column]) != frozen(old) for side in (ours, theirs)]
            both = [first or second for first, second in zip(both, by, strict=True)]
            differs |= frozen(ours[column]) != frozen(theirs[column])
            if column in self.rules.sums and base is not None and all(by):
                total = self.rules.sums[column](old, ours[column], theirs[column])
                if total is not None:
                    merged[column] = total
                    continue
            if frozen(ours[column]) == frozen(theirs[column]):
                continue
            if base is not None and not all(by):
                merged[column] = theirs[column] if by[1] else ours[column]
                continue
            conflict = TwinConflict("add_add" if base is None else "cell", name or key, column)
            match self.rules.decide(conflict):
                case None:
                    conflicts = True
                    self._note(conflict)
                case "theirs":
                    merged[column] = theirs[column]
                case "base":
                    dropped |= base is None
                    merged[column] = old
                case GivenCell(cell):
                    merged[column] = cell
        self.entries[at].row = None if dropped else merged
        count = self.result.counts
        if conflicts:
            count["conflicts"] += 1
        elif all(both):
            count["cells_merged" if differs else "same_change"] += 1
        else:
            count["ours_only" if (both[0] if all(touched) else touched[0]) else "theirs_only"] += 1

    def _note(self, conflict: TwinConflict) -> None:
        self.result.conflicts[conflict] += 1
        self.result.in_conflict.add(conflict.key)

    # Columns

    def _columns(self) -> dict[str, bool]:
        """Decide of columns that one side removed and the other changed."""
        stay = {}
        for name in sorted(self.has.base & (self.has.ours ^ self.has.theirs)):
            at = 1 if name in self.has.ours else 2
            who = "ours" if at == 1 else "theirs"
            if not self._is_column_changed(name, self.tables[at]):
                continue
            conflict = TwinConflict("schema", (), name)
            decision = self.rules.decide(conflict) or (who if self.rules.is_union else None)
            if decision is None:
                self.result.conflicts[conflict] += 1
                self.result.counts["conflicts"] += 1
                decision = "ours"
            stay[name] = decision in ("base", who)
        return stay

    def _is_column_changed(self, name: str, side: PlainTable) -> bool:
        old = {self._key(row): row for row in self.tables[0].rows if self._key(row) not in self.repeated}
        for row in side.rows:
            before = old.get(self._key(row))
            if before is not None and frozen(before[name]) != frozen(row[name]):
                return True
        # Of rows that are counted it can be told where nothing else of them changed.
        names = self.names_of_row
        cells: list[dict[Key, Counter[Hashable]]] = [{}, {}]
        for table, found in zip((self.tables[0], side), cells, strict=True):
            for row in table.rows:
                if self._key(row) in self.repeated:
                    found.setdefault(cells_in(row, names), Counter())[frozen(row[name])] += 1
        return any(
            (cells[0][row] - cells[1][row]) and (cells[1][row] - cells[0][row])
            for row in cells[0].keys() & cells[1].keys()
        )

    # Rows that are counted

    def _merge_counted(self) -> None:
        paired = [set(), set(), set()] if self.rules.is_union else self._merge_hunks()
        rows = [
            [
                (at, cells_in(row, self.names_of_row))
                for at, row in enumerate(table.rows)
                if self._key(row) in self.repeated and at not in done
            ]
            for table, done in zip(self.tables, paired, strict=True)
        ]
        counts = [Counter(cells for _, cells in side) for side in rows]
        for kind in set().union(*counts):
            base, ours, theirs = (counted[kind] for counted in counts)
            mine, other = ours - base, theirs - base
            same = min(abs(mine), abs(other)) if mine * other > 0 else 0
            self.result.counts["same_change"] += same
            self.result.counts["ours_only"] += abs(mine) - same
            self.result.counts["theirs_only"] += abs(other) - same
            more = other - same if other > 0 else other + same
            if more < 0:
                for at in [at for at, cells in rows[1] if cells == kind][:-more]:
                    self.entries[at].row = None
            for at in [at for at, cells in rows[2] if cells == kind][:more] if more > 0 else []:
                self.new[at] = self._of_ours(self.tables[2].rows[at])

    def _merge_hunks(self) -> list[set[int]]:
        """Merge what both sides edited in one place.  Of rows that are all different, and in one order."""
        done: list[set[int]] = [set(), set(), set()]
        idents = [[self._ident(row) for row in table.rows] for table in self.tables]
        if any(len(set(side)) < len(side) for side in idents):
            return done
        became: list[dict[int, int | None]] = []
        for side in idents[1:]:
            found: dict[int, int | None] = {}
            for run, (before, behind) in _runs(idents[0], side).items():
                first = side.index(before) + 1 if before is not None else 0
                last = side.index(behind) if behind is not None else len(side)
                places = range(first, last)
                new = [at for at in places if side[at] not in idents[0] and side[at][0] == "row"]
                found |= _pair_run(run, new, [idents[0][at][1] for at in run], [side[at][1] for at in new])
            became.append(found)
        for old in sorted(became[0].keys() & became[1].keys()):
            if became[0][old] is not None or became[1][old] is not None:
                self._merge_edited(old, [side[old] for side in became], done)
        return done

    def _merge_edited(self, old: int, at: list[int | None], done: list[set[int]]) -> None:
        base = self.tables[0].rows[old]
        name = cells_in(base, self.tables[0].columns)
        rows = [
            base,
            *(None if n is None else table.rows[n] for n, table in zip(at, self.tables[1:], strict=True)),
        ]
        self._merge_one((), rows, at[0], at[1], name)
        for side, place in zip(done, (old, *at), strict=True):
            if place is not None:
                side.add(place)

    # Order

    def _put_together(self) -> None:
        """Put theirs' new rows among ours."""
        first_of: dict[Hashable, int] = {}
        for at, entry in enumerate(self.entries):
            first_of.setdefault(entry.ident, at)
        idents = [self._ident(row) for row in self.tables[2].rows]
        known = [at for at, ident in enumerate(idents) if at not in self.new and ident in first_of]
        before: dict[int, list[dict[str, object]]] = {}
        for at in sorted(self.new):
            left = [place for place in known if place < at]
            if len(left) == len(known):
                place = len(self.entries)
            elif left:
                place = self._next_old(first_of[idents[left[-1]]] + 1)
            else:
                place = self._next_old(0)
            before.setdefault(place, []).append(self.new[at])
        for at, entry in enumerate([*self.entries, None]):
            self.result.rows += before.get(at, [])
            if entry is not None and entry.row is not None:
                self.result.rows.append(entry.row)
        self.result.counts["added"] = len(self.new)
        self.result.counts["removed"] = sum(entry.row is None for entry in self.entries)

    def _next_old(self, at: int) -> int:
        while at < len(self.entries) and self.entries[at].is_added:
            at += 1
        return at


def _runs(
    base: Sequence[_Ident], side: Sequence[_Ident]
) -> dict[tuple[int, ...], tuple[_Ident | None, _Ident | None]]:
    """Return the rows of base without a key that a side lacks, neighbours together, and what both have before
    and behind them."""
    found = {}
    kept = [at for at, ident in enumerate(base) if ident in set(side)]
    for before, behind in pairwise([-1, *kept, len(base)]):
        run = tuple(at for at in range(before + 1, behind) if base[at][0] == "row")
        if run:
            found[run] = (
                base[before] if before >= 0 else None,
                base[behind] if behind < len(base) else None,
            )
    return found


def _pair_run(
    run: Sequence[int], new: Sequence[int], before: Sequence[Key], after: Sequence[Key]
) -> dict[int, int | None]:
    """Return what became of each row of a run: as many new rows in order, else those that are most alike."""
    if len(run) == len(new):
        return dict(zip(run, new, strict=True))

    @cache
    def alike(old: int, at: int) -> tuple[int, list[tuple[int, int]]]:
        """The cells in common of the best pairs from here on, and these: the earliest that are as good."""
        if old == len(run) or at == len(new):
            return 0, []
        common = sum(one == other for one, other in zip(before[old], after[at], strict=True))
        paired, without_old, without_new = alike(old + 1, at + 1), alike(old + 1, at), alike(old, at + 1)
        choices = [without_old, without_new]
        if common:
            choices.insert(0, (paired[0] + common, [(old, at), *paired[1]]))
        return max(choices, key=lambda choice: choice[0])

    pairs = alike(0, 0)[1]
    return dict.fromkeys(run) | {run[old]: new[at] for old, at in pairs}


def _is_touched(base: Row | None, side: Row | None, names: Iterable[str], nothing: object) -> bool:
    if base is None or side is None:
        return base is not side
    return any(frozen(base.get(name, nothing)) != frozen(side[name]) for name in names)
