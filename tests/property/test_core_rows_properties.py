"""The two implementations of datav.core.rows agree, and both keep the laws of their docstrings."""

import csv
import io
from array import array
from collections import Counter
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from datav.core import rows, rows_reference
from tests.support.natives import every_variant

try:
    from datav.core import _rows
except ImportError:
    _rows = None  # type: ignore[assignment]  # a machine without a compiler


def every_native() -> Iterator[ModuleType]:
    """For tests that draw data: all variants over one example."""
    return every_variant(_rows)


def u32(items: list[int]) -> bytes:
    return array("I", items).tobytes()


def u64(items: list[int]) -> bytes:
    return array("Q", items).tobytes()


def items(packed: bytes) -> list[int]:
    return list(memoryview(packed).cast("Q"))


cells = st.one_of(
    st.sampled_from([b"", b'"a,b"', b'"', b'""', b'"x""y"', b'"x"y', b'a"b', b'"\r\n"', b"\0", b"\xff"]),
    st.binary(max_size=40),
)
line_ends = st.sampled_from([b"\n", b"\r\n", b"\r", b"\n\n"])


@st.composite
def texts(draw: st.DrawFn) -> bytes:
    """Tables, some with a fixed number of cells, and heaps of the bytes that matter."""
    if draw(st.booleans()):
        return bytes(draw(st.lists(st.sampled_from(b'"",,\n\ra\0'), max_size=300)))
    width = draw(st.integers(1, 4))
    records = draw(st.lists(st.lists(cells, min_size=width, max_size=width), max_size=12))
    text = b"".join(b",".join(record) + draw(line_ends) for record in records)
    return text[: draw(st.integers(0, len(text)))] if draw(st.booleans()) else text


delimiters = st.sampled_from([44, 44, 44, 0, 255, -1])


def read_by_csv(data: bytes) -> list[list[bytes]]:
    text = io.StringIO(data.decode("latin-1"), newline="")
    return [[cell.encode("latin-1") for cell in record] for record in csv.reader(text) if record]


@given(texts())
def test_cells_are_those_of_the_csv_module(data: bytes) -> None:
    wanted = read_by_csv(data)
    width = max((len(record) for record in wanted), default=1)

    count, contents = rows_reference.read_text(data, 44, True, u32([*range(width)]))

    table = []
    for offsets, values in contents:
        ends = items(offsets)
        table.append([values[ends[k] : ends[k + 1]] for k in range(count)])
    assert [list(record) for record in zip(*table, strict=True)] == [
        record + [b""] * (width - len(record)) for record in wanted
    ]


@given(texts(), delimiters, st.booleans(), st.lists(st.integers(0, 5), max_size=6))
def test_native_contents_are_those_of_the_reference(
    data: bytes, delimiter: int, quoting: bool, columns: list[int]
) -> None:
    wanted = rows_reference.read_text(data, delimiter, quoting, u32(columns))

    for native in every_native():
        assert native.read_text(data, delimiter, quoting, u32(columns)) == wanted


@given(
    texts(), st.booleans(), delimiters, st.booleans(), st.integers(1, 5), st.integers(0, 2**64 - 1), st.data()
)
def test_native_scans_are_those_of_the_reference(
    data: bytes, whole: bool, delimiter: int, quoting: bool, width: int, seed: int, draw: st.DataObject
) -> None:
    columns = draw.draw(st.lists(st.integers(0, width - 1), max_size=5))
    key = draw.draw(st.lists(st.integers(0, len(columns) - 1), max_size=3)) if columns else []
    arguments = (data, whole, delimiter, quoting, width, u32(columns), u32(key), seed)
    wanted = rows_reference.scan_text(*arguments)

    for native in every_native():
        assert native.scan_text(*arguments) == wanted


def scan_in_pieces(data: bytes, cuts: list[int]) -> tuple[list[int], list[int]]:
    """Scan as one who gets `data` in pieces: the rest of each goes before the next."""
    starts: list[int] = []
    prints: list[int] = []
    done = 0
    for stop in [*sorted(cut % (len(data) + 1) for cut in cuts), len(data)]:
        whole = stop == len(data)
        result = rows.scan_text(data[done:stop], whole, 44, True, 2, u32([0, 1]), b"", 1)
        starts += [done + start for start in items(result[0])]
        prints += items(result[2])
        done += result[3]
        if whole:
            break
    return starts, prints


@given(texts(), st.lists(st.integers(0, 500), max_size=6))
def test_pieces_give_what_the_whole_gives(data: bytes, cuts: list[int]) -> None:
    whole = rows.scan_text(data, True, 44, True, 2, u32([0, 1]), b"", 1)

    assert scan_in_pieces(data, cuts) == (items(whole[0]), items(whole[2]))


@given(texts())
def test_each_record_reads_the_same_alone(data: bytes) -> None:
    """Records can be fetched by where they start: what the diff reads its cells by."""
    scanned = rows.scan_text(data, True, 44, True, 2, u32([0, 1]), b"", 1)
    starts = items(scanned[0])

    alone = [
        items(rows.scan_text(data[start:stop], True, 44, True, 2, u32([0, 1]), b"", 1)[2])
        for start, stop in zip(starts, [*starts[1:], len(data)], strict=False)
    ]

    assert alone == [[fingerprint] for fingerprint in items(scanned[2])]


