"""diff as Markdown for a pull request, as GitHub shows it.

What is in a cell, a name or a path is hostile: it must not end the table it stands in, link, mention anybody
or load a picture.  So every character that Markdown or HTML could take for its own is written as a number,
and all of it stands in `<code>`, where GitHub looks for no mentions and no numbers of issues.
"""

from collections.abc import Iterable, Iterator, Sequence

from datav.relpath import show_path
from datav.repo.diffresult import DatasetDiff, Diff, FilesDiff
from datav.report.cells import shown_cell, shown_name
from datav.report.diff_labels import summary
from datav.report.diff_rows import CellChange, cell_changes
from datav.report.diff_sections import ALL, Sections
from datav.report.diff_text import NOTHING, mark, same_text, sides_text, size_text
from datav.report.style import count
from datav.tables.changes import some_changes
from datav.tables.result import (
    ColumnChange,
    DuplicateKeys,
    LabelFlips,
    RowChange,
    RowDiff,
    SchemaDiff,
    TableDiff,
)

# GitHub refuses a comment of more than 65 536 characters; what is longer belongs into a file.
_FILES_SHOWN = 100
_COLUMNS_SHOWN = 50
_ROW_COLUMNS = 12
_EXAMPLES = 3
_LABELS_SHOWN = 20

_CELL = 80
"""Longer cells are shortened."""

# What CommonMark, GitHub's tables and mentions, and HTML give a meaning to.
_ACTIVE = {ord(char): f"&#{ord(char)};" for char in "\\`*_{}[]()<>#+-!|~&@:$=\"'^"}
# Links are made of these too, and file names and numbers would suffer if all dots were escaped.
_LINKS = (("www.", "www&#46;"), ("//", "&#47;&#47;"))


def diff_markdown(diff: Diff, *, limit: int | None, sections: Sections = ALL) -> str:
    """Return the comparison as one text, with a heading for each dataset.

    Args:
        limit: how many rows of a table are listed; None: all.
    """
    if diff.is_empty:
        return f"{NOTHING}\n"
    ends = f"`datav diff`: {code(diff.before.shown)} → {code(diff.after.shown)}"
    blocks = [ends]
    for dataset in diff.datasets:
        blocks += dataset_blocks(dataset, limit, sections, diff.is_narrowed)
    return "\n\n".join(blocks) + "\n"


def escape(text: str) -> str:
    """`text` so that Markdown shows it to the letter, on one line, also in a cell of a table."""
    visible = "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
    safe = visible.translate(_ACTIVE)
    for link, harmless in _LINKS:
        safe = safe.replace(link, harmless)
    return safe


def code(text: str) -> str:
    """`text` as it is, set as code; nothing of nothing."""
    return f"<code>{escape(text)}</code>" if text else ""


def dataset_blocks(
    dataset: DatasetDiff, limit: int | None, sections: Sections = ALL, is_narrowed: bool = False
) -> Iterator[str]:
    """Yield what became of one dataset, its heading first.

    Args:
        limit: as of diff_markdown.
        is_narrowed: some of it was not compared.
    """
    path = code(str(dataset.path))
    if dataset.before_path is not None:
        path = f"{code(str(dataset.before_path))} → {path}"
    yield f"### {path} ({dataset.status})"
    yield markdown_table(("", "before", "after"), _numbers(dataset))
    if dataset.meta_changed:
        yield "Its key or \\[meta\\] changed."
    if dataset.reason is not None:
        yield f"**Not compared in full:** {code(dataset.reason)}"
    if dataset.table is not None:
        yield from _table_blocks(dataset.table, limit, sections, is_narrowed)
    if sections.stats and dataset.stats is not None:
        # Only here: what draws them needs numpy, and most comparisons do not.
        from datav.report.stats_markdown import stats_blocks

        yield from stats_blocks(dataset.stats)
    if sections.files and dataset.files.items:
        yield from _files_blocks(dataset.files)
        for item in dataset.files.tables_first[:_FILES_SHOWN]:
            if item.table is not None:
                yield f"#### {code(show_path(item.path))}"
                yield from _table_blocks(item.table, limit, sections, is_narrowed)


