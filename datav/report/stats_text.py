"""How distributions differ, as lines of a terminal: what moved most comes first."""

from collections.abc import Callable, Iterator
from functools import partial

from datav.drift.labels import LabelDrift
from datav.drift.measures import Bounded
from datav.drift.result import ColumnDrift, Quantile, TableDrift
from datav.drift.verdicts import VERDICTS, Verdict
from datav.profiles.folders import FolderProfile
from datav.profiles.frequent import Frequent
from datav.relpath import one_line
from datav.repo.diffstats import StatsDiff
from datav.report.cells import display_width, shorten, shown_name
from datav.report.profile_text import mean_text
from datav.report.style import Style, count, percent, significant, size

_NAME_WIDTH = 28
_FINDINGS = 2
"""Of a column; the others say the same in other words."""

# Numbers that say how far and not what.
_ABSTRACT = ("psi", "js", "ks", "wasserstein")

_CLASSES = 8
_GROUPS = 5

_HEAD = ("column", "verdict", "null", "mean", "median", "PSI", "JS", "KS", "W")


def stats_lines(stats: StatsDiff, indent: str, style: Style, width: int, *, is_full: bool) -> Iterator[str]:
    """Yield what there is to say of distributions.

    Args:
        is_full: with the measures of all columns; else only of those that moved, in words.
    """
    if stats.reason is not None:
        yield f"{indent}distributions  {style.warn('not compared:')} {one_line(stats.reason)}"
        return
    if stats.before is not None and stats.after is not None and stats.before.folder and stats.after.folder:
        yield from _folder_lines(stats.before.folder, stats.after.folder, indent)
    drift = stats.drift
    if drift is None:
        return
    yield f"{indent}distributions  {_summary(drift, style)}"
    moved = [column for column in drift.columns if column.verdict != "stable"]
    names = [shorten(shown_name(column.name), _NAME_WIDTH) for column in moved]
    widest = max(map(display_width, names), default=0)
    for column, name in zip(moved, names, strict=True):
        padded = name + " " * (widest - display_width(name))
        what = one_line(findings_text(column))
        verdict = paint(column.verdict, f"{column.verdict:<7}", style)
        head = f"{indent}  {padded}  "
        yield head + verdict + "  " + shorten_end(what, width - display_width(head) - 9)
    if stats.labels is not None:
        yield from label_lines(stats.labels, indent, style, width, is_full=is_full)
    if is_full:
        yield from _others(drift, indent, width)
        yield from _measures(drift, indent, style, width)


def _others(drift: TableDrift, indent: str, width: int) -> Iterator[str]:
    """Yield the columns that only one version has: what became of them is not told here."""
    for what, names in (("only before", drift.removed), ("only after", drift.added)):
        if names:
            shown = ", ".join(shown_name(name) for name in names[:_CLASSES])
            more = f" and {len(names) - _CLASSES} more" if len(names) > _CLASSES else ""
            yield shorten_end(f"{indent}{what}  {shown}{more}", width)


def findings_text(column: ColumnDrift) -> str:
    """Return what moved in a column: the gravest, and what says it in words."""
    told = sorted(
        column.findings, key=lambda each: (-VERDICTS.index(each.verdict), each.measure in _ABSTRACT)
    )
    words = [each for each in told[1:] if each.measure not in _ABSTRACT]
    shown = [*told[:1], *words, *(each for each in told[1:] if each.measure in _ABSTRACT)]
    return "; ".join(finding.what for finding in shown[:_FINDINGS])


def paint(verdict: Verdict, text: str, style: Style) -> str:
    """`text` in the colour of a verdict."""
    return {"stable": style.good, "shifted": style.warn, "broken": style.bad}[verdict](text)


def shorten_end(text: str, width: int) -> str:
    """`text` without what is beyond `width`."""
    if display_width(text) <= width or width < 1:
        return text
    while display_width(text) >= width:
        text = text[:-1]
    return text + "…"


def _summary(drift: TableDrift, style: Style) -> str:
    columns = len(drift.columns)
    if not columns:
        return style.warn("no column in common")
    parts = []
    verdicts: tuple[Verdict, ...] = ("broken", "shifted")
    for verdict in verdicts:
        number = sum(column.verdict == verdict for column in drift.columns)
        if number:
            parts.append(paint(verdict, f"{number} {verdict}", style))
    if not parts:
        return f"{style.good('stable')}, {count(columns, 'column')}"
    return f"{', '.join(parts)} of {count(columns, 'column')}"


def label_lines(labels: LabelDrift, indent: str, style: Style, width: int, *, is_full: bool) -> Iterator[str]:
    """Yield the balance of classes, if it changed or all is asked for, and the groups in which it moved."""
    classes = [each for each in labels.classes if is_full or each.before_share != each.after_share]
    if classes:
        shown = ", ".join(
            f"{_value_text(each.label)} {_arrow(each.before_share, each.after_share, percent)}"
            for each in classes[:_CLASSES]
        )
        more = f", {len(classes) - _CLASSES} more" if len(classes) > _CLASSES else ""
        yield shorten_end(f"{indent}classes of {shown_name(labels.label)}  {shown}{more}", width)
    for group in labels.groups if is_full else labels.groups[:_GROUPS]:
        where = f"{shown_name(group.column)} {_value_text(group.value)}"
        moved = _arrow(group.before_share, group.after_share, percent)
        line = f"{indent}  where {where}: {_value_text(group.label)} {moved} of {group.after_rows:,} rows"
        yield style.warn(shorten_end(line, width))


