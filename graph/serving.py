"""Puts an ASGI application on a socket."""

import logging
import signal
import socket
import sys

import uvicorn
from starlette.types import ASGIApp

from graph.http.protocol import BoundedProtocol, ConnectionLimits

_log = logging.getLogger(__name__)

_BACKLOG = 2048


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
    address = listener.getsockname()
    _log.info("listening", extra={"host": address[0], "port": address[1]})
    uvicorn.Server(config).run(sockets=[listener])
