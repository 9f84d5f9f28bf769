"""The server as an ASGI application: its routes, what surrounds them, its lifespan."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from graph.accounts.sessions import epoch_ms
from graph.composition import compose
from graph.composition.parts import Parts
from graph.errors import ErrorCode
from graph.http import uploads, wechat_events
from graph.http.access_log import AccessLog, Observer, RequestRecord
from graph.http.avatars import Avatars
from graph.http.client_address import ClientAddresses
from graph.http.explorer_page import explorer_routes
from graph.http.graphql import GraphQLEndpoint
from graph.http.health import Readiness, livez
from graph.http.home_page import HomePage
from graph.http.middleware import HostAndConcurrencyMiddleware, ListedOriginsMiddleware, RequestMiddleware
from graph.http.request import RequestDecoder
from graph.http.responses import error_response
from graph.http.schema_document import PATH as SCHEMA_PATH
from graph.http.schema_document import schema_route
from graph.http.service_authentication import ServiceAuthentication
from graph.http.service_changes import ServiceChanges
from graph.observability.metrics import Metrics, serve_metrics
from graph.schema.build import print_schema
from graph.server.http_error import HttpError
from graph.server.limits import RequestLimits, RouteLimits
from graph.server.shutdown import Shutdown
from graph.settings import Settings

GRAPHQL_PATH: Final = "/graphql"
SIMULATOR_PREFIX: Final = "/simulator"
PROBES: Final = frozenset({"/livez", "/readyz"})
# What pages ask for by themselves. What happens in the simulator leaves lines of its own.
ASSETS: Final = ("/graphiql/", "/favicon.", f"{SIMULATOR_PREFIX}/")
_SWITCHES: Final = {"/graphiql": "WXGATE_GRAPHIQL", SCHEMA_PATH: "WXGATE_SCHEMA"}
_UNHURRIED: Final = RequestLimits(request_seconds=3660)
# Room for a picture of the megabyte that WeChat takes, and for one that is too large and is refused as WeChat does it.
_WITH_PICTURE: Final = RequestLimits(body_bytes=2 * 1024 * 1024)
# The simulator's phone answers when the server has taken what it pushed, with whatever delay was asked for.
_SIMULATOR_LIMITS: Final = {f"{SIMULATOR_PREFIX}/device/": _UNHURRIED, f"{SIMULATOR_PREFIX}/wxa/": _WITH_PICTURE}


def create_app(
    settings: Settings,
    *,
    plans: bool = True,
    now: Callable[[], int] = epoch_ms,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Starlette:
    """The server as an ASGI application with a lifespan. What it takes and raises, as for `compose`."""
    return build_app(compose(settings, plans=plans, now=now, monotonic=monotonic, sleep=sleep))


def route_limits(settings: Settings, *, with_simulator: bool = False) -> RouteLimits:
    """Of the paths whose requests have limits of their own, or are streamed."""
    of_simulator = _SIMULATOR_LIMITS if with_simulator else {}
    return {**wechat_events.LIMITS, **uploads.limits(settings.avatars.max_bytes), **of_simulator}


def build_app(
    parts: Parts,
    *,
    simulator: ASGIApp | None = None,
    for_development: bool = False,
    shutdown: Shutdown | None = None,
    request_log: Observer | None = None,
    worker: int = 0,
) -> Starlette:
    """The application of these parts; `simulator`, if given, is mounted under `/simulator`.

    `for_development` puts a page at the root.
    `shutdown` is how the one that runs it announces its end. `request_log` writes a line for each request; by default
    through this process's logging, whatever that costs. `worker` is which of the processes that share the public port
    this is: their metrics are served from as many ports. The lifespan raises `KeyRingMismatch`, and `OSError` when the
    port for metrics is taken.
    """
    settings = parts.settings
    address_of = ClientAddresses(settings.http.trusted_proxies, settings.http.client_address_header).client_of
    decoder = RequestDecoder(depth=settings.limit.json_depth)
    endpoint = GraphQLEndpoint(parts.executor, parts.services, decoder, address_of)
    observers: list[Observer] = [request_log or AccessLog(probes=PROBES, assets=ASSETS)]
    if settings.metrics.port is not None:
        observers.append(partial(_count_request, parts.metrics))

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        port = settings.metrics.port and settings.metrics.port + worker
        registry, host = parts.metrics.registry, settings.metrics.host
        with contextlib.nullcontext() if port is None else serve_metrics(registry, host, port):
            async with parts.opened():
                app.middleware_stack = stack
                yield

    async def before_startup(scope: Scope, receive: Receive, send: Send) -> None:
        # Until the lifespan has run each part would fail in its own way.
        if scope["type"] != "lifespan":
            msg = "The lifespan of wxgate's application has not run: an application that mounts it must run it."
            raise RuntimeError(msg)
        await stack(scope, receive, send)

    routes: list[BaseRoute] = [
        Route(GRAPHQL_PATH, endpoint),
        Route("/livez", livez),
        Route("/readyz", Readiness(parts.database, parts.key_check, shutdown or Shutdown()).answer),
        *_service_routes(parts, address_of),
        *parts.wechat_events.routes(),
        *_picture_routes(parts, address_of),
        *_page_routes(parts, simulator),
    ]
    if for_development:
        paths = {route.path for route in routes if isinstance(route, (Mount, Route))}
        routes += HomePage(paths, [app.app_id for app in settings.wechat.mini_programs()]).routes()
    app = Starlette(routes=routes, lifespan=lifespan)
    # Such a response would be no JSON, and would name whatever host the request named.
    app.router.redirect_slashes = False
    # Around Starlette's own stack instead of inside it, where each request would pass its routing and error handling.
    stack: ASGIApp = HostAndConcurrencyMiddleware(
        # Without Starlette's own handler of defects, whose response would be plain text.
        ExceptionMiddleware(app.router, handlers={HTTPException: _not_routed}),
        hosts=settings.http.allowed_hosts,
        concurrency=settings.limit.concurrency,
        probes=PROBES,
        shortcut=(GRAPHQL_PATH, endpoint),
        apart={uploads.PATH: uploads.CONCURRENCY},
    )
    if settings.http.cors_origins:
        stack = ListedOriginsMiddleware(stack, frozenset(settings.http.cors_origins))
    limits = route_limits(settings, with_simulator=simulator is not None)
    stack = RequestMiddleware(stack, app.router.routes, observers, settings.limit, limits)
    if parts.tracing:
        stack = parts.tracing.middleware(stack, PROBES)
    app.middleware_stack = before_startup
    return app


def _service_routes(parts: Parts, address_of: Callable[[Scope], str]) -> list[BaseRoute]:
    """What is there for other services, if any is configured."""
    if parts.service_credentials is None:
        return []
    authentication = ServiceAuthentication(parts.service_credentials, address_of)
    return [Route("/service/changes", ServiceChanges(authentication, parts.database, parts.now))]


def _picture_routes(parts: Parts, address_of: Callable[[Scope], str]) -> list[BaseRoute]:
    """Where pictures are sent, and where they are found unless a bucket gives them out."""
    content = parts.content
    endpoint = uploads.UploadEndpoint(
        uploads=content.uploads,
        sessions=parts.services.sessions,
        address_of=address_of,
        counted=lambda outcome: parts.metrics.uploads.labels(outcome).inc(),
    )
    given_out = Avatars(content.directory).routes() if content.directory is not None else []
    return [Route(uploads.PATH, endpoint), *given_out]


def _page_routes(parts: Parts, simulator: ASGIApp | None) -> list[BaseRoute]:
    """What browsers and tools ask for, as far as it is switched on; and the simulator."""
    settings, routes = parts.settings, list[BaseRoute]()
    if settings.graphiql:
        shown_schema = parts.executor.documents.schema if settings.introspection else None
        routes += explorer_routes(with_phone=simulator is not None, schema=shown_schema)
    if settings.schema_:
        routes.append(schema_route(print_schema()))
    if simulator is not None:
        routes += [Route(SIMULATOR_PREFIX, _to_simulator, methods=["GET"]), Mount(SIMULATOR_PREFIX, simulator)]
    return routes


async def _to_simulator(_request: Request) -> Response:
    """Its page has relative addresses."""
    return RedirectResponse(f"{SIMULATOR_PREFIX.removeprefix('/')}/")


def _count_request(metrics: Metrics, record: RequestRecord) -> None:
    metrics.request_finished(record.method, record.path, record.status, record.seconds)
    if record.kind is not None:
        metrics.operation_finished(record.operation, record.kind, record.codes, record.seconds)
    for code in record.codes:
        metrics.errors.labels(code).inc()


async def _not_routed(request: Request, error: Exception) -> Response:
    """Starlette's own refusals, in the shape of every other error."""
    if isinstance(error, HTTPException) and error.status_code == 405:
        failure = HttpError(405, ErrorCode.METHOD_NOT_ALLOWED, "Use another method here.", headers=error.headers)
    else:
        switch = _SWITCHES.get(request.url.path)
        where = f"{switch}=true serves this page" if switch else "the API is at /graphql"
        failure = HttpError(404, ErrorCode.NOT_FOUND, f"There is nothing here; {where}.")
    return error_response(failure, request.scope)
