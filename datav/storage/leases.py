"""Leases: who is writing to a store, and who is collecting.

A lease is a file that its owner renews; a dead owner's lease is ignored and removed (docs/formats/store.md).
Writers never wait for writers.  A writer waits for a live collector, a collector gives up when there is a
live writer.  Both write their own lease first and look for the other second, so they cannot both miss each
other; creating a file is all that is asked of the file system, so this works on NFS too.
"""

import contextlib
import json
import os
import secrets
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from datav.errors import BusyError, StorageError
from datav.storage.durable import TEMPORARY_PREFIX, storage_error, translating, write_atomic

# Long, because a laptop may sleep and a sync may stall; a dead process on this host is noticed at once
# anyway.
LIFETIME_S = 600.0
RENEW_AFTER_S = 60.0
_MAX_LEASE = 4096
_COLLECTOR = "collector"
_WRITER_PREFIX = "writer-"
_USER_PREFIX = "user-"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lease."""

    host: str
    pid: int
    started: str
    expires: float
    machine: str
    """What tells machines, and containers on one, apart: their process numbers mean nothing to each other."""

    def is_alive(self, now: float) -> bool:
        if self.machine == _machine() and os.name != "nt":
            return self.started != "" and _process_started(self.pid) == self.started
        return now < self.expires

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


_abandoned: set[bytes] = set()
"""What is in leases that this process gave up and could not remove: it must not wait for itself."""


class Lease:
    """A lease held by this process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._renewed = 0.0
        self._written = b""
        self._token = secrets.token_hex(8)
        self.renew()

    @property
    def path(self) -> Path:
        return self._path

    def renew(self) -> None:
        """Keep the lease.  Cheap to call often.

        Raises:
            BusyError: somebody took it away, because it had run out; what was done under it cannot be
            trusted.
        """
        now = time.time()
        if now - self._renewed < RENEW_AFTER_S:
            return
        if self._renewed and not self._is_ours():
            raise BusyError(
                "this command was stopped for so long that its lease on the store ran out",
                hint="run it again: what it stored is reused",
            )
        holder = {
            "host": socket.gethostname(),
            "machine": _machine(),
            "pid": os.getpid(),
            "started": _process_started(os.getpid()),
            "expires": now + LIFETIME_S,
            "token": self._token,
        }
        written = json.dumps(holder).encode()
        write_atomic(self._path, written, sync=False)
        self._written = written
        self._renewed = now

    def release(self) -> None:
        try:
            if self._is_ours():
                self._path.unlink(missing_ok=True)
        except (OSError, StorageError):
            _abandoned.add(self._written)

    def _is_ours(self) -> bool:
        """Whether the file is still the one that we wrote:
        who takes us for dead may remove it and write another."""
        return _read_lease(self._path) == self._written


@contextlib.contextmanager
def writer_lease(directory: Path, *, wait_s: float = 60.0) -> Iterator[Lease]:
    """Hold a writer's lease; wait while a collector is at work.

    Raises:
        BusyError: the collector is still at work after `wait_s` seconds.
    """
    lease = Lease(directory / f"{_WRITER_PREFIX}{secrets.token_hex(8)}")
    try:
        end = time.monotonic() + wait_s
        while (holder := _live_holder(directory / _COLLECTOR)) is not None:
            if time.monotonic() > end:
                raise BusyError(
                    f"the store is being collected by {holder}", hint="wait for `datav gc` to end"
                )
            time.sleep(0.05)
        yield lease
    finally:
        lease.release()


@contextlib.contextmanager
def exclusive_lease(path: Path, *, wait_s: float = 60.0) -> Iterator[Lease]:
    """Hold the lease `path`, which one process at a time can; wait for others to give it up.

    Raises:
        BusyError: another process still holds it after `wait_s` seconds.
    """
    claim = path.with_name(f"{path.name}-{secrets.token_hex(8)}")
    lease = Lease(claim)
    try:
        end = time.monotonic() + wait_s
        while not _is_claimed(claim, path):
            if time.monotonic() > end:
                raise BusyError(f"{_live_holder(path)} is changing this work tree", hint="wait for it to end")
            time.sleep(0.01)
        lease = _moved(lease, claim, path)
        yield lease
    finally:
        lease.release()


def _is_claimed(claim: Path, path: Path) -> bool:
    if _live_holder(path) is not None:
        return False
    try:
        _claim_exclusively(claim, path)
    except BusyError:
        return False
    return True


def user_lease(directory: Path) -> Lease:
    """Say that this process makes temporary files in the place that `directory` is kept for, until released.

    Keeps nobody out: `find_other_user` tells whether what lies there may be somebody's.
    """
    return Lease(directory / f"{_USER_PREFIX}{secrets.token_hex(8)}")


