"""The walk through the sessions that deletes those that have ended, and the lease on it."""

import asyncio
from dataclasses import replace
from typing import Final

import asyncpg
import pytest

from models.database import Database
from models.logins import sign_in
from models.sweep import _DELETE, _LAST_OF_PAGE, Cursor, Ended, delete_ended, finish_lease, keep_lease, take_lease
from tests.models.rows import DAY, MINUTE, NOON, a_login, column

ENDED: Final = Ended(by=NOON, unseen_since=NOON - 7 * DAY, none_after=NOON + 23 * DAY)


@pytest.fixture(autouse=True)
async def nobody_sweeps(database: Database) -> None:
    await database.execute("DELETE FROM leases")


async def a_session(database: Database, number: int, *, expires_at: int, last_seen_at: int = NOON - 1) -> str:
    """The hash of a session of a person of its own."""
    login = a_login(number, openid=f"openid-{number}", now=last_seen_at, expires_at=expires_at)
    await sign_in(database, replace(login, token_hash=f"token-{number:03}"))
    return f"token-{number:03}"


async def swept(database: Database, size: int) -> list[int]:
    """How many went with each page of a whole walk."""
    counts: list[int] = []
    place: Cursor | None = Cursor()
    while place is not None:
        deleted, place = await delete_ended(database, ENDED, after=place, size=size)
        counts.append(deleted)
    return counts


async def left(database: Database) -> list[object]:
    return await column(database, "SELECT token_hash FROM sessions ORDER BY token_hash")


async def test_a_session_goes_when_either_of_its_limits_is_reached_and_not_before(database: Database) -> None:
    alive = [
        await a_session(database, 1, expires_at=NOON + 1),
        await a_session(database, 2, expires_at=NOON + 23 * DAY, last_seen_at=NOON - 7 * DAY + 1),
        await a_session(database, 3, expires_at=NOON + 30 * DAY),
    ]
    await a_session(database, 4, expires_at=NOON)
    await a_session(database, 5, expires_at=NOON - 90 * DAY)
    await a_session(database, 6, expires_at=NOON + 1, last_seen_at=NOON - 7 * DAY)
    await a_session(database, 7, expires_at=NOON + 23 * DAY, last_seen_at=NOON - 8 * DAY)

    assert await swept(database, 100) == [4]

    assert await left(database) == alive
    assert await column(database, "SELECT COUNT(*) AS n FROM accounts") == [7]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
async def test_a_walk_in_pages_of_any_size_meets_every_session_once(database: Database, size: int) -> None:
    for number in range(7):  # of which three end in the same millisecond
        await a_session(database, number, expires_at=NOON - 100 + max(3, number))
    alive = await a_session(database, 7, expires_at=NOON + DAY)

    counts = await swept(database, size)

    assert sum(counts) == 7
    assert max(counts) <= size
    assert await left(database) == [alive]


@pytest.mark.parametrize("statement", [_LAST_OF_PAGE, _DELETE.format(unlocked="")], ids=["last of page", "delete"])
async def test_a_page_is_found_by_the_index(database: Database, tables_url: str, statement: str) -> None:
    bounds = [0, "", NOON, 499] if statement == _LAST_OF_PAGE else [0, "", NOON, "", NOON, NOON]
    if database.dialect == "sqlite":
        plan = [row["detail"] for row in await database.fetch(f"EXPLAIN QUERY PLAN {statement}", *bounds)]
    else:
        await a_session(database, 1, expires_at=NOON - 1)
        connection = await asyncpg.connect(tables_url)
        # Enough for the planner to know what it does, and few of them ended.
        await connection.execute(
            "INSERT INTO sessions (token_hash, user_id, account_id, created_at, last_seen_at, expires_at) "
            "SELECT 'many-' || n, user_id, id, $1::bigint, $1, $1 + n FROM accounts, generate_series(1, 20000) n",
            NOON,
        )
        await connection.execute("ANALYZE sessions")
        plan = [row[0] for row in await connection.fetch(f"EXPLAIN {statement}", *bounds)]
        await connection.close()
    assert any("idx_sessions_expires" in line for line in plan)


async def test_one_process_at_a_time_holds_the_lease(database: Database) -> None:
    async def take(now: int, *, until: int, unless_done_after: int = NOON) -> bool:
        return await take_lease(database, until=until, now=now, unless_done_after=unless_done_after)

    together = await asyncio.gather(*[take(NOON, until=NOON + MINUTE) for _ in range(8)])
    assert sorted(together) == [False] * 7 + [True]
    assert not await take(NOON + MINUTE - 1, until=NOON + 2 * MINUTE)
    await keep_lease(database, until=NOON + 2 * MINUTE)
    assert not await take(NOON + 2 * MINUTE - 1, until=NOON + 3 * MINUTE)
    # It has died, or it would have kept the lease.
    assert await take(NOON + 2 * MINUTE, until=NOON + 3 * MINUTE)

    await finish_lease(database, now=NOON + 5)
    assert not await take(NOON + 6, until=NOON + MINUTE, unless_done_after=NOON + 4)
    assert await take(NOON + 6, until=NOON + MINUTE, unless_done_after=NOON + 5)


@pytest.mark.parametrize("tables_url", ["postgres"], indirect=True)
async def test_what_a_login_is_deleting_is_left_to_it(database: Database, migrated_postgres_url: str) -> None:
    """Whoever waits for rows while holding others can deadlock; the login would be the one to fail."""
    taken = await a_session(database, 1, expires_at=NOON - 1)
    await a_session(database, 2, expires_at=NOON)
    login = await asyncpg.connect(migrated_postgres_url)
    try:
        async with login.transaction():
            await login.execute("DELETE FROM sessions WHERE token_hash = $1", taken)
            assert await swept(database, 100) == [1]
    finally:
        await login.close()
    assert await left(database) == []
