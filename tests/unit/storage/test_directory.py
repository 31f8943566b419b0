"""Objects in a directory: what only files can show."""

import errno
import os

import pytest

from datav.errors import RefusedError, RemoteError, StorageError
from datav.storage import directory, durable
from datav.storage.directory import DirectoryObjects


@pytest.fixture
def place(tmp_path):
    return DirectoryObjects(tmp_path / "remote")


def refuse(number):
    def fail(*args):
        raise OSError(number, os.strerror(number))

    return fail


def test_the_directory_is_made_but_not_its_parents(tmp_path):
    DirectoryObjects(tmp_path / "remote").put("packs/a", b"1")
    with pytest.raises(RemoteError) as error:
        DirectoryObjects(tmp_path / "not-mounted/remote").put("packs/a", b"1")

    assert (tmp_path / "remote/packs/a").read_bytes() == b"1"
    assert "mounted" in error.value.hint
    assert not (tmp_path / "not-mounted").exists()


def test_nothing_is_left_in_tmp(place, tmp_path):
    place.put("packs/a", b"1")

    assert list((tmp_path / "remote/tmp").iterdir()) == []


def test_only_files_are_objects(place, tmp_path):
    place.put("packs/a", b"1")
    (tmp_path / "remote/packs/sub").mkdir()
    os.mkfifo(tmp_path / "remote/packs/pipe")

    assert list(place.list("packs")) == ["a"]


@pytest.mark.parametrize(
    ("number", "kind", "hint"),
    [
        (errno.ENOSPC, RemoteError, "space"),
        (errno.EACCES, RefusedError, "permissions"),
        (errno.EROFS, RefusedError, "read-only"),
        (errno.EIO, RemoteError, "disk"),
    ],
)
def test_a_disk_that_refuses_is_told(place, tmp_path, monkeypatch, number, kind, hint):
    place.put("packs/a", b"1")
    monkeypatch.setattr(durable.os, "writev", refuse(number))

    with pytest.raises(kind) as error:
        place.put("packs/b", b"2")

    assert hint in error.value.hint
    assert list(place.list("packs")) == ["a"]
    assert list((tmp_path / "remote/tmp").iterdir()) == []


def test_what_reads_back_different_once_is_written_again(place, monkeypatch):
    real, wrong = directory._read_digest, [(1, 0)]
    monkeypatch.setattr(directory, "_read_digest", lambda path: wrong.pop() if wrong else real(path))

    place.put("packs/a", b"1")

    assert place.read("packs/a") == b"1"


def test_what_reads_back_different_twice_is_told_and_has_no_name(place, monkeypatch):
    monkeypatch.setattr(directory, "_read_digest", lambda path: (1, 0))

    with pytest.raises(RemoteError):
        place.put("packs/a", b"1")

    assert place.list("packs") == {}


def test_a_file_that_cannot_be_read_here_is_no_fault_of_the_place(place, tmp_path):
    with pytest.raises(StorageError) as error:
        place.put("packs/a", tmp_path / "gone")

    assert not isinstance(error.value, RemoteError)
