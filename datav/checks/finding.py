"""What a check found: one broken promise each, with the value, the limit, and where the limit came from."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warn"]

Value = float | int | str | None


@dataclass(frozen=True, slots=True)
class Finding:
    """A promise that is broken."""

    path: str
    """The dataset, or the file in one, from the root of the repository."""
    rule: str
    """The name of the property in `datav.toml` (`not_null`); of the gate `drift.` and the measure."""
    severity: Severity
    column: str | None
    """None of what is about the table as a whole."""
    message: str
    """What is wrong, in one line that stands alone: `price: 12 of 4,000 rows are null, none may be`."""
    measure: str
    """What was measured: `nulls`, `rows`, `ks`."""
    value: Value
    limit: Value
    origin: str
    """Where the limit came from: `datav.toml:14`, or the history it was learned from."""
    examples: tuple[str, ...] = ()
    """Some of what breaks it, a few at most: values, keys, rows."""
    line: int | None = None
    """Of `datav.toml`, for rules that stand there."""


@dataclass(frozen=True, slots=True)
class NotChecked:
    """A promise that nobody could look at; never a silent one."""

    path: str
    rule: str
    column: str | None
    reason: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of one dataset."""

    path: str
    rules: int
    """Promises that were looked at, kept or broken."""
    findings: tuple[Finding, ...]
    """Errors first, then as the rules stand in the file."""
    not_checked: tuple[NotChecked, ...] = ()
    read_rows: bool = False
    """Whether rows were read; else the profile knew everything."""
    is_changed: bool | None = None
    """Whether it differs from what it is compared with; None: there was nothing to compare with."""
    dataset: str | None = None
    """The directory that `path` is a file in, whose manifest is beside it; None: `path` is the dataset."""
    measures: int = 0
    """Of the drift gate, looked at as well."""

    @property
    def is_looked_at(self) -> bool:
        """Whether anything was looked at."""
        return self.rules > 0 or self.measures > 0

    @property
    def manifest(self) -> str:
        """Where the manifest lies, from the root of the repository."""
        return f"{self.dataset or self.path}.datav"

    @property
    def errors(self) -> int:
        return sum(finding.severity == "error" for finding in self.findings)

    @property
    def warnings(self) -> int:
        return sum(finding.severity == "warn" for finding in self.findings)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What `datav check` found."""

    rev: str | None
    """What was checked, as it was asked for; None: the files on disk."""
    commit: str | None
    staged: bool
    against: str | None
    """What it was compared with, as it was asked for, or by default; None: with nothing."""
    against_commit: str | None
    datasets: tuple[Checked, ...]
    notes: tuple[str, ...] = ()
    """What is worth knowing of the whole: a history that is not here, limits that were never learned."""

    @property
    def errors(self) -> int:
        return sum(each.errors for each in self.datasets)

    @property
    def warnings(self) -> int:
        return sum(each.warnings for each in self.datasets)

    @property
    def ok(self) -> bool:
        """Whether nothing of severity `error` was found."""
        return not self.errors
