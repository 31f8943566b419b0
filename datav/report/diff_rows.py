"""Changed rows as lines of a terminal, folded to its width."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from datav.report.cells import display_width, nested_changes, shown_cell, shown_name, shown_pair
from datav.report.style import PLAIN, Style
from datav.tables.result import RowChange

# A row of two hundred columns would fill the screen and hide the other rows.
_LINES_PER_ROW = 6

# Changes inside of a nested cell that are listed.
_NESTED_SHOWN = 10

# Narrower terminals get lines that are too long, which is better than one letter a line.
_MIN_WIDTH = 40


class CellChange(NamedTuple):
    """One cell that changed, or a place in a nested one, as it is shown."""

    where: str
    """The column, and the path in its cell."""
    before: str
    after: str | None
    """None: `before` says all there is to say."""

    def text(self, style: Style) -> str:
        if self.after is None:
            return f"{self.where}: {self.before}"
        return f"{self.where}: {style.bad(self.before)} -> {style.good(self.after)}"


def change_lines(change: RowChange, indent: str, style: Style, width: int) -> Iterator[str]:
    """Yield the lines of one row; colour is put around them when they are folded."""
    room = max(_MIN_WIDTH, width - len(indent) - 2)
    times = [f"({change.count:,} times)"] if change.count != 1 else []
    key = _cells(change.key)
    match change.op:
        case "removed":
            head, parts, paint = "- ", key + _cells(change.before, change.key) + times, style.bad
        case "added":
            head, parts, paint = "+ ", key + _cells(change.after, change.key) + times, style.good
        case "moved":
            head, parts, paint = "> ", key + _cells(change.after, change.key) + times, style.warn
        case "changed":
            yield from _changed_lines(change, key + times, indent, style, room)
            return
    for place, line in enumerate(_capped(fold(parts, room, "  "))):
        yield indent + paint((head if place == 0 else "  ") + line)


def fold(parts: Sequence[str], width: int, between: str) -> list[str]:
    """Put `parts` on as few lines of `width` as they need in order; a longer part has a line of its own."""
    lines: list[str] = []
    taken = 0
    for part in parts:
        more = display_width(part)
        if lines and taken + len(between) + more <= width:
            lines[-1] += between + part
            taken += len(between) + more
        else:
            lines.append(part)
            taken = more
    return lines


def cell_changes(change: RowChange) -> list[CellChange]:
    """What a changed row changed, nested cells by the places in them."""
    found: list[CellChange] = []
    for name, after in change.after.items():
        before = change.before.get(name)
        inside = nested_changes(before, after)
        if inside is None:
            found.append(CellChange(shown_name(name), *shown_pair(before, after)))
            continue
        found += [CellChange(shown_name(name) + path, *sides) for path, *sides in inside[:_NESTED_SHOWN]]
        if len(inside) > _NESTED_SHOWN:
            more = f"{len(inside) - _NESTED_SHOWN:,} more changes in it"
            found.append(CellChange(shown_name(name), more, None))
    return found


def _changed_lines(change: RowChange, key: list[str], indent: str, style: Style, room: int) -> Iterator[str]:
    """One line if it fits, else the key and under it a line for each cell."""
    changes = cell_changes(change)
    label = "  ".join(key)
    one = "  ".join(filter(None, [label, ", ".join(each.text(PLAIN) for each in changes)]))
    if display_width(one) <= room:
        painted = ", ".join(each.text(style) for each in changes)
        yield indent + "  ".join(filter(None, [style.warn(f"~ {label}".rstrip()), painted]))
        return
    for place, line in enumerate(fold(key, room, "  ") or [""]):
        yield indent + style.warn((("~ " if place == 0 else "  ") + line).rstrip())
    for each in changes:
        if display_width(each.text(PLAIN)) <= room - 4 or each.after is None:
            yield f"{indent}      {each.text(style)}"
        else:
            yield f"{indent}      {each.where}:"
            yield f"{indent}         {style.bad(each.before)}"
            yield f"{indent}      -> {style.good(each.after)}"


def _cells(row: Mapping[str, object], without: Collection[str] = ()) -> list[str]:
    return [f"{shown_name(name)}={shown_cell(cell)}" for name, cell in row.items() if name not in without]


def _capped(lines: list[str]) -> list[str]:
    if len(lines) <= _LINES_PER_ROW:
        return lines
    return [*lines[: _LINES_PER_ROW - 1], f"... {len(lines) - _LINES_PER_ROW + 1} more lines"]
