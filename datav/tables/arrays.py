"""Arrays of numpy as Arrow's, without `pyarrow.array`: that imports pandas, wherever it is installed, to ask
whether an array is one of its own."""

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
