"""How many may wait for WeChat at once, and what becomes of those who come then."""

import asyncio
import contextlib

import httpx
import pytest

from graph.wechat.bulkhead import RETRY_AFTER, Bulkhead
from graph.wechat.circuit_breaker import FAILURES
from graph.wechat.errors import CircuitOpen, WeChatUnavailable
from tests.wechat.far_side import JS_CODE, client

PLACES = 3


def test_whoever_finds_no_place_is_sent_away_and_told_when_to_come_back() -> None:
    bulkhead = Bulkhead(PLACES)
    with contextlib.ExitStack() as inside:
        for _ in range(PLACES):
            inside.enter_context(bulkhead.place())
        for _ in range(2):
            with pytest.raises(CircuitOpen) as caught, bulkhead.place():
                raise AssertionError
            assert caught.value.retry_after == RETRY_AFTER
            assert str(caught.value) == "WeChat was not asked: too many wait for it"
        assert bulkhead.taken == PLACES
    assert bulkhead.taken == 0
    with bulkhead.place():
        assert bulkhead.taken == 1


def test_a_place_is_given_back_whatever_happens_in_it() -> None:
    bulkhead = Bulkhead(1)
    for error in (KeyError(), asyncio.CancelledError()):
        place = bulkhead.place()
        place.__enter__()
        assert bulkhead.taken == 1
        assert not place.__exit__(type(error), error, None)
        assert bulkhead.taken == 0


async def test_the_client_has_as_many_places_as_connections_and_no_opinion_of_who_finds_none() -> None:
    async with client(lambda _: httpx.Response(500), max_connections=PLACES) as wechat:
        with contextlib.ExitStack() as inside:
            for _ in range(PLACES):
                inside.enter_context(wechat.place())
            for _ in range(5 * FAILURES):
                with pytest.raises(CircuitOpen, match="too many"), wechat.place():
                    raise AssertionError
        assert wechat.breaker.state == "closed"


async def test_no_place_is_given_for_a_call_that_would_be_refused() -> None:
    async with client(lambda _: httpx.Response(500)) as wechat:
        for _ in range(FAILURES):
            with pytest.raises(WeChatUnavailable), wechat.place():
                await wechat.code2session(JS_CODE)
        with pytest.raises(CircuitOpen, match="did not answer"), wechat.place():
            raise AssertionError
        assert wechat.bulkhead.taken == 0
