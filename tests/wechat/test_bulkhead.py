"""How many calls may wait for WeChat at once, and what becomes of those who come then."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from graph.wechat.bulkhead import RETRY_AFTER, Bulkhead
from graph.wechat.client import WeChatClient
from graph.wechat.errors import WeChatNotAsked, WeChatUnavailable
from tests.wechat.far_side import JS_CODE, SESSION, client

PLACES = 3


@asynccontextmanager
async def full(
    answer: asyncio.Event, **settings: float
) -> AsyncIterator[tuple[WeChatClient, list[asyncio.Task[object]]]]:
    """A client all of whose places are taken by calls that wait for `answer`."""
    asked = asyncio.Semaphore(0)

    async def wait(_: httpx.Request) -> httpx.Response:
        asked.release()
        await answer.wait()
        return httpx.Response(200, json=SESSION)

    async with client(wait, max_connections=PLACES, **settings) as wechat:
        calls: list[asyncio.Task[object]] = [asyncio.create_task(wechat.code2session(JS_CODE)) for _ in range(PLACES)]
        for _ in calls:
            await asked.acquire()
        yield wechat, calls


async def test_whoever_finds_no_place_is_sent_away_at_once_and_told_when_to_come_back() -> None:
    answer = asyncio.Event()
    async with full(answer) as (wechat, calls):
        for _ in range(2):
            with pytest.raises(WeChatNotAsked) as caught:
                await wechat.code2session(JS_CODE)
            assert caught.value.retry_after == RETRY_AFTER
            assert str(caught.value) == "WeChat was not asked: too many calls are under way"
        assert wechat.bulkhead.taken == PLACES
        answer.set()
        await asyncio.gather(*calls)
        assert wechat.bulkhead.taken == 0
        await wechat.code2session(JS_CODE)


async def test_whoever_is_sent_away_says_nothing_about_wechat() -> None:
    answer = asyncio.Event()
    async with full(answer) as (wechat, calls):
        for _ in range(100):
            with pytest.raises(WeChatNotAsked):
                await wechat.code2session(JS_CODE)
        assert wechat.breaker.state == "closed"
        answer.set()
        await asyncio.gather(*calls)


async def test_a_call_that_fails_or_is_given_up_leaves_its_place() -> None:
    async with full(asyncio.Event()) as (wechat, calls):
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        assert wechat.bulkhead.taken == 0
    async with full(asyncio.Event(), total_timeout=0.05) as (wechat, calls):
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert [str(outcome) for outcome in outcomes] == ["WeChat is unavailable: timeout"] * PLACES
        assert {type(outcome) for outcome in outcomes} == {WeChatUnavailable}
        assert wechat.bulkhead.taken == 0


def test_a_place_is_given_back_whatever_happens_in_it() -> None:
    bulkhead = Bulkhead(1)
    for error in (KeyError(), asyncio.CancelledError()):
        place = bulkhead.place()
        place.__enter__()
        assert bulkhead.taken == 1
        assert not place.__exit__(type(error), error, None)
        assert bulkhead.taken == 0
