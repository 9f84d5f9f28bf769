"""What happens to sessions that have ended: they are removed, beside a live server."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from graph.accounts import cleanup, jobs
from graph.accounts.errors import Unauthenticated
from graph.accounts.jobs import EVERY_MS, LEASE_MS, Jobs
from graph.accounts.sessions import Sessions
from graph.security.encryption import KeyRing
from graph.security.tokens import SessionMacs
from graph.settings import Settings
from graph.simulator.serving import WeChatSimulator
from models.database import Database
from models.logins import sign_in
from tests.accounts.stored import run_sql, wxgate
from tests.cli.processes import run
from tests.databases import give_tables
from tests.models.rows import a_login
from tests.secret_patterns import secrets_in
from tests.server import ENCRYPTION_KEYS, Clock, TestServer, open_server

PATIENCE = 30
OTHERS = (
    "0 entries of the audit log removed\n0 rows of the feed of deleted users removed\n0 events removed\n"
    "0 uploads removed\n0 rows of replaced pictures removed\n"
)
REMOVED = "{} sessions removed\n" + OTHERS


@pytest.fixture
def clock(clock: Clock) -> Clock:
    """A month and more ago: what ended by this clock counts only when it has ended by the database's clock too."""
    clock.advance(days=-40)
    return clock


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Without a server on it: a process opens one database at a time."""
    await give_tables(database_url)
    async with Database(database_url) as opened:
        yield opened


@pytest.fixture
def sessions(database: Database, clock: Clock) -> Sessions:
    return Sessions(
        database=database,
        macs=SessionMacs(KeyRing.parse(ENCRYPTION_KEYS)),
        idle_days=7,
        absolute_days=30,
        max_per_user=10,
        require_mac=True,
        now=clock,
    )


async def cleaned_up(database: Database, clock: Clock, *, unless_done_within_ms: int = 0) -> int | None:
    """How many ended sessions a process removes; None when it is not its turn."""
    job, *_ = cleanup.cleanup_jobs(database, idle_days=7, audit_days=180)
    runner = Jobs(database=database, now=clock, jobs=[job])
    return await runner.run(job, unless_done_within_ms=unless_done_within_ms)


async def signed_in(database: Database, sessions: Sessions, number: int) -> str:
    """The token of a new user."""
    token, session = sessions.issue(a_login(number, openid=f"openid-{number}").key)
    await sign_in(database, replace(session, user_id=f"user-{number}"))
    return token.get_secret_value()


async def left(settings: Settings) -> int:
    """How many sessions are there."""
    [row] = await run_sql(settings, "SELECT COUNT(*) AS number FROM sessions")
    return int(row["number"])


async def test_sessions_that_are_removed_are_those_that_have_ended(
    database: Database, sessions: Sessions, clock: Clock
) -> None:
    idle, used = [await signed_in(database, sessions, number) for number in (1, 2)]
    clock.advance(days=7, seconds=-1)
    async with sessions:  # at its end it has noted whom it saw
        viewer = await sessions.viewer(used)
    assert viewer is not None
    assert viewer.user.id == "user-2"
    assert await cleaned_up(database, clock) == 0
    clock.advance(seconds=1)
    with pytest.raises(Unauthenticated):
        await sessions.viewer(idle)

    assert await cleaned_up(database, clock) == 1

    viewer = await sessions.viewer(used)
    assert viewer is not None
    assert viewer.user.id == "user-2"
    clock.advance(days=23)
    with pytest.raises(Unauthenticated):
        await sessions.viewer(used)
    assert await cleaned_up(database, clock) == 1


async def test_more_than_a_page_goes_in_pages(
    database: Database, sessions: Sessions, clock: Clock, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cleanup, "PAGE", 2)
    for number in range(5):
        await signed_in(database, sessions, number)
    clock.advance(days=31)
    assert await cleaned_up(database, clock) == 5
    assert await left(settings) == 0


async def test_of_several_replicas_only_one_removes_sessions(database: Database, clock: Clock) -> None:
    removed = await asyncio.gather(*[cleaned_up(database, clock, unless_done_within_ms=EVERY_MS) for _ in range(5)])
    assert removed.count(0) == 1
    assert removed.count(None) == 4
    assert await cleaned_up(database, clock, unless_done_within_ms=EVERY_MS) is None
    clock.advance(hours=1)
    assert await cleaned_up(database, clock, unless_done_within_ms=EVERY_MS) == 0


async def test_the_server_removes_ended_sessions_by_itself(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "LOOK_EVERY_SECONDS", 0.05)
    async with open_server(settings, wechat_simulator, clock) as server, asyncio.timeout(PATIENCE):
        await server.login("alice")
        assert await left(settings) == 1
        clock.advance(days=31)
        while await left(settings):  # noqa: ASYNC110 - the database sends no event
            await asyncio.sleep(0.05)


async def test_a_server_that_cannot_remove_them_logs_it_and_retries(
    settings: Settings,
    wechat_simulator: WeChatSimulator,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(jobs, "LOOK_EVERY_SECONDS", 0.05)
    async with open_server(settings, wechat_simulator, clock) as server, asyncio.timeout(PATIENCE):
        await server.login("alice")
        clock.advance(days=31)
        await run_sql(settings, "ALTER TABLE leases RENAME TO mislaid")
        while "could not finish removing sessions that have ended" not in caplog.text:  # noqa: ASYNC110 - a log has no event
            await asyncio.sleep(0.05)
        # They may be gone already, removed before the table was away.
        await run_sql(settings, "ALTER TABLE mislaid RENAME TO leases")
        await run_sql(settings, "UPDATE leases SET done_at = 0, held_until = 0")
        while await left(settings):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.05)


async def test_an_operator_removes_ended_sessions_beside_the_server(
    server: TestServer, settings: Settings, clock: Clock
) -> None:
    clock.advance(days=40)  # the command looks at the real one
    await server.login("alice")
    await run_sql(settings, "UPDATE sessions SET expires_at = 1")
    kept = await server.login("bob")

    printed = wxgate(settings, "cleanup")

    assert printed == REMOVED.format(1)
    assert secrets_in(printed) == []
    assert (await server.me(kept["token"]))["id"] == kept["user"]["id"]
    assert wxgate(settings, "cleanup") == REMOVED.format(0)


async def test_an_operator_is_refused_while_another_process_is_at_it(
    server: TestServer, settings: Settings, tmp_path: Path
) -> None:
    await server.login("alice")
    until = time.time_ns() // 1_000_000 + LEASE_MS
    await run_sql(settings, "INSERT INTO leases (name, held_until, done_at) VALUES ('sweep', 0, 0)")
    await run_sql(settings, f"UPDATE leases SET held_until = {until}")  # noqa: S608 - a number
    database_url = settings.database.url.get_secret_value()
    refused = run("cleanup", cwd=tmp_path, WXGATE_DATABASE_URL=database_url)
    assert (refused.returncode, refused.stdout) == (1, OTHERS)
    assert refused.stderr.startswith("Error: Another process is removing sessions that have ended just now")
