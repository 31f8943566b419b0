"""Server processes that end when the tests do, however these end.

    daemon = Daemon(["moto_server", "-p", "{port}"], log=directory / "log")
    daemon.start()          # on a free port; waits until it answers
    daemon.kill()           # SIGKILL to it and to its children
    daemon.start()          # again, on the same port

Each is held by a leash: this file, run as a script, reads from a pipe whose other end is ours alone.  That
end closes when we let go and also when we are killed; then the leash kills what it started.
"""

import ctypes
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

HOST = "127.0.0.1"

# Below the ports that systems give to outgoing connections: one of those may be taken while its server is
# down.  Each worker of a run of pytest has ports of its own.
_LOWEST_PORT, _WORKERS, _PORTS_EACH = 20_000, 12, 1_000

# Servers start in two seconds; a loaded machine may need many more.
_START_TIMEOUT_S = 120
_POLL_S = 0.05

_PR_SET_CHILD_SUBREAPER = 36


@dataclass(slots=True)
class Daemon:
    """A server that is started and killed at will."""

    command: list[str]
    """`{port}` stands for the port."""
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    """Beside our own."""
    port: int = 0
    """Found at the first start."""
    _leash: "subprocess.Popen[bytes] | None" = None

    @property
    def is_running(self) -> bool:
        return self._leash is not None and self._leash.poll() is None

    def start(self) -> None:
        """Start it and wait until it accepts connections; AssertionError with its log if it never does."""
        for _ in range(5):
            port = self.port or next(_ports)
            self._leash = self._spawn(port)
            if self._wait(port):
                self.port = port
                return
            self.kill()
        said = self.log.read_text(errors="replace")[-4000:]
        raise AssertionError(f"{self.command[0]} does not start:\n{said}")

    def kill(self) -> None:
        """SIGKILL to the server and its children, as a crash would do.  They are gone when it returns.

        Fine when it does not run.
        """
        leash, self._leash = self._leash, None
        if leash is None:
            return
        assert leash.stdin is not None
        leash.stdin.close()
        leash.wait()

    def _spawn(self, port: int) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, __file__, *(part.replace("{port}", str(port)) for part in self.command)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
                # Ctrl-C is for us: we may still want to ask the server something.
                start_new_session=True,
            )

    def _wait(self, port: int) -> bool:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while self.is_running and time.monotonic() < deadline:
            if is_taken(port):
                return True
            time.sleep(_POLL_S)
        return False


def is_taken(port: int) -> bool:
    """Whether something accepts connections there."""
    try:
        socket.create_connection((HOST, port), timeout=5).close()
    except OSError:
        return False
    return True


def _free_ports() -> Iterator[int]:
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = _LOWEST_PORT + worker % _WORKERS * _PORTS_EACH
    # Another run of pytest on this machine begins elsewhere.
    number = random.SystemRandom().randrange(_PORTS_EACH)
    while True:
        number = (number + 1) % _PORTS_EACH
        if not is_taken(first + number):
            yield first + number


_ports = _free_ports()


# --- the leash


def hold(command: list[str]) -> int:
    """Run `command` until it ends, or until standard input does; nothing of it is left then."""
    if sys.platform == "linux":
        # Children of the server become ours when it is gone, so that we can wait for their end too.
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    threading.Thread(target=_kill_when_let_go, args=[server.pid], daemon=True).start()
    status = server.wait()
    # If it was killed, its children were too; if it ended by itself, they must not stay.
    _kill_all(_descendants(os.getpid()))
    return status


def _kill_when_let_go(pid: int) -> None:
    # Not `sys.stdin`, which a thread must not hold while Python ends.
    os.read(0, 1)
    _kill_all([pid, *_descendants(pid)])


def _kill_all(pids: list[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it has ended
    for pid in pids:
        try:
            os.waitpid(pid, 0)
        except ChildProcessError:
            pass  # somebody else waited for it


def _descendants(pid: int) -> list[int]:
    """Return the children of a process, their children and so on; none where /proc does not tell."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name of the program, in parentheses, may hold anything.
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            pass  # it has ended
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


if __name__ == "__main__":
    sys.exit(hold(sys.argv[1:]))
