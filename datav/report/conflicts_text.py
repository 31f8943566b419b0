"""conflicts and resolve, for a terminal."""

from collections.abc import Iterator, Sequence

from datav.formats.conflict import ConflictItem, Given
from datav.merging.result import MergeCounts
from datav.relpath import one_line, show_path
from datav.repo.conflicts import Conflicts, DatasetConflicts
from datav.repo.conflictsheet import text_of
from datav.repo.resolve import Resolved
from datav.report.merge_text import merged_lines, next_of_git
from datav.report.style import Style, columns, count, size

_MOST = 40
_WIDTH = 40
_ADVICE = {
    "not merged": "git has not merged its manifest: `datav resolve {0}` does",
    "removed here": "removed here, changed there: `datav resolve {0} --ours` removes, `--theirs` keeps it",
    "removed there": "changed here, removed there: `datav resolve {0} --ours` keeps, `--theirs` removes it",
}


def conflicts_text(found: Conflicts, style: Style, *, every: bool, verbose: bool) -> str:
    """One line for each conflict, by dataset; what to do about them at the end.

    Args:
        every: also what is decided.
        verbose: however many there are.
    """
    lines: list[str] = []
    for each in found.datasets:
        lines += [*_dataset_lines(each, style, every=every, most=None if verbose else _MOST), ""]
    if not found.datasets:
        return "no conflicts"
    recorded = [each for each in found.datasets if each.trouble == "recorded"]
    if any(each.open for each in recorded):
        lines.append(style.faint("`datav resolve PATH --ours` or `--theirs` decides all of a dataset, with"))
        lines.append(
            style.faint("`--row` and `--column` some; `datav conflicts --output FILE.csv` writes a sheet")
        )
    for each in recorded:
        if not each.open:
            lines.append(style.faint(f"all decided: `datav resolve {each.dataset}` finishes the merge"))
    return "\n".join(lines).rstrip("\n")


def _dataset_lines(each: DatasetConflicts, style: Style, *, every: bool, most: int | None) -> Iterator[str]:
    advice = _ADVICE.get(each.trouble)
    if advice is not None:
        yield style.strong(str(each.dataset)) + ": " + advice.format(each.dataset)
        return
    shown = each.items if every else each.open
    yield style.strong(str(each.dataset)) + f": {count(len(each.open), 'conflict')} of {len(each.items)} open"
    yield from item_lines(shown, style, most=most)


def item_lines(items: Sequence[ConflictItem], style: Style, *, most: int | None) -> Iterator[str]:
    """Yield conflicts as a table: what each is about, and its three sides.

    Args:
        most: so many are shown; None: all.
    """
    table = columns([("", "column", "base", "ours", "theirs", ""), *map(_row, items[:most])])
    yield style.faint(f"  {table[0]}")
    yield from (f"  {line}" for line in table[1:])
    if most is not None and len(items) > most:
        yield f"  and {len(items) - most} more: `-v` shows all"


def _row(item: ConflictItem) -> tuple[str, ...]:
    return (
        _what(item),
        _cut(item.column or ""),
        *map(_side, (item.base, item.ours, item.theirs)),
        _note(item),
    )


def _what(item: ConflictItem) -> str:
    """Which row, file or else it is about."""
    where = f"{show_path(item.path)} " if item.path else ""
    if item.key:
        return where + _cut(", ".join(f"{column}={text_of(cell)}" for column, cell in item.key))
    return where + {"file": "the file", "meta": "[meta]", "schema": "the columns"}.get(item.kind, "a row")


def _side(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, dict):
        if {"id", "depth", "bytes"} <= value.keys() and str(value["id"]).startswith("b3:"):
            return f"{str(value['id'])[:11]}, {size(value['bytes'])}"
        return _cut(", ".join(f"{column}={text_of(cell)}" for column, cell in value.items()))
    return _cut(text_of(value)) or '""'


def _note(item: ConflictItem) -> str:
    if isinstance(item.taken, Given):
        return f"decided: {_cut(item.taken.text) if item.taken.text is not None else 'null'}"
    if item.taken is not None:
        return f"decided: {item.taken}"
    return one_line(item.reason or {"delete_modify": "removed and changed"}.get(item.kind, ""))


def _cut(text: str) -> str:
    text = one_line(text)
    return text if len(text) <= _WIDTH else text[: _WIDTH - 3] + "..."


def resolved_text(result: Resolved, style: Style) -> str:
    """What was decided, and what is left to do."""
    name = result.dataset
    lines = [f"{name}: {count(result.decided, 'conflict')} decided, {result.open} left"]
    if result.open:
        lines.append(style.faint(f"next: `datav conflicts {name}` lists what is left"))
        return "\n".join(lines)
    merged = result.merged
    # A file that was taken as a whole counts no rows.
    if merged is not None and merged.origin == "merged" and merged.counts != MergeCounts():
        lines += merged_lines(merged, style)
    if not result.placed:
        lines.append("the data is not here, and was not placed: `datav pull` brings it")
    lines.append(style.faint(next_of_git(result.operation, result.unmerged)))
    return "\n".join(lines)
