"""Applying a change feed to a table: what comes out has the rows of the second version.

Deciding comes first: every row that the feed says was removed or changed is looked for by all of its cells,
and only when all were found is anything written.  Rows that did not change are copied: of a text byte for
byte.  Changed rows stay in their places, added rows come at the end.
"""

import secrets
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
import pyarrow
from pyarrow import compute

from datav.errors import TableError
from datav.relpath import one_line
from datav.storage.scratch import Scratch
from datav.tables.arrowversion import ArrowVersion
from datav.tables.arrowwriting import write_arrow_edited
from datav.tables.cellvalues import cell_text, cell_values
from datav.tables.dialect import extension_of
from datav.tables.feed import AFTER, BEFORE, COUNT, OP, Feed
from datav.tables.feedcells import cells_as
from datav.tables.hashing import fingerprint
from datav.tables.jsonedits import edit_json_lines
from datav.tables.jsonl import JsonLinesVersion
from datav.tables.opening import open_table
from datav.tables.parquetversion import ParquetVersion
from datav.tables.parquetwriting import write_parquet_edited
from datav.tables.patch_plan import Plan
from datav.tables.rewriting import write_edited
from datav.tables.rules import TableRules
from datav.tables.source import NotATable, RandomAccess
from datav.tables.text import TextVersion
from datav.tables.textedits import edit_text
from datav.tables.version import U64, TableVersion, View

_PACKED = (".gz", ".zst")

# A few bytes of a feed can say that a row is there 2^62 times.
_MAX_ADDED = 10**9

# Of a row that is named in an error.
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Patched:
    """What a feed did to a table."""

    rows_before: int
    rows_after: int
    added: int
    removed: int
    changed: int
    new_columns: tuple[str, ...] = ()
    """Columns that the feed brings: rows that it does not tell of have nothing in them."""


@dataclass(slots=True)
class _Wanted:
    """The rows that must be found, and those that must not."""

    rows: U64
    """Fingerprints of the whole rows that the feed says were removed or changed, sorted."""
    pending: dict[str, deque[list[int]]]
    """By their cells: which rows of the feed want a row like that, and how many each."""
    keys: U64
    """Fingerprints of the keys that rows come to have, sorted; empty where keys need not be unique."""
    key_cells: set[str] = field(default_factory=set)
    """Those keys."""


def apply_feed(
    name: str,
    source: RandomAccess,
    feed: Feed,
    target: BinaryIO | None,
    *,
    scratch: Scratch,
    executor: Executor,
    rules: TableRules | None = None,
) -> Patched:
    """Write the table `name` as it is after the changes of `feed`, in its own format.

    Args:
        name: of the file; only its extension counts.
        target: where to; None: only find out whether the feed fits.
        scratch: open until this returns.
        rules: what is known of how the table is written, and need not be found out.

    Raises:
        TableError: the file is no table or is compressed; the feed is of other columns, or tells of rows that
            are not there; a row would get a key that another has.  Nothing was written then.
        What reading the source and writing to the target raise.

    Cost: the feed in memory; two passes over the file.
    """
    if extension_of(name) in _PACKED:
        raise TableError("it is compressed", hint="unpack it, patch that, and pack it again")
    version = open_table(name, source, scratch, rules)
    if isinstance(version, NotATable):
        raise TableError(version.reason)
    plan = _decide(version, feed, executor)
    if target is not None:
        _write(version, source, plan, target)
    changed = sum(row is not None for row in plan.edits.values())
    removed, added = len(plan.edits) - changed, sum(plan.added_counts)
    old = set(plan.old_columns)
    new = tuple(column for column in plan.columns if column not in old)
    return Patched(plan.rows, plan.rows - removed + added, added, removed, changed, new)


