"""What may happen to a SQLite file, and that the server is as well as before when it has passed."""

import asyncio
import contextlib
import resource
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tortoise.transactions import in_transaction

from models.database import Database
from models.errors import DatabaseBehind, DatabaseError, DatabaseUnavailable
from models.logins import sign_in
from models.migrate import migrate, missing_migrations
from models.url import ALIAS
from tests.models.rows import a_login, column

# Seconds; whatever takes longer waits for ever.
BOUND = 20


def it_has_no_directory(path: Path) -> Callable[[], object]:
    path.parent.rmdir()
    return path.parent.mkdir


def it_is_a_directory(path: Path) -> Callable[[], object]:
    path.mkdir()
    return path.rmdir


def its_directory_is_a_file(path: Path) -> Callable[[], object]:
    path.parent.rmdir()
    path.parent.touch()

    def mend() -> None:
        path.parent.unlink()
        path.parent.mkdir()

    return mend


def it_is_locked(path: Path) -> Callable[[], object]:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    return connection.close


@pytest.fixture
def no_database(sqlite_path: Path) -> Path:
    sqlite_path.write_text("Once upon a time there was no database, and it was " + 40 * "very " + "long.")
    return sqlite_path


@pytest.fixture
def empty_file(sqlite_path: Path) -> Path:
    sqlite_path.touch()
    return sqlite_path


@pytest.mark.parametrize("spoil", [it_has_no_directory, it_is_a_directory, its_directory_is_a_file, it_is_locked])
async def test_a_file_that_could_not_be_opened_is_used_as_soon_as_it_can_be(
    tmp_path: Path, spoil: Callable[[Path], Callable[[], object]]
) -> None:
    path = tmp_path / "data" / "wxgate.db"
    path.parent.mkdir()
    mend = spoil(path)
    async with asyncio.timeout(BOUND), Database(f"sqlite://{path}?busy_timeout=1") as database:
        for _ in range(3):
            with pytest.raises(DatabaseUnavailable) as failed:
                await database.ping()
            assert str(failed.value) == "OperationalError"
            with pytest.raises(DatabaseUnavailable):
                await sign_in(database, a_login())
        mend()
        with pytest.raises(DatabaseBehind):
            await sign_in(database, a_login())
        await migrate(f"sqlite://{path}")
        await database.ping()
        assert (await sign_in(database, a_login())).is_new_user


async def test_only_migrating_makes_a_file(sqlite_path: Path) -> None:
    async with Database(f"sqlite://{sqlite_path}") as database:
        for _ in range(2):
            with pytest.raises(DatabaseBehind):
                await database.ping()
            with pytest.raises(DatabaseBehind):
                await sign_in(database, a_login())
            assert list(sqlite_path.parent.iterdir()) == []
        assert await missing_migrations(database) == await migrate(f"sqlite://{sqlite_path}") != []
        assert (await sign_in(database, a_login())).is_new_user


async def test_an_empty_file_answers_but_lacks_its_tables(empty_file: Path) -> None:
    async with Database(f"sqlite://{empty_file}") as database:
        await database.ping()
        with pytest.raises(DatabaseBehind):
            await sign_in(database, a_login())


async def test_a_file_is_found_whatever_signs_are_in_its_name(tmp_path: Path) -> None:
    path = tmp_path / "a b%41é.db"
    await migrate(f"sqlite://{path}")
    async with Database(f"sqlite://{path}") as database:
        assert (await sign_in(database, a_login())).is_new_user
    with contextlib.closing(sqlite3.connect(path)) as found:
        assert found.execute("SELECT id FROM users").fetchall() == [("user-1",)]
    assert [file.name for file in path.parent.glob("*.db")] == [path.name]


async def test_many_who_find_the_file_locked_are_all_told_so_and_lock_nobody_out(sqlite_path: Path) -> None:
    mend = it_is_locked(sqlite_path)
    async with asyncio.timeout(BOUND), Database(f"sqlite://{sqlite_path}?busy_timeout=1") as database:
        attempts = [database.ping() if number % 2 else sign_in(database, a_login(number)) for number in range(20)]
        outcomes = await asyncio.gather(*attempts, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {DatabaseUnavailable}
        mend()
        await database.ping()


async def test_a_file_that_is_no_database_is_of_no_use(no_database: Path) -> None:
    async with asyncio.timeout(BOUND), Database(f"sqlite://{no_database}") as database:
        for _ in range(2):
            with pytest.raises(DatabaseError):
                await database.ping()
            with pytest.raises(DatabaseError):
                await sign_in(database, a_login())


async def test_nobody_writes_between_what_a_migration_reads_and_what_it_writes(sqlite_path: Path) -> None:
    await migrate(f"sqlite://{sqlite_path}")
    with contextlib.closing(sqlite3.connect(sqlite_path, isolation_level=None, timeout=0)) as other:
        async with Database(f"sqlite://{sqlite_path}"), in_transaction(ALIAS) as connection:
            assert await connection.execute_query_dict("SELECT id FROM users") == []
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("INSERT INTO encryption_keys VALUES ('k1', 'theirs', 1)")
            await connection.execute_query("INSERT INTO encryption_keys VALUES ('k1', 'ours', 1)")
        assert other.execute("SELECT canary FROM encryption_keys").fetchall() == [("ours",)]


@contextlib.contextmanager
def no_file_may_grow_beyond(size: int) -> Iterator[None]:
    """As on a full disk, for this process alone."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_on_a_full_disk_reads_go_on_and_writes_come_back_with_the_space(sqlite_path: Path) -> None:
    await migrate(f"sqlite://{sqlite_path}")
    async with asyncio.timeout(BOUND), Database(f"sqlite://{sqlite_path}") as database:
        await sign_in(database, a_login(1))
        with no_file_may_grow_beyond(sqlite_path.with_name("wxgate.db-wal").stat().st_size):
            for _ in range(2):
                logins = [sign_in(database, a_login(number)) for number in (2, 3)]
                for failed in await asyncio.gather(*logins, return_exceptions=True):
                    assert isinstance(failed, DatabaseUnavailable)
                    assert str(failed) == "OperationalError"
                with pytest.raises(DatabaseUnavailable):
                    await database.fetch("DELETE FROM sessions")
                assert await column(database, "SELECT token_hash FROM sessions") == ["token-1"]
        assert not (await sign_in(database, a_login(3))).is_new_user
        assert await column(database, "SELECT token_hash FROM sessions ORDER BY 1") == ["token-1", "token-3"]


async def test_the_file_is_opened_as_a_server_needs_it(sqlite_path: Path) -> None:
    needed = {"journal_mode": "wal", "busy_timeout": 2000, "foreign_keys": 1, "synchronous": 1}
    await migrate(f"sqlite://{sqlite_path}")
    async with Database(f"sqlite://{sqlite_path}") as database:
        for name, value in needed.items():
            assert await column(database, f"PRAGMA {name}") == [value]
        assert await column(database, "PRAGMA query_only") == [0]
        assert await column(database, "SELECT * FROM pragma_query_only") == [1]
        assert await column(database, "SELECT * FROM pragma_busy_timeout") == [0]


async def test_everything_is_in_the_file_when_the_database_is_closed(sqlite_path: Path) -> None:
    await migrate(f"sqlite://{sqlite_path}")
    async with Database(f"sqlite://{sqlite_path}") as database:
        await sign_in(database, a_login())
        await database.ping()
    assert sorted(path.suffix for path in sqlite_path.parent.iterdir()) == [".db", ".lock"]
