"""datav.tables.hashing: equal cells have equal fingerprints, others have not, however they are encoded."""

import datetime
import random
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from datav.tables.hashing import fingerprint

SEED = 0x1234_5678_9ABC_DEF0


def prints_of(*columns, key=()) -> list[int]:
    return fingerprint(columns, key, len(columns[0]), SEED)[1].tolist()


def moment(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


FLAT = {
    "null": (pa.null(), [None]),
    "bool": (pa.bool_(), [True, False, None]),
    "int8": (pa.int8(), [0, 1, -1, 127, None]),
    "uint16": (pa.uint16(), [0, 1, 65535, None]),
    "int32": (pa.int32(), [0, 1, -(2**31), None]),
    "int64": (pa.int64(), [0, 1, -1, 2**62, None]),
    "float16": (pa.float16(), [np.float16(0), np.float16(1.5), np.float16("inf"), np.float16("nan"), None]),
    "float32": (pa.float32(), [0.0, 1.5, float("inf"), float("nan"), None]),
    "float64": (pa.float64(), [0.0, 0.1, float("-inf"), float("nan"), None]),
    "decimal128": (pa.decimal128(20, 2), [Decimal("0.00"), Decimal("1.50"), Decimal("-1.50"), None]),
    "decimal256": (pa.decimal256(60, 2), [Decimal("0.00"), Decimal("1.50"), None]),
    "date32": (pa.date32(), [datetime.date(1970, 1, 1), datetime.date(2024, 2, 29), None]),
    "date64": (pa.date64(), [datetime.date(1970, 1, 1), datetime.date(2024, 2, 29), None]),
    "time32": (pa.time32("ms"), [datetime.time(0), datetime.time(1, 2, 3), None]),
    "time64": (pa.time64("us"), [datetime.time(0), datetime.time(1, 2, 3), None]),
    "timestamp": (pa.timestamp("us"), [moment("1970-01-01"), moment("2024-01-01T01:02:03.000004"), None]),
    "zoned": (
        pa.timestamp("ms", "Europe/Berlin"),
        [moment("2024-10-27T00:30+00:00"), moment("2024-10-27T01:30+00:00"), None],
    ),
    "duration": (pa.duration("ns"), [0, 1, 10**15, None]),
    "interval": (
        pa.month_day_nano_interval(),
        [pa.MonthDayNano([1, 0, 0]), pa.MonthDayNano([0, 30, 0]), pa.MonthDayNano([0, 0, 1]), None],
    ),
    "string": (pa.string(), ["", "a", "b", "ab", "\0", "a" * 17, "a" * 16 + "b", None]),
    "large_string": (pa.large_string(), ["", "a", "ab", None]),
    "binary": (pa.binary(), [b"", b"\0", b"\0\0", None]),
    "large_binary": (pa.large_binary(), [b"", b"\0", b"\0\0", None]),
    "fixed[3]": (pa.binary(3), [b"abc", b"abd", b"\0\0\0", None]),
    "fixed[16]": (pa.binary(16), [b"a" * 16, b"b" * 16, None]),
    "string_view": (pa.string_view(), ["", "a", "a text too long to be inlined", None]),
}
NESTED = {
    "list": (pa.list_(pa.int32()), [[], [None], [0], [0, 0], [0, 1], [1, 0], None]),
    "large_list": (pa.large_list(pa.string()), [[], [""], ["", ""], ["a", "b"], ["ab"], None]),
    "list_view": (pa.list_view(pa.int32()), [[], [0], [0, 1], [1, 0], None]),
    "fixed_list": (pa.list_(pa.int16(), 2), [[0, 0], [0, 1], [None, 0], None]),
    "list of lists": (
        pa.list_(pa.list_(pa.int8())),
        [[], [[]], [[], []], [[1], [2]], [[1, 2]], [None], None],
    ),
    "struct": (
        pa.struct([("a", pa.int32()), ("b", pa.string())]),
        [{"a": 1, "b": "x"}, {"a": 1, "b": None}, {"a": None, "b": "x"}, {"a": None, "b": None}, None],
    ),
    "list of structs": (
        pa.list_(pa.struct([("a", pa.float64())])),
        [[], [{"a": 0.0}], [{"a": float("nan")}], [None], [{"a": None}], None],
    ),
    "map": (
        pa.map_(pa.string(), pa.int32()),
        [[], [("a", 1)], [("a", None)], [("a", 1), ("b", 2)], [("b", 2), ("a", 1)], None],
    ),
}
ALL = {**FLAT, **NESTED}


@pytest.mark.parametrize("name", ALL)
def test_cells_have_the_same_fingerprint_just_if_they_are_the_same(name):
    kind, values = ALL[name]

    found = prints_of(pa.array(values + values, kind))

    assert found[: len(values)] == found[len(values) :]
    assert len(set(found)) == len(values)


@pytest.mark.parametrize("name", ALL)
def test_slices_and_chunks_are_nothing_to_a_fingerprint(name):
    kind, values = ALL[name]
    rng = random.Random(name)
    cells = [rng.choice(values) for _ in range(50)]
    expected = prints_of(pa.array(cells, kind))

    array = pa.array(values + cells + values, kind)
    sliced = array.slice(len(values), len(cells))
    chunked = pa.chunked_array(
        [array.slice(len(values), 7), pa.array([], kind), array.slice(len(values) + 7, 43)]
    )

    assert prints_of(sliced) == expected
    assert prints_of(sliced.slice(3, 11)) == expected[3:14]
    assert prints_of(chunked) == expected


@pytest.mark.parametrize("name", ["int64", "string", "binary", "float64", "timestamp"])
def test_dictionaries_and_run_ends_are_nothing_to_a_fingerprint(name):
    kind, values = FLAT[name]
    array = pa.array([value for value in values for _ in range(3)], kind)
    expected = prints_of(array)

    assert prints_of(array.dictionary_encode()) == expected
    assert prints_of(array.dictionary_encode().slice(2, 5)) == expected[2:7]
    assert prints_of(pa.compute.run_end_encode(array)) == expected
    with_null_inside = pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 1]), pa.array(["a", None]))
    assert prints_of(with_null_inside) == prints_of(pa.array(["a", None, None, None]))


