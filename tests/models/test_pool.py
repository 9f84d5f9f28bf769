"""What the pool of connections is said to be doing."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from models.database import Database, Pool
from tests.models.borrowing import raw

BOUND = 20


async def until(what: Callable[[], bool]) -> None:
    """Returns when it is so."""
    async with asyncio.timeout(BOUND):
        while not what():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


async def test_there_is_none_before_the_first_statement(postgres_url: str) -> None:
    assert Database(postgres_url).pool() is None
    async with Database(postgres_url) as database:
        assert database.pool() is None
        await database.ping()
        assert database.pool() == Pool(size=1, idle=1, most=10, waiting=0)
    assert database.pool() is None


async def test_sqlite_has_none(tmp_path: Path) -> None:
    async with Database(f"sqlite://{tmp_path / 'wxgate.db'}") as database:
        assert database.pool() is None


async def test_whoever_waits_for_a_connection_is_counted_until_there_is_one(postgres_url: str) -> None:
    async with Database(f"{postgres_url}&maxsize=1") as database:
        async with raw(database):
            assert database.pool() == Pool(size=1, idle=0, most=1, waiting=0)
            others = [asyncio.create_task(database.ping()) for _ in range(3)]
            await until(lambda: database.pool() == Pool(size=1, idle=0, most=1, waiting=3))
            others[0].cancel()
            await until(lambda: database.pool() == Pool(size=1, idle=0, most=1, waiting=2))
        await asyncio.gather(*others[1:])
        assert database.pool() == Pool(size=1, idle=1, most=1, waiting=0)
