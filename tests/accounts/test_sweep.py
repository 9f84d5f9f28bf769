"""What happens to sessions that have ended: somebody removes them, beside a live server."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from graph.accounts import session_cleanup as sweep
from graph.accounts.errors import Unauthenticated
from graph.accounts.session_cleanup import EVERY_MS, Sweeper
from graph.accounts.sessions import Sessions
from graph.settings import Settings
from graph.simulator.serving import WeChatSimulator
from models.database import Database
from models.logins import sign_in
from tests.accounts.stored import run_sql, wxgate
from tests.cli.processes import run
from tests.databases import give_tables
from tests.models.rows import a_login
from tests.secret_patterns import secrets_in
from tests.server import Clock, TestServer, open_server

PATIENCE = 30


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Without a server on it: a process opens one database at a time."""
    await give_tables(database_url)
    async with Database(database_url) as opened:
        yield opened


@pytest.fixture
def sessions(database: Database, clock: Clock) -> Sessions:
    return Sessions(database=database, idle_days=7, absolute_days=30, max_per_user=10, now=clock)


def sweeper(database: Database, clock: Clock) -> Sweeper:
    return Sweeper(database=database, idle_days=7, absolute_days=30, now=clock)


async def signed_in(database: Database, sessions: Sessions, number: int) -> str:
    """The token of a person of their own."""
    issued = sessions.issue()
    await sign_in(
        database,
        replace(
            a_login(number, openid=f"openid-{number}", now=issued.created_at, expires_at=issued.expires_at),
            token_hash=issued.token_hash,
        ),
    )
    return issued.token.get_secret_value()


async def left(settings: Settings) -> int:
    """How many sessions are there."""
    [row] = await run_sql(settings, "SELECT COUNT(*) AS number FROM sessions")
    return int(row["number"])


async def test_what_is_swept_is_what_signs_nobody_in(database: Database, sessions: Sessions, clock: Clock) -> None:
    idle, used = [await signed_in(database, sessions, number) for number in (1, 2)]
    clock.advance(days=7, seconds=-1)
    assert (await sessions.viewer(used)).user.id == "user-2"
    assert await sweeper(database, clock).sweep() == 0
    clock.advance(seconds=1)
    with pytest.raises(Unauthenticated):
        await sessions.viewer(idle)

    assert await sweeper(database, clock).sweep() == 1

    assert (await sessions.viewer(used)).user.id == "user-2"
    clock.advance(days=23)
    with pytest.raises(Unauthenticated):
        await sessions.viewer(used)
    assert await sweeper(database, clock).sweep() == 1


async def test_more_than_a_page_goes_in_pages(
    database: Database, sessions: Sessions, clock: Clock, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "PAGE", 2)
    for number in range(5):
        await signed_in(database, sessions, number)
    clock.advance(days=31)
    assert await sweeper(database, clock).sweep() == 5
    assert await left(settings) == 0


async def test_of_several_replicas_one_sweeps_and_the_others_leave_it_to_it(database: Database, clock: Clock) -> None:
    swept = await asyncio.gather(*[sweeper(database, clock).sweep(unless_done_within_ms=EVERY_MS) for _ in range(5)])
    assert swept.count(0) == 1
    assert swept.count(None) == 4
    assert await sweeper(database, clock).sweep(unless_done_within_ms=EVERY_MS) is None
    clock.advance(hours=1)
    assert await sweeper(database, clock).sweep(unless_done_within_ms=EVERY_MS) == 0


async def test_the_server_sweeps_by_itself(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "LOOK_EVERY_SECONDS", 0.05)
    async with open_server(settings, wechat_simulator, clock) as server, asyncio.timeout(PATIENCE):
        await server.login("alice")
        assert await left(settings) == 1
        clock.advance(days=31)
        while await left(settings):  # noqa: ASYNC110 - what is waited for is in another's database
            await asyncio.sleep(0.05)


async def test_a_server_that_cannot_sweep_says_so_and_tries_again(
    settings: Settings,
    wechat_simulator: WeChatSimulator,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(sweep, "LOOK_EVERY_SECONDS", 0.05)
    async with open_server(settings, wechat_simulator, clock) as server, asyncio.timeout(PATIENCE):
        await server.login("alice")
        clock.advance(days=31)
        await run_sql(settings, "ALTER TABLE leases RENAME TO mislaid")
        while "could not remove sessions that have ended" not in caplog.text:  # noqa: ASYNC110 - a log has no event
            await asyncio.sleep(0.05)
        # Perhaps swept already, before the table was gone; sign in somebody who is left over.
        await run_sql(settings, "ALTER TABLE mislaid RENAME TO leases")
        await run_sql(settings, "UPDATE leases SET done_at = 0, held_until = 0")
        while await left(settings):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.05)


async def test_an_operator_sweeps_beside_the_server(server: TestServer, settings: Settings) -> None:
    await server.login("alice")
    await run_sql(settings, "UPDATE sessions SET expires_at = 1")
    kept = await server.login("bob")

    said = wxgate(settings, "sweep")

    assert said == "1 sessions removed\n"
    assert secrets_in(said) == []
    assert (await server.me(kept["token"]))["id"] == kept["user"]["id"]
    assert wxgate(settings, "sweep") == "0 sessions removed\n"


async def test_an_operator_learns_that_somebody_else_is_sweeping(
    server: TestServer, settings: Settings, tmp_path: Path
) -> None:
    await server.login("alice")
    await run_sql(settings, "INSERT INTO leases (name, held_until, done_at) VALUES ('sweep', 9000000000000, 0)")
    database_url = settings.database.url.get_secret_value()
    refused = run("sweep", cwd=tmp_path, WXGATE_DATABASE_URL=database_url)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("Error: Another process is removing them just now")
