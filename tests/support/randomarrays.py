"""Random Arrow arrays of all types, together with what they hold as plain values.

The values are not read back from the array: they are what it was made of.
"""

from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from random import Random
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa


class Tree(NamedTuple):
    """What the values of an array are: of a struct its fields, of a list or a map its items."""

    kind: str
    """`number`, `time`, `text`, `boolean`, `binary`, `struct`, `list`, `opaque` or `empty`."""
    children: tuple[tuple[str, "Tree"], ...] = ()


class Made(NamedTuple):
    """An array; a number is an int or a float, a time its microseconds, a map a list of dicts."""

    array: Any
    tree: Tree
    values: list[Any]


Maker = Callable[[Random, int], Made]

_TEXTS = (
    "",
    "a",
    "b",
    "ä",
    "日本",
    "😀",
    "e\u0301",
    "x" * 201,
    "x" * 250,
    "1",
    "1.5",
    "2024-01-02",
    "\n",
    " ",
)
_DAY = 86_400_000_000


def random_made(rng: Random, rows: int, depth: int = 0) -> Made:
    """Return an array of `rows` cells of any type, maybe a slice of a longer one."""
    makers = _LEAVES if depth > 2 else _ALL
    before, behind = (rng.choice((0, 0, 1, 9)) for _ in range(2))
    made = rng.choice(makers)(rng, before + rows + behind)
    return Made(made.array.slice(before, rows), made.tree, made.values[before : before + rows])


def _nullable(rng: Random, values: list[Any]) -> list[Any]:
    share = rng.choice((0.0, 0.0, 0.1, 0.5, 1.0))
    return [None if rng.random() < share else value for value in values]


def _pooled(rng: Random, rows: int, new: Callable[[], Any]) -> list[Any]:
    """Few values that come often, or nearly as many as there are rows."""
    if rng.random() < 0.5:
        pool = [new() for _ in range(rng.choice((1, 3, 40, 400)))]
        return [rng.choice(pool) for _ in range(rows)]
    return [new() for _ in range(rows)]


def _integers(kind: Any, low: int, high: int) -> Maker:
    def make(rng: Random, rows: int) -> Made:
        width = min(high - low, rng.choice((10, 1000, high - low)))
        start = rng.choice((low, 0, high - width)) if high - low > width else low
        start = max(low, min(start, high - width))
        values = _nullable(rng, _pooled(rng, rows, lambda: start + rng.randrange(width + 1)))
        return Made(pa.array(values, kind), Tree("number"), values)

    return make


def _floats(kind: Any, dtype: Any) -> Maker:
    def make(rng: Random, rows: int) -> Made:
        nasty = (0.0, -0.0, float("nan"), float("inf"), float("-inf"), 1.0, -1.5)
        scale = rng.choice((1.0, 100.0, 1e4))
        share = rng.choice((0, 0.2))

        def new() -> float:
            value = rng.choice(nasty) if rng.random() < share else rng.gauss(0, scale)
            return float(dtype(round(value, 2) if rng.random() < 0.5 and np.isfinite(value) else value))

        values = _nullable(rng, _pooled(rng, rows, new))
        numbers = np.array([0.0 if value is None else value for value in values], dtype)
        mask = np.array([value is None for value in values], bool)
        return Made(pa.array(numbers, kind, mask=mask), Tree("number"), values)

    return make


def _decimals(kind: Any) -> Maker:
    def make(rng: Random, rows: int) -> Made:
        digits = rng.choice((3, min(kind.precision, 15), kind.precision))

        def new() -> Decimal:
            number = rng.randrange(10**digits) * rng.choice((1, -1))
            return Decimal((number < 0, tuple(map(int, str(abs(number)))), -kind.scale))

        cells = _nullable(rng, _pooled(rng, rows, new))
        values = [None if cell is None else float(cell) for cell in cells]
        return Made(pa.array(cells, kind), Tree("number"), values)

    return make


