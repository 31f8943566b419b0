"""Frames: one stored chunk or tree node, as it lies in a pack.

The byte layout is specified in docs/formats/frame.md, and this module is the only code that knows it.

Whoever reads a frame gets bytes whose length and checksum are right; that they are the *wanted* bytes
is known only when they hash to the id, which is the caller's to check (`datav.store.reading`).
"""

import struct
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

MAX_CHUNK = 2**20
MAX_NODE = 32 * 2**20
MAX_BASES = 4
MAX_CHUNK_BASES = 4 * MAX_CHUNK
MAX_NODE_BASES = 2 * MAX_NODE
PAYLOAD_SLACK = 160
"""What a payload may be longer than its content: four base ids and zstd's own frame."""

# Level 1 is the last level that keeps two cores ahead of one disk (docs/decisions/0002-store.md).
LEVEL = 1
# 2^17 slots of 4 bytes hold every third position of the largest prefix that is common, and fit in the cache.
MAX_DELTA_HASH_LOG = 17


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
    """The content (RAW) or one zstd frame."""


def frame_header(kind: int, raw_length: int, payload: Buffer) -> bytes:
    """Return the header that goes before `payload`."""
    return HEADER.pack(kind, raw_length, len(payload), xxh3_64_intdigest(payload))


def delta_payload(bases: list[bytes], compressed: bytes) -> bytes:
    """Return the payload of a delta frame."""
    return bytes([len(bases)]) + b"".join(bases) + compressed


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
    return Frame(kind, is_node, raw_length, bases, payload[1 + ID_SIZE * len(bases) :])


def parse_bases(payload: Buffer, where: str) -> tuple[bytes, ...]:
    """Return the base ids at the start of a delta's payload (or in a pack's contents)."""
    count = payload[0] if len(payload) else 0
    if not 1 <= count <= MAX_BASES or len(payload) < 1 + ID_SIZE * count:
        raise FormatError(f"delta in {where} names its bases wrongly")
    return tuple(bytes(payload[1 + ID_SIZE * i : 1 + ID_SIZE * (i + 1)]) for i in range(count))


class Codec:
    """Compresses and decompresses; holds zstd's working memory, so one for each thread."""

    def __init__(self) -> None:
        self._compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=False)
        self._decompressor = zstandard.ZstdDecompressor()

    def compress(self, content: Buffer) -> bytes:
        return self._compressor.compress(content)

    def compress_against(self, prefix: Buffer, content: Buffer) -> bytes:
        """Return `content` as a zstd frame that needs `prefix` as its dictionary."""
        dictionary = zstandard.ZstdCompressionDict(bytes(prefix), dict_type=zstandard.DICT_TYPE_RAWCONTENT)
        # Left to guess, zstd takes a window and tables for the content alone and misses most of the prefix.
        reach = max(10, (len(content) + len(prefix)).bit_length())
        parameters = zstandard.ZstdCompressionParameters.from_level(
            LEVEL,
            source_size=len(content),
            dict_size=len(prefix),
            window_log=reach,
            hash_log=min(reach, MAX_DELTA_HASH_LOG),
            write_content_size=True,
            write_checksum=False,
            write_dict_id=False,
        )
        return zstandard.ZstdCompressor(dict_data=dictionary, compression_params=parameters).compress(content)

    def decode(self, frame: Frame, prefix: Buffer, where: str) -> Buffer:
        """Return the content of `frame`; `prefix` is its bases' contents joined (empty without bases).

        Raises:
            IntegrityError: it does not decode to `raw_length` bytes.
        """
        if frame.kind == RAW:
            return frame.body
        if frame.raw_length == 0:
            raise IntegrityError(f"frame in {where} compresses nothing")
        decompressor = self._decompressor
        if frame.kind == DELTA:
            dictionary = zstandard.ZstdCompressionDict(bytes(prefix), dict_type=zstandard.DICT_TYPE_RAWCONTENT)
            decompressor = zstandard.ZstdDecompressor(dict_data=dictionary)
        try:
            # A size in the zstd frame itself would be believed over ours, and allocated: look first.
            stated = zstandard.frame_content_size(frame.body)
            if stated not in (-1, frame.raw_length):
                raise IntegrityError(f"frame in {where} states two sizes")
            content = decompressor.decompress(frame.body, max_output_size=frame.raw_length)
        except zstandard.ZstdError as exc:
            raise IntegrityError(f"frame in {where} does not decompress") from exc
        if len(content) != frame.raw_length:
            raise IntegrityError(f"frame in {where} decompresses to a wrong size")
        return content
