import errno
import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from datav.errors import DataLossError, FormatError, IntegrityError, StorageError, UnsafePathError
from datav.formats.entry import Entry, Kind
from datav.progress import SILENT
from datav.workspace import apply, drafts, filling, preflight
from datav.workspace.apply import apply_checkout, remove_leftovers
from datav.workspace.ignore import NO_RULES
from datav.workspace.plan import CheckoutPlan, Current, Replace, plan_checkout
from datav.workspace.scan import LEFTOVER, scan_tree
from datav.workspace.statcache import SETTLED, Row, StatCache, write_stat_cache
from tests.unit.workspace.fakes import CHUNK, MemorySource, current, entry, on_disk, put, tree

RULES = NO_RULES.below(b"", b"*.log\n")


@pytest.fixture
def store():
    return MemorySource()


@pytest.fixture
def executor():
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.fixture
def root(tmp_path):
    path = tmp_path / "data"
    path.mkdir()
    return path


@pytest.fixture
def checkout(store, executor, root):
    """Check out what is given as {path: (kind, bytes)} over what lies in `root`."""

    def run(files, *, meanwhile=lambda: None, force=False):
        plan = plan_checkout(current(store, root, RULES), tree(store, files))
        meanwhile()
        return apply_checkout(plan, root, store, executor, SILENT, force=force)

    return run


@pytest.fixture
def spread(monkeypatch):
    """Take every file of more than a few bytes for a large one."""
    monkeypatch.setattr(apply, "_SMALL", 8)
    monkeypatch.setattr(apply, "_SPREAD", 16)
    monkeypatch.setattr(filling, "BUFFER_SIZE", 3 * CHUNK)


def file(data, kind=Kind.FILE):
    return (kind, data)


def test_files_appear_change_and_go(root, checkout):
    put(root, b"old/gone", b"1")
    put(root, b"same", b"2")
    put(root, b"changed", b"3")

    applied = checkout({b"changed": file(b"4"), b"new/x": file(b"5"), b"same": file(b"2")})

    assert on_disk(root) == {b"changed": file(b"4"), b"new/x": file(b"5"), b"same": file(b"2")}
    assert [row.path for row in applied.rows] == [b"changed", b"new/x"]
    assert applied.removed == 1
    assert not (root / "old").exists()


def test_a_root_that_is_not_there_is_made(store, executor, tmp_path):
    plan = plan_checkout([], tree(store, {b"a": file(b"1")}))

    apply_checkout(plan, tmp_path / "x" / "y", store, executor, SILENT)

    assert on_disk(tmp_path / "x" / "y") == {b"a": file(b"1")}


def test_a_dataset_of_one_file_is_checked_out_beside_its_neighbours(store, executor, tmp_path):
    put(tmp_path, b"neighbour", b"mine")
    plan = plan_checkout([], [entry(store, b"a.csv", b"1,2")])

    apply_checkout(plan, tmp_path, store, executor, SILENT)

    assert on_disk(tmp_path) == {b"a.csv": file(b"1,2"), b"neighbour": file(b"mine")}


def test_what_was_written_need_not_be_read_again(root, checkout, tmp_path):
    applied = checkout({b"a": file(b"1"), b"b": file(b"2", Kind.EXECUTABLE)})
    write_stat_cache(tmp_path / "stat", None, applied.rows)

    found = scan_tree(root, NO_RULES, SILENT).entries

    assert [row.looked_at_ns for row in applied.rows] == [SETTLED, SETTLED]
    assert StatCache.load(tmp_path / "stat").lookup(found) == [row.content for row in applied.rows]


def test_a_write_right_after_the_checkout_is_seen(root, checkout, tmp_path):
    applied = checkout({b"a": file(b"1")})
    write_stat_cache(tmp_path / "stat", None, applied.rows)
    with open(root / "a", "r+b") as writer:
        writer.write(b"2")

    found = scan_tree(root, NO_RULES, SILENT).entries

    assert StatCache.load(tmp_path / "stat").lookup(found) == [None]


def test_only_the_executable_bit_changes_when_only_it_differs(root, checkout):
    place = put(root, b"a", b"1", 0o640)
    inode = os.stat(place).st_ino

    applied = checkout({b"a": file(b"1", Kind.EXECUTABLE)})

    assert stat.S_IMODE(os.stat(place).st_mode) == 0o750
    assert os.stat(place).st_ino == inode
    assert [row.path for row in applied.rows] == [b"a"]


def test_permissions_of_a_replaced_file_stay(root, checkout):
    place = put(root, b"a", b"1", 0o600)

    checkout({b"a": file(b"2", Kind.EXECUTABLE)})

    assert stat.S_IMODE(os.stat(place).st_mode) == 0o700


