"""S3, and what speaks it, through s3fs.

s3fs knows how to connect; what is asked is said here, request by request, so that a listing, a read, a put
and a delete are one request each.
"""

import asyncio
import contextvars
import re
import ssl
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import botocore.exceptions
import botocore.parsers
import s3fs

from datav.errors import UsageError
from datav.settings import RemoteSettings, TransferSettings
from datav.storage.attempts import Attempt, Failure, Outcome, Patience, expected_length, outcome_of_status
from datav.storage.bodies import Body, BodyReader
from datav.storage.distant import Stored
from datav.storage.looping import Waiter
from datav.storage.objects import ObjectInfo

_READ_SIZE = 2**18
_PLAIN_MD5 = re.compile(r"[0-9a-f]{32}")
"""An ETag of anything else, of several parts say, is no checksum."""

# What S3 says with status 400 about requests that were damaged or cut on their way.
_DAMAGED = {"BadDigest", "IncompleteBody", "InvalidDigest", "RequestTimeout", "XAmzContentSHA256Mismatch"}
_CREDENTIALS = {"ExpiredToken", "InvalidToken", "TokenRefreshRequired", "AuthorizationHeaderMalformed"}
# 503 and 429 say the same; some servers say it with other statuses.
_BUSY = {"SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "InternalError"}
_HINTS = {
    "NoSuchBucket": "create the bucket, or correct the URL",
    "PermanentRedirect": "set the `region` of the remote to that of the bucket",
    "AuthorizationHeaderMalformed": "set the `region` of the remote to that of the bucket",
    "RequestTimeTooSkewed": "set the clock of this machine",
}
_NO_CREDENTIALS_HINT = (
    "log in as for the AWS command line: `AWS_PROFILE`, or `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`; "
    "a public bucket needs `anonymous`"
)

_READER: contextvars.ContextVar[BodyReader] = contextvars.ContextVar("_READER")
"""What the task of a put sends."""


class S3Place:
    """A bucket, or what is below a prefix in one."""

    can_write = True

    def __init__(
        self, settings: RemoteSettings, transfer: TransferSettings, patience: Patience, *, path: str
    ) -> None:
        """`path` is BUCKET or BUCKET/PREFIX."""
        self.shown = settings.shown.rstrip("/")
        self._bucket, _, prefix = path.strip("/").partition("/")
        if not self._bucket:
            raise UsageError(f"{settings.shown} names no bucket", hint="write `s3://BUCKET/PATH`")
        self._prefix = f"{prefix}/" if prefix else ""
        self._fs = s3fs.S3FileSystem(**_options(settings, transfer, patience))
        # Ours decide: see `Patience`.
        self._fs.retries = 1
        self._waiter = Waiter(self._fs.loop, patience)

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
        attempt.asked()
        self._waiter.wait(self._call("delete_object", Key=self._prefix + name), attempt)

    def failure(self, exc: Exception) -> Failure | None:
        return _failure(exc)

    def close(self) -> None:
        self._waiter.cancel()
        if self._fs._s3 is not None:
            self._fs.close_session(self._fs.loop, self._fs._s3creator)

    async def _list(self, prefix: str, attempt: Attempt) -> dict[str, ObjectInfo]:
        found: dict[str, ObjectInfo] = {}
        more: dict[str, str] = {}
        while True:
            attempt.asked()
            page = await self._call("list_objects_v2", Prefix=prefix, Delimiter="/", **more)
            for item in page.get("Contents", ()):
                name = item["Key"].removeprefix(prefix)
                # An object named like the directory itself is what some tools make a directory of.
                if name and "/" not in name and item["Key"].startswith(prefix):
                    modified = item.get("LastModified")
                    found[name] = ObjectInfo(
                        item["Size"], modified and modified.timestamp(), _md5_of_etag(item.get("ETag"))
                    )
            if not page.get("IsTruncated"):
                return found
            token = page.get("NextContinuationToken")
            if not token or token == more.get("ContinuationToken"):
                raise Failure(Outcome.NEVER, "the listing says that there is more, but not where")
            more = {"ContinuationToken": token}

    async def _read(self, name: str, start: int, end: int | None, attempt: Attempt) -> bytes:
        whole = start == 0 and end is None
        wanted = {} if whole else {"Range": f"bytes={start}-{'' if end is None else end - 1}"}
        attempt.asked()
        try:
            answer = await self._call("get_object", Key=self._prefix + name, **wanted)
        except Exception as exc:
            if _status(_client_error(exc)) == 416:
                return b""  # it ends before `start`
            raise
        async with answer["Body"] as stream:
            length = expected_length(
                start, end, content_range=answer.get("ContentRange"), content_length=answer["ContentLength"]
            )
            parts: list[bytes] = []
            left = answer["ContentLength"] if length is None else length
            while left > 0 and (part := await stream.read(min(left, _READ_SIZE))):
                attempt.received(len(part))
                parts.append(part)
                left -= len(part)
        if left:
            raise Failure(Outcome.AGAIN, f"the answer ends {left} bytes early")
        return b"".join(parts)

    async def _put(self, name: str, body: Body, reader: BodyReader, attempt: Attempt) -> Stored:
        attempt.asked()
        await self._count_what_is_sent(reader)
        answer = await self._call(
            "put_object", Key=self._prefix + name, Body=reader, ContentMD5=body.md5_text
        )
        return Stored(None, _md5_of_etag(answer.get("ETag")))

    async def _look(self, name: str, attempt: Attempt) -> Stored:
        attempt.asked()
        answer = await self._call("head_object", Key=self._prefix + name)
        return Stored(answer["ContentLength"], _md5_of_etag(answer.get("ETag")))

    async def _count_what_is_sent(self, reader: BodyReader) -> None:
        """Before a request over plain HTTP goes, its body is read once to sign it; that is not counted."""
        reader.counting = False
        _READER.set(reader)
        await self._fs.set_session()
        client = await self._fs.get_s3(self._bucket)
        client.meta.events.register("before-send.s3.PutObject", _begin_to_count, unique_id="datav-count")

    async def _call(self, method: str, **arguments: object) -> Any:
        # The answers of botocore have no types.
        return await self._fs._call_s3(method, Bucket=self._bucket, **arguments)


def _begin_to_count(**_: object) -> None:
    _READER.get().counting = True


def _options(settings: RemoteSettings, transfer: TransferSettings, patience: Patience) -> dict[str, Any]:
    """Return what S3FileSystem is made with: what the user says wins."""
    options = dict(settings.options)
    config = {
        "retries": {"total_max_attempts": 1},
        "connect_timeout": patience.stall_timeout_s,
        "read_timeout": patience.stall_timeout_s,
        "max_pool_connections": max(transfer.jobs, 1),
        # We check what we read and send MD5s of what we put; and there are servers that choke on more.
        "request_checksum_calculation": "when_required",
        "response_checksum_validation": "when_required",
    }
    client = {} if settings.region is None else {"region_name": settings.region}
    given = {
        "endpoint_url": settings.endpoint,
        "profile": settings.profile,
        "anon": settings.anonymous or None,
    }
    return {
        **{key: value for key, value in given.items() if value is not None},
        **options,
        "config_kwargs": config | options.get("config_kwargs", {}),
        "client_kwargs": client | options.get("client_kwargs", {}),
        "use_listings_cache": False,
        "skip_instance_cache": True,
    }


def _md5_of_etag(etag: str | None) -> bytes | None:
    text = (etag or "").strip('"')
    return bytes.fromhex(text) if _PLAIN_MD5.fullmatch(text) else None


def _causes(exc: BaseException | None) -> Iterator[BaseException]:
    """The exception and what led to it; s3fs hides what the server said below errors of files."""
    while exc is not None:
        yield exc
        exc = exc.__cause__ or exc.__context__


def _client_error(exc: BaseException) -> botocore.exceptions.ClientError | None:
    return next((e for e in _causes(exc) if isinstance(e, botocore.exceptions.ClientError)), None)


def _status(error: botocore.exceptions.ClientError | None) -> int:
    """The HTTP status of an answer; 0 if there was none."""
    return 0 if error is None else error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)


