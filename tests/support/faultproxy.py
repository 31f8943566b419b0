"""A TCP proxy on loopback that breaks connections as it is told.

    def test_a_put_that_is_cut_is_sent_again(s3_server, fault_proxy):
        place = open_objects(s3_server.through(fault_proxy.start(s3_server.port)).settings())
        fault_proxy.rules([{"do": "reset", "match": "^PUT", "after": 1000, "times": 1}])
        place.put("a", b"x" * 10_000)
        assert fault_proxy.count("^PUT") == 2

It works for every protocol over TCP at the level of connections, and for plain HTTP at that of requests too.
A request is seen where a piece from the client begins with a request line after the server had the last word:
exact for clients that wait for an answer before they ask again on the same connection, as all of ours do.
"""

import asyncio
import random
import re
import socket
import struct
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

HOST = "127.0.0.1"

_REQUEST = re.compile(
    rb"((?:GET|PUT|POST|HEAD|DELETE|PATCH|OPTIONS|MKCOL|MOVE|COPY|PROPFIND) [^\r\n]+ HTTP/1\.[01])\r\n"
)
_PIECE = 2**16
_SLOW_DOWN = "<Error><Code>SlowDown</Code><Message>told to</Message></Error>"

# What has been passed on reaches the other side before a reset does, which drops what lies in buffers.
_SETTLE_S = 0.05

_UP = frozenset({"reset", "cut", "corrupt", "blackhole"})
_DOWN = frozenset({"cut_down", "corrupt_down", "drop_response"})
_ALWAYS = frozenset({"delay", "rate", "refuse", "status"})


@dataclass(slots=True)
class Rule:
    """What to do, and when.  The first rule that fires acts."""

    do: str
    """
    delay          wait `ms` before the request, or the connection, is passed on
    rate           pass at most `bps` bytes a second in each direction
    reset          pass `after` more bytes to the server, then reset both sides
    cut            the same, then end both sides
    cut_down       pass `after` bytes of the answer, then end both sides: an answer that is too short
    corrupt        flip one bit `after` bytes on, towards the server
    corrupt_down   the same in the answer
    blackhole      take the request and answer nothing until the client gives up
    refuse         reset at once
    status         answer with `code` and `body` without asking the server
    drop_response  the server gets the request and answers; the client gets a reset
    """
    match: str | None = None
    """Searched in `PUT /b/key HTTP/1.1`; without it the rule acts on connections, of any protocol."""
    nth: int | None = None
    """Fires at this match only, 1 is the first."""
    every: int = 1
    """Fires at each match of so many."""
    prob: float = 1.0
    seed: int = 0
    times: int | None = None
    """Fires so many times at most."""
    after: int = 0
    ms: float = 0
    bps: int = 2**20
    code: int = 503
    body: str = _SLOW_DOWN
    seen: int = field(default=0, init=False)
    fired: int = field(default=0, init=False)
    _random: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        assert self.do in _UP | _DOWN | _ALWAYS, self.do
        assert self.match is not None or self.do != "status", "connections have no status"
        self._random = random.Random(self.seed)

    def fires(self, request: str | None) -> bool:
        """Whether it acts on this request, or on a connection that begins; counts both."""
        if (self.match is None) != (request is None):
            return False
        if self.match is not None and not re.search(self.match, request or ""):
            return False
        self.seen += 1
        wanted = self.seen == self.nth if self.nth is not None else self.seen % self.every == 0
        if not wanted or (self.times is not None and self.fired >= self.times):
            return False
        if self._random.random() >= self.prob:
            return False
        self.fired += 1
        return True


