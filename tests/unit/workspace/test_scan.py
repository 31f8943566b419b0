import os
import socket
import stat

import pytest

from datav.errors import UnreadableError, UsageError
from datav.formats.entry import Kind
from datav.progress import SILENT
from datav.workspace import scan as scan_module
from datav.workspace.ignore import NO_RULES, read_ignore_rules
from datav.workspace.scan import LEFTOVER, NESTED_REPOSITORY, Skipped, scan_file, scan_tree
from tests.unit.workspace.fakes import put

as_root = getattr(os, "geteuid", lambda: 1)() == 0


def scan(root, rules=NO_RULES):
    return scan_tree(root, rules, SILENT)


def kinds(root, rules=NO_RULES):
    return {entry.path: entry.kind for entry in scan(root, rules).entries}


def test_every_kind_of_thing_is_found(tmp_path):
    put(tmp_path, b"file", b"12345")
    put(tmp_path, b"bin/tool", b"#!", 0o755)
    os.symlink("bin/tool", tmp_path / "link")
    os.symlink("nowhere", tmp_path / "dangling")
    os.symlink(".", tmp_path / "loop")
    (tmp_path / "empty" / "emptier").mkdir(parents=True)

    found = scan(tmp_path).entries

    assert [(e.path, e.kind, e.size) for e in found] == [
        (b"bin/tool", Kind.EXECUTABLE, 2),
        (b"dangling", Kind.SYMLINK, 7),
        (b"empty/emptier", Kind.EMPTY_DIRECTORY, 0),
        (b"file", Kind.FILE, 5),
        (b"link", Kind.SYMLINK, 8),
        (b"loop", Kind.SYMLINK, 1),
    ]


def test_entries_are_in_order_of_the_bytes_of_their_paths(tmp_path):
    for path in (b"a/x", b"a-b", b"a.b", b"a0", b"B"):
        put(tmp_path, path)

    assert [entry.path for entry in scan(tmp_path).entries] == [b"B", b"a-b", b"a.b", b"a/x", b"a0"]


def test_names_need_not_be_utf_8(tmp_path):
    put(tmp_path, b"\xff\xfe/\x80\n", b"x")

    assert kinds(tmp_path) == {b"\xff\xfe/\x80\n": Kind.FILE}


def test_the_empty_directory_has_no_entries(tmp_path):
    assert scan(tmp_path).entries == []


def test_what_cannot_be_versioned_is_reported(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.fspath(tmp_path / "socket"))
        put(tmp_path, b"inner/.git/config")
        put(tmp_path, b".GIT", b"gitdir: elsewhere")
        put(tmp_path, b".datav-tmp-0123", b"half")

        result = scan(tmp_path)

    assert result.skipped == [
        Skipped(b".GIT", NESTED_REPOSITORY),
        Skipped(b".datav-tmp-0123", LEFTOVER),
        Skipped(b"inner/.git", NESTED_REPOSITORY),
        Skipped(b"pipe", "pipe"),
        Skipped(b"socket", "socket"),
    ]
    assert [entry.path for entry in result.entries] == [b"inner"]


def test_a_directory_with_nothing_but_ignored_files_counts_as_empty(tmp_path):
    put(tmp_path, b"kept/x.tmp")

    assert kinds(tmp_path, NO_RULES.below(b"", b"*.tmp")) == {b"kept": Kind.EMPTY_DIRECTORY}


def test_ignore_files_hold_where_they_lie_and_below(tmp_path):
    put(tmp_path, b".datavignore", b"*.tmp\n/only-here\n")
    put(tmp_path, b"sub/.datavignore", b"!keep.tmp\n")
    for path in (b"a.tmp", b"keep.tmp", b"only-here", b"sub/a.tmp", b"sub/keep.tmp", b"sub/only-here"):
        put(tmp_path, path)

    assert list(kinds(tmp_path)) == [
        b".datavignore", b"sub/.datavignore", b"sub/keep.tmp", b"sub/only-here",
    ]  # fmt: skip


def test_ignore_files_above_the_dataset_count(tmp_path):
    put(tmp_path, b".datavignore", b"*.log\n/data/set/private\n/data\n")
    put(tmp_path, b"data/.datavignore", b"!keep.log\n")
    for path in (b"a.log", b"keep.log", b"private/x", b"deep/private"):
        put(tmp_path / "data" / "set", path)

    assert list(kinds(tmp_path / "data" / "set", read_ignore_rules(tmp_path, b"data/set"))) == [
        b"deep/private", b"keep.log",
    ]  # fmt: skip


def test_ignored_directories_are_not_even_opened(tmp_path, monkeypatch):
    put(tmp_path, b"big/x")
    opened = []
    scandir = os.scandir
    monkeypatch.setattr(scan_module.os, "scandir", lambda path: opened.append(path) or scandir(path))

    scan(tmp_path, NO_RULES.below(b"", b"big/"))

    assert opened == [os.fsencode(tmp_path) + b"/"]


