"""Serves the figures on a port of their own.

From a thread of its own as well: a server whose event loop is stuck still says what it was doing.
"""

import asyncio
import logging
import socket
import sys
import threading
from socketserver import TCPServer
from typing import Any, Final, Self
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

_log = logging.getLogger(__name__)

# Whoever is silent longer is not Prometheus.
_PATIENCE_SECONDS: Final = 5


class _Handler(WSGIRequestHandler):
    """One connection; the request log has nothing to say about it."""

    timeout = _PATIENCE_SECONDS

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


class _Server(ThreadingWSGIServer):
    """A thread for each connection, and no look-up of its own name at the start."""

    def server_bind(self) -> None:
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def handle_error(self, *_: Any) -> None:
        """Without the traceback on standard error that the standard library prints."""
        _log.info("a scrape failed", extra={"reason": type(sys.exception()).__name__})


class _ServerOnIPv6(_Server):
    address_family = socket.AF_INET6


class MetricsServer:
    """`GET /metrics`, in the format that the scraper asks for; an async context manager."""

    def __init__(self, registry: CollectorRegistry, host: str, port: int) -> None:
        self._app = make_wsgi_app(registry)
        self._host = host
        self._port = port

    async def __aenter__(self) -> Self:
        """Raises `OSError`; port 0 picks a free one."""
        family = _ServerOnIPv6 if ":" in self._host else _Server
        try:
            self._server = make_server(self._host, self._port, self._app, family, _Handler)
        except OSError as error:
            msg = f"WXGATE_METRICS_PORT: cannot listen on {self._host} port {self._port}: {error.strerror}"
            raise OSError(error.errno, msg) from None
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="metrics", daemon=True)
        self._thread.start()
        _log.info("metrics are served", extra={"host": self._host, "metrics_port": self.port})
        return self

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.server_port

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._server.shutdown)
        self._server.server_close()
        self._thread.join()
