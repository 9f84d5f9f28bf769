"""What `examples/deploy/growth.md` tells operators to do and to reckon with."""

import asyncio
import re
from dataclasses import replace

import asyncpg
import pytest

from models.database import Database
from models.logins import sign_in
from models.sessions import Ended, SessionLookup, delete_ended, touch_sessions
from tests.deploy.files import text_of
from tests.models.rows import DAY, NOON, a_login, column


def in_growth(pattern: str) -> list[str]:
    return [str(found) for found in re.findall(pattern, text_of("growth.md"), re.MULTILINE | re.DOTALL)]


async def test_sessions_in_partitions_serve_as_before(database_url: str) -> None:
    [block] = in_growth(r"^```sql\n(.*?)^```$")
    async with Database(database_url) as database:
        await sign_in(database, a_login(1))
        connection = await asyncpg.connect(database_url)
        await connection.execute(block)
        await connection.close()

        for number in range(2, 40):
            await sign_in(database, replace(a_login(number), now=NOON + number, expires_at=NOON + number * DAY))
        assert await column(
            database, "SELECT COUNT(*) > 5 AS n FROM pg_inherits WHERE inhparent = 'sessions'::regclass"
        )
        lookup = SessionLookup(database)
        found = await asyncio.gather(*[lookup.find(f"token-{n}", now=NOON, seen_after=0) for n in range(1, 41)])
        assert [n for n, session in enumerate(found, 1) if session is None] == [40]
        await touch_sessions(database, ["token-1"], now=NOON + DAY, unless_seen_after=NOON + 1)
        ended = Ended(by=NOON + 2 * DAY, unseen_since=0)
        assert await delete_ended(database, ended, after="", size=100) == (1, None)
        await sign_in(database, replace(a_login(40), now=NOON + 40, expires_at=NOON + 40 * DAY, keep=10))
        assert len(await column(database, "SELECT token_hash FROM sessions")) == 10
        await database.fetch("DELETE FROM users")
        assert await column(database, "SELECT token_hash FROM sessions") == []


@pytest.mark.parametrize(("which", "place"), [("PostgreSQL", 0), ("SQLite", 1)])
def test_the_bytes_add_up(which: str, place: int) -> None:
    rows = [row.split("|") for row in in_growth(r"^\| `users`: row.*?(?=^\n)")[0].splitlines()]
    figures = [row[2 + place].strip() for row in rows]
    measured = [int(figure) if figure.isdigit() else 0 for figure in figures]
    totals = [int(figure.strip("*")) for figure in figures if "*" in figure]
    first = figures.index(f"**{totals[0]}**")
    assert abs(sum(measured[:first]) - totals[0]) <= 3, which
    assert abs(sum(measured[first + 1 :]) - totals[1]) <= 3, which
    [reckoned] = in_growth(rf"bytes, {which}: (\d+ \+ 1\.5 x \d+) \|")
    assert reckoned == f"{totals[0]} + 1.5 x {totals[1]}"
