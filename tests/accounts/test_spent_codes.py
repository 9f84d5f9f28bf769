"""What becomes of a code that WeChat has taken while the database keeps its login waiting."""

import asyncio
import logging
from pathlib import Path

import asyncpg
import pytest

from graph.accounts import code_exchange
from graph.settings import Settings
from graph.simulator.serving import WeChatSimulator
from models.database import Database
from models.logins import require_tables
from tests.accounts.stored import locked_sqlite
from tests.server import LOGIN, Clock, TestServer, open_server, settings_for

on_postgres = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)


async def test_a_login_that_the_database_cannot_take_asks_for_a_new_code(
    wechat_simulator: WeChatSimulator, clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"sqlite://{tmp_path / 'wxgate.db'}?busy_timeout=1"
    async with open_server(settings_for(wechat_simulator, url), wechat_simulator, clock) as server:
        code = wechat_simulator.login("alice")
        async with locked_sqlite(url):
            [error] = (await server.post(LOGIN, {"code": code}))["errors"]
        assert error["extensions"] | {"requestId": ""} == {
            "code": "SERVICE_UNAVAILABLE",
            "action": "LOG_IN",
            "retryable": True,
            "retryAfterMs": 1000,
            "requestId": "",
        }
        assert await server.code_of_error(LOGIN, {"code": code}) == "LOGIN_CODE_USED"
        assert (await server.login("alice"))["isNewUser"], "half of the first login was stored"
    [warning] = [record for record in caplog.records if record.name == "graph.accounts.code_exchange"]
    message = "a code is spent, and what it was for is not stored"
    assert (warning.levelno, warning.getMessage()) == (logging.WARNING, message)


async def waiting(keeper: asyncpg.Connection, logins: int) -> None:
    """Returns when so many statements wait for what `keeper` has locked."""
    async with asyncio.timeout(20):
        while await keeper.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted") < logins:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.002)


@on_postgres
async def test_a_code_sent_again_while_its_login_waits_for_the_database_shares_the_call(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    url = settings.database.url.get_secret_value()
    async with open_server(
        settings_for(wechat_simulator, f"{url}&command_timeout=60"), wechat_simulator, clock
    ) as server:
        code = wechat_simulator.login("alice")
        keeper = await asyncpg.connect(url)
        async with keeper.transaction():
            # Others may read, and so learn that the database is there, but not write.
            await keeper.execute("LOCK TABLE accounts IN SHARE MODE")
            first = asyncio.create_task(server.post(LOGIN, {"code": code}))
            await waiting(keeper, 1)
            second = asyncio.create_task(server.post(LOGIN, {"code": code}))
            await waiting(keeper, 2)
        await keeper.close()
        payloads = [answer["data"]["login"] for answer in await asyncio.gather(first, second)]
        assert sorted(payload["isNewUser"] for payload in payloads) == [False, True]
        assert payloads[0]["user"] == payloads[1]["user"]
        for payload in payloads:
            assert (await server.me(payload["token"]))["id"] == payload["user"]["id"]
        assert await server.code_of_error(LOGIN, {"code": code}) == "LOGIN_CODE_USED", "the answer was kept"


@on_postgres
async def test_while_logins_are_stored_the_database_is_not_asked_again(
    server: TestServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions = 0

    async def counted(database: Database) -> None:
        nonlocal questions
        questions += 1
        await require_tables(database)

    monkeypatch.setattr(code_exchange, "require_tables", counted)
    await server.login("alice")
    await server.login("bob")
    assert questions == 2, "nothing was being stored when they came"

    connection = await asyncpg.connect(settings.database.url.get_secret_value())
    async with connection.transaction():
        await connection.execute("SELECT 1 FROM accounts FOR UPDATE")
        monkeypatch.setattr(code_exchange, "_ANSWERED_FOR", 60)
        waiting = asyncio.create_task(server.login("alice"))
        waits_for_me = "SELECT COUNT(*) FROM pg_locks WHERE NOT granted AND transactionid = pg_current_xact_id()::xid"
        while not await connection.fetchval(waits_for_me):  # noqa: ASYNC110 - PostgreSQL has no event for this loop
            await asyncio.sleep(0.01)
        assert questions == 3
        await server.login("carol")
        assert questions == 3, "bob was stored just now, and alice is about to be"
        monkeypatch.setattr(code_exchange, "_ANSWERED_FOR", 0)
        await server.login("dave")
        assert questions == 4, "carol was stored too long ago"
    await connection.close()
    assert not (await waiting)["isNewUser"]
