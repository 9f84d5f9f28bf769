"""The ASGI side of one request: what `receive` gives the application, and how its response is written."""

import asyncio
import http
import logging
from dataclasses import dataclass
from typing import Final, Protocol, cast

from starlette.types import ASGIApp, Message, Scope
from uvicorn.server import ServerState

from graph.server.body_stream import BodyStream
from graph.server.http_error import HttpError

_log: Final = logging.getLogger(__name__)

_STATUS_LINE: Final = {
    int(status): f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode("ascii") for status in http.HTTPStatus
}
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_CLOSE: Final = (b"connection", b"close")
# How a response is framed is for this module, not for the application.
_FRAMING: Final = frozenset({b"connection", b"transfer-encoding"})
_WITHOUT_BODY: Final = frozenset({204, 304})
# Beside the two that end a line, none may be in a head.
_CONTROLS: Final = bytes([*range(0x09), *range(0x0A, 0x20), 0x7F])
_FAILED: Final[Message] = {"status": 500, "headers": [(b"content-type", b"text/plain"), _CLOSE]}


class Connection(Protocol):
    """What a request needs of its connection. `writable` is there while its client leaves responses unread."""

    server_state: ServerState
    writable: asyncio.Event | None

    def write(self, data: bytes, *, now: bool) -> None: ...
    def abort(self) -> None: ...
    def cycle_complete(self, cycle: "RequestCycle") -> None: ...


@dataclass(slots=True, eq=False, repr=False)
class RequestCycle:
    """One request and its response, whose head and body leave as one write.

    `unread` is the body, or `stream` what gives it to the application in pieces, as they come. `held` is what it counts
    for while it waits for the one before it.
    """

    protocol: Connection
    scope: Scope
    unread: bytes
    keep_alive: bool
    stream: BodyStream | None = None
    held: int = 0
    task: asyncio.Task[None] | None = None
    complete: bool = False
    _read: bool = False  # the application has all of the body
    _start: Message | None = None
    _head_sent: bool = False
    _chunked: bool = False
    _has_body: bool = True
    _disconnected: bool = False
    _event: asyncio.Event | None = None

    def size(self) -> int:
        """How many bytes that have arrived it keeps."""
        return len(self.unread) + sum(len(name) + len(value) for name, value in self.scope["headers"])

    async def run(self, app: ASGIApp) -> None:
        """Calls the application; where even middleware does not respond, the client gets a bare 500."""
        try:
            await app(self.scope, self.receive, self.send)
        except Exception as error:
            _log.error("the application failed", extra={"reason": type(error).__name__})
        finally:
            # Not by a callback, which the event loop would call in an iteration of its own.
            self.protocol.server_state.tasks.discard(cast("asyncio.Task[None]", self.task))
            if not self.complete and not self._disconnected:
                self.keep_alive = False
                if self._head_sent:
                    self.protocol.abort()
                else:
                    self._start = _FAILED
                    self._respond(b"Internal Server Error", more=False)

    async def receive(self) -> Message:
        """What there is of the body; after all of it, once the client has gone or has its response, the end.

        Raises `HttpError` where the rest of a streamed body cannot follow.
        """
        if self.stream is not None and not self._read:
            return await self._receive_piece(self.stream)
        if self._read:
            await self._news()
            return {"type": "http.disconnect"}
        piece, self.unread, self._read = self.unread, b"", True
        return {"type": "http.request", "body": piece, "more_body": False}

    async def _receive_piece(self, stream: BodyStream) -> Message:
        if stream.invites and not (stream.unread or self._start):
            self.protocol.write(CONTINUE, now=True)
        stream.invites = False
        while not (stream.unread or stream.ended or stream.error or self._disconnected or self.complete):
            await self._news()
        if stream.error is not None:
            raise stream.error
        if self._disconnected or self.complete:
            return {"type": "http.disconnect"}
        self._read = stream.ended
        return {"type": "http.request", "body": stream.take(), "more_body": not self._read}

    async def _news(self) -> None:
        if not self._disconnected and not self.complete:
            self._event = self._event or asyncio.Event()
            await self._event.wait()
            self._event.clear()

    def feed(self, piece: bytes) -> None:
        """Takes a piece of the body that is streamed. Raises `HttpError` as `BodyStream.feed`."""
        if self.stream is not None:
            self.stream.feed(piece)
            self._wake()

    def end(self) -> None:
        """All of the body that is streamed has arrived."""
        if self.stream is not None:
            self.stream.ended = True
            self._wake()

    def fail(self, error: HttpError) -> None:
        """The rest of the body that is streamed cannot follow: the response says why, unless it has begun."""
        if self.stream is not None and self._start is None:
            self.stream.error = error
            self._wake()
        else:
            self.protocol.abort()

    def _wake(self) -> None:
        if self._event is not None:
            self._event.set()

    async def send(self, message: Message) -> None:
        """Takes the response, in pieces if need be; waits while the client does not read."""
        if self._disconnected:
            return
        if self.protocol.writable is not None:
            await self.protocol.writable.wait()
        expected = "http.response.start" if self._start is None else "http.response.body"
        if self.complete or message["type"] != expected:
            msg = f"Unexpected ASGI message {message['type']!r}."
            raise RuntimeError(msg)
        if self._start is None:
            self._start = message
        elif not self._disconnected:
            self._respond(message.get("body", b""), more=message.get("more_body", False))

    def disconnect(self) -> None:
        """The client has gone."""
        self._disconnected = True
        if self.stream is not None:
            self.stream.take()
        self._wake()

    def _respond(self, body: bytes, *, more: bool) -> None:
        head = b"" if self._head_sent else self._head(None if more else len(body))
        self._head_sent = True
        if not self._has_body:
            body = b""
        elif self._chunked:
            body = (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + (b"" if more else b"0\r\n\r\n")
        self.complete = not more
        self.protocol.write(head + body, now=more)  # only what is written shows that a client does not read
        if self.complete:
            if self._event is not None:
                self._wake()
            if self.stream is not None:
                self.stream.take()  # what the application did not want
            self.protocol.cycle_complete(self)

    def _head(self, length: int | None) -> bytes:
        assert self._start is not None  # noqa: S101 - set by `send`
        status: int = self._start["status"]
        headers = [*self.protocol.server_state.default_headers, *self._start.get("headers", ())]
        names = [name for name, _ in headers]
        if self.stream is not None and not self.stream.ended:
            self.keep_alive = False  # what is left of a body is not waited for
        if not _FRAMING.isdisjoint(names):
            self.keep_alive = self.keep_alive and _CLOSE not in headers
            headers = [header for header in headers if header[0] not in _FRAMING]
        self._has_body = status not in _WITHOUT_BODY and self.scope["method"] != "HEAD"
        if b"content-length" in names:
            if self._has_body and length is not None and (b"content-length", b"%d" % length) not in headers:
                msg = "The body is not as long as its head says."
                raise RuntimeError(msg)
        elif status not in _WITHOUT_BODY:
            if length is not None:
                headers.append((b"content-length", b"%d" % length))
            elif self.scope["http_version"] == "1.1":
                self._chunked = True
                headers.append((b"transfer-encoding", b"chunked"))
            else:
                self.keep_alive = False
        if not self.keep_alive:
            headers.append(_CLOSE)
        head = b"".join([b"%b: %b\r\n" % header for header in headers])
        if len(head) - len(head.translate(None, _CONTROLS)) != 2 * len(headers):
            msg = "Invalid HTTP header."
            raise RuntimeError(msg)
        return b"%b%b\r\n" % (_STATUS_LINE[status], head)
