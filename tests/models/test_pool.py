"""What the pool of connections is said to be doing."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from models.database import Database, Pool
from tests.models.borrowing import raw
from tests.models.rows import column

BOUND = 20


async def until(what: Callable[[], bool]) -> None:
    """Returns when it is so."""
    async with asyncio.timeout(BOUND):
        while not what():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


async def test_it_is_empty_before_the_first_statement(postgres_url: str) -> None:
    assert Database(postgres_url).pool() is None
    async with Database(postgres_url) as database:
        assert database.pool() == Pool(size=0, idle=0, most=10, waiting=0)
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


@pytest.mark.parametrize(("minsize", "left"), [(0, 1), (2, 2)])
async def test_connections_that_were_idle_for_long_are_closed_down_to_the_least(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, minsize: int, left: int
) -> None:
    async with Database(f"{postgres_url}&minsize={minsize}") as database:
        await asyncio.gather(*[database.fetch("SELECT pg_sleep(0.1)") for _ in range(3)])
        assert database.pool() == Pool(size=3, idle=3, most=10, waiting=0)
        for _ in range(3):
            with monkeypatch.context() as aged:
                async with raw(database):
                    aged.setattr("models.postgres.IDLE_SECONDS", 0.0)
        assert database.pool() == Pool(size=left, idle=left, most=10, waiting=0)


async def test_a_connection_that_was_idle_for_long_is_not_used_again(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies between may have forgotten it without a word."""
    async with Database(postgres_url) as database:
        [first], [second] = [await column(database, "SELECT pg_backend_pid()") for _ in range(2)]
        assert first == second
        monkeypatch.setattr("models.postgres.IDLE_SECONDS", 0.0)
        assert await column(database, "SELECT pg_backend_pid()") != [first]
