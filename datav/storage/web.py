"""A plain web server over a directory, for reading: it lists its directories and serves parts of files."""

import asyncio
import email.utils
import re
from html import unescape
from typing import Any
from urllib.parse import quote

import aiohttp
from fsspec.implementations.http import HTTPFileSystem
from yarl import URL

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

_LONGEST_LISTING = 2**26
# Listings do not say sizes in any common way, so each file is asked for its own; so many at a time.
_ASKED_AT_ONCE = 16
_LINK = re.compile(r"""<a\s[^>]*?href\s*=\s*["']([^"']*)["']""", re.IGNORECASE)
# What nginx, Apache, lighttpd, Caddy and Python write above a listing, also of an empty directory.
_TITLE = re.compile(r"<(title|h1)>\s*(index of|directory listing for)", re.IGNORECASE)
_LISTING_HINT = (
    "the server must list directories: `autoindex on` for nginx, `Options +Indexes` for Apache, "
    "`file_server browse` for Caddy"
)


class WebPlace:
    """What lies below a URL."""

    can_write = False

    def __init__(self, settings: RemoteSettings, patience: Patience) -> None:
        self.shown = settings.shown.rstrip("/")
        base, _, query = settings.url.partition("?")
        self._base, self._query = base.rstrip("/"), f"?{query}" if query else ""
        self._fs = HTTPFileSystem(**_options(settings))
        self._waiter = Waiter(self._fs.loop, patience)
        self._timeouts = timeouts(patience.stall_timeout_s)

    def list(self, directory: str, attempt: Attempt) -> dict[str, ObjectInfo]:
        return self._waiter.wait(self._list(directory, attempt), attempt)

    def read(self, name: str, start: int, end: int | None, attempt: Attempt) -> bytes:
        return self._waiter.wait(self._read(name, start, end, attempt), attempt)

    def put(self, name: str, body: Body, attempt: Attempt) -> Stored:
        raise Failure(Outcome.REFUSED, "a web server can only be read")

    def look(self, name: str, attempt: Attempt) -> Stored:
        return Stored(self._waiter.wait(self._info(name, attempt), attempt).size, None)

    def delete(self, name: str, attempt: Attempt) -> None:
        raise Failure(Outcome.REFUSED, "a web server can only be read")

    def failure(self, exc: Exception) -> Failure | None:
        return failure_of_client(exc)

    def close(self) -> None:
        self._waiter.cancel()
        if self._fs._session is not None:
            self._fs.close_session(self._fs.loop, self._fs._session)

    async def _list(self, directory: str, attempt: Attempt) -> dict[str, ObjectInfo]:
        async with await self._ask("GET", f"{directory}/", attempt) as answer:
            if answer.status == 403:
                raise Failure(Outcome.REFUSED, "the server says 403 to listing it", hint=_LISTING_HINT)
            await _check(answer, attempt)
            page = (await read_at_most(answer, _LONGEST_LISTING, attempt)).decode(errors="replace")
        names = find_names(page, str(answer.url))
        if not names and not _TITLE.search(page):
            raise Failure(Outcome.NEVER, "the answer is no listing of a directory", hint=_LISTING_HINT)
        slots = asyncio.Semaphore(_ASKED_AT_ONCE)
        infos = [self._info_in_turn(f"{directory}/{name}", slots, attempt) for name in names]
        return dict(zip(names, await asyncio.gather(*infos), strict=True))

    async def _info_in_turn(self, name: str, slots: asyncio.Semaphore, attempt: Attempt) -> ObjectInfo:
        async with slots:
            return await self._info(name, attempt)

    async def _info(self, name: str, attempt: Attempt) -> ObjectInfo:
        async with await self._ask("HEAD", name, attempt) as answer:
            await _check(answer, attempt)
            size = answer.headers.get("Content-Length", "")
            if not size.isdecimal():
                raise Failure(Outcome.NEVER, "the server does not say how long its files are")
            return ObjectInfo(int(size), _time(answer.headers.get("Last-Modified")), None)

    async def _read(self, name: str, start: int, end: int | None, attempt: Attempt) -> bytes:
        async with await self._ask("GET", name, attempt, range_header(start, end)) as answer:
            if answer.status == EMPTY_RANGE:
                return b""
            await _check(answer, attempt)
            return await read_part(answer, start, end, attempt)

    async def _ask(
        self, method: str, name: str, attempt: Attempt, headers: dict[str, str] | None = None
    ) -> aiohttp.ClientResponse:
        session = await self._fs.set_session()
        attempt.asked()
        answer: aiohttp.ClientResponse = await session.request(
            method,
            URL(f"{self._base}/{quote(name)}{self._query}", encoded=True),
            # A page that is compressed cannot be told from a file that is.
            headers=headers or range_header(0, None),
            timeout=self._timeouts,
            allow_redirects=True,
            **self._fs.kwargs,
        )
        return answer


def find_names(page: str, url: str) -> list[str]:
    """Return the names of the files right below `url` that its page links to, in order, none twice."""
    base = URL(url)
    directory = base.path if base.path.endswith("/") else f"{base.path}/"
    names: dict[str, None] = {}
    for link in _LINK.findall(page):
        try:
            target = base.join(URL(unescape(link), encoded=True))
        except ValueError:
            continue  # no address of anything
        name = target.path.removeprefix(directory)
        is_below = target.host == base.host and target.path.startswith(directory)
        # Links with a query sort the listing, those that end in `/` are directories.
        if is_below and name and "/" not in name and not target.query_string and not target.fragment:
            names[name] = None
    return list(names)


async def _check(answer: aiohttp.ClientResponse, attempt: Attempt) -> None:
    if answer.status >= 300:
        raise await failure_of_answer(answer, attempt)


def _options(settings: RemoteSettings) -> dict[str, Any]:
    """Return what HTTPFileSystem is made with: what the user says wins."""
    options = dict(settings.options)
    # Proxies and ~/.netrc, as other clients of the web know them.
    client = {"trust_env": True} | options.pop("client_kwargs", {})
    return {**options, "client_kwargs": client, "use_listings_cache": False, "skip_instance_cache": True}


def _time(text: str | None) -> float | None:
    try:
        return None if text is None else email.utils.parsedate_to_datetime(text).timestamp()
    except ValueError:
        return None
