"""A database that answers and is of no use: what it cannot store costs one code, and no probe calls it well."""

import asyncio
import sqlite3
import uuid
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr

from graph.settings import DatabaseSettings, Settings, UnionidSettings
from graph.simulator.serving import WeChatSimulator
from models.migrate import migrate
from tests.accounts.stored import run_sql
from tests.databases import give_tables, new_postgres_url
from tests.faults.postgres_server import OwnPostgres, set_read_only
from tests.faults.recovery import STORED_NOWHERE, UNAVAILABLE, extensions, readiness, recovered, refused
from tests.server import LOGIN, ME, Clock, TestServer, open_server, open_server_unmigrated, settings_for

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
on_postgres = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)


@pytest.fixture
async def token(server: TestServer) -> str:
    return str((await server.login("alice"))["token"])


async def one_code_is_spent_and_no_other(server: TestServer) -> str:
    """The first login finds out; a code that was not spent."""
    assert await extensions(server, LOGIN, {"code": server.wechat.login("bob")}) == STORED_NOWHERE
    code = server.wechat.login("bob")
    for _ in range(2):
        together = [extensions(server, LOGIN, {"code": code}) for _ in range(5)]
        assert await asyncio.gather(*together) == [UNAVAILABLE] * 5
    return code


@pytest.fixture
def own_url(postgres_of_own: OwnPostgres) -> str:
    return new_postgres_url(postgres_of_own.directory)


async def test_a_postgresql_that_becomes_read_only_is_not_ready_until_it_writes(
    wechat_simulator: WeChatSimulator, clock: Clock, postgres_of_own: OwnPostgres, own_url: str
) -> None:
    async with open_server(settings_for(wechat_simulator, own_url), wechat_simulator, clock) as server:
        token = (await server.login("alice"))["token"]
        await set_read_only(postgres_of_own, on=True)
        try:
            code = server.wechat.login("bob")
            assert await extensions(server, LOGIN, {"code": code}) == UNAVAILABLE
            assert await readiness(server) is not None
        finally:
            await set_read_only(postgres_of_own, on=False)
        await recovered(server, token=token, code=code)


async def narrow_role(settings: Settings, rights: str) -> tuple[str, Settings]:
    """A role that has these rights on all tables, and the settings of a server that signs in with it."""
    role, url = f"r{uuid.uuid4().hex}", settings.database.url.get_secret_value()
    await give_tables(url)
    await run_sql(settings, f"CREATE ROLE {role} LOGIN")
    await run_sql(settings, f"GRANT {rights} ON ALL TABLES IN SCHEMA public TO {role}")
    await run_sql(settings, f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}")
    database = DatabaseSettings(url=SecretStr(url.replace("postgres@", f"{role}@")))
    return role, settings.model_copy(update={"database": database})


