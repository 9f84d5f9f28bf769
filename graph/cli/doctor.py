"""`wxgate doctor`: finds what keeps a server from signing users in, and what to do about it."""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from typing import Final

import click
import httpx
from limits import RateLimitItemPerSecond

from graph.accounts.encryption_keys import KeyCheck
from graph.accounts.errors import KeyRingMismatch
from graph.accounts.sessions import epoch_ms
from graph.cli.doctor_pictures import examine_pictures
from graph.cli.doctor_report import Check, Report, fault, fault_if, warning
from graph.composition import build_documents
from graph.execution.trusted_documents import TrustedDocumentsError
from graph.observability.logging import configure_logging
from graph.security.encryption import KeyRing
from graph.security.errors import RateLimitStorageUnusable
from graph.security.rate_limit import RateLimitStorage
from graph.settings import Settings, SettingsError, require_secrets, unknown_settings
from graph.wechat.client import WeChatClient
from graph.wechat.errors import WeChatError
from graph.wechat.mini_programs import MiniProgram
from graph.wechat.transport import FAILURES, PooledTransport
from models.accounts import count_newest_with_unionid
from models.clock import clock_ahead
from models.database import Database
from models.errors import DatabaseAhead, DatabaseBehind, DatabaseError, UnsupportedDatabase
from models.logins import try_sign_in
from models.migrate import missing_migrations, newest_applied
from models.server_version import server_version
from models.session_macs import count_without_mac

_TOLERATED_SKEW_SECONDS: Final = 60
_NEWEST_ACCOUNTS: Final = 100
_NO_DATE: Final[tuple[type[Exception], ...]] = (*FAILURES, ValueError)

_WECHAT_ADVICE: Final = {
    40001: "{secret} is not the AppSecret of this AppID",
    40013: "{id} is not an AppID that WeChat knows",
    40125: "{secret} is not the AppSecret of this AppID",
    40164: "add this server's public address to the IP whitelist in WeChat's console",
    40243: "the AppSecret is frozen: unfreeze it in WeChat's console",
}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: `level`, `versions`, `checks`.")
def doctor(as_json: bool) -> None:
    """Check settings, database, migrations, keys, clock, WeChat credentials and pictures, and advise what to do.

    WARN is about what works and should be otherwise. Only a FAULT makes the exit code 1.
    """
    configure_logging(level="ERROR", style="text")
    report = Report(as_json)
    try:
        settings = _load_settings()
    except SettingsError as error:
        if not as_json:
            raise
        report.add(fault("settings", str(error)))
    else:
        asyncio.run(_examine_all(settings, report))
    sys.exit(report.end())


def _load_settings() -> Settings:
    """What can be read. Raises `SettingsError` with all that is wrong: what is missing and what is unknown as well."""
    with contextlib.suppress(SettingsError):
        return Settings.load()
    try:
        return Settings.load(serving=True)
    except SettingsError as error:
        raise SettingsError("\n".join([str(error), *unknown_settings()])) from None


async def _examine_all(settings: Settings, report: Report) -> None:
    async for check in _examine(settings, report.versions):
        report.add(check)


async def _examine(settings: Settings, versions: dict[str, str]) -> AsyncIterator[Check]:
    """Each check whose ground is not already gone; adds to the versions."""
    yield Check("versions", f"wxgate {versions['wxgate']}, Python {versions['python']}")
    faults = unknown_settings()
    try:
        require_secrets(settings)
    except SettingsError as error:
        faults.append(str(error))
    yield fault_if("settings", "\n".join(faults))
    async for check in _examine_database(settings, versions):
        yield check
    try:
        build_documents(settings)
    except TrustedDocumentsError as error:
        yield fault("trusted documents", str(error))
    else:
        yield Check("trusted documents")
    yield await _rate_limits(settings)
    yield fault_if("clock", await _clock_advice(settings))
    for name, app in _wechat_apps(settings):
        yield fault_if(name, await _wechat_advice(settings, app))
    async for check in examine_pictures(settings):
        yield check
    for check in _events(settings):
        yield check


async def _examine_database(settings: Settings, versions: dict[str, str]) -> AsyncIterator[Check]:
    try:
        async with Database(settings.database.url.get_secret_value()) as database:
            await database.ping()
            versions["database"] = await server_version(database)
            yield Check("database", versions["database"])
            yield fault_if("database clock", await _database_clock_advice(database))
            if applied := await newest_applied(database):
                versions["migration"] = applied
            if missing := await missing_migrations(database):
                yield fault("migrations", f"{', '.join(missing)}: run `wxgate migrate`.")
                return
            yield Check("migrations", applied or "")
            yield fault_if("writes", await _writes_advice(database))
            for check in await _unionids(database):
                yield check
            if settings.encryption.keys is not None:
                key_ring = KeyRing.parse(settings.encryption.keys.get_secret_value())
                await KeyCheck(database=database, key_ring=key_ring, now=epoch_ms).compare()
                yield Check("key ring")
                yield await _session_macs(database, required=settings.session.require_mac)
    except KeyRingMismatch as error:
        yield fault("key ring", str(error))
    except UnsupportedDatabase as error:
        yield fault("database", f"WXGATE_DATABASE_URL {error}.")
    except DatabaseAhead as error:
        yield fault("migrations", f"{error}: this version of wxgate does not know them, and the database is newer.")
    except DatabaseBehind:
        yield fault("database", "has no tables: if WXGATE_DATABASE_URL is right, run `wxgate migrate`.")
    except DatabaseError as error:
        yield fault("database", f"{error}: is WXGATE_DATABASE_URL right, and is the database running?")


