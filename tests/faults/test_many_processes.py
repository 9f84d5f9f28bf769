"""Several server processes on one database agree about who somebody is."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from graph.simulator import SimulatorState
from graph.simulator.serving import WeChatSimulator
from models.database import Database
from models.migrate import migrate
from tests.accounts.full_user import DELETE
from tests.accounts.test_session_list import LOGOUT, REVOKE, SESSIONS
from tests.processes import serve_environment, serve_process
from tests.secret_patterns import secrets_in
from tests.server import APP_ID, APP_SECRET, LOGIN, ME, SUBMIT

PROCESSES: Final = 3
LOGINS: Final = 50
ROUNDS: Final = 40
PEOPLE: Final = ("alice", "bob", "carol")
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
    """The responses to requests that are all in flight at once, dealt out to the processes in turn."""
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
    assert sessions["number"] == MAX_SESSIONS

    # Any process knows the tokens that any other gave out.
    tokens = [login["token"] for login in logins]
    known = await answers(urls[1:] + urls[:1], ME, [{}] * LOGINS, tokens)
    assert [answer["data"]["me"]["id"] for answer in known if answer["data"]["me"]] == [person] * sessions["number"]

    assert_nothing_was_worth_a_warning(outputs)


def assert_nothing_was_worth_a_warning(outputs: list[Path]) -> None:
    printed = "".join(output.read_text("utf-8") for output in outputs)
    assert [line for line in printed.splitlines() if "WARNING" in line or "ERROR" in line or "Traceback" in line] == []
    assert secrets_in(printed) == []


async def post(http: httpx.AsyncClient, url: str, query: str, token: str, **variables: str) -> Any:
    """The response to one request, whatever is in it."""
    headers, body = {"Authorization": f"Bearer {token}"}, {"query": query, "variables": variables}
    return (await http.post(f"{url}/graphql", json=body, headers=headers)).json()


async def ask(http: httpx.AsyncClient, url: str, query: str, variables: Any = None, token: str | None = None) -> Any:
    """An answer without errors but the one that is nobody's fault: its key was not there in time."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    response = await http.post(f"{url}/graphql", json={"query": query, "variables": variables}, headers=headers)
    answer = response.json()
    codes = [error["extensions"]["code"] for error in answer.get("errors", ())]
    assert codes in ([], ["SESSION_KEY_STALE"]), answer
    return None if codes else answer["data"]


async def race(http: httpx.AsyncClient, urls: list[str], wechat: WeChatSimulator, person: str, token: str) -> Any:
    """A login in one process while others take what was signed with the key before it, and with the key it brings."""
    first, second, third = urls
    before = wechat.user_info(person, policy="old")
    code = wechat.login(person)
    after = wechat.user_info(person, policy="old", nickName=person)
    login, old, new, me = await asyncio.gather(
        ask(http, first, LOGIN, {"code": code}, token),
        ask(http, second, SUBMIT, before, token),
        ask(http, third, SUBMIT, after, token),
        ask(http, second, ME, token=token),
    )
    # Who came too early for a key follows the advice; now that the login is over, there is nothing to wait for.
    old = old or await ask(http, second, SUBMIT, before, token)
    new = new or await ask(http, third, SUBMIT, after, token)
    people = [
        login["login"]["user"]["id"],
        old["submitUserInfo"]["id"],
        new["submitUserInfo"]["id"],
        me["me"]["id"],
    ]
    assert people == [people[0]] * len(people)
    return login["login"]["token"], people[0]


async def test_forty_rounds_of_logins_and_submissions_that_overlap_in_three_processes(
    urls: list[str], wechat_simulator: WeChatSimulator, database_url: str, outputs: list[Path]
) -> None:
    async with httpx.AsyncClient(timeout=60, trust_env=False) as http:
        logins = [await ask(http, urls[0], LOGIN, {"code": wechat_simulator.login(person)}) for person in PEOPLE]
        tokens = [login["login"]["token"] for login in logins]
        for number in range(ROUNDS):
            turned = urls[number % PROCESSES :] + urls[: number % PROCESSES]
            outcomes = await asyncio.gather(
                *[race(http, turned, wechat_simulator, *player) for player in zip(PEOPLE, tokens, strict=True)]
            )
            tokens = [token for token, _ in outcomes]
            assert [user for _, user in outcomes] == [login["login"]["user"]["id"] for login in logins]
    async with Database(database_url) as database:
        names = [row["nick_name"] for row in await database.fetch("SELECT nick_name FROM users ORDER BY 1")]
        accounts = await database.fetch("SELECT session_key, previous_session_key FROM accounts")
    assert names == sorted(PEOPLE)
    assert len(accounts) == len(PEOPLE)
    assert all(account["session_key"] != account["previous_session_key"] for account in accounts)
    assert_nothing_was_worth_a_warning(outputs)


