"""mv and rm: text and JSON."""

from typing import Any

from datav.repo.move import Moved
from datav.repo.remove import Removed, RemovedDataset
from datav.report.style import Style, columns, count, size


def move_json(result: Moved) -> dict[str, Any]:
    return {
        "format": 1,
        "source": result.source.text,
        "target": result.target.text,
        "data_moved": result.data_moved,
        "staged": [path.text for path in result.staged],
    }


def move_text(result: Moved, style: Style) -> str:
    lines = [style.good(f"{result.source} is now {result.target}")]
    if result.resumed:
        lines.append("a move that was interrupted is finished")
    elif not result.data_moved:
        lines.append("its data is not on disk: only the manifest moved")
    if result.staged:
        lines.append(style.faint('next: `git commit -m "..."` (the move is staged)'))
    return "\n".join(lines)


def remove_json(result: Removed) -> dict[str, Any]:
    return {
        "format": 1,
        "dry_run": result.dry_run,
        "datasets": [
            {"path": item.path.text, "files": item.files, "bytes": item.bytes, "kept": item.kept}
            for item in result.datasets
        ],
        "staged": [path.text for path in result.staged],
    }


def remove_text(result: Removed, style: Style) -> str:
    verb = "would remove" if result.dry_run else "removed"
    lines = columns([(f"{verb} {item.path}", _details(item)) for item in result.datasets])
    if result.staged:
        lines.append(style.faint('next: `git commit -m "..."` (what was committed stays in the store)'))
    return "\n".join(lines)


def _details(item: RemovedDataset) -> str:
    if item.kept and not item.files:
        return "files are still on disk"
    text = f"{count(item.files, 'file')}, {size(item.bytes)}"
    return f"{text}; files are still on disk" if item.kept else text
