"""check, as Markdown: for the summary of a job, and for a comment on a pull request.

Whatever comes from data stands in `code`, as in diff_markdown: escaped alone, `@name` would be a mention, as
GitHub looks for these in what Markdown was made into.
"""

from collections.abc import Iterator

from datav.checks.finding import Checked, CheckResult, Finding
from datav.relpath import one_line
from datav.report.cells import shorten
from datav.report.check_words import (
    MESSAGE_WIDTH,
    compared,
    examples,
    headline,
    limited,
    measured,
    missed,
    place,
    summary,
    told,
    with_examples,
)
from datav.report.diff_markdown import code, markdown_table

_SHOWN = 100
"""Findings of a dataset: a comment has an end."""

_MARKS = {"error": "✘", "warn": "⚠"}


def check_markdown(result: CheckResult) -> str:
    """Return what was found: one line that says all, and a table for each dataset that has findings."""
    mark = "✘" if result.errors else "⚠" if result.warnings else "✔"
    blocks = [f"## {mark} Checks of data", f"{summary(result)}.", f"Checked: {code(compared(result))}."]
    for checked in result.datasets:
        if checked.findings or checked.not_checked:
            blocks.append(f"### {code(one_line(checked.path))}: {headline(checked)}")
            blocks += findings_blocks(checked)
    blocks += [f"Note: {code(shorten(note, MESSAGE_WIDTH))}" for note in result.notes]
    return "\n\n".join(blocks) + "\n"


def findings_blocks(checked: Checked) -> Iterator[str]:
    """Yield a table of what was found in a dataset, and the list of what nobody could look at."""
    shown = checked.findings[:_SHOWN]
    if shown:
        yield markdown_table(("", "column", "what is wrong"), map(_row, shown))
    if len(checked.findings) > len(shown):
        yield f"{len(checked.findings) - len(shown):,} more: `datav check` lists them."
    if checked.not_checked:
        lines = [f"- {_place(each.column)}: {code(missed(each))}" for each in checked.not_checked[:_SHOWN]]
        if len(checked.not_checked) > _SHOWN:
            lines.append(f"- and {len(checked.not_checked) - _SHOWN:,} more")
        yield "Not checked:\n\n" + "\n".join(lines)


def _row(finding: Finding) -> tuple[str, ...]:
    # One below the other: on a telephone more columns leave no room for words.
    lines = [code(told(finding)), f"{code(measured(finding))}, {code(limited(finding))}"]
    if more := with_examples(finding, [code(each) for each in examples(finding)]):
        lines.append(more)
    severity = f"{_MARKS[finding.severity]}&nbsp;{finding.severity}"
    return severity, _place(finding.column), "<br>".join(lines)


def _place(column: str | None) -> str:
    return place(None).replace(" ", "&nbsp;") if column is None else code(place(column))
