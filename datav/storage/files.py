"""Many small files in one call: what tells one state of a file from another, and what is in them.

Each call has two forms.  The slow one is its definition, and serves where there is no C; the other runs
without the interpreter lock, and has the system begin to read files before their turn comes.
"""

import os
import struct
from collections.abc import Sequence

from datav import core

STAMP = struct.Struct("<QQQQI")
"""What tells one state of a file from another: size, mtime and ctime in ns, inode, mode."""

_64_BITS = 2**64 - 1
# Windows tells inode and permissions to some of its calls and not to others, and has no executable bit.
_WINDOWS = os.name == "nt"
INODE_MASK = 0 if _WINDOWS else _64_BITS
MODE_MASK = 0o170000 if _WINDOWS else 0o177777

# O_NONBLOCK: a pipe that took a file's place must not make us wait for somebody to write to it.
READ_FLAGS = os.O_RDONLY
for _name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"):
    READ_FLAGS |= getattr(os, _name, 0)


def stamp_of(status: os.stat_result) -> bytes:
    """Return the stamp of what `status` describes."""
    return STAMP.pack(
        status.st_size,
        # Times before 1970 or after 2554 wrap around: equality is all we need.
        status.st_mtime_ns & _64_BITS,
        status.st_ctime_ns & _64_BITS,
        status.st_ino & INODE_MASK,
        status.st_mode & MODE_MASK,
    )


def size_in(stamp: bytes) -> int:
    """Return the size in a stamp."""
    return int.from_bytes(stamp[:8], "little")


def mode_in(stamp: bytes) -> int:
    """Return the mode in a stamp."""
    return int.from_bytes(stamp[-4:], "little")


def read_files_slowly(directory: bytes, names: Sequence[bytes], stamps: bytes, arena: memoryview) -> int:
    """read_files: read files, in order, back to back into `arena`, as long as they are what is expected.

    Args:
        directory: that `names` are below.
        stamps: of each, 36 bytes; its size is how many bytes are read.
        arena: writable bytes.

    Returns:
        How many were read.  It ends before the first that cannot be opened, is a symbolic link, does not
        fit, or has another stamp after its last byte was read.

    Raises:
        ValueError: there are not as many stamps as names, or a name has a zero byte in it.
    """
    if len(stamps) != STAMP.size * len(names):
        raise ValueError("there are not as many stamps as names")
    position = 0
    for number, name in enumerate(names):
        stamp = stamps[STAMP.size * number : STAMP.size * (number + 1)]
        end = position + size_in(stamp)
        if end > len(arena) or not _read_file(os.path.join(directory, name), arena[position:end], stamp):
            return number
        position = end
    return len(names)


def _read_file(path: bytes, target: memoryview, stamp: bytes) -> bool:
    try:
        descriptor = os.open(path, READ_FLAGS)
    except OSError:
        return False
    try:
        while len(target):
            data = os.read(descriptor, len(target))
            if not data:
                return False
            target[: len(data)] = data
            target = target[len(data) :]
        return stamp_of(os.fstat(descriptor)) == stamp
    except OSError:
        return False
    finally:
        os.close(descriptor)


def stat_listing_slowly(directory: bytes, listing: "Sequence[os.DirEntry[bytes]]") -> bytes:
    """stat_listing: look at what `os.scandir` has found in `directory`; links are not followed.

    It cannot be interrupted before it is done, so `listing` should be some thousand at most.

    Returns:
        The stamp of each, zeros for what is gone.  There are fewer if the system refuses one.
    """
    stamps = []
    for entry in listing:
        try:
            stamps.append(stamp_of(entry.stat(follow_symlinks=False)))
        except FileNotFoundError:
            stamps.append(bytes(STAMP.size))
        except OSError:
            break
    return b"".join(stamps)


def _stat_listing_fast(directory: bytes, listing: "Sequence[os.DirEntry[bytes]]") -> bytes:
    stamps: bytes = core.chosen.stat_files(directory, [entry.name for entry in listing])
    return stamps


_has_fast = hasattr(core.chosen, "read_files")
read_files = core.chosen.read_files if _has_fast else read_files_slowly
"""The faster one of those that this machine has."""
stat_listing = _stat_listing_fast if _has_fast else stat_listing_slowly
"""The same."""
