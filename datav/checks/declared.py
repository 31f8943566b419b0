"""Names of types as manifests and profiles spell them, and what of `type = ...` they are."""

import re

from datav.settings.checks import ColumnType

_INTEGER = re.compile(r"u?int(?:8|16|32|64)|integer|decimal\d*\(\d+, ?0\)")
_NUMBER = re.compile(r"float(?:16|32|64)?|number|decimal.*")
_TEXT = re.compile(r"(?:large_)?string(?:_view)?|text")
_BINARY = re.compile(r"(?:large_)?binary(?:_view)?|fixed_size_binary.*")
_LIST = re.compile(r"list|(?:large_)?list(?:_view)?<.*|fixed_size_list<.*")
# How cells are kept, and not what they are.
_ENCODED = re.compile(r"(?:dictionary|run_end_encoded)<(.*)>")

_FAMILIES: tuple[tuple[ColumnType, re.Pattern[str]], ...] = (
    ("integer", _INTEGER),
    ("number", _NUMBER),
    ("boolean", re.compile(r"bool(?:ean)?")),
    ("text", _TEXT),
    ("date", re.compile(r"date(?:32|64)?")),
    ("timestamp", re.compile(r"timestamp.*")),
    ("binary", _BINARY),
    ("list", _LIST),
)


def declared_type(type_name: str) -> ColumnType | None:
    """Return what a type is called in `datav.toml`, the narrowest; None: it has no name there."""
    while (encoded := _ENCODED.fullmatch(type_name)) is not None:
        type_name = encoded[1]
    return next((kind for kind, pattern in _FAMILIES if pattern.fullmatch(type_name)), None)


def is_declared(type_name: str, wanted: ColumnType) -> bool:
    """Whether all cells of a column of this type are what is wanted."""
    found = declared_type(type_name)
    return found == wanted or (wanted == "number" and found == "integer")


def is_rough(type_name: str) -> bool:
    """Whether numbers and times of a type are more than a profile, or a float, can tell apart."""
    return type_name == "uint64" or type_name.startswith(("decimal", "timestamp[ns", "time64", "duration"))
