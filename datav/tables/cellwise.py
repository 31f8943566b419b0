"""Which cells of two columns differ."""

import secrets
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from typing import Any

import numpy as np
import pyarrow
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import types

from datav.tables.arrays import floats_of, integers, mask_of, null_mask
from datav.tables.hashing import fingerprint
from datav.tables.options import Tolerance

# Of texts, what a number may look like; the rest of a text column is compared as text.
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"

# From here on there are whole numbers that no double is.
_INEXACT = 2.0**53
_HAIR = 1e-9
# More digits than any number has, and no more work than that for one like 1e-999999999.
_EXACT = Context(prec=100, Emax=MAX_EMAX, Emin=MIN_EMIN)

Mask = NDArray[np.bool_]


def differing_cells(before: Any, after: Any, tolerance: Tolerance | None = None) -> Mask:
    """Return where two columns of one type and length differ, shape (n,).

    A null is like a null and unlike anything else, NaN is like NaN, -0.0 like 0.0.

    Args:
        before, after: pyarrow.ChunkedArray.
        tolerance: numbers that are no further apart count as the same; texts that are numbers too.
    """
    before, after = _whole(before), _whole(after)
    differ = _differ(before, after)
    if tolerance is not None and differ.any():
        rows = np.flatnonzero(differ)
        taken = integers(rows)
        differ[rows] = ~_is_close(before.take(taken), after.take(taken), tolerance)
    return differ


def _whole(cells: Any) -> Any:
    if isinstance(cells, pyarrow.ChunkedArray):
        return pyarrow.concat_arrays(cells.chunks) if cells.num_chunks else pyarrow.array([], cells.type)
    return cells


def _differ(before: Any, after: Any) -> Mask:
    kind = before.type
    if _has_no_comparison(kind):
        seed = secrets.randbits(64)
        first, second = (fingerprint([cells], (), len(cells), seed)[1] for cells in (before, after))
        return np.asarray(first != second)
    if types.is_null(kind):
        return np.zeros(len(before), bool)
    differ = mask_of(pc.not_equal(before, after))
    if types.is_floating(kind):
        differ &= ~(mask_of(pc.is_nan(before)) & mask_of(pc.is_nan(after)))
    if before.null_count or after.null_count:
        differ |= null_mask(before) != null_mask(after)
    return differ


def _has_no_comparison(kind: Any) -> bool:
    """Whether Arrow cannot say of two cells that they are equal."""
    is_odd = types.is_dictionary(kind) or types.is_float16(kind) or types.is_interval(kind)
    return bool(is_odd or types.is_nested(kind) or isinstance(kind, pyarrow.BaseExtensionType))


def _numbers(cells: Any) -> NDArray[np.float64]:
    """Return cells as numbers; NaN for what is none."""
    kind = cells.type
    if _is_text(kind):
        # Before it is taken for text: whatever else stands there need not be UTF-8.
        cells = pc.if_else(pc.match_substring_regex(cells, _NUMBER), cells, None).cast(pyarrow.large_string())
    elif not (types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)):
        return np.full(len(cells), np.nan)
    return floats_of(cells.cast(pyarrow.float64(), safe=False))


def _is_text(kind: Any) -> bool:
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_large_binary(kind))


def _is_close(before: Any, after: Any, tolerance: Tolerance) -> Mask:
    """Return which numbers are no further apart than a tolerance, as they are written."""
    a, b = _numbers(before), _numbers(after)
    with np.errstate(invalid="ignore", over="ignore"):
        apart, size = np.abs(a - b), np.maximum(np.abs(a), np.abs(b))
        limit = np.maximum(tolerance.absolute, tolerance.relative * np.abs(a))
        # A share of infinity is infinity.
        close: Mask = (apart <= limit) & np.isfinite(size)
        # 1.01 - 1.00 is more than 0.01 by a hair, and of large numbers doubles do not know the last digits.
        unsure = np.isfinite(size) & ((size >= _INEXACT) | (np.abs(apart - limit) <= _HAIR * size))
    for row in np.flatnonzero(unsure):
        close[row] = _is_exactly_close(before[row], after[row], tolerance)
    return close


def _is_exactly_close(before: Any, after: Any, tolerance: Tolerance) -> bool:
    a, b = _decimal(before.as_py()), _decimal(after.as_py())
    share = _EXACT.multiply(_decimal(tolerance.relative), _EXACT.abs(a))
    return _EXACT.abs(_EXACT.subtract(a, b)) <= max(_decimal(tolerance.absolute), share)


def _decimal(value: Any) -> Decimal:
    """The number as it is written: the shortest text of a float, not all digits of its binary value."""
    return Decimal(value.decode() if isinstance(value, bytes) else str(value))
