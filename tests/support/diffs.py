"""Comparisons made by hand, as values: what is drawn needs no repository."""

import pyarrow as pa

from datav.relpath import RelPath
from datav.repo.diffresult import DatasetDiff, Diff, Endpoint, FilesDiff, Side
from datav.tables.result import OPS, ChangeBatch, RowDiff, SchemaDiff, TableDiff


def text_table(**columns: list[str]) -> pa.Table:
    """Cells as a text table gives them."""
    return pa.table(
        {name: pa.array([c.encode() for c in cells], pa.large_binary()) for name, cells in columns.items()}
    )


def changed_batch(before: pa.Table, after: pa.Table, **options) -> ChangeBatch:
    """Rows in step that changed; which cells differ is worked out."""
    differs = {}
    for name in after.column_names:
        if name in before.column_names:
            pairs = zip(before[name].to_pylist(), after[name].to_pylist(), strict=True)
            mask = [one != other for one, other in pairs]
            if any(mask):
                differs[name] = pa.array(mask)
    return ChangeBatch("changed", before, after, differs, **options)


def row_diff(*batches: ChangeBatch, key: tuple[str, ...] = ("id",), **fields) -> RowDiff:
    """The rows of `batches`, counted."""
    counts = {"added": 0, "removed": 0, "changed": 0, "moved": 0}
    cells: dict[str, int] = {}
    for batch in batches:
        table = batch.after if batch.after is not None else batch.before
        assert table is not None
        counts[batch.op] += table.num_rows if batch.counts is None else sum(batch.counts.to_pylist())
        for name, mask in batch.differs.items():
            cells[name] = cells.get(name, 0) + sum(mask.to_pylist())
    made = {
        "key": key,
        "added": counts["added"],
        "removed": counts["removed"],
        "changed": counts["changed"],
        "moved": counts["moved"] or None,
        "changed_cells": cells,
        "batches": lambda whole=False, ops=OPS: (batch for batch in batches if batch.op in ops),
    }
    return RowDiff(**{**made, **fields})


def table_dataset(
    rows: RowDiff | None = None, schema: SchemaDiff | None = None, path: bytes = b"a.csv", **fields
) -> DatasetDiff:
    """A file that is a table and was modified."""
    made = {
        "path": RelPath(path),
        "status": "modified",
        "before_path": None,
        "kind": "file",
        "before": Side("b3:" + "1" * 64, 1000, 1, rows.from_rows if rows else None),
        "after": Side("b3:" + "2" * 64, 1200, 1, rows.to_rows if rows else None),
        "files": FilesDiff(),
        "table": TableDiff(schema or SchemaDiff(), rows),
        "reason": None,
        "meta_changed": False,
    }
    return DatasetDiff(**{**made, **fields})


def diff_of(*datasets: DatasetDiff) -> Diff:
    return Diff(Endpoint("HEAD", "c" * 40, "HEAD"), Endpoint(None, None, "the work tree"), datasets)
