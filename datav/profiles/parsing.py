"""Which texts are numbers, dates or timestamps; vectorised."""

from typing import Any, NamedTuple

import numpy as np
import pyarrow
from numpy.typing import NDArray
from pyarrow import compute

from datav.profiles.arrays import I64, Values
from datav.tables.arrays import flags

_NUMBER = r"^[ \t]*[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[ \t]*$"
_NOT_FINITE = r"^[ \t]*[+-]?(?i:nan|inf|infinity)[ \t]*$"
_DAY = r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
# In parts, of which the last may be missing; digits behind the sixth of a fraction are passed over.
_CLOCK = (
    r"(?P<hour>[01][0-9]|2[0-3])(?:(?P<minute>:[0-5][0-9])"
    r"(?:(?P<second>:[0-5][0-9])(?:(?P<fraction>\.[0-9]{1,6})[0-9]*)?)?)?"
)
_ZONE = r"(?:Z|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?)"
_TIME = rf"^(?P<day>{_DAY})(?:[T ]{_CLOCK}(?:{_ZONE})?)?$"
# Other ways to write a date, in which days and months cannot be told apart: counted and not read.
_DATE_LIKE = (
    rf"^{_DAY}(?:$|[T ])|^[0-9]{{1,2}}[/.][0-9]{{1,2}}[/.](?:[0-9]{{4}}|[0-9]{{2}})(?:$| )"
    r"|^[0-9]{4}/[0-9]{1,2}/[0-9]{1,2}(?:$| )"
)

_MICROSECONDS = pyarrow.timestamp("us")


# Any, here and below: pyarrow has no types of its own that mypy could see.
class Parsed(NamedTuple):
    """Which of some texts could be read, and as what."""

    mask: NDArray[np.bool_]
    values: Values
    """Of those, in order."""


def parse_integers(texts: Any) -> I64 | None:
    """Return texts as integers of 64 bits; None if one is none."""
    try:
        integers = np.asarray(texts.cast(pyarrow.int64()).to_numpy())
    except pyarrow.ArrowInvalid:
        return None
    # What Arrow takes for a number too: 0x1f.
    return None if _has_any(texts, b"xX") else integers


def parse_numbers(texts: Any) -> Parsed:
    """Return which texts are numbers, as floats: with signs, exponents, spaces around; NaN, infinities."""
    try:
        # Nearly always all are.
        values = texts.cast(pyarrow.float64()).to_numpy()
    except pyarrow.ArrowInvalid:
        pass
    else:
        # What Arrow takes for a number too: nan(1).
        if not _has_any(texts, b"("):
            return Parsed(np.ones(len(texts), bool), values)
    mask = compute.or_(
        compute.match_substring_regex(texts, _NUMBER), compute.match_substring_regex(texts, _NOT_FINITE)
    )
    found = compute.utf8_ltrim(compute.utf8_trim(texts.filter(mask), " \t"), "+")
    return Parsed(_as_mask(mask), found.cast(pyarrow.float64()).to_numpy())


def parse_times(texts: Any) -> Parsed:
    """Return which texts are dates or timestamps of ISO 8601, as microseconds since 1970.

    A zone is passed over, so that the hours are those that are written; fractions below a microsecond are
    cut.
    """
    all_of_them = np.ones(len(texts), bool)
    for zone, fits in ((None, True), ("UTC", bool(compute.all(compute.ends_with(texts, "Z")).as_py()))):
        try:
            if fits:
                return Parsed(all_of_them, _as_integers(texts.cast(pyarrow.timestamp("us", zone))))
        except pyarrow.ArrowInvalid:
            continue
    found = compute.extract_regex(texts, _TIME)
    mask = _as_mask(found.is_valid())
    parts = found.filter(flags(mask))
    days = parts.field("day")
    names = ("hour", "minute", "second", "fraction")
    clocks = compute.binary_join_element_wise(_text("1970-01-01T"), *map(parts.field, names), _text(""))
    clocks = compute.if_else(compute.equal(parts.field("hour"), ""), _text("1970-01-01"), clocks)
    since_midnight = _as_integers(clocks.cast(_MICROSECONDS))
    exists = _exists(days)
    mask[np.flatnonzero(mask)[~exists]] = False
    midnights = _as_integers(days.filter(flags(exists)).cast(_MICROSECONDS))
    return Parsed(mask, midnights + since_midnight[exists])


def _exists(days: Any) -> NDArray[np.bool_]:
    """Return which days there are: not the 30th of February."""
    # Counting from the first of the month never fails, and ends in the next one if there is no such day.
    firsts = compute.binary_join_element_wise(
        compute.utf8_slice_codeunits(days, 0, 8), _text("01"), _text("")
    )
    months = firsts.cast(pyarrow.date32()).cast(pyarrow.int32()).to_numpy().astype("datetime64[D]")
    numbers = compute.utf8_slice_codeunits(days, 8, 10).cast(pyarrow.int8()).to_numpy()
    lengths = (months.astype("datetime64[M]") + 1).astype("datetime64[D]") - months
    return np.asarray(numbers <= lengths.astype(np.int64))


def count_numbers(texts: Any, counts: I64) -> int:
    """Return how many texts could be read as numbers, of which each occurs `counts` times."""
    return int(counts[_as_mask(compute.match_substring_regex(texts, _NUMBER))].sum())


def count_times(texts: Any, counts: I64) -> int:
    """Return how many texts could be read as dates or timestamps, of which each occurs `counts` times."""
    return int(counts[_as_mask(compute.match_substring_regex(texts, _DATE_LIKE))].sum())


def _has_any(texts: Any, characters: bytes) -> bool:
    """Whether one of some ASCII characters is in a text."""
    start, end = texts.offset, texts.offset + len(texts)
    if start == end:
        return False
    _, offsets, data = texts.buffers()
    first, last = np.frombuffer(offsets, np.int64)[[start, end]].tolist()
    used = np.frombuffer(data or b"", np.uint8)[first:last]
    return any(bool((used == character).any()) for character in characters)


def _text(text: str) -> Any:
    return pyarrow.scalar(text, pyarrow.large_string())


def _as_mask(mask: Any) -> NDArray[np.bool_]:
    return np.asarray(mask.to_numpy(zero_copy_only=False), bool)


def _as_integers(times: Any) -> I64:
    return np.asarray(times.cast(pyarrow.int64()).to_numpy())
