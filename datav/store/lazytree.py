"""Trees read in part: only the nodes in whose range the answer can lie.

A node is believed to be what its parent says of it once they agree: level, bytes, number of entries, first
path.  Below a node that is not read its parent's word stands for it, which is as good as the parent's id.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

from datav.errors import FormatError
from datav.formats.entry import Content, Entry
from datav.formats.tree import MAX_LEVEL, DirectoryNode, FileNode, parse_directory_node, parse_file_node
from datav.ids import NodeId
from datav.store.reading import Reading
from datav.store.trees import BATCH, check_order

# Of one file's tree: enough for the path to a place and for going on from there.
_CACHED_NODES = 32


class Folder(NamedTuple):
    """A directory inside a dataset, folded into one line."""

    path: bytes
    files: int
    """Entries below it."""
    size: int
    """Bytes of their contents."""


class Found(NamedTuple):
    """What lies at a path of a directory."""

    entry: Entry | None
    is_folder: bool
    """Whether entries lie below it."""


def find_below(reader: Reading, root: Content, path: bytes) -> Found:
    """Return what lies at `path`.

    Raises as `read_below` does.

    Cost: two nodes of each level at most, whatever lies below the path.
    """
    find = _Find(path)
    for node in _leaves(reader, root, find.may_hold):
        find.look(node)
    return Found(find.entry, find.is_folder)


def read_below(reader: Reading, root: Content, prefix: bytes = b"") -> list[Entry]:
    """Return the entry at `prefix`, or the entries below it, in order; all of them without one.

    Raises:
        FormatError: what was read of the tree does not hold together.
        MissingChunkError: a node is not in the store.

    Cost: the nodes on the path to `prefix`, and those of its entries.
    """
    entries = [entry for node in _leaves(reader, root, _Below(prefix).may_hold) for entry in node.entries()]
    chosen = [entry for entry in entries if _is_inside(entry.path, prefix)]
    check_order([entry.path for entry in chosen])
    return chosen


def fold_below(reader: Reading, root: Content, prefix: bytes = b"") -> list[Entry | Folder]:
    """Return what lies right below `prefix`, in order of paths: entries, and folders, added up.

    Raises as `read_below` does.

    Cost: the nodes on the path to `prefix`, and those at the ends of each folder; what lies within one is not
    read.
    """
    fold = _Fold(prefix)
    for node in _leaves(reader, root, fold.may_hold):
        for entry in node.entries():
            if _is_inside(entry.path, prefix):
                fold.add(entry)
    return fold.result()


def _is_inside(path: bytes, prefix: bytes) -> bool:
    return not prefix or path == prefix or path.startswith(prefix + b"/")


class _Child(NamedTuple):
    """A node that is not read yet, and what its parent says of it."""

    id: bytes
    level: int
    size: int
    files: int | None
    """Entries below it; None of the root."""
    first: bytes
    """Its first path; nothing of the root."""
    end: bytes | None
    """All its paths come before this one; None when nothing comes after it."""


_MayHold = Callable[[_Child], bool]
"""Says whether a node must be read."""


@dataclass(frozen=True, slots=True)
class _Below:
    prefix: bytes

    def may_hold(self, child: _Child) -> bool:
        # Not one range: between `a` and `a/b` lie all of `a-b/...`.
        prefix = self.prefix
        if not prefix:
            return True
        return _meets(child, prefix, prefix + b"\0") or _meets(child, prefix + b"/", prefix + b"0")


def _meets(child: _Child, start: bytes, end: bytes) -> bool:
    return child.first < end and (child.end is None or child.end > start)


class _Find:
    """The entry at a path, and whether there are any below."""

    def __init__(self, path: bytes) -> None:
        self._path, self._start = path, path + b"/"
        self._below = _Below(path)
        self.entry: Entry | None = None
        self.is_folder = False

    def may_hold(self, child: _Child) -> bool:
        if child.first.startswith(self._start):
            # No need to read it.
            self.is_folder = True
            return False
        return self._below.may_hold(child)

    def look(self, node: DirectoryNode) -> None:
        at = bisect_left(node.paths, self._path)
        if node.paths[at : at + 1] == [self._path]:
            self.entry = node.entries()[at]
        at = bisect_left(node.paths, self._start)
        self.is_folder = self.is_folder or any(p.startswith(self._start) for p in node.paths[at : at + 1])


class _Fold:
    """Entries and folders right below a prefix, added up."""

    def __init__(self, prefix: bytes) -> None:
        self._below = _Below(prefix)
        self._start = prefix + b"/" if prefix else b""
        self._entries: list[Entry | Folder] = []
        self._folders: dict[bytes, tuple[int, int]] = {}

    def may_hold(self, child: _Child) -> bool:
        if not self._below.may_hold(child):
            return False
        folder = self._folder_of(child.first)
        if folder is None or child.end is None or child.files is None or self._folder_of(child.end) != folder:
            return True
        # Its first path lies in the folder, and so does one behind its last: all of it does.
        self._count(folder, child.files, child.size)
        return False

    def add(self, entry: Entry) -> None:
        folder = self._folder_of(entry.path)
        if folder is None:
            self._entries.append(entry)
        else:
            self._count(folder, 1, entry.size)

    def result(self) -> list[Entry | Folder]:
        folders = [Folder(path, files, size) for path, (files, size) in self._folders.items()]
        return sorted([*self._entries, *folders], key=lambda item: item.path)

    def _folder_of(self, path: bytes) -> bytes | None:
        """The folder right below the prefix that `path` lies in; None when it lies in none."""
        if not path.startswith(self._start):
            return None
        slash = path.find(b"/", len(self._start))
        return None if slash < 0 else path[:slash]

    def _count(self, folder: bytes, files: int, size: int) -> None:
        before = self._folders.get(folder, (0, 0))
        self._folders[folder] = (before[0] + files, before[1] + size)


def _leaves(reader: Reading, root: Content, may_hold: _MayHold) -> Iterator[DirectoryNode]:
    """Yield the nodes of level 0 that must be read, in order."""
    if not 1 <= root.depth <= MAX_LEVEL + 1:
        raise FormatError(f"directory tree {NodeId(root.id).short} has an impossible depth")
    wanted = [_Child(root.id, root.depth - 1, root.size, None, b"", None)]
    for _ in range(root.depth - 1):
        found = []
        for child, node in _read_directory_nodes(reader, wanted):
            for below in _children(node, child.end):
                if may_hold(below):
                    found.append(below)
        wanted = found
    for _, node in _read_directory_nodes(reader, wanted):
        yield node


def _read_directory_nodes(reader: Reading, wanted: list[_Child]) -> Iterator[tuple[_Child, DirectoryNode]]:
    for first in range(0, len(wanted), BATCH):
        batch = wanted[first : first + BATCH]
        for child, data in zip(
            batch, reader.read_many([child.id for child in batch], nodes=True), strict=True
        ):
            name = NodeId(child.id).short
            node = parse_directory_node(data, name)
            count = sum(node.counts) if node.level else len(node)
            last = node.paths[-1] if node.paths else b""
            if (
                node.level != child.level
                or sum(node.sizes) != child.size
                or (child.files is not None and (count != child.files or node.paths[:1] != [child.first]))
                or (child.end is not None and last >= child.end)
            ):
                raise FormatError(f"tree node {name} is not what its parent says")
            yield child, node


def _children(node: DirectoryNode, end: bytes | None) -> Iterator[_Child]:
    ends = [*node.paths[1:], end]
    for number, (size, count, first, before) in enumerate(
        zip(node.sizes, node.counts, node.paths, ends, strict=True)
    ):
        yield _Child(node.id(number), node.level - 1, size, count, first, before)


class Piece(NamedTuple):
    """One chunk of a file."""

    offset: int
    """Where it begins in the file."""
    id: bytes
    size: int


class FileTree:
    """Where the chunks of one file lie.  Reads nodes when they are asked for, and keeps some.

    Used from several threads.
    """

    def __init__(self, reader: Reading, content: Content) -> None:
        if content.depth > MAX_LEVEL + 1:
            raise FormatError(f"file tree {NodeId(content.id).short} is too deep")
        self._content = content
        self._reader = reader
        self._node = lru_cache(_CACHED_NODES)(self._read_node)

    def pieces(self, start: int, end: int) -> Iterator[Piece]:
        """Yield the chunks that hold the bytes from `start` to `end`, in order.

        Raises:
            FormatError: what was read of the tree does not hold together.
            MissingChunkError: a node is not in the store.

        Cost: a node for each level, and one for each 512 chunks or so.
        """
        content = self._content
        end = min(end, content.size)
        if start >= end:
            return
        if content.depth == 0:
            yield Piece(0, content.id, content.size)
        else:
            yield from self._below(content.id, content.depth - 1, content.size, 0, start, end)

    def _below(
        self, identity: bytes, level: int, size: int, at: int, start: int, end: int
    ) -> Iterator[Piece]:
        node, ends = self._node(identity, level, size)
        for number in range(bisect_right(ends, start - at), len(ends)):
            length = node.sizes[number]
            begin = at + ends[number] - length
            if begin >= end:
                return
            if level == 0:
                yield Piece(begin, node.id(number), length)
            else:
                yield from self._below(node.id(number), level - 1, length, begin, start, end)

    def _read_node(self, identity: bytes, level: int, size: int) -> tuple[FileNode, list[int]]:
        """Return a node, and where each of its entries ends in what lies below it."""
        name = NodeId(identity).short
        node = parse_file_node(self._reader.read_node(NodeId(identity)), name)
        ends = list(accumulate(node.sizes))
        if node.level != level or (ends[-1] if ends else 0) != size:
            raise FormatError(f"tree node {name} is not what its parent says")
        return node, ends
