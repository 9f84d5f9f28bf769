"""Builds the parts of the server from its settings, and opens and closes them."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graph.accounts.encryption_keys import KeyCheck
from graph.accounts.login import Logins
from graph.accounts.profile import Profiles
from graph.accounts.session_cleanup import SessionCleanup
from graph.accounts.sessions import Sessions, epoch_ms
from graph.errors import ErrorCode
from graph.execution.documents import Documents
from graph.execution.executor import Executor
from graph.execution.trusted_documents import TrustedDocuments
from graph.instrumentation import observe_calls, observe_logins
from graph.observability.metrics import Metrics
from graph.schema.build import build_schema, graphql_core_schema
from graph.schema.context import Services
from graph.schema.errors import coded
from graph.security.encryption import KeyRing
from graph.security.rate_limit import RateLimit, RateLimitStorage
from graph.settings import Settings, require_secrets
from graph.tracing import load_tracing
from graph.wechat.client import MAX_CONNECTIONS, WeChatClient
from models.database import Database
from models.errors import DatabaseBehind, DatabaseError

if TYPE_CHECKING:
    from graph.tracing.spans import Tracing

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of one server, built and not yet open: see `opened`."""

    settings: Settings
    database: Database
    key_check: KeyCheck
    services: Services
    executor: Executor
    metrics: Metrics
    tracing: "Tracing | None"
    session_cleanup: SessionCleanup
    resources: tuple[AbstractAsyncContextManager[object], ...]

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Opens what has to be closed. A database that does not answer is no reason not to start.

        Raises `KeyRingMismatch`.
        """
        async with contextlib.AsyncExitStack() as stack:
            for resource in self.resources:
                await stack.enter_async_context(resource)
            await _compare_keys(self.key_check)
            async with self.session_cleanup.in_background():
                yield


def compose(
    settings: Settings,
    *,
    plans: bool = True,
    now: Callable[[], int] = epoch_ms,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Parts:
    """The parts that these settings describe. Without `plans` graphql-core alone runs every operation.

    Raises `SettingsError`, `KeyRingError`, `UnsupportedDatabase`, `RateLimitStorageUnusable`, `TrustedDocumentsError`,
    `TracingUnavailable`.
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
        ca_file=settings.wechat.ca_file,
        proxy=settings.wechat.proxy,
        # Half of the requests at work at once, so that a WeChat that hangs leaves room for the others.
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
    session_cleanup = SessionCleanup(database=database, idle_days=settings.session.idle_days, now=now)
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
    metrics.expect_operations(executor.documents.trusted_operations())
    metrics.watch(
        pool=database.pool,
        breaker=lambda: wechat.breaker.state,
        logins=lambda: wechat.slots_in_use,
        storage_failures=lambda: storage.failures,
    )
    return Parts(
        settings=settings,
        database=database,
        key_check=key_check,
        services=Services(sessions, logins, profiles),
        executor=executor,
        metrics=metrics,
        tracing=tracing,
        session_cleanup=session_cleanup,
        resources=(*([tracing] if tracing else []), wechat, database, storage),
    )


async def _compare_keys(key_check: KeyCheck) -> None:
    try:
        await key_check.ensure()
    except DatabaseBehind:
        _log.warning("starting without the tables of this version: run `wxgate migrate`")
    except DatabaseError as error:
        _log.warning("starting without the database", extra={"reason": str(error)})


def build_executor(settings: Settings, *, plans: bool = True) -> Executor:
    """What runs GraphQL requests; `plans` as in `compose`. Raises `TrustedDocumentsError`."""
    documents = settings.trusted.documents
    allowed = Documents(
        graphql_core_schema(build_schema()),
        introspection=settings.introspection,
        limits=settings.limit,
        trusted=TrustedDocuments.load(documents) if documents else None,
        trusted_only=settings.trusted.documents_only,
        plans=plans,
    )
    return Executor(allowed, coded)
