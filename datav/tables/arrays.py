"""Arrays of numpy as Arrow's and back, by their buffers.

pyarrow's own ways import pandas, wherever it is installed, to ask whether an array is one of its own; that
takes longer than most comparisons.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow
from numpy.typing import NDArray


def integers(values: NDArray[Any] | Sequence[int]) -> Any:
    """Return whole numbers as a pyarrow.Int64Array."""
    packed = pyarrow.py_buffer(np.ascontiguousarray(values, np.int64))
    return pyarrow.Array.from_buffers(pyarrow.int64(), len(values), [None, packed])


def numbers(values: NDArray[Any]) -> Any:
    """Return integers or floats of 64 bits as a pyarrow.Int64Array or DoubleArray."""
    kind = pyarrow.float64() if values.dtype == np.float64 else pyarrow.int64()
    packed = pyarrow.py_buffer(np.ascontiguousarray(values))
    return pyarrow.Array.from_buffers(kind, len(values), [None, packed])


def no_cells(kind: Any) -> Any:
    """Return an array of a type without cells."""
    return pyarrow.nulls(0, kind)


def flags(values: NDArray[np.bool_]) -> Any:
    """Return a mask as a pyarrow.BooleanArray."""
    packed = pyarrow.py_buffer(np.packbits(values, bitorder="little"))
    return pyarrow.Array.from_buffers(pyarrow.bool_(), len(values), [None, packed])


def mask_of(cells: Any) -> NDArray[np.bool_]:
    """Return a pyarrow.BooleanArray as a mask of numpy; False for a null."""
    validity, bits = cells.buffers()
    mask = _bits(bits, cells)
    return mask & _bits(validity, cells) if validity is not None else mask


def null_mask(cells: Any) -> NDArray[np.bool_]:
    """Return where a pyarrow.Array has nulls."""
    return mask_of(cells.is_null())


def floats_of(cells: Any) -> NDArray[np.float64]:
    """Return a pyarrow.DoubleArray as numbers of numpy, NaN for a null."""
    if not len(cells):
        return np.zeros(0, np.float64)
    validity, values = cells.buffers()
    numbers = np.frombuffer(values, np.float64)[cells.offset :][: len(cells)].copy()
    if validity is not None:
        numbers[~_bits(validity, cells)] = np.nan
    return numbers


def _bits(packed: Any, cells: Any) -> NDArray[np.bool_]:
    """The bits of a bitmap that are those of some cells."""
    if not len(cells):
        return np.zeros(0, bool)
    end = cells.offset + len(cells)
    spread = np.unpackbits(np.frombuffer(packed, np.uint8), bitorder="little", count=end)
    return spread[cells.offset :].astype(bool)
