"""What lies on disk of a dataset, and what of it is known without reading it."""

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from datav.errors import MissingChunkError, UsageError
from datav.formats.entry import Content, Entry, Kind
from datav.formats.manifest import Manifest
from datav.progress import SILENT
from datav.relpath import RelPath
from datav.repo.datasets import Dataset
from datav.repo.repository import Repository
from datav.store.lazytree import read_below
from datav.store.trees import read_directory
from datav.workspace.ignore import read_ignore_rules
from datav.workspace.plan import Current
from datav.workspace.scan import Found, Skipped, scan_file, scan_tree
from datav.workspace.statcache import Remembered, Row, StatCache


@dataclass(slots=True)
class Disk:
    """A dataset as it lies on disk."""

    root: Path
    """What the entries' paths are relative to: the directory, or the one that the file lies in."""
    is_directory: bool
    entries: list[Found]
    skipped: list[Skipped]
    cache: Remembered
    known: list[Content | None]
    """For each entry its content, where the stat cache knows it."""
    looked_at_ns: int

    @property
    def is_unchanged(self) -> bool:
        """Whether nothing is different from what the stat cache remembers."""
        return len(self.entries) == self.cache.rows and None not in self.known

    def is_known_to_be(self, manifest: Manifest) -> bool:
        """Whether it is what `manifest` says, as far as can be told without reading anything."""
        if not self.is_unchanged or self.cache.dataset != manifest.content:
            return False
        if self.is_directory:
            return manifest.kind == "directory"
        # Of a file the mode is not a part of the content.
        return manifest.kind == "file" and (self.entries[0].kind == Kind.EXECUTABLE) == manifest.executable

    def forget_entries(self) -> None:
        """For when the entries have been made into something else: of a million they are large."""
        self.entries, self.known = [], []

    def unknown(self) -> list[Found]:
        return [entry for entry, content in zip(self.entries, self.known, strict=True) if content is None]


def look(repository: Repository, dataset: Dataset) -> Disk | None:
    """Return what lies on disk; None when there is nothing.

    Raises:
        UnreadableError: the system refuses.
        UsageError: what lies there cannot be a dataset.
    """
    path = dataset.path.on(repository.root)
    try:
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode):
            raise UsageError(
                f"{dataset} is a symbolic link",
                hint="add what it points to, or move that to where the link is",
            )
        if not stat.S_ISDIR(status.st_mode) and not stat.S_ISREG(status.st_mode):
            raise UsageError(
                f"{dataset} is a pipe, a socket or a device", hint="add a file or a directory of files"
            )
    except (FileNotFoundError, NotADirectoryError):
        return None
    cache = StatCache.load(repository.stat_file(dataset.path))
    if stat.S_ISDIR(status.st_mode):
        rules = read_ignore_rules(repository.root, bytes(dataset.path))
        scan = scan_tree(path, rules, SILENT)
        known = cache.lookup(scan.entries)
        return Disk(path, True, scan.entries, scan.skipped, cache.remembered, known, scan.looked_at_ns)
    found = scan_file(path)
    return Disk(path.parent, False, [found], [], cache.remembered, cache.lookup([found]), 0)


def name_unknown(repository: Repository, disk: Disk) -> list[Row]:
    """Read what is not known, so that everything is; return the rows of what was read."""
    unknown = disk.unknown()
    if not unknown:
        return []
    # Only here: a command that finds everything known needs none of what reading takes.
    from datav.repo.intake import name_contents

    rows = name_contents(repository, disk.root, unknown)
    contents = {row.path: row.content for row in rows}
    disk.known = [
        content or contents[entry.path] for entry, content in zip(disk.entries, disk.known, strict=True)
    ]
    return rows


def current_entries(disk: Disk | None) -> list[Current]:
    """What lies on disk as a plan wants it."""
    if disk is None:
        return []
    return [
        Current(entry.path, entry.kind, content, entry.stamp)
        for entry, content in zip(disk.entries, disk.known, strict=True)
    ]


def wanted_entries(
    repository: Repository, dataset: Dataset, manifest: Manifest, below: Sequence[bytes] = ()
) -> list[Entry]:
    """Return the entries of a dataset as its manifest has it; of a file one, under its own name.

    Args:
        below: paths in it that are enough, where the store has only a part of the tree.

    Raises:
        IntegrityError: the store lacks a part of the tree that is wanted, or it is damaged.
    """
    content, reader = manifest.content, repository.store.reader
    if manifest.kind == "directory":
        try:
            return read_directory(reader, content)[0]
        except MissingChunkError:
            if not below:
                raise
        found = {entry.path: entry for path in below for entry in read_below(reader, content, path)}
        return [found[path] for path in sorted(found)]
    name = bytes(dataset.path).rpartition(b"/")[2]
    return [Entry(name, int(manifest.executable), content.depth, content.size, content.id)]


def place_of(repository: Repository, dataset: Dataset, manifest: Manifest) -> Path:
    """The directory that the dataset's entries are relative to."""
    path = dataset.path.on(repository.root)
    return path if manifest.kind == "directory" else path.parent


def inside(path: RelPath | bytes, prefix: bytes) -> bool:
    """Whether an entry at `path` is what `prefix` names or lies below it; everything lies below nothing."""
    return not prefix or path == prefix or path.startswith(prefix + b"/")
