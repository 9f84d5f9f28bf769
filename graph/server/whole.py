"""Requests that are here in full are answered with less ceremony than uvicorn's; all others are uvicorn's.

Nearly every request brings its body in the bytes that bring its head, and is answered by one body. For such a request
to one path there is nothing to wait for and nothing to stream: no events, no flow of pieces, and head and body of the
answer leave as one. The application is the same ASGI application, and a connection may change between the two ways with
every request. The server is the same without this file, and slower.

What this leans on in uvicorn is that its protocol asks nothing of a `RequestResponseCycle` but the attributes that
`Exchange` has, and starts it by `_start_asgi_task`; tests pin it.
"""

import asyncio
import logging
from typing import Any, Final

from starlette.types import ASGIApp, Message, Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from graph.server.protocol import BoundedProtocol

_log: Final = logging.getLogger("uvicorn.error")

# How an answer is framed is for who writes it, not for the application.
_FRAMING: Final = frozenset({b"connection", b"transfer-encoding"})
_WITHOUT_LENGTH: Final = frozenset({204, 304})
# Beside the two that end a line, none may be in a head.
_CONTROLS: Final = bytes([*range(0x09), *range(0x0A, 0x20), 0x7F])
# As uvicorn says it.
_FAILED: Final = b"Internal Server Error"
_FAILURE: Final = {
    "status": 500,
    "headers": [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")],
}


class Exchange:
    """One whole request and its answer: what `RequestResponseCycle` is for the others."""

    __slots__ = (
        "_answer",
        "_body",
        "_gone",
        "_protocol",
        "_taken",
        "body",
        "disconnected",
        "keep_alive",
        "more_body",
        "response_complete",
        "response_started",
        "scope",
    )

    def __init__(self, protocol: "WholeRequests", scope: Scope, body: bytes, *, keep_alive: bool) -> None:
        self._protocol = protocol
        self._body = body
        self._taken = False
        self._answer: Message = {}
        self._gone: asyncio.Event | None = None
        self.scope = scope
        self.body = bytearray()  # of the answer
        self.keep_alive = keep_alive
        self.more_body = False
        self.disconnected = False
        self.response_started = False
        self.response_complete = False

    async def run_asgi(self, app: ASGIApp) -> None:
        """Has the application answer, or answers for it, as nothing has left before the whole: 500, and no more."""
        try:
            await app(self.scope, self.receive, self.send)
        except Exception as error:
            _log.error("Exception in ASGI application\n", exc_info=error)
        finally:
            if not self.response_complete and not self.disconnected:
                _log.error("The application has not answered.")
                self._answer, self.body = _FAILURE, bytearray(_FAILED)
                self._write()

    async def receive(self) -> Message:
        """The request, and after it the end of the connection."""
        if not self._taken:
            self._taken = True
            return {"type": "http.request", "body": self._body, "more_body": False}
        if not self.disconnected and not self.response_complete:
            self._gone = self._gone or asyncio.Event()
            await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Takes an answer, in pieces if need be, and writes it when it is whole."""
        if self._protocol.flow.write_paused and not self.disconnected:
            await self._protocol.flow.drain()
        if self.disconnected:
            return
        expected = "http.response.body" if self.response_started else "http.response.start"
        if self.response_complete or message["type"] != expected:
            msg = f"Unexpected ASGI message {message['type']!r}."
            raise RuntimeError(msg)
        if not self.response_started:
            self.response_started, self._answer = True, message
            return
        self.body += message.get("body", b"")
        if not message.get("more_body", False):
            self._write()

    def _write(self) -> None:
        headers = [*self._protocol.server_state.default_headers, *self._answer.get("headers", ())]
        head = b"".join([b"%s: %s\r\n" % header for header in headers])
        if len(head) - len(head.translate(None, _CONTROLS)) != 2 * len(headers):
            msg = "Invalid HTTP header."
            raise RuntimeError(msg)
        names = [name for name, _ in headers]
        if not _FRAMING.isdisjoint(names):
            self.keep_alive = self.keep_alive and (b"connection", b"close") not in headers
            head = b"".join([b"%s: %s\r\n" % header for header in headers if header[0] not in _FRAMING])
        length = b"%d" % len(self.body)
        if b"content-length" not in names and self._answer["status"] not in _WITHOUT_LENGTH:
            head += b"content-length: %s\r\n" % length
        elif (b"content-length", length) not in headers and self.body:
            msg = "The body of an answer is not as long as its head says."
            raise RuntimeError(msg)
        end = b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n"
        self._protocol.transport.write(b"".join([STATUS_LINE[self._answer["status"]], head, end, self.body]))
        self.response_complete = True
        self.set()
        if not self.keep_alive:
            self._protocol.transport.close()
        self._protocol.on_exchange_complete()

    @property
    def message_event(self) -> "Exchange":
        """The protocol tells news of the connection by calling `set` on it."""
        return self

    def set(self) -> None:
        """There is news: the client has gone, or has its answer."""
        if self._gone is not None:
            self._gone.set()


class WholeRequests(BoundedProtocol):
    """A connection that answers whole requests to `path` by an `Exchange`."""

    path: bytes | None = None

    # When the last answer was complete, and a timer that looks then whether the connection has idled too long.
    _idle_since = 0.0
    _idle: asyncio.TimerHandle | None = None

    # The pieces of a body whose request may yet turn out to be whole; None for all other requests.
    _held: list[bytes] | None = None

    def data_received(self, data: bytes) -> None:
        """Feeds the parser; a request that has only begun with these bytes is uvicorn's."""
        super().data_received(data)
        if self._held is not None:
            held, self._held = self._held, None
            if not self._refused and not self.transport.is_closing():
                super().on_headers_complete()
                for piece in held:
                    super().on_body(piece)

    def on_headers_complete(self) -> None:
        """The head is here; whether the request is, the next bytes tell."""
        if self._may_be_whole():
            self._held, self._in_head, self._body_came = [], False, True
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of a body."""
        if self._held is None:
            super().on_body(body)
        else:
            self._held.append(body)
            self._unfinished, self._body_came = 0, True

    def on_message_complete(self) -> None:
        """The request is here in full."""
        if self._held is None:
            super().on_message_complete()
            return
        body, self._held = b"".join(self._held), None
        self._stop_waiting()
        self._in_message, self._message_ended = False, True
        scope: dict[str, Any] = self.scope  # type: ignore[assignment]
        scope["method"], scope["path"] = "POST", self.url.decode("ascii")
        scope["raw_path"], scope["query_string"] = self.url, b""
        exchange: Any = Exchange(self, scope, body, keep_alive=self.parser.should_keep_alive())
        self.cycle = exchange
        self._start_asgi_task(exchange, self.app)

    def on_exchange_complete(self) -> None:
        """The answer is written. uvicorn would begin a timer and end it for each request: one is enough for many."""
        if self.pipeline:
            self.on_response_complete()
            return
        self.server_state.total_requests += 1
        if not self.transport.is_closing():
            self._idle_since = self.loop.time()
            if self._idle is None:
                self._idle = self.loop.call_later(self.timeout_keep_alive, self._look_at_idleness)

    def on_response_complete(self) -> None:
        """uvicorn's own request is answered."""
        super().on_response_complete()
        self._idle_since = self.loop.time()

    def _look_at_idleness(self) -> None:
        self._idle = None
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if self._in_message or not self._is_answered():
            left = self.timeout_keep_alive
        if left > 0:
            self._idle = self.loop.call_later(left, self._look_at_idleness)
        else:
            self.timeout_keep_alive_handler()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is awaited any more."""
        if self._idle is not None:
            self._idle.cancel()
        super().connection_lost(exc)

    def _is_leftover(self) -> bool:
        """What is held has no answer yet."""
        return self._held is None and super()._is_leftover()

    def _may_be_whole(self) -> bool:
        return (
            self.url == self.path
            and self.parser.get_method() == b"POST"
            and self.parser.get_http_version() == "1.1"
            and not self.expect_100_continue
            and not self.parser.should_upgrade()
            and not self._parting
            and not self.pipeline
            and self._is_answered()
        )
