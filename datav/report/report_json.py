"""report, as JSON."""

from typing import Any

from datav.repo.report import Report
from datav.report.check_json import check_json
from datav.report.diff_json import diff_json

_ROWS = 20


def report_json(report: Report) -> dict[str, Any]:
    return {
        "format": 1,
        "base": report.base,
        "base_commit": report.base_commit,
        "head": report.head,
        "head_commit": report.diff.after.commit,
        "diff": diff_json(report.diff, limit=_ROWS),
        "check": check_json(report.check),
        "sizes": [
            {"path": each.path.text, "before": each.before, "after": each.after, "new": each.new}
            for each in report.sizes
        ],
        "notes": list(report.notes),
    }
