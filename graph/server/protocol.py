"""One HTTP/1.1 connection: reads each request whole, calls the application once for it, and writes its response.

uvicorn accepts such a class by its public `Config(http=...)`. What is refused here reaches the application as well, as
an `HttpError` under `scope["extensions"]["http_error"]`: so a refusal has the request id, the headers, the log line and
the metrics of every other response.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp, Scope
from uvicorn.server import ServerState

from graph.errors import ErrorCode
from graph.server.body_stream import BodyStream
from graph.server.connections import Connections
from graph.server.http_error import HttpError, busy
from graph.server.limits import ConnectionLimits, RequestLimits
from graph.server.request_cycle import CONTINUE, RequestCycle
from graph.server.request_parser import RequestParser, base_scope

_log: Final = logging.getLogger(__name__)

# What is read, and discarded, of a request that has been refused, so that its client gets to read the response: the
# kernel resets a connection that is closed over unread bytes (RFC 9112, section 9.6).
_LINGER_BYTES: Final = 32 * 1024 * 1024
_LINGER_SECONDS: Final = 2.0
_SHUTDOWN_SECONDS: Final = 1.0  # how long the first request of a new connection may be on its way when the server stops


class HttpProtocol(asyncio.Protocol):
    """One connection. Whatever it waits for, a timer runs: for a request, for the client to read, for the end."""

    limits: ConnectionLimits = ConnectionLimits()
    default_limits: RequestLimits = RequestLimits()
    route_limits: Mapping[str, RequestLimits] = {}
    connections: Connections  # of the event loop that serves it
    app: ASGIApp

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.server_state = server_state
        self._known: set[Any] = server_state.connections  # annotated as of uvicorn's own classes
        self.writable: asyncio.Event | None = None  # set once a client that left its responses unread reads again
        self._root_path = config.root_path
        self._app_state = app_state
        self._loop = _loop or asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._unread_timer: asyncio.TimerHandle | None = None
        self._cycle: RequestCycle | None = None
        self._pipeline: deque[RequestCycle] = deque()
        self._stream: RequestCycle | None = None
        self.fresh = True  # no request has arrived yet
        self._in_head = True  # what the timer waits for: a head, or else a body
        self._stopped = False  # nothing is parsed any more
        self._refused = False
        self._closing = False
        self._draining = False
        self._half_closed = False  # the client sends nothing more
        self._held = 0  # bytes of a request that has not arrived whole
        self._discarded = 0

    # The connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        base = base_scope(self._transport, self._root_path, self._app_state)
        self._owner = self.connections.owner_of(base["client"][0] if base["client"] else "")
        self._parser = RequestParser(self, base, self.limits, self.default_limits, self.route_limits)
        if self.connections.add(self._owner, self._loop.time()):
            self._known.add(self)
            self.connections.idle[self] = self._loop.time()  # until something comes: it makes room before that
            self._arm(self.limits.head_seconds, self._late)
        else:
            self._closing = self._stopped = True
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        self._release()
        self.resume_writing()
        if self in self._known:
            self._known.remove(self)
            self.connections.remove(self, self._owner)
        self._stopped = True
        self._parser.close()
        self.connections.release(self._owner, sum(cycle.held for cycle in self._pipeline))
        for cycle in (*self._pipeline, *([self._cycle] if self._cycle else [])):
            cycle.disconnect()
        self._pipeline.clear()
        self._cycle = self._stream = None

    def eof_received(self) -> bool:
        """A client that sends no more may still read its response."""
        self._stopped = self._half_closed = True
        if self._stream is not None:
            self.abort()  # its body will never be whole
        elif self._cycle is not None:
            self._disarm()
        elif self._closing:
            self._transport.close()  # this is what it lingered for
        else:
            self.close()
        return True

    def shutdown(self) -> None:
        """Called by uvicorn when the server stops: what has begun is finished, and no request follows it."""
        self._draining = True
        last = self._pipeline[-1] if self._pipeline else self._cycle
        if last is not None:
            last.keep_alive = False
        elif (self._parser.receiving or self.fresh) and not self._stopped:
            self._disarm()
            self._arm(_SHUTDOWN_SECONDS, self.close)
        else:
            self.close()

    def close(self) -> None:
        """Ends this side; the other when the client has sent everything, or its time is over."""
        if self._closing:
            return
        self._closing = self._stopped = True
        self._disarm()
        _flush(self.connections.unwritten)
        if self._half_closed or not (self._parser.receiving or self._refused):
            self._arm(self.limits.unread_seconds, self.abort)
            self._transport.close()
        else:
            self._arm(_LINGER_SECONDS, self.abort)
            self._transport.write_eof()
            self._transport.resume_reading()

    def abort(self) -> None:
        """Closes at once, without what is not written yet."""
        self._transport.abort()

    def write(self, data: bytes, *, now: bool) -> None:
        unwritten = self.connections.unwritten
        now = now or len(self.server_state.tasks) == 1  # nothing to leave together with
        if not unwritten and not now:
            self._loop.call_soon(_flush, unwritten)
        unwritten.append((self._transport, data))
        if now:
            _flush(unwritten)

    def pause_writing(self) -> None:
        self.writable = asyncio.Event()
        self._unread_timer = self._loop.call_later(self.limits.unread_seconds, self.abort)

    def resume_writing(self) -> None:
        if self.writable is not None and self._unread_timer is not None:
            self._unread_timer.cancel()
            self.writable.set()
            self.writable = None

    def _arm(self, seconds: float, action: Callable[[], object]) -> None:
        self._timer = self._loop.call_later(seconds, action)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # Requests

    def data_received(self, data: bytes) -> None:
        if self._stopped:
            self._discarded += len(data)
            if self._discarded > _LINGER_BYTES:
                self.abort()
            return
        try:
            self._parser.feed(data)
        except HttpError as error:
            self._refuse(error)
            return
        if self._parser.receiving:
            self._await_rest(len(data) if self._stream is None else 0)

    def _await_rest(self, size: int) -> None:
        """A request has begun with these bytes, or before them, and is not here whole."""
        limits, parser = self.limits, self._parser
        self.connections.idle.pop(self, None)
        if not self.connections.hold(self._owner, size):
            self._refuse(busy())
            return
        self._held += size
        # The parser keeps a header without end. The bytes that came last may belong to the request before.
        if parser.in_head and self._held - size > limits.head_bytes + limits.url_bytes:
            self._refuse(HttpError(431, ErrorCode.BAD_REQUEST, "The headers are too many or too long."))
        elif self._timer is None or self._in_head != parser.in_head:
            self._disarm()
            self._in_head = parser.in_head
            self._arm(limits.head_seconds if parser.in_head else parser.limits.body_seconds, self._late)

    def _late(self) -> None:
        what = "body" if self._parser.receiving and not self._parser.in_head else "head"
        self._refuse(HttpError(408, ErrorCode.REQUEST_TIMEOUT, f"The {what} of the request took too long."))

    def _release(self) -> None:
        if self._held:
            self.connections.release(self._owner, self._held)
            self._held = 0

    def continue_expected(self) -> None:
        """From the parser, as the next three."""
        if self._cycle is None:
            self.write(CONTINUE, now=True)

    def stream_begun(self, scope: Scope, *, keep_alive: bool, invites: bool) -> None:
        body = BodyStream(self._transport, self.connections, self._owner, self._parser.limits.body_bytes, invites)
        self._stream = RequestCycle(self, scope, b"", keep_alive=keep_alive, stream=body)
        self._start(self._stream)

    def body_received(self, piece: bytes) -> None:
        if self._stream is not None:
            self._stream.feed(piece)

    def request_received(self, scope: Scope, body: bytes, *, keep_alive: bool) -> None:
        if self._timer is not None:
            self._disarm()
        if self._held:
            self._release()
        self.fresh = False
        if self._stream is None:
            self._start(RequestCycle(self, scope, body, keep_alive=keep_alive))
        else:
            self._stream.end()
            self._stream = None

    def _refuse(self, error: HttpError) -> None:
        """Has the application respond with the error. Nothing is parsed after it."""
        self._disarm()
        self._release()
        self._stopped = self._refused = True
        if self._stream is not None:
            self._stream.fail(error)
            return
        scope = {**self._parser.give_up(), "state": self._app_state.copy(), "extensions": {"http_error": error}}
        self._start(RequestCycle(self, scope, b"", keep_alive=False))

    # Responses

    def _start(self, cycle: RequestCycle) -> None:
        cycle.keep_alive = cycle.keep_alive and not self._draining
        if self._cycle is None:
            self.connections.idle.pop(self, None)
            self._cycle = cycle
            cycle.task = self._loop.create_task(cycle.run(self.app))
            self.server_state.tasks.add(cycle.task)
        elif len(self._pipeline) < self.limits.pipelined and self.connections.hold(self._owner, size := cycle.size()):
            cycle.held = size
            self._pipeline.append(cycle)
        else:
            # A response would have no place in the order of responses.
            self._stopped = self._refused = True
            self._stream = None
            (self._pipeline[-1] if self._pipeline else self._cycle).keep_alive = False

    def cycle_complete(self, cycle: RequestCycle) -> None:
        """The response of the current request is written."""
        self.server_state.total_requests += 1
        self._cycle = None
        if cycle is self._stream:
            self._stream = None  # the rest of its body is not wanted
        if self._pipeline and cycle.keep_alive:
            self.connections.release(self._owner, self._pipeline[0].held)
            self._start(self._pipeline.popleft())
        elif not cycle.keep_alive or self._stopped:
            self.close()
        elif not self._parser.receiving:
            self.connections.idle[self] = self._loop.time()
            if self.connections.idle_timer is None:
                self.connections.watch_idle(self._loop)


def _flush(unwritten: list[tuple[asyncio.WriteTransport, bytes]]) -> None:
    batch = unwritten[:]
    unwritten.clear()  # first: while anything is in it, nothing calls this again
    for transport, data in batch:
        if not transport.is_closing():
            try:
                transport.write(data)
            except Exception as error:
                _log.error("a response cannot be written", extra={"reason": type(error).__name__})
                transport.abort()
