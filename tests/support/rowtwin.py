"""The row diff done the plain way: dictionaries and counters over lists of rows.

This is the definition that tests hold `datav.tables.compare` to.  It imports nothing of datav, keeps every
row in memory and is slow on purpose.

    found = diff_rows(before, after, Rules(key=("id",)))
    found.added, found.changed_cells, found.changes
"""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

Row = Mapping[str, object]


@dataclass(frozen=True)
class PlainTable:
    """A table as lists of Python."""

    columns: tuple[str, ...]
    """Unique names, in order."""
    rows: list[Row]
    """Cells by name; every row has all columns."""


@dataclass(frozen=True)
class Rules:
    """How two tables are compared; as `datav.tables.options.DiffOptions`, in Python."""

    key: tuple[str, ...] = ()
    """Empty: rows are compared as a multiset."""
    columns: tuple[str, ...] = ()
    """Only these are compared, and the key; empty: all."""
    ignored: tuple[str, ...] = ()
    where: Callable[[Row], bool] | None = None
    """Only changes of rows that meet it before or after are counted."""
    tolerances: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """By column, absolute and relative; "" is for all others."""
    ordered: bool = False


class Change(NamedTuple):
    """One way in which a row changed, in the columns that both tables have and that are compared."""

    op: str
    """`added`, `removed`, `changed`."""
    key: tuple[Hashable, ...]
    """Of a changed row; else empty, for `cells` hold it."""
    cells: tuple[tuple[str, Hashable], ...]
    """Of an added or removed row all cells by name, of a changed one those that differ, before."""
    after: tuple[tuple[str, Hashable], ...] = ()
    """Of a changed row the cells that differ, after."""


@dataclass
class TwinDiff:
    """How two tables differ."""

    columns_added: tuple[str, ...] = ()
    columns_removed: tuple[str, ...] = ()
    reordered: bool = False
    from_rows: int = 0
    to_rows: int = 0
    added: int = 0
    removed: int = 0
    changed: int = 0
    unchanged: int | None = 0
    """None under a condition."""
    changed_cells: dict[str, int] = field(default_factory=dict)
    moved: int | None = None
    """Matched rows outside a longest common order; None unless asked for."""
    duplicated_before: int = 0
    """Different keys of which there is more than one row."""
    duplicated_after: int = 0
    changes: Counter[Change] = field(default_factory=Counter)


def diff_rows(before: PlainTable, after: PlainTable, rules: Rules) -> TwinDiff:
    """Compare two tables, row by row and cell by cell."""
    old_names, new_names = (
        [name for name in table.columns if name in rules.key or _is_compared(name, rules)]
        for table in (before, after)
    )
    ours, theirs = set(old_names), set(new_names)
    compared = [name for name in old_names if name in theirs]
    found = TwinDiff(
        columns_added=tuple(name for name in new_names if name not in ours),
        columns_removed=tuple(name for name in old_names if name not in theirs),
        reordered=compared != [name for name in new_names if name in ours],
        from_rows=len(before.rows),
        to_rows=len(after.rows),
    )
    old, new = _by_key(before.rows, rules.key), _by_key(after.rows, rules.key)
    multiple: set[tuple[Hashable, ...]] = set()
    if rules.key:
        multiple = {key for rows in (old, new) for key, group in rows.items() if len(group) > 1}
        found.duplicated_before = sum(len(group) > 1 for group in old.values())
        found.duplicated_after = sum(len(group) > 1 for group in new.values())
    matched: list[tuple[int, int]] = []
    for key in {**old, **new}:
        if not rules.key or key in multiple:
            matched += _compare_as_multiset(found, old.get(key, []), new.get(key, []), compared, rules)
        else:
            matched += _compare_one(found, key, old.get(key, []), new.get(key, []), compared, rules)
    found.unchanged = None if rules.where else len(matched) - found.changed
    if rules.ordered:
        found.moved = len(matched) - _longest_rise(place for _, place in sorted(matched))
    return found


def frozen(cell: object) -> Hashable:
    """Return a cell as what can be compared and counted: NaN equals NaN, and True is not 1."""
    match cell:
        case bool():
            return ("bool", cell)
        case float() if math.isnan(cell):
            return ("nan",)
        case Mapping():
            return ("map", frozenset((name, frozen(value)) for name, value in cell.items()))
        case list() | tuple():
            return ("list", *map(frozen, cell))
        case bytearray():
            return bytes(cell)
    assert isinstance(cell, Hashable)
    return cell


