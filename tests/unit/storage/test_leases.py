"""Who may write and who may collect: docs/formats/store.md and ordering.md, O6."""

import json
import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from datav.errors import BusyError, StorageError
from datav.storage import leases
from datav.storage.leases import collector_lease, exclusive_lease, writer_lease


@pytest.fixture
def locks(tmp_path):
    return tmp_path


def _leave(path, **changes) -> None:
    """A lease as this process would write it, but for `changes`."""
    holder = {
        "host": socket.gethostname(),
        "machine": leases._machine(),
        "pid": os.getpid(),
        "started": leases._process_started(os.getpid()),
        "expires": time.time() + 600,
    }
    path.write_text(json.dumps(holder | changes))


def _dead_pid() -> int:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def test_writers_do_not_wait_for_writers(locks):
    with writer_lease(locks, wait_s=0), writer_lease(locks, wait_s=0):
        assert len(list(locks.iterdir())) == 2
    assert list(locks.iterdir()) == []


def test_a_live_writer_keeps_the_collector_away(locks):
    with writer_lease(locks):
        with pytest.raises(BusyError, match=f"process {os.getpid()}"), collector_lease(locks):
            pass
        assert len(list(locks.iterdir())) == 1
    with collector_lease(locks):
        pass
    assert list(locks.iterdir()) == []


def test_a_live_collector_keeps_writers_waiting_and_then_lets_them_in(locks):
    with ThreadPoolExecutor() as executor:
        with collector_lease(locks):
            with pytest.raises(BusyError), writer_lease(locks, wait_s=0):
                pass
            with writer_waiting(executor, locks) as waiting:
                pass
        assert waiting.result(10) == "wrote"


class writer_waiting:
    """Start a writer, and go on when its lease can be seen."""

    def __init__(self, executor, locks) -> None:
        self._locks = locks
        self._future = executor.submit(self._write)

    def _write(self) -> str:
        with writer_lease(self._locks, wait_s=10):
            assert not (self._locks / "collector").exists()
            return "wrote"

    def __enter__(self):
        while not list(self._locks.glob("writer-*")):
            time.sleep(0.01)
        assert not self._future.done()
        return self._future

    def __exit__(self, *_) -> None:
        pass


def test_there_is_one_collector(locks):
    with collector_lease(locks):
        with pytest.raises(BusyError), collector_lease(locks):
            pass
        assert [path.name for path in locks.iterdir()] == ["collector"]


def test_of_many_collectors_at_once_at_most_one_works_at_a_time(locks):
    _leave(locks / "collector", pid=_dead_pid())
    working, most = [], []

    def collect(_) -> None:
        try:
            with collector_lease(locks):
                working.append(1)
                most.append(len(working))
                time.sleep(0.002)
                working.pop()
        except BusyError:
            pass

    with ThreadPoolExecutor(8) as executor:
        list(executor.map(collect, range(64)))

    assert set(most) == {1}
    assert list(locks.iterdir()) == []


@pytest.mark.parametrize("name", ["writer-0123", "collector"])
def test_a_lease_of_a_dead_process_is_removed(locks, name):
    _leave(locks / name, pid=_dead_pid())

    with collector_lease(locks):
        pass

    assert list(locks.iterdir()) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it is told from /proc")
def test_a_lease_of_a_process_that_nobody_waited_for_is_removed(locks):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        _leave(locks / "writer-x", pid=child.pid, started=leases._process_started(child.pid))
        with pytest.raises(BusyError), collector_lease(locks):
            pass
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

        with collector_lease(locks):
            assert not (locks / "writer-x").exists()


@pytest.mark.parametrize("name", ["writer-0123", "collector"])
def test_a_lease_of_another_process_with_the_same_number_is_removed(locks, name):
    _leave(locks / name, started="1")

    with collector_lease(locks):
        pass

    assert list(locks.iterdir()) == []


@pytest.mark.parametrize("name", ["writer-0123", "collector"])
def test_a_lease_of_another_host_counts_until_it_runs_out(locks, name):
    _leave(locks / name, host="elsewhere", machine="another", started="1")
    with pytest.raises(BusyError, match="on elsewhere"), collector_lease(locks):
        pass

    _leave(locks / name, host="elsewhere", machine="another", started="1", expires=time.time() - 1)
    with collector_lease(locks):
        pass
    assert list(locks.iterdir()) == []


