"""Builds the parts of the server from its settings, and opens and closes them."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graph.accounts.cleanup import cleanup_jobs
from graph.accounts.code_exchange import CodeExchange
from graph.accounts.content_checks import CheckOutcome, ContentKind
from graph.accounts.deletion import Deletions
from graph.accounts.encryption_keys import KeyCheck
from graph.accounts.event_inbox import EventInbox
from graph.accounts.export import Exports
from graph.accounts.forced_refreshes import ForcedRefreshes
from graph.accounts.jobs import Jobs
from graph.accounts.login import Logins
from graph.accounts.masked_phone import MaskedPhones
from graph.accounts.merging import unionid_rules
from graph.accounts.phone import Phones
from graph.accounts.picture_check import PictureChecks
from graph.accounts.picture_files import FILES, PictureFiles
from graph.accounts.pictures import Pictures
from graph.accounts.profile import Profiles
from graph.accounts.profile_update import ProfileUpdates
from graph.accounts.reauthentication import Reauthentication
from graph.accounts.session_key_check import SessionKeyCheck
from graph.accounts.session_keys import SessionKeys
from graph.accounts.session_list import SessionList
from graph.accounts.sessions import Sessions, epoch_ms
from graph.accounts.text_check import TextChecks
from graph.errors import INTERNAL
from graph.execution.documents import Documents
from graph.execution.executor import Executor
from graph.execution.trusted_documents import TrustedDocuments
from graph.http.wechat_events import WeChatEvents
from graph.observability.metrics import Metrics, ServerState
from graph.pictures.errors import ExtraMissing
from graph.pictures.location import parse_location
from graph.pictures.store import PictureStore, open_store
from graph.schema.build import build_schema, graphql_core_schema
from graph.schema.context import Services
from graph.schema.errors import coded
from graph.security.encryption import KeyRing
from graph.security.rate_limit import RateLimit, RateLimitStorage, TokenBuckets
from graph.security.service_credentials import FAILURES, ServiceCredentials, parse_services
from graph.security.tokens import SessionMacs
from graph.settings import Settings, require_secrets
from graph.settings.pictures import picture_check
from graph.tracing import load_tracing
from graph.wechat.client import MAX_CONNECTIONS, WeChatClient
from graph.wechat.mini_programs import MiniPrograms
from models.clock import clock_ahead
from models.database import Database
from models.errors import DatabaseAhead, DatabaseBehind, DatabaseError, UnsupportedDatabase

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
    wechat_events: WeChatEvents
    # None where there are no other services.
    service_credentials: ServiceCredentials | None
    executor: Executor
    metrics: Metrics
    tracing: "Tracing | None"
    jobs: Jobs
    now: Callable[[], int]
    resources: tuple[AbstractAsyncContextManager[object], ...]

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Opens what has to be closed, whether or not the database answers.

        Raises `KeyRingMismatch`, and `UnsupportedDatabase` for one that is not in UTF8.
        """
        async with contextlib.AsyncExitStack() as stack:
            for resource in self.resources:
                await stack.enter_async_context(resource)
            try:
                await self.key_check.ensure()
                await clock_ahead(self.database)  # logs it
            except UnsupportedDatabase:
                raise
            except DatabaseAhead:
                _log.warning("not ready: the database is newer than this version of the server")
            except DatabaseBehind:
                _log.warning("starting without the tables of this version: run `wxgate migrate`")
            except DatabaseError as error:
                _log.info("starting without the database", extra={"reason": str(error)})
            async with self.jobs.in_background(), self.wechat_events.inbox:
                yield


