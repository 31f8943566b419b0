"""What goes wrong on the way to a real server is asked for again, or told; never taken for an answer."""

import dataclasses
import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from datav.errors import RefusedError, RemoteError
from datav.settings import TransferSettings
from datav.storage.attempts import Patience
from datav.storage.objects import Objects
from datav.storage.opening import open_objects
from tests.support.faultproxy import FaultProxy
from tests.support.servers import Server

CLOUDS = ("s3", "gcs", "azure")
DATA = random.Random(1).randbytes(300_000)
NAME = "packs/0f.pack"

# Tests do not wait for what comes back by itself.
HASTE = Patience(first_s=0.01, longest_s=0.05)

PUT = "^(PUT|POST) .*0f.pack"
READ = "^GET .*0f.pack"
LIST = "^GET .*prefix="
DELETE = "^DELETE "

DENIED = "<Error><Code>AccessDenied</Code><Message>told to</Message></Error>"
BROKEN = "<Error><Code>InternalError</Code><Message>told to</Message></Error>"

UP = [
    {"do": "refuse"},
    {"do": "reset", "after": 0},
    {"do": "reset", "after": 100_000},
    {"do": "cut", "after": 100_000},
    {"do": "drop_response"},
    {"do": "status", "code": 500, "body": BROKEN},
    {"do": "status", "code": 503},
    {"do": "status", "code": 429},
]
DOWN = [
    {"do": "refuse"},
    {"do": "reset"},
    {"do": "cut_down", "after": 0},
    {"do": "cut_down", "after": 100},
    {"do": "drop_response"},
    {"do": "status", "code": 500, "body": BROKEN},
    {"do": "status", "code": 503},
]


def said(rule: dict[str, object]) -> str:
    return "-".join(str(rule[key]) for key in ("do", "after", "code") if key in rule)


class Way:
    """A place that is reached through a proxy, and the proxy."""

    def __init__(self, server: Server, proxy: FaultProxy) -> None:
        self.proxy = proxy
        self.settings = server.through(proxy.start(server.port)).settings()
        self._opened: list[Objects] = []

    def open(self, *, patience: Patience = HASTE, stall_timeout_s: float = 60) -> Objects:
        transfer = TransferSettings(stall_timeout_s=stall_timeout_s)
        self._opened.append(open_objects(self.settings, transfer, root=Path("/"), patience=patience))
        return self._opened[-1]

    def close(self) -> None:
        for objects in self._opened:
            objects.close()


@pytest.fixture(params=CLOUDS)
def way(request: pytest.FixtureRequest, fault_proxy: FaultProxy) -> Iterator[Way]:
    way = Way(request.getfixturevalue(f"{request.param}_server"), fault_proxy)
    yield way
    way.close()


def test_each_verb_is_one_request(way, tmp_path):
    source = tmp_path / "pack"
    source.write_bytes(bytes(64 * 2**20))
    place = way.open()

    for ask in (
        lambda: place.put(NAME, source),
        lambda: place.put("packs/empty", b""),
        lambda: place.list("packs"),
        lambda: place.list("nowhere"),
        lambda: place.read(NAME, 5, 2**23),
        lambda: place.read("packs/empty", 0, 2**23),
        lambda: place.delete(NAME),
    ):
        way.proxy.forget()
        counted = place.traffic.requests

        ask()

        assert len(way.proxy.log()) == 1, way.proxy.log()
        assert place.traffic.requests == counted + 1


@pytest.mark.parametrize("rule", UP, ids=said)
def test_a_put_that_fails_is_sent_again(way, rule):
    place = way.open()
    way.proxy.rules([{**rule, "match": PUT, "times": 1}])
    sent = []

    place.put(NAME, DATA, sent=sent.append)

    assert way.proxy.count(PUT) == 2
    assert place.read(NAME) == DATA
    assert sum(sent) == len(DATA)


