"""The values that `in` allows, and which cells are among them.

A text allows cells that are written like it, and elsewhere than in text tables also the time that it says; a
number allows the numbers that are equal to it, a truth value the cells that are read as it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow

from datav.checks.cells import SPELLED_FALSE, SPELLED_TRUE, Cells, Mask, is_one_of
from datav.checks.moments import moment_text, parse_moment
from datav.checks.promises import KEPT, Answer, Promise
from datav.checks.valuecounts import known_numbers, known_texts
from datav.checks.verdicts import tell_strangers
from datav.profiles.arrays import I64, Values
from datav.profiles.columns import ColumnSketch
from datav.profiles.parsing import parse_numbers, parse_times
from datav.tables.arrays import flags

IS_STRANGE = "not in the list"


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a list names, by kind."""

    texts: tuple[str, ...]
    numbers: tuple[float, ...]
    truths: tuple[bool, ...]

    @property
    def moments(self) -> tuple[int, ...]:
        """The times that its texts say, in microseconds since 1970."""
        return tuple(found for text in self.texts if (found := parse_moment(text)) is not None)

    def written(self, *, is_text: bool) -> tuple[str, ...]:
        """Return the texts that it allows: of text tables each way to write a truth value, else as a profile
        has it, in which a truth value and its name are one."""
        most = None if is_text else 1
        spelled = {True: SPELLED_TRUE[:most], False: SPELLED_FALSE[:most]}
        return (*self.texts, *(text for truth in self.truths for text in spelled[truth]))


def allowed_values(values: Sequence[str | float | bool]) -> Allowed:
    """Return what a list names."""
    return Allowed(
        tuple(value for value in values if isinstance(value, str)),
        tuple(value for value in values if not isinstance(value, str | bool)),
        tuple(value for value in values if isinstance(value, bool)),
    )


def is_allowed(allowed: Allowed, cells: Cells) -> Mask:
    """Return which cells the list names."""
    found = np.zeros(cells.count, bool)
    if cells.texts is not None:
        found |= is_one_of(cells.texts, allowed.written(is_text=cells.reading.is_text))
    elif allowed.moments:
        mask, times = cells.times
        found[np.flatnonzero(mask)[_among_times(times, allowed)]] = True
    if allowed.numbers:
        mask, numbers = cells.numbers
        found[np.flatnonzero(mask)[_among(numbers, allowed)]] = True
    if cells.kind == "boolean":
        true, false = cells.truths
        written = allowed.written(is_text=False)
        found |= (true & ("true" in written)) | (false & ("false" in written))
    return found


def check_allowed(promise: Promise, sketch: ColumnSketch, allowed: Allowed, *, is_text: bool) -> Answer:
    """Answer from a profile, as far as it knows all values."""
    filled = sketch.count - sketch.nulls
    if not filled:
        return KEPT
    if sketch.kind in ("binary", "list"):
        return None
    strangers: list[tuple[str, int]] = []
    for find in (_strange_texts, _strange_numbers, _strange_times):
        found = find(sketch, allowed, is_text)
        if found is None:
            return None
        strangers += found
    rows = sum(count for _, count in strangers)
    return tell_strangers(promise, rows, filled, IS_STRANGE, None, [text for text, _ in strangers[:5]])


def _strange_texts(sketch: ColumnSketch, allowed: Allowed, is_text: bool) -> list[tuple[str, int]] | None:
    if not sketch.texts.count:
        return []
    known = known_texts(sketch)
    if known is None:
        return None
    texts = known.values
    good = is_one_of(texts, allowed.written(is_text=is_text))
    if is_text and allowed.numbers:
        mask, numbers = parse_numbers(texts)
        finite = np.isfinite(numbers) | (sketch.kind == "number")
        good[np.flatnonzero(mask)[_among(numbers, allowed) & finite]] = True
    return _told(texts.filter(flags(~good)).to_pylist(), known.counts[~good])


def _strange_numbers(sketch: ColumnSketch, allowed: Allowed, is_text: bool) -> list[tuple[str, int]] | None:
    own = sketch.numbers
    if not own.count:
        return []
    if own.infinities or own.nans or sketch.kind == "list":
        return None
    known = known_numbers(sketch)
    if known is None:
        return None
    good = _among(known[0], allowed)
    if is_text and allowed.texts:
        # A cell that is written as one of the texts is of one of their numbers, but may be written otherwise.
        _, meant = parse_numbers(pyarrow.array(allowed.texts, pyarrow.large_string()))
        if (np.isin(known[0].astype(np.float64), meant) & ~good).any():
            return None
    return _told([str(value) for value in known[0][~good].tolist()], known[1][~good])


def _strange_times(sketch: ColumnSketch, allowed: Allowed, is_text: bool) -> list[tuple[str, int]] | None:
    ranks = sketch.times.ranks
    if not ranks.count:
        return []
    if not ranks.is_exact:
        return None
    meant = np.array(allowed.moments, np.int64)
    if is_text:
        meant = parse_times(pyarrow.array(allowed.texts, pyarrow.large_string())).values
        if np.isin(ranks.points, meant).any():
            return None
        good = np.zeros(len(ranks.points), bool)
    else:
        good = np.isin(ranks.points, meant)
    counts = np.asarray(ranks.upto - ranks.less, np.int64)
    return _told([moment_text(int(value)) for value in ranks.points[~good]], counts[~good])


def _among(values: Values, allowed: Allowed) -> Mask:
    if values.dtype == np.float64:
        return np.asarray(np.isin(values, np.array(allowed.numbers, np.float64)))
    # Integers exactly: 2**53 and the next one are the same float.
    whole = [int(each) for each in allowed.numbers if each == each // 1 and -(2**63) <= each < 2**63]
    return np.asarray(np.isin(values, np.array(whole, np.int64)))


def _among_times(times: I64, allowed: Allowed) -> Mask:
    return np.asarray(np.isin(times, np.array(allowed.moments, np.int64)))


# Any: what pyarrow gives.
def _told(texts: Sequence[Any], counts: I64) -> list[tuple[str, int]]:
    return list(zip(texts, counts.tolist(), strict=True))
