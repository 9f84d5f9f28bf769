"""Whether WeChat still takes the session_key that the server holds, as a client asks it."""

import asyncio
from typing import Any, Final

import pytest

from graph.accounts.forced_refreshes import APART_MS
from graph.settings import Settings
from graph.simulator.serving import WeChatSimulator
from tests.accounts.stored import run_sql
from tests.server import Clock, TestServer, open_server, settings_behind_proxy

CHECK: Final = "{ checkSession }"
STABLE_TOKEN: Final = "/cgi-bin/stable_token"
CHECK_SESSION: Final = "/wxa/checksession"

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def check(server: TestServer, token: str) -> bool:
    answer = await server.post(CHECK, token=token)
    assert "errors" not in answer, answer
    return bool(answer["data"]["checkSession"])


async def refusal(server: TestServer, token: str) -> dict[str, Any]:
    """The extensions of the one error, without its requestId."""
    answer = await server.post(CHECK, token=token)
    [error] = answer["errors"]
    assert answer["data"] is None
    return {name: value for name, value in error["extensions"].items() if name != "requestId"}


def count_fetches(wechat: WeChatSimulator, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Grows by each request for a stable token, with whether it forces a new one."""
    access_tokens, forced = wechat.state.access_tokens, []
    fetch_stable = access_tokens.fetch_stable

    def counted(*, force_refresh: bool) -> dict[str, object]:
        forced.append(force_refresh)
        return fetch_stable(force_refresh=force_refresh)

    monkeypatch.setattr(access_tokens, "fetch_stable", counted)
    return forced


async def test_a_session_key_is_good_until_wechat_replaces_it(server: TestServer) -> None:
    token = (await server.login("alice"))["token"]
    bob = (await server.login("bob"))["token"]
    assert await check(server, token)

    server.wechat.expire_session_key("alice")
    assert not await check(server, token)
    assert await check(server, bob)

    token = (await server.login("alice"))["token"]
    assert await check(server, token)


@on_sqlite
async def test_a_code_that_no_server_got_may_have_replaced_it(server: TestServer) -> None:
    token = (await server.login("alice"))["token"]
    server.wechat.login("alice", renewSessionKey=True)
    assert not await check(server, token)


@on_sqlite
async def test_without_a_token_or_with_a_bad_one_nothing_is_asked(
    server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetches = count_fetches(server.wechat, monkeypatch)
    assert await server.code_of_error(CHECK) == "UNAUTHENTICATED"
    assert await server.code_of_error(CHECK, token="wxs_nonsense") == "UNAUTHENTICATED"
    assert fetches == []


@on_sqlite
async def test_a_mini_program_that_is_served_no_more_wants_a_login(
    server: TestServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = (await server.login("alice"))["token"]
    fetches = count_fetches(server.wechat, monkeypatch)
    await run_sql(settings, "UPDATE accounts SET app_id = 'wxfedcba9876543210'")
    assert not await check(server, token)
    assert fetches == []


async def test_a_session_key_that_cannot_be_opened_wants_a_login(
    server: TestServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = (await server.login("alice"))["token"]
    fetches = count_fetches(server.wechat, monkeypatch)
    await run_sql(settings, "UPDATE accounts SET openid = 'another'")
    assert not await check(server, token)
    assert fetches == []


@on_sqlite
async def test_two_hundred_at_once_need_one_access_token(server: TestServer, monkeypatch: pytest.MonkeyPatch) -> None:
    token = (await server.login("alice"))["token"]
    fetches = count_fetches(server.wechat, monkeypatch)
    assert await asyncio.gather(*[check(server, token) for _ in range(200)]) == [True] * 200
    assert fetches == [False]


async def test_an_access_token_that_has_expired_is_replaced_without_force(
    server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = (await server.login("alice"))["token"]
    assert await check(server, token)
    fetches = count_fetches(server.wechat, monkeypatch)
    server.wechat.state.access_tokens.expire_all()
    assert await check(server, token)
    assert fetches == [False]


async def test_a_new_access_token_is_forced_once_a_minute_at_most(
    server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = (await server.login("alice"))["token"]
    assert await check(server, token)
    fetches = count_fetches(server.wechat, monkeypatch)

    async def refused_once() -> Any:
        """The answer to a client whose access token WeChat refuses, but goes on giving."""
        fetches.clear()
        server.wechat.fail("errcode", errcode=40001, path=CHECK_SESSION)
        return await server.post(CHECK, token=token)

    assert (await refused_once())["data"] == {"checkSession": True}
    assert fetches == [False, True]

    server.clock.advance(seconds=20)
    [error] = (await refused_once())["errors"]
    assert error["extensions"]["code"] == "WECHAT_MISCONFIGURED"
    assert fetches == [False, False]
    assert server.clock.slept == [1.0]

    server.clock.advance(seconds=APART_MS / 1000 - 20)
    server.wechat.advance(APART_MS / 1000)
    assert (await refused_once())["data"] == {"checkSession": True}
    assert fetches == [False, False, True], "what was remembered of the failure is over, and so is the minute"


@on_sqlite
async def test_an_access_token_that_is_always_refused_is_the_operators_to_mend(
    server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = (await server.login("alice"))["token"]
    fetches = count_fetches(server.wechat, monkeypatch)
    server.wechat.fail("errcode", errcode=40001, path=CHECK_SESSION, times=3)
    assert await refusal(server, token) == {"code": "WECHAT_MISCONFIGURED", "action": "GIVE_UP", "retryable": False}
    assert await refusal(server, token) == {"code": "WECHAT_MISCONFIGURED", "action": "GIVE_UP", "retryable": False}
    assert fetches == [False, False, True]
    [left] = server.wechat.state.faults.active()
    assert left.times == 1, "a call was made three times, or the second request asked WeChat again"
    assert not (await server.login("alice"))["isNewUser"], "logins suffer"


@on_sqlite
async def test_a_wechat_that_does_not_answer_is_waited_for_without_a_new_login(server: TestServer) -> None:
    token = (await server.login("alice"))["token"]
    server.wechat.fail("bad-gateway", path=CHECK_SESSION, times=2)
    waiting = {"code": "WECHAT_UNAVAILABLE", "action": "WAIT", "retryable": True, "retryAfterMs": 1000}
    assert await refusal(server, token) == waiting
    assert await check(server, token)


@on_sqlite
@pytest.mark.parametrize("errcode", [40001, 40013, 40125, 40164, 40243])
async def test_an_access_token_that_wechat_does_not_give_is_the_operators_to_mend(
    server: TestServer, errcode: int
) -> None:
    token = (await server.login("alice"))["token"]
    server.wechat.fail("errcode", errcode=errcode, path=STABLE_TOKEN)
    assert (await refusal(server, token))["code"] == "WECHAT_MISCONFIGURED"
    assert (await refusal(server, token))["code"] == "WECHAT_MISCONFIGURED"
    server.clock.advance(seconds=30)
    assert await check(server, token)


@on_sqlite
async def test_an_account_is_limited_whatever_its_address(
    wechat_simulator: WeChatSimulator, database_url: str, clock: Clock
) -> None:
    limited = settings_behind_proxy(wechat_simulator, database_url, submit="2/minute")
    async with open_server(limited, wechat_simulator, clock) as server:
        token = (await server.login("alice"))["token"]
        codes = []
        for number in range(3):
            headers = {"Authorization": f"Bearer {token}", "X-Forwarded-For": f"203.0.113.{number}"}
            answer = (await server.http.post("/graphql", json={"query": CHECK}, headers=headers)).json()
            codes += [error["extensions"]["code"] for error in answer.get("errors", [])]
        assert codes == ["RATE_LIMITED"]
        submission = server.wechat.user_info("alice")
        assert (await server.submit(token, submission))["isAnonymous"], "submissions are counted apart"
