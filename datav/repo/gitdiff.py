"""What git shows of two versions of a manifest: as much of a comparison as is quick, from what is here."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from datav.errors import StorageError
from datav.formats.manifest import parse_manifest
from datav.git.succession import find_succession
from datav.ids import hash_chunk
from datav.relpath import RelPath
from datav.repo.datasets import Dataset, dataset_of_manifest
from datav.repo.diff import Comparison, Limits, comparing_versions
from datav.repo.diffends import DatasetVersion
from datav.repo.repository import Repository
from datav.storage.durable import make_directories, remove_file, write_atomic

# About a second, whatever the tables are; and nothing from afar, as nobody asked for a transfer.
_LIMITS = Limits(far=False, gaps=64 * 2**20, size=64 * 2**20)

# `git log -p` runs a command for each version there ever was.
_MOST_SHOWN = 50
# Of processes of git: those that are remembered.
_KEPT = 16


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


@dataclass(frozen=True, slots=True)
class _Shown:
    """What one process of git has been shown last."""

    text: bytes
    is_second: bool
    """It was the second of two versions; what comes next is not compared with it."""
    pairs: int
    """How many there were."""


@contextmanager
def comparing_with_last(
    repository: Repository, caller: str, name: bytes, text: bytes
) -> Iterator[Comparison | None]:
    """Compare a version of a manifest with the one that the same process of git was shown before.

    git shows two versions by asking for one after the other, and does not say that they belong together.  So
    what it was shown is remembered, and compared if history has the second right behind the first.

    Args:
        caller: names the process of git.
        name: the last part of the manifest's path, as far as git tells it: random letters may precede it.
        text: of the manifest.

    Yields:
        None: this is the first of two, or there is no other.
    """
    directory = repository.private / "textconv"
    place = directory / hash_chunk(caller.encode()).hex()[:32]
    last = _read(place)
    path = None
    if last is not None and not last.is_second and last.text != text and last.pairs < _MOST_SHOWN:
        path = find_succession(repository.git, name, last.text, text)
    pairs = last.pairs if last is not None else 0
    _write(place, _Shown(text, path is not None, pairs + (path is not None)))
    if path is None or last is None:
        yield None
        return
    with comparing_manifests(repository, path, last.text, text) as comparison:
        yield comparison


def _read(place: Path) -> _Shown | None:
    with suppress(OSError, ValueError, KeyError, TypeError):
        document = json.loads(place.read_bytes())
        return _Shown(bytes.fromhex(document["text"]), document["is_second"] is True, int(document["pairs"]))
    return None


def _write(place: Path, shown: _Shown) -> None:
    """Remember what was shown; where that cannot be, versions are shown and not compared."""
    document = {"text": shown.text.hex(), "is_second": shown.is_second, "pairs": shown.pairs}
    with suppress(StorageError, OSError):
        make_directories(place.parent)
        write_atomic(place, json.dumps(document).encode(), sync=False)
        others = sorted(place.parent.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        for old in others[:-_KEPT]:
            remove_file(old)
