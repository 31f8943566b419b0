"""datav.core.rows by example: what each function answers, and what it refuses."""

import csv
import io
import subprocess
import sys
import threading
from array import array
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from datav.core import rows, rows_reference
from tests.support.natives import one_variant, variants

try:
    from datav.core import _rows
except ImportError:
    _rows = None  # type: ignore[assignment]  # a machine without a compiler

COMMA = ord(",")


@pytest.fixture(params=["reference", *variants(_rows)])
def implementation(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The reference, then the native module with each instruction set of this machine."""
    if request.param == "reference":
        yield rows_reference
    else:
        yield from one_variant(_rows, request.param)


def u32(*items: int) -> bytes:
    return array("I", items).tobytes()


def u64(*items: int) -> bytes:
    return array("Q", items).tobytes()


def items(packed: bytes | bytearray) -> list[int]:
    return list(memoryview(packed).cast("Q"))


def scan(
    implementation: Any, data: bytes, width: int, *, whole: bool = True, key: bytes = b""
) -> tuple[bytes, bytes, bytes, int, int, int]:
    result: tuple[bytes, bytes, bytes, int, int, int]
    result = implementation.scan_text(data, whole, COMMA, True, width, u32(*range(width)), key, 7)
    return result


def fingerprint(*cells: bytes, seed: int = 7) -> int:
    result = seed
    for cell in cells:
        result = rows_reference.combine(result, rows_reference.hash_cell(cell, seed))
    return result


def cells(implementation: Any, data: bytes, columns: int, *, quoting: bool = True) -> list[list[bytes]]:
    """The records that read_text finds, cell by cell."""
    count, contents = implementation.read_text(data, COMMA, quoting, u32(*range(columns)))
    table = []
    for offsets, values in contents:
        ends = items(offsets)
        table.append([values[start:end] for start, end in pairwise(ends)])
        assert len(ends) == count + 1
    return [list(record) for record in zip(*table, strict=True)]


# ---------------------------------------------------------------- text


def test_a_record_has_its_start_its_key_and_its_cells(implementation: Any) -> None:
    starts, keys, prints, consumed, ragged, ragged_width = scan(
        implementation, b"1,ab\r\n\r\n2,c\n", 2, key=u32(0)
    )

    assert items(starts) == [0, 8]
    assert items(keys) == [fingerprint(b"1"), fingerprint(b"2")]
    assert items(prints) == [fingerprint(b"1", b"ab"), fingerprint(b"2", b"c")]
    assert (consumed, ragged, ragged_width) == (12, -1, -1)


def test_without_a_key_the_rows_are_the_keys(implementation: Any) -> None:
    _, keys, prints, *_ = scan(implementation, b"1,2\n", 2)

    assert keys is prints


def test_columns_are_combined_in_the_order_asked_for(implementation: Any) -> None:
    result = implementation.scan_text(b"a,b,c\n", True, COMMA, True, 3, u32(2, 0), u32(1), 7)

    assert items(result[2]) == [fingerprint(b"c", b"a")]
    assert items(result[1]) == [fingerprint(b"a")]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b"a,b\n", b'"a","b"\r\n'),
        (b",\n", b'"",""\n'),
        (b'"x"yz,1\n', b"xyz,1\r"),
        (b'"say ""hi""",1\n', b'say "hi",1\n'),
        (b"%s,1\n" % (b"long" * 20), b'"%s",1\n' % (b"long" * 20)),
    ],
)
def test_a_cell_is_its_content_however_it_is_written(implementation: Any, one: bytes, other: bytes) -> None:
    assert scan(implementation, one, 2)[2] == scan(implementation, other, 2)[2]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b"ab,c\n", b"a,bc\n"),
        (b"a,\n", b",a\n"),
        (b"a,b\n", b"b,a\n"),
        (b"a\0,b\n", b"a,b\n"),
        (b"a ,b\n", b"a,b\n"),
        (b"%s,b\n" % (b"\0" * 17), b"%s,b\n" % (b"\0" * 18)),
    ],
)
def test_other_cells_have_another_fingerprint(implementation: Any, one: bytes, other: bytes) -> None:
    assert scan(implementation, one, 2)[2] != scan(implementation, other, 2)[2]


