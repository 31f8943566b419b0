"""The sketches of segments, remembered from one profile to the next.

One file for all tables that are read alike: it holds the segments of the version that was profiled last, and
as many others as fit.
"""

import hashlib
from typing import Self

import numpy as np

from datav.errors import FormatError
from datav.ids import Buffer
from datav.profiles.encoding import parse_table
from datav.profiles.profile import TableProfile
from datav.storage.caching import Cache

_NAME_SIZE = 16

# Some versions of a table of gigabytes.
_MOST = 128 * 2**20


class SegmentMemory:
    """Results by what they follow from.  Used from several threads between `open` and `save`.

    Args:
        cache: None: nothing is remembered.
        context: whatever else results follow from: the format, the columns, what they are taken for.
    """

    def __init__(self, cache: Cache | None, context: bytes) -> None:
        self._cache = cache
        self._context = context
        self._file = hashlib.blake2b(context, digest_size=16).hexdigest() + ".segments"
        self._old = self._read()
        self._used: dict[bytes, Buffer] = {}
        self._is_changed = False
        self._size = 0

    def name(self, follows_from: bytes) -> bytes:
        return hashlib.blake2b(self._context + b"\0" + follows_from, digest_size=_NAME_SIZE).digest()

    def get(self, name: bytes) -> Buffer | None:
        found = self._old.get(name)
        if found is not None:
            self._used[name] = found
        return found

    def recall(self, name: bytes) -> TableProfile | None:
        """Return a table that was put as its bytes; None if it is not remembered, or damaged."""
        known = self.get(name)
        try:
            return None if known is None else parse_table(bytes(known), "cache")
        except FormatError:
            self._old.pop(name, None)
            self._used.pop(name, None)
            return None

    def put(self, name: bytes, data: bytes) -> None:
        # Of a table that is too large for all of it, what comes first is remembered.
        if self._cache is not None and self._size + len(data) <= _MOST:
            self._size += len(data)
            self._used[name] = data
            self._is_changed = True

    def save(self) -> None:
        """Write what was found or made, if anything was made."""
        if self._cache is None or not self._is_changed:
            return
        kept: dict[bytes, Buffer] = {}
        room = _MOST
        for name, data in (*self._used.items(), *self._old.items()):
            if name not in kept and len(data) <= room:
                kept[name] = data
                room -= len(data)
        sizes = np.fromiter(map(len, kept.values()), np.uint64, len(kept))
        count = np.array([len(kept)], np.uint64)
        self._cache.write(self._file, [count.tobytes(), sizes.tobytes(), b"".join(kept), *kept.values()])

    def _read(self) -> dict[bytes, Buffer]:
        data = self._cache.read(self._file) if self._cache is not None else None
        if data is None or len(data) < 8:
            return {}
        count = int.from_bytes(data[:8], "little")
        at = 8 + count * (8 + _NAME_SIZE)
        if at > len(data):
            return {}
        sizes = np.frombuffer(data[8 : 8 + 8 * count], np.uint64).tolist()
        names = bytes(data[8 + 8 * count : at])
        found: dict[bytes, Buffer] = {}
        for number, size in enumerate(sizes):
            found[names[number * _NAME_SIZE : (number + 1) * _NAME_SIZE]] = data[at : at + size]
            at += size
        return found if at == len(data) else {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.save()
