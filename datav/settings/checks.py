"""`[check."GLOB"]` of `datav.toml`: what is promised of the tables at some paths."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

SchemaPolicy = Literal["forbid", "additive", "any"]
DriftPolicy = Literal["error", "warn", "off"]
DRIFT_POLICIES: tuple[DriftPolicy, ...] = ("error", "warn", "off")
"""The strictest first."""
ColumnType = Literal["integer", "number", "boolean", "text", "date", "timestamp", "binary", "list"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Both ends belong to it; None: there is no end."""

    min: float | None = None
    max: float | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """A column of another table."""

    table: str
    """A dataset, a file in one, or a file that git tracks; from the root of the repository."""
    column: str


@dataclass(frozen=True, slots=True)
class Disjoint:
    """Other tables that no row of this one may be in."""

    tables: tuple[str, ...]
    by: Literal["key", "row"] | tuple[str, ...]
    """By the key, by all cells, or by some columns."""


@dataclass(frozen=True, slots=True)
class ColumnChecks:
    """What is promised of one column; what is None, or False, is not promised."""

    name: str
    type: ColumnType | None = None
    not_null: bool = False
    null_fraction: float | None = None
    """At most, 0 to 1."""
    unique: bool = False
    min: float | str | None = None
    """A number, or a date or timestamp in ISO 8601 as text; like `max`."""
    max: float | str | None = None
    one_of: tuple[str | float | bool, ...] | None = None
    """`in` of the file."""
    matches: str | None = None
    """RE2, of the whole cell."""
    length: Bounds | None = None
    """In characters."""
    fresh_s: float | None = None
    """Seconds that the newest time may be old."""
    references: Reference | None = None
    documented_in: Reference | None = None
    balance: Bounds | None = None
    """Of the share of each value."""
    warn: frozenset[str] = frozenset()
    """Names of properties, as in the file, that only warn; like `warn` of tables, where `sql` is there with
    each `sql.NAME`."""
    lines: Mapping[str, int] = field(default_factory=dict)
    """Where each property stands in `datav.toml`, by its name there."""


@dataclass(frozen=True, slots=True)
class CheckSettings:
    """What is promised of the tables at some paths; what is None, or False, is not promised."""

    glob: str = ""
    """As in a `.gitignore`: without a slash any name, else from the root of the repository."""
    columns: tuple[str, ...] | None = None
    extra_columns: bool = True
    """Whether there may be columns that neither `columns` nor a rule of a column names."""
    key_unique: bool = False
    rows: Bounds | None = None
    growth: Bounds | None = None
    """Rows as a multiple of those of the version compared with."""
    schema_changes: SchemaPolicy | None = None
    meta: Mapping[str, str | None] = field(default_factory=dict)
    """What `[meta]` of the manifest must say, by dotted names; None: anything."""
    disjoint: Disjoint | None = None
    sql: Mapping[str, str] = field(default_factory=dict)
    """Predicates that hold for every row, by their names."""
    drift: DriftPolicy | None = None
    column_checks: tuple[ColumnChecks, ...] = ()
    warn: frozenset[str] = frozenset()
    lines: Mapping[str, int] = field(default_factory=dict)
    """Where each property stands in `datav.toml`; of a predicate `sql.NAME`."""
