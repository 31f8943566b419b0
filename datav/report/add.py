"""add: text and JSON."""

from typing import Any

from datav.relpath import one_line, show_path
from datav.repo.add import Added, AddedDataset
from datav.report.style import Style, columns, count, seconds, size

_SHOWN_SKIPPED = 5


def add_json(result: Added, elapsed_s: float) -> dict[str, Any]:
    tally = result.tally
    return {
        "format": 1,
        "dry_run": result.dry_run,
        "datasets": [
            {
                "path": dataset.path.text,
                "state": dataset.state,
                "files": dataset.files,
                "rows": dataset.rows,
                "bytes": dataset.bytes,
                "changed_files": dataset.changed_files,
                "skipped": [
                    {"path": show_path(item.path), "reason": item.reason} for item in dataset.skipped
                ],
                "note": dataset.note,
                "no_profile": dataset.no_profile,
            }
            for dataset in result.datasets
        ],
        "bytes_read": result.bytes_read,
        "chunks": tally.chunks,
        "new_chunks": tally.new_chunks,
        "deltas": tally.deltas,
        "bytes_stored": tally.stored_bytes,
        "staged": [path.text for path in result.staged],
        "seconds": round(elapsed_s, 3),
    }


def add_text(result: Added, style: Style, elapsed_s: float) -> str:
    lines = [style.good(line) if "unchanged" not in line else line for line in columns(_rows(result))]
    lines.append(_summary(result, elapsed_s))
    for dataset in result.datasets:
        if dataset.no_profile is not None:
            lines.append(style.faint(f"{dataset.path}: {one_line(dataset.no_profile)}"))
    if result.dry_run:
        lines.append("nothing was stored: this was a dry run")
    elif result.staged:
        lines.append(style.faint('next: `git commit -m "..."` (the manifests are staged)'))
    elif any(dataset.state != "unchanged" for dataset in result.datasets):
        lines.append(style.faint("next: `git add` the manifests, then `git commit`"))
    return "\n".join(lines)


def add_warnings(result: Added) -> list[str]:
    """What the user should know and was not asked about."""
    lines = []
    for dataset in result.datasets:
        for item in dataset.skipped[:_SHOWN_SKIPPED]:
            lines.append(f"skipped {dataset.path}/{show_path(item.path)}: {item.reason}")
        if len(dataset.skipped) > _SHOWN_SKIPPED:
            lines.append(f"skipped {len(dataset.skipped) - _SHOWN_SKIPPED} more in {dataset.path}")
        if dataset.note:
            lines.append(f"{dataset.path}: {dataset.note}; stored as a file, not as a table")
    return lines


def _rows(result: Added) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for dataset in result.datasets:
        rows.append((dataset.state, str(dataset.path), _details(dataset, dry_run=result.dry_run)))
    return rows


def _details(dataset: AddedDataset, *, dry_run: bool) -> str:
    parts = [size(dataset.bytes)]
    if dataset.rows is not None:
        parts.insert(0, count(dataset.rows, "row"))
    if dataset.is_directory:
        parts.insert(0, count(dataset.files, "file"))
        if 0 < dataset.changed_files < dataset.files:
            parts.append(f"{dataset.changed_files:,} {'to read' if dry_run else 'read'}")
    return ", ".join(parts)


def _summary(result: Added, elapsed_s: float) -> str:
    tally = result.tally
    if result.dry_run:
        return f"{count(len(result.datasets), 'dataset')} looked at in {seconds(elapsed_s)}"
    parts = [f"read {size(result.bytes_read)}", f"{tally.new_chunks:,} of {count(tally.chunks, 'chunk')} new"]
    if tally.deltas:
        parts.append(f"{tally.deltas:,} as {'a delta' if tally.deltas == 1 else 'deltas'}")
    parts.append(f"store grew by {size(max(0, tally.stored_bytes))}")
    return ", ".join(parts) + f" in {seconds(elapsed_s)}"