def compose(
    settings: Settings,
    *,
    plans: bool = True,
    now: Callable[[], int] = epoch_ms,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Parts:
    """The parts that these settings describe. Without `plans` graphql-core alone runs every operation.

    Raises `SettingsError`, `KeyRingError`, `UnsupportedDatabase`, `RateLimitStorageUnusable`, `TrustedDocumentsError`,
    `TracingUnavailable`.
    """
    served, encryption_keys = require_secrets(settings)
    # In development, where introspection is on, a client may learn all that is there.
    apps = MiniPrograms(served, names_them=settings.introspection)
    key_ring = KeyRing.parse(encryption_keys.get_secret_value())
    tracing = load_tracing() if settings.otel else None
    url = settings.database.url.get_secret_value()
    database = tracing.database(url) if tracing else Database(url)
    documents = build_documents(settings, plans=plans)
    metrics = Metrics([app.app_id for app in apps], documents.trusted_operations())
    forced_refreshes = ForcedRefreshes(
        database=database, now=now, allowed=lambda app_id: metrics.forced_token_refreshes.labels(app_id).inc()
    )
    wechat = WeChatClient(
        base_url=settings.wechat.base_url,
        ca_file=settings.wechat.ca_file,
        proxy=settings.wechat.proxy,
        # Half of the requests at work at once, so that a WeChat that hangs leaves room for the others.
        max_connections=min(MAX_CONNECTIONS, -(-settings.limit.concurrency // 2)),
        may_force=forced_refreshes.may_force,
        clock=monotonic,
        sleep=sleep,
        observers=[metrics.wechat_called, *([tracing.wechat_called] if tracing else [])],
    )

    def refused(what: str, kind: str) -> None:
        metrics.refusals.labels(what, kind).inc()

    def buckets(what: str, rates: str) -> TokenBuckets:
        return TokenBuckets(what, rates, clock=monotonic, refused=refused)

    storage = RateLimitStorage(settings.rate_limit.storage, namespace=apps.first.app_id, clock=monotonic)
    key_check = KeyCheck(database=database, key_ring=key_ring, now=now)
    macs = SessionMacs(key_ring)
    sessions = Sessions(
        database=database,
        macs=macs,
        idle_days=settings.session.idle_days,
        absolute_days=settings.session.absolute_days,
        max_per_user=settings.session.max_per_user,
        require_mac=settings.session.require_mac,
        audit_logins=settings.audit.logins,
        now=now,
    )
    cleanup = cleanup_jobs(database, idle_days=settings.session.idle_days, audit_days=settings.audit.days)
    login_limit = RateLimit("login", settings.rate_limit.login, storage, refused=refused)
    exchange = CodeExchange(
        wechat=wechat,
        database=database,
        key_check=key_check,
        rate_limit=login_limit,
        refused_codes=buckets("refused_codes", settings.rate_limit.refused_codes),
        refused_unusual_codes=buckets("refused_codes", settings.rate_limit.refused_codes),
        now=now,
    )
    logins = Logins(
        exchange=exchange,
        database=database,
        key_ring=key_ring,
        sessions=sessions,
        unionids=unionid_rules(key_ring, merge=settings.unionid.merge, on_change=settings.unionid.on_change),
        rate_limit=login_limit,
        succeeded=metrics.login_succeeded,
        failed=lambda app_id, error: metrics.logins.labels(app_id, (coded(error) or INTERNAL).code.name).inc(),
    )
    session_keys = SessionKeys(
        database=database,
        key_ring=key_ring,
        now=now,
        sleep=sleep,
        tried=lambda key, outcome: metrics.decryptions.labels(key, outcome).inc(),
    )
    profiles = Profiles(
        database=database,
        session_keys=session_keys,
        watermark_max_age=settings.watermark.max_age,
        watermark_max_ahead=settings.watermark.max_ahead,
        rate_limit=RateLimit("submit", settings.rate_limit.submit, storage, refused=refused),
        now=now,
    )
    session_key_check = SessionKeyCheck(
        wechat=wechat,
        database=database,
        key_ring=key_ring,
        apps=apps,
        rate_limit=RateLimit("check_session", settings.rate_limit.submit, storage, refused=refused),
    )
    phones = Phones(
        wechat=wechat,
        database=database,
        key_ring=key_ring,
        key_check=key_check,
        session_keys=session_keys,
        apps=apps,
        watermark_max_age=settings.watermark.max_age,
        watermark_max_ahead=settings.watermark.max_ahead,
        address_rate_limit=RateLimit("phone", settings.rate_limit.submit, storage, refused=refused),
        account_rate_limit=RateLimit("phone", settings.rate_limit.phone, storage, refused=refused),
        unique=settings.phone.unique,
        takes_encrypted=settings.phone.encrypted,
        now=now,
        sleep=sleep,
    )
    reauthentication = Reauthentication(
        exchange=exchange,
        database=database,
        apps=apps,
        rate_limit=RateLimit("privacy", settings.rate_limit.privacy, storage, refused=refused),
    )
    session_list = SessionList(database=database, sessions=sessions, now=now)

    def counted(kind: ContentKind, outcome: CheckOutcome) -> None:
        metrics.content_checks.labels(kind, outcome.value).inc()

    def freed() -> None:
        jobs.hurry(FILES)

    store = _open_store(settings)
    text_checks = TextChecks(
        wechat=wechat, database=database, apps=apps, policy=settings.check.text, counted=counted, now=now
    )
    picture_checks = PictureChecks(
        wechat=wechat,
        database=database,
        apps=apps,
        policy=picture_check(settings, served),
        counted=counted,
        freed=freed,
        now=now,
    )
    profile_updates = ProfileUpdates(
        database=database,
        text_checks=text_checks,
        picture_checks=picture_checks,
        url_of=store.url if store else None,
        address_rate_limit=RateLimit("profile", settings.rate_limit.submit, storage, refused=refused),
        account_rate_limit=RateLimit("profile", settings.rate_limit.upload, storage, refused=refused),
        freed=freed,
        now=now,
    )
    files = [PictureFiles(database=database, store=store, now=now).job()] if store else []
    content_jobs = (text_checks.job(), picture_checks.job(), *files)
    jobs = Jobs(database=database, now=now, jobs=(*cleanup, *content_jobs))
    inbox = EventInbox(
        database=database,
        key_ring=key_ring,
        key_check=key_check,
        picture_checks=picture_checks,
        now=now,
        is_used=any(app.push for app in apps),
    )
    metrics.registry.register(ServerState(database, wechat, apps, storage, inbox.age_and_failures))
    other_services = parse_services(settings.services.get_secret_value()) if settings.services else ()
    return Parts(
        settings=settings,
        database=database,
        key_check=key_check,
        services=Services(
            apps=apps,
            logins=logins,
            profiles=profiles,
            profile_updates=profile_updates,
            pictures=Pictures(database=database),
            sessions=sessions,
            session_list=session_list,
            session_key_check=session_key_check,
            phones=phones,
            masked_phones=MaskedPhones(database=database, key_ring=key_ring),
            deletions=Deletions(database=database, reauthentication=reauthentication, now=now),
            exports=Exports(
                database=database,
                key_ring=key_ring,
                reauthentication=reauthentication,
                session_list=session_list,
                now=now,
            ),
        ),
        wechat_events=WeChatEvents(
            apps=apps,
            inbox=inbox,
            storage=storage,
            plain_allowed=settings.wechat.events_plain,
            now=now,
            received=metrics.event_received,
            refused=lambda app_id, reason: metrics.events_refused.labels(app_id, reason).inc(),
        ),
        service_credentials=ServiceCredentials(other_services, buckets("services", FAILURES))
        if other_services
        else None,
        executor=Executor(documents, coded, buckets("documents", settings.rate_limit.documents)),
        metrics=metrics,
        tracing=tracing,
        jobs=jobs,
        now=now,
        resources=(
            *([tracing] if tracing else []),
            wechat,
            database,
            storage,
            sessions,
            *([store] if store else []),
            picture_checks,
        ),
    )


def _open_store(settings: Settings) -> PictureStore | None:
    """None where no pictures are kept."""
    avatars = settings.avatars
    if avatars.store is None or avatars.public_url is None:
        return None
    location = parse_location(avatars.store)
    access_key, secret_key = avatars.s3_access_key, avatars.s3_secret_key
    try:
        return open_store(location, public_url=avatars.public_url, access_key=access_key, secret_key=secret_key)
    except ExtraMissing as error:
        _log.warning("pictures are not taken", extra={"reason": str(error)})
        return None


def build_documents(settings: Settings, *, plans: bool = True) -> Documents:
    """What GraphQL requests may run; `plans` as in `compose`. Raises `TrustedDocumentsError`."""
    documents = settings.trusted.documents
    return Documents(
        graphql_core_schema(build_schema()),
        introspection=settings.introspection,
        limits=settings.limit,
        trusted=TrustedDocuments.load(documents) if documents else None,
        trusted_only=settings.trusted.documents_only,
        plans=plans,
    )
