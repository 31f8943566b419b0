"""drop: text and JSON."""

from typing import Any

from datav.repo.drop import Dropped
from datav.report.style import Style, count, size

_BACK = "`datav pull` brings back what the manifests say now, `datav fetch --all` all versions"


def drop_json(result: Dropped) -> dict[str, Any]:
    collected = result.collected
    return {
        "format": 1,
        "dry_run": collected.dry_run,
        "remote": result.remote,
        "datasets": [path.text for path in result.datasets],
        "versions": result.versions,
        "bytes_before": collected.bytes_before,
        "bytes_after": collected.bytes_after,
        "bytes_freed": collected.bytes_freed,
    }


def drop_text(result: Dropped, style: Style) -> str:
    collected = result.collected
    if not result.versions:
        return f"nothing of {', '.join(map(str, result.datasets))} is in the local store: nothing to drop"
    names = ", ".join(str(path) for path in result.datasets)
    has = f"{result.remote} has {count(result.versions, 'version')} of {names}"
    freed = f"{size(max(0, collected.bytes_freed))} of {size(collected.bytes_before)}"
    if collected.dry_run:
        return "\n".join([f"{has}; would free {freed}", style.faint("nothing was dropped")])
    return "\n".join([style.good(f"{has}; freed {freed}"), style.faint(_BACK)])
