"""What is read from SQLite sooner than a thread is told: the same rows, and the thread's turn where it would wait."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from models.database import Database
from models.errors import DatabaseBehind, DatabaseUnavailable
from models.logins import sign_in
from models.lookup import SessionLookup, SessionRecord
from models.migrate import migrate
from models.sqlite import WalClient, _Reader
from tests.databases import give_tables
from tests.models.rows import NOON, a_login

# Seconds; whatever takes longer waits for ever.
BOUND = 20

_TOKENS = "SELECT token_hash FROM sessions ORDER BY token_hash"


@pytest.fixture
async def url(sqlite_path: Path) -> str:
    await asyncio.to_thread(lambda: asyncio.run(give_tables(f"sqlite://{sqlite_path}")))
    return f"sqlite://{sqlite_path}"


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """Open, and with one person signed in."""
    async with Database(url) as opened:
        await sign_in(opened, a_login())
        await opened.ping()
        yield opened


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What goes the long way."""
    noted: list[str] = []
    rows = Database.rows

    async def noting(database: Database, sql: str, *values: object) -> Sequence[Sequence[Any]]:
        noted.append(sql)
        return await rows(database, sql, *values)

    monkeypatch.setattr(Database, "rows", noting)
    return noted


async def find(database: Database, number: int = 1) -> SessionRecord | None:
    return await SessionLookup(database).find(f"token-{number}", now=NOON, seen_after=0)


async def test_what_is_seen_is_what_the_long_way_gives(database: Database) -> None:
    for sql, values in (
        (_TOKENS, ()),
        ("SELECT * FROM users WHERE id = $1", ("user-1",)),
        ("SELECT $2, $1", (1, "名")),
    ):
        seen = database.peek(sql, *values)
        assert seen is not None
        assert [tuple(row) for row in seen] == [tuple(row) for row in await database.rows(sql, *values)]
        assert len(seen) == 1


async def test_sessions_are_found_without_the_long_way(database: Database, statements: list[str]) -> None:
    found = await asyncio.gather(*(find(database, number % 3) for number in range(30)))
    assert [place % 3 for place, session in enumerate(found) if session is not None] == [1] * 10
    assert statements == []


async def test_before_the_file_is_open_nothing_is_seen_and_sessions_are_found(url: str, statements: list[str]) -> None:
    async with Database(url) as writer:
        await sign_in(writer, a_login())
    database = Database(url)
    assert database.peek(_TOKENS) is None
    async with database:
        assert database.peek(_TOKENS) is None
        assert await find(database) is not None
        assert len(statements) == 1
        assert database.peek(_TOKENS) is not None
        assert await find(database) is not None
        assert len(statements) == 1


async def test_after_the_database_is_closed_nothing_is_seen(url: str) -> None:
    async with Database(url) as database:
        await database.ping()
        assert database.peek(_TOKENS) is not None
    assert database.peek(_TOKENS) is None
    with pytest.raises(DatabaseUnavailable):
        await find(database)
    async with database:
        await database.ping()
        assert database.peek(_TOKENS) is not None


async def test_a_database_that_is_closed_keeps_no_file_open(url: str, sqlite_path: Path) -> None:
    async with Database(url) as database:
        await sign_in(database, a_login())
        await database.ping()
        assert database.peek(_TOKENS) is not None
    # With the last connection to it, SQLite has moved everything into one file.
    assert [path.name for path in sqlite_path.parent.iterdir()] == [sqlite_path.name]


async def test_where_there_are_no_tables_the_long_way_says_so(sqlite_path: Path) -> None:
    sqlite_path.touch()  # noqa: ASYNC240 - takes no time
    async with Database(f"sqlite://{sqlite_path}") as database:
        await database.ping()
        assert database.peek(_TOKENS) is None
        with pytest.raises(DatabaseBehind):
            await find(database)
        await asyncio.to_thread(lambda: asyncio.run(migrate_elsewhere(sqlite_path)))
        assert await find(database) is None
        assert database.peek(_TOKENS) == []


async def migrate_elsewhere(path: Path) -> None:
    """What another process does, before the server is started again or after."""
    await migrate(f"sqlite://{path}")


