"""The sockets to WeChat, and what may be told of them when they fail.

A URL to WeChat holds the AppSecret, and `httpx.AsyncClient` prints every URL at INFO: requests go straight to a
transport below it, this one, which logs none. Exceptions may hold URLs too, and come no further than `reason_of`.

httpx's own pool looks at every connection for every request, and makes ten times the work of one call when a hundred
are under way; aiohttp below httpx still makes more than twice the work of this, and brings ten packages.
"""

import asyncio
import socket
from collections import deque
from typing import Final

import aiohappyeyeballs
import httpx

from graph.wechat.connection import Connection

FAILURES: Final[tuple[type[Exception], ...]] = (httpx.HTTPError, OSError, TimeoutError)
"""What a call may raise that gets no usable answer."""

# How long a connection may lie idle, in seconds: less than what servers and routers commonly keep.
_KEEPALIVE: Final = 30.0
# RFC 8305, 5 and 8: how long an address may take before the next is tried as well.
_NEXT_ADDRESS_AFTER: Final = 0.25
_PORTS: Final = {"http": 80, "https": 443}


class Connections(httpx.AsyncBaseTransport):
    """Sockets to one origin, `limit` at the most, opened when they are needed; the one used last is used first.

    Answers are read whole (see `Connection`). Of `httpx.Timeout`, "pool" bounds the wait for a free place, "connect"
    all that comes before the request, and "read" the answer. Certificates are verified as httpx does it.
    """

    def __init__(self, origin: httpx.URL, *, limit: int) -> None:
        self._host = origin.raw_host.decode("ascii")
        self._port = origin.port or _PORTS[origin.scheme]
        # Neither certificates nor a proxy come from the environment: a proxy would see the secret.
        self._tls = httpx.create_ssl_context(trust_env=False) if origin.scheme == "https" else None
        self._places = asyncio.Semaphore(limit)
        self._idle: deque[Connection] = deque()
        self._sweep: asyncio.TimerHandle | None = None
        self._is_closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raises `httpx.TransportError`."""
        seconds = request.extensions["timeout"]
        if self._places.locked():
            await self._wait_for_a_place(seconds["pool"])
        else:
            await self._places.acquire()
        try:
            connection = self._idle_one() or await self._connected(seconds["connect"])
            answer = await connection.exchange(_written(request), seconds=seconds["read"])
        finally:
            self._places.release()
        if connection.is_free:
            self._keep(connection)
        return answer

    async def aclose(self) -> None:
        """Closes what is idle; what is under way ends with its request."""
        self._is_closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        while self._idle:
            self._idle.pop().abort()

    async def _wait_for_a_place(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._places.acquire()
        except TimeoutError:
            msg = "no connection is free"
            raise httpx.PoolTimeout(msg) from None

    def _idle_one(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.may_be_used():
                return connection
            connection.abort()
        return None

    async def _connected(self, seconds: float) -> Connection:
        loop = asyncio.get_running_loop()
        server_hostname = None if self._tls is None else self._host
        try:
            async with asyncio.timeout(seconds):
                addresses = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
                connected = await aiohappyeyeballs.start_connection(
                    addresses, happy_eyeballs_delay=_NEXT_ADDRESS_AFTER, interleave=1
                )
                _, connection = await loop.create_connection(
                    lambda: Connection(loop), sock=connected, ssl=self._tls, server_hostname=server_hostname
                )
        except TimeoutError:
            msg = "no connection in time"
            raise httpx.ConnectTimeout(msg) from None
        except (OSError, RuntimeError):  # the second from uvloop, about a socket that failed at once
            msg = "no connection"
            raise httpx.ConnectError(msg) from None
        return connection

    def _keep(self, connection: Connection) -> None:
        if self._is_closed:
            connection.abort()
            return
        connection.idle_since = connection.loop.time()
        self._idle.append(connection)
        if self._sweep is None:
            self._sweep = connection.loop.call_later(_KEEPALIVE, self._close_idle)

    def _close_idle(self) -> None:
        loop = asyncio.get_running_loop()
        while self._idle and (not self._idle[0].is_free or self._idle[0].idle_since <= loop.time() - _KEEPALIVE):
            self._idle.popleft().abort()
        self._sweep = None
        if self._idle:
            self._sweep = loop.call_at(self._idle[0].idle_since + _KEEPALIVE, self._close_idle)


def _written(request: httpx.Request) -> bytes:
    target: bytes = request.extensions.get("target", request.url.raw_path)
    head = [b"%b %b HTTP/1.1\r\n" % (request.method.encode("ascii"), target)]
    head += [b"%b: %b\r\n" % header for header in request.headers.raw]
    return b"".join([*head, b"\r\n", request.content])


def reason_of(failure: Exception) -> str:
    """What went wrong, in one of three fixed phrases."""
    if isinstance(failure, (TimeoutError, httpx.TimeoutException)):
        return "timeout"
    return "connection failed" if isinstance(failure, httpx.ConnectError) else "transport error"
