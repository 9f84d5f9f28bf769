"""How tables come to be: migrations say what the models say, once, however many processes apply them."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest
from tortoise.context import TortoiseContext
from tortoise.migrations.autodetector import MigrationAutodetector

from models.database import Database
from models.errors import DatabaseBehind, DatabaseUnavailable
from models.logins import require_tables, sign_in
from models.migrate import migrate, missing_migrations
from models.url import ALIAS, tortoise_config
from tests.models.earlier_schemas import apply
from tests.models.migrating import run_migrations
from tests.models.rows import a_login

ALL: Final = [
    "0001_initial",
    "0002_leases",
    "0003_session_macs",
    "0004_audit_log",
    "0005_unionids",
    "0006_session_devices",
    "0007_phones",
    "0008_events",
    "0009_removed_phones",
    "0010_pictures",
]

# Everything that the databases know about a schema, Tortoise's own table aside.
SQLITE_CATALOGUE: Final = (
    "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE tbl_name <> 'tortoise_migrations' ORDER BY name",
)
POSTGRES_CATALOGUE: Final = (
    """SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, column_default, is_identity
    FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'tortoise_migrations'
    ORDER BY 1, 2""",
    """SELECT tablename, indexdef FROM pg_indexes
    WHERE schemaname = 'public' AND tablename <> 'tortoise_migrations' ORDER BY 1, 2""",
    """SELECT conrelid::regclass::text AS "table", pg_get_constraintdef(oid) AS definition FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND conrelid <> 'tortoise_migrations'::regclass ORDER BY 1, 2""",
    """SELECT relname, obj_description(oid, 'pg_class') AS description FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'tortoise_migrations' ORDER BY 1""",
)


async def catalogue(database: Database) -> list[Mapping[str, list[str]]]:
    statements = SQLITE_CATALOGUE if database.dialect == "sqlite" else POSTGRES_CATALOGUE
    rows: list[Mapping[str, Any]] = []
    for statement in statements:
        rows += await database.fetch(statement)
    return [{name: _parts(str(value)) for name, value in row.items()} for row in rows]


def _parts(definition: str) -> list[str]:
    """In one order: a column that was added later stands last. And the two generators set blanks differently."""
    return sorted(part.strip(" )") for part in " ".join(definition.split()).split(","))


async def make_tables_without_migrations(url: str) -> None:
    async with TortoiseContext() as context:
        await context.init(config=tortoise_config(url, create=True))
        await context.generate_schemas()
        # Exists beside migrations, and the catalogue's query names it.
        await context.connections.get(ALIAS).execute_script("CREATE TABLE tortoise_migrations (id INT)")


async def test_migrations_lack_nothing_that_the_models_have(sqlite_path: Path) -> None:
    config = tortoise_config(f"sqlite://{sqlite_path}")
    async with TortoiseContext() as context:
        await context.init(config=config)
        assert context.apps is not None
        changes = await MigrationAutodetector(context.apps, config["apps"]).changes()
    assert [operation for change in changes for operation in change.operations] == []


async def test_migrations_make_the_tables_that_the_models_describe(database_url: str, second_database_url: str) -> None:
    await migrate(database_url)
    await make_tables_without_migrations(second_database_url)

    async with Database(database_url) as database:
        migrated = await catalogue(database)
    async with Database(second_database_url) as database:
        described = await catalogue(database)

    assert len(migrated) >= 4
    assert migrated == described


async def test_migrations_are_missing_until_they_are_applied(database_url: str) -> None:
    async with Database(database_url) as database:
        assert await missing_migrations(database) == ALL
    reported: list[str] = []
    assert await migrate(database_url, report=reported.append) == ALL
    assert reported == ALL
    async with Database(database_url) as database:
        assert await missing_migrations(database) == []


async def test_the_tables_of_a_login_are_asked_for_before_it(database_url: str) -> None:
    async with Database(database_url) as database:
        with pytest.raises(DatabaseBehind):
            await require_tables(database)
    await migrate(database_url)
    for missing in ("accounts", "sessions", "phones", "phone_owners"):
        async with Database(database_url) as database:
            await require_tables(database)
            await sign_in(database, a_login())
            await require_tables(database)
            await database.fetch(f"ALTER TABLE {missing} RENAME TO mislaid")
            with pytest.raises(DatabaseBehind):
                await require_tables(database)
            await database.fetch(f"ALTER TABLE mislaid RENAME TO {missing}")
            await database.fetch("DELETE FROM users")


async def test_migrating_again_changes_nothing(database_url: str) -> None:
    await migrate(database_url)
    async with Database(database_url) as database:
        await sign_in(database, a_login())
    reported: list[str] = []

    assert await migrate(database_url, report=reported.append) == []

    assert reported == []
    async with Database(database_url) as database:
        assert not (await sign_in(database, a_login(2))).is_new_user


async def test_a_running_server_sees_that_it_has_been_migrated(database_url: str) -> None:
    async with Database(database_url) as database:
        with pytest.raises(DatabaseBehind):
            await sign_in(database, a_login(1))
        await asyncio.to_thread(run_migrations, database_url, processes=1)
        assert (await sign_in(database, a_login(2))).is_new_user


async def test_a_server_of_a_later_version_says_that_its_column_is_missing(database_url: str) -> None:
    await migrate(database_url)
    async with Database(database_url) as database:
        for statement in (
            "SELECT phone FROM users",
            "UPDATE users SET phone = '1'",
            "INSERT INTO users (phone) VALUES ('1')",
        ):
            with pytest.raises(DatabaseBehind):
                await database.fetch(statement)


def test_six_processes_that_migrate_at_once_apply_everything_once(database_url: str) -> None:
    assert sorted(run_migrations(database_url, processes=6)) == [str(ALL), *["[]"] * 5]


async def test_a_pool_of_one_connection_is_enough_to_migrate(postgres_url: str) -> None:
    async with asyncio.timeout(30):
        assert await migrate(f"{postgres_url}&maxsize=1") == ALL


@pytest.mark.slow
async def test_a_step_may_take_longer_than_the_wait_for_another_migration(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.migrate._LOCK_WAIT_SECONDS", 2.0)
    await apply(postgres_url, "models.migrations", upto="0004_audit_log")
    long = "SELECT COUNT(*) FROM pg_locks WHERE clock_timestamp() - waitstart > interval '2.5 seconds'"
    keeper = await asyncpg.connect(postgres_url)
    try:
        async with asyncio.timeout(30), keeper.transaction():
            await keeper.execute("LOCK TABLE accounts")
            migrating = asyncio.create_task(migrate(postgres_url))
            while not await keeper.fetchval(long):  # noqa: ASYNC110 - PostgreSQL has no event for this loop
                await asyncio.sleep(0.05)
    finally:
        await keeper.close()
    assert (await migrating)[0] == "0005_unionids"


async def test_migrating_a_database_that_is_not_there_fails_as_such(tmp_path: Path) -> None:
    for url in (
        f"sqlite://{tmp_path}/no/such/directory/wxgate.db",
        "postgres://wxgate:hunter2@127.0.0.1:9/wxgate",
    ):
        with pytest.raises(DatabaseUnavailable) as failed:
            await migrate(url)
        assert "/" not in str(failed.value)
        assert "hunter2" not in str(failed.value)
