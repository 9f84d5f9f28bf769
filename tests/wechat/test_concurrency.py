"""How many calls may wait for WeChat at once, and what a caller hears who comes then."""

import asyncio
import contextlib

import httpx
import pytest

from graph.wechat.circuit_breaker import FAILURES, RETRY_AFTER
from graph.wechat.errors import CircuitOpen, WeChatUnavailable
from tests.wechat.fake_server import APP, JS_CODE, client


async def test_a_caller_without_a_slot_is_refused_and_hears_when_to_come_back() -> None:
    async with client(max_connections=3) as wechat:
        with contextlib.ExitStack() as inside:
            for _ in range(3):
                inside.enter_context(wechat.slot(APP))
            with pytest.raises(CircuitOpen, match="too many wait for it") as caught, wechat.slot(APP):
                raise AssertionError
            assert (caught.value.retry_after, wechat.slots_in_use) == (RETRY_AFTER, 3)
        assert wechat.slots_in_use == 0


@pytest.mark.parametrize("error", [KeyError(), asyncio.CancelledError()])
async def test_a_slot_is_free_again_whatever_happens_in_it(error: BaseException) -> None:
    async with client() as wechat:
        with pytest.raises(type(error)), wechat.slot(APP):
            raise error
        assert wechat.slots_in_use == 0


async def test_the_client_has_a_slot_per_connection_and_none_when_circuit_is_open() -> None:
    async with client(lambda _: httpx.Response(500), max_connections=3) as wechat:
        with contextlib.ExitStack() as inside:
            for _ in range(3):
                inside.enter_context(wechat.slot(APP))
            for _ in range(2 * FAILURES):
                with pytest.raises(CircuitOpen, match="too many"), wechat.slot(APP):
                    raise AssertionError
        for _ in range(FAILURES):
            with pytest.raises(WeChatUnavailable), wechat.slot(APP):
                await wechat.code2session(APP, JS_CODE)
        with pytest.raises(CircuitOpen, match="did not answer"), wechat.slot(APP):
            raise AssertionError
        assert wechat.slots_in_use == 0


async def test_whatever_else_hangs_some_slots_are_left_for_logins() -> None:
    async with client(max_connections=10) as wechat:
        with contextlib.ExitStack() as inside:
            for _ in range(8):
                inside.enter_context(wechat.slot(APP, "check_session_key"))
            with pytest.raises(CircuitOpen, match="too many wait"), wechat.slot(APP, "check_session_key"):
                raise AssertionError
            inside.enter_context(wechat.slot(APP))
            inside.enter_context(wechat.slot(APP))
            with pytest.raises(CircuitOpen, match="too many wait"), wechat.slot(APP):
                raise AssertionError
        with wechat.slot(APP, "check_session_key"):
            assert wechat.slots_in_use == 1