def test_permissions_of_a_new_file_follow_the_umask(root, checkout):
    before = os.umask(0o027)
    try:
        checkout({b"a": file(b"1"), b"b": file(b"1", Kind.EXECUTABLE)})
    finally:
        os.umask(before)

    assert [stat.S_IMODE(os.stat(root / name).st_mode) for name in "ab"] == [0o640, 0o750]


def test_other_names_of_a_replaced_file_keep_its_content(root, checkout, tmp_path):
    os.link(put(root, b"a", b"1"), tmp_path / "other")

    checkout({b"a": file(b"2")})

    assert (tmp_path / "other").read_bytes() == b"1"


# Nothing is lost.


@pytest.mark.parametrize(
    "wanted", [{b"a": file(b"theirs")}, {}, {b"a/b": file(b"x")}, {b"a": (Kind.SYMLINK, b"x")}]
)
def test_a_file_that_changed_after_the_plan_is_kept(root, checkout, wanted):
    put(root, b"a", b"old")

    with pytest.raises(DataLossError, match="a changed while") as error:
        checkout(wanted | {b"other": file(b"x")}, meanwhile=lambda: put(root, b"a", b"mine"))

    assert on_disk(root) == {b"a": file(b"mine")}
    assert "--force" in error.value.hint


def test_a_file_that_appeared_after_the_plan_is_kept(root, checkout):
    with pytest.raises(DataLossError, match="a appeared"):
        checkout({b"a": file(b"theirs")}, meanwhile=lambda: put(root, b"a", b"mine"))

    assert on_disk(root) == {b"a": file(b"mine")}


def test_a_file_that_changes_while_others_are_written_is_kept(root, checkout, store, monkeypatch):
    put(root, b"a", b"old")
    read_into = store.read_into

    def write_meanwhile(chunks, buffer):
        put(root, b"a", b"mine")
        read_into(chunks, buffer)

    monkeypatch.setattr(store, "read_into", write_meanwhile)

    with pytest.raises(DataLossError, match="a changed"):
        checkout({b"a": file(b"theirs")})
    assert on_disk(root) == {b"a": file(b"mine")}


def test_force_overwrites_what_changed(root, checkout):
    put(root, b"a", b"old")

    checkout({b"a": file(b"theirs")}, meanwhile=lambda: put(root, b"a", b"mine"), force=True)

    assert on_disk(root) == {b"a": file(b"theirs")}


def test_a_file_that_is_gone_meanwhile_is_written(root, checkout):
    place = put(root, b"a", b"old")

    checkout({b"a": file(b"theirs")}, meanwhile=lambda: os.unlink(place))

    assert on_disk(root) == {b"a": file(b"theirs")}


def test_ignored_files_stay_and_keep_their_directory(root, checkout):
    put(root, b"d/x", b"1")
    put(root, b"d/run.log", b"mine")

    checkout({})

    assert (root / "d" / "run.log").read_bytes() == b"mine"
    assert not (root / "d" / "x").exists()


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("wanted", [{b"d": file(b"1")}, {b"d": (Kind.SYMLINK, b"1")}])
@pytest.mark.parametrize("tracked", [[b"d/x"], []])
def test_a_directory_with_ignored_files_is_not_replaced(root, checkout, wanted, tracked, force):
    put(root, b"d/sub/run.log", b"mine")
    for path in tracked:
        put(root, path, b"1")
    before = on_disk(root)

    with pytest.raises(DataLossError, match=r"d/sub/run.log is not tracked and is in the way"):
        checkout(wanted, force=force)

    assert on_disk(root) == before


def test_an_ignored_file_is_not_replaced(root, checkout):
    put(root, b"a.log", b"mine")

    with pytest.raises(DataLossError, match=r"a.log"):
        checkout({b"a.log": file(b"theirs")})
    with pytest.raises(DataLossError, match=r"a.log is not tracked"):
        checkout({b"a.log/x": file(b"theirs")})

    assert (root / "a.log").read_bytes() == b"mine"


def test_an_empty_directory_that_got_a_file_stays(root, checkout):
    (root / "d").mkdir()

    checkout({}, meanwhile=lambda: put(root, b"d/new", b"mine"))

    assert on_disk(root) == {b"d/new": file(b"mine")}


@pytest.mark.parametrize("size", [10, 5 * CHUNK])
def test_a_missing_chunk_leaves_every_file_as_it_was(root, checkout, store, size, spread):
    put(root, b"a", b"old")
    put(root, b"z", b"gone")

    def lose():
        store.stored.clear()

    with pytest.raises(IntegrityError):
        checkout({b"a": file(os.urandom(size))}, meanwhile=lose)

    assert on_disk(root) == {b"a": file(b"old"), b"z": file(b"gone")}
    assert os.listdir(root) == ["a", "z"] or os.listdir(root) == ["z", "a"]


