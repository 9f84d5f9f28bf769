"""An open, migrated, empty database for each test, on SQLite and on PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from models.database import Database
from models.migrate import migrate
from tests.databases import give_tables, new_postgres_url


@pytest.fixture(scope="session")
def migrated_postgres_url(postgres_directory: str) -> str:
    """One database for all tests that only need its tables: making one takes longer than most of them."""
    url = new_postgres_url(postgres_directory)
    asyncio.run(migrate(url))
    asyncio.run(_find_deadlocks_soon(url))
    return url


async def _find_deadlocks_soon(url: str) -> None:
    # It looks for them after a second, in which a statement of the server may time out on a busy machine.
    connection = await asyncpg.connect(url)
    name = await connection.fetchval("SELECT current_database()")
    await connection.execute(f"ALTER DATABASE {name} SET deadlock_timeout = '20ms'")
    await connection.close()


@pytest.fixture(params=["sqlite", "postgres"])
def tables_url(request: pytest.FixtureRequest, sqlite_path: Path) -> str:
    """A database with tables, perhaps with rows that an earlier test left; where it is patient, statements may wait."""
    if request.param == "sqlite":
        asyncio.run(give_tables(f"sqlite://{sqlite_path}"))
        return f"sqlite://{sqlite_path}"
    url = str(request.getfixturevalue("migrated_postgres_url"))
    return f"{url}&command_timeout=60" if request.param == "patient postgres" else url


@pytest.fixture
async def database(tables_url: str) -> AsyncIterator[Database]:
    async with Database(tables_url) as opened:
        # Accounts, sessions and what else belongs to a user go with the users.
        for table in ("users", "encryption_keys", "audit_log", "deleted_users", "files_to_delete"):
            await opened.fetch(f"DELETE FROM {table}")  # noqa: S608
        yield opened


@pytest.fixture
def second_database_url(database_url: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Another empty database, of the same kind as `database_url`."""
    if database_url.startswith("sqlite"):
        return f"sqlite://{tmp_path / 'second.db'}"
    return new_postgres_url(request.getfixturevalue("postgres_directory"))


@pytest.fixture
def postgres_url(postgres_directory: str) -> str:
    """An empty database, for tests of what only PostgreSQL does."""
    return new_postgres_url(postgres_directory)


@pytest.fixture
def sqlite_path(tmp_path: Path) -> Path:
    """Where no file is yet, for tests of what only SQLite does."""
    return tmp_path / "wxgate.db"