def test_only_ended_records_are_taken_while_more_may_follow(implementation: Any) -> None:
    data = b'1,2\n\n3,"4\n'

    starts, _, _, consumed, _, _ = scan(implementation, data, 2, whole=False)

    assert items(starts) == [0]
    assert data[consumed:] == b'3,"4\n'


def test_a_line_feed_may_follow_in_the_next_piece(implementation: Any) -> None:
    starts, _, _, consumed, _, _ = scan(implementation, b"1,2\r", 2, whole=False)
    after = scan(implementation, b"\n3,4\r\n", 2, whole=False)

    assert (items(starts), consumed) == ([0], 4)
    assert (items(after[0]), after[3]) == ([1], 6)


def test_the_first_ragged_record_is_told(implementation: Any) -> None:
    result = scan(implementation, b"1,2\n\n1,2,3\n1\n", 2)

    assert result[4:] == (1, 3)
    assert items(result[2]) == [fingerprint(b"1", b"2"), fingerprint(b"1", b"2"), fingerprint(b"1", b"")]


def test_lines_are_records_of_one_cell_without_a_delimiter(implementation: Any) -> None:
    data = b'{"a": 1, "b": "x,y"}\n\n{"a": 2}'

    starts, _, prints, consumed, ragged, _ = implementation.scan_text(
        data, True, -1, False, 1, u32(0), b"", 7
    )

    assert items(starts) == [0, 22]
    assert items(prints) == [fingerprint(data[:20]), fingerprint(data[22:])]
    assert (consumed, ragged) == (30, -1)


@pytest.mark.parametrize("data", [b"", b"\n\r\n\r", b'"'])
def test_texts_of_next_to_nothing(implementation: Any, data: bytes) -> None:
    starts, _, _, consumed, _, _ = scan(implementation, data, 1)

    assert items(starts) == ([0] if data == b'"' else [])
    assert consumed == len(data)


@pytest.mark.parametrize(
    "data",
    [
        b'a"b,c"d\n"e"f"g,h"\n',
        b'"a""b","c,d\n",""\r\n',
        b'x,"unfinished, """',
        b",,,\n,\n\r,\r\n",
        b'"a"b"c,"d",e\n' * 30,
        b'"' + b"\n," * 100 + b'",2\r3,4\r',
        b"\0,\0\n\0",
    ],
)
def test_records_are_those_of_the_csv_module(implementation: Any, data: bytes) -> None:
    text = io.StringIO(data.decode("latin-1"), newline="")
    wanted = [[cell.encode("latin-1") for cell in record] for record in csv.reader(text) if record]
    width = max(len(record) for record in wanted)

    found = cells(implementation, data, width)

    assert found == [record + [b""] * (width - len(record)) for record in wanted]


def test_columns_are_read_in_the_order_asked_for(implementation: Any) -> None:
    count, contents = implementation.read_text(b"a,b\nc\n", COMMA, True, u32(1, 0, 5))

    assert count == 2
    assert contents == [(u64(0, 1, 1), b"b"), (u64(0, 1, 2), b"ac"), (u64(0, 0, 0), b"")]


def test_quotes_mean_nothing_where_they_are_not_told_to(implementation: Any) -> None:
    assert cells(implementation, b'"a,b"\n', 2, quoting=False) == [[b'"a', b'b"']]


def test_a_record_longer_than_what_is_indexed_at_a_time(implementation: Any) -> None:
    wide = b",".join(b"%d" % k for k in range(9000))

    found = cells(implementation, b"first,1\n" + wide + b"\nlast,2", 9000)

    assert [record[0] for record in found] == [b"first", b"0", b"last"]
    assert found[1] == wide.split(b",")


