"""The server as an ASGI application: its routes, what surrounds them, its lifespan."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from graph.composition import compose, epoch_ms
from graph.errors import ErrorCode
from graph.http.access_log import LOGGER, MESSAGE, AccessLog, Observer
from graph.http.client_address import ClientAddresses
from graph.http.explorer_page import explorer_routes
from graph.http.graphql import GraphQLEndpoint
from graph.http.health import Readiness, livez
from graph.http.middleware import HostAndConcurrencyMiddleware, ListedOriginsMiddleware, RequestMiddleware
from graph.http.request import JsonLimits
from graph.http.responses import error_response
from graph.instrumentation import observe_requests
from graph.observability.logging import logged
from graph.observability.metrics.server import MetricsServer
from graph.server.http_error import HttpError
from graph.server.limits import RequestLimits
from graph.server.shutdown import Shutdown
from graph.settings import Settings

GRAPHQL_PATH: Final = "/graphql"
SIMULATOR_PREFIX: Final = "/simulator"
PROBES: Final = frozenset({"/livez", "/readyz"})
# Paths whose requests may be larger or slower than the default, or are streamed.
ROUTE_LIMITS: Final[Mapping[str, RequestLimits]] = {}


def create_app(
    settings: Settings,
    *,
    simulator: ASGIApp | None = None,
    shutdown: Shutdown | None = None,
    request_log: Observer | None = None,
    plans: bool = True,
    now: Callable[[], int] = epoch_ms,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Starlette:
    """The server as an ASGI application with a lifespan; `simulator`, if given, is mounted under `/simulator`.

    `shutdown` is how whoever runs it announces its end.
    `request_log` writes a line for each request; by default through this process's logging, whatever that costs.
    The rest, and what it raises, as for `compose`. The lifespan raises `KeyRingMismatch`.
    """
    parts = compose(settings, plans=plans, now=now, sleep=sleep)
    endpoint = GraphQLEndpoint(
        parts.executor,
        parts.services,
        limits=JsonLimits(json_depth=settings.limit.json_depth),
        clients=ClientAddresses(settings.http.trusted_proxies),
    )
    observers = [request_log or AccessLog(logged(LOGGER, MESSAGE))]
    if settings.metrics.port is not None:
        observers.append(observe_requests(parts.metrics))

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as opened:
            if settings.metrics.port is not None:
                port = settings.metrics.port and settings.metrics.port + app.state.worker
                await opened.enter_async_context(MetricsServer(parts.metrics.registry, settings.metrics.host, port))
            await opened.enter_async_context(parts.opened())
            yield

    routes: list[BaseRoute] = [
        Route(GRAPHQL_PATH, endpoint),
        Route("/livez", livez),
        Route("/readyz", Readiness(parts.database, parts.key_check, shutdown or Shutdown()).answer),
    ]
    if settings.graphiql:
        routes.extend(explorer_routes(with_phone=simulator is not None))
    if simulator is not None:
        routes.append(Mount(SIMULATOR_PREFIX, simulator))
    app = Starlette(routes=routes, lifespan=lifespan)
    # Which of the processes that share the public port this is: their figures are served from as many ports.
    app.state.worker = 0
    # Such a response would be no JSON, and would name whatever host the request named.
    app.router.redirect_slashes = False
    # Around Starlette's own stack instead of inside it, where each request would pass its routing and error handling.
    app.middleware_stack = _surrounded(app, (GRAPHQL_PATH, endpoint), settings, observers)
    if parts.tracing:
        app.middleware_stack = parts.tracing.middleware(app.middleware_stack, PROBES)
    return app


def _surrounded(
    app: Starlette, shortcut: tuple[str, ASGIApp], settings: Settings, observers: Sequence[Observer]
) -> ASGIApp:
    """What every request passes, from the inside out."""
    stack: ASGIApp = HostAndConcurrencyMiddleware(
        # Without Starlette's own handler of defects, whose response would be plain text.
        ExceptionMiddleware(app.router, handlers={HTTPException: _not_routed}),
        hosts=settings.http.allowed_hosts,
        concurrency=settings.limit.concurrency,
        probes=PROBES,
        shortcut=shortcut,
    )
    if settings.http.cors_origins:
        stack = ListedOriginsMiddleware(stack, settings.http.cors_origins)
    return RequestMiddleware(stack, app.router.routes, observers, request_limits(settings), ROUTE_LIMITS)


def request_limits(settings: Settings) -> RequestLimits:
    """Those of routes without limits of their own."""
    limit = settings.limit
    return RequestLimits(
        body_bytes=limit.body_bytes, body_seconds=limit.body_seconds, request_seconds=limit.request_seconds
    )


async def _not_routed(request: Request, error: Exception) -> Response:
    """Starlette's own refusals, in the shape of every other error."""
    if isinstance(error, HTTPException) and error.status_code == 405:
        failure = HttpError(405, ErrorCode.METHOD_NOT_ALLOWED, "Use another method here.", headers=error.headers)
    else:
        failure = HttpError(404, ErrorCode.NOT_FOUND, "There is nothing here; the API is at /graphql.")
    return error_response(failure, request.scope)
