"""Puts an ASGI application on a socket, and takes it off without losing a request."""

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FrameType
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from graph.server.connections import Connections, raise_descriptor_limit
from graph.server.limits import ConnectionLimits, RequestLimits
from graph.server.protocol import HttpProtocol
from graph.server.shutdown import Shutdown

_log = logging.getLogger(__name__)

# uvloop accepts one connection of a listening socket in each iteration of the event loop: under load, hundreds of new
# ones would wait for seconds. So it gets the same socket many times.
_DUPLICATES: Final = 16
_UVLOOP_CLOSES_SECONDS: Final = 0.05
_CONNECTION_CLOSE: Final = (b"connection", b"close")
# New objects that make the garbage collector look for reference cycles among them. Requests leave none; as shipped
# (700) it looks several times while the requests of one iteration of the event loop are in flight.
_YOUNG_OBJECTS: Final = 20_000


class _Server(uvicorn.Server):
    """uvicorn, which by itself closes its socket at the first signal.

    Overridden are methods without an underscore; that uvicorn calls them as it does is pinned by tests.
    """

    def __init__(self, config: uvicorn.Config, shutdown: Shutdown, keep_running: Callable[[], bool]) -> None:
        super().__init__(config)
        self._shutdown = shutdown
        self._keep_running = keep_running
        self._close_at: float | None = None
        self._announce = False  # not by the handler: the signal may have come in the middle of another log line

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal. uvicorn's own handler would have it repeated at the end, which looks like a crash."""
        self._shutdown.announced = True
        self._close_connections()
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        elif self._close_at is None and sig == signal.SIGTERM:
            self._close_at = time.monotonic() + self._shutdown.drain_seconds
            self._announce = True
        else:
            self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: whether to close now."""
        if not self._keep_running():
            self.should_exit = True
        closing = await super().on_tick(counter)
        if self._shutdown.announced:
            self._close_connections()
        if self._announce:
            self._announce = False
            _log.info("draining", extra={"seconds": self._shutdown.drain_seconds})
        return closing or (self._close_at is not None and time.monotonic() >= self._close_at)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accepts what waits in the queue, closes the port, and lets requests in flight end.

        The kernel resets a connection that waits there when its socket is closed, and with it a request that may have
        been sent already. uvloop closes its sockets some iterations later, so the last one is closed here.
        """
        last = [listener.dup() for listener in sockets or []]
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        await asyncio.sleep(_UVLOOP_CLOSES_SECONDS)
        loop = asyncio.get_running_loop()
        for accepted in [connection for listener in last for connection in _accept_all(listener)]:
            await loop.connect_accepted_socket(self._protocol, accepted)
        await super().shutdown(sockets)

    def _protocol(self) -> asyncio.BaseProtocol:
        make: Callable[..., asyncio.BaseProtocol] = self.config.http_protocol_class
        return make(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

    def _close_connections(self) -> None:
        """Lets each response be the last of its connection; uvicorn renews the headers each second."""
        if _CONNECTION_CLOSE not in self.server_state.default_headers:
            self.server_state.default_headers = [*self.server_state.default_headers, _CONNECTION_CLOSE]


def _accept_all(listener: socket.socket) -> Iterator[socket.socket]:
    """The connections that wait; the socket is closed in the moment in which there is no other."""
    with listener, contextlib.suppress(BlockingIOError, InterruptedError):
        while True:
            connection, _ = listener.accept()
            connection.setblocking(False)
            yield connection


def announce(listener: socket.socket, *, workers: int) -> None:
    """Logs the address. The process may be stopped by a signal from then on."""
    # Until uvicorn, or the parent of several workers, installs its own handlers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as `nohup` has it
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
    for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    host, port = listener.getsockname()[:2]
    _log.info("listening", extra={"host": host, "port": port} | ({"workers": workers} if workers > 1 else {}))


def run(
    app: ASGIApp,
    listeners: Sequence[socket.socket],
    *,
    lifespan: ASGIApp | None = None,
    limits: ConnectionLimits | None = None,
    default_limits: RequestLimits | None = None,
    route_limits: Mapping[str, RequestLimits] | None = None,
    owner_of: Callable[[str], str | None] = lambda address: address,
    shutdown: Shutdown | None = None,
    keep_running: Callable[[], bool] = lambda: True,
) -> None:
    """Serves until a signal, and stops as `shutdown` says; `lifespan` is what runs the lifespan, if any.

    `route_limits` are those of paths that do not have the default ones. `keep_running` is called ten times a second,
    and ends the server with False. Raises `SystemExit` with 3 when the application does not start.
    """
    shared = Connections(limits or ConnectionLimits(), capacity=raise_descriptor_limit(), owner_of=owner_of)
    shutdown = shutdown or Shutdown()
    config = uvicorn.Config(
        lifespan or app,
        http=protocol_class(app, shared, default_limits or RequestLimits(), route_limits or {}),
        ws="none",
        lifespan="on" if lifespan else "off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=shutdown.in_flight_seconds,
    )
    # First: a duplicate of one that blocks makes all that share it block, workers in the middle of their `accept` too.
    for listener in listeners:
        listener.setblocking(False)
    with contextlib.ExitStack() as opened:
        copies = [opened.enter_context(listener.dup()) for listener in listeners for _ in range(_DUPLICATES - 1)]
        _Server(config, shutdown, keep_running).run(sockets=[*listeners, *copies])


def protocol_class(
    app: ASGIApp,
    connections: Connections,
    default_limits: RequestLimits,
    route_limits: Mapping[str, RequestLimits],
) -> type[HttpProtocol]:
    """The class whose instances uvicorn makes: those of one event loop share these."""
    members = {"connections": connections, "default_limits": default_limits, "route_limits": route_limits}
    return type("Protocol", (HttpProtocol,), {"app": staticmethod(app), "limits": connections.limits, **members})


def freeze_heap() -> None:
    """Takes all that exists by now out of the garbage collector's generations: each full collection would walk it.

    Before a fork it also leaves that memory shared between parent and workers.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, 20, 50)