def _numbers(dataset: DatasetDiff) -> Iterator[tuple[str, str, str]]:
    before, after = dataset.before, dataset.after
    rows = before.rows if before else None, after.rows if after else None
    if rows != (None, None):
        yield "rows", _number(rows[0]), _number(rows[1])
    if dataset.kind == "directory":
        yield "files", _number(before.files if before else None), _number(after.files if after else None)
    yield (
        "size",
        size_text(before.bytes if before else None, None),
        size_text(None, after.bytes if after else None),
    )


def _number(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _table_blocks(
    table: TableDiff, limit: int | None, sections: Sections, is_narrowed: bool
) -> Iterator[str]:
    if sections.schema and not table.schema.is_empty:
        yield from _schema_blocks(table.schema)
    if sections.rows and table.rows is not None:
        yield from _rows_blocks(table.rows, limit)
    if same := same_text(table, is_narrowed):
        yield f"{same[0].upper()}{same[1:]}."


def _schema_blocks(schema: SchemaDiff) -> Iterator[str]:
    rows = [("removed", _name(each.name), code(each.type), "") for each in schema.removed]
    rows += [("added", _name(each.name), "", code(each.type)) for each in schema.added]
    rows += [("changed", *_column_change(each)) for each in schema.changed]
    rows += [("written", *_column_change(each)) for each in schema.written]
    if rows:
        yield markdown_table(
            ("column", "", "before", "after"), [(name, what, *rest) for what, name, *rest in rows]
        )
    for rename in schema.renamed:
        names = f"{_name(rename.before)} was probably renamed to {_name(rename.after)}"
        yield f"Column {names} ({rename.share:.0%} of the cells are equal)."
    if schema.reordered:
        yield "The columns stand in another order."


def _column_change(change: ColumnChange) -> tuple[str, str, str]:
    return _name(change.name), code(change.before), code(change.after)


def _duplicates(duplicates: DuplicateKeys) -> str:
    numbers = sides_text(f"{duplicates.before:,}", f"{duplicates.after:,}").replace("->", "→")
    examples = [
        ", ".join(f"{_name(name)} {_cell(cell)}" for name, cell in example.items())
        for example in duplicates.examples[:_EXAMPLES]
    ]
    return f"{numbers}, such as {'; '.join(examples)}" if examples else numbers


def _rows_blocks(rows: RowDiff, limit: int | None) -> Iterator[str]:
    if rows.duplicates is not None:
        numbers = _duplicates(rows.duplicates)
        yield f"**Keys that are not unique:** {numbers}; their rows count as added or removed."
    elif rows.refused is not None:
        what = "Not compared by key" if rows.is_counted else "Rows not compared"
        yield f"**{what}:** {code(rows.refused)}"
    if rows.is_empty:
        return
    counted = [("added", rows.added), ("removed", rows.removed), ("changed", rows.changed)]
    counted += [("moved", rows.moved)] if rows.moved else []
    yield markdown_table(
        [f"rows {what}" for what, _ in counted] + ["key"],
        [[f"{number:,}" for _, number in counted] + [", ".join(_name(name) for name in rows.key)]],
    )
    if rows.changed_cells:
        ordered = sorted(rows.changed_cells.items(), key=lambda item: -item[1])
        yield markdown_table(
            ("column", "changed cells"),
            [(_name(name), f"{number:,}") for name, number in ordered[:_COLUMNS_SHOWN]],
        )
    if rows.label_flips is not None:
        yield from _label_blocks(rows.label_flips)
    shown = list(some_changes(rows, limit))
    if shown:
        yield _details(f"{_rows_shown(shown, rows)}", "\n\n".join(_changes_blocks(shown)))


def _label_blocks(flips: LabelFlips) -> Iterator[str]:
    if flips.refused is not None:
        yield f"**Label flips not told:** {code(flips.refused)}"
        return
    told = ", ".join(summary(flips, _name(flips.label)))
    if told:
        yield f"**Label:** {told}."
    pairs = [(_cell(each.before), _cell(each.after), f"{each.count:,}") for each in flips.matrix]
    more = sum(each.count for each in flips.matrix[_LABELS_SHOWN:]) + flips.other
    lines = pairs[:_LABELS_SHOWN]
    lines += [("other labels", "", f"{more:,}")] if more else []
    lines += [("not certain", "", f"{flips.undecided:,}")] if flips.undecided else []
    if lines:
        yield markdown_table(("label before", "after", "rows"), lines)


def _rows_shown(shown: Sequence[RowChange], rows: RowDiff) -> str:
    total = rows.added + rows.removed + rows.changed + (rows.moved or 0)
    told = sum(change.count for change in shown)
    return count(total, "row") if told == total else f"{told:,} of {count(total, 'row')}"


def _changes_blocks(shown: Sequence[RowChange]) -> Iterator[str]:
    """A table for the changed rows, and one for each of the other kinds."""
    changed = [change for change in shown if change.op == "changed"]
    if changed:
        key = list(changed[0].key)
        yield markdown_table(
            ["", *map(_name, key), "changed"],
            [
                [mark("changed"), *(_cell(change.key.get(name)) for name in key), _changed_cells(change)]
                for change in changed
            ],
        )
    for op in ("removed", "added", "moved"):
        some = [change for change in shown if change.op == op]
        # Rows that were matched by key and rows that were not have different columns.
        for rows in ([c for c in some if c.key], [c for c in some if not c.key]):
            if rows:
                yield _whole_rows(op, rows)


def _whole_rows(op: str, rows: Sequence[RowChange]) -> str:
    cells = [{**change.key, **change.before, **change.after} for change in rows]
    names = list(dict.fromkeys(name for row in cells for name in row))
    shown, more = names[:_ROW_COLUMNS], len(names) - _ROW_COLUMNS
    has_counts = any(change.count != 1 for change in rows)
    header = ["", *map(_name, shown)]
    header += [count(more, "more column")] if more > 0 else []
    header += ["times"] if has_counts else []
    lines = []
    for change, row in zip(rows, cells, strict=True):
        line = [escape(mark(op)), *(_cell(row[name]) if name in row else "" for name in shown)]
        line += ["..."] if more > 0 else []
        line += [f"{change.count:,}"] if has_counts else []
        lines.append(line)
    return markdown_table(header, lines)


def _changed_cells(change: RowChange) -> str:
    times = f" ({change.count:,} times)" if change.count != 1 else ""
    return "<br>".join(map(_changed_cell, cell_changes(change))) + times


def _changed_cell(change: CellChange) -> str:
    if change.after is None:
        return f"{code(change.where)}: {code(change.before)}"
    # HTML, because `~~ a ~~` and `** b **` mean nothing next to a blank.
    return f"{code(change.where)}: <del>{code(change.before)}</del> <b>{code(change.after)}</b>"


def _files_blocks(files: FilesDiff) -> Iterator[str]:
    yield markdown_table(
        ("files added", "removed", "modified", "renamed"),
        [[f"{number:,}" for number in (files.added, files.removed, files.modified, files.renamed)]],
    )
    lines = []
    for item in files.tables_first[:_FILES_SHOWN]:
        path = code(show_path(item.path))
        if item.before_path is not None:
            path = f"{code(show_path(item.before_path))} → {path}"
        sizes = size_text(item.before_bytes, item.after_bytes).replace("->", "→")
        lines.append((escape(mark(item.status)), path, sizes, code(item.reason or "")))
    shown = count(len(files.items), "file")
    if len(files.items) > _FILES_SHOWN:
        shown = f"{_FILES_SHOWN} of {shown}"
    yield _details(shown, markdown_table(("", "file", "size", "note"), lines))


def _name(name: str) -> str:
    return code(shown_name(name))


def _cell(value: object) -> str:
    return code(shown_cell(value, _CELL))


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _details(summary: str, body: str) -> str:
    # Markdown is read again in HTML after a blank line.
    return f"<details><summary>{summary}</summary>\n\n{body}\n\n</details>"
