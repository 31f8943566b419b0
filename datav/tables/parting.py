"""Columns of rows of two versions, parted by their fingerprints: what does not fit into memory, part by
part."""

from typing import BinaryIO

import numpy as np

from datav.storage.scratch import Scratch
from datav.tables.version import U64

# Rows of a part that is in memory.
_PART_ROWS = 2**22
# Rows that are kept before they are written, once anything was.
_FEW = 2**18


class Parts:
    """Columns of rows of two versions, in memory while they fit, else in scratch files by their first
    bits."""

    # Files of each side once there are any; a part that is read may be several of them.
    _BITS = 6

    def __init__(self, scratch: Scratch, max_in_memory: int, names: tuple[str, ...]) -> None:
        self._scratch = scratch
        self._max_in_memory = max_in_memory
        self._part_rows = max(1, min(_PART_ROWS, max_in_memory))
        self._names = names
        self._by = names.index("keys")
        self._held: tuple[list[tuple[U64, ...]], list[tuple[U64, ...]]] = ([], [])
        self._size = 0
        self._total = 0
        self._files: tuple[list[BinaryIO], list[BinaryIO]] | None = None

    def add(self, side: int, columns: tuple[U64, ...]) -> None:
        if not len(columns[0]):
            return
        self._held[side].append(tuple(columns))
        self._size += len(columns[0])
        self._total += len(columns[0])
        if self._size > self._max_in_memory:
            self._spill()

    def wanted_parts(self) -> int:
        """How many parts it takes to have one in memory at a time; a power of 2."""
        if self._files is None:
            return 1
        self._spill()
        needed = -(-self._total // self._part_rows)
        return min(1 << self._BITS, 1 << max(0, needed - 1).bit_length())

    def read(self, side: int, number: int, parts: int) -> tuple[U64, ...]:
        """Return the columns of the rows of one part: those whose keys begin with the bits of its number.

        Without a key `keys` is what `rows` is, so both versions are parted alike in any case.
        """
        bits = parts.bit_length() - 1
        if self._files is None:
            columns = _concatenate(self._held[side], len(self._names))
            if parts == 1:
                return columns
            mine = _first_bits(columns[self._by], bits) == number
            return tuple(column[mine] for column in columns)
        per_part = 2 ** (self._BITS - bits)
        rows = [
            _read_rows(file, len(self._names)) for file in self._files[side][number * per_part :][:per_part]
        ]
        table = np.concatenate(rows)
        return tuple(np.ascontiguousarray(table[:, i]) for i in range(len(self._names)))

    def _spill(self) -> None:
        """Write to files what is in memory, stretch by stretch; from now on little is kept before it is
        written."""
        if self._files is None:
            files = [[self._scratch.file() for _ in range(2**self._BITS)] for _ in range(2)]
            self._files = files[0], files[1]
            self._max_in_memory = min(self._max_in_memory, _FEW)
        for side in (0, 1):
            for columns in self._held[side]:
                self._write(self._files[side], columns)
            self._held[side].clear()
        self._size = 0

    def _write(self, files: list[BinaryIO], columns: tuple[U64, ...]) -> None:
        part = _first_bits(columns[self._by], self._BITS)
        order = np.argsort(part, kind="stable")
        table = np.stack([column[order] for column in columns], axis=1)
        ends = np.searchsorted(part[order], np.arange(2**self._BITS), side="right")
        start = 0
        for file, end in zip(files, ends.tolist(), strict=True):
            file.write(table[start:end].data)
            start = end


def _read_rows(file: BinaryIO, width: int) -> U64:
    file.seek(0)
    return np.frombuffer(file.read(), np.uint64).reshape(-1, width)


def _concatenate(parts: list[tuple[U64, ...]], width: int) -> tuple[U64, ...]:
    if not parts:
        return tuple(np.zeros(0, np.uint64) for _ in range(width))
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


def _first_bits(values: U64, bits: int) -> U64:
    return values >> np.uint64(64 - bits) if bits else np.zeros(len(values), np.uint64)
