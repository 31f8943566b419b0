"""Marks: what a checkout notes before it writes, so that files torn by a power cut are known to be its own.

A checkout does not sync what it writes: the store has it.  So a power cut may leave a file with only a part
of its bytes, which are stored nowhere, and nobody could say that they are not the user's.  But every file
that one checkout writes has one mtime, and a later write gives it another.  That mtime and the contents that
were being written are noted, durably, before the first file: what has the mtime and not the content was torn.
"""

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path

from datav.errors import DatavError
from datav.formats.entry import Content
from datav.formats.manifest import Manifest
from datav.relpath import RelPath
from datav.repo.datasets import Dataset
from datav.repo.disk import wanted_entries
from datav.repo.repository import Repository
from datav.storage.durable import make_directories, remove_file, write_atomic
from datav.workspace.drafts import draft_mtime_ns

# One is looked at after a power cut, by the next checkout or soon after.
_KEPT = 16


def leave_mark(repository: Repository, manifests: Mapping[Dataset, Manifest]) -> int:
    """Note that `manifests` are about to be checked out; return the mtime that the files must have."""
    mtime_ns = draft_mtime_ns()
    directory = _directory(repository)
    make_directories(directory)
    document = {
        dataset.path.hex(): [manifest.kind, manifest.content.id.hex(), *manifest.content[1:]]
        for dataset, manifest in manifests.items()
    }
    write_atomic(directory / str(mtime_ns), json.dumps(document).encode())
    for name in sorted(_names(directory))[:-_KEPT]:
        remove_file(directory / str(name))
    return mtime_ns


class Marks:
    """The marks of one work tree."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._directory = _directory(repository)
        self._mtimes = _names(self._directory)
        self._written: dict[tuple[int, bytes], dict[bytes, Content]] = {}

    def is_torn(self, dataset: Dataset, path: bytes, mtime_ns: int, content: Content) -> bool:
        """Whether a file that holds `content` is what a power cut left of one that a checkout wrote.

        Args:
            path: from the root of the work tree.
        """
        if mtime_ns not in self._mtimes:
            return False
        key = mtime_ns, bytes(dataset.path)
        if key not in self._written:
            self._written[key] = self._read(mtime_ns, dataset)
        written = self._written[key].get(path)
        return written is not None and written != content

    def _read(self, mtime_ns: int, dataset: Dataset) -> dict[bytes, Content]:
        """What that checkout wrote into a dataset, by path; nothing where that is not known any more."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, DatavError):
            document = json.loads((self._directory / str(mtime_ns)).read_bytes())
            kind, identity, depth, size = document[dataset.path.hex()]
            manifest = Manifest(kind, Content(bytes.fromhex(identity), depth, size), 0)
            entries = wanted_entries(self._repository, dataset, manifest)
            above = dataset.path if kind == "directory" else RelPath(dataset.path).rpartition(b"/")[0]
            prefix = above + b"/" if above else b""
            return {prefix + entry.path: entry.content for entry in entries}
        return {}


def _directory(repository: Repository) -> Path:
    return repository.stat_directory.parent / "marks"


def _names(directory: Path) -> set[int]:
    """The mtimes of all marks."""
    try:
        return {int(path.name) for path in directory.iterdir() if path.name.isdecimal()}
    except OSError:
        return set()
