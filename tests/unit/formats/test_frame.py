"""Frames: docs/formats/frame.md."""

import random
import struct
import tracemalloc

import pytest
import zstandard
from xxhash import xxh3_64_intdigest

from datav.errors import FormatError, IntegrityError
from datav.formats.frame import (
    DELTA,
    HEADER_SIZE,
    MAX_CHUNK,
    MAX_NODE,
    NODE,
    PAYLOAD_SLACK,
    RAW,
    ZSTD,
    Codec,
    common_head,
    common_tail,
    frame_header,
    parse_frame,
)

CODEC = Codec()
TEXT = b"".join(b"%d,row %d\n" % (n, n * n) for n in range(3000))
IDS = [bytes([n]) * 32 for n in range(1, 6)]


def frame(kind: int, raw_length: int, payload: bytes) -> bytes:
    return frame_header(kind, raw_length, payload) + payload


def decode(data: bytes, prefix: bytes = b"") -> bytes:
    return bytes(CODEC.decode(parse_frame(data, "a test"), prefix, "a test"))


def test_the_worked_example():
    assert frame(RAW, 6, b"hello\n").hex(" ") == (
        "00 06 00 00 00 06 00 00 00 2a 46 a2 ab 9a 81 fc 99 68 65 6c 6c 6f 0a"
    )


@pytest.mark.parametrize("node", [0, NODE])
@pytest.mark.parametrize("content", [b"x", b"hello\n", TEXT, bytes(100_000)], ids=len)
def test_raw_and_zstd_give_the_content_back(content, node):
    for data in (
        frame(RAW | node, len(content), content),
        frame(ZSTD | node, len(content), CODEC.compress(content)),
    ):
        assert parse_frame(data, "a test").is_node == bool(node)
        assert decode(data) == content


def test_no_bytes_are_raw():
    assert decode(frame(RAW, 0, b"")) == b""
    with pytest.raises(IntegrityError):
        decode(frame(ZSTD, 0, b""))


EDITS = {
    "same": TEXT,
    "empty": b"",
    "one byte": TEXT[:1],
    "changed in the middle": TEXT[:20_000] + b"!" + TEXT[20_001:],
    "inserted": TEXT[:20_000] + b"a new row\n" + TEXT[20_000:],
    "inserted what repeats": TEXT[:100] + TEXT[50:100] + TEXT[100:],
    "removed": TEXT[:20_000] + TEXT[21_000:],
    "removed what repeats": b"aaaa" + TEXT,
    "start": TEXT[:5000],
    "end": TEXT[5000:],
    "doubled": TEXT + TEXT,
    "two places": TEXT[:100] + b"?" + TEXT[101:30_000] + b"!" + TEXT[30_001:],
    "nothing in common": random.Random(1).randbytes(5000),
}


@pytest.mark.parametrize("content", EDITS.values(), ids=EDITS.keys())
@pytest.mark.parametrize("cuts", [[0], [0, 10_000], [0, 1, 10_000], [0, 10_000, 20_000, 30_000], [0, 0]])
def test_a_delta_gives_the_content_back(content, cuts):
    pieces = [TEXT[start:end] for start, end in zip(cuts, [*cuts[1:], len(TEXT)], strict=True)]
    bases = dict(zip(IDS, pieces, strict=False))

    data = frame(DELTA, len(content), CODEC.encode_delta(bases, content))

    assert parse_frame(data, "a test").bases == tuple(bases)
    assert decode(data, TEXT) == content


def test_a_delta_of_one_change_is_small():
    assert len(CODEC.encode_delta({IDS[0]: TEXT}, EDITS["changed in the middle"])) < 80


def test_a_delta_of_the_largest_bases_is_readable():
    rng = random.Random(1)
    bases = {identity: rng.randbytes(MAX_CHUNK) for identity in IDS[:4]}
    prefix = b"".join(bases.values())
    content = prefix[1000:300_000] + b"!" + prefix[-700_000:-100]

    payload = CODEC.encode_delta(bases, content)

    assert len(payload) < len(content) // 2
    assert decode(frame(DELTA, len(content), payload), prefix) == content


def test_common_head_and_tail_are_what_they_say():
    rng = random.Random(3)
    for _ in range(300):
        a, b = (bytes(rng.choice(b"ab") for _ in range(rng.randrange(12))) for _ in range(2))
        head = common_head(a, b)
        assert a[:head] == b[:head]
        assert a[head : head + 1] != b[head : head + 1] or head == min(len(a), len(b))
        limit = min(len(a), len(b)) - head
        tail = common_tail(a, b, limit)
        assert tail <= limit
        assert a[len(a) - tail :] == b[len(b) - tail :]


SAMPLES = {
    "raw": (frame(RAW, 6, b"hello\n"), b""),
    "zstd": (frame(ZSTD, 2000, CODEC.compress(TEXT[:2000])), b""),
    "delta": (
        frame(DELTA, 2001, CODEC.encode_delta({IDS[0]: TEXT[:900], IDS[1]: TEXT[900:3000]}, TEXT[1:2002])),
        TEXT[:3000],
    ),
    "kept": (frame(DELTA, 2000, CODEC.encode_delta({IDS[0]: TEXT[:3000]}, TEXT[:2000])), TEXT[:3000]),
    "node": (frame(ZSTD | NODE, 2000, CODEC.compress(TEXT[:2000])), b""),
}