@pytest.mark.parametrize("rule", [*DOWN, {"do": "cut_down", "after": 200_000}], ids=said)
def test_a_read_that_fails_is_asked_for_again(way, rule):
    place = way.open()
    place.put(NAME, DATA)
    way.proxy.rules([{**rule, "match": READ, "times": 1}])

    assert place.read(NAME, 10, 290_000) == DATA[10:290_000]
    assert way.proxy.count(READ) == 2


@pytest.mark.parametrize("rule", DOWN, ids=said)
def test_a_listing_that_fails_is_asked_for_again(way, rule):
    place = way.open()
    place.put(NAME, DATA)
    way.proxy.rules([{**rule, "match": LIST, "times": 1}])

    assert list(place.list("packs")) == ["0f.pack"]
    assert way.proxy.count(LIST) == 2


@pytest.mark.parametrize("rule", DOWN, ids=said)
def test_a_delete_that_fails_is_asked_for_again(way, rule):
    place = way.open()
    place.put(NAME, DATA)
    way.proxy.rules([{**rule, "match": DELETE, "times": 1}])

    place.delete(NAME)

    assert way.proxy.count(DELETE) == 2
    assert place.list("packs") == {}


def test_what_is_changed_on_its_way_is_put_again(way):
    place = way.open()
    way.proxy.rules([{"do": "corrupt", "after": 150_000, "match": PUT, "times": 1}])

    place.put(NAME, DATA)

    assert way.proxy.count(PUT) == 2
    assert place.read(NAME) == DATA


def test_what_is_changed_each_time_is_told(way):
    place = way.open()
    way.proxy.rules([{"do": "corrupt", "after": 150_000, "match": PUT}])

    with pytest.raises(RemoteError) as error:
        place.put(NAME, DATA)

    assert NAME in str(error.value)


def verbs(place: Objects) -> list[Callable[[], object]]:
    return [
        lambda: place.put(NAME, DATA),
        lambda: place.read(NAME),
        lambda: place.list("packs"),
        lambda: place.delete(NAME),
    ]


@pytest.mark.parametrize("code", [401, 403])
def test_what_is_refused_is_not_asked_for_again(way, code):
    place = way.open()
    place.put(NAME, DATA)
    way.proxy.rules([{"do": "status", "code": code, "body": DENIED, "match": "."}])

    for ask in verbs(place):
        way.proxy.forget()

        with pytest.raises(RefusedError) as error:
            ask()

        assert len(way.proxy.log()) == 1
        assert "packs" in str(error.value)
        assert error.value.hint


def test_a_server_that_never_recovers_is_given_up(way):
    place = way.open()
    place.put(NAME, DATA)
    way.proxy.rules([{"do": "status", "code": 503, "match": "."}])

    for ask in verbs(place):
        way.proxy.forget()

        with pytest.raises(RemoteError) as error:
            ask()

        assert not isinstance(error.value, RefusedError)
        assert len(way.proxy.log()) == HASTE.attempts
        assert f"after {HASTE.attempts} attempts" in str(error.value)


@pytest.mark.parametrize("kind", [*CLOUDS, "sftp", "http"])
def test_a_server_that_is_not_there_is_given_up(request, kind, fault_proxy):
    way = Way(request.getfixturevalue(f"{kind}_server"), fault_proxy)
    place = way.open()
    way.proxy.stop()

    with pytest.raises(RemoteError) as error:
        place.list("packs")

    assert "connect" in str(error.value)
    assert f"after {HASTE.attempts} attempts" in str(error.value)
    assert place.traffic.requests == HASTE.attempts


def test_a_server_that_hangs_is_asked_again(way):
    place = way.open(stall_timeout_s=2)
    place.list("packs")

    for name, ask in zip("PGGD", verbs(place), strict=True):
        # Google's buckets are put to with POST, and that is the only POST there is.
        (rule,) = way.proxy.rules([{"do": "blackhole", "match": f"^({name})", "times": 1}])

        ask()

        assert rule.fired == 1