@on_postgres
async def test_a_role_that_loses_a_right_costs_one_code_and_is_not_ready(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    role, narrow = await narrow_role(settings, "SELECT, INSERT, UPDATE")
    await run_sql(settings, f"GRANT DELETE ON sessions TO {role}")
    async with open_server_unmigrated(narrow, wechat_simulator, clock) as server:
        token = (await server.login("alice"))["token"]
        await run_sql(settings, f"REVOKE INSERT ON sessions FROM {role}")
        code = await one_code_is_spent_and_no_other(server)
        assert await readiness(server) == "the database takes no writes"
        assert await server.me(token) is not None
        await run_sql(settings, f"GRANT INSERT ON sessions TO {role}")
        await recovered(server, token=token, code=code)


@on_postgres
@pytest.mark.parametrize("table", ["merge_proposals", "deleted_users"])
async def test_a_right_that_a_late_unionid_alone_needs_costs_one_code_too(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, table: str
) -> None:
    role, narrow = await narrow_role(settings, "SELECT, INSERT, UPDATE, DELETE")
    narrow = narrow.model_copy(update={"unionid": UnionidSettings(merge="blank")})
    async with open_server_unmigrated(narrow, wechat_simulator, clock) as server:
        await server.login("alice", unionId="union")
        token = (await server.login("bob"))["token"]
        if table == "merge_proposals":
            clock.advance(days=2)  # of a user who is older than a day, the merge is for an operator
        code = server.wechat.login("bob", unionId="union")
        await run_sql(settings, f"REVOKE INSERT ON {table} FROM {role}")
        assert await extensions(server, LOGIN, {"code": code}) == STORED_NOWHERE
        code = server.wechat.login("dave")
        assert await extensions(server, LOGIN, {"code": code}) == UNAVAILABLE
        assert await readiness(server) == "the database takes no writes"
        await run_sql(settings, f"GRANT INSERT ON {table} TO {role}")
        await recovered(server, token=token, code=code)


@pytest.mark.parametrize("table", ["users", "accounts", "sessions", "unionids"])
async def test_a_table_that_is_gone_costs_no_code_and_readiness_says_so(
    server: TestServer, token: str, settings: Settings, table: str
) -> None:
    code = server.wechat.login("bob")
    await run_sql(settings, f"ALTER TABLE {table} RENAME TO mislaid")
    assert await readiness(server) == "migrations are missing"
    assert await extensions(server, LOGIN, {"code": code}) == UNAVAILABLE
    await run_sql(settings, f"ALTER TABLE mislaid RENAME TO {table}")
    await recovered(server, token=token, code=code)


async def test_tables_that_are_dropped_and_made_again_need_no_restart(
    server: TestServer, token: str, settings: Settings, database_url: str
) -> None:
    code = server.wechat.login("bob")
    await asyncio.gather(*[server.me(token) for _ in range(20)])  # prepares statements for the tables as they were
    of_users = ("phone_owners", "phones", "merge_proposals", "unionids", "sessions", "accounts")
    of_pictures = ("uploads", "pictures", "text_checks", "files_to_delete")
    others = ("audit_log", "deleted_users", "events", "encryption_keys", "leases", "tortoise_migrations")
    for table in (*of_users, *of_pictures, "users", *others):
        await run_sql(settings, f"DROP TABLE {table}")
    assert await readiness(server) == "migrations are missing"
    await refused(server, token=token, code=code)
    await migrate(database_url)
    assert await server.code_of_error(ME, token=token) == "UNAUTHENTICATED"
    await recovered(server, token=(await server.login("alice"))["token"], code=code)


@pytest.mark.parametrize("table", ["users", "accounts", "sessions"])
async def test_a_damaged_page_of_postgresql_costs_one_code_until_it_is_restored(
    wechat_simulator: WeChatSimulator, clock: Clock, postgres_of_own: OwnPostgres, own_url: str, table: str
) -> None:
    settings = settings_for(wechat_simulator, own_url)
    async with open_server(settings, wechat_simulator, clock) as server:
        token = (await server.login("alice"))["token"]
        [found] = await run_sql(settings, f"SELECT pg_relation_filepath('{table}') AS path")
        file = Path(postgres_of_own.directory, found["path"])
        await asyncio.to_thread(postgres_of_own.stop)
        page = await asyncio.to_thread(file.read_bytes)
        await asyncio.to_thread(file.write_bytes, b"\xff" * len(page))
        await asyncio.to_thread(postgres_of_own.start)
        try:
            code = await one_code_is_spent_and_no_other(server)
            assert await readiness(server) == "the database takes no writes"
        finally:
            await asyncio.to_thread(postgres_of_own.stop)
            await asyncio.to_thread(file.write_bytes, page)
            await asyncio.to_thread(postgres_of_own.start)
        await recovered(server, token=token, code=code)


def remove(file: Path) -> None:
    for path in file.parent.glob(f"{file.name}*"):
        path.unlink()


@on_sqlite
@pytest.mark.parametrize("probed", [True, False], ids=["probed", "unprobed"])
async def test_a_file_that_is_deleted_takes_no_login_until_there_is_another(
    server: TestServer, token: str, settings: Settings, tmp_path: Path, probed: bool
) -> None:
    code = server.wechat.login("bob")
    remove(tmp_path / "wxgate.db")
    if probed:
        assert await readiness(server) is not None
    assert await extensions(server, LOGIN, {"code": code}) == UNAVAILABLE
    await refused(server, token=token, code=code)
    await give_tables(settings.database.url.get_secret_value())
    assert await readiness(server) is None
    new = (await server.post(LOGIN, {"code": code}))["data"]["login"]
    assert await run_sql(settings, "SELECT id FROM users") == [{"id": new["user"]["id"]}]


@on_sqlite
async def test_a_file_in_the_place_of_another_is_used_and_the_other_is_not(
    server: TestServer, token: str, settings: Settings, tmp_path: Path
) -> None:
    """As when a backup is restored beside a server that nobody stopped."""
    file = tmp_path / "wxgate.db"
    restored = tmp_path / "restored"
    await give_tables(f"sqlite://{restored}")
    remove(file)
    restored.rename(file)

    assert (await server.login("alice"))["isNewUser"]
    assert await readiness(server) is None
    assert await server.code_of_error("{ me { id } }", token=token) == "UNAUTHENTICATED"
    assert await run_sql(settings, "SELECT COUNT(*) AS people FROM users") == [{"people": 1}]


@on_sqlite
async def test_a_file_that_is_damaged_while_it_runs_is_used_again_when_it_is_restored(
    server: TestServer, token: str, tmp_path: Path
) -> None:
    file = tmp_path / "wxgate.db"
    with closing(sqlite3.connect(file)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        good = file.read_bytes()
        with file.open("r+b") as damaged:
            damaged.write(b"\xff" * len(good))
    code = server.wechat.login("bob")
    assert await readiness(server) == "the database does not answer"
    await refused(server, token=token, code=code)
    with file.open("r+b") as restored:  # the file is the same, as after `cp`
        restored.write(good)
    await recovered(server, token=token, code=code)


@on_sqlite
async def test_a_file_with_damaged_pages_is_no_defect_of_the_server(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, tmp_path: Path
) -> None:
    file = tmp_path / "wxgate.db"
    await give_tables(settings.database.url.get_secret_value())
    with file.open("r+b") as damaged:
        damaged.seek(4096)
        damaged.write(b"\xff" * (file.stat().st_size - 4096))
    async with open_server_unmigrated(settings, wechat_simulator, clock) as server:
        assert await extensions(server, LOGIN, {"code": wechat_simulator.login("bob")}) == UNAVAILABLE
        assert await readiness(server) == "the database does not answer"
