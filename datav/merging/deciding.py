"""What a rule of `datav.toml` says about one cell that both sides changed.  Pure."""

import math
from decimal import Decimal, InvalidOperation, localcontext
from typing import Any, Literal

from datav.settings.merge import ColumnRule

# Sums of more digits than that nobody means; a cell of a megabyte of digits would take minutes.
_MOST_DIGITS = 400


def decide_by_rule(
    rule: ColumnRule, ours: Any, theirs: Any, by: tuple[Any, Any]
) -> Literal["ours", "theirs"] | None:
    """Return the side that a rule takes; None where it cannot tell.

    Args:
        by: of `newest`: what both sides have in its column.
    """
    match rule.take:
        case "ours":
            return "ours"
        case "theirs":
            return "theirs"
        case "max":
            return _larger(ours, theirs)
        case "min":
            larger = _larger(ours, theirs)
            return None if larger is None else "theirs" if larger == "ours" else "ours"
        case "newest":
            return _larger(*by)
    return None


def sum_of_changes(base: Any, ours: Any, theirs: Any) -> str | None:
    """Return base with the changes of both sides, as text; None where one of them is no number."""
    numbers = [_number(cell) for cell in (0 if base in (None, "") else base, ours, theirs)]
    first, second, third = numbers
    if first is None or second is None or third is None:
        return None
    # Exactly: the context of decimals that is there if nobody says otherwise keeps 28 digits.
    with localcontext(prec=4 * _MOST_DIGITS):
        return format(second + third - first, "f")


def _larger(ours: Any, theirs: Any) -> Literal["ours", "theirs"] | None:
    """Return which side has the larger cell: as numbers if both are, else as values of one type."""
    if ours in (None, "") or theirs in (None, ""):
        return None
    first, second = _number(ours), _number(theirs)
    if first is None or second is None:
        first, second = ours, theirs
    if type(first) is not type(second) or isinstance(first, dict | list) or first == second:
        return None
    return "ours" if first > second else "theirs"


def _number(cell: Any) -> Decimal | None:
    if isinstance(cell, bool) or (isinstance(cell, float) and not math.isfinite(cell)):
        return None
    if not isinstance(cell, int | float | str | Decimal) or len(str(cell)) > _MOST_DIGITS:
        return None
    try:
        number = Decimal(str(cell).strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) < _MOST_DIGITS else None
