"""diff as text for a terminal: what changed in each dataset, from the outside in.

Readable without colour: `+` is new, `-` gone, `~` changed, `>` elsewhere, `?` a guess.
"""

from collections.abc import Iterator, Sequence

from datav.formats.manifest import ColumnInfo
from datav.relpath import one_line, show_path
from datav.repo.diffcounting import is_same_table
from datav.repo.diffresult import DatasetDiff, Diff, FileItem, FilesDiff, Side
from datav.report.cells import shown_cell, shown_name
from datav.report.diff_labels import label_lines
from datav.report.diff_rows import change_lines
from datav.report.diff_sections import ALL, Sections
from datav.report.style import Style, count, percent, size
from datav.tables.changes import some_changes
from datav.tables.result import ColumnChange, DuplicateKeys, Op, RowDiff, SchemaDiff, TableDiff

NOTHING = "no differences"

_MARKS = {"added": "+", "removed": "-", "modified": "~", "changed": "~", "renamed": ">", "moved": ">"}

# More columns than that in one line say nothing.
_COLUMNS_COUNTED = 8
_EXAMPLES = 3


def diff_text(diff: Diff, style: Style, *, width: int, limit: int | None, sections: Sections = ALL) -> str:
    """diff_lines, as one text."""
    return "\n".join(diff_lines(diff, style, width=width, limit=limit, sections=sections))


def diff_lines(
    diff: Diff, style: Style, *, width: int, limit: int | None, sections: Sections = ALL
) -> Iterator[str]:
    """Yield the lines of a comparison as they are found.

    Args:
        width: columns of the terminal; lines with cells are folded to it, names of files are not.
        limit: how many rows of a table, and files of a directory, are listed; None: all.
    """
    if diff.is_empty:
        yield NOTHING
        return
    for place, dataset in enumerate(diff.datasets):
        if place:
            yield ""
        yield from _dataset_lines(dataset, style, width, limit, sections, diff.is_narrowed)


def same_text(table: TableDiff, is_narrowed: bool) -> str | None:
    """What there is to say of a file that differs and of a table that does not; None if it does.

    Args:
        is_narrowed: some of the table was not compared.
    """
    if not is_same_table(table):
        return None
    if is_narrowed:
        return "no row differs in what was compared"
    return "no row differs, only how the file is written: order of rows, line ends, compression, format"


def mark(status: str) -> str:
    """The character in front of what is new, gone, changed or elsewhere."""
    return _MARKS.get(status, " ")


def paint(status: str, text: str, style: Style) -> str:
    """`text` in the colour of what is new, gone or changed."""
    match status:
        case "added":
            return style.good(text)
        case "removed":
            return style.bad(text)
    return style.warn(text)


def counts_text(added: int, removed: int, changed: int, style: Style) -> str:
    """`+3 -1 ~12`; what is 0 is left out, all of it if all is."""
    parts = [("added", added), ("removed", removed), ("changed", changed)]
    return " ".join(paint(what, f"{mark(what)}{number:,}", style) for what, number in parts if number)


def sides_text(before: str | None, after: str | None) -> str:
    """`a -> b`, or the one that there is, or one for both where they are the same."""
    known = dict.fromkeys(each for each in (before, after) if each is not None)
    return " -> ".join(known)


def size_text(before: int | None, after: int | None) -> str:
    """`1.2 MB -> 1.3 MB`; empty where neither is known."""
    return sides_text(*(None if each is None else size(each) for each in (before, after)))


def _dataset_lines(
    dataset: DatasetDiff,
    style: Style,
    width: int,
    limit: int | None,
    sections: Sections,
    is_narrowed: bool,
) -> Iterator[str]:
    yield _header(dataset, style)
    if dataset.meta_changed:
        yield "  its key or [meta] changed"
    if dataset.reason is not None:
        yield f"  {style.warn('not compared in full:')} {one_line(dataset.reason)}"
    if dataset.table is not None:
        yield from _table_lines(dataset.table, "  ", style, width, limit, sections)
        if same := same_text(dataset.table, is_narrowed):
            yield f"  {same}"
    if sections.stats and dataset.stats is not None:
        # Only here: what draws them needs numpy, and most comparisons do not.
        from datav.report.stats_text import stats_lines

        yield from stats_lines(dataset.stats, "  ", style, width, is_full=sections.measures)
    if sections.files and dataset.files.items:
        yield from _files_lines(dataset.files, style, width, limit, sections, is_narrowed)


