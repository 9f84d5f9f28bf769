"""Sessions that are looked up at once: by few statements, each for its own asker, whoever goes away meanwhile."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from models.database import Database
from models.errors import DatabaseUnavailable
from models.logins import sign_in
from models.sessions import SessionLookup, SessionRecord
from tests.models.rows import NOON, a_login

pytestmark = pytest.mark.parametrize("tables_url", ["postgres"], indirect=True)


class Watched:
    """The database, and the statements that went to it; `held` holds answers up until it is set."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.dialect = database.dialect
        self.statements: list[str] = []
        self.held: asyncio.Event | None = None
        self.fails = False

    async def read(self, sql: str, *values: object) -> Sequence[Sequence[Any]]:
        self.statements.append(sql)
        if self.held is not None:
            await self.held.wait()
        if self.fails:
            msg = "ConnectionRefusedError"
            raise DatabaseUnavailable(msg)
        return await self.database.read(sql, *values)


@pytest.fixture
def watched(database: Database) -> Watched:
    return Watched(database)


@pytest.fixture
def lookup(watched: Watched) -> SessionLookup:
    return SessionLookup(watched)  # type: ignore[arg-type]


async def find(lookup: SessionLookup, number: int) -> SessionRecord | None:
    return await lookup.find(f"token-{number}", now=NOON, seen_after=0)


async def test_those_who_ask_at_once_are_answered_each_with_their_own(
    database: Database, lookup: SessionLookup, watched: Watched
) -> None:
    people = [(await sign_in(database, a_login(number, openid=f"openid-{number}"))).user for number in range(5)]
    asked = [1, 4, 9, 1, 0, 3, 2]
    found = await asyncio.gather(*(find(lookup, number) for number in asked))
    assert [session and session.user for session in found] == [
        people[number] if number < 5 else None for number in asked
    ]
    assert len(watched.statements) == 2, "the first was sent at once"


async def test_one_who_asks_alone_does_not_wait(database: Database, lookup: SessionLookup, watched: Watched) -> None:
    await sign_in(database, a_login())
    for asked in range(1, 4):
        assert await find(lookup, 1) is not None
        assert len(watched.statements) == asked


async def test_a_session_that_ended_is_not_remembered(database: Database, lookup: SessionLookup) -> None:
    await sign_in(database, a_login())
    assert await find(lookup, 1) is not None
    await database.fetch("DELETE FROM sessions")
    assert await find(lookup, 1) is None


async def test_many_who_ask_while_statements_are_under_way_share_the_next_ones(
    database: Database, lookup: SessionLookup, watched: Watched
) -> None:
    for number in range(3):
        await sign_in(database, a_login(number, openid=f"openid-{number}"))
    watched.held = asyncio.Event()
    askers = []
    for turn in range(60):
        askers.append(asyncio.create_task(find(lookup, turn % 3)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert len(watched.statements) <= 4
    watched.held.set()
    found = await asyncio.gather(*askers)
    assert all(session is not None for session in found)
    assert len(watched.statements) <= 8


async def test_more_than_a_statement_takes_are_found_by_several(
    database: Database, lookup: SessionLookup, watched: Watched
) -> None:
    await sign_in(database, a_login())
    found = await asyncio.gather(*(find(lookup, number) for number in range(600)))
    assert [place for place, session in enumerate(found) if session is not None] == [1]
    assert len(watched.statements) == 4


async def test_whoever_goes_away_takes_nobody_along(
    database: Database, lookup: SessionLookup, watched: Watched
) -> None:
    await sign_in(database, a_login())
    watched.held = asyncio.Event()
    gone, stays = asyncio.create_task(find(lookup, 1)), asyncio.create_task(find(lookup, 1))
    for _ in range(5):
        await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    watched.held.set()
    assert await stays is not None
    assert await find(lookup, 1) is not None


async def test_a_failure_is_told_to_those_who_wait_for_the_next_statement_as_well(
    database: Database, lookup: SessionLookup, watched: Watched
) -> None:
    """Or a server that says nothing would keep them waiting for one time-out after the other."""
    await sign_in(database, a_login())
    watched.held = asyncio.Event()
    asked: list[asyncio.Task[SessionRecord | None]] = []
    for _ in range(8):
        asked.append(asyncio.create_task(find(lookup, 1)))
        await asyncio.sleep(0.05)  # long enough for a statement to prove slow
    statements = len(watched.statements)
    assert statements < len(asked), "nobody waits"
    watched.fails = True
    watched.held.set()
    told = await asyncio.gather(*asked, return_exceptions=True)
    assert {type(error) for error in told} == {DatabaseUnavailable}
    assert len(watched.statements) == statements
    watched.fails = False
    assert await find(lookup, 1) is not None


async def test_a_failure_is_told_to_all_who_asked_and_does_not_last(
    database: Database, lookup: SessionLookup, watched: Watched
) -> None:
    await sign_in(database, a_login())
    watched.fails = True
    told = await asyncio.gather(*(find(lookup, number) for number in range(10)), return_exceptions=True)
    assert [type(error) for error in told] == [DatabaseUnavailable] * 10
    assert len({id(error) for error in told}) == 10
    watched.fails = False
    assert await find(lookup, 1) is not None