@pytest.mark.parametrize(
    "arguments",
    [
        (b"", True, 256, True, 1, b"", b"", 0),
        (b"", True, -2, True, 1, b"", b"", 0),
        (b"", True, 10, True, 1, b"", b"", 0),
        (b"", True, 13, False, 1, b"", b"", 0),
        (b"", True, 34, True, 1, b"", b"", 0),
        (b"", True, 2**70, True, 1, b"", b"", 0),
        (b"", True, 44, True, 0, b"", b"", 0),
        (b"", True, 44, True, 2**24 + 1, b"", b"", 0),
        (b"", True, 44, True, 1, u32(1), b"", 0),
        (b"", True, 44, True, 1, u32(0), u32(1), 0),
        (b"", True, 44, True, 1, b"\0\0\0", b"", 0),
        (b"", True, 44, True, 1, b"", b"", -1),
        (b"", True, 44, True, 1, b"", b"", 2**64),
        (memoryview(b"abcd")[::2], True, 44, True, 1, b"", b"", 0),
    ],
)
def test_scan_text_refuses_what_it_cannot_mean(implementation: Any, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError):
        implementation.scan_text(*arguments)


def test_what_is_no_buffer_or_number_is_a_type_error(implementation: Any) -> None:
    with pytest.raises(TypeError):
        implementation.scan_text("text", True, COMMA, True, 1, b"", b"", 0)
    with pytest.raises(TypeError):
        implementation.scan_text(b"", True, ",", True, 1, b"", b"", 0)
    with pytest.raises(TypeError):
        implementation.hash_null([1, 2])


def test_pieces_are_gathered_in_the_order_given(implementation: Any) -> None:
    assert implementation.gather(b"abcdef", u64(4, 0, 3, 6), u64(6, 2, 3, 6)) == b"efab"


@pytest.mark.parametrize(
    ("starts", "ends"),
    [
        (u64(1), u64(0)),
        (u64(0), u64(7)),
        (u64(7), u64(7)),
        (u64(0), b""),
        (b"1", b"1"),
        (u64(2**63), u64(2**64 - 1)),
    ],
)
def test_pieces_outside_of_data_are_refused(implementation: Any, starts: bytes, ends: bytes) -> None:
    with pytest.raises(ValueError):
        implementation.gather(b"abcdef", starts, ends)


# ---------------------------------------------------------------- Arrow columns


def hashed(value: bytes | None, before: int = 7, seed: int = 0) -> int:
    cell = rows_reference.hash_of_null(seed) if value is None else rows_reference.hash_cell(value, seed)
    return rows_reference.combine(before, cell)


@pytest.mark.parametrize("width", [1, 2, 4, 8, 16, 32])
def test_values_are_hashed_as_their_bytes(implementation: Any, width: int) -> None:
    values = bytes(range(5 * width))
    prints = bytearray(u64(7, 8))

    implementation.hash_fixed(prints, values, width, b"\x0b", 2, 3)

    assert items(prints) == [
        hashed(None, 7, 3),
        hashed(values[3 * width : 4 * width], 8, 3),
    ]


def test_booleans_are_bits(implementation: Any) -> None:
    prints = bytearray(u64(7, 7, 7))

    implementation.hash_fixed(prints, b"\x80\x02", 0, b"", 7)

    assert items(prints) == [hashed(b"\1"), hashed(b"\0"), hashed(b"\1")]


@pytest.mark.parametrize("kind", ["i", "q"])
def test_strings_are_hashed_as_their_bytes(implementation: Any, kind: str) -> None:
    offsets = array(kind, [9, 0, 3, 3, 30, 33])
    values = bytes(range(40))
    prints = bytearray(u64(7, 7, 7, 7))

    implementation.hash_binary(prints, offsets, offsets.itemsize, values, b"\x16", 1)

    assert items(prints) == [hashed(values[:3]), hashed(b""), hashed(None), hashed(values[30:33])]


def test_a_column_of_nulls(implementation: Any) -> None:
    prints = np.full(3, 7, np.uint64)

    implementation.hash_null(prints, 5)

    assert prints.tolist() == [hashed(None, 7, 5)] * 3