def _header(dataset: DatasetDiff, style: Style) -> str:
    path = str(dataset.path)
    if dataset.before_path is not None:
        path = f"{dataset.before_path} -> {path}"
    state = dataset.status
    details = [part for part in _side_details(dataset.before, dataset.after) if part]
    return "  ".join([style.strong(path), paint(state, state, style), ", ".join(details)]).rstrip()


def _side_details(before: Side | None, after: Side | None) -> Iterator[str]:
    """What is known of a dataset on both sides: rows, files, size."""
    sides = [side for side in (before, after) if side is not None]
    if any(side.rows is not None for side in sides):
        yield _change_of_count([side.rows for side in sides], "row")
    if any((side.files or 1) != 1 for side in sides):
        yield _change_of_count([side.files for side in sides], "file")
    known = [side.bytes for side in sides]
    yield size_text(known[0], known[-1]) if known else ""


def _change_of_count(numbers: Sequence[int | None], one: str) -> str:
    """`40,212 -> 40,214 rows`, `12 rows`."""
    known = [number for number in numbers if number is not None]
    if len(known) == len(numbers) == 2 and known[0] != known[1]:
        return f"{known[0]:,} -> {count(known[1], one)}"
    return count(known[-1], one)


def _table_lines(
    table: TableDiff, indent: str, style: Style, width: int, limit: int | None, sections: Sections
) -> Iterator[str]:
    if sections.schema and not table.schema.is_empty:
        yield from _schema_lines(table.schema, indent, style)
    if sections.rows and table.rows is not None:
        yield from _rows_lines(table.rows, indent, style, width, limit)


def _schema_lines(schema: SchemaDiff, indent: str, style: Style) -> Iterator[str]:
    for removed in schema.removed:
        yield indent + style.bad(f"- {_column(removed)}")
    for added in schema.added:
        yield indent + style.good(f"+ {_column(added)}")
    for change in schema.changed:
        yield indent + style.warn(f"~ column {_typed(change)}")
    for rename in schema.renamed:
        share = f"({percent(rename.share)} of the cells are equal)"
        names = f"{shown_name(rename.before)} probably renamed to {shown_name(rename.after)}"
        yield f"{indent}? column {names} {style.faint(share)}"
    if schema.reordered:
        yield f"{indent}~ columns stand in another order"
    for change in schema.written:
        yield f"{indent}~ {_typed(change)}"


def _column(column: ColumnInfo) -> str:
    return f"column {shown_name(column.name)}: {one_line(column.type)}"


def _typed(change: ColumnChange) -> str:
    return f"{shown_name(change.name)}: {one_line(change.before)} -> {one_line(change.after)}"


def _rows_lines(rows: RowDiff, indent: str, style: Style, width: int, limit: int | None) -> Iterator[str]:
    if rows.duplicates is not None:
        yield f"{indent}{style.warn('keys that are not unique:')} {_duplicates(rows.duplicates)}"
    elif rows.refused is not None:
        what = "not compared by key" if rows.is_counted else "rows not compared"
        yield f"{indent}{style.warn(what + ':')} {one_line(rows.refused)}"
    if rows.is_empty:
        return
    yield f"{indent}rows   {_row_summary(rows, style)}"
    if rows.changed_cells:
        yield f"{indent}cells  {_cells_summary(rows)}"
    if rows.label_flips is not None:
        yield from label_lines(rows.label_flips, indent, style, width)
    left: dict[Op, int] = {"removed": rows.removed, "added": rows.added, "changed": rows.changed}
    for change in some_changes(rows, limit):
        if change.op in left:
            left[change.op] -= change.count
        yield from change_lines(change, indent, style, width)
    if limit != 0:
        yield from _more(left, indent, style)


