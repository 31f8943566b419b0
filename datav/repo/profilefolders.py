"""Profiles of directories: what their trees say, their pictures, and the table that their files are."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from datav.formats.entry import Content, Entry, Kind
from datav.formats.manifest import ColumnInfo
from datav.profiles.columns import ColumnSketch
from datav.profiles.encoding import encode_table
from datav.profiles.folders import FolderProfile, find_extension, profile_files
from datav.profiles.images import NAMED, look_at_images
from datav.profiles.memory import SegmentMemory
from datav.profiles.partitions import Part, TablePlan, constant_column, plan_table
from datav.profiles.profile import Profile, TableProfile, merge_tables
from datav.relpath import show_path
from datav.repo.difffiles import is_named_like_table
from datav.repo.diffsources import NodeKeeper
from datav.repo.disk import Disk
from datav.repo.intake import take_in
from datav.repo.profiling import Made, Profiler, VersionAt, encoded
from datav.repo.repository import Repository
from datav.store.lazytree import read_below
from datav.store.trees import write_directory_tree
from datav.tables.source import NotATable, RandomAccess
from datav.workspace.scan import kind_in
from datav.workspace.statcache import SETTLED, Row

IMAGE_COST = 64 * 2**10
"""What looking at a picture counts for beside the bytes of tables: it takes as long."""

FILE_COST = 2**8
"""The same of any file."""

# Of smaller parts the whole is remembered, of larger ones their segments too.
_LARGE_PART = 8 * 2**20

_CONTEXT = b"parts of directories"


def folder_cost(entries: Iterable[tuple[bytes, int]]) -> int:
    """Return how much is to be read for the profile of a directory, in bytes of tables.

    Args:
        entries: path and size of its files.
    """
    cost = 0
    for path, size in entries:
        cost += FILE_COST
        if is_named_like_table(path):
            cost += size
        elif find_extension(path) in NAMED:
            cost += IMAGE_COST
    return cost


def profile_folder(profiler: Profiler, version: VersionAt) -> Made:
    """Return the profile of a directory, made now.

    Raises:
        MissingChunkError: a part of its tree is nowhere.
        What reading its files raises.
    """
    entries = [entry for entry in read_below(version.reader, version.content, b"") if entry.path]
    folder = profile_files((entry.path, entry.kind, entry.size) for entry in entries)
    files = [entry for entry in entries if entry.kind <= Kind.EXECUTABLE]
    looked = look_at_images(((entry.path, _opener(version, entry)) for entry in files), profiler.executor)
    folder = replace(folder, images=looked.images, images_skipped=looked.skipped)
    table, folder = _profile_parts(profiler, version, {entry.path: entry for entry in files}, folder)
    made = encoded(Profile(table, folder, version.content.id.hex()))
    profiler.remember(version.path, version.content, made)
    return made


def _opener(version: VersionAt, entry: Entry) -> Callable[[], RandomAccess]:
    return partial(version.open, entry.path, entry.content)


def _profile_parts(
    profiler: Profiler, version: VersionAt, files: dict[bytes, Entry], folder: FolderProfile
) -> tuple[TableProfile | None, FolderProfile]:
    """Return the profile of the table that the files of a directory are, if they are one."""

    def columns_of(path: bytes) -> Sequence[ColumnInfo] | NotATable:
        return profiler.columns(full_path(version, path), _opener(version, files[path])())

    entries = [(entry.path, entry.kind, entry.size) for entry in files.values()]
    plan = plan_table(entries, columns_of, profiler.executor)
    if plan is None or plan.reason is not None:
        return None, replace(folder, no_table=None if plan is None else plan.reason)
    tables = []
    with profiler.memory(_CONTEXT) as memory:
        for part in plan.parts:
            table = _profile_part(profiler, version, memory, files[part.path])
            if isinstance(table, NotATable):
                return None, replace(folder, no_table=f"{show_path(part.path)} {table.reason}")
            tables.append(replace(table, columns=(*table.columns, *_constants(plan, part, table.rows))))
    return merge_tables(tables), replace(folder, tables=len(plan.parts))


def _constants(plan: TablePlan, part: Part, rows: int) -> Iterator[ColumnSketch]:
    for key, value in zip(plan.keys, part.values, strict=True):
        yield constant_column(key, value, rows)


def _profile_part(
    profiler: Profiler, version: VersionAt, memory: SegmentMemory, entry: Entry
) -> TableProfile | NotATable:
    """Return the profile of one file, remembered or made now."""
    path = full_path(version, entry.path)
    name = memory.name(profiler.name(path, entry.content).encode())
    known = memory.recall(name)
    if known is not None:
        return known
    reader = version.reader if entry.size > _LARGE_PART else None
    table = profiler.table(path, version.open(entry.path, entry.content), entry.content, reader)
    if not isinstance(table, NotATable):
        memory.put(name, encode_table(table))
    return table


def full_path(version: VersionAt, inside: bytes) -> bytes:
    """Return the path of a file in a directory, from the root of the repository."""
    return version.path + b"/" + inside


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
