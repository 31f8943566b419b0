"""Merges, conflicts and what was resolved, as JSON."""

from typing import TYPE_CHECKING, Any

from datav.formats.conflict import ConflictItem, Given, identity
from datav.merging.result import MergeCounts
from datav.relpath import show_path
from datav.repo.conflicts import Conflicts
from datav.repo.merge import Merge
from datav.repo.merging import MergedDataset
from datav.repo.resolve import Resolved

if TYPE_CHECKING:
    from datav.repo.mergedrift import MergeDrift


def merge_json(result: Merge) -> dict[str, Any]:
    """The whole of a merge; counts and conflicts are those of all datasets."""
    items = [
        {"dataset": each.dataset.path.text, **item_json(item)}
        for each in result.datasets
        if each.merged is not None
        for item in each.merged.items
        if item.taken is None
    ]
    return {
        "format": 1,
        "rev": result.rev,
        "commit": result.commit,
        "base": result.base,
        "dry_run": result.dry_run,
        "result": "conflict" if result.conflicts else "clean",
        "rows": counts_json(result.counts),
        "conflicts": result.conflicts,
        "conflict_items": items,
        "datasets": [
            {
                "path": each.dataset.path.text,
                "outcome": each.outcome,
                "placed": each.placed,
                "conflicts": each.conflicts,
                "merged": None if each.merged is None else merged_json(each.merged),
            }
            for each in result.datasets
        ],
    }


def conflicts_json(found: Conflicts, *, every: bool) -> dict[str, Any]:
    return {
        "format": 1,
        "conflicts": found.open,
        "datasets": [
            {
                "path": each.dataset.path.text,
                "trouble": each.trouble,
                "open": len(each.open),
                "decided": len(each.items) - len(each.open),
                "conflict_items": [item_json(item) for item in (each.items if every else each.open)],
            }
            for each in found.datasets
        ],
    }


def resolved_json(result: Resolved) -> dict[str, Any]:
    return {
        "format": 1,
        "path": result.dataset.path.text,
        "decided": result.decided,
        "open": result.open,
        "result": "conflict" if result.open else "clean",
        "placed": result.placed,
        "operation": result.operation,
        "unmerged": result.unmerged,
        "merged": None if result.merged is None else merged_json(result.merged),
    }


def merged_json(merged: MergedDataset) -> dict[str, Any]:
    """What became of one dataset."""
    return {
        "data": merged.origin,
        "rows": counts_json(merged.counts),
        "key": list(merged.key),
        "notes": list(merged.notes),
        "drift": [_drift_json(drift) for drift in merged.drift],
    }


def _drift_json(drift: "MergeDrift") -> dict[str, Any]:
    # Only here: what knows distributions takes long to import.
    from datav.report.stats_json import labels_json

    return {
        "against": drift.against,
        "columns": [{"name": column.name, "verdict": column.verdict} for column in drift.columns],
        "label": None if drift.labels is None else labels_json(drift.labels),
    }


def counts_json(counts: MergeCounts) -> dict[str, int]:
    return {
        "ours_only": counts.ours_only,
        "theirs_only": counts.theirs_only,
        "same_change": counts.same_change,
        "cells_merged": counts.cells_merged,
    }


def item_json(item: ConflictItem) -> dict[str, Any]:
    """One conflict; `taken` is null as long as nobody has decided it."""
    return {
        "id": identity(item),
        "path": show_path(item.path),
        "key": dict(item.key),
        "kind": item.kind,
        "column": item.column,
        "base": item.base,
        "ours": item.ours,
        "theirs": item.theirs,
        "reason": item.reason,
        "taken": {"value": item.taken.text} if isinstance(item.taken, Given) else item.taken,
    }
