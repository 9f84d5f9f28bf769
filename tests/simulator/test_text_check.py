"""`/wxa/msg_sec_check`, version 2."""

import json
from typing import Any

import pytest

from tests.simulator.conftest import Clock, Simulator

PATH = "/wxa/msg_sec_check"


async def check(simulator: Simulator, **changes: Any) -> dict[str, Any]:
    session = await simulator.sign_in()
    return await check_only(simulator, openid=session["openid"], **changes)


async def check_only(simulator: Simulator, **fields: Any) -> dict[str, Any]:
    token = (await simulator.stable_token())["access_token"]
    return await simulator.post(PATH, {"version": 2, "scene": 1, "content": "hello"} | fields, access_token=token)


async def test_a_harmless_text_passes_with_label_100(simulator: Simulator) -> None:
    answer = await check(simulator, content="你好")

    assert answer.keys() == {"errcode", "errmsg", "result", "detail", "trace_id"}
    assert (answer["errcode"], answer["errmsg"]) == (0, "ok")
    assert answer["result"] == {"suggest": "pass", "label": 100}
    # A part that finds nothing has no suggestion.
    assert [part.get("suggest") for part in answer["detail"]] == ["pass", None]
    assert answer["detail"][1] == {"strategy": "keyword", "errcode": 0}


@pytest.mark.parametrize(
    ("content", "result"),
    [
        ("this is risky", {"suggest": "risky", "label": 21000}),
        ("please review", {"suggest": "review", "label": 21000}),
        ("please review, it is risky", {"suggest": "risky", "label": 21000}),
        ("卖违禁品", {"suggest": "risky", "label": 20006}),
    ],
)
async def test_a_listed_word_makes_a_text_risky(simulator: Simulator, content: str, result: dict[str, Any]) -> None:
    assert (await check(simulator, content=content))["result"] == result


@pytest.mark.parametrize("field", ["nickname", "title", "signature"])
async def test_the_other_texts_are_judged_too(simulator: Simulator, field: str) -> None:
    assert (await check(simulator, **{field: "risky"}))["result"]["suggest"] == "risky"


async def test_escaped_chinese_is_overlooked_as_wechat_does(simulator: Simulator) -> None:
    openid = (await simulator.sign_in())["openid"]
    token = (await simulator.stable_token())["access_token"]
    body = {"version": 2, "scene": 1, "openid": openid, "content": "违禁"}

    suggestions = {}
    for escaped in (False, True):
        content = json.dumps(body, ensure_ascii=escaped).encode()
        response = await simulator.http.post(PATH, params={"access_token": token}, content=content)
        suggestions[escaped] = response.json()["result"]["suggest"]

    assert suggestions == {False: "risky", True: "pass"}


@pytest.mark.parametrize(
    ("changes", "errcode"),
    [
        ({"openid": None}, 40003),
        ({"openid": "o" * 28}, 40003),
        ({"scene": 5}, 40129),
        ({"scene": None}, 40129),
        ({"version": 1}, 47001),
        ({"content": ""}, 44002),
        ({"content": 7}, 47001),
        ({"content": "字" * 2501}, 45002),
    ],
)
async def test_a_wrong_field_has_its_errcode(simulator: Simulator, changes: dict[str, Any], errcode: int) -> None:
    openid = (await simulator.sign_in())["openid"]

    assert (await check_only(simulator, **({"openid": openid} | changes)))["errcode"] == errcode


async def test_a_user_not_seen_for_two_hours_is_61010(simulator: Simulator, clock: Clock) -> None:
    openid = (await simulator.sign_in())["openid"]
    clock.time += 7200
    assert (await check_only(simulator, openid=openid))["errcode"] == 0
    clock.time += 1
    assert (await check_only(simulator, openid=openid))["errcode"] == 61010


async def test_get_is_43302(simulator: Simulator) -> None:
    assert (await simulator.get(PATH))["errcode"] == 43302
