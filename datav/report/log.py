"""log: text and JSON."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from datav.repo.log import DatasetChange, Log, LogEntry, Version
from datav.report.style import Style, columns, count, size

if TYPE_CHECKING:
    from datav.repo.rowlog import RowCounts
    from datav.tables.result import RowChange

# Of one commit: a change of a million rows would hide all other commits.
_ROWS_SHOWN = 20
_INDENT = " " * 6


def log_json(result: Log) -> dict[str, Any]:
    return {
        "format": 1,
        "path": result.path.text if result.path is not None else None,
        "rev": result.rev,
        "commits": [
            {**commit_json(entry), "datasets": [_change_json(change) for change in entry.changes]}
            for entry in result.entries
        ],
    }


class Commit(Protocol):
    """What is shown of every commit."""

    @property
    def oid(self) -> str: ...

    @property
    def author(self) -> str: ...

    @property
    def email(self) -> str: ...

    @property
    def date(self) -> datetime: ...

    @property
    def subject(self) -> str: ...


def commit_json(commit: Commit) -> dict[str, Any]:
    return {
        "commit": commit.oid,
        "author": commit.author,
        "email": commit.email,
        "date": commit.date.isoformat(),
        "subject": commit.subject,
    }


def _change_json(change: DatasetChange) -> dict[str, Any]:
    return {
        "path": change.path.text,
        "kind": change.kind,
        "before_path": change.before_path.text,
        "before": _version_json(change.before),
        "after": _version_json(change.after),
        "same_data": change.same_data,
        "rows": _counts_json(change.row_counts),
        "changes": [row_change_json(row) for row in change.row_changes],
    }


def _version_json(version: Version | None) -> dict[str, Any] | None:
    if version is None:
        return None
    return {
        "id": version.id,
        "bytes": version.bytes,
        "files": version.files,
        "rows": version.rows,
        "error": version.error,
    }


def _counts_json(counts: "RowCounts | None") -> dict[str, Any] | None:
    if counts is None:
        return None
    return {
        "added": counts.added,
        "removed": counts.removed,
        "changed": counts.changed,
        "refused": counts.refused,
    }


def row_change_json(row: "RowChange") -> dict[str, Any]:
    from datav.tables.cellvalues import json_cell

    return {
        "op": row.op,
        "key": json_cell(row.key),
        "before": json_cell(row.before),
        "after": json_cell(row.after),
        "count": row.count,
    }


def nothing_text(*, has_path: bool, has_condition: bool) -> str:
    """What is said where there is no commit."""
    if has_condition:
        return "no commit has changed such a row"
    return "no commit has changed it yet" if has_path else "no commit has changed a dataset yet"


def entry_text(entry: LogEntry, style: Style, width: int) -> str:
    """One commit: what it did to datasets, and below each the rows that were asked for."""
    head = f"{style.warn(entry.oid[:10])}  {entry.date:%Y-%m-%d %H:%M}  {entry.author}  {entry.subject}"
    cells = [(f"    {change.kind}", str(change.path), _details(change)) for change in entry.changes]
    lines = [head]
    for change, line in zip(entry.changes, columns(cells), strict=True):
        lines.append(line)
        lines += _row_lines(change, style, width)
    return "\n".join(lines)


def _row_lines(change: DatasetChange, style: Style, width: int) -> Iterator[str]:
    if not change.row_changes or change.row_counts is None:
        return
    # Only with a condition, and such a log is of rows; the log of manifests needs none of this.
    from datav.report.diff_rows import change_lines

    shown = 0
    for row in change.row_changes[:_ROWS_SHOWN]:
        yield from change_lines(row, _INDENT, style, width)
        shown += row.count
    counts = change.row_counts
    left = (counts.added or 0) + (counts.removed or 0) + (counts.changed or 0) - shown
    if left > 0:
        yield f"{_INDENT}... {count(left, 'more row')}"


def _details(change: DatasetChange) -> str:
    if change.kind == "removed" or change.after is None:
        return _marks(change.row_counts) if change.row_changes and change.row_counts is not None else ""
    after = change.after
    if after.error:
        return f"its manifest cannot be read: {after.error}"
    parts = []
    if change.row_counts is not None:
        parts += _counted_rows(change, change.row_counts)
    elif after.rows is not None:
        parts.append(count(after.rows, "row") + _signed(change, change.rows))
    elif after.files is not None and after.files != 1:
        parts.append(count(after.files, "file") + _signed(change, change.files))
    if after.bytes is not None:
        parts.append(size(after.bytes))
    if change.kind == "renamed":
        parts.append(f"from {change.before_path}")
    if change.same_data and change.kind != "renamed":
        parts.append("same data")
    return ", ".join(parts)


def _counted_rows(change: DatasetChange, counts: "RowCounts") -> list[str]:
    """How many rows there are, and how many changed."""
    assert change.after is not None
    parts = [count(change.after.rows, "row")] if change.after.rows is not None else []
    if counts.added is None and counts.refused:
        return [*parts, f"rows not compared: {counts.refused}"]
    # Of a table that is new all rows are, and of the same data none.
    is_plain = (change.kind == "added" and not change.row_changes) or change.same_data
    return parts if is_plain else [*parts, _marks(counts)]


def _marks(counts: "RowCounts") -> str:
    """`+3 -1 ~12 rows`."""
    numbers = (("+", counts.added), ("-", counts.removed), ("~", counts.changed))
    told = [f"{mark}{number:,}" for mark, number in numbers if number]
    if not told:
        return "same rows"
    return f"{' '.join(told)} {'row' if sum(number or 0 for _, number in numbers) == 1 else 'rows'}"


def _signed(change: DatasetChange, difference: int | None) -> str:
    if change.kind == "added":
        return ""
    return f" ({difference:+,})" if difference else ""