def test_text_is_the_same_in_every_layout():
    texts = ["", "a", None, "a text too long to be inlined in a view"]

    found = [prints_of(pa.array(texts, kind)) for kind in (pa.string(), pa.large_string(), pa.string_view())]

    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("kind", [pa.float16(), pa.float32(), pa.float64()])
def test_zeros_are_the_same_and_so_are_all_nans(kind):
    width = kind.bit_width // 8
    nans = {2: [0x7E00, 0xFE01], 4: [0x7FC00000, 0xFFC00001], 8: [0x7FF8 << 48, (0xFFF8 << 48) + 1]}[width]
    zeros = [0, 1 << (8 * width - 1)]
    cells = np.array(nans + zeros, f"u{width}").view(f"f{width}")

    a, b, c, d = prints_of(pa.array(cells, kind))

    assert a == b != c == d


def test_what_lies_below_a_null_is_nothing_to_a_fingerprint():
    lists = pa.ListArray.from_arrays(pa.array([0, 2, 3]), pa.array([1, 2, 3]), mask=pa.array([True, False]))
    structs = pa.StructArray.from_arrays([pa.array([1, 2])], ["a"], mask=pa.array([True, False]))
    numbers = pa.Array.from_buffers(
        pa.int32(), 2, [pa.py_buffer(b"\2"), pa.array([7, 8], pa.int32()).buffers()[1]]
    )

    assert prints_of(lists) == prints_of(pa.array([None, [3]]))
    assert prints_of(structs) == prints_of(pa.array([None, {"a": 2}]))
    assert prints_of(numbers) == prints_of(pa.array([None, 8], pa.int32()))


def test_unions_are_compared_by_type_and_value():
    codes = pa.array([0, 1, 1, 0, 1], pa.int8())
    integers, texts = pa.array([1, 0, 0, 1, 0]), pa.array(["", "1", "2", "", "1"])
    sparse = pa.UnionArray.from_sparse(codes, [integers, texts])
    dense = pa.UnionArray.from_dense(
        codes, pa.array([0, 0, 1, 1, 0], pa.int32()), [pa.array([1, 1]), pa.array(["1", "2"])]
    )

    for union in (sparse, dense):
        found = prints_of(union)
        assert found[0] == found[3]
        assert found[1] == found[4]
        assert len(set(found)) == 3
        assert prints_of(union.slice(1, 3)) == found[1:4]