def test_no_rows_need_no_buffers(implementation: Any) -> None:
    prints = bytearray()

    implementation.hash_fixed(prints, b"", 8, b"", 0)
    implementation.hash_binary(prints, b"", 4, b"", b"", 0)
    implementation.hash_null(prints)

    assert prints == b""


@pytest.mark.parametrize(
    "arguments",
    [
        (b"x" * 15, 8, b"", 0),
        (b"x" * 16, 8, b"", 1),
        (b"x" * 16, 8, b"", 2**64 - 1),
        (b"x" * 16, 3, b"", 0),
        (b"x" * 16, 64, b"", 0),
        (b"x" * 900, 8, b"\xff", 7),
        (b"x" * 900, 8, b"\xff", 2**63),
        (b"x", 0, b"", 7),
        (b"x" * 16, 8, b"", -1),
    ],
)
def test_values_that_are_not_there_are_refused(implementation: Any, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError):
        implementation.hash_fixed(bytearray(16), *arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        (array("i", [0, 1]), 4, b"abc", b"", 0),
        (array("i", [0, 1, 4]), 4, b"abc", b"", 0),
        (array("i", [0, 2, 1]), 4, b"abc", b"", 0),
        (array("i", [-1, 1, 2]), 4, b"abc", b"", 0),
        (array("q", [-(2**63), -1, 2]), 8, b"abc", b"", 0),
        (array("q", [0, 2**62, 2**62]), 8, b"abc", b"", 0),
        (array("i", [0, 1, 2]), 4, b"abc", b"", 1),
        (array("i", [0, 1, 2]), 4, b"abc", b"", 2**64 - 1),
        (array("i", [0, 1, 2]), 2, b"abc", b"", 0),
        (array("i", [0, 1, 2]), 4, b"abc", b"\xff", 7),
    ],
)
def test_hostile_offsets_are_refused(implementation: Any, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError):
        implementation.hash_binary(bytearray(16), *arguments)


@pytest.mark.parametrize("prints", [b"12345678", bytearray(7), np.zeros(4, np.uint64)[::2]])
def test_fingerprints_that_cannot_be_written_are_refused(implementation: Any, prints: Any) -> None:
    with pytest.raises(ValueError):
        implementation.hash_null(prints)


# ---------------------------------------------------------------- the hash


def text_of(count: int) -> bytes:
    return b"".join(b"%d\n" % k for k in range(count))


@pytest.mark.skipif(_rows is None, reason="the reference would take minutes")
def test_millions_of_short_cells_do_not_collide() -> None:
    count = 3_000_000

    numbers = np.frombuffer(scan(_rows, text_of(count), 1)[2], np.uint64)

    assert len(np.unique(numbers)) == count
    # Each half and each bit alone is as good as random.
    for half in (numbers >> np.uint64(32), numbers & np.uint64(2**32 - 1)):
        # About count**2 / 2**33 = 1048 numbers are expected twice.
        assert 800 < count - len(np.unique(half)) < 1300
    for bit in range(64):
        share = float(np.mean(numbers >> np.uint64(bit) & np.uint64(1)))
        assert abs(share - 0.5) < 0.005


@pytest.mark.skipif(_rows is None, reason="the reference would take minutes")
def test_pairs_of_few_values_do_not_collide_wherever_they_stand() -> None:
    side = 1000
    data = b"".join(b"%d,%d\n" % (j, k) for j in range(side) for k in range(side))

    numbers = np.frombuffer(scan(_rows, data, 2)[2], np.uint64)

    assert len(np.unique(numbers)) == side**2


def test_every_length_counts(implementation: Any) -> None:
    data = b"".join(bytes(n) + b"x\n" for n in range(200)) + b"\0\n" * 200

    numbers = items(scan(implementation, data, 1)[2])

    assert len(set(numbers)) == 201


def test_another_seed_gives_other_fingerprints(implementation: Any) -> None:
    found = {
        implementation.scan_text(b"a\n", True, COMMA, True, 1, u32(0), b"", seed)[2] for seed in range(100)
    }

    assert len(found) == 100


