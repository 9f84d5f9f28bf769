"""What is asked of WeChat when it refuses an access token, and how often."""

import asyncio
import logging

import httpx
import pytest
from pydantic import SecretStr

from graph.wechat.circuit_breaker import FAILURES
from graph.wechat.client import WeChatClient
from graph.wechat.errors import WeChatError, WeChatMisconfigured, WeChatUnavailable
from tests.wechat.fake_server import APP, JS_CODE, OPENID, Pauses, client
from tests.wechat.fake_tokens import CALLERS, Stopwatch, TokenWeChat, check, failure, forcing


@pytest.mark.parametrize("errcode", [40001, 40014, 42001])
async def test_a_refused_token_is_replaced_and_the_call_repeated_once(
    wechat: WeChatClient, tokens: TokenWeChat, errcode: int
) -> None:
    await check(wechat)
    tokens.refusal_code, tokens.refused, tokens.renews = errcode, {tokens.current}, True
    assert await check(wechat)
    assert tokens.asked == {"token": 2, "check": 3}, "refreshed by force, or asked too often"


async def test_all_who_are_refused_together_share_the_new_token(wechat: WeChatClient, tokens: TokenWeChat) -> None:
    await check(wechat)
    tokens.refused, tokens.renews = {tokens.current}, True
    assert await asyncio.gather(*[check(wechat) for _ in range(CALLERS)]) == [True] * CALLERS
    assert tokens.asked == {"token": 2, "check": 1 + 2 * CALLERS}


async def test_a_refusal_that_arrives_late_does_not_cost_the_newer_token(
    wechat: WeChatClient, tokens: TokenWeChat
) -> None:
    old = (await wechat._access_tokens.get(APP)).get_secret_value()
    tokens.refused, tokens.renews = {old}, True
    assert await check(wechat)
    assert (await wechat._access_tokens.refused(APP, SecretStr(old))).get_secret_value() == tokens.current
    assert tokens.asked["token"] == 2


async def test_a_refused_token_that_wechat_goes_on_giving_is_forced_out(
    wechat: WeChatClient, tokens: TokenWeChat, caplog: pytest.LogCaptureFixture
) -> None:
    tokens.refused = {tokens.current}
    assert await asyncio.gather(*[check(wechat) for _ in range(CALLERS)]) == [True] * CALLERS
    assert tokens.asked == {"token": 2, "forced": 1, "check": 2 * CALLERS}
    [record] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert record.getMessage() == "WeChat gives an access token that it refuses: forcing a new one"


async def test_where_another_replica_forces_it_the_new_token_is_waited_for(
    tokens: TokenWeChat, stopwatch: Stopwatch
) -> None:
    class AnotherReplica(Pauses):
        async def __call__(self, seconds: float) -> None:
            await super().__call__(seconds)
            tokens.number += 1

    tokens.refused = {tokens.current}
    wechat = forcing(tokens, stopwatch, allowed=False, pauses=(pauses := AnotherReplica()))
    assert await check(wechat)
    assert pauses.taken == [1.0]
    assert tokens.asked == {"token": 3, "check": 2}


@pytest.mark.parametrize("allowed", [True, False])
async def test_a_wechat_that_refuses_every_token_is_asked_a_few_times_and_no_more(
    tokens: TokenWeChat, stopwatch: Stopwatch, *, allowed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    tokens.refused = {"all"}
    wechat = forcing(tokens, stopwatch, allowed=allowed)
    errors = await asyncio.gather(*[check(wechat) for _ in range(CALLERS)], return_exceptions=True)
    assert {type(error) for error in errors} == {WeChatMisconfigured}
    asked = {"token": 2, "forced": 1, "check": 2 * CALLERS} if allowed else {"token": 3, "check": CALLERS}
    assert tokens.asked == asked
    stopwatch.seconds += 29.9
    assert (await failure(wechat, WeChatMisconfigured)).errcode == 40001
    assert tokens.asked == asked
    assert [record for record in caplog.records if record.levelno == logging.ERROR]
    stopwatch.seconds += 0.1
    tokens.refused = set()
    assert await check(wechat)


async def test_one_call_is_made_twice_at_most_whatever_tokens_there_are(
    wechat: WeChatClient, tokens: TokenWeChat
) -> None:
    tokens.refused, tokens.renews = {"all"}, True
    await failure(wechat, WeChatMisconfigured)
    assert tokens.asked == {"token": 2, "check": 2}


async def test_what_asks_for_the_lease_in_vain_tells_its_callers(tokens: TokenWeChat, stopwatch: Stopwatch) -> None:
    async def away(_app_id: str) -> bool:
        raise ConnectionError

    tokens.refused = {tokens.current}
    wechat = client(tokens, clock=stopwatch, may_force=away)
    with pytest.raises(ConnectionError):
        await check(wechat)
    assert tokens.asked == {"token": 2, "check": 1}


@pytest.mark.parametrize("errcode", [40001, 42001, 45009, 45011, 48001])
async def test_what_is_refused_of_another_call_keeps_no_user_from_signing_in(
    wechat: WeChatClient, tokens: TokenWeChat, errcode: int
) -> None:
    tokens.refused, tokens.refusal_code = {"all"}, errcode
    for _ in range(2 * FAILURES):
        with pytest.raises(WeChatError):
            await check(wechat)
    with wechat.slot(APP):
        assert (await wechat.code2session(APP, JS_CODE)).openid == OPENID


async def test_refused_tokens_do_not_close_the_way_for_the_call_itself(
    wechat: WeChatClient, tokens: TokenWeChat
) -> None:
    await check(wechat)
    tokens.refused, tokens.renews = {tokens.current}, True
    await asyncio.gather(*[check(wechat) for _ in range(CALLERS)])
    assert wechat.breaker(APP, "check_session_key").state == "closed"


async def test_a_token_that_does_not_come_in_time_is_no_response(tokens: TokenWeChat, stopwatch: Stopwatch) -> None:
    async def never(_app_id: str) -> bool:
        await asyncio.Event().wait()
        raise AssertionError

    tokens.refused = {tokens.current}
    wechat = client(tokens, clock=stopwatch, may_force=never, total_timeout=0.05)
    async with asyncio.timeout(20):
        assert (await failure(wechat, WeChatUnavailable)).reason == "timeout"
    assert wechat.slots_in_use == 0


async def test_a_call_that_hangs_is_a_failure_that_the_breaker_knows(stopwatch: Stopwatch) -> None:
    async def hang(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/cgi-bin/stable_token":
            return httpx.Response(200, json={"access_token": "75_token", "expires_in": 7200})
        await asyncio.Event().wait()
        raise AssertionError

    wechat = client(hang, clock=stopwatch, total_timeout=0.2)
    await asyncio.gather(*[failure(wechat, WeChatUnavailable) for _ in range(FAILURES)])
    assert wechat.breaker(APP, "check_session_key").state == "open"
