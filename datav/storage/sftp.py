"""A directory on a host, over SFTP, through paramiko.

One connection, and a channel for each thread that is at work.  An object is written to `tmp/`, synced where
the server can, read back and renamed, so a name stands for all of its bytes or does not exist.
"""

import contextlib
import errno
import hashlib
import inspect
import logging
import os
import secrets
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import paramiko
from paramiko.sftp import CMD_EXTENDED

from datav.errors import UsageError
from datav.settings import RemoteSettings
from datav.storage.attempts import Attempt, Failure, Outcome, Patience
from datav.storage.bodies import Body
from datav.storage.distant import Stored
from datav.storage.durable import TEMPORARY_PREFIX
from datav.storage.objects import ObjectInfo

# OpenSSH allows ten sessions to a connection unless it is told otherwise.
_MOST_CHANNELS = 8
_PIECE = 2**20
# Of 32 KiB each: what is on its way at a time.  Without a limit a large read floods the server.
_REQUESTS_AHEAD = 128
_TEMPORARY = "tmp"
_KNOWN_HOSTS = "known_hosts"
"""Our own option; the others go to paramiko's `SSHClient.connect`."""
_OURS = {"self", "hostname", "port", "username", "timeout", "sock"}

# What it says of connections that break is in our errors; without a handler it goes to stderr too.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


