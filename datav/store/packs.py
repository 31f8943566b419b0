"""Where packs lie, as a reader sees it: runs of bytes, sizes, tables of contents.

`LocalPacks` are files of the local store; `datav.store.remote` has those of a remote.
"""

import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from datav.errors import FormatError, IntegrityError, MissingChunkError
from datav.formats.index import Place
from datav.formats.pack import (
    FOOTER_SIZE,
    HEADER,
    HEADER_SIZE,
    PackContents,
    PackFooter,
    check_contents,
    parse_contents,
    parse_footer,
)
from datav.ids import Buffer, PackId
from datav.storage.direct import ALIGNMENT, allocate, open_for_reading, read_at
from datav.storage.durable import storage_error
from datav.store.layout import Layout


class PackGoneError(MissingChunkError):
    """A pack that the index names is not there; perhaps the index is old."""


class Run(NamedTuple):
    """Bytes of a pack that are read in one go."""

    pack: PackId
    start: int
    end: int


class Packs(Protocol):
    """The packs of one store.  Used from several threads."""

    gap: int
    """Two frames at most so many bytes apart are read together: another request costs more than the gap."""
    longest_run: int

    def sizes(self) -> dict[PackId, int]:
        """Every pack that is there, and its size in bytes."""

    def read_runs(self, runs: Sequence[Run]) -> Iterator[Buffer]:
        """Yield the bytes of each run, in order; each is good until the next is asked for.

        Raises:
            PackGoneError: a pack is not there.
            IntegrityError: a pack ends before a run does.
            StorageError: it cannot be read.
        """

    def read_contents(self, pack: PackId) -> PackContents | None:
        """Return what a pack says it holds, checked against its name (P1, P2); None when the pack is gone.

        Raises:
            FormatError: it is damaged, or not the pack that its name says.
            StorageError: it cannot be read.
        """


def group_places(places: Iterable[Place], packs: Packs) -> Iterator[tuple[Run, int]]:
    """Cut places, in order, into runs worth reading in one go; yield each with the number of its places."""
    pack, start, end, count = None, 0, 0, 0
    for place in places:
        stop = place.offset + place.length
        if pack is not None:
            if place.pack == pack and place.offset - end <= packs.gap and stop - start <= packs.longest_run:
                end, count = max(end, stop), count + 1
                continue
            yield Run(pack, start, end), count
        pack, start, end, count = place.pack, place.offset, stop, 1
    if pack is not None:
        yield Run(pack, start, end), count


class LocalPacks:
    """The packs in a directory."""

    gap = 128 * 1024
    longest_run = 4 * 2**20

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._local = threading.local()

    def sizes(self) -> dict[PackId, int]:
        return self._layout.pack_sizes()

    def read_runs(self, runs: Sequence[Run]) -> Iterator[Buffer]:
        for run in runs:
            yield self._read(run)

    def _read(self, run: Run) -> memoryview:
        path = self._layout.pack(run.pack)
        aligned = run.start // ALIGNMENT * ALIGNMENT
        buffer = self._scratch(run.end - aligned)
        try:
            with open_for_reading(path, run.end - aligned) as (cached, uncached):
                got = read_at(cached, uncached, buffer, aligned)
        except FileNotFoundError as exc:
            raise pack_gone(run.pack) from exc
        except OSError as exc:
            raise storage_error(exc, "read", path) from exc
        if aligned + got < run.end:
            raise cut_short(run)
        return buffer[run.start - aligned : run.end - aligned]

    def _scratch(self, size: int) -> memoryview:
        """An aligned buffer of this thread's own, good until its next call."""
        held: memoryview | None = getattr(self._local, "scratch", None)
        if held is None or len(held) < size:
            held = self._local.scratch = allocate(max(size, self.longest_run + 2 * ALIGNMENT))
        return held[: -(-size // ALIGNMENT) * ALIGNMENT]

    def read_contents(self, pack: PackId) -> PackContents | None:
        path, where = self._layout.pack(pack), f"pack {pack.short}"
        try:
            with open(path, "rb") as file:
                size = os.fstat(file.fileno()).st_size
                header = file.read(HEADER_SIZE)
                file.seek(max(0, size - FOOTER_SIZE))
                footer = parse_footer(file.read(FOOTER_SIZE), size, where)
                file.seek(footer.contents_offset)
                encoded = file.read(footer.contents_length)
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise storage_error(exc, "read", path) from exc
        if header != HEADER:
            raise FormatError(f"{where} does not begin as a pack does")
        return parse_checked_contents(pack, footer, encoded)


def parse_checked_contents(pack: PackId, footer: PackFooter, encoded: Buffer) -> PackContents:
    """Return the table of contents that `encoded` is; FormatError unless it is that of `pack`."""
    where = f"pack {pack.short}"
    if footer.pack != pack:
        raise FormatError(f"{where} holds the contents of pack {footer.pack.short}")
    contents = parse_contents(encoded, where)
    check_contents(contents, footer, encoded, where)
    return contents


def pack_gone(pack: PackId, verify: str = "datav verify") -> PackGoneError:
    return PackGoneError(f"pack {pack.short} is gone from the store", hint=f"run `{verify}`")


def cut_short(run: Run, verify: str = "datav verify") -> IntegrityError:
    return IntegrityError(f"pack {run.pack.short} at {run.start} is cut short", hint=on_damage(verify))


def on_damage(verify: str) -> str:
    """The hint when something is damaged; `verify` is the command that tells more."""
    return f"`{verify}` names all that is damaged"
