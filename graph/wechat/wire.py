"""What httpx, its loggers and its exceptions may see of a call: never the query, for it holds the AppSecret.

httpx prints the full URL at INFO, puts the request into its exceptions, and is what tracing tools hook into. So the
query travels beside the request, as SecretStr in a dict in its extensions, and becomes part of the URL only here, below
httpx's logging. Nothing has to be hidden then, at whatever level the host application listens, and httpx's line still
says which endpoint answered what.

Below it is aiohttp: httpx's own pool looks at every connection for every request, and makes ten times the work of one
call when a hundred are under way. aiohttp logs no request, and its exceptions come no further than `reason_of`.

A later `httpx.Auth` flow adds its access token in the same place: `request.extensions[QUERY]["access_token"]`.
"""

from typing import Final

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

QUERY: Final = "wechat.query"

FAILURES: Final[tuple[type[Exception], ...]] = (httpx.HTTPError, aiohttp.ClientError, OSError, TimeoutError)
"""What a call may raise that gets no usable answer."""

_KEEPALIVE: Final = 30.0  # seconds an idle connection is kept


class WireTransport(httpx.AsyncBaseTransport):
    """Adds the query to the URL, and hands the request on, with its body whole: WeChat takes no chunks."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Sends one request."""
        query = request.extensions.get(QUERY, {})
        whole = httpx.Request(
            request.method,
            request.url,
            params={name: value.get_secret_value() for name, value in query.items()},
            headers=request.headers,
            content=request.content,
            extensions=request.extensions,
        )
        return await self._transport.handle_async_request(whole)

    async def aclose(self) -> None:
        """Closes what is below."""
        await self._transport.aclose()


def pooled(max_connections: int) -> httpx.AsyncBaseTransport:
    """Sockets, so many at the most, opened when they are needed. Certificates are verified as httpx does it."""

    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=max_connections, keepalive_timeout=_KEEPALIVE, ssl=httpx.create_ssl_context(trust_env=False)
        )
        # Nothing that belongs to one person's call may go out with the next one's.
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)

    return AiohttpTransport(client=session, trust_env=False)


def reason_of(failure: Exception) -> str:
    """What went wrong, in one of three fixed phrases; aiohttp's exception, if it was that, is behind httpx's."""
    cause = failure.__cause__ or failure
    if isinstance(cause, (aiohttp.ClientConnectorError, httpx.ConnectError)):
        return "connection failed"
    # httpx's name for it says little: its aiohttp transport calls every broken connection a time-out.
    late = isinstance(cause, (TimeoutError, httpx.TimeoutException))
    return "timeout" if late else "transport error"
