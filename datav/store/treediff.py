"""What two versions in a store do not share: byte ranges of two files, entries of two directories.

Nodes are named by their content, so a node that both trees have is skipped unread with all that is below it.
What is read is what lies above a change, on both sides.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from datav.errors import FormatError
from datav.formats.entry import Content, Entry
from datav.formats.tree import MAX_LEVEL, MIN_ENTRIES, DirectoryNode
from datav.ids import NodeId
from datav.store.reading import Reading
from datav.store.trees import (
    MAX_CHUNKS,
    SMALLEST_CHUNK,
    check_order,
    read_directory_nodes,
    read_file_nodes,
)


class Gap(NamedTuple):
    """A part of two files that they do not share, as far as their chunks tell.  One side may be empty."""

    before_start: int
    before_end: int
    after_start: int
    after_end: int


class _Piece(NamedTuple):
    """A node that is not read, or a chunk."""

    id: bytes
    size: int
    """Bytes of content below it."""


class _Run(NamedTuple):
    """Pieces of both files, of one level, that stand where the other's do and are not known to be shared."""

    before_at: int
    before: list[_Piece]
    after_at: int
    after: list[_Piece]


def differing_ranges(reader: Reading, before: Content, after: Content) -> list[Gap]:
    """Return the gaps between what two files share, in order.

    Outside of the gaps both files have the same bytes in the same order; between two gaps there are some.
    Nothing is said of bytes within a gap, which may be equal too.

    Raises:
        FormatError: what was read of a tree does not hold together.
        MissingChunkError: a node is not stored.

    Cost: the nodes above what is not shared.
    """
    if before == after:
        return []
    if not before.size or not after.size:
        return [Gap(0, before.size, 0, after.size)]
    sides = [_top(before), _top(after)]
    # A chunk is below level 0: -1.
    levels = [before.depth - 1, after.depth - 1]
    for number, content in enumerate((before, after)):
        while levels[number] > min(levels):
            sides[number] = _expand(reader, sides[number], levels[number], content)
            levels[number] -= 1
    level = min(levels)
    runs = _narrow([_Run(0, sides[0], 0, sides[1])])
    while level >= 0 and any(run.before and run.after for run in runs):
        runs = _narrow(_descend(reader, runs, level, before, after))
        level -= 1
    return [
        Gap(run.before_at, run.before_at + _size(run.before), run.after_at, run.after_at + _size(run.after))
        for run in _joined(runs)
    ]


def _top(content: Content) -> list[_Piece]:
    if content.depth > MAX_LEVEL + 1:
        raise FormatError(f"file tree {NodeId(content.id).short} is too deep")
    return [_Piece(content.id, content.size)]


def _size(pieces: Sequence[_Piece]) -> int:
    return sum(piece.size for piece in pieces)


def _descend(reader: Reading, runs: list[_Run], level: int, before: Content, after: Content) -> list[_Run]:
    """Replace the nodes of each run by what is right below them."""
    # All of one side in one go; a run with nothing on the other side is settled, and not read.
    open_runs = [run for run in runs if run.before and run.after]
    old = iter(_expand(reader, [piece for run in open_runs for piece in run.before], level, before))
    new = iter(_expand(reader, [piece for run in open_runs for piece in run.after], level, after))
    return [
        _Run(run.before_at, _take(old, _size(run.before)), run.after_at, _take(new, _size(run.after)))
        if run.before and run.after
        else run
        for run in runs
    ]


