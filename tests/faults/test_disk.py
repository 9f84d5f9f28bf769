"""A disk that is full, or may not be written: users stay signed in, and one code is spent at the most."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import asyncpg
import pytest

from graph.simulator.serving import WeChatSimulator
from tests.accounts.stored import run_sql
from tests.faults.disk import Disk, small_disk
from tests.faults.postgres_server import OwnPostgres
from tests.faults.recovery import BOUND, STORED_NOWHERE, UNAVAILABLE, extensions, readiness, recovered, refused
from tests.server import LOGIN, Clock, TestServer, open_server, open_server_unmigrated, settings_for

# More than what fits on the pages that a small database has already.
MANY: Final = 500


@pytest.fixture
def disk() -> Iterator[Disk]:
    with small_disk() as disk:
        yield disk


async def one_code_is_spent_at_most(server: TestServer, token: str) -> str:
    """A code that was not spent: reads go on, and of the logins only the first finds out that writes do not."""
    for _ in range(MANY):
        answer = await server.post(LOGIN, {"code": server.wechat.login("bob")})
        if "errors" in answer:
            break
    assert answer["errors"][0]["extensions"] | {"requestId": ""} == STORED_NOWHERE | {"requestId": ""}
    code = server.wechat.login("bob")
    for _ in range(3):
        assert await extensions(server, LOGIN, {"code": code}) == UNAVAILABLE
        assert await server.me(token) is not None
    # "Last seen" cannot be written either, and signs no user out.
    server.clock.advance(hours=2)
    assert await server.me(token) is not None
    assert await readiness(server) == "the database takes no writes"
    return code


async def test_on_a_full_disk_of_sqlite_everybody_stays_signed_in(
    wechat_simulator: WeChatSimulator, clock: Clock, disk: Disk
) -> None:
    settings = settings_for(wechat_simulator, f"sqlite://{disk.directory}/wxgate.db")
    async with asyncio.timeout(BOUND), open_server(settings, wechat_simulator, clock) as server:
        token = (await server.login("alice"))["token"]
        with disk.full():
            code = await one_code_is_spent_at_most(server, token)
        await recovered(server, token=token, code=code)
        assert await run_sql(settings, "SELECT COUNT(*) AS people FROM users") == [{"people": 2}], "a trial was stored"


@pytest.fixture
async def url_on_disk(postgres_of_own: OwnPostgres, disk: Disk) -> AsyncIterator[str]:
    """A database whose tables are on the disk, if it is one."""
    connection = await asyncpg.connect(host=postgres_of_own.directory, user="postgres", database="postgres")
    name = disk.directory.name.replace("-", "_").lower()
    space = "pg_default"
    if disk.is_mounted:
        space, location = name, disk.directory / "space"
        location.mkdir()
        if postgres_of_own.server.system_user is not None:
            shutil.chown(location, postgres_of_own.server.system_user)
        await connection.execute(f"CREATE TABLESPACE {space} LOCATION '{location}'")
    await connection.execute(f"CREATE DATABASE {name} TABLESPACE {space}")
    yield f"postgres://postgres@/{name}?host={postgres_of_own.directory}"
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")  # or its files would be missed when the server stops
    if disk.is_mounted:
        await connection.execute(f"DROP TABLESPACE {space}")
    await connection.close()


@asynccontextmanager
async def full(disk: Disk, url: str) -> AsyncIterator[None]:
    """For PostgreSQL; where it has no disk of its own, a trigger says what it would say, by an error of class 53."""
    if disk.is_mounted:
        with disk.full():
            yield
        return
    connection = await asyncpg.connect(url)
    await connection.execute("""
        CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
          $$ BEGIN RAISE EXCEPTION 'could not extend file "base/1/2": No space left' USING ERRCODE = '53100'; END $$;
        CREATE TRIGGER full_disk BEFORE INSERT ON sessions FOR EACH ROW EXECUTE FUNCTION full_disk();
    """)
    yield
    await connection.execute("DROP TRIGGER full_disk ON sessions")
    await connection.close()


async def test_on_a_full_disk_of_postgresql_everybody_stays_signed_in(
    wechat_simulator: WeChatSimulator, clock: Clock, disk: Disk, url_on_disk: str
) -> None:
    settings = settings_for(wechat_simulator, url_on_disk)
    async with asyncio.timeout(2 * BOUND), open_server(settings, wechat_simulator, clock) as server:
        token = (await server.login("alice"))["token"]
        async with full(disk, url_on_disk):
            code = await one_code_is_spent_at_most(server, token)
        await recovered(server, token=token, code=code)
        assert await run_sql(settings, "SELECT COUNT(*) AS people FROM users") == [{"people": 2}], "a trial was stored"


@pytest.mark.parametrize("how", ["read_only", "of_somebody_else"])
async def test_a_file_that_may_not_be_written_takes_no_code_and_is_used_as_soon_as_it_may(
    wechat_simulator: WeChatSimulator, clock: Clock, disk: Disk, how: str
) -> None:
    """SQLite would open it for reading, and go on so for good."""
    live, left = disk.directory / "live", disk.directory / "left"
    async with open_server(settings_for(wechat_simulator, f"sqlite://{live}"), wechat_simulator, clock) as server:
        token = (await server.login("alice"))["token"]
        for file in disk.directory.iterdir():  # as a process leaves them that is killed
            shutil.copy(file, disk.directory / file.name.replace("live", "left"))
    settings = settings_for(wechat_simulator, f"sqlite://{left}")
    async with asyncio.timeout(BOUND), AsyncExitStack() as stack:
        with getattr(disk, how)():
            server = await stack.enter_async_context(open_server_unmigrated(settings, wechat_simulator, clock))
            code = wechat_simulator.login("bob")
            assert await readiness(server) == "the database does not answer"
            await refused(server, token=token, code=code)
        await recovered(server, token=token, code=code)
