"""Real servers that tests put remotes on, started when the first test asks for one.

    def test_a_push_can_be_fetched(s3_server):
        remote = s3_server.settings()               # a prefix that nobody has used

    def test_a_broken_connection(s3_server, fault_proxy):
        remote = s3_server.through(fault_proxy.start(s3_server.port)).settings()

    def test_it_holds_everywhere(any_server):
        remote = any_server.settings()
        push(any_server.writable(remote))           # plain HTTP is filled by its directory
        fetch(remote)

One of each kind for each worker, until the tests end; a test may kill one.  Where one is not installed the
test is skipped and says how to get it; in CI, on Linux, it fails.  docs/development/servers.md says what each
promises.
"""

import copy
import getpass
import importlib.util
import itertools
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest

from datav.settings import RemoteSettings
from tests.support.daemons import HOST, Daemon
from tests.support.faultproxy import FaultProxy

BUCKET = "datav"

_SUPPORT = Path(__file__).parent

# Said before tests are given a home of their own; the same as in .ci/servers.
_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
_INSTALLED = Path(os.environ.get("DATAV_TEST_SERVERS") or _CACHE / "datav-servers")
_AZURITE = _INSTALLED / "node_modules/azurite/dist/src/blob/main.js"

# Azurite knows this account, and its key is in its documentation.
_AZURE_ACCOUNT = "devstoreaccount1"
_AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


class Server:
    """One kind of server; the subclasses say how it is started and reached."""

    kind: ClassVar[str]
    keeps: ClassVar[bool] = True
    """Whether what it has acknowledged is there after `kill` and `restart`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._daemon = Daemon(self._command(), home / "log", self._server_environment())
        self._through: int | None = None
        self._numbers = itertools.count()

    @classmethod
    def missing(cls) -> str | None:
        """Return what is not installed and how to get it; None if all is there."""
        raise NotImplementedError

    @property
    def port(self) -> int:
        return self._through or self._daemon.port

    def settings(self, name: str = "origin", prefix: str | None = None, **over: Any) -> RemoteSettings:
        """Return where a remote is: below `prefix`, or below one that was never used.

        Starts the server again if a test has killed it.
        """
        if not self._daemon.is_running:
            self.restart()
        prefix = f"remote-{next(self._numbers)}" if prefix is None else prefix
        return RemoteSettings(**{"name": name, **self._address(prefix), **over})

    def through(self, port: int) -> "Server":
        """Return the same server, reached by another port, where a proxy listens."""
        other = copy.copy(self)
        other._through = port
        return other

    def writable(self, settings: RemoteSettings) -> RemoteSettings:
        """Return how to put what can be read at `settings`."""
        return settings

    def environment(self) -> dict[str, str]:
        """Return variables that those who want to reach it need; the process of the tests has them."""
        return {}

    def filesystem(self) -> Any:
        """Return a file system of fsspec that reaches it, to look and to damage behind datav's back."""
        raise NotImplementedError

    def path(self, settings: RemoteSettings) -> str:
        """Return where that file system has what `settings` names; no slash at the end."""
        return settings.url.partition("://")[2].rstrip("/")

    def kill(self) -> None:
        """SIGKILL, to its children too."""
        self._daemon.kill()

    def restart(self) -> None:
        """Start it again, on the same port."""
        self._daemon.start()
        self._prepare()

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _server_environment(self) -> dict[str, str]:
        return {}

    def _prepare(self) -> None:
        """Make what must be there before the first request."""

    def _address(self, prefix: str) -> dict[str, Any]:
        """Return arguments of RemoteSettings."""
        raise NotImplementedError

    def _own_url(self) -> str:
        return f"http://{HOST}:{self.port}"


