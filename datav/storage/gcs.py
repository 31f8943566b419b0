"""Google Cloud Storage, through gcsfs.

gcsfs knows how to connect and to log in; what is asked is said here, request by request.
https://cloud.google.com/storage/docs/json_api
"""

import base64
import binascii
import datetime
import json
from typing import Any
from urllib.parse import quote

import aiohttp
import google.auth.exceptions

# Not the one that `gcsfs` itself offers, which asks first what kind of bucket it has before it.
from gcsfs.core import GCSFileSystem
from yarl import URL

from datav.errors import UsageError
from datav.settings import RemoteSettings
from datav.storage.attempts import Attempt, Failure, Outcome, Patience
from datav.storage.bodies import Body
from datav.storage.distant import Stored
from datav.storage.looping import Waiter
from datav.storage.objects import ObjectInfo
from datav.storage.webanswers import (
    EMPTY_RANGE,
    failure_of_answer,
    failure_of_client,
    range_header,
    read_at_most,
    read_part,
    timeouts,
)

_LONGEST_PAGE = 2**26
"""Bytes of one page of a listing: a thousand objects take one megabyte at most."""

_LOGIN_HINT = "log in with `gcloud auth application-default login`; a public bucket needs `anonymous`"


class GcsPlace:
    """A bucket, or what is below a prefix in one."""

    can_write = True

    def __init__(self, settings: RemoteSettings, patience: Patience, *, path: str) -> None:
        """`path` is BUCKET or BUCKET/PREFIX."""
        self.shown = settings.shown.rstrip("/")
        bucket, _, prefix = path.strip("/").partition("/")
        if not bucket:
            raise UsageError(f"{settings.shown} names no bucket", hint="write `gs://BUCKET/PATH`")
        self._bucket = quote(bucket, safe="")
        self._prefix = f"{prefix}/" if prefix else ""
        self._fs = GCSFileSystem(**_options(settings))
        self._waiter = Waiter(self._fs.loop, patience)
        self._timeouts = timeouts(patience.stall_timeout_s)

    def list(self, directory: str, attempt: Attempt) -> dict[str, ObjectInfo]:
        return self._waiter.wait(self._list(f"{self._prefix}{directory}/", attempt), attempt)

    def read(self, name: str, start: int, end: int | None, attempt: Attempt) -> bytes:
        return self._waiter.wait(self._read(name, start, end, attempt), attempt)

    def put(self, name: str, body: Body, attempt: Attempt) -> Stored:
        return self._waiter.wait(self._put(name, body, attempt), attempt)

    def look(self, name: str, attempt: Attempt) -> Stored:
        return self._waiter.wait(self._look(name, attempt), attempt)

    def delete(self, name: str, attempt: Attempt) -> None:
        self._waiter.wait(self._delete(name, attempt), attempt)

    def failure(self, exc: Exception) -> Failure | None:
        if isinstance(exc, google.auth.exceptions.TransportError):
            return Failure(Outcome.AGAIN, str(exc))
        if isinstance(exc, google.auth.exceptions.GoogleAuthError):
            return Failure(Outcome.REFUSED, str(exc), hint=_LOGIN_HINT)
        return failure_of_client(exc)

    def close(self) -> None:
        self._waiter.cancel()
        self._fs.close_session(self._fs.loop, self._fs._session)

    async def _list(self, prefix: str, attempt: Attempt) -> dict[str, ObjectInfo]:
        found: dict[str, ObjectInfo] = {}
        wanted = {
            "prefix": prefix,
            "delimiter": "/",
            "fields": "items(name,size,updated,md5Hash),nextPageToken",
        }
        while True:
            page = await self._ask_json("GET", f"/storage/v1/b/{self._bucket}/o", attempt, params=wanted)
            for item in page.get("items", ()):
                name = item["name"].removeprefix(prefix)
                # An object named like the directory itself is what some tools make a directory of.
                if name and "/" not in name and item["name"].startswith(prefix):
                    found[name] = ObjectInfo(int(item["size"]), _time(item.get("updated")), _md5(item))
            token = page.get("nextPageToken")
            if not token:
                return found
            if token == wanted.get("pageToken"):
                raise Failure(Outcome.NEVER, "the listing says that there is more, but not where")
            wanted["pageToken"] = token

    async def _read(self, name: str, start: int, end: int | None, attempt: Attempt) -> bytes:
        answer = await self._ask(
            "GET", self._object("/download", name), attempt, {"alt": "media"}, range_header(start, end)
        )
        async with answer:
            if answer.status == EMPTY_RANGE:
                return b""
            await self._check(answer, attempt)
            return await read_part(answer, start, end, attempt)

    async def _put(self, name: str, body: Body, attempt: Attempt) -> Stored:
        wanted = {"uploadType": "media", "name": self._prefix + name}
        headers = {"Content-Length": str(body.size), "Content-Type": "application/octet-stream"}
        with body.reading(attempt) as reader:
            said = await self._ask_json(
                "POST",
                f"/upload/storage/v1/b/{self._bucket}/o",
                attempt,
                params=wanted,
                headers=headers,
                # aiohttp sends a file of no bytes as one of unknown length.
                data=reader if body.size else b"",
            )
        return Stored(int(said["size"]), _md5(said))

    async def _look(self, name: str, attempt: Attempt) -> Stored:
        said = await self._ask_json("GET", self._object("", name), attempt, params={})
        return Stored(int(said["size"]), _md5(said))

    async def _delete(self, name: str, attempt: Attempt) -> None:
        answer = await self._ask("DELETE", self._object("", name), attempt, {}, {})
        async with answer:
            await self._check(answer, attempt)

    def _object(self, before: str, name: str) -> str:
        return f"{before}/storage/v1/b/{self._bucket}/o/{quote(self._prefix + name, safe='')}"

    async def _ask_json(
        self,
        method: str,
        path: str,
        attempt: Attempt,
        *,
        params: dict[str, str],
        headers: dict[str, str] | None = None,
        data: Any = None,  # what aiohttp can send
    ) -> Any:  # whatever JSON holds
        answer = await self._ask(method, path, attempt, params, headers or {}, data)
        async with answer:
            await self._check(answer, attempt)
            body = await read_at_most(answer, _LONGEST_PAGE, attempt)
        try:
            return json.loads(body)
        except ValueError as exc:
            raise Failure(Outcome.AGAIN, "the answer is no JSON") from exc

    async def _ask(
        self,
        method: str,
        path: str,
        attempt: Attempt,
        params: dict[str, str],
        headers: dict[str, str],
        data: Any = None,  # what aiohttp can send
    ) -> aiohttp.ClientResponse:
        session = await self._fs._set_session()
        attempt.asked()
        answer: aiohttp.ClientResponse = await session.request(
            method,
            # aiohttp would undo the quoting of `/` in the names of objects.
            _encoded_url(self._fs._location + path, self._fs._get_params(params)),
            headers=self._fs._get_headers(headers),
            data=data,
            timeout=self._timeouts,
        )
        return answer

    @staticmethod
    async def _check(answer: aiohttp.ClientResponse, attempt: Attempt) -> None:
        if answer.status >= 300:
            failure = await failure_of_answer(answer, attempt)
            if answer.status == 404 and "bucket" in str(failure):
                raise Failure(Outcome.NEVER, str(failure), hint="create the bucket, or correct the URL")
            if failure.outcome is Outcome.REFUSED:
                raise Failure(Outcome.REFUSED, str(failure), hint=_LOGIN_HINT)
            raise failure


def _options(settings: RemoteSettings) -> dict[str, Any]:
    """Return what GCSFileSystem is made with: what the user says wins."""
    given = {
        "endpoint_url": settings.endpoint and settings.endpoint.rstrip("/"),
        "token": "anon" if settings.anonymous else None,
    }
    return {
        **{key: value for key, value in given.items() if value is not None},
        **settings.options,
        "use_listings_cache": False,
        "skip_instance_cache": True,
    }


def _encoded_url(base: str, params: dict[str, str]) -> URL:
    query = "&".join(f"{key}={quote(value, safe='')}" for key, value in params.items())
    return URL(f"{base}?{query}" if query else base, encoded=True)


def _md5(item: dict[str, str]) -> bytes | None:
    """None for an object that was composed of others."""
    try:
        return base64.b64decode(item["md5Hash"], validate=True)
    except (KeyError, binascii.Error):
        return None


def _time(text: str | None) -> float | None:
    return None if text is None else datetime.datetime.fromisoformat(text).timestamp()
