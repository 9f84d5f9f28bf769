"""Several server processes on one database agree about who somebody is."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from graph.simulator import SimulatorState
from graph.simulator.serving import WeChatSimulator
from models.database import Database
from models.schema import migrate
from tests.gate import APP_ID, APP_SECRET, LOGIN, ME
from tests.processes import serve_environment, serve_process
from tests.secrecy import secrets_in

PROCESSES: Final = 3
LOGINS: Final = 50
# What `WXGATE_SESSION_MAX_PER_USER` is unless it is set.
MAX_SESSIONS: Final = 10


@pytest.fixture
def wechat_simulator_state() -> SimulatorState:
    """WeChat as it may be: every wx.login makes a new session_key."""
    return SimulatorState(APP_ID, APP_SECRET, seed=0, renew="always")


@pytest.fixture
def outputs(tmp_path: Path) -> list[Path]:
    """What each process prints."""
    return [tmp_path / f"output-{number}" for number in range(PROCESSES)]


@pytest.fixture
def urls(wechat_simulator: WeChatSimulator, database_url: str, outputs: list[Path]) -> Iterator[list[str]]:
    asyncio.run(migrate(database_url))
    environment = serve_environment(wechat_simulator, database_url)
    with ExitStack() as processes:
        yield [processes.enter_context(serve_process(environment, output)) for output in outputs]


async def answers(
    urls: list[str], query: str, variables: list[dict[str, str]], tokens: list[str | None]
) -> list[dict[str, Any]]:
    """The answers to requests that are all under way at once, dealt out to the processes in turn."""
    async with httpx.AsyncClient(timeout=60, trust_env=False) as http:
        responses = await asyncio.gather(
            *[
                http.post(
                    f"{urls[number % len(urls)]}/graphql",
                    json={"query": query, "variables": values},
                    headers={} if token is None else {"Authorization": f"Bearer {token}"},
                )
                for number, (values, token) in enumerate(zip(variables, tokens, strict=True))
            ]
        )
    return [response.json() for response in responses]


async def test_fifty_first_logins_of_one_person_in_three_processes_make_one_person(
    urls: list[str], wechat_simulator: WeChatSimulator, database_url: str, outputs: list[Path]
) -> None:
    codes = [{"code": wechat_simulator.login("alice")} for _ in range(LOGINS)]

    given = await answers(urls, LOGIN, codes, [None] * LOGINS)

    assert [answer for answer in given if "errors" in answer] == []
    logins = [answer["data"]["login"] for answer in given]
    [person] = {login["user"]["id"] for login in logins}
    assert [login["isNewUser"] for login in logins].count(True) == 1
    async with Database(database_url) as database:
        assert [dict(row) for row in await database.fetch("SELECT id FROM users")] == [{"id": person}]
        [account] = await database.fetch("SELECT user_id, openid FROM accounts")
        [sessions] = await database.fetch("SELECT COUNT(*) AS number FROM sessions")
    assert account["user_id"] == person
    # Logins at the same moment may each hold the other's session for the one too many.
    assert 1 <= sessions["number"] <= MAX_SESSIONS

    # Any process knows the tokens that any other gave out.
    tokens = [login["token"] for login in logins]
    known = await answers(urls[1:] + urls[:1], ME, [{}] * LOGINS, tokens)
    assert [answer["data"]["me"]["id"] for answer in known if answer["data"]["me"]] == [person] * sessions["number"]

    printed = "".join(output.read_text("utf-8") for output in outputs)
    assert [line for line in printed.splitlines() if "WARNING" in line or "ERROR" in line or "Traceback" in line] == []
    assert secrets_in(printed) == []
