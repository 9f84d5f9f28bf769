"""What goes to PostgreSQL when a connection is given back: nothing, and what its user left open is undone."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from models.database import Database
from models.errors import DatabaseError
from models.logins import sign_in
from models.lookup import SessionLookup
from tests.models.borrowing import raw
from tests.models.rows import NOON, a_login, column

# Seconds; whatever takes longer waits for ever.
BOUND = 20


@pytest.fixture
async def database(migrated_postgres_url: str) -> AsyncIterator[Database]:
    """With a single connection, so that whatever is left on it meets the next one."""
    async with asyncio.timeout(BOUND), Database(f"{migrated_postgres_url}&maxsize=1") as opened:
        await opened.execute("DELETE FROM users")
        yield opened


async def test_each_statement_is_all_that_goes_to_the_server(database: Database) -> None:
    await sign_in(database, a_login())
    lookup, heard = SessionLookup(database), list[str]()
    async with raw(database) as connection:
        connection._con.add_query_logger(lambda record: heard.append(record.query))
    for _ in range(3):
        assert await lookup.find("token-1", now=NOON, seen_after=0) is not None
        assert await database.fetch("SELECT 1 AS one")
    await asyncio.sleep(0)
    assert [query.split()[0] for query in heard] == ["SELECT"] * 6, heard


async def test_a_transaction_that_was_left_open_does_not_go_on_with_the_next_user(database: Database) -> None:
    await sign_in(database, a_login())
    async with raw(database) as connection:
        [backend] = await connection.fetchrow("SELECT pg_backend_pid()")
        await connection.execute("BEGIN")
        await connection.execute("DELETE FROM users")
    assert await column(database, "SELECT pg_backend_pid()") == [backend]
    assert await column(database, "SELECT id FROM users") == ["user-1"]
    assert await column(database, "SELECT pg_current_xact_id_if_assigned()::text") == [None]
    # What follows is kept, which inside of a forgotten transaction it would not be.
    await sign_in(database, a_login(2, openid="openid-bob"))
    async with raw(database) as connection:
        assert not connection.is_in_transaction()
    assert await column(database, "SELECT count(*) FROM users") == [2]


async def test_a_transaction_that_failed_and_was_left_open_refuses_nothing_to_the_next_user(database: Database) -> None:
    async with raw(database) as connection:
        [backend] = await connection.fetchrow("SELECT pg_backend_pid()")
        await connection.execute("BEGIN")
        with pytest.raises(Exception, match="division by zero"):
            await connection.execute("SELECT 1 / 0")
    assert await column(database, "SELECT pg_backend_pid()") == [backend]
    assert (await sign_in(database, a_login())).is_new_user


async def test_a_connection_with_nothing_to_undo_is_given_back_without_a_task(database: Database) -> None:
    await database.ping()
    loop, tasks = asyncio.get_running_loop(), list[asyncio.Task[Any]]()

    def counted(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
        tasks.append(asyncio.Task(coroutine, loop=loop, **options))
        return tasks[-1]

    loop.set_task_factory(counted)
    await database.ping()
    assert tasks == []
    pool = database.pool()
    assert pool is not None
    assert (pool.size, pool.idle) == (1, 1)
    async with raw(database) as connection:
        await connection.execute("BEGIN")
    assert len(tasks) == 1, "asyncpg's own way"


async def nothing(connection: Any) -> None:
    pass


async def expire(connection: Any) -> None:
    await connection._holder._pool.expire_connections()


async def use_up(connection: Any) -> None:
    connection._holder._max_queries = 1


async def close(connection: Any) -> None:
    await connection.close()


async def terminate(connection: Any) -> None:
    connection.terminate()


@pytest.mark.parametrize(
    ("change", "is_kept"), [(nothing, True), (expire, False), (use_up, False), (close, False), (terminate, False)]
)
async def test_a_connection_that_is_no_good_any_more_is_not_given_back(
    database: Database, change: Callable[[Any], Awaitable[None]], is_kept: bool
) -> None:
    async with raw(database) as connection:
        [backend] = await connection.fetchrow("SELECT pg_backend_pid()")
        await change(connection)
    pool = database.pool()
    assert pool is not None
    assert pool.size == (1 if is_kept else 0)
    for _ in range(3):
        assert (await column(database, "SELECT pg_backend_pid()") == [backend]) is is_kept


async def test_who_listens_on_a_connection_hears_nothing_of_the_next_user(database: Database) -> None:
    heard: list[object] = []
    with pytest.warns(asyncpg.InterfaceWarning, match="active notification listener"):
        async with raw(database) as connection:
            await connection.add_listener("news", lambda *news: heard.append(news))
    await database.execute("SELECT pg_notify('news', 'for nobody')")
    await database.ping()
    assert heard == []


async def test_nobody_who_comes_later_is_served_before_those_who_wait(database: Database) -> None:
    served: list[int] = []

    async def ask(number: int) -> None:
        await database.fetch("SELECT 1 AS one")
        served.append(number)

    asking = []
    async with raw(database):
        for number in range(5):
            asking.append(asyncio.create_task(ask(number)))
            await asyncio.sleep(0)
    # In every turn of the event loop there is somebody new who might take what was given back for those who wait.
    for number in range(5, 500):
        asking.append(asyncio.create_task(ask(number)))
        await asyncio.sleep(0)
    await asyncio.gather(*asking)
    assert served == [*range(500)]


async def test_a_turn_comes_back_whatever_becomes_of_who_had_it(database: Database) -> None:
    async with raw(database):
        given_up = [asyncio.create_task(database.ping()) for _ in range(5)]
        await asyncio.sleep(0)
        for task in given_up:
            task.cancel()
        await asyncio.gather(*given_up, return_exceptions=True)
    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            async with raw(database):
                raise ZeroDivisionError
        with pytest.raises(DatabaseError):
            await database.fetch("SELECT no such thing")
    await database.ping()
