"""Patterns that whole cells match: RE2, whose time is linear in what it reads."""

from typing import Any

import pyarrow
import pyarrow.compute as pc

from datav.checks.cells import Mask, as_mask
from datav.checks.finding import Finding
from datav.checks.promises import KEPT, Answer, Promise, shown
from datav.checks.valuecounts import known_texts
from datav.checks.verdicts import tell_no_values, tell_strangers
from datav.errors import UsageError
from datav.profiles.columns import ColumnSketch
from datav.relpath import one_line
from datav.tables.arrays import flags


# Any, here and below: pyarrow has no types of its own that mypy could see.
def check_pattern(promise: Promise, pattern: str) -> None:
    """Try a pattern on nothing.

    Raises:
        UsageError: it is none.
    """
    try:
        nothing = pyarrow.array([""], pyarrow.large_string())
        # By itself first: `a)|(b` is a pattern only between the brackets that are put around it.
        pc.match_substring_regex(nothing, pattern)
        matching(nothing, pattern)
    except pyarrow.ArrowInvalid as exc:
        reason = str(exc).removeprefix("Invalid regular expression: ").splitlines()[0]
        raise UsageError(
            f"{promise.origin}: {shown(pattern)} is no pattern: {one_line(reason)}",
            hint="`matches` is a regular expression of RE2: no look-around and no back references",
        ) from exc


def matching(texts: Any, pattern: str) -> Mask:
    """Return which texts a pattern matches as a whole; none of them is null."""
    # Not ^ and $, which the flag (?m) of a pattern would make those of a line.
    return as_mask(pc.match_substring_regex(texts, rf"\A(?:{pattern})\z"))


def check_matches(promise: Promise, sketch: ColumnSketch, pattern: str, *, is_text: bool) -> Answer:
    """Answer from a profile, as far as it knows all texts."""
    filled = sketch.count - sketch.nulls
    if not filled:
        return KEPT
    if is_text and (sketch.numbers.count or sketch.times.count):
        return None
    if not is_text and (sketch.kind == "boolean" or not sketch.texts.count):
        # Times of JSON Lines are texts, too.
        return None if sketch.times.count else tell_no_values(promise, "texts", pattern)
    known = known_texts(sketch)
    if known is None or (not is_text and sketch.times.count):
        return None
    bad = ~matching(known.values, pattern)
    return tell_unlike(
        promise,
        int(known.counts[bad].sum()),
        sketch.texts.count,
        pattern,
        known.values.filter(flags(bad)).slice(0, 5).to_pylist(),
    )


def tell_unlike(
    promise: Promise, bad: int, count: int, pattern: str, examples: list[str]
) -> tuple[Finding, ...]:
    """Return what so many texts that do not match break."""
    return tell_strangers(promise, bad, count, f"not like {shown(pattern)}", pattern, examples)
