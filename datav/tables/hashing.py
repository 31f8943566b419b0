"""Fingerprints of Arrow columns: equal cells have equal fingerprints, whatever they are encoded as.

Two cells of one type are equal if they hold the same value: 0.0 and -0.0 are the same, all NaN are, all nulls
are; a null is not an empty text, and an empty list is neither a null nor a list of one null.  The entries of
a map have an order.  Dictionaries, run ends, views and slices are ways of writing, and nothing to a
fingerprint.

Nested cells: the cells inside are fingerprinted first, each on its own, and a list is then a piece of binary,
made of eight bytes for each of its cells.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow
from pyarrow import compute, types

from datav.core.rows import hash_binary, hash_fixed, hash_null
from datav.tables.version import I64, U64

_FIXED_WIDTHS = (1, 2, 4, 8, 16, 32)


# Any, here and below: pyarrow has no types of its own that mypy could see.
def fingerprint(columns: Sequence[Any], key: Sequence[int], rows: int, seed: int) -> tuple[U64, U64]:
    """Return the fingerprints of the keys and of all cells of some rows, each of shape (rows,).

    Args:
        columns: arrays or chunked arrays, each of `rows` cells.
        key: which of them are the key; without any, both results are the same array.
        seed: of 64 bits.
    """
    prints = np.full(rows, seed, np.uint64)
    fold_cells(prints, columns, seed)
    if not key:
        return prints, prints
    keys = np.full(rows, seed, np.uint64)
    for place in key:
        _fold(keys, columns[place], seed)
    return keys, prints


def fold_cells(prints: U64, columns: Sequence[Any], seed: int) -> None:
    """Make fingerprints of rows those of the same rows with more columns at their end, in place."""
    for column in columns:
        _fold(prints, column, seed)


def _fold(prints: U64, column: Any, seed: int) -> None:
    """Mix the cells of a column into the fingerprints of their rows, in place."""
    if not isinstance(column, pyarrow.ChunkedArray):
        _fold_array(prints, column, seed)
        return
    start = 0
    for chunk in column.chunks:
        _fold_array(prints[start : start + len(chunk)], chunk, seed)
        start += len(chunk)


def _fold_array(prints: U64, array: Any, seed: int) -> None:
    array = _plain(array)
    kind = array.type
    if not len(array):
        return
    if types.is_null(kind):
        hash_null(prints.data, seed)
    elif types.is_floating(kind):
        _fold_floats(prints, array, seed)
    elif types.is_boolean(kind):
        validity, bits = array.buffers()
        hash_fixed(prints.data, bits, 0, validity or b"", array.offset, seed)
    elif types.is_string(kind) or types.is_binary(kind):
        _fold_binary(prints, array, 4, seed)
    elif types.is_large_string(kind) or types.is_large_binary(kind):
        _fold_binary(prints, array, 8, seed)
    elif types.is_nested(kind):
        _fold_nested(prints, array, seed)
    elif types.is_fixed_size_binary(kind) and kind.byte_width not in _FIXED_WIDTHS:
        width = kind.byte_width
        offsets = np.arange(array.offset, array.offset + len(array) + 1, dtype=np.int64) * width
        hash_binary(prints.data, offsets.data, 8, array.buffers()[1] or b"", _validity(array), 0, seed)
    else:
        validity, values = array.buffers()
        hash_fixed(prints.data, values, kind.bit_width // 8, validity or b"", array.offset, seed)


def _plain(array: Any) -> Any:
    """Return the same cells in the plainest type that holds them."""
    while True:
        kind = array.type
        if isinstance(kind, pyarrow.BaseExtensionType):
            array = array.storage
        elif types.is_dictionary(kind):
            array = array.dictionary_decode()
        elif types.is_run_end_encoded(kind):
            array = compute.run_end_decode(array)
        elif _is_view(kind):
            array = _without_view(array)
        else:
            return array


def _fold_floats(prints: U64, array: Any, seed: int) -> None:
    width = array.type.bit_width // 8
    values = np.frombuffer(array.buffers()[1], f"f{width}", len(array), array.offset * width)
    # What is added makes 0.0 of -0.0, and a copy.
    values = values + values.dtype.type(0)
    values[np.isnan(values)] = np.nan
    hash_fixed(prints.data, values.data, width, _validity(array), 0, seed)


def _fold_binary(prints: U64, array: Any, offset_width: int, seed: int) -> None:
    validity, offsets, values = array.buffers()
    hash_binary(prints.data, offsets, offset_width, values or b"", validity or b"", array.offset, seed)


def _fold_nested(prints: U64, array: Any, seed: int) -> None:
    kind = array.type
    if types.is_struct(kind):
        inside = np.full(len(array), seed, np.uint64)
        # What is stored below a null struct does not count: its print is that of a null.  Not `flatten`,
        # which ends the process where a field is a union.
        for number in range(kind.num_fields):
            _fold_array(inside, array.field(number), seed)
        hash_fixed(prints.data, inside.data, 8, _validity(array), 0, seed)
    elif types.is_union(kind):
        hash_fixed(prints.data, _union_prints(array, seed).data, 8, b"", 0, seed)
    else:
        offsets, cells = _list_parts(array)
        inside = np.full(len(cells), seed, np.uint64)
        _fold_array(inside, cells, seed)
        hash_binary(prints.data, (offsets * 8).data, 8, inside.data, _validity(array), 0, seed)


def _list_parts(array: Any) -> tuple[I64, Any]:
    """Return where the lists begin and end, shape (n + 1,), and the cells of all of them."""
    kind = array.type
    if types.is_fixed_size_list(kind):
        size = kind.list_size
        start = array.offset * size
        return np.arange(len(array) + 1, dtype=np.int64) * size, array.values.slice(start, len(array) * size)
    if types.is_map(kind):
        cells = pyarrow.StructArray.from_arrays([array.keys, array.items], ["key", "value"])
        # keys and items are those of the whole map, however it is sliced.
    elif types.is_list(kind) or types.is_large_list(kind):
        cells = array.values
    else:
        lengths = compute.list_value_length(array).fill_null(0).to_numpy(zero_copy_only=False)
        return np.concatenate(([0], np.cumsum(lengths, dtype=np.int64))), array.flatten()
    offsets = np.asarray(array.offsets).astype(np.int64)
    first, end = int(offsets[0]), int(offsets[-1])
    return offsets - first, cells.slice(first, end - first)


def _union_prints(array: Any, seed: int) -> U64:
    """Return fingerprints of the cells of a union: of which type each is, and its value."""
    kind = array.type
    # Not array.type_codes and array.offsets, which forget that the array may be a slice.
    rows, buffers = len(array), array.buffers()
    codes = np.frombuffer(buffers[1], np.int8, rows, array.offset)
    places = np.arange(rows)
    if kind.mode == "dense":
        places = np.frombuffer(buffers[2], np.int32, rows, 4 * array.offset)
    prints = np.full(len(array), seed, np.uint64)
    hash_fixed(prints.data, codes.data, 1, b"", 0, seed)
    values = np.zeros(len(array), np.uint64)
    for number, code in enumerate(kind.type_codes):
        child = array.field(number)
        inside = np.full(len(child), seed, np.uint64)
        _fold_array(inside, child, seed)
        mine = codes == code
        values[mine] = inside[places[mine]]
    hash_fixed(prints.data, values.data, 8, b"", 0, seed)
    return prints


def _validity(array: Any) -> bytes:
    """Return which cells are not null as a bitmap that begins with the first cell; empty if none is."""
    if not array.null_count:
        return b""
    valid = compute.is_valid(array).to_numpy(zero_copy_only=False)
    return np.packbits(valid, bitorder="little").tobytes()


def _is_view(kind: Any) -> bool:
    return bool(types.is_string_view(kind) or types.is_binary_view(kind))


def _without_view(array: Any) -> Any:
    text = types.is_string_view(array.type)
    return array.cast(pyarrow.large_string() if text else pyarrow.large_binary())
