import os

import pytest

from datav.errors import StorageError, UnsafePathError
from datav.workspace import places
from datav.workspace.places import check_real_directories, open_place, place


@pytest.fixture(params=["descriptors", "paths"])
def system(request, monkeypatch):
    """Systems that open relative to a directory, and those that do not."""
    if request.param == "paths":
        monkeypatch.setattr(places, "_IS_RELATIVE", False)


def test_everything_is_done_in_the_directory(system, tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)

    with place(os.fsencode(tmp_path), b"a/b") as here:
        os.close(here.create(b"draft", 0o644))
        here.replace(b"draft", b"file")
        here.symlink(b"file", b"link")
        here.mkdir(b"directory")
        here.rmdir(b"directory")
        here.chmod(b"file", 0o600)
        assert here.look(b"file") is not None
        assert here.look(b"draft") is None
        here.unlink(b"link")

    assert os.listdir(tmp_path / "a" / "b") == ["file"]


def test_the_root_may_be_a_link(system, tmp_path):
    (tmp_path / "real").mkdir()
    os.symlink("real", tmp_path / "root")

    with place(os.fsencode(tmp_path / "root"), b"") as here:
        here.mkdir(b"a")

    assert os.listdir(tmp_path / "real") == ["a"]


@pytest.mark.parametrize("path", [b"link", b"link/b", b"a/link", b"file", b"file/x"])
def test_links_and_files_on_the_way_are_refused(system, tmp_path, path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "file").write_bytes(b"")
    os.symlink("a", tmp_path / "link")
    os.symlink("b", tmp_path / "a" / "link")

    with pytest.raises(UnsafePathError):
        open_place(os.fsencode(tmp_path), path)


def test_files_are_created_and_opened_never_through_a_link(system, tmp_path):
    (tmp_path / "target").write_bytes(b"mine")
    os.symlink("target", tmp_path / "link")

    with place(os.fsencode(tmp_path), b"") as here:
        with pytest.raises(OSError):
            here.create(b"link", 0o644)
        with pytest.raises(OSError):
            here.open(b"link")


def test_a_missing_directory_is_an_error_that_names_it(system, tmp_path):
    with pytest.raises(StorageError, match="a/b"):
        open_place(os.fsencode(tmp_path), b"a/b")


def test_a_root_behind_a_link_of_the_repository_is_refused(tmp_path):
    (tmp_path / "real").mkdir()
    os.symlink("real", tmp_path / "data")

    with pytest.raises(UnsafePathError, match="data"):
        check_real_directories(tmp_path, b"data/x")
    check_real_directories(tmp_path, b"data")
    check_real_directories(tmp_path, b"real/x")
    check_real_directories(tmp_path, b"missing/deep/x")
