"""Limits on connections, below ASGI: uvicorn's HTTP protocol as shipped keeps any head and waits for it for ever.

A subclass is uvicorn's public seam (`uvicorn.Config(http=...)`); the names that it leans on are pinned by a test.
"""

import asyncio
import logging
import secrets
from dataclasses import dataclass
from typing import Any, Final

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from graph.errors import CodedError, ErrorAction, ErrorCode
from graph.server.lingering import LingeringTransport
from graph.server.outbox import Outbox

_log = logging.getLogger("graph.http.request")


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """The most that a client may do on one connection, in bytes, seconds and requests."""

    url: int = 8 * 1024
    headers: int = 64
    head: int = 16 * 1024
    head_seconds: float = 5.0
    # Between two requests. A proxy keeps its connections for about a minute: whoever closes first must be the proxy,
    # or it sends a request into a connection that is just being closed.
    idle_seconds: int = 75
    # Requests that wait behind the one being answered.
    pipelined: int = 16
    # What is read, and discarded, of a request that has its answer already.
    leftover: int = 32 * 1024 * 1024
    leftover_seconds: float = 2.0
    # When the server stops, how long a request may be on its way on a connection that was just made.
    parting_seconds: float = 1.0
    # How long answers may lie unread once the buffers of both sides are full.
    unread_seconds: float = 10.0