def test_extension_types_are_what_they_store():
    numbers = [b"a" * 16, None, b"b" * 16]

    found = prints_of(pa.array(numbers, pa.uuid()))

    assert found == prints_of(pa.array(numbers, pa.binary(16)))


def test_the_key_is_fingerprinted_apart_from_the_row():
    a, b, c = pa.array([1, 1, 2]), pa.array(["x", "y", "x"]), pa.array([0.5, 0.5, 0.5])

    keys, rows = fingerprint([a, b, c], [0], 3, SEED)
    both, _ = fingerprint([a, b, c], [2, 0], 3, SEED)
    none, all_cells = fingerprint([a, b, c], [], 3, SEED)

    assert keys[0] == keys[1] != keys[2]
    assert both[0] == both[1] != both[2]
    assert len(set(rows.tolist())) == 3
    assert none is all_cells
    assert rows.tolist() == all_cells.tolist()


def test_another_seed_gives_other_fingerprints():
    column = pa.array([[1], [2], None])

    first, second = (fingerprint([column], (), 3, seed)[1].tolist() for seed in (1, 2))

    assert set(first).isdisjoint(second)


def test_a_table_without_rows_has_no_fingerprints():
    for kind, _ in ALL.values():
        assert prints_of(pa.array([], kind)) == []


def random_kind(rng: random.Random, depth: int = 0):
    """A type and a function that makes cells of it; the cells are values of Python that can be compared."""
    choices = list(FLAT) if depth >= 2 else [*FLAT, "list", "struct", "struct", "map"]
    name = rng.choice([choice for choice in choices if choice not in ("interval", "float16")])
    if name in FLAT:
        kind, values = FLAT[name]
        return kind, lambda: rng.choice(values)
    if name == "list":
        kind, make = random_kind(rng, depth + 1)
        return pa.list_(kind), lambda: rng.choice([None, [make() for _ in range(rng.randrange(3))]])
    if name == "map":
        kind, make = random_kind(rng, depth + 1)
        return pa.map_(pa.string(), kind), lambda: [
            (rng.choice("ab"), make()) for _ in range(rng.randrange(3))
        ]
    inner = [random_kind(rng, depth + 1) for _ in range(rng.randint(1, 3))]
    fields = [pa.field(f"f{number}", kind) for number, (kind, _) in enumerate(inner)]
    return (
        pa.struct(fields),
        lambda: rng.choice([None, {f.name: make() for f, (_, make) in zip(fields, inner, strict=True)}]),
    )


@pytest.mark.parametrize("seed", range(60))
def test_rows_of_random_tables_have_the_same_fingerprint_just_if_they_are_the_same(seed):
    rng = random.Random(seed)
    kinds = [random_kind(rng) for _ in range(rng.randint(1, 3))]
    rows = [[make() for _, make in kinds] for _ in range(80)]
    columns = [pa.array([row[i] for row in rows], kind) for i, (kind, _) in enumerate(kinds)]

    found = prints_of(*columns)

    by_value: dict[str, int] = {}
    for row, number in zip(rows, found, strict=True):
        # repr tells 0 from False and 1 from 1.0, and every NaN is called nan.
        assert by_value.setdefault(repr(row), number) == number
    assert len(set(by_value.values())) == len(by_value)


def test_a_struct_with_a_union_has_prints_and_what_lies_below_a_null_does_not_count():
    def struct(below: int) -> pa.Array:
        kinds = pa.array([0, 1, 0], pa.int8())
        union = pa.UnionArray.from_sparse(kinds, [pa.array([1, below, 3]), pa.array(["a", str(below), "c"])])
        return pa.StructArray.from_arrays(
            [union, pa.array([1, below, 3])], ["u", "n"], mask=pa.array([False, True, False])
        )

    prints = [prints_of(struct(below)) for below in (2, 5)]
    assert prints[0] == prints[1]
    assert len(set(prints[0])) == 3
    assert prints_of(struct(2).slice(1, 2)) == prints[0][1:]
