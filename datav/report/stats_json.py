"""How distributions differ, as JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from datav.drift.categories import MovedCategory
from datav.drift.labels import LabelDrift
from datav.drift.measures import Bounded
from datav.drift.result import ColumnDrift, Pair, Quantile
from datav.profiles.profile import Profile
from datav.repo.diffstats import StatsDiff
from datav.report.profile_json import folder_json


def stats_json(stats: StatsDiff) -> dict[str, Any]:
    """Return what was compared: the columns that both versions have, the one that moved most first."""
    drift = stats.drift
    return {
        "reason": stats.reason,
        "verdict": None if drift is None else drift.verdict,
        "from_rows": None if drift is None else drift.before_rows,
        "to_rows": None if drift is None else drift.after_rows,
        "columns": [] if drift is None else [_column(column) for column in drift.columns],
        "label": None if stats.labels is None else labels_json(stats.labels),
        "added": [] if drift is None else list(drift.added),
        "removed": [] if drift is None else list(drift.removed),
        "directory": {"from": _folder(stats.before), "to": _folder(stats.after)},
    }


def _folder(profile: Profile | None) -> dict[str, Any] | None:
    return None if profile is None or profile.folder is None else folder_json(profile.folder)


def labels_json(labels: LabelDrift) -> dict[str, Any]:
    return {
        "column": labels.label,
        "classes": [
            {
                "label": each.label,
                "from": each.before,
                "to": each.after,
                "from_share": each.before_share,
                "to_share": each.after_share,
            }
            for each in labels.classes
        ],
        "groups": [
            {
                "column": each.column,
                "value": each.value,
                "label": each.label,
                "from_rows": each.before_rows,
                "to_rows": each.after_rows,
                "from_share": each.before_share,
                "to_share": each.after_share,
            }
            for each in labels.groups
        ],
        "more_groups": labels.more_groups,
    }


def _column(column: ColumnDrift) -> dict[str, Any]:
    return {
        "name": column.name,
        "renamed_from": column.renamed_from,
        "verdict": column.verdict,
        "score": column.score,
        "findings": [asdict(finding) for finding in column.findings],
        "type": {"from": column.type_before, "to": column.type_after},
        "kind": {"from": column.kind_before, "to": column.kind_after},
        "cells": _pair(column.cells),
        "nulls": _pair(column.nulls),
        "empty": _pair(column.empty),
        "numbers": _pair(column.numbers),
        "times": _pair(column.times),
        "mean": _pair(column.mean),
        "deviation": _pair(column.deviation),
        "quantiles": _quantiles(column.quantiles),
        "lengths": _quantiles(column.lengths),
        "distinct": {"from": _bounded(column.distinct_before), "to": _bounded(column.distinct_after)},
        "psi": _bounded(column.psi),
        "js": _bounded(column.js),
        "ks": _bounded(column.ks),
        "wasserstein": _bounded(column.wasserstein),
        "new": _categories(column.new),
        "vanished": _categories(column.vanished),
        "moved": _categories(column.moved),
        "hours": None if column.hours is None else asdict(column.hours),
        "days": [asdict(day) for day in column.days],
    }


def _pair(pair: Pair) -> dict[str, float | None]:
    return {"from": pair.before, "to": pair.after}


def _bounded(number: Bounded | None) -> dict[str, float] | None:
    return None if number is None else {"value": number.value, "low": number.low, "high": number.high}


def _quantiles(quantiles: Sequence[Quantile]) -> dict[str, Any]:
    return {
        f"{each.share:g}": {"from": _bounded(each.before), "to": _bounded(each.after)} for each in quantiles
    }


def _categories(moved: Sequence[MovedCategory]) -> list[dict[str, Any]]:
    return [
        {
            "value": each.value,
            "from": each.before,
            "from_error": each.before_error,
            "to": each.after,
            "to_error": each.after_error,
        }
        for each in moved
    ]
