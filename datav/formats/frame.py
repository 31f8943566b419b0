"""Frames: one stored chunk or tree node, as it lies in a pack.

The byte layout is specified in docs/formats/frame.md, and this module is the only code that knows it.

Whoever reads a frame gets bytes whose length and checksum are right; that they are the *wanted* bytes
is known only when they hash to the id, which is the caller's to check (`datav.store.reading`).
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import zstandard
from xxhash import xxh3_64_intdigest

from datav.errors import FormatError, IntegrityError
from datav.ids import ID_SIZE, Buffer

RAW, ZSTD, DELTA = 0, 1, 2
NODE = 0x80
"""Added to the kind of a frame that holds a tree node."""

HEADER = struct.Struct("<BIIQ")
HEADER_SIZE = HEADER.size
_ENDS = struct.Struct("<II")

MAX_CHUNK = 2**20
MAX_NODE = 32 * 2**20
MAX_BASES = 4
MAX_CHUNK_BASES = 4 * MAX_CHUNK
MAX_NODE_BASES = 2 * MAX_NODE
PAYLOAD_SLACK = 160
"""What a payload may be longer than its content: four base ids and zstd's own frame."""

# Level 1 is the last level that keeps two cores ahead of one disk (docs/decisions/0002-store.md).
LEVEL = 1
# 2^17 slots of 4 bytes hold every third position of the largest prefix that is common, and stay in the cache.
MAX_DELTA_HASH_LOG = 17


# Its other backend, for PyPy, lacks the call for many.
_HAS_BATCHES = zstandard.backend == "cext"


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame taken apart; the content is not decoded yet."""

    kind: int
    """RAW, ZSTD or DELTA."""
    is_node: bool
    raw_length: int
    bases: tuple[bytes, ...]
    """Ids that a delta needs, in order; empty otherwise."""
    body: memoryview
    """The content (RAW) or one zstd frame; of a delta that only joins parts of its bases, nothing."""
    kept_head: int = 0
    """Of a delta: how many bytes its content shares with the start of its bases."""
    kept_tail: int = 0
    """And with their end."""


def frame_header(kind: int, raw_length: int, payload: Buffer) -> bytes:
    """Return the header that goes before `payload`."""
    return HEADER.pack(kind, raw_length, len(payload), xxh3_64_intdigest(payload))


def parse_frame(data: Buffer, where: str) -> Frame:
    """Return the frame that `data` is, all of it.

    Raises:
        FormatError: it is not a frame, or claims sizes out of bounds.
        IntegrityError: its checksum is wrong.
    """
    if len(data) < HEADER_SIZE:
        raise FormatError(f"frame in {where} is cut short")
    kind, raw_length, payload_length, checksum = HEADER.unpack_from(data)
    is_node = bool(kind & NODE)
    kind &= ~NODE
    limit = MAX_NODE if is_node else MAX_CHUNK
    if kind > DELTA or raw_length > limit or payload_length > raw_length + PAYLOAD_SLACK:
        raise FormatError(f"frame in {where} has a header that no writer makes")
    payload = memoryview(data)[HEADER_SIZE:]
    if len(payload) != payload_length:
        raise FormatError(f"frame in {where} is {len(payload)} bytes long and says {payload_length}")
    if xxh3_64_intdigest(payload) != checksum:
        raise IntegrityError(f"frame in {where} is damaged: its checksum does not match")
    if kind != DELTA:
        if kind == RAW and payload_length != raw_length:
            raise FormatError(f"frame in {where} has a header that no writer makes")
        return Frame(kind, is_node, raw_length, (), payload)
    bases = parse_bases(payload, where)
    ends_at = 1 + ID_SIZE * len(bases)
    if payload_length < ends_at + _ENDS.size:
        raise FormatError(f"delta in {where} is cut short")
    head, tail = _ENDS.unpack_from(payload, ends_at)
    if head + tail > raw_length or (head + tail == raw_length) != (payload_length == ends_at + _ENDS.size):
        raise FormatError(f"delta in {where} keeps more than it has")
    return Frame(kind, is_node, raw_length, bases, payload[ends_at + _ENDS.size :], head, tail)


def parse_bases(payload: Buffer, where: str) -> tuple[bytes, ...]:
    """Return the base ids at the start of a delta's payload (or in a pack's contents)."""
    count = payload[0] if len(payload) else 0
    if not 1 <= count <= MAX_BASES or len(payload) < 1 + ID_SIZE * count:
        raise FormatError(f"delta in {where} names its bases wrongly")
    return tuple(bytes(payload[1 + ID_SIZE * i : 1 + ID_SIZE * (i + 1)]) for i in range(count))


def common_head(a: bytes, b: bytes) -> int:
    """Return how many bytes `a` and `b` have in common at their start."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def common_tail(a: bytes, b: bytes, limit: int) -> int:
    """Return how many bytes, at most `limit`, `a` and `b` have in common at their end."""
    low, high = 0, min(len(a), len(b), limit)
    while low < high:
        middle = (low + high + 1) // 2
        if a[len(a) - middle : len(a) - low] == b[len(b) - middle : len(b) - low]:
            low = middle
        else:
            high = middle - 1
    return low


