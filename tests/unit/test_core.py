"""datav.core by example: what each function answers, and what it refuses."""

import subprocess
import sys
import threading
from array import array
from collections.abc import Iterator
from types import ModuleType
from typing import Any, Literal

import numpy as np
import pytest

from datav import core
from datav.core import ChunkerParams, Cutter, reference
from tests.support.natives import one_variant, variants

try:
    from datav.core import _native
except ImportError:
    _native = None  # type: ignore[assignment]  # a machine without a compiler

SIZES = (1024, 4096, 16384)
COMMA = ord(",")


@pytest.fixture(params=["reference", *variants(_native)])
def implementation(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The reference, then the native module with each instruction set of this machine."""
    if request.param == "reference":
        yield reference
    else:
        yield from one_variant(_native, request.param)


def u64(*items: int) -> bytes:
    return array("Q", items).tobytes()


def items(packed: bytes, kind: Literal["I", "Q"] = "Q") -> list[int]:
    return list(memoryview(packed).cast(kind))


# ---------------------------------------------------------------- sizes


def test_sizes_have_the_defaults_of_the_format() -> None:
    params = ChunkerParams()

    assert (params.smallest, params.target, params.largest) == (16384, 65536, 262144)
    assert (params.hard, params.easy) == (2**58, 2**61)


def test_easy_stays_within_64_bits_for_small_targets() -> None:
    assert ChunkerParams(1024, 8192, 8192).easy == 2**64 - 1
    assert ChunkerParams(1024, 4096, 4096).easy == 2**64 - 1
    assert ChunkerParams(1024, 8193, 8193).easy == 2**64 * 8192 // 8193


@pytest.mark.parametrize(
    "sizes",
    [(1023, 4096, 8192), (1024, 4095, 8192), (8192, 4096, 8192), (1024, 8192, 8191), (1024, 4096, 2**20 + 1)],
)
def test_sizes_out_of_range_are_refused(sizes: tuple[int, int, int], implementation: ModuleType) -> None:
    with pytest.raises(ValueError):
        ChunkerParams(*sizes)
    with pytest.raises(ValueError):
        implementation.find_cuts(b"", *sizes)
    with pytest.raises(ValueError):
        implementation.find_cuts_many(b"", b"", *sizes)
    with pytest.raises(ValueError):
        implementation.select_cuts(b"", 0, 0, 0, False, *sizes)


# ---------------------------------------------------------------- chunker


def test_the_format_is_followed_byte_by_byte(implementation: ModuleType) -> None:
    data = np.random.default_rng(5).bytes(60_000)
    d4, d8, h = bytearray(len(data)), bytearray(len(data)), bytearray(len(data))
    for i in range(3, len(data)):
        average = ((data[i - 2] ^ 0x5A) + data[i - 3] + 1) >> 1
        d4[i] = (data[i] + 2 * data[i - 1]) % 256 ^ average
    for i in range(7, len(data)):
        d8[i] = (d4[i] + 3 * d4[i - 4]) % 256
    expected = []
    for i in range(64, len(data)):
        h[i] = (2 * h[i - 64] + d8[i] + 5 * d8[i - 8]) % 256
        if i >= 511 and h[i] == 0x76 and h[i - 64] & 0x38 == 0x18:
            x = 0x9E3779B97F4A7C15
            for k in range(i - 63, i + 1, 8):
                x = (x ^ int.from_bytes(data[k : k + 8], "little")) * 0xD6E8FEB86659FD93 % 2**64
                x ^= x >> 32
            expected.append(i << 1 | (x < 2**60))

    assert len(expected) > 20
    assert items(implementation.find_candidates(data, 0, 2**60, 2**64 - 1)) == expected


def test_about_one_position_in_2048_of_noise_is_a_candidate(implementation: ModuleType) -> None:
    data = np.random.default_rng(1).bytes(2**20)

    count = len(items(implementation.find_candidates(data, 0, 0, 2**64 - 1)))

    assert 400 < count < 630


def test_noise_has_chunks_near_the_target() -> None:
    data = np.random.default_rng(2).bytes(8 * 2**20)

    count = len(items(core.find_cuts(data, 16384, 65536, 262144)))

    assert 55 * 1024 < len(data) / count < 85 * 1024


def test_data_with_a_period_of_64_has_no_candidate(implementation: ModuleType) -> None:
    for seed in range(20):
        data = np.random.default_rng(seed).bytes(64) * 100
        # Behind the first 511 bytes all is periodic as far as the comb looks back.
        assert implementation.find_candidates(data, 0, 0, 2**64 - 1) == b""


def test_too_short_data_has_no_candidate(implementation: ModuleType) -> None:
    for size in (0, 1, 64, 511):
        assert implementation.find_candidates(bytes(size), 0, 2**63, 2**64 - 1) == b""


def test_a_file_up_to_the_smallest_size_is_one_chunk(implementation: ModuleType) -> None:
    assert items(implementation.find_cuts(b"", *SIZES)) == []
    assert items(implementation.find_cuts(b"a", *SIZES)) == [1]
    assert items(implementation.find_cuts(bytes(1024), *SIZES)) == [1024]


def test_zeros_are_cut_at_the_largest_size(implementation: ModuleType) -> None:
    assert items(implementation.find_cuts(bytes(40_000), *SIZES)) == [16384, 32768, 40_000]


def test_a_last_chunk_of_the_largest_size_is_one_chunk(implementation: ModuleType) -> None:
    assert items(implementation.find_cuts(bytes(32768), *SIZES)) == [16384, 32768]


def test_candidates_are_taken_by_zone(implementation: ModuleType) -> None:
    def select(*positions: int) -> list[int]:
        return items(implementation.select_cuts(u64(*positions), 0, 0, 20_000, True, *SIZES))

    easy, hard = 0, 1
    assert select(1022 << 1 | hard) == [16384, 20_000]
    assert select(1023 << 1 | hard) == [1024, 17408, 20_000]
    assert select(1023 << 1 | easy) == [16384, 20_000]
    assert select(4094 << 1 | easy) == [16384, 20_000]
    assert select(4095 << 1 | easy) == [4096, 20_000]
    assert select(16383 << 1 | easy) == [16384, 20_000]
    assert select(16384 << 1 | hard) == [16384, 20_000]
    assert select(17407 << 1 | hard) == [16384, 17408, 20_000]


def test_a_cut_waits_until_it_is_decided(implementation: ModuleType) -> None:
    def select(end: int, last: bool) -> list[int]:
        return items(implementation.select_cuts(b"", 0, 0, end, last, *SIZES))

    assert select(16383, False) == []
    assert select(16384, False) == [16384]
    assert select(16383, True) == [16383]
    assert select(0, True) == []


@pytest.mark.parametrize(
    ("candidates", "base", "start", "end"),
    [
        (b"1234567", 0, 0, 10),  # not whole items
        (u64(20), 0, 0, 10),  # at the end
        (u64(4), 8, 0, 10),  # at the end, counted from base
        (u64(4, 4), 0, 0, 10),
        (u64(4, 5), 0, 0, 10),  # one position twice
        (u64(6, 4), 0, 0, 10),
        (u64(2**64 - 1), 0, 0, 10),
        (b"", 11, 0, 10),
        (b"", 0, 11, 10),
        (b"", 0, 0, 2**62),
        (b"", 0, 0, 2**61),  # would be 2**47 chunks
        (b"", -1, 0, 10),
        (b"", 2**64, 2**64, 2**64),
    ],
)
def test_candidates_out_of_order_are_refused(
    candidates: bytes, base: int, start: int, end: int, implementation: ModuleType
) -> None:
    with pytest.raises(ValueError):
        implementation.select_cuts(candidates, base, start, end, False, *SIZES)


@pytest.mark.parametrize(
    ("size", "lead", "hard", "easy"),
    [
        (600, 1, 0, 0),
        (600, 511, 0, 0),
        (600, 601, 0, 0),
        (600, -1, 0, 0),
        (600, 0, -1, 0),
        (600, 0, 0, 2**64),
    ],
)
def test_bad_arguments_of_find_candidates_are_refused(
    size: int, lead: int, hard: int, easy: int, implementation: ModuleType
) -> None:
    with pytest.raises(ValueError):
        implementation.find_candidates(bytes(size), lead, hard, easy)


@pytest.mark.parametrize("ends", [(5, 4), (11,), (2**64 - 1,), (0, 2**63)])
def test_ends_outside_data_are_refused(ends: tuple[int, ...], implementation: ModuleType) -> None:
    with pytest.raises(ValueError):
        implementation.find_cuts_many(bytes(10), u64(*ends), *SIZES)
    with pytest.raises(ValueError):
        implementation.incompressible_flags(bytes(10), u64(*ends))


def test_empty_files_contribute_no_chunk(implementation: ModuleType) -> None:
    ends = u64(0, 0, 3, 3, 2003, 2003)

    assert items(implementation.find_cuts_many(bytes(2003), ends, *SIZES)) == [3, 2003]


def test_a_cutter_gives_the_cuts_of_one_scan_whatever_the_segments() -> None:
    data = np.random.default_rng(3).bytes(300_000)
    params = ChunkerParams(*SIZES)
    cutter = Cutter(params)

    found: list[int] = []
    for start in range(0, len(data), 70_000):
        base, end = max(0, start - core.LEAD), min(start + 70_000, len(data))
        candidates = core.find_candidates(data[base:end], start - base, params.hard, params.easy)
        found += cutter.feed(candidates, base, end, last=end == len(data))

    assert found == items(core.find_cuts(data, *SIZES))
    assert cutter.start == len(data)


# ---------------------------------------------------------------- buffers


def test_any_contiguous_buffer_is_taken(implementation: ModuleType) -> None:
    noise = np.random.default_rng(4).integers(0, 256, 40_000, dtype=np.uint8)
    expected = implementation.find_cuts(noise.tobytes(), *SIZES)

    for data in (bytearray(noise), memoryview(noise.tobytes()), noise, noise.view("<u4").reshape(100, 100)):
        assert implementation.find_cuts(data, *SIZES) == expected
    # At an odd address.
    assert implementation.find_cuts(memoryview(b"x" + noise.tobytes())[1:], *SIZES) == expected


def test_other_buffers_are_refused(implementation: ModuleType) -> None:
    with pytest.raises(ValueError):
        implementation.find_cuts(memoryview(b"abcdef")[::2], *SIZES)
    with pytest.raises(TypeError):
        implementation.find_cuts("text", *SIZES)
    with pytest.raises(TypeError):
        implementation.find_cuts(b"", "1024", 4096, 16384)
    with pytest.raises(TypeError):
        implementation.find_cuts(b"", 1024.0, 4096, 16384)


def test_no_buffer_is_kept(implementation: ModuleType) -> None:
    data = bytearray(20_000)
    ends = bytearray(u64(20_000))

    implementation.find_cuts(data, *SIZES)
    implementation.find_cuts_many(data, ends, *SIZES)
    implementation.count_rows(data, 0, COMMA, True)
    implementation.incompressible_flags(data, ends)
    with pytest.raises(ValueError):
        implementation.find_candidates(data, 1, 0, 0)
    with pytest.raises(TypeError):
        implementation.find_cuts_many(data, ends, None, 4096, 16384)

    # A bytearray with a buffer held cannot change its size.
    data.append(0)
    ends.append(0)


def test_threads_scan_at_once_and_agree() -> None:
    data = np.random.default_rng(6).bytes(2**20)
    expected = core.find_cuts(data, *SIZES)
    results: list[bytes] = []

    threads = [
        threading.Thread(target=lambda: results.append(core.find_cuts(data, *SIZES))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert results == [expected] * 8


# ---------------------------------------------------------------- rows


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("", 0),
        ("a,b\n", 1),
        ("a,b\r\n", 1),
        ("a,b\r", 1),
        ("a\n\n\r\n\rb\n", 2),
        ("\n\n", 0),
        ('"a\nb"\n', 1),
        ('"a\r\n""b"\r\nc\r\n', 2),
        (",\n", 1),
        ('""\n', 1),
    ],
)
def test_rows_end_at_line_ends_outside_quotes(text: str, rows: int, implementation: ModuleType) -> None:
    data = text.encode()

    assert implementation.count_rows(data, 0, COMMA, True)[0] == rows
    assert implementation.count_rows_exact(data, 0, COMMA) == (rows, 0)


def test_both_starting_states_are_counted_at_once(implementation: ModuleType) -> None:
    # Outside: the last quote opens behind a `c`.  Inside: it closes, as does the first.
    assert implementation.count_rows(b'x,1\n",a\n,"b\nc"', 2, COMMA, True) == (2, 1, 1, 1, 0)


def test_irregular_quotes_are_counted(implementation: ModuleType) -> None:
    assert implementation.count_rows(b'5" pipe,"x"\n6" pipe\n', 0, COMMA, True) == (1, 1, 0, 2, 1)
    assert implementation.count_rows_exact(b'5" pipe,"x"\n6" pipe\n', 0, COMMA) == (2, 0)


def test_the_byte_before_a_segment_is_looked_at_but_not_counted(implementation: ModuleType) -> None:
    assert implementation.count_rows(b"a\r\nb\n", 2, COMMA, True)[0] == 1
    assert implementation.count_rows(b"a\r\nb\n", 1, COMMA, True)[0] == 2
    assert implementation.count_rows(b',"x"', 1, COMMA, True)[3] == 0
    assert implementation.count_rows(b'z"x"', 1, COMMA, True)[3] == 1
    assert implementation.count_rows(b"a\n", 2, COMMA, True) == (0, 0, 0, 0, 0)


def test_without_quoting_a_quote_is_a_byte_like_any(implementation: ModuleType) -> None:
    assert implementation.count_rows(b'{"a": "\n"}\n', 0, COMMA, False) == (2, 2, 0, 0, 0)


def test_an_unfinished_row_is_told_by_the_state(implementation: ModuleType) -> None:
    for text, unfinished in ((b"a\nb", 1), (b'a\n"', 1), (b"a\n,", 1), (b"a\n", 0), (b"", 0)):
        _, state = implementation.count_rows_exact(text, 0, COMMA)
        assert core.finish_rows(state) == unfinished


@pytest.mark.parametrize("delimiter", [ord('"'), ord("\n"), ord("\r"), 128, 256, -1])
def test_some_bytes_cannot_be_delimiters(delimiter: int, implementation: ModuleType) -> None:
    with pytest.raises(ValueError):
        implementation.count_rows(b"", 0, delimiter, True)
    with pytest.raises(ValueError):
        implementation.count_rows_exact(b"", 0, delimiter)


# ---------------------------------------------------------------- ids


def test_ids_are_found_with_and_without_a_fanout(implementation: ModuleType) -> None:
    low, high, absent = b"\x10" * 32, b"\xf0" * 32, b"\x10" * 31 + b"\x11"
    stored, wanted = low + high, high + absent + low

    plain = implementation.find_ids(stored, array("I", [0, 2]), 0, wanted)
    by_bit = implementation.find_ids(stored, array("I", [0, 1, 2]), 1, wanted)

    assert items(plain, "I") == items(by_bit, "I") == [1, core.ABSENT, 0]


def test_nothing_is_found_among_no_ids(implementation: ModuleType) -> None:
    assert items(implementation.find_ids(b"", array("I", [0, 0]), 0, bytes(64)), "I") == [core.ABSENT] * 2
    assert implementation.find_ids(bytes(32), array("I", [0, 1]), 0, b"") == b""


@pytest.mark.parametrize(
    ("ids", "fanout", "bits", "wanted"),
    [
        (bytes(31), bytes(8), 0, b""),
        (b"", bytes(8), 0, bytes(33)),
        (b"", bytes(4), 0, b""),
        (b"", bytes(12), 0, b""),
        (b"", bytes(9), 0, b""),
        (b"", bytes(8), 29, b""),
        (b"", bytes(8), 2**63, b""),
        (b"", bytes(8), -1, b""),
    ],
)
def test_lengths_that_do_not_fit_are_refused(
    ids: bytes, fanout: bytes, bits: int, wanted: bytes, implementation: ModuleType
) -> None:
    with pytest.raises(ValueError):
        implementation.find_ids(ids, fanout, bits, wanted)


# ---------------------------------------------------------------- incompressible


def test_noise_is_flagged_and_other_data_is_not(implementation: ModuleType) -> None:
    random = np.random.default_rng(8)
    noise = random.bytes(65536)

    assert implementation.is_incompressible(noise)
    assert implementation.is_incompressible(noise[:512])
    assert not implementation.is_incompressible(noise[:511])
    assert not implementation.is_incompressible(b"")
    assert not implementation.is_incompressible(bytes(65536))
    assert not implementation.is_incompressible(b"some text, some more\n" * 3000)
    assert not implementation.is_incompressible(noise.hex().encode())
    assert not implementation.is_incompressible(random.normal(size=8192).tobytes())
    assert not implementation.is_incompressible(noise[:16384] * 4)


def test_many_chunks_are_flagged_at_once(implementation: ModuleType) -> None:
    noise = np.random.default_rng(9).bytes(1000)

    flags = implementation.incompressible_flags(noise + bytes(1000) + noise, u64(1000, 2000, 2000, 3000))

    assert flags == b"\1\0\0\1"


# ---------------------------------------------------------------- tree nodes


def test_entries_are_split_behind_small_hashes(implementation: ModuleType) -> None:
    hashes = u64(1, 9, 1, 9, 9, 9, 9, 1)

    assert items(implementation.split_entries(hashes, 5, 2, 4), "I") == [3, 7, 8]
    assert items(implementation.split_entries(hashes, 0, 1, 100), "I") == [8]
    assert items(implementation.split_entries(b"", 5, 2, 4), "I") == []


@pytest.mark.parametrize(("smallest", "largest"), [(0, 4), (5, 4), (-1, 4), (1, 2**64)])
def test_node_sizes_out_of_range_are_refused(smallest: int, largest: int, implementation: ModuleType) -> None:
    with pytest.raises(ValueError):
        implementation.split_entries(b"", 5, smallest, largest)


# ---------------------------------------------------------------- which implementation


def test_the_implementation_says_what_it_is() -> None:
    if _native:
        assert core.IMPLEMENTATION.split()[0] == "native"
        assert core.IMPLEMENTATION.split()[1] in (*_native.variants(),)
    else:
        assert core.IMPLEMENTATION == "pure Python"


@pytest.mark.skipif(_native is None, reason="the extension is not built")
def test_an_unknown_variant_is_refused() -> None:
    with pytest.raises(ValueError):
        _native.use("mmx")
    assert _native.variants()[-1] == "scalar"


@pytest.mark.parametrize("replacement", ["None", "types.SimpleNamespace(ABI=-1)"])
def test_without_a_fitting_extension_the_reference_serves(replacement: str) -> None:
    program = (
        "import sys, types\n"
        f"sys.modules['datav.core._native'] = {replacement}\n"
        "from datav import core\n"
        "assert core.find_cuts is core.reference.find_cuts\n"
        "print(core.IMPLEMENTATION)\n"
    )

    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert result.stdout == "pure Python\n"
