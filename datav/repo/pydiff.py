"""`datav.diff`: two tables, two files or two directories of any version compared, from Python."""

import os
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow

from datav.errors import NotARepositoryError, UsageError
from datav.formats.entry import EMPTY_CONTENT, Content, Kind
from datav.ids import hash_chunk
from datav.progress import SILENT
from datav.relpath import RelPath, one_line
from datav.repo.difffiles import FileAt, TableResult, compare_files, pair_entries
from datav.repo.diffresult import DatasetDiff, Diff, Endpoint, FilesDiff, Side
from datav.repo.diffsources import FileVersion, NodeKeeper, name_file, stored_version
from datav.repo.difftables import Tables
from datav.repo.farreading import Source
from datav.repo.inplace import StrPath
from datav.repo.noindex import DEFAULT_CHUNKER, LARGE, comparing_paths
from datav.repo.reading import open_located
from datav.repo.repository import Repository
from datav.repo.specs import Located, locate
from datav.repo.tolerances import parse_tolerances
from datav.store.lazytree import find_below, read_below
from datav.tables.arrowversion import MemoryVersion
from datav.tables.options import DiffOptions, Tolerance
from datav.tables.result import ChangeBatch, TableDiff
from datav.tables.source import NotATable
from datav.tables.version import TableVersion
from datav.workspace.ignore import IgnoreRules
from datav.workspace.scan import Found, scan_tree

Columns = str | Iterable[str]
Tolerances = float | str | Mapping[str, float | str] | Iterable[str]


# Any: whatever holds a table, of any library.
def diff(
    a: Any,
    b: Any,
    *,
    key: Columns | None = None,
    columns: Columns = (),
    ignore_columns: Columns = (),
    where: str | None = None,
    tolerance: Tolerances | None = None,
    typed: bool = False,
    ordered: bool = False,
    repo: StrPath | None = None,
) -> TableDiff | Diff:
    """Compare two tables, or two directories.

    The result can be used as long as it is there; rows are read when they are asked for, by
    `result.rows.changes()` one by one, as values of Python, or by `result.rows.batches()` as columns: each is
    a ChangeBatch of one kind of change, in which cells of text tables are bytes.  Its `op` is `removed`,
    `added`, `changed` or `moved`; `before` and `after` are Arrow tables with a row for each change, in step,
    one of them None where a row is on one side only; `differs` says of changed rows for each column in which
    of them it does; `counts` how many rows like each there are, None for one each; `has_key` whether they
    were matched by key.  A changed row of `changes()` has the cells that changed and no others;
    `batches(whole=True)` gives all of its columns.

    Args:
        a, b: each a path on disk; `REV:PATH`, as it was in a commit; or a table in memory: of pyarrow, or
            whatever has `__arrow_c_stream__`, as tables of pandas and polars do.
        key: the columns that identify a row; none, or "": compare without a key; None: what the manifest or
            datav.toml says.
        columns: only these are compared and told of, and the key; none: all.
        ignore_columns: these are not.
        where: only changes of rows that meet this condition, before or after.
        tolerance: how far numbers may be apart: `0.01`, `"1%"`, `{"price": "1%"}`.
        typed: compare the cells of text tables by value.
        ordered: the order of rows matters too.
        repo: a directory of the repository; by default the current one.

    Returns:
        A TableDiff of two tables; of two directories a Diff, with the tables in them.

    Raises:
        UsageError: one is no table, or has a column that Arrow cannot take; there is no such column, or no
            such path; what should be names is not.
        Also what `datav.open` raises.
    """
    options = DiffOptions(
        key=None if key is None else _names("key", key),
        columns=_names("columns", columns),
        ignored=_names("ignore_columns", ignore_columns),
        where=where,
        tolerances=_tolerances(tolerance),
        typed=typed,
        ordered=ordered,
    )
    held = _Held()
    try:
        return _Comparing(held, options, Path(os.path.abspath(repo or "."))).compare(a, b)
    except BaseException:
        held.close()
        raise


class _Held:
    """What is open for a result, until nobody has the result any more."""

    def __init__(self) -> None:
        self.opened = ExitStack()
        self.close = weakref.finalize(self, self.opened.close)

    def keep(self, table: TableDiff) -> TableDiff:
        """Return `table` such that it keeps open what its rows are read from."""
        if table.rows is None:
            return table
        return replace(table, rows=replace(table.rows, batches=_Batches(self, table.rows.batches)))


class _Batches:
    """What gives a result's rows, and what they are read from."""

    def __init__(self, held: _Held, batches: Any) -> None:
        self._held = held
        self._batches = batches

    # Any: as the batches of the comparison take it.
    def __call__(self, *args: Any, **options: Any) -> Iterator[ChangeBatch]:
        # Not by returning the iterator: whoever has that alone must keep open what it reads.
        yield from self._batches(*args, **options)