def _expand(reader: Reading, pieces: list[_Piece], level: int, content: Content) -> list[_Piece]:
    """Return what is right below these nodes, in order."""
    limit = min(MAX_CHUNKS, content.size // SMALLEST_CHUNK + 1) // MIN_ENTRIES**level + 1
    ids, sizes = [piece.id for piece in pieces], [piece.size for piece in pieces]
    nodes = read_file_nodes(reader, ids, sizes, level, limit)
    return [_Piece(node.id(number), size) for node in nodes for number, size in enumerate(node.sizes)]


def _take(pieces: Iterator[_Piece], size: int) -> list[_Piece]:
    """Take pieces of `size` bytes together: the reading has checked that they end there."""
    taken: list[_Piece] = []
    while size > 0:
        piece = next(pieces)
        taken.append(piece)
        size -= piece.size
    return taken


def _narrow(runs: list[_Run]) -> list[_Run]:
    """Take out of each run what both sides have."""
    return [part for run in runs for part in _split(run)]


def _split(run: _Run) -> Iterator[_Run]:
    """Yield the parts of a run that lie between pieces which both sides have, in the same order."""
    before_at, after_at = run.before_at, run.after_at
    old, new = 0, 0
    for i, j in [*_align(run.before, run.after), (len(run.before), len(run.after))]:
        part = _Run(before_at, run.before[old:i], after_at, run.after[new:j])
        if part.before or part.after:
            yield part
        before_at += _size(run.before[old : i + 1])
        after_at += _size(run.after[new : j + 1])
        old, new = i + 1, j + 1


def _align(before: Sequence[_Piece], after: Sequence[_Piece]) -> list[tuple[int, int]]:
    """Return pairs of positions of equal pieces; both positions increase.

    What is the same at both ends is paired first, as nearly all is.  Of the rest the first occurrence of a
    piece is a candidate for the first on the other side, the second for the second, and so on; of all
    candidates as many as keep their order are taken.
    """
    head = 0
    for left, right in zip(before, after, strict=False):
        if left != right:
            break
        head += 1
    tail = 0
    for left, right in zip(reversed(before[head:]), reversed(after[head:]), strict=False):
        if left != right:
            break
        tail += 1
    before_end, after_end = len(before) - tail, len(after) - tail
    places = dict(_numbered(after, head, after_end))
    candidates = [(i, places[key]) for key, i in _numbered(before, head, before_end) if key in places]
    return [
        *((number, number) for number in range(head)),
        *_longest_increasing(candidates),
        *((before_end + number, after_end + number) for number in range(tail)),
    ]


def _numbered(pieces: Sequence[_Piece], start: int, end: int) -> Iterator[tuple[tuple[_Piece, int], int]]:
    """Yield (piece, how many like it came before) and its position."""
    seen: Counter[_Piece] = Counter()
    for at in range(start, end):
        piece = pieces[at]
        yield (piece, seen[piece]), at
        seen[piece] += 1


def _longest_increasing(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return as many of `pairs`, whose first numbers increase, as have increasing second numbers too."""
    ends: list[int] = []
    """The least second number with which a chain of each length can end."""
    chosen: list[int] = []
    """Which pair that is."""
    previous: list[int] = []
    for number, (_, place) in enumerate(pairs):
        length = bisect_left(ends, place)
        ends[length : length + 1] = [place]
        chosen[length : length + 1] = [number]
        previous.append(chosen[length - 1] if length else -1)
    chain: list[tuple[int, int]] = []
    at = chosen[-1] if chosen else -1
    while at >= 0:
        chain.append(pairs[at])
        at = previous[at]
    return chain[::-1]


def _joined(runs: list[_Run]) -> list[_Run]:
    """Join runs with nothing between them: they were parts of different nodes."""
    joined: list[_Run] = []
    for run in runs:
        last = joined[-1] if joined else None
        if (
            last is not None
            and last.before_at + _size(last.before) == run.before_at
            and last.after_at + _size(last.after) == run.after_at
        ):
            joined[-1] = _Run(last.before_at, last.before + run.before, last.after_at, last.after + run.after)
        else:
            joined.append(run)
    return joined


class _Child(NamedTuple):
    """A directory's node that is not read yet, and what its parent says of it."""

    id: bytes
    size: int
    files: int | None
    """Entries below it; None of the root."""
    first: bytes | None
    """Its first path; None of the root."""


def differing_entries(
    reader: Reading, before: Content, after: Content
) -> list[tuple[Entry | None, Entry | None]]:
    """Return the entries of two directories that are not the same, by path; None where one has none.

    Raises:
        FormatError: what was read of a tree does not hold together.
        MissingChunkError: a node is not stored.

    Cost: the nodes above what is not shared.
    """
    old, new = _root(before), _root(after)
    old_level, new_level = before.depth - 1, after.depth - 1
    while True:
        if old_level == new_level:
            # Its paths are in it, so a node that both have says the same of the same paths.
            shared = {child.id for child in old} & {child.id for child in new}
            old = [child for child in old if child.id not in shared]
            new = [child for child in new if child.id not in shared]
        if old_level == new_level == 0:
            return _pairs(_entries(reader, old), _entries(reader, new))
        top = max(old_level, new_level)
        if old_level == top:
            old = _children(reader, old, top)
            old_level -= 1
        if new_level == top:
            new = _children(reader, new, top)
            new_level -= 1


def _root(content: Content) -> list[_Child]:
    if not 1 <= content.depth <= MAX_LEVEL + 1:
        raise FormatError(f"directory tree {NodeId(content.id).short} has an impossible depth")
    return [_Child(content.id, content.size, None, None)]


def _nodes(reader: Reading, children: list[_Child], level: int) -> list[DirectoryNode]:
    counts = [child.files for child in children if child.files is not None]
    firsts = [child.first for child in children if child.first is not None]
    is_root = len(counts) < len(children)
    return read_directory_nodes(
        reader,
        [child.id for child in children],
        level,
        [child.size for child in children],
        None if is_root else counts,
        None if is_root else firsts,
    )


def _children(reader: Reading, nodes: list[_Child], level: int) -> list[_Child]:
    return [
        _Child(node.id(number), size, files, first)
        for node in _nodes(reader, nodes, level)
        for number, (size, files, first) in enumerate(zip(node.sizes, node.counts, node.paths, strict=True))
    ]


def _entries(reader: Reading, leaves: list[_Child]) -> list[Entry]:
    entries = [entry for node in _nodes(reader, leaves, 0) for entry in node.entries()]
    check_order([entry.path for entry in entries])
    return entries


def _pairs(before: list[Entry], after: list[Entry]) -> list[tuple[Entry | None, Entry | None]]:
    old, new = {entry.path: entry for entry in before}, {entry.path: entry for entry in after}
    paths = sorted(old.keys() | new.keys())
    return [(old.get(path), new.get(path)) for path in paths if old.get(path) != new.get(path)]
