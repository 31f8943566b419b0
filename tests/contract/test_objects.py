"""Every implementation of `Objects` keeps the same laws, over real servers."""

import hashlib
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from datav.errors import MissingObjectError, RefusedError
from datav.settings import RemoteSettings, TransferSettings
from datav.storage.attempts import Patience
from datav.storage.objects import Objects
from datav.storage.opening import open_objects
from tests.support.objects import MemoryObjects

KINDS = ("memory", "directory", "s3", "gcs", "azure", "sftp", "http")
WRITABLE = tuple(kind for kind in KINDS if kind != "http")

# Tests do not wait for what comes back by itself.
HASTE = Patience(first_s=0.01, longest_s=0.05)

PACK = f"packs/{'0f' * 32}.pack"
NAMES = (
    "format",
    PACK,
    f"index/{'a1' * 32}.idx",
    f"roots/{'5f' * 16}-{'0e' * 32}.root",
    f"collecting/{'c3' * 16}",
)


class Place(NamedTuple):
    """A place, and a way to put things there: the same but for plain web servers."""

    objects: Objects
    writer: Objects


def open_settings(settings: RemoteSettings) -> Objects:
    return open_objects(settings, TransferSettings(), root=Path("/"), patience=HASTE)


@pytest.fixture
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    if request.param == "memory":
        memory = MemoryObjects()
        yield Place(memory, memory)
        return
    server = request.getfixturevalue(f"{request.param}_server")
    settings = server.settings()
    objects = open_settings(settings)
    writer = objects if objects.can_write else open_settings(server.writable(settings))
    yield Place(objects, writer)
    writer.close()
    objects.close()


everywhere = pytest.mark.parametrize("place", KINDS, indirect=True)
where_we_write = pytest.mark.parametrize("place", WRITABLE, indirect=True)


@everywhere
@pytest.mark.parametrize("name", NAMES)
def test_what_was_put_is_read(place, name):
    place.writer.put(name, b"all of it")

    assert place.objects.read(name) == b"all of it"


@everywhere
def test_a_range_is_read(place):
    place.writer.put(PACK, b"0123456789")

    ranges = [(0, 1), (3, 7), (9, 10), (0, 10), (5, None), (0, None)]

    assert [place.objects.read(PACK, *span) for span in ranges] == [
        b"0123456789"[slice(*span)] for span in ranges
    ]


@everywhere
def test_a_range_ends_where_the_object_ends(place):
    place.writer.put(PACK, b"0123456789")

    ranges = [(5, 100), (9, 2**40), (10, 11), (2**40, 2**41), (10, None), (100, None)]

    assert [place.objects.read(PACK, *span) for span in ranges] == [
        b"0123456789"[slice(*span)] for span in ranges
    ]


@everywhere
def test_an_empty_range_is_empty(place):
    place.writer.put(PACK, b"0123456789")

    assert [place.objects.read(PACK, at, at) for at in (0, 5, 10, 20)] == [b""] * 4


@everywhere
def test_an_empty_object_is_there(place):
    place.writer.put(PACK, b"")

    assert place.objects.read(PACK) == b""
    assert place.objects.read(PACK, 0, 10) == b""
    assert [info.size for info in place.objects.list("packs").values()] == [0]


@everywhere
@pytest.mark.parametrize("span", [(), (3, 7), (5, None), (0, 0), (7, 7)])
def test_a_missing_object_is_said_to_be_missing(place, span):
    place.writer.put("packs/other", b"1")

    for name in (PACK, "nowhere/0f"):
        with pytest.raises(MissingObjectError) as error:
            place.objects.read(name, *span)

        assert name in str(error.value)


@everywhere
def test_a_directory_that_does_not_exist_is_empty(place):
    assert place.objects.list("packs") == {}

    place.writer.put("format", b"1")

    assert place.objects.list("packs") == {}


