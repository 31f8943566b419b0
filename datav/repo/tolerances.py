"""How far numbers may be apart, as users write it: `0.01`, `1%`, `price=0.5`, `price=1%`."""

import math
from collections.abc import Iterable
from dataclasses import replace

from datav.errors import UsageError
from datav.tables.options import Tolerance


def parse_tolerances(texts: Iterable[str]) -> dict[str, Tolerance]:
    """Return tolerances by column; "" is for all others.  Of one column both kinds may be given.

    Raises:
        UsageError: a text is none.
    """
    found: dict[str, Tolerance] = {}
    for text in texts:
        # A column's name may hold a `=`; a number does not.
        column, _, number = text.rpartition("=")
        before = found.get(column, Tolerance())
        value = _parse_number(number.removesuffix("%"), text)
        if number.endswith("%"):
            found[column] = replace(before, relative=value / 100)
        else:
            found[column] = replace(before, absolute=value)
    return found


def _parse_number(number: str, text: str) -> float:
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise UsageError(
            f"{text!r} is no tolerance", hint="`0.01` and `1%` are, and `price=0.01` for one column"
        )
    return value
