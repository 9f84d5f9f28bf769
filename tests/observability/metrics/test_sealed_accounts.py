"""How many accounts each key seals, counted in the background of a server that has better things to do."""

import asyncio

import pytest

from graph.accounts import key_watch
from graph.accounts.key_watch import KeyWatch
from graph.security.encryption import KeyRing
from graph.settings import MetricsSettings, Settings
from graph.simulator.serving import WeChatSimulator
from models.database import Database
from tests.accounts.stored import run_sql
from tests.databases import give_tables
from tests.observability.metrics.exposition import scrape, until
from tests.server import ENCRYPTION_KEYS, K2, Clock, open_server, open_server_unmigrated, with_keys

ACCOUNTS = "wxgate_sealed_accounts"
BOTH = f"{K2},{ENCRYPTION_KEYS}"
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def test_each_key_is_counted_with_what_it_does(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, metrics_settings: MetricsSettings
) -> None:
    async with open_server(settings, wechat_simulator, clock) as server:
        await server.login("alice")
        await server.login("bob")
    async with open_server(with_keys(settings, BOTH), wechat_simulator, clock) as server:
        await server.login("carol")
    await run_sql(settings, "UPDATE accounts SET session_key = 'v1.0a1b2c.damaged' WHERE id = 1")
    async with open_server(with_keys(settings, BOTH), wechat_simulator, clock):
        counted = await until(lambda seen: bool(seen.figures(ACCOUNTS)), metrics_settings)
    assert counted.figures(ACCOUNTS) == {("k2", "encrypts"): 1, ("k1", "decrypts"): 1, ("(unknown)", "missing"): 1}
    assert counted.figures(f"{ACCOUNTS}_timestamp_seconds") == {(): clock.ms / 1000}


@on_sqlite
async def test_they_are_counted_again_and_again_once_there_is_something_to_count(
    settings: Settings,
    wechat_simulator: WeChatSimulator,
    clock: Clock,
    metrics_settings: MetricsSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(key_watch, "AGAIN_AFTER", 0.02)
    async with open_server_unmigrated(settings, wechat_simulator, clock) as server:
        await asyncio.sleep(0.1)
        without_tables = await scrape(metrics_settings)
        assert without_tables.figures(ACCOUNTS) == without_tables.figures(f"{ACCOUNTS}_timestamp_seconds") == {}
        await give_tables(settings.database.url.get_secret_value())
        await until(lambda seen: seen.figures(ACCOUNTS).get(("k1", "encrypts")) == 0, metrics_settings)
        await server.login("alice")
        await until(lambda seen: seen.figures(ACCOUNTS).get(("k1", "encrypts")) == 1, metrics_settings)


@on_sqlite
async def test_after_each_batch_it_rests_a_hundred_times_as_long_as_the_batch_took(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_server(settings, wechat_simulator, clock) as server:
        for person in ("alice", "bob", "carol"):
            await server.login(person)
    monkeypatch.setattr("models.keys._COUNT_AT_ONCE", 2)
    slept: list[float] = []
    done = asyncio.Event()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if seconds == key_watch.AGAIN_AFTER:
            done.set()
            await asyncio.Event().wait()

    ticks = iter([0.0, 0.003, 1.0, 1.001, 2.0])
    url, ring = settings.database.url.get_secret_value(), KeyRing.parse(ENCRYPTION_KEYS)
    async with Database(url) as database:
        watch = KeyWatch(database=database, key_ring=ring, now=clock, timer=lambda: next(ticks), sleep=sleep)
        async with asyncio.timeout(20), watch:
            await done.wait()
    assert [round(seconds, 6) for seconds in slept] == [0.3, 0.1, key_watch.AGAIN_AFTER]