class S3Server(Server):
    """moto: S3 in memory."""

    kind = "s3"
    keeps = False

    @classmethod
    def missing(cls) -> str | None:
        return _missing_modules("moto", "flask", "flask_cors", "s3fs")

    def environment(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": "datav",
            "AWS_SECRET_ACCESS_KEY": "datav-secret",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def filesystem(self) -> Any:
        return fsspec.filesystem(
            "s3", endpoint_url=self._own_url(), use_listings_cache=False, skip_instance_cache=True
        )

    def _command(self) -> list[str]:
        return [sys.executable, "-m", "moto.server", "-H", HOST, "-p", "{port}"]

    def _prepare(self) -> None:
        url = f"http://{HOST}:{self._daemon.port}/{BUCKET}"
        urllib.request.urlopen(urllib.request.Request(url, method="PUT"), timeout=60).close()

    def _address(self, prefix: str) -> dict[str, Any]:
        return {"url": f"s3://{BUCKET}/{prefix}", "endpoint": self._own_url(), "region": "us-east-1"}


class AzureServer(Server):
    """Azurite: Azure Blob over a directory.  Its catalogue is written every few seconds, not at every put."""

    kind = "azure"
    keeps = False

    @classmethod
    def missing(cls) -> str | None:
        if not _AZURITE.exists() or shutil.which("node") is None:
            return "Azurite is not installed; `.ci/servers` installs it"
        return _missing_modules("adlfs")

    def filesystem(self) -> Any:
        return fsspec.filesystem(
            "az", connection_string=self._connection(), use_listings_cache=False, skip_instance_cache=True
        )

    def _command(self) -> list[str]:
        return [
            *["node", str(_AZURITE), "--blobHost", HOST, "--blobPort", "{port}"],
            *["--location", str(self.home / "root"), "--silent", "--disableTelemetry"],
            # Clients on Windows and macOS may be newer than it.
            "--skipApiVersionCheck",
        ]

    def _prepare(self) -> None:
        fs = self.filesystem()
        if not fs.exists(BUCKET):
            fs.mkdir(BUCKET)

    def _address(self, prefix: str) -> dict[str, Any]:
        return {"url": f"az://{BUCKET}/{prefix}", "options": {"connection_string": self._connection()}}

    def _connection(self) -> str:
        return (
            f"DefaultEndpointsProtocol=http;AccountName={_AZURE_ACCOUNT};AccountKey={_AZURE_KEY};"
            f"BlobEndpoint={self._own_url()}/{_AZURE_ACCOUNT};"
        )


class GcsServer(Server):
    """Our own: the JSON API of Google Cloud Storage over a directory."""

    kind = "gcs"

    @classmethod
    def missing(cls) -> str | None:
        return _missing_modules("gcsfs")

    def environment(self) -> dict[str, str]:
        # tests/conftest.py says why; here for processes of their own.
        return {"GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false"}

    def filesystem(self) -> Any:
        return fsspec.filesystem(
            *["gs"],
            endpoint_url=self._own_url(),
            token="anon",
            use_listings_cache=False,
            skip_instance_cache=True,
        )

    def _command(self) -> list[str]:
        return [sys.executable, str(_SUPPORT / "fakegcs.py"), "{port}", str(self.home / "root"), BUCKET]

    def _address(self, prefix: str) -> dict[str, Any]:
        return {"url": f"gs://{BUCKET}/{prefix}", "endpoint": self._own_url(), "anonymous": True}


class SftpServer(Server):
    """OpenSSH, for the user who runs the tests."""

    kind = "sftp"

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.root = home / "root"
        self.key = home / "key"
        self.unknown_key = home / "unknown-key"
        """One that it does not let in."""
        self.known_hosts = Path.home() / ".ssh/known_hosts"
        """Of the home that tests have, with the server's key for each port that settings were made for."""
        self.root.mkdir()
        for key in (home / "host-key", self.key, self.unknown_key):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        (home / "config").write_text(
            f"ListenAddress {HOST}\n"
            f"HostKey {home}/host-key\n"
            f"PidFile none\n"
            f"AuthorizedKeysFile {home}/key.pub\n"
            "StrictModes no\n"
            "PasswordAuthentication no\n"
            "KbdInteractiveAuthentication no\n"
            "UsePAM no\n"
            "PermitRootLogin prohibit-password\n"
            "MaxStartups 1000\n"
            "MaxSessions 1000\n"
            "Subsystem sftp internal-sftp\n"
        )

    @classmethod
    def missing(cls) -> str | None:
        if _sshd() is None or shutil.which("ssh-keygen") is None:
            return "there is no sshd; `.ci/servers` installs it, or `apt-get install openssh-server`"
        return _missing_modules("paramiko")

    def filesystem(self) -> Any:
        return fsspec.filesystem(
            *["sftp"],
            host=HOST,
            port=self.port,
            username=getpass.getuser(),
            key_filename=str(self.key),
            skip_instance_cache=True,
        )

    def path(self, settings: RemoteSettings) -> str:
        return "/" + super().path(settings).partition("/")[2]

    def _command(self) -> list[str]:
        if os.getuid() == 0:
            # Of the package's service, which does not run; sshd does not start without.
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        return [_sshd() or "sshd", "-D", "-e", "-f", str(self.home / "config"), "-p", "{port}"]

    def _address(self, prefix: str) -> dict[str, Any]:
        self._make_known()
        return {
            "url": f"sftp://{getpass.getuser()}@{HOST}:{self.port}{self.root}/{prefix}",
            "options": {"key_filename": str(self.key)},
        }

    def _make_known(self) -> None:
        key = " ".join((self.home / "host-key.pub").read_text().split()[:2])
        line = f"[{HOST}]:{self.port} {key}\n"
        self.known_hosts.parent.mkdir(mode=0o700, exist_ok=True)
        known = self.known_hosts.read_text() if self.known_hosts.exists() else ""
        if line not in known:
            self.known_hosts.write_text(known + line)


class HttpServer(Server):
    """A plain web server over `root`, which tests fill.  Read only."""

    kind = "http"

    def __init__(self, home: Path) -> None:
        self.root = home / "root"
        self.root.mkdir()
        super().__init__(home)

    @classmethod
    def missing(cls) -> str | None:
        return None

    def directory(self, settings: RemoteSettings) -> Path:
        """Return what it serves at `settings`."""
        return self.root / settings.url.rstrip("/").rpartition("/")[2]

    def writable(self, settings: RemoteSettings) -> RemoteSettings:
        return RemoteSettings(name=settings.name, url=str(self.directory(settings)))

    def filesystem(self) -> Any:
        return fsspec.filesystem("http", skip_instance_cache=True)

    def path(self, settings: RemoteSettings) -> str:
        return settings.url.rstrip("/")

    def _command(self) -> list[str]:
        return [sys.executable, str(_SUPPORT / "webserver.py"), "{port}", str(self.root)]

    def _address(self, prefix: str) -> dict[str, Any]:
        (self.root / prefix).mkdir(parents=True, exist_ok=True)
        return {"url": f"{self._own_url()}/{prefix}"}


class Directory(Server):
    """No server: a directory on this machine."""

    kind = "directory"

    @classmethod
    def missing(cls) -> str | None:
        return None

    @property
    def port(self) -> int:
        raise AssertionError("a directory has no port")

    def settings(self, name: str = "origin", prefix: str | None = None, **over: Any) -> RemoteSettings:
        prefix = f"remote-{next(self._numbers)}" if prefix is None else prefix
        return RemoteSettings(**{"name": name, "url": str(self.home / prefix), **over})

    def filesystem(self) -> Any:
        return fsspec.filesystem("file")

    def path(self, settings: RemoteSettings) -> str:
        return settings.url

    def kill(self) -> None:
        """Nothing to kill."""

    def restart(self) -> None:
        """Nothing to start."""

    def _command(self) -> list[str]:
        return []


def _missing_modules(*names: str) -> str | None:
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    return f"no module {', '.join(missing)}; `pip install -e '.[test]'`" if missing else None


def _sshd() -> str | None:
    # In the path of root alone.
    return shutil.which(
        "sshd", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    )


def _serve(kind: type[Server], homes: pytest.TempPathFactory) -> Iterator[Server]:
    missing = "not on Windows" if sys.platform == "win32" else kind.missing()
    if missing is not None:
        if os.environ.get("CI") and sys.platform == "linux":
            pytest.fail(missing)
        pytest.skip(missing)
    server = kind(homes.mktemp(kind.kind))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment().items():
            patch.setenv(name, value)
        try:
            server.restart()
            yield server
        finally:
            server.kill()


@pytest.fixture(scope="session")
def s3_server(isolated_environment: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from _serve(S3Server, tmp_path_factory)


@pytest.fixture(scope="session")
def azure_server(isolated_environment: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from _serve(AzureServer, tmp_path_factory)


@pytest.fixture(scope="session")
def gcs_server(isolated_environment: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from _serve(GcsServer, tmp_path_factory)


@pytest.fixture(scope="session")
def sftp_server(isolated_environment: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from _serve(SftpServer, tmp_path_factory)


@pytest.fixture(scope="session")
def http_server(isolated_environment: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from _serve(HttpServer, tmp_path_factory)


@pytest.fixture(scope="session")
def directory_server(tmp_path_factory: pytest.TempPathFactory) -> Server:
    return Directory(tmp_path_factory.mktemp("directory"))


@pytest.fixture(params=["directory", "s3", "azure", "gcs", "sftp", "http"])
def any_server(request: pytest.FixtureRequest) -> Server:
    """Each kind in turn; a test that puts says `any_server.writable(remote)`."""
    server: Server = request.getfixturevalue(f"{request.param}_server")
    return server


@pytest.fixture
def fault_proxy() -> Iterator[FaultProxy]:
    """Not started yet."""
    proxy = FaultProxy()
    yield proxy
    proxy.stop()