@dataclass(frozen=True, slots=True)
class _Stored:
    """A file or a directory of a version."""

    located: Located
    is_directory: bool

    @property
    def path(self) -> bytes:
        """From the root of the repository."""
        path, inside = bytes(self.located.dataset.path), self.located.inside
        return path + b"/" + inside if inside else path


class _Comparing:
    """One comparison."""

    def __init__(self, held: _Held, options: DiffOptions, here: Path) -> None:
        self._held = held
        self._options = options
        self._here = here
        self._repository = _find_repository(here)
        self._executor = ThreadPoolExecutor(thread_name_prefix="datav")
        # Not waited for: whoever drops the last reference may be one of its own threads.
        held.opened.callback(self._executor.shutdown, wait=False)
        source = Source(self._repository) if self._repository is not None else None
        self._keeper = NodeKeeper(source)
        rules = self._repository.settings.tables if self._repository is not None else ()
        cache = self._repository.private / "cache" / "diff" if self._repository is not None else None
        self._tables = Tables(self._keeper, self._executor, options, rules, cache=cache)
        held.opened.callback(self._tables.close)
        self._rules = rules

    # Any: whatever holds a table.
    def compare(self, a: Any, b: Any) -> TableDiff | Diff:
        sides = self._find(a), self._find(b)
        are_directories = [_is_directory(side) for side in sides]
        if are_directories[0] != are_directories[1]:
            raise UsageError(f"of {_shown(a)} and {_shown(b)} one is a directory and the other is not")
        if are_directories[0]:
            return self._compare_directories(sides, (_shown(a), _shown(b)))
        return self._held.keep(self._compare_tables(sides, (_shown(a), _shown(b))))

    def _find(self, side: Any) -> "Path | _Stored | pyarrow.Table":
        if not isinstance(side, str | os.PathLike):
            return _as_table(side)
        text = os.fspath(side)
        path = self._here / text
        if path.exists():
            return path
        if self._repository is None:
            raise UsageError(f"there is no {text}")
        located = locate(self._repository, text)
        if not located.inside:
            return _Stored(located, located.manifest.kind == "directory")
        found = find_below(self._keeper, located.manifest.content, located.inside)
        return _Stored(located, found.is_folder)

    def _compare_tables(self, sides: tuple[Any, Any], shown: tuple[str, str]) -> TableDiff:
        before, after = (self._file(side) for side in sides)
        key = _key_of(sides)
        if before is None or after is None:
            versions = [
                self._open(side, file, name)
                for side, file, name in zip(sides, (before, after), shown, strict=True)
            ]
            return self._tables.compare_versions(versions[0], versions[1], key)
        paths = [self._path_of(side) for side in sides]
        table, reason = self._tables.compare(paths[1], before, after, key, paths[0])
        if table is None:
            raise UsageError(f"{shown[0]} and {shown[1]} are no two tables: {reason or 'one is none'}")
        return table

    def _open(self, side: Any, file: FileVersion | None, shown: str) -> TableVersion:
        if file is None:
            return MemoryVersion(side)
        found = self._tables.open_version(file, self._path_of(side))
        if isinstance(found, NotATable):
            raise UsageError(f"{shown} is no table: {found.reason}")
        return found

    def _file(self, side: Any) -> FileVersion | None:
        """Return a version of a file; None of a table in memory."""
        if isinstance(side, Path):
            size = side.stat().st_size
            # What two small ones share is not worth finding out.
            content = None if size < LARGE else self._name(side)
            return self._tables.on_disk(side, size, content)
        if isinstance(side, _Stored):
            assert self._repository is not None, "what is stored was found by a repository"
            found = open_located(Source(self._repository), side.located).file
            return stored_version(self._keeper, found.dataset, found.inside, found.content)
        return None

    def _name(self, path: Path) -> Content:
        params = self._repository.chunker if self._repository is not None else DEFAULT_CHUNKER
        return name_file(path, self._keeper, params, self._executor)

    def _path_of(self, side: Any) -> bytes:
        """Return where a file lies, from the root of the repository, for the rules of datav.toml."""
        if isinstance(side, _Stored):
            return side.path
        root = self._repository.root if self._repository is not None else self._here
        path = Path(os.path.realpath(side))
        return os.fsencode(path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name)

    def _compare_directories(self, sides: tuple[Any, Any], shown: tuple[str, str]) -> Diff:
        if isinstance(sides[0], Path) and isinstance(sides[1], Path):
            compared = comparing_paths(
                sides[0],
                sides[1],
                shown=shown,
                options=self._options,
                rules=self._rules,
                executor=self._executor,
            )
            return self._keep_all(self._held.opened.enter_context(compared).diff)
        before, after = (self._list(side) for side in sides)
        pairs = pair_entries(before, after, lambda left, right: left.content == right.content)
        files = compare_files(pairs, partial(self._compare_inside, sides[1], _key_of(sides)))
        ends = Endpoint(None, None, shown[0]), Endpoint(None, None, shown[1])
        if not files.items:
            return Diff(*ends, ())
        names = [RelPath(os.path.basename(self._path_of(side)) or b"root") for side in sides]
        dataset = DatasetDiff(
            path=names[1],
            status="modified",
            before_path=names[0] if names[0] != names[1] else None,
            kind="directory",
            before=_side(before),
            after=_side(after),
            files=files,
            table=None,
            reason=None,
            meta_changed=False,
        )
        return self._keep_all(Diff(*ends, (dataset,)))

    def _list(self, side: "Path | _Stored") -> list[FileAt]:
        """Return all that lies in a directory, each with its content."""
        if isinstance(side, Path):
            return [
                self._file_on_disk(side, found) for found in scan_tree(side, IgnoreRules(), SILENT).entries
            ]
        inside, dataset = side.located.inside, side.located.dataset.path
        skipped = len(inside) + 1 if inside else 0
        return [
            FileAt(
                entry.path[skipped:],
                entry.kind,
                entry.size,
                entry.content,
                partial(stored_version, self._keeper, dataset, entry.path, entry.content),
            )
            for entry in read_below(self._keeper, side.located.manifest.content, inside)
        ]

    def _file_on_disk(self, root: Path, found: Found) -> FileAt:
        path = root / os.fsdecode(found.path)
        content = EMPTY_CONTENT
        if found.kind == Kind.SYMLINK:
            target = os.fsencode(path.readlink())
            content = Content(bytes(hash_chunk(target)), 0, len(target))
        elif found.kind != Kind.EMPTY_DIRECTORY:
            content = self._name(path)
        version = partial(self._tables.on_disk, path, found.size, content)
        return FileAt(found.path, found.kind, found.size, content, version)

    def _compare_inside(
        self, side: Any, key: tuple[str, ...] | None, path: bytes, before: FileVersion, after: FileVersion
    ) -> TableResult:
        return self._tables.compare(self._path_of(side) + b"/" + path, before, after, key)

    def _keep_all(self, result: Diff) -> Diff:
        return replace(result, datasets=tuple(map(self._keep_dataset, result.datasets)))

    def _keep_dataset(self, dataset: DatasetDiff) -> DatasetDiff:
        items = tuple(
            item if item.table is None else replace(item, table=self._held.keep(item.table))
            for item in dataset.files.items
        )
        table = None if dataset.table is None else self._held.keep(dataset.table)
        return replace(dataset, files=FilesDiff(items), table=table)


