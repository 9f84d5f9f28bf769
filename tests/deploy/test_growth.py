"""What `examples/deploy/growth.md` tells operators to do and to reckon with."""

import asyncio
import re
from dataclasses import replace
from typing import Final

import asyncpg
import pytest

from graph.settings import LimitSettings, RateLimitSettings, Settings, variables
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


COUNTS: Final = (1_000, 100_000, 1_000_000)
LOAD: Final = ("requests a second", "logins a second", "of these a minute", "connections without")


def limits_by_row() -> dict[str, list[str]]:
    """Of each row of the tables of limits what stands below 1,000, 100,000 and 1,000,000 users."""
    [chapter] = in_growth(r"^## Limits\n(.*?)^## ")
    rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in chapter.splitlines()]
    return {row[0]: row[1:4] for row in rows if len(row) >= 4}


def test_replicas_share_their_rate_limits_whatever_the_number_of_users() -> None:
    [address] = re.findall(r"WXGATE_RATE_LIMIT_STORAGE: (\S+)", text_of("compose.yaml"))
    assert set(limits_by_row()["WXGATE_RATE_LIMIT_STORAGE"]) == {address}


def test_the_load_of_so_many_users_is_reckoned_right() -> None:
    rows = limits_by_row()
    figures = {name: [float(cell.replace(",", "")) for cell in rows[name]] for name in rows if name.startswith(LOAD)}
    assert len(figures) == len(LOAD)
    requests, logins, shared, connections = figures.values()
    for place, users in enumerate(COUNTS):
        within_ten_minutes = users / 10
        assert requests[place] == pytest.approx(0.1 * 20 * 5 / 86_400 * users, rel=0.05)
        assert logins[place] == pytest.approx(within_ten_minutes / 600, rel=0.05)
        assert shared[place] == within_ten_minutes / 10 / (1 if users == 1_000 else 50)
        assert connections[place] == pytest.approx(within_ten_minutes / 600 * LimitSettings().idle_seconds, rel=0.05)
    [hall] = in_growth(r"a lecture hall of (\d+) who")
    [most] = re.findall(r"^(\d+)/minute$", RateLimitSettings().login)
    assert int(hall) + shared[-1] <= int(most)


def test_every_limit_has_a_size_for_so_many_users(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {name: values for name, values in limits_by_row().items() if name.startswith("WXGATE_")}
    rest = limits_by_row()["all other limits"]
    assert rest == ["default"] * len(COUNTS)
    of_rates = {name for name in variables() if name.startswith("WXGATE_RATE_LIMIT_")}
    assert of_rates <= set(sizes) <= set(variables())
    for place in range(len(COUNTS)):
        with monkeypatch.context() as environment:
            for name, values in sizes.items():
                if values[place] != "default":
                    environment.setenv(name, values[place])
            Settings.load("rate_limit", "limit")  # raises for what it does not take
