"""check, as text for a terminal: by dataset, errors first, and one line at the end that says all.

Each finding says what is wrong, and below that the rule, the value, the limit and where the limit came from.
"""

from collections.abc import Iterator
from itertools import groupby

from datav.checks.finding import Checked, CheckResult, Finding, NotChecked
from datav.relpath import one_line
from datav.report.cells import display_width, shorten
from datav.report.check_words import (
    MESSAGE_WIDTH,
    compared,
    evidence,
    headline,
    missed,
    next_step,
    place,
    summary,
    told,
)
from datav.report.diff_rows import fold
from datav.report.style import Style, count

NOTHING = "nothing to check: no dataset has changed, and no rule fits one"

_MIN_WIDTH = 40
_COLUMN_WIDTH = 24
_SEVERITY_WIDTH = len("error")
# So many promises that were not looked at, for one reason, have one line.
_ALIKE = 3


def check_text(result: CheckResult, style: Style, width: int) -> str:
    """Return what was found; datasets without findings have one line each.

    Args:
        width: columns of the terminal; longer lines are folded.
    """
    lines: list[str] = []
    for checked in result.datasets:
        lines += _dataset_lines(checked, style, max(_MIN_WIDTH, width))
    for note in result.notes:
        lines.append(style.faint(f"note: {one_line(note)}"))
    if not result.datasets:
        lines.append(NOTHING)
        return "\n".join(lines)
    paint = style.bad if result.errors else style.warn if result.warnings else style.good
    if not result.errors and not any(checked.is_looked_at for checked in result.datasets):
        paint = style.warn
    lines += [style.faint(f"checked {compared(result)}"), paint(summary(result))]
    step = next_step(result)
    if step is not None:
        lines.append(style.faint(f"next: {step}"))
    return "\n".join(lines)


def _dataset_lines(checked: Checked, style: Style, width: int) -> Iterator[str]:
    paint = style.bad if checked.errors else style.warn if checked.warnings else style.good
    if not checked.is_looked_at:
        paint = style.faint
    yield f"{style.strong(one_line(checked.path))}  {paint(headline(checked))}"
    not_checked = list(_not_checked(checked.not_checked))
    names = [place(each.column) for each in checked.findings] + [name for name, _ in not_checked]
    room = min(_COLUMN_WIDTH, max(map(display_width, names), default=0))
    for finding in checked.findings:
        yield from _finding_lines(finding, room, style, width)
    for name, what in not_checked:
        for line in _hanging(_head("-", name, room), what, width):
            yield style.faint(line)


def _not_checked(items: tuple[NotChecked, ...]) -> Iterator[tuple[str, str]]:
    """Yield what was not looked at: the column and why, or how many promises of one reason."""
    for reason, group in groupby(items, lambda each: each.reason):
        alike = list(group)
        if len(alike) < _ALIKE:
            yield from ((place(each.column), missed(each)) for each in alike)
        else:
            yield count(len(alike), "promise"), shorten(f"not checked: {one_line(reason)}", MESSAGE_WIDTH)


def _finding_lines(finding: Finding, room: int, style: Style, width: int) -> Iterator[str]:
    paint = style.bad if finding.severity == "error" else style.warn
    head = _head(finding.severity, place(finding.column), room)
    lines = _hanging(head, told(finding), width)
    # Colour around the word alone: a red screen is no help to anybody.
    begin, rest = lines[0][: 2 + _SEVERITY_WIDTH], lines[0][2 + _SEVERITY_WIDTH :]
    yield f"{paint(begin)}{rest}"
    yield from lines[1:]
    for line in _hanging(" " * display_width(head), evidence(finding), width):
        yield style.faint(line)


def _head(mark: str, name: str, room: int) -> str:
    name = shorten(name, room)
    return f"  {mark:<{_SEVERITY_WIDTH}}  {name}{' ' * (room - display_width(name))}  "


def _hanging(head: str, text: str, width: int) -> list[str]:
    """Fold `text` behind `head`, all its lines below each other."""
    indent = " " * display_width(head)
    room = max(_MIN_WIDTH // 2, width - len(indent))
    words = [shorten(word, room) for word in text.split(" ")]
    return [(indent if number else head) + line for number, line in enumerate(fold(words, room, " "))]
