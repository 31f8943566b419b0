"""What to leave out of a directory: `.datavignore` files, in the syntax of gitignore.

All of that syntax: negation, anchoring, `**`, directories only, character classes, escapes, files in
sub-directories that overrule those above.  Where gitignore's manual and git differ, git is right; the
tests ask `git check-ignore`.  Names are bytes.  Pure but for `read_ignore_rules`.

Each file becomes at most four regular expressions (names or paths, of files or of directories) with one
group for each pattern, the last pattern first, so that one call says which pattern wins.
"""

import os
import re
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from datav.errors import UnreadableError
from datav.relpath import show_path
from datav.workspace.globs import translate_glob

IGNORE_FILE = b".datavignore"

# Patterns are written by hand.  A larger file is something else, and compiling it would take minutes.
MAX_IGNORE_SIZE = 2**20


class Pattern(NamedTuple):
    """One line of an ignore file."""

    regex: bytes
    """Matches all of a name, or all of a path below the file's directory."""
    on_name: bool
    """The line has no `/`: it is held against the last part of a path alone."""
    negated: bool
    directories_only: bool


class IgnoreRules:
    """The patterns in force in one directory: its own file's, then those of the files above."""

    __slots__ = ("_levels", "prefix")

    def __init__(self, levels: Sequence["_Level"] = (), prefix: bytes = b"") -> None:
        self._levels = tuple(levels)
        self.prefix = prefix
        """What stands before the paths that are asked about: `data/` when they are relative to `data`."""

    def __bool__(self) -> bool:
        return bool(self._levels)

    def below(self, directory: bytes, text: bytes) -> "IgnoreRules":
        """Return these rules and those of an ignore file with content `text` in `directory`.

        Args:
            directory: relative to `prefix`, `b""` or ending in `/`.
            text: what the file holds.
        """
        patterns = tuple(parse_ignore_file(text))
        if not patterns:
            return self
        return IgnoreRules((_Level(self.prefix + directory, patterns), *self._levels), self.prefix)

    def is_ignored(self, path: bytes, *, is_directory: bool) -> bool:
        """Say whether `path`, relative to `prefix`, is left out by its own name.

        What lies in a directory that is left out is left out too, whatever the rules say of it; a caller
        who walks down from the top never gets there, and others ask `is_ignored_below`.
        """
        full = self.prefix + path
        name = full[full.rfind(b"/") + 1 :]
        for level in self._levels:
            verdict = level.verdict(name, full, is_directory)
            if verdict is not None:
                return verdict
        return False

    def is_ignored_below(self, path: bytes, *, is_directory: bool) -> bool:
        """Say whether `path` or any directory on the way to it is left out."""
        end = path.find(b"/")
        while end >= 0:
            if self.is_ignored(path[:end], is_directory=True):
                return True
            end = path.find(b"/", end + 1)
        return self.is_ignored(path, is_directory=is_directory)

    def kept(self, directory: bytes, entries: Iterable["os.DirEntry[bytes]"]) -> list["os.DirEntry[bytes]"]:
        """Return those of `entries`, all in `directory` (`b""` or ending in `/`), that are not left out."""
        base = self.prefix + directory
        levels = self._levels
        kept = []
        for entry in entries:
            name = entry.name
            is_directory = entry.is_dir(follow_symlinks=False)
            verdict = None
            for level in levels:
                verdict = level.verdict(name, base + name, is_directory)
                if verdict is not None:
                    break
            if not verdict:
                kept.append(entry)
        return kept


NO_RULES = IgnoreRules()


def read_ignore_rules(top: Path, dataset: bytes) -> IgnoreRules:
    """Return the rules that hold for the dataset at `dataset` from the ignore files above it.

    Args:
        top: root of the repository.
        dataset: path of a directory, relative to `top`.

    The files inside the dataset are read by the scan.  A dataset was added by name, so patterns that
    match it or a directory above it do not count, only those that match what is in it.

    Raises:
        UnreadableError: an ignore file is there and cannot be read.
    """
    rules = NO_RULES
    base = b""
    root = os.fsencode(top)
    for part in dataset.split(b"/"):
        rules = rules.below(base, read_ignore_file(os.path.join(root, base, IGNORE_FILE)))
        base += part + b"/"
    return IgnoreRules(rules._levels, base)