def _value_text(value: str | None) -> str:
    return "null" if value is None else shorten(one_line(value), _NAME_WIDTH) or "''"


def _measures(drift: TableDrift, indent: str, style: Style, width: int) -> Iterator[str]:
    """Yield a table of all columns."""
    rows = [_HEAD, *map(_row, drift.columns)]
    widths = [max(display_width(row[place]) for row in rows) for place in range(len(_HEAD))]
    if not drift.columns:
        return
    yield ""
    for number, row in enumerate(rows):
        cells = [cell + " " * (room - display_width(cell)) for cell, room in zip(row, widths, strict=True)]
        line = shorten_end(f"{indent}{'  '.join(cells)}".rstrip(), width)
        yield style.faint(line) if number == 0 else line
    yield indent + style.faint("± is the error of the sketches; W in standard deviations of before")


def _row(column: ColumnDrift) -> tuple[str, ...]:
    median = next((each for each in column.quantiles if each.share == 0.5), None)
    numeric = column.kind_after == "number"
    return (
        shorten(shown_name(column.name), _NAME_WIDTH),
        column.verdict,
        _arrow(column.nulls.before, column.nulls.after, percent),
        _means(column) if numeric else "",
        _medians(median) if median is not None and numeric else "",
        _bounded(column.psi),
        _bounded(column.js),
        _bounded(column.ks),
        _bounded(column.wasserstein),
    )


def _medians(median: Quantile) -> str:
    before, after = median.before, median.after
    if before is not None and after is not None and before.low <= after.high and after.low <= before.high:
        # They may well be the same.
        return significant(after.value)
    return _arrow(_value(before), _value(after), significant)


def _value(bounded: Bounded | None) -> float | None:
    return bounded.value if bounded is not None else None


def _means(column: ColumnDrift) -> str:
    means, deviations = column.mean, column.deviation
    # Both with as many digits, so that they can be held against each other.
    return _arrow(means.before, means.after, partial(mean_text, deviation=deviations.before))


def _arrow(before: float | None, after: float | None, shown: Callable[[float], str]) -> str:
    if before is None and after is None:
        return ""
    sides = ["-" if each is None else shown(each) for each in (before, after)]
    return " -> ".join(dict.fromkeys(sides))


def _bounded(number: Bounded | None) -> str:
    if number is None:
        return ""
    error = number.error
    return f"{number.value:.3f}" if error < 0.0005 else f"{number.value:.3f} ± {error:.3f}"


def _folder_lines(before: FolderProfile, after: FolderProfile, indent: str) -> Iterator[str]:
    old = {each.extension: each for each in before.extensions}
    new = {each.extension: each for each in after.extensions}
    for extension in sorted(old.keys() | new.keys()):
        one, other = old.get(extension), new.get(extension)
        files = [each.files if each is not None else 0 for each in (one, other)]
        totals = [each.total if each is not None else 0 for each in (one, other)]
        if files[0] == files[1] and totals[0] == totals[1]:
            continue
        name = extension or "(no extension)"
        before_files = f"{files[0]:,} -> " if files[0] != files[1] else ""
        sizes = " -> ".join(dict.fromkeys(map(size, totals)))
        yield f"{indent}{name}  {before_files}{count(files[1], 'file')}, {sizes}"
    if before.images is not None and after.images is not None:
        unreadable = before.images.unreadable, after.images.unreadable
        if unreadable[0] != unreadable[1]:
            yield f"{indent}unreadable pictures  {unreadable[0]:,} -> {unreadable[1]:,}"
        images = before.images, after.images
        yield from _picture_lines("pictures of size", images[0].dimensions, images[1].dimensions, indent)
        yield from _picture_lines("pictures of mode", images[0].modes, images[1].modes, indent)


def _picture_lines(what: str, before: Frequent, after: Frequent, indent: str) -> Iterator[str]:
    """Yield the sizes, or modes, of which there are more or fewer pictures, the greatest change first."""
    old, new = (
        dict(zip(each.values.to_pylist(), each.counts.tolist(), strict=True)) for each in (before, after)
    )
    moved = [(name, old.get(name, 0), new.get(name, 0)) for name in {**old, **new}]
    moved = sorted((each for each in moved if each[1] != each[2]), key=lambda each: -abs(each[1] - each[2]))
    if moved:
        shown = ", ".join(f"{name} {one:,} -> {other:,}" for name, one, other in moved[:_CLASSES])
        more = f" and {len(moved) - _CLASSES} more" if len(moved) > _CLASSES else ""
        yield f"{indent}{what}  {shown}{more}"
