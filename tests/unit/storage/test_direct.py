"""Reading and writing past the page cache gives the bytes that reading and writing through it gives."""

import errno
import os
import random

import pytest

from datav.errors import StorageError
from datav.storage import direct, durable
from datav.storage.direct import ALIGNMENT, StreamWriter, allocate, open_for_reading, read_at

STAGING = 4 * ALIGNMENT


@pytest.fixture
def stream(tmp_path, monkeypatch):
    monkeypatch.setattr(direct, "STAGING_SIZE", STAGING)
    fd, path = durable.create_temporary(tmp_path)
    yield StreamWriter(fd, path), fd, path
    os.close(fd)


def _parts(sizes: list[int]) -> list[bytes]:
    rng = random.Random(7)
    return [rng.randbytes(size) for size in sizes]


SIZES = [
    [],
    [0],
    [1],
    [STAGING],
    [STAGING - 1, 1, 1],
    [STAGING + 1],
    [3 * STAGING, 5, 0, 2 * STAGING - 5],
    [100] * 1000,
]


@pytest.mark.parametrize("sizes", SIZES, ids=range(len(SIZES)))
def test_what_is_written_is_in_the_file(stream, sizes):
    writer, _, path = stream
    parts = _parts(sizes)

    for part in parts:
        writer.write([part, memoryview(part)])
    writer.finish()

    assert path.read_bytes() == b"".join(part + part for part in parts)


@pytest.mark.parametrize("refusals", [1, 2, 3])
def test_a_file_system_that_refuses_direct_writes_gets_every_byte_once(stream, monkeypatch, refusals):
    writer, _, path = stream
    real, left = os.writev, [refusals]

    def partly(fd, parts):
        # Takes some of it and only then finds out that it cannot.
        if left[0] and sum(map(len, parts)) == STAGING:
            return real(fd, [memoryview(parts[0])[:ALIGNMENT]])
        if left[0]:
            left[0] -= 1
            raise OSError(errno.EINVAL, "Invalid argument")
        return real(fd, parts)

    monkeypatch.setattr(os, "writev", partly)
    parts = _parts([STAGING, STAGING, 2 * STAGING, 77])
    try:
        writer.write(parts)
        writer.finish()
    except StorageError:
        return
    assert path.read_bytes() == b"".join(parts)


def test_a_write_that_fails_is_an_error(stream, monkeypatch):
    writer, _, _ = stream

    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "writev", refuse)

    with pytest.raises(StorageError):
        writer.write(_parts([3 * STAGING]))


@pytest.mark.parametrize("size", [0, 1, ALIGNMENT - 1, ALIGNMENT, ALIGNMENT + 1, 5 * ALIGNMENT + 123])
@pytest.mark.parametrize("offset", [0, 1, ALIGNMENT, ALIGNMENT + 1, 4 * ALIGNMENT])
@pytest.mark.parametrize("length", [0, 1, ALIGNMENT, 6 * ALIGNMENT])
def test_any_part_of_a_file_is_read(tmp_path, size, offset, length):
    data = random.Random(1).randbytes(size)
    (tmp_path / "f").write_bytes(data)

    for evict in (False, True):
        with open_for_reading(tmp_path / "f", 2**20 if evict else length) as (cached, uncached):
            if evict and hasattr(os, "posix_fadvise"):
                os.fsync(cached)
                os.posix_fadvise(cached, 0, 0, os.POSIX_FADV_DONTNEED)
            buffer = allocate(length)[:length]
            got = read_at(cached, uncached, buffer, offset)

        assert bytes(buffer[:got]) == data[offset : offset + length]


def test_a_buffer_is_aligned_and_large_enough():
    for size in (0, 1, ALIGNMENT, ALIGNMENT + 1):
        buffer = allocate(size)
        assert size <= len(buffer) <= size + ALIGNMENT
        assert len(buffer) % ALIGNMENT == 0
