"""Connections to WeChat: httpx over aiohttp, what neither of them guards against, and the reasons that may be logged.

A URL to WeChat holds the AppSecret, and `httpx.AsyncClient` logs every URL at INFO: requests go straight to a transport
below it, which logs none. Exceptions of aiohttp hold URLs too, and come no further than `reason_of`.
"""

import errno
import select
import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport
from pydantic import SecretStr

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

# What a call may raise that gets no usable response.
FAILURES: Final[tuple[type[Exception], ...]] = (httpx.HTTPError, aiohttp.ClientError, OSError)
# The extension of a request that may not use a connection from before it.
FRESH: Final = "wxgate.fresh"
# Seconds that a connection may be idle: less than what servers and routers commonly keep.
_KEEPALIVE: Final = 30.0


class PooledTransport(AiohttpTransport):
    """Connections to one origin, `limit` at the most; of `httpx.Timeout`, "pool" bounds all that precedes the request.

    Trusts the certificates of `ca_file` alone, or else the public ones; never what the environment names. Raises
    `OSError`, of which `ssl.SSLError` is one, for a file that holds no certificates.

    Not left to the defaults of aiohttp: cookies, a second sending of a GET, and proxies of the environment, which would
    see the secret. A `proxy` (an http(s) URL, perhaps with a password) is used for https alone, by CONNECT.
    """

    def __init__(
        self, *, is_https: bool, limit: int, ca_file: Path | None = None, proxy: SecretStr | None = None
    ) -> None:
        if not is_https:
            # Certificates take 20 ms to read; a context without any trusts none.
            trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        elif ca_file is None:
            trusted = httpx.create_ssl_context(trust_env=False)
        else:
            trusted = ssl.create_default_context(cafile=str(ca_file))
        super().__init__(
            verify=trusted,
            proxy=_proxy(proxy) if proxy and is_https else None,
            limits=httpx.Limits(max_connections=limit, keepalive_expiry=_KEEPALIVE),
            client=self._open,
        )
        self._connector: _Connector | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raises one of `FAILURES`."""
        if self._connector is not None and request.extensions.get(FRESH):
            self._connector.expire()
        return await super().handle_async_request(request)

    def _open(self) -> aiohttp.ClientSession:
        self._connector = _Connector(
            limit=self.limits.max_connections or 0, keepalive_timeout=self.limits.keepalive_expiry, ssl=self.ssl_context
        )
        return aiohttp.ClientSession(
            connector=self._connector, cookie_jar=aiohttp.DummyCookieJar(), middlewares=(_send_once,)
        )


def _proxy(address: SecretStr) -> httpx.Proxy:
    url = httpx.URL(address.get_secret_value())
    # As a header: aiohttp's own class for it is deprecated.
    credentials = aiohttp.encode_basic_auth(url.username, url.password, "utf-8")
    headers = {"Proxy-Authorization": credentials} if url.userinfo else None
    return httpx.Proxy(url.copy_with(userinfo=b""), headers=headers)


class _Connector(aiohttp.TCPConnector):
    """Keeps connections, but gives none to a request on which something has come since its last response.

    aiohttp would take that for the response to the next request, which is another user's.
    """

    _age = 0

    def __init__(self, *, limit: int, keepalive_timeout: float | None, ssl: ssl.SSLContext) -> None:
        super().__init__(limit=limit, keepalive_timeout=keepalive_timeout, ssl=ssl)
        self._ages: WeakKeyDictionary[ResponseHandler, int] = WeakKeyDictionary()

    def expire(self) -> None:
        """Lets no request use a connection that there is."""
        self._age += 1

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: "list[Trace]",
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's
    ) -> "Connection":
        while True:
            connection = await super().connect(req, traces, timeout)
            if self._is_usable(connection):
                return connection
            connection.close()

    def _is_usable(self, connection: "Connection") -> bool:
        protocol, transport = connection.protocol, connection.transport
        if protocol is None or transport is None:
            return False
        age = self._ages.get(protocol)
        if age is None:
            self._ages[protocol] = self._age
            return True
        if age != self._age or protocol.should_close:
            return False
        # What the event loop has not read yet: a response that nothing asked for, an end or a reset.
        unread = select.poll()
        unread.register(transport.get_extra_info("socket"), select.POLLIN)
        return not unread.poll(0)


async def _send_once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """aiohttp sends a GET again by itself when its connection ends, and a login code is good for one."""
    try:
        return await send(request)
    except (aiohttp.ClientConnectionError, RuntimeError) as failure:  # the second from uvloop, about a broken socket
        msg = "no response"
        raise httpx.ReadError(msg) from failure


# The first that fits: a kind of exception, its errnos if they matter, and the phrase.
_REASONS: Final[tuple[tuple[type[Exception] | tuple[type[Exception], ...], tuple[int, ...] | None, str], ...]] = (
    (aiohttp.ClientConnectorCertificateError, None, "certificate not trusted"),
    ((aiohttp.ClientProxyConnectionError, aiohttp.ClientHttpProxyError), None, "proxy failed"),
    (OSError, (errno.ECONNREFUSED,), "connection refused"),
    (OSError, (errno.EMFILE, errno.ENFILE), "no file descriptors left"),
    (OSError, (socket.EAI_NONAME,), "unknown host"),
    ((TimeoutError, httpx.TimeoutException), None, "timeout"),
    ((aiohttp.ClientConnectorError, httpx.ConnectError), None, "connection failed"),
    (Exception, None, "transport error"),
)


def reason_of(failure: Exception) -> str:
    """What went wrong, as one of a few fixed phrases."""
    # httpx-aiohttp takes a connection that ended for a timeout: its cause knows better.
    cause = failure.__cause__ or failure
    number = getattr(cause, "errno", None)
    return next(
        phrase for kind, errnos, phrase in _REASONS if isinstance(cause, kind) and (not errnos or number in errnos)
    )
