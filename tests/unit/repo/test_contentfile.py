"""Open files: they read as files on disk do, and ask for no more than they should."""

import io
import random

import pytest

from datav.errors import UsageError
from datav.repo.contentfile import ContentFile, check_mode, open_text
from datav.repo.reading import open_content
from tests.support.datasets import random_bytes


@pytest.fixture
def opened(repo):
    """Returns a file of given bytes; what is asked of the reader is noted in `file.asked`."""
    repositories = []

    def make(content):
        repo.write("a.bin", content)
        repo.add("a.bin")
        context = repo.open()
        repositories.append(context)
        reader = open_content(context.__enter__(), "a.bin")
        file = ContentFile(reader, "a.bin")
        file.asked = []
        read_chunks = reader.read_chunks
        reader.read_chunks = lambda start, end: file.asked.append((start, end)) or read_chunks(start, end)
        return file

    yield make
    for context in repositories:
        context.__exit__(None, None, None)


@pytest.mark.parametrize("seed", range(4))
def test_it_reads_as_a_file_in_memory_does(opened, seed):
    content = b"".join(b"line %d\n" % number for number in range(20_000))
    file, twin, chance = opened(content), io.BytesIO(content), random.Random(seed)

    for _ in range(300):
        match chance.randrange(6):
            case 0:
                where = chance.randrange(len(content) + 10)
                assert file.seek(where) == twin.seek(where)
            case 1:
                size = chance.randrange(60_000)
                assert file.read(size) == twin.read(size)
            case 2:
                assert file.readline() == twin.readline()
            case 3:
                assert file.seek(-5, io.SEEK_END) == twin.seek(-5, io.SEEK_END)
            case 4:
                size = chance.randrange(1, 5000)
                mine, other = bytearray(size), bytearray(size)
                assert file.readinto(mine) == twin.readinto(other)
                assert mine == other
            case 5:
                got = file.read1(chance.randrange(1, 5000))
                assert got == twin.read(len(got))
        assert file.tell() == twin.tell()
    assert file.read() == twin.read()
    assert file.read() == file.read1() == file.readline() == b""


def test_who_seeks_gets_no_more_than_what_was_asked_for(opened):
    file = opened(random_bytes(500_000))

    for at in (0, 100_000, 101_000, 300_000):
        file.seek(at)
        file.read(40_000)

    assert all(end - start <= 40_000 for start, end in file.asked)


def test_who_reads_on_gets_more_at_a_time(opened):
    content = random_bytes(3_000_000)
    file = opened(content)

    assert b"".join(iter(lambda: file.read(1000), b"")) == content
    assert len(file.asked) < 10


def test_a_closed_file_is_read_no_more(opened):
    file = opened(b"content")
    file.close()
    file.close()

    for action in (file.read, file.tell, file.peek, lambda: file.seek(0)):
        with pytest.raises(ValueError, match="closed"):
            action()


def test_nothing_lies_before_the_start(opened):
    file = opened(b"content")

    with pytest.raises(ValueError):
        file.seek(-1)
    with pytest.raises(ValueError):
        file.seek(0, 7)
    assert file.read() == b"content"


def test_text_is_utf_8_unless_said_otherwise(opened):
    assert open_text(opened("größer\r\n".encode()), None, None, None).read() == "größer\n"
    assert open_text(opened("größer".encode("latin-1")), "latin-1", None, None).read() == "größer"


@pytest.mark.parametrize("mode", ["w", "wb", "a", "r+", "xb", "rw", ""])
def test_modes_of_writing_are_refused(mode):
    with pytest.raises(UsageError):
        check_mode(mode)
