"""How a dataset differs, as far as manifests and what is listed of the disk tell: nothing is read here."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Literal

from datav.formats.entry import Content, Kind
from datav.formats.manifest import Manifest
from datav.repo.diffends import DatasetVersion
from datav.repo.diffresult import DatasetDiff, FilesDiff, Side


def kind_of(version: DatasetVersion) -> Literal["file", "directory"]:
    return "directory" if version.kind == "directory" else "file"


def is_executable(version: DatasetVersion) -> bool:
    """Whether a file may be executed."""
    if version.disk is None or version.disk.is_directory:
        return version.manifest.executable
    return version.disk.entries[0].kind == Kind.EXECUTABLE


def side_of(version: DatasetVersion | None, content: Content | None = None) -> Side | None:
    if version is None:
        return None
    manifest, disk = version.manifest, version.disk
    if disk is None:
        rows = manifest.table.rows if manifest.table is not None else None
        return Side(f"b3:{manifest.content.id.hex()}", manifest.content.size, manifest.files, rows)
    identity = f"b3:{content.id.hex()}" if content is not None else None
    return Side(identity, sum(entry.size for entry in disk.entries), len(disk.entries), None)


def with_rows(side: Side | None, rows: int | None) -> Side | None:
    """`side`, whose rows have been counted now."""
    return replace(side, rows=rows) if side is not None and side.rows is None else side


def users_part(manifest: Manifest) -> tuple[tuple[str, ...], str]:
    return manifest.table.key if manifest.table is not None else (), manifest.meta


def key_of(before: DatasetVersion, after: DatasetVersion) -> tuple[str, ...] | None:
    """The key that the manifests name; None where none does."""
    for version in (after, before):
        table = version.manifest.table
        if table is not None and table.key:
            return table.key
    return None


def modified(
    before: DatasetVersion, after: DatasetVersion, meta_changed: bool, *, reason: str | None = None
) -> DatasetDiff:
    return DatasetDiff(
        path=after.dataset.path,
        status="modified",
        before_path=None,
        kind=kind_of(after),
        before=side_of(before),
        after=side_of(after),
        files=FilesDiff(),
        table=None,
        reason=reason,
        meta_changed=meta_changed,
    )


def appeared(before: DatasetVersion | None, after: DatasetVersion | None) -> DatasetDiff | None:
    """What there is only at one end."""
    there = after if after is not None else before
    if there is None:
        return None
    return DatasetDiff(
        path=there.dataset.path,
        status="added" if before is None else "removed",
        before_path=None,
        kind=kind_of(there),
        before=side_of(before),
        after=side_of(after),
        files=FilesDiff(),
        table=None,
        reason=None,
        meta_changed=False,
    )


def join_renamed(found: Iterable[DatasetDiff]) -> Iterator[DatasetDiff]:
    """Make one of what is gone and what is new with the same content."""
    items = list(found)
    gone = {(item.kind, item.before.id): item for item in items if item.status == "removed" and item.before}
    joined: set[bytes] = set()
    renamed: dict[bytes, DatasetDiff] = {}
    for item in items:
        if item.status != "added" or item.after is None or not item.after.bytes:
            continue
        origin = gone.pop((item.kind, item.after.id), None) if item.after.id is not None else None
        if origin is not None:
            renamed[item.path] = replace(
                item, status="renamed", before_path=origin.path, before=origin.before
            )
            joined.add(origin.path)
    for item in items:
        if item.status != "removed" or item.path not in joined:
            yield renamed.get(item.path, item)