class SftpPlace:
    """A directory on a host; created with the first object, though not its parents."""

    can_write = True

    def __init__(self, settings: RemoteSettings, patience: Patience) -> None:
        self.shown = settings.shown.rstrip("/")
        url = urlsplit(settings.url)
        if not url.hostname or not url.path.strip("/"):
            raise UsageError(
                f"{settings.shown} names no host, or no directory", hint="write `sftp://USER@HOST/PATH`"
            )
        self._root = unquote(url.path).rstrip("/")
        self._login = _login(url.hostname, url.port, url.username, url.password)
        self._options = dict(settings.options)
        self._known_hosts = self._options.pop(_KNOWN_HOSTS, None)
        _check_options(self._options)
        self._timeout_s = patience.stall_timeout_s
        self._lock = threading.Lock()
        self._slots = threading.Semaphore(_MOST_CHANNELS)
        self._client: paramiko.SSHClient | None = None
        self._idle: list[paramiko.SFTPClient] = []
        self._made: set[str] = set()

    def list(self, directory: str, attempt: Attempt) -> dict[str, ObjectInfo]:
        attempt.asked()
        with self._channel() as sftp:
            entries = sftp.listdir_attr(f"{self._root}/{directory}")
        return {
            entry.filename: ObjectInfo(entry.st_size or 0, entry.st_mtime, None)
            for entry in entries
            if stat.S_ISREG(entry.st_mode or 0)
        }

    def read(self, name: str, start: int, end: int | None, attempt: Attempt) -> bytes:
        attempt.asked()
        with self._channel() as sftp, sftp.open(f"{self._root}/{name}", "rb") as file:
            size = file.stat().st_size
            return b"".join(_iter_pieces(file, start, size if end is None else min(end, size), attempt))

    def put(self, name: str, body: Body, attempt: Attempt) -> Stored:
        attempt.asked()
        draft = f"{self._root}/{_TEMPORARY}/{TEMPORARY_PREFIX}{secrets.token_hex(8)}"
        final = f"{self._root}/{name}"
        with self._channel() as sftp:
            self._make_directory(sftp, f"{self._root}/{_TEMPORARY}")
            self._make_directory(sftp, final.rpartition("/")[0])
            try:
                _write(sftp, draft, body, attempt)
                stored = _read_back(sftp, draft, attempt)
                if stored == (body.size, body.md5):
                    _publish(sftp, draft, final)
            finally:
                # Renamed, or the connection is gone, or what is to be told is why it was to be removed.
                with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
                    sftp.remove(draft)
        return stored

    def look(self, name: str, attempt: Attempt) -> Stored:
        attempt.asked()
        with self._channel() as sftp:
            return Stored(sftp.stat(f"{self._root}/{name}").st_size, None)

    def delete(self, name: str, attempt: Attempt) -> None:
        attempt.asked()
        with self._channel() as sftp:
            sftp.remove(f"{self._root}/{name}")

    def failure(self, exc: Exception) -> Failure | None:
        if isinstance(exc, paramiko.BadHostKeyException):
            return Failure(
                Outcome.REFUSED,
                "the host shows another key than the one that is known",
                hint="somebody may be in between; if the key was changed on purpose, correct `known_hosts`",
            )
        if isinstance(exc, paramiko.AuthenticationException | paramiko.PasswordRequiredException):
            hint = "try `ssh` to that host; keys come from the agent, ~/.ssh, or the option `key_filename`"
            return Failure(Outcome.REFUSED, f"the login failed: {exc}", hint=hint)
        if isinstance(exc, OSError):
            return _failure_of_os(exc)
        if isinstance(exc, paramiko.SSHException | EOFError):
            return Failure(Outcome.AGAIN, str(exc) or "the connection was closed")
        return None

    def close(self) -> None:
        with self._lock:
            self._drop_connection()

    @contextlib.contextmanager
    def _channel(self) -> Iterator[paramiko.SFTPClient]:
        """Lend a channel; one on which anything but the wish itself failed is not used again."""
        with self._slots:
            sftp = self._take()
            try:
                yield sftp
            except (FileNotFoundError, PermissionError):
                self._idle.append(sftp)
                raise
            except BaseException:
                sftp.close()
                raise
            self._idle.append(sftp)

    def _take(self) -> paramiko.SFTPClient:
        with self._lock:
            transport = None if self._client is None else self._client.get_transport()
            if transport is None or not transport.is_active():
                self._drop_connection()
                self._client = self._connect()
                transport = self._client.get_transport()
            while self._idle:
                sftp = self._idle.pop()
                # Those of a connection that is gone are closed.
                if not sftp.get_channel().closed:
                    return sftp
        return self._open_channel(transport)

    def _open_channel(self, transport: paramiko.Transport) -> paramiko.SFTPClient:
        # paramiko waits for the answers to this without a limit.
        watch = threading.Timer(self._timeout_s, transport.close)
        watch.daemon = True
        watch.start()
        try:
            sftp = paramiko.SFTPClient.from_transport(transport)
        finally:
            watch.cancel()
        sftp.get_channel().settimeout(self._timeout_s)
        return sftp

    def _drop_connection(self) -> None:
        self._idle.clear()
        if self._client is not None:
            self._client.close()
            self._client = None

    def _connect(self) -> paramiko.SSHClient:
        client = paramiko.SSHClient()
        client.load_system_host_keys(self._known_hosts)
        client.set_missing_host_key_policy(_RefuseUnknown(self._login))
        timeouts = dict.fromkeys(
            ("timeout", "banner_timeout", "auth_timeout", "channel_timeout"), self._timeout_s
        )
        client.connect(**(timeouts | self._login | self._options))
        # Without this every request waits for the answer to the one before: 1 MB/s.
        client.get_transport().sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client

    def _make_directory(self, sftp: paramiko.SFTPClient, path: str) -> None:
        if path in self._made:
            return
        for directory in (self._root, path):
            # Says no also when it is there; if it is not, what follows says so.
            with contextlib.suppress(OSError):
                sftp.mkdir(directory)
        self._made.add(path)


class _RefuseUnknown(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]  # paramiko has no types
    """Says how to make a host known; never does so itself."""

    def __init__(self, login: dict[str, Any]) -> None:
        self._host, self._port = login["hostname"], login.get("port", 22)

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        port = "" if self._port == 22 else f"-p {self._port} "
        raise Failure(
            Outcome.REFUSED,
            f"the host is not known; its key is {key.fingerprint}",
            hint=f"connect once with `ssh {port}{self._host}` and compare the key before you accept it",
        )