def find_other_user(directory: Path, own: Lease | None) -> Holder | None:
    """Return one who holds a `user_lease` and lives, other than `own`; remove the leases of the dead.

    Raises:
        StorageError: a lease cannot be read, so nobody knows.
    """
    found = None
    try:
        paths = list(directory.iterdir())
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise storage_error(exc, "list", directory) from exc
    for path in paths:
        if path.name.startswith(TEMPORARY_PREFIX) or (own is not None and path == own.path):
            continue
        holder = _live_holder(path)
        if holder is not None and path.name.startswith(_USER_PREFIX):
            found = holder
    return found


def find_dead(directory: Path) -> list[Path]:
    """Return the leases in `directory` whose holders live no more.  They keep nobody out.

    Raises:
        StorageError: one cannot be read.
    """
    dead = []
    with translating("list", directory):
        paths = sorted(directory.iterdir()) if directory.is_dir() else []
    for path in paths:
        data = _read_lease(path)
        holder = parse_lease(data) if data is not None else None
        if data is not None and (holder is None or not holder.is_alive(time.time())):
            dead.append(path)
    return dead


@contextlib.contextmanager
def collector_lease(directory: Path) -> Iterator[Lease]:
    """Hold the collector's lease.

    Raises:
        BusyError: another collector or a writer is at work.
    """
    path = directory / _COLLECTOR
    holder = _live_holder(path)
    if holder is not None:
        raise BusyError(f"the store is being collected by {holder} already")
    claim = directory / f"{_COLLECTOR}-{secrets.token_hex(8)}"
    lease = Lease(claim)
    try:
        _claim_exclusively(claim, path)
        lease = _moved(lease, claim, path)
        for writer in directory.glob(f"{_WRITER_PREFIX}*"):
            holder = _live_holder(writer)
            if holder is not None:
                raise BusyError(f"{holder} is writing to the store", hint="run `datav gc` when it is done")
        yield lease
    finally:
        lease.release()


def _claim_exclusively(claim: Path, path: Path) -> None:
    try:
        os.link(claim, path)
    except FileExistsError as exc:
        raise BusyError("the store is being collected already") from exc
    except OSError:
        # No hard links here (FAT, some network shares): creating with O_EXCL is the next best.
        try:
            with open(path, "xb") as file:
                file.write(claim.read_bytes())
        except FileExistsError as exc:
            raise BusyError("the store is being collected already") from exc
        except OSError as exc:
            raise storage_error(exc, "create", path) from exc


def _moved(lease: Lease, claim: Path, path: Path) -> Lease:
    lease.release()
    lease._path = path
    return lease


def _live_holder(path: Path) -> Holder | None:
    """Who holds the lease at `path`; None, and the file removed, when nobody who lives does.

    Raises:
        StorageError: it cannot be read, so nobody knows.
    """
    seen = _read_lease(path)
    if seen is None:
        return None
    holder = parse_lease(seen)
    # Torn by a power cut (leases are not synced): nobody who lives wrote it.
    if holder is not None and seen not in _abandoned and holder.is_alive(time.time()):
        return holder
    _remove_dead(path, seen)
    return None


def parse_lease(data: bytes) -> Holder | None:
    """Return who a lease names; None if it is no lease."""
    try:
        raw = json.loads(data)
        return Holder(
            host=str(raw["host"]),
            pid=int(raw["pid"]),
            started=str(raw["started"]),
            expires=float(raw["expires"]),
            machine=str(raw["machine"]),
        )
    except (ValueError, LookupError, TypeError, OverflowError, RecursionError):
        return None


def _read_lease(path: Path) -> bytes | None:
    """The bytes of a lease; None when it is gone."""
    try:
        with open(path, "rb") as file:
            return file.read(_MAX_LEASE)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise storage_error(exc, "read", path) from exc


def _remove_dead(path: Path, seen: bytes) -> None:
    """Remove the lease that held `seen`, and no other that took its name since: it may be alive."""
    aside = path.with_name(f"dead-{secrets.token_hex(8)}")
    with translating("remove", path):
        try:
            os.rename(path, aside)
        except FileNotFoundError:
            return
        if _read_lease(aside) != seen:
            with contextlib.suppress(FileExistsError):
                os.link(aside, path)
        aside.unlink(missing_ok=True)


def _machine() -> str:
    """What processes that can see each other have in common;
    the host's name where the system has nothing better."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return socket.gethostname()


def _process_started(pid: int) -> str:
    """What tells a process from a later one with the same number; "" when there is no such process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        state, threads, started = fields[0], fields[17], fields[19]
        # It has ended, and nobody has asked how: in a container that may stay so for ever.
        return "" if state in "ZX" and threads == "1" else started
    except OSError:
        pass
    if os.path.isdir("/proc/self"):
        return ""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return "unknown"
    except OSError:
        return ""
    return "unknown"
