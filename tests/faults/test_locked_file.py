"""Whoever is signed in stays so while another process keeps a SQLite file locked; whoever logs in is told the truth."""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import pytest

from graph.settings import Settings
from graph.simulator.serving import WeChatSimulator
from tests.faults.recovery import soon
from tests.server import LOGIN, SUBMIT, Clock, TestServer, open_server

LOGINS: Final = 10
# Seconds; whatever takes longer waits for ever.
BOUND: Final = 20


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "wxgate.db"


@pytest.fixture
def database_url(file: Path, request: pytest.FixtureRequest) -> str:
    """With a parameter, because only the test knows for how long it keeps the file locked."""
    return f"sqlite://{file}?busy_timeout={request.param}"


def stored(file: Path, select: str) -> list[object]:
    with closing(sqlite3.connect(file)) as other:
        return other.execute(select).fetchall()


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """As by a backup or a migration in another process."""
    with closing(sqlite3.connect(file, isolation_level=None, timeout=0)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@pytest.mark.parametrize("database_url", [60_000], indirect=True)
async def test_everybody_is_known_and_the_server_ready_while_logins_wait(
    server: TestServer, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.transaction_batcher.TURN_SECONDS", 60)  # they wait until this test lets them write
    tokens = [(await server.login(person))["token"] for person in ("alice", "bob")]
    codes = [server.wechat.login("alice") for _ in range(LOGINS)]
    async with asyncio.timeout(BOUND):
        with locked(file):
            logins = [asyncio.ensure_future(server.post(LOGIN, {"code": code})) for code in codes]
            for _ in range(5):
                people = await asyncio.gather(*[server.me(token) for token in 10 * tokens])
                assert len({person["id"] for person in people}) == 2
                assert (await server.http.get("/readyz")).status_code == 200
            assert not [login for login in logins if login.done()]
        assert ["errors" in answer for answer in await asyncio.gather(*logins)] == [False] * LOGINS


@pytest.mark.parametrize("database_url", [5_000], indirect=True)
async def test_nobody_waits_until_it_is_noted_that_they_were_seen(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, file: Path
) -> None:
    async with asyncio.timeout(BOUND), open_server(settings, wechat_simulator, clock) as server:
        tokens = [(await server.login(person))["token"] for person in 5 * ("alice", "bob")]
        clock.advance(hours=2)
        with locked(file):
            asked_at = time.monotonic()
            people = await asyncio.gather(*[server.me(token) for token in tokens])
            assert time.monotonic() < asked_at + 1
            assert len({person["id"] for person in people}) == 2
        # The server ends just now, and notes before that what it has seen.
    assert stored(file, "SELECT DISTINCT last_seen_at FROM sessions") == [(clock(),)]


@pytest.mark.parametrize("database_url", [1], indirect=True)
async def test_one_warning_says_that_what_was_seen_together_is_not_noted(
    server: TestServer, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tokens = [(await server.login(person))["token"] for person in 5 * ("alice", "bob")]
    server.clock.advance(hours=2)
    with locked(file):
        await asyncio.gather(*[server.me(token) for token in tokens])
        await soon(lambda: "could not note" in caplog.text)
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == [
        "could not note that sessions are in use"
    ]


@pytest.mark.parametrize("database_url", [20], indirect=True)
async def test_writes_that_cannot_be_stored_have_codes_and_leave_no_lock(server: TestServer, file: Path) -> None:
    token = (await server.login("alice"))["token"]
    submission = server.wechat.user_info("alice")
    codes = [server.wechat.login("alice") for _ in range(LOGINS)]
    async with asyncio.timeout(BOUND):
        with locked(file):
            answers = await asyncio.gather(
                server.post(SUBMIT, submission, token=token), *[server.post(LOGIN, {"code": code}) for code in codes]
            )
            assert await server.me(token) is not None
        errors = [error["extensions"] for answer in answers for error in answer["errors"]]
        assert [error["code"] for error in errors] == ["SERVICE_UNAVAILABLE"] * (LOGINS + 1)
        # A code that WeChat has taken is of no use a second time; a submission is.
        assert [error["action"] for error in errors] == ["WAIT", *["LOG_IN"] * LOGINS]
        await server.login("alice")
        await server.submit(token, submission)
