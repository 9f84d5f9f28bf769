"""`/sns/jscode2session`: what a code is worth, and every way to be refused."""

import base64
import re

import pytest

from tests.simulator.conftest import APP_ID, APP_SECRET, START, Clock, Simulator

RID = r"rid: [0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}"


async def test_a_fresh_code_brings_openid_and_session_key_and_no_errcode(simulator: Simulator) -> None:
    answer = await simulator.sign_in()

    assert answer.keys() == {"session_key", "openid"}
    assert re.fullmatch(r"o[0-9A-Za-z_-]{27}", answer["openid"])
    assert len(answer["session_key"]) == 24
    assert len(base64.b64decode(answer["session_key"], validate=True)) == 16


async def test_a_code_has_32_characters_and_begins_with_a_zero(simulator: Simulator) -> None:
    assert re.fullmatch(r"0[0-9A-Za-z]{31}", await simulator.login())


async def test_a_code_works_once_and_then_answers_40163(simulator: Simulator) -> None:
    code = await simulator.login()
    await simulator.code2session(code)

    answer = await simulator.code2session(code)

    assert answer["errcode"] == 40163
    assert re.fullmatch(f"code been used, {RID}", answer["errmsg"])


async def test_developer_tools_without_an_app_id_sign_a_tourist_in_as_often_as_they_like(simulator: Simulator) -> None:
    answers = [await simulator.code2session("the code is a mock one") for _ in range(2)]

    assert answers[0] == answers[1]
    assert answers[0]["openid"] == (await simulator.sign_in("tourist"))["openid"]


async def test_a_code_lives_five_minutes_and_no_longer(simulator: Simulator, clock: Clock) -> None:
    in_time, late = await simulator.login(), await simulator.login()
    clock.time += 299
    assert "openid" in await simulator.code2session(in_time)
    clock.time += 1
    assert (await simulator.code2session(late))["errcode"] == 40029


async def test_a_used_code_is_remembered_for_five_minutes(simulator: Simulator, clock: Clock) -> None:
    code = await simulator.login()
    clock.time += 200
    await simulator.code2session(code)
    clock.time += 299
    assert (await simulator.code2session(code))["errcode"] == 40163
    clock.time += 1
    assert (await simulator.code2session(code))["errcode"] == 40029


async def test_unused_codes_leave_the_memory(simulator: Simulator, clock: Clock) -> None:
    for _ in range(50):
        await simulator.login()
        clock.time += 100

    assert len(simulator.state.login_codes._held) <= 3


async def test_a_phone_code_is_no_login_code(simulator: Simulator) -> None:
    phone_code = (await simulator.phone("phone-number", user="alice"))["code"]

    assert (await simulator.code2session(phone_code))["errcode"] == 40029


@pytest.mark.parametrize(
    ("changes", "errcode", "words"),
    [
        ({"appid": None}, 41002, "appid missing"),
        ({"appid": ""}, 41002, "appid missing"),
        ({"appid": "wxffffffffffffffff"}, 40013, "invalid appid"),
        ({"secret": None}, 41004, "appsecret missing"),
        ({"secret": "wrong"}, 40125, "invalid appsecret"),
        ({"secret": "密"}, 40125, "invalid appsecret"),
        ({"js_code": None}, 41008, "missing code"),
        ({"js_code": "0" * 32}, 40029, "invalid code"),
        ({"grant_type": None}, 40002, "invalid grant_type"),
        ({"grant_type": "client_credential"}, 40002, "invalid grant_type"),
    ],
)
async def test_a_wrong_parameter_has_its_errcode_and_leaves_the_code_unused(
    simulator: Simulator, changes: dict[str, str | None], errcode: int, words: str
) -> None:
    code = await simulator.login()

    answer = await simulator.code2session(code, **changes)

    assert answer.keys() == {"errcode", "errmsg"}
    assert answer["errcode"] == errcode
    assert re.fullmatch(f"{words}, {RID}", answer["errmsg"])
    assert "openid" in await simulator.code2session(code)


async def test_a_rid_begins_with_the_unix_time_and_is_another_each_time(simulator: Simulator) -> None:
    rids = [(await simulator.code2session("x"))["errmsg"].rpartition("rid: ")[2] for _ in range(2)]

    assert [int(rid[:8], 16) for rid in rids] == [START, START]
    assert rids[0] != rids[1]


async def test_a_post_is_refused_after_its_query_was_checked(simulator: Simulator) -> None:
    query = {"appid": APP_ID, "secret": APP_SECRET, "js_code": "x", "grant_type": "authorization_code"}

    assert (await simulator.post("/sns/jscode2session", query))["errcode"] == 41002
    assert (await simulator.post("/sns/jscode2session", {}, **query))["errcode"] == 43001


async def test_responses_are_json_in_plain_text_without_charset(simulator: Simulator) -> None:
    query = {"appid": APP_ID, "secret": APP_SECRET, "grant_type": "authorization_code"}
    good = await simulator.http.get("/sns/jscode2session", params=query | {"js_code": await simulator.login()})
    bad = await simulator.http.get("/sns/jscode2session")

    for response in (good, bad):
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/plain"
        assert int(response.headers["content-length"]) == len(response.content)
    assert good.json().keys() == {"session_key", "openid"}


async def test_a_unionid_comes_only_once_the_app_is_bound_and_then_stays(simulator: Simulator) -> None:
    unbound = await simulator.sign_in()
    bound = await simulator.sign_in(unionId=True)
    later = await simulator.sign_in()

    assert "unionid" not in unbound
    assert re.fullmatch(r"o[0-9A-Za-z_-]{27}", bound["unionid"])
    assert later["unionid"] == bound["unionid"] != bound["openid"]
    assert (await simulator.sign_in(unionId="o-chosen"))["unionid"] == "o-chosen"
    assert "unionid" not in await simulator.sign_in(unionId=False)


async def test_each_user_has_one_openid_and_codes_work_side_by_side(simulator: Simulator) -> None:
    codes = [await simulator.login(name) for name in ("alice", "bob", "alice")]
    again, bob, alice = [await simulator.code2session(code) for code in reversed(codes)]

    assert alice["openid"] == again["openid"] != bob["openid"]
    assert alice["session_key"] == again["session_key"] != bob["session_key"]
