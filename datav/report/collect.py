"""gc: text and JSON."""

from typing import Any, Protocol

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
    return "\n".join([*lines, *freed_lines(result, style, dry_run=result.dry_run)])


class Freeing(Protocol):
    """What a collection, of the local store or of a remote, did to packs."""

    @property
    def bytes_before(self) -> int: ...
    @property
    def bytes_after(self) -> int: ...
    @property
    def packs_deleted(self) -> int: ...
    @property
    def packs_rewritten(self) -> int: ...


def freed_lines(result: Freeing, style: Style, *, dry_run: bool) -> list[str]:
    """What was freed, or would be."""
    before, freed = size(result.bytes_before), result.bytes_before - result.bytes_after
    if not (result.packs_deleted or result.packs_rewritten):
        return [f"nothing to free of {before}"]
    packs = f"{count(result.packs_deleted, 'pack')} deleted, {result.packs_rewritten:,} rewritten"
    if not dry_run:
        return [style.good(f"freed {size(freed)} of {before}: {packs}")]
    would = packs.replace("deleted", "to delete").replace("rewritten", "to rewrite")
    return [
        f"would free {size(freed)} of {before}: {would}",
        style.faint("nothing was deleted; the same with `--apply` does it"),
    ]
