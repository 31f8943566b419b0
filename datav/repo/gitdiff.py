"""What git shows of two versions of a manifest: as much of a comparison as is quick, from what is here."""

from contextlib import AbstractContextManager

from datav.formats.manifest import parse_manifest
from datav.relpath import RelPath
from datav.repo.datasets import Dataset, dataset_of_manifest
from datav.repo.diff import Comparison, Limits, comparing_versions
from datav.repo.diffends import DatasetVersion
from datav.repo.repository import Repository

# About a second, whatever the tables are; and nothing from afar, as nobody asked for a transfer.
_LIMITS = Limits(far=False, gaps=64 * 2**20, size=64 * 2**20)


def comparing_manifests(
    repository: Repository,
    path: RelPath,
    before: bytes | None,
    after: bytes | None,
    before_path: RelPath | None = None,
) -> AbstractContextManager[Comparison]:
    """Compare two versions of a manifest, None where there is none, as `datav diff` would.

    Raises:
        FormatError: one of them is no manifest.
    """
    return comparing_versions(
        repository,
        _version(before_path or path, before),
        _version(path, after),
        limits=_LIMITS,
    )


def _version(path: RelPath, text: bytes | None) -> DatasetVersion | None:
    if text is None:
        return None
    dataset = dataset_of_manifest(path) or Dataset(path)
    return DatasetVersion(dataset, parse_manifest(text, str(path)), on_disk=False)
