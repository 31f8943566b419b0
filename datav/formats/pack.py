"""Pack files: many frames in one immutable file.

The byte layout is specified in docs/formats/pack.md, and this module is the only code that knows it.
Pure: bytes in, values out.  A pack is readable without its index, so an index can always be rebuilt.
"""

import struct
from array import array
from dataclasses import dataclass

from datav.errors import FormatError
from datav.formats.frame import DELTA, NODE, parse_bases
from datav.formats.words import u32_array
from datav.ids import ID_SIZE, Buffer, PackId, hash_pack_contents

MAGIC = b"DATAVPK\n"
FOOTER_MAGIC = b"DATAVPKE"
VERSION = 1
HEADER = struct.pack("<8sII", MAGIC, VERSION, 0)
HEADER_SIZE = len(HEADER)
FOOTER = struct.Struct("<QQ32sII8s")
FOOTER_SIZE = FOOTER.size

# Packs near this size are written and synced four times faster than one large file, keep one upload under a
# minute on a slow line, and make a lost pack cheap to send again.
TARGET_SIZE = 64 * 2**20
MAX_SIZE = 2**30
MAX_FRAMES = 4_194_304


@dataclass(frozen=True, slots=True)
class PackContents:
    """The table of contents of a pack, in the order of its frames."""

    ids: bytes
    """32 bytes a frame."""
    lengths: "array[int]"
    """u32: bytes of each frame, header included."""
    kinds: bytes
    """One byte a frame, NODE included."""
    bases: dict[int, tuple[bytes, ...]]
    """Number of a delta frame -> the ids it needs."""

    def __len__(self) -> int:
        return len(self.kinds)

    def id(self, number: int) -> bytes:
        return self.ids[ID_SIZE * number : ID_SIZE * (number + 1)]

    def offsets(self) -> list[int]:
        """Where each frame begins, from the first byte of the pack."""
        at, result = HEADER_SIZE, []
        for length in self.lengths:
            result.append(at)
            at += length
        return result


def encode_contents(contents: PackContents) -> bytes:
    parts = [
        struct.pack("<I", len(contents)),
        contents.ids,
        u32_array(contents.lengths).tobytes(),
        contents.kinds,
    ]
    for number in sorted(contents.bases):
        bases = contents.bases[number]
        parts += [bytes([len(bases)]), *bases]
    return b"".join(parts)


def parse_contents(data: Buffer, where: str) -> PackContents:
    """Return the contents that `data` is, all of it; FormatError if it is not."""
    if len(data) < 4:
        raise FormatError(f"contents of {where} are cut short")
    (count,) = struct.unpack_from("<I", data)
    fixed = 4 + (ID_SIZE + 4 + 1) * count
    if count > MAX_FRAMES or len(data) < fixed:
        raise FormatError(f"contents of {where} do not fit their own count of {count} frames")
    ids_end = 4 + ID_SIZE * count
    ids = bytes(data[4:ids_end])
    lengths = u32_array(data[ids_end : ids_end + 4 * count])
    kinds = bytes(data[ids_end + 4 * count : fixed])
    if count and max(bytes(kind & ~NODE for kind in set(kinds))) > DELTA:
        raise FormatError(f"contents of {where} list a frame of an unknown kind")
    bases, at, view = {}, fixed, memoryview(data)
    for number, kind in enumerate(kinds):
        if kind & ~NODE == DELTA:
            bases[number] = parse_bases(view[at:], where)
            at += 1 + ID_SIZE * len(bases[number])
    if at != len(data):
        raise FormatError(f"contents of {where} do not end where they should")
    return PackContents(ids, lengths, kinds, bases)


def encode_tail(contents: PackContents) -> tuple[PackId, bytes]:
    """Return the pack's id and all that follows its last frame."""
    encoded = encode_contents(contents)
    pack = hash_pack_contents(encoded)
    start = HEADER_SIZE + sum(contents.lengths)
    footer = FOOTER.pack(start, len(encoded), pack, VERSION, 0, FOOTER_MAGIC)
    return pack, encoded + footer


@dataclass(frozen=True, slots=True)
class PackFooter:
    contents_offset: int
    contents_length: int
    pack: PackId


def parse_footer(footer: Buffer, size: int, where: str) -> PackFooter:
    """Return what the last FOOTER_SIZE bytes of a pack of `size` bytes say.

    Raises:
        FormatError: it is no pack, or one of a newer version.
    """
    if size < HEADER_SIZE + 4 + FOOTER_SIZE or size > MAX_SIZE or len(footer) != FOOTER_SIZE:
        raise FormatError(f"{where} is not a pack: it is {size} bytes long")
    offset, length, pack, version, zero, magic = FOOTER.unpack(footer)
    if magic != FOOTER_MAGIC:
        raise FormatError(f"{where} is not a pack, or is cut short")
    if version != VERSION:
        raise FormatError(f"{where} is a pack of version {version}", hint="a newer datav reads it: upgrade")
    if zero != 0 or offset < HEADER_SIZE or offset + length + FOOTER_SIZE != size:
        raise FormatError(f"{where} is a pack whose footer does not fit it")
    return PackFooter(offset, length, PackId(pack))


def check_contents(contents: PackContents, footer: PackFooter, encoded: Buffer, where: str) -> None:
    """Raise FormatError unless the contents are the ones that the footer names (P1, P2)."""
    if hash_pack_contents(encoded) != footer.pack:
        raise FormatError(f"contents of {where} do not hash to the pack's id")
    if HEADER_SIZE + sum(contents.lengths) != footer.contents_offset:
        raise FormatError(f"frames of {where} do not add up to where its contents begin")
