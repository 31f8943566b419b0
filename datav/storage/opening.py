"""Opening the place that a URL names."""

import dataclasses
import os
import re
from pathlib import Path
from urllib.parse import unquote

from datav.errors import UsageError
from datav.settings import RemoteSettings, TransferSettings
from datav.storage.attempts import Patience
from datav.storage.directory import DirectoryObjects
from datav.storage.distant import DistantObjects, Place
from datav.storage.objects import Objects

KNOWN_SCHEMES = ("file", "s3", "gs", "az", "abfs", "abfss", "sftp", "http", "https")
_EXTRAS = {"gs": "gcs", "az": "azure", "abfs": "azure", "abfss": "azure", "sftp": "ssh"}
"""What `pip` must add for a scheme."""
PATIENCE = Patience()

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
# What ssh and git write; a drive letter is one letter.
_HOST_AND_PATH = re.compile(r"[^/\\]{2,}:.*", re.DOTALL)


def open_objects(
    settings: RemoteSettings, transfer: TransferSettings, *, root: Path, patience: Patience = PATIENCE
) -> Objects:
    """Return the place of a remote.  Asks it nothing yet.

    Args:
        root: what a relative path in `settings` is relative to.
        patience: how often to ask again; its stall timeout is that of `transfer`.

    Raises:
        UsageError: the URL means nothing, or what it needs is not installed.
    """
    parts = _SCHEME.fullmatch(settings.url)
    if parts is None:
        return _open_directory(_plain_path(settings.url, root))
    scheme, rest = parts[1].lower(), parts[2]
    if scheme == "file":
        return _open_directory(_file_url_path(settings.url, rest))
    if scheme not in KNOWN_SCHEMES:
        raise UsageError(
            f"datav does not know the scheme of {settings.shown}",
            hint=f"use a path, or one of {', '.join(f'{known}://' for known in KNOWN_SCHEMES)}",
        )
    patience = dataclasses.replace(patience, stall_timeout_s=transfer.stall_timeout_s)
    return DistantObjects(_open_place(scheme, rest, settings, transfer, patience), patience)


def _open_place(
    scheme: str, rest: str, settings: RemoteSettings, transfer: TransferSettings, patience: Patience
) -> Place:
    try:
        # Each takes half a second and more to import, so only for those who need it.
        match scheme:
            case "s3":
                from datav.storage.s3 import S3Place

                return S3Place(settings, transfer, patience, path=rest)
            case "gs":
                from datav.storage.gcs import GcsPlace

                return GcsPlace(settings, patience, path=rest)
            case "az" | "abfs" | "abfss":
                from datav.storage.azure import AzurePlace

                return AzurePlace(settings, patience, path=rest)
            case "sftp":
                from datav.storage.sftp import SftpPlace

                return SftpPlace(settings, patience)
            case _:
                from datav.storage.web import WebPlace

                return WebPlace(settings, patience)
    except ImportError as exc:
        extra = _EXTRAS.get(scheme)
        raise UsageError(
            f"cannot open {settings.shown}: {exc.name} is not installed",
            hint=f"run `pip install '{f'datav[{extra}]' if extra else 'datav'}'`",
        ) from exc
    except (TypeError, ValueError, OSError) as exc:
        # What the clients say about options that mean nothing to them.
        raise UsageError(
            f"cannot open {settings.shown}: {exc}",
            hint="look at the settings and the `options` of the remote",
        ) from exc


def _open_directory(path: Path) -> DirectoryObjects:
    if path.is_file():
        raise UsageError(f"the remote at {path} is a file, not a directory", hint="name a directory for it")
    return DirectoryObjects(path)


def _plain_path(text: str, root: Path) -> Path:
    if not text:
        raise UsageError("a remote has an empty URL")
    if _HOST_AND_PATH.fullmatch(text):
        raise UsageError(
            f"{text} is neither a path nor a URL",
            hint="write `sftp://HOST/PATH` for a directory on a host, or `./` before a path with a colon",
        )
    return Path(os.path.abspath(root / text))


def _file_url_path(url: str, rest: str) -> Path:
    path = unquote(rest.removeprefix("localhost"))
    if not path.startswith("/"):
        raise UsageError(f"{url} names no absolute path", hint="three slashes: `file:///data/store`")
    # file:///C:/data
    if os.name == "nt" and re.match(r"/[A-Za-z]:", path):
        path = path[1:]
    return Path(path)
