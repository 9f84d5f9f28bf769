"""A database that is reached and cannot help: all connections taken, here or there."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import asyncpg
import pytest

from graph.settings import LimitSettings
from graph.simulator.serving import WeChatSimulator
from tests.databases import new_postgres_url
from tests.faults.postgres_server import OwnPostgres
from tests.faults.recovery import (
    BOUND,
    UNAVAILABLE,
    every_connection_is_idle,
    extensions,
    readiness,
    recovered,
    refused,
)
from tests.server import LOGIN, ME, Clock, open_server, settings_for

_A_DOZEN: Final = "ALTER SYSTEM SET max_connections = 12"
_CUT_OFF: Final = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""

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
        limit=LimitSettings(request_seconds=2),
    )
    async with asyncio.timeout(BOUND), open_server(settings, wechat_simulator, clock) as server:
        code = wechat_simulator.login("bob")
        async with locked(database_url, "sessions"):
            response = await server.http.post("/graphql", json={"query": LOGIN, "variables": {"code": code}})
        assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
        assert response.json()["errors"][0]["extensions"]["code"] == "SERVICE_UNAVAILABLE"
        await every_connection_is_idle()
        assert "errors" not in await server.post(LOGIN, {"code": code}), "the code was spent"


@pytest.fixture
def narrow_url(postgres_of_own: OwnPostgres) -> str:
    """A database of a server that takes a dozen connections."""
    postgres_of_own.run("psql", "-h", postgres_of_own.directory, "-U", "postgres", "-c", _A_DOZEN)
    postgres_of_own.stop()
    postgres_of_own.start()
    return new_postgres_url(postgres_of_own.directory)


async def take_all_connections(url: str, stack: AsyncExitStack) -> None:
    """Cuts off the server's, and is quicker to connect again."""
    first = await asyncpg.connect(url)
    stack.push_async_callback(first.close)
    await first.execute(_CUT_OFF)
    with contextlib.suppress(asyncpg.TooManyConnectionsError):
        while True:
            stack.push_async_callback((await asyncpg.connect(url)).close)


async def test_a_postgresql_without_a_connection_left_costs_no_code(
    wechat_simulator: WeChatSimulator, clock: Clock, narrow_url: str
) -> None:
    settings = settings_for(wechat_simulator, narrow_url)
    async with asyncio.timeout(BOUND), open_server(settings, wechat_simulator, clock) as server:
        token = (await server.login("alice"))["token"]
        code = wechat_simulator.login("bob")
        async with AsyncExitStack() as others:
            await take_all_connections(narrow_url, others)
            for _ in range(3):
                await refused(server, token=token, code=code)
                assert await readiness(server) == "the database does not answer"
        await recovered(server, token=token, code=code)
