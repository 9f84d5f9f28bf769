"""What WeChat is asked about a session_key, and what is made of its answer."""

import asyncio
import json
import logging
from pathlib import Path

import httpx
import pytest
import respx
from pydantic import SecretStr

from graph.wechat.client import WeChatClient
from graph.wechat.errors import CircuitOpen, WeChatMisconfigured
from tests.wechat.fake_server import APP, OPENID, SESSION_KEY, TOKEN, FakeServer, client, refusal, until

STABLE_TOKEN = "https://api.weixin.qq.com/cgi-bin/stable_token"
CHECK_SESSION = "https://api.weixin.qq.com/wxa/checksession"
MADE_UP = json.loads((Path(__file__).parent / "vectors.json").read_text(encoding="utf-8"))["made_up"]


async def check(wechat: WeChatClient, session_key: str = SESSION_KEY) -> bool:
    return await wechat.check_session_key(APP, openid=OPENID, session_key=SecretStr(session_key))


def answering(response: httpx.Response) -> respx.MockRouter:
    wechat_side = respx.MockRouter()
    wechat_side.post(STABLE_TOKEN).respond(json={"access_token": TOKEN, "expires_in": 7200})
    wechat_side.get(CHECK_SESSION, name="check").mock(return_value=response)
    return wechat_side


async def test_it_is_a_get_with_four_parameters_in_the_query() -> None:
    [vector] = [vector for vector in MADE_UP if vector["id"] == "syn-checksession"]
    wechat_side = answering(httpx.Response(200, json={"errcode": 0, "errmsg": "ok"}))
    async with client(wechat_side.async_handler) as wechat:
        assert await check(wechat, vector["session_key"])
    request = wechat_side["check"].calls.last.request
    assert dict(request.url.params) == {
        "access_token": TOKEN,
        "openid": OPENID,
        "signature": vector["signature"],
        "sig_method": "hmac_sha256",
    }
    assert request.content == b""


@pytest.mark.parametrize(("errcode", "valid"), [(0, True), (87009, False), (40003, False)])
async def test_a_key_that_wechat_has_replaced_is_not_valid(
    errcode: int, caplog: pytest.LogCaptureFixture, *, valid: bool
) -> None:
    caplog.set_level(logging.INFO)
    wechat_side = answering(refusal(errcode))
    async with client(wechat_side.async_handler) as wechat:
        assert await check(wechat) is valid
    assert wechat_side["check"].call_count == 1
    assert caplog.records == [], "users cause this"


@pytest.mark.parametrize("errcode", [87008, 40013, 41001])
async def test_what_no_user_causes_is_no_answer(errcode: int) -> None:
    async with client(answering(refusal(errcode)).async_handler) as wechat:
        with pytest.raises(WeChatMisconfigured):
            await check(wechat)


async def test_a_wechat_that_hangs_holds_no_more_calls_than_there_are_slots() -> None:
    async def gives_a_token_and_hangs(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/wxa/checksession":
            await asyncio.Event().wait()
        return httpx.Response(200, json={"access_token": TOKEN, "expires_in": 7200})

    async with client(gives_a_token_and_hangs, max_connections=3) as wechat:
        calls = [asyncio.create_task(check(wechat)) for _ in range(2)]
        await until(lambda: wechat.slots_in_use == 2)
        with pytest.raises(CircuitOpen, match="too many wait for it"):
            await check(wechat)
        with wechat.slot(APP):
            pass  # a login has one all the same
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)
        assert wechat.slots_in_use == 0


async def test_callers_who_wait_for_a_token_that_hangs_hold_no_slot() -> None:
    server = FakeServer()
    server.is_open.clear()
    async with server.listening() as url, client(base_url=url, max_connections=2) as wechat:
        calls = [asyncio.create_task(check(wechat)) for _ in range(9)]
        await until(lambda: len(server.writers) == 1)
        assert wechat.slots_in_use == 0
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)