class Codec:
    """Compresses and decompresses; holds zstd's working memory, so one for each thread."""

    def __init__(self) -> None:
        self._compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=False)
        self._decompressor = zstandard.ZstdDecompressor()

    def compress(self, content: Buffer) -> bytes:
        return self._compressor.compress(content)

    def compress_many(self, contents: Sequence[Buffer]) -> Sequence[Buffer]:
        """`compress` for each, with other threads at work meanwhile."""
        if len(contents) < 2 or not _HAS_BATCHES or any(len(content) == 0 for content in contents):
            # The call below refuses what is empty.
            return [self.compress(content) for content in contents]
        done = self._compressor.multi_compress_to_buffer(list(contents), threads=0)
        return [done[number].tobytes() for number in range(len(contents))]

    def encode_delta(self, bases: dict[bytes, Buffer], content: Buffer) -> bytes:
        """Return the payload of a delta frame for `content` against `bases` (id -> content, in order)."""
        prefix, whole = b"".join(bases.values()), bytes(content)
        head = common_head(prefix, whole)
        tail = common_tail(prefix, whole, min(len(prefix), len(whole)) - head)
        payload = [bytes([len(bases)]), *bases, _ENDS.pack(head, tail)]
        if head + tail < len(whole):
            payload.append(
                self._compress_against(prefix[head : len(prefix) - tail], whole[head : len(whole) - tail])
            )
        return b"".join(payload)

    def _compress_against(self, prefix: bytes, content: bytes) -> bytes:
        # Left to guess, zstd takes a window and tables for the content alone and misses most of the prefix.
        if not prefix:
            return self._compressor.compress(content)
        parameters = zstandard.ZstdCompressionParameters.from_level(
            LEVEL,
            source_size=len(content),
            dict_size=len(prefix),
            window_log=max(10, (len(content) + len(prefix)).bit_length()),
            hash_log=min(max(10, len(prefix).bit_length() - 2), MAX_DELTA_HASH_LOG),
            write_content_size=True,
            write_checksum=False,
            write_dict_id=False,
        )
        dictionary = zstandard.ZstdCompressionDict(prefix, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
        return zstandard.ZstdCompressor(dict_data=dictionary, compression_params=parameters).compress(content)

    def decode(self, frame: Frame, prefix: bytes, where: str) -> Buffer:
        """Return the content of `frame`; `prefix` is its bases' contents joined (empty without bases).

        Raises:
            IntegrityError: it does not decode to `raw_length` bytes.
        """
        if frame.kind == RAW:
            return frame.body
        if frame.kind == ZSTD:
            return _decompress(self._decompressor, frame.body, frame.raw_length, where)
        kept = frame.kept_head + frame.kept_tail
        if kept > len(prefix):
            raise IntegrityError(f"delta in {where} keeps more than its bases have")
        tail_at = len(prefix) - frame.kept_tail
        middle: Buffer = b""
        if kept < frame.raw_length:
            decompressor = self._decompressor
            if frame.kept_head < tail_at:
                dictionary = zstandard.ZstdCompressionDict(
                    prefix[frame.kept_head : tail_at], dict_type=zstandard.DICT_TYPE_RAWCONTENT
                )
                decompressor = zstandard.ZstdDecompressor(dict_data=dictionary)
            middle = _decompress(decompressor, frame.body, frame.raw_length - kept, where)
        return b"".join([prefix[: frame.kept_head], middle, prefix[tail_at:]])


def _decompress(decompressor: zstandard.ZstdDecompressor, body: Buffer, length: int, where: str) -> bytes:
    try:
        # A size in the zstd frame itself would be believed over ours, and allocated; without one, a window of
        # its choice would be.  Look first.
        if zstandard.frame_content_size(body) != length:
            raise IntegrityError(f"frame in {where} states two sizes")
        content = decompressor.decompress(body, max_output_size=length, allow_extra_data=False)
    except zstandard.ZstdError as exc:
        raise IntegrityError(f"frame in {where} does not decompress") from exc
    if len(content) != length:
        raise IntegrityError(f"frame in {where} decompresses to a wrong size")
    return content
