"""Packed little-endian integers."""

import sys
from array import array
from collections.abc import Iterable

from datav.ids import Buffer

# Every machine that people run Python on today is little-endian but IBM Z; packed arrays are used in place.
if sys.byteorder != "little":
    raise ImportError("datav runs on little-endian machines only")
assert (array("I").itemsize, array("Q").itemsize) == (4, 8), "a C int is not 32 bits here"


def u32_array(source: Buffer | Iterable[int]) -> "array[int]":
    """Return unsigned 32-bit integers from packed bytes or from values; `tobytes` packs them again."""
    return _packed("I", source)


def u64_array(source: Buffer | Iterable[int]) -> "array[int]":
    """Return unsigned 64-bit integers from packed bytes or from values; `tobytes` packs them again."""
    return _packed("Q", source)


def _packed(code: str, source: Buffer | Iterable[int]) -> "array[int]":
    if isinstance(source, array):
        return source
    result = array(code)
    if isinstance(source, bytes | bytearray | memoryview):
        result.frombytes(source)
    else:
        result.extend(source)
    return result
