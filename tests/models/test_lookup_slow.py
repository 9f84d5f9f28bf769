"""Sessions that are asked for while statements are slow: who waits for whom, and how many statements there may be."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from models.database import Dialect
from models.errors import DatabaseError, DatabaseUnavailable
from models.lookup import SessionLookup, SessionRecord
from tests.manual_loop import SlowedLoop, slowed
from tests.models.rows import DAY, NOON

PERSON = ("user", "", "", 0, "", "", "", "", NOON, NOON)


@dataclass
class Statement:
    """One that is under way until the test ends it."""

    hashes: list[str]
    ended: "asyncio.Future[None]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def end(self) -> None:
        self.ended.set_result(None)

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        return [(token_hash, 7, NOON, NOON + DAY, *PERSON) for token_hash in self.hashes]


@dataclass
class SlowDatabase:
    """Finds every session, as slowly as a test wants."""

    dialect: Dialect = "postgres"
    statements: list[Statement] = field(default_factory=list)

    def peek(self, _sql: str, *_values: object) -> None:
        """Looks nowhere."""

    async def rows(self, sql: str, value: Any) -> Sequence[Sequence[Any]]:
        several = json.loads(value) if "json_each" in sql else value if "ANY" in sql else [value]
        statement = Statement(several)
        self.statements.append(statement)
        await statement.ended
        return statement.rows


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"loop_factory": SlowedLoop}


@pytest.fixture
def database() -> SlowDatabase:
    return SlowDatabase()


@pytest.fixture
def lookup(database: SlowDatabase) -> SessionLookup:
    return SessionLookup(database)  # type: ignore[arg-type]


async def ask(lookup: SessionLookup, *hashes: str) -> "list[asyncio.Task[SessionRecord | None]]":
    """Those who ask, once whatever can be sent for them is."""
    askers = [asyncio.create_task(lookup.find(token_hash, now=NOON, seen_after=0)) for token_hash in hashes]
    await slowed().pass_time(0)
    return askers


def sent(database: SlowDatabase) -> list[list[str]]:
    return [statement.hashes for statement in database.statements]


async def test_who_comes_while_a_statement_is_under_way_waits_for_it(
    lookup: SessionLookup, database: SlowDatabase
) -> None:
    askers = await ask(lookup, "a")
    for token_hash in ("b", "c", "d"):
        askers += await ask(lookup, token_hash)
    await slowed().pass_time(0.019)
    assert sent(database) == [["a"]]
    database.statements[0].end()
    await slowed().pass_time(0)
    assert sent(database) == [["a"], ["b", "c", "d"]]
    assert [asker.done() for asker in askers] == [True, False, False, False]
    # Whoever was to go when the first proved slow has gone: nobody is called a second time.
    assert slowed().waiting() == []
    database.statements[1].end()
    assert all(await asyncio.gather(*askers))


async def test_who_waits_for_a_slow_statement_goes_before_it_ends(
    lookup: SessionLookup, database: SlowDatabase
) -> None:
    askers = await ask(lookup, "a")
    askers += await ask(lookup, "b", "c")
    await slowed().pass_time(0.021)
    assert sent(database) == [["a"], ["b", "c"]]
    database.statements[1].end()
    assert all(await asyncio.gather(*askers[1:]))
    assert not askers[0].done()
    database.statements[0].end()
    assert await askers[0]


@pytest.mark.parametrize(("dialect", "most"), [("postgres", 4), ("sqlite", 1)])
async def test_so_many_statements_are_under_way_and_no_more_however_slow_they_are(
    lookup: SessionLookup, database: SlowDatabase, dialect: Dialect, most: int
) -> None:
    database.dialect = dialect
    askers = []
    for number in range(10):
        askers += await ask(lookup, f"{number}")
        await slowed().pass_time(1)
    assert sent(database) == [[f"{number}"] for number in range(most)]
    database.statements[0].end()
    await slowed().pass_time(0)
    await slowed().pass_time(0.021)
    assert sent(database)[most:] == [[f"{number}" for number in range(most, 10)]]
    for statement in database.statements[1:]:
        statement.end()
    assert all(await asyncio.gather(*askers))


async def test_who_waited_and_went_away_is_looked_up_for_nobody(lookup: SessionLookup, database: SlowDatabase) -> None:
    [first] = await ask(lookup, "a")
    gone, stays = await ask(lookup, "b", "c")
    gone.cancel()
    await slowed().pass_time(0)
    assert gone.cancelled()
    database.statements[0].end()
    await slowed().pass_time(0)
    assert sent(database) == [["a"], ["c"]]
    database.statements[1].end()
    assert all(await asyncio.gather(first, stays))


async def test_when_all_who_waited_have_gone_away_there_is_no_statement_and_the_next_one_is_not_kept(
    lookup: SessionLookup, database: SlowDatabase
) -> None:
    for seconds in (0.0, 1.0):
        database.statements.clear()
        [first] = await ask(lookup, "a")
        gone = await ask(lookup, "b", "c")
        for asker in gone:
            asker.cancel()
        await slowed().pass_time(seconds)
        database.statements[0].end()
        assert await first
        await slowed().pass_time(1)
        assert sent(database) == [["a"]]
    [last] = await ask(lookup, "d")
    assert sent(database) == [["a"], ["d"]]
    database.statements[-1].end()
    assert await last


async def test_a_failure_is_told_to_those_of_its_statement_and_to_those_who_waited_for_it_and_to_nobody_later(
    lookup: SessionLookup, database: SlowDatabase
) -> None:
    failing = [*await ask(lookup, "a", "b"), *await ask(lookup, "c", "d")]
    database.statements[0].ended.set_exception(DatabaseUnavailable("ConnectionDoesNotExistError"))
    told = await asyncio.gather(*failing, return_exceptions=True)
    assert [(type(error), str(error)) for error in told] == [(DatabaseUnavailable, "ConnectionDoesNotExistError")] * 4
    assert len({id(error) for error in told}) == 4
    later = await ask(lookup, "e")
    assert sent(database) == [["a", "b"], ["e"]]
    database.statements[1].end()
    assert all(await asyncio.gather(*later))


async def test_a_failure_is_told_to_those_who_stay_when_others_have_gone(
    lookup: SessionLookup, database: SlowDatabase
) -> None:
    gone, stays = await ask(lookup, "a", "b")
    gone.cancel()
    await slowed().pass_time(0)
    database.statements[0].ended.set_exception(DatabaseError("DataError"))
    with pytest.raises(DatabaseError, match="DataError"):
        await stays


async def test_those_of_a_statement_that_is_cancelled_do_not_wait_for_ever_and_others_go_on(
    lookup: SessionLookup, database: SlowDatabase
) -> None:
    dropped = await ask(lookup, "a", "b")
    waiting = await ask(lookup, "c")
    database.statements[0].ended.cancel()
    assert {type(error) for error in await asyncio.gather(*dropped, return_exceptions=True)} == {asyncio.CancelledError}
    await slowed().pass_time(0)
    database.statements[1].end()
    assert all(await asyncio.gather(*waiting))


async def test_more_than_a_statement_takes_go_one_after_the_other_and_nobody_is_forgotten(
    lookup: SessionLookup, database: SlowDatabase
) -> None:
    askers = await ask(lookup, *[f"{number}" for number in range(600)])
    for _ in range(3):
        await slowed().pass_time(0.021)
    assert [len(hashes) for hashes in sent(database)] == [256, 256, 88]
    for statement in database.statements:
        statement.end()
    assert all(await asyncio.gather(*askers))


async def test_many_who_have_gathered_do_not_wait_for_the_statement_under_way(
    lookup: SessionLookup, database: SlowDatabase
) -> None:
    askers = await ask(lookup, "a")
    askers += await ask(lookup, *(f"b{number}" for number in range(23)))
    assert sent(database) == [["a"]]
    askers += await ask(lookup, "c")
    assert sent(database) == [["a"], [*(f"b{number}" for number in range(23)), "c"]]
    # With two under way, the next ones gather however many they are.
    askers += await ask(lookup, *(f"d{number}" for number in range(30)))
    assert len(sent(database)) == 2
    database.statements[0].end()
    await slowed().pass_time(0)
    assert len(sent(database)) == 3
    for statement in database.statements[1:]:
        statement.end()
    await asyncio.gather(*askers)
