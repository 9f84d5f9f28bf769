"""How long an access token is kept, and who waits for one."""

import asyncio

import httpx
import pytest
from pydantic import SecretStr

from graph.wechat.client import WeChatClient
from graph.wechat.errors import WeChatError, WeChatMisconfigured, WeChatRateLimited, WeChatUnavailable
from graph.wechat.mini_programs import MiniProgram
from tests.wechat.fake_server import refusal, until
from tests.wechat.fake_tokens import CALLERS, Stopwatch, TokenWeChat, check, failure

OTHER_APP = MiniProgram("wxfedcba9876543210", SecretStr("another secret"))


async def test_callers_who_come_together_share_one_request(wechat: WeChatClient, tokens: TokenWeChat) -> None:
    assert await asyncio.gather(*[check(wechat) for _ in range(CALLERS)]) == [True] * CALLERS
    assert tokens.asked == {"token": 1, "check": CALLERS}


async def test_each_mini_program_has_a_token_of_its_own(wechat: WeChatClient, tokens: TokenWeChat) -> None:
    tokens.renews = True
    await check(wechat)
    await check(wechat, OTHER_APP)
    await check(wechat)
    assert tokens.asked == {"token": 2, "check": 3}


@pytest.mark.parametrize(("expires_in", "kept_for"), [(345, 285), (7200, 7140), (999_999, 7140), (10**400, 7140)])
async def test_a_token_is_kept_until_its_last_minute(
    wechat: WeChatClient, tokens: TokenWeChat, stopwatch: Stopwatch, expires_in: int, kept_for: float
) -> None:
    tokens.expires_in = expires_in
    await check(wechat)
    stopwatch.seconds += kept_for - 1
    await check(wechat)
    assert tokens.asked["token"] == 1
    stopwatch.seconds += 1
    await check(wechat)
    assert tokens.asked["token"] == 2


@pytest.mark.parametrize("first_caller", ["is cancelled", "stays"])
async def test_a_caller_who_leaves_does_not_end_the_request_of_others(
    wechat: WeChatClient, tokens: TokenWeChat, first_caller: str
) -> None:
    tokens.is_open.clear()
    callers = [asyncio.create_task(check(wechat)) for _ in range(3)]
    await until(lambda: tokens.asked)
    if first_caller == "is cancelled":
        callers[0].cancel()
        await asyncio.wait(callers[:1])
    tokens.is_open.set()
    assert await asyncio.gather(*callers[1:]) == [True, True]
    assert tokens.asked["token"] == 1


@pytest.mark.parametrize(
    ("errcode", "kind", "seconds"),
    [
        (45009, WeChatRateLimited, 1),
        (99999, WeChatMisconfigured, 1),
        *((errcode, WeChatMisconfigured, 30) for errcode in (40001, 40013, 40125, 40164, 40243)),
    ],
)
async def test_a_failed_request_is_the_answer_to_all_for_a_while(
    wechat: WeChatClient,
    tokens: TokenWeChat,
    stopwatch: Stopwatch,
    errcode: int,
    kind: type[WeChatError],
    seconds: float,
) -> None:
    tokens.fails = lambda: refusal(errcode)
    errors = await asyncio.gather(*[check(wechat) for _ in range(CALLERS)], return_exceptions=True)
    assert {type(error) for error in errors} == {kind}
    stopwatch.seconds += seconds - 0.1
    assert (await failure(wechat, kind)).errcode == errcode
    assert tokens.asked == {"token": 1}
    stopwatch.seconds += 0.1
    tokens.fails = None
    assert await check(wechat)


async def test_a_wechat_without_response_is_asked_again_after_a_second(
    wechat: WeChatClient, tokens: TokenWeChat, stopwatch: Stopwatch
) -> None:
    tokens.fails = lambda: httpx.Response(500)
    for _ in range(3):
        await failure(wechat, WeChatUnavailable)
    stopwatch.seconds += 1
    tokens.fails = None
    assert await check(wechat)
    assert tokens.asked == {"token": 2, "check": 1}