def read_ignore_file(path: bytes) -> bytes:
    """Return what the ignore file at `path` holds; nothing if there is none.

    A symbolic link counts as none, as in git: what it points at may lie outside of the repository.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as exc:
        if isinstance(exc, FileNotFoundError) or os.path.islink(path):
            return b""
        raise UnreadableError(f"{show_path(path)} cannot be read: {exc.strerror}") from exc
    try:
        with os.fdopen(descriptor, "rb") as file:
            text = file.read(MAX_IGNORE_SIZE + 1)
    except OSError as exc:
        raise UnreadableError(f"{show_path(path)} cannot be read: {exc.strerror}") from exc
    if len(text) > MAX_IGNORE_SIZE:
        raise UnreadableError(
            f"{show_path(path)} is larger than {MAX_IGNORE_SIZE} bytes",
            hint="an ignore file lists patterns, not paths",
        )
    return text


def parse_ignore_file(text: bytes) -> Iterable[Pattern]:
    """Yield the patterns of an ignore file, in order, without comments and what can never match."""
    for line in text.removeprefix(b"\xef\xbb\xbf").split(b"\n"):
        if line.startswith(b"#"):
            continue
        pattern = _parse_line(_trim(line.removesuffix(b"\r").split(b"\0")[0]))
        if pattern is not None:
            yield pattern


def _trim(line: bytes) -> bytes:
    """Drop the spaces at the end that no backslash protects."""
    end = i = 0
    while i < len(line):
        if line[i] != 0x20:
            i += line[i] == 0x5C
            end = i + 1
        i += 1
    return line[:end]


def _parse_line(line: bytes) -> Pattern | None:
    negated = line.startswith(b"!")
    glob = line[negated:]
    directories_only = glob.endswith(b"/")
    glob = glob[: len(glob) - directories_only]
    on_name = b"/" not in glob
    regex = translate_glob(glob.removeprefix(b"/"), deep=not on_name) if glob else None
    return None if regex is None else Pattern(regex, on_name, negated, directories_only)


class _Level:
    """The patterns of one ignore file."""

    def __init__(self, base: bytes, patterns: tuple[Pattern, ...]) -> None:
        self._base_size = len(base)
        self._patterns = patterns

    def verdict(self, name: bytes, path: bytes, is_directory: bool) -> bool | None:
        """True to leave it out, False to keep it, None when no pattern matches.

        Args:
            name: last part of `path`.
            path: from where all the rules are read, so it starts with this level's directory.
            is_directory: as opposed to a file or a symbolic link.
        """
        (names, name_ranks), (paths, path_ranks) = self._for_directories if is_directory else self._for_files
        winner = -1
        if names is not None and (match := names.fullmatch(name)) is not None:
            winner = name_ranks[match.lastindex or 0]
        if paths is not None and (match := paths.fullmatch(path, self._base_size)) is not None:
            winner = max(winner, path_ranks[match.lastindex or 0])
        return None if winner < 0 else not self._patterns[winner].negated

    @cached_property
    def _for_files(self) -> "_Matchers":
        return self._compile(lambda pattern: not pattern.directories_only)

    @cached_property
    def _for_directories(self) -> "_Matchers":
        return self._compile(lambda pattern: True)

    def _compile(self, wanted: Callable[[Pattern], bool]) -> "_Matchers":
        numbers = [n for n, pattern in enumerate(self._patterns) if wanted(pattern)]
        return (
            _join([(n, self._patterns[n].regex) for n in numbers if self._patterns[n].on_name]),
            _join([(n, self._patterns[n].regex) for n in numbers if not self._patterns[n].on_name]),
        )


_Matcher = tuple[re.Pattern[bytes] | None, list[int]]
_Matchers = tuple[_Matcher, _Matcher]


def _join(numbered: list[tuple[int, bytes]]) -> _Matcher:
    """Return one expression for all, and the number of the pattern that stands for each of its groups.

    Alternatives are tried in order, so the last pattern, which wins, comes first.
    """
    if not numbered:
        return None, []
    numbered = numbered[::-1]
    regex = re.compile(b"|".join(b"(" + regex + b")" for _, regex in numbered), re.DOTALL)
    return regex, [-1, *(number for number, _ in numbered)]
