"""Azure Blob Storage, through adlfs.

adlfs knows how to connect and to log in; what is asked is said here with the SDK below it, one request at a
time.
"""

import asyncio
import io
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from adlfs import AzureBlobFileSystem
from azure.core import exceptions

from datav.errors import UsageError
from datav.settings import RemoteSettings
from datav.storage.attempts import Attempt, Failure, Outcome, Patience, outcome_of_status
from datav.storage.bodies import Body, BodyReader
from datav.storage.distant import Stored
from datav.storage.looping import Waiter
from datav.storage.objects import ObjectInfo
from datav.storage.webanswers import EMPTY_RANGE, failure_of_client

# The SDK asks for more than this in several requests.
_PIECE = 32 * 2**20
_LARGEST_SINGLE_PUT = 2**28

_DAMAGED = {"Md5Mismatch", "OperationTimedOut", "IncompleteBody"}
_LOGIN_HINT = (
    "set `AZURE_STORAGE_ACCOUNT_NAME` with `AZURE_STORAGE_ACCOUNT_KEY` or `AZURE_STORAGE_SAS_TOKEN`, "
    "or log in with `az login`; a public container needs `anonymous`"
)


class AzurePlace:
    """A container, or what is below a prefix in one."""

    can_write = True

    def __init__(self, settings: RemoteSettings, patience: Patience, *, path: str) -> None:
        """`path` is CONTAINER or CONTAINER/PREFIX, or so with `@ACCOUNT.blob.core.windows.net` in between."""
        self.shown = settings.shown.rstrip("/")
        place, _, prefix = path.strip("/").partition("/")
        container, _, host = place.partition("@")
        if not container:
            raise UsageError(f"{settings.shown} names no container", hint="write `az://CONTAINER/PATH`")
        self._prefix = f"{prefix}/" if prefix else ""
        try:
            self._fs = AzureBlobFileSystem(**_options(settings, host))
        except ValueError as exc:
            raise UsageError(f"cannot open {settings.shown}: {exc}", hint=_LOGIN_HINT) from exc
        client = self._fs.service_client
        # One request for a pack; else it goes in blocks, whose checksum the service does not know.
        client._config.max_single_put_size = _LARGEST_SINGLE_PUT
        self._container = client.get_container_client(container)
        self._waiter = Waiter(self._fs.loop, patience)
        # Ours decide: see `Patience`.
        self._once = {
            "retry_total": 0,
            "connection_timeout": patience.stall_timeout_s,
            "read_timeout": patience.stall_timeout_s,
        }

    def list(self, directory: str, attempt: Attempt) -> dict[str, ObjectInfo]:
        return self._waiter.wait(self._list(f"{self._prefix}{directory}/", attempt), attempt)

    def read(self, name: str, start: int, end: int | None, attempt: Attempt) -> bytes:
        return self._waiter.wait(self._read(name, start, end, attempt), attempt)

    def put(self, name: str, body: Body, attempt: Attempt) -> Stored:
        with body.reading(attempt) as reader:
            return self._waiter.wait(self._put(name, body, reader, attempt), attempt)

    def look(self, name: str, attempt: Attempt) -> Stored:
        return self._waiter.wait(self._look(name, attempt), attempt)

    def delete(self, name: str, attempt: Attempt) -> None:
        self._waiter.wait(self._delete(name, attempt), attempt)

    def failure(self, exc: Exception) -> Failure | None:
        return _failure(exc)

    def close(self) -> None:
        self._waiter.cancel()
        asyncio.run_coroutine_threadsafe(self._fs.service_client.close(), self._fs.loop)

    async def _list(self, prefix: str, attempt: Attempt) -> dict[str, ObjectInfo]:
        found: dict[str, ObjectInfo] = {}
        attempt.asked()
        pages = self._container.walk_blobs(name_starts_with=prefix, delimiter="/", **self._once).by_page()
        async for page in pages:
            async for item in page:
                name = item.name.removeprefix(prefix)
                if name and "/" not in name and item.name.startswith(prefix):
                    md5 = item.content_settings.content_md5
                    found[name] = ObjectInfo(item.size, item.last_modified.timestamp(), md5 and bytes(md5))
            if pages.continuation_token:
                attempt.asked()
        return found

    async def _read(self, name: str, start: int, end: int | None, attempt: Attempt) -> bytes:
        parts: list[bytes] = []
        while end is None or start < end:
            size = _PIECE if end is None else min(end - start, _PIECE)
            part = await self._read_piece(name, start, size, attempt)
            parts.append(part)
            start += len(part)
            if len(part) < size:
                break
        return b"".join(parts)

    async def _read_piece(self, name: str, start: int, size: int, attempt: Attempt) -> bytes:
        attempt.asked()
        attempt.allow(size)
        blob = self._container.get_blob_client(self._prefix + name)
        try:
            answer = await blob.download_blob(offset=start, length=size, max_concurrency=1, **self._once)
        except exceptions.HttpResponseError as exc:
            if exc.status_code == EMPTY_RANGE:
                return b""  # it ends before `start`
            raise
        part: bytes = await answer.readall()
        attempt.received(len(part))
        if len(part) != answer.size:
            raise Failure(Outcome.AGAIN, f"the answer has {len(part)} bytes in the place of {answer.size}")
        return part

    async def _put(self, name: str, body: Body, reader: BodyReader, attempt: Attempt) -> Stored:
        attempt.asked()
        blob = self._container.get_blob_client(self._prefix + name)
        said = await blob.upload_blob(
            _NothingYet(),
            length=body.size,
            overwrite=True,
            raw_request_hook=_Sending(reader, body),
            **self._once,
        )
        md5 = said.get("content_md5")
        return Stored(None, md5 and bytes(md5))

    async def _look(self, name: str, attempt: Attempt) -> Stored:
        attempt.asked()
        said = await self._container.get_blob_client(self._prefix + name).get_blob_properties(**self._once)
        md5 = said.content_settings.content_md5
        return Stored(said.size, md5 and bytes(md5))

    async def _delete(self, name: str, attempt: Attempt) -> None:
        attempt.asked()
        blob = self._container.get_blob_client(self._prefix + name)
        await blob.delete_blob(delete_snapshots="include", **self._once)


