"""Files that are whole or not there: docs/formats/ordering.md, O1 and O8."""

import errno
import os
import stat
import threading

import pytest

from datav.errors import StorageError
from datav.storage import durable
from datav.storage.durable import make_directories, remove_file, write_atomic, write_parts


@pytest.mark.parametrize("sync", [True, False])
@pytest.mark.parametrize("data", [b"", b"x", bytes(100_000)])
def test_a_file_is_written_whole(tmp_path, data, sync):
    write_atomic(tmp_path / "f", data, sync=sync)

    assert (tmp_path / "f").read_bytes() == data
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_replacing_keeps_the_mode(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"old")
    path.chmod(0o751)

    write_atomic(path, b"new")

    assert stat.S_IMODE(path.stat().st_mode) == 0o751
    assert path.read_bytes() == b"new"


def test_a_new_file_has_the_mode_that_the_umask_says(tmp_path):
    before = os.umask(0o027)
    try:
        write_atomic(tmp_path / "f", b"new")
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o640


@pytest.mark.parametrize("name", ["open", "writev", "fsync", "replace", "fchmod"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EACCES])
def test_a_failure_leaves_the_old_file_and_no_other(tmp_path, monkeypatch, name, code):
    path = tmp_path / "f"
    path.write_bytes(b"old")

    def refuse(*_, **__):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, name, refuse)
    with pytest.raises(StorageError) as error:
        write_atomic(path, b"new")
    monkeypatch.undo()

    assert error.value.hint
    assert path.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_an_interrupt_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "f"
    path.write_bytes(b"old")

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(path, b"new")

    assert path.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_readers_see_the_old_file_or_the_new_one(tmp_path):
    path, seen, done = tmp_path / "f", set(), threading.Event()
    contents = [bytes([n]) * 200_000 for n in range(20)]
    write_atomic(path, contents[0], sync=False)

    def watch():
        while not done.is_set():
            seen.add(path.read_bytes())

    reader = threading.Thread(target=watch)
    reader.start()
    for content in contents:
        write_atomic(path, content, sync=False)
    done.set()
    reader.join()

    assert seen <= set(contents)


def test_the_name_is_durable_only_after_the_bytes(tmp_path, monkeypatch):
    calls = []
    for name in ("writev", "fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *a, _real=real, _name=name: (calls.append(_name), _real(*a))[1])

    write_atomic(tmp_path / "f", b"x")

    assert calls == ["writev", "fsync", "replace", "fsync"]


def test_parts_are_written_in_order_however_few_bytes_the_system_takes(tmp_path, monkeypatch):
    real, step = os.writev, [1, 3, 7, 1000, 0]
    parts = [bytes([n % 251]) * (n % 13) for n in range(3000)] + [b"", memoryview(b"end"), bytearray(b"!")]

    def some(fd, given):
        step.append(step.pop(0))
        return os.write(fd, b"".join(given)[: max(1, step[0])])

    monkeypatch.setattr(os, "writev", some)
    fd, path = durable.create_temporary(tmp_path)
    write_parts(fd, parts, path)
    os.close(fd)
    monkeypatch.setattr(os, "writev", real)

    assert path.read_bytes() == b"".join(parts)


def test_directories_are_made_with_their_parents(tmp_path):
    make_directories(tmp_path / "a" / "b" / "c")
    make_directories(tmp_path / "a" / "b" / "c")
    assert (tmp_path / "a" / "b" / "c").is_dir()

    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError):
        make_directories(tmp_path / "file")


def test_removing_what_is_gone_is_fine(tmp_path):
    (tmp_path / "f").write_bytes(b"")
    remove_file(tmp_path / "f")
    remove_file(tmp_path / "f")
    with pytest.raises(StorageError):
        remove_file(tmp_path)
