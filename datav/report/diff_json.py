"""diff as JSON: docs/reference/json.md.  Rows are written as they are found, however many there are."""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from datav.formats.manifest import ColumnInfo
from datav.repo.diffresult import DatasetDiff, Diff, Endpoint, FileItem, FilesDiff, Side
from datav.report.diff_sections import ALL, Sections
from datav.tables.cellvalues import json_cell
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


def diff_json(diff: Diff, *, limit: int | None, sections: Sections = ALL) -> dict[str, Any]:
    """Return the document, all of it in memory.

    Args:
        limit: how many rows of a table are listed; None: all; 0: `items` are left out, those of files too.
    """
    # What is built is a dict, so what it settles to is one.
    settled: dict[str, Any] = _settle(_document(diff, limit, sections))
    return settled


def write_diff_json(
    diff: Diff,
    write: Callable[[str], object],
    *,
    limit: int | None,
    sections: Sections = ALL,
    encoding: str = "utf-8",
) -> None:
    """Write the document, on one line and without a line end, a piece at a time.

    Args:
        write: called with the texts that make up the document.
        limit: as of diff_json.
        encoding: what they will be written in; of characters that it lacks the JSON escapes are written.
    """
    for piece in _pieces(_document(diff, limit, sections)):
        write(_encodable(piece, encoding))


class _Items:
    """A list that is made when it is asked for, and knows then how many rows it told of."""

    def __init__(self, items: Iterable[dict[str, Any]]) -> None:
        self._items = items
        self.rows = 0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for item in self._items:
            self.rows += 0 if item.get("op") == "moved" else item.get("count", 1)
            yield item


class _Row(dict[str, Any]):
    """An item with nothing in it that is made later, so that it is encoded at once."""


def _document(diff: Diff, limit: int | None, sections: Sections) -> dict[str, Any]:
    return {
        "format": 1,
        "from": _endpoint(diff.before),
        "to": _endpoint(diff.after),
        "datasets": [_dataset(dataset, limit, sections) for dataset in diff.datasets],
    }


def _endpoint(end: Endpoint) -> dict[str, Any]:
    return {"rev": end.rev, "commit": end.commit}


def _dataset(dataset: DatasetDiff, limit: int | None, sections: Sections) -> dict[str, Any]:
    return {
        "path": dataset.path.text,
        "status": dataset.status,
        "before_path": None if dataset.before_path is None else dataset.before_path.text,
        "kind": dataset.kind,
        "before": _side(dataset.before),
        "after": _side(dataset.after),
        "meta_changed": dataset.meta_changed,
        "reason": dataset.reason,
        "files": _files(dataset.files, limit, sections) if sections.files else None,
        **_table(dataset.table, dataset.reason if dataset.kind == "file" else None, limit, sections),
        "stats": _stats(dataset) if sections.stats else None,
    }


def _stats(dataset: DatasetDiff) -> dict[str, Any] | None:
    if dataset.stats is None:
        return None
    # Only here: what it needs takes longer to import than most comparisons.
    from datav.report.stats_json import stats_json

    return stats_json(dataset.stats)


def _side(side: Side | None) -> dict[str, Any] | None:
    if side is None:
        return None
    return {"id": side.id, "bytes": side.bytes, "files": side.files, "rows": side.rows}


def _files(files: FilesDiff, limit: int | None, sections: Sections) -> dict[str, Any]:
    document: dict[str, Any] = {
        "added": files.added,
        "removed": files.removed,
        "modified": files.modified,
        "renamed": files.renamed,
    }
    if limit != 0:
        document["items"] = _Items(_file(item, limit, sections) for item in files.items)
    return document


def _file(item: FileItem, limit: int | None, sections: Sections) -> dict[str, Any]:
    return {
        "path": os.fsdecode(item.path),
        "status": item.status,
        "before_path": None if item.before_path is None else os.fsdecode(item.before_path),
        "before_bytes": item.before_bytes,
        "after_bytes": item.after_bytes,
        "reason": item.reason,
        **_table(item.table, item.reason, limit, sections),
    }


def _table(
    table: TableDiff | None, reason: str | None, limit: int | None, sections: Sections
) -> dict[str, Any]:
    if table is None:
        return {"schema": None, "rows": None if reason is None else _rows(RowDiff(refused=reason), 0)}
    rows = table.rows if sections.rows else None
    return {
        "schema": _schema(table.schema) if sections.schema else None,
        "rows": None if rows is None else _rows(rows, limit),
    }