@given(st.binary(max_size=200), st.lists(st.tuples(st.integers(0, 210), st.integers(0, 210)), max_size=8))
def test_native_pieces_are_those_of_the_reference(data: bytes, pieces: list[tuple[int, int]]) -> None:
    starts, ends = u64([start for start, _ in pieces]), u64([end for _, end in pieces])
    wanted = gathered(rows_reference, data, starts, ends)

    assert (wanted is None) == any(not start <= end <= len(data) for start, end in pieces)
    for native in every_native():
        assert gathered(native, data, starts, ends) == wanted


def gathered(module: Any, data: bytes, starts: bytes, ends: bytes) -> bytes | None:
    """The pieces, or None if they are refused."""
    try:
        result: bytes = module.gather(data, starts, ends)
    except ValueError:
        return None
    assert len(result) == sum(items(ends)) - sum(items(starts))
    return result


def hash_column(module: Any, name: str, prints: bytes, *arguments: Any) -> bytes | type:
    """The fingerprints after a call, or the class of its error."""
    changed = bytearray(prints)
    try:
        getattr(module, name)(changed, *arguments)
    except ValueError as error:
        return type(error)
    return bytes(changed)


@given(
    st.lists(st.integers(0, 2**64 - 1), max_size=20),
    st.binary(max_size=700),
    st.sampled_from([0, 1, 2, 3, 4, 8, 16, 32]),
    st.binary(max_size=4),
    st.integers(0, 12),
    st.integers(0, 2**64 - 1),
)
def test_native_values_are_hashed_as_by_the_reference(
    prints: list[int], values: bytes, width: int, validity: bytes, offset: int, seed: int
) -> None:
    arguments = ("hash_fixed", u64(prints), values, width, validity, offset, seed)
    wanted = hash_column(rows_reference, *arguments)

    for native in every_native():
        assert hash_column(native, *arguments) == wanted


@given(
    st.lists(st.integers(0, 2**64 - 1), max_size=8),
    st.lists(st.integers(-3, 60), max_size=12),
    st.booleans(),
    st.sampled_from(["i", "q"]),
    st.binary(min_size=20, max_size=60),
    st.sampled_from([b"", b"", b"\x55\x55", b"\xff"]),
    st.integers(0, 3),
)
def test_native_strings_are_hashed_as_by_the_reference(
    prints: list[int],
    offsets: list[int],
    ordered: bool,
    kind: str,
    values: bytes,
    validity: bytes,
    offset: int,
) -> None:
    packed = array(kind, sorted(offsets) if ordered else offsets)
    arguments = ("hash_binary", u64(prints), packed, packed.itemsize, values, validity, offset)
    wanted = hash_column(rows_reference, *arguments)

    for native in every_native():
        assert hash_column(native, *arguments) == wanted


@st.composite
def versions(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    """Two lists that have much in common, of few or many different rows."""
    kinds = draw(st.sampled_from([2, 5, 1000]))
    base = draw(st.lists(st.integers(0, kinds), max_size=60))
    other = list(base)
    for _ in range(draw(st.integers(0, 6))):
        at, stop = sorted(draw(st.tuples(st.integers(0, len(other)), st.integers(0, len(other)))))
        other[at : min(stop, at + 12)] = draw(st.lists(st.integers(0, kinds), max_size=12))
    return base, other


@given(versions(), st.sampled_from([0, 1, 2, 3, 5, 16, 100]))
def test_rows_that_are_not_left_over_are_pairwise_equal(
    pair: tuple[list[int], list[int]], window: int
) -> None:
    a, b = pair
    wanted = rows_reference.align_rows(u64(a), u64(b), window)

    left_a, left_b = (items(side) for side in wanted)

    over_a, over_b = set(left_a), set(left_b)
    assert left_a == sorted(over_a)
    assert left_b == sorted(over_b)
    assert [row for k, row in enumerate(a) if k not in over_a] == [
        row for k, row in enumerate(b) if k not in over_b
    ]
    # What remains differs by as much as the whole.
    difference = Counter(a)
    difference.subtract(b)
    remaining = Counter(a[k] for k in left_a)
    remaining.subtract(b[k] for k in left_b)
    assert {row: n for row, n in difference.items() if n} == {row: n for row, n in remaining.items() if n}
    for native in every_native():
        assert native.align_rows(u64(a), u64(b), window) == wanted


@given(st.binary(max_size=50), st.binary(max_size=50), st.binary(max_size=50))
def test_native_common_ends_are_those_of_the_reference(same: bytes, one: bytes, other: bytes) -> None:
    first = rows_reference.first_difference(same + one, same + other)
    last = rows_reference.last_difference(one + same, other + same)

    assert first >= len(same)
    assert last >= len(same)
    for native in every_native():
        assert native.first_difference(same + one, same + other) == first
        assert native.last_difference(one + same, other + same) == last
