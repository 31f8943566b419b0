"""How distributions differ, as Markdown: the columns that moved, in words."""

from collections.abc import Iterator

from datav.drift.labels import LabelDrift
from datav.drift.result import ColumnDrift
from datav.repo.diffstats import StatsDiff
from datav.report.diff_markdown import code, markdown_table
from datav.report.style import count, percent

_COLUMNS_SHOWN = 50
_CLASSES_SHOWN = 20
_FINDINGS = 3


def stats_blocks(stats: StatsDiff) -> Iterator[str]:
    """Yield what there is to say of distributions."""
    if stats.reason is not None:
        yield f"**Distributions not compared:** {code(stats.reason)}"
        return
    drift = stats.drift
    if drift is None:
        return
    moved = [column for column in drift.columns if column.verdict != "stable"]
    if not moved:
        yield f"**Distributions:** stable, {count(len(drift.columns), 'column')}."
    else:
        numbers = [
            f"{sum(column.verdict == verdict for column in moved)} {verdict}"
            for verdict in ("broken", "shifted")
            if any(column.verdict == verdict for column in moved)
        ]
        yield f"**Distributions:** {', '.join(numbers)} of {count(len(drift.columns), 'column')}."
        yield markdown_table(("column", "verdict", ""), map(_row, moved[:_COLUMNS_SHOWN]))
    if stats.labels is not None:
        yield from _label_blocks(stats.labels)


def _row(column: ColumnDrift) -> tuple[str, str, str]:
    what = "; ".join(finding.what for finding in column.findings[:_FINDINGS])
    verdict = f"**{column.verdict}**" if column.verdict == "broken" else column.verdict
    return code(column.name), verdict, code(what)


def _label_blocks(labels: LabelDrift) -> Iterator[str]:
    moved = [each for each in labels.classes if each.before_share != each.after_share]
    if moved:
        yield markdown_table(
            (f"classes of {code(labels.label)}", "before", "after"),
            [
                (_value(each.label), percent(each.before_share), percent(each.after_share))
                for each in moved[:_CLASSES_SHOWN]
            ],
        )
    yield from group_blocks(labels)


def group_blocks(labels: LabelDrift) -> Iterator[str]:
    """Yield the groups in which the share of a class moved."""
    if labels.groups:
        yield markdown_table(
            ("where", code(labels.label), "before", "after", "rows"),
            [
                (
                    f"{code(each.column)} {_value(each.value)}",
                    _value(each.label),
                    percent(each.before_share),
                    percent(each.after_share),
                    f"{each.after_rows:,}",
                )
                for each in labels.groups
            ],
        )


def _value(value: str | None) -> str:
    return "null" if value is None else code(value) or "empty"
