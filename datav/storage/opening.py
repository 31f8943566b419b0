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
from datav.storage.distant import DistantObjects
from datav.storage.objects import Objects

KNOWN_SCHEMES = ("file", "s3")
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
        return DirectoryObjects(_plain_path(settings.url, root))
    scheme, rest = parts[1].lower(), parts[2]
    if scheme == "file":
        return DirectoryObjects(_file_url_path(settings.url, rest))
    patience = dataclasses.replace(patience, stall_timeout_s=transfer.stall_timeout_s)
    if scheme == "s3":
        # Half a second to import, so only for those who need it.
        from datav.storage.s3 import S3Place

        return DistantObjects(S3Place(settings, transfer, patience, path=rest), patience)
    raise UsageError(
        f"datav does not know the scheme of {settings.url}",
        hint=f"use a path, or one of {', '.join(f'{known}://' for known in KNOWN_SCHEMES)}",
    )


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
