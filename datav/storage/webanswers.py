"""Answers of web servers that are asked with aiohttp."""

import asyncio
import json
import ssl
from typing import Any

import aiohttp

from datav.storage.attempts import Attempt, Failure, Outcome, expected_length, outcome_of_status

_READ_SIZE = 2**18
# Of an answer that says no, enough to know why.
_LONGEST_REASON = 2**14

EMPTY_RANGE = 416
"""What a server says when asked for what lies past the end."""


def range_header(start: int, end: int | None) -> dict[str, str]:
    """Return the header that asks for a part; none when the whole is wanted."""
    # A proxy that compresses would make other bytes of it, and another length.
    identity = {"Accept-Encoding": "identity"}
    if start == 0 and end is None:
        return identity
    return identity | {"Range": f"bytes={start}-{'' if end is None else end - 1}"}


async def read_part(answer: aiohttp.ClientResponse, start: int, end: int | None, attempt: Attempt) -> bytes:
    """Return the body of an answer to `range_header`, if that is what was asked for and all of it."""
    length = answer.content_length
    expected = expected_length(
        start, end, content_range=answer.headers.get("Content-Range"), content_length=length
    )
    data = await read_at_most(answer, length if expected is None else expected, attempt)
    if expected is not None and len(data) < expected:
        raise Failure(Outcome.AGAIN, f"the answer ends {expected - len(data)} bytes early")
    return data


async def read_at_most(answer: aiohttp.ClientResponse, length: int | None, attempt: Attempt) -> bytes:
    """Return the first `length` bytes of the body, or all of it."""
    parts: list[bytes] = []
    left = length
    while left is None or left > 0:
        part = await answer.content.read(_READ_SIZE if left is None else min(left, _READ_SIZE))
        if not part:
            break
        attempt.received(len(part))
        parts.append(part)
        left = None if left is None else left - len(part)
    return b"".join(parts)


async def failure_of_answer(answer: aiohttp.ClientResponse, attempt: Attempt) -> Failure:
    """Return what an answer that is no success means."""
    body = await read_at_most(answer, _LONGEST_REASON, attempt)
    reason = _message_of_json(body) or answer.reason or ""
    return Failure(outcome_of_status(answer.status), f"the server says {answer.status} {reason}".strip())


def failure_of_client(exc: Exception) -> Failure | None:
    """Return what an exception of aiohttp, or below it, means; None if it is of something else."""
    if isinstance(exc, aiohttp.ClientConnectorCertificateError | ssl.SSLCertVerificationError):
        return Failure(Outcome.NEVER, str(exc), hint="this machine does not trust the server's certificate")
    if isinstance(exc, aiohttp.InvalidURL):
        # Without the URL itself: it may hold a password.
        return Failure(Outcome.NEVER, "that is no URL")
    if isinstance(exc, aiohttp.ClientConnectorError):
        return Failure(Outcome.AGAIN, f"cannot connect to {exc.host}:{exc.port}")
    if isinstance(exc, aiohttp.ClientError | asyncio.TimeoutError | OSError):
        return Failure(Outcome.AGAIN, str(exc) or type(exc).__name__)
    return None


def timeouts(stall_timeout_s: float) -> aiohttp.ClientTimeout:
    """Without a limit for the whole: that it moves is watched by others."""
    return aiohttp.ClientTimeout(total=None, sock_connect=stall_timeout_s, sock_read=stall_timeout_s)


def _message_of_json(body: bytes) -> str:
    """What the services of Google say is wrong; empty if it is not said in their way."""
    try:
        said: Any = json.loads(body)  # anything at all
        return str(said["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return ""
