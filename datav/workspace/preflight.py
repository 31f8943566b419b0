"""What is looked at on disk before a checkout touches anything.

If something is not as it was when the plan was made, or names would fall together, nothing is done at all.
"""

import errno
import os
import secrets
import stat
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from datav.errors import DataLossError, UnsafePathError
from datav.formats.entry import Kind
from datav.relpath import show_path
from datav.storage.durable import storage_error
from datav.storage.files import stamp_of
from datav.workspace.plan import CheckoutPlan, Current
from datav.workspace.scan import TEMPORARY_PREFIX


def check_unchanged(plan: CheckoutPlan, root: Path, *, force: bool, folds_case: bool) -> None:
    """Raise unless everything that the plan replaces or removes still is what was planned against.

    Args:
        force: files may have changed, or have appeared, and will be overwritten.
        folds_case: as `folds_case_at` says.

    Raises:
        DataLossError: something has changed, or something that is not tracked is in the way.
    """
    base = os.path.join(os.fsencode(root), b"")
    cleared = {row.path for row in plan.clear}
    fold = fold_path if folds_case else bytes
    removed = {fold(row.path) for row in (*plan.clear, *plan.remove)} if folds_case else cleared
    for directory in plan.directories:
        if fold(directory) not in removed and not _lies_below(directory, cleared):
            _check_directory(base, directory)
    for row in (*plan.clear, *plan.remove):
        if row.kind != Kind.EMPTY_DIRECTORY:
            check_target(row.path, look(base + row.path), row, force=force)
    for action in (*plan.write, *plan.link, *plan.set_mode):
        path = action.entry.path
        if cleared and _lies_below(path, cleared):
            continue
        status = look(base + path)
        if action.current is None and status is not None and stat.S_ISDIR(status.st_mode):
            _check_only_planned(base, path, cleared)
        elif action.current is not None or fold(path) not in removed:
            check_target(path, status, action.current, force=force)


def check_target(path: bytes, status: os.stat_result | None, planned: Current | None, *, force: bool) -> None:
    """Raise DataLossError unless what lies at `path` is what was planned against, or nothing.

    Args:
        status: what lies there now; None for nothing, and then there is nothing to lose.
        planned: None when nothing should be there.
        force: a file may be another one; a directory may not.
    """
    if status is None:
        return
    if stat.S_ISDIR(status.st_mode):
        raise in_the_way(path)
    if force or (planned is not None and stamp_of(status) == planned.stamp):
        return
    what = "changed" if planned is not None else "appeared"
    raise DataLossError(
        f"{show_path(path)} {what} while the checkout was under way",
        hint="look at it, then run the command again, or give `--force` to overwrite it",
    )


def in_the_way(path: bytes) -> DataLossError:
    """Say that something that is not datav's to remove lies where something else must be."""
    return DataLossError(
        f"{show_path(path)} is not tracked and is in the way",
        hint="move it somewhere else, then run the command again",
    )


def check_collisions(paths: Iterable[bytes]) -> None:
    """Raise UnsafePathError if two paths, or directories above them, differ only by case or composition."""
    names: dict[bytes, bytes] = {}
    for path in paths:
        part = path
        while part:
            other = names.setdefault(fold_path(part), part)
            if other != part:
                raise UnsafePathError(
                    f"{show_path(other)} and {show_path(part)} are one name on this file system",
                    hint="rename one of them where the file system tells them apart, or check out there",
                )
            part = part[: max(0, part.rfind(b"/"))]


def folds_case_at(root: Path) -> bool:
    """Find out whether `root`, an existing directory, takes names that differ by case for the same.

    Raises:
        StorageError: nothing can be written there.
    """
    name = os.fsdecode(TEMPORARY_PREFIX) + secrets.token_hex(8)
    probe = root / (name + "a")
    try:
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            return os.path.lexists(root / (name + "A"))
        finally:
            os.unlink(probe)
    except OSError as exc:
        raise storage_error(exc, "write to", root) from exc


def fold_path(path: bytes) -> bytes:
    """Return what stands for all paths that a case-insensitive file system could take for `path`."""
    if path.isascii():
        return path.lower()
    text = unicodedata.normalize("NFC", path.decode("utf-8", "surrogateescape")).casefold()
    return unicodedata.normalize("NFC", text).encode("utf-8", "surrogateescape")


def _check_directory(base: bytes, directory: bytes) -> None:
    status = look(base + directory)
    if status is not None and not stat.S_ISDIR(status.st_mode):
        raise in_the_way(directory)


def _check_only_planned(base: bytes, directory: bytes, cleared: set[bytes]) -> None:
    """Raise DataLossError if `directory`, which has to go, holds more than what is cleared."""
    for place, directories, files in os.walk(base + directory):
        links = [name for name in directories if os.path.islink(os.path.join(place, name))]
        for name in (*files, *links):
            path = os.path.join(place, name)[len(base) :].replace(os.fsencode(os.sep), b"/")
            if path not in cleared:
                raise in_the_way(path)


def _lies_below(path: bytes, cleared: set[bytes]) -> bool:
    end = path.find(b"/")
    while end >= 0:
        if path[:end] in cleared:
            return True
        end = path.find(b"/", end + 1)
    return False


def look(path: bytes) -> os.stat_result | None:
    """Return the status of what lies at `path` itself; None for nothing."""
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        if exc.errno == errno.ENAMETOOLONG:
            raise UnsafePathError(f"{show_path(path)} is too long for this file system") from exc
        raise storage_error(exc, "look at", show_path(path)) from exc
