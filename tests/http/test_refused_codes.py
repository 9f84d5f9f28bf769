"""Codes that WeChat refuses: how many an address may send, and that no other user pays for them."""

import asyncio
from typing import Any

import pytest

from graph.settings import Settings
from graph.simulator.serving import WeChatSimulator
from tests.server import LOGIN, Clock, TestServer, settings_behind_proxy

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def settings(wechat_simulator: WeChatSimulator, database_url: str) -> Settings:
    return settings_behind_proxy(wechat_simulator, database_url, login="12/minute", refused_codes="5/minute")


async def log_in(server: TestServer, code: str, address: str = "203.0.113.9") -> dict[str, Any]:
    """The extensions of the one error in the response; none for a success."""
    request = {"query": LOGIN, "variables": {"code": code}}
    response = await server.http.post("/graphql", json=request, headers={"X-Forwarded-For": address})
    [error] = response.json().get("errors", [{"extensions": {}}])
    extensions: dict[str, Any] = error["extensions"]
    return extensions


def garbage(number: int) -> str:
    """What looks like a code."""
    return f"{number:032d}"


async def test_refused_codes_are_limited_apart_and_wechat_is_not_asked_for_more(
    server: TestServer, clock: Clock
) -> None:
    assert (await log_in(server, garbage(99)))["code"] == "LOGIN_CODE_INVALID"
    errors = await asyncio.gather(*[log_in(server, garbage(number)) for number in range(20)])
    assert sorted(error["code"] for error in errors) == ["LOGIN_CODE_INVALID"] * 4 + ["RATE_LIMITED"] * 16
    code = server.wechat.login("alice")
    refused = await log_in(server, code)
    assert (refused["code"], refused["action"]) == ("RATE_LIMITED", "WAIT")
    assert await log_in(server, server.wechat.login("bob"), "203.0.113.10") == {}
    assert refused["retryAfterMs"] == 12_000, "a fifth of the minute in which five come back"
    clock.advance(seconds=12)
    assert await log_in(server, code) == {}, "the code was spent"


async def test_where_as_many_codes_are_accepted_as_refused_no_user_waits(server: TestServer) -> None:
    for number in range(6):
        assert await log_in(server, server.wechat.login(f"person-{number}")) == {}
        assert (await log_in(server, garbage(number)))["code"] == "LOGIN_CODE_INVALID"


async def test_an_address_whose_codes_are_all_accepted_may_have_any_number_under_way(server: TestServer) -> None:
    codes = [server.wechat.login(f"user-{number}") for number in range(11)]
    assert await asyncio.gather(*[log_in(server, code) for code in codes]) == [{}] * 11


async def test_garbage_that_comes_all_at_once_locks_no_user_out_for_long(server: TestServer, clock: Clock) -> None:
    await asyncio.gather(*[log_in(server, garbage(number)) for number in range(11)])
    clock.advance(seconds=12)
    assert await log_in(server, server.wechat.login("alice")) == {}


async def test_what_does_not_look_like_a_code_is_in_no_user_s_way(server: TestServer) -> None:
    await log_in(server, "undefined")
    errors = await asyncio.gather(*[log_in(server, f"undefined-{number}") for number in range(9)])
    assert sorted(error["code"] for error in errors) == ["LOGIN_CODE_INVALID"] * 4 + ["RATE_LIMITED"] * 5
    assert await log_in(server, server.wechat.login("alice")) == {}


async def test_what_fails_for_another_reason_is_no_refused_code(server: TestServer) -> None:
    for number in range(6):
        server.wechat.fail("errcode", errcode=40226)
        assert (await log_in(server, server.wechat.login(f"person-{number}")))["code"] == "USER_BLOCKED"
    assert await log_in(server, server.wechat.login("alice")) == {}
