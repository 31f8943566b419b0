"""Fixtures of the tests of datav.tables."""

from dataclasses import dataclass

import pytest


@dataclass
class MemorySource:
    """A RandomAccess over bytes that remembers how much was read."""

    data: bytes
    bytes_read: int = 0

    @property
    def size(self) -> int:
        return len(self.data)

    def read_at(self, offset: int, size: int) -> bytes:
        assert offset >= 0
        assert size >= 0
        piece = self.data[offset : offset + size]
        self.bytes_read += len(piece)
        return piece


@pytest.fixture
def in_memory():
    """Makes a RandomAccess of bytes."""
    return MemorySource
