"""`wxgate serve`, and how it and `wxgate dev` serve an application."""

import logging
import os
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import click
from starlette.types import ASGIApp

from graph.app import ASSETS, PROBES, build_app, route_limits
from graph.cli.errors import Lifespan, faults_in_one_message
from graph.composition import compose
from graph.composition.parts import Parts
from graph.http.access_log import AccessLog, Observer
from graph.http.client_address import ClientAddresses
from graph.observability.logging import configure_logging
from graph.server.server import announce, freeze_heap, run
from graph.server.shutdown import Shutdown
from graph.server.sockets import listening
from graph.server.watchdog import Watchdog
from graph.server.workers import STARTUP_FAILURE, Workers
from graph.settings import Settings, unknown_settings
from graph.settings.pictures import require_public_url

_log = logging.getLogger(__name__)

HOST: Final = click.option("--host", default="127.0.0.1", help="Address to listen on.")
PORT: Final = click.option("--port", default=8000, type=click.IntRange(0, 65535), help="0 picks a free one.")


@click.command()
@HOST
@PORT
@click.option(
    "--workers",
    default=1,
    type=click.IntRange(1, 64),
    help="Processes that share the port, one for each core. Each counts rate limits for itself, unless Redis counts "
    "for all (WXGATE_RATE_LIMIT_STORAGE), and has its own connections to the database, and its own port for metrics, "
    "from WXGATE_METRICS_PORT on. One that hangs for ten seconds is replaced.",
)
def serve(host: str, port: int, workers: int) -> None:
    """Serve for production. Needs its secrets (see `wxgate settings`) and a migrated database.

    At SIGTERM or SIGHUP `/readyz` answers 503 and the server serves on for WXGATE_DRAIN_SECONDS, so that a proxy can
    notice; then it closes its port, answers what it has begun, and ends with exit code 0. SIGINT, or a second signal,
    ends the wait. SIGQUIT, SIGUSR1 and SIGUSR2 are ignored.
    """
    settings = Settings.load(serving=True)
    require_public_url(settings)
    parts = compose(settings)
    for worker in range(workers if settings.metrics.port else 0):
        # Refuses a port that is taken, before any worker starts.
        with listening(settings.metrics.host, (settings.metrics.port or 0) + worker):
            pass
    with listening(host, port) as listeners:
        serve_parts(parts, listeners, workers=workers)


@dataclass(frozen=True, slots=True)
class Development:
    """What `wxgate dev` adds: a simulator, unless it talks to WeChat; `started` is called once requests are served."""

    simulator: ASGIApp | None
    started: Callable[[], None]


def serve_parts(
    parts: Parts, listeners: Sequence[socket.socket], *, development: Development | None = None, workers: int = 1
) -> None:
    """Serves in this process, or in several that it forks, until a signal. Raises what the lifespan raises."""
    settings = parts.settings
    configure_logging(level=settings.log.level, style=settings.log.format)
    for sentence in unknown_settings():
        _log.warning(sentence)
    if parts.content.missing is not None:
        _log.warning("pictures are not taken: WXGATE_AVATARS_STORE %s", parts.content.missing)
    freeze_heap()
    announce(listeners[0], workers=workers)
    watchdog = Watchdog(os.environ.get("NOTIFY_SOCKET"))
    if workers == 1:
        _serve(parts, listeners, development=development, keep_running=watchdog.ping)
        return

    def work(index: int, beat: Callable[[], bool]) -> None:
        try:
            with faults_in_one_message():
                _serve(parts, listeners, worker=index, keep_running=beat)
        except click.ClickException as error:
            error.show()
            sys.exit(STARTUP_FAILURE)

    supervised = Workers(work, workers, listeners, drain_seconds=settings.drain_seconds, ping=watchdog.ping)
    sys.exit(supervised.run())


def _serve(
    parts: Parts,
    listeners: Sequence[socket.socket],
    *,
    development: Development | None = None,
    worker: int = 0,
    keep_running: Callable[[], bool] = lambda: True,
) -> None:
    settings = parts.settings
    shutdown = Shutdown(settings.drain_seconds)
    logs_requests = settings.log.level in {"DEBUG", "INFO"}
    assets = ASSETS if development is None else (*ASSETS, "/avatars/")
    access_log = AccessLog(settings.log.format, probes=PROBES, assets=assets)
    request_log: Observer = access_log if logs_requests else lambda _record: None
    simulator = development.simulator if development else None
    app = build_app(
        parts,
        simulator=simulator,
        for_development=development is not None,
        shutdown=shutdown,
        request_log=request_log,
        worker=worker,
    )
    lifespan = Lifespan(app, development.started) if development else Lifespan(app)
    try:
        run(
            app,
            listeners,
            lifespan=lifespan,
            limits=settings.limit,
            default_limits=settings.limit,
            route_limits=route_limits(settings, with_simulator=simulator is not None),
            owner_of=ClientAddresses(settings.http.trusted_proxies).owner_of,
            shutdown=shutdown,
            keep_running=keep_running,
        )
    finally:
        if lifespan.fault is not None:  # in place of the `SystemExit` that it leads to
            raise lifespan.fault
