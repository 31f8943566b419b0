"""Types of the columns of a CSV, by what the first rows hold.

For people: nothing that compares or merges tables looks at them.  What a number would not keep, such as the
leading zeros of a code, makes it text.
"""

import re
from collections.abc import Iterable, Sequence

_DATE = r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
_TIME = r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:[.,]\d+)?|:60)?(?:Z|[+-]\d\d(?::?\d\d)?)?"
_TYPES = (
    ("integer", re.compile(r"[+-]?(?:0|[1-9]\d*)", re.ASCII)),
    ("float", re.compile(r"[+-]?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)),
    ("boolean", re.compile(r"true|false|True|False|TRUE|FALSE")),
    ("date", re.compile(_DATE, re.ASCII)),
    ("timestamp", re.compile(f"{_DATE}[T ]{_TIME}", re.ASCII)),
    ("float", re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE | re.ASCII)),
)

# What a column is that holds both.
_JOINS = {frozenset(("integer", "float")): "float", frozenset(("date", "timestamp")): "timestamp"}

# No number or date is longer; a cell may be a megabyte.
_LONGEST = 400


def column_types(width: int, records: Iterable[Sequence[str]]) -> list[str]:
    """Return the type of each of `width` columns; a record may be shorter or longer than that.

    `empty` is a column of which no record has anything but nothing.
    """
    types = ["empty"] * width
    for record in records:
        # Columns that are text already stay text, which is most of the cells of most tables.
        for i, cell in enumerate(record[:width]):
            if cell and types[i] != "text":
                types[i] = _join(types[i], cell_type(cell))
    return types


def cell_type(cell: str) -> str:
    """Return what one cell that is not empty looks like."""
    if len(cell) > _LONGEST:
        return "text"
    return next((name for name, pattern in _TYPES if pattern.fullmatch(cell)), "text")


def _join(a: str, b: str) -> str:
    if a in ("empty", b):
        return b
    return _JOINS.get(frozenset((a, b)), "text")
