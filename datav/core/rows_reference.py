"""The definition of datav.core.rows, in Python.

Each function here has a fast twin in `_rows.c` that returns the same bytes for every input and raises
the same kind of error; where no compiler was at hand, these serve.

Pure: no file, clock or thread.  Buffers may be anything contiguous and are never kept.  Packed items
are little-endian: `memoryview(result).cast("Q")` reads them on a little-endian machine,
`numpy.frombuffer(result, "<u8")` on any.  Fingerprints with a seed of one's own are for one run of one
version of datav: nothing writes them down for others.  Those with seed 0 are written down, in profiles
(docs/formats/profile.md), so hash_cell and combine never change.
"""

from __future__ import annotations

import operator
import struct
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, SupportsIndex

import numpy as np

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer
    from numpy.typing import NDArray

    Words = NDArray[np.uint64]

WIDTH_LIMIT = 2**24
"""Columns.  More than any file has, few enough for memory."""
WINDOW_LIMIT = 2**16 - 1
"""Rows that align_rows looks ahead."""
FAILURES_LIMIT = 10_000
"""Look-aheads that may find nothing before align_rows asks how often they do."""

_MASK = 2**64 - 1
_MUL = 0xD6E8FEB86659FD93
_GOLDEN = 0x9E3779B97F4A7C15
_NEWLINE, _RETURN, _QUOTE = b'\n\r"'

# ---------------------------------------------------------------- the hash


def hash_cell(content: bytes, seed: int) -> int:
    """Return the 64-bit hash of the content of one cell.

    Up to 16 bytes, filled up with zeros, are two words; each is hidden by a secret of its length, and
    both halves of their product are xored.  Longer ones are chained through the same product, 16
    bytes a step, the last 16 overlapping the ones before.  Who does not know `seed` cannot make two
    cells collide.
    """
    n = len(content)
    if n <= 16:
        low, high = struct.unpack("<QQ", content.ljust(16, b"\0"))
        return _fold(low ^ _secret(seed, 2 * n), high ^ _secret(seed, 2 * n + 1))
    length, start, block = (_secret(seed, k) for k in (34, 35, 36))
    x = _fold(n ^ length, start)
    for at in [*range(0, n - 16, 16), n - 16]:
        low, high = struct.unpack_from("<QQ", content, at)
        x = _fold(low ^ block, high ^ x)
    return x


def hash_of_null(seed: int) -> int:
    """Return what stands for the hash of a null."""
    return _secret(seed, 37)


def combine(fingerprint: int, cell: int) -> int:
    """Return the fingerprint of the cells so far and one more; a bijection in either argument."""
    x = (fingerprint ^ cell) * _MUL & _MASK
    return x ^ x >> 32


def _secret(seed: int, k: int) -> int:
    """Output `k` of the generator splitmix64 (Steele, Lea, Flood, OOPSLA 2014)."""
    x = (seed + (k + 1) * _GOLDEN) & _MASK
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    x = (x ^ x >> 27) * 0x94D049BB133111EB & _MASK
    return x ^ x >> 31


def _fold(x: int, y: int) -> int:
    product = x * y
    return (product ^ product >> 64) & _MASK


def _fingerprint(cells: list[bytes], seed: int) -> int:
    fingerprint = seed
    for cell in cells:
        fingerprint = combine(fingerprint, hash_cell(cell, seed))
    return fingerprint


# ---------------------------------------------------------------- text


class _Record(NamedTuple):
    start: int
    end: int
    """Behind the line end, or of the data."""
    cells: list[bytes]


