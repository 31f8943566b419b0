"""Tables on the page: changed rows to search in, and matrices."""

from collections import Counter
from itertools import chain

from datav.report.html.markup import isolated, plural, scroll_box, shown
from datav.report.html.model import Matrix, Op, Row, Rows

_OPS: tuple[Op, ...] = ("added", "removed", "changed")

# What a browser lays out at once before anybody has scrolled; the other rows wait in a <template>, which is
# read but not laid out.
_CELLS_AT_ONCE = 3000
_ROWS_AT_ONCE = (10, 100)

_SHADES = 8


def rows_html(section: Rows, place: str) -> str:
    """The inside of the section; `place` begins its ids."""
    least, most = _ROWS_AT_ONCE
    at_once = max(least, min(most, _CELLS_AT_ONCE // max(1, len(section.columns))))
    lines = [_row(row, section.keys) for row in section.rows]
    heads = "".join(f"<th scope=col>{isolated(name) or '<i>no name</i>'}" for name in section.columns)
    table = (
        f'<table{" class=keyed" if section.keys else ""} data-step="{at_once}"><thead><tr><th scope=col>row'
        f"{heads}</thead><tbody>{''.join(lines[:at_once])}</tbody></table>"
    )
    return (
        f"{_tools(section, place)}{scroll_box(table, section.title, 'rows')}"
        f"<template>{''.join(lines[at_once:])}</template>"
        '<button type="button" class="more" hidden>Show more rows</button>'
        '<p class="none" hidden>No row is like that.</p>'
    )


def matrix_html(section: Matrix) -> str:
    """The inside of the section: counts, the larger the darker."""
    most = max(chain.from_iterable(section.counts), default=0)
    head = "".join(f"<th scope=col>{isolated(name)}" for name in section.column_names)
    lines = []
    for number, name in enumerate(section.row_names):
        before = section.before[number] if section.before is not None else section.counts[number]
        cells = "".join(map(_count, section.counts[number], before, [most] * len(before)))
        lines.append(f"<tr><th scope=row>{isolated(name)}{cells}")
    corner = f"{shown(section.row_head)} ↓ {shown(section.column_head)} →"
    table = (
        f'<table class="matrix"><thead><tr><th scope=col>{corner}{head}</thead>'
        f"<tbody>{''.join(lines)}</tbody></table>"
    )
    return scroll_box(table, section.title, "fitting")


def _tools(section: Rows, place: str) -> str:
    counts = Counter(row.op for row in section.rows)
    boxes = "".join(
        f'<label><input type="checkbox" value="{op}" checked> <span class="op {op}">{op}</span> '
        f"{counts[op]:,}</label>"
        for op in _OPS
        if counts[op]
    )
    return (
        f'<div class="tools" role="search" aria-label="Search rows"><label>Rows <input type="search" '
        f'id="{place}-find" placeholder="any value" autocomplete="off" spellcheck="false"></label>{boxes}'
        f'<output for="{place}-find">{plural(len(section.rows), "row")}</output></div>'
    )


def _row(row: Row, keys: int) -> str:
    """One line.  End tags of rows and cells may be left out."""
    # A row of one side is told by its word; its cells did not change.
    old = row.before or row.after or ()
    new = row.after or row.before or ()
    cells = "".join(
        f"<td{_cell_class(number < keys, before != after)}>{_cell(before, after)}"
        for number, (before, after) in enumerate(zip(old, new, strict=True))
    )
    return f"<tr class={row.op}><th scope=row><span class='op {row.op}'>{row.op}</span>{cells}"


def _cell_class(is_key: bool, is_changed: bool) -> str:
    if is_key:
        return " class='key diff'" if is_changed else " class=key"
    return " class=diff" if is_changed else ""


def _cell(before: str | None, after: str | None) -> str:
    if before == after:
        return _value(after)
    return f"<del>{_value(before)}</del> <ins>{_value(after)}</ins>"


def _value(value: str | None) -> str:
    return "<i>null</i>" if value is None else isolated(value)


def _count(count: int, before: int, most: int) -> str:
    shade = 0 if count <= 0 or most <= 0 else 1 + (_SHADES - 1) * count // most
    text = f"{count:,}" if count or before else ""
    if before != count:
        text = f"<del>{before:,}</del> <ins>{count:,}</ins>"
    return f"<td class=h{shade}>{text}"
