"""By order: time that passes, access tokens that expire, users who are blocked."""

import pytest

from tests.simulator.conftest import START, Simulator

PHONE = "/wxa/business/getuserphonenumber"


async def test_time_passes_by_order(simulator: Simulator) -> None:
    code = await simulator.login()
    answer = await simulator.phone("advance", seconds=299.5)
    assert answer == {"errMsg": "advance:ok", "advanced": 299.5, "now": START + 299.5}
    await simulator.phone("advance", seconds=1)

    assert (await simulator.code2session(code))["errcode"] == 40029


@pytest.mark.parametrize("seconds", [-1, 1e12, "9"])
async def test_time_does_not_pass_backwards_or_for_ever(simulator: Simulator, seconds: object) -> None:
    refused = await simulator.http.post("/device/advance", json={"seconds": seconds})
    assert refused.status_code == 400
    assert "advance:fail seconds: " in refused.json()["errMsg"]


async def test_access_tokens_expire_by_order(simulator: Simulator) -> None:
    token = (await simulator.stable_token())["access_token"]
    assert await simulator.phone("expire-access-tokens") == {"errMsg": "expireAccessTokens:ok"}

    assert (await simulator.post(PHONE, {"code": "x"}, access_token=token))["errcode"] == 42001
    fresh = (await simulator.stable_token())["access_token"]
    assert fresh != token
    assert (await simulator.post(PHONE, {"code": "x"}, access_token=fresh))["errcode"] == 40029


async def test_a_blocked_user_cannot_sign_in_until_the_block_ends(simulator: Simulator) -> None:
    assert await simulator.phone("block", user="alice") == {"errMsg": "block:ok", "blocked": ["alice"]}
    code = await simulator.login("alice")
    answer = await simulator.code2session(code)
    assert answer["errcode"] == 40226
    assert answer["errmsg"].startswith("code blocked, rid: ")
    assert "openid" in await simulator.sign_in("bob")
    blocked = {user["user"]: user["blocked"] for user in (await simulator.get("/device/users"))["users"]}
    assert blocked == {"alice": True, "bob": False}

    assert (await simulator.phone("block", user="alice", blocked=False))["blocked"] == []
    assert "openid" in await simulator.code2session(code)
