"""ls: text and JSON."""

import os
from typing import Any

from datav.relpath import show_path
from datav.repo.listing import DatasetList, EntryList, ListedDataset, ListedEntry
from datav.report.style import Style, columns, count, size


def listing_json(result: DatasetList | EntryList) -> dict[str, Any]:
    if isinstance(result, DatasetList):
        return {
            "format": 1,
            "rev": result.rev,
            "datasets": [
                {
                    "path": item.path.text,
                    "kind": item.kind,
                    "bytes": item.bytes,
                    "files": item.files,
                    "rows": item.rows,
                    "id": item.id,
                    "error": item.error,
                }
                for item in result.datasets
            ],
        }
    return {
        "format": 1,
        "rev": result.rev,
        "dataset": result.dataset.text,
        "entries": [
            {
                "path": os.fsdecode(entry.path),
                "kind": entry.kind,
                "bytes": entry.bytes,
                "files": entry.files,
                "id": entry.id,
            }
            for entry in result.entries
        ],
    }


def listing_text(result: DatasetList | EntryList, style: Style) -> str:
    if isinstance(result, DatasetList):
        if not result.datasets:
            return "no datasets yet: `datav add PATH` makes one"
        return "\n".join(columns([_dataset_row(item) for item in result.datasets]))
    return "\n".join(columns([_entry_row(entry) for entry in result.entries]))


def _dataset_row(item: ListedDataset) -> tuple[str, ...]:
    if item.error is not None:
        return (str(item.path), "", f"its manifest cannot be read: {item.error}")
    details = count(item.rows, "row") if item.rows is not None else ""
    if item.kind == "directory":
        details = count(item.files or 0, "file")
    mark = "/" if item.kind == "directory" else ""
    return (f"{item.path}{mark}", size(item.bytes or 0), details)


def _entry_row(entry: ListedEntry) -> tuple[str, ...]:
    name = show_path(entry.path)
    if entry.kind == "directory":
        return (f"{name}/", size(entry.bytes), count(entry.files, "file"))
    mark = {"executable": "executable", "symlink": "link"}.get(entry.kind, "")
    return (name, size(entry.bytes), mark)
