"""What a user can ask of a comparison of tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from datav.formats.manifest import ColumnInfo


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far two numbers may be apart and still count as the same: |a - b| <= absolute or <= relative *
    |a|."""

    absolute: float = 0.0
    relative: float = 0.0


@dataclass(frozen=True, slots=True)
class DiffOptions:
    """How tables are compared."""

    key: tuple[str, ...] | None = None
    """Columns that identify a row; empty: compare without a key; None: what manifest or settings say."""
    columns: tuple[str, ...] = ()
    """Only these are compared and told of, and the key; empty: all."""
    ignored: tuple[str, ...] = ()
    """These are neither."""
    where: str | None = None
    """Only changes of rows that meet this condition before or after; see tables/predicate.py."""
    tolerances: Mapping[str, Tolerance] = field(default_factory=dict)
    """By column; "" is for all others.  Needs a key."""
    typed: bool = False
    """Cells of text tables are compared by value, not by text."""
    ordered: bool = False
    """The order of rows matters: what stands elsewhere is `moved`."""
    added_columns: bool = False
    """A column that only the second version has is compared as if the first had it, with nothing in it: so
    that a change feed tells what stands there."""
    label: str | None = None
    """A column, whose flips are counted: rows that changed nothing else."""
    rows: bool = True
    """False: only the schemas."""

    @property
    def is_narrowed(self) -> bool:
        """Whether some columns may be left out."""
        return bool(self.columns or self.ignored)

    def spoken_of(self, columns: Sequence[ColumnInfo]) -> tuple[ColumnInfo, ...]:
        """Return those of some columns that were asked for, and those of the key."""
        if not self.is_narrowed:
            return tuple(columns)
        # Sets: a table may have a hundred thousand columns.
        key, chosen, ignored = frozenset(self.key or ()), frozenset(self.columns), frozenset(self.ignored)
        return tuple(
            column
            for column in columns
            if column.name in key or ((not chosen or column.name in chosen) and column.name not in ignored)
        )
