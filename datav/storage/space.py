"""How much room there is where something lies."""

import shutil
from pathlib import Path
from typing import NamedTuple

from datav.storage.durable import translating


class Space(NamedTuple):
    """Of a file system, in bytes."""

    free: int
    total: int


def read_space(path: Path) -> Space:
    """Return the space of the file system that `path` lies on; StorageError if it cannot be told."""
    with translating("look at", path):
        usage = shutil.disk_usage(path)
    return Space(usage.free, usage.total)
