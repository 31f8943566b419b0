"""Putting one thing in its place: written beside it under a temporary name, then renamed over it.

Just before the rename, what lies there is looked at again (ordering O7).

A file gets an mtime from before the checkout began.  So any later write gives it another one, even within
the same tick of the clock, and its stamp can be believed at once (`statcache.SETTLED`): a clone is not read
again to learn what was just written.
"""

import contextlib
import itertools
import os
import secrets
import stat
import time
from collections.abc import Callable

from datav.errors import FormatError
from datav.formats.entry import Kind
from datav.relpath import show_path
from datav.storage.durable import storage_error
from datav.storage.files import stamp_of
from datav.workspace.places import Place
from datav.workspace.plan import Replace, split_path
from datav.workspace.preflight import check_target
from datav.workspace.scan import NO_STAMP, TEMPORARY_PREFIX
from datav.workspace.statcache import SETTLED, TICK_NS, Row

# More than the tick of any clock that keeps nanoseconds.
_AGE_NS = 50_000_000

_IS_WINDOWS = os.name == "nt"


def draft_mtime_ns() -> int:
    """Return the mtime for the files of a checkout that begins now."""
    # Whole microseconds: there are file systems that keep no more.
    return (time.time_ns() - _AGE_NS) // 1000 * 1000


class Drafts:
    """The temporary files of one checkout.  Its methods may be called from any thread."""

    def __init__(self, *, force: bool, mtime_ns: int | None = None) -> None:
        """Take one checkout's.

        Args:
            force: overwrite what is not what was planned against.
            mtime_ns: what all files get; from `draft_mtime_ns`.
        """
        self._force = force
        self._mtime_ns = draft_mtime_ns() if mtime_ns is None else mtime_ns
        self._run = secrets.token_hex(6).encode()
        self._numbers = itertools.count()

    def put_file(self, here: Place, action: Replace, fill: Callable[[int], None]) -> Row:
        """Make the file that `action` wants, in the directory `here`.

        Args:
            fill: called once, with the descriptor of an empty file, open for reading and writing.

        Raises:
            DataLossError: what lies there is not what was planned against.
            StorageError: the system refuses.
            Whatever `fill` raises; an OSError becomes a StorageError.
        """
        name = split_path(action.entry.path)[1]
        draft = self._temporary_name()
        try:
            descriptor = here.create(draft, 0o777 if action.entry.kind == Kind.EXECUTABLE else 0o666)
            try:
                fill(descriptor)
                self._dress(here, action, descriptor)
                if not _IS_WINDOWS:
                    here.replace(draft, name)
                    return _row(action, os.fstat(descriptor))
            finally:
                os.close(descriptor)
            # Windows renames no file that is open.
            here.replace(draft, name)
            return _row(action, here.look(name))
        except BaseException as exc:
            with contextlib.suppress(OSError):
                here.unlink(draft)
            if isinstance(exc, OSError):
                raise storage_error(exc, "write", show_path(action.entry.path)) from exc
            raise

    def put_link(self, here: Place, action: Replace, target: bytes) -> Row:
        """Make the symbolic link that `action` wants, in the directory `here`.

        Raises: as `put_file`; FormatError if no link can have that target.
        """
        if b"\0" in target:
            raise FormatError(f"the target of {show_path(action.entry.path)} holds a NUL byte")
        name = split_path(action.entry.path)[1]
        draft = self._temporary_name()
        try:
            here.symlink(target, draft)
            check_target(action.entry.path, here.look(name), action.current, force=self._force)
            here.replace(draft, name)
            return _row(action, here.look(name))
        except BaseException as exc:
            with contextlib.suppress(OSError):
                here.unlink(draft)
            if isinstance(exc, OSError):
                raise storage_error(exc, "write", show_path(action.entry.path)) from exc
            raise

    def set_mode(self, here: Place, action: Replace) -> Row | None:
        """Make a file executable, or not; None if it has gone or is being written to."""
        name = split_path(action.entry.path)[1]
        path = action.entry.path
        try:
            before = here.look(name)
            check_target(path, before, action.current, force=self._force)
            if before is None:
                return None
            here.chmod(name, _mode_like(before.st_mode, action.entry.kind))
            after = here.look(name)
        except OSError as exc:
            raise storage_error(exc, "change the mode of", show_path(path)) from exc
        if after is None or (after.st_mtime_ns, after.st_size) != (before.st_mtime_ns, before.st_size):
            return None
        return Row(path, stamp_of(after), action.entry.content, time.time_ns())

    def _dress(self, here: Place, action: Replace, descriptor: int) -> None:
        """Give a draft the times and the permissions it will have, and check that it may take its place."""
        if os.utime in os.supports_fd:
            os.utime(descriptor, ns=(self._mtime_ns, self._mtime_ns))
        there = here.look(split_path(action.entry.path)[1])
        check_target(action.entry.path, there, action.current, force=self._force)
        if there is not None and stat.S_ISREG(there.st_mode) and hasattr(os, "fchmod"):
            os.fchmod(descriptor, _mode_like(there.st_mode, action.entry.kind))

    def _temporary_name(self) -> bytes:
        return TEMPORARY_PREFIX + self._run + b"-%d" % next(self._numbers)


def _mode_like(mode: int, kind: int) -> int:
    """Return the permissions of `mode`, executable by those who may read it, or by nobody."""
    readable = mode & 0o444
    return (mode & 0o666) | (readable >> 2 if kind == Kind.EXECUTABLE else 0)


def _row(action: Replace, status: os.stat_result | None) -> Row:
    """Return what the stat cache may know of a file just written."""
    entry = action.entry
    if status is None:  # Somebody deleted it at once.
        return Row(entry.path, NO_STAMP, entry.content, 0)
    is_settled = status.st_ctime_ns - status.st_mtime_ns >= TICK_NS
    return Row(entry.path, stamp_of(status), entry.content, SETTLED if is_settled else time.time_ns())
