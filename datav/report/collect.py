"""gc: text and JSON."""

from typing import Any

from datav.repo.collect import Collected
from datav.report.style import Style, columns, count, size


def collect_json(result: Collected) -> dict[str, Any]:
    return {
        "format": 1,
        "dry_run": result.dry_run,
        "versions": result.manifests,
        "bytes_before": result.bytes_before,
        "bytes_after": result.bytes_after,
        "bytes_freed": result.bytes_freed,
        "needed_by_work_trees": result.needed_by_work_trees,
        "needed_by_history": result.needed_by_history,
        "needed_as_bases": result.needed_as_bases,
        "written_meanwhile": result.written_meanwhile,
        "packs_deleted": result.packs_deleted,
        "packs_rewritten": result.packs_rewritten,
        "packs_kept": result.packs_kept,
        "damaged": list(result.damaged),
    }


def collect_text(result: Collected, style: Style) -> str:
    rows = [
        ("stays", size(result.needed_by_work_trees), "the files that manifests on disk name now"),
        ("stays", size(result.needed_by_history), "older versions: branches, tags, stashes, reflogs"),
    ]
    if result.needed_as_bases:
        rows.append(("stays", size(result.needed_as_bases), "what deltas of those rest on"))
    if result.written_meanwhile:
        rows.append(("stays", size(result.written_meanwhile), "written while this ran"))
    lines = columns(rows)
    lines += [f"packs with damage were left as they are: {pack}" for pack in result.damaged]
    if result.bytes_freed <= 0 and not (result.packs_deleted or result.packs_rewritten):
        lines.append(f"nothing to free of {size(result.bytes_before)}")
        return "\n".join(lines)
    packs = f"{count(result.packs_deleted, 'pack')} deleted, {result.packs_rewritten:,} rewritten"
    if not result.dry_run:
        lines.append(style.good(f"freed {size(result.bytes_freed)} of {size(result.bytes_before)}: {packs}"))
        return "\n".join(lines)
    would = packs.replace("deleted", "to delete").replace("rewritten", "to rewrite")
    lines.append(f"would free {size(result.bytes_freed)} of {size(result.bytes_before)}: {would}")
    lines.append(style.faint("nothing was deleted; `datav gc --apply` does it"))
    return "\n".join(lines)