async def _database_clock_advice(database: Database) -> str | None:
    ahead = await clock_ahead(database)
    if database.clock_differs:
        return f"is {-ahead / 1000:+.0f} s off this machine's: synchronise both, or sessions end early or late."
    return None


async def _writes_advice(database: Database) -> str | None:
    try:
        await try_sign_in(database)
    except DatabaseError as error:
        return f"{error}: is there space, and may the database's user write to every table?"
    return None


async def _unionids(database: Database) -> list[Check]:
    counts = await count_newest_with_unionid(database, _NEWEST_ACCOUNTS)
    some_have = any(unionids for _, unionids in counts.values())
    checks = []
    for app_id, (accounts, unionids) in counts.items():
        subject, found = f"unionids of {app_id}", f"{unionids} of the newest {accounts} accounts have one"
        unbound = some_have and not unionids
        advice = f"{found}, bind it to the Open Platform account of the others"
        checks.append(warning(subject, advice) if unbound else Check(subject, found))
    return checks


async def _session_macs(database: Database, *, required: bool) -> Check:
    if without := await count_without_mac(database, now=epoch_ms()):
        return Check("session MACs", f"{without} live sessions have none")
    return Check("session MACs", "" if required else "all have one, set WXGATE_SESSION_REQUIRE_MAC=true")


async def _rate_limits(settings: Settings) -> Check:
    subject, url = "rate limits", settings.rate_limit.storage
    try:
        async with RateLimitStorage(url, namespace="doctor") as storage:
            await storage.wait_ms(RateLimitItemPerSecond(1), "doctor")
    except RateLimitStorageUnusable as error:
        return fault(subject, f"WXGATE_RATE_LIMIT_STORAGE {error}.")
    if storage.failures:
        return fault(subject, "WXGATE_RATE_LIMIT_STORAGE does not answer: is it running, and its address right?")
    alone = url.get_secret_value().startswith("memory:")
    return Check(subject, "each process counts for itself" if alone else "")


async def _clock_advice(settings: Settings) -> str | None:
    url, ca_file, proxy = settings.wechat.base_url, settings.wechat.ca_file, settings.wechat.proxy
    transport = PooledTransport(is_https=url.startswith("https:"), limit=1, ca_file=ca_file, proxy=proxy)
    try:
        async with httpx.AsyncClient(transport=transport, timeout=5) as client:
            date = (await client.head(url)).headers.get("date", "")
        skew = time.time() - parsedate_to_datetime(date).timestamp()
    except _NO_DATE:
        return "could not be compared: WeChat sent no date."
    if abs(skew) > _TOLERATED_SKEW_SECONDS:
        return f"is {skew:+.0f} s off WeChat's: synchronise it, or submissions and events will be refused."
    return None


def _wechat_apps(settings: Settings) -> list[tuple[str, MiniProgram | None]]:
    """Each mini-program, and what the check of its credentials is called."""
    match settings.wechat.mini_programs():
        case []:
            return [("WeChat", None)]
        case [app]:
            return [("WeChat", app)]
        case apps:
            return [(" ".join(filter(None, ["WeChat", app.app_id, app.name])), app) for app in apps]


def _events(settings: Settings) -> list[Check]:
    """What the operator enters in WeChat's console of each mini-program that takes events."""
    # What is public, and whether it is https, only the operator knows: WeChat's console refuses all else.
    names = [host for host in settings.http.allowed_hosts if not host.startswith("*")]
    host = names[0] if names else "<your host>"
    apps = [app for app in settings.wechat.mini_programs() if app.push]
    checks = [
        Check(f"events of {app.app_id}", f"enter https://{host}/wechat/events/{app.app_id}, safe mode") for app in apps
    ]
    if apps and settings.wechat.events_plain:
        advice = "WXGATE_WECHAT_EVENTS_PLAIN lets anyone who has seen one push delete any user: remove it"
        checks.append(warning("events", advice))
    return checks


async def _wechat_advice(settings: Settings, app: MiniProgram | None) -> str | None:
    if app is None:
        return "not asked without AppID and AppSecret."
    client = WeChatClient(
        base_url=settings.wechat.base_url,
        ca_file=settings.wechat.ca_file,
        proxy=settings.wechat.proxy,
    )
    try:
        async with client:
            await client.get_stable_access_token(app)
    except WeChatError as error:
        if error.errcode is None:
            return f"{error}: can this machine reach {settings.wechat.base_url}?"
        advice = _WECHAT_ADVICE.get(error.errcode)
        names = {"id": "WXGATE_WECHAT_APP_ID", "secret": "WXGATE_WECHAT_APP_SECRET"}
        if app.app_id != settings.wechat.app_id:
            names = {name: f"its app_{name} in WXGATE_WECHAT_APPS" for name in names}
        return (
            f"{advice.format(**names)} ({error})."
            if advice
            else f"{error}: look the code up in WeChat's documentation."
        )
    return None