def _row_summary(rows: RowDiff, style: Style) -> str:
    parts = [counts_text(rows.added, rows.removed, rows.changed, style)]
    if rows.moved:
        parts.append(f"{rows.moved:,} moved")
    head = " ".join(filter(None, parts))
    totals = [f"{number:,}" for number in (rows.from_rows, rows.to_rows) if number is not None]
    if totals:
        head += f"   of {sides_text(totals[0], totals[-1])}"
    key = f"key {', '.join(map(shown_name, rows.key))}" if rows.key else "without a key"
    return f"{head}, {key}"


def _cells_summary(rows: RowDiff) -> str:
    """`price 10, name 2`: columns with most changed cells first."""
    ordered = sorted(rows.changed_cells.items(), key=lambda item: -item[1])
    parts = [f"{shown_name(name)} {number:,}" for name, number in ordered[:_COLUMNS_COUNTED]]
    if len(ordered) > _COLUMNS_COUNTED:
        parts.append(f"and {count(len(ordered) - _COLUMNS_COUNTED, 'more column', 'more columns')}")
    return ", ".join(parts)


def _duplicates(duplicates: DuplicateKeys) -> str:
    numbers = sides_text(f"{duplicates.before:,}", f"{duplicates.after:,}")
    examples = [
        ", ".join(f"{shown_name(name)}={shown_cell(cell)}" for name, cell in example.items())
        for example in duplicates.examples[:_EXAMPLES]
    ]
    such = f", such as {'; '.join(examples)}" if examples else ""
    return f"{numbers}{such}; their rows count as added or removed"


def _more(left: dict[Op, int], indent: str, style: Style) -> Iterator[str]:
    parts = [f"{number:,} more {op}" for op, number in left.items() if number > 0]
    if parts:
        last = sum(number for number in left.values() if number > 0)
        rows = "row" if last == 1 else "rows"
        yield indent + style.faint(f"... and {', '.join(parts)} {rows} (--limit N shows more)")


def _files_lines(
    files: FilesDiff, style: Style, width: int, limit: int | None, sections: Sections, is_narrowed: bool
) -> Iterator[str]:
    summary = counts_text(files.added, files.removed, files.modified, style)
    renamed = f"{files.renamed:,} renamed" if files.renamed else ""
    yield f"  files  {', '.join(filter(None, [summary, renamed]))}"
    # A thousand pictures must not hide what became of a table.
    items = files.tables_first
    shown, hidden = (items, ()) if limit is None else (items[:limit], items[limit:])
    for item in shown:
        yield "  " + paint(item.status, f"{mark(item.status)} {_file(item)}", style)
        if item.reason is not None:
            yield f"      {style.warn('not compared as a table:')} {one_line(item.reason)}"
        if item.table is not None:
            yield from _table_lines(item.table, "      ", style, width, limit, sections)
            if same := same_text(item.table, is_narrowed):
                yield f"      {same}"
    if limit != 0 and hidden:
        more = count(len(hidden), "more file")
        rows = _hidden_rows(hidden, style)
        yield "  " + style.faint(f"... and {more}{rows} (--limit N shows more)")


def _hidden_rows(items: Sequence[FileItem], style: Style) -> str:
    """`, +3 -1 rows in them`; nothing where nothing was counted."""
    rows = [item.table.rows for item in items if item.table is not None and item.table.rows is not None]
    added, removed = sum(each.added for each in rows), sum(each.removed for each in rows)
    changed = sum(each.changed for each in rows)
    counts = counts_text(added, removed, changed, style)
    return f", {counts} {'row' if added + removed + changed == 1 else 'rows'} in them" if counts else ""


def _file(item: FileItem) -> str:
    path = show_path(item.path)
    if item.before_path is not None:
        path = f"{show_path(item.before_path)} -> {path}"
    return f"{path}  {size_text(item.before_bytes, item.after_bytes)}".rstrip()