# Bytes around the name and the value of a header.
_SEPARATORS: Final = 4


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
    """One connection. A request whose head is too large or too slow gets an answer in JSON, and no other follows.

    Whatever the connection waits for, a timer runs: for a head, for the rest of a body that nobody will read, for
    the client to read its answers. The body of a request at work is the application's to wait for.
    """

    limits: ConnectionLimits = ConnectionLimits()
    outbox: Outbox  # of the event loop that serves it

    _unfinished = 0  # bytes that the parser may hold, of a head or of the trailers behind a body
    _head = 0  # bytes of the complete headers
    _discarded = 0  # bytes that came after their request was answered or refused
    _in_head = False
    _parting = False
    _in_message = False
    _message_ended = False  # this and the next: within the bytes that are being parsed
    _body_came = False  # or the end of its head
    _refused = False
    _refusal = _MALFORMED
    _deadline: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None
    _lingering: LingeringTransport

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The first head is awaited from here on."""
        self._lingering = LingeringTransport(
            transport,
            loop=self.loop,
            outbox=self.outbox,
            client_is_sending=lambda: self._in_message or self._refused,
            sending_seconds=self.limits.leftover_seconds,
            unread_seconds=self.limits.unread_seconds,
        )
        super().connection_made(self._lingering)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is awaited any more."""
        self._stop_waiting()
        self._lingering.forget()
        super().connection_lost(exc)  # resumes writing
        if self.timeout_keep_alive_task is not None:
            # Of a connection that breaks, uvicorn would keep everything until the time of an idle one is up.
            self.timeout_keep_alive_task.cancel()
        # No circle is left: thousands of connections may come and go between two looks of the garbage collector.
        self.parser: Any = None
        if self._is_answered():
            self.cycle: Any = None

    def eof_received(self) -> None:
        """The client has sent everything, and asyncio is about to close: what is left unread has its time too."""
        super().eof_received()
        self.transport.close()

    def data_received(self, data: bytes) -> None:
        """Feeds the parser, which keeps an endless header whole: so many bytes and no more."""
        if self._refused or self._is_leftover() or self.transport.is_closing():
            self._discarded += len(data)
            if self._discarded > self.limits.leftover:
                self.transport.abort()
        if self._refused or self.transport.is_closing():
            return
        self._message_ended = self._body_came = False
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._in_head and self._deadline is None:
            self._await_head()  # what has begun and is not here by now
        if self._in_message and not self._message_ended and not self._body_came:
            self._unfinished += len(data)
            # Of a head, what is not headers is measured elsewhere.
            beside = len(self.url) + _SEPARATORS * len(self.headers) if self._in_head else 0
            if self._unfinished > self.limits.head + beside:
                self._answer(_LARGE_HEAD)
        elif not self._in_message and self._deadline is None and self._is_answered():
            # These bytes began no request: uvicorn has stopped waiting for one, and would hold the connection for ever.
            self._await_head()

    def on_message_begin(self) -> None:
        """A head begins, on a connection that may have been idle."""
        super().on_message_begin()
        self._in_head, self._in_message, self._unfinished, self._head, self._discarded = True, True, 0, 0, 0

    def on_url(self, url: bytes) -> None:
        """A piece of the URL."""
        super().on_url(url)
        if len(self.url) > self.limits.url:
            self._refuse(_LONG_URL)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A whole header, or a trailer, which must not pass for a header (RFC 9110, section 6.5.1)."""
        if self._in_head:
            super().on_header(name, value)
        self._head += len(name) + len(value)
        if len(self.headers) > self.limits.headers or self._head > self.limits.head:
            self._refuse(_LARGE_HEAD)

    def on_headers_complete(self) -> None:
        """The head is here, and the application's turn begins."""
        self._stop_waiting()
        if len(self.pipeline) >= self.limits.pipelined:
            self._refuse(_MALFORMED)
        super().on_headers_complete()
        self._in_head, self._body_came = False, True
        if self.parser.should_upgrade() or self._parting:
            # The parser takes what follows for another protocol; or nothing is to follow.
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """A piece of the body, which goes to the application."""
        super().on_body(body)
        self._unfinished, self._body_came = 0, True

    def on_message_complete(self) -> None:
        """The request is here in full."""
        super().on_message_complete()
        self._in_message, self._message_ended = False, True
        if self._is_answered():
            self._stop_waiting()

    def on_response_complete(self) -> None:
        """The application's turn ends, perhaps before the body does."""
        super().on_response_complete()
        if self._is_leftover() and not self.transport.is_closing():
            self._stop_waiting()
            self._deadline = self.loop.call_later(self.limits.leftover_seconds, self.transport.abort)

    def pause_writing(self) -> None:
        """The client leaves its answers unread."""
        super().pause_writing()
        self._unread = self.loop.call_later(self.limits.unread_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """The client reads again."""
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()

    def shutdown(self) -> None:
        """The server stops: no request follows those at work, but the first one of a new connection may."""
        asked = getattr(self, "cycle", None) is not None  # uvicorn's annotation does not know of the time before
        if (not asked or self._in_head) and self._is_answered() and not self.transport.is_closing():
            self._parting = True
            self._stop_waiting()
            self._deadline = self.loop.call_later(self.limits.parting_seconds, self.transport.close)
        else:
            super().shutdown()

    def send_400_response(self, msg: str) -> None:
        """What uvicorn calls when the parser stops."""
        self._answer(self._refusal)

    def _refuse(self, refusal: _Refusal) -> None:
        self._refusal = refusal
        raise _HeadRefused

    def _await_head(self) -> None:
        self._deadline = self.loop.call_later(self.limits.head_seconds, self._answer, _LATE)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _is_answered(self) -> bool:
        """Whether no request is at work or waits for its turn; before the first one there is no cycle."""
        return bool(getattr(self.cycle, "response_complete", True))

    def _is_leftover(self) -> bool:
        """Whether what comes belongs to a request that has its answer."""
        return self._in_message and not self._in_head and self._is_answered()

    def _answer(self, refusal: _Refusal) -> None:
        self._stop_waiting()
        if self.transport.is_closing():
            return
        self._refused = True
        if self._is_leftover():
            self.transport.close()
        elif self._is_answered():
            self._write(refusal)
        elif self._in_message and not self._in_head and not self.pipeline and not self.cycle.response_started:
            # Broken in its body: what the application may still say of it goes nowhere.
            self._write(refusal)
        else:
            # Bytes in between would corrupt the answers under way: the last of them is the last of all.
            self.cycle.keep_alive = False

    def _write(self, refusal: _Refusal) -> None:
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
        self.transport.close()
        _log.info("request", extra={"request_id": request_id, "status": refusal.status, "path": "?"})