@everywhere
def test_a_listing_has_what_is_right_below(place):
    for name in (*NAMES, "packs/second", "packsmore/third"):
        place.writer.put(name, name.encode())

    found = place.objects.list("packs")

    assert {name: info.size for name, info in found.items()} == {
        PACK.removeprefix("packs/"): len(PACK),
        "second": 12,
    }


@everywhere
def test_a_listing_says_when_and_what(place):
    place.writer.put("packs/a", b"abc")

    (info,) = place.objects.list("packs").values()

    assert info.modified is None or info.modified > 1.6e9
    assert info.md5 in (None, hashlib.md5(b"abc").digest())


@everywhere
def test_a_listing_has_all_of_many(place):
    names = {f"{number:064x}.idx": number % 7 for number in range(1_500)}

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda name: place.writer.put(f"index/{name}", bytes(names[name])), names))

    assert {name: info.size for name, info in place.objects.list("index").items()} == names


@everywhere
def test_what_is_put_again_is_the_same(place):
    place.writer.put(PACK, b"same")
    place.writer.put(PACK, b"same")

    assert place.objects.read(PACK) == b"same"
    assert len(place.objects.list("packs")) == 1


@everywhere
def test_a_pack_is_put_from_a_file(place, tmp_path):
    source = tmp_path / "pack"
    source.write_bytes(random.Random(5).randbytes(64 * 2**20 + 100_000))
    sent = []

    place.writer.put(PACK, source, sent=sent.append)

    assert sum(sent) == source.stat().st_size
    assert place.objects.list("packs")[PACK.removeprefix("packs/")].size == source.stat().st_size
    assert place.objects.read(PACK) == source.read_bytes()


@everywhere
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer_is_put(place, kind):
    place.writer.put(PACK, kind(b"0123456789"))

    assert place.objects.read(PACK) == b"0123456789"


@everywhere
def test_threads_that_put_the_same_do_not_hurt_each_other(place):
    data = random.Random(6).randbytes(200_000)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: place.writer.put(PACK, data), range(16)))

    assert place.objects.read(PACK) == data
    assert len(place.objects.list("packs")) == 1


@everywhere
def test_threads_read_and_list_at_once(place):
    data = random.Random(7).randbytes(300_000)
    place.writer.put(PACK, data)

    with ThreadPoolExecutor(8) as threads:
        parts = list(
            threads.map(lambda at: place.objects.read(PACK, at, at + 10_000), range(0, 300_000, 10_000))
        )
        listings = list(threads.map(lambda _: place.objects.list("packs"), range(20)))

    assert b"".join(parts) == data
    assert [len(listing) for listing in listings] == [1] * 20


@where_we_write
def test_what_was_deleted_is_gone(place):
    place.objects.put(PACK, b"1")
    place.objects.put("packs/other", b"2")

    place.objects.delete(PACK)

    assert list(place.objects.list("packs")) == ["other"]
    with pytest.raises(MissingObjectError):
        place.objects.read(PACK)


@where_we_write
def test_deleting_what_is_not_there_is_fine(place):
    place.objects.delete(PACK)
    place.objects.put(PACK, b"1")

    place.objects.delete(PACK)
    place.objects.delete(PACK)

    assert place.objects.list("packs") == {}


@everywhere
def test_traffic_is_counted(place):
    place.writer.put(PACK, bytes(1_000_000))
    sent = place.writer.traffic.bytes_sent
    before = place.objects.traffic.requests

    place.objects.read(PACK, 0, 10_000)
    place.objects.list("packs")

    assert sent == 1_000_000
    assert place.objects.traffic.bytes_received >= 10_000
    assert place.objects.traffic.requests >= before + 2


@everywhere
def test_closing_twice_is_fine(place):
    place.objects.list("packs")

    place.objects.close()
    place.objects.close()


@pytest.mark.parametrize("place", ["http"], indirect=True)
def test_a_web_server_is_only_read(place):
    for ask in (lambda: place.objects.put(PACK, b"1"), lambda: place.objects.delete(PACK)):
        with pytest.raises(RefusedError):
            ask()

    assert not place.objects.can_write
    assert place.writer.list("packs") == {}