def _schema(schema: SchemaDiff) -> dict[str, Any]:
    return {
        "added": [_column(column) for column in schema.added],
        "removed": [_column(column) for column in schema.removed],
        "changed": [_column_change(change) for change in schema.changed],
        "renamed": [{"from": each.before, "to": each.after, "share": each.share} for each in schema.renamed],
        "reordered": schema.reordered,
        "written": [_column_change(change) for change in schema.written],
    }


def _column(column: ColumnInfo) -> dict[str, Any]:
    return {"name": column.name, "type": column.type}


def _column_change(change: ColumnChange) -> dict[str, Any]:
    return {"name": change.name, "from": change.before, "to": change.after}


def _rows(rows: RowDiff, limit: int | None) -> dict[str, Any]:
    # Of rows that nobody compared there is no number, and 0 would be one.
    is_counted = rows.is_counted
    total = rows.added + rows.removed + rows.changed
    document: dict[str, Any] = {
        "key": list(rows.key),
        "from_rows": rows.from_rows,
        "to_rows": rows.to_rows,
        "added": rows.added if is_counted else None,
        "removed": rows.removed if is_counted else None,
        "changed": rows.changed if is_counted else None,
        "unchanged": rows.unchanged,
        "moved": rows.moved,
        "changed_cells": dict(rows.changed_cells),
        "refused": rows.refused,
        "duplicate_keys": None if rows.duplicates is None else _duplicates(rows.duplicates),
        "label_flips": None if rows.label_flips is None else _label_flips(rows.label_flips),
    }
    if limit == 0:
        return {**document, "truncated": total > 0}
    items = _Items(_change(change) for change in some_changes(rows, limit))
    # How many rows were told of is known when all items are written.
    return {**document, "items": items, "truncated": lambda: items.rows < total}


def _duplicates(duplicates: DuplicateKeys) -> dict[str, Any]:
    examples = [json_cell(example) for example in duplicates.examples]
    return {"from": duplicates.before, "to": duplicates.after, "examples": examples}


def _label_flips(flips: LabelFlips) -> dict[str, Any]:
    # Of what nobody could tell there is no number, and 0 would be one.
    is_told = flips.refused is None
    pairs = [
        {"from": json_cell(each.before), "to": json_cell(each.after), "count": each.count}
        for each in flips.matrix
    ]
    return {
        "label": flips.label,
        "flipped": flips.flipped if is_told else None,
        "by_features": flips.by_features if is_told else None,
        "relabelled_with_changes": flips.relabelled_with_changes,
        "rows_compared": flips.rows_compared,
        "matrix": pairs if is_told else None,
        "other": flips.other if is_told else None,
        "undecided": flips.undecided if is_told else None,
        "examples": [json_cell(example) for example in flips.examples],
        "refused": flips.refused,
    }


def _change(change: RowChange) -> _Row:
    return _Row(
        op=change.op,
        key=json_cell(change.key),
        before=json_cell(change.before),
        after=json_cell(change.after),
        count=change.count,
    )


# Any: JSON holds anything.
def _settle(value: Any) -> Any:
    """`value` with everything made that is made later."""
    if isinstance(value, dict):
        return {name: _settle(each) for name, each in value.items()}
    if isinstance(value, list | _Items):
        return [_settle(each) for each in value]
    return value() if callable(value) else value


def _pieces(value: Any) -> Iterator[str]:
    """Yield the JSON of `value`."""
    if isinstance(value, dict) and not isinstance(value, _Row):
        yield "{"
        for place, (name, each) in enumerate(value.items()):
            yield f"{', ' if place else ''}{_dumps(name)}: "
            yield from _pieces(each)
        yield "}"
    elif isinstance(value, list | _Items):
        yield "["
        for place, each in enumerate(value):
            if place:
                yield ", "
            yield from _pieces(each)
        yield "]"
    else:
        yield _dumps(value() if callable(value) else value)


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _encodable(text: str, encoding: str) -> str:
    """JSON that can be written in `encoding`: only strings hold more than ASCII, and escapes say the same."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return "".join(char if char.isascii() else json.dumps(char)[1:-1] for char in text)
    return text
