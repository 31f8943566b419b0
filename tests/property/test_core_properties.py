"""The two implementations of datav.core agree, and both keep the laws of their page."""

import csv
import io
from array import array
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from datav import core
from datav.core import ChunkerParams, Cutter, reference
from tests.support.natives import every_variant

try:
    from datav.core import _native
except ImportError:
    _native = None  # type: ignore[assignment]  # a machine without a compiler

SMALL = ChunkerParams(1024, 4096, 16384)
SMALL_SIZES = (SMALL.smallest, SMALL.target, SMALL.largest)


def every_native() -> Iterator[ModuleType]:
    """For tests that draw data: all variants over one example."""
    return every_variant(_native)


def u64(packed: bytes) -> list[int]:
    return list(memoryview(packed).cast("Q"))


def answer(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a call returns, or the class of its error."""
    try:
        return function(*arguments)
    except (ValueError, TypeError) as error:
        return type(error)


@st.composite
def blobs(draw: st.DrawFn, limit: int = 40_000) -> bytes:
    """Noise, text, repetition, and mixtures of them."""
    parts = []
    for _ in range(draw(st.integers(0, 4))):
        size = draw(st.integers(0, limit // 4))
        random = np.random.default_rng(draw(st.integers(0, 2**32)))
        match draw(st.sampled_from(["noise", "text", "periodic", "counter", "few"])):
            case "noise":
                parts.append(random.bytes(size))
            case "text":
                parts.append(bytes(random.choice(list(b'aa,\n\r";'), size).astype(np.uint8)))
            case "periodic":
                period = random.bytes(draw(st.integers(1, 300)))
                parts.append((period * (size // len(period) + 1))[:size])
            case "counter":
                parts.append(np.arange(size // 8 + 1, dtype="<u8").tobytes()[:size])
            case "few":
                parts.append(random.integers(0, 2, size, dtype=np.uint8).tobytes())
    return b"".join(parts)


thresholds = st.sampled_from([0, 1, 2**56, 2**60, 2**63, 2**64 - 1])
sizes = st.sampled_from([SMALL_SIZES, (1024, 8192, 65536), (4096, 4096, 4096), (1024, 4096, 2**20)])


# ---------------------------------------------------------------- chunker


@given(blobs(), st.integers(0, 3000), thresholds, thresholds)
def test_native_candidates_are_those_of_the_reference(data: bytes, lead: int, hard: int, easy: int) -> None:
    wanted = answer(reference.find_candidates, data, lead, hard, easy)

    for native in every_native():
        assert answer(native.find_candidates, data, lead, hard, easy) == wanted


@given(blobs(), sizes)
def test_native_cuts_are_those_of_the_reference(data: bytes, sizes: tuple[int, int, int]) -> None:
    wanted = reference.find_cuts(data, *sizes)

    for native in every_native():
        assert native.find_cuts(data, *sizes) == wanted


@given(blobs(), sizes)
def test_cuts_keep_to_the_sizes_and_end_with_the_file(data: bytes, sizes: tuple[int, int, int]) -> None:
    ends = u64(core.find_cuts(data, *sizes))

    lengths = np.diff([0, *ends]).tolist()
    assert all(sizes[0] <= length <= sizes[2] for length in lengths[:-1])
    assert all(0 < length <= sizes[2] for length in lengths[-1:])
    assert ends[-1:] == ([len(data)] if data else [])


@given(blobs(), st.data())
def test_segments_scanned_apart_give_the_cuts_of_one_scan(data: bytes, draw: st.DataObject) -> None:
    split_points = draw.draw(st.lists(st.integers(0, len(data)), max_size=6).map(sorted))
    cutter = Cutter(SMALL)

    found: list[int] = []
    start = 0
    for end in [*split_points, len(data)]:
        # The lead-in reaches back 512 bytes, or to the start of the file where that is nearer.
        lead = start if start < core.LEAD else core.LEAD
        base = start - lead
        segment = data[base:end]
        if start and lead < core.LEAD:
            candidates = core.find_candidates(segment, 0, SMALL.hard, SMALL.easy)
            kept = [item for item in u64(candidates) if item >> 1 >= start]
            candidates = array("Q", kept).tobytes()
        else:
            candidates = core.find_candidates(segment, lead, SMALL.hard, SMALL.easy)
        found += cutter.feed(candidates, base, end)
        start = end
    found += cutter.feed(b"", len(data), len(data), last=True)

    assert found == u64(core.find_cuts(data, *SMALL_SIZES))


@given(st.lists(blobs(8_000), max_size=5), sizes)
def test_many_files_are_cut_as_each_alone(files: list[bytes], sizes: tuple[int, int, int]) -> None:
    ends = np.cumsum([len(file) for file in files], dtype="<u8").tobytes()
    data = b"".join(files)

    alone: list[int] = []
    base = 0
    for file in files:
        alone += [base + end for end in u64(reference.find_cuts(file, *sizes))]
        base += len(file)

    assert u64(reference.find_cuts_many(data, ends, *sizes)) == alone
    for native in every_native():
        assert u64(native.find_cuts_many(data, ends, *sizes)) == alone


@given(
    st.lists(st.integers(0, 200_000), max_size=30),
    st.integers(0, 1000),
    st.integers(0, 300_000),
    st.integers(0, 300_000),
    st.booleans(),
    sizes,
)
def test_native_selects_as_the_reference(
    items: list[int], base: int, start: int, end: int, last: bool, sizes: tuple[int, int, int]
) -> None:
    ordered = array("Q", sorted(items)).tobytes()
    arguments = (ordered, base, start, end, last, *sizes)
    wanted = answer(reference.select_cuts, *arguments)

    for native in every_native():
        assert answer(native.select_cuts, *arguments) == wanted


@pytest.mark.parametrize("period", range(1, 131))
def test_periodic_data_is_cut_within_the_limits_and_alike(period: int) -> None:
    data = (np.random.default_rng(period).bytes(period) * (60_000 // period + 1))[:60_000]

    wanted = reference.find_cuts(data, *SMALL_SIZES)

    lengths = np.diff([0, *u64(wanted)])
    assert lengths[:-1].min() >= SMALL.smallest
    assert lengths.max() <= SMALL.largest
    if 64 % period == 0:
        assert set(lengths[:-1]) == {SMALL.largest}
    for native in every_native():
        assert native.find_cuts(data, *SMALL_SIZES) == wanted


@settings(max_examples=20)
@given(st.integers(0, 2**32), st.integers(0, 100_000), st.integers(1, 500))
def test_an_insertion_moves_few_cuts(seed: int, at: int, length: int) -> None:
    data = np.random.default_rng(seed).bytes(400_000)
    edited = data[:at] + bytes(length) + data[at:]

    cuts = u64(core.find_cuts(data, *SMALL_SIZES))
    moved = {end - length for end in u64(core.find_cuts(edited, *SMALL_SIZES)) if end > at}

    # The cuts of both meet again after a few chunks; 40 of them would be no accident.
    assert set(cuts[-20:]) <= moved
    assert [end for end in cuts if end > at + 40 * SMALL.largest] == sorted(
        end for end in moved if end > at + 40 * SMALL.largest
    )


# ---------------------------------------------------------------- rows


@st.composite
def tables(draw: st.DrawFn) -> bytes:
    """Well-formed CSV with every kind of line end, quoting and blank lines."""
    fields = st.one_of(
        st.text("ab ", max_size=4),
        st.text('ab",\n\r;', max_size=6).map(lambda text: '"' + text.replace('"', '""') + '"'),
    )
    rows = draw(st.lists(st.lists(fields, max_size=4), max_size=40))
    ends = draw(
        st.lists(st.sampled_from(["\n", "\r\n", "\r", "\n\n"]), min_size=len(rows), max_size=len(rows))
    )
    text = "".join(",".join(row) + end for row, end in zip(rows, ends, strict=True))
    return (text if draw(st.booleans()) else text.rstrip("\r\n")).encode()


def csv_rows(data: bytes) -> int:
    lines = io.StringIO(data.decode("latin-1"), newline="")
    return sum(1 for row in csv.reader(lines) if row)


def count_exactly(implementation: Any, data: bytes) -> int:
    rows, state = implementation.count_rows_exact(data, 0, ord(","))
    return int(rows + core.finish_rows(state))


@given(st.text('ab,"\n\r ', max_size=200))
def test_rows_are_counted_as_the_csv_module_reads_them(text: str) -> None:
    data = text.encode()
    wanted = csv_rows(data)

    assert count_exactly(reference, data) == wanted
    for native in every_native():
        assert count_exactly(native, data) == wanted


@given(st.one_of(tables(), st.text('ab,"\n\r', max_size=300).map(str.encode)))
def test_the_fast_count_is_exact_while_no_quote_is_irregular(data: bytes) -> None:
    rows, _, odd, irregular, _ = reference.count_rows(data, 0, ord(","), True)
    assume(irregular == 0)

    # The last row is counted only when a line end closes it.
    unfinished = bool(data) and (odd == 1 or data[-1:] not in (b"\n", b"\r"))
    assert rows + unfinished == count_exactly(reference, data) == csv_rows(data)


@given(tables())
def test_well_formed_tables_have_no_irregular_quote(data: bytes) -> None:
    assert reference.count_rows(data, 0, ord(","), True)[2:4] == (0, 0)


@given(blobs(4_000), st.integers(0, 4_500), st.sampled_from(b",;\t|\x00"), st.booleans())
def test_native_rows_are_those_of_the_reference(
    data: bytes, lead: int, delimiter: int, quoting: bool
) -> None:
    wanted = answer(reference.count_rows, data, lead, delimiter, quoting)

    for native in every_native():
        assert answer(native.count_rows, data, lead, delimiter, quoting) == wanted


@given(blobs(4_000), st.data())
def test_rows_of_segments_add_up(data: bytes, draw: st.DataObject) -> None:
    points = draw.draw(st.lists(st.integers(0, len(data)), max_size=5).map(sorted))
    inside = rows = irregular = start = 0
    for end in [*points, len(data)]:
        before = max(0, start - 1)
        counted = core.count_rows(data[before:end], start - before, ord(","), True)
        rows += counted[inside]
        irregular += counted[3 + inside]
        inside ^= counted[2]
        start = end

    whole = reference.count_rows(data, 0, ord(","), True)
    assert (rows, inside, irregular) == (whole[0], whole[2], whole[3])


@given(blobs(4_000), st.integers(0, 4_000), st.integers(0, 6))
def test_exact_counts_continue_where_they_stopped(data: bytes, point: int, state: int) -> None:
    for counter in (reference, *every_native()):
        whole = answer(counter.count_rows_exact, data, state, ord(","))
        if state > 4:
            assert whole is ValueError
            continue
        first, between = counter.count_rows_exact(data[:point], state, ord(","))
        second, after = counter.count_rows_exact(data[point:], between, ord(","))
        assert (first + second, after) == whole
        assert whole == reference.count_rows_exact(data, state, ord(","))


# ---------------------------------------------------------------- ids


def make_fanout(ids: list[bytes], bits: int) -> bytes:
    prefixes = [int.from_bytes(one[:4], "big") >> (32 - bits) for one in ids]
    return np.searchsorted(prefixes, np.arange(2**bits + 1)).astype("<u4").tobytes()


# Few values in the bytes that the fan-out reads, so that buckets fill.
ids = st.tuples(st.sampled_from([b"\0", b"\x7f", b"\x80", b"\xff"]), st.binary(min_size=1, max_size=1)).map(
    lambda parts: parts[0] + parts[1] * 31
)


@given(st.sets(ids), st.lists(ids), st.integers(0, 12))
def test_ids_are_found_where_a_dictionary_has_them(
    stored: set[bytes], wanted: list[bytes], bits: int
) -> None:
    ordered = sorted(stored)
    place = {one: k for k, one in enumerate(ordered)}
    arguments = (b"".join(ordered), make_fanout(ordered, bits), bits, b"".join(wanted))

    expected = [place.get(one, core.ABSENT) for one in wanted]

    assert list(memoryview(reference.find_ids(*arguments)).cast("I")) == expected
    for native in every_native():
        assert list(memoryview(native.find_ids(*arguments)).cast("I")) == expected


@given(st.lists(ids), st.lists(st.integers(0, 2**32 - 1), min_size=17, max_size=17), st.lists(ids))
def test_a_false_fanout_only_hides_ids(stored: list[bytes], fanout: list[int], wanted: list[bytes]) -> None:
    arguments = (b"".join(stored), array("I", fanout).tobytes(), 4, b"".join(wanted))

    found = reference.find_ids(*arguments)

    for one, position in zip(wanted, memoryview(found).cast("I"), strict=True):
        assert position == core.ABSENT or stored[position] == one
    for native in every_native():
        assert native.find_ids(*arguments) == found


# ---------------------------------------------------------------- the rest


@given(blobs(), st.lists(st.integers(0, 45_000), max_size=8).map(sorted))
def test_native_flags_are_those_of_the_reference(data: bytes, ends: list[int]) -> None:
    packed = array("Q", ends).tobytes()
    wanted = answer(reference.incompressible_flags, data, packed)

    for native in every_native():
        assert answer(native.incompressible_flags, data, packed) == wanted
        assert native.is_incompressible(data) == reference.is_incompressible(data)


@given(
    st.lists(st.one_of(st.integers(0, 100), st.integers(0, 2**64 - 1)), max_size=200),
    st.one_of(st.integers(0, 200), st.integers(0, 2**64 - 1)),
    st.integers(0, 20),
    st.one_of(st.integers(0, 50), st.just(2**64 - 1)),
)
def test_native_nodes_are_those_of_the_reference(
    hashes: list[int], limit: int, smallest: int, largest: int
) -> None:
    arguments = (array("Q", hashes).tobytes(), limit, smallest, largest)
    wanted = answer(reference.split_entries, *arguments)

    for native in every_native():
        assert answer(native.split_entries, *arguments) == wanted
    if wanted is ValueError:
        return
    ends = list(memoryview(wanted).cast("I"))
    lengths = np.diff([0, *ends]).tolist()
    assert sum(lengths) == len(hashes)
    assert all(smallest <= length <= largest for length in lengths[:-1])
    inner = [h for e, b in zip(ends, [0, *ends], strict=False) for h in hashes[b + smallest - 1 : e - 1]]
    assert all(h >= limit for h in inner)