class FaultProxy:
    """Runs in a thread of its own.  Without rules it passes everything on."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._log: list[str] = []
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None
        self._port = 0

    def start(self, upstream_port: int) -> int:
        """Listen, pass on to a port of this machine, and return the port listened on.  Once for a proxy."""
        assert self._thread is None, "it runs already"
        self._thread = threading.Thread(target=self._run, args=[upstream_port], daemon=True)
        self._thread.start()
        assert self._ready.wait(60), "the proxy does not start"
        return self._port

    def rules(self, rules: Iterable[Mapping[str, Any]]) -> list[Rule]:
        """Put these rules, arguments of `Rule`, in the place of all that were; they count from zero.

        Connections and requests that have begun stay under the rule that they met.
        """
        made = [Rule(**rule) for rule in rules]
        with self._lock:
            self._rules = made
        return made

    def log(self) -> list[str]:
        """Return the request lines seen, in order, also of requests that a rule hit."""
        with self._lock:
            return list(self._log)

    def count(self, pattern: str = "") -> int:
        """Return how many requests there were whose lines the pattern is found in."""
        return sum(bool(re.search(pattern, line)) for line in self.log())

    def forget(self) -> None:
        """Empty the log."""
        with self._lock:
            self._log.clear()

    def stop(self) -> None:
        """End, with all connections.  May be called twice, and without a start."""
        if self._thread is None or self._loop is None or self._ended is None:
            return
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    def pick(self, request: str | None) -> Rule | None:
        """Note a request, or a connection that begins, and return the rule that acts on it."""
        with self._lock:
            if request is not None:
                self._log.append(request)
            return next((rule for rule in self._rules if rule.fires(request)), None)

    def _run(self, upstream_port: int) -> None:
        asyncio.run(self._serve(upstream_port))

    async def _serve(self, upstream_port: int) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        connections = _Connections(self, upstream_port)
        server = await asyncio.start_server(connections.serve, HOST, 0)
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._ended.wait()
        server.close()
        await connections.end()


class _Connections:
    """All that are open."""

    def __init__(self, proxy: FaultProxy, upstream_port: int) -> None:
        self._proxy, self._upstream_port = proxy, upstream_port
        self._tasks: set[asyncio.Task[Any]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # one side is gone, or we are to end; both mean that this connection does
        finally:
            _reset(writer)
            self._tasks.discard(task)

    async def end(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        rule = self._proxy.pick(None)
        if rule is not None and rule.do == "refuse":
            return
        if rule is not None and rule.do == "delay":
            await asyncio.sleep(rule.ms / 1000)
        upstream_reader, upstream_writer = await asyncio.open_connection(HOST, self._upstream_port)
        try:
            await _Connection(self._proxy, reader, writer, upstream_reader, upstream_writer, rule).run()
        finally:
            _reset(upstream_writer)


class _End(Exception):
    """The rule wants both sides to end."""

    def __init__(self, *, reset: bool) -> None:
        super().__init__()
        self.reset = reset


class _Connection:
    """One, from a client to the server."""

    def __init__(
        self,
        proxy: FaultProxy,
        client: asyncio.StreamReader,
        to_client: asyncio.StreamWriter,
        server: asyncio.StreamReader,
        to_server: asyncio.StreamWriter,
        rule: Rule | None,
    ) -> None:
        self._proxy = proxy
        self._client, self._to_client, self._server, self._to_server = client, to_client, server, to_server
        self._up: Rule | None = None
        self._down: Rule | None = None
        self._left_up = self._left_down = 0
        self._bps = 0
        # Whether what comes from the client next begins a request.
        self._client_begins = True
        self._arm(rule)

    async def run(self) -> None:
        ways = [asyncio.ensure_future(self._pass_up()), asyncio.ensure_future(self._pass_down())]
        try:
            # Ends when the server has closed its side, when one side breaks, or when a rule says so.
            _, waiting = await asyncio.wait(ways, return_when=asyncio.FIRST_EXCEPTION)
            for way in ways:
                if way not in waiting:
                    way.result()
        except _End as end:
            if not end.reset:
                await self._close()
            else:
                _reset(self._to_client)
                _reset(self._to_server)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    def _arm(self, rule: Rule | None) -> None:
        if rule is None:
            return
        if rule.do in _UP:
            self._up, self._left_up = rule, rule.after
        elif rule.do in _DOWN:
            self._down, self._left_down = rule, rule.after
        elif rule.do == "rate":
            self._bps = rule.bps

    async def _pass_up(self) -> None:
        while piece := await self._client.read(self._piece_size()):
            if self._client_begins and (request := _REQUEST.match(piece)):
                await self._meet(request[1].decode("latin-1"))
            self._client_begins = False
            if self._up is not None and self._up.do != "blackhole":
                piece = await self._hurt_request(self._up, piece)
            if self._up is None or self._up.do != "blackhole":
                await self._write(self._to_server, piece)
        if self._to_server.can_write_eof():
            self._to_server.write_eof()

    async def _pass_down(self) -> None:
        while piece := await self._server.read(_PIECE):
            self._client_begins = True
            # `Expect: 100-continue` is answered twice, and this is not the answer.
            if self._down is not None and not piece.startswith(b"HTTP/1.1 100"):
                piece = await self._hurt_answer(self._down, piece)
            await self._write(self._to_client, piece)
        await self._close()
        raise _End(reset=False)

    async def _meet(self, request: str) -> None:
        rule = self._proxy.pick(request)
        if rule is None:
            return
        if rule.do == "delay":
            await asyncio.sleep(rule.ms / 1000)
        elif rule.do == "refuse":
            raise _End(reset=True)
        elif rule.do == "status":
            await self._answer(rule, with_body=not request.startswith("HEAD "))
        self._arm(rule)

    async def _answer(self, rule: Rule, *, with_body: bool) -> None:
        body = rule.body.encode()
        head = (
            f"HTTP/1.1 {rule.code} Told\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n"
        )
        self._to_client.write(f"{head}Connection: close\r\n\r\n".encode() + (body if with_body else b""))
        try:
            # What the client still sends is taken, or it would read a reset and not the answer.
            while await asyncio.wait_for(self._client.read(_PIECE), 5):
                pass
        except (TimeoutError, OSError):
            pass  # it has nothing more to say
        raise _End(reset=False)

    async def _hurt_request(self, rule: Rule, piece: bytes) -> bytes:
        if len(piece) <= self._left_up:
            self._left_up -= len(piece)
            return piece
        if rule.do == "corrupt":
            self._up = None
            return _flip(piece, self._left_up)
        if self._left_up:
            await self._write(self._to_server, piece[: self._left_up])
            await asyncio.sleep(_SETTLE_S)
        raise _End(reset=rule.do == "reset")

    async def _hurt_answer(self, rule: Rule, piece: bytes) -> bytes:
        if rule.do == "drop_response":
            # The first byte of an answer shows that the server has done it.
            raise _End(reset=True)
        if len(piece) <= self._left_down:
            self._left_down -= len(piece)
            return piece
        if rule.do == "corrupt_down":
            self._down = None
            return _flip(piece, self._left_down)
        await self._write(self._to_client, piece[: self._left_down])
        await self._close()
        raise _End(reset=False)

    def _piece_size(self) -> int:
        return min(_PIECE, max(1024, self._bps // 20)) if self._bps else _PIECE

    async def _write(self, writer: asyncio.StreamWriter, piece: bytes) -> None:
        writer.write(piece)
        await writer.drain()
        if self._bps:
            await asyncio.sleep(len(piece) / self._bps)

    async def _close(self) -> None:
        """End both sides so that what was written arrives."""
        for writer in (self._to_client, self._to_server):
            writer.close()
        for writer in (self._to_client, self._to_server):
            try:
                await writer.wait_closed()
            except OSError:
                pass  # that side was gone already


def _flip(piece: bytes, at: int) -> bytes:
    return piece[:at] + bytes([piece[at] ^ 1]) + piece[at + 1 :]


def _reset(writer: asyncio.StreamWriter) -> None:
    """End one side so that it notices, unless it is closed."""
    raw: socket.socket | None = writer.get_extra_info("socket")
    if raw is not None and raw.fileno() != -1:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
