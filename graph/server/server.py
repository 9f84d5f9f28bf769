"""Puts an ASGI application on a socket, and takes it off without losing a request."""

import contextlib
import gc
import logging
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from graph.server.closing import last_call
from graph.server.outbox import Outbox
from graph.server.protocol import ConnectionLimits
from graph.server.shutdown import Shutdown
from graph.server.whole import WholeRequests

_log = logging.getLogger(__name__)

# uvloop accepts one connection of a socket in each turn of the event loop: under load, hundreds of newcomers would wait
# for seconds, and who still waits when a stopping server closes its socket is lost. So it has the same one many times.
_DOORS: Final = 16
_LET_GO: Final = (b"connection", b"close")
_IN_FLIGHT_SECONDS: Final = 10
# New objects that make the garbage collector look for circles among them. Requests leave none; as shipped (700) it
# looks several times while the requests of one turn of the event loop are under way.
_YOUNG_OBJECTS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Ending:
    """How a server stops: SIGTERM announces `shutdown`, and `drain_seconds` of service are left.

    Whoever routes requests here has that long to notice that `/readyz` fails; each answer asks its client to let go of
    the connection. Then the socket is closed, and requests in flight have ten seconds to finish. SIGINT, from a person
    at a terminal, skips the draining; so does any second signal.
    """

    shutdown: Shutdown
    drain_seconds: float = 0.0


class _Server(uvicorn.Server):
    """uvicorn, which by itself closes its socket at the first signal.

    Overridden are methods without an underscore; that uvicorn calls them as it does is pinned by tests.
    """

    def __init__(self, config: uvicorn.Config, ending: Ending, keep_running: Callable[[], bool]) -> None:
        super().__init__(config)
        self._ending = ending
        self._keep_running = keep_running
        self._close_at: float | None = None
        self._told = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal. uvicorn's own handler would have it repeated at the end, which looks like a crash."""
        self._ending.shutdown.announced = True
        self._let_go()
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        elif self._close_at is None and sig == signal.SIGTERM:
            self._close_at = time.monotonic() + self._ending.drain_seconds
        else:
            self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: whether to close now."""
        if not self._keep_running():
            self.should_exit = True
        closing = await super().on_tick(counter)
        if self._ending.shutdown.announced:
            self._let_go()
        if self._close_at is not None and not self._told:
            self._told = True
            _log.info("draining", extra={"seconds": self._ending.drain_seconds})
        return closing or (self._close_at is not None and time.monotonic() >= self._close_at)

    def _let_go(self) -> None:
        """Lets every answer from now on be the last of its connection; uvicorn renews the headers each second."""
        if _LET_GO not in self.server_state.default_headers:
            self.server_state.default_headers = [*self.server_state.default_headers, _LET_GO]

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Closes, and waits for requests in flight."""
        await last_call(sockets or [])
        await super().shutdown(sockets)


def announce(listener: socket.socket, *, workers: int) -> None:
    """The line of the log that says where the server is; whoever reads it may stop it from then on."""
    # Until uvicorn, or the parent of several workers, listens to signals.
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
    lifespan: bool,
    limits: ConnectionLimits | None = None,
    ending: Ending | None = None,
    keep_running: Callable[[], bool] = lambda: True,
    busiest_path: bytes | None = None,
) -> None:
    """Serves until told to stop, as `Ending` says.

    `keep_running` is asked ten times a second, and ends it with False. Whole requests to `busiest_path` have a shorter
    way.
    Raises `SystemExit` with 3 when the application does not start.
    """
    connections = limits or ConnectionLimits()

    class Protocol(WholeRequests):
        path = busiest_path
        limits = connections
        outbox = Outbox()

    config = uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        lifespan="on" if lifespan else "off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=connections.idle_seconds,
        timeout_graceful_shutdown=_IN_FLIGHT_SECONDS,
    )
    # First: a duplicate of one that blocks makes all that share it block, workers in the middle of their `accept` too.
    for listener in listeners:
        listener.setblocking(False)
    with contextlib.ExitStack() as opened:
        copies = [opened.enter_context(one.dup()) for one in listeners for _ in range(_DOORS - 1)]
        _Server(config, ending or Ending(Shutdown()), keep_running).run(sockets=[*listeners, *copies])


def settle() -> None:
    """Takes all that was made until here, and stays, out of the garbage collector's rounds: each would walk it.

    Done before a process forks, it leaves to parent and workers one memory for all that.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, 20, 50)
