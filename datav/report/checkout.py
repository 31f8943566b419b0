"""checkout and restore: text and JSON."""

from typing import Any

from datav.repo.checkout import CheckedOut, Checkout
from datav.report.style import Style, columns, count, seconds, size


def checkout_json(result: Checkout, elapsed_s: float) -> dict[str, Any]:
    return {
        "format": 1,
        "rev": result.rev,
        "dry_run": result.dry_run,
        "datasets": [
            {
                "path": dataset.path.text,
                "written": dataset.written,
                "removed": dataset.removed,
                "bytes_written": dataset.bytes_written,
                "bytes_reused": dataset.bytes_reused,
            }
            for dataset in result.datasets
        ],
        "unchanged": result.unchanged,
        "seconds": round(elapsed_s, 3),
    }


def checkout_text(result: Checkout, style: Style, elapsed_s: float) -> str:
    total = len(result.datasets) + result.unchanged
    if not result.datasets:
        return f"{count(total, 'dataset')}, nothing to do"
    lines = [
        style.good(line) for line in columns([(str(item.path), _details(item)) for item in result.datasets])
    ]
    verb = "would change" if result.dry_run else "changed"
    tail = "" if result.dry_run else f" in {seconds(elapsed_s)}"
    lines.append(f"{verb} {len(result.datasets)} of {count(total, 'dataset')}{tail}")
    return "\n".join(lines)


def _details(item: CheckedOut) -> str:
    parts = []
    if item.written:
        parts.append(f"{count(item.written, 'file')} written, {size(item.bytes_written)}")
    if item.bytes_reused:
        parts.append(f"{size(item.bytes_reused)} of that from the files on disk")
    if item.removed:
        parts.append(f"{count(item.removed, 'file')} removed")
    return ", ".join(parts)
