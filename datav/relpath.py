"""Paths inside a repository or a dataset: bytes, `/` between the parts, never out of the root.

Bytes, because a file name on POSIX is bytes and need not be UTF-8.  A `RelPath` that exists is
safe to join to a root on this system's terms; what comes from a manifest or a tree is hostile until then.
"""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from datav.errors import UnsafePathError

MAX_PATH_SIZE = 4096
"""Linux's PATH_MAX; longer paths cannot be written anywhere."""

_WINDOWS_DEVICES = {
    b"con",
    b"prn",
    b"aux",
    b"nul",
    *(b"com%d" % i for i in range(1, 10)),
    *(b"lpt%d" % i for i in range(1, 10)),
}


class RelPath(bytes):
    """A relative path with at least one part, none of them empty, `.`, `..` or `.git`."""

    __slots__ = ()

    def __new__(cls, raw: bytes) -> Self:
        check_path(raw)
        return super().__new__(cls, raw)

    @classmethod
    def from_text(cls, text: str) -> Self:
        return cls(os.fsencode(text))

    @property
    def text(self) -> str:
        """For programs: surrogate escapes stand for bytes that are not UTF-8."""
        return os.fsdecode(bytes(self))

    @property
    def shown(self) -> str:
        """For people: one line, no control characters, whatever the name holds."""
        return show_path(self)

    def on(self, root: Path) -> Path:
        """The place on disk below `root`."""
        return root / os.fsdecode(bytes(self))

    def __str__(self) -> str:
        return self.shown

    def __repr__(self) -> str:
        return f"RelPath({bytes(self)!r})"


def show_path(raw: bytes) -> str:
    """`raw` as a terminal can show it: control characters and stray bytes escaped."""
    return one_line(bytes(raw).decode("utf-8", "backslashreplace"))


def one_line(text: str) -> str:
    """`text` with control characters escaped, so that no name can command a terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def check_path(raw: bytes, *, windows: bool = sys.platform == "win32") -> None:
    """Raise UnsafePathError unless `raw` is a relative path that stays inside its root."""
    # The common case costs one scan; the exact reason is found only when something is wrong.
    parts = raw.split(b"/")
    bad = _reason(raw, parts)
    if bad is None and windows:
        bad = _windows_reason(parts)
    if bad is not None:
        raise UnsafePathError(f"path {show_path(raw[:200])!r} {bad}")


def check_paths(paths: Iterable[bytes]) -> None:
    """check_path over many."""
    for path in paths:
        check_path(path)


def _reason(raw: bytes, parts: list[bytes]) -> str | None:
    if len(raw) > MAX_PATH_SIZE:
        return f"is longer than {MAX_PATH_SIZE} bytes"
    if b"\0" in raw:
        return "holds a NUL byte"
    for part in parts:
        if part in (b"", b".", b".."):
            return "is empty, absolute, or has an empty, `.` or `..` part"
        if len(part) == 4 and part.lower() == b".git":
            return "has a `.git` part"
    return None


def _windows_reason(parts: list[bytes]) -> str | None:
    for part in parts:
        if any(c in b'<>:"\\|?*' or c < 32 for c in part):
            return "holds a character that Windows does not allow"
        if part[-1:] in (b" ", b"."):
            return "has a part that ends in a space or a dot, which Windows drops"
        if part.split(b".")[0].lower() in _WINDOWS_DEVICES:
            return "names a Windows device"
        if part.lower().startswith(b"git~"):
            return "may stand for `.git` on Windows"
    return None
