"""diff --stat: one line for each dataset, as git has it, and a total."""

from collections.abc import Iterator

from datav.repo.diffcounting import is_same_table
from datav.repo.diffresult import DatasetDiff, Diff
from datav.report.diff_text import NOTHING, counts_text, mark, size_text
from datav.report.style import PLAIN, Style, columns, count
from datav.tables.result import RowDiff, SchemaDiff, TableDiff


def diff_stat(diff: Diff, style: Style) -> str:
    """The lines, or that there is nothing to say.

    Returns:
        Such as ` data/train.csv | +3 -1 ~12 rows, 2 columns, 1.2 MB -> 1.3 MB`.
    """
    if diff.is_empty:
        return NOTHING
    names = columns([(f" {_path(dataset)}", "|") for dataset in diff.datasets])
    lines = [
        f"{name} {', '.join(_details(dataset, style))}"
        for name, dataset in zip(names, diff.datasets, strict=True)
    ]
    return "\n".join([*lines, f" {_total(diff, style)}"])


def rows_text(dataset: DatasetDiff) -> str:
    """`+3 -1 ~12 rows`, of all tables of a dataset; empty where none differs."""
    return _rows_text(_tables(dataset)[0], PLAIN)


def _path(dataset: DatasetDiff) -> str:
    if dataset.before_path is None:
        return str(dataset.path)
    return f"{dataset.before_path} -> {dataset.path}"


def _details(dataset: DatasetDiff, style: Style) -> Iterator[str]:
    if dataset.status in ("added", "removed", "renamed"):
        yield dataset.status
    rows, columns_changed = _tables(dataset)
    if summary := _rows_text(rows, style):
        yield summary
    if _has_duplicates(dataset):
        yield style.warn("keys are not unique")
    if flips := _flips(dataset):
        yield style.warn(count(flips, "label flip"))
    if columns_changed:
        yield count(columns_changed, "column")
    if dataset.table is not None and is_same_table(dataset.table):
        yield "no row differs"
    files = dataset.files
    if files.items:
        counts = counts_text(files.added, files.removed, files.modified, style)
        renamed = f"{mark('renamed')}{files.renamed:,}" if files.renamed else ""
        yield f"{' '.join(filter(None, [counts, renamed]))} {'file' if len(files.items) == 1 else 'files'}"
    if dataset.reason is not None or any(item.reason is not None for item in files.items):
        yield style.warn("not compared in full")
    if dataset.meta_changed:
        yield "key or [meta] changed"
    before, after = dataset.before, dataset.after
    if sizes := size_text(before.bytes if before else None, after.bytes if after else None):
        yield sizes


def _tables(dataset: DatasetDiff) -> tuple[RowDiff, int]:
    """The rows of all tables of a dataset in one sum, and how many columns changed."""
    tables = [dataset.table, *(item.table for item in dataset.files.items)]
    found = [table for table in tables if table is not None]
    return _sum_rows(found), sum(_changed_columns(table.schema) for table in found)


def _has_duplicates(dataset: DatasetDiff) -> bool:
    return any(rows.duplicates is not None for rows in _all_rows(dataset))


def _flips(dataset: DatasetDiff) -> int:
    return sum(rows.label_flips.flipped for rows in _all_rows(dataset) if rows.label_flips is not None)


def _all_rows(dataset: DatasetDiff) -> list[RowDiff]:
    tables = [dataset.table, *(item.table for item in dataset.files.items)]
    return [table.rows for table in tables if table is not None and table.rows is not None]


def _sum_rows(tables: list[TableDiff]) -> RowDiff:
    rows = [table.rows for table in tables if table.rows is not None]
    return RowDiff(
        added=sum(each.added for each in rows),
        removed=sum(each.removed for each in rows),
        changed=sum(each.changed for each in rows),
        moved=sum(each.moved or 0 for each in rows) or None,
        refused=next((each.refused for each in rows if not each.is_counted), None),
    )


def _changed_columns(schema: SchemaDiff) -> int:
    return len(schema.added) + len(schema.removed) + len(schema.changed)


def _rows_text(rows: RowDiff, style: Style) -> str:
    counts = counts_text(rows.added, rows.removed, rows.changed, style)
    number = rows.added + rows.removed + rows.changed
    parts = [f"{counts} {'row' if number == 1 else 'rows'}"] if counts else []
    if rows.moved:
        parts.append(f"{rows.moved:,} moved")
    if rows.refused is not None and not counts:
        parts.append(style.warn("rows not compared"))
    return ", ".join(parts)


def _changed(diff: Diff) -> str:
    if diff.before.rev is not None or diff.after.rev is not None:
        return count(len(diff.datasets), "dataset")
    # Two files, or two directories, that need not be anybody's dataset.
    is_directory = any(dataset.kind == "directory" for dataset in diff.datasets)
    return count(len(diff.datasets), *(("directory", "directories") if is_directory else ("file",)))


def _total(diff: Diff, style: Style) -> str:
    summed = [_tables(dataset) for dataset in diff.datasets]
    rows = RowDiff(
        added=sum(each.added for each, _ in summed),
        removed=sum(each.removed for each, _ in summed),
        changed=sum(each.changed for each, _ in summed),
        moved=sum(each.moved or 0 for each, _ in summed) or None,
    )
    parts = [f"{_changed(diff)} changed", _rows_text(rows, style)]
    columns_changed = sum(number for _, number in summed)
    if columns_changed:
        parts.append(count(columns_changed, "column"))
    files = sum(len(dataset.files.items) for dataset in diff.datasets)
    if files:
        parts.append(count(files, "file"))
    return ", ".join(filter(None, parts))
