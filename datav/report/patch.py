"""patch: text and JSON."""

from typing import Any

from datav.relpath import one_line
from datav.repo.patch import PatchResult
from datav.report.diff_text import counts_text
from datav.report.style import Style, count


def patch_json(result: PatchResult) -> dict[str, Any]:
    done = result.patched
    return {
        "format": 1,
        "path": result.path,
        "output": result.output,
        "dry_run": result.dry_run,
        "from_rows": done.rows_before,
        "to_rows": done.rows_after,
        "added": done.added,
        "removed": done.removed,
        "changed": done.changed,
        "new_columns": list(done.new_columns),
    }


def patch_text(result: PatchResult, style: Style) -> str:
    done = result.patched
    counts = counts_text(done.added, done.removed, done.changed, style) or "nothing to change"
    rows = f"{done.rows_before:,} -> {count(done.rows_after, 'row')}"
    line = f"{one_line(result.output)}: {counts}, {rows}"
    return f"{line}\nnothing was written: this was a dry run" if result.dry_run else line