def _find_repository(here: Path) -> Repository | None:
    try:
        return Repository.open(here)
    except NotARepositoryError:
        return None


# Any: whatever holds a table.
def _as_table(side: Any) -> "pyarrow.Table":
    if isinstance(side, pyarrow.Table):
        return side
    if hasattr(side, "__arrow_c_stream__"):
        try:
            return pyarrow.RecordBatchReader.from_stream(side).read_all()
        except pyarrow.ArrowException as exc:
            # Of a data frame: which column it is, is told behind why.
            why = one_line(": ".join(map(str, reversed(exc.args))))
            raise UsageError(
                f"{type(side).__name__} cannot be read as a table of Arrow: {why}",
                hint="a column of objects holds one type, such as text: `frame.astype({'NAME': 'string'})`",
            ) from exc
    raise UsageError(
        f"{type(side).__name__} is neither a path nor a table",
        hint="tables are those of pyarrow, and whatever has `__arrow_c_stream__`: pandas 2.2, polars",
    )


def _is_directory(side: Any) -> bool:
    if isinstance(side, Path):
        return side.is_dir()
    return isinstance(side, _Stored) and side.is_directory


def _shown(side: Any) -> str:
    return os.fsdecode(side) if isinstance(side, str | os.PathLike) else "a table in memory"


def _key_of(sides: tuple[Any, Any]) -> tuple[str, ...] | None:
    """Return the key that the manifests name; None where none does."""
    for side in reversed(sides):
        table = side.located.manifest.table if isinstance(side, _Stored) else None
        if table is not None and table.key:
            return table.key
    return None


def _side(files: Sequence[FileAt]) -> Side:
    return Side(None, sum(file.size for file in files), len(files), None)


# Any: whatever somebody gives.
def _names(argument: str, columns: Any) -> tuple[str, ...]:
    """Return names of columns; none of empty text, as on the command line."""
    if isinstance(columns, str):
        return (columns,) if columns else ()
    names = tuple(columns) if isinstance(columns, Iterable) else None
    if names is None or not all(isinstance(name, str) for name in names):
        raise UsageError(
            f"{argument} should be the name of a column, or several, and is {one_line(repr(columns))}"
        )
    return names


def _tolerances(given: Tolerances | None) -> dict[str, Tolerance]:
    if given is None:
        return {}
    if isinstance(given, Mapping):
        return parse_tolerances(f"{column}={value}" for column, value in given.items())
    return parse_tolerances([str(given)] if isinstance(given, str | int | float) else map(str, given))
