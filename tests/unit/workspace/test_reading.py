import os
import threading

import pytest

from datav.errors import ChangedWhileReadError, UnreadableError
from datav.formats.entry import Kind
from datav.progress import SILENT
from datav.workspace import reading
from datav.workspace.ignore import NO_RULES
from datav.workspace.reading import StableFile, data_ranges, read_batch
from datav.workspace.scan import scan_file, scan_tree
from tests.unit.workspace.fakes import put


def entries(root):
    return scan_tree(root, NO_RULES, SILENT).entries


def read(root, found, size=1000):
    arena = memoryview(bytearray(size))
    batch = read_batch(os.fsencode(root), found, arena)
    starts = [0, *batch.ends[:-1]]
    return batch, [bytes(arena[start:end]) for start, end in zip(starts, batch.ends, strict=False)]


@pytest.fixture
def files(tmp_path):
    put(tmp_path, b"a", b"first")
    put(tmp_path, b"b/empty")
    put(tmp_path, b"b/\xff", b"third", 0o755)
    os.symlink("b/nowhere", tmp_path / "link")
    (tmp_path / "none").mkdir()
    return tmp_path


def test_files_lie_back_to_back_in_the_arena(files):
    found = entries(files)

    batch, contents = read(files, found)

    assert contents == [b"first", b"", b"third", b"b/nowhere", b""]
    assert batch.entries == found
    assert batch.ends.typecode == "Q"


def test_what_does_not_fit_is_left_to_the_caller(files):
    assert read(files, entries(files), 12)[1] == [b"first", b"", b"third"]
    assert read(files, entries(files), 4)[1] == []


@pytest.mark.parametrize("data", [b"now it is longer", b"", b"other"])
def test_a_file_that_changed_since_the_scan_is_read_as_it_is_now(files, data):
    found = entries(files)
    put(files, b"a", data)

    batch, contents = read(files, found)

    assert contents[0] == data
    assert contents[2] == b"third"
    assert batch.entries[0] == scan_file(files / "a")


def test_a_file_that_has_grown_out_of_the_arena_ends_the_batch(files):
    found = entries(files)
    put(files, b"b/\xff", b"x" * 100)

    assert read(files, found, 50)[1] == [b"first", b""]


def test_a_link_that_points_elsewhere_since_the_scan_is_read_as_it_is_now(files):
    found = entries(files)
    (files / "link").unlink()
    os.symlink("c", files / "link")

    batch, contents = read(files, found)

    assert contents[3] == b"c"
    assert (batch.entries[3].kind, batch.entries[3].size) == (Kind.SYMLINK, 1)


@pytest.mark.parametrize("replace", [lambda p: None, os.mkdir, os.mkfifo, lambda p: os.symlink("b", p)])
def test_a_file_that_is_no_file_any_more_is_an_error(files, replace):
    found = entries(files)
    (files / "a").unlink()
    replace(files / "a")

    with pytest.raises(ChangedWhileReadError, match="a changed while it was being read"):
        read(files, found)


@pytest.fixture
def nothing_is_plain(monkeypatch):
    """The call for many files stops at the first, as it does when something is wrong with it."""
    monkeypatch.setattr(reading, "read_files", lambda *args: 0)


@pytest.mark.usefixtures("nothing_is_plain")
def test_a_file_that_never_holds_still_is_an_error(files, monkeypatch):
    found = entries(files)
    fstat = os.fstat

    def write_before(descriptor):
        os.utime(files / "a")
        return fstat(descriptor)

    monkeypatch.setattr(reading.os, "fstat", write_before)

    with pytest.raises(ChangedWhileReadError) as error:
        read(files, found)
    assert "stop whatever writes to it" in error.value.hint


def test_a_writer_in_another_thread_is_noticed_or_waited_for(tmp_path):
    """Whatever is returned was the content at one moment: all bytes are the same."""
    place = put(tmp_path, b"a", b"0" * 100_000)
    stop = threading.Event()

    def write():
        number = 0
        while not stop.is_set():
            number = (number + 1) % 10
            with open(place, "r+b", buffering=0) as file:
                file.write(b"%d" % number * 100_000)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(50):
            try:
                batch, contents = read(tmp_path, [scan_file(tmp_path / "a")], 200_000)
            except ChangedWhileReadError:
                continue
            assert len(contents[0]) == batch.entries[0].size
    finally:
        stop.set()
        writer.join()