def test_stamps_tell_a_changed_file_from_an_unchanged_one(tmp_path):
    path = put(tmp_path, b"a", b"1")
    before = scan(tmp_path).entries
    assert scan(tmp_path).entries == before

    os.utime(path, ns=(0, 1))

    assert scan(tmp_path).entries[0].stamp != before[0].stamp


@pytest.mark.parametrize("time_ns", [-(10**9), 2**63, 2**64 + 5])
def test_odd_times_have_stamps_too(tmp_path, time_ns):
    path = put(tmp_path, b"a")
    try:
        os.utime(path, ns=(0, time_ns))
    except (OSError, OverflowError):
        pytest.skip("this file system keeps no such time")

    found = scan(tmp_path).entries[0]

    assert found.stamp == scan_file(tmp_path / "a").stamp


@pytest.mark.skipif(as_root, reason="root may read everything")
def test_an_unreadable_directory_is_an_error_that_names_it(tmp_path):
    (tmp_path / "closed").mkdir(mode=0)

    with pytest.raises(UnreadableError, match="closed"):
        scan(tmp_path)


def test_a_directory_that_the_system_refuses_is_an_error_that_names_it(tmp_path, monkeypatch):
    put(tmp_path, b"closed/x")
    scandir = os.scandir

    def refuse(path):
        if b"closed" in path:
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(scan_module.os, "scandir", refuse)

    with pytest.raises(UnreadableError, match=r"closed cannot be read: Permission denied") as error:
        scan(tmp_path)
    assert "datavignore" in error.value.hint


def test_a_missing_root_is_an_error(tmp_path):
    with pytest.raises(UnreadableError, match="nothing"):
        scan(tmp_path / "nothing")


def test_a_directory_that_disappears_was_never_there(tmp_path, monkeypatch):
    put(tmp_path, b"a/x")
    put(tmp_path, b"b/x")
    scandir = os.scandir

    def vanish(path):
        if path.endswith(b"/a/"):
            raise FileNotFoundError(2, "No such file or directory")
        return scandir(path)

    monkeypatch.setattr(scan_module.os, "scandir", vanish)

    assert list(kinds(tmp_path)) == [b"b/x"]


def test_files_that_disappear_during_the_walk_were_never_there(tmp_path, monkeypatch):
    for number in range(5):
        put(tmp_path, b"%d" % number)
    stat_listing = scan_module.stat_listing
    calls = []

    def stop_at_the_second(directory, listing):
        calls.append(len(listing))
        if len(calls) == 1:
            (tmp_path / os.fsdecode(listing[1].name)).unlink()
            return stat_listing(directory, listing[:1])
        return stat_listing(directory, listing)

    monkeypatch.setattr(scan_module, "stat_listing", stop_at_the_second)

    assert len(kinds(tmp_path)) == 4
    assert calls == [5]


def test_a_file_that_may_not_be_looked_at_is_an_error_that_names_it(tmp_path, monkeypatch):
    put(tmp_path, b"closed")

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(scan_module, "stat_listing", lambda directory, listing: b"")
    monkeypatch.setattr(scan_module.os, "lstat", refuse)

    with pytest.raises(UnreadableError, match=r"closed cannot be read: Permission denied"):
        scan(tmp_path)


def test_progress_hears_of_every_entry(tmp_path, monkeypatch):
    monkeypatch.setattr(scan_module, "_PROGRESS_STEP", 2)
    for number in range(7):
        put(tmp_path, b"d%d/f" % (number // 3) + b"%d" % number)

    class Count:
        total = 0

        def start(self, what, total, unit):
            assert unit == "files"

        def advance(self, amount):
            self.total += amount

    count = Count()
    scan_tree(tmp_path, NO_RULES, count)

    assert count.total == 7


def test_one_file_is_found_as_in_a_directory(tmp_path):
    put(tmp_path, b"a.csv", b"1,2", 0o755)
    os.symlink("a.csv", tmp_path / "b.csv")

    assert [scan_file(tmp_path / "a.csv"), scan_file(tmp_path / "b.csv")] == scan(tmp_path).entries


def test_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(UsageError, match="is a directory"):
        scan_file(tmp_path)
    with pytest.raises(UsageError, match="is a pipe"):
        scan_file(tmp_path / "pipe")
    with pytest.raises(UnreadableError):
        scan_file(tmp_path / "missing")


def test_a_mode_is_never_zero_so_no_stamp_is_the_empty_one(tmp_path):
    put(tmp_path, b"a", b"", 0)

    assert scan(tmp_path).entries[0].stamp != scan_module.NO_STAMP
    assert stat.S_IFMT(os.lstat(tmp_path / "a").st_mode)