def test_a_server_that_always_hangs_is_given_up(way):
    patience = dataclasses.replace(HASTE, attempts=2)
    place = way.open(patience=patience, stall_timeout_s=0.3)
    way.proxy.rules([{"do": "blackhole", "match": "."}])

    for ask in verbs(place):
        with pytest.raises(RemoteError):
            ask()


def test_closing_ends_what_hangs(way):
    place = way.open()
    fired = way.proxy.rules([{"do": "blackhole", "match": "."}])
    errors: list[Exception] = []

    def ask() -> None:
        try:
            place.list("packs")
        except RemoteError as exc:
            errors.append(exc)

    thread = threading.Thread(target=ask)
    thread.start()
    while not fired[0].fired:
        thread.join(0.01)
    place.close()
    thread.join()

    assert len(errors) == 1


@pytest.fixture
def host(sftp_server, fault_proxy: FaultProxy) -> Iterator[Way]:
    way = Way(sftp_server, fault_proxy)
    yield way
    way.close()


@pytest.mark.parametrize(
    "rule", [{"do": "reset", "after": 150_000}, {"do": "cut", "after": 150_000}], ids=said
)
def test_a_put_over_a_connection_that_breaks_is_sent_again(host, rule):
    place = host.open()
    host.proxy.rules([{**rule, "times": 1}])

    place.put(NAME, DATA)

    assert place.read(NAME) == DATA
    assert list(place.list("packs")) == ["0f.pack"]


@pytest.mark.parametrize("rule", [{"do": "refuse"}, {"do": "cut_down", "after": 150_000}], ids=said)
def test_a_read_over_a_connection_that_breaks_is_asked_for_again(host, rule):
    host.open().put(NAME, DATA)
    place = host.open()
    host.proxy.rules([{**rule, "times": 1}])

    assert place.read(NAME) == DATA


def test_a_host_that_hangs_is_asked_again(host):
    host.open().put(NAME, DATA)
    place = host.open(stall_timeout_s=2)
    host.proxy.rules([{"do": "blackhole", "times": 1}])

    assert place.read(NAME) == DATA


def test_a_host_that_is_not_known_is_refused(sftp_server, tmp_path):
    settings = sftp_server.settings()
    known = tmp_path / "known_hosts"
    known.touch()
    stranger = dataclasses.replace(settings, options={**settings.options, "known_hosts": str(known)})
    place = open_objects(stranger, TransferSettings(), root=Path("/"), patience=HASTE)

    with pytest.raises(RefusedError) as error:
        place.list("packs")

    assert "SHA256:" in str(error.value)
    assert "ssh " in str(error.value.hint)
    assert known.read_text() == ""


def test_a_key_that_is_not_known_is_refused(sftp_server):
    settings = sftp_server.settings()
    key = {"key_filename": str(sftp_server.unknown_key), "look_for_keys": False, "allow_agent": False}
    stranger = dataclasses.replace(settings, options={**settings.options, **key})
    place = open_objects(stranger, TransferSettings(), root=Path("/"), patience=HASTE)

    with pytest.raises(RefusedError):
        place.list("packs")

    assert place.traffic.requests == 1


def test_a_web_server_without_ranges_is_not_taken_for_one_with(http_server, fault_proxy):
    way = Way(http_server, fault_proxy)
    place = way.open()
    way.proxy.rules([{"do": "status", "code": 200, "body": "0123456789", "match": "^GET"}])

    with pytest.raises(RemoteError) as error:
        place.read(NAME, 3, 5)

    assert "range" in str(error.value.hint)
    assert way.proxy.count() == 1


@pytest.mark.parametrize("page", ["<html><body>Welcome</body></html>", '{"a": 1}', ""])
def test_a_web_server_without_listings_is_not_taken_for_an_empty_one(http_server, fault_proxy, page):
    way = Way(http_server, fault_proxy)
    place = way.open()
    way.proxy.rules([{"do": "status", "code": 200, "body": page, "match": "^GET"}])

    with pytest.raises(RemoteError) as error:
        place.list("packs")

    assert "autoindex" in str(error.value.hint)
