"""A profile: what one version of a dataset holds, in so few bytes that it travels with the manifest."""

from collections.abc import Sequence
from dataclasses import dataclass

from datav.profiles.columns import ColumnSketch, merge_columns
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


def merge_tables(parts: Sequence[TableProfile]) -> TableProfile:
    """Return the profile of all rows of some parts, at least one; columns are matched by name and place among
    equal names, those that a part has not got are null in it."""
    if len(parts) == 1:
        return parts[0]
    rows = sum(part.rows for part in parts)
    names = [tuple(column.name for column in part.columns) for part in parts]
    groups = merge_groups([part.groups for part in parts])
    if all(each == names[0] for each in names):
        columns = tuple(
            merge_columns(column) for column in zip(*(part.columns for part in parts), strict=True)
        )
        return TableProfile(rows, columns, groups)
    found: dict[tuple[str, int], list[ColumnSketch]] = {}
    for part in parts:
        seen: dict[str, int] = {}
        for column in part.columns:
            seen[column.name] = seen.get(column.name, 0) + 1
            found.setdefault((column.name, seen[column.name]), []).append(column)
    return TableProfile(rows, tuple(merge_columns(columns) for columns in found.values()), groups)
