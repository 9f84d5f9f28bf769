"""The walk through the sessions that deletes those that have ended, and the lease on it."""

import asyncio
from dataclasses import replace
from typing import Final

import pytest

from models.database import Database
from models.leases import finish_lease, keep_lease, take_lease
from models.logins import sign_in
from models.sessions import Ended, delete_ended
from tests.models.rows import DAY, MINUTE, NOON, a_login, column

ENDED: Final = Ended(by=NOON, unseen_since=NOON - 7 * DAY)


@pytest.fixture(autouse=True)
async def no_lease(database: Database) -> None:
    await database.fetch("DELETE FROM leases")


async def a_session(database: Database, number: int, *, expires_at: int, last_seen_at: int = NOON - 1) -> str:
    """The hash of a session of a user of its own."""
    login = a_login(number, openid=f"openid-{number}", now=last_seen_at, expires_at=expires_at)
    await sign_in(database, replace(login, token_hash=f"token-{number:03}"))
    return f"token-{number:03}"


async def swept(database: Database, size: int) -> list[int]:
    """How many went with each page of a whole walk."""
    counts: list[int] = []
    place: str | None = ""
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


async def test_one_process_at_a_time_holds_the_lease(database: Database) -> None:
    async def take(now: int, *, until: int, unless_done_after: int = NOON) -> bool:
        return await take_lease(database, "sweep", until=until, now=now, unless_done_after=unless_done_after)

    together = await asyncio.gather(*[take(NOON, until=NOON + MINUTE) for _ in range(8)])
    assert sorted(together) == [False] * 7 + [True]
    assert not await take(NOON + MINUTE - 1, until=NOON + 2 * MINUTE)
    await keep_lease(database, "sweep", until=NOON + 2 * MINUTE)
    assert not await take(NOON + 2 * MINUTE - 1, until=NOON + 3 * MINUTE)
    # It has died, or it would have kept the lease.
    assert await take(NOON + 2 * MINUTE, until=NOON + 3 * MINUTE)

    # A time of next month was left by a wrong clock.
    await keep_lease(database, "sweep", until=NOON + 40 * DAY)
    assert await take(NOON, until=NOON + MINUTE)
    await finish_lease(database, "sweep", now=NOON + 40 * DAY)
    assert await take(NOON, until=NOON + MINUTE)

    await finish_lease(database, "sweep", now=NOON + 5)
    assert not await take(NOON + 6, until=NOON + MINUTE, unless_done_after=NOON + 4)
    assert await take(NOON + 6, until=NOON + MINUTE, unless_done_after=NOON + 5)
