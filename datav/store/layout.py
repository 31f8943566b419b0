"""Where things lie in a store's directory, and how one begins (docs/formats/store.md)."""

import contextlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from datav.errors import FormatError, StorageError
from datav.ids import PackId
from datav.storage.durable import fsync_directory, make_directories, translating, write_atomic

_PACK_NAME = re.compile(r"([0-9a-f]{64})\.pack")
_INDEX_NAME = re.compile(r"[0-9a-f]{64}\.idx")
FORMAT_LINE = b"datav store 1\n"


@dataclass(frozen=True, slots=True)
class Layout:
    """The names in a store."""

    root: Path

    @property
    def format_file(self) -> Path:
        return self.root / "format"

    @property
    def packs(self) -> Path:
        return self.root / "packs"

    @property
    def index(self) -> Path:
        return self.root / "index"

    @property
    def damaged(self) -> Path:
        """Packs that a repair has put aside."""
        return self.root / "damaged"

    @property
    def temporary(self) -> Path:
        return self.root / "tmp"

    @property
    def locks(self) -> Path:
        return self.root / "locks"

    def pack(self, pack: PackId) -> Path:
        return self.packs / f"{pack.hex()}.pack"

    def list_packs(self) -> set[PackId]:
        """Every pack in the store.  Files that are not named like packs are not ours."""
        with translating("list", self.packs):
            names = os.listdir(self.packs)
        return {pack for name in names if (pack := pack_named(name)) is not None}

    def pack_sizes(self) -> dict[PackId, int]:
        """Every pack in the store and its size in bytes."""
        result = {}
        for pack in self.list_packs():
            with translating("look at", self.packs), contextlib.suppress(FileNotFoundError):
                result[pack] = self.pack(pack).stat().st_size
        return result


def pack_named(name: str) -> PackId | None:
    """Return the pack that a file is by its name; None when it is not ours."""
    match = _PACK_NAME.fullmatch(name)
    return PackId(bytes.fromhex(match[1])) if match else None


def index_file(name: str) -> bool:
    """Whether a file is an index by its name."""
    return _INDEX_NAME.fullmatch(name) is not None


def create_store(root: Path) -> Layout:
    """Make an empty store at `root`; fine when there is one already.  Durable when it returns."""
    layout = Layout(root)
    if layout.format_file.exists():
        return open_store(root)
    for directory in (layout.packs, layout.index, layout.temporary, layout.locks):
        make_directories(directory)
    # Those that were there may be from a process that was killed before it synced their names.
    for directory in (root.parent.parent, root.parent, root):
        fsync_directory(directory)
    write_atomic(layout.format_file, FORMAT_LINE, temporary=layout.temporary)
    return layout


def open_store(root: Path) -> Layout:
    """Return the store at `root`.

    Raises:
        StorageError: there is none, or it cannot be read.
        FormatError: it is of a newer version.
    """
    layout = Layout(root)
    try:
        line = layout.format_file.read_bytes()
    except FileNotFoundError as exc:
        raise StorageError(f"there is no store at {root}", hint="run `datav init`") from exc
    except OSError as exc:
        raise StorageError(f"cannot read the store at {root}: {exc.strerror}") from exc
    if line != FORMAT_LINE:
        shown = line[:40].decode("ascii", "replace").strip()
        raise FormatError(
            f"the store at {root} is {shown!r}, which this datav does not know", hint="upgrade datav"
        )
    return layout
