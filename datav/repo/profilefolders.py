"""Profiles of directories: what their trees say, their pictures, and the table that their files are."""

from datav.formats.entry import Content
from datav.profiles.folders import profile_files
from datav.profiles.profile import Profile
from datav.repo.diffsources import NodeKeeper
from datav.repo.disk import Disk
from datav.repo.intake import take_in
from datav.repo.profiling import Made, Profiler, VersionAt, encoded
from datav.repo.repository import Repository
from datav.store.lazytree import read_below
from datav.store.trees import write_directory_tree
from datav.workspace.scan import kind_in
from datav.workspace.statcache import SETTLED, Row


def profile_folder(profiler: Profiler, version: VersionAt) -> Made:
    """Return the profile of a directory, made now.

    Raises:
        MissingChunkError: a part of its tree is nowhere.
    """
    entries = read_below(version.reader, version.content, b"")
    folder = profile_files((entry.path, entry.kind, entry.size) for entry in entries)
    made = encoded(Profile(None, folder))
    profiler.remember(version.path, version.content, made)
    return made


def name_folder(repository: Repository, keeper: NodeKeeper, disk: Disk) -> Content:
    """Return what a directory on disk is called, its tree kept in `keeper`.

    Raises:
        ChangedWhileReadError, UnreadableError: it cannot be read.
    """
    unknown = disk.unknown()
    fresh = iter(take_in(repository, disk.root, unknown, keeper).rows)
    rows = [
        next(fresh) if content is None else Row(entry.path, entry.stamp, content, SETTLED)
        for entry, content in zip(disk.entries, disk.known, strict=True)
    ]
    kinds = bytes([kind_in(row.stamp) for row in rows])
    return write_directory_tree(keeper, [row.path for row in rows], kinds, [row.content for row in rows])
