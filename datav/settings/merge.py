"""`[merge."GLOB"]` of `datav.toml`: what decides between two changes of the same thing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from datav.settings.toml import UNKNOWN, Malformed, take_table

Take = Literal["ours", "theirs", "union"]
ColumnTake = Literal["ours", "theirs", "max", "min", "sum-of-changes", "newest"]

_TAKES: tuple[Take, ...] = ("ours", "theirs", "union")
_COLUMN_TAKES: tuple[ColumnTake, ...] = ("ours", "theirs", "max", "min", "sum-of-changes")
_NEWEST_BY = "newest by "


@dataclass(frozen=True, slots=True)
class ColumnRule:
    """What decides where both sides changed a cell of one column."""

    take: ColumnTake
    by: str | None = None
    """Of `newest`: the column whose larger cell tells which side is newer."""


@dataclass(frozen=True, slots=True)
class MergeSettings:
    """How conflicts at some paths are decided; what no rule decides stays a conflict."""

    glob: str = ""
    """As in a `.gitignore`: without a slash any name, else from the root of the repository."""
    take: Take | None = None
    """Of whatever is in conflict: that side; `union`: rows that either side has stay."""
    columns: Mapping[str, ColumnRule] = field(default_factory=dict)
    renumber: str | None = None
    """A whole-number column of the key: their new rows get new numbers where ours has given them out too."""


def take_merges(values: dict[str, Any]) -> tuple[MergeSettings, ...]:
    """Take what is said of merges out of the `values` of `datav.toml`."""
    merges = take_table(values, "merge")
    return tuple(_merge_settings(glob, take_table(merges, glob, ("merge",))) for glob in list(merges))


def _merge_settings(glob: str, table: dict[str, Any]) -> MergeSettings:
    above = ("merge", glob)
    if not glob:
        raise Malformed(above, "is for no paths", hint='`[merge."*.csv"]` is for all CSV files')
    columns = take_table(table, "columns", above)
    take, renumber = table.pop("take", None), table.pop("renumber", None)
    for name in table:
        raise Malformed((*above, name), UNKNOWN, hint="of a merge there are take, columns and renumber")
    if take is not None and take not in _TAKES:
        raise Malformed(
            (*above, "take"),
            "does not say what is taken of a conflict",
            hint='there are "ours", "theirs" and "union"',
        )
    if renumber is not None and (not isinstance(renumber, str) or not renumber):
        raise Malformed((*above, "renumber"), "is no name of a column", hint='such as `renumber = "id"`')
    rules = {name: _column_rule(rule, (*above, "columns", name)) for name, rule in columns.items()}
    return MergeSettings(glob, take, rules, renumber)


def _column_rule(value: Any, key: tuple[str, ...]) -> ColumnRule:
    for take in _COLUMN_TAKES:
        if value == take:
            return ColumnRule(take)
    if isinstance(value, str) and value.startswith(_NEWEST_BY):
        by = value.removeprefix(_NEWEST_BY).strip()
        if by:
            return ColumnRule("newest", by)
    raise Malformed(
        key,
        "does not say which of two cells is taken",
        hint='there are "ours", "theirs", "max", "min", "sum-of-changes" and "newest by COLUMN"',
    )