def _login(host: str, port: int | None, user: str | None, password: str | None) -> dict[str, Any]:
    """Return who logs in where: what the URL says, else what OpenSSH's configuration says of the host."""
    given: dict[str, Any] = {"hostname": host}
    config = Path("~/.ssh/config").expanduser()
    said = paramiko.SSHConfig.from_path(config).lookup(host) if config.is_file() else {}
    if "hostname" in said:
        given["hostname"] = said["hostname"]
    if user or "user" in said:
        given["username"] = unquote(user) if user else said["user"]
    if port or "port" in said:
        given["port"] = port or int(said["port"])
    if password:
        given["password"] = unquote(password)
    if "identityfile" in said:
        given["key_filename"] = [key for key in said["identityfile"] if os.path.exists(key)]
    return given


def _check_options(options: dict[str, Any]) -> None:
    known = set(inspect.signature(paramiko.SSHClient.connect).parameters) - _OURS
    for name in options.keys() - known:
        raise UsageError(
            f"the option `{name}` of a remote means nothing to SFTP",
            hint=f"there are {', '.join(sorted(known | {_KNOWN_HOSTS}))}",
        )


def _iter_pieces(file: paramiko.SFTPFile, start: int, end: int, attempt: Attempt) -> Iterator[bytes]:
    spans = [(at, min(_PIECE, end - at)) for at in range(start, end, _PIECE)]
    for (_, size), piece in zip(
        spans, file.readv(spans, max_concurrent_prefetch_requests=_REQUESTS_AHEAD), strict=True
    ):
        attempt.received(len(piece))
        if len(piece) != size:
            raise Failure(Outcome.AGAIN, f"the answer ends {size - len(piece)} bytes early")
        yield piece


def _write(sftp: paramiko.SFTPClient, path: str, body: Body, attempt: Attempt) -> None:
    with body.reading(attempt) as reader, sftp.open(path, "wxb") as file:
        file.set_pipelined(True)
        while piece := reader.read(_PIECE):
            file.write(piece)
        file.flush()
        # An extension of OpenSSH; where there is none, the server knows when to sync.
        with contextlib.suppress(OSError):
            sftp._request(CMD_EXTENDED, "fsync@openssh.com", file.handle)


def _read_back(sftp: paramiko.SFTPClient, path: str, attempt: Attempt) -> Stored:
    hasher = hashlib.md5(usedforsecurity=False)
    with sftp.open(path, "rb") as file:
        size = file.stat().st_size
        for piece in _iter_pieces(file, 0, size, attempt):
            hasher.update(piece)
    return Stored(size, hasher.digest())


def _publish(sftp: paramiko.SFTPClient, draft: str, final: str) -> None:
    try:
        sftp.posix_rename(draft, final)
    except (FileNotFoundError, PermissionError):
        raise
    except OSError:
        # A server that is not OpenSSH renames onto nothing that is there.  What is there is the same object,
        # or what is left of one; that it is gone for a moment is seen as if it had never been put.
        with contextlib.suppress(FileNotFoundError):
            sftp.remove(final)
        sftp.rename(draft, final)


def _failure_of_os(exc: OSError) -> Failure:
    words = exc.strerror or str(exc) or type(exc).__name__
    if isinstance(exc, FileNotFoundError):
        return Failure(Outcome.MISSING, words)
    if exc.errno in (errno.EACCES, errno.EPERM):
        return Failure(Outcome.REFUSED, f"the server says: {words}", hint="check the permissions there")
    # The one thing that the protocol has to say of everything else that a server cannot do.
    if exc.errno is None and words in ("Failure", "Operation unsupported"):
        hint = "look at the server: is its disk full, is the directory there?"
        return Failure(Outcome.NEVER, f"the server says: {words}", hint=hint)
    return Failure(Outcome.AGAIN, words)
