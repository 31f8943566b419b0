"""What is kept here of a remote: its immutable files, and what its last listings said.

The files were checked when they arrived, and are dropped when the remote has them no longer.
"""

import contextlib
from pathlib import Path

from datav.errors import FormatError
from datav.formats.root import Collecting, RemoteRoot, clone_of, parse_root
from datav.ids import PackId
from datav.storage.durable import make_directories, remove_file
from datav.storage.objects import ObjectInfo


class RemoteCache:
    """Where the immutable files of one remote are kept here."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.listed: dict[PackId, ObjectInfo] | None = None
        """The packs when they were last listed; None when nobody asked."""
        self.condemned: set[PackId] = set()
        """Packs that a collection is about to delete."""
        self.collecting: dict[str, tuple[Collecting, ObjectInfo]] = {}
        """The collections that say that they are under way, by the names of their files."""

    @property
    def index(self) -> Path:
        return self.directory / "index"

    @property
    def roots(self) -> Path:
        return self.directory / "roots"

    @property
    def contents(self) -> Path:
        return self.directory / "contents"

    @property
    def unsure(self) -> Path:
        """Has a file for each root that a push of this clone has put and not yet looked after (R3)."""
        return self.directory / "unsure"

    @property
    def temporary(self) -> Path:
        return self.directory / "tmp"

    def make(self) -> None:
        for directory in (self.index, self.roots, self.contents, self.unsure, self.temporary):
            make_directories(directory)

    def list_packs(self) -> set[PackId] | None:
        """Every pack that can be relied on; None when the remote was not asked."""
        return None if self.listed is None else self.listed.keys() - self.condemned


def cached_roots(cache: RemoteCache) -> dict[str, RemoteRoot]:
    """The roots as they were when the remote was last asked, by file name.

    What is damaged here is dropped, so that it is asked for again: a collection relies on having all.
    """
    roots = {}
    with contextlib.suppress(FileNotFoundError):
        for path in sorted(cache.roots.iterdir()):
            if clone_of(path.name) is None:
                continue
            try:
                roots[path.name] = parse_root(path.name, path.read_bytes())
            except FormatError:
                remove_file(path)
            except OSError:
                continue  # another command of this clone has dropped it
    return roots
