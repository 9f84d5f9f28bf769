"""`wxgate doctor`: finds what keeps a server from signing users in, and what to do about it."""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

import click
import httpx
from limits import RateLimitItemPerSecond
from pydantic import SecretStr

from graph.accounts.encryption_keys import KeyCheck
from graph.accounts.errors import KeyRingMismatch
from graph.accounts.sessions import epoch_ms
from graph.composition import build_executor
from graph.execution.trusted_documents import TrustedDocumentsError
from graph.observability.logging import configure_logging
from graph.security.encryption import KeyRing
from graph.security.errors import RateLimitStorageUnusable
from graph.security.rate_limit import RateLimitStorage
from graph.settings import Settings, SettingsError, require_secrets, unknown_settings
from graph.wechat.client import WeChatClient
from graph.wechat.errors import WeChatError
from models.database import Database
from models.errors import DatabaseBehind, DatabaseError
from models.migrate import missing_migrations

TOLERATED_SKEW_SECONDS: Final = 60

_WECHAT_ADVICE: Final = {
    40001: "WXGATE_WECHAT_APP_SECRET is not the AppSecret of this AppID",
    40013: "WXGATE_WECHAT_APP_ID is not an AppID that WeChat knows",
    40125: "WXGATE_WECHAT_APP_SECRET is not the AppSecret of this AppID",
    40164: "add this server's public address to the IP whitelist in WeChat's console",
    40243: "the AppSecret is frozen: unfreeze it in WeChat's console",
}


class CheckResult(NamedTuple):
    """One check. `advice` says what is wrong and what to do; None when all is well."""

    subject: str
    advice: str | None = None


@click.command()
def doctor() -> None:
    """Check settings, database, migrations, keys, clock and WeChat credentials, and say what to do."""
    configure_logging(level="ERROR", style="text")
    failed = asyncio.run(_print_results(_load_settings()))
    sys.exit(1 if failed else 0)


def _load_settings() -> Settings:
    """What can be read. Raises `SettingsError` with all that is wrong: what is missing and what is unknown as well."""
    with contextlib.suppress(SettingsError):
        return Settings.load()
    try:
        return Settings.load(serving=True)
    except SettingsError as error:
        raise SettingsError("\n".join([str(error), *unknown_settings()])) from None


async def _print_results(settings: Settings) -> int:
    failed = 0
    async for result in examine(settings):
        verdict = "ok   " if result.advice is None else "FAULT"
        click.echo(f"{verdict}  {result.subject}  {result.advice or ''}".rstrip())
        failed += result.advice is not None
    return failed


async def examine(settings: Settings) -> AsyncIterator[CheckResult]:
    """Runs every check whose ground is not already gone. Never raises for a fault that it finds."""
    yield CheckResult("settings", _settings_advice(settings))
    async for result in _check_database(settings):
        yield result
    yield CheckResult("trusted documents", _trusted_documents_advice(settings))
    yield CheckResult("rate limits", await _rate_limits_advice(settings.rate_limit.storage))
    yield CheckResult("clock", await _clock_advice(settings.wechat.base_url))
    yield CheckResult("WeChat", await _wechat_advice(settings))


def _settings_advice(settings: Settings) -> str | None:
    faults = unknown_settings()
    try:
        require_secrets(settings)
    except SettingsError as error:
        faults.append(str(error))
    return "\n".join(faults) or None


async def _check_database(settings: Settings) -> AsyncIterator[CheckResult]:
    try:
        async with Database(settings.database.url.get_secret_value()) as database:
            await database.ping()
            yield CheckResult("database")
            missing = await missing_migrations(database)
            yield CheckResult("migrations", f"{', '.join(missing)}: run `wxgate migrate`." if missing else None)
            if not missing and settings.encryption.keys is not None:
                yield CheckResult("key ring", await _canary_advice(database, settings.encryption.keys))
    except DatabaseBehind:
        yield CheckResult("database", "has no tables: if WXGATE_DATABASE_URL is right, run `wxgate migrate`.")
    except DatabaseError as error:
        yield CheckResult("database", f"{error}: is WXGATE_DATABASE_URL right, and is the database running?")


async def _canary_advice(database: Database, keys: SecretStr) -> str | None:
    try:
        key_ring = KeyRing.parse(keys.get_secret_value())
        await KeyCheck(database=database, key_ring=key_ring, now=epoch_ms).compare()
    except KeyRingMismatch as error:
        return str(error)
    return None


def _trusted_documents_advice(settings: Settings) -> str | None:
    try:
        build_executor(settings)
    except TrustedDocumentsError as error:
        return str(error)
    return None


async def _rate_limits_advice(url: SecretStr) -> str | None:
    try:
        async with RateLimitStorage(url, namespace="doctor", now=epoch_ms) as storage:
            await storage.wait_ms(RateLimitItemPerSecond(1), "doctor")
    except RateLimitStorageUnusable as error:
        return f"WXGATE_RATE_LIMIT_STORAGE {error}."
    return (
        "WXGATE_RATE_LIMIT_STORAGE does not answer: is it running, and its address right?" if storage.failures else None
    )


async def _clock_advice(base_url: str) -> str | None:
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
            date = (await client.head(base_url)).headers.get("date", "")
        skew = time.time() - parsedate_to_datetime(date).timestamp()
    except (httpx.HTTPError, ValueError):
        return "could not be compared: WeChat sent no date."
    if abs(skew) > TOLERATED_SKEW_SECONDS:
        return f"is {skew:+.0f} s off WeChat's: synchronise it, or submissions will be refused for their watermark."
    return None


async def _wechat_advice(settings: Settings) -> str | None:
    if settings.wechat.app_id is None or settings.wechat.app_secret is None:
        return "not asked without AppID and AppSecret."
    client = WeChatClient(
        app_id=settings.wechat.app_id,
        app_secret=settings.wechat.app_secret,
        base_url=settings.wechat.base_url,
        ca_file=settings.wechat.ca_file,
        proxy=settings.wechat.proxy,
    )
    async with client:
        try:
            await client.get_stable_access_token()
        except WeChatError as error:
            if error.errcode is None:
                return f"{error}: can this machine reach {settings.wechat.base_url}?"
            advice = _WECHAT_ADVICE.get(error.errcode)
            return f"{advice} ({error})." if advice else f"{error}: look the code up in WeChat's documentation."
    return None
