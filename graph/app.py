"""Wires the server: the only place that puts parts together, and opens and closes them."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from graph.accounts.key_watch import KeyWatch
from graph.accounts.keys import KeyCheck
from graph.accounts.login import Logins
from graph.accounts.profile import Profiles
from graph.accounts.sessions import Sessions
from graph.accounts.sweep import Sweeper
from graph.http.answers import HttpError, error_response
from graph.http.client_address import ClientAddresses
from graph.http.cors import ExactOrigins
from graph.http.decoding import RequestLimits
from graph.http.facts import Observer
from graph.http.graphiql import explorer_routes
from graph.http.graphql import GraphQLEndpoint
from graph.http.health import Readiness, Shutdown, livez
from graph.http.middleware import DoorMiddleware, RequestMiddleware, Shortcut
from graph.http.request_log import LOGGER, MESSAGE, RequestLog
from graph.logging import logged
from graph.metrics import Metrics
from graph.metrics.readings import connections, rate_limit_storage, sealed_accounts, wechat_guards
from graph.metrics.server import MetricsServer
from graph.observers import observe_calls, observe_logins, observe_requests
from graph.schema.build import build_schema, graphql_core_schema
from graph.schema.documents import Documents
from graph.schema.errors import ErrorCode
from graph.schema.execution import Executor
from graph.schema.limits import Limits
from graph.schema.trusted import TrustedDocuments
from graph.security.encryption import KeyRing
from graph.security.rate_limit import RateLimit, RateLimitStorage
from graph.services import Services
from graph.settings import LimitSettings, Settings, require_secrets
from graph.tracing import load_tracing
from graph.wechat.client import MAX_CONNECTIONS, WeChatClient
from models.database import Database
from models.errors import DatabaseBehind, DatabaseError

_log = logging.getLogger(__name__)

GRAPHQL_PATH = "/graphql"
SIMULATOR_PREFIX = "/simulator"
PROBES = frozenset({"/livez", "/readyz"})


def epoch_ms() -> int:
    """Now, in epoch milliseconds."""
    return time.time_ns() // 1_000_000


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
    Without `plans` graphql-core alone runs every operation: the same answers, later.
    Raises `SettingsError`, `KeyRingError`, `UnsupportedDatabase`, `RateLimitStorageUnusable`, `TrustedDocumentsError`,
    `TracingUnavailable`.
    The lifespan raises `KeyRingMismatch`; a database that does not answer is no reason not to start.
    """
    secrets = require_secrets(settings)
    key_ring = KeyRing.parse(secrets.encryption_keys.get_secret_value())
    tracing = load_tracing() if settings.otel else None
    url = settings.database.url.get_secret_value()
    database = tracing.database(url) if tracing else Database(url)
    metrics = Metrics(code.name for code in ErrorCode)
    wechat = WeChatClient(
        app_id=secrets.app_id,
        app_secret=secrets.app_secret,
        base_url=settings.wechat.base_url,
        # Half of those whom the door lets in at most, so that a WeChat that hangs leaves room for everybody else.
        max_connections=min(MAX_CONNECTIONS, -(-settings.limit.concurrency // 2)),
        sleep=sleep,
        observe=observe_calls(metrics.wechat_called, *([tracing.wechat_called] if tracing else [])),
    )
    storage = RateLimitStorage(settings.rate_limit.storage, namespace=secrets.app_id, now=now)
    key_check = KeyCheck(database=database, key_ring=key_ring, now=now)
    sessions = Sessions(
        database=database,
        idle_days=settings.session.idle_days,
        absolute_days=settings.session.absolute_days,
        max_per_user=settings.session.max_per_user,
        now=now,
    )
    sweeper = Sweeper(
        database=database, idle_days=settings.session.idle_days, absolute_days=settings.session.absolute_days, now=now
    )
    logins = Logins(
        app_id=secrets.app_id,
        wechat=wechat,
        database=database,
        key_ring=key_ring,
        key_check=key_check,
        sessions=sessions,
        rate_limit=RateLimit("login", settings.rate_limit.login, storage, refused=metrics.rate_limit_refused),
        now=now,
        finished=observe_logins(metrics),
    )
    profiles = Profiles(
        database=database,
        key_ring=key_ring,
        watermark_max_age=settings.watermark.max_age,
        watermark_max_ahead=settings.watermark.max_ahead,
        rate_limit=RateLimit("submit", settings.rate_limit.submit, storage, refused=metrics.rate_limit_refused),
        now=now,
        sleep=sleep,
        tried=metrics.submission_opened,
    )
    executor = build_executor(settings, plans=plans)
    metrics.expect_operations(executor.trusted_operations())
    endpoint = GraphQLEndpoint(
        executor,
        Services(sessions, logins, profiles),
        limits=_request_limits(settings.limit),
        clients=ClientAddresses(settings.http.trusted_proxies),
    )

    observers = [request_log or RequestLog(logged(LOGGER, MESSAGE))]
    parts: list[AbstractAsyncContextManager[object]] = [*([tracing] if tracing else []), wechat, database, storage]
    if settings.metrics.port is not None:
        observers.append(observe_requests(metrics))
        key_watch = KeyWatch(database=database, key_ring=key_ring, now=now)
        metrics.watch(
            *connections(database.pool),
            *wechat_guards(lambda: wechat.breaker.state, lambda: wechat.bulkhead.taken),
            *sealed_accounts(key_watch.accounts, key_watch.counted_at),
            rate_limit_storage(lambda: storage.failures),
        )
        parts.append(key_watch)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as opened:
            if settings.metrics.port is not None:
                port = settings.metrics.port and settings.metrics.port + app.state.worker
                await opened.enter_async_context(MetricsServer(metrics.registry, settings.metrics.host, port))
            for part in parts:
                await opened.enter_async_context(part)
            await _compare_keys(key_check)
            async with sweeper.at_work():
                yield

    routes: list[BaseRoute] = [
        Route(GRAPHQL_PATH, endpoint),
        Route("/livez", livez),
        Route("/readyz", Readiness(database, key_check, shutdown or Shutdown()).answer),
    ]
    if settings.graphiql:
        routes.extend(explorer_routes(with_phone=simulator is not None))
    known_paths = frozenset(route.path for route in routes if isinstance(route, Route))
    if simulator is not None:
        routes.append(Mount(SIMULATOR_PREFIX, simulator))
    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers={HTTPException: _not_routed})
    # Which of the processes that share the public port this is: their figures are served from as many ports.
    app.state.worker = 0
    # Such an answer would be no JSON, and would name whatever host the request named.
    app.router.redirect_slashes = False
    # Around Starlette's own stack instead of inside it, where each request would pass its routing and error handling.
    app.middleware_stack = _surrounded(
        Shortcut(app.build_middleware_stack(), GRAPHQL_PATH, endpoint),
        settings,
        known_paths,
        observers,
    )
    if tracing:
        app.middleware_stack = tracing.middleware(app.middleware_stack, PROBES)
    return app


async def _compare_keys(key_check: KeyCheck) -> None:
    try:
        await key_check.ensure()
    except DatabaseBehind:
        _log.warning("starting without the tables of this version: run `wxgate migrate`")
    except DatabaseError as error:
        _log.warning("starting without the database", extra={"reason": str(error)})


def build_executor(settings: Settings, *, plans: bool = True) -> Executor:
    """What runs GraphQL requests; `plans` as in `create_app`. Raises `TrustedDocumentsError`."""
    limit, documents = settings.limit, settings.trusted.documents
    limits = Limits(
        tokens=limit.tokens,
        characters=limit.characters,
        depth=limit.depth,
        aliases=limit.aliases,
        fields=limit.fields,
        directives=limit.directives,
        fragments=limit.fragments,
        operations=limit.operations,
        errors=limit.errors,
    )
    schema = graphql_core_schema(build_schema())
    allowed = Documents(
        schema,
        introspection=settings.introspection,
        limits=limits,
        trusted=TrustedDocuments.load(documents) if documents else None,
        trusted_only=settings.trusted.documents_only,
        plans=plans,
    )
    return Executor(schema, allowed, hide_suggestions=not settings.introspection, max_errors=limit.errors)


def _request_limits(limit: LimitSettings) -> RequestLimits:
    return RequestLimits(
        body_bytes=limit.body_bytes,
        json_depth=limit.json_depth,
        body_seconds=limit.body_seconds,
        request_seconds=limit.request_seconds,
    )


def _surrounded(
    app: ASGIApp, settings: Settings, known_paths: frozenset[str], observers: Sequence[Observer]
) -> ASGIApp:
    """What every request passes, from the inside out."""
    http = settings.http
    app = DoorMiddleware(app, http.allowed_hosts, settings.limit.concurrency, PROBES)
    if http.cors_origins:
        app = ExactOrigins(app, http.cors_origins)
    return RequestMiddleware(app, known_paths, observers)


async def _not_routed(request: Request, error: Exception) -> Response:
    """Starlette's own refusals, in the shape of every other error."""
    if isinstance(error, HTTPException) and error.status_code == 405:
        failure = HttpError(405, ErrorCode.METHOD_NOT_ALLOWED, "Use another method here.", headers=error.headers)
    else:
        failure = HttpError(404, ErrorCode.NOT_FOUND, "There is nothing here; the API is at /graphql.")
    return error_response(failure, request.scope)