class _NothingYet(io.RawIOBase):
    """Stands for the body until the request goes: the SDK would read all of it into memory."""

    def read(self, size: int = -1) -> bytes:
        return b""


class _Sending:
    """Gives a request its body, as a file, and the checksum that the service shall hold it to."""

    def __init__(self, reader: BodyReader, body: Body) -> None:
        self._reader, self._body = reader, body

    def __call__(self, pipeline_request: Any) -> None:  # the SDK's own type has no body to set
        request = pipeline_request.http_request
        request.headers["Content-MD5"] = self._body.md5_text
        request.data = self._reader if self._body.size else b""


def _options(settings: RemoteSettings, host: str) -> dict[str, Any]:
    """Return what AzureBlobFileSystem is made with: what the user says wins."""
    options = dict(settings.options)
    if host:
        options.setdefault("account_name", host.partition(".")[0])
    if settings.endpoint is not None:
        _add_endpoint(options, settings.endpoint)
    if settings.anonymous:
        options.setdefault("anon", True)
    return {**options, "use_listings_cache": False, "skip_instance_cache": True}


def _add_endpoint(options: dict[str, Any], endpoint: str) -> None:
    """Say to adlfs where the service is: with credentials it is told so by a connection string alone."""
    place = urlsplit(endpoint)
    options.setdefault("account_name", place.path.strip("/") or (place.hostname or "").partition(".")[0])
    key, token = options.get("account_key"), str(options.get("sas_token", "")).lstrip("?")
    if key or token:
        secret = f"AccountKey={key}" if key else f"SharedAccessSignature={token}"
        options.setdefault(
            "connection_string",
            f"BlobEndpoint={endpoint.rstrip('/')};AccountName={options['account_name']};{secret}",
        )
    else:
        options.setdefault("account_host", place.netloc + place.path.rstrip("/"))


def _failure(exc: Exception) -> Failure | None:
    if isinstance(exc, exceptions.HttpResponseError) and exc.status_code is not None:
        code = getattr(exc, "error_code", None) or ""
        code = str(getattr(code, "value", code))  # those that the SDK knows are members of an enum
        words = f"the server says {exc.status_code} {code or exc.reason or ''}"
        if code == "ContainerNotFound":
            return Failure(Outcome.NEVER, words, hint="create the container, or correct the URL")
        outcome = Outcome.AGAIN if code in _DAMAGED else outcome_of_status(exc.status_code)
        return Failure(outcome, words, hint=_LOGIN_HINT if outcome is Outcome.REFUSED else None)
    if isinstance(exc, exceptions.ClientAuthenticationError):
        return Failure(Outcome.REFUSED, exc.message, hint=_LOGIN_HINT)
    if isinstance(exc, exceptions.AzureError):
        if isinstance(exc.inner_exception, aiohttp.ClientError):
            return failure_of_client(exc.inner_exception)
        return Failure(Outcome.AGAIN, exc.message or type(exc).__name__)
    return failure_of_client(exc)