def _write(version: TableVersion, source: RandomAccess, plan: Plan, target: BinaryIO) -> None:
    match version:
        case TextVersion():
            edits = edit_text(version, plan.layout, plan.row_edits(version.source.size))
            write_edited(version, edits, source, target)
        case JsonLinesVersion():
            edits = edit_json_lines(version, plan.layout, plan.row_edits(version.source.size))
            write_edited(version, edits, source, target)
        case ParquetVersion():
            write_parquet_edited(version, plan.layout, plan.types, plan, target)
        case ArrowVersion():
            write_arrow_edited(version, plan.layout, plan.types, plan, target)


def _decide(version: TableVersion, feed: Feed, executor: Executor) -> Plan:
    names = [column.name for column in version.columns]
    _check_columns(feed, names)
    kinds = dict(zip(names, version.types, strict=True))
    columns = _columns_after(feed, names)
    is_null_text = version.format == "jsonl"
    ops = feed.rows.column(OP)
    old_rows = compute.indices_nonzero(compute.not_equal(ops, "added")).to_numpy()
    new_rows = compute.indices_nonzero(compute.not_equal(ops, "removed")).to_numpy()
    after = _side(feed, AFTER, columns, kinds, is_null_text).take(new_rows)
    before = _side(feed, BEFORE, names, kinds, is_null_text).take(old_rows)
    counts = feed.rows.column(COUNT).to_pylist()
    is_changed = compute.equal(ops, "changed").to_pylist()
    row_of = {int(row): place for place, row in enumerate(new_rows)}
    seed = secrets.randbits(64)
    key = [names.index(column) for column in feed.key] if feed.is_unique else []
    wanted = _wanted(before, after, feed, old_rows.tolist(), counts, key, names, seed)
    view = View(tuple(range(len(names))), tuple(key), tuple(version.types))
    plan = Plan(names, columns, after)
    for prints in version.scan(view, seed, executor):
        plan.rows += len(prints.places)
        for place, row in _find(version, prints.places[_is_in(prints.rows, wanted.rows)], wanted):
            plan.edits[place] = row_of[row] if is_changed[row] else None
        _check_keys(version, prints.places[_is_in(prints.keys, wanted.keys)], key, wanted, plan)
    for rows in wanted.pending.values():
        if rows:
            shown = _shown(before, int(np.searchsorted(old_rows, rows[0][0])))
            raise TableError(f"the change feed does not fit: there is no row {shown}")
    for place, row in enumerate(new_rows.tolist()):
        if not is_changed[row]:
            plan.added.append(place)
            plan.added_counts.append(counts[row])
    if sum(plan.added_counts) > _MAX_ADDED:
        raise TableError(f"the change feed adds {sum(plan.added_counts):,} rows; {_MAX_ADDED:,} are the most")
    return plan


def _check_columns(feed: Feed, names: Sequence[str]) -> None:
    if not feed.before and not feed.after and not len(feed.rows):
        return
    # Sets: a table may have a hundred thousand columns.
    there, known = set(names), set(feed.before)
    for column in feed.before:
        if column not in there:
            raise TableError(f"the change feed does not fit: there is no column {one_line(column)}")
    for column in names:
        if column not in known:
            raise TableError(f"the change feed does not fit: it knows no column {one_line(column)}")


def _columns_after(feed: Feed, names: Sequence[str]) -> list[str]:
    """Return the columns of the result: those of the file unless the feed says that they changed."""
    # A file whose columns stand in another order than those of the first version keeps its own.
    return list(names) if feed.before == feed.after else list(feed.after)


def _side(feed: Feed, prefix: str, names: Sequence[str], kinds: dict[str, Any], keep_nulls: bool) -> Any:
    """One side of all rows of the feed, its cells of the types that the file has."""
    is_text = all(kind is None for kind in kinds.values())
    columns = dict(zip(feed.rows.column_names, feed.rows.columns, strict=True))
    cells = []
    for name in names:
        if prefix + name in columns:
            column = columns[prefix + name]
            own = _changed_type(feed, columns, name) if prefix == AFTER and not is_text else None
            column = cells_as(column, own or kinds.get(name), name, of_text=is_text, is_typed=feed.is_typed)
        else:
            column = pyarrow.nulls(len(feed.rows), pyarrow.large_binary() if is_text else kinds[name])
        cells.append(compute.fill_null(column, b"") if is_text and not keep_nulls else column)
    return pyarrow.table(cells, names=list(names)) if cells else pyarrow.table({"": []})


