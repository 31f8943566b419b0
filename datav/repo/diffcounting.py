"""Which of the differences that were found count as such, by what was asked for: `diff --exit-code`."""

from datav.repo.difffiles import is_named_like_table
from datav.repo.diffresult import DatasetDiff, Diff, FileItem
from datav.tables.options import DiffOptions
from datav.tables.result import SchemaDiff, TableDiff


def narrows(options: DiffOptions) -> bool:
    """Whether options choose what counts: then bytes that differ are no difference as such."""
    return bool(
        options.columns or options.ignored or options.where is not None or options.tolerances or options.typed
    )


def has_differences(diff: Diff, *, files: bool, schema: bool, rows: bool) -> bool:
    """Whether anything differs that counts.

    What could not be compared counts as different, and so does a table that is new or gone.

    Args:
        files, schema, rows: what was asked for; without `files` only columns, or rows, count.
    """
    counting = _Counting(diff.is_narrowed, files, schema, rows)
    return any(map(counting.has_dataset, diff.datasets))


def is_same_table(table: TableDiff) -> bool:
    """Whether the rows of a table were compared, and neither these nor its columns differ."""
    return (
        table.rows is not None
        and table.rows.is_counted
        and table.rows.is_empty
        and not _has_other_columns(table.schema)
    )


class _Counting:
    def __init__(self, is_narrowed: bool, files: bool, schema: bool, rows: bool) -> None:
        self._is_narrowed = is_narrowed
        self._files, self._schema, self._rows = files, schema, rows

    def has_dataset(self, dataset: DatasetDiff) -> bool:
        if dataset.reason is not None or (dataset.meta_changed and self._files):
            return True
        match dataset.status:
            case "added" | "removed":
                return dataset.kind == "directory" or self._is_wanted(dataset.path)
            case "renamed":
                # The files of one that was renamed and changed are told of too.
                is_changed = dataset.table is not None or bool(dataset.files.items)
                return self._files or (is_changed and self._has_content(dataset))
            case "unchanged":
                return False
        return self._has_content(dataset)

    def _has_content(self, dataset: DatasetDiff) -> bool:
        if dataset.kind == "directory" and dataset.files.items:
            return any(map(self._has_file, dataset.files.items))
        return self._has_table(dataset.table)

    def _has_file(self, item: FileItem) -> bool:
        if item.reason is not None:
            return True
        if item.status == "modified":
            return self._has_table(item.table)
        return self._files or (item.status in ("added", "removed") and self._is_wanted(item.path))

    def _is_wanted(self, path: bytes) -> bool:
        """Whether it counts that a file is new or gone."""
        return self._files or is_named_like_table(path)

    def _has_table(self, table: TableDiff | None) -> bool:
        if table is None or (self._files and not self._is_narrowed):
            # No table, or none that anybody looked into: it is the bytes that differ.
            return self._files
        is_written_otherwise = bool(table.schema.written) and not self._is_narrowed
        if self._schema and (_has_other_columns(table.schema) or is_written_otherwise):
            return True
        return self._rows and table.rows is not None and not (table.rows.is_counted and table.rows.is_empty)


def _has_other_columns(schema: SchemaDiff) -> bool:
    return bool(schema.added or schema.removed or schema.changed or schema.reordered)