def scan_text(
    data: ReadableBuffer,
    whole: bool,
    delimiter: SupportsIndex,
    quoting: bool,
    width: SupportsIndex,
    columns: ReadableBuffer,
    key: ReadableBuffer,
    seed: SupportsIndex,
    /,
) -> tuple[bytes, bytes, bytes, int, int, int]:
    r"""Return where the records of a text table start, and fingerprints of their cells.

    Records and cells are those of Python's csv.reader, with doubled quotes, not strict: `\n`, `\r` and
    `\r\n` end a record, a quote opens only at the start of a cell, text behind a closing quote continues
    the cell, blank lines are no records.  The content of a cell is what csv.reader returns, so `"a"` and
    `a` are the same.

    Args:
        data: begins at the start of a record, at blank lines, or at the `\n` of a `\r\n`.
        whole: the end of data ends the last record; else only those that a line end ends are returned.
        delimiter: the byte between cells, 0 to 255, no line end; -1 if a record is one cell.
        quoting: False if quotes have no meaning.
        width: cells that every record must have, 1 to 2**24.
        columns: packed u32, the compared cells in the order in which they are combined, under `width`.
        key: packed u32, the key: positions in `columns`.  Empty: `keys` is `rows`.
        seed: 0 to 2**64 - 1.

    Returns:
        starts: packed u64, offset of the first byte of each record.
        keys, rows: packed u64, fingerprints of the key cells and of all compared cells.
        consumed: where the record begins that is not ended, or the length of data; line ends and blank
            lines before it are consumed.  `data[consumed:]` and what follows it can be scanned next.
        ragged: number of the first record that has not `width` cells, or -1.
        ragged_width: how many it has, or -1.  Cells that are missing count as empty.

    Raises:
        ValueError: a number out of range, a buffer that is not contiguous or has half an item.
        TypeError: not a buffer, not an integer.

    Cost: one pass, over 1 GB/s native with vector instructions; the interpreter lock is released.  Memory:
    24 bytes a record, up to three times that while it works, and up to 16 a cell of the longest record.
    """
    content, separator = _bytes(data), _delimiter(delimiter, quoting)
    number_of_cells, first = _u64(width), _u64(seed)
    if not 1 <= number_of_cells <= WIDTH_LIMIT:
        raise ValueError("width must be 1 to 2^24")
    sources = _numbers(columns, number_of_cells, "a column is not under width")
    positions = _numbers(key, len(sources), "a key column is not among columns")
    starts: list[int] = []
    keys: list[int] = []
    rows: list[int] = []
    ragged, ragged_width = -1, -1
    reader = _Reader(content, separator, bool(quoting))
    for record in reader.records(bool(whole)):
        found = len(record.cells)
        if found != number_of_cells and ragged < 0:
            ragged, ragged_width = len(starts), found
        compared = [record.cells[k] if k < found else b"" for k in sources]
        starts.append(record.start)
        rows.append(_fingerprint(compared, first))
        keys.append(_fingerprint([compared[k] for k in positions], first))
    packed = _pack(rows)
    packed_keys = _pack(keys) if positions else packed
    return _pack(starts), packed_keys, packed, reader.consumed, ragged, ragged_width


def read_text(
    data: ReadableBuffer, delimiter: SupportsIndex, quoting: bool, columns: ReadableBuffer, /
) -> tuple[int, list[tuple[bytes, bytes]]]:
    """Return the contents of the cells of columns of a text table.

    Args:
        data, delimiter, quoting: as for scan_text; the end of data ends the last record.
        columns: packed u32, the wanted columns, in any order, under 2**24.

    Returns:
        The number of records, and for each wanted column the buffers of an Arrow large_binary array:
        count + 1 packed i64 offsets, and the contents back to back.  Cells that are missing are empty.

    Raises:
        ValueError, TypeError: as scan_text.
    """
    content, separator = _bytes(data), _delimiter(delimiter, quoting)
    sources = _numbers(columns, WIDTH_LIMIT, "a column is not under 2^24")
    records = list(_Reader(content, separator, bool(quoting)).records(True))
    contents = []
    for k in sources:
        cells = [record.cells[k] if k < len(record.cells) else b"" for record in records]
        contents.append((_pack([0, *np.cumsum([len(cell) for cell in cells]).tolist()]), b"".join(cells)))
    return len(records), contents


