"""Which cells of two columns differ."""

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
        differ[rows] = ~_is_close(_numbers(before.take(taken)), _numbers(after.take(taken)), tolerance)
    return differ


def _whole(cells: Any) -> Any:
    if isinstance(cells, pyarrow.ChunkedArray):
        return pyarrow.concat_arrays(cells.chunks) if cells.num_chunks else pyarrow.array([], cells.type)
    return cells


def _differ(before: Any, after: Any) -> Mask:
    kind = before.type
    if _has_no_comparison(kind):
        first, second = (fingerprint([cells], (), len(cells), 0)[1] for cells in (before, after))
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


def _is_close(before: NDArray[np.float64], after: NDArray[np.float64], tolerance: Tolerance) -> Mask:
    with np.errstate(invalid="ignore"):
        apart = np.abs(before - after)
        close: Mask = (apart <= tolerance.absolute) | (apart <= tolerance.relative * np.abs(before))
    # A share of infinity is infinity.
    return close & np.isfinite(before) & np.isfinite(after)