def _times(kind: Any, per_second: int, low: int, high: int) -> Maker:
    """From seconds `low` to `high` since 1970."""

    def make(rng: Random, rows: int) -> Made:
        first = rng.randrange(low, high)
        width = min(high - first, rng.choice((10, 86400, 10**7, 10**10)))
        new = lambda: rng.randrange(first * per_second, (first + width) * per_second + 1)  # noqa: E731
        raw = _nullable(rng, _pooled(rng, rows, new))
        values = [None if value is None else value * 10**6 // per_second for value in raw]
        return Made(pa.array(raw, pa.int64()).cast(kind), Tree("time"), values)

    return make


def _date32(rng: Random, rows: int) -> Made:
    days = _nullable(rng, _pooled(rng, rows, lambda: rng.randrange(-700_000, 2_900_000)))
    values = [None if day is None else day * _DAY for day in days]
    return Made(pa.array(days, pa.int32()).cast(pa.date32()), Tree("time"), values)


def _date64(rng: Random, rows: int) -> Made:
    days = _nullable(rng, _pooled(rng, rows, lambda: rng.randrange(-700_000, 2_900_000)))
    raw = pa.array([None if day is None else day * 86_400_000 for day in days], pa.int64())
    return Made(raw.cast(pa.date64()), Tree("time"), [None if day is None else day * _DAY for day in days])


def _clocks(kind: Any, per_second: int, low: int, high: int) -> Maker:
    """Times of the day and durations: numbers of seconds."""

    def make(rng: Random, rows: int) -> Made:
        raw = _nullable(rng, _pooled(rng, rows, lambda: rng.randrange(low, high)))
        values = [None if value is None else float(value) / per_second for value in raw]
        plain = pa.array(raw, pa.int32() if kind.bit_width == 32 else pa.int64())
        return Made(plain.cast(kind), Tree("number"), values)

    return make


def _new_text(rng: Random) -> str:
    if rng.random() < 0.5:
        return rng.choice(_TEXTS)
    return "".join(rng.choices("abä日😀 \t,0123", k=rng.randrange(12)))


def _texts(kind: Any) -> Maker:
    def make(rng: Random, rows: int) -> Made:
        values = _nullable(rng, _pooled(rng, rows, lambda: _new_text(rng)))
        return Made(pa.array(values, kind), Tree("text"), values)

    return make


def _binary(kind: Any, size: int | None = None) -> Maker:
    def make(rng: Random, rows: int) -> Made:
        new = lambda: rng.randbytes(rng.randrange(9) if size is None else size)  # noqa: E731
        values = _nullable(rng, _pooled(rng, rows, new))
        return Made(pa.array(values, kind), Tree("binary"), values)

    return make


def _booleans(rng: Random, rows: int) -> Made:
    values = _nullable(rng, [rng.random() < 0.3 for _ in range(rows)])
    texts = [None if value is None else str(value).lower() for value in values]
    return Made(pa.array(values, pa.bool_()), Tree("boolean"), texts)


def _nulls(rng: Random, rows: int) -> Made:
    return Made(pa.nulls(rows), Tree("empty"), [None] * rows)


def _uuids(rng: Random, rows: int) -> Made:
    made = _binary(pa.binary(16), 16)(rng, rows)
    return made._replace(array=pa.ExtensionArray.from_storage(pa.uuid(), made.array))


def _dictionary(rng: Random, rows: int) -> Made:
    inner = rng.choice(_LEAVES)(rng, rng.choice((1, 5, 300)))
    places = _nullable(rng, [rng.randrange(len(inner.values)) for _ in range(rows)])
    indices = pa.array(places, rng.choice((pa.int16(), pa.uint16(), pa.int32(), pa.int64(), pa.uint64())))
    array = pa.DictionaryArray.from_arrays(indices, inner.array)
    return Made(array, inner.tree, [None if place is None else inner.values[place] for place in places])


def _runs(rng: Random, rows: int) -> Made:
    ends = sorted({*rng.sample(range(1, rows + 1), min(rows, rng.choice((0, 3, 50)))), rows} - {0})
    inner = rng.choice(_LEAVES)(rng, len(ends))
    array = pa.RunEndEncodedArray.from_arrays(pa.array(ends, pa.int32()), inner.array)
    lengths = np.diff([0, *ends])
    values = [value for value, length in zip(inner.values, lengths, strict=True) for _ in range(length)]
    return Made(array, inner.tree, values)


def _mask(rng: Random, rows: int) -> list[bool]:
    share = rng.choice((0, 0, 0.2, 1))
    return [rng.random() < share for _ in range(rows)]


def _struct(rng: Random, rows: int) -> Made:
    names = rng.sample(("a", "b", "ä", "x.y"), rng.randrange(1, 4))
    inner = [random_made(rng, rows, depth=2) for _ in names]
    mask = _mask(rng, rows)
    array = pa.StructArray.from_arrays([each.array for each in inner], names, mask=pa.array(mask, pa.bool_()))
    cells = [dict(zip(names, row, strict=True)) for row in zip(*(each.values for each in inner), strict=True)]
    values = [None if null else cell for null, cell in zip(mask, cells, strict=True)]
    return Made(array, Tree("struct", tuple(zip(names, (each.tree for each in inner), strict=True))), values)


def _list(rng: Random, rows: int) -> Made:
    sizes = [rng.choice((0, 1, 2, 5)) for _ in range(rows)]
    offsets = [0, *np.cumsum(sizes, dtype=int).tolist()]
    inner, mask = random_made(rng, offsets[-1], depth=2), _mask(rng, rows)
    cells = [inner.values[start:end] for start, end in pairwise(offsets)]
    nulls = pa.array(mask, pa.bool_())
    match rng.randrange(4):
        case 0:
            array = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), inner.array, mask=nulls)
        case 1:
            array = pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), inner.array, mask=nulls)
        case 2:
            starts, lengths = pa.array(offsets[:-1], pa.int32()), pa.array(sizes, pa.int32())
            array = pa.ListViewArray.from_arrays(starts, lengths, inner.array, mask=nulls)
        case _:
            starts, lengths = pa.array(offsets[:-1], pa.int64()), pa.array(sizes, pa.int64())
            array = pa.LargeListViewArray.from_arrays(starts, lengths, inner.array, mask=nulls)
    values = [None if null else cell for null, cell in zip(mask, cells, strict=True)]
    return Made(array, Tree("list", (("", inner.tree),)), values)


