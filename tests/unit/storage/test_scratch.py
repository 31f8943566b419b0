"""datav.storage.scratch: files that nobody needs after a command, and that nobody finds."""

import os

import pytest

from datav.errors import StorageError
from datav.storage.scratch import Scratch


def test_a_file_is_written_and_read(tmp_path):
    with Scratch(tmp_path) as scratch:
        first, second = scratch.file(), scratch.file()
        first.write(b"one")
        second.write(b"two")
        for file, content in ((first, b"one"), (second, b"two")):
            file.seek(0)
            assert file.read() == content


def test_nothing_is_left_when_it_ends(tmp_path):
    with Scratch(tmp_path) as scratch:
        files = [scratch.file() for _ in range(3)]
        files[0].close()

    assert all(file.closed for file in files)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_when_it_ends_in_an_error(tmp_path):
    def fail() -> None:
        with Scratch(tmp_path) as scratch:
            scratch.file().write(b"one")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="a file that is open has a name there")
def test_a_file_has_no_name_while_it_is_open(tmp_path):
    with Scratch(tmp_path) as scratch:
        scratch.file().write(b"one")

        assert list(tmp_path.iterdir()) == []


def test_a_directory_that_is_not_there_is_an_error(tmp_path):
    with Scratch(tmp_path / "missing") as scratch, pytest.raises(StorageError) as error:
        scratch.file()

    assert str(error.value).startswith("cannot make a temporary file: ")
