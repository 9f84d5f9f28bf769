"""A database that is reached and cannot help: all connections taken, here or there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from graph.settings import LimitSettings
from graph.simulator.serving import WeChatSimulator
from tests.faults.recovery import BOUND, UNAVAILABLE, every_connection_is_idle, extensions, recovered
from tests.server import LOGIN, ME, Clock, open_server, settings_for

on_postgres = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)


@asynccontextmanager
async def locked(url: str, table: str) -> AsyncIterator[None]:
    """Whoever reads or writes the table waits until the block ends."""
    keeper = await asyncpg.connect(url)
    try:
        async with keeper.transaction():
            await keeper.execute(f"LOCK TABLE {table}")
            yield
    finally:
        await keeper.close()


@on_postgres
async def test_whoever_finds_every_connection_taken_is_sent_away(
    database_url: str, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    settings = settings_for(wechat_simulator, f"{database_url}&maxsize=2&command_timeout=1")
    async with asyncio.timeout(BOUND), open_server(settings, wechat_simulator, clock) as server:
        token = (await server.login("alice"))["token"]
        codes = [wechat_simulator.login("bob") for _ in range(10)]
        async with locked(database_url, "accounts, sessions"):
            logins = [extensions(server, LOGIN, {"code": code}) for code in codes]
            others = [extensions(server, ME, token=token) for _ in range(10)]
            assert await asyncio.gather(*logins, *others) == [UNAVAILABLE] * 20
        for code in codes:
            await recovered(server, token=token, code=code)


@on_postgres
async def test_a_request_that_waits_for_the_database_too_long_is_answered_by_the_clock(
    database_url: str, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    """Whatever the time-outs of the database are."""
    settings = settings_for(
        wechat_simulator,
        f"{database_url}&maxsize=2&command_timeout=60",
        limit=LimitSettings(request_seconds=0.5),
    )
    async with asyncio.timeout(BOUND), open_server(settings, wechat_simulator, clock) as server:
        code = wechat_simulator.login("bob")
        async with locked(database_url, "sessions"):
            response = await server.http.post("/graphql", json={"query": LOGIN, "variables": {"code": code}})
        assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
        assert response.json()["errors"][0]["extensions"]["code"] == "SERVICE_UNAVAILABLE"
        await every_connection_is_idle()
        assert "errors" not in await server.post(LOGIN, {"code": code}), "the code was spent"
