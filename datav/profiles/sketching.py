"""Cells to sketches: a column of Arrow, or of a text table, as the sketch of it.  Vectorised throughout.

Every value is sorted or counted once; what follows looks at the different values and how often each occurs.
"""

import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pyarrow
from pyarrow import compute, types

from datav.profiles.arrays import F64, I64, U64, Values, count_sorted, sum_in_order
from datav.profiles.columns import (
    DAYS_KEPT,
    NO_NUMBERS,
    NO_TEXTS,
    NO_TIMES,
    ColumnSketch,
    Kind,
    Numbers,
    Texts,
    Times,
)
from datav.profiles.distinct import NOTHING, Distinct, merge_distinct, sketch_hashes
from datav.profiles.frequent import Frequent, keep_frequent
from datav.profiles.parsing import count_numbers, count_times, parse_integers, parse_numbers, parse_times
from datav.profiles.ranks import NO_RANKS, rank_values
from datav.tables.arrays import flags, integers
from datav.tables.arrays import numbers as numbers_of
from datav.tables.hashing import fold_cells
from datav.tables.typenames import type_name

MAX_TEXT = 200
"""Characters of a frequent value; a longer one ends in an ellipsis and its hash."""

# Of profiles, which outlive this process: a part of their format.
_SEED = 0

_DAY = 86_400_000_000
_HOUR = 3_600_000_000
_SECONDS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}

# 10**22 is the greatest power of ten that is a float.
_TENS = 22

# Whole floats up to here are integers to the hash, so that 5 and 5.0 are one value.
_WHOLE = 2.0**53


# Any, here and below: pyarrow has no types of its own that mypy could see.
def sketch_cells(name: str, kind: str, cells: Any) -> ColumnSketch:
    """Return the sketch of a column of a text table.

    Args:
        kind: what the column is taken for: `integer`, `float`, `date`, `timestamp`, `boolean`, `text` or
            `empty`; a cell that cannot be read so is a text.
        cells: an array of large_binary; a cell without a byte is a null.
    """
    sizes = compute.binary_length(cells).to_numpy()
    present = cells if sizes.all() else cells.filter(flags(sizes > 0))
    texts = _as_texts(present)
    sketch = partial(ColumnSketch, name, kind, len(cells), len(cells) - len(present))
    if not len(texts):
        return sketch(NO_NUMBERS, NO_TIMES, NO_TEXTS, NOTHING, "empty")
    if kind in ("integer", "float"):
        integers = parse_integers(texts) if kind == "integer" else None
        parsed, mask = (integers, None) if integers is not None else _numbers_in(texts)
        numbers, seen = _sketch_numbers(parsed)
        rest, others = _rest(texts, mask)
        return sketch(numbers, NO_TIMES, rest, merge_distinct([seen, others]), "number")
    if kind in ("date", "timestamp"):
        mask, values = parse_times(texts)
        times, seen = _sketch_times(values)
        rest, others = _rest(texts, mask)
        return sketch(NO_NUMBERS, times, rest, merge_distinct([seen, others]), "time")
    found, seen = _sketch_texts(texts)
    return sketch(NO_NUMBERS, NO_TIMES, found, seen, "boolean" if kind == "boolean" else "text")


def sketch_array(name: str, array: Any) -> Iterator[ColumnSketch]:
    """Yield the sketches of a column of Arrow: of a nested one those of its leaves.

    Of a type that pyarrow cannot handle only cells and nulls are counted.
    """
    try:
        sketches = list(_sketch_nested(name, array))
    except pyarrow.ArrowNotImplementedError:
        sketches = [_bare_sketch(name, type_name(array.type), "binary", array)]
    yield from sketches


def _sketch_nested(name: str, array: Any) -> Iterator[ColumnSketch]:
    declared = type_name(array.type)
    array = plain_cells(array)
    kind = array.type
    if types.is_struct(kind):
        for place, field in enumerate(kind):
            yield from sketch_array(f"{name}.{field.name}", _field_of(array, place))
    elif types.is_nested(kind) and not types.is_union(kind):
        if types.is_map(kind):
            array = _entries_of(array)
        yield _sketch_leaf(name, declared, "list", array)
        yield from sketch_array(f"{name}[]", array.flatten())
    else:
        yield _sketch_leaf(name, declared, kind_of(kind), array)


