"""One promise: which line made it, how bad it is to break it, and the words for that."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from datav.checks.finding import Finding, NotChecked, Severity, Value
from datav.relpath import one_line
from datav.settings.checks import CheckSettings, ColumnChecks

SETTINGS_FILE = "datav.toml"

MOST_EXAMPLES = 5

# What is longer tells no more in one line of a terminal.
_LONGEST = 60

Answer = tuple[Finding, ...] | None
"""What breaks a promise; None: who was asked cannot know, and rows have to be read."""

KEPT: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Promise:
    """A property of `datav.toml`, of a table or of one of its columns."""

    path: str
    rule: str
    column: str | None
    severity: Severity
    line: int | None

    @property
    def origin(self) -> str:
        return SETTINGS_FILE if self.line is None else f"{SETTINGS_FILE}:{self.line}"

    def broken(
        self, what: str, *, measure: str, value: Value, limit: Value, examples: Iterable[str] = ()
    ) -> tuple[Finding, ...]:
        """Return the one finding that it is broken.

        Args:
            what: without the name of the column, in one line.
        """
        about = f"{name(self.column)}: " if self.column is not None else ""
        return (
            Finding(
                path=self.path,
                rule=self.rule,
                severity=self.severity,
                column=self.column,
                message=about + what,
                measure=measure,
                value=_finite(value),
                limit=limit,
                origin=self.origin,
                examples=tuple(examples)[:MOST_EXAMPLES],
                line=self.line,
            ),
        )

    def not_checked(self, reason: str) -> NotChecked:
        return NotChecked(self.path, self.rule, self.column, reason, self.line)


def promise_of_table(path: str, settings: CheckSettings, rule: str, line: int | None = None) -> Promise:
    """Return what a property of a table promises; `rule` may be dotted, as `sql.paid` is."""
    severity: Severity = "warn" if {rule, rule.partition(".")[0]} & settings.warn else "error"
    if line is None:
        line = settings.lines.get(rule, settings.lines.get(rule.partition(".")[0]))
    return Promise(path, rule, None, severity, line)


def promise_of_column(path: str, checks: ColumnChecks, rule: str) -> Promise:
    """Return what a property of a column promises."""
    severity: Severity = "warn" if rule in checks.warn else "error"
    return Promise(path, rule, checks.name, severity, checks.lines.get(rule))


def name(text: str) -> str:
    """A name that somebody else chose, in one short line."""
    return one_line(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…")


def shown(value: object) -> str:
    """A value for people: texts quoted, numbers with commas; short, and in one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{int(value):,}" if value.is_integer() and abs(value) < 1e15 else str(value)
    return f'"{name(str(value))}"'


def share(value: float) -> str:
    """A share in percent, with as many digits as tell it from nothing."""
    return f"{100 * value:.4g} %"


def counted(count: int, noun: str) -> str:
    """`1 row`, `4,000 rows`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """Some names in a row, and how many more there are."""
    rest = len(names) - MOST_EXAMPLES
    text = ", ".join(f"`{name(each)}`" for each in names[:MOST_EXAMPLES])
    return f"{text} and {rest} more" if rest > 0 else text


def _finite(value: Value) -> Value:
    """JSON has no number for what is not finite."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
