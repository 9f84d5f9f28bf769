"""What may happen to a PostgreSQL server, and that nothing waits for ever or is lost to the pool because of it."""

import asyncio
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from models.database import Database
from models.errors import ConnectionLost, DatabaseError, DatabaseUnavailable
from models.migrate import migrate
from tests.models.borrowing import raw
from tests.models.rows import column

# Seconds; whatever takes longer waits for ever.
BOUND = 20
PASSWORD = "hunter2"


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


async def test_no_server_is_unavailable(closed_port: int) -> None:
    url = f"postgres://wxgate:{PASSWORD}@127.0.0.1:{closed_port}/wxgate"
    async with asyncio.timeout(BOUND), Database(url) as database:
        for _ in range(2):
            with pytest.raises(DatabaseUnavailable) as failed:
                await database.ping()
            assert str(failed.value) == "ConnectionRefusedError"


async def test_no_socket_is_unavailable(tmp_path: Path) -> None:
    async with asyncio.timeout(BOUND), Database(f"postgres://wxgate@/wxgate?host={tmp_path}") as database:
        with pytest.raises(DatabaseUnavailable) as failed:
            await database.ping()
    assert str(failed.value) == "FileNotFoundError"


async def test_a_server_that_says_nothing_is_given_up(silent_port: int) -> None:
    url = f"postgres://wxgate:{PASSWORD}@127.0.0.1:{silent_port}/wxgate?timeout=1"
    async with asyncio.timeout(BOUND), Database(url) as database:
        with pytest.raises(DatabaseUnavailable):
            await database.ping()
        with pytest.raises(DatabaseUnavailable):
            await migrate(url)


async def test_the_waits_are_bounded_without_being_asked(silent_port: int) -> None:
    async with asyncio.timeout(BOUND), Database(f"postgres://wxgate@127.0.0.1:{silent_port}/wxgate") as database:
        with pytest.raises(DatabaseUnavailable):
            await database.ping()


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(("postgres://postgres@", "postgres://nobody@"), id="role"),
        pytest.param(("@/t", "@/no_such_database_t"), id="database"),
    ],
)
async def test_a_server_without_our_role_or_database_does_not_lack_migrations(
    postgres_url: str, changed: tuple[str, str]
) -> None:
    async with asyncio.timeout(BOUND), Database(postgres_url.replace(*changed)) as database:
        with pytest.raises(DatabaseUnavailable) as failed:
            await database.ping()
    assert "no_such" not in str(failed.value)
    assert "nobody" not in str(failed.value)


async def test_what_an_error_says_does_not_decide_what_it_is(migrated_postgres_url: str) -> None:
    """PostgreSQL speaks the language that it was set up with, and quotes values."""
    async with Database(migrated_postgres_url) as database:
        with pytest.raises(DatabaseError) as refused:
            await database.fetch("""SELECT CAST($1 AS text)::int""", 'relation "users" does not exist; no such table')
        assert type(refused.value) is DatabaseError


async def test_a_statement_that_takes_too_long_is_given_up_and_its_connection_used_again(
    migrated_postgres_url: str,
) -> None:
    url = f"{migrated_postgres_url}&maxsize=1&command_timeout=0.2"
    async with asyncio.timeout(BOUND), Database(url) as database:
        for _ in range(3):
            with pytest.raises(DatabaseUnavailable):
                await database.fetch("SELECT pg_sleep(60)")
        await database.ping()


async def test_whoever_finds_every_connection_busy_is_told_so_while_they_are_busy(
    migrated_postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with asyncio.timeout(BOUND), Database(f"{migrated_postgres_url}&maxsize=1") as database:
        async with raw(database) as busy:
            with monkeypatch.context() as impatient:
                impatient.setattr("models.postgres.ACQUIRE_SECONDS", 0.1)
                outcomes = await asyncio.gather(*[database.ping() for _ in range(10)], return_exceptions=True)
            assert {type(outcome) for outcome in outcomes} == {DatabaseUnavailable}
            assert {str(outcome) for outcome in outcomes} == {"TimeoutError"}
            assert await busy.fetchval("SELECT 1") == 1
        await database.ping()


async def test_nobody_waits_in_line_for_a_server_that_says_nothing(
    silent_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.postgres.ACQUIRE_SECONDS", 0.1)
    url = f"postgres://wxgate@127.0.0.1:{silent_port}/wxgate?timeout=60&maxsize=1"
    async with asyncio.timeout(BOUND), Database(url) as database:
        first = asyncio.create_task(database.ping())
        await asyncio.sleep(0)
        outcomes = await asyncio.gather(*[database.ping() for _ in range(2)], return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {DatabaseUnavailable}
        assert not first.done()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first


async def test_a_server_process_that_is_frozen_is_given_up_and_its_place_taken_by_another(
    migrated_postgres_url: str,
) -> None:
    url = f"{migrated_postgres_url}&maxsize=1&command_timeout=0.2"
    async with asyncio.timeout(BOUND), Database(url) as database:
        [backend] = await column(database, "SELECT pg_backend_pid()")
        assert isinstance(backend, int)
        os.kill(backend, signal.SIGSTOP)
        try:
            await database.ping()  # given up on the frozen one, and sent again over another
            assert await column(database, "SELECT pg_backend_pid()") != [backend]
        finally:
            os.kill(backend, signal.SIGCONT)


async def test_what_is_under_way_when_the_server_drops_its_connections_is_asked_once_more(
    migrated_postgres_url: str,
) -> None:
    at_work = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query = 'SELECT pg_sleep(60)'"
    async with asyncio.timeout(BOUND), Database(f"{migrated_postgres_url}&maxsize=3&command_timeout=60") as database:
        keeper = await asyncpg.connect(migrated_postgres_url)
        under_way = [asyncio.create_task(database.fetch("SELECT pg_sleep(60)")) for _ in range(2)]
        dropped: set[int] = set()
        for _ in range(2):
            while len(new := {row["pid"] for row in await keeper.fetch(at_work)} - dropped) < 2:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
            assert not [task for task in under_way if task.done()]
            await keeper.fetch("SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid", [*new])
            dropped |= new
        outcomes = await asyncio.gather(*under_way, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {ConnectionLost}
        await keeper.close()
        for _ in range(5):
            await database.ping()