def plain_cells(array: Any) -> Any:
    """Return the same cells as pyarrow computes with them; dictionaries of texts stay what they are."""
    while True:
        kind = array.type
        if isinstance(kind, pyarrow.BaseExtensionType):
            array = array.storage
        elif types.is_run_end_encoded(kind):
            places = np.arange(array.offset, array.offset + len(array))
            runs = np.searchsorted(array.run_ends.to_numpy(), places, side="right")
            array = plain_cells(array.values).take(integers(runs))
        elif types.is_string_view(kind):
            array = array.cast(pyarrow.large_string())
        elif types.is_binary_view(kind):
            array = array.cast(pyarrow.large_binary())
        elif types.is_dictionary(kind):
            if kind_of(kind.value_type) == "text" and not array.dictionary.null_count:
                return array
            array = plain_cells(array.dictionary).take(array.indices)
        else:
            return array


def _field_of(structs: Any, place: int) -> Any:
    """Return one field of structs; that of a null is null.  A union has no nulls, and keeps what is there."""
    cells = plain_cells(structs.field(place))
    if not structs.null_count or types.is_union(cells.type):
        return cells
    # Arrow flattens neither unions, which end the process, nor run ends, whose nulls get lost.
    return pyarrow.StructArray.from_arrays([cells], ["cells"], mask=structs.is_null()).flatten()[0]


def _entries_of(maps: Any) -> Any:
    """Return maps as lists of structs."""
    # Not cast, which loses what stands below run ends.  Keys and items are those of the whole map, however it
    # is sliced.
    cells = pyarrow.StructArray.from_arrays([maps.keys, maps.items], ["key", "value"])
    offsets = pyarrow.array(np.asarray(maps.offsets))
    return pyarrow.ListArray.from_arrays(offsets, cells, mask=maps.is_null())


def _bare_sketch(name: str, declared: str, kind: Kind, array: Any) -> ColumnSketch:
    nulls = array.null_count
    return ColumnSketch(name, declared, len(array), nulls, NO_NUMBERS, NO_TIMES, NO_TEXTS, NOTHING, kind)


def _sketch_leaf(name: str, declared: str, kind: Kind, array: Any) -> ColumnSketch:
    nothing = _bare_sketch(name, declared, kind, array)
    present = array.drop_null() if array.null_count else array
    if not len(present):
        return nothing
    match kind:
        case "number":
            numbers, seen = _sketch_numbers(as_numbers(present))
            return replace(nothing, numbers=numbers, distinct=seen)
        case "time":
            times, seen = _sketch_times(as_microseconds(present))
            return replace(nothing, times=times, distinct=seen)
        case "text" | "boolean":
            texts, seen = _sketch_texts(_plain_text(present))
            return replace(nothing, texts=texts, distinct=seen)
        case "binary":
            texts, seen = _sketch_binary(present)
            return replace(nothing, texts=texts, distinct=seen)
        case "list":
            lengths, _ = _sketch_numbers(compute.list_value_length(present).cast("int64").to_numpy())
            return replace(nothing, numbers=lengths)
    return nothing


def kind_of(kind: Any) -> Kind:
    """Return what the cells of a type of Arrow are taken for; what is nested is `binary` here."""
    if types.is_boolean(kind):
        return "boolean"
    if types.is_date(kind) or types.is_timestamp(kind):
        return "time"
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return "number"
    if types.is_time(kind) or types.is_duration(kind):
        return "number"
    if types.is_dictionary(kind) or types.is_string(kind) or types.is_large_string(kind):
        return "text"
    if types.is_string_view(kind):
        return "text"
    return "empty" if types.is_null(kind) else "binary"


def _numbers_in(texts: Any) -> tuple[Values, Any]:
    mask, values = parse_numbers(texts)
    return values, mask


def _rest(texts: Any, mask: Any) -> tuple[Texts, Distinct]:
    """Return the sketch of the texts that the mask leaves out; None: of none."""
    if mask is None or mask.all():
        return NO_TEXTS, NOTHING
    return _sketch_texts(texts.filter(flags(~mask)))


def _as_texts(cells: Any) -> Any:
    try:
        return cells.cast(pyarrow.large_string())
    except pyarrow.ArrowInvalid:
        # Not UTF-8: as good as can be shown.  Python's loop, for a file that is broken.
        return pyarrow.array(
            [cell.decode("utf-8", "backslashreplace") for cell in cells.to_pylist()], pyarrow.large_string()
        )


def _plain_text(array: Any) -> Any:
    """Return texts, or truths as `true` and `false`; dictionaries stay what they are."""
    if types.is_dictionary(array.type):
        return array
    return array.cast(pyarrow.large_string())


