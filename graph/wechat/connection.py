"""One HTTP/1.1 connection, seen from the client's end: bytes of a request in, a whole answer out (RFC 9112).

httptools (llhttp, the parser of Node.js and of uvicorn) reads; its strict mode refuses what can be read in two ways.
"""

import asyncio
import select
from typing import Final, cast

import httptools
import httpx

MAX_ANSWER_BYTES: Final = 128 * 1024
"""Of one answer, head and body and what may come before it."""

_CLOSED: Final = "the connection was closed"


class Connection(asyncio.Protocol):
    """A socket that takes one request at a time; `is_free` before it, and again when its answer is whole."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.is_free = False
        self.idle_since = 0.0
        self._answer: asyncio.Future[httpx.Response] | None = None
        self._received = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] | None = None  # until the head is read
        self._parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """From the event loop."""
        self._transport = cast("asyncio.Transport", transport)
        self.is_free = True

    async def exchange(self, request: bytes, *, seconds: float) -> httpx.Response:
        """The whole answer.

        Raises `httpx.ReadTimeout` after so many `seconds`, `httpx.ReadError`, `httpx.RemoteProtocolError`. Whoever
        fails or is cancelled leaves a connection behind that is closed.
        """
        if not self.is_free:
            raise httpx.ReadError(_CLOSED)
        self.is_free = False
        answer: asyncio.Future[httpx.Response] = self.loop.create_future()
        self._answer = answer
        late = self.loop.call_later(seconds, self._fail, httpx.ReadTimeout("no answer in time"))
        try:
            self._transport.write(request)
            return await answer
        except BaseException:
            # Cancelled with the whole answer at hand: nobody is there to keep the connection.
            self.is_free = False
            raise
        finally:
            late.cancel()
            self._answer, self._received, self._headers, self._body = None, 0, [], None
            if not self.is_free:
                self.abort()

    def may_be_used(self) -> bool:
        """Whether it can take a request. What has come since the last answer, read or not, is no answer to the next."""
        if not self.is_free or self._transport.is_closing():
            return False
        unread = select.poll()
        unread.register(self._transport.get_extra_info("socket"), select.POLLIN)
        return not unread.poll(0)

    def abort(self) -> None:
        """Closes at once."""
        self.is_free = False
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """From the event loop."""
        if self._answer is None or self._answer.done():
            # Nobody asked: whatever it is, it must not become the answer to the next request.
            self.abort()
            return
        self._received += len(data)
        if self._received > MAX_ANSWER_BYTES:
            self._fail(httpx.RemoteProtocolError("the answer is too long"))
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            # The parser lets nothing pass from here on, nor after a change of protocol, which nobody asked for.
            self._fail(httpx.RemoteProtocolError("not an HTTP answer"))

    def eof_received(self) -> None:
        """From the event loop, which closes the connection then."""
        self.is_free = False

    def connection_lost(self, failure: Exception | None) -> None:
        """From the event loop."""
        self.is_free = False
        # An answer that says nothing about its length ends with its connection (RFC 9112, 6.3), unless that breaks.
        begun = failure is None and self._body is not None
        if begun and not {b"content-length", b"transfer-encoding"} & {name for name, _ in self._headers}:
            self._succeed(is_free=False)
        else:
            self._fail(httpx.ReadError(_CLOSED))

    def on_message_begin(self) -> None:
        """From the parser."""
        if self.is_free:
            # A second answer behind the first one's end.
            self.abort()

    def on_header(self, name: bytes, value: bytes) -> None:
        """From the parser; after the head these are trailers, which nobody needs."""
        if self._body is None:
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """From the parser."""
        self._body = []

    def on_body(self, piece: bytes) -> None:
        """From the parser."""
        if self._body is not None:
            self._body.append(piece)

    def on_message_complete(self) -> None:
        """From the parser."""
        status = self._parser.get_status_code()
        if httpx.codes.is_informational(status):
            # Another answer follows.
            self._headers, self._body = [], None
        else:
            # HTTP/1.0 cannot be trusted with the ends of answers (RFC 9112, 6.1).
            stays = self._parser.should_keep_alive() and self._parser.get_http_version() == "1.1"
            self._succeed(is_free=stays)

    def _succeed(self, *, is_free: bool) -> None:
        if self._answer is not None and not self._answer.done():
            self.is_free = is_free
            body = httpx.ByteStream(b"".join(self._body or ()))
            self._answer.set_result(httpx.Response(self._parser.get_status_code(), headers=self._headers, stream=body))

    def _fail(self, failure: Exception) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(failure)