# ---------------------------------------------------------------- rows in step


def align(implementation: Any, a: list[int], b: list[int], window: int = 8) -> tuple[list[int], list[int]]:
    left_a, left_b = implementation.align_rows(u64(*a), u64(*b), window)
    return items(left_a), items(left_b)


def test_equal_rows_leave_nothing_over(implementation: Any) -> None:
    assert align(implementation, [*range(100)], [*range(100)]) == ([], [])


def test_a_row_that_was_put_in_is_left_over(implementation: Any) -> None:
    assert align(implementation, [1, 2, 3, 4], [1, 2, 9, 3, 4]) == ([], [2])


def test_a_row_that_was_changed_is_left_over_on_both_sides(implementation: Any) -> None:
    assert align(implementation, [1, 2, 3, 4, 5], [1, 2, 9, 4, 5]) == ([2], [2])


def test_one_row_that_agrees_by_chance_does_not_count(implementation: Any) -> None:
    assert align(implementation, [1, 7, 2, 3, 4], [9, 8, 7, 1, 2, 3, 4]) == ([0, 1], [0, 1, 2, 3])


def test_a_far_place_is_found_within_the_window(implementation: Any) -> None:
    a, b = [*range(40)], [*range(100, 120), *range(40)]

    assert align(implementation, a, b, 20) == ([], [*range(20)])


def test_rows_out_of_reach_are_all_left_over(implementation: Any) -> None:
    a, b = [*range(40)], [*range(100, 120), *range(40)]

    assert align(implementation, a, b, 19) == ([*range(40)], [*range(60)])


def test_the_last_row_may_agree_alone(implementation: Any) -> None:
    assert align(implementation, [1, 2, 5], [1, 3, 3, 5]) == ([1], [1, 2])


def test_walking_ends_where_it_does_not_help(implementation: Any) -> None:
    a = [*range(30_000), 1, 2]
    b = [*range(50_000, 80_000), 1, 2]

    left_a, left_b = align(implementation, a, b, 1)

    assert (left_a, left_b) == ([*range(30_002)], [*range(30_002)])


def test_bad_arguments_of_align_rows_are_refused(implementation: Any) -> None:
    with pytest.raises(ValueError):
        implementation.align_rows(b"1", b"", 1)
    with pytest.raises(ValueError):
        implementation.align_rows(b"", b"", 2**16)


# ---------------------------------------------------------------- common ends


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 4095, 4096, 5000, 9000])
def test_common_ends_are_measured(implementation: Any, size: int) -> None:
    same = bytes(k % 251 for k in range(size))

    assert implementation.first_difference(same + b"x", same + b"yz") == size
    assert implementation.last_difference(b"x" + same, b"zy" + same) == size
    assert implementation.first_difference(same, same + b"y") == size
    assert implementation.last_difference(same, b"y" + same) == size


# ---------------------------------------------------------------- the module


@pytest.mark.parametrize("replacement", ["None", "types.SimpleNamespace(ABI=-1)"])
def test_without_a_fitting_extension_the_reference_serves(replacement: str) -> None:
    program = (
        "import sys, types\n"
        f"sys.modules['datav.core._rows'] = {replacement}\n"
        "from datav.core import rows, rows_reference\n"
        "assert rows.scan_text is rows_reference.scan_text\n"
        "print(rows.IMPLEMENTATION)\n"
    )

    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert result.stdout == "pure Python\n"


def test_the_native_functions_are_those_of_the_reference() -> None:
    for name in set(rows.__all__) - {"IMPLEMENTATION"}:
        assert callable(getattr(rows_reference, name))
        if _rows:
            assert callable(getattr(_rows, name))


def test_threads_scan_beside_each_other() -> None:
    data = text_of(20_000 if _rows else 200)
    wanted = scan(rows, data, 1)
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(scan(rows, data, 1))) for _ in range(4)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [wanted] * 4
