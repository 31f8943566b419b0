"""What is promised of one version of a table, looked at: the way into the modules beside this one.

Each promise is answered by the profile where that knows for sure, then by one pass over the rows for all that
are left, of the columns they need.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from datav.checks.finding import Finding, NotChecked
from datav.checks.subject import Others, Subject
from datav.settings.checks import CheckSettings


@dataclass(frozen=True, slots=True)
class Checks:
    """What became of the expectations of one table."""

    findings: tuple[Finding, ...] = ()
    """Errors first, then as the rules stand in the file."""
    not_checked: tuple[NotChecked, ...] = ()
    rules: int = 0
    """Promises that were looked at, kept or broken."""
    read_rows: bool = False
    """Whether rows were read; else the profile knew everything."""


def check_expectations(
    subject: Subject,
    rules: Sequence[CheckSettings],
    others: Others,
    base: Subject | None,
    now: datetime,
) -> Checks:
    """Look at every promise that some rules make of a table.

    Args:
        rules: those whose glob fits the table.
        others: the tables that rules name beside it.
        base: the version that it is compared with, for promises about a change.
        now: with a time zone.

    Raises:
        UsageError: a pattern or a predicate is none, with its line; or `sql` is there and DuckDB is not.
        What the subjects raise.
    """
    return Checks()
