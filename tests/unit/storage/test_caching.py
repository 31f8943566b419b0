"""datav.storage.caching: what is damaged is as good as not there, and there is never too much of it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from datav.storage.caching import Cache

BODY = b"what was found out" * 10


@pytest.fixture
def cache(tmp_path) -> Cache:
    return Cache(tmp_path / "cache")


def file_of(tmp_path: Path, name: str) -> Path:
    return tmp_path / "cache" / name


def names_in(tmp_path: Path) -> set[str]:
    return {path.name for path in (tmp_path / "cache").iterdir()}


def read(cache: Cache, name: str) -> bytes | None:
    found = cache.read(name)
    return None if found is None else bytes(found)


def test_what_was_written_is_read(cache):
    cache.write("a", [BODY[:5], memoryview(BODY)[5:], b""])

    assert read(cache, "a") == BODY
    assert read(cache, "b") is None


def test_it_may_be_empty(cache):
    cache.write("a", [])

    assert read(cache, "a") == b""


def test_what_is_written_takes_the_place_of_what_was_there(cache):
    cache.write("a", [b"old"])
    held = cache.read("a")
    cache.write("a", [BODY])

    assert read(cache, "a") == BODY
    assert bytes(held) == b"old"


def test_nothing_is_made_before_something_is_written(cache, tmp_path):
    assert read(cache, "a") is None
    assert not (tmp_path / "cache").exists()


def test_a_byte_that_changed_anywhere_is_found(cache, tmp_path):
    cache.write("a", [BODY])
    path = file_of(tmp_path, "a")
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])

        assert read(cache, "a") is None


def test_a_file_that_was_cut_or_grew_is_as_good_as_none(cache, tmp_path):
    cache.write("a", [BODY])
    path = file_of(tmp_path, "a")
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])

        assert read(cache, "a") is None
    path.write_bytes(whole + b"\0")
    assert read(cache, "a") is None


@pytest.mark.parametrize("content", [b"", b"x", b"dvcache1", b"dvcache1" + bytes(8), b"a,b\n1,2\n" * 100])
def test_a_foreign_file_is_as_good_as_none_and_is_written_over(cache, tmp_path, content):
    cache.write("other", [b""])
    file_of(tmp_path, "a").write_bytes(content)

    assert read(cache, "a") is None
    cache.write("a", [BODY])
    assert read(cache, "a") == BODY


def test_a_directory_in_place_of_a_file_is_as_good_as_none(cache, tmp_path):
    cache.write("b", [BODY])
    file_of(tmp_path, "a").mkdir()

    assert read(cache, "a") is None
    cache.write("a", [BODY])
    assert read(cache, "a") is None
    assert read(cache, "b") == BODY


def test_where_nothing_can_be_written_nothing_is_remembered(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    cache = Cache(tmp_path / "file" / "cache")

    cache.write("a", [BODY])

    assert read(cache, "a") is None


def test_what_was_used_longest_ago_goes_first(tmp_path):
    cache = Cache(tmp_path / "cache", max_bytes=4 * (len(BODY) + 16))
    for age_s, name in enumerate("abcd"):
        cache.write(name, [BODY])
        # In the past, so that what is read or written later counts as newer.
        os.utime(file_of(tmp_path, name), (10**9 - age_s, 10**9 - age_s))
    cache.read("d")

    cache.write("e", [BODY])

    assert names_in(tmp_path) == {"a", "b", "d", "e"}


def test_a_directory_among_the_files_does_not_stop_the_removal(tmp_path):
    cache = Cache(tmp_path / "cache", max_bytes=2 * (len(BODY) + 16))
    cache.write("a", [BODY])
    file_of(tmp_path, "directory").mkdir()
    for name in ("directory", "a"):
        os.utime(file_of(tmp_path, name), (10**9, 10**9))
    os.utime(file_of(tmp_path, "directory"), (5, 5))

    for name in "bcd":
        cache.write(name, [BODY])

    assert len(names_in(tmp_path) - {"directory"}) <= 2


def test_something_that_would_fill_half_of_it_is_not_kept(tmp_path):
    cache = Cache(tmp_path / "cache", max_bytes=100)
    cache.write("a", [bytes(30)])
    cache.write("b", [bytes(51)])

    assert read(cache, "a") == bytes(30)
    assert read(cache, "b") is None


WRITER = """
import sys
from pathlib import Path
from datav.storage.caching import Cache

cache = Cache(Path(sys.argv[1]), max_bytes=20_000)
for number in range(200):
    name = str(number % 7)
    cache.write(name, [sys.argv[2].encode() * (100 * (number % 7 + 1))])
    found = cache.read(name)
    assert found is None or bytes(found) in (b"x" * len(found), b"y" * len(found)), name
"""


def test_two_processes_write_at_the_same_time(tmp_path):
    command = [sys.executable, "-c", WRITER, str(tmp_path / "cache")]
    running = [subprocess.Popen([*command, letter], stderr=subprocess.PIPE) for letter in "xy"]

    complaints = [process.communicate()[1] for process in running]

    assert complaints == [b"", b""]
    cache = Cache(tmp_path / "cache")
    assert names_in(tmp_path) <= set("0123456")
    for name in names_in(tmp_path):
        assert len(read(cache, name)) == 100 * (int(name) + 1)
