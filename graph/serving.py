"""Puts an ASGI application on a socket."""

import gc
import logging
import signal
import socket
import sys

import uvicorn
from starlette.types import ASGIApp

from graph.http.outbox import Outbox
from graph.http.protocol import BoundedProtocol, ConnectionLimits

_log = logging.getLogger(__name__)

_BACKLOG = 2048
# New objects that make the garbage collector look for circles among them. Requests leave none; as shipped (700) it
# looks several times while the requests of one turn of the event loop are under way.
_YOUNG_OBJECTS = 20_000


def listen(host: str, port: int) -> socket.socket:
    """A listening TCP socket, bound before anything else is opened. Raises `OSError`; port 0 picks a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise OSError(error.errno, f"cannot listen on {host} port {port}: {error.strerror}") from None


def in_url(host: str) -> str:
    """A host as URLs write it: IPv6 addresses in brackets."""
    return f"[{host}]" if ":" in host else host


def run(app: ASGIApp, listener: socket.socket, *, lifespan: bool, limits: ConnectionLimits | None = None) -> None:
    """Serves until SIGINT or SIGTERM, then lets requests in flight finish for ten seconds."""
    connections = limits or ConnectionLimits()

    class Protocol(BoundedProtocol):
        limits = connections
        outbox = Outbox()

    # uvicorn repeats the signal once it has shut down; by default that makes an orderly end look like a crash.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
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
        timeout_graceful_shutdown=10,
    )
    _settle()
    address = listener.getsockname()
    _log.info("listening", extra={"host": address[0], "port": address[1]})
    uvicorn.Server(config).run(sockets=[listener])


def _settle() -> None:
    """Takes all that was made until here, and stays, out of the garbage collector's rounds: each would walk it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, 20, 50)
