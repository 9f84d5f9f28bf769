"""While another process holds the write lock of a SQLite file: who is served, who waits, and who is sent away."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from models.database import Database
from models.errors import DatabaseUnavailable
from models.logins import require_tables, sign_in
from models.migrate import migrate
from models.sessions import SessionLookup
from tests.models.rows import NOON, a_login, column

# Seconds; whatever takes longer waits for ever.
BOUND = 20
WRITERS = 10

Write = Callable[[Database, int], Awaitable[object]]


class OtherProcess:
    """What another process does to the file, on a connection of its own."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=0)

    def lock(self) -> None:
        """Begins to write, and takes its time."""
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.execute("UPDATE users SET city = 'elsewhere'")

    def unlock(self) -> None:
        """Has written."""
        self._connection.execute("COMMIT")

    def close(self) -> None:
        """Ends, and a lock with it."""
        self._connection.close()


@pytest.fixture
def url(sqlite_path: Path) -> str:
    """A file with tables and one person in it."""

    async def prepare() -> None:
        await migrate(f"sqlite://{sqlite_path}")
        async with Database(f"sqlite://{sqlite_path}") as database:
            await sign_in(database, a_login(0))

    asyncio.run(prepare())
    return f"sqlite://{sqlite_path}"


@pytest.fixture
def other(url: str, sqlite_path: Path) -> Iterator[OtherProcess]:
    process = OtherProcess(sqlite_path)
    yield process
    process.close()


def by_login(database: Database, number: int) -> Awaitable[object]:
    return sign_in(database, a_login(number))


def by_statement(database: Database, number: int) -> Awaitable[object]:
    return database.fetch("UPDATE sessions SET last_seen_at = $1", NOON + number)


def writers(database: Database, write: Write) -> list[asyncio.Task[object]]:
    """Ten who write at once."""
    return [asyncio.ensure_future(write(database, number)) for number in range(1, WRITERS + 1)]


async def read_all(database: Database) -> None:
    """What a server reads for a request that stores nothing, and for its probe, many at once."""
    await database.ping()
    await require_tables(database)
    found = await asyncio.gather(*[SessionLookup(database).find("token-0", now=NOON, seen_after=0) for _ in range(20)])
    assert [session.user.city for session in found if session is not None] == [""] * 20


@pytest.mark.parametrize("write", [by_login, by_statement])
async def test_reads_are_answered_while_writers_wait_who_write_when_their_turn_comes(
    url: str, other: OtherProcess, monkeypatch: pytest.MonkeyPatch, write: Write
) -> None:
    monkeypatch.setattr("models.sqlite.WAIT_MS", 60_000)
    monkeypatch.setattr("models.transaction_batcher.TURN_SECONDS", 60)
    async with asyncio.timeout(BOUND), Database(url) as database:
        other.lock()
        waiting = writers(database, write)
        for _ in range(5):
            await read_all(database)
        assert not [writer for writer in waiting if writer.done()]
        other.unlock()
        await asyncio.gather(*waiting)
        assert await column(database, "SELECT city FROM users") == ["elsewhere"]


async def test_a_server_that_was_never_read_from_can_be_while_another_process_writes(
    url: str, other: OtherProcess
) -> None:
    other.lock()
    async with asyncio.timeout(BOUND), Database(f"{url}?busy_timeout=1") as database:
        await read_all(database)


@pytest.mark.parametrize("write", [by_login, by_statement])
async def test_who_waits_behind_a_waiting_writer_is_sent_away_while_it_still_waits(
    url: str, other: OtherProcess, monkeypatch: pytest.MonkeyPatch, write: Write
) -> None:
    async with asyncio.timeout(BOUND), Database(f"{url}?busy_timeout=60000") as database:
        await database.fetch("DELETE FROM encryption_keys")  # opens the connection that writes
        other.lock()
        with monkeypatch.context() as impatient:
            impatient.setattr("models.transaction_batcher.TURN_SECONDS", 0.1)
            first = asyncio.ensure_future(write(database, 50))
            await asyncio.sleep(0.05)
            others = writers(database, write)
            outcomes = await asyncio.gather(*others, return_exceptions=True)
        assert {(type(outcome), str(outcome)) for outcome in outcomes} == {(DatabaseUnavailable, "TimeoutError")}
        assert not first.done()
        await read_all(database)
        other.unlock()
        await first
        await write(database, 99)


async def test_every_waiting_writer_is_sent_away_in_the_end_and_none_afterwards(url: str, other: OtherProcess) -> None:
    async with asyncio.timeout(BOUND), Database(f"{url}?busy_timeout=20") as database:
        await database.fetch("DELETE FROM encryption_keys")
        other.lock()
        outcomes = await asyncio.gather(*writers(database, by_login), return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {DatabaseUnavailable}
        await read_all(database)
        other.unlock()
        await asyncio.gather(*[by_login(database, number) for number in range(20, 30)])
        tokens = {str(token) for token in await column(database, "SELECT token_hash FROM sessions")}
        assert tokens == {"token-0", *[f"token-{number}" for number in range(20, 30)]}


async def test_a_writer_who_goes_away_while_waiting_takes_no_lock_along(url: str, other: OtherProcess) -> None:
    async with asyncio.timeout(BOUND), Database(f"{url}?busy_timeout=300") as database:
        await database.fetch("DELETE FROM encryption_keys")
        other.lock()
        waiting = writers(database, by_statement)
        await read_all(database)
        for writer in waiting:
            writer.cancel()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {asyncio.CancelledError}
        other.unlock()
        await by_login(database, 99)


async def test_what_another_process_has_written_is_read(url: str, other: OtherProcess) -> None:
    async with Database(url) as database:
        await read_all(database)
        other.lock()
        assert await column(database, "SELECT city FROM users") == [""]
        other.unlock()
        assert await column(database, "SELECT city FROM users") == ["elsewhere"]
