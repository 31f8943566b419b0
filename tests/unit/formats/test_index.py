"""Indexes: docs/formats/index.md."""

import random
import struct
import tracemalloc

import pytest
from xxhash import xxh3_64_intdigest

from datav.errors import FormatError
from datav.formats.index import ABSENT, HEADER, Place, check_index, encode_index, index_name, open_index
from datav.ids import PackId

PACKS = [PackId(bytes([n]) * 32) for n in (9, 5, 7)]


def records(count: int, seed: int = 1) -> list[tuple[bytes, Place]]:
    rng = random.Random(seed)
    return [(rng.randbytes(32), Place(rng.choice(PACKS), 16 + 40 * n, 40 + n % 100)) for n in range(count)]


@pytest.mark.parametrize("count", [0, 1, 32, 33, 64, 65, 1000, 5000])
def test_every_entry_is_found_and_nothing_else(count):
    some = records(count)

    index = check_index(encode_index(PACKS, some), "a test")

    assert list(index.records()) == sorted(some)
    assert index.packs == tuple(sorted(PACKS))
    assert count <= 32 << index.fanout_bits
    assert index.fanout_bits == 0 or count > 32 << (index.fanout_bits - 1)
    found = index.find(b"".join(identity for identity, _ in some))
    assert [index.place(position) for position in found] == [place for _, place in some]
    others = b"".join(identity for identity, _ in records(100, seed=2))
    assert set(index.find(others)) == {ABSENT}


def test_the_order_of_records_and_packs_does_not_matter():
    some = records(500)
    assert encode_index(PACKS, some) == encode_index(PACKS[::-1], some[::-1])
    assert index_name(PACKS) == index_name(PACKS[::-1])
    assert index_name(PACKS) != index_name(PACKS[:2])


def test_of_an_id_that_lies_twice_the_longest_frame_is_listed():
    some = records(100)
    twice = [(identity, Place(PACKS[n % 3], 77, 30 + n)) for n, (identity, _) in enumerate(some)]
    best = dict(some) | {i: place for i, place in twice if place.length > dict(some)[i].length}

    for order in (some + twice, twice + some):
        assert dict(check_index(encode_index(PACKS, order), "a test").records()) == best
    assert list(check_index(encode_index(PACKS, some + some), "a test").records()) == sorted(some)


@pytest.mark.parametrize(
    "ids", [[bytes(32)], [b"\xff" * 32], [bytes(31) + bytes([n]) for n in range(200)]], ids=len
)
def test_ids_that_are_not_spread_are_found(ids):
    some = [(identity, Place(PACKS[0], 16, 20)) for identity in ids]
    index = check_index(encode_index(PACKS, some), "a test")
    assert list(index.find(b"".join(ids))) == list(range(len(ids)))


DATA = encode_index(PACKS, records(100))


def test_an_index_that_is_cut_short_is_refused():
    for end in range(0, len(DATA), 3):
        with pytest.raises(FormatError):
            open_index(DATA[:end], "a test")
    with pytest.raises(FormatError):
        open_index(DATA + b"\0", "a test")


def test_a_flipped_bit_is_noticed_by_verify():
    for bit in range(0, 8 * len(DATA), 5):
        damaged = bytearray(DATA)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(FormatError):
            check_index(bytes(damaged), "a test")


def test_a_flipped_bit_is_never_more_than_an_error_to_a_reader():
    wanted = b"".join(identity for identity, _ in records(100)) + bytes(32) + b"\xff" * 32
    for bit in range(0, 8 * len(DATA), 5):
        damaged = bytearray(DATA)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            index = open_index(bytes(damaged), "a test")
            for position in index.find(wanted):
                assert position == ABSENT or position < index.count
                if position != ABSENT:
                    index.place(position)
        except FormatError:
            continue


def _sealed(body: bytes, packs: int, count: int, bits: int) -> bytes:
    return HEADER.pack(b"DATAVIX\n", 1, packs, count, bits, 0, xxh3_64_intdigest(body)) + body


def _u32(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


HOSTILE = {
    "entries that are not there": _sealed(b"", 0, 2**40, 0),
    "packs that are not there": _sealed(b"", 2**32 - 1, 0, 0),
    "a fanout that is not there": _sealed(bytes(100), 0, 0, 24),
    "a fanout too large": _sealed(bytes(4 * (2**25 + 1)), 0, 0, 25),
    "sizes that overflow": _sealed(_u32(0, 0), 0, 2**64 - 1, 0),
    "a fanout that is wrong": _sealed(_u32(0, 0) + bytes(32) + _u32(0, 16, 20), 0, 1, 0),
    "a place in no pack": _sealed(_u32(0, 1) + bytes(32) + _u32(0, 16, 20), 0, 1, 0),
    "ids twice": _sealed(_u32(0, 2) + bytes(64) + _u32(0, 16, 20) * 2, 0, 2, 0),
    "ids out of order": _sealed(
        PACKS[0] + _u32(0, 2) + b"\1" * 32 + bytes(32) + _u32(0, 16, 20) * 2, 1, 2, 0
    ),
    "packs out of order": _sealed(b"".join(PACKS) + _u32(0, 0), 3, 0, 0),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_no_writer_makes_is_refused_by_verify(data):
    tracemalloc.start()
    try:
        with pytest.raises(FormatError):
            check_index(data, "a test")
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_a_newer_version_is_refused_with_a_hint():
    with pytest.raises(FormatError, match="version 2") as error:
        open_index(DATA[:8] + _u32(2) + DATA[12:], "a test")
    assert "upgrade" in str(error.value.hint)
