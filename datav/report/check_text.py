"""check, as text for a terminal: by dataset, errors first, and one line at the end that says all.

Each finding says what is wrong, and below that the rule, the value, the limit and where the limit came from.
"""

from collections.abc import Iterator

from datav.checks.finding import Checked, CheckResult, Finding
from datav.relpath import one_line
from datav.report.cells import display_width, shorten
from datav.report.check_words import compared, evidence, headline, missed, place, summary, told
from datav.report.diff_rows import fold
from datav.report.style import Style

NOTHING = "no dataset to check"

_MIN_WIDTH = 40
_COLUMN_WIDTH = 24
_SEVERITY_WIDTH = len("error")


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
    lines += [style.faint(f"checked {compared(result)}"), paint(summary(result))]
    return "\n".join(lines)


def _dataset_lines(checked: Checked, style: Style, width: int) -> Iterator[str]:
    paint = style.bad if checked.errors else style.warn if checked.warnings else style.good
    if not checked.rules:
        paint = style.faint
    yield f"{style.strong(one_line(checked.path))}  {paint(headline(checked))}"
    columns = [each.column for each in checked.findings] + [each.column for each in checked.not_checked]
    names = [place(column) for column in columns]
    room = min(_COLUMN_WIDTH, max(map(display_width, names), default=0))
    for finding in checked.findings:
        yield from _finding_lines(finding, room, style, width)
    for item in checked.not_checked:
        head = _head("-", item.column, room)
        for line in _hanging(head, missed(item), width):
            yield style.faint(line)


def _finding_lines(finding: Finding, room: int, style: Style, width: int) -> Iterator[str]:
    paint = style.bad if finding.severity == "error" else style.warn
    head = _head(finding.severity, finding.column, room)
    lines = _hanging(head, told(finding), width)
    # Colour around the word alone: a red screen is no help to anybody.
    begin, rest = lines[0][: 2 + _SEVERITY_WIDTH], lines[0][2 + _SEVERITY_WIDTH :]
    yield f"{paint(begin)}{rest}"
    yield from lines[1:]
    for line in _hanging(" " * display_width(head), evidence(finding), width):
        yield style.faint(line)


def _head(mark: str, column: str | None, room: int) -> str:
    name = shorten(place(column), room)
    return f"  {mark:<{_SEVERITY_WIDTH}}  {name}{' ' * (room - display_width(name))}  "


def _hanging(head: str, text: str, width: int) -> list[str]:
    """Fold `text` behind `head`, all its lines below each other."""
    indent = " " * display_width(head)
    room = max(_MIN_WIDTH // 2, width - len(indent))
    words = [shorten(word, room) for word in text.split(" ")]
    return [(indent if number else head) + line for number, line in enumerate(fold(words, room, " "))]