@pytest.mark.parametrize("call", ["write", "pwrite", "posix_fallocate"])
def test_a_full_disk_is_one_clear_error_and_leaves_no_draft(root, checkout, monkeypatch, spread, call):
    put(root, b"a", b"old")

    def fill(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(filling.os, call, fill)

    with pytest.raises(StorageError, match=r"cannot write a: No space left on device"):
        checkout({b"a": file(b"12345" if call == "write" else b"x" * CHUNK)})

    assert os.listdir(root) == ["a"]
    assert on_disk(root) == {b"a": file(b"old")}


@pytest.mark.parametrize("content", [(b"x" * 32, 0, 0), (b"x" * 32, 1, 5)])
def test_a_content_that_does_not_add_up_is_refused(root, store, executor, content):
    content_id, depth, size = content
    store.trees[content_id] = [(b"y" * 32, 7), (b"z" * 32, -2)]
    plan = plan_checkout([], [Entry(b"a", Kind.FILE, depth, size, content_id)])

    with pytest.raises(IntegrityError, match="do not add up"):
        apply_checkout(plan, root, store, executor, SILENT)


# Nothing leaves the root.


def hostile_plan(store, path):
    """What `plan_checkout` would refuse, had `a` been in the same tree."""
    return CheckoutPlan(write=[Replace(entry(store, path, b"evil"), None)])


@pytest.mark.parametrize("force", [False, True])
def test_no_link_on_the_way_is_followed(root, store, executor, tmp_path, force):
    (tmp_path / "outside").mkdir()
    os.symlink("../outside", root / "a")

    with pytest.raises(UnsafePathError, match="a is not a directory, or lies behind a symbolic link"):
        apply_checkout(hostile_plan(store, b"a/b"), root, store, executor, SILENT, force=force)

    assert os.listdir(tmp_path / "outside") == []


def test_a_link_that_appears_after_the_check_is_not_followed(root, store, executor, tmp_path, monkeypatch):
    (tmp_path / "outside").mkdir()
    (root / "a").mkdir()

    def swap(*args, **kwargs):
        (root / "a").rmdir()
        os.symlink("../outside", root / "a")

    monkeypatch.setattr(apply, "check_unchanged", swap)

    with pytest.raises(UnsafePathError):
        apply_checkout(hostile_plan(store, b"a/b"), root, store, executor, SILENT)

    assert os.listdir(tmp_path / "outside") == []


def test_nothing_behind_a_link_is_removed(root, store, executor, tmp_path):
    place = put(tmp_path, b"outside/b", b"mine")
    os.symlink("../outside", root / "a")
    stamp = scan_tree(tmp_path / "outside", NO_RULES, SILENT).entries[0].stamp
    plan = CheckoutPlan(remove=[Current(b"a/b", Kind.FILE, None, stamp)])

    with pytest.raises(UnsafePathError):
        apply_checkout(plan, root, store, executor, SILENT)

    assert os.path.exists(place)


def test_a_link_becomes_a_directory_without_touching_what_it_pointed_at(root, checkout, tmp_path):
    put(tmp_path, b"outside/b", b"mine")
    os.symlink("../outside", root / "a")

    checkout({b"a/b": file(b"theirs")})

    assert on_disk(root) == {b"a/b": file(b"theirs")}
    assert (tmp_path / "outside" / "b").read_bytes() == b"mine"


def test_a_link_is_replaced_and_not_written_through(root, checkout, tmp_path):
    put(tmp_path, b"outside", b"mine")
    os.symlink("../outside", root / "a")

    checkout({b"a": file(b"theirs")})

    assert on_disk(root) == {b"a": file(b"theirs")}
    assert (tmp_path / "outside").read_bytes() == b"mine"


def test_a_link_to_nul_is_refused(root, checkout):
    with pytest.raises(FormatError, match="NUL"):
        checkout({b"a": (Kind.SYMLINK, b"x\0y")})


def test_names_that_fall_together_are_refused_before_anything_is_written(root, checkout, monkeypatch):
    monkeypatch.setattr(apply, "folds_case_at", lambda root: True)

    with pytest.raises(UnsafePathError, match="are one name"):
        checkout({b"A/x": file(b"1"), b"a/y": file(b"2")})

    assert os.listdir(root) == []


def test_a_name_may_change_its_case(root, checkout, monkeypatch):
    monkeypatch.setattr(apply, "folds_case_at", lambda root: True)
    put(root, b"A", b"1")

    checkout({b"a": file(b"1")})

    assert on_disk(root) == {b"a": file(b"1")}


def test_composition_counts_as_case(root):
    with pytest.raises(UnsafePathError):
        preflight.check_collisions(["é".encode(), "e\u0301".encode()])
    preflight.check_collisions([b"a", b"a/b", b"a/c", b"\xff", b"\xfe"])


def test_this_file_system_is_probed_without_a_trace(root):
    assert preflight.folds_case_at(root) in (True, False)
    assert os.listdir(root) == []


# Large files.


def chunks_of(numbers):
    return b"".join(bytes([number]) * CHUNK for number in numbers)


@pytest.mark.parametrize("is_clone", [False, True])
@pytest.mark.parametrize(
    ("before", "after", "fetched"),
    [
        (range(10), [*range(5), 99, *range(6, 10)], 1),
        (range(10), [77, *range(10)], 1),
        (range(10), range(4), 0),
        (range(4), [*range(4), 50, 51], 2),
        ([1, 1, 1, 1], [1, 1, 2, 1, 1, 1], 1),
        (range(8), [7, 6, 5, 4, 3, 2, 1, 0], 0),
    ],
)
def test_only_what_the_present_file_lacks_is_fetched(
    root, checkout, store, spread, monkeypatch, before, after, fetched, is_clone
):
    if is_clone:
        monkeypatch.setattr(filling, "_clone", copy_all)
    put(root, b"a", chunks_of(before))

    applied = checkout({b"a": file(chunks_of(after))})

    assert on_disk(root) == {b"a": file(chunks_of(after))}
    assert store.bytes_read == fetched * CHUNK
    assert applied.bytes_reused == (len(list(after)) - fetched) * CHUNK


def copy_all(descriptor, present):
    os.pwrite(descriptor, os.pread(present, 2**30, 0), 0)
    return True


@pytest.mark.parametrize("is_clone", [False, True])
def test_a_present_file_that_is_not_what_it_seems_does_no_harm(
    root, store, executor, spread, monkeypatch, is_clone
):
    """Its stamp is right and its content is not, as after a write within a tick of the clock."""
    if is_clone:
        monkeypatch.setattr(filling, "_clone", copy_all)
    place = put(root, b"a", chunks_of(range(6)))
    believed = current(store, root)
    with open(place, "r+b") as writer:
        writer.seek(2 * CHUNK)
        writer.write(b"rot")
    os.truncate(place, 5 * CHUNK)
    wanted = tree(store, {b"a": file(chunks_of([0, 1, 2, 3, 4, 5, 9]))})

    plan = plan_checkout(believed, wanted)
    apply_checkout(plan, root, store, executor, SILENT, force=True)

    assert on_disk(root) == {b"a": file(chunks_of([0, 1, 2, 3, 4, 5, 9]))}
    assert store.bytes_read == 3 * CHUNK


def test_a_present_file_whose_tree_is_lost_is_replaced_all_the_same(root, checkout, store, spread):
    put(root, b"a", chunks_of(range(4)))
    wanted = chunks_of([0, 1, 2, 9])

    def lose():
        del store.trees[store.add(chunks_of(range(4))).id]

    checkout({b"a": file(wanted)}, meanwhile=lose)

    assert on_disk(root) == {b"a": file(wanted)}


def test_progress_hears_of_every_byte(store, executor, root, spread):
    class Count:
        total = done = 0
        lock = threading.Lock()

        def start(self, what, total, unit):
            self.total = total

        def advance(self, amount):
            with self.lock:
                self.done += amount

    count = Count()
    plan = plan_checkout(
        [], tree(store, {b"a": file(chunks_of(range(9))), b"b": file(b"12345"), b"c": file(b"x" * 12)})
    )

    apply_checkout(plan, root, store, executor, count)

    assert count.done == count.total == 9 * CHUNK + 17


# Leftovers.


def test_leftovers_of_killed_checkouts_are_removed_when_they_are_old(root):
    old = put(root, b"d/.datav-tmp-1", b"half")
    os.utime(old, ns=(0, 10))
    put(root, b"d/.datav-tmp-2", b"half")
    put(root, b"mine", b"1")
    paths = [row.path for row in scan_tree(root, NO_RULES, SILENT).skipped if row.reason == LEFTOVER]

    assert remove_leftovers(root, [*paths, b"mine", b"missing/.datav-tmp-3"], older_than_ns=1000) == 1

    assert sorted(os.listdir(root / "d")) == [".datav-tmp-2"]


def test_a_row_of_a_file_that_was_deleted_at_once_is_not_believed(tmp_path, store):
    action = Replace(entry(store, b"a", b"1"), None)

    row = drafts._row(action, None)

    write_stat_cache(tmp_path / "stat", None, [row, Row(b"b", row.stamp, row.content, 0)])
    assert len(StatCache.load(tmp_path / "stat")) == 2
