"""merge-file: three versions of a table as they lie on disk, merged; in a repository or not."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from datav.errors import NotARepositoryError, TableError
from datav.formats.conflict import ConflictItem
from datav.merging.merge import Merge
from datav.merging.options import MergeOptions
from datav.merging.result import MergeCounts
from datav.merging.tables import merge_tables
from datav.merging.writing import write_merge
from datav.repo.diffsources import NodeKeeper, Sources, name_file
from datav.repo.difftables import table_rules
from datav.repo.noindex import DEFAULT_CHUNKER, LARGE, is_same_file
from datav.repo.outputs import refuse_output, writing
from datav.repo.pathrules import find_rules
from datav.repo.repository import Repository
from datav.settings import TableSettings
from datav.settings.merge import MergeSettings
from datav.storage.caching import CacheInMemory
from datav.storage.scratch import Scratch
from datav.store.treediff import differing_ranges
from datav.tables.opening import open_table
from datav.tables.shared import Gap, Shared
from datav.tables.source import NotATable, RandomAccess
from datav.tables.text import TextVersion
from datav.tables.version import TableVersion

_BLOCK = 2**20


@dataclass(frozen=True, slots=True)
class MergedFile:
    """What became of three files."""

    output: str | None
    """Where the result is; None: nothing was written."""
    items: tuple[ConflictItem, ...]
    """What is in conflict; the result has our value there."""
    counts: MergeCounts
    key: tuple[str, ...]
    """By which rows were matched; none: by all of their cells."""
    notes: tuple[str, ...] = ()
    taken: Literal["ours", "theirs"] | None = None
    """Which file the result is: one side alone changed it, or both are the same; None: rows were merged."""


@dataclass(frozen=True, slots=True)
class _Rules:
    """What the project says of a file."""

    table: TableSettings | None = None
    merge: MergeSettings = MergeSettings()  # noqa: RUF009


def merge_file(
    here: Path,
    names: tuple[str, str, str],
    *,
    key: Sequence[str] | None = None,
    output: str | None = None,
    stream: BinaryIO | None = None,
) -> MergedFile:
    """Merge three versions of a table.

    What is written takes the place of `output` when all of it is on the disk; it may be one of the three.  In
    a repository the files are read, and what is in conflict is decided, by the rules of datav.toml for ours.

    Args:
        here: what names are relative to.
        names: of base, ours and theirs.  An empty file is no base: both sides added the table.
        key: the columns that identify a row; None: what the rules say, or none.
        output: where to write; None: nowhere.
        stream: written to, not `output`.

    Raises:
        UsageError: `output` is a dataset, in one, or a manifest.
        TableError: one of them is no table, or they cannot be merged as tables; nothing was written.
        UnreadableError, StorageError: the system refuses.
        ChangedWhileReadError: somebody wrote to one of them meanwhile.
    """
    paths = [here / name for name in names]
    if output is not None and stream is None and not _is_one_of(here / output, paths):
        refuse_output(here / output, output, [])
    target = stream if stream is not None else here / output if output is not None else None
    with (
        Sources() as sources,
        Scratch() as scratch,
        ThreadPoolExecutor(thread_name_prefix="datav") as executor,
    ):
        files = [sources.on_disk(path) for path in paths]
        same = _same_sides(paths)
        if same is not None:
            _write_whole(files[same], target, sources)
            return MergedFile(
                output, (), MergeCounts(), tuple(key or ()), taken="ours" if same == 1 else "theirs"
            )
        rules = _find_rules(here, paths[1])
        versions = [
            _open(name, path, file, rules, scratch)
            for name, path, file in zip(names, paths, files, strict=True)
        ]
        base, ours, theirs = versions
        for name, version in zip(names[1:], (ours, theirs), strict=True):
            if version is None:
                raise TableError(f"{name} is empty, and no table")
        assert ours is not None, "that was looked at"
        assert theirs is not None, "that was looked at"
        chosen = tuple(key) if key is not None else (rules.table.key if rules.table is not None else None)
        merge = merge_tables(
            base,
            ours,
            theirs,
            MergeOptions(chosen or (), rules.merge),
            scratch=scratch,
            executor=executor,
            shared=_find_shared(paths, files, versions, executor),
        )
        _write(merge, files[1], target, sources)
    return MergedFile(output, tuple(merge.items), merge.counts, merge.key, tuple(merge.notes))


def _write(merge: Merge, ours: RandomAccess, target: Path | BinaryIO | None, sources: Sources) -> None:
    if target is None:
        # What is in conflict is known when all of it was looked at.
        for _ in merge.windows():
            pass
        sources.check()
        return
    with writing(target, sources.check) as file:
        write_merge(merge, ours, file)


def _find_shared(
    paths: Sequence[Path],
    files: Sequence[RandomAccess],
    versions: Sequence[TableVersion | None],
    executor: Executor,
) -> tuple[Shared, Shared] | None:
    """Return what base has in common with both sides; None where finding it takes longer than it saves."""
    if min(file.size for file in files) < LARGE:
        return None
    if any(
        not isinstance(version, TextVersion) or version.source is not file
        for version, file in zip(versions, files, strict=True)
    ):
        # No text, or of other bytes than the file's: compressed, or in another encoding.
        return None
    keeper = NodeKeeper()
    base, ours, theirs = (name_file(path, keeper, DEFAULT_CHUNKER, executor) for path in paths)
    cache = CacheInMemory()
    first, second = (
        Shared([Gap(*gap) for gap in differing_ranges(keeper, base, side)], base.id, side.id, cache)
        for side in (ours, theirs)
    )
    return first, second


def _is_one_of(path: Path, others: Sequence[Path]) -> bool:
    return any(os.path.realpath(path) == os.path.realpath(other) for other in others)


def _same_sides(paths: Sequence[Path]) -> int | None:
    """Return which of three files is the result if two are the same; None if no two are."""
    base, ours, theirs = paths
    if is_same_file(base, theirs) or is_same_file(ours, theirs):
        return 1
    return 2 if is_same_file(base, ours) else None


def _write_whole(file: RandomAccess, target: Path | BinaryIO | None, sources: Sources) -> None:
    if target is None:
        return
    with writing(target, sources.check) as written:
        for offset in range(0, file.size, _BLOCK):
            written.write(file.read_at(offset, _BLOCK))


def _find_rules(here: Path, path: Path) -> _Rules:
    try:
        repository = Repository.open(here)
    except NotARepositoryError:
        return _Rules()
    with repository:
        root, place = repository.root.resolve(), path.resolve()
        shown = place.relative_to(root) if place.is_relative_to(root) else Path(place.name)
        name, settings = os.fsencode(shown), repository.settings
        return _Rules(find_rules(settings.tables, name), find_rules(settings.merges, name) or MergeSettings())


def _open(name: str, path: Path, file: RandomAccess, rules: _Rules, scratch: Scratch) -> TableVersion | None:
    """Open one of the three; None of an empty file."""
    if not file.size:
        return None
    with _naming(name):
        found = open_table(path.name, file, scratch, table_rules(rules.table))
        if isinstance(found, NotATable):
            raise TableError(found.reason or "it is no table")
        return found


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Say which file an error is about."""
    try:
        yield
    except TableError as exc:
        raise TableError(f"{name}: {exc}", hint=exc.hint) from exc
