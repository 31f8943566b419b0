"""Merging directories: by path, renames followed.  Pure over entries; what is in a file others merge.

What one side alone changed is taken, what both did once.  A file that both changed is merged by what is in it
where that can be done.  All else is a conflict that names both sides' content, and the result has ours there.

A file was renamed where a path is gone and its very content is new at another; its mode may have changed.
The other side's change follows it.  Where a rename meets anything else of the other side's at its new path,
or a path that is a file on one side and a directory on the other, it counts as a removal and an addition.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from datav.errors import UsageError
from datav.formats.conflict import ConflictItem, Side
from datav.formats.entry import Content, Entry, Kind
from datav.merging.entries import (
    Change,
    Moves,
    Three,
    describe,
    entry_at,
    find_moves,
    find_retyped,
    folders_of,
    is_clean,
    is_file,
    merged_kind,
    settle,
    versions_of,
    why_unlike,
)
from datav.merging.result import MergeCounts
from datav.store.reading import Reading
from datav.store.trees import read_directory, write_directory_tree
from datav.store.writing import Sink

Take = Literal["ours", "theirs", "union"]


@dataclass(frozen=True, slots=True)
class FileMerge:
    """A file that was merged by what is in it."""

    content: Content
    items: tuple[ConflictItem, ...] = ()
    """Of cells and the like, also those that are decided; their path is put in here."""
    counts: MergeCounts = field(default_factory=MergeCounts)
    """Of its rows."""


@dataclass(frozen=True, slots=True)
class NotMerged:
    """A file that cannot be merged by what is in it."""

    reason: str


MergeFile = Callable[[bytes, Entry | None, Entry, Entry], FileMerge | NotMerged]
"""Called with the path of the result, and the entries of base, ours and theirs: files with three contents.
There is none of base where both sides added it."""


@dataclass(frozen=True, slots=True)
class DirectoryMerge:
    """What the merge makes of our directory."""

    changes: Mapping[bytes, Entry | None]
    """What lies at the paths of the result that are not as in ours; None: nothing."""
    conflicts: tuple[ConflictItem, ...]
    """By path: of files that are not decided, and all that was found within files."""
    counts: MergeCounts
    """Of paths; a rename is one, but where it adds a path and removes one.  So many more entries than ours
    has the result: `added - removed`."""
    merged: Mapping[bytes, MergeCounts] = field(default_factory=dict)
    """The files that were merged by what is in them, and what became of their rows."""


def merge_directories(
    ours: Iterable[Change],
    theirs: Iterable[Change],
    merge_file: MergeFile,
    *,
    take: Callable[[bytes], Take | None] = lambda path: None,
    decisions: Mapping[bytes, Side] | None = None,
) -> DirectoryMerge:
    """Merge what two sides changed in one directory.

    Args:
        ours, theirs: what differs from base to each side, by path.
        merge_file: merges the content of files that both sides changed.
        take: the rule for conflicts of files at a path.  `union` decides only between a file that one side
            removed and the other changed: it stays.
        decisions: what was decided of conflicts of files, by their path: what that side has is taken, and
            nothing where it has nothing.

    Raises:
        UsageError: by the decisions a path would be a file and a directory.

    Cost: that of the changes.
    """
    merge = _Merge(versions_of(list(ours), list(theirs)), merge_file, take, decisions or {})
    return merge.run()


def write_merged_directory(
    writer: Sink, reader: Reading, ours: Content, changes: Mapping[bytes, Entry | None]
) -> Content:
    """Store the directory that `ours` becomes by the changes of a merge, and return what names it.

    Raises:
        FormatError: our tree, or the result, does not hold together.
        MissingChunkError: a node of our tree is not stored.
        StorageError: the store cannot be written.

    Cost: reading the nodes of our tree.
    """
    entries, shape = read_directory(reader, ours)
    entries = [entry for entry in entries if entry.path not in changes]
    entries += [entry for entry in changes.values() if entry is not None]
    entries.sort(key=lambda entry: entry.path)
    return write_directory_tree(
        writer,
        [entry.path for entry in entries],
        bytes([entry.kind for entry in entries]),
        [entry.content for entry in entries],
        shape,
    )


class _Merge:
    """One merge under way."""

    def __init__(
        self,
        versions: dict[bytes, Three],
        merge_file: MergeFile,
        take: Callable[[bytes], Take | None],
        decisions: Mapping[bytes, Side],
    ) -> None:
        self._versions = versions
        self._merge_file = merge_file
        self._take = take
        self._decisions = decisions
        self._result: dict[bytes, Entry | None] = {}
        """Of each path that any side changed."""
        self._conflicts: list[ConflictItem] = []
        self._counts = MergeCounts()
        self._merged: dict[bytes, MergeCounts] = {}

    def run(self) -> DirectoryMerge:
        retyped = find_retyped(self._versions)
        for path, inside in retyped.items():
            if not is_clean([self._versions[each] for each in inside]):
                self._choose_one(path, inside)
        moves = find_moves(self._versions, {each for inside in retyped.values() for each in inside})
        moved = moves.ours.keys() | moves.theirs.keys()
        followed = {path for path in moved if self._both_changed(path)}
        for path in sorted(followed):
            self._follow(path, moves)
        for path in sorted(self._versions.keys() - self._result.keys()):
            # Of a rename that nothing meets the new path counts.
            self._merge_path(path, is_counted=path not in moved)
        return self._finish()

    def _both_changed(self, path: bytes) -> bool:
        base, ours, theirs = self._versions[path]
        return base not in (ours, theirs)

    def _choose_one(self, path: bytes, inside: Sequence[bytes]) -> None:
        """Decide between a file on one side and a directory on the other, with all that is in it."""
        three = self._versions[path]
        names = ["a file" if is_file(entry) else "a directory" for entry in (three.ours, three.theirs)]
        side = self._decide(path, three, f"{names[0]} in ours, {names[1]} in theirs")
        for each in inside:
            self._result[each] = self._versions[each].of(side)

    def _follow(self, path: bytes, moves: Moves) -> None:
        """Merge a file of base that one side renamed, and the other changed, removed or renamed too."""
        places = moves.ours.get(path, path), moves.theirs.get(path, path)
        three = Three(
            self._versions[path].base, self._versions[places[0]].ours, self._versions[places[1]].theirs
        )
        self._result |= dict.fromkeys((path, *places))
        if three.ours is None or three.theirs is None:
            chosen = three.of(self._decide_removal(path, three, "renamed"))
        elif path not in places and places[0] != places[1]:
            chosen = three.of(self._decide(path, three, "renamed to two names"))
        elif (settled := settle(three)) is None or settled.entry is None:
            chosen = three.of(self._decide(path, three, why_unlike(three)))
        else:
            self._count(settled.how if places[0] == places[1] else "cells_merged")
            chosen = settled.entry._replace(path=places[0] if places[0] != path else places[1])
        if chosen is not None:
            self._result[chosen.path] = chosen

    def _merge_path(self, path: bytes, *, is_counted: bool) -> None:
        three = self._versions[path]
        settled = settle(three)
        if settled is not None:
            self._result[path] = settled.entry
            if is_counted:
                self._count(settled.how)
        elif three.ours is None or three.theirs is None:
            self._result[path] = three.of(self._decide_removal(path, three, "changed"))
        else:
            self._result[path] = self._merge_both(path, three, three.ours, three.theirs)

    def _merge_both(self, path: bytes, three: Three, ours: Entry, theirs: Entry) -> Entry | None:
        """What becomes of two different entries at one path."""
        kind = merged_kind(three)
        if kind is None:
            return three.of(self._decide(path, three, why_unlike(three)))
        if path in self._decisions:
            return three.of(self._decide(path, three, ""))
        found = self._merge_file(path, three.base, ours, theirs)
        if isinstance(found, NotMerged):
            return three.of(self._decide(path, three, found.reason))
        self._merged[path] = found.counts
        self._conflicts += [replace(item, path=path) for item in found.items]
        self._count("conflicts" if any(item.taken is None for item in found.items) else "cells_merged")
        return entry_at(path, kind, found.content)

    def _decide_removal(self, path: bytes, three: Three, other: str) -> Side:
        """_decide, of what one side removed."""
        remover, keeper = ("ours", "theirs") if three.ours is None else ("theirs", "ours")
        reason = f"removed by {remover}, {other} by {keeper}"
        return self._decide(path, three, reason, union="theirs" if three.ours is None else "ours")

    def _decide(self, path: bytes, three: Three, reason: str, union: Side | None = None) -> Side:
        """Return whose version is taken of what is in conflict; ours where nothing decides that.

        Args:
            union: what the rule `union` takes.
        """
        rule = self._take(path)
        side = self._decisions.get(path) or (union if rule == "union" else rule)
        if side is not None:
            self._count("cells_merged")
            return side
        self._count("conflicts")
        base, ours, theirs = (describe(entry, path) for entry in three)
        self._conflicts.append(ConflictItem("file", base, ours, theirs, path=path, reason=reason))
        return "ours"

    def _count(self, how: str) -> None:
        self._counts += MergeCounts(**{how: 1})

    def _finish(self) -> DirectoryMerge:
        there = {path: entry for path, entry in self._result.items() if entry is not None}
        for path in sorted(folders_of(there) & there.keys()):
            if there[path].kind != Kind.EMPTY_DIRECTORY:
                name = path.decode("utf-8", "backslashreplace")
                raise UsageError(
                    f"by these decisions {name} is both a file and a directory",
                    hint=f"decide otherwise of {name}, or of what is in it",
                )
            # It is no longer empty.
            self._result[path] = None
        changes = {
            path: entry for path, entry in sorted(self._result.items()) if entry != self._versions[path].ours
        }
        was_there = [self._versions[path].ours is not None for path in changes]
        added = sum(not was for was in was_there)
        removed = sum(was and entry is None for was, entry in zip(was_there, changes.values(), strict=True))
        return DirectoryMerge(
            changes,
            tuple(sorted(self._conflicts, key=lambda item: item.path)),
            self._counts + MergeCounts(added=added, removed=removed),
            self._merged,
        )
