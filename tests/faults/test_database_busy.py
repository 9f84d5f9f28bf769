"""A database that is reached and cannot help: all connections taken, a disk that is full."""

import asyncio
import contextlib
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from graph.settings import LimitSettings, Settings
from graph.simulator.serving import WeChatSimulator
from tests.accounts.stored import run_sql
from tests.faults.recovery import BOUND, UNAVAILABLE, every_connection_is_idle, extensions, readiness, recovered
from tests.server import LOGIN, ME, Clock, TestServer, open_server, settings_for

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
on_postgres = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)

STORED_NOWHERE = {"code": "SERVICE_UNAVAILABLE", "action": "LOG_IN", "retryable": True, "retryAfterMs": 1000}


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


@pytest.fixture
async def signed_in(server: TestServer) -> str:
    return str((await server.login("alice"))["token"])


async def refused_code(server: TestServer, token: str) -> str:
    """A code that was not spent: reads go on, and of the logins only the first finds out that writes do not."""
    assert await extensions(server, LOGIN, {"code": server.wechat.login("bob")}) == STORED_NOWHERE
    code = server.wechat.login("bob")
    for _ in range(3):
        assert await extensions(server, LOGIN, {"code": code}) == UNAVAILABLE
        assert await server.me(token) is not None
    # "Last seen" cannot be written either, and signs nobody out.
    server.clock.advance(hours=2)
    assert await server.me(token) is not None
    assert await readiness(server) == "the database takes no writes"
    return code


@contextlib.contextmanager
def no_file_may_grow() -> Iterator[None]:
    """As on a full disk, for this process alone."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@on_sqlite
async def test_on_a_full_disk_of_sqlite_everybody_stays_signed_in(
    server: TestServer, signed_in: str, settings: Settings, tmp_path: Path
) -> None:
    assert (tmp_path / "wxgate.db-wal").exists()
    with no_file_may_grow():
        code = await refused_code(server, signed_in)
    await recovered(server, token=signed_in, code=code)
    assert await run_sql(settings, "SELECT COUNT(*) AS people FROM users") == [{"people": 2}], "a trial was stored"


@on_postgres
async def test_on_a_full_disk_of_postgresql_everybody_stays_signed_in(
    server: TestServer, signed_in: str, settings: Settings
) -> None:
    """PostgreSQL says so by an error of class 53; here a trigger says it in its place."""
    connection = await asyncpg.connect(settings.database.url.get_secret_value())
    await connection.execute("""
        CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
          $$ BEGIN RAISE EXCEPTION 'could not extend file "base/1/2": No space left' USING ERRCODE = '53100'; END $$;
        CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON sessions EXECUTE FUNCTION full_disk();
    """)
    code = await refused_code(server, signed_in)
    await connection.execute("DROP TRIGGER full_disk ON sessions")
    await connection.close()
    await recovered(server, token=signed_in, code=code)
    assert await run_sql(settings, "SELECT COUNT(*) AS people FROM users") == [{"people": 2}], "a trial was stored"
