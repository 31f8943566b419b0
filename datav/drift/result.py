"""How two versions of a table differ in what their columns hold, as values."""

from dataclasses import dataclass

from datav.drift.categories import MovedCategory
from datav.drift.clocks import MovedDay
from datav.drift.measures import Bounded
from datav.drift.verdicts import VERDICTS, Finding, Move, Verdict
from datav.profiles.columns import Kind


@dataclass(frozen=True, slots=True)
class Pair:
    """A number before and after; None where there is none."""

    before: float | None
    after: float | None


@dataclass(frozen=True, slots=True)
class Quantile:
    """A quantile before and after, with the bounds of each; None without values."""

    share: float
    before: Bounded | None
    after: Bounded | None


@dataclass(frozen=True, slots=True)
class Hours:
    """Rows by the hour of the day and the day of the week, Monday first; shape (24,) and (7,)."""

    before: tuple[int, ...]
    after: tuple[int, ...]
    weekdays_before: tuple[int, ...]
    weekdays_after: tuple[int, ...]
    turned: int
    """By how many hours the day moved; 0: not for sure."""


@dataclass(frozen=True, slots=True)
class ColumnDrift:
    """How one column differs between two versions of a table."""

    name: str
    """After."""
    renamed_from: str | None
    type_before: str
    type_after: str
    kind_before: Kind
    kind_after: Kind
    verdict: Verdict
    score: float
    """By which columns are ranked: that of the measure that moved most.  Below 1: stable, from 1 on: shifted,
    from 2 on: broken, always below 3."""
    findings: tuple[Finding, ...]
    """The gravest first."""
    cells: Pair
    nulls: Pair
    """Shares of all cells, like `empty`, `numbers` and `times`."""
    empty: Pair
    numbers: Pair
    """Cells that are numbers or can be read as such."""
    times: Pair
    mean: Pair
    """Of the finite numbers, like `deviation`."""
    deviation: Pair
    quantiles: tuple[Quantile, ...]
    """Of numbers, or of times in microseconds since 1970, UTC where a zone is known."""
    lengths: tuple[Quantile, ...]
    """Of texts, in characters, of binary values in bytes."""
    distinct_before: Bounded
    distinct_after: Bounded
    """Bounds of estimates hold in 99.7 % of all cases."""
    psi: Bounded | None
    js: Bounded | None
    ks: Bounded | None
    wasserstein: Bounded | None
    """In standard deviations of before; of times these are estimates of the sketch, and its bounds do not
    contain the error of that."""
    new: tuple[MovedCategory, ...]
    """Frequent values that were not there, or too rarely to be kept; the greatest share first."""
    vanished: tuple[MovedCategory, ...]
    moved: tuple[MovedCategory, ...]
    """Other values whose share moved by more than chance and by enough to look at."""
    hours: Hours | None
    days: tuple[MovedDay, ...]
    """Days that came twice or are gone."""
    moves: tuple[Move, ...] = ()
    """How far it moved by every measure; of values and days the one that moved most."""


@dataclass(frozen=True, slots=True)
class TableDrift:
    """How two versions of a table differ in what their columns hold."""

    before_rows: int
    after_rows: int
    columns: tuple[ColumnDrift, ...]
    """Those that both have, the one that moved most first."""
    added: tuple[str, ...]
    removed: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        """The gravest one of any column."""
        return max((column.verdict for column in self.columns), key=VERDICTS.index, default="stable")
