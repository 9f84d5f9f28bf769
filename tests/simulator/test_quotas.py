"""How many calls an app has left in a day, and from where WeChat calls."""

from ipaddress import ip_network
from typing import Any

import pytest

from tests.simulator.conftest import APP_ID, Clock, Simulator

IPS, CLEAR, QUOTA = "/cgi-bin/getcallbackip", "/cgi-bin/clear_quota", "/cgi-bin/openapi/quota/get"
TEXT = "/wxa/msg_sec_check"


async def post(simulator: Simulator, path: str, body: object) -> dict[str, Any]:
    return await simulator.post(path, body, access_token=(await simulator.stable_token())["access_token"])


async def check(simulator: Simulator) -> int:
    errcode: int = (await post(simulator, TEXT, {"content": "hello"}))["errcode"]
    return errcode


async def used(simulator: Simulator) -> int:
    quota: dict[str, int] = (await post(simulator, QUOTA, {"cgi_path": TEXT}))["quota"]
    assert quota["used"] + quota["remain"] == quota["daily_limit"]
    return quota["used"]


async def test_every_call_counts_until_midnight_in_china(simulator: Simulator, clock: Clock) -> None:
    # 1700000000 is 06:13:20 in China.
    for _ in range(3):
        await check(simulator)
    assert (await post(simulator, QUOTA, {"cgi_path": TEXT}))["quota"] == {
        "daily_limit": 2_000_000,
        "used": 3,
        "remain": 1_999_997,
    }
    clock.time += 17 * 3600 + 46 * 60 + 39
    assert await used(simulator) == 3
    clock.time += 1
    assert await used(simulator) == 0


async def test_a_quota_used_up_is_45009_until_it_is_cleared(simulator: Simulator) -> None:
    await simulator.phone("quota", path=TEXT, limit=1)

    assert [await check(simulator), await check(simulator)] == [0, 45009]
    assert await post(simulator, CLEAR, {"appid": APP_ID}) == {"errcode": 0, "errmsg": "ok"}
    assert [await check(simulator), await check(simulator)] == [0, 45009]


async def test_a_call_with_a_dead_token_is_not_counted(simulator: Simulator) -> None:
    await simulator.phone("quota", path=TEXT, limit=1)
    token = (await simulator.stable_token())["access_token"]
    await simulator.phone("expire-access-tokens")
    for _ in range(2):
        assert (await simulator.post(TEXT, {"content": "hello"}, access_token=token))["errcode"] == 42001
    assert await used(simulator) == 0


async def test_a_quota_can_be_cleared_ten_times_a_month(simulator: Simulator, clock: Clock) -> None:
    errcodes = [(await post(simulator, CLEAR, {"appid": APP_ID}))["errcode"] for _ in range(11)]
    assert errcodes == [0] * 10 + [48006]
    # From 15 November to 1 December.
    clock.time += 16 * 86400
    assert (await post(simulator, CLEAR, {"appid": APP_ID}))["errcode"] == 0


async def test_a_quota_of_another_app_cannot_be_cleared(simulator: Simulator) -> None:
    assert (await post(simulator, CLEAR, {"appid": "wx1111111111111111"}))["errcode"] == 40013


@pytest.mark.parametrize(
    ("path", "errcode"),
    [
        ("wxa/msg_sec_check", 76003),
        (None, 76003),
        ("/wxa/no_such_thing", 76021),
        ("/sns/jscode2session", 76022),
    ],
)
async def test_a_path_without_quota_has_its_errcode(simulator: Simulator, path: str | None, errcode: int) -> None:
    assert (await post(simulator, QUOTA, {"cgi_path": path}))["errcode"] == errcode


@pytest.mark.parametrize("path", ["/unknown", "/sns/jscode2session", "/cgi-bin/stable_token", CLEAR, QUOTA])
async def test_the_phone_limits_no_path_whose_calls_do_not_count(simulator: Simulator, path: str) -> None:
    refused = await simulator.http.post("/device/quota", json={"path": path, "limit": 0})
    assert refused.status_code == 400
    listed = refused.json()["errMsg"]
    assert TEXT in listed
    assert path not in listed
    assert "calls of the others are not counted" in listed


async def test_the_addresses_have_no_errcode_and_hold_the_simulators_own(simulator: Simulator) -> None:
    token = (await simulator.stable_token())["access_token"]
    answer = await simulator.get(IPS, access_token=token)
    assert answer.keys() == {"ip_list"}
    assert "127.0.0.1" in answer["ip_list"]
    assert [str(ip_network(address)) for address in answer["ip_list"]]


async def test_the_addresses_want_get_and_a_token(simulator: Simulator) -> None:
    assert (await simulator.post(IPS, {}))["errcode"] == 43001
    assert (await simulator.get(IPS))["errcode"] == 41001
