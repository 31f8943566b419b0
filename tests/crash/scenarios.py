"""The commands that are interrupted, and what each finds before it begins.

Everything is small and chunks are tiny, so that a command makes some hundred storage calls and still does all
that it does with much: packs of several writes, trees with inner nodes, deltas, several packs and indexes.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field

from datav.repo.repository import init
from datav.settings import ChunkSizes, Settings, encode_settings
from tests.support.datasets import DatavRepo, random_bytes

CHUNKS = ChunkSizes(smallest=1024, target=4096, largest=8192)

SMALL_PACKS = {
    "datav.storage.direct:STAGING_SIZE": 4096,
    "datav.store.packing:TARGET_SIZE": 16384,
}
"""Many packs, each of several writes, some of them past the page cache."""

MERGE_SOON = {"datav.store.merging:MAX_PER_TIER": 2}


@dataclass(frozen=True, slots=True)
class Scenario:
    """One command."""

    name: str
    command: tuple[str, ...]
    prepare: Callable[[DatavRepo], None]
    """Fills an empty git repository; all commits that it makes are acknowledged."""
    tune: dict[str, int] = field(default_factory=dict)
    syncs: bool = True
    """What it did is durable when it says so.  A checkout is not: it copies out what the store has."""
    knows_files: bool = False
    """It begins with a stat cache that knows what lies on disk."""


def set_up(repo: DatavRepo) -> None:
    init(repo.root)
    repo.write("datav.toml", encode_settings(Settings(CHUNKS)).encode())
    repo.commit("set up datav")


def write_first(repo: DatavRepo) -> None:
    """A table, and a directory with something of every kind."""
    repo.write("table.csv", _table(600))
    repo.write("set/a.bin", random_bytes(20_000, 1))
    repo.write("set/sub/b.txt", b"some text\n" * 300)
    repo.write("set/sub/gone.txt", b"goes later")
    repo.write("set/turns/inner.txt", b"a directory that becomes a file")
    repo.write("set/other", b"a file that becomes a directory")
    repo.write("set/tool.sh", b"#!/bin/sh\n").chmod(0o755)
    repo.write("set/nothing", b"")
    repo.path("set/empty").mkdir(exist_ok=True)
    repo.path("set/link").symlink_to("a.bin")


def write_second(repo: DatavRepo) -> None:
    """The same, changed: near to it, so that there are deltas, and with another layout."""
    repo.write("table.csv", _table(600).replace(b"300,row", b"300,changed") + _table(40, 5000))
    repo.write("set/a.bin", random_bytes(9_000, 1) + random_bytes(300, 2) + random_bytes(20_000, 1)[9_000:])
    repo.path("set/sub/gone.txt").unlink(missing_ok=True)
    repo.write("set/sub/new.txt", random_bytes(5_000, 3))
    shutil.rmtree(repo.path("set/turns"))
    repo.write("set/turns", b"now a file")
    repo.path("set/other").unlink()
    repo.write("set/other/inner.txt", b"now in a directory")
    repo.path("set/tool.sh").chmod(0o644)
    repo.path("set/link").unlink()
    repo.path("set/link").symlink_to("sub/b.txt")


def _table(rows: int, first: int = 0) -> bytes:
    lines = [f"{number},row {number},{number * 7919 % 1013}\n" for number in range(first, first + rows)]
    return b"id,name,value\n" * (first == 0) + "".join(lines).encode()


def _first_on_disk(repo: DatavRepo) -> None:
    set_up(repo)
    write_first(repo)


def _first_committed(repo: DatavRepo) -> None:
    _first_on_disk(repo)
    repo.add("table.csv", "set")
    repo.commit("first")
    repo.git("tag", "first")


def _second_on_disk(repo: DatavRepo) -> None:
    _first_committed(repo)
    write_second(repo)


def _second_committed(repo: DatavRepo) -> None:
    _second_on_disk(repo)
    repo.add("table.csv", "set")
    repo.commit("second")


def _back_at_first(repo: DatavRepo) -> None:
    _second_committed(repo)
    repo.checkout("first")


def _many_indexes(repo: DatavRepo) -> None:
    _first_committed(repo)
    for number in range(3):
        repo.write(f"more/{number}.bin", random_bytes(6_000, 10 + number))
        repo.add("more")
        repo.commit(f"more {number}")
    write_second(repo)


def _deleted_on_disk(repo: DatavRepo) -> None:
    _second_committed(repo)
    repo.path("table.csv").unlink()
    shutil.rmtree(repo.path("set/sub"))
    repo.path("set/a.bin").unlink()


def _branch_deleted(repo: DatavRepo) -> None:
    """One pack holds what only a branch had that is gone, one also what the rest needs, others stay."""
    _first_committed(repo)
    repo.git("checkout", "-q", "-b", "side")
    repo.write("table.csv", _table(700, 9000))
    repo.add("table.csv")
    repo.write("set/shared.bin", random_bytes(9_000, 21))
    repo.write("set/a.bin", random_bytes(15_000, 20) + random_bytes(20_000, 1)[15_000:])
    repo.add("set")
    repo.commit("on the side")
    repo.checkout("main")
    write_second(repo)
    repo.write("set/shared.bin", random_bytes(9_000, 21))
    repo.add("table.csv", "set")
    repo.commit("second")
    repo.git("branch", "-q", "-D", "side")
    repo.git("reflog", "expire", "--expire=now", "--all")


def _with_another_directory(repo: DatavRepo) -> None:
    _first_committed(repo)
    repo.write("other/notes.txt", b"git keeps this one")
    repo.commit("another directory")


def _modified(repo: DatavRepo) -> None:
    """What was added and then changed on disk exists nowhere else, and stays so."""
    _first_committed(repo)
    repo.write("set/a.bin", random_bytes(20_000, 30))


def _nothing(repo: DatavRepo) -> None:
    repo.commit("empty")


SCENARIOS = (
    Scenario("init", ("init",), _nothing),
    Scenario("add-first", ("add", "table.csv", "set"), _first_on_disk),
    Scenario("add-changed", ("add", "table.csv", "set"), _second_on_disk, SMALL_PACKS, knows_files=True),
    Scenario("add-merging", ("add", "table.csv", "set"), _many_indexes, SMALL_PACKS | MERGE_SOON),
    Scenario("checkout-old", ("checkout", "first"), _second_committed, syncs=False),
    Scenario("checkout-new", ("checkout", "main"), _back_at_first, syncs=False, knows_files=True),
    Scenario("restore", ("restore", "table.csv", "set"), _deleted_on_disk, syncs=False, knows_files=True),
    Scenario("gc", ("gc", "--apply"), _branch_deleted, SMALL_PACKS),
    Scenario("mv-file", ("mv", "table.csv", "renamed.csv"), _first_committed),
    Scenario("mv-across", ("mv", "table.csv", "other/table.csv"), _with_another_directory),
    Scenario("mv-directory", ("mv", "set", "place"), _modified, knows_files=True),
    Scenario("rm", ("rm", "table.csv", "set"), _first_committed, syncs=False),
)
