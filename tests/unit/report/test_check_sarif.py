"""What code scanning is told of a check."""

import json
from dataclasses import replace
from typing import Any

from jsonschema import Draft7Validator

from datav.report.check_sarif import check_sarif
from tests.support.findings import DRIFT, NULLS, ORDERS, QUIET, hostile, result

TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}

# The parts of the official schema that concern what is written here, and what GitHub asks for beyond it.
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["version", "runs"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"enum": ["2.1.0"]},
        "runs": {"type": "array", "items": {"$ref": "#/definitions/run"}},
    },
    "definitions": {
        "run": {
            "type": "object",
            "required": ["tool", "results"],
            "properties": {
                "tool": {
                    "type": "object",
                    "required": ["driver"],
                    "properties": {
                        "driver": {
                            "type": "object",
                            "required": ["name", "rules"],
                            "properties": {
                                "rules": {"type": "array", "items": {"$ref": "#/definitions/rule"}}
                            },
                        }
                    },
                },
                "invocations": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["executionSuccessful"],
                        "properties": {
                            "toolExecutionNotifications": {
                                "type": "array",
                                "items": {
                                    "type": "object",
                                    "required": ["message"],
                                    "properties": {
                                        "message": TEXT,
                                        "level": {"enum": ["none", "note", "warning", "error"]},
                                    },
                                },
                            }
                        },
                    },
                },
                "results": {"type": "array", "items": {"$ref": "#/definitions/result"}},
            },
        },
        "rule": {
            "type": "object",
            "required": ["id", "shortDescription", "fullDescription", "help"],
            "properties": {"id": {"type": "string"}, "shortDescription": TEXT, "help": TEXT},
        },
        "result": {
            "type": "object",
            "required": ["ruleId", "ruleIndex", "level", "message", "locations", "partialFingerprints"],
            "properties": {
                "ruleIndex": {"type": "integer", "minimum": 0},
                "level": {"enum": ["none", "note", "warning", "error"]},
                "message": TEXT,
                "locations": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "required": ["physicalLocation"],
                        "properties": {
                            "physicalLocation": {
                                "type": "object",
                                "required": ["artifactLocation", "region"],
                                "properties": {
                                    "artifactLocation": {
                                        "type": "object",
                                        "required": ["uri"],
                                        "properties": {
                                            "uri": {"type": "string", "pattern": "^[A-Za-z0-9/._~%-]+$"}
                                        },
                                    },
                                    "region": {
                                        "type": "object",
                                        "required": ["startLine"],
                                        "properties": {"startLine": {"type": "integer", "minimum": 1}},
                                    },
                                },
                            }
                        },
                    },
                },
                "partialFingerprints": {
                    "type": "object",
                    "required": ["primaryLocationLineHash"],
                    "additionalProperties": {"type": "string"},
                },
            },
        },
    },
}


def run_of(*datasets) -> dict[str, Any]:
    return checked(check_sarif(result(*datasets), "0.1.0"))["runs"][0]


def checked(document: dict[str, Any]) -> dict[str, Any]:
    read = json.loads(json.dumps(document, allow_nan=False))
    Draft7Validator(SCHEMA).validate(read)
    return read


def prints(*datasets) -> list[str]:
    return [each["partialFingerprints"]["primaryLocationLineHash"] for each in run_of(*datasets)["results"]]


def test_findings_are_results_and_their_rules_say_what_they_ask_for():
    run = run_of(ORDERS, QUIET)

    assert [(each["ruleId"], each["level"]) for each in run["results"]] == [
        ("not_null", "error"),
        ("drift.ks", "error"),
        ("growth", "warning"),
    ]
    rules = run["tool"]["driver"]["rules"]
    assert [rules[each["ruleIndex"]]["id"] for each in run["results"]] == ["not_null", "drift.ks", "growth"]
    assert rules[run["results"][0]["ruleIndex"]]["shortDescription"]["text"] == "No cell is null."


def test_a_result_lies_where_its_rule_stands_or_at_the_manifest():
    places = [each["locations"][0]["physicalLocation"] for each in run_of(ORDERS)["results"]]

    assert [(each["artifactLocation"]["uri"], each["region"]["startLine"]) for each in places] == [
        ("datav.toml", 14),
        ("data/orders.csv.datav", 1),
        ("datav.toml", 5),
    ]


def test_a_promise_that_is_broken_again_is_known_again():
    worse = replace(NULLS, value=4000, message="price: all 4,000 rows are null", line=99, examples=())

    assert prints(replace(ORDERS, findings=(NULLS,))) == prints(replace(ORDERS, findings=(worse,)))


def test_different_promises_have_different_fingerprints():
    others = [
        replace(NULLS, path="data/users.csv"),
        replace(NULLS, column="id"),
        replace(NULLS, column=None),
        replace(NULLS, rule="unique"),
        DRIFT,
    ]

    found = prints(replace(ORDERS, findings=(NULLS, *others)))

    assert len(set(found)) == 6


def test_what_nobody_looked_at_is_a_notification():
    (told,) = run_of(ORDERS)["invocations"][0]["toolExecutionNotifications"]

    assert told["message"]["text"] == "data/orders.csv: id: unique not checked: its data is not here"


def test_a_name_of_any_bytes_makes_a_uri():
    odd = replace(ORDERS, path="data/a b%\udcff#.csv", findings=(DRIFT,))

    place = run_of(odd)["results"][0]["locations"][0]["physicalLocation"]

    assert place["artifactLocation"]["uri"] == "data/a%20b%25%FF%23.csv.datav"


def test_hostile_texts_break_nothing():
    run = checked(check_sarif(hostile(), "0.1.0"))["runs"][0]

    assert all(each["message"]["text"].isprintable() for each in run["results"])
