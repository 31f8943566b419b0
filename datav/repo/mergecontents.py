"""What a dataset holds, merged: three contents in, one out, in the store and not on disk."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from datav.errors import UsageError
from datav.formats.conflict import (
    ConflictItem,
    Given,
    Side,
    describe_content,
    identity,
    split_identity,
)
from datav.formats.entry import Content, Entry
from datav.formats.manifest import Kind, Manifest
from datav.merging.directories import FileMerge, Take, merge_directories, write_merged_directory
from datav.merging.directories import NotMerged as NoFileMerge
from datav.merging.entries import Change
from datav.merging.result import MergeCounts
from datav.relpath import RelPath
from datav.repo.difffiles import is_named_like_table
from datav.repo.farreading import Source
from datav.repo.pathrules import find_rules
from datav.repo.repository import Repository
from datav.store.reading import Reading
from datav.store.treediff import differing_entries
from datav.store.trees import read_directory
from datav.store.writing import StoreWriter

if TYPE_CHECKING:
    from datav.repo.mergetables import MergedTable, TableMerger

Origin = Literal["same", "ours", "theirs", "merged"]
"""Whose a content is: both have it; one side alone changed it; it was made of both."""

Decisions = Mapping[str, Side | Given]
"""What was decided of conflicts, by their identity."""


@dataclass(frozen=True, slots=True)
class MergedContents:
    """What a dataset holds now."""

    kind: Kind
    content: Content
    files: int
    origin: Origin
    items: tuple[ConflictItem, ...] = ()
    """What is in conflict, decided or not."""
    counts: MergeCounts = field(default_factory=MergeCounts)
    key: tuple[str, ...] = ()
    """By which rows were matched."""
    notes: tuple[str, ...] = ()
    rows: int | None = None
    """Of a table, where that is known."""


@dataclass(frozen=True, slots=True)
class Versions:
    """A dataset that is merged, and its three versions."""

    path: RelPath
    base: Manifest | None
    ours: Manifest
    theirs: Manifest

    def base_of(self, kind: Kind) -> Content | None:
        """What base holds, if it is of a kind."""
        return self.base.content if self.base is not None and self.base.kind == kind else None


def take_unchanged(versions: Versions) -> MergedContents | None:
    """Return what the dataset holds if one side alone changed that, or both in the same way; else None."""
    before, one, other = map(_held, (versions.base, versions.ours, versions.theirs))
    if one == other:
        return _whole(versions.ours, "same")
    if one == before:
        return _whole(versions.theirs, "theirs")
    return _whole(versions.ours, "ours") if other == before else None


def take_whole(
    repository: Repository, versions: Versions, reason: str | None, decisions: Decisions
) -> MergedContents:
    """Return one of the three versions as it is, by a decision or by a rule; without, ours, in conflict.

    Args:
        reason: why they are not merged by what is in them; None: there is nothing that could be.

    Raises:
        UsageError: the decision cannot be carried out.
    """
    path = versions.path
    item = _item_of_whole(versions, reason)
    rule = find_rules(repository.settings.merges, bytes(path))
    taken = decisions.get(identity(item))
    if taken is None and rule is not None and rule.take in ("ours", "theirs"):
        taken = rule.take
    if isinstance(taken, Given):
        raise UsageError(f"of {path} one of the three versions has to be taken, or a file with `--with`")
    sides: dict[Side, Manifest | None] = {
        "base": versions.base,
        "ours": versions.ours,
        "theirs": versions.theirs,
    }
    chosen = sides[taken or "ours"]
    if chosen is None:
        raise UsageError(f"{path} was added on both sides: there is no base to take")
    merged = _whole(chosen, "theirs" if taken == "theirs" else "ours")
    counts = MergeCounts(conflicts=1 if taken is None else 0)
    return replace(merged, items=(replace(item, taken=taken),), counts=counts)


class ContentMerger:
    """Merges what datasets hold.  A context manager.

    Args:
        reader: where the versions are read from.
        writer: takes what is written.
    """

    def __init__(self, repository: Repository, reader: Source, writer: StoreWriter) -> None:
        self._repository = repository
        self._reader = reader
        self._writer = writer
        self._opened = ExitStack()
        self._merger: TableMerger | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def merge(self, versions: Versions, key: tuple[str, ...], decisions: Decisions) -> MergedContents:
        """Merge what three versions of a dataset hold, which both sides changed.

        Args:
            key: of the table that they are.

        Raises:
            UsageError: a decision cannot be carried out.
            MissingChunkError: something that must be read is nowhere.
            StorageError: the store cannot be written.
        """
        ours, theirs, reason = versions.ours, versions.theirs, None
        if ours.kind != theirs.kind:
            reason = f"it is a {ours.kind} here and a {theirs.kind} there"
        elif identity(_item_of_whole(versions, None)) in decisions:
            reason = None
        elif ours.kind == "directory":
            return self._merge_directories(versions, decisions)
        elif all(side.table is not None or is_named_like_table(versions.path) for side in (ours, theirs)):
            before = versions.base_of("file")
            found = self.merge_table(
                bytes(versions.path), before, ours.content, theirs.content, key or None, decisions
            )
            if not isinstance(found, str):
                return _of_table(found, ours)
            reason = found
        return take_whole(self._repository, versions, reason, decisions)

    def merge_table(
        self,
        path: bytes,
        base: Content | None,
        ours: Content,
        theirs: Content,
        key: tuple[str, ...] | None,
        decisions: Decisions,
    ) -> "MergedTable | str":
        """Merge three versions of a table, at a path from the root; return why not if that cannot be done."""
        # Only here: what reads tables takes long to import.
        from datav.repo.mergetables import NotMerged, TableMerger

        if self._merger is None:
            repository = self._repository
            merger = TableMerger(repository, self._reader, self._writer, repository.settings)
            self._merger = self._opened.enter_context(merger)
        found = self._merger.merge(path, base, ours, theirs, key, decisions)
        return found.reason if isinstance(found, NotMerged) else found

    def _merge_directories(self, versions: Versions, decisions: Decisions) -> MergedContents:
        reader, ours, base = self._reader, versions.ours.content, versions.base_of("directory")
        files = _Files(self, bytes(versions.path), decisions)
        merged = merge_directories(
            _changes(reader, base, ours),
            _changes(reader, base, versions.theirs.content),
            files.merge,
            take=_Rules(self._repository, bytes(versions.path)),
            decisions=files.whole,
        )
        content = write_merged_directory(self._writer, reader, ours, merged.changes)
        counts = merged.counts
        return MergedContents(
            "directory",
            content,
            versions.ours.files + counts.added - counts.removed,
            "merged",
            merged.conflicts,
            counts,
            notes=tuple(files.notes),
        )


class _Rules:
    """Called with a path in a directory: what decides conflicts there."""

    def __init__(self, repository: Repository, above: bytes) -> None:
        self._repository = repository
        self._above = above

    def __call__(self, path: bytes) -> Take | None:
        rule = find_rules(self._repository.settings.merges, self._above + b"/" + path)
        return rule.take if rule is not None else None


class _Files:
    """The files of one directory that both sides changed, merged as the tables that they are."""

    def __init__(self, merger: ContentMerger, above: bytes, decisions: Decisions) -> None:
        self._merger = merger
        self._above = above
        self.whole: dict[bytes, Side] = {}
        """What was decided of files as a whole, by path."""
        self._within: dict[bytes, dict[str, Side | Given]] = {}
        self.notes: list[str] = []
        for name, taken in decisions.items():
            kind, path, inside = split_identity(name)
            if kind != "file":
                self._within.setdefault(path, {})[inside] = taken
            elif path and not isinstance(taken, Given):
                self.whole[path] = taken

    def merge(self, path: bytes, base: Entry | None, ours: Entry, theirs: Entry) -> FileMerge | NoFileMerge:
        if not is_named_like_table(path):
            return NoFileMerge("changed on both sides, and no table")
        before = base.content if base is not None else None
        found = self._merger.merge_table(
            self._above + b"/" + path, before, ours.content, theirs.content, None, self._within.get(path, {})
        )
        if isinstance(found, str):
            return NoFileMerge(found)
        name = path.decode("utf-8", "backslashreplace")
        self.notes += [f"{name}: {note}" for note in found.notes]
        return FileMerge(found.content, found.items, found.counts)


def _of_table(found: "MergedTable", ours: Manifest) -> MergedContents:
    rows = ours.table.rows if ours.table is not None else None
    if rows is not None:
        rows += found.counts.added - found.counts.removed
    return MergedContents(
        "file", found.content, 1, "merged", found.items, found.counts, found.key, found.notes, rows
    )


def _item_of_whole(versions: Versions, reason: str | None) -> ConflictItem:
    base, ours, theirs = map(_side, (versions.base, versions.ours, versions.theirs))
    return ConflictItem("file", base, ours, theirs, reason=reason)


def _changes(reader: Reading, base: Content | None, side: Content) -> Sequence[Change]:
    """Return what differs from base to a side of a directory; all of it where there is no base."""
    if base is None:
        return [(None, entry) for entry in read_directory(reader, side)[0]]
    return differing_entries(reader, base, side)


# Any: a value of JSON.
def _side(manifest: Manifest | None) -> dict[str, Any] | None:
    return None if manifest is None else describe_content(manifest.content)


def _whole(manifest: Manifest, origin: Origin) -> MergedContents:
    rows = manifest.table.rows if manifest.table is not None else None
    return MergedContents(manifest.kind, manifest.content, manifest.files, origin, rows=rows)


def _held(manifest: Manifest | None) -> tuple[Kind, Content] | None:
    return None if manifest is None else (manifest.kind, manifest.content)
