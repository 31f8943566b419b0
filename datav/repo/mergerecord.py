"""Records of conflicts as stored objects: what a manifest with a conflict names, written and read."""

from collections.abc import Sequence

from datav.errors import FormatError, MissingChunkError, UsageError
from datav.formats.conflict import (
    MAX_SIZE,
    SIDES,
    ConflictItem,
    ConflictRecord,
    Side,
    encode_record,
    parse_record,
)
from datav.formats.entry import Content
from datav.formats.manifest import Manifest, encode_manifest, parse_manifest
from datav.repo.datasets import Dataset
from datav.repo.farreading import Source
from datav.repo.inmemory import store_bytes
from datav.repo.reading import ContentReader, FoundFile
from datav.repo.repository import Repository
from datav.store.writing import StoreWriter


def make_record(
    base: Manifest | None, ours: Manifest, theirs: Manifest, items: Sequence[ConflictItem]
) -> ConflictRecord:
    """Return the record of a merge of three manifests."""
    versions: dict[Side, Manifest | None] = {"base": base, "ours": ours, "theirs": theirs}
    texts = {side: encode_manifest(found) for side in SIDES if (found := versions[side]) is not None}
    return ConflictRecord(texts, tuple(items))


def store_record(repository: Repository, writer: StoreWriter, record: ConflictRecord) -> Content:
    """Store a record; return what a manifest is to name.

    It is durable and known to others when `writer` has finished.

    Raises:
        TooManyConflictsError: there are more than a record may have.
        StorageError: the store cannot be written.
    """
    return store_bytes(repository, writer, encode_record(record))


def read_record(repository: Repository, dataset: Dataset, manifest: Manifest) -> ConflictRecord:
    """Return the record that a manifest with a conflict names.

    Raises:
        MissingChunkError: it is neither here nor on the remote.
        FormatError, IntegrityError: it is none, or damaged.
    """
    if manifest.conflict is None:
        raise UsageError(f"{dataset} has no conflict")
    content = manifest.conflict.record
    if content.size > MAX_SIZE:
        raise FormatError(f"the record of conflicts of {dataset} is longer than any can be")
    reader = ContentReader(Source(repository), FoundFile(None, dataset.path, b"", False, content))
    try:
        data = b"".join(reader.iter_blocks())
    except MissingChunkError as exc:
        raise MissingChunkError(
            f"the record of the conflicts of {dataset} is nowhere to be found",
            hint=f"`git checkout -m -- {dataset.manifest_path}` merges again, as long as git has it unmerged",
        ) from exc
    return parse_record(data, f"of {dataset}")


def merged_versions(dataset: Dataset, record: ConflictRecord) -> tuple[Manifest | None, Manifest, Manifest]:
    """Return the manifests that were merged: base, ours and theirs.

    Raises:
        FormatError: they are none, or one of the two is missing.
    """
    found = {
        side: parse_manifest(text, f"of {side} in the record of {dataset}")
        for side, text in record.manifests.items()
    }
    if "ours" not in found or "theirs" not in found:
        raise FormatError(f"the record of conflicts of {dataset} does not have both sides")
    return found.get("base"), found["ours"], found["theirs"]
