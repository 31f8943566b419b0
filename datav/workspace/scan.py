"""What lies in a dataset on disk: one walk, one `stat` for each file, nothing read.

Symbolic links are entries and never followed.  What cannot be versioned (sockets, pipes, devices, nested
repositories) is reported as skipped, never dropped silently.  Names are bytes.
"""

import os
import stat
import time
from collections.abc import Iterable, Sequence
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from datav.errors import UnreadableError, UsageError
from datav.formats.entry import Kind
from datav.progress import Progress
from datav.relpath import show_path
from datav.storage import durable
from datav.storage.files import MODE_MASK, STAMP, mode_in, stamp_of, stat_listing
from datav.workspace.ignore import IGNORE_FILE, IgnoreRules, read_ignore_file

TEMPORARY_PREFIX = os.fsencode(durable.TEMPORARY_PREFIX)
"""Files of a command under way, or of one that was killed, are called this and something random."""

NO_STAMP = bytes(STAMP.size)
"""Equal to no file's stamp, because a mode is never 0."""

DIRECTORY_STAMP = STAMP.pack(0, 0, 0, 0, stat.S_IFDIR)
"""Of every empty directory: there is nothing in it that could change and leave it one."""

_REGULAR, _LINK, _FORMAT_MASK = stat.S_IFREG, stat.S_IFLNK, 0o170000
# So many names are one call, which nothing interrupts.
_LOOKED_AT_ONCE = 4096

_ODD_KINDS = {
    stat.S_IFSOCK: "socket",
    stat.S_IFIFO: "pipe",
    stat.S_IFCHR: "character device",
    stat.S_IFBLK: "block device",
}
NESTED_REPOSITORY = "git repository"
LEFTOVER = "left by an interrupted checkout"

# A call of `advance` for each directory would cost more than reading a small one.
_PROGRESS_STEP = 5000


class Found(NamedTuple):
    """Something on disk that can be versioned.  A tuple, because there may be millions."""

    path: bytes
    """Relative to the dataset's directory."""
    kind: int
    """A `Kind`."""
    size: int
    """Bytes of its content: of a symbolic link the length of its target, of an empty directory 0."""
    stamp: bytes
    """Changes whenever the file does: see `stamp_of`.  Equality is all it is for."""


class Skipped(NamedTuple):
    """Something on disk that cannot be versioned."""

    path: bytes
    reason: str


class Scan(NamedTuple):
    """What a walk found."""

    entries: list[Found]
    """Ordered by path, as bytes."""
    skipped: list[Skipped]
    looked_at_ns: int
    """The clock when the walk began: no entry was looked at earlier."""


def mtime_of(stamp: bytes) -> int:
    """Return the mtime in a stamp, in ns."""
    return int(STAMP.unpack(stamp)[1])


def found_of(path: bytes, status: os.stat_result) -> Found | None:
    """Return the entry for what `status` describes; None if it is not a file or a symbolic link."""
    kind = _kind_of(status.st_mode)
    return None if kind is None else Found(path, kind, status.st_size, stamp_of(status))


def scan_file(path: Path) -> Found:
    """Look at the one file, or symbolic link, of a dataset that is not a directory.

    Returns:
        Its entry, with the last part of `path` as its path.

    Raises:
        UnreadableError: it is not there, or may not be looked at.
        UsageError: it is something else than a file or a symbolic link.
    """
    raw = os.fsencode(path)
    try:
        status = os.lstat(raw)
    except OSError as exc:
        raise unreadable(raw, exc) from exc
    found = found_of(os.path.basename(raw), status)
    if found is None:
        what = _ODD_KINDS.get(stat.S_IFMT(status.st_mode), "directory")
        raise UsageError(f"{show_path(raw)} is a {what}, not a file")
    return found


def scan_tree(root: Path, ignore: IgnoreRules, progress: Progress) -> Scan:
    """Walk the directory `root` and return what is in it, but for what the rules leave out.

    Args:
        root: a directory, or a symbolic link to one.
        ignore: the rules from above `root`; ignore files in `root` and below are found here.
        progress: told of files, without a total.

    A directory without entries is an entry itself.  What disappears during the walk was never there.

    Raises:
        UnreadableError: a directory, or something in one, may not be looked at.

    Cost: 1.4 times that of a bare walk that stats each file (tests/bench/bench_scan.py), and about 280
    bytes for each entry.
    """
    looked_at_ns = time.time_ns()
    progress.start("scanning", None, "files")
    top = os.path.join(os.fsencode(root), b"")
    entries: list[Found] = []
    skipped: list[Skipped] = []
    reported = 0
    waiting = [(b"", ignore)]
    while waiting:
        prefix, rules = waiting.pop()
        listing = _list_directory(top, prefix)
        if listing is None:
            continue
        # What needs a second look starts with a dot; this keeps everything else free of tests.
        if any(entry.name[0] == 0x2E for entry in listing):
            listing, rules = _without_special(listing, top, prefix, rules, skipped)
        if rules:
            listing = rules.kept(prefix, listing)
        before = len(entries)
        directories = _collect(listing, top, prefix, entries, skipped)
        if directories:
            waiting.extend([(directory, rules) for directory in directories])
        elif len(entries) == before and prefix:
            entries.append(Found(prefix[:-1], Kind.EMPTY_DIRECTORY, 0, DIRECTORY_STAMP))
        if len(entries) - reported >= _PROGRESS_STEP:
            progress.advance(len(entries) - reported)
            reported = len(entries)
    progress.advance(len(entries) - reported)
    entries.sort(key=itemgetter(0))
    skipped.sort()
    return Scan(entries, skipped, looked_at_ns)


