"""check, as JSON."""

import math
from typing import Any

from datav.checks.finding import Checked, CheckResult, Finding, NotChecked, Value


def check_json(result: CheckResult) -> dict[str, Any]:
    return {
        "format": 1,
        "ok": result.ok,
        "rev": result.rev,
        "commit": result.commit,
        "staged": result.staged,
        "against": result.against,
        "against_commit": result.against_commit,
        "errors": result.errors,
        "warnings": result.warnings,
        "datasets": [_dataset(each) for each in result.datasets],
        "notes": list(result.notes),
    }


def finding_json(finding: Finding) -> dict[str, Any]:
    """Return one finding; numbers that JSON has not are null."""
    return {
        "path": finding.path,
        "column": finding.column,
        "rule": finding.rule,
        "severity": finding.severity,
        "message": finding.message,
        "measure": finding.measure,
        "value": _value(finding.value),
        "limit": _value(finding.limit),
        "origin": finding.origin,
        "line": finding.line,
        "examples": list(finding.examples),
    }


def _dataset(checked: Checked) -> dict[str, Any]:
    return {
        "path": checked.path,
        "manifest": checked.manifest,
        "rules": checked.rules,
        "measures": checked.measures,
        "errors": checked.errors,
        "warnings": checked.warnings,
        "read_rows": checked.read_rows,
        "changed": checked.is_changed,
        "findings": [finding_json(each) for each in checked.findings],
        "not_checked": [_not_checked(each) for each in checked.not_checked],
    }


def _not_checked(item: NotChecked) -> dict[str, Any]:
    return {
        "path": item.path,
        "column": item.column,
        "rule": item.rule,
        "reason": item.reason,
        "line": item.line,
    }


def _value(value: Value) -> Value:
    return None if isinstance(value, float) and not math.isfinite(value) else value
