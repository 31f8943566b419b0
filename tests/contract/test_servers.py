"""The servers of tests/support do what tests rely on."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import fsspec
import pytest

from tests.support import daemons, faultproxy
from tests.support.servers import Server

BODY = bytes(range(256)) * 1000


def put(server: Server, settings, name: str, body: bytes) -> None:
    """Put an object below a remote as its owner would."""
    writable = server.writable(settings)
    if writable == settings:
        fs, path = server.filesystem(), server.path(settings)
    else:
        fs, path = fsspec.filesystem("file"), writable.url
    if server.kind in ("directory", "sftp", "http"):
        fs.makedirs(f"{path}/{name}".rpartition("/")[0], exist_ok=True)
    with fs.open(f"{path}/{name}", "wb") as file:
        file.write(body)


def names(server: Server, settings) -> set[str]:
    found = server.filesystem().find(server.path(settings))
    return {path.rstrip("/").rpartition("/")[2] for path in found}


@pytest.fixture(params=["s3", "azure", "gcs", "sftp", "http"])
def killable(request):
    return request.getfixturevalue(f"{request.param}_server")


def test_what_is_put_is_read_by_ranges_and_listed(any_server):
    remote = any_server.settings()
    put(any_server, remote, "packs/a.pack", BODY)
    put(any_server, remote, "packs/b.pack", b"")

    fs, path = any_server.filesystem(), any_server.path(remote)

    assert fs.cat_file(f"{path}/packs/a.pack") == BODY
    assert fs.cat_file(f"{path}/packs/a.pack", start=1000, end=3000) == BODY[1000:3000]
    assert names(any_server, remote) == {"a.pack", "b.pack"}


def test_two_remotes_on_a_server_share_nothing(any_server):
    first, second = any_server.settings(), any_server.settings()
    put(any_server, first, "packs/a.pack", BODY)

    assert first.url != second.url
    assert not any_server.filesystem().exists(f"{any_server.path(second)}/packs/a.pack")


def test_settings_can_be_said_otherwise(any_server):
    remote = any_server.settings("backup", "place", profile="p")

    assert (remote.name, remote.profile) == ("backup", "p")
    assert remote.url.rstrip("/").endswith("/place")


def test_a_kill_ends_it_and_what_it_keeps_is_there_when_it_runs_again(killable):
    remote = killable.settings()
    put(killable, remote, "packs/a.pack", BODY)

    killable.kill()
    ended = not daemons.is_taken(killable.port)
    killable.restart()
    put(killable, remote, "packs/b.pack", BODY)

    assert ended
    assert names(killable, remote) >= ({"a.pack", "b.pack"} if killable.keeps else {"b.pack"})


def test_settings_bring_back_a_server_that_another_test_has_killed(killable):
    killable.kill()

    remote = killable.settings()
    put(killable, remote, "packs/a.pack", BODY)

    assert killable.filesystem().cat_file(f"{killable.path(remote)}/packs/a.pack") == BODY


def test_all_can_be_reached_through_a_proxy(killable, fault_proxy):
    remote = killable.settings()
    put(killable, remote, "packs/a.pack", BODY)

    behind = killable.through(fault_proxy.start(killable.port))
    there = behind.settings(prefix=remote.url.rstrip("/").rpartition("/")[2])

    assert behind.filesystem().cat_file(f"{behind.path(there)}/packs/a.pack") == BODY
    assert killable.kind == "sftp" or fault_proxy.count("packs/a.pack|packs%2Fa.pack") > 0


def test_sftp_lets_only_its_key_in_and_is_known_by_its_own(sftp_server):
    paramiko = pytest.importorskip("paramiko")
    sftp_server.settings()
    client = paramiko.SSHClient()
    client.load_host_keys(str(sftp_server.known_hosts))
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    where = {"hostname": "127.0.0.1", "port": sftp_server.port, "look_for_keys": False, "allow_agent": False}

    client.connect(**where, key_filename=str(sftp_server.key))
    client.close()
    with pytest.raises(paramiko.AuthenticationException):
        client.connect(**where, key_filename=str(sftp_server.unknown_key))


def test_the_web_server_answers_the_ends_of_files_and_refuses_what_is_behind(http_server):
    remote = http_server.settings()
    (http_server.directory(remote) / "a").write_bytes(BODY)

    status, body = get(f"{remote.url}/a", "bytes=-10")
    assert (status, body) == (206, BODY[-10:])
    status, body = get(f"{remote.url}/a", f"bytes={len(BODY) - 5}-{len(BODY) + 100}")
    assert (status, body) == (206, BODY[-5:])
    with pytest.raises(urllib.error.HTTPError, match="416"):
        get(f"{remote.url}/a", f"bytes={len(BODY)}-")


def test_the_gcs_server_lists_by_pages_and_refuses_what_exists(gcs_server):
    remote = gcs_server.settings()
    fs, path = gcs_server.filesystem(), gcs_server.path(remote)
    for number in range(5):
        fs.pipe_file(f"{path}/packs/{number}", b"\r\n" * number)

    url = f"{remote.endpoint}/storage/v1/b/datav/o?maxResults=2&prefix={path.partition('/')[2]}/packs/"
    pages = [get(url)[1].decode()]
    while "nextPageToken" in pages[-1]:
        token = pages[-1].partition('"nextPageToken": "')[2].partition('"')[0]
        pages.append(get(f"{url}&pageToken={token}")[1].decode())

    assert [page.count('storage#object"') for page in pages] == [2, 2, 1]
    assert fs.cat_file(f"{path}/packs/3") == b"\r\n" * 3
    with pytest.raises(FileExistsError):
        fs.pipe_file(f"{path}/packs/3", b"", mode="create")


def test_a_server_ends_when_the_process_that_started_it_is_killed(tmp_path):
    starter = subprocess.Popen(
        [
            *[sys.executable, "-c"],
            "import sys, time; from pathlib import Path; from tests.support.daemons import Daemon\n"
            "daemon = Daemon([sys.executable, '-m', 'http.server', '{port}'], Path(sys.argv[1]) / 'log')\n"
            "daemon.start(); print(daemon.port, flush=True); time.sleep(1000)",
            str(tmp_path),
        ],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert starter.stdout is not None
    port = int(starter.stdout.readline())
    served = daemons.is_taken(port)

    os.kill(starter.pid, signal.SIGKILL)
    starter.wait()
    starter.stdout.close()

    assert served
    assert becomes_free(port)


def test_a_server_that_does_not_start_says_why(tmp_path):
    daemon = daemons.Daemon([sys.executable, "-c", "raise SystemExit('no luck')"], tmp_path / "log")

    with pytest.raises(AssertionError, match="no luck"):
        daemon.start()


# --- the proxy


@pytest.fixture
def site(http_server, fault_proxy):
    """A file of `BODY`, behind the proxy; its URL."""
    remote = http_server.settings()
    (http_server.directory(remote) / "a").write_bytes(BODY)
    port = fault_proxy.start(http_server.port)
    return remote.url.replace(str(http_server.port), str(port), 1) + "/a"


def get(url: str, byte_range: str | None = None) -> tuple[int, bytes]:
    request = urllib.request.Request(url, headers={} if byte_range is None else {"Range": byte_range})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.status, answer.read()


def becomes_free(port: int) -> bool:
    deadline = time.monotonic() + 60
    while daemons.is_taken(port) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not daemons.is_taken(port)


def outcome(url: str) -> object:
    """What a client sees: the body, or the class of the error."""
    try:
        return get(url)[1]
    except Exception as exc:
        return type(exc)


def test_the_proxy_counts_requests(site, fault_proxy):
    get(site)
    get(site, "bytes=0-9")

    assert fault_proxy.log() == [f"GET /{site.partition('://')[2].partition('/')[2]} HTTP/1.1"] * 2
    assert (fault_proxy.count("^GET"), fault_proxy.count("^PUT")) == (2, 0)
    fault_proxy.forget()
    assert fault_proxy.count() == 0


def test_a_rule_acts_at_the_nth_request_only(site, fault_proxy):
    fault_proxy.rules([{"do": "status", "match": "^GET", "nth": 2, "code": 404}])

    assert outcome(site) == BODY
    assert outcome(site) is urllib.error.HTTPError
    assert outcome(site) == BODY


def test_a_rule_acts_at_every_third_request_and_so_many_times(site, fault_proxy):
    fault_proxy.rules([{"do": "status", "match": "^GET", "every": 3, "times": 2}])

    assert [outcome(site) == BODY for _ in range(9)] == [
        True,
        True,
        False,
        True,
        True,
        False,
        True,
        True,
        True,
    ]


def test_a_rule_without_a_match_acts_on_connections(site, fault_proxy):
    (rule,) = fault_proxy.rules([{"do": "refuse", "times": 1}])

    assert isinstance(outcome(site), type)
    assert outcome(site) == BODY
    assert (rule.seen, rule.fired) == (2, 1)


@pytest.mark.parametrize("rule", ["reset", "cut", "drop_response", "refuse"])
def test_a_request_that_is_broken_gets_no_answer(site, fault_proxy, rule):
    fault_proxy.rules([{"do": rule, "match": "^GET"}])

    assert isinstance(outcome(site), type)
    assert fault_proxy.count() == 1


def test_an_answer_that_is_cut_is_short(site, fault_proxy):
    fault_proxy.rules([{"do": "cut_down", "match": "^GET", "after": 5000}])

    with socket.create_connection(("127.0.0.1", port_of(site)), timeout=60) as client:
        client.sendall(
            b"GET /" + site.rpartition("127.0.0.1")[2].partition("/")[2].encode() + b" HTTP/1.0\r\n\r\n"
        )
        answer = client.makefile("rb").read()

    assert len(answer) == 5000


def port_of(url: str) -> int:
    return int(url.split("/")[2].partition(":")[2])


def test_a_bit_is_flipped_in_an_answer(site, fault_proxy):
    fault_proxy.rules([{"do": "corrupt_down", "match": "^GET", "after": 100_000}])

    body = outcome(site)

    assert isinstance(body, bytes)
    assert len(body) == len(BODY)
    assert sum(a != b for a, b in zip(body, BODY, strict=True)) == 1


class Sink:
    """A server that takes what it is sent and answers nothing until the client has ended."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.taken = b""
        self.thread = threading.Thread(target=self.take, daemon=True)
        self.thread.start()

    def take(self) -> None:
        connection, _ = self.listener.accept()
        with connection:
            try:
                while piece := connection.recv(2**16):
                    self.taken += piece
            except ConnectionResetError:
                pass


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"do": "delay", "ms": 10}, BODY),
        ({"do": "rate", "bps": 10 * 2**20}, BODY),
        ({"do": "cut", "after": 1000}, BODY[:1000]),
        ({"do": "reset", "after": 1000}, BODY[:1000]),
        ({"do": "corrupt", "after": 1000}, BODY[:1000] + bytes([BODY[1000] ^ 1]) + BODY[1001:]),
        ({"do": "blackhole"}, b""),
    ],
    ids=lambda value: value["do"] if isinstance(value, dict) else "",
)
def test_a_rule_hurts_what_any_protocol_sends(fault_proxy, rule, expected):
    sink = Sink()
    fault_proxy.rules([rule])

    with socket.create_connection(("127.0.0.1", fault_proxy.start(sink.port)), timeout=60) as client:
        try:
            client.sendall(BODY)
            client.shutdown(socket.SHUT_WR)
            client.recv(1)
        except OSError:
            pass  # that is what some rules are for
    sink.thread.join(60)

    assert sink.taken == expected


def test_a_lost_answer_hides_that_the_object_is_there(s3_server, fault_proxy):
    fault_proxy.rules([{"do": "drop_response", "match": "^PUT", "times": 1}])
    behind = s3_server.through(fault_proxy.start(s3_server.port))
    url = f"http://127.0.0.1:{behind.port}/datav/lost-answer"

    request = urllib.request.Request(
        url, data=BODY, method="PUT", headers={"Content-Type": "application/octet-stream"}
    )

    with pytest.raises(OSError, match="reset"):
        urllib.request.urlopen(request, timeout=60)

    assert s3_server.filesystem().cat_file("datav/lost-answer") == BODY


def test_rules_that_mean_nothing_are_refused():
    proxy = faultproxy.FaultProxy()

    with pytest.raises(AssertionError):
        proxy.rules([{"do": "smile"}])
    with pytest.raises(TypeError):
        proxy.rules([{"do": "reset", "mach": "^PUT"}])