def as_numbers(array: Any) -> Values:
    """Return plain cells of kind `number`, none of them null."""
    kind = array.type
    if types.is_time(kind) or types.is_duration(kind):
        whole = array.cast("int32" if types.is_time32(kind) else "int64").to_numpy()
        return np.asarray(whole.astype(np.float64) / _SECONDS[kind.unit])
    if types.is_uint64(kind):
        values = array.to_numpy()
        return np.asarray(values.astype(np.float64 if (values >> np.uint64(63)).any() else np.int64))
    if types.is_integer(kind):
        return np.asarray(array.cast("int64").to_numpy())
    if types.is_decimal(kind):
        return _as_floats(array)
    # Not cast by Arrow, which has not got all casts of float16.
    return np.asarray(array.to_numpy(zero_copy_only=False)).astype(np.float64)


def _as_floats(decimals: Any) -> F64:
    """Return the floats that are nearest; Arrow's own cast is off by one place now and then."""
    kind = decimals.type
    word = min(8, kind.bit_width // 8)
    words = np.frombuffer(decimals.buffers()[1], f"<i{word}").reshape(-1, kind.bit_width // 8 // word)
    words = words[decimals.offset : decimals.offset + len(decimals)]
    low = words[:, 0].astype(np.int64)
    fits = (words[:, 1:] == (low >> 63)[:, np.newaxis]).all(axis=1) & (low <= _WHOLE) & (low >= -_WHOLE)
    if not -_TENS <= kind.scale <= _TENS:
        fits[:] = False
    # Both are floats, so that one division or product rounds once.
    ten = 10.0 ** min(abs(kind.scale), _TENS)
    floats = low / ten if kind.scale >= 0 else low * ten
    for place in np.flatnonzero(~fits).tolist():
        # As Python's integers, whose division is exact.
        number = int.from_bytes(words[place].tobytes(), "little", signed=True)
        floats[place] = number / 10**kind.scale if kind.scale >= 0 else float(number * 10**-kind.scale)
    return np.asarray(floats, np.float64)


def as_microseconds(array: Any) -> I64:
    """Return plain cells of kind `time`, none of them null, as microseconds since 1970."""
    kind = array.type
    if types.is_date32(kind):
        return np.asarray(array.cast("int32").to_numpy().astype(np.int64) * _DAY)
    values = np.asarray(array.cast("int64").to_numpy())
    unit = "ms" if types.is_date64(kind) else kind.unit
    if unit == "ns":
        return values // 1000
    # Hundreds of thousands of years away all times are one.
    factor = int(1e6 / _SECONDS[unit])
    return np.asarray(np.clip(values, -(2**63) // factor + 1, (2**63 - 1) // factor) * factor)


def _sketch_numbers(values: Values) -> tuple[Numbers, Distinct]:
    nans = infinities = 0
    if values.dtype == np.float64:
        is_finite = np.isfinite(values)
        if not is_finite.all():
            nans = int(np.isnan(values).sum())
            infinities = len(values) - nans - int(is_finite.sum())
            values = values[is_finite]
        # What is added makes 0.0 of -0.0.
        values = values + 0.0
    different, counts = count_sorted(np.sort(values))
    if not len(different):
        return replace(NO_NUMBERS, nans=nans, infinities=infinities), NOTHING
    ranks = rank_values(different, counts)
    floats, weights = different.astype(np.float64), counts.astype(np.float64)
    total = len(values)
    mean, squares = _find_moments(floats, weights, total)
    zero = int(np.searchsorted(different, 0))
    is_there = zero < len(different) and different[zero] == 0
    numbers = Numbers(
        ranks=ranks,
        mean=mean,
        squares=squares,
        zeros=int(counts[zero]) if is_there else 0,
        negatives=int(counts[:zero].sum()),
        nans=nans,
        infinities=infinities,
        frequent=keep_frequent(numbers_of(different), counts),
    )
    return numbers, sketch_hashes(_hash(integers(_whole(different))))


def _find_moments(values: F64, weights: F64, total: int) -> tuple[float, float]:
    """Return the mean, and the sum of the squares of the differences from it; finite both."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean = sum_in_order(values * weights) / total
        if not math.isfinite(mean):
            mean = sum_in_order(values * (weights / total))
        squares = sum_in_order((values - mean) ** 2 * weights)
    greatest = sys.float_info.max
    return max(-greatest, min(mean, greatest)), min(squares, greatest)


def _whole(values: Values) -> Values:
    """Return whole floats as integers, beside which others keep their bits."""
    if values.dtype != np.float64:
        return values
    bits = values.view(np.int64).copy()
    is_whole = (np.floor(values) == values) & (np.abs(values) <= _WHOLE)
    bits[is_whole] = values[is_whole].astype(np.int64)
    return bits


def _sketch_times(values: I64) -> tuple[Times, Distinct]:
    different, counts = count_sorted(np.sort(values))
    if not len(different):
        return NO_TIMES, NOTHING
    days = different // _DAY
    hours = np.bincount((different - days * _DAY) // _HOUR, counts, 24).astype(np.int64)
    # The first of January 1970 was a Thursday.
    weekdays = np.bincount((days + 3) % 7, counts, 7).astype(np.int64)
    each, starts = np.unique(days, return_index=True)
    per_day = np.add.reduceat(counts, starts)
    times = Times(
        rank_values(different, counts),
        hours,
        weekdays,
        keep_frequent(integers(each), per_day, kept=DAYS_KEPT),
    )
    return times, sketch_hashes(_hash(integers(different)))


def _sketch_texts(texts: Any) -> tuple[Texts, Distinct]:
    different, counts = _count_texts(texts)
    lengths = compute.utf8_length(different).cast("int64").to_numpy()
    ranks = _rank_weighted(lengths, counts)
    found = Texts(
        lengths=ranks,
        empty=int(counts[lengths == 0].sum()),
        as_numbers=count_numbers(different, counts),
        as_times=count_times(different, counts),
        frequent=_cut_long(keep_frequent(different, counts)),
    )
    return found, sketch_hashes(_hash(different))


def _count_texts(texts: Any) -> tuple[Any, I64]:
    """Return the different texts, and how often each occurs."""
    if types.is_dictionary(texts.type):
        # One that came so may hold what no row has, or one text twice.
        indices = texts.indices.to_numpy(zero_copy_only=False)
        counts = np.bincount(indices, minlength=len(texts.dictionary))
        present = np.flatnonzero(counts)
        different = texts.dictionary.cast(pyarrow.large_string()).take(integers(present))
        different, counts = _count_again(different, counts[present])
    else:
        encoded = texts.dictionary_encode()
        different = encoded.dictionary
        counts = np.bincount(encoded.indices.to_numpy(), minlength=len(different))
    try:
        different.validate(full=True)
    except pyarrow.ArrowInvalid:
        return _count_again(_as_texts(different.cast(pyarrow.large_binary())), counts)
    return different, counts


def _count_again(texts: Any, counts: I64) -> tuple[Any, I64]:
    """Return texts that occur `counts` times each once."""
    encoded = texts.dictionary_encode()
    sums = np.bincount(encoded.indices.to_numpy(), counts, len(encoded.dictionary))
    return encoded.dictionary, sums.astype(np.int64)


def _rank_weighted(values: I64, counts: I64) -> Any:
    order = np.argsort(values, kind="stable")
    different, starts = np.unique(values[order], return_index=True)
    return rank_values(different, np.add.reduceat(counts[order], starts)) if len(values) else NO_RANKS


def _sketch_binary(array: Any) -> tuple[Texts, Distinct]:
    seen = sketch_hashes(_hash(array))
    kind = array.type
    if not (types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind)):
        # Unions, intervals.
        return NO_TEXTS, seen
    lengths, counts = count_sorted(np.sort(compute.binary_length(array).cast("int64").to_numpy()))
    empty = int(counts[lengths == 0].sum())
    return replace(NO_TEXTS, lengths=rank_values(lengths, counts), empty=empty), seen


def _cut_long(frequent: Frequent) -> Frequent:
    lengths = compute.utf8_length(frequent.values).to_numpy(zero_copy_only=False)
    if not (lengths > MAX_TEXT).any():
        return frequent
    hashes = _hash(frequent.values).tolist()
    cut = [
        f"{text[:MAX_TEXT]}… {number:016x}" if len(text) > MAX_TEXT else text
        for text, number in zip(frequent.values.to_pylist(), hashes, strict=True)
    ]
    # What is cut may have another place, or be what another is: hashes of a known seed can be made equal.
    values, counts = _count_again(pyarrow.array(cut, pyarrow.large_string()), frequent.counts)
    return keep_frequent(values, counts, frequent.unseen)


def _hash(array: Any) -> U64:
    prints = np.full(len(array), _SEED, np.uint64)
    fold_cells(prints, [array], _SEED)
    return prints
