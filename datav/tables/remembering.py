"""What is remembered of versions of texts between commands, by content id."""

import hashlib
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from datav.ids import Buffer
from datav.storage.caching import Cache
from datav.tables.recordmap import KeyFacts, KeyIndex, RecordMap
from datav.tables.version import U64

# A version whose keys differ by more than this share from its root's gets a root of its own.
_MAX_DERIVED = 0.1


class Memory:
    """Facts of one version.

    Args:
        content: id of the version.
        reading: whatever else decides which records there are: delimiter, quoting, header.
    """

    def __init__(self, cache: Cache, content: bytes, reading: bytes) -> None:
        self._cache = cache
        self._name = hashlib.blake2b(content + b"\0" + reading, digest_size=16).hexdigest()

    def read_map(self) -> RecordMap | None:
        arrays = self._read(f"{self._name}.map", 3)
        if arrays is None or len(arrays[0]) != len(arrays[1]) or len(arrays[2]) != 1:
            return None
        return RecordMap(arrays[0], arrays[1].astype(bool), int(arrays[2][0]))

    def write_map(self, found: RecordMap) -> None:
        quoted = found.quoted.astype(np.uint64)
        self._write(f"{self._name}.map", [found.marks, quoted, np.array([found.rows], np.uint64)])

    def read_keys(self, key: Sequence[object]) -> KeyFacts | None:
        """Return what the index of the version by some columns says, without reading its root."""
        arrays = self._read(_index_name(self._name, key), 5)
        return None if arrays is None or len(arrays[0]) != 1 else KeyFacts(int(arrays[0][0]), arrays[4])

    def write_keys(self, key: Sequence[object], facts: KeyFacts) -> None:
        """Remember what is known of the keys, where nothing is ever derived from them."""
        none = np.zeros(0, np.uint64)
        seed, no_root = np.array([facts.seed], np.uint64), np.zeros(2, np.uint64)
        self._write(_index_name(self._name, key), [seed, no_root, none, none, facts.repeated])

    def read_index(self, key: Sequence[object]) -> KeyIndex | None:
        """Return the index of the version by some columns, which its root's file is needed for too."""
        arrays = self._read(_index_name(self._name, key), 5)
        if arrays is None or len(arrays[0]) != 1 or len(arrays[1]) != 2:
            return None
        seed, packed_id, less, more, repeated = arrays
        root_id = packed_id.tobytes()
        root = self._read(_root_name(root_id), 1)
        return None if root is None else KeyIndex(int(seed[0]), root[0], root_id, less, more, repeated)

    def write_index(self, key: Sequence[object], index: KeyIndex) -> None:
        if len(index.less) + len(index.more) > _MAX_DERIVED * len(index.root):
            index = index.rooted()
        # Read, not only looked for: a damaged one would be in the way for ever.
        if self._read(_root_name(index.root_id), 1) is None:
            self._write(_root_name(index.root_id), [index.root])
        arrays = [np.array([index.seed], np.uint64), np.frombuffer(index.root_id, np.uint64)]
        self._write(_index_name(self._name, key), [*arrays, index.less, index.more, index.repeated])

    def _read(self, name: str, count: int) -> list[U64] | None:
        """Return the arrays of a file: their lengths come first."""
        data = self._cache.read(name)
        if data is None or len(data) % 8 or len(data) < 8 * count:
            return None
        values = np.frombuffer(data, np.uint64)
        lengths = [int(length) for length in values[:count]]
        if sum(lengths) != len(values) - count:
            return None
        ends = np.cumsum([count, *lengths]).tolist()
        return [values[start:end] for start, end in pairwise(ends)]

    def _write(self, name: str, arrays: Sequence[U64]) -> None:
        lengths = np.array([len(array) for array in arrays], np.uint64)
        parts: list[Buffer] = [np.ascontiguousarray(array).data.cast("B") for array in (lengths, *arrays)]
        self._cache.write(name, parts)


def _root_name(root_id: bytes) -> str:
    return f"{root_id.hex()}.root"


def _index_name(version: str, key: Sequence[object]) -> str:
    columns = hashlib.blake2b(",".join(map(str, key)).encode(), digest_size=8).hexdigest()
    return f"{version}-{columns}.keys"