def cells_of(row: Row, names: Iterable[str]) -> tuple[tuple[str, Hashable], ...]:
    """Return some cells of a row as part of a Change."""
    return tuple((name, frozen(row[name])) for name in sorted(names))


def _is_compared(name: str, rules: Rules) -> bool:
    return name not in rules.ignored and (not rules.columns or name in rules.columns)


class _Placed(NamedTuple):
    place: int
    row: Row


def _by_key(rows: Sequence[Row], key: Sequence[str]) -> dict[tuple[Hashable, ...], list[_Placed]]:
    groups: dict[tuple[Hashable, ...], list[_Placed]] = {}
    for place, row in enumerate(rows):
        groups.setdefault(tuple(frozen(row[name]) for name in key), []).append(_Placed(place, row))
    return groups


def _compare_one(
    found: TwinDiff,
    key: tuple[Hashable, ...],
    before: list[_Placed],
    after: list[_Placed],
    compared: list[str],
    rules: Rules,
) -> Iterator[tuple[int, int]]:
    """Compare the rows of one key, at most one a side; yield where they stand if there are two."""
    if not (before and after):
        _count_alone(found, before, after, compared, rules)
        return
    (from_place, old), (to_place, new) = before[0], after[0]
    differing = [name for name in compared if not _same(old[name], new[name], name, rules)]
    if differing and not _meets(rules, old, new):
        # Neither changed nor, under a condition, counted as unchanged.
        differing = []
    if differing:
        found.changed += 1
        found.changes[Change("changed", key, cells_of(old, differing), cells_of(new, differing))] += 1
    for name in differing:
        found.changed_cells[name] = found.changed_cells.get(name, 0) + 1
    yield from_place, to_place


def _compare_as_multiset(
    found: TwinDiff, before: list[_Placed], after: list[_Placed], compared: list[str], rules: Rules
) -> Iterator[tuple[int, int]]:
    """Compare rows of which equal ones cancel each other, the first the first; yield where these stand."""
    waiting: dict[Hashable, list[_Placed]] = {}
    for placed in after:
        waiting.setdefault(cells_of(placed.row, compared), []).append(placed)
    alone = []
    for placed in before:
        equals = waiting.get(cells_of(placed.row, compared))
        if equals:
            yield placed.place, equals.pop(0).place
        else:
            alone.append(placed)
    _count_alone(found, alone, [placed for equals in waiting.values() for placed in equals], compared, rules)


def _count_alone(
    found: TwinDiff, before: list[_Placed], after: list[_Placed], compared: list[str], rules: Rules
) -> None:
    """Count rows that only one side has."""
    for placed in before:
        if _meets(rules, placed.row):
            found.removed += 1
            found.changes[Change("removed", (), cells_of(placed.row, compared))] += 1
    for placed in after:
        if _meets(rules, placed.row):
            found.added += 1
            found.changes[Change("added", (), cells_of(placed.row, compared))] += 1


def _meets(rules: Rules, *rows: Row) -> bool:
    return rules.where is None or any(rules.where(row) for row in rows)


def _same(a: object, b: object, name: str, rules: Rules) -> bool:
    if frozen(a) == frozen(b):
        return True
    if name in rules.key:
        return False
    absolute, relative = rules.tolerances.get(name, rules.tolerances.get("", (0.0, 0.0)))
    x, y = _number(a), _number(b)
    if x is None or y is None or not (absolute or relative):
        return False
    return abs(x - y) <= max(Fraction(str(absolute)), Fraction(str(relative)) * abs(x))


def _number(cell: object) -> Fraction | None:
    """Return what a cell is as a finite number, as it is written, also when it is text."""
    if cell is None or isinstance(cell, bool):
        return None
    try:
        return Fraction(str(cell)) if math.isfinite(float(cell)) else None  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):  # Whatever it is, the exceptions answer.
        return None


def _longest_rise(places: Iterable[int]) -> int:
    """Return the length of the longest increasing subsequence of different numbers."""
    ends: list[int] = []
    for place in places:
        at = bisect_left(ends, place)
        ends[at : at + 1] = [place]
    return len(ends)
