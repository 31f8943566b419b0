"""Cells as people and programs see them.  Whatever is in a cell, it commands no terminal."""

import json
from collections.abc import Iterator
from decimal import Decimal
from unicodedata import east_asian_width

from datav.tables.cellvalues import cell_text

CELL_WIDTH = 60
"""Longer cells are shortened: wide enough for a sentence, narrow enough for two on a line."""

NAME_WIDTH = 40

_ELLIPSIS = "..."

# What stays of what two long texts have in common, on either side of where they differ.
_CONTEXT = 12

# JSON nested deeper is shown as a text: nobody reads such a path.
_MAX_DEPTH = 16

_MAX_NESTED_TEXT = 2**20
"""Longer texts are not tried as JSON."""

_MISSING = object()


def shown_cell(value: object, limit: int = CELL_WIDTH) -> str:
    """`value` on one line, at most about `limit` wide, with nothing in it that a terminal obeys.

    Text that could be taken for something else (empty, blank at an end, with control characters, `null`)
    stands in quotes, with escapes as in JSON; other text stands as it is.
    """
    if value is None:
        return "null"
    if isinstance(value, str):
        return shown_text(shorten(value, limit))
    return _visible(shorten(cell_text(value), limit))


def shown_pair(before: object, after: object, limit: int = CELL_WIDTH) -> tuple[str, str]:
    """Two different cells, so that one sees how: long texts are cut down to where they differ."""
    if isinstance(before, str) and isinstance(after, str):
        if max(len(before), len(after)) > limit:
            before, after = _cut_to_difference(before, after, limit)
        return shown_text(before), shown_text(after)
    if isinstance(before, str) or isinstance(after, str):
        # `1` and `"1"` are not the same cell.
        sides = [
            quoted(shorten(v, limit)) if isinstance(v, str) else shown_cell(v, limit) for v in (before, after)
        ]
        return sides[0], sides[1]
    return shown_cell(before, limit), shown_cell(after, limit)


def shown_name(name: str) -> str:
    """The name of a column."""
    return shown_text(shorten(name, NAME_WIDTH))


def shown_text(text: str) -> str:
    is_plain = text.isprintable() and text and text == text.strip() and text[0] != '"' and text != "null"
    return text if is_plain else quoted(text)


def quoted(text: str) -> str:
    """`text` in quotes, with escapes as in JSON; beyond ASCII as it is where it can be shown."""
    return _visible(json.dumps(text, ensure_ascii=False))


def shorten(text: str, limit: int) -> str:
    """`text`, its middle left out if it is wider than `limit` columns of a terminal."""
    if len(text) <= limit and display_width(text) <= limit:
        return text
    kept = max(2, limit - len(_ELLIPSIS))
    short = _cut(text, kept)
    # Wide characters take two columns each.
    return short if display_width(short) <= limit else _cut(text, kept // 2)


def display_width(text: str) -> int:
    """How many columns of a terminal `text` takes; never less than it does."""
    if text.isascii():
        return len(text)
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)


def nested_changes(before: object, after: object) -> list[tuple[str, str, str]] | None:
    """Where two nested cells differ: paths below the column, and both sides; None if they are not nested.

    Nested are lists and dicts, and texts that are JSON of one.  `(absent)` is what only one side has.
    """
    old, new = _nested(before), _nested(after)
    if old is None or new is None or type(old) is not type(new):
        return None
    changes = list(_iter_nested(old, new, "", 0))
    # JSON written in another way: all that can be shown is the text.
    return changes or None


def _cut(text: str, kept: int) -> str:
    if len(text) <= kept:
        return text
    return f"{text[: kept - kept // 2]}{_ELLIPSIS}{text[len(text) - kept // 2 :]}"


def _visible(text: str) -> str:
    """`text` with escapes for what is not printable: controls, marks that turn the direction of text."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def _cut_to_difference(before: str, after: str, limit: int) -> tuple[str, str]:
    """Leave out what two texts begin with alike, and what they end with alike, where they are long."""
    start = _common(before, after)
    rest = min(len(before), len(after)) - start
    # Only so much that the two ends do not overlap.
    end = min(rest, _common(before[::-1], after[::-1])) if rest else 0
    head = max(0, start - _CONTEXT) if start > _CONTEXT + len(_ELLIPSIS) else 0
    tail = max(0, end - _CONTEXT) if end > _CONTEXT + len(_ELLIPSIS) else 0
    sides = []
    for text in (before, after):
        middle = shorten(text[head : len(text) - tail], limit)
        sides.append(f"{_ELLIPSIS if head else ''}{middle}{_ELLIPSIS if tail else ''}")
    # Where both ends of a long difference look alike, the beginning tells more than nothing.
    return (sides[0], sides[1]) if sides[0] != sides[1] else (before[head:][:limit], after[head:][:limit])


def _common(one: str, other: str) -> int:
    """How many characters two texts begin with alike; by slices, which compare faster than characters."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _nested(value: object) -> "dict[object, object] | list[object] | None":
    if isinstance(value, list | dict):
        return value
    if not isinstance(value, str) or value[:1] not in ("{", "[") or len(value) > _MAX_NESTED_TEXT:
        return None
    try:
        parsed = json.loads(value, parse_float=Decimal)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, list | dict) else None


def _iter_nested(old: object, new: object, path: str, depth: int) -> Iterator[tuple[str, str, str]]:
    if isinstance(old, dict) and isinstance(new, dict) and depth < _MAX_DEPTH:
        for name in dict.fromkeys([*old, *new]):
            below = f"{path}.{shown_name(str(name))}"
            yield from _iter_nested(old.get(name, _MISSING), new.get(name, _MISSING), below, depth + 1)
    elif isinstance(old, list) and isinstance(new, list) and depth < _MAX_DEPTH:
        for place in range(max(len(old), len(new))):
            one, other = (each[place] if place < len(each) else _MISSING for each in (old, new))
            yield from _iter_nested(one, other, f"{path}[{place}]", depth + 1)
    elif type(old) is not type(new) or not _is_same(old, new):
        yield path, _leaf(old), _leaf(new)


def _is_same(old: object, new: object) -> bool:
    # By their text: 1.0 and 1.00 are not the same JSON, and NaN is not equal to itself.
    return str(old) == str(new)


def _leaf(value: object) -> str:
    if value is _MISSING:
        return "(absent)"
    if isinstance(value, str):
        return quoted(shorten(value, CELL_WIDTH))
    return shown_cell(value)
