"""What may happen to a SQLite file, and that the server is as well as before when it has passed."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from models.database import Database, Statements
from models.errors import DatabaseBehind, DatabaseError, DatabaseUnavailable
from models.schema import migrate
from models.sign_in import sign_in
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
        await database.ping()
        with pytest.raises(DatabaseBehind):
            await sign_in(database, a_login())


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


async def test_reads_go_on_while_another_process_writes(sqlite_path: Path) -> None:
    await migrate(f"sqlite://{sqlite_path}")
    async with asyncio.timeout(BOUND), Database(f"sqlite://{sqlite_path}?busy_timeout=1") as database:
        await sign_in(database, a_login(1))
        mend = it_is_locked(sqlite_path)
        with pytest.raises(DatabaseUnavailable):
            await sign_in(database, a_login(2))
        with pytest.raises(DatabaseUnavailable):
            await database.execute("DELETE FROM sessions")
        assert await column(database, "SELECT token_hash FROM sessions") == ["token-1"]
        mend()
        assert not (await sign_in(database, a_login(3))).is_new_user


async def test_nobody_writes_between_what_a_unit_reads_and_what_it_writes(sqlite_path: Path) -> None:
    await migrate(f"sqlite://{sqlite_path}")
    other = sqlite3.connect(sqlite_path, isolation_level=None, timeout=0)

    async def work(statements: Statements) -> None:
        assert await statements.fetch("SELECT id FROM users") == []
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("INSERT INTO encryption_keys VALUES ('k1', 'theirs', 1)")
        await statements.execute("INSERT INTO encryption_keys VALUES ('k1', 'ours', 1)")

    async with Database(f"sqlite://{sqlite_path}") as database:
        await database.unit(work)
    assert other.execute("SELECT canary FROM encryption_keys").fetchall() == [("ours",)]
    other.close()


async def test_what_may_only_be_read_is_read(sqlite_path: Path) -> None:
    await migrate(f"sqlite://{sqlite_path}")
    # Gives SQLite's own error for a read-only file, which root could write to all the same.
    async with asyncio.timeout(BOUND), Database(f"sqlite://{sqlite_path}?query_only=1") as database:
        for _ in range(2):
            with pytest.raises(DatabaseUnavailable):
                await sign_in(database, a_login())
        assert await column(database, "SELECT id FROM users") == []


async def test_the_file_is_opened_as_a_server_needs_it(sqlite_path: Path) -> None:
    async with Database(f"sqlite://{sqlite_path}") as database:
        pragmas = {
            name: await column(database, f"PRAGMA {name}")
            for name in ("journal_mode", "busy_timeout", "foreign_keys", "synchronous")
        }
    assert pragmas == {"journal_mode": ["wal"], "busy_timeout": [2000], "foreign_keys": [1], "synchronous": [1]}


async def test_everything_is_in_the_file_when_the_database_is_closed(sqlite_path: Path) -> None:
    await migrate(f"sqlite://{sqlite_path}")
    async with Database(f"sqlite://{sqlite_path}") as database:
        await sign_in(database, a_login())
    assert sorted(path.suffix for path in sqlite_path.parent.iterdir()) == [".db", ".lock"]