def _fixed_size_list(rng: Random, rows: int) -> Made:
    size = rng.choice((1, 3))
    inner, mask = random_made(rng, rows * size, depth=2), _mask(rng, rows)
    array = pa.FixedSizeListArray.from_arrays(inner.array, size, mask=pa.array(mask, pa.bool_()))
    values = [
        None if null else inner.values[place * size : (place + 1) * size] for place, null in enumerate(mask)
    ]
    return Made(array, Tree("list", (("", inner.tree),)), values)


def _map(rng: Random, rows: int) -> Made:
    sizes = [rng.choice((0, 1, 3)) for _ in range(rows)]
    offsets = [0, *np.cumsum(sizes, dtype=int).tolist()]
    keys = [f"k{rng.randrange(5)}" for _ in range(offsets[-1])]
    items, mask = random_made(rng, offsets[-1], depth=2), _mask(rng, rows)
    starts = [None if null else start for null, start in zip(mask, offsets, strict=False)]
    names, bounds = pa.array(keys, pa.string()), pa.array([*starts, offsets[-1]], pa.int32())
    array = pa.MapArray.from_arrays(bounds, names, items.array)
    # A null has no entries of its own: what lies there belongs to the one before.
    values: list[Any] = []
    known = [start for start in starts if start is not None]
    ends = iter([*known[1:], offsets[-1]])
    for start in starts:
        if start is None:
            values.append(None)
            continue
        end = next(ends)
        pairs = zip(keys[start:end], items.values[start:end], strict=True)
        values.append([{"key": key, "value": item} for key, item in pairs])
    entry = Tree("struct", (("key", Tree("text")), ("value", items.tree)))
    return Made(array, Tree("list", (("", entry),)), values)


def _union(rng: Random, rows: int) -> Made:
    codes = [rng.randrange(2) for _ in range(rows)]
    left, right = pa.array(range(rows), pa.int64()), pa.array([str(code) for code in codes], pa.string())
    array = pa.UnionArray.from_sparse(pa.array(codes, pa.int8()), [left, right])
    values = [str(code) if code else row for row, code in enumerate(codes)]
    return Made(array, Tree("opaque"), values)


_SEVEN = 7 * 86400
_LEAVES: list[Maker] = [
    *(
        _integers(getattr(pa, f"int{bits}")(), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        for bits in (8, 16, 32, 64)
    ),
    *(_integers(getattr(pa, f"uint{bits}")(), 0, 2**bits - 1) for bits in (8, 16, 32, 64)),
    _floats(pa.float16(), np.float16),
    _floats(pa.float32(), np.float32),
    _floats(pa.float64(), np.float64),
    *(_decimals(pa.decimal128(*how)) for how in ((5, 2), (18, 6), (38, 0), (38, 30), (9, -2))),
    _decimals(pa.decimal256(76, 20)),
    _booleans,
    _date32,
    _date64,
    _times(pa.timestamp("s"), 1, -62_135_596_800, 253_402_300_799),
    _times(pa.timestamp("ms", "UTC"), 1000, -62_135_596_800, 253_402_300_799),
    _times(pa.timestamp("us", "+05:30"), 10**6, -62_135_596_800, 253_402_300_799),
    _times(pa.timestamp("ns", "Europe/Berlin"), 10**9, -(10**9), 9 * 10**9),
    _clocks(pa.time32("s"), 1, 0, 86_400),
    _clocks(pa.time32("ms"), 1000, 0, 86_400_000),
    _clocks(pa.time64("us"), 10**6, 0, 86_400_000_000),
    _clocks(pa.time64("ns"), 10**9, 0, 86_400_000_000_000),
    _clocks(pa.duration("s"), 1, -_SEVEN, _SEVEN),
    _clocks(pa.duration("ns"), 10**9, -(2**63), 2**63),
    *(_texts(kind) for kind in (pa.string(), pa.large_string(), pa.string_view())),
    *(_binary(kind) for kind in (pa.binary(), pa.large_binary(), pa.binary_view())),
    _binary(pa.binary(5), 5),
    _binary(pa.binary(16), 16),
    _nulls,
]
_ALL = [*_LEAVES, _uuids, *[_dictionary, _runs, _struct, _list, _fixed_size_list, _map] * 3, _union]
