"""What the comparison of two versions of a table has found.  Values; `datav.report` draws them."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from datav.formats.manifest import ColumnInfo

if TYPE_CHECKING:
    import pyarrow

Op = Literal["added", "removed", "changed", "moved"]
OPS: tuple[Op, ...] = ("removed", "added", "changed", "moved")


@dataclass(frozen=True, slots=True)
class ColumnChange:
    """A column whose type changed."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class ColumnRename:
    """A column that is gone and one that is new, with much the same cells.

    A guess: both also count as removed and added.
    """

    before: str
    after: str
    share: float
    """Of the rows looked at, those whose cells are equal; 0 to 1."""


@dataclass(frozen=True, slots=True)
class SchemaDiff:
    """How the columns changed."""

    added: tuple[ColumnInfo, ...] = ()
    removed: tuple[ColumnInfo, ...] = ()
    changed: tuple[ColumnChange, ...] = ()
    """Columns of both sides, of another type."""
    renamed: tuple[ColumnRename, ...] = ()
    reordered: bool = False
    """The columns that both sides have stand in another order."""
    written: tuple[ColumnChange, ...] = ()
    """How the file is written, where that changed: `format`, `encoding`, `delimiter`, `quoting`."""

    @property
    def is_empty(self) -> bool:
        return not (self.added or self.removed or self.changed or self.reordered or self.written)


@dataclass(frozen=True, slots=True)
class DuplicateKeys:
    """Keys that more than one row of a version has.  Their rows are compared as a multiset."""

    before: int
    """Different keys of which the first version has more than one row."""
    after: int
    examples: tuple[Mapping[str, object], ...]
    """A few of them, of either version: cells by the names of the key columns."""


@dataclass(frozen=True, slots=True)
class RowChange:
    """One row that is not the same in both versions.

    Cells are None, bool, int, float, str, bytes, Decimal, dates and times of the standard library, list or
    dict.
    """

    op: Op
    key: Mapping[str, object]
    """Empty without a key."""
    before: Mapping[str, object]
    """Of a removed row all cells that were asked for, of a changed one those that changed; else empty."""
    after: Mapping[str, object]
    count: int = 1
    """Without a key, or where it is not unique: how many rows like this one."""


@dataclass(frozen=True, slots=True)
class ChangeBatch:
    """Some changes of one kind, as columns."""

    op: Op
    before: "pyarrow.Table | None"
    """Columns of the first version: of removed and moved rows all that were asked for, of changed ones at
    least those that were compared; None of added rows."""
    after: "pyarrow.Table | None"
    """Columns of the second version, in step with `before`; None of removed rows."""
    differs: "Mapping[str, pyarrow.BooleanArray]"
    """Of changed rows: for each column that both versions have, and that differs anywhere in this batch, in
    which rows it does."""
    counts: "pyarrow.Array | None" = None
    """How many rows like each of these; None: one."""
    has_key: bool = True
    """Whether the rows of this batch were matched by key."""


@dataclass(frozen=True, slots=True)
class FlipCount:
    """How many rows went from one label to another; cells as those of RowChange."""

    before: object
    after: object
    count: int


@dataclass(frozen=True, slots=True)
class LabelFlips:
    """Rows whose label changed, and no other cell; the rules are in docs/reference/diff.md."""

    label: str
    """The column."""
    flipped: int = 0
    """Rows of which nothing but the label changed."""
    by_features: int = 0
    """Those of them that were paired by all other cells: without a key, or where it is not unique."""
    relabelled_with_changes: int | None = None
    """Rows whose label changed, and another cell too; None without a key, which alone could tell."""
    rows_compared: int | None = None
    """Rows that were paired, the unchanged ones too; None where these were not counted."""
    matrix: tuple[FlipCount, ...] = ()
    """What became of which label, most frequent first, at most 100 pairs."""
    other: int = 0
    """Flipped rows that the matrix has no room for."""
    undecided: int = 0
    """Flipped rows that were paired by all other cells and of which several pairs of labels may be true."""
    examples: tuple[Mapping[str, object], ...] = ()
    """The keys of the first few, by column; none without a key."""
    refused: str | None = None
    """Why no flips can be told."""


class Batches(Protocol):
    """Gives changes as columns, from front to back; may be called again while the versions are open."""

    def __call__(self, whole: bool = False, ops: Collection[Op] = OPS) -> Iterator[ChangeBatch]:
        """Yield removed rows, then added, changed and moved ones.

        Args:
            whole: changed rows come with all columns of their versions; else with those that were compared.
                And rows that are alike in what was compared come one by one if they may differ elsewhere.
            ops: only these changes; others are not read.
        """


def _no_batches(whole: bool = False, ops: Collection[Op] = OPS) -> Iterator[ChangeBatch]:
    return iter(())


@dataclass(frozen=True, slots=True)
class RowDiff:
    """How the rows changed; the rules of the numbers are in docs/reference/diff.md."""

    key: tuple[str, ...] = ()
    from_rows: int | None = None
    to_rows: int | None = None
    added: int = 0
    removed: int = 0
    changed: int = 0
    unchanged: int | None = None
    """None when only rows that meet a condition were looked for."""
    changed_cells: Mapping[str, int] = field(default_factory=dict)
    """Of the changed rows, by column; those without any are left out."""
    moved: int | None = None
    """Rows that stand in another order; None unless asked for."""
    duplicates: DuplicateKeys | None = None
    refused: str | None = None
    """Why the rows were not compared, or, with `duplicates`, not all of them by key."""
    label_flips: LabelFlips | None = None
    """None where no label is set."""
    batches: Batches = field(default=_no_batches, repr=False, compare=False)
    """Gives the changes as columns."""
    is_narrowed: bool = field(default=False, repr=False, compare=False)
    """Whether columns were left out: `DiffOptions.columns`, `DiffOptions.ignored`."""
    schemas: "tuple[pyarrow.Schema, pyarrow.Schema] | None" = field(default=None, repr=False, compare=False)
    """All columns of both versions; those of text tables are `large_string`.  None: not compared."""

    @property
    def is_counted(self) -> bool:
        """Whether rows were compared at all."""
        return self.refused is None or self.from_rows is not None

    @property
    def is_empty(self) -> bool:
        return not (self.added or self.removed or self.changed or self.moved)

    def changes(self) -> Iterator[RowChange]:
        """Yield the changes one by one, as values of Python; nothing is read before it is asked for."""
        from datav.tables.changes import iter_changes

        return iter_changes(self)


@dataclass(frozen=True, slots=True)
class TableDiff:
    """Two versions of a table, compared."""

    schema: SchemaDiff
    rows: RowDiff | None
    """None when only the schemas were compared."""