async def test_a_session_that_one_process_ends_is_known_to_none_at_once(
    urls: list[str], wechat_simulator: WeChatSimulator, outputs: list[Path]
) -> None:
    async with httpx.AsyncClient(timeout=60, trust_env=False) as http:
        for number in range(2 * PROCESSES):
            logins = [await ask(http, url, LOGIN, {"code": wechat_simulator.login("alice")}) for url in urls]
            phone, tablet, laptop = [login["login"]["token"] for login in logins]
            here, there, beyond = urls[number % PROCESSES :] + urls[: number % PROCESSES]
            seen = [(await post(http, url, ME, phone))["data"]["me"] for url in (here, there)]
            assert seen[0] == seen[1]
            assert await post(http, here, LOGOUT, phone) == {"data": {"logout": True}}
            assert (await post(http, there, ME, phone))["data"] == {"me": None}
            assert await post(http, beyond, LOGOUT, phone) == {"data": {"logout": False}}
            listed = (await post(http, there, SESSIONS, tablet))["data"]["sessions"]
            [other] = [session["id"] for session in listed if not session["isCurrent"]]
            assert await post(http, beyond, REVOKE, tablet, id=other) == {"data": {"revokeSession": True}}
            assert (await post(http, here, ME, laptop))["data"] == {"me": None}
            assert await post(http, here, LOGOUT, tablet) == {"data": {"logout": True}}
    assert_nothing_was_worth_a_warning(outputs)


async def test_a_user_whom_one_process_deletes_is_known_to_none_at_once(
    urls: list[str], wechat_simulator: WeChatSimulator, outputs: list[Path]
) -> None:
    async with httpx.AsyncClient(timeout=60, trust_env=False) as http:

        async def log_in(url: str) -> Any:
            return (await ask(http, url, LOGIN, {"code": wechat_simulator.login("alice")}))["login"]

        for number in range(PROCESSES):
            logins = [await log_in(url) for url in urls]
            assert [login["isNewUser"] for login in logins] == [True, False, False], "a deletion was undone"
            tokens = [login["token"] for login in logins]
            deleting = urls[number]
            answer = await post(http, deleting, DELETE, tokens[0], code=wechat_simulator.login("alice"))
            assert "errors" not in answer
            known = [(await post(http, url, ME, token))["data"] for url in urls for token in tokens]
            assert known == [{"me": None}] * 9

        # Each process has the code of another, and one of them deletes.
        tokens = [(await log_in(url))["token"] for url in urls]
        codes = [wechat_simulator.login("alice") for _ in urls]
        each = zip(urls, tokens, codes, strict=True)
        answers = await asyncio.gather(*[post(http, url, DELETE, token, code=code) for url, token, code in each])
        times = {answer["data"]["deleteMe"]["deletedAt"] for answer in answers if "errors" not in answer}
        assert len(times) == 1
    assert_nothing_was_worth_a_warning(outputs)


@pytest.fixture
def apps(wechat_simulator: WeChatSimulator) -> list[WeChatSimulator]:
    """Three mini-programs of one Open Platform account."""
    apps = [wechat_simulator, *[wechat_simulator.app(f"wx{number}0c1f0c9be2d3784") for number in range(2)]]
    for app in apps:
        app.bind_open_platform()
    return apps


async def test_forty_times_six_first_logins_through_three_apps_make_forty_users(
    apps: list[WeChatSimulator], database_url: str, outputs: list[Path]
) -> None:
    await asyncio.to_thread(lambda: asyncio.run(migrate(database_url)))
    further = json.dumps([{"app_id": app.app_id, "app_secret": app.app_secret} for app in apps[1:]])
    environment = serve_environment(apps[0], database_url, WXGATE_WECHAT_APPS=further)
    with ExitStack() as processes:
        urls = [processes.enter_context(serve_process(environment, output)) for output in outputs]
        async with httpx.AsyncClient(timeout=60, trust_env=False) as http:

            async def log_in(user: str, number: int) -> tuple[str, bool]:
                app = apps[number % len(apps)]
                code = await asyncio.to_thread(app.login, user)
                body, headers = {"query": LOGIN, "variables": {"code": code}}, {"X-Wxgate-App": app.app_id}
                # Two of one app are at two processes.
                url = urls[(number + number // len(apps)) % PROCESSES]
                login = (await http.post(f"{url}/graphql", json=body, headers=headers)).json()["data"]["login"]
                return login["user"]["id"], login["isNewUser"]

            for number in range(ROUNDS):
                logins = await asyncio.gather(*[log_in(f"user-{number}", place) for place in range(6)])
                assert len({user for user, _ in logins}) == 1
                assert [is_new for _, is_new in logins].count(True) == 1
    async with Database(database_url) as database:
        counted = [
            (await database.fetch(f"SELECT COUNT(*) AS number FROM {table}"))[0]["number"]  # noqa: S608 - constants
            for table in ("users", "accounts", "unionids")
        ]
    assert counted == [ROUNDS, 3 * ROUNDS, ROUNDS]
    assert_nothing_was_worth_a_warning(outputs)