_AT_CELL, _IN_CELL, _IN_QUOTES, _AFTER_QUOTE = range(4)


class _Reader:
    """The state machine of Python's csv reader."""

    def __init__(self, data: bytes, delimiter: int, quoting: bool) -> None:
        self._data, self._delimiter, self._quoting = data, delimiter, quoting
        self.consumed = 0

    def records(self, whole: bool) -> Iterator[_Record]:
        """Yield records; `consumed` is behind the last one and what blank lines follow it."""
        data, start = self._data, 0
        cells: list[bytes] = []
        cell, state = bytearray(), _AT_CELL
        for at, byte in enumerate(data):
            if state == _IN_QUOTES:
                if byte == _QUOTE:
                    state = _AFTER_QUOTE
                else:
                    cell.append(byte)
            elif byte in (_NEWLINE, _RETURN):
                record_start, start = start, at + 1
                self.consumed = start
                if at > record_start:
                    yield _Record(record_start, start, [*cells, bytes(cell)])
                cells, cell, state = [], bytearray(), _AT_CELL
            elif byte == self._delimiter:
                cells.append(bytes(cell))
                cell, state = bytearray(), _AT_CELL
            elif byte == _QUOTE and self._quoting and state in (_AT_CELL, _AFTER_QUOTE):
                if state == _AFTER_QUOTE:
                    cell.append(byte)
                state = _IN_QUOTES
            else:
                cell.append(byte)
                state = _IN_CELL
        if whole and len(data) > start:
            self.consumed = len(data)
            yield _Record(start, len(data), [*cells, bytes(cell)])


def gather(data: ReadableBuffer, starts: ReadableBuffer, ends: ReadableBuffer, /) -> bytes:
    """Return the pieces `data[starts[k]:ends[k]]` back to back.

    Args:
        starts, ends: packed u64, starts[k] <= ends[k] <= len(data), in any order.

    Raises:
        ValueError: a piece that does not lie within data.
    """
    content = _bytes(data)
    first, last = _words(starts).tolist(), _words(ends).tolist()
    if len(first) != len(last):
        raise ValueError("starts and ends are not packed u64, one of each for a piece")
    if any(not start <= end <= len(content) for start, end in zip(first, last, strict=True)):
        raise ValueError("pieces must end where they start or later, and lie within data")
    return b"".join(content[start:end] for start, end in zip(first, last, strict=True))


# ---------------------------------------------------------------- Arrow columns


def hash_fixed(
    rows: WriteableBuffer,
    values: ReadableBuffer,
    width: SupportsIndex,
    validity: ReadableBuffer,
    offset: SupportsIndex,
    seed: SupportsIndex = 0,
    /,
) -> None:
    """Combine each fingerprint in `rows` with the value of an Arrow column, in place.

    A value is hashed as its bytes, a boolean as one byte 0 or 1: whoever calls has made equal values
    equal bytes (-0.0, NaN).

    Args:
        rows: packed u64, n of them.
        values: the values buffer of an Arrow array.
        width: bytes of a value: 1, 2, 4, 8, 16, 32; 0 for booleans, a bit each.
        validity: bitmap of what is not null; empty if all is valid.
        offset: of the Arrow array, in items, for values and bits.
        seed: of the cells' hashes, 0 to 2**64 - 1.

    Raises:
        ValueError: a buffer too short for offset + n items, not contiguous or not writable; a width
            that is none.
        TypeError: not a buffer, not an integer.
    """
    raw, size, first = _bytes(values), _u64(width), _u64(offset)
    if size not in (0, 1, 2, 4, 8, 16, 32):
        raise ValueError("width must be 0, 1, 2, 4, 8, 16 or 32")
    present = len(raw) // size if size else len(raw) * 8

    def value(at: int) -> bytes:
        return raw[at * size : (at + 1) * size] if size else bytes([_bit(raw, at)])

    _hash_column(rows, present, value, validity, first, _u64(seed))


