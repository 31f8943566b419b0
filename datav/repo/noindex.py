"""diff --no-index: two files, or two directories, as they lie on disk, in a repository or not."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from datav.core import ChunkerParams
from datav.errors import UsageError
from datav.formats.entry import Content, Kind
from datav.progress import SILENT
from datav.relpath import RelPath
from datav.repo.diff import Comparison, Depth
from datav.repo.diffcounting import narrows
from datav.repo.difffiles import FileAt, TableResult, compare_files, pair_entries
from datav.repo.diffresult import DatasetDiff, Diff, Endpoint, FilesDiff, Side
from datav.repo.diffsources import FileVersion, NodeKeeper, name_file
from datav.repo.difftables import Tables
from datav.settings import ChunkSizes, TableSettings
from datav.tables.options import DiffOptions
from datav.tables.result import RowDiff
from datav.workspace.ignore import IgnoreRules
from datav.workspace.reading import StableFile
from datav.workspace.scan import Found, scan_tree

if TYPE_CHECKING:
    from datav.repo.diffstats import StatsDiff, StatsMode

# Smaller tables are read in less time than it takes to find what they share.
LARGE = 8 * 2**20
_BLOCK = 2**20

_SIZES = ChunkSizes()
DEFAULT_CHUNKER = ChunkerParams(_SIZES.smallest, _SIZES.target, _SIZES.largest)
"""How files are cut that belong to no repository."""


@contextmanager
def comparing_paths(
    before: Path,
    after: Path,
    *,
    shown: tuple[str, str],
    options: DiffOptions | None = None,
    depth: Depth = "tables",
    rules: Sequence[TableSettings] = (),
    executor: Executor | None = None,
    stats: "StatsMode" = "never",
) -> Iterator[Comparison]:
    """Compare two files or two directories; what rows are read from is closed when the block ends.

    Args:
        shown: what the user calls them.
        rules: for the names of the files.
        executor: of a caller who has one.
        stats: whether distributions are compared as well.

    Raises:
        UsageError: one is not there, or one is a file and the other a directory.
        UnreadableError: the system refuses.
    """
    options = options or DiffOptions()
    with ExitStack() as opened:
        if executor is None:
            executor = opened.enter_context(ThreadPoolExecutor(thread_name_prefix="datav"))
        work = _Comparing(executor, options, depth, rules, stats)
        opened.callback(work.tables.close)
        found = work.compare(before, after, shown)
        old, new = (Endpoint(None, None, name) for name in shown)
        diff = Diff(old, new, tuple(found), narrows(options))
        yield Comparison(diff, (), partial(work.compare_same, before, after))


class _Comparing:
    """One comparison under way."""

    def __init__(
        self,
        executor: Executor,
        options: DiffOptions,
        depth: Depth,
        rules: Sequence[TableSettings],
        stats: "StatsMode",
    ) -> None:
        self._executor = executor
        self._keeper = NodeKeeper()
        self._options = options
        self._depth = depth
        self._rules = rules
        self._stats = stats
        self.tables = Tables(self._keeper, executor, options, rules)

    def compare(self, before: Path, after: Path, shown: tuple[str, str]) -> Iterator[DatasetDiff]:
        kinds = [_kind(path, name) for path, name in zip((before, after), shown, strict=True)]
        if kinds[0] != kinds[1]:
            raise UsageError(f"{shown[0]} is a {kinds[0]} and {shown[1]} is a {kinds[1]}")
        names = [RelPath(os.fsencode(_name(path))) for path in (before, after)]
        if kinds[0] == "directory":
            files, sides = self._compare_directories(before, after)
            if not files.items:
                return
            table, reason, stats = None, None, None
        else:
            sides = _file_side(before), _file_side(after)
            if is_same_file(before, after):
                self._check_names(before, after)
                return
            files = FilesDiff()
            table, reason = self._compare_files(before, after)
            stats = self._compare_stats(before, after)
        yield DatasetDiff(
            path=names[1],
            status="modified",
            before_path=names[0] if names[0] != names[1] else None,
            kind="directory" if kinds[0] == "directory" else "file",
            before=sides[0],
            after=sides[1],
            files=files,
            table=table,
            reason=reason,
            meta_changed=False,
            stats=stats,
        )

    def _compare_stats(self, before: Path, after: Path) -> "StatsDiff | None":
        if self._stats in ("never", "known"):
            return None
        from datav.repo.diffsources import Sources
        from datav.repo.diffstats import NOT_YET, StatsDiff, compare_both
        from datav.repo.profiling import AUTO_SIZE, Profiler

        if self._stats == "cheap" and max(path.stat().st_size for path in (before, after)) > AUTO_SIZE:
            return StatsDiff(None, None, None, NOT_YET)
        with Sources() as sources, Profiler(self._executor, self._rules) as profiler:
            made = [profiler.file(os.fsencode(path.name), sources.on_disk(path)) for path in (before, after)]
            sources.check()
        if made[0].profile is None or made[1].profile is None:
            reason = made[0].reason or made[1].reason
            return None if reason is None else StatsDiff(None, None, None, reason)
        return compare_both(made[0].profile, made[1].profile)

    def compare_same(self, before: Path, after: Path) -> RowDiff | None:
        """Return the rows of two files that are the same; None if these are no tables."""
        if before.is_dir():
            return None
        table, _ = self._compare_files(before, after)
        return None if table is None else table.rows

    def _compare_files(self, before: Path, after: Path) -> TableResult:
        if self._depth == "files":
            return None, None
        versions = [self._version(path) for path in (before, after)]
        return self.tables.compare(
            os.fsencode(after.name), versions[0], versions[1], before_path=os.fsencode(before.name)
        )

    def _check_names(self, before: Path, after: Path) -> None:
        """Raise UsageError where an option names a column that the tables lack.

        Nobody else looks into files that are the same.
        """
        options = self._options
        if self._depth == "files" or not (
            options.key or options.columns or options.ignored or options.where or options.tolerances
        ):
            return
        tables = Tables(self._keeper, self._executor, replace(options, rows=False), self._rules)
        try:
            versions = [tables.on_disk(path, path.stat().st_size, None) for path in (before, after)]
            tables.compare(
                os.fsencode(after.name), versions[0], versions[1], before_path=os.fsencode(before.name)
            )
        finally:
            tables.close()

    def _version(self, path: Path) -> FileVersion:
        size = path.stat().st_size
        content = None
        if size >= LARGE:
            content = name_file(path, self._keeper, DEFAULT_CHUNKER, self._executor)
        return self.tables.on_disk(path, size, content)

    def _compare_directories(self, before: Path, after: Path) -> tuple[FilesDiff, tuple[Side, Side]]:
        old, new = (scan_tree(path, IgnoreRules(), SILENT).entries for path in (before, after))
        gone = {found.path: found for found in old}
        for found in new:
            gone.pop(found.path, None)
        there = {found.path for found in old}
        # What may have been renamed has a twin of its size on the other side.
        sizes = {found.size for found in gone.values()}
        sizes &= {found.size for found in new if found.path not in there}
        sides = [
            [self._file(root, found, found.size in sizes and found.path not in common) for found in entries]
            for root, entries, common in (
                (before, old, {found.path for found in new}),
                (after, new, there),
            )
        ]
        pairs = pair_entries(sides[0], sides[1], _Same(before, after))
        files = compare_files(pairs, self._compare_inside if self._depth == "tables" else None)
        return files, (_side(old), _side(new))

    def _file(self, root: Path, found: Found, is_wanted: bool) -> FileAt:
        path = root / os.fsdecode(found.path)
        content: Content | None = None
        if is_wanted and found.size and found.kind in (Kind.FILE, Kind.EXECUTABLE):
            content = name_file(path, self._keeper, DEFAULT_CHUNKER, self._executor)
        return FileAt(found.path, found.kind, found.size, content, lambda: self._version(path))

    def _compare_inside(self, path: bytes, before: FileVersion, after: FileVersion) -> TableResult:
        return self.tables.compare(path, before, after)


class _Same:
    """Whether two files of the same path hold the same."""

    def __init__(self, before: Path, after: Path) -> None:
        self._before, self._after = before, after

    def __call__(self, before: FileAt, after: FileAt) -> bool:
        if before.size != after.size:
            return False
        places = [root / os.fsdecode(before.path) for root in (self._before, self._after)]
        if before.kind == Kind.SYMLINK:
            return places[0].readlink() == places[1].readlink()
        return before.kind == Kind.EMPTY_DIRECTORY or is_same_file(*places)


def is_same_file(before: Path, after: Path) -> bool:
    """Whether two files, or those that links lead to, hold the same bytes.

    Raises:
        UnreadableError: the system refuses.
        ChangedWhileReadError: one changed meanwhile.
    """
    places = [Path(os.path.realpath(path)) for path in (before, after)]
    with StableFile(places[0]) as old, StableFile(places[1]) as new:
        if old.size != new.size:
            return False
        left, right = memoryview(bytearray(_BLOCK)), memoryview(bytearray(_BLOCK))
        for offset in range(0, old.size, _BLOCK):
            size = old.read_into(left, offset)
            new.read_into(right, offset)
            if left[:size] != right[:size]:
                return False
        old.finish()
        new.finish()
        return True


def _kind(path: Path, shown: str) -> str:
    if path.is_dir():
        return "directory"
    if not path.exists():
        raise UsageError(f"there is no {shown}")
    if not path.is_file():
        raise UsageError(f"{shown} is a pipe, a socket or a device", hint="write it to a file first")
    return "file"


def _name(path: Path) -> str:
    # Not what a link leads to: the user calls it by its own name.
    return Path(os.path.abspath(path)).name or "root"


def _file_side(path: Path) -> Side:
    return Side(None, path.stat().st_size, 1, None)


def _side(entries: Sequence[Found]) -> Side:
    return Side(None, sum(found.size for found in entries), len(entries), None)
