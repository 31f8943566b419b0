"""Packs: docs/formats/pack.md."""

import struct
import tracemalloc

import pytest

from datav.errors import DatavError, FormatError, IntegrityError
from datav.formats.frame import DELTA, NODE, RAW, ZSTD
from datav.formats.pack import (
    FOOTER,
    FOOTER_SIZE,
    HEADER_SIZE,
    MAX_FRAMES,
    PackContents,
    check_contents,
    encode_contents,
    encode_tail,
    parse_contents,
    parse_footer,
)
from datav.formats.words import u32_array
from datav.ids import hash_pack_contents


def contents(kinds: list[int], bases: dict[int, tuple[bytes, ...]] | None = None) -> PackContents:
    ids = b"".join(bytes([n]) * 32 for n in range(len(kinds)))
    return PackContents(ids, u32_array([20 + n for n in range(len(kinds))]), bytes(kinds), bases or {})


B1, B2 = b"\x77" * 32, b"\x88" * 32
SOME = contents([RAW, ZSTD | NODE, DELTA, RAW, DELTA | NODE], {2: (B1,), 4: (B2, B1)})


def read_tail(tail: bytes, frames_size: int, size: int | None = None) -> PackContents:
    """What a reader does with the end of a pack."""
    size = HEADER_SIZE + frames_size + len(tail) if size is None else size
    footer = parse_footer(tail[-FOOTER_SIZE:], size, "a test")
    encoded = tail[:-FOOTER_SIZE][-footer.contents_length :]
    found = parse_contents(encoded, "a test")
    check_contents(found, footer, encoded, "a test")
    return found


@pytest.mark.parametrize("some", [contents([]), contents([RAW]), SOME], ids=len)
def test_contents_come_back(some):
    assert parse_contents(encode_contents(some), "a test") == some
    assert encode_contents(parse_contents(encode_contents(some), "a test")) == encode_contents(some)


def test_the_tail_names_the_pack_and_where_its_contents_are():
    pack, tail = encode_tail(SOME)

    footer = parse_footer(tail[-FOOTER_SIZE:], HEADER_SIZE + sum(SOME.lengths) + len(tail), "a test")

    assert footer.pack == pack == hash_pack_contents(encode_contents(SOME))
    assert footer.contents_offset == HEADER_SIZE + sum(SOME.lengths)
    assert read_tail(tail, sum(SOME.lengths)) == SOME


def test_offsets_add_up_from_the_header():
    assert SOME.offsets() == [16, 36, 57, 79, 102]
    assert SOME.id(3) == bytes([3]) * 32


def test_a_tail_that_is_cut_short_is_refused():
    _, tail = encode_tail(SOME)
    for start in range(1, len(tail)):
        with pytest.raises(FormatError):
            read_tail(tail[start:], sum(SOME.lengths))
    for end in range(len(tail)):
        with pytest.raises(FormatError):
            read_tail(tail[:end], sum(SOME.lengths))


def test_a_flipped_bit_in_a_tail_is_noticed_or_changes_nothing():
    _, tail = encode_tail(SOME)
    for bit in range(8 * len(tail)):
        damaged = bytearray(tail)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            found = read_tail(bytes(damaged), sum(SOME.lengths))
        except (FormatError, IntegrityError):
            continue
        assert found == SOME


HOSTILE = {
    "empty": b"",
    "count only": struct.pack("<I", 1),
    "more frames than any": struct.pack("<I", MAX_FRAMES + 1),
    "count past the end": struct.pack("<I", 2**32 - 1) + bytes(1000),
    "more behind": encode_contents(SOME) + b"\0",
    "unknown kind": encode_contents(contents([3])),
    "unknown kind of node": encode_contents(contents([0x43 | NODE])),
    "delta without bases": encode_contents(contents([DELTA])),
    "delta with no bases": encode_contents(contents([DELTA])) + b"\0",
    "delta with five bases": encode_contents(contents([DELTA])) + b"\5" + bytes(160),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_contents_that_no_writer_makes_are_refused(data):
    tracemalloc.start()
    try:
        with pytest.raises(DatavError):
            parse_contents(data, "a test")
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("changes", "size"),
    [
        ({"offset": 15}, 1000),
        ({"offset": 2**64 - 1}, 1000),
        ({"length": 2**64 - 1}, 1000),
        ({"version": 2}, 1000),
        ({"zero": 1}, 1000),
        ({"magic": b"DATAVPK\n"}, 1000),
        ({}, 999),
        ({}, 2**30 + 1),
        ({}, 83),
    ],
)
def test_a_footer_that_no_writer_makes_is_refused(changes, size):
    fields = {
        "offset": 16,
        "length": 1000 - 16 - 64,
        "pack": B1,
        "version": 1,
        "zero": 0,
        "magic": b"DATAVPKE",
    }
    parse_footer(FOOTER.pack(*fields.values()), 1000, "a test")
    with pytest.raises(FormatError):
        parse_footer(FOOTER.pack(*(fields | changes).values()), size, "a test")


def test_a_newer_version_is_refused_with_a_hint():
    with pytest.raises(FormatError, match="version 2") as error:
        parse_footer(FOOTER.pack(16, 920, B1, 2, 0, b"DATAVPKE"), 1000, "a test")
    assert "upgrade" in str(error.value.hint)
