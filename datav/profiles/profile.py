"""A profile: what one version of a dataset holds, in so few bytes that it travels with the manifest."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from datav.profiles.columns import NO_NUMBERS, NO_TEXTS, NO_TIMES, ColumnSketch, merge_columns
from datav.profiles.distinct import NOTHING
from datav.profiles.folders import FolderProfile
from datav.profiles.groups import LabelGroups, merge_groups


@dataclass(frozen=True, slots=True, eq=False)
class TableProfile:
    """All rows of a table, or of a part of one."""

    rows: int
    columns: tuple[ColumnSketch, ...]
    """In the order of the table, leaves of nested ones in place of these; names may occur twice."""
    groups: LabelGroups | None = None
    """How the label falls on the values of other columns; None where no label is set."""


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """A file that is a table has `table`; a directory has `folder`, and `table` too if its files are one."""

    table: TableProfile | None
    folder: FolderProfile | None = None
    content: str = ""
    """What it is of: the id of the content in hex; empty where that has none."""


def merge_tables(parts: Sequence[TableProfile], *, finer: int = 1) -> TableProfile:
    """Return the profile of all rows of some parts, at least one; columns are matched by name and place among
    equal names, those that a part has not got are null in it.

    Args:
        finer: see merge_columns.
    """
    rows = sum(part.rows for part in parts)
    names = [tuple(column.name for column in part.columns) for part in parts]
    groups = merge_groups([part.groups for part in parts])
    if all(each == names[0] for each in names):
        columns = tuple(
            merge_columns(column, finer=finer)
            for column in zip(*(part.columns for part in parts), strict=True)
        )
        return TableProfile(rows, columns, groups)
    matched = tuple(merge_columns(columns, finer=finer) for columns in _match_columns(parts))
    return TableProfile(rows, matched, groups)


def _match_columns(parts: Sequence[TableProfile]) -> list[list[ColumnSketch]]:
    """Return the sketches of each column of any of some parts, one of each part."""
    found: dict[tuple[str, int], list[ColumnSketch | None]] = {}
    for number, part in enumerate(parts):
        seen: dict[str, int] = {}
        for column in part.columns:
            seen[column.name] = seen.get(column.name, 0) + 1
            own = found.setdefault((column.name, seen[column.name]), [None] * len(parts))
            own[number] = column
    nested = _find_nested([name for name, _ in found], parts)
    return [
        [
            column if column is not None else _missing(name, part.rows)
            for column, part in zip(columns, parts, strict=True)
        ]
        for (name, _), columns in found.items()
        if name not in nested or any(column is not None and column.kind != "empty" for column in columns)
    ]


def _find_nested(names: Sequence[str], parts: Sequence[TableProfile]) -> set[str]:
    """Return what has no fields only where it is null: its cells are those of the fields."""
    above = {parent for name in names for parent in _parents(name)}
    for part in parts:
        own = {column.name for column in part.columns}
        above.difference_update(parent for name in own for parent in _parents(name) if parent in own)
    return above


def _parents(name: str) -> Iterator[str]:
    return (name[:place] for place, character in enumerate(name) if character == ".")


def _missing(name: str, rows: int) -> ColumnSketch:
    """Return the sketch of a column in a part that has not got it; of items there are none."""
    count = 0 if "[]" in name else rows
    return ColumnSketch(name, "null", count, count, NO_NUMBERS, NO_TIMES, NO_TEXTS, NOTHING, "empty")
