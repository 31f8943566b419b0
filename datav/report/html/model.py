"""What is on an HTML page: values without markup, in the order in which they are read.

    Page                      the title, facts about the whole
      Group                   one table (or one file, one dataset) with what is said of it
        Columns               ranked cards with a histogram each, and the list that leads to them
        Schema                columns that came, went or changed their type
        Rows                  the changed rows, to search
        Matrix                counts by two things: label flips, labels by group
        Figure                one chart alone, class balance for example

A page about one state (a profile) has no `sides`; then `after` is None everywhere, and `before` is all there
is.  Texts may hold anything: whatever is in them is shown as text.  Numbers are formatted by who makes the
page, except those that charts are drawn from.
"""

import math
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["stable", "shifted", "broken"]
ChangeKind = Literal["added", "removed", "renamed", "retyped", "moved", "changed"]
Op = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of a table of facts: `nulls | 0.1 % | 4.0 % | 31 times as many`."""

    label: str
    before: str | None
    """None where there is nothing to say on that side."""
    after: str | None = None
    note: str = ""
    is_notable: bool = False
    """Drawn strong: the line to look at."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """How numbers or times spread; shares of all values of their side, so that sizes need not be equal."""

    edges: tuple[float, ...]
    """n + 1 finite, strictly increasing numbers; milliseconds since 1970 in UTC if `is_time`.  Bars are as
    high as their shares, so bins of one width tell the truth; twenty to forty are readable."""
    before: tuple[float, ...]
    """n shares, 0 to 1."""
    after: tuple[float, ...] | None = None
    is_time: bool = False

    def __post_init__(self) -> None:
        pairs = zip(self.edges, self.edges[1:], strict=False)
        if not all(map(math.isfinite, self.edges)) or not all(low < high for low, high in pairs):
            raise ValueError("edges are finite and strictly increasing")
        _check_shares(len(self.edges) - 1, self.before, self.after)


@dataclass(frozen=True, slots=True)
class Bars:
    """Shares of categories, one bar a side each; about twenty are readable."""

    labels: tuple[str, ...]
    """In the order from top to bottom.  None may be there twice."""
    before: tuple[float, ...]
    """One share a label, 0 to 1."""
    after: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("labels are unique")
        _check_shares(len(self.labels), self.before, self.after)


Chart = Histogram | Bars


@dataclass(frozen=True, slots=True)
class ColumnCard:
    """What is known of one column."""

    name: str
    type: str
    verdict: Verdict | None = None
    """None on pages that judge nothing."""
    score: str = ""
    """Why it ranks where it does, in a few characters: `PSI 0.31`."""
    summary: str = ""
    """The most important thing in one short line, for the ranked list."""
    facts: tuple[Fact, ...] = ()
    chart: Chart | None = None
    notes: tuple[str, ...] = ()
    """Whole sentences below the chart: new categories, what was sampled."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns in the order of their rank, the one that drifted most first."""

    title: str
    cards: tuple[ColumnCard, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """One column that is not what it was."""

    kind: ChangeKind
    column: str
    before: str = ""
    """What it was: a type, a name or a place."""
    after: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Schema:
    """Changes of the columns themselves."""

    title: str
    changes: tuple[SchemaChange, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A row that is not the same on both sides; cells in the order of the table's columns."""

    before: tuple[str | None, ...] | None
    """None: the row was added.  A cell that is None is null."""
    after: tuple[str | None, ...] | None
    """None: the row was removed."""

    @property
    def op(self) -> Op:
        if self.before is None:
            return "added"
        return "removed" if self.after is None else "changed"


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows to search in.

    All cells are in the file, about 70 bytes each, so who makes the page chooses: some thousand rows at most,
    and of a wide table the sixty columns or so that matter.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    keys: int = 0
    """How many of the first columns name the row; they stay in sight."""
    note: str = ""
    """What is not here: `the first 1,000 of 48,211 changed rows`."""

    def __post_init__(self) -> None:
        cells = (side for row in self.rows for side in (row.before, row.after) if side is not None)
        if any(len(side) != len(self.columns) for side in cells):
            raise ValueError("a row has as many cells as there are columns")
        if any(row.before is None and row.after is None for row in self.rows):
            raise ValueError("a row is there on one side at least")


@dataclass(frozen=True, slots=True)
class Matrix:
    """Counts by two things, shaded by how large they are."""

    title: str
    row_head: str
    """What the rows are: `from`."""
    column_head: str
    """What the columns are: `to`."""
    row_names: tuple[str, ...]
    column_names: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    """One tuple a row, one count a column; 0 is left blank."""
    before: tuple[tuple[int, ...], ...] | None = None
    """What the counts were, if they are compared; then `counts` is after."""
    note: str = ""

    def __post_init__(self) -> None:
        for table in (self.counts, self.before):
            if table is None:
                continue
            if len(table) != len(self.row_names) or any(len(r) != len(self.column_names) for r in table):
                raise ValueError("a matrix has a count for each pair of names")


@dataclass(frozen=True, slots=True)
class Figure:
    """One chart with its numbers."""

    title: str
    chart: Chart
    note: str = ""


Section = Columns | Schema | Rows | Matrix | Figure


@dataclass(frozen=True, slots=True)
class Group:
    """What is said of one table."""

    title: str
    """Empty where the page has one group, whose name is in the title of the page."""
    sections: tuple[Section, ...]
    subtitle: str = ""
    facts: tuple[Fact, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """A whole page."""

    title: str
    groups: tuple[Group, ...]
    subtitle: str = ""
    sides: tuple[str, str] | None = None
    """How the two states are called, `v1.2` and `working tree`; None on a page about one state."""
    facts: tuple[Fact, ...] = ()
    notes: tuple[str, ...] = ()


def _check_shares(size: int, before: tuple[float, ...], after: tuple[float, ...] | None) -> None:
    if size < 1:
        raise ValueError("a chart has one bin or label at least")
    for shares in (before, after):
        if shares is not None and len(shares) != size:
            raise ValueError("each bin and each label has one share on each side")
        if shares is not None and not all(0 <= share <= 1 for share in shares):
            raise ValueError("shares lie between 0 and 1")
