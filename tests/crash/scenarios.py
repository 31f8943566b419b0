"""The commands that are interrupted, and what each finds before it begins.

Everything is small and chunks are tiny, so that a command makes some hundred storage calls and still does all
that it does with much: packs of several writes, trees with inner nodes, deltas, several packs and indexes.
"""

import csv
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field

from datav.repo.conflicts import conflicts
from datav.repo.conflictsheet import write_sheet
from datav.repo.merge import merge
from datav.repo.repository import init
from datav.settings import ChunkSizes, Settings, encode_settings
from tests.crash.mergedriver import write_versions
from tests.support.datasets import DatavRepo, random_bytes

CHUNKS = ChunkSizes(smallest=1024, target=4096, largest=8192)

SMALL_PACKS = {
    "datav.storage.direct:STAGING_SIZE": 4096,
    "datav.store.packing:TARGET_SIZE": 16384,
}
"""Many packs, each of several writes, some of them past the page cache."""

MERGE_SOON = {"datav.store.merging:MAX_PER_TIER": 2}


_DRIVER = "tests.crash.mergedriver:run_merge_driver"


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
    status: int = 0
    """What it ends with, undisturbed."""
    never_fails: bool = False
    """It ends with that also when it could not do all, and says so: a hook after git's work."""
    function: str = "tests.crash.driver:run_datav"
    """What runs the command."""


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


def _two_sides(repo: DatavRepo) -> None:
    """main, `theirs`, which merges with it, and `rival`, which conflicts with it; mine.bin is edited."""
    set_up(repo)
    write_first(repo)
    repo.write("set/clash.bin", random_bytes(3_000, 40))
    repo.write("set/both.csv", _table(200))
    repo.write("old.bin", random_bytes(3_000, 41))
    repo.write("mine.bin", random_bytes(3_000, 42))
    repo.add("table.csv", key=("id",))
    repo.write("kept.bin", random_bytes(3_000, 44))
    repo.add("set", "old.bin", "mine.bin", "kept.bin")
    repo.commit("base")
    for branch, write in (("theirs", _write_theirs), ("rival", _write_rival), ("main", _write_ours)):
        if branch != "main":
            repo.git("branch", "-q", branch, "main")
            repo.checkout(branch)
        write(repo)
        repo.commit(branch)
        repo.checkout("main")
    repo.write("mine.bin", random_bytes(3_000, 43))


def _edit(repo: DatavRepo, name: str, *rows: int, to: bytes, column: int = 1) -> None:
    lines = repo.read(name).splitlines(keepends=True)
    for row in rows:
        cells = lines[row + 1].rstrip(b"\n").split(b",")
        cells[column] = to
        lines[row + 1] = b",".join(cells) + b"\n"
    repo.write(name, b"".join(lines))


def _write_ours(repo: DatavRepo) -> None:
    _edit(repo, "table.csv", 9, 20, 400, to=b"ours")
    _edit(repo, "set/both.csv", 5, to=b"ours")
    repo.write("set/a.bin", random_bytes(20_000, 50))
    repo.write("set/clash.bin", random_bytes(3_000, 51))
    repo.add("table.csv", "set")


def _write_theirs(repo: DatavRepo) -> None:
    _edit(repo, "table.csv", 30, 300, 590, to=b"theirs")
    repo.write("table.csv", repo.read("table.csv") + _table(40, 5000))
    _edit(repo, "set/both.csv", 150, to=b"theirs")
    repo.write("set/sub/b.txt", b"another text\n" * 300)
    repo.path("set/sub/gone.txt").unlink()
    repo.write("set/new.txt", random_bytes(5_000, 52))
    repo.write("new.bin", random_bytes(5_000, 53))
    repo.write("kept.bin", random_bytes(3_000, 45))
    repo.add("table.csv", "set", "new.bin", "kept.bin")
    repo.remove("old.bin")


def _write_rival(repo: DatavRepo) -> None:
    _edit(repo, "table.csv", 9, 20, 500, to=b"rival")
    repo.write("set/clash.bin", random_bytes(3_000, 54))
    repo.write("set/sub/b.txt", b"a third text\n" * 300)
    repo.add("table.csv", "set")


def _in_conflict(repo: DatavRepo) -> None:
    """Two cells of the table and a file of the directory are to be decided."""
    _two_sides(repo)
    with repo.open() as repository:
        merge(repository, "rival")


def _with_a_sheet(repo: DatavRepo) -> None:
    _in_conflict(repo)
    sheet = repo.path("sheet.csv")
    with repo.open() as repository:
        write_sheet(sheet, conflicts(repository, ["table.csv"]), every=True)
    with sheet.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row, take in zip(rows, ("theirs", "ours"), strict=True):
        row["take"] = take
    with sheet.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def _with_a_file(repo: DatavRepo) -> None:
    _in_conflict(repo)
    repo.write("whole.csv", _table(700))


def _for_the_driver(repo: DatavRepo) -> None:
    """The files that git makes for a merge driver; they stand as they do before it has run."""
    _two_sides(repo)
    for rev in ("theirs", "rival"):
        for name in ("table.csv", "set"):
            write_versions(repo.root, rev, name)


def _moved_by_git(repo: DatavRepo) -> None:
    """git has merged, which was a fast-forward; the data is the old one, and a part of it was edited."""
    _two_sides(repo)
    repo.write("mine.bin", random_bytes(3_000, 42))
    repo.git("tag", "base", "main^")
    repo.checkout("base")
    repo.write("mine.bin", random_bytes(3_000, 43))
    repo.write("kept.bin", b"edited, and added by nobody")
    repo.git("merge", "-q", "--ff-only", "theirs")


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
    Scenario("driver-table", ("theirs", "table.csv"), _for_the_driver, syncs=False, function=_DRIVER),
    Scenario("driver-set", ("theirs", "set"), _for_the_driver, syncs=False, function=_DRIVER),
    Scenario(
        "driver-rival", ("rival", "table.csv"), _for_the_driver, syncs=False, status=1, function=_DRIVER
    ),
    Scenario("merge", ("merge", "theirs"), _two_sides, syncs=False),
    Scenario("merge-rival", ("merge", "rival"), _two_sides, SMALL_PACKS, syncs=False, status=1),
    Scenario("resolve-part", ("resolve", "table.csv", "--theirs", "--row", "id=9"), _in_conflict, status=1),
    Scenario("resolve-last", ("resolve", "table.csv", "--theirs"), _in_conflict, syncs=False),
    Scenario("resolve-set", ("resolve", "set", "--theirs"), _in_conflict, syncs=False),
    Scenario("resolve-sheet", ("resolve", "table.csv", "--with", "sheet.csv"), _with_a_sheet, syncs=False),
    Scenario("resolve-file", ("resolve", "table.csv", "--with", "whole.csv"), _with_a_file, syncs=False),
    Scenario("place", ("git-hook", "post-merge", "0"), _moved_by_git, syncs=False, never_fails=True),
)
