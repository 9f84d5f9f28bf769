"""What httpx, its loggers and its exceptions may see of a call: never the query, for it holds the AppSecret.

httpx prints the full URL at INFO, puts the request into its exceptions, and is what tracing tools hook into. So the
query travels beside the request, as SecretStr in a dict in its extensions, and becomes part of the URL only here, below
httpx's logging. Nothing has to be hidden then, at whatever level the host application listens, and httpx's line still
says which endpoint answered what.

httpcore sits below. At DEBUG it prints no URL, but response headers, and a `Location` repeats the URL it redirects
from. A filter drops its records while one of our requests is on the wire, and no one else's.

A later `httpx.Auth` flow adds its access token in the same place: `request.extensions[QUERY]["access_token"]`.
"""

import logging
from contextvars import ContextVar

import httpx

QUERY = "wechat.query"

# A filter on "httpcore" would not see its children's records. A test compares this with httpcore's own list.
HTTPCORE_LOGGERS = tuple(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks"))

_on_the_wire: ContextVar[bool] = ContextVar("wechat_request_on_the_wire", default=False)


def drop_while_on_the_wire(_: logging.LogRecord) -> bool:
    return not _on_the_wire.get()


class WireTransport(httpx.AsyncBaseTransport):
    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport
        for name in HTTPCORE_LOGGERS:
            logging.getLogger(name).addFilter(drop_while_on_the_wire)  # the same function again adds nothing

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        query = request.extensions.get(QUERY, {})
        whole = httpx.Request(
            request.method,
            request.url,
            params={name: value.get_secret_value() for name, value in query.items()},
            headers=request.headers,
            stream=request.stream,
            extensions=request.extensions,
        )
        before = _on_the_wire.set(True)
        try:
            return await self._transport.handle_async_request(whole)
        finally:
            _on_the_wire.reset(before)

    async def aclose(self) -> None:
        await self._transport.aclose()