def unreadable(path: bytes, exc: OSError) -> UnreadableError:
    """Say that the system refused `path`."""
    hint = "give yourself permission to read it, or leave it out with `.datavignore`"
    return UnreadableError(
        f"{show_path(path)} cannot be read: {exc.strerror}",
        hint=hint if isinstance(exc, PermissionError) else None,
    )


def _kind_of(mode: int) -> Kind | None:
    if stat.S_ISREG(mode):
        return Kind.EXECUTABLE if mode & MODE_MASK & stat.S_IXUSR else Kind.FILE
    return Kind.SYMLINK if stat.S_ISLNK(mode) else None


def kind_in(stamp: bytes) -> Kind:
    """Return the kind of what has this stamp."""
    kind = _kind_of(mode_in(stamp))
    return Kind.EMPTY_DIRECTORY if kind is None else kind


def _list_directory(top: bytes, prefix: bytes) -> "list[os.DirEntry[bytes]] | None":
    """Return what is in a directory; None if it is gone, unless it is the top."""
    try:
        with os.scandir(top + prefix) as found:
            return list(found)
    except (FileNotFoundError, NotADirectoryError) as exc:
        if prefix:
            return None
        raise unreadable(top[:-1], exc) from exc
    except OSError as exc:
        raise unreadable((top + prefix)[:-1], exc) from exc


def _without_special(
    listing: "list[os.DirEntry[bytes]]", top: bytes, prefix: bytes, rules: IgnoreRules, skipped: list[Skipped]
) -> "tuple[list[os.DirEntry[bytes]], IgnoreRules]":
    """Take out what is git's or our own, and read the directory's ignore file."""
    kept = []
    for entry in listing:
        name = entry.name
        if name[0] == 0x2E:
            # `.GIT` is `.git` on some file systems, so it is in no tree (docs/formats/tree.md).
            if name.lower() == b".git":
                skipped.append(Skipped(prefix + name, NESTED_REPOSITORY))
                continue
            if name.startswith(TEMPORARY_PREFIX):
                skipped.append(Skipped(prefix + name, LEFTOVER))
                continue
            if name == IGNORE_FILE:
                rules = rules.below(prefix, read_ignore_file(top + prefix + name))
        kept.append(entry)
    return kept, rules


def _collect(
    listing: "Iterable[os.DirEntry[bytes]]",
    top: bytes,
    prefix: bytes,
    entries: list[Found],
    skipped: list[Skipped],
) -> list[bytes]:
    """Append what is in one directory to `entries` and `skipped`; return its sub-directories, with `/`.

    The inner loop of every `status`: no call that is not needed, and names looked up once.
    """
    directories, files = [], []
    for entry in listing:
        try:
            if entry.is_dir(follow_symlinks=False):
                directories.append(prefix + entry.name + b"/")
            else:
                files.append(entry)
        except OSError as exc:
            raise unreadable(entry.path, exc) from exc
    stamps = _stamps_of(top + prefix, files)
    append, new, at = entries.append, tuple.__new__, 0
    for entry, (size, _, _, _, mode) in zip(files, STAMP.iter_unpack(stamps), strict=True):
        stamp = stamps[at : at + STAMP.size]
        at += STAMP.size
        form = mode & _FORMAT_MASK
        if form == _REGULAR:
            append(new(Found, (prefix + entry.name, 1 if mode & 0o100 else 0, size, stamp)))
        elif form == _LINK:
            append(new(Found, (prefix + entry.name, 2, size, stamp)))
        elif stamp != NO_STAMP:
            skipped.append(Skipped(prefix + entry.name, _ODD_KINDS.get(form, "of an unknown kind")))
    return directories


def _stamps_of(directory: bytes, files: "Sequence[os.DirEntry[bytes]]") -> bytes:
    """The stamps of all `files`, NO_STAMP for those that are gone."""
    stamps = []
    for first in range(0, len(files), _LOOKED_AT_ONCE):
        part = files[first : first + _LOOKED_AT_ONCE]
        found = stat_listing(directory, part)
        stamps.append(found)
        stamps += [_stamp_of_one(directory + entry.name) for entry in part[len(found) // STAMP.size :]]
    return b"".join(stamps)


def _stamp_of_one(path: bytes) -> bytes:
    try:
        return stamp_of(os.lstat(path))
    except FileNotFoundError:
        return NO_STAMP
    except OSError as exc:
        raise unreadable(path, exc) from exc
