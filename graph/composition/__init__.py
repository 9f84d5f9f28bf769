"""Builds the parts of the server from its settings."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from graph.accounts.cleanup import cleanup_jobs
from graph.accounts.code_exchange import CodeExchange
from graph.accounts.content_backlog import ContentBacklog
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
from graph.accounts.picture_files import FILES
from graph.accounts.pictures import Pictures
from graph.accounts.profile import Profiles
from graph.accounts.reauthentication import Reauthentication
from graph.accounts.session_key_check import SessionKeyCheck
from graph.accounts.session_keys import SessionKeys
from graph.accounts.session_list import SessionList
from graph.accounts.sessions import Sessions, epoch_ms
from graph.composition.content import compose_content
from graph.composition.parts import Parts
from graph.errors import INTERNAL
from graph.execution.documents import Documents
from graph.execution.executor import Executor
from graph.execution.trusted_documents import TrustedDocuments
from graph.http.wechat_events import WeChatEvents
from graph.observability.metrics import Metrics, ServerState
from graph.schema.build import build_schema, graphql_core_schema
from graph.schema.context import Services
from graph.schema.errors import coded
from graph.security.encryption import KeyRing
from graph.security.rate_limit import RateLimit, RateLimitStorage, TokenBuckets
from graph.security.service_credentials import FAILURES, ServiceCredentials, parse_services
from graph.security.tokens import SessionMacs
from graph.settings import Settings, require_secrets
from graph.tracing import load_tracing
from graph.wechat.client import MAX_CONNECTIONS, WeChatClient
from graph.wechat.mini_programs import MiniPrograms
from models.database import Database


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

    def rate_limit(what: str, rates: str, times: int) -> RateLimit:
        return RateLimit(what, rates, storage, times=times, refused=refused)

    content = compose_content(
        settings,
        served,
        wechat=wechat,
        database=database,
        apps=apps,
        metrics=metrics,
        rate_limit=rate_limit,
        freed=lambda: jobs.hurry(FILES),
        now=now,
    )
    jobs = Jobs(database=database, now=now, jobs=(*cleanup, *content.jobs))
    inbox = EventInbox(
        database=database,
        key_ring=key_ring,
        key_check=key_check,
        picture_checks=content.picture_checks,
        now=now,
        is_used=any(app.push for app in apps),
    )
    backlog = ContentBacklog(database=database, now=now, is_used=settings.metrics.port is not None)
    metrics.registry.register(
        ServerState(database, wechat, apps, storage, inbox.age_and_failures, backlog.numbers_and_ages)
    )
    other_services = parse_services(settings.services.get_secret_value()) if settings.services else ()
    return Parts(
        settings=settings,
        database=database,
        key_check=key_check,
        services=Services(
            apps=apps,
            logins=logins,
            profiles=profiles,
            profile_updates=content.profile_updates,
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
        content=content,
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
            *content.resources,
            backlog,
        ),
    )


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
