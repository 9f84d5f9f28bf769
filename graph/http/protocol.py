"""Limits on connections, below ASGI: uvicorn's HTTP protocol as shipped keeps any head and waits for it for ever.

A subclass is uvicorn's public seam (`uvicorn.Config(http=...)`); the names that it leans on are pinned by a test.
"""

import asyncio
import logging
import secrets
from dataclasses import dataclass
from typing import Final

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from graph.schema.errors import CodedError, ErrorAction, ErrorCode

_log = logging.getLogger("graph.http.request")


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """The most that the head of a request may have, in bytes and seconds, and the seconds between two requests.

    A proxy keeps its connections for about a minute: whoever closes first must be the proxy, or it sends a request
    into a connection that is just being closed.
    """

    url: int = 8 * 1024
    headers: int = 64
    head: int = 16 * 1024
    head_seconds: float = 5.0
    idle_seconds: int = 75


@dataclass(frozen=True, slots=True)
class _Refusal:
    status: int
    code: ErrorCode
    message: str


_MALFORMED: Final = _Refusal(400, ErrorCode.BAD_REQUEST, "This is not an HTTP request.")
_LATE: Final = _Refusal(408, ErrorCode.REQUEST_TIMEOUT, "The head of the request took too long.")
_LONG_URL: Final = _Refusal(414, ErrorCode.BAD_REQUEST, "The URL is too long.")
_LARGE_HEAD: Final = _Refusal(431, ErrorCode.BAD_REQUEST, "The headers are too many or too long.")


class _HeadRefused(Exception):
    """Stops the parser in the middle of a head."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection. A request whose head is too large or too slow gets an answer in JSON, and no other follows."""

    limits: ConnectionLimits = ConnectionLimits()

    _unfinished = 0  # bytes that the parser holds of a head without its end
    _head = 0  # bytes of the complete headers
    _in_head = False
    _refusal = _MALFORMED
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The first head is awaited from here on."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is awaited any more."""
        self._head_is_here()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feeds the parser, which keeps an endless header whole: so many bytes and no more."""
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            self._unfinished += len(data)
            if self._unfinished > self.limits.head:
                self._answer(_LARGE_HEAD)

    def on_message_begin(self) -> None:
        """A head begins, on a connection that may have been idle."""
        super().on_message_begin()
        self._in_head, self._unfinished, self._head = True, 0, 0
        if self._deadline is None:
            self._await_head()

    def on_url(self, url: bytes) -> None:
        """A piece of the URL."""
        super().on_url(url)
        if len(self.url) > self.limits.url:
            self._refuse(_LONG_URL)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A whole header."""
        super().on_header(name, value)
        self._head += len(name) + len(value)
        if len(self.headers) > self.limits.headers or self._head > self.limits.head:
            self._refuse(_LARGE_HEAD)

    def on_headers_complete(self) -> None:
        """The head is here, and the application's turn begins."""
        self._head_is_here()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """What uvicorn calls when the parser stops."""
        self._answer(self._refusal)

    def _refuse(self, refusal: _Refusal) -> None:
        self._refusal = refusal
        raise _HeadRefused

    def _await_head(self) -> None:
        self._deadline = self.loop.call_later(self.limits.head_seconds, self._answer, _LATE)

    def _head_is_here(self) -> None:
        self._in_head = False
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _answer(self, refusal: _Refusal) -> None:
        self._head_is_here()
        if self.transport.is_closing():
            return
        # Before the first request there is no cycle. While one is being answered, bytes in between would corrupt it.
        if getattr(self.cycle, "response_complete", True):
            request_id = secrets.token_hex(8)
            coded = CodedError(refusal.code, refusal.message, ErrorAction.FIX_REQUEST)
            error = {"message": coded.message, "extensions": coded.extensions(request_id)}
            body = orjson.dumps({"errors": [error]})
            head = (
                f"content-type: application/json; charset=utf-8\r\ncontent-length: {len(body)}\r\n"
                f"x-request-id: {request_id}\r\ncache-control: no-store\r\nx-content-type-options: nosniff\r\n"
                "connection: close\r\n\r\n"
            )
            self.transport.write(STATUS_LINE[refusal.status] + head.encode("ascii") + body)
            _log.info("request", extra={"request_id": request_id, "status": refusal.status, "path": "?"})
        self.transport.close()
