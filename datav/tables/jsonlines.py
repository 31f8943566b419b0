"""Columns of JSON Lines, by what the first records hold."""

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from datav.formats.manifest import ColumnInfo
from datav.tables.source import NotATable, not_a_table

RECORDS_SAMPLED = 1000

_LINE = re.compile(r"[^\r\n]+")
_JOINS = {frozenset(("integer", "float")): "float"}


def sample_columns(text: str, whole: bool) -> list[ColumnInfo] | NotATable:
    """Return the keys of the first records in the order in which they come up.

    Args:
        text: the head of the file.
        whole: it is all of the file; else the last line may be cut, and is not looked at.

    Returns:
        No columns if records are not objects.  NotATable if the first record is no JSON: then this is most
        likely JSON over several lines.  What is wrong further on is for whoever reads the rows.
    """
    types: dict[str, str] = {}
    for i, line in enumerate(islice(_complete_lines(text, whole), RECORDS_SAMPLED)):
        try:
            record = _parse(line)
        except (ValueError, RecursionError) as exc:
            if i == 0:
                return not_a_table("the first line is not JSON", exc)
            continue
        if isinstance(record, dict):
            for key, value in record.items():
                types[key] = join_kinds(types.get(key, "empty"), _type_of(value))
    return [ColumnInfo(without_surrogates(key), kind) for key, kind in types.items()]


def _complete_lines(text: str, whole: bool) -> Iterator[str]:
    for match in _LINE.finditer(text):
        if match.end() == len(text) and not whole:
            return
        if match[0].strip(" \t"):
            yield match[0]


# Any: JSON holds anything.
def _parse(line: str) -> Any:
    # Only types are asked for, and int() refuses more than 4300 digits: len() makes an integer of any.
    return json.loads(line, parse_int=len)


def _type_of(value: object) -> str:
    match value:
        case None:
            return "empty"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "float"
        case str():
            return "text"
        case list():
            return "list"
    return "object"


def join_kinds(a: str, b: str) -> str:
    """Return what a column holds some cells of which are `a` and others `b`."""
    if b == "empty" or a == b:
        return a
    if a == "empty":
        return b
    return _JOINS.get(frozenset((a, b)), "mixed")


def without_surrogates(key: str) -> str:
    """Return a key as a text that manifests and terminals can hold: JSON can spell half a character."""
    return key.encode("utf-8", "backslashreplace").decode()