@pytest.mark.usefixtures("nothing_is_plain")
def test_an_unreadable_file_is_an_error_that_names_it(files, monkeypatch):
    found = entries(files)
    refuse_to_open(monkeypatch, b"/a")

    with pytest.raises(UnreadableError, match="a cannot be read: Permission denied"):
        read(files, found)


def refuse_to_open(monkeypatch, end):
    open_ = os.open

    def refuse(path, *args, **kwargs):
        if os.fsencode(path).endswith(end):
            raise PermissionError(13, "Permission denied")
        return open_(path, *args, **kwargs)

    monkeypatch.setattr(reading.os, "open", refuse)


@pytest.mark.usefixtures("nothing_is_plain")
def test_a_failing_disk_is_an_error_that_names_the_file(files, monkeypatch):
    def fail(descriptor, *args):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(reading.os, "readv", fail)
    monkeypatch.setattr(reading.os, "preadv", fail)

    with pytest.raises(UnreadableError, match="a cannot be read: Input/output error"):
        read(files, entries(files))


def test_a_large_file_is_read_at_any_offset(tmp_path):
    place = put(tmp_path, b"a", bytes(range(200)))
    buffer = memoryview(bytearray(50))

    with StableFile(tmp_path / "a") as file:
        assert (file.size, file.stamp) == (200, scan_file(tmp_path / "a").stamp)
        assert file.read_into(buffer, 120) == 50
        assert bytes(buffer) == bytes(range(120, 170))
        assert file.read_into(buffer, 190) == 10
        assert file.read_into(buffer, 500) == 0
        stamp, looked_at_ns = file.finish()

    assert stamp == scan_file(tmp_path / "a").stamp
    assert looked_at_ns > os.stat(place).st_mtime_ns - 10**9


def test_systems_without_positioned_reads_read_the_same(tmp_path, monkeypatch):
    put(tmp_path, b"a", bytes(range(200)))
    monkeypatch.delattr(reading.os, "preadv")
    monkeypatch.delattr(reading.os, "readv")
    buffer = memoryview(bytearray(50))

    with StableFile(tmp_path / "a") as file:
        assert file.read_into(buffer, 120) == 50

    assert bytes(buffer) == bytes(range(120, 170))
    assert read(tmp_path, entries(tmp_path))[1] == [bytes(range(200))]


def test_a_large_file_that_gets_shorter_is_an_error(tmp_path):
    place = put(tmp_path, b"a", bytes(200))

    with StableFile(tmp_path / "a") as file:
        os.truncate(place, 100)
        with pytest.raises(ChangedWhileReadError):
            file.read_into(memoryview(bytearray(200)), 0)


def test_a_large_file_that_was_written_to_is_an_error_at_the_end(tmp_path):
    place = put(tmp_path, b"a", bytes(200))

    with StableFile(tmp_path / "a") as file:
        with open(place, "ab") as writer:
            writer.write(b"more")
        assert file.read_into(memoryview(bytearray(300)), 0) == 200
        with pytest.raises(ChangedWhileReadError, match="a changed"):
            file.finish()


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda p: os.symlink("/etc/hostname", p)])
def test_only_files_are_opened(tmp_path, make):
    make(tmp_path / "a")

    with pytest.raises(ChangedWhileReadError):
        StableFile(tmp_path / "a")


def test_a_missing_large_file_is_an_error(tmp_path):
    with pytest.raises(UnreadableError, match="missing"):
        StableFile(tmp_path / "missing")


def test_holes_read_as_zeros_and_are_found(tmp_path):
    place = put(tmp_path, b"a", b"x" * 4096)
    os.truncate(place, 2**24)
    buffer = memoryview(bytearray(b"y" * 100))

    with StableFile(tmp_path / "a") as file:
        file.read_into(buffer, 2**20)
        ranges = data_ranges(file.fileno(), file.size)

    assert bytes(buffer) == bytes(100)
    assert ranges[0][0] == 0
    assert all(start < end <= 2**24 for start, end in ranges)


def test_a_file_that_is_one_hole_has_no_data(tmp_path):
    place = put(tmp_path, b"a")
    os.truncate(place, 2**24)

    with StableFile(tmp_path / "a") as file:
        assert data_ranges(file.fileno(), file.size) in ([], [(0, 2**24)])
        assert data_ranges(file.fileno(), 0) == []
