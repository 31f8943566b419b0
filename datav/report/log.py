"""log: text and JSON."""

from typing import Any

from datav.repo.log import DatasetChange, Log, LogEntry, Version
from datav.report.style import Style, columns, count, size


def log_json(result: Log) -> dict[str, Any]:
    return {
        "format": 1,
        "path": result.path.text if result.path is not None else None,
        "rev": result.rev,
        "commits": [
            {
                "commit": entry.oid,
                "author": entry.author,
                "email": entry.email,
                "date": entry.date.isoformat(),
                "subject": entry.subject,
                "datasets": [_change_json(change) for change in entry.changes],
            }
            for entry in result.entries
        ],
    }


def _change_json(change: DatasetChange) -> dict[str, Any]:
    return {
        "path": change.path.text,
        "kind": change.kind,
        "before_path": change.before_path.text,
        "before": _version_json(change.before),
        "after": _version_json(change.after),
        "same_data": change.same_data,
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


def log_text(result: Log, style: Style) -> str:
    if not result.entries:
        return (
            "no commit has changed it yet"
            if result.path is not None
            else "no commit has changed a dataset yet"
        )
    return "\n".join(line for entry in result.entries for line in _entry_lines(entry, style))


def _entry_lines(entry: LogEntry, style: Style) -> list[str]:
    head = f"{style.warn(entry.oid[:10])}  {entry.date:%Y-%m-%d %H:%M}  {entry.author}  {entry.subject}"
    rows = [(f"    {change.kind}", str(change.path), _details(change)) for change in entry.changes]
    return [head, *columns(rows)]


def _details(change: DatasetChange) -> str:
    if change.kind == "removed" or change.after is None:
        return ""
    after = change.after
    if after.error:
        return f"its manifest cannot be read: {after.error}"
    parts = []
    if after.rows is not None:
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


def _signed(change: DatasetChange, difference: int | None) -> str:
    if change.kind == "added":
        return ""
    return f" ({difference:+,})" if difference else ""
