"""A database that this version cannot work with, and one that its role may not migrate: refused in a sentence each."""

import asyncio
import logging
import uuid
from pathlib import Path
from typing import Final

import asyncpg
import pytest

from graph.settings import Settings
from graph.simulator.serving import WeChatSimulator
from tests.accounts.stored import run_sql
from tests.cli.processes import invoke, run
from tests.databases import give_tables, new_postgres_url
from tests.faults.recovery import UNAVAILABLE, extensions, readiness
from tests.processes import serve_environment
from tests.server import LOGIN, Clock, TestServer, open_server_unmigrated

# The command configures logging for the process that it expects to be its own.
pytestmark = pytest.mark.usefixtures("root_logger_as_before")

LATER: Final = "INSERT INTO tortoise_migrations (app, name, applied_at) VALUES ('models', '9999_later', '2030-01-01')"


async def command(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(sql)
    await connection.close()


@pytest.mark.parametrize("encoding", ["LATIN1", "EUC_CN", "SQL_ASCII"])
def test_a_database_that_is_not_in_utf8_is_refused_wherever_it_is_met(
    wechat_simulator: WeChatSimulator, postgres_directory: str, tmp_path: Path, encoding: str
) -> None:
    url, name = new_postgres_url(postgres_directory), f"t{uuid.uuid4().hex[:16]}"
    create = f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0"
    asyncio.run(command(url, create))
    other = url.replace(url.partition("@/")[2].partition("?")[0], name)
    variables = serve_environment(wechat_simulator, other)
    sentence = "WXGATE_DATABASE_URL names a database whose encoding is not UTF8"

    for arguments in (("migrate",), ("migrate", "--plan")):
        refused = invoke(*arguments, **variables)
        assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)
        assert refused.stderr.startswith(f"Error: {sentence}")
    started = run("serve", "--port", "0", cwd=tmp_path, **variables)
    assert (started.returncode, "Traceback" in started.stderr) == (1, False)
    assert f"Error: {sentence}" in started.stderr
    examined = invoke("doctor", **variables)
    assert examined.exit_code == 1
    assert f"FAULT  database  {sentence}" in examined.output


async def test_a_database_of_a_later_version_is_named_and_not_served_from_the_start(
    wechat_simulator: WeChatSimulator, settings: Settings, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    await give_tables(settings.database.url.get_secret_value())
    await run_sql(settings, LATER)
    async with open_server_unmigrated(settings, wechat_simulator, clock) as server:
        [warning] = [record for record in caplog.records if record.levelno == logging.WARNING]
        assert warning.getMessage() == "not ready: the database is newer than this version of the server"
        assert await readiness(server) == "the database is newer than this version"
        code = wechat_simulator.login("alice")
        assert await extensions(server, LOGIN, {"code": code}) == UNAVAILABLE
        await run_sql(settings, "DELETE FROM tortoise_migrations WHERE name = '9999_later'")
        assert await readiness(server) is None
        assert "errors" not in await server.post(LOGIN, {"code": code}), "it was spent"


async def test_a_server_goes_on_while_its_database_is_migrated_to_a_later_version(
    server: TestServer, settings: Settings
) -> None:
    token = (await server.login("alice"))["token"]
    await run_sql(settings, LATER)
    assert await readiness(server) is None
    assert (await server.login("bob"))["isNewUser"]
    assert await server.me(token) is not None


def test_commands_do_not_call_a_later_version_s_database_up_to_date(
    wechat_simulator: WeChatSimulator, settings: Settings
) -> None:
    url = settings.database.url.get_secret_value()
    asyncio.run(give_tables(url))
    asyncio.run(run_sql(settings, LATER))
    for arguments in (("migrate",), ("migrate", "--plan")):
        refused = invoke(*arguments, WXGATE_DATABASE_URL=url)
        assert (refused.exit_code, refused.stderr) == (
            1,
            "Error: The database is newer than this version of wxgate, which does not know its migration 9999_later.\n",
        )
    examined = invoke("doctor", **serve_environment(wechat_simulator, url))
    assert examined.exit_code == 1
    assert "FAULT  migrations  9999_later: this version of wxgate does not know" in examined.output


def test_a_role_that_may_not_create_tables_is_told_what_it_lacks(postgres_directory: str) -> None:
    url, role = new_postgres_url(postgres_directory), f"r{uuid.uuid4().hex}"
    asyncio.run(command(url, f"CREATE ROLE {role} LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC"))
    refused = invoke("migrate", WXGATE_DATABASE_URL=url.replace("postgres@", f"{role}@"))
    assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)
    assert "(SQLSTATE 42501): to migrate, GRANT it CREATE on the schema" in refused.stderr
    assert role not in refused.stderr
