"""What a check found, in the words that all its drawings share."""

import math
import shlex
from collections.abc import Sequence

from datav.checks.finding import Checked, CheckResult, Finding, NotChecked, Value
from datav.checks.promises import name
from datav.checks.verdicts import duration
from datav.relpath import one_line
from datav.report.cells import shorten, shown_name, shown_text
from datav.report.style import count, percent, significant

MESSAGE_WIDTH = 400
"""Longer messages are shortened: names and values in them come from data."""

_VALUE_WIDTH = 60
_EXAMPLES = 5

# How measures end that are a share of something: 0.05 is 5 %.
_SHARES = (
    "share",
    "fraction",
    "rows lost",
    "rows gained",
    "rows replaced",
    "cells changed",
    "labels flipped",
)


def headline(checked: Checked) -> str:
    """`2 errors, 1 warning; 12 promises and 70 measures of drift looked at`."""
    looked = f"{looked_at(checked.rules, checked.measures)} looked at"
    found = counts(checked.errors, checked.warnings)
    if not found:
        found = "ok" if checked.is_looked_at else "nothing looked at"
    parts = [found, looked] if checked.is_looked_at else [found]
    if checked.not_checked:
        parts.append(f"{len(checked.not_checked):,} not")
    return ", ".join(parts)


def looked_at(rules: int, measures: int) -> str:
    """`12 promises and 70 measures of drift`; the latter alone where nothing is promised."""
    drift = count(measures, "measure of drift", "measures of drift")
    if not measures:
        return count(rules, "promise")
    return f"{count(rules, 'promise')} and {drift}" if rules else drift


def counts(errors: int, warnings: int) -> str:
    """`2 errors, 1 warning`; empty if there are none."""
    parts = [(errors, "error"), (warnings, "warning")]
    return ", ".join(count(number, what) for number, what in parts if number)


def summary(result: CheckResult) -> str:
    """`2 errors, 1 warning in 1 of 3 datasets; 41 promises looked at, rows read of 1`."""
    datasets = result.datasets
    broken = sum(bool(each.findings) for each in datasets)
    found = counts(result.errors, result.warnings)
    if found:
        head = f"{found} in {broken:,} of {count(len(datasets), 'dataset')}"
    else:
        head = f"{count(len(datasets), 'dataset')}, nothing found"
    measures = sum(each.measures for each in datasets)
    looked = f"{looked_at(sum(each.rules for each in datasets), measures)} looked at"
    missed = sum(len(each.not_checked) for each in datasets)
    more = f", {missed:,} not" if missed else ""
    return f"{head}; {looked}{more}, rows read of {sum(each.read_rows for each in datasets):,}"


def compared(result: CheckResult) -> str:
    """`the files on disk, compared with HEAD (1a2b3c4d5e)`."""
    what = "what is staged" if result.staged else "the files on disk"
    if result.rev is not None:
        what = _revision(result.rev, result.commit)
    if result.against is None:
        return f"{what}, compared with nothing"
    return f"{what}, compared with {_revision(result.against, result.against_commit)}"


def next_step(result: CheckResult) -> str | None:
    """What lets a change through that is meant; None where the gate has nothing against one."""
    beyond = (each for checked in result.datasets for each in checked.findings if each.severity == "error")
    if not any(map(_is_of_gate, beyond)):
        return None
    base, usual = result.against, ("HEAD", f"{result.rev}^")
    if base is not None and base == result.against_commit:
        base = base[:10]
    against = "" if base is None or base in usual else f" --against {shlex.quote(one_line(base))}"
    return f"what is meant to drift passes with `datav check --calibrate{against}`, committed with the data"


def place(column: str | None) -> str:
    """The column that something is about; of the table as a whole there is none."""
    return "the table" if column is None else shown_name(column)


def told(finding: Finding) -> str:
    """The message on one line, without the name of the column in front."""
    message = finding.message
    if finding.column is not None:
        for called in (finding.column, name(finding.column), shown_name(finding.column)):
            message = message.removeprefix(f"{called}: ")
    return shorten(one_line(message), MESSAGE_WIDTH)


def full_message(finding: Finding) -> str:
    """The message on one line, that stands alone."""
    return shorten(one_line(finding.message), MESSAGE_WIDTH)


def shown_value(value: Value, measure: str) -> str:
    """A measured value, or its limit, for people."""
    if value is None:
        return "none"
    if isinstance(value, str):
        return shown_text(shorten(value, _VALUE_WIDTH))
    if measure == "age":
        return duration(value)
    if isinstance(value, int):
        return f"{value:,}"
    if measure.endswith(_SHARES) and math.isfinite(value):
        return percent(value)
    return significant(value, 4 if abs(value) < 1000 else 7)


def measured(finding: Finding) -> str:
    """`nulls 12`; of what happened or not, or was not counted, its name alone."""
    if finding.value is None:
        return one_line(finding.measure)
    return f"{one_line(finding.measure)} {shown_value(finding.value, finding.measure)}"


def limited(finding: Finding) -> str:
    """`limit 0 from datav.toml:14`."""
    origin = shorten(one_line(finding.origin), MESSAGE_WIDTH)
    if finding.limit is None:
        return f"by {origin}"
    return f"limit {shown_value(finding.limit, finding.measure)} from {origin}"


def examples(finding: Finding) -> list[str]:
    """A few of what breaks a promise, each on one line; values that need quotes have them."""
    width = MESSAGE_WIDTH if _is_of_gate(finding) else _VALUE_WIDTH
    return [one_line(shorten(each, width)) for each in finding.examples[:_EXAMPLES]]


def evidence(finding: Finding) -> str:
    """`not_null: nulls 12, limit 0 from datav.toml:14; such as 17, 203`."""
    text = f"{one_line(finding.rule)}: {measured(finding)}, {limited(finding)}"
    more = with_examples(finding, examples(finding))
    return f"{text}; {more}" if more else text


def with_examples(finding: Finding, shown: Sequence[str]) -> str:
    """`such as 17, 203`; of the gate `also: ` what else moved; empty without examples."""
    if not shown:
        return ""
    if _is_of_gate(finding):
        return f"also: {'; '.join(shown)}"
    return f"such as {', '.join(shown)}"


def _is_of_gate(finding: Finding) -> bool:
    """Whether it is about a change, and its examples are other measures of that."""
    return finding.rule.startswith("drift.")


def missed(item: NotChecked) -> str:
    """`unique not checked: its data is not here`."""
    # `check` stands for all that is promised.
    what = "nothing" if item.rule == "check" else f"{one_line(item.rule)} not"
    return shorten(f"{what} checked: {one_line(item.reason)}", MESSAGE_WIDTH)


def _revision(rev: str, commit: str | None) -> str:
    called = one_line(rev)
    if rev == commit:
        return commit[:10]
    return called if commit is None or commit.startswith(rev) else f"{called} ({commit[:10]})"
