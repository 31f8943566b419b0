"""Partial contents: those of which the local store may have a part only.

A fetch says so before it stores the first node of a content, and takes it back when it has all; so what a
fetch of one path leaves, or one that was broken off, is not taken for damage.  One empty file each, named by
id, in the private directory.
"""

import re
from collections.abc import Iterable

from datav.formats.entry import Content
from datav.repo.repository import Repository
from datav.storage.durable import fsync_directory, make_directories, remove_file, write_atomic

_NAME = re.compile("[0-9a-f]{64}")


def note_partial(repository: Repository, contents: Iterable[Content]) -> None:
    """Say that of these contents the store may have a part only.  Durable when it returns."""
    directory = repository.private / "partial"
    make_directories(directory)
    for content in contents:
        path = directory / content.id.hex()
        if not path.exists():
            write_atomic(path, b"", sync=False)
    fsync_directory(directory)


def forget_partial(repository: Repository, contents: Iterable[Content]) -> None:
    """Take it back: the store has all of these now."""
    for content in contents:
        remove_file(repository.private / "partial" / content.id.hex())


def partial_contents(repository: Repository) -> set[bytes]:
    """Return the ids of contents of which the store may have a part only."""
    directory = repository.private / "partial"
    if not directory.is_dir():
        return set()
    return {bytes.fromhex(path.name) for path in directory.iterdir() if _NAME.fullmatch(path.name)}
