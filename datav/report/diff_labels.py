"""Flips of labels as lines of a terminal."""

from collections.abc import Iterator, Mapping

from datav.relpath import one_line
from datav.report.cells import shown_cell, shown_name, shown_pair
from datav.report.diff_rows import fold
from datav.report.style import Style, count, percent
from datav.tables.result import LabelFlips

# Labels that became others: a screen has room for rows too.
_PAIRS_SHOWN = 10
_EXAMPLES = 3
# A label that is cut down to less says nothing.
_LEAST_WIDTH = 12
_MOST_WIDTH = 40


def label_lines(flips: LabelFlips, indent: str, style: Style, width: int) -> Iterator[str]:
    """Yield what there is to say of a label, nothing where it changed nowhere."""
    if flips.refused is not None:
        yield f"{indent}label  {style.warn('flips not told:')} {one_line(flips.refused)}"
        return
    parts = list(summary(flips))
    if not parts:
        return
    room = width - len(indent) - len("label  ")
    for place, line in enumerate(fold(parts, room, ", ")):
        yield f"{indent}{'label  ' if place == 0 else '       '}{style.warn(line)}"
    examples = [", ".join(_named(key)) for key in flips.examples[:_EXAMPLES]]
    for place, line in enumerate(fold(examples, room - len("such as "), "; ")):
        yield f"{indent}       {'such as ' if place == 0 else '        '}{line}"
    rows = [(each.count, each.before, each.after) for each in flips.matrix[:_PAIRS_SHOWN]]
    more = sum(each.count for each in flips.matrix[_PAIRS_SHOWN:]) + flips.other
    digits = len(f"{max([number for number, *_ in rows] + [more, flips.undecided]):,}")
    limit = min(_MOST_WIDTH, max(_LEAST_WIDTH, (room - digits - len("    ->  ")) // 2))
    for number, before, after in rows:
        old, new = shown_pair(before, after, limit)
        yield f"{indent}       {number:>{digits},}  {style.bad(old)} -> {style.good(new)}"
    if more:
        yield f"{indent}       {more:>{digits},}  between other labels"
    if flips.undecided:
        yield f"{indent}       {flips.undecided:>{digits},}  with several labels for the same features"


def summary(flips: LabelFlips, name: str | None = None) -> Iterator[str]:
    """Yield the numbers in words.

    Args:
        name: the column as it is shown; by default as on a terminal.
    """
    name = shown_name(flips.label) if name is None else name
    others = flips.relabelled_with_changes
    if flips.flipped:
        share = f" ({percent(flips.flipped / flips.rows_compared)})" if flips.rows_compared else ""
        yield f"{count(flips.flipped, 'row')} changed only {name}{share}"
    if flips.by_features:
        which = "" if flips.by_features == flips.flipped else f"{flips.by_features:,} of them "
        yield f"{which}paired by features"
    if others:
        yield f"{count(others, 'row')} changed {name} and more"


def _named(key: Mapping[str, object]) -> Iterator[str]:
    return (f"{shown_name(name)}={shown_cell(cell)}" for name, cell in key.items())