TORN = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"\xff\xfe",
    b"{}",
    b'{"host": 1, "pid": [], "started": 1, "expires": {}}',
    b'{"host": "h", "machine": "m", "pid": Infinity, "started": "1", "expires": 1}',
    b'{"host": "h", "machine": "m", "pid": 1, "started": "1", "expires": "nan"}',
    b"[" * 100_000,
    bytes(4096),
]


@pytest.mark.parametrize("torn", TORN, ids=range(len(TORN)))
@pytest.mark.parametrize("name", ["writer-0123", "collector"])
def test_a_torn_lease_is_removed(locks, name, torn):
    (locks / name).write_bytes(torn)

    with collector_lease(locks):
        pass

    assert list(locks.iterdir()) == []


def test_a_lease_of_no_process_is_dead_even_when_it_says_nothing_of_its_start(locks):
    _leave(locks / "writer-0123", pid=_dead_pid(), started="")

    with collector_lease(locks):
        pass

    assert list(locks.iterdir()) == []


def test_a_lease_that_cannot_be_read_is_not_taken_for_dead(locks, monkeypatch):
    _leave(locks / "writer-0123")
    real = open

    def refuse(path, *args):
        if path.name.startswith("writer-"):
            raise PermissionError(13, "Permission denied")
        return real(path, *args)

    monkeypatch.setattr(leases, "open", refuse, raising=False)

    with pytest.raises(StorageError), collector_lease(locks):
        pass
    assert [path.name for path in locks.iterdir()] == ["writer-0123"]


def test_a_lease_is_renewed_when_it_is_time_and_missed_when_it_is_gone(locks, monkeypatch):
    with writer_lease(locks) as lease:
        (path,) = locks.iterdir()
        first = path.read_bytes()
        lease.renew()
        assert path.read_bytes() == first

        later = time.time() + leases.RENEW_AFTER_S + 1
        monkeypatch.setattr(leases.time, "time", lambda: later)
        lease.renew()
        assert path.read_bytes() != first

        path.unlink()
        monkeypatch.setattr(leases.time, "time", lambda: later + leases.RENEW_AFTER_S + 1)
        with pytest.raises(BusyError):
            lease.renew()


def test_a_collector_whose_lease_was_taken_over_does_not_renew_it_nor_release_it(locks, monkeypatch):
    with collector_lease(locks) as lease:
        _leave(locks / "collector", host="elsewhere", machine="another")
        later = time.time() + leases.RENEW_AFTER_S + 1
        monkeypatch.setattr(leases.time, "time", lambda: later)

        with pytest.raises(BusyError):
            lease.renew()

    assert [path.name for path in locks.iterdir()] == ["collector"]


def test_a_dead_lease_that_was_replaced_meanwhile_is_not_removed(locks):
    path = locks / "collector"
    _leave(path, pid=_dead_pid())
    seen = path.read_bytes()
    _leave(path)
    live = path.read_bytes()

    leases._remove_dead(path, seen)

    assert path.read_bytes() == live
    assert list(locks.iterdir()) == [path]


def test_without_hard_links_there_is_still_one_collector(locks, monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)

    with collector_lease(locks):
        (locks / "probe").write_bytes(b"")
        with pytest.raises(BusyError):
            leases._claim_exclusively(locks / "probe", locks / "collector")
        with pytest.raises(BusyError), collector_lease(locks):
            pass


def test_a_container_of_the_same_name_with_process_numbers_of_its_own_counts_until_it_runs_out(locks):
    _leave(locks / "writer-0123", machine="same host name, other processes", pid=_dead_pid())

    with pytest.raises(BusyError), collector_lease(locks):
        pass


def test_a_lease_that_could_not_be_removed_is_not_waited_for(tmp_path, monkeypatch):
    path = tmp_path / "edit"
    unlink = Path.unlink
    failures = [OSError(5, "Input/output error")]

    def fail_once(self, missing_ok=False):
        if self == path and failures:
            raise failures.pop()
        unlink(self, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", fail_once)
    with exclusive_lease(path):
        pass
    assert path.exists()

    with exclusive_lease(path, wait_s=0):
        pass

    assert not path.exists()
