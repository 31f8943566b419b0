"""check, as Markdown: for the summary of a job, and for a comment on a pull request.

Whatever comes from data stands in `code`, as in diff_markdown.
"""

from collections.abc import Iterator

from datav.checks.finding import Checked, CheckResult, Finding
from datav.relpath import one_line
from datav.report.check_words import (
    compared,
    examples,
    headline,
    limited,
    measured,
    missed,
    place,
    summary,
    told,
)
from datav.report.diff_markdown import code, escape, markdown_table

_SHOWN = 100
"""Findings of a dataset: a comment has an end."""

_MARKS = {"error": "✘", "warn": "⚠"}


def check_markdown(result: CheckResult) -> str:
    """Return what was found: one line that says all, and a table for each dataset that has findings."""
    mark = "✘" if result.errors else "⚠" if result.warnings else "✔"
    blocks = [f"## {mark} Checks of data", f"{summary(result)}.", f"Checked {escape(compared(result))}."]
    for checked in result.datasets:
        if checked.findings or checked.not_checked:
            blocks.append(f"### {code(one_line(checked.path))}: {headline(checked)}")
            blocks += findings_blocks(checked)
    blocks += [f"Note: {escape(note)}" for note in result.notes]
    return "\n\n".join(blocks) + "\n"


def findings_blocks(checked: Checked) -> Iterator[str]:
    """Yield a table of what was found in a dataset, and the list of what nobody could look at."""
    shown = checked.findings[:_SHOWN]
    if shown:
        yield markdown_table(("", "column", "what is wrong", "measured", "limit"), map(_row, shown))
    if len(checked.findings) > len(shown):
        yield f"{len(checked.findings) - len(shown):,} more: `datav check` lists them."
    if checked.not_checked:
        lines = [f"- {_place(each.column)}: {escape(missed(each))}" for each in checked.not_checked[:_SHOWN]]
        if len(checked.not_checked) > _SHOWN:
            lines.append(f"- and {len(checked.not_checked) - _SHOWN:,} more")
        yield "Not checked:\n\n" + "\n".join(lines)


def _row(finding: Finding) -> tuple[str, ...]:
    wrong = code(told(finding))
    such = ", ".join(map(code, examples(finding)))
    return (
        f"{_MARKS[finding.severity]} {finding.severity}",
        _place(finding.column),
        f"{wrong}<br>such as {such}" if such else wrong,
        code(measured(finding)),
        code(limited(finding)),
    )


def _place(column: str | None) -> str:
    return place(None) if column is None else code(place(column))
