"""Index files: sorted ids to places in packs.

The byte layout is specified in docs/formats/index.md, and this module is the only code that knows it.
Pure: an index is a buffer, usually a memory-mapped one, and is never read whole to be used.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from blake3 import blake3
from xxhash import xxh3_64_intdigest

from datav.core import find_ids
from datav.errors import FormatError
from datav.formats.words import u32_array
from datav.ids import ID_SIZE, Buffer, PackId

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAGIC = b"DATAVIX\n"
VERSION = 1
HEADER = struct.Struct("<8sIIQIIQ24x")
HEADER_SIZE = HEADER.size
PLACE = struct.Struct("<III")
PLACE_SIZE = PLACE.size
RECORD_SIZE = ID_SIZE + PLACE_SIZE
MAX_FANOUT_BITS = 24
IDS_PER_BUCKET = 32
NAME_CONTEXT = "datav 2026 index v1"
ABSENT = 0xFFFFFFFF
# Compared at a time by `check_index`.
_ROWS_AT_ONCE = 2**16


class Place(NamedTuple):
    """Where a frame lies."""

    pack: PackId
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Index:
    """An index over a buffer.  Numbers read from it are clamped, never trusted."""

    where: str
    packs: tuple[PackId, ...]
    count: int
    fanout_bits: int
    fanout: memoryview
    ids: memoryview
    """count * 32 bytes."""
    places: memoryview
    """count * 12 bytes."""

    def find(self, wanted: Buffer) -> memoryview:
        """Return the position of each of the ids packed in `wanted`, or ABSENT; u32 each."""
        return memoryview(find_ids(self.ids, self.fanout, self.fanout_bits, wanted)).cast("I")

    def place(self, position: int) -> Place:
        number, offset, length = PLACE.unpack_from(self.places, position * PLACE_SIZE)
        if number >= len(self.packs):
            raise FormatError(f"index {self.where} places an entry in a pack that it does not list")
        return Place(self.packs[number], offset, length)

    def records(self) -> Iterator[tuple[bytes, Place]]:
        """Every id with its place, in the order of ids.  Reads the whole index."""
        ids = bytes(self.ids)
        for number in range(self.count):
            yield ids[ID_SIZE * number : ID_SIZE * (number + 1)], self.place(number)


def index_name(packs: Iterable[PackId]) -> str:
    """The file name of the index that covers exactly these packs."""
    table = b"".join(sorted(packs))
    return blake3(table, derive_key_context=NAME_CONTEXT).hexdigest() + ".idx"


def encode_index(packs: Iterable[PackId], records: Iterable[tuple[bytes, Place]]) -> bytes:
    """Return the index of `records`, in any order; of an id that comes twice the longest frame stays.

    The longest, because others may need it as a base, and a base is whole (F2): a delta is the shorter one
    (F4).

    Cost: sorts in memory, about 280 bytes a record at the peak.
    """
    table = sorted(set(packs))
    numbers = {pack: number for number, pack in enumerate(table)}
    pack_place = PLACE.pack
    rows = sorted(identity + pack_place(numbers[place[0]], place[1], place[2]) for identity, place in records)
    kept = _longest_of_each(rows)
    bits = 0
    while len(kept) > IDS_PER_BUCKET << bits and bits < MAX_FANOUT_BITS:
        bits += 1
    body = b"".join(
        [
            *table,
            _fanout(kept, bits),
            b"".join([row[:ID_SIZE] for row in kept]),
            b"".join([row[ID_SIZE:] for row in kept]),
        ]
    )
    header = HEADER.pack(MAGIC, VERSION, len(table), len(kept), bits, 0, xxh3_64_intdigest(body))
    return header + body


def _longest_of_each(rows: list[bytes]) -> list[bytes]:
    """Return sorted rows with each id once."""
    kept = [row for before, row in zip([b"", *rows], rows, strict=False) if before[:ID_SIZE] != row[:ID_SIZE]]
    if len(kept) == len(rows):
        return rows
    best: dict[bytes, bytes] = {}
    for row in rows:
        held = best.setdefault(row[:ID_SIZE], row)
        if PLACE.unpack_from(row, ID_SIZE)[2] > PLACE.unpack_from(held, ID_SIZE)[2]:
            best[row[:ID_SIZE]] = row
    return list(best.values())


def _fanout(rows: list[bytes], bits: int) -> bytes:
    counts = [0] * ((1 << bits) + 1)
    shift = 32 - bits
    for row in rows:
        counts[(int.from_bytes(row[:4], "big") >> shift) + 1] += 1
    total = 0
    for bucket, count in enumerate(counts):
        total += count
        counts[bucket] = total
    return u32_array(counts).tobytes()


def open_index(buffer: Buffer, where: str) -> Index:
    """Return the index that `buffer` holds; FormatError if it is not one.  Costs the same for any size."""
    view = memoryview(buffer)
    if len(view) < HEADER_SIZE:
        raise FormatError(f"index {where} is cut short")
    magic, version, pack_count, count, bits, _, _ = HEADER.unpack_from(view)
    if magic != MAGIC:
        raise FormatError(f"{where} is not an index")
    if version != VERSION:
        raise FormatError(f"{where} is an index of version {version}", hint="a newer datav reads it: upgrade")
    if bits > MAX_FANOUT_BITS:
        raise FormatError(f"index {where} has a fanout that no writer makes")
    fanout_at = HEADER_SIZE + ID_SIZE * pack_count
    ids_at = fanout_at + 4 * ((1 << bits) + 1)
    places_at = ids_at + ID_SIZE * count
    if places_at + PLACE_SIZE * count != len(view):
        raise FormatError(f"index {where} is {len(view)} bytes long, which is not what it says")
    packs = tuple(PackId(view[at : at + ID_SIZE]) for at in range(HEADER_SIZE, fanout_at, ID_SIZE))
    return Index(where, packs, count, bits, view[fanout_at:ids_at], view[ids_at:places_at], view[places_at:])


def check_index(buffer: Buffer, where: str) -> Index:
    """open_index, and read every byte: the checksum, the order of the ids, every place's pack number.

    Raises:
        FormatError: something is wrong.
    """
    # Only here: commands that check nothing start faster without.
    import numpy as np

    index = open_index(buffer, where)
    view = memoryview(buffer)
    checksum = xxh3_64_intdigest(view[HEADER_SIZE:])
    header = HEADER.pack(MAGIC, VERSION, len(index.packs), index.count, index.fanout_bits, 0, checksum)
    if view[:HEADER_SIZE] != header:
        raise FormatError(f"index {where} is damaged: its checksum does not match")
    places = np.frombuffer(index.places, "<u4").reshape(-1, 3)
    if len(places) and int(places[:, 0].max()) >= len(index.packs):
        raise FormatError(f"index {where} places an entry in a pack that it does not list")
    ids = np.frombuffer(index.ids, ">u8").reshape(-1, 4)
    if not _ascend(ids):
        raise FormatError(f"index {where} is not in order")
    if _fanout_of(ids, index.fanout_bits) != index.fanout or list(index.packs) != sorted(set(index.packs)):
        raise FormatError(f"index {where} has a table that does not fit its entries")
    return index


def _ascend(ids: "NDArray[np.uint64]") -> bool:
    """Whether each row of four words is larger than the one before, the first word counting most."""
    import numpy as np

    for first in range(0, len(ids) - 1, _ROWS_AT_ONCE):
        block = ids[first : first + _ROWS_AT_ONCE + 1]
        undecided = np.ones(len(block) - 1, np.bool_)
        for word in range(4):
            before, after = block[:-1, word], block[1:, word]
            if (undecided & (after < before)).any():
                return False
            undecided &= after == before
        if undecided.any():
            return False
    return True


def _fanout_of(ids: "NDArray[np.uint64]", bits: int) -> bytes:
    """The fanout table over ids in order."""
    import numpy as np

    buckets = ids[:, 0] >> np.uint64(64 - bits) if bits else np.zeros(len(ids), np.uint64)
    counts = np.bincount(buckets.astype(np.int64), minlength=1 << bits)
    return np.concatenate([[0], np.cumsum(counts)]).astype("<u4").tobytes()
