"""Logins that meet in a database whose default isolation makes transactions fail that meet."""

import asyncio
from typing import Final

import asyncpg
import pytest

from graph.simulator.serving import WeChatSimulator
from tests.databases import give_tables, new_postgres_url
from tests.server import LOGIN, Clock, open_server, settings_for

LOGINS: Final = 24
UNDONE: Final = "SELECT xact_rollback FROM pg_stat_database WHERE datname = current_database()"


@pytest.fixture
def url(postgres_directory: str) -> str:
    return new_postgres_url(postgres_directory)


@pytest.mark.parametrize("level", ["serializable", "repeatable read"])
@pytest.mark.parametrize("users", [1, LOGINS])
async def test_logins_at_once_all_succeed_whatever_the_default_isolation(
    wechat_simulator: WeChatSimulator, clock: Clock, url: str, level: str, users: int
) -> None:
    await give_tables(url)
    connection = await asyncpg.connect(url)
    name = await connection.fetchval("SELECT current_database()")
    await connection.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = '{level}'")
    async with open_server(settings_for(wechat_simulator, url), wechat_simulator, clock) as server:
        known = {(await server.login(f"user {number}"))["user"]["id"] for number in range(users)}
        undone = await connection.fetchval(UNDONE)
        codes = [wechat_simulator.login(f"user {number % users}") for number in range(LOGINS)]
        responses = await asyncio.gather(*[server.post(LOGIN, {"code": code}) for code in codes])
    again = await connection.fetchval(UNDONE)
    await connection.close()
    assert [response.get("errors") for response in responses] == [None] * LOGINS
    assert {response["data"]["login"]["user"]["id"] for response in responses} == known
    assert again == undone, "some had to be repeated"
