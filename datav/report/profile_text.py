"""profile: text for a terminal, a line a column."""

import math
from collections.abc import Sequence

from datav.drift.binning import draw_histogram
from datav.profiles.columns import ColumnSketch
from datav.profiles.folders import FolderProfile
from datav.profiles.frequent import Frequent
from datav.profiles.groups import LabelGroups
from datav.profiles.images import MISSING_HINT
from datav.profiles.profile import TableProfile
from datav.profiles.ranks import NO_RANKS, Ranks
from datav.relpath import one_line
from datav.repo.profile import ProfileResult
from datav.report.cells import display_width, shorten, shown_name
from datav.report.profile_json import estimate_distinct, iso_time, top_values
from datav.report.style import Style, count, percent, significant, size

BARS = "▁▂▃▄▅▆▇█"
_PICTURE = 12
_NAME_WIDTH = 28
_TOP = 3
_VALUE_WIDTH = 18

_ORIGINS = {
    "stored": "from its manifest",
    "remembered": "as this clone remembers it",
    "made": "made now",
}


def profile_text(result: ProfileResult, style: Style, width: int) -> str:
    """Return a table of columns, and what there is beside it.

    Args:
        width: of the terminal; lines are cut to it.
    """
    lines = [_head(result, style)]
    profile = result.profile
    if profile.folder is not None:
        lines += ["", *_folder_lines(profile.folder, style)]
    if profile.table is not None:
        lines += ["", *_table_lines(profile.table, style, width)]
        if profile.table.groups is not None:
            lines += ["", *_label_lines(profile.table.groups, style)]
    if not result.is_named and result.is_dataset and result.rev is None:
        lines += ["", f"next: `datav add {result.path}` keeps this profile with the data, for every clone"]
    return "\n".join(lines)


def _head(result: ProfileResult, style: Style) -> str:
    where = f"{result.rev}:{result.path}" if result.rev is not None else result.path
    parts = [style.strong(one_line(where))]
    table, folder = result.profile.table, result.profile.folder
    facts = [] if folder is None else [count(folder.files, "file")]
    if table is not None:
        facts += [count(table.rows, "row"), count(len(table.columns), "column")]
    facts.append(size(result.bytes))
    return "  ".join([*parts, ", ".join(facts), style.faint(_ORIGINS[result.origin])])


def _table_lines(table: TableProfile, style: Style, width: int) -> list[str]:
    head = ("column", "type", "null", "distinct", "", "values")
    rows = [_row(column) for column in table.columns]
    widths = [max(display_width(row[place]) for row in [head, *rows]) for place in range(5)]
    lines = [style.faint(_line(head, widths, width))]
    for column, row in zip(table.columns, rows, strict=True):
        line = _line(row, widths, width)
        lines.append(style.warn(line) if column.nulls == column.count and column.count else line)
    return lines


def _row(column: ColumnSketch) -> tuple[str, ...]:
    return (
        shorten(shown_name(column.name), _NAME_WIDTH),
        shorten(column.type, 20),
        percent(column.nulls / column.count) if column.nulls else "-",
        _distinct(column),
        picture(_drawn(column)),
        values_text(column),
    )


def _line(cells: Sequence[str], widths: Sequence[int], width: int) -> str:
    padded = [cell + " " * (widths[place] - display_width(cell)) for place, cell in enumerate(cells[:5])]
    line = "  ".join([*padded, cells[5]])
    return cut(line, width).rstrip()


def cut(line: str, width: int) -> str:
    """Return a line without what is beyond `width`; its end is the least of it."""
    if display_width(line) <= width:
        return line
    while display_width(line) >= width:
        line = line[:-1]
    return line + "…"


def _distinct(column: ColumnSketch) -> str:
    estimate = estimate_distinct(column)
    return f"{estimate:,}" if column.distinct.is_exact else f"~{_rounded(estimate):,}"


def _rounded(number: int) -> int:
    """Three digits: the fourth is a guess."""
    return round(number, 3 - len(str(number)))


def _drawn(column: ColumnSketch) -> Sequence[float]:
    """Return the bars of a small picture: of numbers and times where they lie, of texts how often the most
    frequent ones occur."""
    ranks = {"number": column.numbers.ranks, "time": column.times.ranks}.get(column.kind)
    if ranks is None:
        return [number for _, number in top_values(column, _PICTURE)]
    drawn = draw_histogram(ranks, NO_RANKS, _PICTURE)
    return drawn.before if drawn is not None else ()


def picture(bars: Sequence[float]) -> str:
    """Return bars as characters, the highest one full; one that is nothing as a space."""
    highest = max(bars, default=0)
    if not highest:
        return ""
    return "".join(
        BARS[min(len(BARS) - 1, int(bar / highest * len(BARS)))] if bar > 0 else " " for bar in bars
    )


