"""What a checkout will do, decided before anything is touched.  Pure.

Two lists in order of their paths are compared: what lies on disk, and what is wanted.  Files that the
ignore rules leave out are in neither, so nothing here can touch them.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import NamedTuple

from datav.errors import FormatError, UnsafePathError
from datav.formats.entry import Content, Entry, Kind
from datav.relpath import MAX_PATH_SIZE, check_path, show_path
from datav.workspace.scan import TEMPORARY_PREFIX


class Current(NamedTuple):
    """What lies at a path now."""

    path: bytes
    kind: int
    content: Content | None
    """None when it is not known, which makes it different from anything that is wanted."""
    stamp: bytes
    """As found by the scan; if it is no longer the same when its turn comes, nothing is done to it."""


class Replace(NamedTuple):
    """Put `entry` in its place, where `current` lies, or nothing."""

    entry: Entry
    current: Current | None


@dataclass(frozen=True)
class CheckoutPlan:
    """What has to be done, in lists in order of paths, which are carried out in the order of the fields."""

    clear: Sequence[Current] = field(default=())
    """To be removed first: it lies where a directory must be, or in one that must become something else."""
    directories: Sequence[bytes] = field(default=())
    """That must exist, parents first: those of what is written, and empty ones."""
    write: Sequence[Replace] = field(default=())
    """Files to create or replace."""
    link: Sequence[Replace] = field(default=())
    """Symbolic links to create, or to put in the place of something."""
    set_mode: Sequence[Replace] = field(default=())
    """Files whose content is right and whose executable bit is not."""
    remove: Sequence[Current] = field(default=())
    """Files, links and empty directories that are not wanted."""
    wanted: Sequence[bytes] = field(default=(), repr=False)
    """The paths of all that was asked for, changed or not: whether names collide depends on all of them."""

    @property
    def is_empty(self) -> bool:
        parts = (self.clear, self.directories, self.write, self.link, self.set_mode, self.remove)
        return not any(parts)

    @property
    def bytes_to_write(self) -> int:
        return sum(action.entry.size for action in self.write)

    @property
    def overwrites(self) -> list[Current]:
        """What is on disk and will not be.  The caller knows that it is stored, or was told not to care."""
        replaced = [action.current for action in (*self.write, *self.link) if action.current is not None]
        gone = [*self.clear, *replaced, *self.remove]
        return sorted(current for current in gone if current.kind != Kind.EMPTY_DIRECTORY)


def plan_checkout(current: Sequence[Current], wanted: Iterable[Entry]) -> CheckoutPlan:
    """Decide how to turn `current` into `wanted`.

    Args:
        current: in strict order of paths, as the scan gives them.
        wanted: in strict order of paths.  Hostile until proved otherwise.

    Raises:
        FormatError: `wanted` is out of order, or has a path that is both an entry and a directory.
        UnsafePathError: `wanted` has a path that must not be written.
    """
    wanted = list(wanted)
    changes, gone = _compare(current, wanted)
    for change in changes:
        _check_writable(change.entry)
    parents = _directories_of(wanted)
    for directory in parents:
        if _holds(wanted, directory):
            raise FormatError(f"path {show_path(directory)!r} is both an entry and a directory")
    clear = [row for row in gone if row.path in parents or _is_in_the_way(row.path, wanted)]
    cleared = {row.path for row in clear}
    changed = [change.entry for change in changes]
    directories = _directories_of(changed)
    directories.update(entry.path for entry in changed if entry.kind == Kind.EMPTY_DIRECTORY)
    return CheckoutPlan(
        clear=clear,
        directories=sorted(directories),
        write=[change for change in changes if _is_file(change.entry) and not _is_mode_only(change)],
        link=[change for change in changes if change.entry.kind == Kind.SYMLINK],
        set_mode=[change for change in changes if _is_mode_only(change)],
        remove=[row for row in gone if row.path not in cleared],
        wanted=[entry.path for entry in wanted],
    )


def split_path(path: bytes) -> tuple[bytes, bytes]:
    """Return the directory of `path`, `b""` at the top, and the last part."""
    slash = path.rfind(b"/")
    return (path[:slash], path[slash + 1 :]) if slash >= 0 else (b"", path)


def _compare(current: Sequence[Current], wanted: Sequence[Entry]) -> tuple[list[Replace], list[Current]]:
    """Merge-join the two lists; return what differs, and what is not wanted at all."""
    changes: list[Replace] = []
    gone: list[Current] = []
    rows = iter(current)
    row = next(rows, None)
    before = b""
    for entry in wanted:
        path, kind, depth, size, content_id = entry
        if path <= before:
            raise FormatError(f"path {show_path(path)!r} comes after {show_path(before)!r}, out of order")
        before = path
        while row is not None and row[0] < path:
            gone.append(row)
            row = next(rows, None)
        if row is None or row[0] != path:
            changes.append(Replace(entry, None))
            continue
        if row[1] != kind and Kind.EMPTY_DIRECTORY in (row[1], kind):
            # A directory cannot be replaced by renaming a file over it, nor the other way round.
            gone.append(row)
            changes.append(Replace(entry, None))
        elif row[1] != kind or (row[2] != (content_id, depth, size) and kind != Kind.EMPTY_DIRECTORY):
            changes.append(Replace(entry, row))
        row = next(rows, None)
    if row is not None:
        gone.append(row)
    gone.extend(rows)
    return changes, gone


def _directories_of(entries: Iterable[Entry]) -> set[bytes]:
    """Return every directory above one of `entries`."""
    found: set[bytes] = set()
    last = b""
    for entry in entries:
        directory = entry[0][: max(0, entry[0].rfind(b"/"))]
        if directory == last:
            continue
        last = directory
        while directory and directory not in found:
            found.add(directory)
            directory = directory[: max(0, directory.rfind(b"/"))]
    return found


def _is_in_the_way(path: bytes, wanted: Sequence[Entry]) -> bool:
    """Say whether something is wanted at `path`, or in the place of a directory above it."""
    while path:
        if _holds(wanted, path):
            return True
        path = path[: max(0, path.rfind(b"/"))]
    return False


def _holds(entries: Sequence[Entry], path: bytes) -> bool:
    found = bisect_left(entries, path, key=itemgetter(0))
    return found < len(entries) and entries[found].path == path


def _is_file(entry: Entry) -> bool:
    return entry.kind in (Kind.FILE, Kind.EXECUTABLE)


def _is_mode_only(change: Replace) -> bool:
    current = change.current
    return (
        current is not None
        and _is_file(change.entry)
        and current.kind in (Kind.FILE, Kind.EXECUTABLE)
        and current.content == change.entry.content
    )


def _check_writable(entry: Entry) -> None:
    check_path(entry.path)
    if any(part.startswith(TEMPORARY_PREFIX) for part in entry.path.split(b"/")):
        raise UnsafePathError(f"path {show_path(entry.path)!r} is one of datav's own temporary files")
    if not 0 <= entry.kind <= Kind.EMPTY_DIRECTORY:
        raise FormatError(f"{show_path(entry.path)} is of a kind {entry.kind} that is not known")
    if entry.kind == Kind.SYMLINK and not 0 < entry.size <= MAX_PATH_SIZE:
        raise FormatError(f"{show_path(entry.path)} is a symbolic link with a target of {entry.size} bytes")
