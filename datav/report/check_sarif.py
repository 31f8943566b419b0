"""check, as SARIF 2.1.0, which GitHub's code scanning and editors read.

Source: OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0"; GitHub, "SARIF support for
code scanning", for the parts of it that must be there.
"""

import json
import math
from collections.abc import Sequence
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from datav.checks.finding import Checked, CheckResult, Finding, Value
from datav.relpath import one_line
from datav.report.check_words import evidence, full_message, missed, place

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_SETTINGS = "datav.toml"
_LEVELS = {"error": "error", "warn": "warning"}
_ROOT = "SRCROOT"

_DRIFT = "drift"
_SQL = "sql"

# By the name of the property in datav.toml; of the gate and of predicates, by what stands before the point.
_HELP = {
    "balance": "Every value of the column has a share of the rows within bounds.",
    "columns": "The columns that are listed are there.",
    "disjoint": "No row is in the other tables too: no leakage between splits.",
    "documented_in": "Every value is documented in the companion table.",
    _DRIFT: "The data has not changed by more than changes of this dataset did before.",
    "extra_columns": "There are no columns but those that are named.",
    "fresh": "The newest time in the column is not too old.",
    "growth": "The number of rows, as a multiple of that of the version compared with, is within bounds.",
    "in": "Every value is one of those that are listed.",
    "key_unique": "The key identifies each row.",
    "length": "The length of every text is within bounds, in characters.",
    "matches": "Every cell matches the pattern as a whole.",
    "max": "No value is above the limit.",
    "meta": "The manifest says what is declared of its data: encoding, time zone, units.",
    "min": "No value is below the limit.",
    "not_null": "No cell is null.",
    "null_fraction": "The share of nulls is not above the limit.",
    "references": "Every value is there in the column of the other table.",
    "rows": "The number of rows is within bounds.",
    "schema_changes": "Columns change only as the policy allows.",
    _SQL: "The predicate holds for every row.",
    "type": "The column has this type.",
    "unique": "No value occurs twice.",
}


def check_sarif(result: CheckResult, version: str) -> dict[str, Any]:
    """Return what was found as one run.

    Args:
        version: of datav.
    """
    found = [(checked, finding) for checked in result.datasets for finding in checked.findings]
    rules = sorted({finding.rule for _, finding in found})
    places = {rule: number for number, rule in enumerate(rules)}
    driver = {"name": "datav", "semanticVersion": version, "rules": [_rule(each) for each in rules]}
    run: dict[str, Any] = {
        "tool": {"driver": driver},
        "automationDetails": {"id": "datav/check/"},
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The root of the repository."}}},
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": _notifications(result)}],
        "results": [_result(checked, finding, places[finding.rule]) for checked, finding in found],
        "columnKind": "unicodeCodePoints",
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(name: str) -> dict[str, Any]:
    family, _, rest = name.partition(".")
    told = _HELP.get(family, "A promise of datav.toml holds.")
    if rest:
        told = f"{told} Here: {one_line(rest)}."
    return {
        "id": one_line(name),
        "name": one_line(name),
        "shortDescription": {"text": told},
        "fullDescription": {"text": told},
        "help": {"text": f"{told} `datav check --help` and docs/reference/checks.md have more."},
    }


def _result(checked: Checked, finding: Finding, rule: int) -> dict[str, Any]:
    prints = _fingerprint(finding)
    return {
        "ruleId": one_line(finding.rule),
        "ruleIndex": rule,
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{one_line(finding.path)}: {full_message(finding)}. {evidence(finding)}"},
        "locations": [_location(checked, finding)],
        # GitHub reads the first alone, and would else make one of the text of a line that never changes.
        "partialFingerprints": {"primaryLocationLineHash": f"{prints}:1", "datavFinding/v1": prints},
        "properties": {
            "measure": one_line(finding.measure),
            "value": _value(finding.value),
            "limit": _value(finding.limit),
            "origin": one_line(finding.origin),
            "examples": [one_line(each) for each in finding.examples],
        },
    }


def _location(checked: Checked, finding: Finding) -> dict[str, Any]:
    path = checked.manifest if finding.line is None else _SETTINGS
    column = place(finding.column)
    logical = {"name": column, "kind": "member" if finding.column is not None else "resource"}
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(path), "uriBaseId": _ROOT},
            "region": {"startLine": finding.line or 1},
        },
        "logicalLocations": [{**logical, "fullyQualifiedName": f"{one_line(finding.path)}#{column}"}],
    }


def _notifications(result: CheckResult) -> Sequence[dict[str, Any]]:
    """What nobody could look at is no result, and is not silent either."""
    texts = [
        f"{one_line(each.path)}: {place(each.column)}: {missed(each)}"
        for checked in result.datasets
        for each in checked.not_checked
    ]
    texts += [one_line(note) for note in result.notes]
    return [{"level": "note", "message": {"text": text}} for text in texts]


def _fingerprint(finding: Finding) -> str:
    """Which promise it is that was broken, whatever the value: the same in every run."""
    parts = (finding.path, finding.column, finding.rule, finding.measure)
    # As JSON, so that no two lists of texts come to the same bytes.
    return sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _uri(path: str) -> str:
    return quote(path.encode("utf-8", "surrogateescape"))


def _value(value: Value) -> Value:
    if isinstance(value, str):
        return one_line(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value
