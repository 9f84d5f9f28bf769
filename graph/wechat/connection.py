"""One HTTP/1.1 connection, seen from the client's end: bytes of a request in, a whole answer out (RFC 9112).

httptools (llhttp, the parser of Node.js and of uvicorn) reads; its strict mode refuses what can be read in two ways.
"""

import asyncio
from typing import Final, cast

import httptools
import httpx

MAX_ANSWER_BYTES: Final = 128 * 1024
"""Of head and body together; no more of an answer is read."""

_SWITCHING_PROTOCOLS: Final = 101
_FINAL: Final = 200  # the first status that is not followed by another answer


class Connection(asyncio.Protocol):
    """A socket that takes one request at a time. `is_free` tells whether it may take the next."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.is_free = False
        self.idle_since = 0.0
        self._answer: asyncio.Future[httpx.Response] | None = None
        self._parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """From the event loop."""
        self._transport = cast("asyncio.Transport", transport)
        self.is_free = True

    async def exchange(self, request: bytes, *, seconds: float) -> httpx.Response:
        """The whole answer; one of more than `MAX_ANSWER_BYTES` as far as it was read.

        Raises `httpx.ReadTimeout` after so many `seconds`, `httpx.ReadError`, `httpx.RemoteProtocolError`. Whoever is
        cancelled leaves a connection behind that is closed.
        """
        self.is_free = False
        self._received = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] | None = None
        answer: asyncio.Future[httpx.Response] = self.loop.create_future()
        self._answer = answer
        late = self.loop.call_later(seconds, self._fail, httpx.ReadTimeout("no answer in time"))
        self._transport.write(request)
        try:
            return await answer
        finally:
            late.cancel()
            self._answer = None
            if not self.is_free:
                self.abort()

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
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail(httpx.RemoteProtocolError("not an HTTP answer"))
        if self._received > MAX_ANSWER_BYTES and not self._answer.done():
            if self._body is None:
                self._fail(httpx.RemoteProtocolError("the head is too long"))
            else:
                self._succeed()

    def connection_lost(self, _: Exception | None) -> None:
        """From the event loop."""
        self.is_free = False
        if self._answer is None or self._answer.done():
            return
        # An answer that says nothing about its length ends with its connection (RFC 9112, 6.3).
        if self._body is not None and not {b"content-length", b"transfer-encoding"} & {n for n, _ in self._headers}:
            self._succeed()
        else:
            self._fail(httpx.ReadError("the connection was closed"))

    def on_message_begin(self) -> None:
        """From the parser."""
        if self.is_free or self._answer is None or self._answer.done():
            # A second answer behind the first one's end.
            self.abort()
        self._headers, self._body = [], None

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
        if status >= _FINAL:
            self.is_free = self._parser.should_keep_alive() and not self._transport.is_closing()
            self._succeed()
        elif status == _SWITCHING_PROTOCOLS:
            self._fail(httpx.RemoteProtocolError("nobody asked for another protocol"))

    def _succeed(self) -> None:
        if self._answer is not None and not self._answer.done():
            body = httpx.ByteStream(b"".join(self._body or ()))
            self._answer.set_result(httpx.Response(self._parser.get_status_code(), headers=self._headers, stream=body))

    def _fail(self, failure: Exception) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(failure)
