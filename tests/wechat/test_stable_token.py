"""The stable access token: what is sent for it, and what is believed of the answer."""

import json

import httpx
import pytest
import respx
from pydantic import SecretStr

from graph.wechat.errors import WeChatUnavailable
from graph.wechat.mini_programs import MiniProgram
from graph.wechat.responses import AccessToken
from tests.wechat.fake_server import APP, APP_ID, APP_SECRET, TOKEN, client

STABLE_TOKEN = "https://api.weixin.qq.com/cgi-bin/stable_token"


async def test_the_stable_token_is_a_post_of_measured_json() -> None:
    wechat_side = respx.MockRouter()
    route = wechat_side.post(STABLE_TOKEN).respond(json={"access_token": TOKEN, "expires_in": 345})
    async with client(wechat_side.async_handler) as wechat:
        token = await wechat.get_stable_access_token(APP)
    assert token == AccessToken(SecretStr(TOKEN), 345)
    assert TOKEN not in repr(token)
    request = route.calls.last.request
    assert json.loads(request.content) == {
        "grant_type": "client_credential",
        "appid": APP_ID,
        "secret": APP_SECRET,
        "force_refresh": False,
    }
    assert request.headers["content-length"] == str(len(request.content))
    assert request.headers["content-type"] == "application/json"
    assert "transfer-encoding" not in request.headers
    assert str(request.url) == STABLE_TOKEN


async def test_a_body_is_real_utf8() -> None:
    wechat_side = respx.MockRouter()
    route = wechat_side.post(STABLE_TOKEN).respond(json={"access_token": TOKEN, "expires_in": 345})
    async with client(wechat_side.async_handler) as wechat:
        await wechat.get_stable_access_token(MiniProgram("小程序", SecretStr("secret")))
    assert "小程序".encode() in route.calls.last.request.content


@pytest.mark.parametrize(
    "body",
    [
        {"expires_in": 7200},
        {"access_token": "", "expires_in": 7200},
        {"access_token": TOKEN},
        {"access_token": TOKEN, "expires_in": 0},
        {"access_token": TOKEN, "expires_in": True},
        {"access_token": TOKEN, "expires_in": "7200"},
    ],
)
async def test_a_token_without_its_time_is_no_token(body: dict[str, object]) -> None:
    async with client(lambda _: httpx.Response(200, json=body)) as wechat:
        with pytest.raises(WeChatUnavailable, match=r"missing (access_token|expires_in)"):
            await wechat.get_stable_access_token(APP)
