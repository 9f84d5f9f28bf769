"""The probes: alive as long as the process is, ready only when a request could be served."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from graph.http.health import PATIENCE_SECONDS
from graph.settings import Settings
from graph.simulator.serving import WeChatSimulator
from models.migrate import migrate
from tests.accounts.stored import allow_connections, run_sql, wxgate
from tests.http.answers import assert_safe
from tests.server import ANOTHER_K1, Clock, TestServer, open_server, open_server_unmigrated, settings_for, with_keys

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
on_postgres = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)


async def unready(server: TestServer) -> str:
    """Why the server is not ready; it must be alive all the same."""
    alive = await server.http.get("/livez")
    assert (alive.status_code, alive.json()) == (200, {"status": "ok"})
    response = await server.http.get("/readyz")
    assert response.status_code == 503
    assert_safe(response)
    body = response.json()
    assert body.keys() == {"status", "reason"}
    assert body["status"] == "unavailable"
    return str(body["reason"])


async def assert_ready(server: TestServer) -> None:
    response = await server.http.get("/readyz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert_safe(response)


async def test_a_server_with_all_it_needs_is_ready(server: TestServer) -> None:
    await assert_ready(server)
    response = await server.http.get("/livez")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert_safe(response)


@on_sqlite
async def test_a_probe_takes_head_too(server: TestServer) -> None:
    assert (await server.http.head("/livez")).status_code == 200
    assert (await server.http.head("/readyz")).status_code == 200


@pytest.mark.slow
async def test_an_empty_database_lacks_its_migrations_until_it_has_them(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    async with open_server_unmigrated(settings, wechat_simulator, clock) as server:
        assert await unready(server) == "migrations are missing"
        wxgate(settings, "migrate")
        await assert_ready(server)
        assert (await server.login())["isNewUser"]


async def test_a_database_of_an_older_version_lacks_migrations(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    await migrate(settings.database.url.get_secret_value())
    await run_sql(settings, "DELETE FROM tortoise_migrations")
    async with open_server_unmigrated(settings, wechat_simulator, clock) as server:
        assert await unready(server) == "migrations are missing"


@on_postgres
async def test_a_server_is_not_ready_while_its_database_is_down(
    server: TestServer, settings: Settings, postgres_directory: str
) -> None:
    await assert_ready(server)
    await allow_connections(settings, postgres_directory, allowed=False)
    assert await unready(server) == "the database does not answer"
    await allow_connections(settings, postgres_directory, allowed=True)
    await assert_ready(server)


@on_postgres
async def test_a_database_that_keeps_the_probe_waiting_is_one_that_does_not_answer(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    assert PATIENCE_SECONDS < 2, "orchestrators wait no longer"
    url = settings.database.url.get_secret_value()
    # Left to the database's own time-out the probe would wait for a minute.
    async with open_server(
        settings_for(wechat_simulator, f"{url}&command_timeout=60"), wechat_simulator, clock
    ) as server:
        keeper = await asyncpg.connect(url)
        async with keeper.transaction(), asyncio.timeout(30):
            await keeper.execute("LOCK TABLE accounts")
            assert await unready(server) == "the database does not answer"
        await keeper.close()
        await assert_ready(server)


@on_sqlite
async def test_a_server_without_its_file_is_not_ready_until_it_is_there(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, tmp_path: Path
) -> None:
    await migrate(settings.database.url.get_secret_value())
    away = tmp_path.rename(tmp_path.with_name(f"{tmp_path.name}-away"))  # noqa: ASYNC240 - nothing else runs here
    async with open_server_unmigrated(settings, wechat_simulator, clock) as server:
        assert await unready(server) == "the database does not answer"
        away.rename(tmp_path)
        await assert_ready(server)


@on_sqlite
async def test_a_server_with_other_keys_than_its_database_is_not_ready(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, tmp_path: Path
) -> None:
    async with open_server(settings, wechat_simulator, clock):
        pass
    away = tmp_path.rename(tmp_path.with_name(f"{tmp_path.name}-away"))  # noqa: ASYNC240 - nothing else runs here
    async with open_server_unmigrated(with_keys(settings, ANOTHER_K1), wechat_simulator, clock) as server:
        away.rename(tmp_path)
        assert await unready(server) == "the encryption keys are not those of the database"


@on_sqlite
async def test_a_slow_wechat_keeps_nobody_from_being_ready(server: TestServer) -> None:
    server.wechat.fail("hang", times=None)
    await assert_ready(server)
    server.wechat.heal()
