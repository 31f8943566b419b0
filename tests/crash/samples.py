"""Writers for test_faults: called in a fork, in the directory that is to be cut off from power."""

import os
import sys


def write_and_rename(sync_file: bool, sync_directory: bool) -> int:
    """Replace the file `a` by one that holds "new"."""
    fd = os.open("draft", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    os.write(fd, b"new")
    if sync_file:
        os.fsync(fd)
    os.close(fd)
    os.replace("draft", "a")
    if sync_directory:
        fd = os.open(".", os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)
    return 0


def change_names() -> int:
    """One of everything, nothing synced."""
    os.unlink("a")
    os.mkdir("made")
    os.rmdir("empty")
    os.symlink("nowhere", "link")
    os.rename("b", "c")
    return 0


def reserve_room() -> int:
    fd = os.open("a", os.O_WRONLY)
    os.posix_fallocate(fd, 0, 10)
    os.pwrite(fd, b"0123456789", 0)
    return 0


def write_twice() -> int:
    fd = os.open("a", os.O_WRONLY | os.O_TRUNC)
    for data in (b"one", b"two"):
        try:
            os.write(fd, data)
        except OSError as exc:
            print(exc, file=sys.stderr)
    return 0