def _changed_type(feed: Feed, columns: dict[str, Any], name: str) -> Any:
    """The type that a column comes to have; None: the one that the file has."""
    if not feed.is_typed:
        return None
    new = columns[AFTER + name].type
    old = columns.get(BEFORE + name)
    return None if old is not None and new.equals(old.type) else new


def _wanted(
    before: Any,
    after: Any,
    feed: Feed,
    rows: Sequence[int],
    counts: Sequence[int],
    key: Sequence[int],
    names: Sequence[str],
    seed: int,
) -> _Wanted:
    pending: dict[str, deque[list[int]]] = {}
    for row, cells in zip(rows, _row_keys(before), strict=True):
        pending.setdefault(cells, deque()).append([row, counts[row]])
    _, prints = fingerprint(before.columns, (), len(before), seed)
    if not key:
        return _Wanted(np.sort(prints), pending, np.zeros(0, np.uint64))
    key_cells = after.select([names[place] for place in key])
    keys, _ = fingerprint(key_cells.columns, range(len(key)), len(after), seed)
    wanted = _Wanted(np.sort(prints), pending, np.sort(keys))
    for place, cells in enumerate(_row_keys(key_cells)):
        if cells in wanted.key_cells:
            raise TableError(f"the change feed has two rows with the key {_shown(key_cells, place)}")
        wanted.key_cells.add(cells)
    return wanted


def _is_in(prints: U64, wanted: U64) -> Any:
    if not len(wanted):
        return np.zeros(len(prints), bool)
    places = np.minimum(np.searchsorted(wanted, prints), len(wanted) - 1)
    return wanted[places] == prints


def _find(version: TableVersion, places: U64, wanted: _Wanted) -> list[tuple[int, int]]:
    """Return which of the rows at `places` are wanted by which rows of the feed."""
    if not len(places):
        return []
    table = version.take(places, range(len(version.columns)), version.types)
    found = []
    for place, cells in zip(places.tolist(), _row_keys(table), strict=True):
        if rows := wanted.pending.get(cells):
            found.append((place, rows[0][0]))
            rows[0][1] -= 1
            if not rows[0][1]:
                rows.popleft()
    return found


def _check_keys(version: TableVersion, places: U64, key: Sequence[int], wanted: _Wanted, plan: Plan) -> None:
    """Make sure that no row which stays has a key that another comes to have."""
    stays = np.array([place for place in places.tolist() if place not in plan.edits], np.uint64)
    if not len(stays):
        return
    table = version.take(stays, key, [version.types[place] for place in key])
    for place, cells in enumerate(_row_keys(table)):
        if cells in wanted.key_cells:
            shown = _shown(table, place)
            raise TableError(f"the change feed does not fit: there would be two rows with the key {shown}")


def _row_keys(table: Any) -> list[str]:
    """For each row a text that two rows share if and only if their cells are equal."""
    columns = [
        column.to_pylist() if column.type == pyarrow.large_binary() else map(_comparable, cell_values(column))
        for column in table.columns
    ]
    return [repr(row) for row in zip(*columns, strict=True)]


def _comparable(value: object) -> object:
    # 0.0 and -0.0 are the same cell.
    return value + 0.0 if isinstance(value, float) else value


def _shown(table: Any, row: int) -> str:
    cells = (
        f"{name}={cell_text(cell_values(table.column(place).slice(row, 1))[0])}"
        for place, name in enumerate(table.column_names)
    )
    text = one_line(", ".join(cells))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