@pytest.mark.parametrize(("data", "prefix"), SAMPLES.values(), ids=SAMPLES.keys())
def test_what_is_cut_short_is_refused(data, prefix):
    for end in range(len(data)):
        with pytest.raises((FormatError, IntegrityError)):
            decode(data[:end], prefix)
    with pytest.raises((FormatError, IntegrityError)):
        decode(data + b"\0", prefix)


@pytest.mark.parametrize(("data", "prefix"), SAMPLES.values(), ids=SAMPLES.keys())
def test_a_flipped_bit_is_noticed_or_changes_nothing(data, prefix):
    content = decode(data, prefix)
    step = 1 if len(data) < 300 else 7
    for bit in range(0, 8 * len(data), step):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            found = parse_frame(bytes(damaged), "a test")
            got = CODEC.decode(found, prefix, "a test")
        except (FormatError, IntegrityError):
            continue
        # The kind of content is not in the checksum; the reader compares it with what it wanted.
        assert bytes(got) == content
        assert bit == 7


def _window(content: bytes, log: int) -> bytes:
    """A zstd frame that does not state its size and wants a window of 2^log bytes."""
    parameters = zstandard.ZstdCompressionParameters(window_log=log, write_content_size=False)
    return zstandard.ZstdCompressor(compression_params=parameters).compress(content)


HOSTILE = {
    "no header": b"",
    "kind": frame(3, 6, b"hello\n"),
    "kind of node": frame(NODE | 0x40, 6, b"hello\n"),
    "raw of other length": frame(RAW, 7, b"hello\n"),
    "chunk too large": frame(ZSTD, MAX_CHUNK + 1, CODEC.compress(bytes(MAX_CHUNK + 1))),
    "node too large": frame(ZSTD | NODE, MAX_NODE + 1, CODEC.compress(bytes(MAX_NODE + 1))),
    "payload too large": frame(ZSTD, 6, bytes(6 + PAYLOAD_SLACK + 1)),
    "zstd of more": frame(ZSTD, 1000, CODEC.compress(bytes(2**26))),
    "zstd of less": frame(ZSTD, 1000, CODEC.compress(bytes(999))),
    "zstd that states no size": frame(ZSTD, 1000, _window(bytes(1000), 20)),
    "zstd of more that states no size": frame(ZSTD, 1000, _window(bytes(2**24), 27)),
    "zstd and more": frame(ZSTD, 1000, CODEC.compress(bytes(1000)) + b"more"),
    "two zstd frames": frame(ZSTD, 1000, CODEC.compress(bytes(1000)) * 2),
    "zstd skippable": frame(ZSTD, 1000, struct.pack("<II", 0x184D2A50, 8) + bytes(8)),
    "no bases": frame(DELTA, 100, bytes([0]) + bytes(40)),
    "five bases": frame(DELTA, 100, bytes([5]) + bytes(5 * 32 + 8)),
    "bases cut short": frame(DELTA, 100, bytes([4]) + bytes(100)),
    "ends cut short": frame(DELTA, 100, bytes([1]) + bytes(32 + 7)),
    "head past the content": frame(DELTA, 100, bytes([1]) + bytes(32) + struct.pack("<II", 101, 0)),
    "head and tail past the content": frame(DELTA, 100, bytes([1]) + bytes(32) + struct.pack("<II", 60, 60)),
    "head past what u32 adds up to": frame(
        DELTA, 100, bytes([1]) + bytes(32) + struct.pack("<II", 2**32 - 1, 101)
    ),
    "nothing in the middle": frame(DELTA, 100, bytes([1]) + bytes(32) + struct.pack("<II", 60, 39)),
    "something in no middle": frame(DELTA, 100, bytes([1]) + bytes(32) + struct.pack("<II", 60, 40) + b"x"),
    "kept more than the bases": frame(DELTA, 100, bytes([1]) + bytes(32) + struct.pack("<II", 60, 40)),
    "delta of nothing": frame(DELTA, 0, bytes([1]) + bytes(32) + struct.pack("<II", 0, 0) + b"x"),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_no_writer_makes_is_refused_before_it_takes_memory(data):
    tracemalloc.start()
    try:
        with pytest.raises((FormatError, IntegrityError)):
            decode(data, bytes(50))
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_a_checksum_that_is_wrong_is_damage():
    data = bytearray(frame(RAW, 6, b"hello\n"))
    data[-1] ^= 1
    with pytest.raises(IntegrityError, match="pack x at 16"):
        parse_frame(bytes(data), "pack x at 16")
    assert struct.unpack_from("<Q", data, 9)[0] == xxh3_64_intdigest(b"hello\n")
    assert HEADER_SIZE == 17
