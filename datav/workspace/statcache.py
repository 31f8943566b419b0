"""What the workspace remembers of each file it has hashed, so that it reads only what may have changed.

A cache: whatever cannot be read of it is forgotten and built again (docs/formats/stat-cache.md).  One file
for each dataset, in columns, so that loading is cutting and comparing is one pass over two sorted lists:

    size    field
    8       magic `DATAVSC\\n`
    u32     version: 1
    u32     0
    u64     XXH3-64 of everything after this field
    u64     N, number of rows
    u64     P, bytes of paths
    32      id of the dataset's content, u32 depth, u64 size; depth 2^32 - 1 when it is not known
    36 N    stamps; zero where the row is racy
    41 N    contents: id, u8 depth, u64 size
    P       paths in order, with a NUL between them
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

from xxhash import xxh3_64_intdigest

from datav.formats.entry import Content
from datav.storage.durable import write_atomic
from datav.storage.files import STAMP
from datav.workspace.scan import NO_STAMP, Found

_MAGIC = b"DATAVSC\n"
_VERSION = 1
_START = struct.Struct("<8sIIQ")
_HEADER = struct.Struct("<QQ32sIQ")
_CONTENT = struct.Struct("<32sBQ")
_NO_DEPTH = 2**32 - 1
_STAMPS = struct.Struct(f"{STAMP.size}s")
_END: tuple[bytes | None, tuple[bytes], tuple[bytes, int, int]] = (None, (NO_STAMP,), (b"", 0, 0))
_FIXED_SIZE = _START.size + _HEADER.size
# Rows that are encoded at a time.
_PART = 2**15

# The kernel stamps files with a clock that it reads at each tick, 10 ms apart at most on what we run on.
TICK_NS = 20_000_000
# FAT keeps every other second; what keeps whole seconds shows by times that are whole seconds.
_COARSE_TICK_NS = 2_020_000_000
_SECOND_NS = 1_000_000_000


SETTLED = 2**63 - 1
"""Instead of a clock reading: the stamp is such that whatever is written to the file later will change it."""


class Row(NamedTuple):
    """What is known of one file."""

    path: bytes
    stamp: bytes
    content: Content
    looked_at_ns: int
    """A clock reading, not later than the `stat` that gave the stamp of what was read; or SETTLED."""


class Remembered(NamedTuple):
    """What is left to know of a stat cache when its rows have been looked up."""

    dataset: Content | None
    rows: int


@dataclass(frozen=True, slots=True)
class StatCache:
    """What one dataset's files were when they were last hashed."""

    dataset: Content | None
    """The content of the whole dataset that the rows add up to, when it is known."""
    stamps: memoryview
    contents: memoryview
    paths: list[bytes]

    @classmethod
    def empty(cls) -> Self:
        return cls(None, memoryview(b""), memoryview(b""), [])

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return the cache in the file `path`; an empty one if there is none or it is not what we wrote.

        Cost: 10 ms for 100,000 rows, and 170 bytes of memory a row.
        """
        try:
            data = path.read_bytes()
        except OSError:  # It is only a cache; if the disk is failing, the next write says so.
            return cls.empty()
        return cls._parse(data) or cls.empty()

    @classmethod
    def _parse(cls, data: bytes) -> Self | None:
        if len(data) < _FIXED_SIZE:
            return None
        magic, version, zero, checksum = _START.unpack_from(data)
        if magic != _MAGIC or version != _VERSION or zero != 0:
            return None
        view = memoryview(data)
        if xxh3_64_intdigest(view[_START.size :]) != checksum:
            return None
        count, paths_size, dataset_id, depth, size = _HEADER.unpack_from(data, _START.size)
        contents_at = _FIXED_SIZE + count * STAMP.size
        paths_at = contents_at + count * _CONTENT.size
        if paths_at + paths_size != len(data):
            return None
        paths = data[paths_at:].split(b"\0") if count else []
        if len(paths) != count:
            return None
        dataset = None if depth == _NO_DEPTH else Content(dataset_id, depth, size)
        return cls(dataset, view[_FIXED_SIZE:contents_at], view[contents_at:paths_at], paths)

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def remembered(self) -> Remembered:
        return Remembered(self.dataset, len(self))

    def lookup(self, entries: Sequence[Found]) -> list[Content | None]:
        """Return for each of `entries`, which are in order, its content; None where it must be read.

        A content is returned only if the stamp is the very same and was not racy.

        Cost: one pass over both, 60 ms for 100,000 entries (tests/bench/bench_scan.py).
        """
        stamps, contents = _STAMPS.iter_unpack(self.stamps), _CONTENT.iter_unpack(self.contents)
        rows = zip(self.paths, stamps, contents, strict=True)
        known, stamp, content = next(rows, _END)
        result: list[Content | None] = []
        append, new = result.append, tuple.__new__
        for path, _, _, found in entries:
            while known is not None and known < path:
                known, stamp, content = next(rows, _END)
            if known == path and stamp[0] == found:
                append(new(Content, content))
            else:
                append(None)
        return result


def write_stat_cache(path: Path, dataset: Content | None, rows: Iterable[Row]) -> None:
    """Replace the cache file `path`, at once or not at all.

    Args:
        path: in a directory that exists.
        dataset: the content that all rows together are, if it is known.
        rows: in order of their paths.  What they state must be durable in the store (ordering O4).

    It is not synced: after a power cut it may be gone, or be found damaged and forgotten.

    Raises:
        StorageError: it cannot be written.
    """
    rows = list(rows)
    pack = _CONTENT.pack
    paths = b"\0".join([row[0] for row in rows])
    contents_at = _FIXED_SIZE + len(rows) * STAMP.size
    paths_at = contents_at + len(rows) * _CONTENT.size
    data = bytearray(paths_at + len(paths))
    dataset_id, depth, size = dataset or (bytes(32), _NO_DEPTH, 0)
    _HEADER.pack_into(data, _START.size, len(rows), len(paths), dataset_id, depth, size)
    # In parts, because the pieces of a million rows take more memory than the file.
    for first in range(0, len(rows), _PART):
        part = rows[first : first + _PART]
        stamps = b"".join([NO_STAMP if is_racy(row[1], row[3]) else row[1] for row in part])
        contents = b"".join([pack(*content) for _, _, content, _ in part])
        at = _FIXED_SIZE + first * STAMP.size
        data[at : at + len(stamps)] = stamps
        at = contents_at + first * _CONTENT.size
        data[at : at + len(contents)] = contents
    data[paths_at:] = paths
    _START.pack_into(data, 0, _MAGIC, _VERSION, 0, xxh3_64_intdigest(memoryview(data)[_START.size :]))
    write_atomic(path, data, sync=False)


def is_racy(stamp: bytes, looked_at_ns: int) -> bool:
    """Say whether a file with that stamp could still change, after it was looked at, and keep the stamp.

    So it is while the clock that the file system stamps with has not moved on (git's "racy clean").  A time
    in the future is racy too: that clock is not ours.
    """
    _, mtime_ns, ctime_ns, _, _ = STAMP.unpack(stamp)
    newest = mtime_ns if mtime_ns > ctime_ns else ctime_ns
    if looked_at_ns - newest >= _COARSE_TICK_NS:
        return False
    return _is_within_tick(mtime_ns, looked_at_ns) or _is_within_tick(ctime_ns, looked_at_ns)


def _is_within_tick(time_ns: int, looked_at_ns: int) -> bool:
    tick_ns = TICK_NS if time_ns % _SECOND_NS else _COARSE_TICK_NS
    return looked_at_ns - time_ns < tick_ns