def hash_binary(
    rows: WriteableBuffer,
    offsets: ReadableBuffer,
    offset_width: SupportsIndex,
    values: ReadableBuffer,
    validity: ReadableBuffer,
    offset: SupportsIndex,
    seed: SupportsIndex = 0,
    /,
) -> None:
    """Combine each fingerprint in `rows` with the bytes of an Arrow column, in place.

    Args:
        rows, validity, offset, seed: as for hash_fixed.
        offsets: packed integers, at least offset + n + 1 if n > 0.  Not trusted.
        offset_width: 4 (string, binary) or 8 (large ones).
        values: the bytes.

    Raises:
        ValueError, TypeError: as hash_fixed; offsets that decrease or lie past the end of values, and
            then some of `rows` may be changed.
    """
    packed, raw, size, first = _bytes(offsets), _bytes(values), _u64(offset_width), _u64(offset)
    if size not in (4, 8):
        raise ValueError("offset_width must be 4 or 8")
    items = np.frombuffer(packed[: len(packed) // size * size], f"<i{size}").tolist()
    count = memoryview(rows).nbytes // 8
    used = items[first : first + count + 1] if count else []
    if any(not 0 <= start <= end <= len(raw) for start, end in pairwise(used)):
        raise ValueError("offsets must not decrease and must lie within values")
    # An array without items may come without offsets.
    present = len(items) - 1 if count else first

    def value(at: int) -> bytes:
        return raw[items[at] : items[at + 1]]

    _hash_column(rows, present, value, validity, first, _u64(seed))


def hash_null(rows: WriteableBuffer, seed: SupportsIndex = 0, /) -> None:
    """Combine each fingerprint in `rows` with a null, in place."""
    present = memoryview(rows).nbytes // 8
    _hash_column(rows, present, lambda _: None, b"", 0, _u64(seed))


def _hash_column(
    rows: WriteableBuffer,
    present: int,
    value: Callable[[int], bytes | None],
    validity: ReadableBuffer,
    offset: int,
    seed: int,
) -> None:
    fingerprints, bits = _writable_words(rows), _bytes(validity)
    count = len(fingerprints)
    if bits and offset + count > 8 * len(bits):
        raise ValueError("validity is too short")
    if offset + count > present:
        raise ValueError("values or offsets are too short")
    for k, fingerprint in enumerate(fingerprints.tolist()):
        at = offset + k
        content = value(at) if not bits or _bit(bits, at) else None
        cell = hash_of_null(seed) if content is None else hash_cell(content, seed)
        fingerprints[k] = combine(fingerprint, cell)


def _bit(bits: bytes, at: int) -> int:
    return bits[at // 8] >> at % 8 & 1


# ---------------------------------------------------------------- rows in step


def align_rows(a: ReadableBuffer, b: ReadableBuffer, window: SupportsIndex, /) -> tuple[bytes, bytes]:
    """Return the rows that are left over when two sequences are walked in step.

    Equal rows cancel.  Where the next two differ, the nearest place is looked for where both agree
    again, in two consecutive rows if both have that many: the one that skips the fewest rows on both
    sides together, of those the one that skips the fewest in `a`.  Rows that were skipped are left over; if
    there is no such place, the next row of both is.  When look-aheads find nothing too often,
    more than 10000 times and a quarter of the rows walked in `a`, all that remains is left over.

    Args:
        a, b: packed u64, fingerprints in file order.
        window: rows that may be skipped on each side at once, 0 to 65535.

    Returns:
        Packed u64, increasing: indices into `a`, indices into `b`.  Without these rows, both are equal.

    Raises:
        ValueError: half an item, a window out of range.

    Cost: where they are equal as fast as memory, else up to `window` steps for each look-ahead.
    """
    left, right, ahead = _words(a).tolist(), _words(b).tolist(), _u64(window)
    if ahead > WINDOW_LIMIT:
        raise ValueError("window is over 65535")
    left_a: list[int] = []
    left_b: list[int] = []
    i = j = failures = 0
    while i < len(left) and j < len(right) and failures <= FAILURES_LIMIT + i // 4:
        if left[i] == right[j]:
            i, j = i + 1, j + 1
            continue
        skip = _find_skip(left, right, i, j, ahead)
        if skip is None:
            failures += 1
        skip_a, skip_b = skip or (1, 1)
        left_a.extend(range(i, i + skip_a))
        left_b.extend(range(j, j + skip_b))
        i, j = i + skip_a, j + skip_b
    left_a.extend(range(i, len(left)))
    left_b.extend(range(j, len(right)))
    return _pack(left_a), _pack(left_b)


def _find_skip(a: list[int], b: list[int], i: int, j: int, window: int) -> tuple[int, int] | None:
    a_most, b_most = min(window, len(a) - i - 1), min(window, len(b) - j - 1)
    for both in range(1, a_most + b_most + 1):
        for skip in range(max(0, both - b_most), min(both, a_most) + 1):
            p, q = i + skip, j + both - skip
            if a[p] != b[q]:
                continue
            if p + 1 == len(a) or q + 1 == len(b) or a[p + 1] == b[q + 1]:
                return skip, both - skip
    return None


# ---------------------------------------------------------------- common ends


def first_difference(a: ReadableBuffer, b: ReadableBuffer, /) -> int:
    """Return the length in bytes of the common prefix of two buffers."""
    left, right = (np.frombuffer(_bytes(side), np.uint8) for side in (a, b))
    n = min(len(left), len(right))
    differences = np.flatnonzero(left[:n] != right[:n])
    return int(differences[0]) if len(differences) else n


def last_difference(a: ReadableBuffer, b: ReadableBuffer, /) -> int:
    """Return the length in bytes of the common suffix of two buffers."""
    return first_difference(_bytes(a)[::-1], _bytes(b)[::-1])


# ---------------------------------------------------------------- arguments


def _bytes(data: ReadableBuffer) -> bytes:
    view = memoryview(data)
    if not view.c_contiguous:
        raise ValueError("the buffer is not contiguous")
    return view.tobytes()


def _words(data: ReadableBuffer) -> Words:
    content = _bytes(data)
    if len(content) % 8:
        raise ValueError("items are not packed u64")
    return np.frombuffer(content, "<u8")


def _writable_words(data: WriteableBuffer) -> Words:
    view = memoryview(data)
    if not view.c_contiguous or view.readonly:
        raise ValueError("the buffer is not contiguous, or cannot be written to")
    if view.nbytes % 8:
        raise ValueError("rows are not packed u64")
    return np.frombuffer(view, "<u8") if view.nbytes else np.empty(0, "<u8")


def _numbers(data: ReadableBuffer, limit: int, problem: str) -> list[int]:
    content = _bytes(data)
    if len(content) % 4:
        raise ValueError("numbers are not packed u32")
    numbers: list[int] = np.frombuffer(content, "<u4").tolist()
    if any(number >= limit for number in numbers):
        raise ValueError(problem)
    return numbers


def _pack(items: list[int]) -> bytes:
    return np.array(items, "<u8").tobytes()


def _u64(value: SupportsIndex) -> int:
    number = operator.index(value)
    if not 0 <= number <= _MASK:
        raise ValueError("a number is negative or too large")
    return number


def _delimiter(delimiter: SupportsIndex, quoting: bool) -> int:
    value = operator.index(delimiter)
    if not -1 <= value <= 255 or value in (_NEWLINE, _RETURN):
        raise ValueError("delimiter must be one byte that is no line end, or -1")
    if quoting and value == _QUOTE:
        raise ValueError("delimiter must not be the quote")
    return value
