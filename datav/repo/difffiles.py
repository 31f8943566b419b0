"""Which files of two versions of a directory differ, and how: pairs by path in, a FilesDiff out."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from datav.formats.entry import Content, Kind
from datav.repo.diffresult import FileItem, FilesDiff, FileStatus
from datav.repo.diffsources import FileVersion
from datav.store.renames import find_origins
from datav.tables.dialect import extension_of, is_named_like_text
from datav.tables.result import TableDiff

_BINARY_TABLES = frozenset({".parquet", ".arrow", ".arrows", ".feather"})
_PACKED = frozenset({".gz", ".zst"})


class FileAt(NamedTuple):
    """What lies at a path in one version of a directory."""

    path: bytes
    kind: int
    """A `Kind`."""
    size: int
    content: Content | None
    """Where it is known; two that are known are equal just if the files are."""
    version: Callable[[], FileVersion]
    """For who wants to read it."""


Pair = tuple[FileAt | None, FileAt | None]
TableResult = tuple[TableDiff | None, str | None]
"""What came of comparing two files as tables, or why nothing did; twice None: they are no tables."""
CompareTables = Callable[[bytes, FileVersion, FileVersion], TableResult]
"""Called with the path of a file, and its two versions."""


def pair_entries(
    before: Iterable[FileAt], after: Iterable[FileAt], is_same: Callable[[FileAt, FileAt], bool]
) -> list[Pair]:
    """Return what lies at a path in one of two versions only, or is not the same in both, by path."""
    old = {file.path: file for file in before}
    new = {file.path: file for file in after}
    pairs: list[Pair] = []
    for path in sorted(old.keys() | new.keys()):
        left, right = old.get(path), new.get(path)
        if left is None or right is None or left.kind != right.kind or not is_same(left, right):
            pairs.append((left, right))
    return pairs


def compare_files(pairs: Sequence[Pair], compare: CompareTables | None) -> FilesDiff:
    """Return how the files of `pairs`, which all differ, changed.

    What is gone and what is new with the same content was renamed, or moved to another directory.

    Args:
        compare: called for modified files that are named like tables; None: they are not looked into.
    """
    origins = _find_origins(pairs)
    moved = {origin.path for origin in origins.values()}
    items = []
    for before, after in pairs:
        if after is not None and before is None:
            items.append(_new_item(after, origins.get(after.path)))
        elif before is not None and after is None:
            if before.path not in moved:
                items.append(FileItem(before.path, "removed", None, before.size, None, None, None))
        elif before is not None and after is not None:
            table, reason = _compare(before, after, compare)
            items.append(FileItem(after.path, "modified", None, before.size, after.size, table, reason))
    return FilesDiff(tuple(items))


def is_named_like_table(path: bytes) -> bool:
    name = path.rpartition(b"/")[2].decode("utf-8", "surrogateescape")
    if is_packed(name):
        name = name.rpartition(".")[0]
    return is_named_like_text(name) or extension_of(name) in _BINARY_TABLES


def is_packed(name: str) -> bool:
    """Whether a file of that name is unpacked before it is read."""
    return extension_of(name) in _PACKED


def _new_item(after: FileAt, origin: FileAt | None) -> FileItem:
    if origin is None:
        return FileItem(after.path, "added", None, None, after.size, None, None)
    status: FileStatus = "renamed" if _directory(origin.path) == _directory(after.path) else "moved"
    return FileItem(after.path, status, origin.path, origin.size, after.size, None, None)


def _compare(before: FileAt, after: FileAt, compare: CompareTables | None) -> TableResult:
    files = (Kind.FILE, Kind.EXECUTABLE)
    if before.kind not in files or after.kind not in files:
        return None, None
    if before.content is not None and before.content == after.content:
        # Only whether it may be executed has changed.
        return None, None
    if compare is None or not is_named_like_table(after.path):
        return None, None
    return compare(after.path, before.version(), after.version())


def _find_origins(pairs: Sequence[Pair]) -> dict[bytes, FileAt]:
    """Return for paths that are new the file that was there before under another path."""
    gone = [before for before, after in pairs if before is not None and after is None and before.size]
    new = [after for before, after in pairs if before is None and after is not None]
    origins = find_origins(
        [(file.path, file.content) for file in gone if file.content is not None],
        [(file.path, file.content) for file in new if file.content is not None],
    )
    files = {file.path: file for file in gone}
    return {path: files[origin] for path, origin in origins.items()}


def _directory(path: bytes) -> bytes:
    return path.rpartition(b"/")[0]
