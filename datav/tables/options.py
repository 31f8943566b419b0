"""What a user can ask of a comparison of tables."""

from collections.abc import Mapping
from dataclasses import dataclass, field


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
    """Only these are compared, and the key; empty: all."""
    ignored: tuple[str, ...] = ()
    """These are not."""
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
    rows: bool = True
    """False: only the schemas."""