async def test_nothing_is_written_by_looking(database: Database) -> None:
    assert database.peek("DELETE FROM sessions RETURNING token_hash") is None
    assert await find(database) is not None


async def test_what_another_process_has_ended_is_found_no_more_by_the_next_request(
    database: Database, sqlite_path: Path, statements: list[str]
) -> None:
    other = sqlite3.connect(sqlite_path, isolation_level=None)
    for _ in range(20):
        assert await find(database) is not None
        other.execute("UPDATE sessions SET token_hash = 'elsewhere'")
        assert await find(database) is None
        other.execute("UPDATE sessions SET token_hash = 'token-1'")
    assert await find(database) is not None
    other.execute("DELETE FROM sessions")
    other.close()
    assert await find(database) is None
    assert statements == []


async def test_while_another_process_writes_the_state_before_is_seen(database: Database, sqlite_path: Path) -> None:
    other = sqlite3.connect(sqlite_path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("DELETE FROM sessions")
    assert await find(database) is not None
    other.execute("COMMIT")
    other.close()
    assert await find(database) is None


async def test_a_file_that_is_locked_is_waited_for_by_the_thread_and_not_by_the_loop(
    url: str, sqlite_path: Path
) -> None:
    # Without the write-ahead log, for with it a writer locks nobody out.
    client = WalClient(str(sqlite_path), connection_name="locked", journal_mode="DELETE", busy_timeout=60_000)
    other = sqlite3.connect(sqlite_path, isolation_level=None)
    async with asyncio.timeout(BOUND):
        await client.execute_query(_TOKENS)
        assert client.peek(_TOKENS, []) == []
        other.execute("BEGIN EXCLUSIVE")
        assert client.peek(_TOKENS, []) is None
        waiting = asyncio.create_task(client.execute_query(_TOKENS))
        for _ in range(20):
            await asyncio.sleep(0.01)
            assert client.peek(_TOKENS, []) is None
        assert not waiting.done()
        other.execute("COMMIT")
        assert await waiting == (0, [])
        assert client.peek(_TOKENS, []) == []
        await client.close()
    other.close()


async def test_whoever_gives_up_while_the_file_is_being_opened_costs_nobody_the_short_way(
    url: str, statements: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = asyncio.Event()
    to_thread = asyncio.to_thread

    async def slow(function: Any, *arguments: Any) -> Any:
        result = await to_thread(function, *arguments)
        opened.set()
        await asyncio.Event().wait()
        return result

    async with asyncio.timeout(BOUND), Database(url) as database:
        with monkeypatch.context() as patch:
            patch.setattr("models.sqlite.asyncio.to_thread", slow)
            impatient = asyncio.create_task(database.ping())
            await opened.wait()
            impatient.cancel()
            with pytest.raises(asyncio.CancelledError):
                await impatient
        await database.ping()
        assert await find(database) is None
        assert statements == []


async def test_all_who_come_first_together_open_one_file_that_is_closed_at_the_end(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[sqlite3.Connection] = []
    open_beside = _Reader._open_beside

    def noting(reader: _Reader, **pragmas: Any) -> sqlite3.Connection:
        opened.append(open_beside(reader, **pragmas))
        return opened[-1]

    monkeypatch.setattr(_Reader, "_open_beside", noting)
    async with asyncio.timeout(BOUND), Database(url) as database:
        await asyncio.gather(*[database.ping() for _ in range(5)])
    [peephole] = opened
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        peephole.execute("SELECT 1")


async def test_a_file_that_can_be_opened_once_and_not_twice_is_tried_again(
    url: str, statements: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_more_files(_reader: _Reader, **_: Any) -> sqlite3.Connection:
        raise sqlite3.OperationalError

    async with asyncio.timeout(BOUND), Database(url) as database:
        with monkeypatch.context() as patch:
            patch.setattr(_Reader, "_open_beside", no_more_files)
            for _ in range(3):
                with pytest.raises(DatabaseUnavailable):
                    await database.ping()
        await database.ping()
        assert await find(database) is None
        assert statements == []
