"""Scratch repositories with datav set up in them, and data to put there.

    def test_something(repo):
        repo.write("a.csv", b"id\\n1\\n")
        repo.add("a.csv")
        first = repo.commit("first")

Chunks are tiny, so a file of some KiB already has a tree.  Each call opens the repository anew, as a
command would.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from datav.formats.manifest import Manifest, parse_manifest
from datav.repo.add import Added, add
from datav.repo.checkout import Checkout, checkout
from datav.repo.move import Moved, move
from datav.repo.remove import Removed, remove
from datav.repo.repository import Repository, init
from datav.repo.status import DatasetStatus, status
from datav.settings import ChunkSizes, Settings, encode_settings
from tests.support.kills import run_killed
from tests.support.repos import ScratchRepo

TINY_CHUNKS = ChunkSizes(smallest=1024, target=4096, largest=16384)


class DatavRepo(ScratchRepo):
    """A git repository with datav set up, and the commands as methods."""

    def set_up(self) -> None:
        """What `datav init` does, with tiny chunks, committed."""
        init(self.root)
        self.write("datav.toml", encode_settings(Settings(TINY_CHUNKS)).encode())
        self.commit("set up datav")

    @contextmanager
    def open(self, here: str = ".") -> Iterator[Repository]:
        """Open the repository as a command does that is run in the directory `here`."""
        with Repository.open((self.root / here).resolve()) as repository:
            yield repository

    def add(self, *names: str, here: str = ".", **options: Any) -> Added:
        with self.open(here) as repository:
            return add(repository, names, **options)

    def checkout(
        self, rev: str | None = None, names: Sequence[str] = (), here: str = ".", **options: Any
    ) -> Checkout:
        with self.open(here) as repository:
            return checkout(repository, rev, names, **options)

    def move(self, source: str, target: str, here: str = ".") -> Moved:
        with self.open(here) as repository:
            return move(repository, source, target)

    def remove(self, *names: str, here: str = ".", **options: Any) -> Removed:
        with self.open(here) as repository:
            return remove(repository, names, **options)

    def statuses(self, *names: str, here: str = ".") -> dict[str, DatasetStatus]:
        with self.open(here) as repository:
            return {dataset.path.text: dataset for dataset in status(repository, names).datasets}

    def states(self, *names: str) -> dict[str, str]:
        """How each dataset stands, by path."""
        return {path: str(dataset.state) for path, dataset in self.statuses(*names).items()}

    def run_killed(self, action: Callable[[], object], number: int) -> bool:
        """`kills.run_killed`; that the process is gone afterwards shows by its leases."""
        killed = run_killed(action, number)
        for pattern in ("worktrees/*/locks/*", "store/locks/*"):
            for path in (self.root / ".git/datav").glob(pattern):
                path.unlink()
        return killed

    def manifest(self, name: str) -> Manifest:
        """What the manifest of a dataset in the work tree says."""
        return parse_manifest(self.read(f"{name}.datav"), name)

    def exists(self, name: str | bytes) -> bool:
        path = self.path(name)
        return path.exists() or path.is_symlink()


def random_bytes(size: int, seed: int = 0) -> bytes:
    """The same bytes for the same seed; they do not compress, and are cut into many chunks."""
    return random.Random(seed).randbytes(size)
