"""PgBouncer in transaction mode, where each statement may run on another connection: `statement_cache_size=0`."""

import asyncio
from collections.abc import Iterator

import pytest

from graph.simulator.serving import WeChatSimulator
from models.database import Database
from models.migrate import migrate, missing_migrations
from tests.models.migrating import run_migrations
from tests.models.pgbouncer import pgbouncer
from tests.server import LOGIN, Clock, open_server, settings_for

BOUND = 60


@pytest.fixture
def url(postgres_url: str) -> Iterator[str]:
    """An empty database behind a PgBouncer that has two connections for everybody."""
    name, _, directory = postgres_url.partition("@/")[2].partition("?host=")
    with pgbouncer(directory.replace("%2F", "/")) as port:
        yield f"postgres://postgres@127.0.0.1:{port}/{name}?statement_cache_size=0&maxsize=10"


async def everything(url: str) -> list[str]:
    """The names of all migrations, which an empty database lacks."""
    async with Database(url) as database:
        return await missing_migrations(database)


async def test_migrations_are_alone_and_leave_no_lock(url: str, postgres_url: str) -> None:
    async with asyncio.timeout(BOUND):
        for applied in (await everything(postgres_url), [], []):
            assert await migrate(url) == applied
        async with Database(url) as database:
            assert await missing_migrations(database) == []
        async with Database(postgres_url) as direct:
            locks = await direct.fetch("SELECT pid FROM pg_locks WHERE locktype = 'advisory'")
            assert [dict(lock) for lock in locks] == []


def test_six_processes_that_migrate_at_once_apply_everything_once(url: str, postgres_url: str) -> None:
    applied = asyncio.run(everything(postgres_url))
    assert sorted(run_migrations(url, processes=6)) == [str(applied), *["[]"] * 5]


async def test_the_whole_server_works_on_two_connections_shared_by_ten(
    url: str, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    async with (
        asyncio.timeout(BOUND),
        open_server(settings_for(wechat_simulator, url), wechat_simulator, clock) as server,
    ):
        people = [f"p{number}" for number in range(10)]
        codes = [wechat_simulator.login(person) for person in people for _ in range(3)]
        answers = await asyncio.gather(*[server.post(LOGIN, {"code": code}) for code in codes])
        assert [answer for answer in answers if "errors" in answer] == []
        logins = [answer["data"]["login"] for answer in answers]
        assert len({login["user"]["id"] for login in logins}) == len(people)
        for _ in range(5):
            known = await asyncio.gather(*[server.me(login["token"]) for login in logins])
            assert [person["id"] for person in known] == [login["user"]["id"] for login in logins]
        submissions = [
            (login["token"], wechat_simulator.user_info(person, policy="old"))
            for person, login in zip(people, logins[2::3], strict=True)
        ]
        stored = await asyncio.gather(*[server.submit(token, submission) for token, submission in submissions])
        assert [person["id"] for person in stored] == [login["user"]["id"] for login in logins[2::3]]
