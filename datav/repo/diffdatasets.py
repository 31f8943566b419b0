"""How a dataset differs, as far as manifests and what is listed of the disk tell: nothing is read here."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Literal

from datav.errors import DatavError
from datav.formats.entry import Content, Kind
from datav.formats.manifest import Manifest
from datav.repo.datasets import Dataset
from datav.repo.diffends import DatasetVersion
from datav.repo.diffresult import DatasetDiff, DatasetStatus, FilesDiff, Side


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


def key_of(*manifests: Manifest) -> tuple[str, ...] | None:
    """The key that the first of these manifests names which names any; None where none does."""
    tables = (manifest.table for manifest in manifests)
    return next((table.key for table in tables if table is not None and table.key), None)


def modified(
    before: DatasetVersion, after: DatasetVersion, meta_changed: bool, *, reason: str | None = None
) -> DatasetDiff:
    return _difference(after.dataset, "modified", before, after, meta_changed=meta_changed, reason=reason)


def appeared(before: DatasetVersion | None, after: DatasetVersion | None) -> DatasetDiff | None:
    """What there is only at one end."""
    there = after if after is not None else before
    if there is None:
        return None
    return _difference(there.dataset, "added" if before is None else "removed", before, after)


def failed(
    dataset: Dataset,
    before: DatasetVersion | DatavError | None,
    after: DatasetVersion | DatavError | None,
    reason: str,
) -> DatasetDiff:
    """What could not be compared."""
    status: DatasetStatus = "added" if before is None else "removed" if after is None else "modified"
    sides = [version if isinstance(version, DatasetVersion) else None for version in (before, after)]
    return _difference(dataset, status, sides[0], sides[1], reason=reason)


def _difference(
    dataset: Dataset,
    status: DatasetStatus,
    before: DatasetVersion | None,
    after: DatasetVersion | None,
    *,
    meta_changed: bool = False,
    reason: str | None = None,
) -> DatasetDiff:
    there = after if after is not None else before
    return DatasetDiff(
        path=dataset.path,
        status=status,
        before_path=None,
        kind="file" if there is None else kind_of(there),
        before=side_of(before),
        after=side_of(after),
        files=FilesDiff(),
        table=None,
        reason=reason,
        meta_changed=meta_changed,
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