def _failure(exc: Exception) -> Failure | None:
    error = _client_error(exc)
    if error is not None:
        return _failure_of_answer(error)
    if isinstance(exc, botocore.exceptions.NoCredentialsError | botocore.exceptions.PartialCredentialsError):
        return Failure(Outcome.REFUSED, "there are no credentials", hint=_NO_CREDENTIALS_HINT)
    if isinstance(
        exc,
        botocore.exceptions.CredentialRetrievalError
        | botocore.exceptions.SSOError
        | botocore.exceptions.TokenRetrievalError,
    ):
        return Failure(Outcome.REFUSED, str(exc), hint=_NO_CREDENTIALS_HINT)
    if any(isinstance(e, ssl.SSLCertVerificationError) for e in _causes(exc)):
        return Failure(
            Outcome.NEVER, str(exc), hint="the server's certificate is not trusted by this machine"
        )
    if isinstance(exc, botocore.exceptions.EndpointConnectionError):
        place = urlsplit(exc.kwargs.get("endpoint_url", "")).netloc
        return Failure(Outcome.AGAIN, f"cannot connect to {place}")
    if isinstance(
        exc,
        botocore.exceptions.HTTPClientError
        | botocore.exceptions.ConnectionError
        | botocore.exceptions.ResponseStreamingError
        | botocore.parsers.ResponseParserError
        | aiohttp.ClientError
        | asyncio.TimeoutError
        | OSError,
    ):
        return Failure(Outcome.AGAIN, str(exc) or type(exc).__name__)
    if isinstance(exc, botocore.exceptions.BotoCoreError):
        return Failure(Outcome.NEVER, str(exc), hint="look at the settings of the remote and of AWS")
    return None


def _failure_of_answer(error: botocore.exceptions.ClientError) -> Failure:
    said = error.response.get("Error", {})
    code, status = str(said.get("Code", "")), _status(error)
    words = f"the server says {' '.join(filter(None, [code or str(status), said.get('Message')]))}"
    if code in _DAMAGED or code in _BUSY:
        outcome = Outcome.AGAIN
    elif code in _CREDENTIALS:
        outcome = Outcome.REFUSED
    elif code == "NoSuchBucket":
        outcome = Outcome.NEVER
    else:
        outcome = outcome_of_status(status)
    return Failure(outcome, words, hint=_HINTS.get(code))
