"""What a dataset holds, merged: three contents in, one out, in the store and not on disk."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from datav.errors import UsageError
from datav.formats.conflict import ConflictItem, Given, Side, describe_content, identity
from datav.formats.entry import Content
from datav.formats.manifest import Kind, Manifest
from datav.merging.result import MergeCounts
from datav.relpath import RelPath
from datav.repo.difffiles import is_named_like_table
from datav.repo.difftables import find_rules
from datav.repo.mergetables import MergedTable, TableMerger
from datav.repo.repository import Repository

Origin = Literal["same", "ours", "theirs", "merged"]
"""Whose a content is: both have it; one side alone changed it; it was made of both."""


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


def take_unchanged(base: Manifest | None, ours: Manifest, theirs: Manifest) -> MergedContents | None:
    """Return what the dataset holds if one side alone changed that, or both in the same way; else None."""
    before, one, other = (_held(manifest) for manifest in (base, ours, theirs))
    if one == other:
        return _whole(ours, "same")
    if one == before:
        return _whole(theirs, "theirs")
    return _whole(ours, "ours") if other == before else None


def merge_contents(
    repository: Repository,
    path: RelPath,
    base: Manifest | None,
    ours: Manifest,
    theirs: Manifest,
    *,
    tables: TableMerger,
    key: tuple[str, ...],
    decisions: Mapping[str, Side | Given],
) -> MergedContents:
    """Merge what three versions of a dataset hold, which both sides changed.

    Args:
        key: of the table that they are.
        decisions: of conflicts, by identity.

    Raises:
        UsageError: a decision cannot be carried out.
        MissingChunkError: something that must be read is nowhere.
        StorageError: the store cannot be written.
    """
    if ours.kind != theirs.kind:
        reason = f"it is a {ours.kind} here and a {theirs.kind} there"
    elif ours.kind == "directory":
        reason = "directories are not merged yet"
    elif not _is_table(path, ours) or not _is_table(path, theirs):
        reason = None
    else:
        before = base.content if base is not None and base.kind == "file" else None
        found = tables.merge(bytes(path), before, ours.content, theirs.content, key or None, decisions)
        if isinstance(found, MergedTable):
            return _of_table(found, ours)
        reason = found.reason
    return take_whole(repository, path, base, ours, theirs, reason=reason, decisions=decisions)


def _of_table(found: MergedTable, ours: Manifest) -> MergedContents:
    rows = ours.table.rows if ours.table is not None else None
    if rows is not None:
        rows += found.counts.added - found.counts.removed
    return MergedContents(
        "file", found.content, 1, "merged", found.items, found.counts, found.key, found.notes, rows
    )


def take_whole(
    repository: Repository,
    path: RelPath,
    base: Manifest | None,
    ours: Manifest,
    theirs: Manifest,
    *,
    reason: str | None,
    decisions: Mapping[str, Side | Given],
) -> MergedContents:
    """Return one of the three versions as it is, by a decision or by a rule; without, ours, in conflict.

    Args:
        reason: why they are not merged by what is in them; None: there is nothing that could be.

    Raises:
        UsageError: the decision cannot be carried out.
    """
    sides: dict[Side, Manifest | None] = {"base": base, "ours": ours, "theirs": theirs}
    item = ConflictItem("file", _side(base), _side(ours), _side(theirs), reason=reason)
    rule = find_rules(repository.settings.merges, bytes(path))
    taken = decisions.get(identity(item))
    if taken is None and rule is not None and rule.take in ("ours", "theirs"):
        taken = rule.take
    if isinstance(taken, Given):
        raise UsageError(f"of {path} one of the three versions has to be taken, or a file with `--with`")
    chosen = sides[taken or "ours"]
    if chosen is None:
        raise UsageError(f"{path} was added on both sides: there is no base to take")
    counts = MergeCounts(conflicts=1 if taken is None else 0)
    merged = _whole(chosen, "theirs" if taken == "theirs" else "ours")
    return replace(merged, items=(replace(item, taken=taken),), counts=counts)


def _side(manifest: Manifest | None) -> dict[str, Any] | None:
    return None if manifest is None else describe_content(manifest.content)


def _whole(manifest: Manifest, origin: Origin) -> MergedContents:
    rows = manifest.table.rows if manifest.table is not None else None
    return MergedContents(manifest.kind, manifest.content, manifest.files, origin, rows=rows)


def _held(manifest: Manifest | None) -> tuple[Kind, Content] | None:
    return None if manifest is None else (manifest.kind, manifest.content)


def _is_table(path: RelPath, manifest: Manifest) -> bool:
    return manifest.table is not None or is_named_like_table(bytes(path))
