"""The definition of datav.core, in Python and numpy.

Each function here has a fast twin in `_native.c` that returns the same bytes for every input and
raises the same kind of error; where no compiler was at hand, these serve.  The page behind the
chunker is docs/formats/chunking.md.

Pure: no file, clock or thread.  Buffers may be anything contiguous and are never kept.  Packed
results are little-endian: `memoryview(result).cast("Q")` (or "I") reads them on a little-endian
machine, `numpy.frombuffer(result, "<u8")` on any.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import TYPE_CHECKING, SupportsIndex

import numpy as np

from datav.core.constants import ABSENT, AT_RECORD, LEAD
from datav.core.params import ChunkerParams, check_sizes

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Words = NDArray[np.uint64]

# The chunker's constants: part of the format, see docs/formats/chunking.md.
CT = 0x76
GATE_MASK, GATE = 0x38, 0x18
SEED = 0x9E3779B97F4A7C15
MUL = 0xD6E8FEB86659FD93

U64_MAX = 2**64 - 1
OFFSET_LIMIT = 2**62
CALL_LIMIT = 2**24
"""Chunks that one call may force: 4 TiB at the default sizes.  Bounds the memory of a wrong call."""

# Candidates are searched in pieces of this size, so that memory stays bounded.
_PIECE = 2**20


# ---------------------------------------------------------------- candidates


def find_candidates(
    data: ReadableBuffer, lead: SupportsIndex, hard: SupportsIndex, easy: SupportsIndex, /
) -> bytes:
    """Return the positions of `data` behind which a chunk may end.

    Args:
        data: a segment of a file.
        lead: positions lead <= i < len(data) are tested.  0 at the start of a file, where
            positions below 511 are never candidates; elsewhere at least 512, so that the segment
            brings 512 bytes of what stands before its first tested position.
        hard, easy: thresholds, 0 to 2**64 - 1.  A position is listed if its strength is under `easy`.

    Returns:
        Packed u64, increasing: `(i << 1) | (strength < hard)`, i counted from the start of `data`.

    Raises:
        ValueError: lead is 1 to 511 or past the end, a number is out of range, data not contiguous.
        TypeError: not a buffer, not an integer.

    Cost: one pass, over 10 GB/s with vector instructions; the interpreter lock is released.
    Source: the comb is our own; gear hashing (Xia et al.) turned sideways, see _native.c.
    """
    array, start = _bytes(data), _u64(lead)
    hard_limit, easy_limit = _u64(hard), _u64(easy)
    if 0 < start < LEAD:
        raise ValueError("lead must be 0 or at least 512")
    if start > len(array):
        raise ValueError("lead is past the end of data")
    items = [np.empty(0, "<u8")]
    for at in range(start or LEAD - 1, len(array), _PIECE):
        positions = _hits(array, at, min(at + _PIECE, len(array)))
        strength = _strength(array, positions)
        kept = strength < np.uint64(easy_limit)
        is_hard = (strength[kept] < np.uint64(hard_limit)).astype(np.uint64)
        items.append(positions[kept].astype(np.uint64) << np.uint64(1) | is_hard)
    return np.concatenate(items).astype("<u8").tobytes()


def _hits(array: Bytes, start: int, stop: int) -> NDArray[np.int64]:
    """Positions of start..stop where h and the h of 64 positions before are as wanted."""
    # What is before the window, or before the file, is forgotten by h[start]; zeros do.
    window = np.zeros(528 + stop - start, np.uint8)
    known = array[max(0, start - 528) : stop]
    window[len(window) - len(known) :] = known
    h = _comb(window)
    hit = (h[528:] == CT) & ((h[528 - 64 : -64] & GATE_MASK) == GATE)
    return np.flatnonzero(hit) + start


def _comb(b: Bytes) -> Bytes:
    """h of each position, with zeros before the first."""
    average = ((_back(b, 2) ^ 0x5A).astype(np.uint16) + _back(b, 3) + 1) >> 1
    d4 = (b + 2 * _back(b, 1)) ^ average.astype(np.uint8)
    d8 = d4 + 3 * _back(d4, 4)
    d16 = d8 + 5 * _back(d8, 8)
    # h[i] = sum of 2**k * d16[i - 64k] for k = 0..7, by doubling.
    h = d16 + 2 * _back(d16, 64)
    h = h + 4 * _back(h, 128)
    h = h + 16 * _back(h, 256)
    result: Bytes = h
    return result


def _back(b: Bytes, count: int) -> Bytes:
    """b[i - count] at each i, 0 where there is none."""
    shifted = np.zeros_like(b)
    shifted[count:] = b[:-count]
    return shifted


def _strength(array: Bytes, positions: NDArray[np.int64]) -> Words:
    """A 64-bit mix of the 64 bytes that end at each position; positions >= 63."""
    windows = array[positions[:, None] + np.arange(-63, 1)]
    words = np.ascontiguousarray(windows).view("<u8").astype(np.uint64)
    x = np.full(len(positions), SEED, np.uint64)
    for k in range(8):
        x = (x ^ words[:, k]) * np.uint64(MUL)
        x ^= x >> np.uint64(32)
    return x


# ---------------------------------------------------------------- cuts


def select_cuts(
    candidates: ReadableBuffer,
    base: SupportsIndex,
    start: SupportsIndex,
    end: SupportsIndex,
    last: bool,
    smallest: SupportsIndex,
    target: SupportsIndex,
    largest: SupportsIndex,
    /,
) -> bytes:
    """Return the chunk ends that are decided by what is known of a file up to `end`.

    A file may be fed in segments, in order.  All that is carried from call to call is `start`:
    the last end returned, or `start` as before if none was.  Whether a candidate is taken
    depends on `start` alone, so one that was passed over is never needed again.

    Args:
        candidates: what find_candidates returned for the segment; items lie before `end`.
        base: offset in the file of the segment's byte 0; candidate positions count from it.
        start: offset at which the current chunk starts.
        end: offset up to which the candidates are known, base and start <= end < 2**62.
        last: `end` is the end of the file, the rest is the last chunk.
        smallest, target, largest: see ChunkerParams.

    Returns:
        Packed u64, increasing: absolute offsets where chunks end.

    Raises:
        ValueError: sizes or offsets out of range, candidates that do not increase or lie past `end`,
            start and end more than 2**24 * largest apart.

    Source: normalized chunking, Xia et al., "FastCDC", USENIX ATC 2016.
    """
    items = _packed(candidates, "<u8", "candidates are not packed u64")
    offset, chunk_start, stop = _u64(base), _u64(start), _u64(end)
    low, middle, high = _sizes(smallest, target, largest)
    if stop >= OFFSET_LIMIT or offset > stop or chunk_start > stop:
        raise ValueError("base and start must be at most end, end under 2^62")
    if (stop - chunk_start) // high > CALL_LIMIT:
        raise ValueError("too many chunks for one call")
    cuts = list(_cuts(items, offset, chunk_start, stop, bool(last), low, middle, high))
    return np.array(cuts, "<u8").tobytes()


def _cuts(
    items: Words, base: int, start: int, end: int, last: bool, smallest: int, target: int, largest: int
) -> Iterator[int]:
    before = -1
    for item in items.tolist():
        position, is_hard = item >> 1, item & 1
        if position <= before or position >= end - base:
            raise ValueError("candidates must increase and lie before end")
        before = position
        stop = base + position + 1
        if stop <= start:
            continue
        while stop - start > largest:
            start += largest
            yield start
        length = stop - start
        if length >= smallest and (length >= target or is_hard or length == largest):
            start = stop
            yield start
    while end - start >= largest:
        start += largest
        yield start
    if last and end > start:
        yield end


def find_cuts(
    data: ReadableBuffer, smallest: SupportsIndex, target: SupportsIndex, largest: SupportsIndex, /
) -> bytes:
    """Return the ends of the chunks of one whole file.

    Returns:
        Packed u64, increasing, the last equal to len(data); empty for an empty file.  Every chunk
        but the last is smallest to largest long.

    Raises:
        ValueError: sizes out of range, data not contiguous.
    """
    array = _bytes(data)
    return find_cuts_many(array.data, np.array([len(array)], "<u8").data, smallest, target, largest)


def find_cuts_many(
    data: ReadableBuffer,
    ends: ReadableBuffer,
    smallest: SupportsIndex,
    target: SupportsIndex,
    largest: SupportsIndex,
    /,
) -> bytes:
    """Return the ends of the chunks of many files that lie back to back.

    Args:
        data: file k is data[ends[k-1]:ends[k]]; the first starts at 0.
        ends: packed u64, not decreasing, at most len(data).

    Returns:
        Packed u64, strictly increasing, counted from the start of `data`.  Every end of a file that
        is not empty is among them.

    Raises:
        ValueError: sizes out of range; ends decrease or lie past the end of data.

    Cost: files up to `smallest` long are not read.
    """
    array, sizes = _bytes(data), _sizes(smallest, target, largest)
    params = ChunkerParams(*sizes)
    cuts: list[int] = []
    for start, end in _slices(array, ends):
        candidates = b""
        if end - start > sizes[0]:
            candidates = find_candidates(array[start:end].data, sizes[0] - 1, params.hard, params.easy)
        items = _packed(candidates, "<u8", "")
        cuts.extend(_cuts(items, start, start, end, True, *sizes))
    return np.array(cuts, "<u8").tobytes()


# ---------------------------------------------------------------- rows


def count_rows(
    data: ReadableBuffer, lead: SupportsIndex, delimiter: SupportsIndex, quoting: bool, /
) -> tuple[int, int, int, int, int]:
    r"""Count the rows of a segment of a text table, for both states it may start in.

    A row ends at each `\n` or `\r` outside quotes whose preceding byte is neither; so `\r\n` counts
    once and blank lines count nothing.  A last row without a line end is not counted.  Every `"`
    changes between outside and inside.

    Args:
        data: bytes lead <= i < len(data) are counted; data[lead-1] is only looked back at.  With
            lead 0 the segment starts the file, and a line end is taken to stand before it.
        delimiter: the byte between fields; ASCII, not a quote or a line end.
        quoting: False if quotes have no meaning, as in JSON Lines; then both counts of rows are
            the same and the other three items 0.

    Returns:
        (rows if it starts outside quotes, rows if inside, 1 if the number of quotes is odd,
        irregular quotes if it starts outside, irregular quotes if inside).  An irregular quote
        opens where no field starts: its preceding byte is no delimiter, quote or line end.  While
        there is none, the count is that of count_rows_exact.

    Raises:
        ValueError: lead is past the end of data; a delimiter that cannot be one.

    Cost: one pass, several GB/s native; the interpreter lock is released.
    """
    array, start, separator = _bytes(data), _u64(lead), _delimiter(delimiter)
    if start > len(array):
        raise ValueError("lead is past the end of data")
    b = array[start:]
    before = np.empty_like(b)
    if len(b):
        before[0] = array[start - 1] if start else ord("\n")
        before[1:] = b[:-1]
    row_ends = _is_terminator(b) & ~_is_terminator(before)
    rows = int(np.count_nonzero(row_ends))
    if not quoting:
        return rows, rows, 0, 0, 0
    quotes = b == ord('"')
    inside = np.cumsum(quotes) % 2 == 1
    irregular = quotes & ~(_is_terminator(before) | (before == separator) | (before == ord('"')))
    rows_outside = int(np.count_nonzero(row_ends & ~inside))
    return (
        rows_outside,
        rows - rows_outside,
        int(np.count_nonzero(quotes)) % 2,
        int(np.count_nonzero(irregular & inside)),
        int(np.count_nonzero(irregular & ~inside)),
    )


def _is_terminator(b: Bytes) -> NDArray[np.bool_]:
    result: NDArray[np.bool_] = (b == ord("\n")) | (b == ord("\r"))
    return result


_AT_FIELD, _IN_FIELD, _IN_QUOTES, _AFTER_QUOTE = range(AT_RECORD + 1, 5)
_NEXT_STATE = (
    # other      line end     quote         delimiter
    (_IN_FIELD, AT_RECORD, _IN_QUOTES, _AT_FIELD),  # AT_RECORD
    (_IN_FIELD, AT_RECORD, _IN_QUOTES, _AT_FIELD),  # _AT_FIELD
    (_IN_FIELD, AT_RECORD, _IN_FIELD, _AT_FIELD),  # _IN_FIELD
    (_IN_QUOTES, _IN_QUOTES, _AFTER_QUOTE, _IN_QUOTES),  # _IN_QUOTES
    (_IN_FIELD, AT_RECORD, _IN_QUOTES, _AT_FIELD),  # _AFTER_QUOTE
)


def count_rows_exact(
    data: ReadableBuffer, state: SupportsIndex, delimiter: SupportsIndex, /
) -> tuple[int, int]:
    """Count rows as Python's csv module reads them, blank lines left out.

    A quote opens only at the start of a field and is an ordinary character inside an unquoted one; two
    quotes inside quotes are one; what follows a closing quote continues the field.

    Args:
        data: the next piece of the table; pieces may be split anywhere.
        state: 0 for the first piece, then what the call before returned.
        delimiter: the byte between fields.

    Returns:
        (rows ended in this piece, state).  State 0 means that no row is unfinished; at the end
        of the file `finish_rows(state)` is the number of rows that no line end closed.

    Raises:
        ValueError: a state that is none, a delimiter that cannot be one.

    Cost: serial, about 0.3 GB/s native; for the tables where count_rows finds irregular quotes.
    """
    array, now, separator = _bytes(data), _u64(state), _delimiter(delimiter)
    if now > _AFTER_QUOTE:
        raise ValueError("state must be 0 or come from a call before")
    kinds = bytearray(256)
    kinds[ord("\n")] = kinds[ord("\r")] = 1
    kinds[ord('"')], kinds[separator] = 2, 3
    rows = 0
    for kind in array.tobytes().translate(bytes(kinds)):
        then = _NEXT_STATE[now][kind]
        if then == AT_RECORD and now != AT_RECORD:
            rows += 1
        now = then
    return rows, now


# ---------------------------------------------------------------- ids


def find_ids(
    ids: ReadableBuffer, fanout: ReadableBuffer, fanout_bits: SupportsIndex, wanted: ReadableBuffer, /
) -> bytes:
    """Return where each wanted id stands in a sorted array.

    Args:
        ids: N ids of 32 bytes, increasing; N < 2**32 - 1.  May be a memory map.
        fanout: packed u32, 2**fanout_bits + 1 of them: fanout[k] ids have first bits that are,
            read as a big-endian number, under k.  Not trusted: where it, or the order of `ids`,
            is wrong, an id may be missed, but nothing is read out of bounds and no position is
            returned that does not hold the id.
        fanout_bits: 0 to 28.
        wanted: M ids of 32 bytes, in any order.

    Returns:
        Packed u32, M of them: positions; 0xFFFFFFFF where absent.  Of equal ids the first.

    Raises:
        ValueError: lengths that do not fit.

    Cost: one binary search in a bucket for each id; the interpreter lock is released.
    """
    sorted_ids, sought = _bytes(ids).tobytes(), _bytes(wanted).tobytes()
    bits = _u64(fanout_bits)
    if len(sorted_ids) % 32 or len(sought) % 32:
        raise ValueError("ids are not 32 bytes each")
    if bits > 28:
        raise ValueError("fanout_bits is over 28")
    counts = _packed(fanout, "<u4", "fanout does not have 2^fanout_bits + 1 items")
    if len(counts) != 2**bits + 1:
        raise ValueError("fanout does not have 2^fanout_bits + 1 items")
    found = []
    for k in range(0, len(sought), 32):
        one = sought[k : k + 32]
        bucket = int.from_bytes(one[:4], "big") >> (32 - bits)
        low, high = int(counts[bucket]), min(int(counts[bucket + 1]), len(sorted_ids) // 32)
        found.append(_search(sorted_ids, low, high, one))
    return np.array(found, "<u4").tobytes()


def _search(ids: bytes, low: int, high: int, wanted: bytes) -> int:
    stop = high
    while low < high:
        middle = (low + high) // 2
        if ids[32 * middle : 32 * middle + 32] < wanted:
            low = middle + 1
        else:
            high = middle
    return low if low < stop and ids[32 * low : 32 * low + 32] == wanted else ABSENT


# ---------------------------------------------------------------- incompressible

_SLICES, _SLICE = 32, 128
_FLAG_SMALLEST = 512
_ANCHOR = 0xA5
_SLOT_BITS = 10


def is_incompressible(data: ReadableBuffer, /) -> bool:
    """Return whether zstd at level 1 would save next to nothing on `data`.

    A guess that is the same on every machine.  True means that less than about 2 % could be
    saved; False promises nothing.  Rates on real data: docs/decisions/0001-chunker.md.  Data under
    512 bytes is never flagged.

    Two things make zstd gain.  Uneven bytes show in 32 slices of 128 bytes: noise has the fewest
    pairs of equal bytes, in all and in each slice.  Strings that come back show as equal eight bytes
    behind two bytes 0xA5, looked for in the whole of `data`.

    Cost: about 12 microseconds for 64 KiB native.
    """
    array = _bytes(data)
    return len(array) >= _FLAG_SMALLEST and _is_even(array) and not _has_repeats(array)


def incompressible_flags(data: ReadableBuffer, ends: ReadableBuffer, /) -> bytes:
    """Return is_incompressible of many chunks that lie back to back, a byte 0 or 1 for each.

    Args:
        data: chunk k is data[ends[k-1]:ends[k]]; the first starts at 0.
        ends: packed u64, not decreasing, at most len(data).

    Raises:
        ValueError: ends decrease or lie past the end of data.
    """
    array = _bytes(data)
    return bytes(is_incompressible(array[start:end].data) for start, end in _slices(array, ends))


def _is_even(array: Bytes) -> bool:
    n, m, allowed = len(array), _SLICES * _SLICE, 0
    if n <= m:
        # All is looked at, and one slice may be the header of a compressed file.
        m, allowed = n, 1
        slices = [array[at : at + _SLICE] for at in range(0, n, _SLICE)]
    else:
        stratum = n // _SLICES
        # Not at even distances, which could fall in step with the data.
        shifts = [((k + 1) * 40503 & 0xFFFF) % (stratum - _SLICE + 1) for k in range(_SLICES)]
        starts = [stratum * k + shift for k, shift in enumerate(shifts)]
        slices = [array[start : start + _SLICE] for start in starts]
    # 128 bytes of noise have 31.75 pairs, compressed files up to 90 in places, text over 400.
    uneven_slices = sum(_pairs(piece) > 100 for piece in slices)
    # Noise has m * (m - 1) / 512 pairs.  19/16 of that is about 2 % for an entropy coder; m/8 is
    # three standard deviations.
    pairs = _pairs(np.concatenate(slices))
    return uneven_slices <= allowed and pairs * 8192 <= m * (m - 1) * 19 + m * 1024


def _pairs(array: Bytes) -> int:
    """How many pairs of positions hold equal bytes."""
    counts = np.bincount(array, minlength=256).astype(np.int64)
    return int((counts * (counts - 1)).sum()) // 2


def _has_repeats(array: Bytes) -> bool:
    data = array.tobytes()
    searched = max(0, (len(data) - 8) // 64 * 64)
    slots = [0] * 2**_SLOT_BITS
    anchors = repeats = 0
    for i in np.flatnonzero(array[:searched] == _ANCHOR).tolist():
        key = int.from_bytes(data[i + 1 : i + 9], "little")
        slot = key * MUL % 2**64 >> (64 - _SLOT_BITS)
        repeats += slots[slot] == key
        anchors += 1
        slots[slot] = key
    return repeats * 32 > anchors


# ---------------------------------------------------------------- tree nodes


def split_entries(
    hashes: ReadableBuffer, limit: SupportsIndex, smallest: SupportsIndex, largest: SupportsIndex, /
) -> bytes:
    """Return where a list of entries is split into nodes of a tree.

    A node ends behind entry j if it then has at least `smallest` entries and hashes[j] < limit, or
    if it has `largest`, or if j is the last.

    Args:
        hashes: packed u64, one for each entry; fewer than 2**32 - 1.
        limit: 0 to 2**64 - 1; on average 2**64 / limit entries after `smallest` make a node.
        smallest, largest: entries, 1 <= smallest <= largest.

    Returns:
        Packed u32, increasing: the number of entries up to the end of each node.

    Raises:
        ValueError: sizes out of range.
    """
    items = _packed(hashes, "<u8", "hashes are not packed u64").tolist()
    threshold, low, high = _u64(limit), _u64(smallest), _u64(largest)
    if not 1 <= low <= high:
        raise ValueError("sizes must be 1 <= smallest <= largest")
    ends, start = [], 0
    for j, item in enumerate(items, 1):
        length = j - start
        if length == high or j == len(items) or (length >= low and item < threshold):
            start = j
            ends.append(j)
    return np.array(ends, "<u4").tobytes()


# ---------------------------------------------------------------- arguments


def _bytes(data: ReadableBuffer) -> Bytes:
    """A view of any contiguous buffer as bytes, without a copy."""
    view = memoryview(data)
    if not view.c_contiguous:
        raise ValueError("the buffer is not contiguous")
    return np.frombuffer(view, np.uint8) if view.nbytes else np.empty(0, np.uint8)


def _packed(data: ReadableBuffer, kind: str, problem: str) -> Words:
    array = _bytes(data)
    if len(array) % np.dtype(kind).itemsize:
        raise ValueError(problem)
    result: Words = array.view(kind)
    return result


def _slices(array: Bytes, ends: ReadableBuffer) -> Iterator[tuple[int, int]]:
    start = 0
    for end in _packed(ends, "<u8", "ends are not packed u64").tolist():
        if end < start or end > len(array):
            raise ValueError("ends must not decrease and must lie within data")
        yield start, end
        start = end


def _u64(value: SupportsIndex) -> int:
    number = operator.index(value)
    if not 0 <= number <= U64_MAX:
        raise ValueError("a number is negative or too large")
    return number


def _sizes(smallest: SupportsIndex, target: SupportsIndex, largest: SupportsIndex) -> tuple[int, int, int]:
    sizes = _u64(smallest), _u64(target), _u64(largest)
    check_sizes(*sizes)
    return sizes


def _delimiter(delimiter: SupportsIndex) -> int:
    value = _u64(delimiter)
    if value > 127 or chr(value) in '\n\r"':
        raise ValueError("delimiter must be one ASCII character, not a quote or a line end")
    return value