def values_text(column: ColumnSketch) -> str:
    """Return where the values of a column lie, in a few words."""
    parts: list[str] = []
    numbers, times, texts = column.numbers, column.times, column.texts
    if column.kind == "list" and numbers.count:
        parts.append(f"{_number(numbers.ranks, 0)} to {_number(numbers.ranks, 1)} items")
    elif numbers.ranks.count:
        spread = (
            f" ± {significant(numbers.deviation)}"
            if numbers.ranks.count > 1 and numbers.has_deviation
            else ""
        )
        mean = mean_text(numbers.mean, numbers.deviation)
        middle = f"median {_number(numbers.ranks, 0.5)}, mean {mean}{spread}"
        parts.append(f"{_number(numbers.ranks, 0)} … {_number(numbers.ranks, 1)}, {middle}")
    if numbers.nans:
        parts.append(f"{count(numbers.nans, 'NaN', 'NaN')}")
    if numbers.infinities:
        parts.append(f"{numbers.infinities:,} infinite")
    if times.count:
        parts.append(f"{iso_time(times.ranks.quantile(0))} … {iso_time(times.ranks.quantile(1))}")
    if texts.count and column.kind in ("text", "boolean"):
        parts.append(_top(column))
    elif texts.count and column.kind == "binary":
        parts.append(f"{_number(texts.lengths, 0)} to {_number(texts.lengths, 1)} bytes")
    elif texts.count:
        kind = "numbers" if column.kind == "number" else "times"
        shown = ", ".join(_quoted(value) for value in texts.frequent.values.slice(0, _TOP).to_pylist())
        parts.append(f"{texts.count:,} no {kind}: {shown}")
    return "; ".join(part for part in parts if part)


def mean_text(mean: float, deviation: float | None) -> str:
    """Return a mean with as many digits as a hundredth of the deviation shows in, four at least."""
    digits = 4
    if deviation and math.isfinite(mean) and abs(mean) > deviation:
        digits = min(15, digits + math.floor(math.log10(abs(mean)) - math.log10(deviation)))
    return significant(mean, digits)


def _top(column: ColumnSketch) -> str:
    present = column.count - column.nulls
    top = list(top_values(column, _TOP))
    shown = [f"{_quoted(value)} {percent(number / present)}" for value, number in top]
    lengths = column.texts.lengths
    if column.kind == "text" and (not top or top[0][1] == 1):
        return f"{_number(lengths, 0)} to {_number(lengths, 1)} characters"
    return ", ".join(shown)


def _quoted(value: object) -> str:
    text = one_line(str(value))
    return shorten(text, _VALUE_WIDTH) if text else "''"


def _number(ranks: Ranks, share: float) -> str:
    value = ranks.quantile(share)
    return f"{value:,}" if isinstance(value, int) else significant(value, 6)


def _label_lines(groups: LabelGroups, style: Style) -> list[str]:
    total = int(groups.counts.sum())
    lines = [style.strong(f"label {shown_name(groups.label)}")]
    if not groups.labels:
        return [*lines, "  has too many different values to be one"]
    for label, number in zip(groups.labels, groups.counts.tolist(), strict=True):
        shown = "null" if label is None else _quoted(label)
        lines.append(f"  {shown:<{_VALUE_WIDTH}}  {percent(number / total):>7}  {number:,}")
    return lines


def _folder_lines(folder: FolderProfile, style: Style) -> list[str]:
    lines = []
    for each in folder.extensions:
        sizes = f"{size(int(each.sizes.quantile(0)))} to {size(int(each.sizes.quantile(1)))}"
        name = each.extension or "(none)"
        empty = f", {each.empty:,} empty" if each.empty else ""
        lines.append(f"  {name:<10}  {count(each.files, 'file'):>14}  {size(each.total):>8}  {sizes}{empty}")
    if folder.other_files:
        lines.append(f"  others      {count(folder.other_files, 'file'):>14}")
    if folder.links:
        lines.append(f"  {count(folder.links, 'symbolic link')}, not followed")
    if folder.images_skipped:
        lines.append(style.warn(f"  pictures were not looked at: {MISSING_HINT}"))
    if folder.images is not None:
        images = folder.images
        dimensions = ", ".join(f"{name} {number:,}" for name, number in _first(images.dimensions))
        modes = ", ".join(f"{name} {number:,}" for name, number in _first(images.modes))
        lines.append(f"  {count(images.files, 'picture')}: {dimensions}; {modes}")
        if images.unreadable:
            shown = ", ".join(images.examples)
            lines.append(style.bad(f"  {count(images.unreadable, 'picture')} cannot be read: {shown}"))
    if folder.tables:
        lines.append(f"  {count(folder.tables, 'file')} of them are one table")
    if folder.no_table:
        lines.append(style.warn(f"  its tables are not one: {folder.no_table}"))
    return lines


def _first(frequent: Frequent, limit: int = 4) -> list[tuple[str, int]]:
    shown = frequent.values.slice(0, limit).to_pylist()
    return list(zip(shown, frequent.counts[:limit].tolist(), strict=True))
