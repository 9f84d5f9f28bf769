"""Finds what keeps a server from signing people in, and says what to do about it."""

import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

import httpx
from limits import RateLimitItemPerSecond
from pydantic import SecretStr

from graph.accounts.encryption_keys import KeyCheck
from graph.accounts.errors import KeyRingMismatch
from graph.composition import build_executor, epoch_ms
from graph.execution.trusted_documents import TrustedDocumentsError
from graph.security.encryption import KeyRing
from graph.security.errors import KeyRingError, RateLimitStorageUnusable
from graph.security.rate_limit import RateLimitStorage
from graph.settings import PREFIX, Settings, SettingsError, is_secret, require_secrets, variables
from graph.wechat.client import WeChatClient
from graph.wechat.errors import WeChatError
from models.database import Database
from models.errors import DatabaseBehind, DatabaseError, UnsupportedDatabase
from models.migrate import missing_migrations

TOLERATED_SKEW_SECONDS: Final = 60

_WECHAT_ADVICE: Final = {
    40001: "WXGATE_WECHAT_APP_SECRET is not the AppSecret of this AppID",
    40013: "WXGATE_WECHAT_APP_ID is not an AppID that WeChat knows",
    40125: "WXGATE_WECHAT_APP_SECRET is not the AppSecret of this AppID",
    40164: "add this server's public address to the IP whitelist in WeChat's console",
    40243: "the AppSecret is frozen: unfreeze it in WeChat's console",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One check. `advice` says what is wrong and what to do; None when all is well."""

    subject: str
    advice: str | None = None


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """Runs every check whose ground is not already gone. Never raises for a fault that it finds."""
    yield Finding("settings", _settings_advice(settings))
    yield Finding("encryption keys", _key_ring_advice(settings.encryption.keys))
    async for finding in _database_findings(settings):
        yield finding
    yield Finding("trusted documents", _trusted_documents_advice(settings))
    yield Finding("rate limits", await _rate_limits_advice(settings.rate_limit.storage))
    yield Finding("clock", await _clock_advice(settings.wechat.base_url))
    yield Finding("WeChat", await _wechat_advice(settings))


def _settings_advice(settings: Settings) -> str | None:
    known = {name + suffix for name, field in variables().items() for suffix in ("", "_FILE")[: 1 + is_secret(field)]}
    unknown = sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)
    if unknown:
        return f"{', '.join(unknown)}: no such setting; `wxgate settings` lists them."
    try:
        require_secrets(settings)
    except SettingsError as error:
        return str(error)
    return None


def _key_ring_advice(keys: SecretStr | None) -> str | None:
    try:
        KeyRing.parse(keys.get_secret_value() if keys else "")
    except KeyRingError as error:
        return f"WXGATE_ENCRYPTION_KEYS: {error}"
    return None


async def _database_findings(settings: Settings) -> AsyncIterator[Finding]:
    try:
        async with Database(settings.database.url.get_secret_value()) as database:
            await database.ping()
            yield Finding("database")
            missing = await missing_migrations(database)
            yield Finding("migrations", f"{', '.join(missing)}: run `wxgate migrate`." if missing else None)
            if not missing and settings.encryption.keys is not None:
                yield Finding("key ring", await _canary_advice(database, settings.encryption.keys))
    except UnsupportedDatabase as error:
        yield Finding("database", f"WXGATE_DATABASE_URL {error}.")
    except DatabaseBehind:
        yield Finding("database", "has no tables: if WXGATE_DATABASE_URL is right, run `wxgate migrate`.")
    except DatabaseError as error:
        yield Finding("database", f"{error}: is WXGATE_DATABASE_URL right, and is the database running?")


async def _canary_advice(database: Database, keys: SecretStr) -> str | None:
    try:
        key_ring = KeyRing.parse(keys.get_secret_value())
        await KeyCheck(database=database, key_ring=key_ring, now=epoch_ms).compare()
    except KeyRingError:
        return "cannot be compared with the database before it is well-formed."
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
        return "could not be compared: WeChat told no time."
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
