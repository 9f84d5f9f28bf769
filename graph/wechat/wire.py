"""The sockets to WeChat, and what may be told of them when they fail.

A URL to WeChat holds the AppSecret, and `httpx.AsyncClient` prints every URL at INFO: requests go straight to the
transport below it, which logs none. Exceptions may hold URLs too, and come no further than `reason_of`.

The transport is aiohttp's under httpx's interface: httpx's own pool looks at every connection for every request, and
makes ten times the work of one call when a hundred are under way.
"""

from typing import Final

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

FAILURES: Final[tuple[type[Exception], ...]] = (httpx.HTTPError, aiohttp.ClientError, OSError, TimeoutError)
"""What a call may raise that gets no usable answer."""

_KEEPALIVE: Final = 30.0  # seconds an idle connection is kept


def pooled(max_connections: int) -> httpx.AsyncBaseTransport:
    """Sockets, so many at the most, opened when they are needed. Certificates are verified as httpx does it."""

    # Neither certificates nor a proxy come from the environment: a proxy would see the secret.
    certificates = httpx.create_ssl_context(trust_env=False)

    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=max_connections, keepalive_timeout=_KEEPALIVE, ssl=certificates)
        # Nothing that belongs to one person's call may go out with the next one's.
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)

    return AiohttpTransport(client=session, verify=certificates)


def reason_of(failure: Exception) -> str:
    """What went wrong, in one of three fixed phrases; aiohttp's exception, if it was that, is behind httpx's."""
    cause = failure.__cause__ or failure
    if isinstance(cause, (aiohttp.ClientConnectorError, httpx.ConnectError)):
        return "connection failed"
    # httpx's name for it says little: its aiohttp transport calls every broken connection a time-out.
    late = isinstance(cause, (TimeoutError, httpx.TimeoutException))
    return "timeout" if late else "transport error"
