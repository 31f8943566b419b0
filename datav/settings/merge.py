"""`[merge."GLOB"]` of `datav.toml`: what decides between two changes of the same thing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

ColumnTake = Literal["ours", "theirs", "max", "min", "sum-of-changes", "newest"]


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
    take: Literal["ours", "theirs", "union"] | None = None
    """Of whatever is in conflict: that side; `union`: rows that either side has stay."""
    columns: Mapping[str, ColumnRule] = field(default_factory=dict)
    renumber: str | None = None
    """A whole-number column of the key: their new rows get new numbers where ours has given them out too."""
