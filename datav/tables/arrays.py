"""Arrays of numpy as Arrow's and back, by their buffers.

pyarrow's own ways import pandas, wherever it is installed, to ask whether an array is one of its own; that
takes longer than most comparisons.
"""

from typing import Any

import numpy as np
import pyarrow
from numpy.typing import NDArray


def integers(values: NDArray[Any]) -> Any:
    """Return whole numbers as a pyarrow.Int64Array."""
    packed = pyarrow.py_buffer(np.ascontiguousarray(values, np.int64))
    return pyarrow.Array.from_buffers(pyarrow.int64(), len(values), [None, packed])


def flags(values: NDArray[np.bool_]) -> Any:
    """Return a mask as a pyarrow.BooleanArray."""
    packed = pyarrow.py_buffer(np.packbits(values, bitorder="little"))
    return pyarrow.Array.from_buffers(pyarrow.bool_(), len(values), [None, packed])


def mask_of(cells: Any) -> NDArray[np.bool_]:
    """Return a pyarrow.BooleanArray without nulls as a mask of numpy."""
    bits = np.frombuffer(cells.buffers()[1], np.uint8) if len(cells) else np.zeros(0, np.uint8)
    spread = np.unpackbits(bits, bitorder="little", count=cells.offset + len(cells))
    return spread[cells.offset :].astype(bool)


def floats_of(cells: Any) -> NDArray[np.float64]:
    """Return a pyarrow.DoubleArray as numbers of numpy, NaN for a null."""
    if not len(cells):
        return np.zeros(0, np.float64)
    filled = cells.fill_null(float("nan"))
    return np.frombuffer(filled.buffers()[1], np.float64)[filled.offset :][: len(filled)]
